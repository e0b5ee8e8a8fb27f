"""Evaluation: nothing of the test part is learned from, and every set is accounted for."""

import json
import pickle
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import dask
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from workoutlab.cluster import connect
from workoutlab.errors import InputError, LeakageError, TrainingError
from workoutlab.ingestion import ingest
from workoutlab.lab import Lab
from workoutlab.learning.engines import train_members
from workoutlab.learning.members import Member
from workoutlab.recognition import (
    MLP,
    Augmentation,
    Estimator,
    Evaluation,
    Grid,
    Protocol,
    Recipe,
    evaluate,
    split,
)
from workoutlab.recognition.evaluation.scoring import Job, score
from workoutlab.recognition.tuning.selection import Selection
from workoutlab.recognition.tuning.validation import Validation
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import RawWindows, Statistics, Windows, windows

_labs = count()
SET = 700  # samples: four windows of 8 s in the middle
RATES_HZ = {"curl": 0.4, "dip": 0.9, "row": 1.7}

forest = ExtraTreesClassifier(20)


def _wave(exercise: str, random: np.random.Generator, samples: int = SET) -> np.ndarray:
    """A set that anyone can tell by its rhythm."""
    phase = 2 * np.pi * RATES_HZ[exercise] * np.arange(samples) / 50 + random.uniform(0, 6)
    wave = np.stack([np.sin(phase), np.cos(phase), np.ones(samples)], axis=1)
    return wave + random.normal(scale=0.05, size=wave.shape)


def _record(
    exercises: Sequence[str] = ("curl", "dip", "row"),
    *,
    user: str = "ann",
    session: str = "mon",
    samples: int = SET,
    **facts: Any,
) -> Recording:
    random = np.random.default_rng(list(f"{user}/{session}/{exercises}".encode()))
    sets = [
        LabelledSet(start=n * samples, stop=(n + 1) * samples, exercise=exercise)
        for n, exercise in enumerate(exercises)
    ]
    signal = np.concatenate([_wave(exercise, random, samples) for exercise in exercises])
    return Recording(
        user=user, session=session, acceleration=signal, rate_hz=50, sets=sets, **facts
    )


def _plan(*recordings: Recording, **settings: Any) -> Windows:
    lab = Lab(f"memory://evaluation-{next(_labs)}")
    outcomes = lab.append(recordings).outcomes
    assert {outcome.status for outcome in outcomes} == {"stored"}
    return windows(lab, **settings)


def _people(users: Sequence[str] = ("ann", "bob"), sessions: Sequence[str] = ("mon", "tue")):
    return [
        _record(("curl", "dip", "row") * 2, user=user, session=session)
        for user in users
        for session in sessions
    ]


class Spy(ClassifierMixin, BaseEstimator):
    """Notes which sets it was fitted on and asked about; the first input names the set."""

    calls: ClassVar[list[tuple[set[int], set[int]]]] = []

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> "Spy":
        self.classes_ = np.unique(targets)
        self.fitted = _read_marks(inputs)
        return self

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        Spy.calls.append((self.fitted, _read_marks(inputs)))
        return np.tile(np.eye(len(self.classes_))[0], (len(inputs), 1))


def _read_marks(inputs: np.ndarray) -> set[int]:
    return set(np.rint(inputs[:, 0] * 100).astype(int).tolist())


def _mark(first: int, sets: int, **facts: Any) -> Recording:
    """A recording whose acceleration in x is a hundredth of the number of the set."""
    signal = np.zeros((sets * SET, 3))
    signal[:, 0] = np.repeat(np.arange(first, first + sets), SET) / 100
    labelled = [
        LabelledSet(start=n * SET, stop=(n + 1) * SET, exercise=("curl", "dip")[n % 2])
        for n in range(sets)
    ]
    return Recording(acceleration=signal, sets=labelled, rate_hz=50, **facts)


def _spy(plan: Windows, **settings: Any) -> list[tuple[set[int], set[int]]]:
    Spy.calls.clear()
    evaluate(plan, Estimator(Spy(), RawWindows(scale_g=1)), **settings)
    return list(Spy.calls)


