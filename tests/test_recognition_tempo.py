import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.simulated import perform
from workoutlab.errors import InputError
from workoutlab.recognition.repetitions.course import follow
from workoutlab.recognition.repetitions.edges import sharpen_edges
from workoutlab.recognition.repetitions.tempo import find_phases
from workoutlab.simulation import WATCH
from workoutlab.simulation.beats import minimum_jerk

RATE = 50


def curls(parts_s, count=6, degrees=100, lever_m=0.0):
    """A forearm that goes out, waits, comes back, waits; from hanging, so that it rises first."""
    out, hold, back, rest = np.round(np.array(parts_s) * RATE).astype(int)
    way = np.concatenate(
        [
            minimum_jerk(np.arange(out) / out),
            np.ones(hold),
            minimum_jerk(1 - np.arange(back) / back),
            np.zeros(rest),
        ]
    )
    angle = np.radians(degrees) * np.tile(way, count)
    direction = np.column_stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)])
    height_m = -lever_m * np.cos(angle)
    heave = np.gradient(np.gradient(height_m, 1 / RATE), 1 / RATE) / 9.81
    starts = np.arange(count) * len(way)
    return direction * (1 + heave[:, np.newaxis]), np.column_stack([starts, starts + len(way)])


@pytest.mark.parametrize("parts_s", [(1, 0.5, 2, 0.6), (0.8, 0, 0.8, 0), (2, 1, 1, 1)])
def test_find_phases__tells_the_ways_and_the_pauses(parts_s):
    tempo = find_phases(*curls(parts_s)[:1], RATE, curls(parts_s)[1])
    assert tempo.tempo_s == pytest.approx(sum(parts_s))
    told = (tempo.first_s, tempo.turn_s, tempo.second_s, tempo.rest_s)
    np.testing.assert_allclose([np.median(each) for each in told], parts_s, atol=0.1)
    assert tempo.as_dict()["pause_s"] == pytest.approx(parts_s[1] + parts_s[3], abs=0.15)


def test_find_phases__says_that_it_cannot_tell_lifting():
    signal, edges = curls((1, 0.5, 2, 0.6))
    tempo = find_phases(signal, RATE, edges)
    assert tempo.lifting == ""
    assert "not pushed up" in tempo.reasons["lifting"]
    assert np.isnan(tempo.lifting_s).all()
    assert np.isnan(tempo.as_dict()["lowering_s"])
    assert tempo.notation == ""


def test_find_phases__tells_lifting_by_the_push_at_the_bottom():
    signal, edges = curls((1.2, 0.2, 1.8, 0.2), degrees=120, lever_m=0.27)
    tempo = find_phases(signal, RATE, edges)
    assert tempo.lifting == "first"
    assert np.median(tempo.lifting_s) == pytest.approx(1.2, abs=0.15)
    assert np.median(tempo.lowering_s) == pytest.approx(1.8, abs=0.15)
    assert tempo.notation == "2-0-1-0"
    backwards = find_phases(signal[::-1], RATE, (len(signal) - edges)[::-1, ::-1])
    assert backwards.lifting == "first"
    assert np.median(backwards.lifting_s) == pytest.approx(1.8, abs=0.15)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_find_phases__does_not_depend_on_how_the_sensor_is_turned(seed):
    signal, edges = curls((1.2, 0.2, 1.8, 0.2), degrees=120, lever_m=0.27)
    turned = Rotation.random(random_state=seed).apply(signal)
    one, other = find_phases(signal, RATE, edges), find_phases(turned, RATE, edges)
    assert one.lifting == other.lifting
    for name in ("first_s", "turn_s", "second_s", "rest_s"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-6)


@pytest.mark.parametrize(
    ("exercise", "first"), [("biceps-curl", "lifting"), ("rope-triceps-extension", "lowering")]
)
@pytest.mark.parametrize("person", range(3))
def test_find_phases__tells_simulated_ways(exercise, first, person):
    session = perform(exercise, person, WATCH)
    edges = session.repetitions[["start", "stop"]].to_numpy()
    tempo = find_phases(session.recording.acceleration, RATE, edges)
    rising = tempo.lifting_s if first == "lifting" else tempo.lowering_s
    assert np.median(rising) == np.median(tempo.first_s)
    parts = np.array([tempo.first_s, tempo.turn_s, tempo.second_s, tempo.rest_s])
    assert (parts >= -1e-9).all()
    # Ways out begin where the one back has ended, so that all parts together are the whole.
    assert parts.sum() == pytest.approx((edges[-1, 1] - edges[0, 0]) / RATE, abs=0.3)


