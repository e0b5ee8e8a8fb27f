"""Runs of stretches that resemble each other, against a slow search."""

import itertools

import numpy as np
import pytest

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, smooth_to_grid


def slow_worth(signal, shortest, longest, likeness, tempo_cost, noise):
    def shape(start, length):
        places = start + length * (np.arange(12) + 0.5) / 12
        axes = [np.interp(places, np.arange(len(signal)), axis) for axis in signal.T]
        return np.array([axis - axis.mean() for axis in axes])

    def gain(start, length, other):
        u, v = shape(start, length), shape(start + length, other)
        alike = 2 * (u * v).sum() / 12 / ((u**2).sum() / 12 + (v**2).sum() / 12 + noise)
        change = np.log(other / length)
        return (alike - likeness - tempo_cost * change**2) * (length + other) / 2

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
    ((worth, edges),) = find_runs(
        signal, np.array([[5, 12]]), likeness=0.2, tempo_cost=0.5, noise=0.01
    )
    assert worth == pytest.approx(slow_worth(signal, 5, 12, 0.2, 0.5, 0.01), rel=1e-4)
    assert (edges[1:, 0] == edges[:-1, 1]).all()


def test_find_runs__refuses_other_shapes():
    with pytest.raises(InputError, match="signal"):
        find_runs(np.zeros((9, 2)), np.array([[2, 4]]), likeness=0.2, tempo_cost=1, noise=1)
    with pytest.raises(InputError, match="bands"):
        find_runs(np.zeros((9, 3)), np.array([[1, 4]]), likeness=0.2, tempo_cost=1, noise=1)


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
