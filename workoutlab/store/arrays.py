"""Arrays of a lab: created with checksums, and read, opened or appended to many at a time.

Each call into zarr waits for its event loop in another thread, which costs more than most of what
a lab asks of it. So the columns of a table go through it together.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from icechunk import IcechunkStore
from zarr.abc.store import Store
from zarr.core.sync import sync  # the one way to wait for zarr's own event loop

from workoutlab.store import layout
from workoutlab.store.failures import reading

__all__ = ["append_arrays", "create_array", "open_array", "open_arrays", "read_arrays"]

Array = zarr.Array[Any]

_STORES_KEPT = 16
_kept: OrderedDict[int, tuple[Store, dict[str, Array]]] = OrderedDict()
"""Open arrays by the id of their store, which is kept with them, so that no other takes its id."""
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
    group.create_array(
        name,
        shape=(0, *trailing),
        chunks=(chunk, *trailing),
        dtype=dtype,
        compressors=layout.codecs(dtype),
        fill_value=attributes.get("unknown", layout.fill(dtype)),
        attributes=dict(attributes),
    )


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


def _known(store: Store) -> dict[str, Array]:
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
    arrays = open_arrays(group, names)
    with reading(f"{', '.join(names)} of {group.path or 'the root'}"):
        return [np.asarray(values) for values in sync(_read(arrays, slice(start, stop)))]


async def _read(arrays: Iterable[Array], part: slice) -> list[Any]:
    return await asyncio.gather(*(array.async_array.getitem(part) for array in arrays))


def append_arrays(group: zarr.Group, entries: Mapping[str, npt.NDArray[Any]]) -> None:
    """Lengthen arrays of `group`, each by its entries; empty chunks are written too."""
    arrays = open_arrays(group, list(entries))
    sync(_append(arrays, list(entries.values())))


async def _append(arrays: Iterable[Array], entries: Iterable[npt.NDArray[Any]]) -> None:
    pairs = zip(arrays, entries, strict=True)
    await asyncio.gather(*(_append_one(array.async_array, values) for array, values in pairs))


async def _append_one(array: Any, values: npt.NDArray[Any]) -> None:
    first = array.shape[0]
    await array.resize((first + len(values), *array.shape[1:]))
    kept = array.with_config({"write_empty_chunks": True})
    await kept.setitem(slice(first, first + len(values)), values)
