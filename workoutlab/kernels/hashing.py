"""Random integers as hashes of their positions."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled

__all__ = ["hash_range"]

_GOLDEN: Final = np.uint32(0x9E3779B9)
"""2³² over the golden ratio, odd: steps through all integers."""
_FIRST: Final = np.uint32(0x7FEB352D)
_SECOND: Final = np.uint32(0x846CA68B)
_FAR: Final = np.uint32(16)
_NEAR: Final = np.uint32(15)


@compiled()
def _mix(bits):
    """Hash a 32-bit integer by Chris Wellons' lowbias32, which is one to one."""
    bits = np.uint32((bits ^ (bits >> _FAR)) * _FIRST)
    bits = np.uint32((bits ^ (bits >> _NEAR)) * _SECOND)
    return np.uint32(bits ^ (bits >> _FAR))


@compiled()
def _hash_range(first, second, out):
    for place in range(len(out)):
        bits = np.uint32(np.uint32(place) * _GOLDEN)
        out[place] = _mix(np.uint32(_mix(np.uint32(bits ^ first)) ^ second))


def hash_range(first: int, second: int, count: int) -> npt.NDArray[np.int32]:
    """Hash the numbers 0 to `count` - 1 with a key of two signed 32-bit integers.

    Examples
    --------
    >>> hash_range(1, 2, 3).tolist()[:2] == hash_range(1, 2, 2).tolist()
    True
    """
    out = np.empty(count, np.uint32)
    _hash_range(np.uint32(first % 2**32), np.uint32(second % 2**32), out)
    return out.view(np.int32)
