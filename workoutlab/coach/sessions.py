"""Sessions out of a lab: what each workout of each person amounted to.

Tables are read block by block, each in a task of its own, and what a task returns is one row a
recording of the people who were asked for.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.cluster import check_reachable, run_tasks
from workoutlab.errors import SchemaError
from workoutlab.lab import Lab
from workoutlab.schema import RECORDINGS, RESTING, SESSIONS, UNKNOWN, check_id
from workoutlab.store import layout, tables
from workoutlab.store.labels import first_set, read_sets

__all__ = ["check_sessions", "find_recent", "make_frame", "sessions"]

_BLOCK: Final = 16 * layout.ROWS_PER_CHUNK
"""Recordings that a task looks at, and their sets: some hundred thousand."""
_FACTS: Final = ("user", "session", "device", "start_ns", "duration_s", "simulated")
_SUMS: Final = ("sets", "rated_sets", "intensities", "counted", "repetitions", "weighed", "volume")
_NOBODY: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class _Part:
    """A block of a lab's recordings, and whose of them are wanted."""

    lab: Lab
    start: int
    stop: int
    users: frozenset[str] | None = None
    since_ns: int = _NOBODY


def sessions(lab: Lab, users: Collection[str] | None = None) -> pd.DataFrame:
    """Derive sessions from a lab's recordings and sets, on the active Dask client if there is one.

    Where several devices recorded one session they recorded the same sets, so that only the device
    with the most rated sets (then the most sets) is counted. Intensity is the mean over the sets
    that tell it; a session without any has none (NaN): it is reported, never guessed. Recordings
    that do not tell whose they are, or of which session, belong to no session and are left out.

    Parameters
    ----------
    lab
        The lab.
    users
        Whose sessions; everybody's by default, which then all are in memory.

    Returns
    -------
    pandas.DataFrame
        One row a session, sorted by user, start and session; columns and units as in
        :data:`workoutlab.schema.SESSIONS`. Unknown values are NaN or NA.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab import LabelledSet, Recording
    >>> lab = Lab("memory://sessions-example")
    >>> curls = [
    ...     LabelledSet(
    ...         start=0, stop=40, exercise="curl", repetitions=10, weight_kg=20, intensity=0.4
    ...     ),
    ...     LabelledSet(start=50, stop=90, exercise="curl", repetitions=8, intensity=0.6),
    ... ]
    >>> still = np.tile(np.float32([0, 0, 1]), (100, 1))
    >>> _ = lab.append(
    ...     Recording(user="ann", session="1", acceleration=still, rate_hz=50, sets=curls)
    ... )
    >>> sessions(lab)[["user", "sets", "repetitions", "volume_kg", "intensity"]]
      user  sets  repetitions  volume_kg  intensity
    0  ann     2           18      200.0        0.5
    """
    check_reachable(lab.url)
    wanted = None if users is None else frozenset(users)
    parts = _gather(_read_part, _parts(lab, users=wanted))
    recordings = pd.concat(parts, ignore_index=True) if parts else _read_part(_Part(lab, 0, 0))
    return _join(recordings)


def find_recent(lab: Lab, since_ns: int) -> list[str]:
    """Return, sorted, who has a recording that starts or ends at `since_ns` (Unix) or later."""
    check_reachable(lab.url)
    found = _gather(_find_recent, _parts(lab, since_ns=since_ns))
    return sorted(frozenset[str]().union(*found))


def _parts(lab: Lab, **wanted: Any) -> Iterator[_Part]:
    length = tables.length(lab.root(), RECORDINGS)
    for start in range(0, length, _BLOCK):
        yield _Part(lab, start, min(start + _BLOCK, length), **wanted)


def _gather(task: Any, parts: Iterator[_Part]) -> list[Any]:
    """Run a task on each part and return what comes of them in order; an error ends it."""
    results: dict[int, Any] = {}
    for position, result in run_tasks(task, parts):
        if isinstance(result, Exception):
            raise result
        results[position] = result
    return [results[position] for position in sorted(results)]


def _find_recent(part: _Part) -> frozenset[str]:
    columns = ["user", "start_ns", "duration_s"]
    frame = tables.read(part.lab.root(), RECORDINGS, columns, start=part.start, stop=part.stop)
    frame = frame[frame["start_ns"].notna()]
    recent = _stops(frame) >= part.since_ns
    return frozenset(frame["user"][recent]) - {UNKNOWN}


