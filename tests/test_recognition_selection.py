"""Settings chosen for each person: by their own sets, without a leak, and kept with the network."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_recognition_cohorts import make_recording
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.learning.engines import train_members
from workoutlab.learning.networks import ConvNet
from workoutlab.recognition import (
    EVERYONE,
    MLP,
    Augmentation,
    Grid,
    Halving,
    Models,
    Random,
    Recipe,
    cohorts,
    train,
)
from workoutlab.recognition.material import read_material
from workoutlab.recognition.people import find_people
from workoutlab.recognition.tuning.search import Between, apply_choice
from workoutlab.recognition.tuning.selection import Selection, choose_settings
from workoutlab.recognition.tuning.validation import Validation, measure_costs
from workoutlab.signals import RawWindows, Statistics, Windows, windows
from workoutlab.store import tables
from workoutlab.store.arrays import find_group
from workoutlab.store.networks import NETWORKS

RECIPE = Recipe(Statistics(), MLP(8), epochs=2)
SEARCH = Grid(rate=[1e-5, 0.05], hidden=[(8,), (4,)])
DIVERGING = 1e30


@pytest.fixture
def lab(request) -> Lab:
    return make_lab(f"memory://{request.node.name}")


def make_lab(url: str) -> Lab:
    lab = Lab(url)
    people = {"ann": range(4), "bob": range(10, 13), "cem": range(20, 21)}
    lab.append([make_recording(user, seed) for user, seeds in people.items() for seed in seeds])
    return lab


def plan(lab: Lab) -> Windows:
    return windows(lab, length="2s", step="500ms")


def rows_of(lab: Lab, name: str = "exercise"):
    home = find_group(lab.root(), f"models/{name}")
    return (
        tables.read(home, NETWORKS)
        .drop_duplicates("user", keep="last")
        .set_index("user")
        .sort_index()
    )


def test_train__keeps_how_each_persons_settings_were_chosen(lab):
    result = train(plan(lab), RECIPE, search=SEARCH)
    assert result.trained == ("ann", "bob", "cem")
    row = rows_of(lab).loc["ann"]
    assert json.loads(row["chosen"])["rate"] == 0.05
    assert row["criterion"] == "error"
    scores = json.loads(row["scores"])
    assert [each["settings"] for each in scores] == [
        {"rate": rate, "hidden": hidden} for rate in (1e-5, 0.05) for hidden in ([8], [4])
    ]
    assert row["score"] == min(each["score"] for each in scores)
    assert {each["epochs"] for each in scores} == {2}
    assert row["validation"] == "3 folds by set, 12 of 12 sets scored"
    history = json.loads(row["history"])
    assert [each["epoch"] for each in history] == [0, 1]
    settings = Models(lab).settings("ann")
    assert settings["search"] == SEARCH.settings()
    assert settings["validation"] == {"folds": 3, "share": None, "criterion": "error"}


def test_train__chooses_what_a_slow_reference_chooses_and_trains_it_on_all_sets(lab):
    train(plan(lab), RECIPE, search=SEARCH, criterion="loss", name="searched")
    row = rows_of(lab, "searched").loc["ann"]
    (ann, *_) = find_people(plan(lab), RECIPE)
    part = plan(lab).select(ann.segments)
    segment = part.locate()[0]
    material = read_material(plan(lab), ann, RECIPE)
    folds = Validation().split(
        material.exercises, material.units, material.among, RECIPE.seed, "ann", "folds"
    )
    costs = []
    for choice in SEARCH.choices:
        recipe, losses = apply_choice(RECIPE, choice), []
        for number, fold in enumerate(folds):
            member = material.make_member(recipe, ~fold, "fold", number)
            (trained,) = train_members([member])
            tested = np.flatnonzero(fold[segment])
            chances = trained.network.predict(material.inputs[tested])
            losses.append(measure_costs(material.targets[tested], chances, tested, "loss")[0])
        costs.append(np.mean(losses))
    assert [each["score"] for each in json.loads(row["scores"])] == pytest.approx(costs)
    best = SEARCH.choices[int(np.argmin(costs))]
    assert json.loads(row["chosen"]) == {**best, "hidden": list(best["hidden"])}
    train(plan(lab), apply_choice(RECIPE, best), name="plain")
    assert rows_of(lab, "plain").loc["ann", "weights_digest"] == row["weights_digest"]


def test_train__gives_those_without_two_sets_of_an_exercise_the_recipe_and_the_reason(lab):
    result = train(plan(lab), RECIPE, search=SEARCH)
    train(plan(lab), RECIPE, name="plain")
    row = rows_of(lab).loc["cem"]
    assert "no exercise with two sets" in row["reason"]
    assert np.isnan(row["score"])
    assert row["chosen"] == "{}"
    assert row["weights_digest"] == rows_of(lab, "plain").loc["cem", "weights_digest"]
    assert result.choices.without == {row["reason"]: 1}


def test_train__tells_what_was_chosen_how_often(lab):
    result = train(plan(lab), RECIPE, search=SEARCH)
    assert result.choices.counts["rate"] == {"0.05": 2}
    assert sum(result.choices.counts["hidden"].values()) == 2
    text = str(result)
    assert "best choices in validation: share of wrong sets" in text
    assert "  rate: 0.05 for 2" in text
    assert "1 without a choice: no exercise with two sets" in text
    assert "<td style='text-align:left'>0.05</td><td>2</td>" in result._repr_html_()
    assert json.loads(json.dumps(result.as_dict()))["choices"]["counts"]["rate"] == {"0.05": 2}
    again = train(plan(lab), RECIPE, search=SEARCH)
    assert again.unchanged == result.trained
    assert again.choices == result.choices
    assert train(plan(lab), RECIPE, name="plain").choices is None


@pytest.mark.parametrize(
    "how",
    [
        {"search": Grid(rate=[1e-5, 0.05])},
        {"search": SEARCH, "folds": 2},
        {"search": SEARCH, "share": 0.25},
        {"search": SEARCH, "criterion": "muvr"},
        {},
    ],
    ids=str,
)
def test_train__again_with_another_search_trains_again(lab, how):
    train(plan(lab), RECIPE, search=SEARCH)
    assert train(plan(lab), RECIPE, **how).trained == ("ann", "bob", "cem")


@pytest.mark.parametrize(
    "search",
    [
        Halving(Grid(rate=[1e-5, 1e-4, 1e-3, 0.05]), factor=2),
        Random(3, rate=Between(0.001, 0.1, log=True), batch=Between(10, 40, whole=True)),
        Grid(seed=range(3)),
        Grid(network=[MLP(4), MLP(6, 5)], optimizer=["sgd", "adam"]),
    ],
    ids=repr,
)
def test_train__gives_the_same_whatever_the_cohorts(lab, search):
    for cohort in (1, 3):
        train(plan(lab), RECIPE, search=search, name=f"by-{cohort}", cohort=cohort)
    one, three = (rows_of(lab, f"by-{cohort}") for cohort in (1, 3))
    for column in ("weights_digest", "chosen", "scores", "score"):
        assert one[column].tolist()[:2] == three[column].tolist()[:2]


def test_train__can_search_for_the_network_of_all(lab):
    result = train(plan(lab), RECIPE, per="all", search=SEARCH, criterion="muvr")
    assert result.trained == (EVERYONE,)
    row = rows_of(lab).loc[EVERYONE]
    assert 0 < row["score"] <= 8
    assert row["score"] == max(each["score"] for each in json.loads(row["scores"]))
    assert row["validation"] == "3 folds by set, 24 of 24 sets scored"


def test_train__never_chooses_what_diverges(lab):
    train(plan(lab), RECIPE, search=Grid(rate=[DIVERGING, 0.05]))
    scores = json.loads(rows_of(lab).loc["ann", "scores"])
    assert [each["score"] is None for each in scores] == [True, False]
    assert json.loads(rows_of(lab).loc["ann", "chosen"]) == {"rate": 0.05}
    train(plan(lab), RECIPE, search=Grid(rate=[DIVERGING]))
    assert "every choice failed" in rows_of(lab).loc["ann", "reason"]


def test_train__fails_who_has_one_exercise_and_nobody_else(lab):
    before = train(plan(lab), RECIPE, search=SEARCH, name="before")
    lab.append([make_recording("dan", seed, ("curl",)) for seed in (30, 31)])
    result = train(plan(lab), RECIPE, search=SEARCH, cohort=4)
    assert result.trained == before.trained
    assert "windows of one exercise" in result.failed["dan"]
    digests = [rows_of(lab, name)["weights_digest"].tolist() for name in ("before", "exercise")]
    assert digests[0] == digests[1]


def test_train__in_small_parts_chooses_the_same(lab, monkeypatch):
    train(plan(lab), RECIPE, search=SEARCH, name="whole")
    calls = []
    fit = train_members

    def count(members, *rest):
        calls.append(len(members))
        return fit(members, *rest)

    monkeypatch.setattr("workoutlab.recognition.tuning.selection.train_members", count)
    monkeypatch.setattr("workoutlab.recognition.tuning.selection._MOST_BYTES", 1)
    train(plan(lab), RECIPE, search=SEARCH, name="parts")
    assert calls == [3] * 8
    whole, parts = rows_of(lab, "whole"), rows_of(lab, "parts")
    assert whole["weights_digest"].tolist() == parts["weights_digest"].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"search": Grid(rates=[1])}, "no setting 'rates' to choose; there are .*rate"),
        ({"search": Grid(rate=[0.1, 0])}, "rate: expected > 0"),
        ({"search": "grid"}, "search: expected Grid, Random or Halving"),
        ({"search": SEARCH, "folds": 1}, "folds: expected >= 2"),
        ({"search": SEARCH, "criterion": "f1"}, "criterion: expected one of error, loss, muvr"),
        ({"search": Grid(network=[ConvNet()])}, "channels"),
        ({"folds": 3, "share": 0.2}, "folds, share: of a search, and there is none"),
    ],
)
def test_train__names_what_is_wrong_with_a_search_before_any_work(
    lab, options, message, monkeypatch
):
    monkeypatch.setattr(cohorts, "read_material", lambda *_: pytest.fail("work was done"))
    with pytest.raises(InputError, match=message):
        train(plan(lab), RECIPE, **options)


def test_choose_settings__scores_no_window_that_was_learnt_from(lab, monkeypatch):
    recipe = Recipe(
        Statistics(),
        MLP(8),
        epochs=2,
        patience=1,
        held_share=0.3,
        augment=Augmentation(copies=2, rotation_deg=10),
    )
    (ann, *_) = find_people(plan(lab), recipe)
    material = read_material(plan(lab), ann, recipe)
    assert len(material.inputs) == 3 * material.windows == 3 * ann.windows
    members = []

    def watch(given, *rest):
        members.extend(given)
        return train_members(given, *rest)

    monkeypatch.setattr("workoutlab.recognition.tuning.selection.train_members", watch)
    (run,) = choose_settings([material], recipe, Selection(SEARCH, Validation()))
    assert len(members) == 3 * 4
    unit = material.units[material.segment]
    for member, fold in zip(members, run.folds * 4, strict=True):
        scored = np.flatnonzero(fold[material.segment])
        parts = [set(unit[rows].tolist()) for rows in (member.train, member.held, scored)]
        assert all(parts)
        assert set.union(*parts) == set(unit.tolist())
        assert sum(map(len, parts)) == len(set(unit.tolist()))
        assert max(member.held) < material.windows, "no copies among what is watched"
        assert max(member.train) >= material.windows


def test_train__stops_early_by_sets_of_each_exercise(lab):
    recipe = Recipe(Statistics(), MLP(8), epochs=60, patience=2, rate=0.2)
    assert train(plan(lab), recipe).ok
    row = rows_of(lab).loc["ann"]
    history = json.loads(row["history"])
    assert len(history) < 60
    assert "held_loss" in history[0]
    alone = json.loads(rows_of(lab).loc["cem", "history"])
    assert len(alone) == 60, "a single set of each exercise: nothing to watch"


def test_train__with_augmentation_learns_from_copies_and_says_so(lab):
    augmented = Recipe(
        Statistics(), MLP(8), epochs=2, augment=Augmentation(copies=2, rotation_deg=20)
    )
    assert augmented.digest() != RECIPE.digest()
    (ann, *_) = find_people(plan(lab), augmented)
    member = read_material(plan(lab), ann, augmented)
    assert np.array_equal(
        member.inputs[: ann.windows], read_material(plan(lab), ann, RECIPE).inputs, equal_nan=True
    )
    for cohort in (1, 3):
        train(plan(lab), augmented, name=f"by-{cohort}", cohort=cohort)
    train(plan(lab), RECIPE)
    one, three, plain = (rows_of(lab, name) for name in ("by-1", "by-3", "exercise"))
    assert one["weights_digest"].tolist() == three["weights_digest"].tolist()
    assert one.loc["ann", "weights_digest"] != plain.loc["ann", "weights_digest"]
    assert one["windows"].tolist() == plain["windows"].tolist()
    assert Models(lab, "by-1").settings("ann")["recipe"]["augment"]["copies"] == 2


def test_recipe__refuses_what_is_no_augmentation():
    with pytest.raises(InputError, match="augment: expected an Augmentation, got 2"):
        Recipe(Statistics(), augment=2)


@given(st.integers(2, 4), st.integers(0, 20))
def test_validation__of_a_small_person_leaves_something_to_train_on(sets, seed):
    exercises = np.array(["curl"] * sets + ["row"])
    units = np.arange(sets + 1)
    for fold in Validation(folds=4).split(exercises, units, units >= 0, seed):
        assert set(exercises[~fold]) == {"curl", "row"}


@pytest.mark.parametrize(
    ("name", "value", "search"),
    [
        ("held_share", 0.5, Grid(patience=[1, 2])),
        ("momentum", 0.1, Grid(optimizer=["adam", "sgd"])),
    ],
)
def test_train__again_with_a_setting_that_a_choice_brings_into_play_trains_again(
    lab, name, value, search
):
    recipe = Recipe(Statistics(), MLP(8), optimizer="adam", epochs=1)
    train(plan(lab), recipe, search=search)
    assert not train(plan(lab), recipe, search=search).trained
    assert len(train(plan(lab), replace(recipe, **{name: value}), search=search).trained) == 3


def test_train__refuses_folds_beside_a_share(lab):
    with pytest.raises(InputError, match=r"^folds, share: expected one of them"):
        train(plan(lab), RECIPE, search=SEARCH, folds=5, share=0.3)


def test_apply_choice__judges_a_network_together_with_its_settings():
    slow = Recipe(Statistics(), MLP(8, dropout_keep=1), optimizer="lbfgs")
    found = apply_choice(slow, {"network": MLP(4), "optimizer": "sgd"})
    assert (found.network, found.optimizer) == (MLP(4), "sgd")


def test_recipe__refuses_channels_that_the_inputs_do_not_have():
    assert Recipe(RawWindows(), ConvNet(channels=24), scaling="ramps")
    with pytest.raises(InputError, match=r"expected ConvNet\(channels=24\).*'ramps'.*channels=3"):
        Recipe(RawWindows(), ConvNet(), scaling="ramps")
    with pytest.raises(InputError, match=r"expected ConvNet\(channels=3\).*got channels=6"):
        Recipe(RawWindows(), ConvNet(channels=6))
