"""Runs of stretches that resemble each other, against a slow search."""

import itertools

import numpy as np
import pytest

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, follow_shape, smooth_to_grid


def slow_worth(signal, shortest, longest, settings):
    likeness, tempo_cost, noise, open_cost = settings

    def shape(start, length):
        places = start + length * (np.arange(12) + 0.5) / 12
        axes = [np.interp(places, np.arange(len(signal)), axis) for axis in signal.T]
        return np.array([axis - axis.mean() for axis in axes])

    def openness(start, length, drawn):
        way = ((signal[start + length] - signal[start]) ** 2).sum()
        return min(1.0, way / (drawn**2).sum())

    def gain(start, length, other):
        u, v = shape(start, length), shape(start + length, other)
        alike = 2 * (u * v).sum() / 12 / ((u**2).sum() / 12 + (v**2).sum() / 12 + noise)
        change = np.log(other / length)
        opens = (openness(start, length, u) + openness(start + length, other, v)) / 2
        cost = likeness + tempo_cost * change**2 + open_cost * opens
        return (alike - cost) * (length + other) / 2

    best, state = 0.0, {}
    for start, length in itertools.product(range(len(signal)), range(shortest, longest + 1)):
        if start + length >= len(signal):
            continue
        worth = state.get((start, length), 0.0)
        best = max(best, worth)
        for other in range(shortest, longest + 1):
            end = start + length + other
            if end < len(signal) and other <= 1.7 * length and length <= 1.7 * other:
                key = (start + length, other)
                state[key] = max(state.get(key, 0.0), worth + gain(start, length, other))
    return best


@pytest.mark.parametrize("seed", range(3))
def test_find_runs__finds_the_best(seed):
    random = np.random.default_rng(seed)
    signal = np.cumsum(random.normal(size=(40, 3)), axis=0)
    signal += 3 * np.sin(np.arange(40) / 1.5)[:, None]
    lengths, bands = np.arange(5, 13), np.array([[5, 12], [8, 11]])
    found = find_runs(signal, lengths, bands, (0.2, 0.5, 0.01, 0.3))
    for (worth, edges), (shortest, longest) in zip(found, bands, strict=True):
        expected = slow_worth(signal, shortest, longest, (0.2, 0.5, 0.01, 0.3))
        assert worth == pytest.approx(expected, rel=1e-4)
        assert (edges[1:, 0] == edges[:-1, 1]).all()


def test_find_runs__refuses_other_shapes():
    lengths, bands, settings = np.arange(2, 5), np.array([[2, 4]]), (0.2, 1.0, 1.0, 0.3)
    with pytest.raises(InputError, match="signal"):
        find_runs(np.zeros((9, 2)), lengths, bands, settings)
    with pytest.raises(InputError, match="bands"):
        find_runs(np.zeros((9, 3)), lengths, bands[0], settings)
    with pytest.raises(InputError, match="lengths"):
        find_runs(np.zeros((9, 3)), lengths[::-1], bands, settings)


def test_find_runs__nothing_fits_into_a_short_signal():
    ((worth, edges),) = find_runs(
        np.zeros((9, 3)), np.arange(6, 9), np.array([[6, 8]]), (0.2, 1.0, 1.0, 0.3)
    )
    assert worth == 0
    assert edges.shape == (0, 2)


def wave(count, period, still):
    phase = np.clip((np.arange(count) - still) / period, 0, (count - 2 * still) // period)
    out = 1 - np.cos(2 * np.pi * phase)
    return np.stack([out, 0.5 * np.sin(4 * np.pi * phase), 0 * out], axis=1)


def test_follow_shape__cuts_at_rest_whatever_the_run_began_at():
    signal = wave(160, 20, 20)
    for begin in (20.0, 25.0, 33.0):
        run = begin + np.array([[0, 20], [20, 40], [40, 60], [60, 80]])
        worths, edges = follow_shape(signal, run, np.arange(15, 26), (0.5, 1, 1e-3, 20, 0.01))
        assert worths.argmax() == 6
        assert worths[6] == pytest.approx(3, abs=0.1)  # six times 1 less the floor
        np.testing.assert_allclose(edges[6, :6, 0], 20 + 20 * np.arange(6), atol=2)
        assert (np.diff(edges[6, :6]) > 0).all()


def test_follow_shape__each_number_has_its_own_cut():
    worths, edges = follow_shape(
        wave(160, 20, 20),
        np.array([[20.0, 40], [40, 60], [60, 80]]),
        np.arange(15, 26),
        (0.5, 1, 1e-3, 20, 0.01),
    )
    assert worths[0] == 0
    assert (np.diff(worths[:7]) > 0).all()
    assert (np.diff(worths[6:9]) < 0).all()
    for count in range(1, 8):
        chosen = edges[count, :count]
        assert (chosen[:, 1] - chosen[:, 0] >= 15).all()
        assert (chosen[1:, 0] >= chosen[:-1, 1]).all()


def test_follow_shape__refuses_one_stretch():
    with pytest.raises(InputError, match="run"):
        follow_shape(np.zeros((99, 3)), np.zeros((1, 2)), np.arange(5, 9), (0.5, 1, 1, 6, 0.1))


@pytest.mark.parametrize(("count", "step"), [(1, 5.0), (23, 5.0), (100, 3.7)])
def test_smooth_to_grid__is_a_weighted_mean_and_runs_backwards(count, step):
    samples = np.random.default_rng(0).normal(size=(count, 3))
    first, values = smooth_to_grid(samples, step, 2.0)
    places = first + step * np.arange(len(values))
    weights = np.exp(-0.5 * ((np.arange(count) - places[:, None]) / 2) ** 2)
    expected = weights @ samples / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(values, expected, atol=1e-3)
    np.testing.assert_allclose(smooth_to_grid(samples[::-1], step, 2.0)[1], values[::-1], atol=1e-9)
    assert places[-1] <= count - 1 < places[-1] + step
