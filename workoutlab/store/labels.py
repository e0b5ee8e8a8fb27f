"""The sets that count as labels: those of files, as corrections have changed them since.

::

    sets/                      as they came with their recordings, in that order; nothing changes
    corrections/corrections    one row a set that a correction made
    corrections/replaced       one row a set that no longer counts, a file's or a correction's;
                               a correction that was undone stands there by itself, and what it
                               replaced counts again

So a file that is delivered twice is still known by its own labels, a recording can be held against
its digest, and what was believed before can be told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.errors import NotInLabError
from workoutlab.schema import CORRECTED, RECORDINGS, SETS, Column, Table
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group, open_array, open_group, remember
from workoutlab.store.problems import Problem

__all__ = [
    "CORRECTIONS",
    "FILED",
    "REPLACED",
    "append_corrections",
    "check",
    "count_changes",
    "find_corrected",
    "first_set",
    "read_corrections",
    "read_sets",
    "undo_corrections",
]

FILED: Final = Table(
    SETS.name, {name: each for name, each in SETS.columns.items() if name != "origin"}
)
"""The sets of files, as they are stored."""

CORRECTIONS: Final = Table(
    "corrections",
    {
        "user": Column("str", "", "whose; empty once erased"),
        **FILED.columns,
        "found": Column("int64", "", "row of the found set that was corrected", -1),
        "made_ns": Column("int64", "ns", "Unix time of the correction"),
    },
)

REPLACED: Final = Table(
    "replaced",
    {
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        "set": Column("int64", "", "number of the set that no longer counts"),
        "by": Column("int64", "", "number of the set in its place; its own where it was undone"),
    },
)


@dataclass(frozen=True, eq=False)
class _Changes:
    """Sets that corrections made and that count, and the numbers of all that count no longer."""

    sets: pd.DataFrame
    replaced: npt.NDArray[np.int64]


def read_sets(
    root: zarr.Group,
    columns: Sequence[str] | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    recordings: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """Read the sets that count, by recording and start, as a frame whose index is their number.

    Parameters
    ----------
    root
        Of a lab.
    columns
        Of :data:`workoutlab.schema.SETS`; all by default.
    start, stop
        Which rows of the files' sets.
    recordings
        First recording, and one past the last, of the corrected sets; those of all by default.

    Raises
    ------
    NotInLabError
        If there is no such column.
    """
    names = list(SETS.columns) if columns is None else list(columns)
    if wrong := [name for name in names if name not in SETS.columns]:
        raise NotInLabError(
            f"table {SETS.name} has no column {', '.join(wrong)}; it has {', '.join(SETS.columns)}"
        )
    filed = [name for name in names if name != "origin"]
    home = find_group(root, layout.CORRECTIONS)
    if home is not None or not filed:
        filed = list(dict.fromkeys([*filed, "recording", "start"]))
    frame = tables.read(root, FILED, filed, start=start, stop=stop)
    if "origin" in names or home is not None:
        frame["origin"] = pd.array(["file"] * len(frame), dtype="str")
    if home is None:
        return frame[names]
    changes = remember(root, "sets as corrected", partial(_read_changes, home))
    made = changes.sets
    if recordings is not None:
        made = made[made["recording"].between(recordings[0], recordings[1] - 1)]
    frame = frame[~frame.index.isin(changes.replaced)]
    if len(made):
        frame = pd.concat([frame, made[list(frame.columns)]]) if len(frame) else made
        frame = frame.sort_values(["recording", "start"], kind="stable")
    return frame[names]


def _read_changes(home: zarr.Group) -> _Changes:
    made = _number(tables.read(home, CORRECTIONS))
    replaced = _read_replaced(home)["set"].to_numpy(np.int64)
    made = made[~made.index.isin(replaced)]
    made = made.assign(origin=pd.array(["correction"] * len(made), dtype="str"))
    return _Changes(made[list(SETS.columns)], np.unique(replaced))


def _read_replaced(home: zarr.Group) -> pd.DataFrame:
    """Read which sets do not count: what undone corrections replaced does, they do not."""
    pairs = tables.read(home, REPLACED)
    own = pairs["set"] == pairs["by"]
    return pairs[own | ~pairs["by"].isin(pairs["set"][own])]


def _number(made: pd.DataFrame) -> pd.DataFrame:
    made.index += CORRECTED
    return made


def read_corrections(root: zarr.Group) -> pd.DataFrame:
    """Return all corrections, in the order that they were made, with what each replaced.

    Returns
    -------
    pandas.DataFrame
        Indexed by the number of the set that it made; columns of :data:`CORRECTIONS`, ``replaces``
        (a tuple of the numbers of sets) and ``counts``, whether nothing has replaced it since and
        it was not undone.
    """
    home = find_group(root, layout.CORRECTIONS)
    if home is None:
        return pd.DataFrame(columns=[*CORRECTIONS.columns, "replaces", "counts"])
    made = _number(tables.read(home, CORRECTIONS))
    replaced = tables.read(home, REPLACED, ["set", "by"])
    by: dict[int, tuple[int, ...]] = {}
    for one, number in zip(replaced["set"].tolist(), replaced["by"].tolist(), strict=True):
        if one != number:
            by[number] = (*by.get(number, ()), one)
    replaces = pd.Series([by.get(row, ()) for row in made.index], index=made.index, dtype=object)
    return made.assign(replaces=replaces, counts=~made.index.isin(_read_replaced(home)["set"]))


def find_corrected(root: zarr.Group) -> npt.NDArray[np.int64]:
    """Return the rows of the found sets that were confirmed or corrected; shape (row,)."""
    home = find_group(root, layout.CORRECTIONS)
    if home is None:
        return np.empty(0, dtype=np.int64)
    made = _number(tables.read(home, CORRECTIONS, ["found"]))["found"]
    pairs = tables.read(home, REPLACED, ["set", "by"])
    undone = pairs["set"][pairs["set"] == pairs["by"]]
    found: npt.NDArray[np.int64] = made[~made.index.isin(undone)].dropna().to_numpy(np.int64)
    return found


def append_corrections(
    root: zarr.Group, rows: Sequence[Mapping[str, Any]], replaced: Sequence[Sequence[int]]
) -> list[int]:
    """Append corrected sets and the numbers of those that each replaces; return their numbers.

    Where two of `rows` belong together, the later one may replace the earlier one by its number,
    which counts on from the last correction of the lab.
    """
    home = find_group(root, layout.CORRECTIONS)
    if home is None:
        home = root.require_group(layout.CORRECTIONS)
        for table in (CORRECTIONS, REPLACED):
            tables.create(home, table)
    columns = {name: [row[name] for row in rows] for name in CORRECTIONS.columns}
    first = CORRECTED + tables.append(home, CORRECTIONS, columns)
    numbers = list(range(first, first + len(rows)))
    pairs = [
        (row["recording"], gone, number)
        for row, number, several in zip(rows, numbers, replaced, strict=True)
        for gone in several
    ]
    if pairs:
        tables.append(
            home, REPLACED, dict(zip(REPLACED.columns, zip(*pairs, strict=True), strict=True))
        )
    return numbers


def undo_corrections(root: zarr.Group, numbers: Sequence[int], recordings: Sequence[int]) -> None:
    """Let corrections, by the numbers of their sets, no longer count; what they replaced does."""
    home = open_group(root, layout.CORRECTIONS)
    columns = {"recording": list(recordings), "set": list(numbers), "by": list(numbers)}
    tables.append(home, REPLACED, columns)


def count_changes(root: zarr.Group) -> tuple[int, int]:
    """Return how many corrections were made, and how many sets lost their place or word."""
    home = find_group(root, layout.CORRECTIONS)
    if home is None:
        return 0, 0
    return tables.length(home, CORRECTIONS), tables.length(home, REPLACED)


def first_set(root: zarr.Group, recording: int) -> int:
    """Return the first row of the files' sets of `recording` or a later one, by bisection.

    They lie in the order of their recordings; an erased one (-1) takes the number of the one
    before it.
    """
    home = tables.open_table(root, FILED.name)
    rows = int(open_array(home, "recording").shape[0])
    chunk = layout.ROWS_PER_CHUNK

    def owners(number: int) -> npt.NDArray[np.int64]:
        values = tables.values(home, "recording", number * chunk, (number + 1) * chunk)
        return np.maximum.accumulate(values)

    def last_owner(number: int) -> int:
        while number >= 0:
            if (owner := int(owners(number)[-1])) >= 0:
                return owner
            number -= 1
        return -1

    low, high = 0, -(-rows // chunk)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if last_owner(middle) >= recording else (middle + 1, high)
    if low * chunk >= rows:
        return rows
    return low * chunk + int(np.searchsorted(owners(low), recording))


def check(root: zarr.Group) -> Iterator[Problem]:
    """Tell which corrections do not fit their recordings, or each other."""
    home = find_group(root, layout.CORRECTIONS)
    if home is None:
        return
    made = _number(tables.read(home, CORRECTIONS))
    replaced = tables.read(home, REPLACED)
    held = tables.read(root, RECORDINGS, ["user", "samples"]).reindex(made["recording"])
    for place, (number, row) in enumerate(made.iterrows()):
        where = f"set {number}", str(row["user"])
        if held["user"].iloc[place] != row["user"]:
            yield Problem(where[0], f"recording {row['recording']} is not theirs", where[1])
        elif not 0 <= row["start"] < row["stop"] <= held["samples"].iloc[place]:
            yield Problem(where[0], "it does not lie in its recording", where[1])
    numbers = {*made.index, *tables.read(root, FILED, ["recording"]).index}
    lost = ~replaced["set"].isin(numbers) | ~replaced["by"].isin(made.index)
    for at in replaced.index[lost]:
        yield Problem(f"corrections/replaced row {at}", "it names a set that is not there")
    touched = read_sets(root, ["recording", "start", "stop"])
    touched = touched[touched["recording"].isin(made["recording"])]
    same = touched["recording"].shift(-1) == touched["recording"]
    for number in touched.index[same & (touched["start"].shift(-1) < touched["stop"])]:
        yield Problem(f"set {number}", "the next set of its recording begins before it ends")
