"""Correction curves: no leak, one test for all counts, and a report that says what it is of."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.corrections import RECIPE as REAL
from tests.benchmarks.corrections import plan_geotec
from tests.test_recognition_crossover import plan
from tests.test_report import _parse
from workoutlab.errors import InputError, TrainingError
from workoutlab.lab import Lab
from workoutlab.learning import MLP
from workoutlab.recognition import Recipe
from workoutlab.recognition.corrections.measuring import correction_curve
from workoutlab.recognition.corrections.rehearsing import Rehearsal, mix
from workoutlab.recognition.kinds.kinds import Labelled
from workoutlab.signals import Statistics

module = importlib.import_module("workoutlab.recognition.corrections.measuring")
RECIPE = Recipe(Statistics(), MLP(8, 8), epochs=3)


@pytest.fixture(scope="module")
def found():
    windows = plan("correction-curve", sessions=4)
    return correction_curve(windows, RECIPE, counts=(1, 2), seeds=2, progress=False)


def test_correction_curve__tests_every_count_and_kind_on_the_same_sets(found):
    records = found.records
    assert set(records["kind"]) == {"rehearsed", "fine-tuned", "ensemble"}
    assert len(records) == 3 * 2 * 3 * 3  # people, seeds, counts, kinds
    tested = records.groupby(["user", "seed"])[["sets", "windows"]].nunique()
    assert (tested == 1).all(axis=None)
    without = records[records["count"] == 0].groupby(["user", "seed"])["wrong_windows"]
    assert (without.nunique() == 1).all()
    assert found.error_percent().index.tolist() == [0, 1, 2]
    spread = found.spread()
    assert (spread.xs(0, level="count")["gain"] == 0).all()
    assert spread.loc[("rehearsed", 2), "better"] + spread.loc[("rehearsed", 2), "worse"] <= 3


def test_correction_curve__one_set_teaches_by_rehearsal_alone(found):
    records = found.records
    one = records[records["count"] == 1].set_index(["user", "seed", "kind"])["wrong_windows"]
    none = records[records["count"] == 0].set_index(["user", "seed", "kind"])["wrong_windows"]
    for kind in ("fine-tuned", "ensemble"):
        assert one.xs(kind, level="kind").equals(none.xs(kind, level="kind"))


def test_correction_curve__no_network_sees_the_sets_it_is_tested_on(monkeypatch):
    trained, tested = [], []
    fit, learn, test = module.fit_judges, module.rehearse, module._test

    def rows(values):
        return {each.tobytes() for each in values}

    def spy_on_fits(fits, *rest):
        judges = fit(fits, *rest)
        for one, judge in zip(fits, judges, strict=True):
            base = [known for own, known in trained if own is one.common]
            trained.append((judge, rows(one.windows.inputs[one.rows]).union(*base)))
        return judges

    def spy_on_rehearsals(common, others, people, *rest):
        judges = learn(common, others, people, *rest)
        seen = rows(others.inputs).union(*(rows(own.inputs) for own in people))
        trained.extend((judge, seen) for judge in judges)
        return judges

    def spy_on_tests(study, segments, judges):
        inputs = study.supply.label("", segments).inputs
        tested.extend((judge, rows(inputs)) for judge in judges)
        return test(study, segments, judges)

    monkeypatch.setattr(module, "fit_judges", spy_on_fits)
    monkeypatch.setattr(module, "rehearse", spy_on_rehearsals)
    monkeypatch.setattr(module, "_test", spy_on_tests)
    windows = plan("correction-leak", sessions=3)
    correction_curve(windows, RECIPE, counts=(2,), seeds=1, progress=False)
    assert len(tested) > 3
    for judge, inside in tested:
        seen = [known for own, known in trained if own is judge]
        assert len(seen) == 1
        assert not seen[0] & inside


def test_correction_curve__reports_table_picture_and_json(found, tmp_path: Path):
    page = found.save_html(tmp_path / "curve.html").read_text()
    _parse(page)
    assert page.count("<polyline") == 6
    assert "corrected sets of a person" in page
    assert ">nan<" not in page
    told = json.loads(found.to_json())
    assert told["counts"] == [0, 1, 2]
    assert "tested on the person's other sessions" in str(found)
    assert "people left out" in found._repr_html_()


def test_correction_curve__leaves_out_who_has_one_session_and_says_so():
    windows = plan("correction-single", people=("ann", "bob"), sessions=1)
    with pytest.raises(TrainingError, match="one session only"):
        correction_curve(windows, RECIPE, counts=(1,), seeds=1, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": "last"}, "first: expected one of wrong, any"),
        ({"kinds": ["own"]}, "kinds: expected some of rehearsed"),
        ({"counts": (-1,)}, "counts: expected >= 0"),
        ({"test_share": 1}, "test_share"),
        ({"share": 1}, "correction_curve takes engine"),
    ],
)
def test_correction_curve__refuses(options, message):
    with pytest.raises(InputError, match=message):
        correction_curve(plan("correction-refused", sessions=2), RECIPE, **options)


def test_mix__keeps_the_share_and_the_balance_of_exercises():
    def make(user, counts):
        targets = np.repeat(np.arange(len(counts)), counts)
        nothing = np.zeros(len(targets), np.int64)
        inputs = np.arange(len(targets), dtype=np.float32)[:, None]
        names = tuple("abc"[: len(counts)])
        return Labelled(user, names, inputs, targets, nothing, nothing, nothing > 0)

    mixed = mix(make("*", [500, 40, 10]), make("ann", [6]), Rehearsal(0.25, windows=90))
    others = mixed.targets[:90]
    assert np.bincount(others).tolist() == [40, 40, 10]
    assert len(np.unique(mixed.inputs[:90])) == 90
    assert len(mixed.targets) == 90 + 30


@pytest.mark.data
def test_correction_curve__of_real_people_falls(real_data):
    windows = plan_geotec(
        real_data, Lab("memory://curve-geotec"), ("s09", "s10", "s11", "s12", "s13")
    )
    found = correction_curve(
        windows, REAL, counts=(5,), seeds=2, kinds=("rehearsed",), progress=False
    )
    assert not found.source.simulated
    assert (
        found.error_percent("windows").loc[5, "rehearsed"]
        < (found.error_percent("windows").loc[0, "rehearsed"])
    )
