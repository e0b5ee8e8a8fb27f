"""Counting repetitions: laws, hard cases, and what the recorded sets say."""

import numpy as np
import numpy.typing as npt
import pytest

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions import Counter, count_muvr, count_repetitions

RATE = 50.0

Doubles = npt.NDArray[np.float64]


def make_set(durations_s: list[float], *, rate_hz: float = RATE, still_s: float = 0.0) -> Doubles:
    """Repetitions that swing out and back, each of its own duration, between stillnesses."""
    ends = np.cumsum([still_s, *durations_s])
    time = np.arange(0, ends[-1] + still_s, 1 / rate_hz)
    phase = np.interp(time, ends, np.arange(len(ends)))
    out = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    angle = 1.2 * out
    push = 0.1 * np.sin(4 * np.pi * phase)
    return np.stack([np.sin(angle), np.cos(angle) + push, 0.3 * out], axis=1)


def rotation(seed: int) -> Doubles:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


@pytest.mark.parametrize("duration_s", [0.8, 1.3, 2.0, 3.1, 4.4, 6.0])
def test_count_repetitions__slow_and_fast(duration_s: float) -> None:
    counted = count_repetitions(make_set([duration_s] * 9, still_s=1), RATE)
    assert abs(counted.guess - 9) <= 1
    assert counted.edges.shape == (counted.guess, 2)
    assert counted.probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize("seed", range(3))
def test_count_repetitions__however_the_sensor_is_turned(seed: int) -> None:
    signal = make_set([2.0, 2.2, 1.9, 2.4, 2.5, 2.6], still_s=0.5)
    expected = count_repetitions(signal, RATE)
    turned = count_repetitions(signal @ rotation(seed), RATE)
    assert turned.guess == expected.guess
    np.testing.assert_allclose(turned.edges, expected.edges)
    np.testing.assert_allclose(turned.probabilities, expected.probabilities, atol=1e-4)


def test_count_repetitions__backwards() -> None:
    signal = make_set([2.0, 2.2, 1.9, 2.4, 2.5, 2.6], still_s=0.5)
    assert count_repetitions(signal[::-1], RATE).guess == count_repetitions(signal, RATE).guess


@pytest.mark.parametrize("rate_hz", [25.0, 32.0, 100.0])
def test_count_repetitions__at_any_rate(rate_hz: float) -> None:
    durations = [2.0, 2.2, 1.9, 2.4, 2.5, 2.6]
    counted = count_repetitions(make_set(durations, rate_hz=rate_hz, still_s=0.5), rate_hz)
    expected = count_repetitions(make_set(durations, still_s=0.5), RATE)
    assert abs(counted.guess - expected.guess) <= 1


@pytest.mark.parametrize("samples", [0, 1, 2, 10, 500])
def test_count_repetitions__no_movement_is_no_repetition(samples: int) -> None:
    counted = count_repetitions(np.tile([0.0, 0.0, 1.0], (samples, 1)), RATE)
    assert counted.guess == 0
    assert counted.count in (0, None)
    assert np.isnan(counted.period_s)


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.full((100, 3), np.nan), 50),
        (np.full((100, 3), np.inf), 50),
        (np.zeros((100, 2)), 50),
        (np.zeros(100), 50),
        (np.zeros((100, 3)), 5),
        (np.zeros((100, 3)), float("nan")),
    ],
)
def test_count_repetitions__refuses(samples: Doubles, rate_hz: float) -> None:
    with pytest.raises(InputError, match="expected"):
        count_repetitions(samples, rate_hz)


def test_counter__refuses_what_cannot_be() -> None:
    with pytest.raises(InputError, match="shortest_s"):
        Counter(shortest_s=5, longest_s=4)


def test_count_muvr__counts_a_clean_set_but_no_stillness() -> None:
    assert count_muvr(make_set([2.0] * 8), RATE).count == 8
    assert count_muvr(np.ones((500, 3)), RATE).count == 0
