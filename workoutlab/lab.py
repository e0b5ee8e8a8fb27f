"""A lab: recordings, their sets and the models made from them, in one versioned store."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, NotInLabError, ReadOnlyLabError
from workoutlab.recording import Recording
from workoutlab.schema import QUANTITIES, RECORDINGS, SETS, TABLES
from workoutlab.store import layout, opening, ragged, tables
from workoutlab.store import recordings as store_recordings
from workoutlab.store.address import Address
from workoutlab.store.arrays import read_arrays
from workoutlab.store.recordings import Outcome
from workoutlab.store.repository import Repository

if TYPE_CHECKING:
    import pandas as pd
    import zarr

__all__ = ["AppendResult", "Lab", "Outcome"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class AppendResult:
    """What :meth:`Lab.append` did.

    Parameters
    ----------
    snapshot
        The snapshot that holds the batch.
    outcomes
        One a recording, in the order they came.
    """

    snapshot: str
    outcomes: tuple[Outcome, ...]

    @property
    def stored(self) -> int:
        """Number of recordings that were stored."""
        return sum(outcome.status == "stored" for outcome in self.outcomes)


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
        self._repository_kept: Repository | None = opening.connect(self._address, create=create)
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
            self._repository_kept = opening.connect(self._address, create=False)
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
            Called with the writable root group.
        message
            Shown in :meth:`history`. It stays there until a person is erased: name nobody in it.

        Returns
        -------
        object
            What `write` returned.

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
        self, recordings: Iterable[Recording], *, message: str | None = None
    ) -> AppendResult:
        """Store recordings, all in one commit; those that the lab holds already are left out.

        A recording is known by the hash of its samples. The whole batch is held in memory: give
        large deliveries in batches.

        Parameters
        ----------
        recordings
            The batch.
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
        batch = list(recordings)
        for recording in batch:
            if not isinstance(recording, Recording):
                raise InputError(f"append: expected recordings, got {type(recording).__name__}")
            _ = recording.digest, recording.facts  # computed before the lock is held
        digests = self._repository.digests
        outcomes = self.transact(
            lambda root: store_recordings.append(root, batch, digests),
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
        self._place(row)
        root = self.root()
        frame = tables.read(root, RECORDINGS, start=row, stop=row + 1)
        if frame.empty:
            raise NotInLabError(f"recording {row} of the lab at {self.url} was erased")
        rows = _set_owners(self._repository, self.snapshot)
        first, last = np.searchsorted(rows, [row, row + 1])
        sets = tables.read(root, SETS, start=int(first), stop=int(last))
        facts = {str(name): value for name, value in frame.iloc[0].items()}
        return store_recordings.load(root, facts, sets)

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
        offset, length, held = self._place(row)
        if quantity not in QUANTITIES:
            raise InputError(f"quantity {quantity!r}: expected one of {', '.join(QUANTITIES)}")
        if quantity not in held:
            raise NotInLabError(f"recording {row} has no {quantity}; it has {', '.join(held)}")
        stop = length if stop is None else stop
        if not 0 <= start <= stop <= length:
            raise InputError(
                f"recording {row}: expected samples within 0 to {length}, got {start} to {stop}"
            )
        samples = store_recordings.open_samples(self.root())
        return ragged.read(samples, quantity, offset + start, stop - start)

    def _place(self, row: int) -> tuple[int, int, tuple[str, ...]]:
        """Return offset and length of a recording, and which quantities it has."""
        block, index = divmod(int(row), layout.ROWS_PER_CHUNK)
        places = _places(self._repository, self.snapshot, block) if row >= 0 else ()
        if not len(places) > index:
            raise NotInLabError(
                f"the lab at {self.url} has no recording {row} at {self.snapshot}; "
                "table('recordings') lists them by number"
            )
        offset, length, has_angular_velocity, regular = places[index].tolist()
        if not length:
            raise NotInLabError(f"recording {row} of the lab at {self.url} was erased")
        angular_velocity = ("angular_velocity",) if has_angular_velocity else ()
        time = () if regular else ("time",)
        return offset, length, ("acceleration", *angular_velocity, *time)


_PLACE = ("offset", "samples", "has_angular_velocity", "regular")


@lru_cache(maxsize=128)
def _places(repository: Repository, snapshot: str, block: int) -> npt.NDArray[np.int64]:
    home = tables.open_table(repository.root(snapshot), RECORDINGS.name)
    start = block * layout.ROWS_PER_CHUNK
    stop = start + layout.ROWS_PER_CHUNK
    return np.stack(read_arrays(home, _PLACE, start, stop), axis=1)


@lru_cache(maxsize=2)
def _set_owners(repository: Repository, snapshot: str) -> npt.NDArray[np.int64]:
    """Return the recording of each set, shape (set,): it never decreases from set to set.

    An erased set takes the number of the set before it, so that a search still holds.
    """
    home = tables.open_table(repository.root(snapshot), SETS.name)
    return np.maximum.accumulate(tables.values(home, "recording"))
