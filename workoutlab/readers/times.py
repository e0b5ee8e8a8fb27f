"""Time columns, in whatever unit they were written, as Unix time in ns."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workoutlab.errors import ReaderError
from workoutlab.readers.rows import Rows

__all__ = ["count_steps_back", "read_times"]

_DIGITS = {"s": 9, "ms": 6, "us": 3, "ns": 0}
"""Digits after the point that count whole nanoseconds."""


def read_times(rows: Rows, unit: str) -> npt.NDArray[np.int64]:
    """Return the column ``time`` in ns, in the order in which it came.

    Whole and decimal numbers keep every digit down to the nanosecond; numbers with more digits,
    or stored as floating point, are rounded to it. ISO times without a zone are taken as UTC.

    Parameters
    ----------
    rows
        The file's rows; their column ``time`` was parsed as :data:`workoutlab.readers.kinds.TIMES`
        says, or comes from a Parquet file.
    unit
        ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` or ``"iso"``.

    Returns
    -------
    numpy.ndarray
        Shape (row,), int64.

    Raises
    ------
    ReaderError
        If a time lies outside the years 1678 to 2261, or is not of the unit.
    """
    column = rows.columns["time"]
    if pa.types.is_timestamp(column.type):
        return _cast(rows, column, pa.timestamp("ns", tz=column.type.tz))
    if unit == "iso":
        zoned = pa.timestamp("ns", tz="UTC")
        try:
            return _cast(rows, column, zoned)
        except ReaderError:
            return _cast(rows, column, pa.timestamp("ns"))
    if pa.types.is_decimal128(column.type):
        try:
            return _scaled_decimals(rows, column.cast(pa.decimal128(38, _DIGITS[unit])))
        except pa.ArrowInvalid:  # more digits than that
            column = column.cast(pa.float64())
    values = column.to_numpy()
    factor = 10 ** _DIGITS[unit]
    largest = (2**63 - 1) // factor
    _require(rows, (values >= -largest) & (values <= largest))
    if values.dtype.kind == "f":
        values = np.round(values.astype(np.float64) * factor)
        scaled: npt.NDArray[np.int64] = values.astype(np.int64)
    else:
        scaled = values.astype(np.int64) * factor
    return scaled


def count_steps_back(time_ns: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Count the samples with the same time as the one before, and those with an earlier one.

    Examples
    --------
    >>> count_steps_back(np.array([0, 10, 10, 5, 20]))
    (1, 1)
    """
    steps = np.diff(time_ns)
    return int(np.count_nonzero(steps == 0)), int(np.count_nonzero(steps < 0))


def _cast(rows: Rows, column: pa.ChunkedArray, kind: pa.DataType) -> npt.NDArray[np.int64]:
    try:
        values: npt.NDArray[np.int64] = column.cast(kind).cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise rows.error(f"expected times between 1678 and 2261: {error}", role="time") from error
    return values


def _scaled_decimals(rows: Rows, column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Return the digits of decimals; their scale was chosen so that these are nanoseconds."""
    halves = [
        np.frombuffer(chunk.buffers()[1], "<i8").reshape(-1, 2)[chunk.offset :][: len(chunk)]
        for chunk in column.chunks
    ]
    low, high = np.concatenate(halves).T
    _require(rows, (high == low >> 63) & (low != -(2**63)))  # which stands for unknown
    return np.ascontiguousarray(low)


def _require(rows: Rows, good: npt.NDArray[np.bool_]) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise rows.error(
            f"expected a time between 1678 and 2261, got {rows.columns['time'][row]}; "
            "check the unit of time",
            row=row,
            role="time",
        )
