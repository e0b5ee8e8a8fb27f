"""The report holds each corrected set against what was found before it was corrected."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from tests.found_sets import Fake
from tests.lab_recordings import make
from tests.test_report import _parse
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recognition import correct, recognise
from workoutlab.recognition.corrections.reporting import loop_report
from workoutlab.recording import LabelledSet


@pytest.fixture
def lab() -> Lab:
    """Four recordings of Ann's; the first recogniser takes all for curls, which are presses."""
    lab = Lab(f"memory://{uuid4().hex}")
    lab.append([make(number, 1000) for number in range(4)])
    recognise(lab, Fake("curl"), progress=False)
    return lab


def rows(lab: Lab, recording: int) -> int:
    found = lab.found()
    return int(found.index[found["recording"] == recording][0])


def test_loop_report__tells_error_before_and_after_on_sets_that_were_not_learned(lab: Lab) -> None:
    for recording in (0, 1):
        correct(lab, found=rows(lab, recording), exercise="press", repetitions=8)
    recognise(lab, Fake("press"), progress=False)  # what has learned from the two
    for recording in (2, 3):
        correct(lab, found=rows(lab, recording), exercise="press", repetitions=9)
    report = loop_report(lab)
    table = report.table
    assert table.index.tolist() == ["ann", "all"]
    assert table.loc["ann", ["sets", "wrong_percent_before", "wrong_percent_after"]].tolist() == [
        2, 100.0, 0.0,
    ]  # fmt: skip
    curve = report.curve
    assert curve.index.tolist() == [0, 2]
    assert curve["wrong_percent"].tolist() == [100.0, 0.0]
    assert report.records.groupby("recording")["learned"].apply(list).to_dict() == {
        0: [0], 1: [0], 2: [0, 2], 3: [0, 2]
    }  # fmt: skip


def test_loop_report__never_tests_what_ran_after_the_first_word(lab: Lab) -> None:
    found = rows(lab, 0)
    correct(lab, found=found, exercise="row")
    recognise(lab, Fake("press"), progress=False)
    correct(lab, found=found, exercise="press")  # on second thoughts
    records = loop_report(lab).records
    assert records[["truth", "said", "right"]].to_numpy().tolist() == [["press", "curl", False]]


def test_loop_report__of_labels_of_files_is_empty(lab: Lab) -> None:
    sets = [LabelledSet(start=0, stop=400, exercise="curl")]
    lab.append([make(9, 1000, user="bob", sets=sets)])
    recognise(lab, Fake("curl"), progress=False)
    correct(lab, set=0, exercise="press")
    report = loop_report(lab, users="bob")
    assert report.records.empty
    assert "nothing was corrected" in str(report)


def test_loop_report__counts_rest_unknown_and_nothing(lab: Lab) -> None:
    correct(lab, found=rows(lab, 0), not_exercise=True)
    correct(lab, recording=1, start_s=0, stop_s=3, exercise="squat")
    recognise(lab, Fake("unknown"), progress=False)
    correct(lab, found=rows(lab, 2), exercise="curl", start_s=6)
    records = loop_report(lab).records.set_index(["recording", "learned"])
    assert records.loc[(0, 0), ["said", "right"]].tolist() == ["curl", False]
    assert records.loc[(1, 0), ["said", "right"]].tolist() == ["nothing", False]
    assert records.loc[(2, 0), ["said", "right"]].tolist() == ["curl", True]
    assert records.loc[(2, 2), ["said", "right", "unknown"]].tolist() == ["unknown", False, True]
    assert records.loc[(2, 2), "boundary_s"] == pytest.approx(0.5, abs=0.02)


def test_loop_report__is_a_page_and_json(lab: Lab, tmp_path: Path) -> None:
    correct(lab, found=rows(lab, 0), exercise="press")
    recognise(lab, Fake("press"), progress=False)
    correct(lab, found=rows(lab, 1))
    report = loop_report(lab)
    page = report.save_html(tmp_path / "loop.html").read_text()
    _parse(page)
    assert "Before and after" in page
    told = json.loads(report.to_json())
    assert told["table"][0]["user"] == "ann"
    assert "no recogniser has learned from it" in str(report)
    recognise(lab, Fake("press", name="other"), progress=False)
    with pytest.raises(InputError, match="several recognisers found sets"):
        loop_report(lab)
    assert len(loop_report(lab, "sets").records) == len(report.records)
