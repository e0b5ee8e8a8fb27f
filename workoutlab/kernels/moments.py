"""Moments of many windows: one walk over each window and channel.

The walk sums powers of the difference from the first sample. That is exact enough for any
offset, because the first sample is itself at most sd x sqrt(n) away from the mean, and a constant
window gives 0 exactly.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature

__all__ = ["FEATURES", "fill_moments"]

_COST_NS: Final = 120


def _feature(name: str, unit: str, definition: str, source: str) -> Feature:
    return Feature(name, unit, definition, source, "distribution", "channel", _COST_NS)


FEATURES: Final = (
    _feature("mean", "g", "sum over count", "arithmetic mean"),
    _feature(
        "sd", "g", "root of the mean squared deviation from the mean; divided by n", "numpy.std"
    ),
    _feature("rms", "g", "root of the mean square", "root mean square"),
    _feature(
        "energy", "g²", "sum of squares; infinite beyond 3.4e38", "TSFEL and tsfresh: abs_energy"
    ),
    _feature("skewness", "1", "third central moment over sd³; NaN if constant", "scipy.stats.skew"),
    _feature(
        "kurtosis",
        "1",
        "fourth central moment over sd⁴, less 3; NaN if constant",
        "scipy.stats.kurtosis",
    ),
    _feature("mean_absolute", "g", "mean of the absolute values", "mean of numpy.abs"),
)
"""In the order of the columns."""


def fill_moments(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,  # noqa: ARG001 - as for other passes
    out: npt.NDArray[np.float32],
) -> None:
    """Write the moments of each window and channel into `out`.

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
        Shape (window, channel, 7), see :data:`FEATURES`; NaN throughout where a value is not
        finite.
    """
    _fill(planes, starts, length, out)


@compiled(error_model="numpy")
def _fill(planes, starts, length, out):
    for window in range(len(starts)):
        start = starts[window]
        for channel in range(len(planes)):
            values = planes[channel, start : start + length]
            _finish(values[0], length, _sums(values), out[window, channel])


@compiled(fastmath={"reassoc", "contract"})
def _sums(values):
    """Sum the first four powers of the difference from the first value; and absolute values."""
    first, second, third, fourth, absolute = 0.0, 0.0, 0.0, 0.0, 0.0
    origin = np.float64(values[0])
    for i in range(len(values)):
        value = np.float64(values[i])
        away = value - origin
        square = away * away
        first += away
        second += square
        third += square * away
        fourth += square * square
        absolute += abs(value)
    return first, second, third, fourth, absolute


@compiled(error_model="numpy")
def _finish(origin, count, sums, out):
    if not np.isfinite(sums[0]):
        out[:] = np.nan
        return
    first, second, third, fourth = (
        sums[0] / count,
        sums[1] / count,
        sums[2] / count,
        sums[3] / count,
    )
    mean = origin + first
    variance = max(second - first * first, 0.0)
    sd = np.sqrt(variance)
    out[0], out[1] = mean, sd
    out[2] = np.sqrt(mean * mean + variance)
    out[3] = (mean * mean + variance) * count
    out[4:6] = np.nan
    if variance > 0:
        square = first * first
        out[4] = (third - 3 * first * second + 2 * first * square) / (variance * sd)
        central = fourth - 4 * first * third + 6 * square * second - 3 * square * square
        out[5] = central / (variance * variance) - 3
    out[6] = sums[4] / count
