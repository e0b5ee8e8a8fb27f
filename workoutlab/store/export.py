"""A plain copy of a lab's newest state, for readers that know Zarr and not Icechunk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore

from workoutlab.errors import InputError
from workoutlab.store.failures import reading

__all__ = ["export_zarr"]

_TOGETHER = 16
"""Chunks in flight: they bound the memory of a copy."""


def export_zarr(root: zarr.Group, path: Path) -> None:
    """Copy every array and group under `root`, chunk by chunk, to a new Zarr 3 folder.

    The root's metadata come last, so that a copy that was cut short cannot be opened.

    Raises
    ------
    InputError
        If there is something at `path`.
    DamagedLabError
        If a chunk cannot be read.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"export to {path}: it is not empty; name a new folder")
    with reading(f"the lab, to be copied to {path},"):
        sync(_copy(root, LocalStore(path)))


async def _copy(root: zarr.Group, target: LocalStore) -> None:
    async for keys in _batches(root.store.list()):
        await asyncio.gather(*(_copy_one(root, target, key) for key in keys if key != "zarr.json"))
    await _copy_one(root, target, "zarr.json")


async def _batches(keys: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    async for key in keys:
        batch.append(key)
        if len(batch) == _TOGETHER:
            yield batch
            batch = []
    yield batch


async def _copy_one(root: zarr.Group, target: LocalStore, key: str) -> None:
    value = await root.store.get(key, prototype=default_buffer_prototype())
    if value is None:
        raise LookupError(f"{key} is missing")
    await target.set(key, value)
