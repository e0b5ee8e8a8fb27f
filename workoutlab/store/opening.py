"""Open or create the repository at an address, without mistaking damage for a new lab."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

import icechunk
import zarr

from workoutlab.errors import LabError, LabNotFoundError
from workoutlab.store import disk, layout, recordings
from workoutlab.store.address import Address
from workoutlab.store.failures import reading
from workoutlab.store.repository import BRANCH, Repository

__all__ = ["connect", "disconnect"]

if "ICECHUNK_LOG" not in os.environ:
    # Icechunk warns, on standard output, that commits on a local disk are not safe: here they are
    # made under a lock.
    icechunk.set_logs_filter("warn,icechunk::storage::object_store=error")

_open: dict[Address, "Repository"] = {}
_opening = Lock()


def connect(address: Address, *, create: bool) -> "Repository":
    """Open the repository at `address`; a process opens each once.

    Raises
    ------
    LabNotFoundError
        If there is none and `create` is False.
    LabError
        If the folder holds something else.
    DamagedLabError
        If its head cannot be read.
    """
    with _opening:
        kept = _open.get(address)
        if kept is not None and (address.kind != "folder" or kept.is_there()):
            return kept
        _open[address] = repository = Repository(address, _open_or_create(address, create=create))
        return repository


def disconnect(address: Address) -> None:
    """Forget the open repository, with what it has cached of snapshots that are gone."""
    with _opening:
        if address.kind != "memory":
            _open.pop(address, None)


def _open_or_create(address: Address, *, create: bool) -> icechunk.Repository:
    if address.kind == "folder":
        return _open_or_create_folder(address, create=create)
    storage = address.storage()
    if address.kind == "s3":
        with reading(f"the lab at {address.url}"):
            if icechunk.Repository.exists(storage):
                found = icechunk.Repository.open(storage, config=layout.configuration())
                return _born(found) if _unborn(found) and create else found
    if not create:
        raise LabNotFoundError(_missing(address))
    return _born(icechunk.Repository.open_or_create(storage, config=layout.configuration()))


def _unborn(repository: icechunk.Repository) -> bool:
    """Whether nothing was committed yet: the head is the snapshot that Icechunk starts with."""
    head = repository.lookup_snapshot(repository.lookup_branch(BRANCH))
    return head.parent_id is None


def _missing(address: Address) -> str:
    if address.kind == "memory":
        return (
            f"there is no lab at {address.url} in this process: a lab in memory lives only in the "
            "process that made it; use a folder or s3:// to share it between processes"
        )
    return f"there is no lab at {address.url}; create one by Lab(url) or name another place"


def _open_or_create_folder(address: Address, *, create: bool) -> icechunk.Repository:
    folder = Path(address.path)
    if (found := disk.contents(folder)) != "lab":
        if found == "other":
            raise LabError(
                f"{folder} holds something that is not a lab; name a new or an empty folder"
            )
        if not create:
            raise LabNotFoundError(_missing(address))
        return _create_folder(address, folder)
    with reading(f"the head of the lab at {folder}"):
        return icechunk.Repository.open(address.storage(), config=layout.configuration())


def _create_folder(address: Address, folder: Path) -> icechunk.Repository:
    folder.mkdir(parents=True, exist_ok=True)
    with disk.lock(folder):
        if disk.contents(folder) != "lab":
            with disk.building(folder) as new:
                storage = icechunk.local_filesystem_storage(str(new))
                _born(icechunk.Repository.create(storage, config=layout.configuration()))
        return icechunk.Repository.open(address.storage(), config=layout.configuration())


def _born(repository: icechunk.Repository) -> icechunk.Repository:
    """Give a new repository its sentinel and empty tables, in one commit."""
    session = repository.writable_session(BRANCH)
    root = zarr.open_group(session.store, mode="a")
    if not layout.has_sentinel(root):
        root.attrs.update(layout.sentinel())
        recordings.create(root)
        with suppress(icechunk.ConflictError):  # another process was first
            session.commit("create the lab")
    return repository
