"""Power spectra and autocorrelations of many windows, eight windows of four channels at a time.

Each window less its mean, over its standard deviation, is padded with zeros to at least twice its
length and transformed. Two real channels travel as the real and imaginary part of one complex
signal: their spectra are told apart by symmetry, and the transform of their powers holds both
autocorrelations, so that sixteen lanes carry thirty-two signals.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.lanes import WIDTH, choose_greater, load, log2, spread, store

__all__ = ["COLUMNS", "fill_spectral", "padded_length"]

COLUMNS: Final = 5
"""Dominant frequency, its share, spectral entropy, period, periodicity."""

_ROW: Final = 2 * WIDTH  # a row of a buffer: sixteen real parts, then sixteen imaginary parts
_TILE: Final = WIDTH // 2  # windows in a buffer
_COS1, _COS2 = (np.float32(np.cos(2 * np.pi * k / 5)) for k in (1, 2))
_SIN1, _SIN2 = (np.float32(np.sin(2 * np.pi * k / 5)) for k in (1, 2))


def padded_length(length: int) -> int:
    """Return the length that windows of `length` samples are padded to.

    The smallest 2^a 5^b, a >= 1, that is at least twice the length: then the autocorrelation
    does not wrap around.

    Examples
    --------
    >>> padded_length(400)
    800
    >>> padded_length(250)
    500
    >>> padded_length(300)
    640
    """
    sizes = []
    for power in range(length.bit_length()):
        factor = 2 * int(5**power)
        doublings = max(0, -(-2 * length // factor) - 1).bit_length()
        sizes.append(factor << doublings)
    return min(sizes)


def fill_spectral(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the spectral and periodic statistics of each window and channel into `out`.

    Parameters
    ----------
    planes
        Shape (4, sample), contiguous.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    rate_hz
        Sampling rate.
    out
        Shape (window, 4, 5), see :data:`COLUMNS`; a channel that is constant or not finite
        gets NaN throughout, and one without a period NaN for it and 0 for the periodicity.
    """
    _fill(planes, starts, length, _roots(padded_length(length)), out)
    out[:, :, 0] *= rate_hz  # cycles a sample to Hz
    out[:, :, 3] /= rate_hz  # samples to s


@lru_cache(maxsize=8)
def _roots(padded: int) -> npt.NDArray[np.float32]:
    """Cosines and sines of a turn in `padded` steps; shape (2, step)."""
    turns = np.exp(-2j * np.pi * np.arange(padded) / padded)
    return np.stack([turns.real, turns.imag]).astype(np.float32)


