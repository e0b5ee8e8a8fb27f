from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from tests.simulated import perform
from workoutlab.errors import InputError
from workoutlab.simulation import (
    EXERCISES,
    PERFECT,
    WATCH,
    Effort,
    Sensor,
    make_person,
    plan_session,
    simulate,
)
from workoutlab.simulation.beats import find_beats, minimum_jerk, minimum_jerk_change
from workoutlab.simulation.motion import G, Motion, lever_force, play, turn_rate
from workoutlab.simulation.rotations import (
    conjugate,
    from_vector,
    multiply,
    rotate,
    to_vector,
    upright,
)
from workoutlab.simulation.scripts import Script, Walk, write_script
from workoutlab.simulation.sensors import measure
from workoutlab.simulation.unrest import fidget, jolt, smooth_noise, tremble, walk

Array = npt.NDArray[np.float64]

UP = np.array([[0.0], [0], [1]])
vectors = st.tuples(*[st.floats(-1.7, 1.7)] * 3).map(np.array)


def move(person: int = 0, session: int = 0, rate_hz: float = 50) -> Motion:
    someone = make_person(0, person)
    efforts = [one.done for one in plan_session(someone, session, minutes=5)]
    script = write_script(someone, session, efforts)
    return play(script, rate_hz, someone.fidgeting, np.random.default_rng(0))


# Rotations


@given(vectors, vectors)
def test_rotate__keeps_length_and_comes_back(turn: Array, v: Array) -> None:
    q = from_vector(turn)
    turned = rotate(q, v)
    assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(v), abs=1e-12)
    assert rotate(conjugate(q), turned) == pytest.approx(v, abs=1e-12)


@given(vectors, vectors, vectors)
def test_multiply__turns_by_one_then_the_other(first: Array, second: Array, v: Array) -> None:
    p, q = from_vector(second), from_vector(first)
    assert rotate(multiply(p, q), v) == pytest.approx(rotate(p, rotate(q, v)), abs=1e-12)


@given(vectors)
def test_to_vector__inverts_from_vector(turn: Array) -> None:
    assert to_vector(from_vector(turn)) == pytest.approx(turn, abs=1e-9)
    assert to_vector(-from_vector(turn)) == pytest.approx(turn, abs=1e-9)


@given(vectors.filter(lambda v: np.linalg.norm(v) > 1e-3), st.floats(-3, 3))
def test_upright__puts_up_on_top(up: Array, heading: float) -> None:
    top = rotate(upright(up, heading), up / np.linalg.norm(up))
    assert top == pytest.approx([0, 0, 1], abs=1e-9)


@pytest.mark.parametrize("off", [1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13])
def test_upright__is_exact_near_upside_down(off: float) -> None:
    up = np.array([0, off, -1]) / np.hypot(off, 1)
    assert rotate(upright(up, 0.5), up) == pytest.approx([0, 0, 1], abs=1e-9)


def test_upright__turns_what_is_upside_down() -> None:
    assert rotate(upright(np.array([0, 0, -2.0]), 0.5), np.array([0, 0, -1.0])) == pytest.approx(
        [0, 0, 1]
    )


# Motion


def test_minimum_jerk_change__is_the_second_derivative() -> None:
    x = np.linspace(-0.5, 1.5, 20_001)
    step = x[1] - x[0]
    numeric = np.diff(minimum_jerk(x), 2) / step**2
    assert minimum_jerk_change(x)[1:-1] == pytest.approx(numeric, abs=0.01)


def test_lever_force__is_the_second_derivative_of_the_wrists_path() -> None:
    rate_hz, radius_m = 500.0, 0.4
    seconds = np.arange(2000) / rate_hz
    turns = np.stack([np.sin(3 * seconds), 0.8 * np.cos(2 * seconds), 0.5 * np.sin(seconds + 1)])
    orientation = from_vector(turns)
    path = rotate(orientation, np.array([[-radius_m], [0], [0]]))
    acceleration = np.gradient(np.gradient(path, axis=1), axis=1) * rate_hz**2
    expected = rotate(conjugate(orientation), acceleration) / G
    force = lever_force(turn_rate(orientation, rate_hz), np.full(2000, radius_m), rate_hz)
    assert force[:, 5:-5] == pytest.approx(expected[:, 5:-5], abs=2e-4)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([25, 50, 100]))
