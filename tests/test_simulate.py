import pickle
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from workoutlab.errors import InputError
from workoutlab.simulate import (
    EXERCISES,
    GROUPS,
    PERFECT,
    WATCH,
    Effort,
    Person,
    PlannedSet,
    Sensor,
    SimulatedSession,
    make_person,
    plan_session,
    record_session,
    simulate,
)
from workoutlab.simulate.beats import find_beats, minimum_jerk, minimum_jerk_change
from workoutlab.simulate.motion import G, Motion, lever_force, play, turn_rate
from workoutlab.simulate.rotations import (
    conjugate,
    from_vector,
    multiply,
    rotate,
    to_vector,
    upright,
)
from workoutlab.simulate.scripts import Script, write_script
from workoutlab.simulate.sensors import measure

Array = npt.NDArray[np.float64]

UP = np.array([[0.0], [0], [1]])
vectors = st.tuples(*[st.floats(-1.7, 1.7)] * 3).map(np.array)


def perform(
    exercise: str, person: int = 0, sensor: Sensor = PERFECT, rate_hz: float = 50
) -> SimulatedSession:
    """Ten repetitions of one exercise."""
    effort = Effort(exercise=exercise, weight_kg=10, repetitions=10, intensity=0.6, rest_s=20)
    plan = [PlannedSet(planned=effort, done=effort)]
    return record_session(make_person(0, person), 0, plan, rate_hz=rate_hz, sensor=sensor)


def move(person: int = 0, session: int = 0, rate_hz: float = 50) -> Motion:
    someone = make_person(0, person)
    efforts = [one.done for one in plan_session(someone, session, minutes=5)]
    script = write_script(someone, session, efforts)
    return play(script, rate_hz, someone.fidgeting, np.random.default_rng(0))


def same(a: SimulatedSession, b: SimulatedSession) -> bool:
    return (
        (a.recording.digest, a.recording.facts) == (b.recording.digest, b.recording.facts)
        and a.plan.equals(b.plan)
        and a.repetitions.equals(b.repetitions)
    )


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


# Truth


