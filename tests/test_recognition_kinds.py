"""Folds that stay, fine-tuning, and the kinds of network on held-out sets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import MLP
from workoutlab.learning.training import Training
from workoutlab.recognition.evaluation.metrics import count_confusion
from workoutlab.recognition.kinds.dealing import deal_sets, digest_sets, find_testable
from workoutlab.recognition.kinds.finetuning import start_tuning
from workoutlab.recognition.kinds.kinds import (
    Fit,
    Judge,
    Labelled,
    fit_judges,
    measure_losses,
    try_kinds,
)
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.validation import muvr_criterion
from workoutlab.signals import Statistics


def sets_of(*exercises, first=0):
    """Segments of recordings of one set each."""
    return pd.DataFrame(
        {
            "recording": np.arange(first, first + len(exercises)),
            "digest": [f"d{number}" for number in range(first, first + len(exercises))],
            "user": "ann",
            "exercise": list(exercises),
            "start": 0,
            "stop": 100,
        }
    )


EXERCISES = st.lists(st.sampled_from(["curl", "row", "dip"]), min_size=1, max_size=20)


@settings(deadline=None, max_examples=30)
@given(EXERCISES, EXERCISES, st.integers(2, 4))
def test_deal_sets__stays_when_recordings_are_added(before, added, folds):
    old = sets_of(*before)
    new = pd.concat([old, sets_of(*added, first=len(before))], ignore_index=True)
    kept, _ = deal_sets(old, folds)
    now, _ = deal_sets(new, folds)
    assert now[: len(before)].tolist() == kept.tolist()
    assert digest_sets(new, now, count=len(before)) == digest_sets(old, kept)


@settings(deadline=None, max_examples=30)
@given(EXERCISES, st.integers(2, 4))
def test_deal_sets__deals_each_exercise_evenly(exercises, folds):
    segments = sets_of(*exercises)
    dealt, _ = deal_sets(segments, folds)
    for _, own in segments.groupby("exercise"):
        counts = np.bincount(dealt[own.index], minlength=folds)
        assert counts.max() - counts.min() <= 1


def test_deal_sets__keeps_together_what_shares_samples():
    segments = sets_of("curl", "curl", "curl", "row").assign(digest=["a", "b", "a", "c"])
    dealt, units = deal_sets(segments, 3)
    assert units.tolist() == [0, 1, 0, 3]
    assert dealt[0] == dealt[2] != dealt[1]


def test_find_testable__needs_the_exercise_in_another_fold():
    segments = sets_of("curl", "curl", "row", "dip", "dip")
    folds = np.array([0, 1, 0, 2, 2])
    assert find_testable(segments, folds).tolist() == [True, True, False, False, False]


def blobs(classes, windows=40, seed=0):
    """Windows around one centre a class."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), windows)
    centres = np.array([[3, 0], [-3, 0], [0, 3], [0, -3]])[labels]
    return (centres + random.normal(0, 0.5, centres.shape)).astype(np.float32), labels


@pytest.mark.parametrize("link", ["softmax", "logistic"])
@pytest.mark.parametrize("more", [0, 1, 2])
def test_start_tuning__begins_with_what_the_common_network_says(link, more):
    inputs, labels = blobs(2)
    how = Training(MLP(12, 6, link=link), epochs=10)
    (common,) = train_members([Member("*", inputs, labels, 2, 0, how)])
    wider, targets = blobs(2 + more)
    slow = Training(MLP(12, 6, link=link, dropout_keep=1), epochs=1, rate=1e-12, batch=None)
    member = Member("ann", wider, targets, 2 + more, 1, slow)
    tuning, join = start_tuning(member, common.network, known=[0, 1])
    (trained,) = train_members([tuning])
    tuned = join(trained.network)
    said, before = tuned.predict(inputs), common.network.predict(inputs)
    if more == 0:
        np.testing.assert_allclose(said, before, atol=1e-5)
    elif link == "softmax":
        part = said[:, :2] / said[:, :2].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(part, before, atol=1e-4)
    assert (said[:, :2].argmax(axis=1) == before.argmax(axis=1)).all()