def test_play__turn_rate_integrates_to_the_orientation(person: int, rate_hz: float) -> None:
    motion = move(person, rate_hz=rate_hz)
    for start in (100, 1000, 2000):
        turned = motion.orientation[:, start]
        for rate in motion.turn_rate[:, start + 1 : start + 50 : 2].T:
            turned = multiply(turned, from_vector(2 * rate / rate_hz))
        # Two samples are one step of the integral: the rate is a central difference.
        there = motion.orientation[:, start + 50]
        assert abs(turned @ there) == pytest.approx(1, abs=1e-9)


def test_play__gravity_turns_with_the_forearm() -> None:
    motion = move(3)
    gravity = rotate(conjugate(motion.orientation), np.broadcast_to(UP, motion.force_g.shape))
    assert np.linalg.norm(gravity, axis=0) == pytest.approx(1, abs=1e-9)
    # What is left of the force is the wrist's own acceleration: small, and none on average.
    own = rotate(motion.orientation, motion.force_g) - UP
    assert np.abs(own.mean(axis=1)).max() < 0.02
    assert np.linalg.norm(own, axis=0).max() < 4


def test_play__moves_smoothly_from_set_to_rest() -> None:
    motion = move(5)
    # No forearm does more than 1,500 degrees a second here, nor turns at once.
    assert np.abs(motion.turn_rate).max() < np.radians(1500)
    assert np.abs(np.diff(motion.turn_rate, axis=1)).max() < 4


def quiet_script(name: str) -> Script:
    """A script of one set in which nothing but the exercise itself moves the wrist."""
    person = make_person(0, 1)
    calm = replace(person.styles[name], sway=(0, 0, 0), twist=(0, 0, 0))
    effort = Effort(exercise=name, weight_kg=10, repetitions=3, intensity=0.6, rest_s=7)
    script = write_script(replace(person, styles={name: calm}), 0, [effort])
    (movement,) = script.movements
    still = replace(movement.exercise, impact_g=0)
    calm = replace(movement.style, sway=(0, 0, 0), twist=(0, 0, 0))
    script.movements[:] = [replace(movement, exercise=still, style=calm, tremor_g=0)]
    script.jolts.clear()
    script.walks.clear()
    return script


@pytest.mark.parametrize("name", EXERCISES)
def test_play__turns_the_forearm_as_the_exercise_says(name: str) -> None:
    script = quiet_script(name)
    beats, (movement,) = find_beats(script, 100), script.movements
    busy = np.flatnonzero(beats.busy)
    motion = play(script, 100, 0, np.random.default_rng(0))
    way = beats.way[busy, np.newaxis]
    base, *_ = moved = Rotation.from_quat(motion.orientation[:, busy].T, scalar_first=True)
    about_axis = Rotation.from_rotvec(
        way * movement.axis * movement.exercise.range_deg, degrees=True
    )
    about_itself = Rotation.from_rotvec(
        way * [1, 0, 0] * movement.exercise.pronation_deg, degrees=True
    )
    wrong = (base * about_axis * about_itself).inv() * moved
    assert wrong.magnitude().max() < 1e-6
    assert way.max() > 0.5


@pytest.mark.parametrize("name", EXERCISES)
def test_play__force_is_the_second_derivative_of_the_wrists_path(name: str) -> None:
    rate_hz = 500.0
    script = quiet_script(name)
    beats, exercise = find_beats(script, rate_hz), script.movements[0].exercise
    motion = play(script, rate_hz, 0, np.random.default_rng(0))
    busy = np.flatnonzero(beats.busy)
    base = motion.orientation[:, busy[0]]
    start, towards = np.array(exercise.start), np.array(exercise.towards)
    level = towards - start * (start @ towards) / (start @ start)
    reach = rotate(base, level / np.linalg.norm(level))[:, np.newaxis]
    lever = np.array([[-exercise.radius_m], [0], [0]])
    path = rotate(motion.orientation, lever)
    path = path + beats.way * (exercise.rise_m * UP + exercise.reach_m * reach)
    acceleration = np.gradient(np.gradient(path, axis=1), axis=1) * rate_hz**2 / G
    force = rotate(motion.orientation, motion.force_g) - UP
    inside = busy[5:-5]
    # Between samples the jerk changes at once where a phase begins: differences blur that.
    assert force[:, inside] == pytest.approx(acceleration[:, inside], abs=5e-3)
    assert np.abs(acceleration[:, inside]).max() > 0.03


