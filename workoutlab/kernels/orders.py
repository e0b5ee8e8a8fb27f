"""Order statistics of many windows: sixteen signals sorted side by side.

A sorting network compares the same places whatever the values, so that one instruction sorts
sixteen lanes. Of each window only two halves are sorted: a quantile is found in two sorted runs
without merging them. Where windows overlap by a half, three quarters and so on, each lane walks
its windows in time, and a block that they share is sorted once. How an order statistic is found
does not change its value.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature
from workoutlab.kernels.lanes import (
    WIDTH,
    clean_rows,
    larger,
    load,
    smaller,
    sort_rows,
    spread,
    store,
    transpose,
)

__all__ = ["FEATURES", "fill_orders"]

_COST_NS: Final = 240
_MAD_NS: Final = 400
_QUANTILE: Final = "interpolated linearly between order statistics"
_BEYOND: Final = "infinite beyond 3.4e38"


def _feature(name: str, definition: str, source: str) -> Feature:
    cost_ns = _MAD_NS if name == "mad" else _COST_NS
    return Feature(name, "g", definition, source, "distribution", "channel", cost_ns)


FEATURES: Final = (
    _feature("min", "smallest value", "numpy.min"),
    _feature("max", "largest value", "numpy.max"),
    _feature("range", f"largest less smallest value; {_BEYOND}", "numpy.ptp"),
    _feature("median", f"0.5 quantile, {_QUANTILE}", "numpy.median"),
    _feature("lower_quartile", f"0.25 quantile, {_QUANTILE}", "numpy.quantile"),
    _feature("upper_quartile", f"0.75 quantile, {_QUANTILE}", "numpy.quantile"),
    _feature("iqr", f"upper less lower quartile; {_BEYOND}", "scipy.stats.iqr"),
    _feature(
        "mad",
        f"median of the absolute deviations from the median; {_BEYOND}",
        "scipy.stats.median_abs_deviation",
    ),
)
"""In the order of the columns."""

_FOUND: Final = 11  # rows: eight order statistics, whether all are finite, two of the deviations
_SHARED: Final = 64  # windows from which on walking them in time pays
_MOST_BLOCKS: Final = 16  # of a window


def fill_orders(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,  # noqa: ARG001 - as for other passes
    out: npt.NDArray[np.float32],
    *,
    deviation: bool = True,
) -> None:
    """Write the order statistics of each window and channel into `out`.

    Parameters
    ----------
    planes
        Shape (channel, sample), contiguous.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    rate_hz
        Sampling rate.
    out
        Shape (window, channel, 8), see :data:`FEATURES`; NaN throughout where a value is not
        finite.
    deviation
        Whether to find the last; it takes a third of the time.
    """
    channels, samples = planes.shape
    blocks = _blocks(starts, length)
    if blocks > 1:
        _fill_shared(planes, starts, length, blocks, deviation, out)
    else:
        first = (starts[:, None] + samples * np.arange(channels)).ravel()
        _fill_apart(planes.ravel(), first, length, deviation, out)


def _blocks(starts: npt.NDArray[np.int64], length: int) -> int:
    """Return in how many equal blocks a window falls of which neighbours share some; or 1."""
    if len(starts) < _SHARED:
        return 1
    step = int(starts[1] - starts[0])
    if not 0 < step < length or (np.diff(starts) != step).any():
        return 1
    blocks = 2
    while blocks <= _MOST_BLOCKS:
        if length % blocks == 0 and step % (length // blocks) == 0:
            return blocks
        blocks *= 2
    return 1


@compiled()
def _fill_apart(values, starts, length, deviation, out):
    """For windows anywhere."""
    rows = np.empty((length + 2) * WIDTH, np.float32)
    scratch = np.empty(2 * length * WIDTH, np.float32)
    found = np.empty(_FOUND * WIDTH, np.float32)
    here = np.empty(WIDTH, np.int64)
    channels, half = out.shape[1], length // 2
    second = (half + 1) * WIDTH
    for first in range(0, len(starts), WIDTH):
        for lane in range(WIDTH):
            here[lane] = starts[min(first + lane, len(starts) - 1)]
        for start, count, place in ((0, half, 0), (half, length - half, second)):
            _lay(values, here, start, count, rows, place)
        _find(rows, (0, half), (second, length - half), scratch, deviation, found)
        for lane in range(min(WIDTH, len(starts) - first)):
            signal = first + lane
            _finish(found, lane, length, deviation, out[signal // channels, signal % channels])


@compiled()
def _fill_shared(planes, starts, length, blocks, deviation, out):
    """For windows that follow each other in steps of a multiple of ``length / blocks``."""
    values, block, step = planes.reshape(-1), length // blocks, starts[1] - starts[0]
    half = blocks // 2
    last = (half + 1) * (half * block + 1)
    rings = np.empty((_ring_place(half, 0, block) + last) * WIDTH, np.float32)
    scratch = np.empty(2 * length * WIDTH, np.float32)
    found = np.empty(_FOUND * WIDTH, np.float32)
    here, windows = np.empty(WIDTH, np.int64), np.empty(WIDTH, np.int64)
    stretch = -(-len(starts) // WIDTH)
    for channel in range(out.shape[1]):
        for lane in range(WIDTH):
            windows[lane] = min(lane * stretch, len(starts) - stretch)
            here[lane] = planes.shape[1] * channel + starts[windows[lane]]
        for time in range((stretch - 1) * step // block + blocks):
            _lay(values, here, time * block, block, rings, _ring_place(1, time, block) * WIDTH)
            _merge_neighbours(rings, time, blocks, block)
            passed = (time + 1 - blocks) * block
            if passed >= 0 and passed % step == 0:
                left = _ring_place(half, time - half, block) * WIDTH
                right = _ring_place(half, time, block) * WIDTH
                _find(rings, (left, length // 2), (right, length // 2), scratch, deviation, found)
                for lane in range(WIDTH):
                    window = windows[lane] + passed // step
                    _finish(found, lane, length, deviation, out[window, channel])


@compiled()
def _ring_place(size, time, block):
    """Row where the sorted run of the `size` blocks up to block `time` lies, or lay before.

    Runs of 1, 2, 4... blocks lie in rings, each just long enough to hold the run that its
    neighbour is merged with; a row behind each run tells whether it is finite.
    """
    place, smaller_size = 0, 1
    while smaller_size < size:
        place += (smaller_size + 1) * (smaller_size * block + 1)
        smaller_size *= 2
    return place + time % (size + 1) * (size * block + 1)


@compiled()
def _merge_neighbours(rings, time, blocks, block):
    """Merge the runs that end with block `time` with those before, up to half a window."""
    size = 1
    while 2 * size < blocks and time + 1 >= 2 * size:
        left = _ring_place(size, time - size, block) * WIDTH
        right = _ring_place(size, time, block) * WIDTH
        both = _ring_place(2 * size, time, block) * WIDTH
        count = size * block
        _merge(rings, (left, count), (right, count), rings[both:])
        end = count * WIDTH
        store(rings, both + 2 * end, load(rings, left + end) + load(rings, right + end))
        size *= 2


@compiled()
def _lay(values, starts, first, count, rows, place):
    """Sort `count` samples of each signal into rows; NaN in the row behind if not finite."""
    if count < WIDTH:
        for lane in range(WIDTH):
            for i in range(count):
                rows[place + i * WIDTH + lane] = values[starts[lane] + first + i]
    else:
        for i in range(0, count, WIDTH):
            row = min(i, count - WIDTH)  # the last sixteen overlap those before
            transpose(values, starts, first + row, rows, place + row * WIDTH)
    finite = spread(np.float32(0))
    for i in range(place, place + count * WIDTH, WIDTH):
        row = load(rows, i)
        finite = finite + (row - row)
    _sort(rows, place, count)
    store(rows, place + count * WIDTH, finite)


@compiled()
def _sort(rows, place, count):
    whole = count - count % WIDTH
    for i in range(0, whole, WIDTH):
        sort_rows(rows, place + i * WIDTH)
    size = min(1, count)  # a plain 1 would be compiled for itself
    while size < count:
        for i in range(whole if size < WIDTH else 0, count - size, 2 * size):
            here = place + i * WIDTH
            other = here + size * WIDTH, min(size, count - i - size)
            _merge(rows, (here, size), other, rows[here:])
        size *= 2


@compiled()
def _exchange(rows, here, there):
    left, right = load(rows, here), load(rows, there)
    store(rows, here, smaller(left, right))
    store(rows, there, larger(left, right))


@compiled()
def _merge(rows, one, other, target):
    """Merge two sorted runs, each a place and a number of rows, to another place or in place."""
    (one, left), (other, right) = one, other
    both, middle = min(left, right), left * WIDTH
    for i in range(left):
        value = load(rows, one + i * WIDTH)
        if left - 1 - i < both:
            there = load(rows, other + (left - 1 - i) * WIDTH)
            store(target, middle + (left - 1 - i) * WIDTH, larger(value, there))
            value = smaller(value, there)
        store(target, i * WIDTH, value)
    for i in range(both, right):
        store(target, middle + i * WIDTH, load(rows, other + i * WIDTH))
    _clean(target, middle, left, right)


@compiled()
def _clean(rows, middle, left, right):
    """Sort `left` rows before the middle and `right` from it on; each bitonic (Batcher 1968).

    As if there were a power of two of each: those that are missing would stay where they are.
    """
    size = 1
    while size < max(left, right):
        size *= 2
    apart = size // 2
    while apart >= WIDTH:
        for block in range(-size, size, 2 * apart):
            for i in range(max(block, -left), min(block + apart, right - apart)):
                _exchange(rows, middle + i * WIDTH, middle + (i + apart) * WIDTH)
        apart //= 2
    if apart < WIDTH // 2:
        _clean_block(rows, middle, -size, size, -left, right)
        return
    for block in range(-size, size, WIDTH):
        if block >= -left and block + WIDTH <= right:
            clean_rows(rows, middle + block * WIDTH)
        elif block + WIDTH > -left and block < right:
            _clean_block(rows, middle, block, block + WIDTH, -left, right)


@compiled()
def _clean_block(rows, middle, start, stop, first, last):
    """Sort what there is of a block of rows, or of two that are less than sixteen."""
    apart = min(WIDTH, stop if start < 0 < stop else WIDTH) // 2
    while apart:
        for block in range(start, stop, 2 * apart):
            for i in range(max(block, first), min(block + apart, last - apart)):
                _exchange(rows, middle + i * WIDTH, middle + (i + apart) * WIDTH)
        apart //= 2


@compiled()
def _select(rows, one, other, rank):
    """Return the value of this rank, from 0, among two sorted runs.

    Of rank + 1 values, i from the start of one run and the others from the start of the other,
    the largest is smallest where they are those that come first.
    """
    (one, left), (other, right) = one, other
    found = spread(np.float32(np.inf))
    low, high = max(0, rank + 1 - right), min(left, rank + 1)
    if low == 0:
        found, low = load(rows, other + rank * WIDTH), 1
    if high == rank + 1:
        found, high = smaller(found, load(rows, one + rank * WIDTH)), rank
    for i in range(low, high + 1):
        first, second = load(rows, one + (i - 1) * WIDTH), load(rows, other + (rank - i) * WIDTH)
        found = smaller(found, larger(first, second))
    return found


@compiled()
def _find(rows, one, other, scratch, deviation, found):
    """Write the order statistics of a window that lies in two sorted runs."""
    count = one[1] + other[1]
    row = 0
    for quarter in range(5):
        rank = (count - 1) * quarter // 4
        store(found, row, _select(rows, one, other, rank))
        row += WIDTH
        if 0 < quarter < 4:
            rank = min(rank + 1, count - 1)
            store(found, row, _select(rows, one, other, rank))
            row += WIDTH
    finite = load(rows, one[0] + one[1] * WIDTH)
    store(found, row, finite + load(rows, other[0] + other[1] * WIDTH))
    if deviation:
        _merge(rows, one, other, scratch)
        _find_deviation(scratch, count, found)


@compiled()
def _find_deviation(rows, count, found):
    """Twice the deviations from the median, which rise to both sides of it."""
    half, away = count // 2 * WIDTH, count * WIDTH
    low, high = load(rows, (count - 1) // 2 * WIDTH), load(rows, half)
    for i in range(0, half, WIDTH):
        value = load(rows, half - WIDTH - i)
        store(rows, away + i, (low - value) + (high - value))
    for i in range(half, away, WIDTH):
        value = load(rows, i)
        store(rows, away + i, (value - low) + (value - high))
    left, right = (away, count // 2), (away + half, count - count // 2)
    for row, rank in ((9, (count - 1) // 2), (10, count // 2)):
        value = _select(rows, left, right, rank)
        store(found, row * WIDTH, value)


@compiled()
def _between(found, row, lane, count, share):
    low, high = np.float64(found[row * WIDTH + lane]), np.float64(found[(row + 1) * WIDTH + lane])
    place = (count - 1) * share
    return low + (high - low) * (place - int(place))


@compiled()
def _finish(found, lane, count, deviation, out):
    if np.isnan(found[8 * WIDTH + lane]):
        out[:] = np.nan
        return
    low, high = np.float64(found[lane]), np.float64(found[7 * WIDTH + lane])
    lower, median = _between(found, 1, lane, count, 0.25), _between(found, 3, lane, count, 0.5)
    upper = _between(found, 5, lane, count, 0.75)
    out[0], out[1], out[2] = low + 0.0, high + 0.0, high - low  # no zero keeps a sign
    out[3], out[4], out[5], out[6] = median + 0.0, lower + 0.0, upper + 0.0, upper - lower
    if deviation:
        out[7] = _between(found, 9, lane, count, 0.5) / 2
