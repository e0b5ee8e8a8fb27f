"""Ragged arrays: pieces of different length, one behind the other in one array.

Each piece starts at a chunk boundary, so that a chunk belongs to one piece: it opens with one
contiguous read, is written without touching its neighbours, and can be erased chunk by chunk.
What lies between the end of a piece and the next boundary is never looked at.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import DamagedLabError
from workoutlab.store import chunks
from workoutlab.store.arrays import create_array, open_array, read_arrays, whole
from workoutlab.store.failures import reading

__all__ = [
    "DIGESTS",
    "KIND",
    "allocate",
    "create",
    "digest",
    "erase",
    "grow",
    "names",
    "read",
    "read_many",
    "write",
    "write_many",
]

KIND = "ragged"
"""The attribute ``kind`` of a ragged array.

A table beside ragged arrays, with columns ``offset`` and ``length``, owns their pieces: they are
erased with its rows. Its column of :data:`DIGESTS`, if any, is :func:`digest` of the pieces.
"""

DIGESTS = ("weights_digest", "values_digest")


def create(
    group: zarr.Group,
    name: str,
    *,
    trailing: tuple[int, ...] = (),
    dtype: npt.DTypeLike,
    chunk: int,
) -> None:
    """Create an empty ragged array of shape (0, *trailing).

    Parameters
    ----------
    group
        Where to create it, in a writable lab.
    name
        Its name.
    trailing
        Shape of one entry, ``(3,)`` for three axes say.
    dtype
        Type of the entries.
    chunk
        Entries in a chunk; a piece occupies whole chunks, unwritten parts cost nothing.

    Examples
    --------
    >>> group = zarr.group(zarr.storage.MemoryStore())
    >>> create(group, "weights", dtype="float32", chunk=4)
    >>> offsets = allocate(group, "weights", [3, 6])
    >>> offsets.tolist()
    [0, 4]
    >>> write(group, "weights", 4, np.arange(6))
    >>> read(group, "weights", 4, 6).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    create_array(
        group, name, dtype=dtype, chunk=chunk, trailing=trailing, attributes={"kind": KIND}
    )


