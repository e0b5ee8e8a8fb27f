"""A lab as it is at one snapshot, to be read."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from workoutlab.errors import DamagedLabError, InputError, NotInLabError
from workoutlab.recording import Recording
from workoutlab.schema import COACHED, RECORDINGS, SETS, TABLES
from workoutlab.store import export, layout, summary, tables, verification
from workoutlab.store.address import Address
from workoutlab.store.arrays import find_group
from workoutlab.store.found import read_found, read_runs
from workoutlab.store.labels import find_corrected, read_corrections, read_sets
from workoutlab.store.lookup import read_recording, read_samples
from workoutlab.store.opening import connect
from workoutlab.store.problems import VerifyResult
from workoutlab.store.repository import Repository
from workoutlab.store.summary import LabInfo

if TYPE_CHECKING:
    import pandas as pd
    import zarr

__all__ = ["View"]


class View:
    """What can be read of a lab at a snapshot; :class:`workoutlab.Lab` adds what changes one."""

    _address: Address
    _repository_kept: Repository | None
    snapshot: str
    read_only: bool

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

    def table(self, name: str, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Read a table: one row a recording or set, indexed by its number.

        Parameters
        ----------
        name
            ``"recordings"`` or ``"sets"``, which :data:`workoutlab.schema.TABLES` describes: of
            sets those that count, corrections in place of what they replace;
            ``"suggestions"`` or ``"intensity_models"``, once somebody was coached, which
            :data:`workoutlab.schema.COACHED` describes.
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
        if name not in TABLES and name not in COACHED:
            known = ", ".join((*TABLES, *COACHED))
            raise NotInLabError(f"there is no table {name!r}; there are {known}")
        with self._looking():
            if name in TABLES:
                if name == SETS.name:
                    return read_sets(self.root(), columns)
                return tables.read(self.root(), TABLES[name], columns)
            home = find_group(self.root(), layout.COACH)
            if home is None:
                raise NotInLabError(
                    f"the lab at {self.url} has no {name} at {self.snapshot}: "
                    "workoutlab.coach.suggest_intensity makes them, Lab.refresh shows what others "
                    "made"
                )
            return tables.read(home, COACHED[name], columns)

    def recording(self, row: int, *, corrected: bool = True) -> Recording:
        """Read a recording and its sets.

        Parameters
        ----------
        row
            Number of the recording.
        corrected
            Whether with the sets that count, corrections and all; else with those that it was
            appended with.

        Raises
        ------
        InputError
            If `row` is no whole number.
        NotInLabError
            If there is no such row, or it was erased.
        DamagedLabError
            If it cannot be read.
        """
        with self._looking():
            return read_recording(self._repository, self.snapshot, row, corrected=corrected)

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
            return read_samples(self._repository, self.snapshot, [(row, start, stop)], quantity)[0]

    def read_many(
        self,
        rows: Iterable[int],
        quantity: str = "acceleration",
        *,
        starts: Iterable[int] | None = None,
        stops: Iterable[int | None] | None = None,
    ) -> list[npt.NDArray[Any]]:
        """Read samples of many recordings at once, or many parts of one: faster than one by one.

        Parameters
        ----------
        rows
            Numbers of the recordings; one may come several times.
        quantity
            As in :meth:`read`.
        starts, stops
            Which samples of each, one a row; all by default.

        Returns
        -------
        list of numpy.ndarray
            One a row, as from :meth:`read`, all in memory.

        Raises
        ------
        NotInLabError
            If there is no such recording, or it does not have that quantity.
        InputError
            If it has no such samples, or `starts` or `stops` are not one a row.
        DamagedLabError
            If they cannot be read.

        Examples
        --------
        >>> import numpy as np
        >>> from workoutlab import Lab, Recording
        >>> lab = Lab("memory://read-many")
        >>> ramp = np.arange(30.0).reshape(10, 3)
        >>> _ = lab.append(Recording(user="ann", session="1", acceleration=ramp, rate_hz=50))
        >>> [part[0].tolist() for part in lab.read_many([0, 0], starts=[0, 8])]
        [[0.0, 1.0, 2.0], [24.0, 25.0, 26.0]]
        """
        wanted = list(rows)
        begin = [0] * len(wanted) if starts is None else list(starts)
        end = [None] * len(wanted) if stops is None else list(stops)
        if not len(wanted) == len(begin) == len(end):
            raise InputError(
                f"read_many: expected a start and a stop for each of {len(wanted)} rows, "
                f"got {len(begin)} and {len(end)}"
            )
        with self._looking():
            parts = zip(wanted, begin, end, strict=True)
            return read_samples(self._repository, self.snapshot, parts, quantity)

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

    def models(self, name: str | None = None) -> "pd.DataFrame":
        """List the models, one row a person and name: those that hold at the lab's snapshot.

        Parameters
        ----------
        name
            Of the models; by default all, without what :func:`workoutlab.choose` keeps under
            ``<name>.validation`` for its own use.

        Returns
        -------
        pandas.DataFrame
            Columns ``name`` and ``user`` (``"*"`` for all people); ``kind`` and the ``reason`` for
            it; ``classes``, ``windows``, ``sets`` and ``recordings``, how many; ``score`` and its
            ``criterion``, where there was a search; whether ``simulated`` recordings were among
            them; the ``snapshot`` and the time at which it was ``trained``; and the ``source``, the
            name of the models that it was promoted from. :class:`workoutlab.Models` opens them.

        Raises
        ------
        NotInLabError
            If there are none of that name.

        Examples
        --------
        >>> from workoutlab import Lab
        >>> len(Lab("memory://no-models").models())
        0
        """
        with self._looking():
            return summary.list_models(self.root(), name)

    def found(
        self,
        name: str | None = None,
        users: str | Iterable[str] | None = None,
        *,
        history: bool = False,
    ) -> "pd.DataFrame":
        """List the sets that were found in the lab's recordings, indexed by row number.

        Parameters
        ----------
        name
            Of the recogniser; by default those of all.
        users
            Whose, a name or several; by default everybody's.
        history
            Whether with sets that a later run of the same recogniser took the place of.

        Returns
        -------
        pandas.DataFrame
            Columns of :data:`workoutlab.schema.RECOGNISED`, and ``corrected``: whether somebody
            has confirmed or corrected it, which :func:`workoutlab.correct` does by its row number.

        Raises
        ------
        NotInLabError
            If there are none of that name, or no recordings of such a person.

        Examples
        --------
        >>> from workoutlab import Lab
        >>> len(Lab("memory://nothing-found").found())
        0
        """
        with self._looking():
            root = self.root()
            wanted = None if users is None else _check_users(root, users)
            frame = read_found(root, name, wanted, history=history)
            return frame.assign(corrected=frame.index.isin(find_corrected(root)))

    def runs(self, name: str | None = None) -> "pd.DataFrame":
        """List the times that recordings were gone through for sets, the latest last.

        Parameters
        ----------
        name
            Of the recogniser; by default those of all.

        Returns
        -------
        pandas.DataFrame
            Columns ``user``, ``recording``, ``recogniser``, ``digest``, ``sets`` (how many were
            found) and ``made_ns``, indexed by what ``run`` names in :meth:`found`.

        Examples
        --------
        >>> from workoutlab import Lab
        >>> len(Lab("memory://nothing-run").runs())
        0
        """
        with self._looking():
            return read_runs(self.root(), name)

    def corrections(self) -> "pd.DataFrame":
        """List all corrections, by the number of the set that each made.

        Returns
        -------
        pandas.DataFrame
            Columns of a set, with whose it is, the row of the ``found`` set, ``made_ns``, the
            numbers of the sets that it ``replaces``, and whether it still ``counts``.

        Examples
        --------
        >>> from workoutlab import Lab
        >>> len(Lab("memory://nothing-corrected").corrections())
        0
        """
        with self._looking():
            return read_corrections(self.root())

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
            If there is something at `path`, it is no folder of this machine, or within the lab.
        """
        if "://" in str(path):
            raise InputError(
                f"export to {path}: expected a folder on this machine; copy it from there"
            )
        target = Path(path).expanduser().absolute()
        folder = self._repository.folder
        if folder is not None and target.resolve().is_relative_to(folder.resolve()):
            raise InputError(
                f"export to {target}: it lies in the lab's own folder; name one elsewhere"
            )
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


def _check_users(root: "zarr.Group", users: str | Iterable[str]) -> list[str]:
    """Return people's names, all of whom a lab has recordings of."""
    wanted = [users] if isinstance(users, str) else list(users)
    known = set(tables.read(root, RECORDINGS, ["user"])["user"])
    if strangers := [user for user in wanted if user not in known]:
        raise NotInLabError(
            f"the lab holds nothing of user {', '.join(map(repr, strangers))}; "
            "table('recordings') lists the users"
        )
    return wanted
