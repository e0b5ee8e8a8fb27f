"""Recordings in memory, read in the way of a lab: arrays need no lab to become windows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError, NotInLabError
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import RECORDINGS, SETS

__all__ = ["Held", "Home", "hold"]


class Home(Protocol):
    """Where a plan reads tables and samples: a lab at a snapshot, or recordings in memory."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def snapshot(self) -> str:
        """What tells its content from any other."""

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return columns of a table, indexed by row number."""

    def read(
        self, row: int, quantity: str = "acceleration", start: int = 0, stop: int | None = None
    ) -> npt.NDArray[Any]:
        """Return samples `start` to `stop` of a recording."""

    def read_many(
        self, rows: Iterable[int], quantity: str = "acceleration"
    ) -> list[npt.NDArray[Any]]:
        """Return all samples of recordings."""


_EXPECTED: Final = "source: expected a Lab, a Recording or several"

_OF_RECORDINGS: Final[Mapping[str, Callable[[Recording], object]]] = {
    "rate_hz": lambda each: each.median_rate_hz,
    "samples": len,
    "has_angular_velocity": lambda each: each.angular_velocity is not None,
    "offset": lambda _: 0,
}
_OF_SETS: Final[Mapping[str, Callable[[Recording, LabelledSet], object]]] = {
    "start_s": lambda recording, each: _at(recording, each.start),
    "stop_s": lambda recording, each: _at(recording, each.stop),
    "origin": lambda *_: "file",
}


@dataclass(frozen=True, eq=False)
class Held:
    """Recordings in memory that are read in the way of a lab; made by :func:`hold`.

    Samples are not copied. It pickles with its recordings.

    Parameters
    ----------
    recordings
        By row number.
    snapshot
        SHA-256, in hex, of what was held at first.

    Examples
    --------
    >>> still = np.tile(np.float32([0, 0, 1]), (100, 1))
    >>> held = hold([Recording(user="ann", session="mon", acceleration=still, rate_hz=50)])
    >>> held.table("recordings", ["user", "duration_s"])
      user  duration_s
    0  ann         2.0
    >>> held.read(0, "acceleration", 10, 20).shape
    (10, 3)
    """

    recordings: Mapping[int, Recording]
    snapshot: str

    @property
    def url(self) -> str:
        """Where it is: in memory."""
        return "memory"

    def at(self, snapshot: str) -> "Held":
        """Return itself: it has no past."""
        del snapshot
        return self

    def only(self, rows: npt.NDArray[np.int64]) -> "Held":
        """Return it with some of its recordings, of the same numbers and snapshot."""
        if len(rows) == len(self.recordings):
            return self
        return Held({int(row): self.recordings[int(row)] for row in rows}, self.snapshot)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table as :meth:`workoutlab.Lab.table` does.

        Raises
        ------
        NotInLabError
            If there is no such table or column.
        """
        tables = {"recordings": RECORDINGS, "sets": SETS}
        if name not in tables:
            raise NotInLabError(f"there is no table {name!r}; there are {', '.join(tables)}")
        known = tables[name].columns
        asked = tuple(known) if columns is None else tuple(columns)
        for column in asked:
            if column not in known:
                raise NotInLabError(f"{name} has no column {column!r}; it has {', '.join(known)}")
        rows, lists = self._list(name, asked)
        typed = {
            column: _typed(values, known[column].dtype, known[column].unknown is not None)
            for column, values in zip(asked, lists, strict=True)
        }
        return pd.DataFrame(typed, index=pd.Index(rows, dtype=np.int64))

    def _list(self, name: str, columns: tuple[str, ...]) -> tuple[list[int], list[list[object]]]:
        if name == "recordings":
            held = self.recordings.values()
            lists = [
                [_OF_RECORDINGS[column](each) for each in held]
                if column in _OF_RECORDINGS
                else [getattr(each, column) for each in held]
                for column in columns
            ]
            return list(self.recordings), lists
        pairs = [(row, held, each) for row, held in self.recordings.items() for each in held.sets]
        lists = [[_of_set(column, *pair) for pair in pairs] for column in columns]
        return list(range(len(pairs))), lists

    def read(
        self, row: int, quantity: str = "acceleration", start: int = 0, stop: int | None = None
    ) -> npt.NDArray[Any]:
        """Return samples of a recording as :meth:`workoutlab.Lab.read` does, without a copy.

        Raises
        ------
        NotInLabError
            If there is no such recording, or it does not have that quantity.
        InputError
            If it has no such samples.
        """
        if row not in self.recordings:
            raise NotInLabError(f"there is no recording {row} among those in memory")
        held = self.recordings[row]
        name = "time_ns" if quantity == "time" else quantity
        values: npt.NDArray[Any] | None = getattr(held, name, None)
        if values is None or quantity not in ("acceleration", "angular_velocity", "time"):
            raise NotInLabError(f"recording {row} has no {quantity}")
        stop = len(held) if stop is None else stop
        if not 0 <= start <= stop <= len(held):
            raise InputError(
                f"recording {row}: expected samples within 0 to {len(held)}, got {start} to {stop}"
            )
        return values[start:stop]

    def read_many(
        self, rows: Iterable[int], quantity: str = "acceleration"
    ) -> list[npt.NDArray[Any]]:
        """Return all samples of recordings, as :meth:`read` does of one."""
        return [self.read(row, quantity) for row in rows]


def hold(recordings: object) -> Held:
    """Hold recordings in memory, numbered in order.

    Raises
    ------
    InputError
        If one is no recording, or given twice.
    """
    if isinstance(recordings, Recording):
        recordings = [recordings]
    if isinstance(recordings, str):
        raise InputError(f"{_EXPECTED}, got {recordings!r}; a lab there is Lab({recordings!r})")
    if isinstance(recordings, np.ndarray):
        raise InputError(
            f"{_EXPECTED}, got an array of shape {recordings.shape}; samples become a recording by "
            "Recording(user=..., session=..., acceleration=array, rate_hz=...)"
        )
    listed: list[Recording] = []
    for each in recordings if isinstance(recordings, Iterable) else [recordings]:
        if not isinstance(each, Recording):
            raise InputError(f"{_EXPECTED}, got {each!r}")
        listed.append(each)
    if not listed:
        raise InputError(f"{_EXPECTED}, got none")
    digests = [each.digest for each in listed]
    if len(set(digests)) < len(digests):
        twice = next(place for place, each in enumerate(digests) if each in digests[:place])
        raise InputError(
            f"source: recordings {digests.index(digests[twice])} and {twice} hold the same "
            "samples, which would leak from training into test; give each once"
        )
    told = "\n".join(f"{each.digest} {each.facts}" for each in listed)
    return Held(dict(enumerate(listed)), sha256(told.encode()).hexdigest())


def _of_set(column: str, row: int, recording: Recording, each: LabelledSet) -> object:
    if column == "recording":
        return row
    if column in _OF_SETS:
        return _OF_SETS[column](recording, each)
    return getattr(each, column)


def _at(recording: Recording, sample: int) -> float:
    """Time of a sample in s, the one past the last included."""
    if recording.rate_hz is not None:
        return sample / recording.rate_hz
    if sample < len(recording):
        return float(recording.seconds[sample])
    step = 1 / recording.median_rate_hz
    return float(recording.seconds[-1]) + (step if np.isfinite(step) else 0.0)


def _typed(values: list[Any], dtype: str, may_miss: bool) -> Any:
    if may_miss and dtype.startswith("int"):
        return pd.Series(values, dtype=dtype.capitalize()).array
    return pd.Series(values, dtype=dtype).array
