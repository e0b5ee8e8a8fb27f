"""Tables as columns: a group with one array a column, whose row number is the id of the row.

Rows are appended and never move. An erased row stays as a blank, so that the numbers of the
others hold; frames leave it out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr
from zarr.core.group import GroupMetadata

from workoutlab.errors import DamagedLabError, NotInLabError, SchemaError
from workoutlab.schema import Column, Table
from workoutlab.store import layout
from workoutlab.store.arrays import (
    append_arrays,
    create_nodes,
    describe_array,
    open_array,
    open_arrays,
    open_group,
    read_arrays,
    whole,
)

__all__ = [
    "KIND",
    "append",
    "blank",
    "column_names",
    "create",
    "length",
    "open_table",
    "read",
    "take",
    "values",
]

KIND = "table"
"""The attribute ``kind`` of a table's group."""

_TEXT = np.dtypes.StringDType()


def create(group: zarr.Group, table: Table) -> None:
    """Create an empty `table` in `group`.

    Examples
    --------
    >>> from workoutlab.schema import Column
    >>> people = Table("people", {"user": Column("str"), "age": Column("int32", "years", "", -1)})
    >>> group = zarr.group(zarr.storage.MemoryStore())
    >>> create(group, people)
    >>> append(group, people, {"user": ["ann", "jan"], "age": [None, 30]})
    0
    >>> read(group, people)
      user   age
    0  ann  <NA>
    1  jan    30
    """
    attributes = {"kind": KIND, "columns": list(table.columns)}
    nodes: dict[str, Any] = {table.name: GroupMetadata(attributes)}
    for name, column in table.columns.items():
        nodes[f"{table.name}/{name}"] = describe_array(
            column.dtype,
            table.chunks.get(name, layout.ROWS_PER_CHUNK),
            (),
            {"unit": column.unit, "meaning": column.meaning, **_unknown(column)},
        )
    create_nodes(group, nodes)


def _unknown(column: Column) -> dict[str, Any]:
    """NaN needs no mark: JSON has no word for it, and floats that were never written read as it."""
    known = column.unknown is None or np.isnan(column.unknown)
    return {} if known else {"unknown": column.unknown}


def open_table(group: zarr.Group, name: str) -> zarr.Group:
    """Open the group of table `name`.

    Raises
    ------
    DamagedLabError
        If it is missing or is no table.
    """
    home = open_group(group, name)
    if home.attrs.get("kind") != KIND:
        raise DamagedLabError(f"table {name} has lost its attributes; restore the lab from a copy")
    return home


def column_names(home: zarr.Group) -> list[str]:
    """Names of the columns of the table in group `home`, in their order."""
    names = home.attrs["columns"]
    return [str(name) for name in names] if isinstance(names, list) else []


def length(group: zarr.Group, table: Table) -> int:
    """Count rows, erased ones included."""
    return _length(open_table(group, table.name), table)


def _length(home: zarr.Group, table: Table) -> int:
    return int(open_array(home, next(iter(table.columns))).shape[0])


def append(group: zarr.Group, table: Table, rows: Mapping[str, Any]) -> int:
    """Append rows, given as one array or list a column, and return the number of the first.

    None stands for what is not known, in columns that declare it.

    Raises
    ------
    SchemaError
        If a column is missing, unknown here, of another length than the others, or cannot hold
        what it was given.
    """
    _check_rows(table, rows)
    home = open_table(group, table.name)
    encoded = {name: _encode(rows[name], column, name) for name, column in table.columns.items()}
    arrays = open_arrays(home, list(encoded))
    _check_same(table, arrays)
    first = int(arrays[0].shape[0])
    if len(next(iter(encoded.values()))):
        append_arrays(arrays, encoded.values())
    return first


def _check_rows(table: Table, rows: Mapping[str, Any]) -> None:
    if set(rows) != set(table.columns):
        missing, extra = set(table.columns) - set(rows), set(rows) - set(table.columns)
        raise SchemaError(
            f"table {table.name}: expected the columns {', '.join(table.columns)}; "
            f"missing: {sorted(missing)}, not known: {sorted(extra)}"
        )
    lengths = {name: len(rows[name]) for name in table.columns}
    if len(set(lengths.values())) > 1:
        raise SchemaError(f"table {table.name}: expected columns of one length, got {lengths}")


def _encode(entries: Any, column: Column, name: str) -> npt.NDArray[Any]:
    if not isinstance(entries, np.ndarray) and column.unknown is not None:
        entries = [column.unknown if entry is None else entry for entry in entries]
    try:
        return np.asarray(entries, dtype=_TEXT if column.dtype == "str" else column.dtype)
    except (OverflowError, TypeError, ValueError) as error:  # text that is no Unicode, too
        raise SchemaError(f"column {name}: expected {column.dtype}, {error}") from error


