"""Ragged arrays: pieces of different length, one behind the other in one array.

Each piece starts at a chunk boundary, so that a chunk belongs to one piece: it opens with one
contiguous read, is written without touching its neighbours, and can be erased chunk by chunk.
What lies between the end of a piece and the next boundary is never looked at.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import DamagedLabError
from workoutlab.store.arrays import create_array, open_array, read_arrays, whole

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
    "write",
    "write_many",
]

KIND = "ragged"
"""The attribute ``kind`` of a ragged array.

A table beside ragged arrays, with columns ``offset`` and ``length``, owns their pieces: they are
erased with its rows. Its column of :data:`DIGESTS`, if any, is :func:`digest` of the pieces.
"""

DIGESTS = ("weights_digest", "values_digest")

_BATCH_BYTES = 32 * 2**20
"""Pieces are written together up to this size: enough to keep every codec thread busy."""


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
    chunks = -(-np.asarray(lengths, dtype=np.int64) // chunk)
    end = -(-array.shape[0] // chunk)
    stops = end + np.cumsum(chunks)
    if len(stops):
        _resize(array, int(stops[-1]) * chunk)
    return np.asarray((stops - chunks) * chunk, dtype=np.int64)


def grow(group: zarr.Group, name: str, length: int) -> None:
    """Make the array at least `length` entries long, to keep step with another one."""
    array = open_array(group, name)
    if array.shape[0] < length:
        _resize(array, length)


def _resize(array: "zarr.Array[Any]", length: int) -> None:
    array.resize((length, *array.shape[1:]))


def write(group: zarr.Group, name: str, offset: int, values: npt.ArrayLike) -> None:
    """Write one piece at the `offset` that :func:`allocate` gave it."""
    array = whole(open_array(group, name))
    piece = np.asarray(values, dtype=array.dtype)
    array[offset : offset + len(piece)] = piece


def write_many(
    group: zarr.Group,
    name: str,
    offsets: Sequence[int] | npt.NDArray[np.integer],
    pieces: Sequence[npt.NDArray[Any]],
) -> None:
    """Write many pieces, neighbours together: far cheaper than one by one.

    `offsets` must increase.
    """
    array = whole(open_array(group, name))
    chunk = array.chunks[0]
    per_batch = max(1, _BATCH_BYTES // (array.dtype.itemsize * int(np.prod(array.shape[1:]))))
    first = 0
    for last in range(1, len(pieces) + 1):
        if last < len(pieces):
            end = -(-(int(offsets[last - 1]) + len(pieces[last - 1])) // chunk) * chunk
            together = int(offsets[last]) + len(pieces[last]) - int(offsets[first])
            if end == offsets[last] and together <= per_batch:
                continue
        _write_run(array, offsets[first:last], pieces[first:last])
        first = last


def _write_run(
    array: "zarr.Array[Any]",
    offsets: Sequence[int] | npt.NDArray[np.integer],
    pieces: Sequence[npt.NDArray[Any]],
) -> None:
    start, stop = int(offsets[0]), int(offsets[-1]) + len(pieces[-1])
    if len(pieces) == 1:
        array[start:stop] = np.asarray(pieces[0], dtype=array.dtype)
        return
    run = np.full((stop - start, *array.shape[1:]), array.fill_value, dtype=array.dtype)
    for offset, piece in zip(offsets, pieces, strict=True):
        run[int(offset) - start : int(offset) - start + len(piece)] = piece
    array[start:stop] = run


def read(group: zarr.Group, name: str, offset: int, length: int) -> npt.NDArray[Any]:
    """Read `length` entries from `offset`; shape (length, *trailing).

    Raises
    ------
    DamagedLabError
        If a chunk is missing or fails its checksum, or the array is shorter than that.
    """
    end = open_array(group, name).shape[0]
    if offset < 0 or length < 0 or offset + length > end:
        raise DamagedLabError(
            f"{name}: entries {offset} to {offset + length} were asked for, it has {end}; "
            "run `verify` to list all that is damaged"
        )
    return read_arrays(group, [name], offset, offset + length)[0]


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