def test_find_phases__keeps_to_turning_points_where_forces_alone_are_known():
    times = np.arange(500) / RATE
    bounce = np.column_stack([np.zeros((500, 2)), 1 - 0.4 * np.cos(np.pi * times)])
    edges = np.column_stack([np.arange(4) * 100 + 50, np.arange(4) * 100 + 150])
    tempo = find_phases(bounce, RATE, edges)
    np.testing.assert_allclose(tempo.first_s, 1, atol=0.05)
    assert np.isnan(tempo.turn_s).all()
    assert "forces" in tempo.reasons["pauses"]
    # Heaviest at the bottom: these repetitions begin where 1.4 g are felt.
    assert tempo.lifting in ("first", "second")
    assert follow(bounce, RATE, edges).unit == "g"


def test_find_phases__of_nothing_is_nothing():
    tempo = find_phases(np.ones((10, 3)), RATE, [])
    assert np.isnan(tempo.tempo_s)
    assert len(tempo.durations_s) == 0
    assert set(tempo.reasons) == {"phases", "pauses", "lifting"}
    assert np.isnan(list(tempo.as_dict().values())).all()


@pytest.mark.parametrize(
    ("signal", "rate", "edges", "message"),
    [
        (np.ones((10, 2)), 50, [[0, 5]], r"shape \(sample, 3\)"),
        (np.full((10, 3), np.nan), 50, [[0, 5]], "finite"),
        (np.ones((10, 3)), 0, [[0, 5]], "rate_hz"),
        (np.ones((10, 3)), 50, [[0, 5, 7]], r"shape \(repetition, 2\)"),
        (np.ones((10, 3)), 50, [[0, 11]], "stop <= 10"),
        (np.ones((10, 3)), 50, [[5, 5]], "start < stop"),
        (np.ones((10, 3)), 50, [[5, 6], [2, 3]], "in order"),
    ],
)
def test_find_phases__refuses(signal, rate, edges, message):
    with pytest.raises(InputError, match=message):
        find_phases(signal, rate, edges)


def test_follow__refuses_no_repetitions():
    with pytest.raises(InputError, match="one repetition or more"):
        follow(np.ones((10, 3)), RATE, [])


def test_sharpen_edges__moves_rough_edges_to_one_moment_of_the_movement():
    signal, edges = curls((0.8, 0.2, 0.8, 0.2), count=10)
    rng = np.random.default_rng(0)
    marks = np.append(edges[:, 0], edges[-1, 1]) + 30.0
    rough = np.clip(marks + rng.uniform(-10, 10, len(marks)), 0, len(signal))
    sharp = sharpen_edges(signal, RATE, np.column_stack([rough[:-2], rough[1:-1]]))
    np.testing.assert_allclose(np.diff(sharp[1:-1], axis=1), 100, atol=2)
    assert (sharp[1:, 0] == sharp[:-1, 1]).all()


def test_sharpen_edges__leaves_few_repetitions_and_stillness_alone():
    signal, edges = curls((0.8, 0.2, 0.8, 0.2))
    assert sharpen_edges(signal, RATE, edges[:2]).tolist() == edges[:2].tolist()
    still = np.tile([0.0, 0, 1], (len(signal), 1))
    np.testing.assert_array_equal(sharpen_edges(still, RATE, edges), edges)


def test_sharpen_edges__keeps_pauses_between_repetitions():
    signal, edges = curls((0.8, 0.0, 0.8, 1.0), count=8)
    edges = edges - [0, 50]
    rough = edges + np.random.default_rng(1).integers(0, 12, edges.shape)
    sharp = sharpen_edges(signal, RATE, rough)
    assert sharp.shape == edges.shape
    assert (sharp[1:, 0] > sharp[:-1, 1]).all()
    off, before = sharp - edges, rough - edges
    assert np.ptp(off[1:, 0]) < np.ptp(before[1:, 0]) / 2


@pytest.mark.parametrize("rate_hz", [12.5, 400])
def test_sharpen_edges__at_any_rate(rate_hz):
    times = np.arange(0, 20, 1 / rate_hz)
    angle = np.pi / 3 * (1 - np.cos(np.pi * times))
    signal = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    off = [0, 0.1, 0, -0.1, 0.1, 0, 0, -0.1, 0, 0, 0]
    marks = np.arange(0, 21, 2) + np.array(off)
    rough = np.clip(marks * rate_hz, 0, len(signal))
    sharp = sharpen_edges(signal, rate_hz, np.column_stack([rough[:-1], rough[1:]]))
    np.testing.assert_allclose(np.diff(sharp[1:-1], axis=1) / rate_hz, 2, atol=0.03)
