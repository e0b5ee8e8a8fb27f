"""The choice among kinds of network: what is stored, what is trained again, and no leak."""

import importlib
import json

import numpy as np
import pytest
from distributed import Client

from tests.test_recognition_cohorts import make_recording
from workoutlab.errors import InputError, SnapshotNotFoundError, TrainingError
from workoutlab.lab import Lab
from workoutlab.learning.networks import Network
from workoutlab.recognition import EVERYONE, MLP, Models, Recipe
from workoutlab.recognition.keeping.personal import Average
from workoutlab.recognition.kinds.choice import choose
from workoutlab.recognition.kinds.deciding import Decision
from workoutlab.signals import Statistics, windows

choice = importlib.import_module("workoutlab.recognition.kinds.choice")
choosing = importlib.import_module("workoutlab.recognition.kinds.choosing")
RECIPE = Recipe(Statistics(), MLP(8, 8), epochs=3)
PEOPLE = ("ann", "bob", "cem", "dan")


def make_lab(name, sessions=3):
    lab = Lab(f"memory://{name}")
    lab.append(
        make_recording(user, 10 * number + session)
        for number, user in enumerate(PEOPLE)
        for session in range(sessions)
    )
    return lab


def plan(lab):
    return windows(lab, length="2s", step="1s")


def run(lab, **options):
    return choose(plan(lab), options.pop("recipe", RECIPE), progress=False, **options)


def digests(lab, name="exercise"):
    table = Models(lab.refresh(), name).table
    return dict(zip(table["user"], table["weights_digest"], strict=True))


@pytest.fixture
def deal_kinds(monkeypatch):
    """Give each person another kind, whatever validation says."""
    kinds = iter(["common", "fine-tuned", "own", "ensemble"])

    def decide(said, prior, **_):
        kind = next(kinds)
        return Decision(kind, f"{kind}: dealt", {})

    monkeypatch.setattr(choice, "decide", decide)


def test_choose__stores_each_kind_so_that_it_opens(deal_kinds):
    lab = make_lab("choice-kinds")
    result = run(lab)
    assert result.ok
    assert result.trained == PEOPLE
    assert result.kinds == dict(
        zip(PEOPLE, ("common", "fine-tuned", "own", "ensemble"), strict=True)
    )
    assert result.common
    models = Models(lab)
    assert models.users == (EVERYONE, *PEOPLE)
    opened = {user: models.network(user) for user in models.users}
    common = opened[EVERYONE].network
    inputs = np.random.default_rng(0).normal(size=(5, common.inputs))
    np.testing.assert_array_equal(opened["ann"].predict(inputs), common.predict(inputs))
    tuned = opened["bob"].network
    assert (tuned.layers[0] == common.layers[0]).all()
    assert (tuned.layers[-1] != common.layers[-1]).any()
    assert isinstance(opened["cem"].network, Network)
    assert (opened["cem"].network.layers[0] != common.layers[0]).any()
    assert isinstance(opened["dan"].network, Average)
    table = models.table.set_index("user")
    base = models.table.index[models.table["user"] == EVERYONE][0]
    assert table.loc[list(PEOPLE), "base"].fillna(-1).tolist() == [base, base, -1, base]
    assert table.loc["bob", "reason"] == "fine-tuned: dealt"
    assert table["simulated"].all()


def test_choose__says_why_in_figures_of_held_out_sets():
    lab = make_lab("choice-reasons")
    result = run(lab, criterion="error")
    row = Models(lab).table.set_index("user").loc["ann"]
    assert row["reason"] == result.reasons["ann"]
    assert "% of 9 held-out sets wrong" in row["reason"]
    assert (row["criterion"], row["validation"]) == ("error", "3 folds by set, 9 sets")
    scores = Models(lab).scores("ann") if row["kind"] != "common" else None
    assert scores is None or {each["settings"]["kind"] for each in scores} >= {"common", "own"}
    assert json.loads(json.dumps(result.as_dict()))["counts"] == result.counts
    assert str(result).startswith("models 'exercise': 4 of 4 people trained, 0 unchanged, 0 failed")


def test_choose__again_trains_nothing():
    lab = make_lab("choice-again")
    first = run(lab)
    again = run(lab)
    assert (again.trained, again.unchanged, again.common) == ((), PEOPLE, False)
    assert again.snapshot == first.snapshot
    assert again.kinds == first.kinds
    assert again.prior == first.prior


