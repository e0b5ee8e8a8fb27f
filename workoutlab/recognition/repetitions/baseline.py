"""Muvr's way of counting, to be held against."""

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.repetitions.checks import check_rate, check_signal
from workoutlab.recognition.repetitions.results import Repetitions

__all__ = ["count_muvr"]

_ALPHA = 1 / 11
_APART_S = 1.0


def count_muvr(acceleration: npt.ArrayLike, rate_hz: float) -> Repetitions:
    """Count repetitions as Muvr does: by peaks of the autocorrelation.

    The axes are summed and smoothed by an exponential average of weight 1/11; the highest
    peaks of the autocorrelation, at least 50 samples (1 s) apart, are one period apart each.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g.
    rate_hz
        Sampling rate; Muvr's is 50 Hz.

    Returns
    -------
    Repetitions
        With one count, of probability 1.

    Raises
    ------
    InputError
        If the acceleration is not of three axes, or not finite, or the rate not positive.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(600) / 100
    >>> count_muvr(np.stack([np.sin(angle)] * 3, axis=1), 50).count
    6
    """
    from scipy.signal import find_peaks, lfilter

    rate_hz = check_rate(rate_hz)
    total = check_signal(acceleration).sum(axis=1)
    if len(total) < 2 or np.ptp(total) == 0:
        return _result(0, len(total), rate_hz)
    total = total - total.mean()
    smooth, _ = lfilter([_ALPHA], [1, _ALPHA - 1], total, zi=[(1 - _ALPHA) * total[0]])
    size = 2 ** int(np.ceil(np.log2(2 * len(smooth))))
    spectrum = np.abs(np.fft.rfft(smooth - smooth.mean(), size)) ** 2
    correlation = np.fft.irfft(spectrum, size)[: len(smooth)]
    peaks, _ = find_peaks(correlation, distance=max(1, round(_APART_S * rate_hz)))
    if not len(peaks):
        return _result(0, len(total), rate_hz)
    period = float(np.median(np.diff(peaks, prepend=0)))
    return _result(round(len(total) / period), len(total), rate_hz)


def _result(count: int, samples: int, rate_hz: float) -> Repetitions:
    borders = np.linspace(0, samples, count + 1)
    probabilities = np.zeros(count + 1)
    probabilities[count] = 1
    edges = np.stack([borders[:-1], borders[1:]], axis=1)
    return Repetitions(count, count, probabilities, edges, rate_hz)