def test_find_beats__push_is_the_second_derivative_of_the_way() -> None:
    beats = find_beats(quiet_script("twist"), 1000)
    numeric = np.gradient(np.gradient(beats.way)) * 1000**2
    assert beats.push == pytest.approx(numeric, abs=0.2)
    assert np.abs(beats.push).max() > 3


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 50), st.lists(st.floats(7, 90), min_size=1, max_size=6))
def test_write_script__poses_change_one_after_the_other_and_never_in_a_set(
    person: int, session: int, rests_s: list[float]
) -> None:
    efforts = [
        Effort(exercise="twist", weight_kg=10, repetitions=8, intensity=0.6, rest_s=rest_s)
        for rest_s in rests_s
    ]
    script = write_script(make_person(0, person), session, efforts)
    frames = script.keyframes
    assert all(a.at_s <= b.at_s - b.move_s + 1e-9 for a, b in pairwise(frames))
    for movement in script.movements:
        start_s, stop_s = movement.breaks_s[0, 0], movement.breaks_s[-1, -1]
        assert all(b.at_s <= start_s or b.at_s - b.move_s >= stop_s for b in frames)
        assert all(walk.stop_s <= start_s or walk.start_s >= stop_s for walk in script.walks)


# Unrest


@pytest.mark.parametrize("spacing", [2, 22, 100])
def test_smooth_noise__is_smooth_across_knots(spacing: int) -> None:
    noise = smooth_noise(np.random.default_rng(0), (3, 40 * spacing), spacing)
    # A cubic spline has a third derivative, bounded by its coefficients; a gap has none.
    assert np.abs(np.diff(noise, 3, axis=1)).max() * spacing**3 < 80
    assert noise.std() == pytest.approx(1, abs=0.25)


def test_smooth_noise__is_a_spline() -> None:
    noise = smooth_noise(np.random.default_rng(0), (1, 1001), 10)[0]
    again = CubicSpline(np.arange(0, 1001, 10), noise[::10])(np.arange(1001))
    assert noise[200:-200] == pytest.approx(again[200:-200], abs=1e-9)


def test_walk__swings_once_and_steps_twice() -> None:
    walks = [Walk(start_s=5, stop_s=25, step_hz=2, swing_rad=0.3, bounce_g=0.2)]
    swing, bounce_g = walk(Script(walks=walks), np.arange(1500) / 50)
    seconds = np.arange(1500) / 50
    for signal, frequency_hz in ((swing, 1), (bounce_g, 2)):
        spectrum = np.abs(np.fft.rfft(signal))
        assert np.fft.rfftfreq(1500, 1 / 50)[spectrum.argmax()] == pytest.approx(frequency_hz)
        assert not signal[(seconds < 5) | (seconds > 25)].any()
    assert np.abs(swing).max() == pytest.approx(0.3, rel=0.01)


def test_jolt__rings_from_its_moment_on() -> None:
    script = quiet_script("twist")
    script.jolts.append((2.0, 0.4))
    jolts_g = jolt(script, 1000, 50, np.random.default_rng(0))
    assert not jolts_g[:, :100].any()
    assert 0.05 < np.abs(jolts_g[2, 100:115]).max() < 0.8
    assert not jolts_g[:, 120:].any()


def test_jolt__may_ring_beyond_the_end() -> None:
    script = quiet_script("twist")
    script.jolts.append((19.9, 0.4))
    jolts_g = jolt(script, 1000, 50, np.random.default_rng(0))
    assert jolts_g.shape == (3, 1000)
    assert jolts_g[:, -4:].any()


