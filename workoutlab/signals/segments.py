"""The stretches that windows lie in: index arithmetic on a lab's tables."""

from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import UnitError

__all__ = ["COLUMNS", "find_rate", "grid_lengths", "segment_recordings", "segment_sets"]

COLUMNS: Final = (
    "recording",
    "set",
    "user",
    "session",
    "exercise",
    "muscle_group",
    "start",
    "stop",
    "count",
    "digest",
    "source_rate_hz",
    "regular",
    "samples",
    "simulated",
)
_OF_RECORDINGS: Final = ("user", "session", "digest", "regular", "samples", "simulated")
_ROUNDING: Final = 1e-6  # of a sample: times are float64 seconds

Integers = npt.NDArray[np.int64]


def find_rate(recordings: pd.DataFrame) -> float:
    """Return the rate that all recordings share.

    Raises
    ------
    UnitError
        If they have several rates, or times of their own.
    """
    pairs = zip(recordings["regular"], recordings["rate_hz"].round(3).astype(str), strict=True)
    rates = Counter(
        f"at {rate} Hz" if each else f"irregular, about {rate} Hz" for each, rate in pairs
    )
    if len(rates) == 1 and bool(recordings["regular"].all()):
        return float(recordings["rate_hz"].iloc[0])
    found = [f"{count} {how}" for how, count in rates.most_common(6)]
    more = "" if len(rates) <= 6 else f"; and {len(rates) - 6} rates more"
    raise UnitError(
        f"the {len(recordings)} recordings share no rate ({'; '.join(found)}{more}): give one that "
        "they are resampled to, windows(..., rate_hz=50) say, or choose some of them"
    )


def grid_lengths(recordings: pd.DataFrame, rate_hz: float) -> Integers:
    """Return how many samples at `rate_hz` each recording spans, the first at its first sample."""
    regular = recordings["regular"].to_numpy(dtype=bool)
    own_rate = np.where(regular, recordings["rate_hz"].to_numpy(dtype=float), 1.0)
    span_s = np.where(
        regular,
        (recordings["samples"].to_numpy() - 1) / own_rate,
        recordings["duration_s"].to_numpy(),
    )
    return 1 + np.floor(span_s * rate_hz + _ROUNDING).astype(np.int64)


def segment_sets(
    sets: pd.DataFrame, recordings: pd.DataFrame, grid: tuple[float, int, int], trim: float
) -> pd.DataFrame:
    """Return one segment a set: its middle, in grid samples.

    Parameters
    ----------
    sets, recordings
        Tables of a lab, by row number; a set's recording is among the recordings.
    grid
        Rate in Hz, window length and step in samples.
    trim
        Share of a set that is left out at either end.
    """
    rate_hz, length, step = grid
    owner = recordings.index.get_indexer(pd.Index(sets["recording"]))
    limit = grid_lengths(recordings, rate_hz)[owner]
    start = np.clip(_to_samples(sets["start_s"], rate_hz), 0, limit)
    stop = np.clip(_to_samples(sets["stop_s"], rate_hz), start, limit)
    whole = stop - start
    cut = np.floor(trim * whole + _ROUNDING).astype(np.int64)
    centred = (whole - 2 * cut < length) & (whole >= length)
    start = np.where(centred, start + (whole - length) // 2, start + cut)
    stop = np.where(centred, start + length, stop - cut)
    count = np.maximum((stop - start - length) // step + 1, 0)
    places = {"set": sets.index.to_numpy(np.int64), "start": start, "stop": stop, "count": count}
    return _frame(recordings, owner, sets, places)


def segment_recordings(
    sets: pd.DataFrame, recordings: pd.DataFrame, grid: tuple[float, int, int]
) -> pd.DataFrame:
    """Return the runs of windows with the same set, or none, that cover whole recordings.

    Parameters
    ----------
    sets, recordings
        Tables of a lab, by row number; a set's recording is among the recordings.
    grid
        Rate in Hz, window length and step in samples.
    """
    rate_hz, length, step = grid
    limit = grid_lengths(recordings, rate_hz)
    windows = np.maximum((limit - length) // step + 1, 0)
    owner = recordings.index.get_indexer(pd.Index(sets["recording"]))
    start, stop = _to_samples(sets["start_s"], rate_hz), _to_samples(sets["stop_s"], rate_hz)
    # A set covers more than half of a window that starts at p if p + length - start and stop - p,
    # and the set itself, are all longer than length / 2.
    first = np.clip((2 * start - length) // (2 * step) + 1, 0, windows[owner])
    last = np.clip(-((length - 2 * stop) // (2 * step)), 0, windows[owner])
    labelled = (last > first) & (2 * (stop - start) > length)
    runs = _fill_gaps(owner[labelled], first[labelled], last[labelled], windows)
    rows = np.concatenate([np.flatnonzero(labelled), np.full(len(runs), -1)])
    owner = np.concatenate([owner[labelled], runs[:, 0]])
    first = np.concatenate([first[labelled], runs[:, 1]])
    count = np.concatenate([last[labelled], runs[:, 2]]) - first
    places = {
        "set": np.append(sets.index.to_numpy(np.int64), -1)[rows],
        "start": first * step,
        "stop": np.where(count > 0, first * step + (count - 1) * step + length, limit[owner]),
        "count": count,
    }
    blank = pd.DataFrame({"exercise": [""], "muscle_group": [""]})
    names = pd.concat([sets[["exercise", "muscle_group"]], blank], ignore_index=True)
    return _frame(recordings, owner, names.iloc[rows], places)


def _fill_gaps(owner: Integers, first: Integers, last: Integers, windows: Integers) -> Integers:
    """Return (recording, first, last) of what runs leave of each recording's windows.

    A recording without windows keeps one empty run, so that it is reported.
    """
    everyone = np.arange(len(windows))
    opens = np.stack([np.append(owner, everyone), np.append(last, 0 * windows)], axis=1)
    closes = np.stack([np.append(owner, everyone), np.append(first, windows)], axis=1)
    opens = opens[np.lexsort((opens[:, 1], opens[:, 0]))]
    closes = closes[np.lexsort((closes[:, 1], closes[:, 0]))]
    runs: Integers = np.column_stack([opens, closes[:, 1]])
    kept: Integers = runs[(runs[:, 2] > runs[:, 1]) | (windows[runs[:, 0]] == 0)]
    return kept


def _to_samples(seconds: pd.Series, rate_hz: float) -> Integers:
    return np.rint(seconds.to_numpy(dtype=float) * rate_hz).astype(np.int64)


def _frame(
    recordings: pd.DataFrame, owner: Integers, names: pd.DataFrame, places: dict[str, Integers]
) -> pd.DataFrame:
    """Put a segment table together, so that people lie one after the other."""
    owners = recordings.iloc[owner]
    columns: dict[str, object] = {
        "recording": owners.index.to_numpy(np.int64),
        "source_rate_hz": owners["rate_hz"].array,
        **{name: owners[name].array for name in _OF_RECORDINGS},
        **{name: names[name].array for name in ("exercise", "muscle_group")},
        **places,
    }
    frame = pd.DataFrame(columns)[list(COLUMNS)]
    return frame.sort_values(["user", "session", "recording", "start"], ignore_index=True)
