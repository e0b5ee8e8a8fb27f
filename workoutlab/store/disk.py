"""A lab's folder: what is in it, its lock, and bytes that must survive a power cut."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Literal

import filelock

from workoutlab.errors import LabError

__all__ = ["building", "contents", "lock", "size_bytes", "sync"]

_LOCK = ".lock"
_NEW = ".new"
_SNAPSHOTS_AT_BIRTH = 2
_PARTS = ("chunks", "manifests", "refs", "seals", "snapshots", "transactions", "config.yaml")
_PATIENCE_S = 600.0

Contents = Literal["absent", "empty", "unborn", "lab", "other"]


def contents(folder: Path) -> Contents:
    """Say what `folder` holds.

    ``"unborn"`` is a lab whose creation was cut short, so that nothing was ever stored in it. A
    folder with any other part of a lab is a ``"lab"``, readable or not.

    Examples
    --------
    >>> contents(Path("no/such/folder"))
    'absent'
    """
    if not folder.exists():
        return "absent"
    if not folder.is_dir():
        return "other"
    names = {entry.name for entry in folder.iterdir()} - {_LOCK}
    if not names - {_NEW}:
        return "empty"
    if not names & set(_PARTS):
        return "other"
    return "unborn" if _NEW in names and "refs" not in names and _holds_nothing(folder) else "lab"


def _holds_nothing(folder: Path) -> bool:
    return not _entries(folder / "chunks") and _entries(folder / "snapshots") <= _SNAPSHOTS_AT_BIRTH


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Give an empty folder to build a new lab in, and move its parts to `folder` at the end.

    The head moves last: a lab that has one is whole.
    """
    new = folder / _NEW
    rmtree(new, ignore_errors=True)
    new.mkdir()
    yield new
    sync(folder)
    for part in (*sorted({entry.name for entry in new.iterdir()} - {"refs"}), "refs"):
        rmtree(folder / part, ignore_errors=True)  # what an unborn lab left
        (new / part).rename(folder / part)
    new.rmdir()
    sync(folder)
    sync(folder.parent)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the lab's lock, which other processes wait for; the kernel frees it if we die.

    Raises
    ------
    LabError
        If another process holds it for ten minutes, or the folder cannot be written.
    """
    held = filelock.FileLock(folder / _LOCK, timeout=_PATIENCE_S, poll_interval=0.005)
    try:
        held.acquire()
    except filelock.Timeout as error:
        raise LabError(
            f"another process has been writing to the lab at {folder} for {_PATIENCE_S:.0f} s; "
            "wait for it, or end it: its lock goes with it"
        ) from error
    except OSError as error:
        raise LabError(f"the lab at {folder} cannot be written: {error}") from error
    try:
        yield
    finally:
        held.release()


def sync(folder: Path) -> None:
    """Return when everything written to the file system of `folder` is on the disk itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs is None:
            os.sync()
        elif _syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(descriptor)


_syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
"""Linux only; other systems sync every file system."""


def size_bytes(folder: Path) -> int:
    """Add up the sizes of all files in `folder`."""
    total, waiting = 0, [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total
