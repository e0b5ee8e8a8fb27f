"""Samples on a regular grid of times, from samples at any times."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["interpolate", "merge_duplicates"]


def merge_duplicates(
    times: npt.NDArray[np.int64], values: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Average the values of equal neighbouring times.

    Parameters
    ----------
    times
        Shape (sample,), in order.
    values
        Shape (sample, axis).

    Returns
    -------
    times, values
        Each time once, and float64 means.

    Examples
    --------
    >>> times, values = merge_duplicates(np.array([0, 5, 5]), np.float32([[1], [2], [4]]))
    >>> times.tolist(), values.tolist()
    ([0, 5], [[1.0], [3.0]])
    """
    first = np.flatnonzero(np.diff(times, prepend=times[:1] - 1))
    if len(first) == len(times):
        return times, values.astype(np.float64)
    counts = np.diff(first, append=len(times))
    return times[first], np.add.reduceat(values, first, axis=0, dtype=np.float64) / counts[:, None]


def interpolate(
    times: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64] | npt.NDArray[np.float32],
    grid: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Interpolate linearly, and hold the first and last value outside.

    Parameters
    ----------
    times
        Shape (sample,), increasing.
    values
        Shape (sample, axis).
    grid
        Shape (point,), increasing, in the unit of `times`.

    Returns
    -------
    ndarray
        float32 of shape (point, axis).

    Raises
    ------
    InputError
        If there are no samples, or not one time each.

    Examples
    --------
    >>> values = np.array([[0.0], [1.0]])
    >>> interpolate(np.array([0.0, 1.0]), values, np.array([-1, 0.25, 2])).ravel().tolist()
    [0.0, 0.25, 1.0]
    """
    if values.ndim != 2 or times.shape != values.shape[:1] or not len(times):
        raise InputError(
            f"interpolate: expected times (sample,) and values (sample, axis), one sample or "
            f"more, got {times.shape} and {values.shape}"
        )
    out = np.empty((len(grid), values.shape[1]), np.float32)
    _interpolate(times, values, grid, out)
    return out


@compiled()
def _interpolate(times, values, grid, out):
    here, last = 0, len(times) - 1
    for point in range(len(grid)):
        time = grid[point]
        while here < last and times[here + 1] <= time:
            here += 1
        share = 0.0
        if here < last and time > times[here]:
            share = (time - times[here]) / (times[here + 1] - times[here])
        after = min(here + 1, last)
        for axis in range(values.shape[1]):
            low, high = np.float64(values[here, axis]), np.float64(values[after, axis])
            out[point, axis] = low + share * (high - low)
