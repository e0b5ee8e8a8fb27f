"""What a column may hold: how it is parsed, and which values are at fault."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

__all__ = ["LABEL", "LARGEST", "NUMBER", "OPTIONAL", "TIMES", "Field", "Kind", "holds"]

LARGEST: Final = float(np.finfo(np.float32).max)
"""Samples are kept as float32: a larger number would become infinite."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """What a column may hold.

    Parameters
    ----------
    expected
        The same in words, for messages.
    types
        Arrow types to parse it as; the first that takes every value is used.
    accepts
        Whether one field's text is of this kind; only asked when a file failed to parse.
    optional
        Whether a field may be empty.
    """

    expected: str
    types: tuple[pa.DataType, ...]
    accepts: Callable[[str], bool]
    optional: bool = False


@dataclass(frozen=True)
class Field:
    """A column to read: the role it plays, its name (or one-based position), its kind."""

    role: str
    column: str
    kind: Kind


def _is_number(text: str) -> bool:
    text = text.strip(" \t")
    return _NUMBER.fullmatch(text) is not None and abs(float(text)) <= LARGEST


def _is_integer(text: str) -> bool:
    text = text.strip(" \t")
    return _INTEGER.fullmatch(text) is not None and -(2**63) <= int(text) < 2**63


def _is_iso(text: str) -> bool:
    try:
        return 1677 < datetime.fromisoformat(text).year < 2262
    except ValueError:
        return False


NUMBER: Final = Kind("a finite number", (pa.float64(),), _is_number)
OPTIONAL: Final = Kind(
    "a finite number or an empty field",
    (pa.float64(),),
    lambda text: not text or _is_number(text),
    optional=True,
)
LABEL: Final = Kind(
    "printable UTF-8 text",
    (pa.dictionary(pa.int32(), pa.string()),),
    str.isprintable,
    optional=True,
)


def _count(unit: str, digits: int) -> Kind:
    # As a decimal of the right scale a time keeps every digit down to the nanosecond, where a
    # float64 of today's Unix time would lose them; more digits than that are rounded.
    return Kind(
        f"a time in {unit}, a finite number", (pa.decimal128(38, digits), pa.float64()), _is_number
    )


TIMES: Final = {
    "s": _count("s", 9),
    "ms": _count("ms", 6),
    "us": _count("us", 3),
    "ns": Kind("a time in ns, a whole number", (pa.int64(),), _is_integer),
    "iso": Kind(
        "an ISO 8601 time between 1678 and 2261, with a zone in every line or in none",
        (pa.timestamp("ns", tz="UTC"), pa.timestamp("ns")),
        _is_iso,
    ),
}
"""Kinds of time columns by unit."""


def holds(column: pa.ChunkedArray, kind: Kind) -> bool:
    """Whether every value of a parsed column is of its kind."""
    if column.null_count and not kind.optional:
        return False
    if pa.types.is_dictionary(column.type):
        return all(kind.accepts(text) for text in column.unify_dictionaries().unique().to_pylist())
    if not pa.types.is_floating(column.type):
        return True
    values = column.drop_null().to_numpy() if column.null_count else column.to_numpy()
    # NaN compares as false and makes both extremes NaN.
    return not len(values) or bool(values.min() >= -LARGEST and values.max() <= LARGEST)
