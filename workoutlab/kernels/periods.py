"""How well many windows repeat themselves, by their autocorrelations."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature
from workoutlab.kernels.lanes import WIDTH, choose_greater, larger, load, smaller, spread, store

__all__ = ["FEATURES", "fill_periods"]

_COST_NS: Final = 800


def _feature(name: str, unit: str, definition: str, source: str) -> Feature:
    return Feature(name, unit, definition, source, "repetition", "channel", _COST_NS)


FEATURES: Final = (
    _feature(
        "period",
        "s",
        "lag of the highest peak above 0 of the autocorrelation (biased) after it first falls "
        "below 0, up to three quarters of the window; NaN if there is none, or if constant",
        "Rabiner 1977, doi:10.1109/TASSP.1977.1162905",
    ),
    _feature(
        "periodicity",
        "1",
        "height of that peak over the value at lag 0; 0 if there is none, NaN if constant",
        "Rabiner 1977, doi:10.1109/TASSP.1977.1162905",
    ),
    _feature(
        "period_prominence",
        "1",
        "height of that peak over the higher one of the lowest values before and after it (up to "
        "a sample beyond three quarters of the window), over the value at lag 0; 0 if there is "
        "none, NaN if constant",
        "scipy.signal.peak_prominences",
    ),
)
"""In the order of the columns."""


def fill_periods(
    correlations: npt.NDArray[np.float32],
    length: int,
    rate_hz: float,
    out: npt.NDArray[np.float32],
) -> None:
    """Write what the autocorrelations say into `out`.

    Parameters
    ----------
    correlations
        Shape (group, lag, 16), contiguous, as
        :func:`~workoutlab.kernels.fourier.fill_correlations` writes them.
    length
        Window length in samples.
    rate_hz
        Sampling rate.
    out
        Shape (signal, 3), see :data:`FEATURES`.

    Examples
    --------
    >>> correlations = np.zeros((1, 10, 16), np.float32)
    >>> correlations[0, :8] = np.float32([4, 0, -3, 0, 2, 0, -1, 0])[:, None]
    >>> out = np.empty((1, 3), np.float32)
    >>> fill_periods(correlations, 8, 8, out)
    >>> out.tolist()
    [[0.5, 0.5, 0.75]]
    """
    _fill(correlations, 3 * length // 4, rate_hz, out)


@compiled(error_model="numpy")
def _fill(correlations, last, rate_hz, out):
    found = np.empty(4 * WIDTH, np.float32)
    for group in range(len(correlations)):
        correlation = correlations[group]
        _scan_lags(correlation, last, found)
        for lane in range(min(WIDTH, len(out) - group * WIDTH)):
            row, whole = out[group * WIDTH + lane], correlation[0, lane]
            highest, at = found[lane], found[WIDTH + lane]
            foot = max(found[2 * WIDTH + lane], found[3 * WIDTH + lane])
            row[:] = np.nan
            if whole > 0:
                row[0] = at / rate_hz if at > 0 else np.nan
                row[1] = highest / whole
                row[2] = (highest - foot) / whole if at > 0 else 0.0


@compiled()
def _scan_lags(correlation, last, found):
    """Find the highest peak after the first negative value, its lag, and how low it is around."""
    zero, one = spread(np.float32(0)), spread(np.float32(1))
    crossed, highest, at, left, right = zero, zero, zero, zero, zero
    before, value = load(correlation, 0), load(correlation, WIDTH)
    lowest = value
    for lag in range(1, last + 1):
        after = load(correlation, (lag + 1) * WIDTH)
        crossed = choose_greater(zero, value, one, crossed)
        peak = choose_greater(value, before, value, zero)
        peak = choose_greater(after, value, zero, peak) * crossed
        lowest, right = smaller(lowest, value), smaller(right, value)
        at = choose_greater(peak, highest, spread(np.float32(lag)), at)
        left = choose_greater(peak, highest, lowest, left)
        right = choose_greater(peak, highest, value, right)
        highest = larger(peak, highest)
        before, value = value, after
    right = smaller(right, value)
    for row, value in enumerate((highest, at, left, right)):
        store(found, row * WIDTH, value)
