"""Recordings in a lab: a row each, rows of their sets, and a piece of the ragged samples."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import QUANTITIES, RECORDINGS
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import open_array, open_group
from workoutlab.store.digests import DigestIndex
from workoutlab.store.labels import FILED

__all__ = ["AppendResult", "Outcome", "append", "create", "load", "open_samples", "rows_of"]

_FIELDS: Final = {
    "acceleration": "acceleration",
    "angular_velocity": "angular_velocity",
    "time": "time_ns",
}
"""Quantity in the lab, attribute of a Recording."""


@dataclass(frozen=True)
class Outcome:
    """What became of one recording that was appended.

    Parameters
    ----------
    status
        ``"stored"``; ``"duplicate"`` where the lab already held the same samples with the same ids
        and labels; ``"conflict"`` where it held the same samples with other ids, labels or times.
    recording
        Row of the recording, or of the one that it equals.
    reason
        Empty where it was stored; otherwise what it equals, and what to do.
    """

    status: Literal["stored", "duplicate", "conflict"]
    recording: int
    reason: str = ""


@dataclass(frozen=True)
class AppendResult:
    """What appending a batch did.

    Parameters
    ----------
    snapshot
        The snapshot that holds the batch.
    outcomes
        One a recording, in the order they came.
    """

    snapshot: str
    outcomes: tuple[Outcome, ...]

    @property
    def stored(self) -> int:
        """Number of recordings that were stored."""
        return sum(outcome.status == "stored" for outcome in self.outcomes)


def create(root: zarr.Group) -> None:
    """Create the empty tables and ragged arrays of a new lab."""
    tables.create(root, RECORDINGS)
    tables.create(root, FILED)
    samples = root.create_group(layout.SAMPLES)
    for name, quantity in QUANTITIES.items():
        trailing = (3,) if "axis" in quantity.dims else ()
        ragged.create(
            samples,
            name,
            trailing=trailing,
            dtype=quantity.dtype,
            chunk=layout.SAMPLES_PER_CHUNK,
        )
    root.create_group(layout.MODELS)


def open_samples(root: zarr.Group) -> zarr.Group:
    """Open the group of the ragged arrays of samples."""
    return open_group(root, layout.SAMPLES)


def append(
    root: zarr.Group, recordings: Sequence[Recording], digests: DigestIndex
) -> tuple[Outcome, ...]:
    """Store those of `recordings` that the lab does not hold yet; one outcome each, in order."""
    first = tables.length(root, RECORDINGS)
    known = _Known(root, recordings, digests)
    new: list[Recording] = []
    outcomes = []
    for recording in recordings:
        outcome = known.compare(recording, first + len(new))
        outcomes.append(outcome)
        if outcome.status == "stored":
            new.append(recording)
    if new:
        _store(root, new, first)
    return tuple(outcomes)


class _Held(NamedTuple):
    """A recording that the lab, or the batch, holds already."""

    row: int
    facts: str
    name: str
    exercises: tuple[str, ...] | None
    """None where they are still to be read from the lab."""


class _Known:
    """The rows that hold the samples of one batch already, and those the batch itself brings."""

    def __init__(
        self, root: zarr.Group, recordings: Sequence[Recording], digests: DigestIndex
    ) -> None:
        self._sets = tables.open_table(root, FILED.name)
        rows = digests.find(root, (recording.digest for recording in recordings))
        columns = ("digest", "facts", "user", "session", "source")
        held = tables.take(tables.open_table(root, RECORDINGS.name), columns, rows)
        self._held = {
            str(digest): _Held(int(row), str(facts), _name(user, session, source), None)
            for row, digest, facts, user, session, source in zip(rows, *held, strict=True)
        }

    def compare(self, recording: Recording, row: int) -> Outcome:
        name = _name(recording.user, recording.session, recording.source)
        exercises = tuple(each.exercise for each in recording.sets)
        held = self._held.get(recording.digest)
        if held is None:
            self._held[recording.digest] = _Held(row, recording.facts, name, exercises)
            return Outcome("stored", row)
        if held.facts == recording.facts:
            return Outcome("duplicate", held.row, f"the same as recording {held.row} ({held.name})")
        there = self._read_exercises(held.row) if held.exercises is None else held.exercises
        return Outcome(
            "conflict",
            held.row,
            f"the same samples as recording {held.row} ({held.name}: {_list(there)}), but other "
            f"ids, labels, times or angular velocity ({name}: {_list(exercises)}); not stored: "
            "correct or leave out one of the two",
        )

    def _read_exercises(self, row: int) -> tuple[str, ...]:
        first, last = np.searchsorted(self._owners, [row, row + 1])
        return tuple(tables.values(self._sets, "exercise", int(first), int(last)).tolist())

    @cached_property
    def _owners(self) -> npt.NDArray[np.int64]:
        return np.maximum.accumulate(tables.values(self._sets, "recording"))


def _name(user: str, session: str, source: str) -> str:
    return f"{user}/{session}, {source or 'no source'}"


def _list(exercises: Sequence[str]) -> str:
    names = list(dict.fromkeys(name for name in exercises if name))
    return ", ".join(names[:5] + ["…"] * (len(names) > 5)) or "no sets"


def _store(root: zarr.Group, recordings: Sequence[Recording], first: int) -> None:
    samples = open_samples(root)
    offsets = ragged.allocate(samples, "acceleration", [len(item) for item in recordings])
    length = int(open_array(samples, "acceleration").shape[0])
    with ThreadPoolExecutor(1) as beside:  # rows take Python's time, samples the codec's
        rows = beside.submit(_store_rows, root, recordings, first, offsets)
        for quantity, field in _FIELDS.items():
            ragged.grow(samples, quantity, length)
            held = [i for i, item in enumerate(recordings) if getattr(item, field) is not None]
            pieces = [getattr(recordings[i], field) for i in held]
            ragged.write_many(samples, quantity, offsets[held], pieces)
        rows.result()


def _store_rows(
    root: zarr.Group,
    recordings: Sequence[Recording],
    first: int,
    offsets: npt.NDArray[np.int64],
) -> None:
    rows, set_rows = rows_of(recordings, first, offsets)
    tables.append(root, RECORDINGS, rows)
    tables.append(root, FILED, set_rows)


def rows_of(
    recordings: Sequence[Recording], first: int, offsets: npt.NDArray[np.int64]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make the rows of `recordings`, numbered from `first`, and those of their sets."""
    return _recording_rows(recordings, offsets), _set_rows(recordings, first)


