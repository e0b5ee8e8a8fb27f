"""Searching many sorted runs of one array at once."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["search_runs"]

Integers = npt.NDArray[np.int64]


def search_runs(
    values: npt.NDArray[Any],
    low: Integers,
    high: Integers,
    wanted: npt.NDArray[Any],
    *,
    right: bool = False,
) -> Integers:
    """Find where each value belongs in its own run, as :func:`numpy.searchsorted` does in one.

    Parameters
    ----------
    values
        Shape (value,); ``values[low[i]:high[i]]`` never decreases.
    low, high
        Shape (query,): the run that each is looked for in.
    wanted
        Shape (query,): what is looked for.
    right
        Whether it belongs behind equal values rather than before them.

    Returns
    -------
    ndarray
        int64 of shape (query,): positions in `values`, from low to high.

    Examples
    --------
    >>> values = np.array([1, 5, 9, 2, 4])
    >>> search_runs(values, np.array([0, 3]), np.array([3, 5]), np.array([6, 2])).tolist()
    [2, 3]
    """
    low, high = low.copy(), high.copy()
    while (unsure := np.flatnonzero(low < high)).size:
        middle = (low[unsure] + high[unsure]) // 2
        here = values[middle]
        before = here <= wanted[unsure] if right else here < wanted[unsure]
        low[unsure] = np.where(before, middle + 1, low[unsure])
        high[unsure] = np.where(before, high[unsure], middle)
    return low
