"""Marks in a signal, each moved to where the signal around it is like that around the others."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["align_marks"]

Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_HALF: Final = 0.4
"""What is compared around a mark on either side, in periods."""
_POINTS: Final = 16
"""On either side."""
_REACH: Final = 0.25
"""How far a mark may move, in periods."""
_STEPS: Final = 25
"""Places that are tried on either side."""
_ROUNDS: Final = 3
_PULL: Final = 0.3
"""Keeps marks in place where the signal is flat around them."""


@compiled()
def _take(signal, place, axis):
    place = min(max(place, 0.0), len(signal) - 1.0)
    i = min(int(place), len(signal) - 2)
    part = place - i
    return signal[i, axis] * (1 - part) + signal[i + 1, axis] * part


@compiled()
def _average(signal, marks, sides, width, mean):
    """Write the mean signal before and after marks, at points up to a width away."""
    points = mean.shape[1]
    for side in range(2):
        known = max(1, sides[:, side].sum())
        for j in range(points):
            away = (2 * side - 1) * width * (j + 0.5) / points
            for axis in range(3):
                total = 0.0
                for i in range(len(marks)):
                    if sides[i, side]:
                        total += _take(signal, marks[i] + away, axis)
                mean[side, j, axis] = total / known


@compiled()
def _misfit(signal, mark, sides, width, mean):
    points = mean.shape[1]
    total, known = 0.0, 0
    for side in range(2):
        if not sides[side]:
            continue
        known += points
        for j in range(points):
            place = mark + (2 * side - 1) * width * (j + 0.5) / points
            for axis in range(3):
                off = _take(signal, place, axis) - mean[side, j, axis]
                total += off * off
    return total / max(1, known)


@compiled()
def _power(mean):
    """Return the mean square of a mean signal about its own mean, summed over axes."""
    total = 0.0
    for axis in range(3):
        middle = mean[:, :, axis].mean()
        total += ((mean[:, :, axis] - middle) ** 2).mean()
    return total


@compiled()
def _move(signal, given, sides, period, mean, costs):
    """Return how far each mark lies from where it fits best, between the places that are tried."""
    steps = len(costs) // 2
    step = _REACH * period / steps
    pull = _PULL * _power(mean) / (period * period)
    shifts = np.zeros(len(given))
    for i in range(len(given)):
        for k in range(len(costs)):
            shift = (k - steps) * step
            misfit = _misfit(signal, given[i] + shift, sides[i], _HALF * period, mean)
            costs[k] = misfit + pull * shift * shift
        least = np.argmin(costs)
        best = float(least - steps)
        if 0 < least < len(costs) - 1:
            bend = costs[least - 1] - 2 * costs[least] + costs[least + 1]
            if bend > 0:
                best += 0.5 * (costs[least - 1] - costs[least + 1]) / bend
        shifts[i] = best * step
    return shifts


@compiled()
def _align(signal, given, sides, inner, period):
    mean, costs = np.zeros((2, _POINTS, 3)), np.zeros(2 * _STEPS + 1)
    marks = given.copy()
    for _ in range(_ROUNDS):
        _average(signal, marks, inner, _HALF * period, mean)
        shifts = _move(signal, given, sides, period, mean, costs)
        marks = given + shifts - np.median(shifts)
    return marks


def align_marks(signal: Doubles, marks: Doubles, sides: Flags, period: float) -> Doubles:
    """Move marks to where the signal before and after each is like the mean over the others.

    The signal is compared with the mean, up to 0.4 periods before and after, at places up to a
    quarter of a period from where a mark was given; the mean is made anew three times. All
    together do not move. A pull grows with the square of the way, so that marks stay where the
    signal is flat.

    Parameters
    ----------
    signal
        Shape (sample, 3), two samples or more.
    marks
        Shape (mark,), places in samples, rising.
    sides
        Shape (mark, 2): whether what comes before a mark, and what comes after, is compared.
    period
        How far marks usually are apart, in samples.

    Returns
    -------
    ndarray
        Shape (mark,), fractions of samples included.

    Raises
    ------
    InputError
        If shapes are not as described, or the period is not above 0.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(500) / 100
    >>> signal = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> marks = np.array([50.0, 150, 262, 350, 450])
    >>> align_marks(signal, marks, np.ones((5, 2), bool), 100).round()
    array([ 50., 150., 250., 350., 450.])
    """
    if signal.ndim != 2 or signal.shape[1] != 3 or len(signal) < 2:
        raise InputError(f"signal: expected shape (sample, 3), got {signal.shape}")
    if marks.ndim != 1 or sides.shape != (len(marks), 2) or not 0 < period < np.inf:
        raise InputError(
            f"expected marks, two sides for each, and a period above 0, "
            f"got {marks.shape}, {sides.shape} and {period}"
        )
    if not len(marks):
        return marks
    # What lies at the ends of all is least certain: it is only compared where there is no other.
    inner = sides.copy()
    inner[[0, -1]] = False
    inner = np.where(inner.any(axis=0), inner, sides)
    return np.asarray(_align(signal, marks, sides, inner, float(period)))
