"""Erasing a person: rows become blanks, pieces are deleted, and so is every earlier snapshot.

Any table with a column ``user`` is covered, wherever it lies, with the pieces that its rows own:
in the ragged arrays beside it, from ``offset``, ``length`` entries. Rows of any table with a column
``recording`` go with the recording.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import NotInLabError
from workoutlab.schema import RECORDINGS, SETS
from workoutlab.store import layout, ragged, tables
from workoutlab.store.recordings import open_samples

__all__ = ["EraseResult", "erase", "find_tables"]

_BLOCK_ROWS = 16 * layout.ROWS_PER_CHUNK


@dataclass(frozen=True)
class EraseResult:
    """What :meth:`Lab.erase_user` erased.

    Parameters
    ----------
    user
        Whom.
    rows
        Rows erased in each table, by its path in the lab; tables without any are left out.
    samples
        Samples erased.
    snapshot
        The snapshot after it; earlier ones are gone.
    snapshots_dropped
        How many of those there were.
    bytes_freed
        Bytes that left the store.
    """

    user: str
    rows: dict[str, int] = field(default_factory=dict)
    samples: int = 0
    snapshot: str = ""
    snapshots_dropped: int = 0
    bytes_freed: int = 0

    @property
    def recordings(self) -> int:
        """Number of recordings erased."""
        return self.rows.get(RECORDINGS.name, 0)

    @property
    def sets(self) -> int:
        """Number of sets erased."""
        return self.rows.get(SETS.name, 0)

    @property
    def models(self) -> int:
        """Number of rows erased in the tables of models."""
        return self._count(layout.MODELS)

    @property
    def features(self) -> int:
        """Number of rows erased in the tables of saved features."""
        return self._count(layout.FEATURES)

    def _count(self, folder: str) -> int:
        return sum(count for path, count in self.rows.items() if path.startswith(f"{folder}/"))

    def __str__(self) -> str:
        return (
            f"erased {self.user}: {self.recordings} recordings ({self.samples:,} samples), "
            f"{self.sets} sets, {self.models} models, {self.features} rows of features; "
            f"{self.snapshots_dropped} earlier snapshots dropped, "
            f"{self.bytes_freed / 1e6:.1f} MB freed"
        )


def erase(root: zarr.Group, user: str) -> EraseResult:
    """Blank all rows of `user` and delete the pieces that they own.

    Raises
    ------
    NotInLabError
        If no table has a row of that user.
    """
    rows: dict[str, int] = {}
    samples, recordings = 0, np.empty(0, dtype=np.int64)
    homes = list(find_tables(root)) if user else []  # a blank is nobody, not all who were erased
    for parent, home in homes:
        if "user" in tables.column_names(home):
            owned = _rows_where(home, "user", np.array([user], dtype=object))
            if home.path == RECORDINGS.name:
                recordings = owned
                samples = int(tables.take(home, ["samples"], owned)[0].sum()) if len(owned) else 0
            _erase_rows(parent, home, owned)
            rows[home.path] = len(owned)
    for parent, home in homes:
        if "recording" in tables.column_names(home) and len(recordings):
            owned = _rows_where(home, "recording", recordings)
            _erase_rows(parent, home, owned)
            rows[home.path] = rows.get(home.path, 0) + len(owned)
    rows = {path: count for path, count in rows.items() if count}
    if not rows:
        raise NotInLabError(
            f"the lab holds nothing of user {user!r}; table('recordings') lists the users"
        )
    return EraseResult(user, rows, samples)


def find_tables(root: zarr.Group) -> Iterator[tuple[zarr.Group, zarr.Group]]:
    """Yield every table under `root`: the group that it lies in, and its own."""
    for _, group in sorted(root.groups(), key=lambda pair: pair[0]):
        if group.attrs.get("kind") == tables.KIND:
            yield root, group
        else:
            yield from find_tables(group)


def _rows_where(
    home: zarr.Group, name: str, wanted: npt.NDArray[np.generic]
) -> npt.NDArray[np.int64]:
    found, start = [], 0
    while len(values := tables.values(home, name, start, start + _BLOCK_ROWS)):
        values = values.astype(object) if wanted.dtype == object else values
        found.append(start + np.flatnonzero(np.isin(values, wanted)))
        start += _BLOCK_ROWS
    return np.concatenate(found).astype(np.int64) if found else np.empty(0, dtype=np.int64)


def _erase_rows(parent: zarr.Group, home: zarr.Group, rows: npt.NDArray[np.int64]) -> None:
    if not len(rows):
        return
    names = tables.column_names(home)
    length = "samples" if home.path == RECORDINGS.name else "length"
    if {"offset", length} <= set(names):
        holder = open_samples(parent) if length == "samples" else parent
        pieces = tables.take(home, ["offset", length], rows)
        for name in ragged.names(holder):
            for offset, count in zip(*pieces, strict=True):
                ragged.erase(holder, name, int(offset), int(count))
    tables.blank(home, rows)
