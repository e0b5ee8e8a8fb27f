"""The loop whole: recognise, correct, learn, and recognise better, for one person alone."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

import workoutlab as wl
from tests.test_segmentation_fitting import FAST, session, sessions
from workoutlab.errors import InputError, NotInLabError
from workoutlab.recognition import adapt, correct, loop_report, recognise
from workoutlab.recognition.segmentation.settings import SetRecipe

QUIET = {"progress": False}


def swung(seed):
    """A session of Bob's without labels: two curls, and two presses that look like small rows."""
    recording = session("curl", "row", "curl", "row", seed=seed)
    moved = recording.acceleration.copy()
    for labelled in recording.sets:
        if labelled.exercise == "row":
            part = slice(labelled.start, labelled.stop)
            moved[part] = [0, 0, 1] + 0.6 * (moved[part] - [0, 0, 1])
    return replace(recording, user="bob", acceleration=moved, sets=())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A lab in which the labelled sets of two have taught what is found in Bob's sessions."""
    lab = wl.Lab(tmp_path_factory.mktemp("loop") / "lab")
    cem = replace(session("curl", "press", "row", seed=50), user="cem")
    lab.append([*sessions(), cem, swung(20), swung(21)])
    wl.train_recogniser(lab, FAST, **QUIET)
    recognise(lab, **QUIET)
    return lab.url


@pytest.fixture
def lab(trained, tmp_path):
    return wl.Lab(shutil.copytree(trained, tmp_path / "lab"))


def of_bob(lab, recording):
    found = lab.found("sets", ["bob"])
    return found[found["recording"] == recording].sort_values("start")


def test_loop__a_corrected_set_teaches_the_others_of_its_person(lab):
    before = of_bob(lab, 5)
    assert before["guess"].tolist() == ["curl", "row", "curl", "row"]
    anns = lab.found("sets", ["ann"])
    wrong = of_bob(lab, 4).query("guess == 'row'").index
    correct(lab, found=int(wrong[0]), exercise="press")
    result = adapt(lab, FAST, **QUIET)
    assert result.ok
    assert result.adapted == {"bob": ("activity", "exercise")}
    again = recognise(lab, **QUIET)
    assert sorted(again.recognised) == [4, 5]  # nobody else's recogniser has changed
    assert of_bob(lab, 5)["guess"].tolist() == ["curl", "press", "curl", "press"]
    assert lab.found("sets", ["ann"]).equals(anns)
    for row in of_bob(lab, 5).index:
        correct(lab, found=int(row), exercise=str(lab.found().loc[row, "guess"]))
    table = loop_report(lab).table
    assert table.loc["bob", "wrong_percent_before"] >= 50
    assert table.loc["bob", "wrong_percent_after"] <= 50
    assert lab.verify().ok


def test_adapt__learns_what_is_new_alone(lab):
    wrong = of_bob(lab, 4).query("guess == 'row'").index
    correct(lab, found=int(wrong[0]), exercise="press")
    first = adapt(lab, FAST, **QUIET)
    second = adapt(lab, FAST, **QUIET)
    assert (second.adapted, second.unchanged) == ({}, ("bob",))
    assert second.snapshot == first.snapshot
    correct(lab, found=int(wrong[1]), exercise="press")
    assert list(adapt(lab, FAST, **QUIET).adapted) == ["bob"]
    rows = wl.Models(lab, "sets-exercise").table
    bob = rows[rows["user"] == "bob"].iloc[0]
    assert (bob["kind"], bob["sets"]) == ("fine-tuned", 2)


def test_adapt__a_false_alarm_teaches_rest(lab):
    found = of_bob(lab, 4).index
    correct(lab, found=int(found[0]), not_exercise=True)
    correct(lab, found=int(found[1]), exercise="press")
    result = adapt(lab, FAST, users="bob", **QUIET)
    assert result.adapted == {"bob": ("activity", "exercise")}
    recogniser = wl.open_recogniser(lab, user="bob")
    assert recogniser.activity.model == "sets-activity of bob"


def test_adapt__leaves_out_whose_sets_are_too_short(lab):
    found = of_bob(lab, 4).index
    correct(lab, found=int(found[0]), exercise="press")
    correct(lab, recording=3, start_s=0, stop_s=1, exercise="press")
    lab.append([replace(swung(30), user="dan")])
    correct(lab, recording=6, start_s=0, stop_s=1, exercise="press")
    result = adapt(lab, FAST, **QUIET)
    assert {"bob"} <= set(result.adapted)
    assert list(result.failed) == ["dan"]
    assert "no labelled sets that are long enough" in str(result)


def test_adapt__corrected_repetitions_teach_how_a_person_counts(lab):
    curls = of_bob(lab, 4).query("guess == 'curl'").index
    (made,) = correct(lab, found=int(curls[0]), exercise="curl").sets
    adapt(lab, FAST, **QUIET)
    assert not wl.open_recogniser(lab, user="bob").templates
    correct(lab, set=made, repetitions=8)
    assert list(adapt(lab, FAST, **QUIET).adapted) == ["bob"]
    recogniser = wl.open_recogniser(lab, user="bob")
    assert recogniser.templates["curl"].period_s == pytest.approx(2.5, rel=0.1)
    assert not wl.open_recogniser(lab).templates


def test_train_recogniser__trains_the_corrected_person_again_and_nobody_else(lab):
    wl.train_recogniser(lab, FAST, per="user", **QUIET)
    correct(lab, set=0, exercise="row")
    again = wl.train_recogniser(lab, FAST, per="user", **QUIET)
    trained = {name: result.trained for name, result in again.models.items()}
    assert trained == {"sets-activity": (), "sets-exercise": ("ann",)}


def test_windows__of_corrections_alone_know_no_rest_between(lab):
    found = of_bob(lab, 4)
    correct(lab, found=int(found.index[0]), exercise="curl")
    plan = wl.windows(lab, length="4s", label="activity", users="bob")
    assert set(plan.segments["exercise"]) == {"active"}
    correct(lab, found=int(found.index[1]), not_exercise=True)
    plan = wl.windows(lab, length="4s", label="activity", users="bob")
    rest = plan.segments[plan.segments["exercise"] == "rest"]
    assert len(rest) == 1
    ann = wl.windows(lab, length="4s", label="activity", users="ann").segments
    assert (ann["exercise"] == "rest").sum() == 12  # before, between and after three sets


def test_adapt__refuses(lab):
    with pytest.raises(InputError, match="trained with others"):
        adapt(lab, SetRecipe(), users="ann", **QUIET)
    with pytest.raises(NotInLabError, match="no recogniser 'other'"):
        adapt(lab, FAST, name="other")
    with pytest.raises(NotInLabError, match="bob has no labelled sets"):
        adapt(lab, FAST, users="bob", **QUIET)
    assert adapt(lab, FAST, **QUIET).adapted == {}  # nobody has corrected anything
    assert np.isfinite(wl.open_recogniser(lab).threshold)
