"""Where the samples and the sets of one recording lie, found without reading whole tables."""

from collections.abc import Iterable
from functools import lru_cache
from operator import index
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError, NotInLabError
from workoutlab.recording import Recording
from workoutlab.schema import QUANTITIES, RECORDINGS
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import read_arrays
from workoutlab.store.labels import FILED, read_sets
from workoutlab.store.recordings import load, open_samples
from workoutlab.store.repository import Repository

__all__ = ["Place", "place_of", "read_recording", "read_samples"]

_COLUMNS: Final = ("offset", "samples", "has_angular_velocity", "regular")


class Place(NamedTuple):
    """Where the samples of a recording lie, and which quantities it has."""

    offset: int
    length: int
    quantities: tuple[str, ...]


def place_of(repository: Repository, snapshot: str, row: int) -> Place:
    """Return where the samples of recording `row` lie; a block of rows is read once.

    Raises
    ------
    NotInLabError
        If there is no such row, or it was erased.
    """
    block, inside = divmod(_whole("row", row), layout.ROWS_PER_CHUNK)
    places = _places(repository, snapshot, block) if row >= 0 else ()
    if inside >= len(places):
        raise NotInLabError(
            f"the lab at {repository.address.url} has no recording {row} at snapshot {snapshot}; "
            "table('recordings') lists them by number"
        )
    offset, length, has_angular_velocity, regular = (int(value) for value in places[inside])
    if not length:
        raise NotInLabError(f"recording {row} was erased; table('recordings') lists those left")
    angular_velocity = ("angular_velocity",) if has_angular_velocity else ()
    time = () if regular else ("time",)
    return Place(offset, length, ("acceleration", *angular_velocity, *time))


def _whole(name: str, value: object) -> int:
    try:
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name}: expected a whole number, got {value!r}") from None


@lru_cache(maxsize=128)
def _places(repository: Repository, snapshot: str, block: int) -> npt.NDArray[np.int64]:
    home = tables.open_table(repository.root(snapshot), RECORDINGS.name)
    start = block * layout.ROWS_PER_CHUNK
    columns = read_arrays(home, _COLUMNS, start, start + layout.ROWS_PER_CHUNK)
    return np.stack(columns, axis=1)


def read_samples(
    repository: Repository,
    snapshot: str,
    parts: Iterable[tuple[int, int, int | None]],
    quantity: str,
) -> list[npt.NDArray[Any]]:
    """Read parts of recordings, each given as row, start and stop, together.

    Raises
    ------
    InputError
        If there is no such quantity, or a recording has no such samples.
    NotInLabError
        If there is no such recording, or it does not have that quantity.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"quantity {quantity!r}: expected one of {', '.join(QUANTITIES)}")
    stretches = []
    for row, start, stop in parts:
        place = place_of(repository, snapshot, row)
        if quantity not in place.quantities:
            raise NotInLabError(
                f"recording {row} has no {quantity}; it has {', '.join(place.quantities)}"
            )
        first, last = _whole("start", start), place.length if stop is None else _whole("stop", stop)
        if not 0 <= first <= last <= place.length:
            raise InputError(
                f"recording {row}: expected samples within 0 to {place.length}, "
                f"got {first} to {last}"
            )
        stretches.append((place.offset + first, last - first))
    return ragged.read_many(open_samples(repository.root(snapshot)), quantity, stretches)


def read_recording(
    repository: Repository, snapshot: str, row: int, *, corrected: bool = True
) -> Recording:
    """Read recording `row` and the sets that count, or those that it was appended with."""
    place_of(repository, snapshot, row)
    row = index(row)
    root = repository.root(snapshot)
    frame = tables.read(root, RECORDINGS, start=row, stop=row + 1)
    sets = _sets_of(repository, snapshot, row, corrected)
    return load(root, frame.to_dict("records")[0], sets.to_dict("records"))


def _sets_of(repository: Repository, snapshot: str, row: int, corrected: bool) -> pd.DataFrame:
    """Read the sets of one recording."""
    first, last = np.searchsorted(_owners(repository, snapshot), [row, row + 1])
    root = repository.root(snapshot)
    if corrected:
        return read_sets(root, start=int(first), stop=int(last), recordings=(row, row + 1))
    return tables.read(root, FILED, start=int(first), stop=int(last))


@lru_cache(maxsize=2)
def _owners(repository: Repository, snapshot: str) -> npt.NDArray[np.int64]:
    """Return the recording of each set; shape (set,), never decreasing.

    An erased set takes the number of the one before it, so that a search still holds.
    """
    home = tables.open_table(repository.root(snapshot), FILED.name)
    return np.maximum.accumulate(tables.values(home, "recording"))