def _stops(frame: pd.DataFrame) -> "pd.Series[int]":
    """When recordings whose start is known ended, Unix time in ns."""
    lasted = (frame["duration_s"].fillna(0.0) * 1e9).round().astype("int64")
    return frame["start_ns"].astype("int64") + lasted


def _read_part(part: _Part) -> pd.DataFrame:
    """Return the recordings of a block that are wanted, with sums over the sets of each."""
    root = part.lab.root()
    frame = tables.read(root, RECORDINGS, _FACTS, start=part.start, stop=part.stop)
    wanted = (frame["user"] != UNKNOWN) & (frame["session"] != UNKNOWN)
    if part.users is not None:
        wanted &= frame["user"].isin(part.users)
    frame = frame[wanted]
    timed = frame["start_ns"].notna()
    frame["stop_ns"] = _stops(frame[timed]).astype("Int64").reindex(frame.index)
    sums = _sum_sets(root, frame.index.to_numpy()) if len(frame) else np.empty((0, len(_SUMS)))
    frame[list(_SUMS)] = sums
    return frame.rename_axis("recording").reset_index()


def _sum_sets(root: zarr.Group, recordings: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Sum up the sets of `recordings`, which increase; shape (recording, sum)."""
    span = int(recordings[0]), int(recordings[-1]) + 1
    first, last = (first_set(root, recording) for recording in span)
    columns = ["recording", "exercise", "repetitions", "weight_kg", "intensity"]
    frame = read_sets(root, columns, start=first, stop=last, recordings=span)
    frame = frame[frame["recording"].isin(recordings) & ~frame["exercise"].isin(RESTING)]
    place = np.searchsorted(recordings, frame["recording"].to_numpy(np.int64))
    intensity, weight = frame["intensity"].to_numpy(), frame["weight_kg"].to_numpy()
    count = frame["repetitions"].to_numpy(np.float64, na_value=np.nan)
    each = [np.ones(len(frame)), ~np.isnan(intensity), intensity]
    each += [~np.isnan(count), count, ~np.isnan(count * weight), count * weight]
    sums = [np.bincount(place, np.nan_to_num(values), len(recordings)) for values in each]
    return np.stack(sums, axis=1)


def _join(recordings: pd.DataFrame) -> pd.DataFrame:
    """Make sessions of recordings."""
    sums = {name: (name, "sum") for name in (*_SUMS, "duration_s")}
    keys = ["user", "session"]
    devices = recordings.groupby([*keys, "device"], as_index=False, sort=False).agg(**sums)
    devices = devices.sort_values(["rated_sets", "sets"], ascending=False, kind="stable")
    chosen = devices.drop_duplicates(keys).set_index(keys)
    times = recordings.groupby(keys, sort=False).agg(
        start_ns=("start_ns", "min"),
        stop_ns=("stop_ns", "max"),
        simulated=("simulated", "any"),
        recording=("recording", "min"),
    )
    joined = times.join(chosen).reset_index()
    known = joined["start_ns"].notna()
    span_s = (joined["stop_ns"] - joined["start_ns"]).astype("Float64") / 1e9
    joined["duration_s"] = span_s.where(known, joined["duration_s"]).astype("float64")
    with np.errstate(invalid="ignore"):
        joined["intensity"] = joined["intensities"] / joined["rated_sets"].replace(0, np.nan)
    joined["repetitions"] = joined["repetitions"].where(joined["counted"] > 0)
    joined["volume_kg"] = joined["volume"].where(joined["weighed"] > 0)
    return make_frame(joined)


def make_frame(columns: pd.DataFrame) -> pd.DataFrame:
    """Return sessions in the declared columns, types and order."""
    types = {
        name: "Int64" if column.dtype == "int64" and column.unknown is not None else column.dtype
        for name, column in SESSIONS.columns.items()
    }
    frame = columns[list(types)].astype(types)
    return frame.sort_values(["user", "start_ns", "session"], ignore_index=True)


def check_sessions(frame: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return `frame` if it has the columns of sessions, and its users ids.

    Raises
    ------
    SchemaError
        Naming the columns that are missing, or a user that is no id.
    """
    if not isinstance(frame, pd.DataFrame):
        raise SchemaError(f"sessions: expected a table, got {type(frame).__name__}")
    missing = [name for name in names or SESSIONS.columns if name not in frame]
    if missing:
        raise SchemaError(
            f"sessions: expected the columns {', '.join(SESSIONS.columns)}, missing: "
            f"{', '.join(missing)}; workoutlab.coach.sessions(lab) makes such a table"
        )
    for user in frame["user"].unique():
        check_id(user, "user")
    return frame
