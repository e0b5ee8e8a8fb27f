"""Order statistics of many windows: sixteen channels sorted side by side.

A sorting network compares the same places whatever the values, so that one instruction sorts
sixteen lanes; selecting one quantile after the other, lane by lane, takes four times as long.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.lanes import WIDTH, choose_greater, load, store

__all__ = ["COLUMNS", "fill_orders"]

COLUMNS: Final = 4
"""Min, max, median, interquartile range."""


def fill_orders(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the order statistics of each window and channel into `out`.

    Parameters
    ----------
    planes
        Shape (4, sample), contiguous.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    out
        Shape (window, 4, 4), see :data:`COLUMNS`; NaN throughout where a value is not finite.
    """
    _fill(planes, starts, length, out)


@compiled()
def _fill(planes, starts, length, out):
    rows = np.zeros(length * WIDTH, np.float32)
    tile = WIDTH // 4
    for first in range(0, len(starts), tile):
        windows = min(tile, len(starts) - first)
        for lane in range(4 * windows):
            start = starts[first + lane // 4]
            values = planes[lane % 4, start : start + length]
            finite = True
            for i in range(length):
                rows[i * WIDTH + lane] = values[i]
                finite &= abs(values[i]) < np.inf
            out[first + lane // 4, lane % 4, 0] = 0 if finite else np.nan
        _sort(rows, length)
        for lane in range(4 * windows):
            _finish(rows, lane, length, out[first + lane // 4, lane % 4])


@compiled()
def _sort(rows, count):
    """Batcher's merge exchange for any number of rows (Knuth, volume 3, 5.2.2, algorithm M)."""
    highest = 1
    while 2 * highest < count:
        highest *= 2
    part = highest
    while part > 0:
        reach, rest, apart = highest, 0, part
        while apart > 0:
            for block in range(rest, count - apart, 2 * part):
                for i in range(block, min(block + part, count - apart)):
                    _exchange(rows, i * WIDTH, (i + apart) * WIDTH)
            apart, reach, rest = reach - part, reach // 2, part
        part //= 2


@compiled()
def _exchange(rows, here, there):
    left, right = load(rows, here), load(rows, there)
    store(rows, here, choose_greater(left, right, right, left))
    store(rows, there, choose_greater(left, right, left, right))


@compiled()
def _quantile(rows, lane, count, share):
    place = (count - 1) * share
    below = int(place)
    above = min(below + 1, count - 1)
    low, high = np.float64(rows[below * WIDTH + lane]), np.float64(rows[above * WIDTH + lane])
    return low + (high - low) * (place - below)


@compiled()
def _finish(rows, lane, count, out):
    if np.isnan(out[0]):
        out[:] = np.nan
        return
    out[0] = rows[lane]
    out[1] = rows[(count - 1) * WIDTH + lane]
    out[2] = _quantile(rows, lane, count, 0.5)
    out[3] = _quantile(rows, lane, count, 0.75) - _quantile(rows, lane, count, 0.25)
