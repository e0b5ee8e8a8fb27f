import pickle
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulated import perform
from workoutlab.errors import InputError
from workoutlab.simulation import (
    EXERCISES,
    GROUPS,
    PERFECT,
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

Array = npt.NDArray[np.float64]


def same(a: SimulatedSession, b: SimulatedSession) -> bool:
    return (
        (a.recording.digest, a.recording.facts) == (b.recording.digest, b.recording.facts)
        and a.plan.equals(b.plan)
        and a.repetitions.equals(b.repetitions)
    )


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

    monkeypatch.setattr("workoutlab.simulation.simulation.make_person", counted)
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
