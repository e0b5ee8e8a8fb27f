"""The yardstick by a kernel of one's own, as one would write it for just these features.

Loops in Numba for sums and peaks; NumPy's sort and logarithm and SciPy's transforms in batches,
which are faster than loops.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# Numba finds the types of compiled functions by itself.

import numpy as np
from numba import njit
from scipy import fft

from tests.benchmarks.contenders import (
    LAST_LAG,
    LENGTH,
    NAMES,
    PADDED,
    RATE_HZ,
    Floats,
    quantile,
    spread_and_top,
)

__all__ = ["describe_by_hand"]


def describe_by_hand(windows: Floats) -> Floats:
    """Describe windows of shape (window, axis, sample); columns are those of ``NAMES``."""
    values = np.ascontiguousarray(windows)
    away, out = np.empty_like(values), np.empty((*values.shape[:2], len(NAMES)), np.float32)
    _describe_times(values, away, out)
    values.sort(axis=-1)
    out[..., 2], out[..., 3] = values[..., 0], values[..., -1]
    out[..., 4] = quantile(values, 0.5)
    out[..., 5] = quantile(values, 0.75) - quantile(values, 0.25)
    spectrum = fft.rfft(away, PADDED, axis=-1, overwrite_x=True)
    power = spectrum.real**2 + spectrum.imag**2
    out[..., 12], out[..., 11] = spread_and_top(power)
    _find_peaks(fft.irfft(power, PADDED, axis=-1), out)
    return out


@njit(nogil=True, fastmath=True, error_model="numpy")
def _describe_times(values, away, out):
    for window in range(values.shape[0]):
        for axis in range(values.shape[1]):
            here, row = values[window, axis], out[window, axis]
            total = 0.0
            for i in range(LENGTH):
                total += here[i]
            mean = total / LENGTH
            second, third, fourth, crossings = 0.0, 0.0, 0.0, 0
            for i in range(LENGTH):
                value = here[i] - mean
                away[window, axis, i] = value
                second += value * value
                third += value * value * value
                fourth += value * value * value * value
            for i in range(LENGTH - 1):
                crossings += (here[i] > 0) != (here[i + 1] > 0)
            variance = second / LENGTH
            row[0], row[1] = mean, np.sqrt(variance)
            row[6] = np.sqrt(variance + mean * mean)
            row[7] = third / LENGTH / (variance * np.sqrt(variance))
            row[8] = fourth / LENGTH / (variance * variance) - 3
            row[9] = (variance + mean * mean) * LENGTH
            row[10] = crossings * RATE_HZ / (LENGTH - 1)


@njit(nogil=True, fastmath=True, error_model="numpy")
def _find_peaks(correlation, out):
    for window in range(correlation.shape[0]):
        for axis in range(correlation.shape[1]):
            here = correlation[window, axis]
            first = 1
            while first <= LAST_LAG and here[first] >= 0:
                first += 1
            highest = np.float32(0)
            for lag in range(first, LAST_LAG + 1):
                value = here[lag]
                if value > highest and value > here[lag - 1] and value >= here[lag + 1]:
                    highest = value
            out[window, axis, 13] = highest / here[0]
