"""Windows cut from samples: the channels one by one, and Muvr's block layout."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled
from workoutlab.schema import AXES

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


_CHANNELS: Final = (*AXES, "magnitude")
_BLOCK: Final = 1024
"""Samples that are taken apart at a time, so that they stay in the nearest cache."""


@compiled()
def _split(samples, axes, planes):
    for first in range(0, len(samples), _BLOCK):
        block = samples[first : first + _BLOCK]
        for channel in range(len(axes)):
            axis, plane = axes[channel], planes[channel, first : first + _BLOCK]
            for i in range(len(block)):
                if axis < 3:
                    plane[i] = block[i, axis]
                else:
                    x, y, z = block[i, 0], block[i, 1], block[i, 2]
                    plane[i] = np.sqrt(np.float64(x) ** 2 + np.float64(y) ** 2 + np.float64(z) ** 2)


def split_channels(
    samples: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    channels: Sequence[str] = _CHANNELS,
) -> npt.NDArray[np.float32]:
    """Return axes and their magnitude, each contiguous.

    Parameters
    ----------
    samples
        Shape (sample, 3).
    channels
        Which, in this order: ``"x"``, ``"y"``, ``"z"`` and ``"magnitude"``, the root of
        x² + y² + z².

    Returns
    -------
    ndarray
        float32 of shape (channel, sample).

    Raises
    ------
    InputError
        If there is no such channel.

    Examples
    --------
    >>> split_channels(np.array([[3, 4, 0], [0, 0, 1]], np.float32)).tolist()
    [[3.0, 0.0], [4.0, 0.0], [0.0, 1.0], [5.0, 1.0]]
    >>> split_channels(np.array([[3, 4, 0], [0, 0, 1]], np.float32), ["magnitude"]).tolist()
    [[5.0, 1.0]]
    """
    unknown = [channel for channel in channels if channel not in _CHANNELS]
    if unknown:
        raise InputError(f"channel {unknown[0]!r}: expected one of {', '.join(_CHANNELS)}")
    axes = np.array([_CHANNELS.index(channel) for channel in channels], np.int64)
    planes = np.empty((len(channels), len(samples)), np.float32)
    _split(samples, axes, planes)
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
