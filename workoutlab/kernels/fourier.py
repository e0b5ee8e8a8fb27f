"""Power spectra and autocorrelations of many windows, sixteen windows side by side.

A signal is one channel of one window, and sixteen signals lie in the lanes of a group: what
happens in a lane depends on its signal alone. Each window less its mean, over its largest
difference from the first value, is padded with zeros to at least twice its length. Even and odd
samples travel as the real and imaginary part of a complex signal of half the length; the powers,
which are real and symmetric, need but a quarter.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.lanes import WIDTH, choose_greater, larger, load, spread, store, transpose

__all__ = ["fill_correlations", "fill_powers", "padded_length"]

_ROW: Final = 2 * WIDTH  # a row of a buffer: sixteen real parts, then sixteen imaginary parts
_SMALLEST: Final = np.float32(1e-37)  # a quarter of less has no reciprocal
_COS1, _COS2 = (np.float32(np.cos(2 * np.pi * k / 5)) for k in (1, 2))
_SIN1, _SIN2 = (np.float32(np.sin(2 * np.pi * k / 5)) for k in (1, 2))


@lru_cache(maxsize=64)
def padded_length(length: int) -> int:
    """Return the length that windows of `length` samples are padded to.

    The smallest 2^a 5^b, a >= 3, that is at least twice the length: then the autocorrelation
    does not wrap around.

    Examples
    --------
    >>> padded_length(400)
    800
    >>> padded_length(250)
    512
    >>> padded_length(300)
    640
    """
    sizes = []
    for power in range(length.bit_length()):
        factor = 8 * int(5**power)
        doublings = max(0, -(-2 * length // factor) - 1).bit_length()
        sizes.append(factor << doublings)
    return min(sizes)


@lru_cache(maxsize=8)
def _roots(padded: int) -> npt.NDArray[np.float32]:
    """Cosines and sines of a turn in `padded` steps; shape (2, step)."""
    turns = np.exp(-2j * np.pi * np.arange(padded) / padded)
    return np.stack([turns.real, turns.imag]).astype(np.float32)


def fill_powers(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the power of each bin of each signal into `out`, up to a factor.

    Parameters
    ----------
    planes
        Shape (channel, sample), contiguous.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    out
        Shape (group, padded length / 2 + 1, 16), contiguous: channel c of window w is signal
        ``s = w x channels + c``, in lane ``s % 16`` of group ``s // 16``. A signal that is
        constant or not finite gets 0 throughout.

    Examples
    --------
    >>> out = np.empty((1, 9, 16), np.float32)
    >>> fill_powers(np.tile(np.float32([1, 0, -1, 0]), 2)[None], np.array([0]), 8, out)
    >>> (out[0, :, 0].astype(float) / out[0, 4, 0]).round(3).tolist()
    [0.0, 0.073, 0.0, 0.427, 1.0, 0.427, 0.0, 0.073, 0.0]
    """
    _fill_powers(planes, starts, length, _roots(padded_length(length)), out)


