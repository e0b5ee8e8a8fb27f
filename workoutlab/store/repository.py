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
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock, get_ident
from typing import Final, NamedTuple, NoReturn, TypeVar

import icechunk
import zarr

from workoutlab.errors import LabError, SnapshotNotFoundError
from workoutlab.store import disk, layout
from workoutlab.store.address import Address
from workoutlab.store.digests import DigestIndex
from workoutlab.store.failures import reading, reason
from workoutlab.store.seals import drop_seals, seal

__all__ = ["BRANCH", "ERASURE", "Repository", "Snapshot"]

Result = TypeVar("Result")

BRANCH: Final = "main"
ERASURE: Final = "erase a person"
"""Message of the commit that erases; what came before it is dropped next."""

_TRIES = 100
_LONGEST_BACKOFF_S = 2.0
_ROOTS_KEPT = 8
_DAY = timedelta(days=1)


class Snapshot(NamedTuple):
    """One state of the lab."""

    id: str
    time: datetime
    message: str


class Repository:
    """The snapshots of one lab; shared by everything in this process that looks at it."""

    def __init__(self, address: Address, storage: icechunk.Storage) -> None:
        self.address, self._storage = address, storage
        self.icechunk = self._open()
        self.digests = DigestIndex()
        self._roots: OrderedDict[str, zarr.Group] = OrderedDict()
        self._writing, self._looking = Lock(), Lock()
        self._writer: int | None = None

    def _open(self) -> icechunk.Repository:
        with reading(f"the head of the lab at {self.address.url}"):
            config = layout.configuration(folder=self.folder is not None)
            return icechunk.Repository.open(self._storage, config=config)

    def fresh(self) -> "Repository":
        """Open the same lab again, with nothing cached: what is read comes from the store."""
        return Repository(self.address, self._storage)

    @property
    def folder(self) -> Path | None:
        """The folder of a lab in a folder."""
        return Path(self.address.path) if self.address.kind == "folder" else None

    def is_there(self) -> bool:
        """Whether the head of a lab in a folder is still where it was."""
        return self.folder is None or (self.folder / f"refs/branch.{BRANCH}/ref.json").exists()

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
        except icechunk.IcechunkError as error:
            self._explain(snapshot, error)
        with reading(f"the root of snapshot {snapshot} of {self.address.url}"):
            root = zarr.open_group(session.store, mode="r")
            layout.check_sentinel(root, self.address.url)
            return root

    def _explain(self, snapshot: str, error: icechunk.IcechunkError) -> NoReturn:
        message = str(error)
        if snapshot != self.head() and ("not found" in message or "invalid snapshot" in message):
            raise SnapshotNotFoundError(
                f"the lab at {self.address.url} holds no snapshot {snapshot!r}; "
                "history() lists those it holds (erasing a person drops the earlier ones)"
            ) from error
        with reading(f"snapshot {snapshot} of the lab at {self.address.url}"):
            raise error

    def check_held(self, snapshot: str) -> None:
        """Look in the store itself whether `snapshot` is still there.

        Raises
        ------
        SnapshotNotFoundError
            If it is gone, since a person was erased.
        """
        self.fresh().root(snapshot)

    def history(self) -> Iterator[Snapshot]:
        """Yield the snapshots, newest first, without the empty one that Icechunk starts with.

        Raises
        ------
        DamagedLabError
            If one cannot be read.
        """
        with reading(f"the history of the lab at {self.address.url}"):
            # Opened anew: an erasure rewrites the newest snapshot, which may be cached here.
            for info in self._open().ancestry(branch=BRANCH):
                if info.parent_id is not None:
                    yield Snapshot(info.id, info.written_at, info.message)

    def describe(self, snapshot: str) -> Snapshot:
        """Return when `snapshot` was made, and why."""
        with reading(f"snapshot {snapshot} of the lab at {self.address.url}"):
            info = self.icechunk.lookup_snapshot(snapshot)
            return Snapshot(info.id, info.written_at, info.message)

    def size_bytes(self) -> int:
        """Bytes that the lab takes: all files of a folder, elsewhere the chunks alone."""
        if self.folder is not None:
            return disk.size_bytes(self.folder)
        with reading(f"the lab at {self.address.url}"):
            stats = self.icechunk.chunk_storage_stats()
        return int(stats.non_virtual_bytes())

    def owes_forgetting(self) -> bool:
        """Whether an erasure was cut short: it is in the history, and what came before it too."""
        messages = [snapshot.message for snapshot in self.history()]
        return ERASURE in messages[:-1]

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
                        f"nothing was stored in the lab at {self.address.url}: {reason(error)}"
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
        if self._writer == get_ident():
            raise LabError(
                "a write to a lab cannot begin inside another one; do all in one transact()"
            )
        with self._writing, disk.lock(self.folder) if self.folder else nullcontext():
            self._writer = get_ident()
            try:
                yield
            finally:
                self._writer = None

    def _commit(self, session: icechunk.Session, message: str) -> str:
        if self.folder is None:
            return str(session.commit(message))
        parent = session.snapshot_id
        snapshot = str(session.flush(message))
        seal(self.folder, self.icechunk, snapshot)
        disk.sync(self.folder)
        self.icechunk.reset_branch(BRANCH, snapshot, from_snapshot_id=parent)
        disk.sync(self.folder)
        return snapshot

    def forget_past(self) -> tuple[int, int]:
        """Drop every snapshot but the newest, and all that only they held, from the store.

        Returns
        -------
        tuple
            How many snapshots were dropped, and the bytes that were freed.
        """
        with self._exclusively():
            tip = next(iter(self.icechunk.ancestry(branch=BRANCH)))
            dropped = self.icechunk.expire_snapshots(tip.written_at)
            # Elsewhere than in a locked folder others may be writing: what they wrote after the tip
            # is not referenced yet, and what they wrote before it, they will write again, since
            # their commit conflicts.
            until = tip.written_at if self.folder is None else datetime.now(UTC) + _DAY
            freed = self.icechunk.garbage_collect(until)
            if self.folder is not None:
                drop_seals(self.folder, keep=tip.id)
                seal(self.folder, self.icechunk, tip.id)
                disk.sync(self.folder)
            self._forget_open()
        return len(dropped), int(freed.bytes_deleted)

    def _forget_open(self) -> None:
        with self._looking:
            self._roots.clear()
            self.icechunk = self._open()