def period_s(samples: Array, rate_hz: float) -> float:
    """Where the autocorrelation peaks, along the direction in which most happens."""
    samples = samples - samples.mean(axis=0)
    signal = samples @ np.linalg.svd(samples, full_matrices=False)[2][0]
    spectrum = np.abs(np.fft.rfft(signal, 2 * len(signal))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(signal)] / np.arange(len(signal), 0, -1)
    falls = int(np.argmax(correlation < 0))
    return float((falls + np.argmax(correlation[falls : len(signal) // 2])) / rate_hz)


# The others turn so little that what a wrist does besides is as strong.
WIDE = [name for name, exercise in EXERCISES.items() if exercise.range_deg > 25]


@pytest.mark.parametrize("exercise", WIDE)
@pytest.mark.parametrize("person", [0, 1, 2])
def test_record_session__repetitions_are_the_periods_of_the_signal(
    exercise: str, person: int
) -> None:
    session = perform(exercise, person)
    start, stop = session.repetitions["start"][2], session.repetitions["stop"][7]
    period = period_s(session.recording.acceleration[start:stop].astype(float), 50)
    assert (stop - start) / 50 / period == pytest.approx(6, rel=0.05)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**40),
    st.integers(0, 50),
    st.sampled_from([10.0, 12.5, 25.0, 50.0, 104.0]),
    st.sampled_from([5, 7.5, 12]),
)
def test_session__truth_is_in_order_and_inside(
    seed: int, person: int, rate_hz: float, minutes: float
) -> None:
    crowd = simulate(100, sessions=2, seed=seed, rate_hz=rate_hz, minutes=minutes)
    session = crowd.session(person, 1)
    recording, repetitions = session.recording, session.repetitions
    assert recording.simulated
    assert len(recording) >= minutes * 60 * rate_hz - 1
    assert np.isfinite(recording.acceleration).all()
    assert len(recording.sets) == len(session.plan) == repetitions["set"].nunique()
    assert (repetitions["start"] < repetitions["stop"]).all()
    assert (repetitions["start"].to_numpy()[1:] >= repetitions["stop"].to_numpy()[:-1]).all()
    for number, labelled in enumerate(recording.sets):
        own = repetitions[repetitions["set"] == number]
        assert len(own) == labelled.repetitions == session.plan["done_repetitions"][number]
        assert own["repetition"].tolist() == list(range(len(own)))
        assert (own["start"].iloc[0], own["stop"].iloc[-1]) == (labelled.start, labelled.stop)
        assert labelled.exercise == session.plan["done_exercise"][number]
        assert labelled.weight_kg == session.plan["done_weight_kg"][number]
        assert labelled.body_weight == EXERCISES[labelled.exercise].body_weight


def test_session__sets_begin_after_the_planned_rest() -> None:
    session = simulate(5, minutes=15).session(3, 1)
    starts = np.array([one.start for one in session.recording.sets])
    stops = np.array([0, *(one.stop for one in session.recording.sets)])[:-1]
    assert (starts - stops) / 50 == pytest.approx(session.plan["done_rest_s"].to_numpy(), abs=0.05)


def test_session__moves_more_in_sets_than_at_rest() -> None:
    recording = simulate(5, minutes=10, sensor=PERFECT).session(2, 0).recording
    inside = np.zeros(len(recording), dtype=bool)
    for one in recording.sets:
        inside[one.start : one.stop] = True
    changes = np.abs(np.diff(recording.acceleration, axis=0)).mean(axis=1)
    assert np.median(changes[inside[1:]]) > 2 * np.median(changes[~inside[1:]])


def test_session__is_the_same_workout_at_any_rate() -> None:
    slow, fast = (
        simulate(9, rate_hz=rate_hz, minutes=5, sensor=PERFECT).session(8, 2)
        for rate_hz in (25, 100)
    )
    assert slow.plan.equals(fast.plan)
    assert np.abs(slow.repetitions * 4 - fast.repetitions)[["start", "stop"]].max().max() <= 4
    assert slow.recording.start_ns == fast.recording.start_ns


def durations(session: SimulatedSession) -> pd.DataFrame:
    repetitions = session.repetitions.assign(
        samples=lambda frame: frame["stop"] - frame["start"],
        count=lambda frame: frame.groupby("set")["set"].transform("size"),
    )
    return repetitions.assign(part=repetitions["repetition"] / (repetitions["count"] - 1))


def test_session__fatigue_slows_the_last_repetitions() -> None:
    crowd = simulate(12, sessions=1, minutes=10)
    slower = []
    for session in crowd:
        timed = durations(session)
        first = timed[timed["part"] < 0.3].groupby("set")["samples"].mean()
        last = timed[timed["part"] > 0.7].groupby("set")["samples"].mean()
        slower.append((last / first).mean() - 1)
    assert min(slower) > 0.03
    truth = [crowd.person(person).fatigability for person in range(12)]
    assert np.corrcoef(slower, truth)[0, 1] > 0.6


def test_session__fatigue_takes_amplitude() -> None:
    smaller = []
    for person in range(8):
        session = perform("biceps-curl", person)
        edges = session.repetitions[["start", "stop"]].to_numpy()
        samples = session.recording.acceleration
        swings = [np.ptp(samples[start:stop, 0]) for start, stop in edges]
        smaller.append(np.mean(swings[-3:]) / np.mean(swings[:3]))
    assert np.mean(smaller) < 0.95


# People and plans


def test_simulate__is_the_same_every_time() -> None:
    for a, b in zip(simulate(2, minutes=5), simulate(2, minutes=5), strict=True):
        assert same(a, b)


def test_simulate__differs_by_seed_person_and_session() -> None:
    recordings = [simulate(2, sessions=2, seed=seed, minutes=5).recordings() for seed in (0, 1)]
    digests = [recording.digest for each in recordings for recording in each]
    assert len(set(digests)) == 8


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 5), st.integers(6, 10_000_000), st.integers(0, 1))
def test_simulate__person_is_the_same_in_any_crowd(person: int, more: int, session: int) -> None:
    few = simulate(6, sessions=2, minutes=5)
    many = simulate(more, sessions=40, minutes=5)
    assert few.person(person) == many.person(person)
    assert same(few.session(person, session), many.session(person, session))


def test_simulate__asking_for_ten_million_makes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(seed: int, index: int) -> object:
        made.append(index)
        return make_person(seed, index)

    monkeypatch.setattr("workoutlab.simulate.simulation.make_person", counted)
    crowd = simulate(10_000_000, minutes=5)
    sessions, recordings = iter(crowd), crowd.recordings()
    assert len(crowd) == 30_000_000
    assert made == []
    assert [one.recording.session for one in islice(sessions, 4)] == ["s00", "s01", "s02", "s00"]
    assert next(recordings).user == "sim-000"
    assert made == [0, 1, 0]


def test_simulation__can_be_pickled() -> None:
    crowd = simulate(3, minutes=5)
    again = pickle.loads(pickle.dumps(crowd))
    assert again == crowd
    assert same(again.session(2, 1), crowd.session(2, 1))
    assert same(pickle.loads(pickle.dumps(crowd.session(2, 1))), crowd.session(2, 1))