@pytest.mark.parametrize("hidden", [(), (16,), (16, 8), (16, 8, 8)])
def test_start_tuning__learns_a_further_exercise_and_keeps_the_first_layers(hidden):
    inputs, labels = blobs(2)
    how = Training(MLP(*hidden), epochs=40)
    (common,) = train_members([Member("*", inputs, labels, 2, 0, how)])
    wider, targets = blobs(3, seed=1)
    places = np.array([2, 0, 1])  # the further exercise stands between by name
    member = Member("ann", wider, places[targets], 3, 1, how)
    tuning, join = start_tuning(member, common.network, known=[2, 0])
    (trained,) = train_members([tuning])
    tuned = join(trained.network)
    assert (tuned.predict(wider).argmax(axis=1) == places[targets]).mean() > 0.95
    if hidden:
        assert (tuned.layers[0] == common.network.layers[0]).all()
    assert (tuned.layers[-1][:, [2, 0]] != common.network.layers[-1]).any()
    assert tuned.sizes == (2, *hidden, 3)


def labelled(classes=("curl", "dip", "row"), sets=3, seed=0):
    """Sets of ten windows each, in as many folds."""
    inputs, labels = blobs(len(classes), 10 * sets, seed)
    place = np.arange(len(labels)) // 10
    return Labelled(
        user="ann",
        classes=classes,
        inputs=inputs,
        targets=labels,
        sets=place,
        folds=place % sets,
        testable=np.ones(len(labels), bool),
    )


def test_fit_judges__knows_the_exercises_of_its_rows_and_of_the_common_network():
    windows, others = labelled(), labelled(("curl", "press"), seed=1)
    recipe = Recipe(Statistics(), MLP(16, 8), epochs=20)
    (common,) = fit_judges([Fit(others, others.folds >= 0, ("common",))], recipe)
    assert common.classes == ("curl", "press")
    rows = windows.targets != 1
    own, tuned, none = fit_judges(
        [
            Fit(windows, rows, ("own",)),
            Fit(windows, rows, ("fine-tuned",), common),
            Fit(windows, windows.targets == 1, ("own", 1)),
        ],
        recipe,
    )
    assert own.classes == ("curl", "row")
    assert tuned.classes == ("curl", "press", "row")
    assert isinstance(none, TrainingError)
    assert "windows of one exercise" in str(none)
    said = own.network.predict(windows.inputs[rows]).argmax(axis=1)
    assert (said == windows.targets[rows] // 2).mean() > 0.95


class Says:
    """A network that always says the same."""

    def __init__(self, *chances):
        self.row = np.array(chances, np.float32)

    def predict(self, inputs):
        return np.tile(self.row, (len(inputs), 1))


def test_try_kinds__compares_each_fold_with_its_own_networks():
    windows = labelled(("curl", "row"), sets=2)
    commons = {0: Judge(("curl", "row"), Says(1, 0)), 1: Judge(("curl", "row"), Says(0.2, 0.8))}
    fitted = {("own", 0): Judge(("row",), Says(1)), ("own", 1): Judge(("curl", "row"), Says(0, 1))}
    found = try_kinds(windows, commons, fitted, ("common", "fine-tuned", "own", "ensemble"))
    assert found.sets == 4
    assert found.losses == {"common": 0.5, "own": 0.5, "ensemble": 0.5}
    assert found.squares["own"] == pytest.approx(2)  # of fold 0 they say the opposite
    assert found.squares["ensemble"] == pytest.approx(0)  # 0.5 each: the first by name


def test_try_kinds__counts_what_the_common_network_takes_for_something_else():
    windows = labelled(("curl", "row"), sets=2)
    commons = dict.fromkeys((0, 1), Judge(("curl", "press", "row"), Says(0.1, 0.8, 0.1)))
    assert try_kinds(windows, commons, {}, ("common",)).losses == {"common": 1.0}


def test_measure_losses__agrees_with_a_slow_reference():
    random = np.random.default_rng(0)
    sets = np.sort(random.integers(0, 12, 200))
    truth = (sets * 7) % 3
    chances = random.dirichlet([1, 1, 1], 200)
    found = {name: measure_losses(truth, chances, sets, name) for name in
             ("error", "windows", "loss", "muvr")}  # fmt: skip
    for place, number in enumerate(np.unique(sets)):
        inside = sets == number
        label = truth[inside][0]
        assert found["error"][place] == (chances[inside].mean(axis=0).argmax() != label)
        wrong = chances[inside].argmax(axis=1) != label
        assert found["windows"][place] == pytest.approx(wrong.mean())
        assert found["loss"][place] == pytest.approx(-np.log(chances[inside, label]).mean())
    table = count_confusion(truth, chances.argmax(axis=1), "abc")
    # Of a figure of means the mean of pseudo-values is nearly the figure itself.
    assert found["muvr"].mean() == pytest.approx(1 - muvr_criterion(table) / 8, abs=0.02)
    with pytest.raises(InputError, match="criterion: expected one of"):
        measure_losses(truth, chances, sets, "best")
