"""Where movement sets in."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from workoutlab.errors import InputError
from workoutlab.kernels.changepoints import (
    describe_frames,
    find_change,
    find_lost,
    find_onset,
    measure_energy,
)


def noise(count, sd, seed=0):
    return np.random.default_rng(seed).normal(0, sd, (count, 3))


def test_describe_frames__is_the_mean_and_the_log_power_of_each():
    samples = noise(43, 0.3) + np.array([1, 0, -1])
    frames = describe_frames(samples, 5)
    assert frames.shape == (7, 4)
    for number, frame in enumerate(frames):
        part = samples[5 * number : 5 * number + 10]
        np.testing.assert_allclose(frame[:3], part.mean(axis=0), rtol=1e-12)
        power = part.var(axis=0).sum()
        assert frame[3] == pytest.approx(np.log(power + 0.02**2), rel=1e-9)


def test_measure_energy__is_the_deviation_around_each():
    samples = noise(53, 0.3)
    energy = measure_energy(samples, 5)
    expected = [
        np.sqrt(samples[max(k - 10, 0) : k + 10].var(axis=0).sum()) for k in range(0, 53, 5)
    ]
    np.testing.assert_allclose(energy, expected, rtol=1e-9)


def find_slowly(frames, first, last, inner):
    """Try every change, with densities of SciPy."""
    ridge = np.diag(np.square([0.05, 0.05, 0.05, 0.5]))

    def fit(part):
        return multivariate_normal(part.mean(axis=0), np.cov(part.T, bias=True) + ridge)

    after = fit(frames[inner:])
    scores = [
        fit(frames[:change]).logpdf(frames[:change]).sum() + after.logpdf(frames[change:]).sum()
        for change in range(first, last + 1)
    ]
    return first + int(np.argmax(scores))


@pytest.mark.parametrize("seed", range(10))
def test_find_change__is_the_most_likely_one(seed):
    random = np.random.default_rng(seed)
    frames = random.normal(0, 0.3, (80, 4))
    change = int(random.integers(20, 50))
    frames[change:] += random.normal(0, 0.5, 4)
    assert find_change(frames, 5, 60, 65) == find_slowly(frames, 5, 60, 65)


def test_find_change__finds_a_change_of_posture_and_one_of_power():
    posture = np.concatenate([noise(200, 0.02), noise(200, 0.02, 1) + 0.5])
    power = np.concatenate([noise(200, 0.02), noise(200, 0.4, 1)])
    for samples in (posture, power):
        found = 5 * find_change(describe_frames(samples, 5), 5, 60, 65)
        assert abs(found - 200) <= 10


def test_find_change__refuses_too_few_frames():
    for first, last, inner in ((0, 5, 8), (5, 4, 8), (5, 9, 8), (5, 6, 20)):
        with pytest.raises(InputError, match="expected 1 <= first"):
            find_change(np.zeros((10, 4)), first, last, inner)


def test_find_onset__skips_short_movement_before_a_stillness():
    lengths = 12, 3, 60
    energy = np.concatenate([np.zeros(20), np.full(5, 9.0), np.zeros(8), np.full(60, 9.0)])
    assert find_onset(energy, 20, 1.0, lengths) == (33, 8)
    assert find_onset(energy, 25, 1.0, lengths) == (33, 8)
    long = np.concatenate([np.zeros(20), np.full(25, 9.0), np.zeros(8), np.full(60, 9.0)])
    assert find_onset(long, 20, 1.0, lengths) == (20, 20)
    assert find_onset(np.full(50, 9.0), 20, 1.0, lengths) == (20, 0)
    restless = np.concatenate([np.full(30, 9.0), np.zeros(2), np.full(60, 9.0)])
    assert find_onset(restless, 20, 1.0, lengths) == (20, 0)


def test_find_lost__finds_a_straight_line_alone():
    samples = noise(300, 0.02)
    assert find_lost(samples, 200, 30, 25) == 200
    samples[100:190] = np.linspace(0, 0.5, 90)[:, None]
    assert find_lost(samples, 200, 30, 25) == 100
    assert find_lost(samples, 250, 30, 25) == 250
    assert find_lost(samples, 200, 30, 100) == 200
    samples[100:190] = 0.5
    assert find_lost(samples, 200, 30, 25) == 200
