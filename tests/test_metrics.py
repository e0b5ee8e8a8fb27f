"""Figures of merit against scikit-learn and worked numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.metrics import Confusion, Spread, count_confusion, vote

CLASSES = ("curl", "dip", "row", "squat")
_pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@settings(deadline=None)  # scikit-learn is slow on a busy machine
@given(_pairs)
def test_confusion__figures_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    ours = count_confusion(truth, predicted, CLASSES)
    labels = range(4)
    assert (ours.counts == oracle.confusion_matrix(truth, predicted, labels=labels)).all()
    assert ours.accuracy == pytest.approx(oracle.accuracy_score(truth, predicted))
    assert ours.error_percent == pytest.approx(100 - 100 * ours.accuracy)
    assert ours.macro_f1 == pytest.approx(
        oracle.f1_score(truth, predicted, average="macro", zero_division=0)
    )
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    np.testing.assert_allclose(ours.precision, precision)
    np.testing.assert_allclose(ours.recall, recall)
    np.testing.assert_allclose(ours.f1, f1)
    assert (ours.support == support).all()


@given(_pairs, _pairs)
def test_confusion__adds_up(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    parts = [count_confusion(*np.array(pairs).T, CLASSES) for pairs in (one, other)]
    both = count_confusion(*np.array(one + other).T, CLASSES)
    assert ((parts[0] + parts[1]).counts == both.counts).all()
    assert both.wrong == parts[0].wrong + parts[1].wrong


def test_confusion__of_nothing_has_no_figures() -> None:
    empty = count_confusion([], [], CLASSES)
    assert empty.total == empty.wrong == 0
    assert all(math.isnan(getattr(empty, name)) for name in ("accuracy", "error_percent"))
    assert math.isnan(empty.macro_f1)
    assert empty.f1.tolist() == [0, 0, 0, 0]


def test_confusion__counts_of_another_shape_are_an_error() -> None:
    with pytest.raises(InputError, match=r"expected shape \(4, 4\), got \(2, 2\)"):
        Confusion(CLASSES, np.zeros((2, 2), dtype=np.int64))


def test_confusion__of_other_classes_cannot_be_added() -> None:
    with pytest.raises(InputError, match="cannot be added"):
        count_confusion([0], [0], ["curl"]) + count_confusion([0], [0], ["row"])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([0, 1], [0], "as many predictions as truths"),
        ([0, 4], [0, 0], r"in 0\.\.3, got 0\.\.4"),
        ([0, 1], [-1, 0], r"got -1\.\.0"),
    ],
)
def test_count_confusion__wrong_positions_are_errors(
    truth: list[int], predicted: list[int], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        count_confusion(truth, predicted, CLASSES)


def test_vote__is_the_mean_over_the_windows_of_a_set() -> None:
    # Two of three windows say row, but the third is surer of curl.
    sure = np.array([[1.0, 0.0], [0.4, 0.6], [0.45, 0.55], [0.2, 0.8]])
    numbers, means = vote(sure, np.array([5, 5, 5, 2]))
    assert numbers.tolist() == [2, 5]
    np.testing.assert_allclose(means, [[0.2, 0.8], [1.85 / 3, 1.15 / 3]])
    assert means.argmax(axis=1).tolist() == [1, 0]


def test_vote__a_tie_goes_to_the_first_class() -> None:
    _, means = vote(np.array([[0.0, 0.25, 0.75], [0.0, 0.75, 0.25]]), np.array([0, 0]))
    assert means.argmax(axis=1).tolist() == [1]


@given(st.data())
def test_vote__does_not_depend_on_the_order_of_windows(data: st.DataObject) -> None:
    sets = np.array(data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=20)))
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), len(sets))
    order = np.array(data.draw(st.permutations(range(len(sets)))))
    numbers, means = vote(probabilities, sets)
    shuffled, others = vote(probabilities[order], sets[order])
    assert (numbers == shuffled).all()
    np.testing.assert_allclose(means, others)
    np.testing.assert_allclose(means.sum(axis=1), 1)


def test_vote__of_no_windows_is_no_set() -> None:
    numbers, means = vote(np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert numbers.shape == (0,)
    assert means.shape == (0, 3)


def test_vote__shapes_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(InputError, match=r"got \(2, 3\) and \(4,\)"):
        vote(np.zeros((2, 3)), np.zeros(4, dtype=np.int64))


def test_spread__is_the_sample_deviation() -> None:
    spread = Spread.of([1.0, 2.0, 3.0, 4.0])
    assert (spread.mean, spread.count) == (2.5, 4)
    assert spread.sd == pytest.approx(math.sqrt(5 / 3))
    assert f"{spread:.2f}" == "2.50 ± 1.29"


def test_spread__of_one_value_has_no_deviation() -> None:
    spread = Spread.of([7.0, math.nan])
    assert (spread.mean, spread.count) == (7.0, 1)
    assert math.isnan(spread.sd)
    assert str(spread) == "7.0"


def test_spread__of_nothing_is_nothing() -> None:
    spread = Spread.of([math.nan])
    assert math.isnan(spread.mean)
    assert spread.count == 0
    assert str(spread) == "–"
