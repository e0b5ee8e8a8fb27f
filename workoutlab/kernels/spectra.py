"""What the power spectra of many windows say: frequencies, their shares, and the shape."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from functools import lru_cache
from math import ceil, inf
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature
from workoutlab.kernels.lanes import (
    WIDTH,
    choose_greater,
    larger,
    load,
    log2,
    root,
    spread,
    store,
)

__all__ = ["DOMINANT", "FEATURES", "fill_spectra"]

_DOMINANT_NS: Final = 570
_SHAPE_NS: Final = 860
_BAND_EDGES_HZ: Final = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, inf)
_ARC_HZ: Final = 10.0
_ARC_POWER: Final = np.float32(0.05**2)  # of the largest
_EDGE: Final = np.float32(0.95)
_FLOOR: Final = 1e-9
_RANGE: Final = "from one cycle a window to half the rate"
_OF: Final = "of the window less its mean, padded with zeros to at least twice its length"


def _feature(name: str, unit: str, definition: str, source: str) -> Feature:
    dominant = name in DOMINANT
    cost_ns = _DOMINANT_NS if dominant else _SHAPE_NS
    return Feature(name, unit, definition, source, "spectrum", "channel", cost_ns)


def _band(name: str, low: float, high: float) -> Feature:
    until = f"to below {high:g} Hz" if high < inf else "upwards"
    definition = (
        f"power from {low:g} Hz {until}, over the power {_RANGE}; NaN if constant or if "
        "there is no bin in it"
    )
    return _feature(name, "1", definition, "TSFEL: power bandwidths")


DOMINANT: Final = ("dominant_frequency", "dominant_share", "spectral_entropy")
"""The names that come first, and that alone are written where no others are asked for."""

_BANDS: Final = (
    "power_below_0_5",
    "power_0_5_to_1",
    "power_1_to_2",
    "power_2_to_4",
    "power_4_to_8",
    "power_8_to_16",
    "power_above_16",
)

FEATURES: Final = (
    _feature(
        "dominant_frequency",
        "Hz",
        f"frequency of the largest |DFT|² {_RANGE}, {_OF}; NaN if constant",
        "scipy.signal.periodogram",
    ),
    _feature(
        "dominant_share",
        "1",
        "power at the dominant frequency and the bin on either side, over the power "
        f"{_RANGE}; NaN if constant",
        "scipy.signal.periodogram",
    ),
    _feature(
        "spectral_entropy",
        "1",
        f"entropy of the power {_RANGE}, over the logarithm of the number of bins; NaN if "
        "constant or if there is one bin",
        "Inouye et al. 1991, doi:10.1016/0013-4694(91)90138-T",
    ),
    _feature(
        "second_frequency",
        "Hz",
        f"frequency of the highest local peak of the power {_RANGE} that is two cycles a window "
        "(the width of a main lobe) or more away from the dominant frequency; it may lie at either "
        "end of the range; NaN if there is none or if constant",
        "scipy.signal.find_peaks, which leaves the ends out",
    ),
    _feature(
        "second_share",
        "1",
        "power at the second frequency and the bin on either side, over the power "
        f"{_RANGE}; 0 if there is none, NaN if constant",
        "scipy.signal.find_peaks",
    ),
    _feature(
        "spectral_centroid",
        "Hz",
        f"mean frequency {_RANGE}, weighted with the power; NaN if constant",
        "librosa and TSFEL: spectral centroid, with powers as weights",
    ),
    _feature(
        "spectral_spread",
        "Hz",
        f"root of the mean squared distance from the centroid {_RANGE}, weighted with the power; "
        "NaN if constant",
        "TSFEL: spectral spread, with powers as weights",
    ),
    _feature(
        "spectral_edge",
        "Hz",
        f"lowest frequency up to which lie 95 % of the power {_RANGE}; NaN if constant",
        "MNE-features and TSFEL: spectral roll-off",
    ),
    _feature(
        "spectral_flatness",
        "1",
        f"geometric over arithmetic mean of the power {_RANGE}, where less than a billionth of "
        "the mean counts as that; NaN if constant",
        "librosa: spectral flatness",
    ),
    *(_band(*each) for each in zip(_BANDS, _BAND_EDGES_HZ[:-1], _BAND_EDGES_HZ[1:], strict=True)),
    Feature(
        "spectral_arc_length",
        "1",
        f"SPARC: minus the length of the line of |DFT| over the frequency, {_OF}; from the first "
        "to the last bin up to 10 Hz with 5 % of the largest |DFT| or more, this range scaled to "
        "1 and the largest to 1; nearer to 0 is smoother; NaN if constant or if it is one bin",
        "Balasubramanian et al. 2015, doi:10.1186/s12984-015-0090-9",
        "smoothness",
        "channel",
        _SHAPE_NS,
    ),
)
"""In the order of the columns."""

_BAND_ROW: Final = 10  # of the buffer of findings, where the powers of the bands begin
_ROWS: Final = _BAND_ROW + len(_BANDS) + 2


def fill_spectra(
    powers: npt.NDArray[np.float32],
    length: int,
    rate_hz: float,
    out: npt.NDArray[np.float32],
    *,
    shape: bool = True,
) -> None:
    """Write what the power spectra say into `out`.

    Parameters
    ----------
    powers
        Shape (group, bin, 16), contiguous, as :func:`~workoutlab.kernels.fourier.fill_powers`
        writes them.
    length
        Window length in samples.
    rate_hz
        Sampling rate.
    out
        Shape (signal, 17), see :data:`FEATURES`; NaN throughout where the power is 0.
    shape
        Whether to write more than :data:`DOMINANT`.

    Examples
    --------
    >>> powers = np.zeros((1, 9, 16), np.float32)
    >>> powers[0, 4] = 3
    >>> out = np.empty((1, 17), np.float32)
    >>> fill_spectra(powers, 8, 8, out)
    >>> {each.name: value for each, value in zip(FEATURES[:3], out[0].tolist())}
    {'dominant_frequency': 2.0, 'dominant_share': 1.0, 'spectral_entropy': 0.0}
    """
    padded = 2 * (powers.shape[1] - 1)
    _fill(powers, length, rate_hz / padded, _band_bins(length, padded, rate_hz), shape, out)


@lru_cache(maxsize=64)
def _band_bins(length: int, padded: int, rate_hz: float) -> npt.NDArray[np.int64]:
    """First bin of each band, and the one behind the last; then the last bin of the arc."""
    lowest, behind = -(-padded // length), padded // 2 + 1
    # A bin at an edge belongs above it, also where the product is a little too large for it.
    bins = [ceil(min(edge * padded / rate_hz, behind) - 1e-9) for edge in _BAND_EDGES_HZ]
    bins = [min(max(each, lowest), behind) for each in bins]
    return np.array([*bins, int(min(_ARC_HZ * padded / rate_hz + 1e-9, padded // 2))])


@compiled(error_model="numpy")
def _fill(powers, length, bin_hz, bands, shape, out):
    padded = 2 * (powers.shape[1] - 1)
    first = -(-padded // length)  # one cycle a window
    apart = -(-2 * padded // length)
    found = np.empty(_ROWS * WIDTH, np.float32)
    for group in range(len(powers)):
        power = powers[group]
        _scan_bins(power, first, found)
        if shape:
            _scan_shape(power, first, apart, found)
            _scan_bands(power, bands, found)
            _scan_arc(power, first, bands[-1], found)
        for lane in range(min(WIDTH, len(out) - group * WIDTH)):
            row = out[group * WIDTH + lane]
            _finish(power, first, lane, found, bin_hz, row)
            if shape:
                _finish_shape(power, bands, lane, found, bin_hz, row)


@compiled()
def _scan_bins(power, first, found):
    """Total power, sum of power x log2(power) and of power x bin; highest power, and its bin."""
    total = spread(np.float32(0))
    logs, places, highest, at = total, total, total, total
    for k in range(first, len(power)):
        value, place = load(power, k * WIDTH), spread(np.float32(k))
        total = total + value
        logs = logs + value * log2(value)
        places = places + value * place
        at = choose_greater(value, highest, place, at)
        highest = larger(value, highest)
    for row, value in enumerate((total, logs, places, highest, at)):
        store(found, row * WIDTH, value)


@compiled()
def _near(power, first, at, lane):
    """Power at a bin and on either side."""
    total = np.float64(0)
    for k in range(max(first, at - 1), min(len(power) - 1, at + 1) + 1):
        total += power[k, lane]
    return total


@compiled(error_model="numpy")
def _finish(power, first, lane, found, bin_hz, out):
    total, logs = np.float64(found[lane]), np.float64(found[WIDTH + lane])
    if not total > 0:
        out[:] = np.nan
        return
    at, count = int(found[4 * WIDTH + lane]), len(power) - first
    out[0] = at * bin_hz
    out[1] = min(_near(power, first, at, lane) / total, 1.0)
    out[2] = max(0.0, np.log2(total) - logs / total) / np.log2(count) if count > 1 else np.nan


@compiled()
def _scan_shape(power, first, apart, found):
    """Second peak and its bin; squared distances from the centroid, edge, and logarithms."""
    zero, one, last = spread(np.float32(0)), spread(np.float32(1)), len(power) - 1
    total, at = load(found, 0), load(found, 4 * WIDTH)
    centroid = load(found, 2 * WIDTH) / total
    target = total * spread(_EDGE)
    floor = total * spread(np.float32(_FLOOR / (last + 1 - first)))
    enough = spread(np.float32(apart - 0.5))
    highest, second, squares, passed, edge, logs = zero, zero, zero, zero, zero, zero
    before, value = load(power, (first - 1) * WIDTH), load(power, first * WIDTH)
    for k in range(first, last + 1):
        after = load(power, (k + 1 if k < last else last - 1) * WIDTH)
        place = spread(np.float32(k))
        away = place - centroid
        squares = squares + away * away * value
        passed = passed + value
        edge = edge + choose_greater(target, passed, one, zero)
        logs = logs + log2(larger(value, floor))
        peak = choose_greater(value, before, value, zero)
        peak = choose_greater(after, value, zero, peak)
        peak = choose_greater(larger(place - at, at - place), enough, peak, zero)
        second = choose_greater(peak, highest, place, second)
        highest = larger(peak, highest)
        before, value = value, after
    for row, value in enumerate((highest, second, squares, edge, logs)):
        store(found, (row + 5) * WIDTH, value)


@compiled()
def _scan_bands(power, bands, found):
    for band in range(len(bands) - 2):
        total = spread(np.float32(0))
        for k in range(bands[band], bands[band + 1]):
            total = total + load(power, k * WIDTH)
        store(found, (_BAND_ROW + band) * WIDTH, total)


@compiled()
def _scan_arc(power, first, last, found):
    """Length of the arc, and how many bins it spans."""
    zero, one = spread(np.float32(0)), spread(np.float32(1))
    largest = load(found, 3 * WIDTH)
    for k in range(first):
        largest = larger(largest, load(power, k * WIDTH))
    least, height = largest * spread(_ARC_POWER), one / root(largest)
    begin, end = zero, spread(np.float32(-1))
    for k in range(last + 1):
        end = choose_greater(least, load(power, k * WIDTH), end, spread(np.float32(k)))
    for k in range(last, -1, -1):
        begin = choose_greater(least, load(power, k * WIDTH), begin, spread(np.float32(k)))
    width = one / (end - begin)
    length, before = zero, root(load(power, 0)) * height
    for k in range(1, last + 1):
        value, place = root(load(power, k * WIDTH)) * height, spread(np.float32(k))
        rise = value - before
        piece = root(width * width + rise * rise)
        piece = choose_greater(place, begin, piece, zero)
        length = length + choose_greater(place, end, zero, piece)
        before = value
    store(found, (_ROWS - 2) * WIDTH, length)
    store(found, (_ROWS - 1) * WIDTH, end - begin)


@compiled(error_model="numpy")
def _finish_shape(power, bands, lane, found, bin_hz, out):
    total = np.float64(found[lane])
    if not total > 0:
        return
    first, second = bands[0], int(found[6 * WIDTH + lane])
    count = len(power) - first
    out[3] = second * bin_hz if second > 0 else np.nan
    out[4] = _near(power, first, second, lane) / total if second > 0 else 0.0
    out[5] = found[2 * WIDTH + lane] / total * bin_hz
    out[6] = np.sqrt(found[7 * WIDTH + lane] / total) * bin_hz
    out[7] = min(first + int(found[8 * WIDTH + lane]), len(power) - 1) * bin_hz
    logs = np.float64(found[9 * WIDTH + lane]) / count
    out[8] = min(2.0 ** (logs - np.log2(total / count)), 1.0)
    for band in range(len(bands) - 2):
        share = found[(_BAND_ROW + band) * WIDTH + lane] / total
        out[9 + band] = min(share, 1.0) if bands[band] < bands[band + 1] else np.nan
    arc, span = found[(_ROWS - 2) * WIDTH + lane], found[(_ROWS - 1) * WIDTH + lane]
    out[9 + len(bands) - 2] = -arc if span > 0 else np.nan
