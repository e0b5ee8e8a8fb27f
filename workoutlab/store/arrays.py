"""Arrays of a lab: created with checksums, and read, opened or appended to many at a time.

Each call into zarr waits for its event loop in another thread, which costs more than most of what
a lab asks of it. So the columns of a table go through it together.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import zarr
from icechunk import IcechunkStore
from zarr.abc.store import Store
from zarr.core.group import GroupMetadata
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync  # the one way to wait for zarr's own event loop

from workoutlab.store import chunks, layout
from workoutlab.store.failures import reading

__all__ = [
    "append_arrays",
    "create_array",
    "create_nodes",
    "describe_array",
    "find_group",
    "list_groups",
    "open_array",
    "open_arrays",
    "open_group",
    "read_arrays",
    "remember",
    "whole",
]

Array = zarr.Array[Any]
Made = TypeVar("Made")

_STORES_KEPT = 16
_kept: OrderedDict[int, tuple[Store, dict[str, Any]]] = OrderedDict()
"""Open groups and arrays, and what was read of them, by the id of their store. It is kept too, so
that no other takes its id."""
_keeping = Lock()


def create_array(
    group: zarr.Group,
    name: str,
    *,
    dtype: npt.DTypeLike,
    chunk: int,
    trailing: tuple[int, ...] = (),
    attributes: Mapping[str, Any],
) -> None:
    """Create an empty array of shape (0, *trailing), its chunks `chunk` long, with checksums.

    Entries that were never written read as the attribute ``unknown``, where there is one.
    """
    create_nodes(group, {name: describe_array(dtype, chunk, trailing, attributes)})


def describe_array(
    dtype: npt.DTypeLike, chunk: int, trailing: tuple[int, ...], attributes: Mapping[str, Any]
) -> ArrayV3Metadata:
    """Return the metadata of the array that :func:`create_array` creates."""
    kind = "str" if dtype == "str" else np.dtype(dtype).name
    empty = attributes.get("unknown", layout.fill(kind))
    return _describe_plain(kind, chunk, trailing, empty).update_attributes(dict(attributes))


@lru_cache(maxsize=64)
def _describe_plain(
    dtype: str, chunk: int, trailing: tuple[int, ...], fill_value: Any
) -> ArrayV3Metadata:
    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=(0, *trailing),
        chunks=(chunk, *trailing),
        dtype=dtype,
        compressors=layout.codecs(dtype),
        fill_value=fill_value,
    )
    assert isinstance(array.metadata, ArrayV3Metadata)
    return array.metadata


def create_nodes(group: zarr.Group, nodes: Mapping[str, ArrayV3Metadata | GroupMetadata]) -> None:
    """Create arrays and groups in `group` together, by their paths; none of them may be there."""
    for _ in group.create_hierarchy(dict(nodes)):
        pass


def open_array(group: zarr.Group, name: str) -> Array:
    """Open array `name` of `group`.

    Raises
    ------
    DamagedLabError
        If it is missing or its metadata cannot be read.
    """
    return open_arrays(group, [name])[0]


def open_arrays(group: zarr.Group, names: Sequence[str]) -> list[Array]:
    """Open arrays of `group`; those of a snapshot, which never change, are opened once.

    Raises
    ------
    DamagedLabError
        If one is missing or its metadata cannot be read.
    """
    known = _known(group.store)
    missing = [name for name in names if f"{group.path}/{name}" not in known]
    with reading(f"the arrays {', '.join(missing)} of {group.path or 'the root'}"):
        opened = sync(_open(group, missing)) if missing else []
    found = {name: zarr.Array(array) for name, array in zip(missing, opened, strict=True)}
    known.update({f"{group.path}/{name}": array for name, array in found.items()})
    return [found[name] if name in found else known[f"{group.path}/{name}"] for name in names]


def open_group(group: zarr.Group, name: str) -> zarr.Group:
    """Open the group `name` of `group`; that of a snapshot is opened once.

    Raises
    ------
    DamagedLabError
        If it is missing or its metadata cannot be read.
    """
    known, path = _known(group.store), f"{group.path}/{name}".lstrip("/")
    if path not in known:
        with reading(f"the group {path}"):
            found = group[name]
            if not isinstance(found, zarr.Group):
                raise TypeError("it is an array")
            known[path] = found
    opened: zarr.Group = known[path]
    return opened


def find_group(root: zarr.Group, path: str) -> zarr.Group | None:
    """Return the group at `path`, None where there is none; that of a snapshot is opened once.

    Raises
    ------
    DamagedLabError
        If it cannot be read, or an array lies there.
    """
    known, place = _known(root.store), f"{root.path}/{path}".lstrip("/")
    if place not in known:
        with reading(path):
            found = root.get(path)
            if isinstance(found, zarr.Array):
                raise TypeError("it is not a group")
            if found is None:
                return None
            known[place] = found
    group: zarr.Group = known[place]
    return group


def list_groups(root: zarr.Group, path: str) -> list[str]:
    """List the groups in the group at `path`, sorted; none where it is missing."""
    home = find_group(root, path)
    return [] if home is None else sorted(home.group_keys())


def remember(root: zarr.Group, what: str, make: Callable[[], Made]) -> Made:
    """Return what `make` makes of a lab at a snapshot, which never changes: it is made once.

    Of a lab that is being written, it is made anew each time.
    """
    known = _known(root.store)
    if what not in known:
        known[what] = made = make()
        return made
    kept: Made = known[what]
    return kept


def _known(store: Store) -> dict[str, Any]:
    if not isinstance(store, IcechunkStore) or not store.session.read_only:
        return {}
    with _keeping:
        known = _kept.setdefault(id(store), (store, {}))[1]
        _kept.move_to_end(id(store))
        if len(_kept) > _STORES_KEPT:
            _kept.popitem(last=False)
        return known


async def _open(group: zarr.Group, names: Iterable[str]) -> list[Any]:
    paths = (group.store_path / name for name in names)
    return await asyncio.gather(*(zarr.AsyncArray.open(path) for path in paths))


def read_arrays(
    group: zarr.Group, names: Sequence[str], start: int = 0, stop: int | None = None
) -> list[npt.NDArray[Any]]:
    """Read entries `start` to `stop` of arrays of `group`.

    Raises
    ------
    DamagedLabError
        If one cannot be read.
    """
    return sync(_read(open_arrays(group, names), start, stop))


async def _read(arrays: Iterable[Array], start: int, stop: int | None) -> list[npt.NDArray[Any]]:
    return await asyncio.gather(*(_read_one(array, start, stop) for array in arrays))


async def _read_one(array: Array, start: int, stop: int | None) -> npt.NDArray[Any]:
    until = array.shape[0] if stop is None else min(stop, array.shape[0])
    with reading(f"{array.path}, entries {start} to {until},"):
        if start < until and (coding := chunks.coding_of(array)):
            return await chunks.read(array, coding, start, until)
        values = np.asarray(await array.async_array.getitem(slice(start, stop)))
        for chunk in _suspects(array, values, start):
            place = (chunk, *(0,) * (array.ndim - 1))
            if not await (array.store_path / array.metadata.encode_chunk_key(place)).exists():
                raise LookupError(f"chunk {chunk} is missing")
    return values


def _suspects(array: Array, values: npt.NDArray[Any], start: int) -> list[int]:
    """Find the chunks whose first value reads as if it was never written.

    Zarr reads a missing chunk as its fill value. Every chunk of a lab is written, so that one that
    is missing was lost, in a damaged manifest say: that must not pass for a blank.
    """
    if not values.size:
        return []
    chunk = array.chunks[0]
    numbers = np.arange(start // chunk, (start + len(values) - 1) // chunk + 1)
    firsts = values[np.maximum(numbers * chunk - start, 0)]
    blank = firsts == array.fill_value
    if array.dtype.kind == "f":
        blank |= np.isnan(firsts) & np.isnan(array.fill_value)
    return [int(number) for number in numbers[blank.reshape(len(numbers), -1).all(axis=1)]]


def append_arrays(arrays: Sequence[Array], entries: Iterable[npt.NDArray[Any]]) -> None:
    """Lengthen arrays, each by its entries.

    Raises
    ------
    DamagedLabError
        If the last chunk of one, which is written anew, cannot be read.
    """
    sync(_append(arrays, entries))


async def _append(arrays: Iterable[Array], entries: Iterable[npt.NDArray[Any]]) -> None:
    pairs = zip(arrays, entries, strict=True)
    await asyncio.gather(*(_append_one(array, values) for array, values in pairs))


async def _append_one(array: Array, values: npt.NDArray[Any]) -> None:
    first = array.shape[0]
    await array.async_array.resize((first + len(values), *array.shape[1:]))
    if coding := chunks.coding_of(array):
        with reading(f"the last chunk of {array.path}"):
            await chunks.append(array, coding, first, values)
    else:
        await whole(array).async_array.setitem(slice(first, first + len(values)), values)


def whole(array: Array) -> Array:
    """Return the array such that it writes chunks that look empty too."""
    return array.with_config({"write_empty_chunks": True})
