"""The order in which neighbouring values stand: permutation entropy."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature

__all__ = ["FEATURES", "fill_ordinal"]

FEATURES: Final = (
    Feature(
        name="permutation_entropy",
        unit="1",
        definition=(
            "entropy of the orders in which three neighbours stand, over that of six equally "
            "frequent ones; of equal values the earlier counts as the lower; 0 if constant, "
            "NaN for fewer than three samples"
        ),
        source="Bandt & Pompe 2002, doi:10.1103/PhysRevLett.88.174102",
        group="change",
        of="channel",
        cost_ns=230,
    ),
)
"""The columns. A window with a value that is not finite gets NaN."""


def fill_ordinal(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,  # noqa: ARG001 - every pass is called in the same way
    out: npt.NDArray[np.float32],
) -> None:
    """Write the permutation entropy of each window and channel into `out`.

    Parameters
    ----------
    planes
        Shape (channel, sample), contiguous.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    rate_hz
        Sampling rate in Hz; the entropy does not depend on it.
    out
        Shape (window, channel, 1), see :data:`FEATURES`.

    Examples
    --------
    >>> planes = np.array([[1, 2, 3, 1, 2, 3]], np.float32)
    >>> out = np.empty((1, 1, 1), np.float32)
    >>> fill_ordinal(planes, np.array([0]), 6, 50, out)
    >>> round(out.item(), 4)  # up twice, then each of two others: 1.5 bits of 2.585
    0.5803
    """
    _fill(planes, starts, length, out)


@compiled()
def _fill(planes, starts, length, out):
    counts = np.empty(6, np.float64)
    for window in range(len(starts)):
        start = starts[window]
        for channel in range(len(planes)):
            values = planes[channel, start : start + length]
            out[window, channel, 0] = np.nan
            if length > 2 and _all_finite(values):
                _count_orders(values[:-2], values[1:-1], values[2:], counts)
                out[window, channel, 0] = _entropy(counts, length - 2) / np.log2(6)


@compiled(fastmath={"reassoc"})
def _all_finite(values):
    bad = 0
    for i in range(len(values)):
        bad += not abs(values[i]) < np.inf
    return bad == 0


@compiled()
def _count_orders(first, second, third, counts):
    """Count the six orders, by which of the three pairs fall."""
    early, late, both, late_lower, early_lower = 0, 0, 0, 0, 0
    for i in range(len(first)):
        falls, falls_on = first[i] > second[i], second[i] > third[i]
        ends_lower = first[i] > third[i]
        early += falls
        late += falls_on
        both += falls & falls_on
        early_lower += falls & ~falls_on & ends_lower
        late_lower += falls_on & ~falls & ends_lower
    counts[0], counts[1] = len(first) - early - late + both, both
    counts[2], counts[3] = early_lower, early - both - early_lower
    counts[4], counts[5] = late_lower, late - both - late_lower


@compiled()
def _entropy(counts, total):
    entropy = 0.0
    for i in range(len(counts)):
        if counts[i] > 0:
            entropy -= counts[i] / total * np.log2(counts[i] / total)
    return max(entropy, 0.0)