def values(
    home: zarr.Group, name: str, start: int = 0, stop: int | None = None
) -> npt.NDArray[Any]:
    """Read one column of the table in group `home` as stored; shape (row,).

    Raises
    ------
    DamagedLabError
        If it cannot be read.
    """
    return read_arrays(home, [name], start, stop)[0]


def read(
    group: zarr.Group,
    table: Table,
    columns: Sequence[str] | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    erased: bool = False,
) -> pd.DataFrame:
    """Read rows `start` to `stop` as a frame, whose index is the row number.

    Parameters
    ----------
    group
        Where the table lies.
    table
        Its declaration.
    columns
        Which columns, in this order; all by default. No other column is read.
    start, stop
        Which rows.
    erased
        Whether to keep erased rows, as the blanks that they are.

    Raises
    ------
    NotInLabError
        If the table has no such column.
    DamagedLabError
        If it cannot be read.
    """
    names = list(table.columns) if columns is None else list(columns)
    if wrong := [name for name in names if name not in table.columns]:
        raise NotInLabError(
            f"table {table.name} has no column {', '.join(wrong)}; "
            f"it has {', '.join(table.columns)}"
        )
    home = open_table(group, table.name)
    _check_lengths(home, table, names)
    stored = dict(zip(names, read_arrays(home, names, start, stop), strict=True))
    kept = None if erased else _kept(home, table, stored, start, stop)
    count = len(next(iter(stored.values()))) if stored else 0
    index = np.arange(start, start + count)
    if kept is not None:
        stored, index = {name: entries[kept] for name, entries in stored.items()}, index[kept]
    frame = {name: _decode(entries, table.columns[name]) for name, entries in stored.items()}
    return pd.DataFrame(frame, index=pd.Index(index, dtype="int64"), columns=names)


def _check_lengths(home: zarr.Group, table: Table, names: Sequence[str]) -> None:
    """Refuse columns of different length; two others are looked at beside those named."""
    declared = list(table.columns)
    seen = list(dict.fromkeys([*names, declared[0], declared[-1]]))
    _check_same(table, open_arrays(home, seen))


def _check_same(table: Table, arrays: Sequence["zarr.Array[Any]"]) -> None:
    lengths = {array.basename: int(array.shape[0]) for array in arrays}
    if len(set(lengths.values())) > 1:
        raise DamagedLabError(
            f"table {table.name} has columns of different length, {lengths}; "
            "restore the lab from a copy"
        )


def _kept(
    home: zarr.Group,
    table: Table,
    stored: Mapping[str, npt.NDArray[Any]],
    start: int,
    stop: int | None,
) -> npt.NDArray[np.bool_] | None:
    for name in ("user", "recording"):
        if name in table.columns:
            keys = stored[name] if name in stored else values(home, name, start, stop)
            kept = np.asarray(keys != "" if name == "user" else keys >= 0)
            return None if kept.all() else kept
    return None


def _decode(entries: npt.NDArray[Any], column: Column) -> Any:
    if column.dtype == "str":
        return pd.array(entries.astype(object), dtype="str")
    if column.unknown is None or np.dtype(column.dtype).kind == "f":
        return entries
    return pd.arrays.IntegerArray(entries, entries == column.unknown)


def take(
    home: zarr.Group, names: Sequence[str], rows: npt.NDArray[np.int64]
) -> list[npt.NDArray[Any]]:
    """Read columns at `rows`, which increase; each chunk is read once. Shape (row,) each."""
    chunk = layout.ROWS_PER_CHUNK
    taken = [
        [column[inside - start] for column in read_arrays(home, names, start, start + chunk)]
        for start, inside in _by_chunk(rows, chunk)
    ]
    return [np.concatenate(parts) for parts in zip(*taken, strict=True)] or [
        np.empty(0, dtype=object) for _ in names
    ]


def _by_chunk(
    rows: npt.NDArray[np.int64], chunk: int
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield the start of each chunk that `rows` touch, and those of them that lie in it."""
    starts = rows // chunk * chunk
    for start in np.unique(starts):
        yield int(start), rows[starts == start]


def blank(home: zarr.Group, rows: npt.NDArray[np.int64]) -> None:
    """Overwrite every column of `rows` with blanks: no text, no number, no reference."""
    for name in column_names(home):
        array = whole(open_array(home, name))
        for start, inside in _by_chunk(rows, array.chunks[0]):
            entries = values(home, name, start, start + array.chunks[0])
            entries[inside - start] = -1 if name == "recording" else array.fill_value
            array[start : start + len(entries)] = entries
