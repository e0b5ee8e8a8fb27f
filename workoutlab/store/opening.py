"""Open or create the repository at an address, without mistaking damage for a new lab."""

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock

import icechunk
import zarr

from workoutlab.errors import LabError, LabNotFoundError
from workoutlab.store import disk, layout, recordings
from workoutlab.store.address import Address
from workoutlab.store.failures import reason
from workoutlab.store.repository import BRANCH, Repository
from workoutlab.store.seals import seal

__all__ = ["connect"]

if "ICECHUNK_LOG" not in os.environ:
    # Icechunk logs on standard output, where a command prints its result: that commits on a local
    # disk are not safe (here they are made under a lock), and errors, which it raises as well.
    icechunk.set_logs_filter("off")

_open: dict[Address, Repository] = {}
_opening = Lock()
_TRIES = 20


def connect(address: Address, *, create: bool) -> Repository:
    """Open the repository at `address`; a process opens each once.

    Raises
    ------
    LabNotFoundError
        If there is none and `create` is False.
    LabError
        If the folder holds something else, or the store cannot be reached.
    DamagedLabError
        If its head cannot be read.
    """
    with _opening:
        kept = _open.get(address)
        if kept is not None and kept.is_there():
            return kept
        opener = _folder if address.kind == "folder" else _memory_or_bucket
        _open[address] = repository = Repository(address, opener(address, create=create))
        return repository


def _memory_or_bucket(address: Address, *, create: bool) -> icechunk.Storage:
    storage = address.storage()
    try:
        if create:
            _begin(storage)
        elif not icechunk.Repository.exists(storage):
            raise LabNotFoundError(_missing(address))
        repository = icechunk.Repository.open(storage, config=layout.configuration())
        if not _finished(repository):
            if not create:
                raise LabNotFoundError(_missing(address))
            _finish(repository)
    except icechunk.IcechunkError as error:
        raise LabError(f"the lab at {address.url} cannot be reached: {reason(error)}") from error
    return storage


def _begin(storage: icechunk.Storage) -> None:
    """Create the repository, unless there is one or another process is about to have created it."""
    for left in reversed(range(_TRIES)):
        if icechunk.Repository.exists(storage):
            return
        try:
            icechunk.Repository.create(storage, config=layout.configuration())
        except icechunk.IcechunkError:
            if not left:
                raise
            time.sleep(0.1)


def _missing(address: Address) -> str:
    if address.kind == "memory":
        return (
            f"there is no lab at {address.url} in this process: a lab in memory lives only in the "
            "process that made it; use a folder or s3:// to share it between processes"
        )
    return f"there is no lab at {address.url}; create one by Lab(url), or name another place"


def _folder(address: Address, *, create: bool) -> icechunk.Storage:
    folder = Path(address.path)
    found = disk.contents(folder)
    if found == "other":
        raise LabError(f"{folder} holds something that is not a lab; name a new or an empty folder")
    if found != "lab":
        if not create:
            raise LabNotFoundError(_missing(address))
        _create(folder)
    return address.storage()


def _create(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with disk.lock(folder):
        if disk.contents(folder) != "lab":  # nobody was faster
            with disk.building(folder) as new:
                storage = icechunk.local_filesystem_storage(str(new))
                repository = icechunk.Repository.create(storage, config=layout.configuration())
                _finish(repository)
                seal(new, repository, repository.lookup_branch(BRANCH))


def _finished(repository: icechunk.Repository) -> bool:
    """Whether a commit was made, the first of which makes it a lab."""
    return _has_parent(repository, repository.lookup_branch(BRANCH))


def _has_parent(repository: icechunk.Repository, snapshot: str) -> bool:
    return repository.lookup_snapshot(snapshot).parent_id is not None


def _finish(repository: icechunk.Repository) -> None:
    """Give a repository without a commit its sentinel and empty tables."""
    session = repository.writable_session(BRANCH)
    if _has_parent(repository, session.snapshot_id):  # another process has just finished it
        return
    root = zarr.open_group(session.store, mode="a")
    root.attrs.update(layout.sentinel())
    recordings.create(root)
    with suppress(icechunk.ConflictError):  # another process was first
        session.commit("create the lab")
