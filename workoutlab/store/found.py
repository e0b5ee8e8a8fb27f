"""Sets that were found in a lab's recordings, and when each recording was gone through.

::

    found/runs     one row a recording and time that it was gone through, also where nothing was
    found/found    one row a set that was found then

Nothing is overwritten: of a recording and a recogniser the latest run holds, and earlier ones tell
what was found before.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import zarr

from workoutlab.errors import NotInLabError
from workoutlab.schema import RECOGNISED, RECORDINGS, Column, Table
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group

__all__ = ["RUNS", "append_found", "check", "count_found", "read_found", "read_known", "read_runs"]

RUNS: Final = Table(
    "runs",
    {
        "user": Column("str", "", "whose recording; empty once erased"),
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        "recogniser": Column("str", "", "name of the recogniser"),
        "digest": Column("str", "", "SHA-256 of recording, recogniser and code, in hex"),
        "sets": Column("int64", "", "number of sets that were found"),
        "made_ns": Column("int64", "ns", "Unix time at which it was gone through"),
    },
)

Row = Mapping[str, Any]


def append_found(root: zarr.Group, runs: Sequence[Row], found: Sequence[Sequence[Row]]) -> None:
    """Append runs, and the sets that each of them found.

    Parameters
    ----------
    root
        The writable root group, inside :meth:`~workoutlab.lab.Lab.transact`.
    runs
        Columns of :data:`RUNS` but for ``sets``, one row a recording.
    found
        Columns of :data:`workoutlab.schema.RECOGNISED` but for ``run``: the sets of each run.
    """
    home = find_group(root, layout.FOUND)
    if home is None:
        home = root.require_group(layout.FOUND)
        for table in (RUNS, RECOGNISED):
            tables.create(home, table)
    counted = [{**run, "sets": len(sets)} for run, sets in zip(runs, found, strict=True)]
    first = tables.append(home, RUNS, _columns(RUNS, counted))
    rows = [{**each, "run": run} for run, sets in enumerate(found, first) for each in sets]
    tables.append(home, RECOGNISED, _columns(RECOGNISED, rows))


def _columns(table: Table, rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in table.columns}


def read_known(root: zarr.Group, name: str, start: int = 0) -> tuple[dict[int, str], int]:
    """Return the digest of the last run of each recording, and the number of all runs.

    Parameters
    ----------
    root
        Of a lab.
    name
        Of the recogniser.
    start
        First run to look at.
    """
    home = find_group(root, layout.FOUND)
    if home is None:
        return {}, 0
    frame = tables.read(home, RUNS, ["recording", "recogniser", "digest"], start=start)
    frame = frame[frame["recogniser"] == name]
    known = dict(zip(frame["recording"].tolist(), frame["digest"].tolist(), strict=True))
    return known, tables.length(home, RUNS)


def count_found(root: zarr.Group) -> int:
    """Count the found sets that hold."""
    home = find_group(root, layout.FOUND)
    if home is None:
        return 0
    runs = tables.read(home, RUNS, ["recording", "recogniser", "sets"])
    return int(runs.drop_duplicates(["recording", "recogniser"], keep="last")["sets"].sum())


def read_found(
    root: zarr.Group,
    name: str | None = None,
    users: Collection[str] | None = None,
    *,
    history: bool = False,
) -> pd.DataFrame:
    """Return the found sets that hold, indexed by row number.

    Parameters
    ----------
    root
        Of a lab.
    name
        Of the recogniser; those of all by default.
    users
        Whose; everybody's by default.
    history
        Whether with those that a later run took the place of.

    Raises
    ------
    NotInLabError
        If there are none of that name.
    """
    home = find_group(root, layout.FOUND)
    if home is None:
        if name is not None:
            raise NotInLabError(f"the lab has no sets found by {name!r}: recognise finds some")
        return _nothing()
    runs = tables.read(home, RUNS, ["user", "recording", "recogniser"])
    _check_name(name, runs)
    if not history:
        runs = runs.drop_duplicates(["recording", "recogniser"], keep="last")
    if name is not None:
        runs = runs[runs["recogniser"] == name]
    if users is not None:
        runs = runs[runs["user"].isin(list(users))]
    frame = tables.read(home, RECOGNISED)
    return frame[frame["run"].isin(runs.index)]


def read_runs(root: zarr.Group, name: str | None = None) -> pd.DataFrame:
    """Return the runs of a recogniser, or of all, in their order."""
    home = find_group(root, layout.FOUND)
    if home is None:
        return pd.DataFrame(columns=list(RUNS.columns))
    runs = tables.read(home, RUNS)
    return runs if name is None else runs[runs["recogniser"] == name]


def _check_name(name: str | None, runs: pd.DataFrame) -> None:
    names = sorted(runs["recogniser"].unique())
    if name is not None and name not in names:
        there = f"there are sets found by {', '.join(names)}" if names else "there are none"
        raise NotInLabError(f"the lab has no sets found by {name!r}, {there}")


def _nothing() -> pd.DataFrame:
    """Return no found sets, in columns of the types that some would have."""
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, RECOGNISED)
    return tables.read(group, RECOGNISED)


def check(root: zarr.Group) -> list[tuple[str, str, str]]:
    """Return which found sets do not fit their recordings: place, problem and user of each."""
    home = find_group(root, layout.FOUND)
    if home is None:
        return []
    held = tables.read(root, RECORDINGS, ["user", "samples"])
    names = ["user", "recording", "start", "stop", "run"]
    runs = tables.read(home, RUNS, ["user", "recording", "sets"])
    problems = []
    for start in range(0, tables.length(home, RECOGNISED), layout.ROWS_PER_CHUNK):
        stop = start + layout.ROWS_PER_CHUNK
        frame = tables.read(home, RECOGNISED, names, start=start, stop=stop)
        theirs = held.reindex(frame["recording"])
        run = runs.reindex(frame["run"])
        wrong = {
            "its recording is not theirs": theirs["user"].to_numpy() != frame["user"].to_numpy(),
            "it does not lie in its recording": (
                (frame["start"] < 0)
                | (frame["start"] >= frame["stop"])
                | (frame["stop"].to_numpy() > theirs["samples"].to_numpy())
            ).to_numpy(),
            "its run was of another recording": (
                run["recording"].to_numpy() != frame["recording"].to_numpy()
            ),
        }
        for problem, where in wrong.items():
            for row in frame.index[where]:
                problems.append((f"found row {row}", problem, str(frame["user"][row])))
    return problems