def test_choose__after_a_new_recording_trains_that_person_and_on_request_all():
    lab = make_lab("choice-new")
    first = run(lab)
    before = digests(lab)
    lab.append([make_recording("bob", 77), make_recording("eve", 78)])
    again = run(lab)
    assert (again.trained, again.unchanged) == (("bob", "eve"), ("ann", "cem", "dan"))
    assert not again.common
    assert again.prior == first.prior
    after = digests(lab)
    assert {user: after[user] for user in (EVERYONE, "ann", "cem", "dan")} == {
        user: before[user] for user in (EVERYONE, "ann", "cem", "dan")
    }
    renewed = run(lab, renew=True)
    assert renewed.common
    assert renewed.trained == ("ann", "bob", "cem", "dan", "eve")
    assert digests(lab)[EVERYONE] != before[EVERYONE]
    assert run(lab, renew=True).trained == ()


def test_choose__with_another_recipe_trains_all_again():
    lab = make_lab("choice-recipe")
    run(lab)
    other = run(lab, recipe=Recipe(Statistics(), MLP(8, 8), epochs=4))
    assert (other.common, other.trained) == (True, PEOPLE)
    assert run(lab, recipe=Recipe(Statistics(), MLP(8, 8), epochs=4), folds=2).common


def test_choose__that_was_killed_goes_on_where_it_was(monkeypatch):
    undisturbed = make_lab("choice-undisturbed")
    run(undisturbed)
    lab = make_lab("choice-killed")

    def die(crew):
        raise KeyboardInterrupt

    for task in ("validate_people", "fit_chosen"):
        with monkeypatch.context() as patch:
            patch.setattr(choice, task, die)
            with pytest.raises(KeyboardInterrupt):
                run(lab)
    trained = []
    fit = choosing.fit_judges
    monkeypatch.setattr(
        choosing, "fit_judges", lambda fits, *rest: trained.extend(fits) or fit(fits, *rest)
    )
    result = run(lab)
    assert result.trained == PEOPLE
    assert all(one.purpose[-1] == -1 for one in trained)  # no fold again
    assert digests(lab) == digests(undisturbed)


def rows(labelled, chosen):
    return {one.tobytes() for one in labelled.inputs[chosen]}


def test_choose__tries_no_network_on_what_it_has_seen_even_when_sets_come_later(monkeypatch):
    seen, tried, later = {}, [], []
    fit, judge = choosing.fit_judges, choosing.try_kinds

    def spy_on_fits(fits, *rest):
        judges = fit(fits, *rest)
        for one, found in zip(fits, judges, strict=True):
            known = rows(one.windows, one.rows)
            if one.common is not None:
                known = known | seen[digest_of(one.common)]
            seen[digest_of(found)] = known
        return judges

    def spy_on_trials(own, commons, fitted, kinds, criterion):
        for fold in np.unique(own.folds[own.testable]):
            inside = rows(own, own.testable & (own.folds == fold))
            for network in (commons[fold], fitted["own", fold], fitted["fine-tuned", fold]):
                tried.append((digest_of(network), inside))
        return judge(own, commons, fitted, kinds, criterion)

    def digest_of(judge):
        return judge.network.pack().tobytes()

    monkeypatch.setattr(choosing, "fit_judges", spy_on_fits)
    monkeypatch.setattr(choosing, "try_kinds", spy_on_trials)
    lab = make_lab("choice-leak", sessions=2)
    run(lab)
    first = len(tried)
    lab.append([make_recording("bob", 77), make_recording("eve", 78), make_recording("eve", 79)])
    later.extend(run(lab).trained)
    assert later == ["bob", "eve"]
    assert len(tried) > first > 0
    for network, inside in tried:
        assert inside
        assert not seen[network] & inside


def test_choose__refuses_to_try_on_sets_that_have_changed_under_the_common_network():
    lab = make_lab("choice-changed")
    run(lab)
    part = plan(lab)
    segments = part.segments
    gone = (segments["user"] == "bob") & (segments["recording"] == 3)
    result = choose(part.select(~gone.to_numpy()), RECIPE, progress=False)
    assert list(result.failed) == ["bob"]
    assert "renew=True" in result.failed["bob"]
    assert choose(part.select(~gone.to_numpy()), RECIPE, progress=False, renew=True).ok


