"""A lab: recordings, their sets and the models made from them, in one versioned store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy.typing as npt

from workoutlab.errors import DamagedLabError, InputError, NotInLabError, ReadOnlyLabError
from workoutlab.recording import Recording
from workoutlab.schema import TABLES
from workoutlab.store import erasure, export, summary, tables, verification
from workoutlab.store import recordings as stored
from workoutlab.store.address import Address
from workoutlab.store.erasure import EraseResult
from workoutlab.store.lookup import read_recording, read_samples
from workoutlab.store.opening import connect
from workoutlab.store.problems import Problem, VerifyResult
from workoutlab.store.recordings import AppendResult, Outcome
from workoutlab.store.repository import ERASURE, Repository
from workoutlab.store.summary import LabInfo

if TYPE_CHECKING:
    import pandas as pd
    import zarr

__all__ = ["AppendResult", "EraseResult", "Lab", "LabInfo", "Outcome", "Problem", "VerifyResult"]

Result = TypeVar("Result")


class Lab:
    """Recordings, their sets and the models made from them, in one versioned store.

    A lab is pinned at a snapshot: the newest when it is opened, then what its own writes make. What
    others write shows after :meth:`refresh`. Any number of processes may read and write one lab at
    a time; each write is one atomic commit. It pickles as its address and snapshot, so that a Dask
    task sees what its caller saw.

    Parameters
    ----------
    url
        A folder, ``"memory://name"`` (seen by this process only) or ``"s3://bucket/prefix"``.
    create
        Whether to make a new lab where there is none.
    storage_options
        For S3: ``region``, ``endpoint_url``, ``access_key_id``, ``secret_access_key``,
        ``session_token``, ``allow_http``, ``force_path_style``, ``anonymous``, ``from_env``.
        Without a key, the environment's are used. They travel with a pickled lab.

    Raises
    ------
    LabNotFoundError
        If there is none and `create` is False.
    LabError
        If the folder holds something else.
    DamagedLabError
        If there is one that cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab import Recording
    >>> lab = Lab("memory://example")
    >>> still = np.tile(np.float32([0, 0, 1]), (100, 1))
    >>> recording = Recording(user="ann", session="monday", acceleration=still, rate_hz=50)
    >>> lab.append([recording]).outcomes[0].status
    'stored'
    >>> lab.append([recording]).outcomes[0].status
    'duplicate'
    >>> lab.table("recordings", ["user", "duration_s"])
      user  duration_s
    0  ann         2.0
    >>> lab.read(0).shape
    (100, 3)
    """

    def __init__(
        self,
        url: str | Path,
        *,
        create: bool = True,
        storage_options: Mapping[str, object] | None = None,
    ) -> None:
        self._address = Address.parse(url, storage_options)
        self._repository_kept: Repository | None = connect(self._address, create=create)
        self.read_only = False
        self.snapshot = self._repository_kept.head()
        self.root()

    @classmethod
    def _pinned(cls, address: Address, snapshot: str, read_only: bool) -> "Lab":
        lab = cls.__new__(cls)
        lab._address, lab._repository_kept = address, None
        lab.snapshot, lab.read_only = snapshot, read_only
        return lab

    def __reduce__(self) -> tuple[Any, ...]:
        return Lab._pinned, (self._address, self.snapshot, self.read_only)

    @property
    def _repository(self) -> Repository:
        if self._repository_kept is None:
            self._repository_kept = connect(self._address, create=False)
        return self._repository_kept

    @property
    def url(self) -> str:
        """The folder's absolute path, or the URL."""
        return self._address.url

    def __repr__(self) -> str:
        past = ", read-only" if self.read_only else ""
        return f"Lab({self.url!r} at {self.snapshot}{past})"

    def root(self) -> "zarr.Group":
        """Open the root group at the lab's snapshot, read-only.

        Raises
        ------
        SnapshotNotFoundError
            If the snapshot is gone, since a person was erased.
        DamagedLabError
            If it cannot be read.
        """
        return self._repository.root(self.snapshot)

    def refresh(self) -> "Lab":
        """Move to the newest snapshot, and return the lab itself.

        Raises
        ------
        ReadOnlyLabError
            If this is a view of the past.
        """
        self._check_writable("refresh")
        self.snapshot = self._repository.head()
        return self

    def at(self, snapshot: str) -> "Lab":
        """Open a read-only view of the lab as it was at `snapshot`.

        Raises
        ------
        SnapshotNotFoundError
            If the lab does not hold it.
        """
        view = Lab._pinned(self._address, snapshot, read_only=True)
        view.root()
        return view

    def history(self) -> "pd.DataFrame":
        """List the lab's snapshots, newest first: columns ``snapshot``, ``time``, ``message``."""
        import pandas as pd

        rows = list(self._repository.history())
        return pd.DataFrame(
            {
                "snapshot": [each.id for each in rows],
                "time": pd.to_datetime([each.time for each in rows], utc=True),
                "message": [each.message for each in rows],
            }
        )

    def transact(self, write: Callable[["zarr.Group"], Result], message: str) -> Result:
        """Write to the lab: call `write` with the newest root group, and commit what it wrote.

        The commit holds all that `write` wrote, or nothing. On S3, `write` is called again if
        another writer was faster, so it must depend on the root that it is given alone. It must
        not call :meth:`transact` itself. If it writes nothing, nothing is committed.

        Parameters
        ----------
        write
            Called with the writable root group; what it returns is returned.
        message
            Shown in :meth:`history`, until a person is erased: name nobody in it.

        Raises
        ------
        ReadOnlyLabError
            If this is a view of the past.
        LabError
            If nothing could be stored.
        """
        self._check_writable("write")
        result, self.snapshot = self._repository.transact(write, message)
        return result

    def _check_writable(self, what: str) -> None:
        if self.read_only:
            raise ReadOnlyLabError(
                f"cannot {what}: this is the lab at {self.url} as it was at snapshot "
                f"{self.snapshot}; open it anew, Lab({self.url!r}), for its newest state"
            )

    def append(
        self, recordings: Iterable[Recording] | Recording, *, message: str | None = None
    ) -> AppendResult:
        """Store recordings, all in one commit; those that the lab holds already are left out.

        A recording is known by the hash of its samples. The whole batch is held in memory: give
        large deliveries in batches.

        Parameters
        ----------
        recordings
            The batch, or one recording.
        message
            Shown in :meth:`history`.

        Returns
        -------
        AppendResult
            One outcome a recording, in order; without a new one there is no commit.

        Raises
        ------
        ReadOnlyLabError
            If this is a view of the past.
        """
        self._check_writable("append")
        batch = [recordings] if isinstance(recordings, Recording) else list(recordings)
        for recording in batch:
            if not isinstance(recording, Recording):
                raise InputError(f"append: expected recordings, got {type(recording).__name__}")
            _ = recording.digest, recording.facts  # computed before the lock is held
        digests = self._repository.digests
        outcomes = self.transact(
            lambda root: stored.append(root, batch, digests),
            message or f"append {len(batch)} recordings",
        )
        return AppendResult(self.snapshot, outcomes)

    def table(self, name: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Read a table: one row a recording or set, indexed by its number.

        Parameters
        ----------
        name
            ``"recordings"`` or ``"sets"``; :data:`workoutlab.schema.TABLES` describes both.
        columns
            Which columns; no other is read. All by default.

        Returns
        -------
        pandas.DataFrame
            Erased rows are left out, so that numbers may be missing.

        Raises
        ------
        NotInLabError
            If there is no such table or column.
        """
        if name not in TABLES:
            raise NotInLabError(f"there is no table {name!r}; there are {', '.join(TABLES)}")
        with self._looking():
            return tables.read(self.root(), TABLES[name], columns)

    def recording(self, row: int) -> Recording:
        """Read a recording and its sets, as it was appended.

        Raises
        ------
        NotInLabError
            If there is no such row, or it was erased.
        DamagedLabError
            If it cannot be read.
        """
        with self._looking():
            return read_recording(self._repository, self.snapshot, row)

    def read(
        self, row: int, quantity: str = "acceleration", start: int = 0, stop: int | None = None
    ) -> npt.NDArray[Any]:
        """Read samples of one recording.

        Parameters
        ----------
        row
            Number of the recording.
        quantity
            ``"acceleration"`` in g, ``"angular_velocity"`` in deg/s, or ``"time"`` in ns.
        start, stop
            Which samples; all by default.

        Returns
        -------
        numpy.ndarray
            Shape (sample, 3), or (sample,) for the time.

        Raises
        ------
        NotInLabError
            If there is no such recording, or it does not have that quantity.
        InputError
            If it has no such samples.
        DamagedLabError
            If they cannot be read.
        """
        with self._looking():
            return read_samples(
                self._repository, self.snapshot, row, quantity=quantity, part=(start, stop)
            )

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Tell a snapshot that is gone, since a person was erased, from a damaged one."""
        try:
            yield
        except DamagedLabError:
            self._repository.check_held(self.snapshot)
            raise

    def info(self) -> LabInfo:
        """Count what the lab holds; the result prints itself, in notebooks as a table."""
        with self._looking():
            snapshot = self._repository.describe(self.snapshot)
            return LabInfo(
                url=self.url,
                **summary.count(self.root()),
                size_bytes=self._repository.size_bytes(),
                snapshot=snapshot.id,
                time=snapshot.time,
            )

    def erase_user(self, user: str) -> EraseResult:
        """Erase a person: recordings, sets, every row and weight of models of that user.

        Rows become blanks, so that the numbers of all others hold. Then every earlier snapshot is
        dropped, since it holds the person's data too, and the bytes leave the store:
        :meth:`history` begins anew, and labs pinned at an earlier snapshot must be refreshed. What
        was computed from several people, a common model say, is not touched: make it again. If
        erasing is cut short, call it again: it goes on where it was.

        Parameters
        ----------
        user
            Id of the person.

        Returns
        -------
        EraseResult
            How much was erased.

        Raises
        ------
        NotInLabError
            If the lab holds nothing of that person.
        ReadOnlyLabError
            If this is a view of the past.
        """
        try:
            found = self.transact(lambda root: erasure.erase(root, user), ERASURE)
        except NotInLabError:
            if not self._repository.owes_forgetting():
                raise
            found = EraseResult(user)
        dropped, freed = self._repository.forget_past()
        self.refresh()
        return replace(found, snapshot=self.snapshot, snapshots_dropped=dropped, bytes_freed=freed)

    def export_zarr(self, path: str | Path) -> Path:
        """Copy the lab at its snapshot to a new folder as plain Zarr 3, chunk by chunk.

        ``zarr.open_group(path)`` reads it, without Icechunk and without workoutlab.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            If there is something at `path`.
        """
        target = Path(path).expanduser().absolute()
        with self._looking():
            export.export_zarr(self.root(), target)
        return target

    def verify(self) -> VerifyResult:
        """Read everything that the lab holds at its snapshot, and its history, from the store.

        Samples are held against their digests, sets and ids against theirs, derived columns against
        what they derive from, weights of models against their digests, tables against what a lab
        must look like, and, in a folder, Icechunk's files against their seals. Memory is bounded by
        a block of rows and one recording.

        Returns
        -------
        VerifyResult
            Every problem found; it never stops at the first.
        """
        return verification.verify(self._repository, self.snapshot)
