"""Columns of a Parquet file, checked as strictly as those of a text file.

======================================  =====================================================
In the file                             Outcome
======================================  =====================================================
not Parquet, cut short, damaged         error (damage inside a page is found where the writer
                                        stored checksums)
column missing or there twice           error naming it and those that are there
number, time or label of another type   error: column, type expected and found
null, NaN or infinity where a value is  error: row (counted from one) and column
required
null where a value is optional          unknown
no rows                                 error
======================================  =====================================================
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from pyarrow import types

from workoutlab.errors import ReaderError
from workoutlab.readers.kinds import LABEL, LARGEST, NUMBER, OPTIONAL, TIMES, Field, Kind
from workoutlab.readers.rows import Rows

__all__ = ["read_parquet"]


def read_parquet(path: Path, fields: Sequence[Field]) -> Rows:
    """Read columns of a Parquet file.

    Raises
    ------
    ReaderError
        Naming file, row and column, as the table atop this module says.
    """
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            _check_columns(path, file.schema_arrow, fields)
            table = file.read(columns=[field.column for field in fields], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise ReaderError(
            f"cannot be read as Parquet ({error}); export or copy it again", file=path.as_posix()
        ) from error
    rows = Rows(
        path,
        {field.role: table[field.column] for field in fields},
        {field.role: field.column for field in fields},
    )
    if not len(rows):
        raise rows.error("no rows; export or copy it again")
    for field in fields:
        _check_values(rows, field)
    return rows


def _check_columns(path: Path, schema: pa.Schema, fields: Sequence[Field]) -> None:
    for field in fields:
        found = schema.names.count(field.column)
        if found != 1:
            problem = (
                f"expected one column {field.column!r} for {field.role}, found {found or 'none'} "
                f"among {', '.join(map(repr, schema.names))}; name the column that the file has"
            )
        elif not _fits(schema.field(field.column).type, field.kind):
            kind = schema.field(field.column).type
            problem = f"expected {field.kind.expected}, got values of type {kind}; convert them"
        else:
            continue
        raise ReaderError(problem, file=path.as_posix(), column=field.column)


def _fits(came: pa.DataType, kind: Kind) -> bool:
    if types.is_dictionary(came):
        came = came.value_type
    tests: dict[int, tuple[Callable[[pa.DataType], bool], ...]] = {
        id(NUMBER): (types.is_floating, types.is_integer),
        id(OPTIONAL): (types.is_floating, types.is_integer),
        id(LABEL): (types.is_string, types.is_large_string, types.is_integer, types.is_boolean),
        id(TIMES["iso"]): (types.is_string, types.is_large_string, types.is_timestamp),
    }
    numeric = (types.is_floating, types.is_integer, types.is_decimal128, types.is_timestamp)
    return any(test(came) for test in tests.get(id(kind), numeric))


def _check_values(rows: Rows, field: Field) -> None:
    column = rows.columns[field.role]
    if field.kind is LABEL:
        labels = rows.labels(field.role)
        for name in labels.names:
            if not name.isprintable():
                raise rows.error(
                    f"expected {LABEL.expected}, got {name!r}; correct the value",
                    row=labels.first(name),
                    role=field.role,
                )
    if column.null_count and not field.kind.optional:
        row = int(np.argmax(column.is_null().to_numpy()))
        raise rows.error(f"expected {field.kind.expected}, got null", row=row, role=field.role)
    if types.is_floating(column.type):
        known = column.is_valid().to_numpy()
        values = column.to_numpy()
        good = ~known | (np.abs(values) <= LARGEST)
        if not good.all():
            row = int(np.argmin(good))
            raise rows.error(
                f"expected {field.kind.expected}, got {values[row]}", row=row, role=field.role
            )