def test_choose__gives_the_common_network_to_people_with_too_little():
    lab = make_lab("choice-little")
    lab.append([make_recording("eve", 70)])
    lab.append(make_recording("fay", 71 + seed, ("curl",)) for seed in range(4))
    result = run(lab)
    assert result.ok
    assert (result.kinds["eve"], result.kinds["fay"]) == ("common", "common")
    assert result.reasons["eve"] == "common: 0 held-out sets, fewer than 6"
    assert "held-out sets, fewer than 6" in result.reasons["fay"]
    assert Models(lab).network("eve").classes == ("curl", "press", "row")


def test_choose__fails_a_person_whose_recording_cannot_be_read_and_nobody_else(monkeypatch):
    supply = importlib.import_module("workoutlab.recognition.kinds.supply")
    compute = supply.compute

    def fail_for_bob(part, inputs):
        if "bob" in set(part.segments["user"]):
            raise OSError("bob's recording is gone")
        return compute(part, inputs)

    monkeypatch.setattr(supply, "compute", fail_for_bob)
    result = run(make_lab("choice-unread"))
    assert result.trained == ("ann", "cem", "dan")
    assert result.failed == {"bob": "OSError: bob's recording is gone"}
    assert "  bob: OSError" in str(result)


def test_choose__on_a_cluster_gives_the_same_networks(tmp_path):
    here = make_lab("choice-here")
    run(here)
    there = make_lab("choice-there")
    with Client(processes=False, dashboard_address="127.0.0.1:0", n_workers=1):
        run(there, cohort=2)
    assert digests(there) == digests(here)
    assert digests(there, "exercise.validation") == digests(here, "exercise.validation")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kinds": ("own", "ensemble")}, "kinds: expected 'common'"),
        ({"criterion": "best"}, "criterion: expected one of"),
        ({"folds": 1}, "folds: expected"),
        ({"kinds": None}, "kinds: expected 'common'"),
        ({"margin": "much"}, "margin: expected a number"),
        ({"least_sets": 0}, "least_sets: expected"),
        ({"margin": -1}, "margin: expected"),
        ({"depth": 1}, "choose takes cohort"),
    ],
)
def test_choose__refuses_what_means_nothing(options, said):
    with pytest.raises(InputError, match=said):
        run(make_lab("choice-refused", sessions=1), **options)


def test_choose__without_two_exercises_says_that_there_is_no_common_network():
    lab = Lab("memory://choice-one")
    lab.append(make_recording("fay", seed, ("curl",)) for seed in range(4))
    with pytest.raises(TrainingError, match=r"the common network: \d+ windows of one"):
        run(lab)


def test_fit_common__stays_in_memorys_bounds(monkeypatch):
    monkeypatch.setattr(choosing, "_MOST_BYTES", 4 * 67 * 40)
    lab = make_lab("choice-bounded")
    run(lab)
    row = Models(lab).table.set_index("user").loc[EVERYONE]
    assert row["windows"] == 40
    assert json.loads(row["classes"]) == ["curl", "press", "row"]


def test_choose__whoever_first_has_enough_sets_after_the_common_network_was_trained():
    lab = make_lab("choice-first-evidence", sessions=1)
    assert run(lab).counts == {"common": 4}
    lab.append(make_recording("ann", 100 + session) for session in range(3))
    result = run(lab)
    assert result.ok
    assert result.trained == ("ann",)
    assert "held-out sets" in result.reasons["ann"]


def test_choose__of_a_person_erased_during_validation_writes_no_row(monkeypatch):
    lab = make_lab("choice-erased")
    judge = choosing.try_kinds

    def erase(windows, *rest):
        if windows.user == "cem":
            Lab(lab.url).erase_user("cem")
        return judge(windows, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(choosing, "try_kinds", erase)
        with pytest.raises(SnapshotNotFoundError):  # the plan's snapshot went with the person
            run(lab)
    assert "cem" not in Models(lab.refresh(), "exercise.validation").users
    assert run(lab).trained == ("ann", "bob", "dan")
    assert "cem" not in Models(lab.refresh(), "exercise.validation").users


def test_choose__leaves_what_validation_needs_out_of_the_list_of_models():
    lab = make_lab("choice-listed", sessions=1)
    run(lab)
    lab.refresh()
    assert set(lab.models()["name"]) == {"exercise"}
    assert "*0" not in set(lab.models()["user"])
    assert set(lab.models("exercise.validation")["name"]) == {"exercise.validation"}
