"""Reading everything that a lab holds against what was written down of it.

Nothing here stops at the first problem, and nothing holds more than a block of rows and one
recording in memory.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import zarr

from workoutlab.errors import DamagedLabError, SchemaError
from workoutlab.schema import RECORDINGS, TABLES, Table
from workoutlab.store import found, labels, layout, ragged, recordings, tables
from workoutlab.store.arrays import open_array, read_arrays
from workoutlab.store.erasure import find_tables
from workoutlab.store.failures import reading
from workoutlab.store.problems import Problem, VerifyResult
from workoutlab.store.repository import Repository
from workoutlab.store.seals import broken_seals

__all__ = ["verify"]

_BLOCK_ROWS = layout.ROWS_PER_CHUNK


def verify(repository: Repository, snapshot: str) -> VerifyResult:
    """Check one snapshot, and the history, as they are in the store itself."""
    counts = _Counts()
    problems: list[Problem] = []
    try:
        fresh = repository.fresh()
        problems += _history(fresh, counts)
        root = fresh.root(snapshot)
    except DamagedLabError as error:
        return VerifyResult((*problems, Problem("the lab", str(error))))
    problems += _structure(root)
    for check in (_recordings, _models, _said):
        try:
            problems += check(root, counts)
        except DamagedLabError as error:
            problems.append(Problem("the lab", str(error)))
    return VerifyResult(tuple(problems), **vars(counts))


@dataclass
class _Counts:
    recordings: int = 0
    sets: int = 0
    models: int = 0
    features: int = 0
    snapshots: int = 0


def _history(repository: Repository, counts: _Counts) -> Iterator[Problem]:
    """Check the snapshots: their seals in a folder, elsewhere that each can be compared."""
    snapshots: list[str] = []
    try:
        snapshots += (snapshot.id for snapshot in repository.history())
        if repository.owes_forgetting():
            yield Problem("history", "an erasure was cut short; call erase_user again")
    except DamagedLabError as error:
        yield Problem("history", str(error))
    counts.snapshots = len(snapshots)
    if repository.folder is not None:
        for file, problem in broken_seals(repository.folder, snapshots):
            yield Problem(file, problem)
        return
    for newer, older in pairwise(snapshots):
        try:
            with reading(f"what changed from {older}"):
                repository.icechunk.diff(from_snapshot_id=older, to_snapshot_id=newer)
        except DamagedLabError as error:
            yield Problem(f"snapshot {newer}", str(error))


def _structure(root: zarr.Group) -> Iterator[Problem]:
    """Compare every array with that of a new lab, all but the length."""
    fresh = zarr.group(zarr.storage.MemoryStore())
    recordings.create(fresh)
    try:
        with reading("the list of groups"):
            names = {name for name, _ in root.members()}
    except DamagedLabError as error:
        yield Problem("the lab", str(error))
        return
    for missing in sorted({name for name, _ in fresh.members()} - names):
        yield Problem(missing, "it is missing")
    for home in (*TABLES, layout.SAMPLES):
        if home in names:
            yield from _structure_of(root, fresh, home)


def _structure_of(root: zarr.Group, fresh: zarr.Group, home: str) -> Iterator[Problem]:
    found, expected = root[home], fresh[home]
    assert isinstance(expected, zarr.Group)
    if not isinstance(found, zarr.Group) or dict(found.attrs) != dict(expected.attrs):
        yield Problem(home, "its attributes are not those that were written")
        return
    lengths = {}
    for name, array in expected.arrays():
        try:
            came = open_array(found, name)
        except DamagedLabError as error:
            yield Problem(f"{home}/{name}", str(error))
            continue
        lengths[name] = came.shape[0]
        if _form(came) != _form(array):
            yield Problem(f"{home}/{name}", "its metadata are not those that were written")
    if len(set(lengths.values())) > 1:
        yield Problem(home, f"its arrays are of different length: {lengths}")


def _form(array: "zarr.Array[Any]") -> dict[str, Any]:
    form: dict[str, Any] = {**array.metadata.to_dict()}
    form["shape"] = array.shape[1:]
    form["fill_value"] = repr(form["fill_value"])
    return form


def _blocks(root: zarr.Group, table: Table) -> Iterator[tuple[int, pd.DataFrame | Problem]]:
    """Yield the rows of a table block by block, or why a block cannot be read."""
    try:
        length = tables.length(root, table)
    except DamagedLabError as error:
        yield 0, Problem(table.name, str(error))
        return
    for start in range(0, length, _BLOCK_ROWS):
        try:
            stop = start + _BLOCK_ROWS
            yield start, tables.read(root, table, start=start, stop=stop, erased=True)
        except DamagedLabError as error:
            stop = min(start + _BLOCK_ROWS, length)
            yield start, Problem(f"{table.name} {start} to {stop - 1}", str(error))


def _recordings(root: zarr.Group, counts: _Counts) -> Iterator[Problem]:
    sets = _Sets(root)
    end = 0
    for start, block in _blocks(root, RECORDINGS):
        if isinstance(block, Problem):
            yield block
            end = -1
            continue
        for row, facts in enumerate(block.to_dict("records"), start):
            if facts["user"] == "":
                if facts["digest"] or facts["samples"]:
                    yield Problem(f"recording {row}", "its user is blank, its samples are not")
                continue
            counts.recordings += 1
            where = f"recording {row}", str(facts["user"])
            offset, length = int(facts["offset"]), int(facts["samples"])
            if offset % layout.SAMPLES_PER_CHUNK or (end >= 0 and offset < end):
                yield Problem(where[0], f"its samples start at {offset}, within others", where[1])
            end = -(-(offset + length) // layout.SAMPLES_PER_CHUNK) * layout.SAMPLES_PER_CHUNK
            for problem in _recording(root, row, facts, sets.of(row)):
                yield Problem(where[0], problem, where[1])
    yield from sets.finish()
    counts.sets = sets.count


def _recording(
    root: zarr.Group, row: int, facts: dict[Any, Any], sets: list[dict[Hashable, Any]]
) -> Iterator[str]:
    """Make the recording again and compare all that its rows say of it."""
    try:
        loaded = recordings.load(root, facts, sets)
    except (DamagedLabError, SchemaError) as error:
        yield str(error)
        return
    again = recordings.rows_of([loaded], row, np.array([facts["offset"]]))
    wrong = [name for name, values in again[0].items() if not _same(values[0], facts[name])]
    if "digest" in wrong:
        yield "its samples are not those that were stored: their digest differs"
    elif wrong:
        also = ", and their digest differs" if "facts" in wrong else ""
        yield f"its columns {', '.join(wrong)} do not fit its samples and sets{also}"
    for name, values in again[1].items():
        if not all(_same(value, each[name]) for value, each in zip(values, sets, strict=True)):
            yield f"column {name} of its sets does not fit it"


def _same(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    return bool(one == other)


class _Sets:
    """The sets, read block by block alongside the recordings that they belong to."""

    def __init__(self, root: zarr.Group) -> None:
        self.count = 0
        self.problems: list[Problem] = []
        self._recordings = tables.length(root, RECORDINGS)
        self._rows = self._read(root)
        self._next = next(self._rows, None)

    def _read(self, root: zarr.Group) -> Iterator[dict[Hashable, Any]]:
        highest = 0
        for start, block in _blocks(root, labels.FILED):
            if isinstance(block, Problem):
                self.problems.append(block)
                continue
            for row, each in enumerate(block.to_dict("records"), start):
                owner = each["recording"]
                if highest <= owner < self._recordings:
                    highest = owner
                    self.count += 1
                    yield each
                elif owner >= 0:
                    self.problems.append(
                        Problem(f"set {row}", f"it names recording {owner}, out of order")
                    )

    def of(self, row: int) -> list[dict[Hashable, Any]]:
        """Return the sets of recording `row`; rows are asked for in order."""
        found = []
        while self._next is not None and self._next["recording"] <= row:
            if self._next["recording"] == row:
                found.append(self._next)
            else:
                lost = self._next["recording"]
                self.problems.append(Problem("sets", f"one is of recording {lost}, which is blank"))
            self._next = next(self._rows, None)
        return found

    def finish(self) -> list[Problem]:
        """Read what is left, and return all that was wrong."""
        self.of(self._recordings)
        return self.problems


def _models(root: zarr.Group, counts: _Counts) -> Iterator[Problem]:
    """Check the pieces that the rows of any other table own."""
    try:
        with reading("the list of tables"):
            homes = [pair for pair in find_tables(root) if pair[1].path not in TABLES]
    except DamagedLabError as error:
        yield Problem("models", str(error))
        return
    for parent, home in homes:
        names = tables.column_names(home)
        try:
            lengths = {name: open_array(home, name).shape[0] for name in names}
            if len(set(lengths.values())) > 1:
                yield Problem(home.path, f"its columns are of different length: {lengths}")
                continue
        except DamagedLabError as error:
            yield Problem(home.path, str(error))
            continue
        yield from _pieces(parent, home, names, counts)


def _said(root: zarr.Group, _: _Counts) -> Iterator[Problem]:
    yield from labels.check(root)
    yield from (Problem(*each) for each in found.check(root))


def _pieces(
    parent: zarr.Group, home: zarr.Group, names: list[str], counts: _Counts
) -> Iterator[Problem]:
    """Check that pieces lie within their arrays and, where digests were kept, are unchanged."""
    owns = {"offset", "length"} <= set(names)
    known = ("user", "offset", "length", *ragged.DIGESTS)
    columns = [name for name in known if name in names]
    kind = "features" if home.path.startswith(f"{layout.FEATURES}/") else "models"
    counted = not home.path.startswith(f"{layout.RECOGNISERS}/")
    for start in range(0, open_array(home, names[0]).shape[0], _BLOCK_ROWS):
        try:
            _ = read_arrays(home, names, start, start + _BLOCK_ROWS)  # their checksums
            block = read_arrays(home, columns, start, start + _BLOCK_ROWS)
        except DamagedLabError as error:
            yield Problem(f"{home.path} from {start}", str(error))
            continue
        for row, values in enumerate(zip(*block, strict=True), start):
            facts = dict(zip(columns, values, strict=True))
            if facts.get("user", "somebody") == "":
                continue
            setattr(counts, kind, getattr(counts, kind) + (owns and counted))
            if owns and (problem := _piece(parent, facts)):
                yield Problem(f"{home.path} row {row}", problem, str(facts.get("user", "")))


def _piece(parent: zarr.Group, facts: dict[str, Any]) -> str:
    offset, length = int(facts["offset"]), int(facts["length"])
    try:
        pieces = [ragged.read(parent, name, offset, length) for name in ragged.names(parent)]
    except DamagedLabError as error:
        return str(error)
    for column in ragged.DIGESTS:
        if facts.get(column) and ragged.digest(*pieces) != facts[column]:
            what = column.removesuffix("_digest")
            return f"its {what} are not those that were stored: their digest differs"
    return ""
