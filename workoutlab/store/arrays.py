"""Arrays of a lab: opened once for each snapshot, created with checksums."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy.typing as npt
import zarr
from icechunk import IcechunkStore

from workoutlab.store import layout
from workoutlab.store.failures import reading

__all__ = ["create_array", "open_array"]

Array = zarr.Array[Any]


def open_array(group: zarr.Group, name: str) -> Array:
    """Open array `name` of `group`; arrays of a snapshot are opened once in a process.

    Raises
    ------
    DamagedLabError
        If it is missing or its metadata cannot be read.
    """
    store = group.store
    if isinstance(store, IcechunkStore) and store.session.read_only:
        return _open_kept(_Pinned(group, store.session.snapshot_id), name)
    return _open(group, name)


class _Pinned:
    """A group at a snapshot: equal to every other one of the same path and snapshot."""

    def __init__(self, group: zarr.Group, snapshot: str) -> None:
        self.group, self.key = group, (snapshot, group.path)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pinned) and other.key == self.key


@lru_cache(maxsize=512)
def _open_kept(pinned: _Pinned, name: str) -> Array:
    return _open(pinned.group, name)


def _open(group: zarr.Group, name: str) -> Array:
    with reading(f"array {group.path}/{name}"):
        array = group[name]
        if not isinstance(array, zarr.Array):
            raise TypeError("it is a group")
        return array


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
