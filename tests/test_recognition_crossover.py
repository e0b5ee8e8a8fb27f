"""The crossover: no leak, sensible curves, and a report that says what it is of."""

import importlib
import json

import numpy as np
import pandas as pd
import pytest

from tests.test_readers_tabular import GEOTEC
from tests.test_recognition_cohorts import make_recording
from tests.test_report import _parse
from workoutlab import readers
from workoutlab.errors import InputError, LabError, TrainingError
from workoutlab.ingestion import ingest
from workoutlab.lab import Lab
from workoutlab.recognition import MLP, Recipe
from workoutlab.recognition.kinds.crossing import crossover
from workoutlab.recognition.kinds.linechart import draw_curves
from workoutlab.signals import Statistics, windows

module = importlib.import_module("workoutlab.recognition.kinds.crossing")
RECIPE = Recipe(Statistics(), MLP(8, 8), epochs=3)


def plan(name, people=("ann", "bob", "cem"), sessions=5):
    """Some people with some sessions of a set of each of three exercises."""
    lab = Lab(f"memory://{name}")
    lab.append(
        make_recording(user, 10 * number + session)
        for number, user in enumerate(people)
        for session in range(sessions)
    )
    return windows(lab, length="2s", step="1s")


@pytest.fixture(scope="module")
def found():
    return {
        protocol: crossover(
            plan(f"crossover-{protocol}"), RECIPE, protocol, counts=(3, 1), seeds=2, progress=False
        )
        for protocol in ("set", "person")
    }


@pytest.mark.parametrize("protocol", ["set", "person"])
def test_crossover__tests_every_kind_on_the_same_sets(found, protocol):
    records = found[protocol].records
    assert set(records["kind"]) == {"common", "fine-tuned", "own", "ensemble", "chosen"}
    assert len(records) == 3 * 2 * 2 * 5  # people, seeds, counts, kinds
    tested = records.groupby(["seed", "user"])[["sets", "windows"]].nunique()
    assert (tested == 1).all(axis=None)
    assert set(records["sets"]) == {3}  # one of five of each exercise
    assert records.groupby("count")["labelled"].unique().map(list).to_dict() == {1: [3], 3: [9]}
    table = found[protocol].table
    assert table.index.tolist() == [1, 3, "mean"]
    assert table.loc["mean", "own"] == pytest.approx(table.loc[[1, 3], "own"].mean())


def test_crossover__one_set_an_exercise_gives_the_common_network(found):
    taken = found["set"].taken
    assert taken.loc[1].to_dict() == {"common": 1, "fine-tuned": 0, "own": 0, "ensemble": 0}
    chosen = found["set"].records.query("count == 1").set_index("kind")["wrong_windows"]
    assert chosen["chosen"].tolist() == chosen["common"].tolist()


def rows(windows, chosen):
    """The windows of a side, told apart by their inputs."""
    return {one.tobytes() for one in windows.inputs[chosen]}


@pytest.mark.parametrize("protocol", ["set", "person"])
def test_crossover__no_network_and_no_choice_sees_its_test_sets(monkeypatch, protocol):
    trained, held, tested = [], [], []
    fit, judge, test = module.fit_judges, module.try_kinds, module._test

    def spy_on_fits(fits, *rest):
        judges = fit(fits, *rest)
        for one, found in zip(fits, judges, strict=True):
            seen = rows(one.windows, one.rows)
            base = [known for own, known in trained if own is one.common]
            trained.append((found, seen.union(*base)))
        return judges

    def spy_on_choices(own, commons, fitted, kinds, criterion):
        for fold in np.unique(own.folds[own.testable]):
            inside = rows(own, own.testable & (own.folds == fold))
            for network in (commons[fold], fitted["own", fold], fitted["fine-tuned", fold]):
                held.append((network, inside))
        return judge(own, commons, fitted, kinds, criterion)

    def spy_on_tests(study, segments, judges):
        inside = rows(study.supply.label("", segments), slice(None))
        tested.extend((network, inside) for several in judges.values() for network in several)
        return test(study, segments, judges)

    monkeypatch.setattr(module, "fit_judges", spy_on_fits)
    monkeypatch.setattr(module, "try_kinds", spy_on_choices)
    monkeypatch.setattr(module, "_test", spy_on_tests)
    crossover(plan(f"leak-{protocol}"), RECIPE, protocol, counts=(2,), seeds=1, progress=False)
    for scored in (held, tested):
        assert scored
        for network, inside in scored:
            (seen,) = [known for own, known in trained if own is network]
            assert seen
            assert not seen & inside


def test_crossover__by_person_the_common_network_knows_nothing_of_the_person(monkeypatch):
    seen = []
    fit = module.fit_judges

    def spy(fits, *rest):
        seen.extend(fits)
        return fit(fits, *rest)

    monkeypatch.setattr(module, "fit_judges", spy)
    everyone = plan("nothing-known")
    crossover(everyone, RECIPE, "person", counts=(1,), seeds=1, progress=False)
    commons = [one for one in seen if one.windows.user == "*"]
    total = len(everyone)
    assert len(commons) == 3
    assert all(len(one.windows.inputs) == pytest.approx(2 * total / 3, rel=0.1) for one in commons)