def test_record_session__noise_is_another_each_time() -> None:
    effort = Effort(exercise="twist", weight_kg=10, repetitions=8, intensity=0.6, rest_s=20)
    plan = [PlannedSet(planned=effort, done=effort)]
    rough = [
        np.diff(
            record_session(
                make_person(0, 0), session, plan, rate_hz=50, sensor=Sensor(step_g=0), minutes=5
            ).recording.acceleration[-500:, 0],
            n=2,
        )
        for session in range(2)
    ]
    assert abs(np.corrcoef(rough)[0, 1]) < 0.2


def test_session__starts_on_later_days() -> None:
    for person in range(20):
        crowd = simulate(20, sessions=60, minutes=5)
        starts = [one.recording.start_ns for one in islice(crowd.sessions(person), 3)]
        days = [start // (86_400 * 10**9) for start in starts if start is not None]
        assert days == sorted(set(days))
        hours = [start / 3.6e12 % 24 for start in starts if start is not None]
        assert np.ptp(hours) < 3


def test_plan_session__weight_progresses() -> None:
    grown = 0
    for index in range(10):
        person = make_person(0, index)
        plans = pd.concat(
            pd.DataFrame([vars(one.planned) for one in plan_session(person, n, minutes=40)])
            for n in range(0, 30, 3)
        )
        for _, sets in plans.groupby(["exercise", "intensity"]):
            assert all(a <= b for a, b in pairwise(sets["weight_kg"]))
            grown += sets["weight_kg"].iloc[-1] > sets["weight_kg"].iloc[0]
    assert grown > 50


def test_plan_session__deviates_now_and_then() -> None:
    sets = [
        one
        for person in range(30)
        for session in range(3)
        for one in plan_session(make_person(0, person), session, minutes=40)
    ]
    kinds = pd.Series([one.deviation for one in sets]).value_counts(normalize=True)
    assert set(kinds.index) == {"", "exercise", "weight", "repetitions", "rest"}
    assert 0.03 < 1 - kinds[""] < 0.2
    for one in sets:
        assert (one.planned == one.done) == (one.deviation == "")
        groups = {EXERCISES[each.exercise].muscle_group for each in (one.planned, one.done)}
        assert len(groups) == 1


def liked_core(person: Person) -> float:
    tastes = zip(EXERCISES.values(), person.tastes, strict=True)
    return sum(share for exercise, share in tastes if exercise.muscle_group == "core")


def test_make_person__groups_differ_in_what_they_say() -> None:
    people = pd.DataFrame(
        {"group": p.group, "per_week": p.per_week, "strength": p.strength, "core": liked_core(p)}
        for p in (make_person(0, index) for index in range(1500))
    )
    shares = people["group"].value_counts(normalize=True)
    means = people.groupby("group").mean()
    for name, group in GROUPS.items():
        assert shares[name] == pytest.approx(group.share, abs=0.05)
        assert means["per_week"][name] == pytest.approx(group.per_week, rel=0.1)
        assert means["strength"][name] == pytest.approx(group.strength, rel=0.1)
    assert means["core"].idxmax() == "endurance"


def test_groups__are_all_people() -> None:
    assert sum(group.share for group in GROUPS.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("people", {"people": 0}),
        ("people", {"people": 2.5}),
        ("people", {"people": True}),
        ("sessions", {"people": 1, "sessions": 0}),
        ("seed", {"people": 1, "seed": -1}),
        ("rate_hz", {"people": 1, "rate_hz": 0}),
        ("rate_hz", {"people": 1, "rate_hz": float("nan")}),
        ("minutes", {"people": 1, "minutes": 1}),
        ("minutes", {"people": 1, "minutes": "20"}),
    ],
)
def test_simulate__refuses_what_cannot_be(name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"^{name}: expected"):
        simulate(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("person", "session"), [(3, 0), (-1, 0), (0, 2), (0, -1)])
def test_simulation__refuses_people_and_sessions_that_are_not_there(
    person: int, session: int
) -> None:
    with pytest.raises(InputError, match="expected a whole number from 0 to"):
        simulate(3, sessions=2).session(person, session)


@pytest.mark.parametrize(
    "wrong", [{"exercise": "sleeping"}, {"repetitions": 0}, {"rest_s": 2}, {"rest_s": np.inf}]
)
def test_effort__refuses_what_cannot_be(wrong: dict[str, object]) -> None:
    effort = Effort(exercise="twist", weight_kg=10, repetitions=8, intensity=0.6, rest_s=20)
    with pytest.raises(InputError, match=f"^{next(iter(wrong))}: expected"):
        replace(effort, **wrong)  # type: ignore[arg-type]
