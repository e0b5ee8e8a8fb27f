"""Counting repetitions: laws, hard cases, and what the recorded sets say."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    np.testing.assert_allclose(turned.edges, expected.edges, atol=1e-6)
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
        (np.zeros((100, 3)), "50"),
        (np.full((100, 3), 1e100), 50),
        (np.full((100, 3), "a"), 50),
        (np.full((100, 3), 1j), 50),
        (np.zeros((13_000, 3)), 10),
    ],
)
def test_count_repetitions__refuses(samples: Doubles, rate_hz: float) -> None:
    with pytest.raises(InputError, match="expected"):
        count_repetitions(samples, rate_hz)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"shortest_s": 5, "longest_s": 4}, "shortest_s"),
        ({"likeness": 2}, "likeness"),
        ({"noise_g": 0}, "noise_g"),
    ],
)
def test_counter__refuses_what_cannot_be(settings: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        Counter(**settings)  # type: ignore[arg-type]


def test_count_repetitions__setup_at_the_ends_is_no_repetition() -> None:
    time = np.arange(150) / RATE
    setup = np.stack([np.sin(2 * time), np.cos(1.3 * time), time / 3], axis=1)
    signal = np.concatenate([setup, make_set([2.2] * 10, still_s=0.5), setup[::-1]])
    signal += np.random.default_rng(0).normal(0, 0.02, signal.shape)
    counted = count_repetitions(signal, RATE)
    assert counted.guess == 10
    np.testing.assert_allclose(counted.edges[0, 0], 175, atol=25)
    np.testing.assert_allclose(counted.edges[-1, 1], 175 + 1100, atol=25)


def test_count_repetitions__cut_too_wide() -> None:
    signal = make_set([2.2] * 10, still_s=15)
    signal += np.random.default_rng(0).normal(0, 0.02, signal.shape)
    assert count_repetitions(signal, RATE).count == 10


def test_count_repetitions__tempo_that_slows_down() -> None:
    durations = [2, 2.1, 1.9, 2.3, 2.5, 2.8, 3.2, 3.5]
    counted = count_repetitions(make_set(durations, still_s=2), RATE)
    assert counted.count == 8
    starts = 2 + np.cumsum([0, *durations[:-1]])
    np.testing.assert_allclose(counted.edges[:, 0] / RATE, starts, atol=0.7)
    assert counted.durations_s[-2:].mean() > counted.durations_s[:2].mean() + 0.5


@pytest.mark.parametrize(
    ("durations", "most_s"), [([1.9, 2.1] * 6, 0.04), ([2.0] * 9 + [2.8] * 3, 0.09)]
)
def test_count_repetitions__edges_are_at_one_moment(durations: list[float], most_s: float) -> None:
    signal = make_set(durations, still_s=2)
    signal += np.random.default_rng(0).normal(0, 0.01, signal.shape)
    edges = count_repetitions(signal, RATE).edges / RATE
    off = edges[:, 0] - 2 - np.cumsum([0, *durations[:-1]])
    assert np.abs(off - np.median(off)).max() < most_s


def test_count_repetitions__takes_any_array_and_leaves_it() -> None:
    signal = make_set([2.0] * 8, still_s=1)
    signal.flags.writeable = False
    expected = count_repetitions(signal, RATE).as_dict()
    doubled = np.repeat(signal, 2, axis=0)[::2]
    for same in (signal, np.asfortranarray(signal), doubled, signal.tolist(), signal.astype(">f8")):
        assert count_repetitions(same, RATE).as_dict() == expected
    for near in (signal.astype(np.float32), signal.astype(np.float16)):
        assert count_repetitions(near, RATE).guess == 8


@pytest.mark.parametrize("samples", range(1, 21))
def test_count_repetitions__in_a_moment_is_none(samples: int) -> None:
    counted = count_repetitions(make_set([2.0] * 3)[40 : 40 + samples], RATE)
    assert (counted.guess, len(counted.edges)) == (0, 0)


def test_count_repetitions__one_movement_or_a_drift_is_not_counted() -> None:
    once = make_set([2.0], still_s=3)
    drift = np.cumsum(np.random.default_rng(0).normal(0, 0.01, (1500, 3)), axis=0)
    assert count_repetitions(once, RATE).count in (None, 1)
    assert count_repetitions(drift, RATE).count is None


def test_count_repetitions__of_ten_minutes() -> None:
    assert count_repetitions(make_set([2.2] * 270), RATE).guess == pytest.approx(270, abs=1)


def test_count_repetitions__partial_repetitions_at_the_end() -> None:
    full, part = make_set([2.0] * 8), make_set([1.8] * 2)
    start = full[0]
    signal = np.concatenate([full, start + 0.6 * (part - start)])
    assert abs(count_repetitions(signal, RATE).guess - 10) <= 1


@pytest.mark.parametrize("colour", [0, 5, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_count_repetitions__noise_alone_gives_no_count(colour: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=(1500, 3))
    if colour:
        kernel = np.exp(-0.5 * (np.arange(-60, 61) / colour) ** 2)
        noise = np.stack([np.convolve(axis, kernel, "same") for axis in noise.T], axis=1)
    counted = count_repetitions(0.3 * noise / noise.std(), RATE)
    assert counted.count is None
    assert counted.confidence < 0.3


def test_count_repetitions__probabilities_are_widest_where_least_is_seen() -> None:
    few, many = make_set([2.0] * 2, still_s=1), make_set([2.0] * 12, still_s=1)
    assert count_repetitions(few, RATE).confidence < count_repetitions(many, RATE).confidence


def test_count_repetitions__both_sides_by_name() -> None:
    signal = make_set([2.4] * 6, still_s=1)
    one = count_repetitions(signal, RATE, exercise="biceps-curl")
    both = count_repetitions(signal, RATE, exercise="alt-dumbbell-biceps-curl")
    assert (one.guess, both.guess) == (6, 12)
    assert both.probabilities.sum() == pytest.approx(1)
    np.testing.assert_allclose(both.edges[::2, 0], one.edges[:, 0])
    np.testing.assert_allclose(both.edges[1::2, 1], one.edges[:, 1])
    alone = Counter(both_sides=False)
    assert count_repetitions(signal, RATE, counter=alone, exercise="alt-curl").guess == 6


@pytest.mark.parametrize("seconds", [2, 5, 9, 13, 17])
def test_count_repetitions__a_set_in_progress(seconds: int) -> None:
    done = make_set([2.2] * 8, still_s=1)[: int(seconds * RATE)]
    counted = count_repetitions(done, RATE)
    assert abs(counted.guess - int((seconds - 1) / 2.2)) <= 1
    assert (counted.edges >= 0).all()
    assert (counted.edges <= len(done)).all()


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(4, 14),
    duration_s=st.floats(1.0, 5.0),
    still_s=st.floats(0.3, 4.0),
    seed=st.integers(0, 99),
)
def test_count_repetitions__any_set(
    count: int, duration_s: float, still_s: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    durations = list(duration_s * np.exp(random.normal(0, 0.06, count)))
    signal = make_set(durations, still_s=still_s) @ rotation(seed)
    signal += random.normal(0, 0.01, signal.shape)
    counted = count_repetitions(signal, RATE)
    assert abs(counted.guess - count) <= 1
    assert counted.edges.shape == (counted.guess, 2)
    assert (counted.edges[:, 1] > counted.edges[:, 0]).all()
    assert (counted.edges[1:, 0] >= counted.edges[:-1, 1] - 1e-9).all()
    assert counted.probabilities.sum() == pytest.approx(1)
    assert counted.guess == counted.probabilities.argmax()


@pytest.mark.data
def test_count_repetitions__recorded_sets(real_data: Path) -> None:
    near = {"ours": 0, "muvr": 0}
    files = sorted((real_data / "muvr" / "back").glob("labelled_back_jan-2_*.csv"))
    for file in files:
        rows = np.genfromtxt(file, delimiter=",", usecols=(0, 1, 2, 6))
        samples, label = rows[:, :3], int(rows[0, 3])
        near["ours"] += abs(count_repetitions(samples, RATE).guess - label) <= 1
        near["muvr"] += abs(count_muvr(samples, RATE).guess - label) <= 1
    assert near["ours"] >= 0.93 * len(files)
    assert near["muvr"] < near["ours"]


def test_count_muvr__counts_a_clean_set_but_no_stillness() -> None:
    assert count_muvr(make_set([2.0] * 8), RATE).count == 8
    assert count_muvr(np.ones((500, 3)), RATE).count == 0
