"""How a signal changes from sample to sample: crossings, jerk, slope, mobility, smoothness."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature
from workoutlab.kernels.lanes import WIDTH, choose_greater, count_crossings, load, spread, store

__all__ = ["FEATURES", "fill_changes"]

_HJORTH: Final = "Hjorth 1970, doi:10.1016/0013-4694(70)90143-4"
_CROSSINGS_NS: Final = 120
_JERK_NS: Final = 280
_TREND_NS: Final = 500

FEATURES: Final = (
    Feature(
        name="mean_crossing_rate",
        unit="1/s",
        definition=(
            "changes between above the mean and not above it, over the time from the first sample "
            "to the last; 0 if constant, NaN for one sample"
        ),
        source="as number_crossing_m of tsfresh at the mean, over the time",
        group="change",
        of="channel",
        cost_ns=_CROSSINGS_NS,
    ),
    Feature(
        name="zero_crossing_rate",
        unit="1/s",
        definition=(
            "changes between above 0 and not above it (an exact 0 counts as not above), over the "
            "time from the first sample to the last; 0 if constant, NaN for one sample"
        ),
        source="as number_crossing_m of tsfresh at 0, over the time",
        group="change",
        of="channel",
        cost_ns=_CROSSINGS_NS,
    ),
    Feature(
        name="jerk",
        unit="g/s",
        definition=(
            "mean absolute difference of neighbours, times the rate; 0 if constant, "
            "NaN for one sample"
        ),
        source="as mean_abs_change of tsfresh, times the rate",
        group="change",
        of="channel",
        cost_ns=_JERK_NS,
    ),
    Feature(
        name="jerk_rms",
        unit="g/s",
        definition=(
            "root of the mean squared difference of neighbours, times the rate; 0 if constant, "
            "NaN for one sample"
        ),
        source="root mean square of numpy.diff, times the rate",
        group="change",
        of="channel",
        cost_ns=_JERK_NS,
    ),
    Feature(
        name="jerk_max",
        unit="g/s",
        definition=(
            "largest absolute difference of neighbours, times the rate; 0 if constant, "
            "NaN for one sample"
        ),
        source="maximum of |numpy.diff|, times the rate",
        group="change",
        of="channel",
        cost_ns=_JERK_NS,
    ),
    Feature(
        name="slope",
        unit="g/s",
        definition="slope of the least-squares line over time; 0 if constant, NaN for one sample",
        source="as linear_trend of tsfresh and slope of TSFEL, times the rate",
        group="change",
        of="channel",
        cost_ns=_TREND_NS,
    ),
    Feature(
        name="mobility",
        unit="1/s",
        definition=(
            "root of the variance of the differences of neighbours over the variance of the "
            "values, times the rate: 2 pi f for a slow wave of frequency f; 0 for a straight "
            "line, NaN if constant"
        ),
        source=_HJORTH,
        group="change",
        of="channel",
        cost_ns=_TREND_NS,
    ),
    Feature(
        name="complexity",
        unit="1",
        definition=(
            "mobility of the differences of neighbours over the mobility: 1 for a wave, more for "
            "a signal of many; NaN if the differences are all alike"
        ),
        source=_HJORTH,
        group="change",
        of="channel",
        cost_ns=_TREND_NS,
    ),
    Feature(
        name="log_dimensionless_jerk",
        unit="1",
        definition=(
            "-ln(n sum(d²) / p²) of the n values, where d are the differences of neighbours and p "
            "is the largest |value - mean|: that is -ln(T / p² x integral of (da/dt)² dt) with "
            "T = n / rate; nearer to 0 is smoother; NaN if constant"
        ),
        source="Melendez-Calderon et al. 2021, doi:10.3389/fbioe.2020.558771",
        group="smoothness",
        of="channel",
        cost_ns=_TREND_NS,
    ),
)
"""The columns. A window of one sample, or with a value that is not finite, gets NaN throughout."""

# What lets sums and maxima be split over vector registers. A value that is not finite is found
# first, so that what follows may take numbers for granted.
_SUMS = {"reassoc", "contract"}
_FINITE = {"reassoc", "contract", "nsz", "nnan", "ninf"}


def fill_changes(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,
    out: npt.NDArray[np.float32],
    *,
    columns: int = len(FEATURES),
) -> None:
    """Write how each window and channel changes into `out`.

    Parameters
    ----------
    planes
        Shape (channel, sample), contiguous, in g.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    rate_hz
        Sampling rate in Hz.
    out
        Shape (window, channel, 9), see :data:`FEATURES`.
    columns
        How many of the first columns are wanted. Two take a quarter of the time of nine, and five
        a half; what is written of the others means nothing.

    Examples
    --------
    >>> planes = np.array([[0, 1, 0, -1, 0, 1]], np.float32)
    >>> out = np.empty((1, 1, 9), np.float32)
    >>> fill_changes(planes, np.array([0]), 6, 50, out)
    >>> [each.name for each in FEATURES[2:5]], out[0, 0, 2:5].tolist()
    (['jerk', 'jerk_rms', 'jerk_max'], [50.0, 50.0, 50.0])
    """
    _fill(planes, starts, length, rate_hz, columns, out)


@compiled()
def _fill(planes, starts, length, rate_hz, columns, out):
    lanes = np.empty(3 * WIDTH, np.float32)
    for window in range(len(starts)):
        start = starts[window]
        for channel in range(len(planes)):
            values = planes[channel, start : start + length]
            row, mean = out[window, channel], _mean(values)
            if length < 2 or not np.isfinite(mean):
                row[:] = np.nan
                continue
            mean_crossings, zero_crossings = _count_crossings(values, _below(mean))
            row[0] = mean_crossings * rate_hz / (length - 1)
            row[1] = zero_crossings * rate_hz / (length - 1)
            if columns > 2:
                _describe(values, mean, rate_hz, lanes, columns, row)


@compiled(error_model="numpy")
def _describe(values, mean, rate_hz, lanes, columns, row):
    """Write the movement of one window of one channel."""
    count = len(values)
    low, high, largest = _scan_extremes(values, lanes)
    step = (np.float64(values[-1]) - np.float64(values[0])) / (count - 1)
    total, away = _scan_steps(values[:-1], values[1:], step)
    away /= count - 1
    row[2] = total / (count - 1) * rate_hz
    row[3] = np.sqrt(away + step * step) * rate_hz
    row[4] = largest * rate_hz
    if columns <= 5:
        return
    variance, lean = _scan_values(values, mean)
    row[5] = 12 * lean / (np.float64(count) ** 2 - 1) * rate_hz
    row[6:] = np.nan
    if variance > 0:
        peak = max(high - mean, mean - low)
        row[6] = np.sqrt(away / variance) * rate_hz
        row[8] = -np.log(count * (count - 1) * (away + step * step) / (peak * peak))
    if count > 2 and away > 0:
        row[7] = np.sqrt(_bend_variance(values) * variance) / away


@compiled(fastmath=_SUMS)
def _mean(values):
    total = 0.0
    for i in range(len(values)):
        total += np.float64(values[i])
    return total / len(values)


@compiled()
def _below(mean):
    """Return the largest float32 that is not above the mean: the same values lie above it."""
    rounded = np.float32(mean)
    return rounded if rounded <= mean else np.nextafter(rounded, np.float32(-np.inf))


@compiled()
def _scan_extremes(values, lanes):
    """Lowest and highest value, and largest absolute difference of neighbours."""
    low, high, largest = values[0], values[0], np.float32(0)
    steps = len(values) - 1
    first = 0
    if steps >= WIDTH:
        first = steps
        _scan_lanes(values, lanes)
        for lane in range(WIDTH):
            low = min(low, lanes[lane])
            high = max(high, lanes[WIDTH + lane])
            largest = max(largest, lanes[2 * WIDTH + lane])
    for i in range(first, steps):
        low, high = min(low, values[i + 1]), max(high, values[i + 1])
        largest = max(largest, abs(values[i + 1] - values[i]))
    return np.float64(low), np.float64(high), np.float64(largest)


@compiled()
def _scan_lanes(values, lanes):
    low, high, largest = load(values, 0), load(values, 0), spread(np.float32(0))
    end = len(values) - 1 - WIDTH
    for i in range(0, end + WIDTH, WIDTH):
        place = min(i, end)  # the last sixteen overlap those before: an extreme counts once
        before, after = load(values, place), load(values, place + 1)
        low = choose_greater(low, after, after, low)
        high = choose_greater(after, high, after, high)
        largest = choose_greater(after - before, largest, after - before, largest)
        largest = choose_greater(before - after, largest, before - after, largest)
    store(lanes, 0, low)
    store(lanes, WIDTH, high)
    store(lanes, 2 * WIDTH, largest)


@compiled()
def _count_crossings(values, mean):
    of_mean, of_zero = 0, 0
    steps = len(values) - 1
    if steps < WIDTH:
        for i in range(steps):
            of_mean += (values[i] > mean) != (values[i + 1] > mean)
            of_zero += (values[i] > 0) != (values[i + 1] > 0)
        return of_mean, of_zero
    level, zero = spread(mean), spread(np.float32(0))
    for i in range(0, steps, WIDTH):
        place = min(i, steps - WIDTH)  # of the last sixteen, those that overlap do not count
        before, after = load(values, place), load(values, place + 1)
        of_mean += count_crossings(before, after, level, i - place)
        of_zero += count_crossings(before, after, zero, i - place)
    return of_mean, of_zero


@compiled(fastmath=_FINITE)
def _scan_values(values, mean):
    """Variance, and mean product of the values with their distance from the middle place."""
    squares, lean = 0.0, 0.0
    middle = (len(values) - 1) / 2
    for i in range(len(values)):
        away = np.float64(values[i]) - mean
        squares += away * away
        lean += away * (i - middle)
    return squares / len(values), lean / len(values)


@compiled(fastmath=_FINITE)
def _scan_steps(before, after, step):
    """Sum of absolute differences, and sum of their squares about `step`, the mean one.

    About the mean one, so that a steep line does not hide what is beside it.
    """
    total, squares = 0.0, 0.0
    for i in range(len(before)):
        change = np.float64(after[i]) - np.float64(before[i])
        total += abs(change)
        squares += (change - step) * (change - step)
    return total, squares


@compiled(fastmath=_FINITE)
def _bend_variance(values):
    """Variance of the second differences."""
    count = len(values) - 2
    before = np.float64(values[1]) - np.float64(values[0])
    after = np.float64(values[-1]) - np.float64(values[-2])
    mean = (after - before) / count
    squares = 0.0
    for i in range(count):
        middle = np.float64(values[i + 1])
        away = np.float64(values[i + 2]) - middle - (middle - np.float64(values[i])) - mean
        squares += away * away
    return squares / count