def fill_correlations(powers: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
    """Write the autocorrelation of each signal into `out`, from the powers of its bins.

    Parameters
    ----------
    powers
        Shape (group, bin, 16), as :func:`fill_powers` writes them.
    out
        Shape (group, bin + 1, 16), contiguous: lags 0 to half the padded length, and a row that
        means nothing; up to a factor.

    Examples
    --------
    >>> powers = np.ones((1, 5, 16), np.float32)  # the spectrum of a single spike
    >>> out = np.empty((1, 6, 16), np.float32)
    >>> fill_correlations(powers, out)
    >>> np.abs(out[0, :5, 0] / out[0, 0, 0]).round(6).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """
    _fill_correlations(powers, _roots(2 * (powers.shape[1] - 1)), out)


@compiled()
def _fill_powers(planes, starts, length, roots, out):
    channels, half = len(planes), roots.shape[1] // 2
    values, here = planes.reshape(-1), np.empty(WIDTH, np.int64)
    samples = np.zeros(half * WIDTH, np.float32)
    x = np.empty(half * _ROW, np.float32)
    y = np.empty(half * _ROW, np.float32)
    found = np.empty(_ROW, np.float32)
    for group in range(len(out)):
        for lane in range(WIDTH):
            signal = min(group * WIDTH + lane, len(starts) * channels - 1)
            here[lane] = starts[signal // channels] + signal % channels * planes.shape[1]
        _lay(values, here, length, samples)
        _standardise(samples, length, found)
        _first_pass(samples, x, half // 4, roots)
        spectrum, _ = _transform(x, y, half // 4, roots)
        _power(spectrum, half, roots, out[group])


@compiled()
def _lay(values, starts, length, rows):
    """Write sample i of each signal into row i."""
    if length < WIDTH:
        for lane in range(WIDTH):
            for i in range(length):
                rows[i * WIDTH + lane] = values[starts[lane] + i]
        return
    for i in range(0, length, WIDTH):
        place = min(i, length - WIDTH)  # the last sixteen overlap those before
        transpose(values, starts, place, rows, place * WIDTH)


@compiled(error_model="numpy")
def _standardise(rows, length, found):
    """Take off the mean, and divide by the largest difference from the first value."""
    zero, share = spread(np.float32(0)), spread(np.float32(1 / length))
    quarter = spread(np.float32(0.25))  # of any two values the difference of quarters is finite
    origin = load(rows, 0) * quarter
    mean, even_mean, largest = zero, zero, zero
    for i in range(0, length - 1, 2):
        one = load(rows, i * WIDTH) * quarter - origin
        two = load(rows, (i + 1) * WIDTH) * quarter - origin
        mean, even_mean = mean + one * share, even_mean + two * share
        largest = larger(larger(one, zero - one), largest)
        largest = larger(larger(two, zero - two), largest)
    if length % 2:
        one = load(rows, (length - 1) * WIDTH) * quarter - origin
        mean, largest = mean + one * share, larger(larger(one, zero - one), largest)
    mean = mean + even_mean
    store(found, 0, largest)
    store(found, WIDTH, mean)
    for lane in range(WIDTH):
        top, finite = found[lane], np.isfinite(found[WIDTH + lane])
        found[lane] = 1 / top if finite and top > _SMALLEST else 0
    scale = load(found, 0)
    for i in range(length):
        value = (load(rows, i * WIDTH) * quarter - origin - mean) * scale
        store(rows, i * WIDTH, choose_greater(scale, zero, value, zero))
    for i in range(length * WIDTH, (length + length % 2) * WIDTH):
        rows[i] = 0


@compiled()
def _turned(real, imaginary, cosine, sine):
    return real * cosine - imaginary * sine, real * sine + imaginary * cosine


@compiled()
def _put(y, place, pair):
    store(y, place, pair[0])
    store(y, place + WIDTH, pair[1])


@compiled()
def _get(x, place):
    return load(x, place), load(x, place + WIDTH)


@compiled()
def _root(roots, turn):
    return spread(roots[0, turn]), spread(roots[1, turn])


@compiled()
def _first_pass(x, y, groups, roots):
    """Of radix 4, where the second half of the input is 0."""
    turn = roots.shape[1] // (4 * groups)
    for p in range(groups):
        ar, ai = _get(x, p * _ROW)
        br, bi = _get(x, (p + groups) * _ROW)
        o = 4 * p * _ROW
        cos1, sin1 = _root(roots, turn * p)
        cos2, sin2 = _root(roots, turn * 2 * p)
        cos3, sin3 = _root(roots, turn * 3 * p)
        _put(y, o, (ar + br, ai + bi))
        _put(y, o + _ROW, _turned(ar + bi, ai - br, cos1, sin1))
        _put(y, o + 2 * _ROW, _turned(ar - br, ai - bi, cos2, sin2))
        _put(y, o + 3 * _ROW, _turned(ar - bi, ai + br, cos3, sin3))


@compiled()
def _transform(x, y, left, roots):
    """Fourier transform of every lane (Stockham's, which needs no bit reversal).

    Of as many points as fill a buffer, which earlier passes have split into transforms of `left`
    points. Returns the buffer that holds the result, and the other one.
    """
    stride = len(x) // (_ROW * left)
    while left > 1:
        turn = roots.shape[1] // left
        if left % 5 == 0:
            left //= 5
            _pass5(x, y, left, stride, roots, turn)
            stride *= 5
        elif left % 4 == 0:
            left //= 4
            _pass4(x, y, left, stride, roots, turn)
            stride *= 4
        else:
            left //= 2
            _pass2(x, y, left, stride)
            stride *= 2
        x, y = y, x
    return x, y


@compiled()
def _pass2(x, y, groups, stride):
    """Do the last pass, where one group is left."""
    apart = groups * stride * _ROW
    for i in range(0, apart, _ROW):
        ar, ai = _get(x, i)
        br, bi = _get(x, i + apart)
        _put(y, i, (ar + br, ai + bi))
        _put(y, i + apart, (ar - br, ai - bi))


@compiled()
def _pass4(x, y, groups, stride, roots, turn):
    apart, step = groups * stride * _ROW, stride * _ROW
    for p in range(groups):
        cos1, sin1 = _root(roots, turn * p)
        cos2, sin2 = _root(roots, turn * 2 * p)
        cos3, sin3 = _root(roots, turn * 3 * p)
        for q in range(stride):
            i, o = (q + stride * p) * _ROW, (q + 4 * stride * p) * _ROW
            ar, ai = _get(x, i)
            br, bi = _get(x, i + apart)
            cr, ci = _get(x, i + 2 * apart)
            dr, di = _get(x, i + 3 * apart)
            er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
            gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
            _put(y, o, (er + gr, ei + gi))
            _put(y, o + step, _turned(fr + hi, fi - hr, cos1, sin1))
            _put(y, o + 2 * step, _turned(er - gr, ei - gi, cos2, sin2))
            _put(y, o + 3 * step, _turned(fr - hi, fi + hr, cos3, sin3))


@compiled()
def _pass5(x, y, groups, stride, roots, turn):
    apart, step = groups * stride * _ROW, stride * _ROW
    cos_a, cos_b, sin_a, sin_b = spread(_COS1), spread(_COS2), spread(_SIN1), spread(_SIN2)
    for p in range(groups):
        cos1, sin1 = _root(roots, turn * p)
        cos2, sin2 = _root(roots, turn * 2 * p)
        cos3, sin3 = _root(roots, turn * 3 * p)
        cos4, sin4 = _root(roots, turn * 4 * p)
        for q in range(stride):
            i, o = (q + stride * p) * _ROW, (q + 5 * stride * p) * _ROW
            ar, ai = _get(x, i)
            br, bi = _get(x, i + apart)
            cr, ci = _get(x, i + 2 * apart)
            dr, di = _get(x, i + 3 * apart)
            er, ei = _get(x, i + 4 * apart)
            outer_r, outer_i, inner_r, inner_i = br + er, bi + ei, cr + dr, ci + di
            _put(y, o, (ar + outer_r + inner_r, ai + outer_i + inner_i))
            br, bi, cr, ci = br - er, bi - ei, cr - dr, ci - di
            even_r = ar + cos_a * outer_r + cos_b * inner_r
            even_i = ai + cos_a * outer_i + cos_b * inner_i
            odd_r, odd_i = sin_a * br + sin_b * cr, sin_a * bi + sin_b * ci
            _put(y, o + step, _turned(even_r + odd_i, even_i - odd_r, cos1, sin1))
            _put(y, o + 4 * step, _turned(even_r - odd_i, even_i + odd_r, cos4, sin4))
            even_r = ar + cos_b * outer_r + cos_a * inner_r
            even_i = ai + cos_b * outer_i + cos_a * inner_i
            odd_r, odd_i = sin_b * br - sin_a * cr, sin_b * bi - sin_a * ci
            _put(y, o + 2 * step, _turned(even_r + odd_i, even_i - odd_r, cos2, sin2))
            _put(y, o + 3 * step, _turned(even_r - odd_i, even_i + odd_r, cos3, sin3))


@compiled()
def _unpack(x, k, size, roots):
    """Twice bins k and size - k of a real signal, from the transform of its pairs.

    Returns the sum and the difference that both are made of: the bins are ``sum + difference``
    and the conjugate of ``sum - difference``.
    """
    zr, zi = _get(x, k * _ROW)
    yr, yi = _get(x, (size - k) % size * _ROW)
    cosine, sine = _root(roots, roots.shape[1] // (2 * size) * k)
    br, bi = zr - yr, zi + yi
    return zr + yr, zi - yi, cosine * bi + sine * br, sine * bi - cosine * br


@compiled()
def _power(x, half, roots, out):
    for k in range(half // 2 + 1):
        ar, ai, tr, ti = _unpack(x, k, half, roots)
        store(out, k * WIDTH, (ar + tr) * (ar + tr) + (ai + ti) * (ai + ti))
        store(out, (half - k) * WIDTH, (ar - tr) * (ar - tr) + (ai - ti) * (ai - ti))


@compiled()
def _fill_correlations(powers, roots, out):
    half = roots.shape[1] // 2
    x = np.empty(half * WIDTH, np.float32)
    y = np.empty(half * WIDTH, np.float32)
    for group in range(len(powers)):
        odd = _fold(powers[group], half, roots, x)
        spectrum, _ = _transform(x, y, half // 2, roots)
        _unfold(spectrum, odd, half, roots, out[group])


@compiled()
def _fold(power, half, roots, x):
    """Fold symmetric powers into half as many (a cosine transform by a Fourier transform).

    Returns twice the autocorrelation at lag 1, which the transform does not give.
    """
    first, last = load(power, 0), load(power, half * WIDTH)
    two = spread(np.float32(2))
    odd = spread(np.float32(0))
    store(x, 0, first + last)
    for k in range(1, half // 2 + 1):
        one, other = load(power, k * WIDTH), load(power, (half - k) * WIDTH)
        cosine, sine = _root(roots, k)
        total, apart = one + other, (one - other) * two
        odd = odd + cosine * apart
        store(x, k * WIDTH, total + sine * apart)
        store(x, (half - k) * WIDTH, total - sine * apart)
    return (first - last + odd) * two


@compiled()
def _unfold(x, odd, half, roots, out):
    size = half // 2
    for j in range(size // 2 + 1):
        ar, ai, tr, ti = _unpack(x, j, size, roots)
        store(out, 2 * j * WIDTH, ar + tr)
        store(out, (2 * j + 1) * WIDTH, ai + ti)
        store(out, 2 * (size - j) * WIDTH, ar - tr)
        store(out, (2 * (size - j) + 1) * WIDTH, ti - ai)
    store(out, WIDTH, odd)
    for j in range(1, size):
        odd = odd - load(out, (2 * j + 1) * WIDTH)
        store(out, (2 * j + 1) * WIDTH, odd)