def test_tremble__is_of_the_loaded_arm() -> None:
    script = write_script(make_person(0, 4), 0, [one.done for one in perform("twist").sets])
    beats = find_beats(script, 50)
    trembling = tremble(script, beats, 50, np.random.default_rng(0))
    assert trembling[:, beats.busy].std() == pytest.approx(script.movements[0].tremor_g, rel=0.15)
    assert trembling[:, ~beats.busy].std() < 0.3 * trembling[:, beats.busy].std()


def test_fidget__is_less_in_a_set() -> None:
    script = write_script(make_person(0, 4), 0, [one.done for one in perform("twist").sets])
    beats = find_beats(script, 50)
    turns = fidget(beats, 50, 0.1, np.random.default_rng(0))
    assert turns[:, ~beats.busy].std() == pytest.approx(0.1, rel=0.25)
    assert turns[:, beats.busy].std() < 0.6 * turns[:, ~beats.busy].std()


# Sensors


def at_rest(up: Array, samples: int = 5000) -> Motion:
    still = np.zeros((3, samples))
    return Motion(from_vector(still), still, np.broadcast_to(up[:, np.newaxis], still.shape))


def test_measure__perfect_at_rest_is_one_g() -> None:
    up = np.array([0.6, 0, -0.8])
    acceleration, angular = measure(
        at_rest(up), PERFECT, make_person(0, 0), 0, np.random.default_rng(0)
    )
    assert acceleration == pytest.approx(np.tile(up, (5000, 1)), abs=1e-6)
    assert angular is not None
    assert not angular.any()


@pytest.mark.parametrize("person", range(10))
def test_measure__at_rest_is_one_g_within_bias_scale_and_noise(person: int) -> None:
    someone = make_person(0, person)
    acceleration, _ = measure(
        at_rest(np.array([0, 0.6, 0.8])), WATCH, someone, 0, np.random.default_rng(0)
    )
    length = np.linalg.norm(acceleration.mean(axis=0))
    largest = np.linalg.norm(someone.bias_g) + np.abs(np.array(someone.scale) - 1).max()
    assert abs(length - 1) < largest + WATCH.step_g
    noise = np.hypot(someone.noise_g, WATCH.step_g / np.sqrt(12))
    assert acceleration.std(axis=0) == pytest.approx(noise, rel=0.3)


@pytest.mark.parametrize(("range_g", "step_g"), [(4.0, 0.008), (2.0, 0.0039), (0.5, 0.25)])
def test_measure__clips_and_digitises(range_g: float, step_g: float) -> None:
    sensor = Sensor(range_g=range_g, step_g=step_g)
    recording = simulate(2, minutes=5, sensor=sensor).session(1, 0).recording
    steps = recording.acceleration / step_g
    assert steps == pytest.approx(np.rint(steps), abs=1e-3)
    assert np.abs(recording.acceleration).max() <= range_g


def test_measure__turns_both_sensors_with_the_device() -> None:
    faulty = replace(PERFECT, faults=1.0)
    person = replace(make_person(0, 1), noise_g=0.0, bias_g=(0, 0, 0), bias_deg_s=(0, 0, 0))
    person = replace(person, scale=(1.0, 1.0, 1.0))
    motion = move(1)
    true = measure(motion, PERFECT, person, 0, np.random.default_rng(0))
    worn = measure(motion, faulty, person, 0, np.random.default_rng(0))
    for straight, turned in zip(true, worn, strict=True):
        assert straight is not None
        assert turned is not None
        fit, *_ = np.linalg.lstsq(straight, turned, rcond=None)
        assert fit @ fit.T == pytest.approx(np.eye(3), abs=1e-4)
        assert np.abs(fit - np.eye(3)).max() > 0.02


@pytest.mark.parametrize(
    "wrong", [{"range_g": 0}, {"step_g": -1}, {"faults": np.nan}, {"range_deg_s": -5}]
)
def test_sensor__refuses_what_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Sensor(**wrong)  # type: ignore[arg-type]