def allocate(
    group: zarr.Group, name: str, lengths: Sequence[int] | npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """Grow the array by pieces of `lengths` entries, and return where each starts.

    Returns
    -------
    numpy.ndarray
        Shape (piece,), offsets, each a multiple of the chunk.
    """
    array = open_array(group, name)
    chunk = array.chunks[0]
    counts = -(-np.asarray(lengths, dtype=np.int64) // chunk)
    end = -(-array.shape[0] // chunk)
    stops = end + np.cumsum(counts)
    if len(stops):
        _resize(array, int(stops[-1]) * chunk)
    return np.asarray((stops - counts) * chunk, dtype=np.int64)


def grow(group: zarr.Group, name: str, length: int) -> None:
    """Make the array at least `length` entries long, to keep step with another one."""
    array = open_array(group, name)
    if array.shape[0] < length:
        _resize(array, length)


def _resize(array: "zarr.Array[Any]", length: int) -> None:
    array.resize((length, *array.shape[1:]))


def write(group: zarr.Group, name: str, offset: int, values: npt.ArrayLike) -> None:
    """Write one piece at the `offset` that :func:`allocate` gave it."""
    array = open_array(group, name)
    write_many(group, name, [offset], [np.asarray(values, dtype=array.dtype)])


def write_many(
    group: zarr.Group,
    name: str,
    offsets: Sequence[int] | npt.NDArray[np.integer],
    pieces: Sequence[npt.NDArray[Any]],
) -> None:
    """Write many pieces, far cheaper than one by one, where :func:`allocate` put them."""
    if not len(pieces):
        return
    array = open_array(group, name)
    aligned = not np.any(np.asarray(offsets) % array.chunks[0])
    if aligned and (coding := chunks.coding_of(array)):
        chunks.put(array, coding, _chunks_of(array.chunks[0], offsets, pieces))
        return
    for offset, piece in zip(offsets, pieces, strict=True):
        whole(array)[int(offset) : int(offset) + len(piece)] = piece


def _chunks_of(
    chunk: int,
    offsets: Sequence[int] | npt.NDArray[np.integer],
    pieces: Sequence[npt.NDArray[Any]],
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Yield the number and the entries of each chunk of `pieces`."""
    for offset, piece in zip(offsets, pieces, strict=True):
        for start in range(0, len(piece), chunk):
            yield (int(offset) + start) // chunk, piece[start : start + chunk]


def read(group: zarr.Group, name: str, offset: int, length: int) -> npt.NDArray[Any]:
    """Read `length` entries from `offset`; shape (length, *trailing).

    Raises
    ------
    DamagedLabError
        If a chunk is missing or fails its checksum, or the array is shorter than that.
    """
    return read_many(group, name, [(offset, length)])[0]


def read_many(
    group: zarr.Group, name: str, stretches: Sequence[tuple[int, int]]
) -> list[npt.NDArray[Any]]:
    """Read stretches, each `length` entries from `offset`, together; each chunk is read once.

    Raises
    ------
    DamagedLabError
        If a chunk is missing or fails its checksum, or the array is shorter than that.
    """
    array = open_array(group, name)
    end = array.shape[0]
    for offset, length in stretches:
        if offset < 0 or length < 0 or offset + length > end:
            raise DamagedLabError(
                f"{name}: entries {offset} to {offset + length} were asked for, it has {end}; "
                "run `verify` to list all that is damaged"
            )
    if coding := chunks.coding_of(array):
        return _read_coded(array, coding, stretches)
    return [read_arrays(group, [name], offset, offset + length)[0] for offset, length in stretches]


def _read_coded(
    array: "zarr.Array[Any]", coding: chunks.Coding, stretches: Sequence[tuple[int, int]]
) -> list[npt.NDArray[Any]]:
    found = [np.empty((length, *array.shape[1:]), dtype=array.dtype) for _, length in stretches]
    wanted = _wanted(array.chunks[0], stretches, found)
    scratch = np.empty(coding.shape, dtype=array.dtype)
    with reading(f"{array.path}, entries {_extent(stretches)},"):
        for number, stored in chunks.fetch(array, list(wanted)):
            parts = wanted[number]
            if len(parts) == 1 and len(parts[0][1]) == len(scratch):
                coding.decode(stored, parts[0][1])
                continue
            coding.decode(stored, scratch)
            for part, out in parts:
                out[...] = scratch[part]
    return found


def _wanted(
    chunk: int, stretches: Sequence[tuple[int, int]], found: Sequence[npt.NDArray[Any]]
) -> dict[int, list[tuple[slice, npt.NDArray[Any]]]]:
    """Return, of each chunk, which of its entries go where."""
    wanted: dict[int, list[tuple[slice, npt.NDArray[Any]]]] = {}
    for (offset, length), out in zip(stretches, found, strict=True):
        for number in range(offset // chunk, -(-(offset + length) // chunk) if length else 0):
            start = max(offset, number * chunk)
            stop = min(offset + length, (number + 1) * chunk)
            part = slice(start - number * chunk, stop - number * chunk)
            wanted.setdefault(number, []).append((part, out[start - offset : stop - offset]))
    return wanted


def _extent(stretches: Sequence[tuple[int, int]]) -> str:
    first = min((offset for offset, _ in stretches), default=0)
    last = max((offset + length for offset, length in stretches), default=0)
    return f"{first} to {last}"


def erase(group: zarr.Group, name: str, offset: int, length: int) -> None:
    """Delete every chunk of the piece; it then reads as never written."""
    array = open_array(group, name)
    chunk = array.chunks[0]
    stop = min(-(-(offset + length) // chunk) * chunk, array.shape[0])
    if offset < stop:
        array[offset:stop] = array.fill_value


def names(group: zarr.Group) -> list[str]:
    """Names of the ragged arrays of `group`, sorted."""
    return sorted(name for name, array in group.arrays() if array.attrs.get("kind") == KIND)


def digest(*pieces: npt.NDArray[Any]) -> str:
    """Return the SHA-256, in hex, of the little-endian bytes of `pieces`, one after the other.

    Examples
    --------
    >>> digest(np.zeros(2, dtype="float32"))[:8]
    'af5570f5'
    """
    sums = hashlib.sha256()
    for piece in pieces:
        sums.update(np.ascontiguousarray(piece, piece.dtype.newbyteorder("<")).tobytes())
    return sums.hexdigest()
