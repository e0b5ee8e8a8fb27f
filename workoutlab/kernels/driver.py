"""Calling a compiled function of the user's on every window, from one compiled loop."""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"
# Numba finds the types of compiled functions by itself.

import numpy as np
from numba import njit

__all__ = ["drive_channels", "drive_windows"]

# Not cached on disk: the machine code is that of one process's function.


@njit(nogil=True)
def drive_channels(  # noqa: PLR0913 - one array each
    function, planes, starts, length, rate_hz, out, at
):
    """Write ``function(values, rate_hz)`` of every window and channel.

    The function is given a copy, which it may change: windows overlap.

    Parameters
    ----------
    function
        Compiled by Numba; returns a number, or several of one type.
    planes
        float32 of shape (channel, sample).
    starts
        int64 of shape (window,).
    length, rate_hz
        Window length in samples, and the sampling rate.
    out
        float32 of shape (window, channel, number), written to.
    at
        int64 of shape (2,): the window and the channel that were reached, for whoever catches an
        error.

    Examples
    --------
    >>> span = njit(lambda values, rate_hz: values.max() - values.min())
    >>> planes, out = np.arange(6, dtype=np.float32)[None] ** 2, np.empty((2, 1, 1), np.float32)
    >>> drive_channels(span, planes, np.array([0, 2]), 4, 50.0, out, np.zeros(2, np.int64))
    >>> out.ravel().tolist()
    [9.0, 21.0]
    """
    values = np.empty(length, np.float32)
    for channel in range(len(planes)):
        at[1] = channel
        for window in range(len(starts)):
            at[0] = window
            values[:] = planes[channel, starts[window] : starts[window] + length]
            row = np.atleast_1d(np.asarray(function(values, rate_hz)))
            if len(row) != out.shape[2]:
                raise ValueError("it returned another number of numbers than were named")
            out[window, channel, :] = row


@njit(nogil=True)
def drive_windows(  # noqa: PLR0913 - one array each
    function, planes, starts, length, rate_hz, out, at
):
    """Write ``function(values, rate_hz)`` of every window, values of shape (length, channel).

    Parameters and their meaning are those of :func:`drive_channels`; `out` is of shape
    (window, 1, number).
    """
    values = np.empty((length, len(planes)), np.float32)
    for window in range(len(starts)):
        at[0] = window
        values[:] = planes[:, starts[window] : starts[window] + length].T
        row = np.atleast_1d(np.asarray(function(values, rate_hz)))
        if len(row) != out.shape[2]:
            raise ValueError("it returned another number of numbers than were named")
        out[window, 0, :] = row
