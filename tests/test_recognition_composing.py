"""Composed sessions: real parts, no step in gravity at a joint, and no part on both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.composing import (
    Pause,
    Stitching,
    compose,
    list_pauses,
)
from workoutlab.recognition.evaluation.composition import Composition
from workoutlab.recording import LabelledSet, Recording

RATE = 50


def make_set(
    number: int, *, user: str = "ann", session: str = "mon", seconds: int = 8, rate_hz: float = RATE
) -> Recording:
    random = np.random.default_rng(number)
    pose = random.normal(size=3)
    samples = pose / np.linalg.norm(pose) + random.normal(0, 0.02, (seconds * RATE, 3))
    whole = LabelledSet(start=0, stop=len(samples), exercise=f"move-{number}", repetitions=number)
    return Recording(
        user=user, session=session, acceleration=samples, rate_hz=rate_hz, sets=[whole]
    )


def make_pauses(count: int = 3, seconds: int = 20) -> list[Pause]:
    return [
        Pause(make_set(100 + n, seconds=seconds).acceleration, RATE, f"pause {n}")
        for n in range(count)
    ]


def test_compose__holds_every_set_as_it_was_recorded() -> None:
    sets = [make_set(n) for n in range(5)]
    (session,) = compose(sets, make_pauses())
    found = {one.exercise: session.acceleration[one.start : one.stop] for one in session.sets}
    assert {*found} == {f"move-{n}" for n in range(5)}
    for recording in sets:
        assert np.array_equal(found[recording.sets[0].exercise], recording.acceleration)
    assert {one.repetitions for one in session.sets} == set(range(5))


@given(st.integers(0, 50), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_compose__pauses_are_as_long_as_asked_and_gravity_makes_no_step(
    seed: int, count: int
) -> None:
    how = Stitching(pause_s=(5, 12), seed=seed)
    (session,) = compose([make_set(n) for n in range(count)], make_pauses(), how)
    edges = [0, *(edge for one in session.sets for edge in (one.start, one.stop)), len(session)]
    rests = np.diff(edges)[::2] / RATE
    assert ((rests >= 5 - 1 / RATE) & (rests <= 12 + 1 / RATE)).all()
    smooth = np.stack(
        [np.convolve(axis, np.ones(10) / 10, "valid") for axis in session.acceleration.T], axis=1
    )
    # A turn of half a circle in 1 s moves gravity by at most 0.1 g in a sample.
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.13
    sizes = np.linalg.norm(session.acceleration, axis=1)
    assert np.abs(sizes - 1).max() < 0.2


def test_compose__pieces_of_pauses_are_recorded_ones_away_from_joints() -> None:
    pauses = make_pauses(1)
    (session,) = compose([make_set(0)], pauses, Stitching(pause_s=(6, 6)))
    first = session.acceleration[:250]  # its last second turns towards the set
    source = pauses[0].acceleration
    starts = np.flatnonzero((source == first[0]).all(axis=1))
    assert any(np.array_equal(source[start : start + 250], first) for start in starts)


def test_compose__is_decided_by_seed_person_and_session_alone() -> None:
    ann, bob = [make_set(n) for n in range(4)], [make_set(n, user="bob") for n in range(4, 8)]
    alone = compose(ann, make_pauses())
    both = compose([*bob, *ann], make_pauses())
    assert [one.user for one in both] == ["ann", "bob"]
    assert both[0].digest == alone[0].digest
    other = compose(ann, make_pauses(), Stitching(seed=1))
    assert other[0].digest != alone[0].digest


def test_compose__cuts_long_sessions() -> None:
    made = compose([make_set(n) for n in range(7)], make_pauses(), Stitching(sets=3))
    assert [len(one.sets) for one in made] == [3, 3, 1]
    assert {one.session for one in made} == {"mon"}


def test_compose__refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match="no pauses"):
        compose([make_set(0)], [])
    with pytest.raises(InputError, match="50, 100 Hz; resample"):
        compose([make_set(0, rate_hz=100)], make_pauses())
    irregular = Recording(
        user="ann",
        session="mon",
        acceleration=np.ones((10, 3)),
        time_ns=np.arange(10),
        sets=[LabelledSet(start=0, stop=10, exercise="curl")],
    )
    with pytest.raises(InputError, match="not at a regular rate"):
        compose([irregular], make_pauses())


@pytest.mark.parametrize(
    "wrong", [{"pause_s": (1, 5)}, {"pause_s": (9, 5)}, {"joint_s": -1}, {"sets": 0}]
)
def test_stitching__refuses_what_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Stitching(**wrong)  # type: ignore[arg-type]


def test_list_pauses__takes_resting_labels_and_leaves_short_and_unlabelled_out() -> None:
    sets = [
        LabelledSet(start=0, stop=300, exercise="curl"),
        LabelledSet(start=400, stop=600, exercise="-"),
        LabelledSet(start=800, stop=900, exercise="row"),
    ]
    fields = {"user": "ann", "acceleration": np.ones((1000, 3)), "rate_hz": RATE}
    labelled = Recording(session="mon", sets=sets, source="f.csv", **fields)  # type: ignore[arg-type]
    bare = Recording(session="tue", **fields)  # type: ignore[arg-type]
    pauses = list_pauses([labelled, bare])
    assert [pause.source for pause in pauses] == ["f.csv 400-600", "f.csv 600-800"]


def test_composition__no_pause_is_heard_on_both_sides() -> None:
    sets = [make_set(n, session=f"day-{n % 2}") for n in range(6)]
    whole = Composition(sets, make_pauses(7), Stitching(pause_s=(5, 10)))
    for number in range(3):
        train, test = whole.take([0, 2, 4], [1, 3, 5], number)
        assert [one.session for one in train] == ["day-0"]
        assert [one.session for one in test] == ["day-1"]
        rows = [{bytes(row) for one in side for row in one.acceleration} for side in (train, test)]
        assert not rows[0] & rows[1]


def test_composition__needs_pauses_for_both_sides() -> None:
    with pytest.raises(InputError, match="2 stretches of pauses: expected 3"):
        Composition([make_set(0)], make_pauses(2))
