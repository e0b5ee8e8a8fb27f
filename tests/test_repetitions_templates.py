"""Templates: what sets of a known count teach, and what they change in counting."""

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions import (
    KnownSet,
    Template,
    count_repetitions,
    find_known_sets,
    learn_templates,
)
from workoutlab.recognition.repetitions.templates import learn_template
from workoutlab.recording import LabelledSet, Recording

RATE = 50.0
PLAIN = np.array([0.0, 0.0, 1.0, 0.0, 0.0])

Doubles = npt.NDArray[np.float64]


def swing(count: int, period_s: float, *, moved: float = 1.0, halves: float = 1.0) -> Doubles:
    """Swing out and back `count` times, moving for a share of each period, still else.

    With `halves` below 1 every other swing is smaller, so that two swings may be one movement.
    """
    time = np.arange(round(count * period_s * RATE)) / RATE
    phase = np.clip((time % period_s) / (moved * period_s), 0, 1)
    size = np.where((time // period_s).astype(int) % 2 == 0, 1.0, halves)
    angle = 1.2 * size * (0.5 - 0.5 * np.cos(2 * np.pi * phase))
    still = np.tile([0.0, 1.0, 0.0], (round(RATE), 1))
    moving = np.stack([np.sin(angle), np.cos(angle), 0.2 * angle], axis=1)
    return np.concatenate([still, moving, still])


def known(samples: Doubles, repetitions: int, exercise: str = "curl") -> KnownSet:
    return KnownSet(exercise, samples, RATE, repetitions)


def template(period_s: float = 2.0, per_movement: int = 1) -> Template:
    return Template("curl", period_s, 0.3, per_movement, np.zeros((3, 12)), PLAIN, 1)


def test_learn_templates__period_and_shape() -> None:
    sets = [known(swing(8, 2.0), 8), known(swing(6, 2.4), 6)]
    learnt = learn_templates(sets)["curl"]
    assert learnt.sets == 2
    assert learnt.per_movement == 1
    assert learnt.period_s == pytest.approx(np.sqrt(2.0 * 2.4), rel=0.1)
    assert learnt.shape.mean(axis=1) == pytest.approx(0, abs=1e-9)
    assert np.ptp(learnt.shape[0]) > 0.5


def test_learn_templates__arms_that_take_turns() -> None:
    samples = swing(7, 4.4, moved=0.5)
    assert abs(count_repetitions(samples, RATE).guess - 7) <= 1
    sets = [known(swing(n, 4.4, moved=0.5), 2 * n) for n in (5, 6)]
    assert learn_templates(sets[:1]) == {}  # one set may as well be noted wrongly
    learnt = learn_templates(sets)["curl"]
    assert learnt.per_movement == 2
    counted = count_repetitions(samples, RATE, template=learnt)
    assert abs(counted.guess - 14) <= 2
    assert counted.edges.shape == (counted.guess, 2)
    assert counted.probabilities[counted.guess] == counted.confidence
    assert (np.diff(counted.edges.ravel()) >= -1e-9).all()


def test_learn_templates__one_movement_or_two() -> None:
    samples = swing(12, 1.6, halves=0.5)
    large = learn_templates([known(swing(16, 1.6, halves=0.5), 8)])["curl"]
    small = learn_templates([known(swing(16, 1.6, halves=0.5), 16)])["curl"]
    assert abs(count_repetitions(samples, RATE, template=large).guess - 6) <= 1
    assert abs(count_repetitions(samples, RATE, template=small).guess - 12) <= 1


def test_learn_templates__a_count_that_the_signal_contradicts_teaches_nothing() -> None:
    assert learn_templates([known(swing(8, 2.0), 30)]) == {}
    mixed = learn_templates([known(swing(8, 2.0), 30), known(swing(7, 2.1), 7)])
    assert mixed["curl"].sets == 1
    assert learn_templates([known(np.tile([0.0, 1.0, 0.0], (500, 1)), 8)]) == {}


def test_learn_templates__by_exercise() -> None:
    learnt = learn_templates([known(swing(8, 2.0), 8), known(swing(8, 3.0), 8, "row")])
    assert sorted(learnt) == ["curl", "row"]
    assert learnt["curl"].period_s < learnt["row"].period_s


def test_learn_templates__order_does_not_matter_for_what_is_counted() -> None:
    sets = [known(swing(8, 2.0), 8), known(swing(6, 2.4), 6)]
    one, other = learn_templates(sets)["curl"], learn_templates(sets[::-1])["curl"]
    assert one.period_s == pytest.approx(other.period_s)
    assert one.spread == pytest.approx(other.spread)


def test_find_known_sets__those_with_a_count() -> None:
    samples = swing(8, 2.0)
    sets = (
        LabelledSet(start=10, stop=200, exercise="curl", repetitions=4),
        LabelledSet(start=200, stop=300, exercise="curl"),
        LabelledSet(start=300, stop=400, exercise="rest", repetitions=0),
    )
    recording = Recording(user="a", session="s", acceleration=samples, rate_hz=50, sets=sets)
    (found,) = find_known_sets([recording])
    assert (found.exercise, found.repetitions, len(found.acceleration)) == ("curl", 4, 190)
    irregular = Recording(
        user="a", session="s", acceleration=samples, time_ns=np.arange(len(samples)), sets=sets
    )
    assert find_known_sets([irregular]) == []


@given(
    period_s=st.floats(0.5, 8),
    spread=st.floats(0.1, 1),
    per_movement=st.integers(1, 2),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_template__survives_json(
    period_s: float, spread: float, per_movement: int, seed: int
) -> None:
    shape = np.random.default_rng(seed).normal(size=(3, 12))
    habit = np.random.default_rng(seed).dirichlet(np.ones(5))
    one = Template("curl", period_s, spread, per_movement, shape, habit, 3)
    other = Template.from_json(one.to_json())
    np.testing.assert_array_equal(one.shape, other.shape)
    np.testing.assert_array_equal(one.habit, other.habit)
    assert {**vars(one), "shape": 0, "habit": 0} == {**vars(other), "shape": 0, "habit": 0}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"shape": 3}', template().to_json()[:-9]])
def test_template__from_other_text(text: str) -> None:
    with pytest.raises(InputError, match="template"):
        Template.from_json(text)


def test_template__out_of_range() -> None:
    with pytest.raises(InputError, match="period"):
        template(0.0)
    with pytest.raises(InputError, match="1 or more"):
        template(per_movement=0)
    with pytest.raises(InputError, match="shape"):
        Template("curl", 2.0, 0.3, 1, np.zeros((12, 3)), PLAIN, 1)
    with pytest.raises(InputError, match="habit"):
        Template("curl", 2.0, 0.3, 1, np.zeros((3, 12)), 2 * PLAIN, 1)


def test_template__weigh() -> None:
    samples = swing(8, 2.0)
    learnt = learn_templates([known(samples, 8)])["curl"]
    edges = RATE * (1 + 2.0 * np.arange(8))[:, None] + [0, 2 * RATE]
    slow = RATE * (1 + 4.0 * np.arange(4))[:, None] + [0, 4 * RATE]
    assert learnt.weigh(samples, RATE, edges) > learnt.weigh(samples, RATE, slow) + 1
    assert learnt.weigh(samples, RATE, np.empty((0, 2))) == -np.inf


def test_count_repetitions__nothing_moves_with_a_template() -> None:
    still = np.tile([0.0, 1.0, 0.0], (500, 1))
    assert count_repetitions(still, RATE, template=template()).guess == 0


def test_learn_templates__a_person_who_counts_one_more() -> None:
    samples = swing(8, 2.0)
    counted = count_repetitions(samples, RATE).guess
    sets = [known(swing(n, 2.0), n + counted - 8 + 1) for n in (6, 7, 9, 10, 11, 12)]
    learnt = learn_templates(sets)["curl"]
    assert learnt.habit.argmax() == 3
    assert learnt.habit.sum() == pytest.approx(1)
    noted = count_repetitions(samples, RATE, template=learnt)
    assert noted.guess == counted + 1
    assert noted.edges.shape == (noted.guess, 2)
    assert noted.probabilities.sum() == pytest.approx(1)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
@settings(max_examples=25, deadline=None)
def test_template__expect_keeps_the_sum(chances: list[float]) -> None:
    probabilities = np.array(chances) / np.sum(chances)
    habit = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    one = Template("curl", 2.0, 0.3, 1, np.zeros((3, 12)), habit, 1)
    assert one.expect(probabilities).sum() == pytest.approx(1)
    np.testing.assert_array_equal(template().expect(probabilities)[: len(chances)], probabilities)


@pytest.mark.parametrize("edges", [np.zeros((4, 2)), np.empty((0, 2))])
def test_learn_template__cuts_that_take_no_time_teach_nothing(edges: np.ndarray) -> None:
    known = SimpleNamespace(exercise="curl", repetitions=len(edges) or 1, rate_hz=50)
    read = SimpleNamespace(
        ways=[1], known=known, samples=np.zeros((100, 3)), choose=lambda _: (0.0, edges)
    )
    assert learn_template([read]) is None
