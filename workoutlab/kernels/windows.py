"""Windows cut from samples: the channels one by one, and Muvr's block layout."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["check_windows", "gather_windows", "split_channels"]


def check_windows(
    planes: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], length: int
) -> None:
    """Check that the windows lie within the samples, which the kernels take for granted.

    Raises
    ------
    InputError
        If `planes` is not of shape (channel, sample), or a window reaches beyond them.

    Examples
    --------
    >>> check_windows(np.zeros((3, 10), np.float32), np.array([0, 2]), 8)
    """
    if planes.ndim != 2:
        raise InputError(f"planes: expected shape (channel, sample), got {planes.shape}")
    if length < 1:
        raise InputError(f"length: expected 1 sample or more, got {length}")
    samples = planes.shape[1]
    if len(starts) and (starts.min() < 0 or starts.max() + length > samples):
        raise InputError(
            f"windows of {length} samples from {starts.min()} to {starts.max() + length}: "
            f"expected them within the {samples} samples"
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
def _gather(planes, starts, length, factor, out):
    for window in range(len(starts)):
        for channel in range(len(planes)):
            here = planes[channel, starts[window] : starts[window] + length]
            block = out[window, channel * length : (channel + 1) * length]
            for i in range(length):
                block[i] = here[i] * factor


def gather_windows(
    planes: npt.NDArray[np.float32], starts: npt.NDArray[np.int64], length: int, factor: float
) -> npt.NDArray[np.float32]:
    """Return each window as one row: all of the first channel, then of the next, times `factor`.

    Parameters
    ----------
    planes
        Shape (channel, sample).
    starts
        Shape (window,), first sample of each window.
    length
        Window length in samples.
    factor
        What every value is multiplied by.

    Returns
    -------
    ndarray
        float32 of shape (window, channel x length).

    Raises
    ------
    InputError
        If a window reaches beyond the samples.

    Examples
    --------
    >>> planes = np.arange(8, dtype=np.float32).reshape(2, 4)
    >>> gather_windows(planes, np.array([0, 2]), 2, 0.5).tolist()
    [[0.0, 0.5, 2.0, 2.5], [1.0, 1.5, 3.0, 3.5]]
    """
    check_windows(planes, starts, length)
    out = np.empty((len(starts), len(planes) * length), np.float32)
    _gather(planes, starts, length, np.float32(factor), out)
    return out