def test_crossover__reports_protocol_snapshot_and_that_data_are_simulated(found, tmp_path):
    result = found["person"]
    path = result.save_html(tmp_path / "report.html")
    outline = _parse(path.read_text(encoding="utf-8"))
    assert not {"script", "link", "img", "iframe"} & set(outline.tags)
    assert outline.tags.count("polyline") == 10  # five kinds, per set and per window
    for said in (
        "SIMULATED DATA",
        "people left out: the common network knows all sets of others, none of the person",
        "80/20 by set, 2 seeds",
        result.source.snapshot,
        "MLP 8-8 on Statistics",
        "3 folds by set",
    ):
        assert said in outline.text
    assert "*** SIMULATED DATA ***" in str(result)
    assert "ensemble" in result._repr_html_()
    data = json.loads(result.to_json())
    assert data["label"] == "SIMULATED DATA"
    assert [row["count"] for row in data["table"]] == [1, 3, "mean"]
    assert data["source"]["snapshot"] == result.source.snapshot
    assert len(data["people"]) == 3 * 2 * 5


def test_crossover__says_whom_it_could_not_test():
    lab = Lab("memory://crossover-unfit")
    lab.append(make_recording("ann", seed) for seed in range(4))
    lab.append(make_recording("bob", 10 + seed) for seed in range(4))
    lab.append([make_recording("eve", 20)])
    lab.append(make_recording("fay", 30 + seed, ("curl",)) for seed in range(4))
    result = crossover(
        windows(lab, length="2s", step="1s"), RECIPE, counts=(2,), seeds=1, progress=False
    )
    assert {item.who for item in result.not_scored} == {"eve", "fay"}
    assert set(result.records["user"]) == {"ann", "bob"}
    assert "nothing to test" in str(result)
    assert "windows of one exercise" in str(result)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"protocol": "session"}, "protocol: expected 'set' or 'person'"),
        ({"counts": ()}, "counts: expected numbers"),
        ({"counts": (0,)}, "counts: expected"),
        ({"kinds": ("own",)}, "kinds: expected 'common'"),
        ({"criterion": "best"}, "criterion: expected one of"),
        ({"depth": 3}, "crossover takes criterion"),
    ],
)
def test_crossover__refuses_what_means_nothing(settings, said):
    with pytest.raises(InputError, match=said):
        crossover(plan("crossover-refused", ("ann",), 1), RECIPE, **settings)


def test_crossover__of_one_person_has_no_common_network_without_them():
    with pytest.raises(TrainingError, match="one known person only"):
        crossover(plan("crossover-alone", ("ann",)), RECIPE, "person", progress=False)


def test_draw_curves__draws_what_is_known():
    error = pd.DataFrame({"common": [9.0, np.nan, 7.0], "own": np.nan}, index=[1, 2, 8])
    picture = draw_curves(error, "set")
    assert picture.count("<circle") == 2
    assert ">8</text>" in picture
    assert ">9 %</text>" in picture
    single = draw_curves(pd.DataFrame({"common": [0.0]}, index=[4]), "set")
    assert "nan" not in single


@pytest.fixture(scope="module")
def geotec(real_data, tmp_path_factory):
    """A plan of some people's watches."""
    file = tmp_path_factory.mktemp("reader") / "geotec.toml"
    file.write_text(GEOTEC)
    reader = readers.get("tabular", **readers.read_options(file=file))
    lab = Lab("memory://crossover-geotec")
    folders = [real_data / "geotec" / f"s{number:02}" for number in (2, 5, 8, 11, 14)]
    ingest(lab, folders, reader=reader)
    return windows(lab, length="1s", step="200ms", trim=0, rate_hz=50, devices=["watch"])


@pytest.mark.data
def test_crossover__of_real_people_crosses(geotec):
    recipe = Recipe(Statistics(), MLP(100, 50), epochs=10)
    found = crossover(geotec, recipe, "person", counts=(2, 8), seeds=1, progress=False)
    error = found.error_percent("windows")
    assert found.source.people == 5
    assert not found.source.simulated
    assert error.loc[2, "common"] == error.loc[8, "common"]  # knows nothing of the person
    assert error.loc[8, "own"] < error.loc[2, "own"]
    assert error.loc["mean", "fine-tuned"] < error.loc["mean", "common"]
    assert error.loc["mean", "chosen"] < error.loc["mean", "common"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": -1}, "margin: expected >= 0"),
        ({"margin": "much"}, "margin: expected a number"),
        ({"least_sets": 0}, "least_sets: expected >= 1"),
        ({"engine": "best"}, "engine: expected one of"),
        ({"kinds": None}, "kinds: expected 'common'"),
        ({"groups": 1}, "groups: expected >= 2"),
    ],
)
def test_crossover__refuses_settings_before_it_reads_anything(options, said):
    with pytest.raises(InputError, match=said):
        crossover(plan("crossover-settings", sessions=2), RECIPE, progress=False, **options)


def test_crossover__takes_the_common_network_of_as_few_sets_as_choose_does():
    lab = plan("crossover-least")
    found = crossover(lab, RECIPE, counts=(1, 2), seeds=1, least_sets=7, progress=False)
    assert found.choice["least_sets"] == 7
    assert set(found.records["taken"]) == {"common"}  # six sets are held out of two of each
    assert crossover(lab, RECIPE, counts=(1,), seeds=1, progress=False).choice["least_sets"] == 6


def test_crossover__refuses_a_lab_in_memory_that_workers_cannot_see(monkeypatch):
    def refuse(url):
        raise LabError(f"the lab at {url} is in this process's memory")

    monkeypatch.setattr(module, "check_reachable", refuse)
    with pytest.raises(LabError, match="in this process's memory"):
        crossover(plan("crossover-memory", sessions=2), RECIPE, progress=False)
