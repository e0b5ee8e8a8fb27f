"""Delimited text, parsed strictly: no row is dropped, merged or made up.

What a file may hold and what comes of it:

=========================================  ==================================================
In the file                                Outcome
=========================================  ==================================================
extra or missing field in a line           error: line, number of fields expected and found
empty line between rows                    error: line
empty lines at the end                     ignored
not a number, infinity, NaN, too large     error: line and column (float32 is the limit)
empty field where a value is required      error: line and column
empty field where a value is optional      unknown
last line cut short, too few fields        error: line; "the file ends in the middle"
last line without line end, complete       taken, unless its labels differ from the line above
                                           (then error: it was cut in its last field)
line ends LF or CRLF                       taken; a bare CR is an error naming the line
quoted field                               read as RFC 4180 says; a quoted line end is an error
UTF-8, with or without byte order mark     taken; the mark is dropped
UTF-16, Latin-1 and others                 error that says how to convert; for bytes that are
                                           not UTF-8 in a text column: line and column
control characters in a text column        error: line and column
blanks around a number or label            dropped
empty file; header without rows            error
column missing from the header             error naming the column and those that are there
column twice in the header                 error if it is one that is read
columns that are not read                  only counted, their values are not looked at
=========================================  ==================================================

The good path is one pass of pyarrow and one count of line ends. Only where these disagree with
what was expected does a second, slow pass look for the line to blame.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from workoutlab.errors import InputError, ReaderError
from workoutlab.readers.kinds import Field, holds
from workoutlab.readers.rows import Rows

__all__ = ["Dialect", "read_delimited", "split_line"]

_SHOWN = 40
"""Characters of a value that a message shows."""


@dataclass(frozen=True)
class Dialect:
    """How fields and rows are written.

    Parameters
    ----------
    delimiter, decimal
        The characters between fields, and between whole and fraction.
    header
        Whether a line of names stands above the rows; without it columns are called ``"1"``,
        ``"2"`` and so on.
    skip_lines
        Lines to pass over at the top.
    """

    delimiter: str = ","
    decimal: str = "."
    header: bool = True
    skip_lines: int = 0

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise InputError(f"delimiter: expected one character, got {self.delimiter!r}")
        if self.decimal not in (".", ",") or self.decimal == self.delimiter:
            raise InputError(
                f"decimal: expected '.' or ',', other than the delimiter, got {self.decimal!r}"
            )
        if self.skip_lines < 0:
            raise InputError(f"skip_lines: expected 0 or more, got {self.skip_lines}")


@dataclass(frozen=True)
class _Body:
    """The rows' bytes (`start` to `stop` of `data`) and the columns' names."""

    data: bytes
    start: int
    stop: int
    names: tuple[str, ...]
    first_line: int
    unterminated: bool

    @property
    def lines(self) -> int:
        return self.data.count(b"\n", self.start, self.stop) + 1


def read_delimited(
    path: Path, fields: Sequence[Field], dialect: Dialect, *, names: Sequence[str] | None = None
) -> Rows:
    r"""Read columns of a delimited text file.

    Parameters
    ----------
    path
        The file.
    fields
        The columns to read.
    dialect
        How the file is written.
    names
        Names of all columns, where the format fixes them.

    Returns
    -------
    Rows
        One column for each field.

    Raises
    ------
    ReaderError
        Naming file, line and column, as the table atop this module says.

    Examples
    --------
    >>> import tempfile
    >>> from workoutlab.readers.kinds import NUMBER
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.csv")
    ...     _ = path.write_text("t,x\n0,0.5\n1,0.25\n")
    ...     read_delimited(path, [Field("x", "x", NUMBER)], Dialect()).numbers("x").tolist()
    [0.5, 0.25]
    """
    body = _locate(path, _load(path), dialect, names)
    positions = _positions(path, body.names, fields, dialect)
    table, doubt = _parse(body, fields, positions, dialect)
    if (
        table is None
        or table.num_rows != body.lines
        or not all(holds(table[field.role], field.kind) for field in fields)
    ):
        raise _blame(path, body, dict(zip(positions, fields, strict=True)), dialect) or ReaderError(
            f"cannot be parsed: {doubt}", file=path.as_posix()
        )
    return Rows(
        path,
        {field.role: table[field.role] for field in fields},
        {field.role: field.column for field in fields},
        body.first_line,
        body.unterminated,
    )


def split_line(line: bytes, delimiter: str) -> list[str]:
    r"""Split one line into its fields; bytes that are not UTF-8 become unprintable characters.

    Raises
    ------
    csv.Error
        If a quoted field does not end on the line.

    Examples
    --------
    >>> split_line(b'1,"a,b"\r\n', ",")
    ['1', 'a,b']
    """
    text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])


def _load(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReaderError(
            f"cannot be opened: {error.strerror or error}", file=path.as_posix()
        ) from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReaderError(
            "expected UTF-8, found UTF-16; convert it: iconv -f UTF-16 -t UTF-8",
            file=path.as_posix(),
        )
    return data


def _locate(path: Path, data: bytes, dialect: Dialect, names: Sequence[str] | None) -> _Body:
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    stop = len(data)
    while stop > start and data[stop - 1] in b"\r\n":
        stop -= 1
    if stop == start:
        raise ReaderError("the file is empty; export or copy it again", file=path.as_posix())
    top = b""
    for _ in range(dialect.skip_lines + dialect.header):
        end = data.find(b"\n", start, stop) + 1 or stop
        top, start = data[start:end], end
    if start >= stop:
        raise ReaderError(
            f"no rows after the first {dialect.skip_lines + dialect.header} lines; "
            "export or copy it again",
            file=path.as_posix(),
        )
    if not dialect.header:
        top = data[start : data.find(b"\n", start, stop) + 1 or stop]
    first_line = dialect.skip_lines + dialect.header + 1
    if names is None:
        names = _names(path, top, dialect)
    return _Body(data, start, stop, tuple(names), first_line, b"\n" not in data[stop:])


def _names(path: Path, top: bytes, dialect: Dialect) -> list[str]:
    try:
        fields = split_line(top, dialect.delimiter)
    except csv.Error as error:
        raise ReaderError(
            f"expected every quote to be closed on its line ({error})",
            file=path.as_posix(),
            line=dialect.skip_lines + 1,
        ) from error
    if not dialect.header:
        return [str(position) for position in range(1, len(fields) + 1)]
    return [name.strip() for name in fields]


def _positions(
    path: Path, names: Sequence[str], fields: Sequence[Field], dialect: Dialect
) -> list[int]:
    for field in fields:
        found = names.count(field.column)
        if found != 1:
            raise ReaderError(
                f"expected one column {field.column!r} for {field.role}, "
                f"found {found or 'none'} among {', '.join(map(repr, names))}; "
                "name the column that the file has",
                file=path.as_posix(),
                line=dialect.skip_lines + 1 if dialect.header else None,
                column=field.column,
            )
    return [names.index(field.column) for field in fields]


def _parse(
    body: _Body, fields: Sequence[Field], positions: Sequence[int], dialect: Dialect
) -> tuple[pa.Table | None, str]:
    """Return the parsed rows, or None and why not."""
    roles = [f"({position})" for position in range(len(body.names))]
    for field, position in zip(fields, positions, strict=True):
        roles[position] = field.role
    doubt = ""
    for types in _combinations(fields):
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(pa.py_buffer(body.data).slice(body.start, body.stop - body.start)),
                # Files are parsed in parallel; threads within a file would only compete.
                read_options=pyarrow.csv.ReadOptions(use_threads=False, column_names=roles),
                parse_options=pyarrow.csv.ParseOptions(delimiter=dialect.delimiter),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[""],
                    strings_can_be_null=False,
                    decimal_point=dialect.decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            doubt = str(error)
        else:
            return table, "a value is not of the expected kind"
    return None, doubt


def _combinations(fields: Sequence[Field]) -> Iterator[dict[str, pa.DataType]]:
    """Yield the types to try; only one column, the time, has a choice."""
    for choice in range(max(len(field.kind.types) for field in fields)):
        yield {f.role: f.kind.types[min(choice, len(f.kind.types) - 1)] for f in fields}


def _blame(
    path: Path, body: _Body, fields: dict[int, Field], dialect: Dialect
) -> ReaderError | None:
    """Find the first line at fault: the slow pass, taken only when the fast one failed."""
    rows = io.BytesIO(memoryview(body.data)[body.start : body.stop])
    for number, line in enumerate(rows, body.first_line):
        problem, column = _fault(line, len(body.names), fields, dialect)
        if problem:
            last = number == body.first_line + body.lines - 1
            if last and body.unterminated:
                problem += " (the file ends in the middle of this line: export or copy it again)"
            return ReaderError(problem, file=path.as_posix(), line=number, column=column)
    return None


def _fault(
    line: bytes, width: int, fields: dict[int, Field], dialect: Dialect
) -> tuple[str, str | None]:
    """Return what is wrong with one line, empty if nothing, and with which column."""
    if b"\r" in line.removesuffix(b"\n").removesuffix(b"\r"):
        return "expected line ends LF or CRLF, found a bare CR; convert the line ends", None
    try:
        texts = split_line(line, dialect.delimiter)
    except csv.Error as error:
        return f"expected every quote to be closed on its line ({error})", None
    if not texts:
        return f"expected {width} fields, found an empty line; take it out", None
    if len(texts) != width:
        return f"expected {width} fields, got {len(texts)}; correct the line or take it out", None
    for position, field in sorted(fields.items(), key=lambda item: item[0]):
        text = texts[position]
        plain = text.replace(dialect.decimal, ".") if dialect.decimal != "." else text
        if not field.kind.accepts(plain):
            shown = repr(text[:_SHOWN]) + ("…" if len(text) > _SHOWN else "")
            return (
                f"expected {field.kind.expected}, got {shown}; correct the value",
                field.column,
            )
    return "", None