@compiled(error_model="numpy")
def _fill(planes, starts, length, roots, out):
    padded = roots.shape[1]
    x = np.empty(padded * _ROW, np.float32)
    y = np.empty(padded * _ROW, np.float32)
    found = np.empty(5 * _ROW, np.float32)
    moves = np.empty((_TILE, 4), np.bool_)
    first = -(-padded // length)  # one cycle a window
    for tile in range(0, len(starts), _TILE):
        here = starts[tile : tile + _TILE]
        _lay_tile(planes, here, length, x, moves)
        x, y = _transform(x, y, roots)
        _separate(x, y)
        for part in range(2):
            _scan_bins(y, first, part, found)
        _finish_bins(y, first, found, out[tile : tile + len(here)])
        y, x = _transform(y, x, roots)
        for part in range(2):
            _scan_lags(y, 3 * length // 4, part, found)
        _finish_lags(y, found, moves, out[tile : tile + len(here)])


@compiled()
def _lay_tile(planes, starts, length, x, moves):
    x[:] = 0
    for window in range(len(starts)):
        start = starts[window]
        for channel in range(4):
            values = planes[channel, start : start + length]
            place = channel % 2 * WIDTH + channel // 2 * _TILE + window
            moves[window, channel] = _lay(values, x, place)


@compiled(fastmath={"reassoc", "contract"}, error_model="numpy")
def _lay(values, x, place):
    """Lay a standardised window into one lane; tell whether it is finite and not constant."""
    total = 0.0
    for i in range(len(values)):
        total += np.float64(values[i])
    mean = total / len(values)
    squares = 0.0
    for i in range(len(values)):
        squares += (np.float64(values[i]) - mean) ** 2
    if not 0 < squares < np.inf:
        return False
    scale = 1 / np.sqrt(squares / len(values))
    for i in range(len(values)):
        x[i * _ROW + place] = (np.float64(values[i]) - mean) * scale
    return True


@compiled()
def _transform(x, y, roots):
    """Fourier transform of every lane (Stockham's, which needs no bit reversal).

    Returns the buffer that holds the result, and the other one.
    """
    left, stride = roots.shape[1], 1
    while left > 1:
        if left % 5 == 0:
            left //= 5
            _pass5(x, y, left, stride, roots)
            stride *= 5
        elif left % 4 == 0:
            left //= 4
            _pass4(x, y, left, stride, roots)
            stride *= 4
        else:
            left //= 2
            _pass2(x, y, left, stride, roots)
            stride *= 2
        x, y = y, x
    return x, y


@compiled()
def _store_turned(y, place, real, imaginary, roots, turn):
    cosine, sine = spread(roots[0, turn]), spread(roots[1, turn])
    store(y, place, real * cosine - imaginary * sine)
    store(y, place + WIDTH, real * sine + imaginary * cosine)


@compiled()
def _pass2(x, y, groups, stride, roots):
    apart, step = groups * stride * _ROW, stride * _ROW
    for p in range(groups):
        for q in range(stride):
            i, o = (q + stride * p) * _ROW, (q + 2 * stride * p) * _ROW
            ar, ai = load(x, i), load(x, i + WIDTH)
            br, bi = load(x, i + apart), load(x, i + apart + WIDTH)
            store(y, o, ar + br)
            store(y, o + WIDTH, ai + bi)
            _store_turned(y, o + step, ar - br, ai - bi, roots, p * stride)


@compiled()
def _pass4(x, y, groups, stride, roots):
    apart, step = groups * stride * _ROW, stride * _ROW
    for p in range(groups):
        for q in range(stride):
            i, o = (q + stride * p) * _ROW, (q + 4 * stride * p) * _ROW
            ar, ai = load(x, i), load(x, i + WIDTH)
            br, bi = load(x, i + apart), load(x, i + apart + WIDTH)
            cr, ci = load(x, i + 2 * apart), load(x, i + 2 * apart + WIDTH)
            dr, di = load(x, i + 3 * apart), load(x, i + 3 * apart + WIDTH)
            er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
            gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
            store(y, o, er + gr)
            store(y, o + WIDTH, ei + gi)
            _store_turned(y, o + step, fr + hi, fi - hr, roots, p * stride)
            _store_turned(y, o + 2 * step, er - gr, ei - gi, roots, 2 * p * stride)
            _store_turned(y, o + 3 * step, fr - hi, fi + hr, roots, 3 * p * stride)


@compiled()
def _pass5(x, y, groups, stride, roots):
    apart, step = groups * stride * _ROW, stride * _ROW
    cos1, cos2, sin1, sin2 = spread(_COS1), spread(_COS2), spread(_SIN1), spread(_SIN2)
    for p in range(groups):
        for q in range(stride):
            i, o = (q + stride * p) * _ROW, (q + 5 * stride * p) * _ROW
            ar, ai = load(x, i), load(x, i + WIDTH)
            br, bi = load(x, i + apart), load(x, i + apart + WIDTH)
            cr, ci = load(x, i + 2 * apart), load(x, i + 2 * apart + WIDTH)
            dr, di = load(x, i + 3 * apart), load(x, i + 3 * apart + WIDTH)
            er, ei = load(x, i + 4 * apart), load(x, i + 4 * apart + WIDTH)
            outer_r, outer_i, inner_r, inner_i = br + er, bi + ei, cr + dr, ci + di
            store(y, o, ar + outer_r + inner_r)
            store(y, o + WIDTH, ai + outer_i + inner_i)
            br, bi, cr, ci = br - er, bi - ei, cr - dr, ci - di
            even_r = ar + cos1 * outer_r + cos2 * inner_r
            even_i = ai + cos1 * outer_i + cos2 * inner_i
            odd_r, odd_i = sin1 * br + sin2 * cr, sin1 * bi + sin2 * ci
            _store_turned(y, o + step, even_r + odd_i, even_i - odd_r, roots, p * stride)
            _store_turned(y, o + 4 * step, even_r - odd_i, even_i + odd_r, roots, 4 * p * stride)
            even_r = ar + cos2 * outer_r + cos1 * inner_r
            even_i = ai + cos2 * outer_i + cos1 * inner_i
            odd_r, odd_i = sin2 * br - sin1 * cr, sin2 * bi - sin1 * ci
            _store_turned(y, o + 2 * step, even_r + odd_i, even_i - odd_r, roots, 2 * p * stride)
            _store_turned(y, o + 3 * step, even_r - odd_i, even_i + odd_r, roots, 3 * p * stride)


@compiled()
def _separate(x, y):
    """From the transform of a + ib, four times the power of a and of b, bin by bin."""
    bins = len(x) // _ROW
    for k in range(bins // 2 + 1):
        here, mirror = k * _ROW, (bins - k) % bins * _ROW
        ar, ai = load(x, here), load(x, here + WIDTH)
        br, bi = load(x, mirror), load(x, mirror + WIDTH)
        first = (ar + br) * (ar + br) + (ai - bi) * (ai - bi)
        second = (ai + bi) * (ai + bi) + (ar - br) * (ar - br)
        for place in (here, mirror):
            store(y, place, first)
            store(y, place + WIDTH, second)


@compiled()
def _scan_bins(power, first, part, found):
    """Per lane: total power, sum of power x log2(power), and the bin of the highest power."""
    total = spread(np.float32(0))
    logs, highest, at = total, total, total
    for k in range(first, len(power) // _ROW // 2 + 1):
        value = load(power, k * _ROW + part * WIDTH)
        total = total + value
        logs = logs + value * log2(value)
        at = choose_greater(value, highest, spread(np.float32(k)), at)
        highest = choose_greater(value, highest, value, highest)
    for row, value in enumerate((total, logs, at)):
        store(found, row * _ROW + part * WIDTH, value)


@compiled(error_model="numpy")
def _finish_bins(power, first, found, out):
    bins = len(power) // _ROW
    count = bins // 2 + 1 - first
    for window in range(len(out)):
        for channel in range(4):
            place = channel % 2 * WIDTH + channel // 2 * _TILE + window
            total = np.float64(found[place])
            logs = np.float64(found[_ROW + place])
            at = int(found[2 * _ROW + place])
            near = 0.0
            for k in range(max(first, at - 1), min(bins // 2, at + 1) + 1):
                near += power[k * _ROW + place]
            entropy = max(0.0, np.log2(total) - logs / total)
            row = out[window, channel]
            row[0] = at / bins
            row[1] = min(near / total, 1.0)
            row[2] = entropy / np.log2(count) if count > 1 else np.nan


@compiled()
def _scan_lags(correlation, last, part, found):
    """Per lane: the highest local maximum after the first negative value, and its lag."""
    zero, one = spread(np.float32(0)), spread(np.float32(1))
    crossed, highest, at = zero, zero, zero
    before = load(correlation, part * WIDTH)
    value = load(correlation, _ROW + part * WIDTH)
    for lag in range(1, last + 1):
        after = load(correlation, (lag + 1) * _ROW + part * WIDTH)
        crossed = choose_greater(zero, value, one, crossed)
        peak = choose_greater(value, before, value, zero)
        peak = choose_greater(after, value, zero, peak) * crossed
        at = choose_greater(peak, highest, spread(np.float32(lag)), at)
        highest = choose_greater(peak, highest, peak, highest)
        before, value = value, after
    store(found, 3 * _ROW + part * WIDTH, highest)
    store(found, 4 * _ROW + part * WIDTH, at)


@compiled(error_model="numpy")
def _finish_lags(correlation, found, moves, out):
    for window in range(len(out)):
        for channel in range(4):
            place = channel % 2 * WIDTH + channel // 2 * _TILE + window
            lag = found[4 * _ROW + place]
            row = out[window, channel]
            row[3] = lag if lag > 0 else np.nan
            row[4] = found[3 * _ROW + place] / correlation[place]
            if not moves[window, channel]:
                row[:] = np.nan
