"""Windows cut from samples: the channels one by one, and Muvr's block layout."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["check_windows", "gather_windows", "split_channels"]


def check_windows(
    samples: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], length: int
) -> None:
    """Check that the windows lie within the samples, which the kernels take for granted.

    Raises
    ------
    InputError
        If `samples` is not of shape (sample, 3), or a window reaches beyond them.

    Examples
    --------
    >>> check_windows(np.zeros((10, 3), np.float32), np.array([0, 2]), 8)
    """
    if samples.ndim != 2 or samples.shape[1] != 3:
        raise InputError(f"samples: expected shape (sample, 3), got {samples.shape}")
    if length < 1:
        raise InputError(f"length: expected 1 sample or more, got {length}")
    if len(starts) and (starts.min() < 0 or starts.max() + length > len(samples)):
        raise InputError(
            f"windows of {length} samples from {starts.min()} to {starts.max() + length}: "
            f"expected them within the {len(samples)} samples"
        )


@compiled()
def _split(samples, planes):
    for i in range(len(samples)):
        x, y, z = samples[i, 0], samples[i, 1], samples[i, 2]
        planes[0, i], planes[1, i], planes[2, i] = x, y, z
        planes[3, i] = np.sqrt(np.float64(x) ** 2 + np.float64(y) ** 2 + np.float64(z) ** 2)


def split_channels(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return x, y, z and their magnitude, each contiguous.

    Parameters
    ----------
    samples
        Shape (sample, 3).

    Returns
    -------
    ndarray
        float32 of shape (4, sample).

    Examples
    --------
    >>> split_channels(np.array([[3, 4, 0], [0, 0, 1]], np.float32)).tolist()
    [[3.0, 0.0], [4.0, 0.0], [0.0, 1.0], [5.0, 1.0]]
    """
    planes = np.empty((4, len(samples)), np.float32)
    _split(samples, planes)
    return planes


@compiled()
def _gather(samples, starts, length, factor, out):
    for window in range(len(starts)):
        here = samples[starts[window] : starts[window] + length]
        for axis in range(3):
            block = out[window, axis * length : (axis + 1) * length]
            for i in range(length):
                block[i] = here[i, axis] * factor


def gather_windows(
    samples: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], length: int, factor: float
) -> npt.NDArray[np.float32]:
    """Return each window as one row: all x, then all y, then all z, times `factor`.

    Parameters
    ----------
    samples
        Shape (sample, 3).
    starts
        Shape (window,), first sample of each window.
    length
        Window length in samples.
    factor
        What every value is multiplied by.

    Returns
    -------
    ndarray
        float32 of shape (window, 3 x length).

    Raises
    ------
    InputError
        If a window reaches beyond the samples.

    Examples
    --------
    >>> samples = np.arange(12, dtype=np.float32).reshape(4, 3)
    >>> gather_windows(samples, np.array([0, 2]), 2, 0.5).tolist()
    [[0.0, 1.5, 0.5, 2.0, 1.0, 2.5], [3.0, 4.5, 3.5, 5.0, 4.0, 5.5]]
    """
    check_windows(samples, starts, length)
    out = np.empty((len(starts), 3 * length), np.float32)
    _gather(samples, starts, length, np.float32(factor), out)
    return out
