"""Where a set starts and ends: looked for on the signal, near where steps change."""

import numpy as np
import numpy.typing as npt

__all__ = ["SEARCH_S", "find_start", "find_stop"]

Floats = npt.NDArray[np.float32]

SEARCH_S = 6.0
"""How far from a change of steps a start or stop is looked for, in s."""


def find_start(samples: Floats, coarse: int, rate_hz: float) -> int:
    """Return the first sample of a set.

    Parameters
    ----------
    samples
        float32 of shape (sample, 3), in g: what is known around the start.
    coarse
        The sample where steps change.
    rate_hz
        Of the grid.
    """
    del samples, rate_hz
    return coarse


def find_stop(samples: Floats, coarse: int, rate_hz: float) -> int:
    """Return the sample past the last of a set; parameters as of :func:`find_start`."""
    del samples, rate_hz
    return coarse
