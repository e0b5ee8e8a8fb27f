"""Zero-phase filters of acceleration on a regular grid, and how far each of them remembers."""

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import UnitError

__all__ = ["Filter", "apply_filter", "design_filter", "design_taps", "extend", "thinning_factor"]

Doubles = npt.NDArray[np.float64]
Band = tuple[float | None, float | None]

_FORGOTTEN: Final = 1e-8
"""What is left of a sample when a filter no longer remembers it: less than float32 can hold."""

_SLOWEST: Final = 1e-5  # of the rate

_REACH: Final = 20
"""Points of the coarse grid that the low-pass before thinning out reaches to either side."""

_KAISER: Final = 5.653  # 60 dB (scipy.signal.kaiser_beta)
_CUTOFF: Final = 0.9  # of half the coarse rate
_APART: Final = 1.2
_ALIKE: Final = 0.02


class Filter(NamedTuple):
    """A recursive filter in second-order sections, run forward and backward.

    ``sections`` (section, 6) and ``states`` (section, 2) are as :mod:`scipy.signal` defines them;
    ``pad`` is by how many samples a true end is extended, ``memory`` after how many samples
    nothing is left of what a stretch began with.
    """

    sections: Doubles
    states: Doubles
    pad: int
    memory: int


@lru_cache(maxsize=64)
def design_filter(band_hz: Band, order: int, rate_hz: float) -> Filter:
    """Design a Butterworth filter.

    Parameters
    ----------
    band_hz
        Lowest and highest frequency that pass, None for an open end. Run both ways, the filter
        lets a quarter of the power through at these.
    order
        Of the filter in one direction; run both ways it falls off twice as steeply.
    rate_hz
        Rate of the samples.

    Raises
    ------
    UnitError
        If a frequency is not below half the rate, or below a hundred-thousandth of it.

    Examples
    --------
    >>> lowpass = design_filter((None, 0.3), 4, 50.0)
    >>> lowpass.sections.shape, lowpass.pad, lowpass.memory
    ((2, 6), 15, 1278)
    """
    from scipy import signal

    low, high = band_hz
    cutoffs = [each for each in band_hz if each is not None]
    if max(cutoffs) >= rate_hz / 2:
        raise UnitError(
            f"a filter to {max(cutoffs):g} Hz: expected frequencies below {rate_hz / 2:g} Hz, half "
            f"of the {rate_hz:g} Hz that the samples come at"
        )
    if min(cutoffs) < _SLOWEST * rate_hz:
        raise UnitError(
            f"a filter from {min(cutoffs):g} Hz: expected frequencies of {_SLOWEST * rate_hz:g} Hz "
            f"or more with samples at {rate_hz:g} Hz; slower ones would be remembered for hours"
        )
    kind = "lowpass" if low is None else "highpass" if high is None else "bandpass"
    edges = cutoffs if len(cutoffs) == 2 else cutoffs[0]
    sections = signal.butter(order, edges, kind, fs=rate_hz, output="sos")
    slowest = np.abs(signal.sos2zpk(sections)[1]).max()
    memory = int(np.ceil(np.log(_FORGOTTEN) / np.log(slowest)))
    states = np.ascontiguousarray(signal.sosfilt_zi(sections))
    return Filter(np.ascontiguousarray(sections), states, _count_pad(sections), memory)


def _count_pad(sections: Doubles) -> int:
    """Return by how much :func:`scipy.signal.sosfiltfilt` extends either end."""
    spare = min((sections[:, 2] == 0).sum(), (sections[:, 5] == 0).sum())
    return 3 * int(2 * len(sections) + 1 - spare)


def apply_filter(samples: npt.ArrayLike, chosen: Filter) -> Doubles:
    """Filter samples forward and backward, so that nothing shifts in time.

    Both ends are extended by an odd reflection, and each pass begins at rest with its first
    value, as :func:`scipy.signal.sosfiltfilt` does.

    Parameters
    ----------
    samples
        Shape (sample, 3).
    chosen
        The filter, of :func:`design_filter`.

    Returns
    -------
    ndarray
        float64 of the same shape.

    Examples
    --------
    >>> still = np.tile([0.0, 0.0, 1.0], (100, 1))
    >>> apply_filter(still, design_filter((None, 0.3), 4, 50.0))[50].round(6).tolist()
    [0.0, 0.0, 1.0]
    """
    from workoutlab.kernels.filters import filter_both_ways  # Numba loads when it is needed

    extended: Doubles = extend(samples, chosen.pad, chosen.pad)
    filter_both_ways(extended, chosen.sections, chosen.states)
    return extended[chosen.pad : len(extended) - chosen.pad]


def extend(
    samples: npt.ArrayLike, before: int, after: int, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    """Extend samples beyond their ends by an odd reflection: turned about the end's value.

    Parameters
    ----------
    samples
        Shape (sample, axis).
    before, after
        By how many samples.
    dtype
        Of the result.

    Returns
    -------
    ndarray
        Shape (before + sample + after, axis).

    Examples
    --------
    >>> extend([[1.0], [2.0], [4.0]], 1, 1).ravel().tolist()
    [0.0, 1.0, 2.0, 4.0, 6.0]
    """
    values = np.asarray(samples)
    count = len(values)
    if count <= max(before, after):  # reflected several times
        doubles = values.astype(np.float64)
        padded = np.pad(doubles, ((before, after), (0, 0)), "reflect", reflect_type="odd")
        return padded.astype(dtype)
    out = np.empty((before + count + after, values.shape[1]), dtype)
    out[before : before + count] = values
    head, tail = values[1 : before + 1], values[count - 1 - after : count - 1]
    out[:before] = 2 * values[0].astype(np.float64) - head[::-1]
    out[before + count :] = 2 * values[-1].astype(np.float64) - tail[::-1]
    return out


def thinning_factor(own_hz: float, grid_hz: float) -> int:
    """Return how much finer than the grid samples are looked at before they are thinned out.

    It is 1, and nothing is smoothed, where the recording's rate is up to a fifth above the grid's.
    Where that is no multiple of the grid's, within 2 %, samples are interpolated twice as finely:
    linear interpolation leaves copies of the signal around multiples of its rate.

    Examples
    --------
    >>> thinning_factor(100, 50), thinning_factor(80, 50), thinning_factor(52, 50)
    (2, 4, 1)
    """
    ratio = own_hz / grid_hz
    if not ratio > _APART:  # a single sample has no rate
        return 1
    nearest = round(ratio)
    if abs(ratio - nearest) <= _ALIKE * nearest:
        return nearest
    return 2 * int(np.ceil(ratio))


@lru_cache(maxsize=64)
def design_taps(factor: int) -> Doubles:
    """Return the weights of the low-pass before one sample of every `factor` is kept.

    A sinc under a Kaiser window, 40 points of the coarse grid long: flat to 0.1 % up to 0.79
    of half the coarse rate, -6 dB at 0.9, and at least 59 dB down from 0.99 on.

    Examples
    --------
    >>> taps = design_taps(2)
    >>> len(taps), round(float(taps.sum()), 9)
    (81, 1.0)
    """
    from scipy import signal

    taps: Doubles = signal.firwin(
        2 * _REACH * factor + 1, _CUTOFF / factor, window=("kaiser", _KAISER)
    )
    return taps
