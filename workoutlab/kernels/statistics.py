"""The statistics of many windows: one walk over each window and channel."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.kernels import orders, spectra
from workoutlab.kernels.catalogue import BETWEEN, CHANNELS, PER_CHANNEL
from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.windows import check_windows

__all__ = ["describe_windows"]

# What lets sums be split over vector registers. A value that is not finite is found first, so
# that what follows may take numbers for granted.
_SUMS = {"reassoc", "contract"}
_FINITE = {"reassoc", "contract", "nsz", "nnan", "ninf"}


def describe_windows(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,
) -> npt.NDArray[np.float32]:
    """Return the statistics of each window.

    Parameters
    ----------
    planes
        Shape (4, sample): x, y, z and the magnitude, in g.
    starts
        Shape (window,), first sample of each window.
    length
        Window length in samples.
    rate_hz
        Sampling rate in Hz.

    Returns
    -------
    ndarray
        float32 of shape (window, 67): those of :data:`~workoutlab.kernels.catalogue.PER_CHANNEL`
        for x, y, z and the magnitude, then :data:`~workoutlab.kernels.catalogue.BETWEEN`. Each
        window's numbers depend on its samples alone. NaN where a statistic is not defined; a
        channel with a value that is not finite gets NaN throughout.

    Raises
    ------
    InputError
        If a window reaches beyond the samples.

    Examples
    --------
    >>> from workoutlab.kernels.windows import split_channels
    >>> planes = split_channels(np.array([[0, 0, 1], [2, 0, 1], [4, 0, 1]], np.float32))
    >>> describe_windows(planes, np.array([0, 1]), 2, 50)[:, :4]
    array([[1.       , 1.       , 1.4142135, 0.       ],
           [3.       , 1.       , 3.1622777, 0.       ]], dtype=float32)
    """
    starts = np.ascontiguousarray(starts, dtype=np.int64)
    check_windows(planes, starts, length)
    each = len(PER_CHANNEL)
    out = np.empty((len(starts), len(CHANNELS) * each + len(BETWEEN)), np.float32)
    per_channel = out[:, : len(CHANNELS) * each].reshape(len(starts), len(CHANNELS), each)
    _fill(planes, starts, length, rate_hz, per_channel, out[:, len(CHANNELS) * each :])
    ordered = each - spectra.COLUMNS - orders.COLUMNS
    stop = ordered + orders.COLUMNS
    orders.fill_orders(planes, starts, length, per_channel[:, :, ordered:stop])
    spectra.fill_spectral(planes, starts, length, rate_hz, per_channel[:, :, -spectra.COLUMNS :])
    return out


@compiled(error_model="numpy")
def _fill(planes, starts, length, rate_hz, per_channel, between):
    for window in range(len(starts)):
        start = starts[window]
        for channel in range(4):
            values = planes[channel, start : start + length]
            _describe(values, rate_hz, per_channel[window, channel])
        x = planes[0, start : start + length]
        y = planes[1, start : start + length]
        z = planes[2, start : start + length]
        here, row = per_channel[window], between[window]
        row[0] = _correlation(x, y, here[0], here[1])
        row[1] = _correlation(x, z, here[0], here[2])
        row[2] = _correlation(y, z, here[1], here[2])


@compiled(error_model="numpy")
def _describe(values, rate_hz, out):
    """Write the statistics of one window of one channel, the spectral ones apart."""
    count = len(values)
    mean = _mean(values)
    if not np.isfinite(mean):
        out[:] = np.nan
        return
    second, third, fourth = _central_moments(values, mean)
    sd = np.sqrt(second)
    out[0], out[1] = mean, sd
    out[2] = np.sqrt(mean * mean + second)
    out[3] = third / (second * sd) if second > 0 else np.nan
    out[4] = fourth / (second * second) - 3 if second > 0 else np.nan
    if count > 1:
        crossings, steps = _changes(values[:-1], values[1:], mean)
        out[5] = crossings * rate_hz / (count - 1)
        out[6] = steps * rate_hz / (count - 1)
    else:
        out[5:7] = np.nan


@compiled(fastmath=_SUMS, error_model="numpy")
def _mean(values):
    total = 0.0
    for i in range(len(values)):
        total += np.float64(values[i])
    return total / len(values)


@compiled(fastmath=_FINITE, error_model="numpy")
def _central_moments(values, mean):
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(len(values)):
        away = np.float64(values[i]) - mean
        square = away * away
        second += square
        third += square * away
        fourth += square * square
    count = len(values)
    return second / count, third / count, fourth / count


@compiled(fastmath=_FINITE)
def _changes(before, after, mean):
    crossings, steps = 0, 0.0
    for i in range(len(before)):
        crossings += (np.float64(before[i]) > mean) != (np.float64(after[i]) > mean)
        steps += abs(np.float64(after[i]) - np.float64(before[i]))
    return crossings, steps


@compiled(fastmath=_FINITE)
def _covariance(left, right, left_mean, right_mean):
    total = 0.0
    for i in range(len(left)):
        total += (np.float64(left[i]) - left_mean) * (np.float64(right[i]) - right_mean)
    return total / len(left)


@compiled(error_model="numpy")
def _correlation(left, right, of_left, of_right):
    sds = np.float64(of_left[1]) * np.float64(of_right[1])
    if not sds > 0:
        return np.nan
    share = _covariance(left, right, _mean(left), _mean(right)) / sds
    return min(max(share, -1.0), 1.0)