def _recording_rows(
    recordings: Sequence[Recording], offsets: npt.NDArray[np.int64]
) -> dict[str, Any]:
    return {
        "digest": [item.digest for item in recordings],
        "facts": [item.facts for item in recordings],
        "user": [item.user for item in recordings],
        "session": [item.session for item in recordings],
        "device": [item.device for item in recordings],
        "source": [item.source for item in recordings],
        "simulated": [item.simulated for item in recordings],
        "rate_hz": [item.median_rate_hz for item in recordings],
        "regular": [item.regular for item in recordings],
        "start_ns": [item.start_ns for item in recordings],
        "duration_s": [item.duration_s for item in recordings],
        "longest_gap_s": [item.longest_gap_s for item in recordings],
        "samples": [len(item) for item in recordings],
        "has_angular_velocity": [item.angular_velocity is not None for item in recordings],
        "offset": offsets,
    }


def _set_rows(recordings: Sequence[Recording], first: int) -> dict[str, Any]:
    pairs = [(row, item, each) for row, item in enumerate(recordings, first) for each in item.sets]
    return {
        "recording": [row for row, _, _ in pairs],
        "start_s": [_at(item, each.start) for _, item, each in pairs],
        "stop_s": [_at(item, each.stop) for _, item, each in pairs],
        **{
            name: [getattr(each, name) for _, _, each in pairs]
            for name in FILED.columns
            if name not in ("recording", "start_s", "stop_s")
        },
    }


def _at(recording: Recording, sample: int) -> float:
    """Time of a sample in s, the one past the last included."""
    if sample < len(recording):
        return float(recording.seconds[sample])
    step = 1 / recording.median_rate_hz
    return float(recording.seconds[-1]) + (step if np.isfinite(step) else 0.0)


def load(
    root: zarr.Group, facts: Mapping[Any, Any], sets: Iterable[Mapping[Any, Any]]
) -> Recording:
    """Make a recording as it was appended, from its row `facts` and its `sets`."""
    samples = open_samples(root)
    offset, length = int(facts["offset"]), int(facts["samples"])
    held = {"acceleration": True, "angular_velocity": facts["has_angular_velocity"]}
    held["time"] = not facts["regular"]
    pieces: dict[str, Any] = {
        field: ragged.read(samples, quantity, offset, length)
        for quantity, field in _FIELDS.items()
        if held[quantity]
    }
    if facts["regular"]:
        pieces["rate_hz"] = float(facts["rate_hz"])
    return Recording(
        user=facts["user"],
        session=facts["session"],
        device=facts["device"],
        source=facts["source"],
        simulated=bool(facts["simulated"]),
        start_ns=None if pd.isna(facts["start_ns"]) else int(facts["start_ns"]),
        sets=tuple(map(_labelled_set, sets)),
        **pieces,
    )


def _labelled_set(each: Mapping[Any, Any]) -> LabelledSet:
    return LabelledSet(
        start=each["start"],
        stop=each["stop"],
        exercise=each["exercise"],
        muscle_group=each["muscle_group"],
        repetitions=None if pd.isna(each["repetitions"]) else each["repetitions"],
        weight_kg=None if pd.isna(each["weight_kg"]) else each["weight_kg"],
        body_weight=each["body_weight"],
        intensity=None if pd.isna(each["intensity"]) else each["intensity"],
    )
