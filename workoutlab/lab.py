"""A lab: recordings, their sets and the models made from them, in one versioned store."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from workoutlab.errors import InputError, NotInLabError, ReadOnlyLabError
from workoutlab.recording import Recording
from workoutlab.store import erasure
from workoutlab.store import recordings as stored
from workoutlab.store.address import Address
from workoutlab.store.erasure import EraseResult
from workoutlab.store.opening import connect
from workoutlab.store.problems import Problem, VerifyResult
from workoutlab.store.recordings import AppendResult, Outcome
from workoutlab.store.repository import ERASURE
from workoutlab.store.summary import LabInfo
from workoutlab.store.view import View

if TYPE_CHECKING:
    import zarr

__all__ = [
    "AppendResult",
    "EraseResult",
    "Lab",
    "LabInfo",
    "Outcome",
    "Problem",
    "VerifyResult",
    "check_lab",
]

Result = TypeVar("Result")


class Lab(View):
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
        self._repository_kept = repository = connect(self._address, create=create)
        self.read_only = False
        self.snapshot = repository.head()
        self.root()

    @classmethod
    def _pinned(cls, address: Address, snapshot: str, read_only: bool) -> "Lab":
        lab = cls.__new__(cls)
        lab._address, lab._repository_kept = address, None
        lab.snapshot, lab.read_only = snapshot, read_only
        return lab

    def __reduce__(self) -> tuple[Any, ...]:
        return Lab._pinned, (self._address, self.snapshot, self.read_only)

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
        InputError
            If it is no text.
        """
        if not isinstance(snapshot, str):
            raise InputError(
                f"snapshot: expected the id of one, which history() lists, got {snapshot!r}"
            )
        view = Lab._pinned(self._address, snapshot, read_only=True)
        view.root()
        return view

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
        InputError
            If something is no recording, or the message no text.
        """
        self._check_writable("append")
        if message is not None and not isinstance(message, str):
            raise InputError(f"message: expected text, got {message!r}")
        batch = [recordings] if isinstance(recordings, Recording) else list(recordings)
        for recording in batch:
            if not isinstance(recording, Recording):
                raise InputError(f"append: expected recordings, got {type(recording).__name__}")
        with ThreadPoolExecutor() as threads:  # before the lock is held
            list(threads.map(lambda recording: (recording.digest, recording.facts), batch))
        digests = self._repository.digests
        outcomes = self.transact(
            lambda root: stored.append(root, batch, digests),
            message or f"append {len(batch)} recordings",
        )
        return AppendResult(self.snapshot, outcomes)

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


def check_lab(lab: object) -> Lab:
    """Return a lab, if it is one.

    Raises
    ------
    InputError
        If it is anything else, the path of a lab say.

    Examples
    --------
    >>> check_lab("recordings")
    Traceback (most recent call last):
    ...
    workoutlab.errors.InputError: lab: expected a Lab, got 'recordings'; Lab('recordings') opens one
    """
    if isinstance(lab, Lab):
        return lab
    hint = f"; Lab({str(lab)!r}) opens one" if isinstance(lab, str | Path) else ""
    raise InputError(f"lab: expected a Lab, got {lab!r}{hint}")
