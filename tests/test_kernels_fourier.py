import numpy as np
import pytest

from workoutlab.kernels.fourier import fill_correlations, fill_powers, padded_length


def powers_of(planes, starts, length):
    """Power of each signal; shape (window x channel, bin)."""
    count = len(starts) * len(planes)
    out = np.empty((-(-count // 16), padded_length(length) // 2 + 1, 16), np.float32)
    fill_powers(planes, starts, length, out)
    return out.transpose(0, 2, 1).reshape(-1, out.shape[1])[:count], out


def correlations_of(powers, count):
    out = np.empty((len(powers), powers.shape[1] + 1, 16), np.float32)
    fill_correlations(powers, out)
    return out.transpose(0, 2, 1).reshape(-1, out.shape[1])[:count, :-1]


LENGTHS = (2, 3, 4, 5, 8, 15, 16, 17, 25, 40, 64, 100, 125, 333, 400, 500, 1000, 3000)


@pytest.mark.parametrize("length", LENGTHS)
def test_fill_powers__agrees_with_numpy_on_sizes_of_every_radix(length):
    planes = np.random.default_rng(length).normal(3, size=(3, length + 6)).astype(np.float32)
    came, _ = powers_of(planes, np.arange(7), length)
    windows = np.lib.stride_tricks.sliding_window_view(planes.astype(float), length, axis=1)
    away = (windows - windows.mean(2, keepdims=True)).transpose(1, 0, 2).reshape(21, length)
    expected = np.abs(np.fft.rfft(away, padded_length(length))) ** 2
    scale = came.max(1, keepdims=True) / expected.max(1, keepdims=True)
    np.testing.assert_allclose(came, expected * scale, atol=3e-6 * came.max())


@pytest.mark.parametrize("length", LENGTHS)
def test_fill_correlations__agrees_with_numpy_on_sizes_of_every_radix(length):
    planes = np.random.default_rng(length).normal(size=(1, length + 2)).astype(np.float32)
    _, powers = powers_of(planes, np.arange(3), length)
    for start, row in enumerate(correlations_of(powers, 3)):
        away = planes[0, start : start + length].astype(float)
        away -= away.mean()
        expected = np.correlate(away, away, "full")[length - 1 :] / (away @ away)
        np.testing.assert_allclose(row[:length] / row[0], expected, atol=1e-5)
        np.testing.assert_allclose(row[length:] / row[0], 0, atol=1e-5)


@pytest.mark.parametrize("value", [0, 0.3, 1e9, 1e38, 1e-38, np.nan, np.inf, -np.inf])
def test_fill_powers__is_nought_for_what_does_not_move_or_is_not_finite(value):
    planes = np.full((2, 20), value, np.float32)
    planes[1] = np.arange(20)
    if not np.isfinite(value):
        planes[0, 1:] = 0
    powers, _ = powers_of(planes, np.array([0]), 20)
    assert (powers[0] == 0).all()
    assert (powers[1] > 0).any()
    assert np.isfinite(powers).all()


@pytest.mark.parametrize("scale", [1e-36, 1e-9, 1e9, 3e38])
def test_fill_powers__is_alike_at_any_scale(scale):
    wave = np.sin(np.arange(50)).astype(np.float32)
    (plain, scaled), _ = powers_of(np.stack([wave, wave * np.float32(scale)]), np.array([0]), 50)
    np.testing.assert_allclose(scaled, plain, rtol=1e-3, atol=1e-4)


def test_padded_length__is_the_smallest_product_of_twos_and_fives():
    products = sorted(2**a * 5**b for a in range(3, 16) for b in range(7))
    for length in range(1, 3000):
        assert padded_length(length) == next(size for size in products if size >= 2 * length)
