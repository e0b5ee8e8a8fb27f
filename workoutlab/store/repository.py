"""One lab's repository: its snapshots, and the one way to write to it.

On a folder a write is ahead of its acknowledgement: under the file lock, the new snapshot is
written and synced to the disk before the branch moves to it, and the branch before the call
returns. A crash leaves the last acknowledged snapshot, and at worst an unreferenced one. On S3 the
branch moves by a conditional put instead, and a writer that lost the race starts again from the
new head. In memory a lock between threads does.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple, TypeVar

import icechunk
import zarr

from workoutlab.errors import LabError, SnapshotNotFoundError
from workoutlab.store import disk, layout
from workoutlab.store.address import Address
from workoutlab.store.digests import DigestIndex
from workoutlab.store.failures import reading

__all__ = ["BRANCH", "Repository", "Snapshot"]

Result = TypeVar("Result")

BRANCH: Final = "main"
_TRIES = 100
_LONGEST_BACKOFF_S = 2.0
_ROOTS_KEPT = 8


class Snapshot(NamedTuple):
    """One state of the lab."""

    id: str
    time: datetime
    message: str


class Repository:
    """The snapshots of one lab; shared by everything in this process that looks at it."""

    def __init__(self, address: Address, repository: icechunk.Repository) -> None:
        self.address, self.icechunk = address, repository
        self.digests = DigestIndex()
        self._roots: OrderedDict[str, zarr.Group] = OrderedDict()
        self._writing, self._looking = Lock(), Lock()

    def is_there(self) -> bool:
        """Whether the head of a lab in a folder is still where it was."""
        return Path(self.address.path, "refs", f"branch.{BRANCH}", "ref.json").exists()

    def head(self) -> str:
        """Return the id of the newest snapshot.

        Raises
        ------
        DamagedLabError
            If it cannot be read.
        """
        with reading(f"the head of the lab at {self.address.url}"):
            return str(self.icechunk.lookup_branch(BRANCH))

    def root(self, snapshot: str) -> zarr.Group:
        """Open the root group at `snapshot`, read-only; the last few stay open.

        Raises
        ------
        SnapshotNotFoundError
            If there is no such snapshot.
        DamagedLabError
            If it cannot be read.
        """
        with self._looking:
            if snapshot in self._roots:
                self._roots.move_to_end(snapshot)
                return self._roots[snapshot]
        root = self._open_root(snapshot)
        with self._looking:
            self._roots[snapshot] = root
            if len(self._roots) > _ROOTS_KEPT:
                self._roots.popitem(last=False)
        return root

    def _open_root(self, snapshot: str) -> zarr.Group:
        try:
            session = self.icechunk.readonly_session(snapshot_id=snapshot)
        except (icechunk.IcechunkError, ValueError) as error:
            raise SnapshotNotFoundError(
                f"the lab at {self.address.url} holds no snapshot {snapshot!r}; "
                "history() lists those it holds (erasing a person drops the earlier ones)"
            ) from error
        with reading(f"the root of snapshot {snapshot} of {self.address.url}"):
            root = zarr.open_group(session.store, mode="r")
            layout.check_sentinel(root, self.address.url)
            return root

    def history(self) -> Iterator[Snapshot]:
        """Yield the snapshots, newest first, without the empty one that Icechunk starts with.

        Raises
        ------
        DamagedLabError
            If one cannot be read.
        """
        with reading(f"the history of the lab at {self.address.url}"):
            for info in self.icechunk.ancestry(branch=BRANCH):
                if info.parent_id is not None:
                    yield Snapshot(info.id, info.written_at, info.message)

    def transact(self, write: Callable[[zarr.Group], Result], message: str) -> tuple[Result, str]:
        """Call `write` with the head's root group and commit what it wrote, whole or not at all.

        Where another writer was faster, `write` is called again on the new head.

        Returns
        -------
        tuple
            What `write` returned, and the id of the snapshot that holds what it wrote: the head
            as it was, if it wrote nothing.

        Raises
        ------
        LabError
            If the commit failed; nothing is stored then.
        DamagedLabError
            If the head cannot be read.
        """
        with self._exclusively():
            for attempt in range(_TRIES):
                session = self._writable_session()
                result = write(self._writable_root(session))
                if not session.has_uncommitted_changes:
                    return result, str(session.snapshot_id)
                try:
                    return result, self._commit(session, message)
                except icechunk.ConflictError:
                    time.sleep(random.uniform(0, min(0.02 * 2**attempt, _LONGEST_BACKOFF_S)))
                except icechunk.IcechunkError as error:
                    raise LabError(
                        f"nothing was stored in the lab at {self.address.url}: {error}"
                    ) from error
        raise LabError(
            f"nothing was stored in the lab at {self.address.url}: other writers were faster "
            f"{_TRIES} times in a row; have fewer of them, or larger batches"
        )

    def _writable_session(self) -> icechunk.Session:
        with reading(f"the head of the lab at {self.address.url}"):
            return self.icechunk.writable_session(BRANCH)

    def _writable_root(self, session: icechunk.Session) -> zarr.Group:
        with reading(f"the root of the lab at {self.address.url}"):
            root = zarr.open_group(session.store, mode="r+")
            layout.check_sentinel(root, self.address.url)
            return root

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        with self._writing:
            if self.address.kind != "folder":
                yield
                return
            with disk.lock(Path(self.address.path)):
                yield

    def _commit(self, session: icechunk.Session, message: str) -> str:
        if self.address.kind != "folder":
            return str(session.commit(message))
        folder, parent = Path(self.address.path), session.snapshot_id
        snapshot = str(session.flush(message))
        disk.sync(folder)
        self.icechunk.reset_branch(BRANCH, snapshot, from_snapshot_id=parent)
        disk.sync(folder)
        return snapshot