def test_evaluate__by_set_tells_rhythms_apart() -> None:
    result = evaluate(_plan(*_people()), forest)
    assert str(result.protocol) == "80/20 by set, 5 seeds, before windowing"
    assert result.sets.error_percent.mean == result.windows.error_percent.mean == 0
    assert result.sets.error_percent.count == len(result.folds) == 5
    # 8 sets of each of 3 exercises: 2 of each are tested.
    assert [(fold.train_sets, fold.sets) for fold in result.folds] == [(18, 6)] * 5
    assert [(fold.train_windows, fold.windows) for fold in result.folds] == [(72, 24)] * 5
    assert result.classes == ("curl", "dip", "row")
    assert result.not_scored == ()


@pytest.mark.parametrize("protocol", ["random", "window", "shuffle"])
def test_evaluate__dealing_out_windows_is_refused(protocol: str) -> None:
    with pytest.raises(LeakageError, match=r"windows overlap.*split by 'set'"):
        evaluate(_plan(_record()), forest, protocol=protocol)


@pytest.mark.parametrize("settings", [{"protocol": "set"}, {"protocol": "session"}])
@pytest.mark.parametrize("per", ["all", "user"])
def test_evaluate__never_tests_a_set_that_was_trained_on(
    settings: dict[str, Any], per: str
) -> None:
    recordings = [
        _mark(20 * n, 10, user=user, session=session)
        for n, (user, session) in enumerate(
            [("ann", "mon"), ("ann", "tue"), ("bob", "mon"), ("bob", "tue")]
        )
    ]
    calls = _spy(_plan(*recordings), per=per, **settings)
    assert len(calls) == {"set": 5, "session": 4}[settings["protocol"]] * (
        2 if per == "user" and settings["protocol"] == "set" else 1
    )
    for trained, tested in calls:
        assert tested
        assert not trained & tested
        sessions = [{mark // 20 for mark in marks} for marks in (trained, tested)]
        if settings["protocol"] == "session":
            assert not sessions[0] & sessions[1]
        if per == "user":
            assert len({mark // 40 for mark in trained | tested}) == 1


def test_evaluate__a_set_worn_on_two_sensors_is_on_one_side() -> None:
    noon = 1_700_000_000_000_000_000
    watch = _mark(0, 6, user="ann", session="mon", device="watch", start_ns=noon)
    phone = _mark(50, 6, user="ann", session="mon", device="phone", start_ns=noon + 10**9)
    calls = _spy(_plan(watch, phone), seeds=3)
    assert len(calls) == 3
    for trained, tested in calls:
        assert {mark % 50 for mark in tested} <= tested
        assert {mark + 50 for mark in tested if mark < 50} <= tested
        assert not {mark % 50 for mark in trained} & {mark % 50 for mark in tested}


def test_evaluate__figures_are_those_of_the_predictions() -> None:
    # The spy always says the first class, "curl", which is every other set.
    plan = _plan(_mark(0, 10, user="ann", session="mon"))
    result = evaluate(plan, Estimator(Spy(), RawWindows()), seeds=2)
    assert result.sets.confusion.counts.tolist() == [[2, 0], [2, 0]]
    assert result.windows.confusion.counts.tolist() == [[8, 0], [8, 0]]
    assert result.windows.error_percent.mean == 50
    assert result.windows.macro_f1.mean == pytest.approx((2 / 3) / 2)


def test_evaluate__by_session_leaves_each_out_once() -> None:
    result = evaluate(_plan(*_people()), forest, protocol="session")
    assert [fold.fold for fold in result.folds] == ["ann/mon", "ann/tue", "bob/mon", "bob/tue"]
    assert {(fold.train_sets, fold.sets) for fold in result.folds} == {(18, 6)}
    assert result.sets.confusion.total == 24


def test_evaluate__by_person_leaves_each_out_once() -> None:
    plan = _plan(*_people(("ann", "bob", "eve"), ("mon",)))
    result = evaluate(plan, forest, protocol="person")
    assert [(fold.fold, fold.sets) for fold in result.folds] == [("ann", 6), ("bob", 6), ("eve", 6)]
    grouped = evaluate(plan, forest, protocol="person", folds=2)
    assert [fold.sets for fold in grouped.folds] == [12, 6]


def test_evaluate__exercises_never_seen_in_training_are_errors_and_listed() -> None:
    plan = _plan(
        _record(("curl", "curl", "dip", "row"), user="ann"),
        _record(("dip", "row", "dip", "row"), user="bob"),
    )
    result = evaluate(plan, forest, protocol="person")
    assert [fold.unseen for fold in result.folds] == [("curl",), ()]
    assert result.unseen == ("curl",)
    assert [fold.set_error_percent for fold in result.folds] == [50, 0]
    assert result.sets.confusion.recall.tolist() == [0, 1, 1]
    assert "counted as errors: curl" in str(result)


def test_evaluate__sets_too_short_for_a_window_are_reported() -> None:
    plan = _plan(*_people(), _record(("curl", "dip"), user="ann", session="wed", samples=300))
    result = evaluate(plan, forest, seeds=1)
    (item,) = result.not_scored
    assert (item.who, item.sets, item.reason) == ("ann", 2, "shorter than a window of 8 s")
    assert result.source.sets == 24


def test_evaluate__the_only_set_of_an_exercise_stays_in_training() -> None:
    plan = _plan(_record(("curl", "dip", "curl", "dip", "row")))
    result = evaluate(plan, forest, seeds=2)
    (item,) = result.not_scored
    assert (item.who, item.sets) == ("row", 1)
    assert item.reason == "the only set of its exercise, kept for training"
    assert {(fold.train_sets, fold.sets) for fold in result.folds} == {(3, 2)}


def test_evaluate__unknown_sessions_and_people_are_left_out() -> None:
    plan = _plan(*_people(), _record(user="unknown", session="unknown"))
    assert evaluate(plan, forest, seeds=1).source.sets == 27
    for protocol in ("session", "person"):
        result = evaluate(plan, forest, protocol=protocol)
        (item,) = result.not_scored
        assert (item.who, item.sets) == ("unknown", 3)
        assert f"unknown {protocol}" in item.reason
        assert result.source.sets == 24


def test_evaluate__stretches_without_a_label_are_left_out() -> None:
    still = Recording(user="eve", session="tue", acceleration=np.ones((900, 3)), rate_hz=50)
    plan = _plan(*_people(), still, within="recordings")
    result = evaluate(plan, forest, seeds=1)
    assert "" in set(plan.segments["exercise"])
    assert "" not in result.classes
    assert (result.source.people, result.source.sets) == (2, 24)
    assert result.not_scored == ()


def test_evaluate__sets_whose_windows_share_samples_are_on_one_side() -> None:
    # Windows that lie anywhere reach from one set into the next, so a recording is one unit.
    plan = _plan(*(_mark(20 * n, 4, user="ann", session=f"day{n}") for n in range(5)))
    assert len(_spy(plan, seeds=1)) == 1
    anywhere = windows(plan.home, within="recordings")
    for trained, tested in _spy(anywhere, seeds=3):
        assert not {mark // 20 for mark in trained} & {mark // 20 for mark in tested}


def test_evaluate__each_person_has_a_model_of_their_own() -> None:
    result = evaluate(_plan(*_people()), forest, per="user", seeds=3)
    assert [person.user for person in result.people] == ["ann", "bob"]
    assert {(person.folds, person.sets, person.exercises) for person in result.people} == {
        (3, 9, 3)
    }
    assert [(fold.fold, fold.models, fold.sets) for fold in result.folds] == [
        (f"seed {n}", 2, 6) for n in range(3)
    ]
    assert result.per_person["set_error_percent"].tolist() == [0, 0]


def test_evaluate__one_person_without_a_model_leaves_the_others_alone() -> None:
    others = [_record(("curl", "curl"), user="eve"), _record(("dip", "row"), user="ida")]
    result = evaluate(
        _plan(*_people(), *others), Recipe(Statistics(), MLP(8), epochs=2), per="user", seeds=2
    )
    assert [person.user for person in result.people] == ["ann", "bob"]
    assert [(item.who, item.sets, item.reason) for item in result.not_scored] == [
        ("eve", 2, "one exercise only: nothing to tell apart"),
        ("ida", 2, "the only set of its exercise, kept for training"),
    ]


def test_evaluate__a_split_with_one_exercise_to_train_on_is_reported() -> None:
    plan = _plan(_record(("curl", "dip"), session="mon"), _record(("curl", "curl"), session="tue"))
    for recipe in (Recipe(Statistics(), MLP(8), epochs=2), forest):
        result = evaluate(plan, recipe, per="user", protocol="session")
        (item,) = result.not_scored
        assert (item.who, item.sets) == ("ann", 2)
        assert item.reason.startswith("8 windows of one exercise")
        assert [fold.fold for fold in result.folds] == ["ann/tue"]


def test_evaluate__a_person_of_one_session_is_reported() -> None:
    plan = _plan(*_people(), _record(user="eve"))
    result = evaluate(plan, forest, per="user", protocol="session")
    assert [(item.who, item.sets) for item in result.not_scored] == [("eve", 3)]
    assert "one known session only" in result.not_scored[0].reason
    assert [fold.fold for fold in result.folds] == ["ann/mon", "ann/tue", "bob/mon", "bob/tue"]


def test_evaluate__sessions_of_one_name_are_as_many_as_people() -> None:
    result = evaluate(_plan(*_people(sessions=("mon",))), forest, protocol="session")
    assert [fold.fold for fold in result.folds] == ["ann/mon", "bob/mon"]
    assert result.not_scored == ()


class Broken(Spy):
    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> "Broken":
        raise RuntimeError(f"out of order at {inputs.shape}, {targets.shape}")


def test_evaluate__nothing_scored_is_an_error_with_the_reasons() -> None:
    plan = _plan(_record())
    with pytest.raises(TrainingError, match="nothing could be scored: the only set of its"):
        evaluate(plan, forest)
    with pytest.raises(TrainingError, match="one known person only: nothing to train on"):
        evaluate(plan, forest, protocol="person")
    with pytest.raises(TrainingError, match="RuntimeError: out of order"):
        evaluate(_plan(*_people()), Estimator(Broken(), Statistics()), seeds=1)


def test_evaluate__an_estimator_that_refuses_the_data_says_so() -> None:
    # Statistics that are not defined are NaN, which logistic regression takes only imputed.
    still = [
        Recording(
            user="ann",
            session=session,
            acceleration=np.full((SET, 3), level, np.float32),
            rate_hz=50,
            sets=[LabelledSet(start=0, stop=SET, exercise=exercise)],
        )
        for session, level, exercise in [
            ("a", 0.1, "plank"),
            ("b", 0.11, "plank"),
            ("c", 1, "hang"),
            ("d", 1.1, "hang"),
        ]
    ]
    plan = _plan(*still)
    with pytest.raises(TrainingError, match="nothing could be scored: Input X contains NaN"):
        evaluate(plan, LogisticRegression(), seeds=1)
    imputed = make_pipeline(
        SimpleImputer(keep_empty_features=True), LogisticRegression(max_iter=1000)
    )
    assert evaluate(plan, imputed, seeds=1).sets.confusion.total == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per": "person"}, "per: expected 'all' or 'user'"),
        ({"per": "user", "protocol": "person"}, "own model is not tested on other people"),
        ({"protocol": "people"}, "expected 'set', 'session' or 'person'"),
        ({"seeds": 0}, "seeds"),
    ],
)
def test_evaluate__settings_without_meaning_are_errors(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(_plan(_record()), forest, **settings)


def test_evaluate__what_is_no_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="expected a Recipe, or a scikit-learn classifier"):
        evaluate(_plan(_record()), MLP(8))


def test_evaluate__both_engines_give_the_same_figures() -> None:
    plan = _plan(*_people())
    recipe = Recipe(Statistics(), MLP(16), epochs=8)
    separate, stacked = (
        evaluate(plan, recipe, per="user", seeds=2, engine=engine)
        for engine in ("separate", "stacked")
    )
    assert separate.as_dict() == stacked.as_dict()
    assert separate.sets.confusion.total == 12


def test_evaluate__a_common_network_knows_all_people() -> None:
    result = evaluate(_plan(*_people()), Recipe(Statistics(), MLP(16), epochs=8), seeds=2)
    assert result.title == "MLP 16 on Statistics, one model of all"
    assert result.sets.error_percent.mean == 0
    assert result.recipe["epochs"] == 8


def test_evaluate__again_gives_the_same_however_it_is_run() -> None:
    plan = _plan(*_people())
    results = []
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            results.append(evaluate(plan, forest, per="user", seeds=2).as_dict())
    assert results[0] == results[1]


def test_evaluate__forests_in_threads_leave_the_warning_filters_alone() -> None:
    before = list(warnings.filters)
    evaluate(_plan(*_people()), ExtraTreesClassifier(50), seeds=8)
    assert list(warnings.filters) == before


@pytest.mark.processes
def test_evaluate__on_a_cluster_gives_the_same(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.append(_people())
    plan = windows(lab)
    recipe = Recipe(Statistics(), MLP(16), epochs=4)
    here = evaluate(plan, recipe, per="user", seeds=2).as_dict()
    with connect(workers=1, dashboard=False):
        assert evaluate(plan, recipe, per="user", seeds=2).as_dict() == here


def test_evaluate__keeps_to_the_snapshot_of_the_plan() -> None:
    lab = Lab(f"memory://evaluation-{next(_labs)}")
    lab.append(_people(("ann",)))
    plan = windows(lab)
    before = lab.snapshot
    lab.append(_people(("bob",)))
    result = evaluate(plan, forest, seeds=1)
    assert (result.source.snapshot, result.source.people) == (before, 1)


@pytest.mark.parametrize(
    ("flags", "label"),
    [
        ((False, False), ""),
        ((True, True), "SIMULATED DATA"),
        ((True, False), "PARTLY SIMULATED DATA (1 of 2 recordings)"),
    ],
)
def test_evaluate__simulated_data_are_labelled(flags: tuple[bool, bool], label: str) -> None:
    recordings = [
        _record(("curl", "dip") * 2, session=f"day{n}", simulated=flag)
        for n, flag in enumerate(flags)
    ]
    result = evaluate(_plan(*recordings), forest, seeds=1)
    assert result.source.label == result.as_dict()["label"] == label
    assert ("SIMULATED" in str(result)) == bool(label)


def test_evaluate__result_is_json_and_pickles() -> None:
    result = evaluate(_plan(*_people()), forest, seeds=1)
    known = result.as_dict()
    assert json.loads(json.dumps(known, allow_nan=False)) == known
    assert known["sets"]["error_percent"] == {"mean": 0.0, "sd": None, "count": 1}
    assert known["source"]["plan"]["length_s"] == 8
    again: Evaluation = pickle.loads(pickle.dumps(result))
    assert again.as_dict() == known


@pytest.mark.data
def test_evaluate__real_recordings_of_three_exercises(real_data: Path, tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    ingest(
        lab, real_data / "muvr" / "18-09-15-triceps-biceps-lateral", reader="muvr", progress=False
    )
    result = evaluate(windows(lab, step="2s"), ExtraTreesClassifier(50), seeds=3)
    assert len(result.classes) == 3
    assert result.windows.error_percent.mean < 8
    assert 0 < result.windows.error_percent.count == len(result.folds) == 3
    assert [item.reason for item in result.not_scored] == ["shorter than a window of 8 s"]


@pytest.mark.parametrize("how", [{"length": ["2s", "4s"]}, {"length": "set"}])
def test_evaluate__votes_once_a_set_whatever_its_windows(how: dict[str, Any]) -> None:
    one = evaluate(_plan(*_people()), forest, seeds=2)
    other = evaluate(_plan(*_people(), **how), forest, seeds=2)
    assert other.source.sets == one.source.sets == 24
    assert other.sets.confusion.total == one.sets.confusion.total
    assert [fold.train_sets for fold in other.folds] == [fold.train_sets for fold in one.folds]


def test_evaluate__keeps_what_is_left_of_a_set_on_one_side() -> None:
    plan = _plan(_mark(0, 12, user="ann", session="mon"), length="1s")
    pauses = [(0, 14 * n + 6.0, 14 * n + 7.0) for n in range(12)]
    split = plan.exclude(pd.DataFrame(pauses, columns=["recording", "start_s", "stop_s"]))
    assert len(split.segments) == 24
    assert all(not trained & tested for trained, tested in _spy(split, seeds=3))


def test_evaluate__searches_augments_and_balances_within_the_training_part_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = _plan(*_people(users=["ann"]))
    recipe = Recipe(Statistics(), MLP(8), epochs=1, augment=Augmentation(copies=1, noise_g=0.1))
    members: list[Member] = []

    def watch(given: Sequence[Member], *rest: Any) -> Any:
        members.extend(given)
        return train_members(given, *rest)

    for place in ("tuning.selection", "evaluation.scoring"):
        monkeypatch.setattr(f"workoutlab.recognition.{place}.train_members", watch)
    clock = pd.DataFrame({"start_ns": pd.NA, "stop_ns": pd.NA}, index=range(12), dtype="Int64")
    selection = Selection(Grid(rate=[0.1, 0.01]), Validation(folds=2))
    protocol = Protocol("set", seeds=2)
    job = Job(plan, clock, protocol, recipe, user="ann", selection=selection)
    parts = split(job.segments, protocol)
    assert [part.split for part in score(job)] == ["seed 0", "seed 1"]
    segment = np.tile(plan.locate()[0], 2)
    assert len(members) == 2 * (2 * 2 + 1)
    for member in members:
        part = parts[int(member.key[-1])]
        learnt = set(segment[member.train])
        assert learnt <= set(np.flatnonzero(part.train))
        assert max(member.train) >= len(plan)
    assert [set(segment[member.train]) for member in members[-2:]] == [
        set(np.flatnonzero(part.train)) for part in parts
    ]


def test_evaluate__tells_of_the_search_and_of_augmentation() -> None:
    recipe = Recipe(Statistics(), MLP(8), epochs=2, augment=Augmentation(rotation_deg=10))
    how = Validation(folds=2, criterion="loss")
    search = Grid(rate=[1e-6, 0.05])
    result = evaluate(_plan(*_people()), recipe, per="user", search=search, validation=how)
    assert "the best of 2 choices by 2 folds by set" in result.title
    told = result.as_dict()["recipe"]
    assert told["search"] == search.settings()
    assert told["validation"]["criterion"] == "loss"
    assert told["augment"]["rotation_deg"] == 10
    searched = result.windows.error_percent.mean
    poor = evaluate(_plan(*_people()), replace(recipe, rate=1e-6), per="user")
    assert searched < poor.windows.error_percent.mean


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        (forest, {"search": Grid(rate=[1])}, "has no parameter 'rate'"),
        (forest, {"validation": Validation()}, "of a search, and there is none"),
        (Recipe(Statistics()), {"search": Grid(rates=[1])}, "no setting 'rates' to choose"),
    ],
)
def test_evaluate__searches_without_meaning_are_errors(
    recipe: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(_plan(*_people()), recipe, **settings)


def test_evaluate__refuses_an_engine_or_a_validation_that_is_none() -> None:
    plan = _plan(*_people())
    with pytest.raises(InputError, match="engine: expected one of"):
        evaluate(plan, Recipe(Statistics()), engine="fast")
    with pytest.raises(InputError, match="validation: expected a Validation, got 3"):
        evaluate(plan, Recipe(Statistics()), search=Grid(rate=[1]), validation=3)
