"""Validation: folds of whole sets, and what predictions cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score

import workoutlab as wl
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.metrics import count_confusion
from workoutlab.recognition.evaluation.units import find_units
from workoutlab.recognition.tuning.validation import (
    Validation,
    deal_folds,
    hold_sets,
    measure_costs,
    muvr_criterion,
    read_clock,
)
from workoutlab.signals import windows

PLANS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), min_size=1, max_size=30)
"""Segments: an exercise, and a number that segments of one unit share."""


def lay(plan):
    exercises = np.array([exercise for exercise, _ in plan])
    numbers = np.array([ord(exercise) * 100 + unit for exercise, unit in plan])
    firsts = {number: place for place, number in reversed(list(enumerate(numbers.tolist())))}
    return exercises, np.array([firsts[number] for number in numbers.tolist()])


@given(PLANS, st.integers(2, 5), st.integers(0, 3))
def test_deal_folds__parts_no_unit_and_deals_each_exercise_evenly(plan, folds, seed):
    exercises, units = lay(plan)
    everyone = np.ones(len(units), bool)
    dealt = deal_folds(exercises, units, everyone, folds, seed)
    assert (dealt == deal_folds(exercises, units, everyone, folds, seed)).all()
    for unit in set(units):
        assert len(set(dealt[units == unit])) == 1
    totals = np.zeros(folds, int)
    for exercise in set(exercises):
        own = np.unique(units[exercises == exercise])
        counts = np.bincount(dealt[own] + 1, minlength=folds + 1)
        if len(own) == 1:
            assert dealt[own] == -1
            continue
        assert counts[0] == 0
        assert counts[1:].max() - counts[1:].min() <= 1
        assert counts[1:].max() < len(own), "every fold trains on some set of each exercise"
        totals += counts[1:]
    assert totals.max() - totals.min() <= 1


@given(PLANS, st.floats(0.01, 0.99), st.integers(0, 3))
def test_hold_sets__leaves_some_of_each_exercise_and_parts_no_unit(plan, share, seed):
    exercises, units = lay(plan)
    among = np.isin(units, np.unique(units)[::2])
    held = hold_sets(exercises, units, among, share, seed)
    assert not held[~among].any()
    for exercise in set(exercises[among]):
        own = np.unique(units[among & (exercises == exercise)])
        assert held[own].sum() == (
            0 if len(own) == 1 else min(max(1, int(share * len(own) + 0.5)), len(own) - 1)
        )
    assert (held == held[units])[among].all()


def test_deal_folds__deals_others_for_another_seed_or_person():
    exercises, units = np.full(12, "curl"), np.arange(12)
    dealt = [
        deal_folds(exercises, units, units >= 0, 3, *purpose).tolist()
        for purpose in ((0, "ann"), (1, "ann"), (0, "bob"))
    ]
    assert len({tuple(each) for each in dealt}) == 3


def test_split__scores_each_set_that_can_be_scored_once():
    exercises, units = lay([(name, n) for name in "ab" for n in range(4)] + [("c", 0)])
    everyone = np.ones(9, bool)
    parts = Validation(folds=3).split(exercises, units, everyone, 0)
    assert np.sum(parts, axis=0).tolist() == [1] * 8 + [0]
    (part,) = Validation(share=0.25).split(exercises, units, everyone, 0)
    assert part.sum() == 2
    assert Validation().split(exercises[-1:], np.array([0]), np.ones(1, bool), 0) == []
    assert Validation(share=0.5).split(exercises[-1:], np.array([0]), np.ones(1, bool), 0) == []
    assert len(Validation(folds=3).split(*lay([("a", 0), ("a", 1)]), np.ones(2, bool), 0)) == 2


def test_measure_costs__agrees_with_scikit_learn():
    numbers = np.random.default_rng(0)
    truth = np.sort(numbers.integers(0, 3, 60))
    sets = np.arange(60) // 4
    truth = truth[sets * 4]  # windows of a set are of one class
    chances = numbers.dirichlet(np.ones(3), 60)
    chances[np.arange(60), truth] += 0.3
    chances /= chances.sum(axis=1, keepdims=True)
    guess = chances.argmax(axis=1)
    loss = log_loss(truth, chances)
    assert measure_costs(truth, chances, sets, "loss") == pytest.approx((loss,))
    voted = np.array([chances[sets == each].mean(axis=0).argmax() for each in range(15)])
    wrong = (voted != truth[::4]).mean()
    expected = (wrong, 1 - accuracy_score(truth, guess), loss)
    assert measure_costs(truth, chances, sets, "error") == pytest.approx(expected)
    means = [
        figure(truth, guess, average="macro", zero_division=0)
        for figure in (f1_score, precision_score, recall_score)
    ]
    muvr = 5 * accuracy_score(truth, guess) + sum(means)
    assert measure_costs(truth, chances, sets, "muvr") == pytest.approx((-muvr, loss))
    assert muvr_criterion(count_confusion(truth, guess, "abc")) == pytest.approx(muvr)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 1}, "folds: expected >= 2, got 1"),
        ({"share": 1.0}, "share: expected"),
        ({"criterion": "accuracy"}, "criterion: expected one of error, loss, muvr"),
    ],
)
def test_validation__refuses_what_cannot_mean_anything(settings, message):
    with pytest.raises(InputError, match=message):
        Validation(**settings)


def test_read_clock__keeps_what_two_sensors_recorded_at_one_time_together():
    still = np.ones((2000, 3))
    curls = [
        wl.LabelledSet(start=0, stop=900, exercise="curl"),
        wl.LabelledSet(start=1000, stop=2000, exercise="curl"),
    ]
    began = (10**18, 10**18, None)
    lab = Lab("memory://clock")
    lab.append(
        [
            wl.Recording(
                user="ann",
                session="mon",
                device=device,
                acceleration=still * (1 + number),
                rate_hz=50,
                sets=curls,
                start_ns=start_ns,
            )
            for number, (device, start_ns) in enumerate(zip("abc", began, strict=True))
        ]
    )
    plan = windows(lab, length="2s")
    clock = read_clock(plan)
    assert clock["start_ns"].isna().sum() == 2
    units = find_units(plan.segments.join(clock))
    kinds = plan.segments["recording"].to_numpy()
    assert len(np.unique(units[kinds < 2])) == 2
    assert len(np.unique(units[kinds == 2])) == 2
