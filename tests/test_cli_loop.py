"""The commands of the loop, in this process."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.found_sets import Fake
from tests.lab_recordings import make
from workoutlab import Lab
from workoutlab.cli import app
from workoutlab.recognition.segmentation import recognising
from workoutlab.schema import CORRECTED


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def invoke_json(*arguments: object, status: int = 0) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.append([make(0), make(1, user="bob")])
    opened = Fake(fails=("eve",))
    monkeypatch.setattr(recognising, "open_recogniser", lambda *_: opened)
    return lab


def test_recognise_found_correct__go_round(lab: Lab) -> None:
    assert "no found sets yet" in invoke("found", "--lab", lab.url).stdout
    done = invoke_json("recognise", "--lab", lab.url)
    assert (done["ok"], done["found"], done["recognised"]) == (True, 2, {"0": 1, "1": 1})
    assert invoke_json("recognise", "--lab", lab.url, "--user", "bob")["unchanged"] == [1]
    assert "curl" in invoke("found", "--lab", lab.url).stdout
    (row,) = invoke_json("found", "--lab", lab.url, "--user", "bob")["found"]
    assert (row["exercise"], row["models"]["user"], row["quality"]) == ("curl", "*", {})
    assert (row["repetitions"], row["repetitions_low"], row["corrected"]) == (10, None, False)
    said = invoke_json(
        "correct", "--lab", lab.url, "--found", row["row"], "--exercise", "press",
        "--repetitions", 9, "--stop", 1.6,
    )  # fmt: skip
    assert (said["sets"], said["users"]) == ([CORRECTED], ["bob"])
    (kept,) = lab.refresh().recording(1).sets
    assert (kept.exercise, kept.repetitions, kept.start, kept.stop) == ("press", 9, 25, 80)
    text = invoke("correct", "--lab", lab.url, "--set", CORRECTED, "--not-an-exercise").stdout
    assert "1 correction kept, 1 set replaced" in text
    assert lab.refresh().recording(1).sets[0].exercise == "rest"
    assert "yes" in invoke("found", "--lab", lab.url).stdout


def test_correct__takes_a_file(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text("recording,start_s,stop_s,exercise\n0,0,1,curl\n1,1,2,press\n")
    assert len(invoke_json("correct", "--lab", lab.url, "--file", file)["sets"]) == 2
    again = invoke_json("correct", "--lab", lab.url, "--file", file, status=1)
    assert "overlap set" in again["error"]["message"]
    assert "correct: expected either" in invoke("correct", "--lab", lab.url).stderr


def test_correct__takes_a_correction_back(lab: Lab) -> None:
    invoke_json("recognise", "--lab", lab.url)
    (made,) = invoke_json("correct", "--lab", lab.url, "--found", 0, "--exercise", "row")["sets"]
    mixed = invoke_json("correct", "--lab", lab.url, "--undo", made, "--found", 0, status=1)
    assert "--undo: expected it alone" in mixed["error"]["message"]
    undone = invoke_json("correct", "--lab", lab.url, "--undo", made)
    assert (undone["undone"], undone["replaced"], undone["sets"]) == (True, [made], [])
    assert lab.refresh().recording(0).sets == ()
    invoke_json("correct", "--lab", lab.url, "--undo", made, status=1)


def test_loop_and_found__know_nobody_of_that_name(lab: Lab) -> None:
    invoke_json("recognise", "--lab", lab.url)
    for command in ("loop", "found"):
        told = invoke_json(command, "--lab", lab.url, "--user", "nobody", status=1)
        assert "'nobody'" in told["error"]["message"]


def test_loop__says_why_there_is_nothing_to_compare(lab: Lab) -> None:
    invoke_json("recognise", "--lab", lab.url)
    invoke_json("correct", "--lab", lab.url, "--found", 0, "--exercise", "press")
    text = invoke("loop", "--lab", lab.url).stdout
    assert "NaN" not in text
    assert "nothing to compare yet" in text


def test_recognise__tells_of_failures_by_its_status(lab: Lab) -> None:
    lab.append(make(2, user="eve"))
    failed = invoke_json("recognise", "--lab", lab.url, status=1)
    assert failed["failed"] == {"2": "ValueError: it does not want to"}
    assert failed["found"] == 2


def test_loop__reports_what_corrections_have_brought(lab: Lab, tmp_path: Path) -> None:
    invoke_json("recognise", "--lab", lab.url)
    invoke_json("correct", "--lab", lab.url, "--found", 0, "--exercise", "press")
    told = invoke_json("loop", "--lab", lab.url, "--html", tmp_path / "loop.html")
    assert told["records"][0]["said"] == "curl"
    assert "Before and after" in (tmp_path / "loop.html").read_text()


def test_adapt__wants_a_recogniser(lab: Lab) -> None:
    failed = invoke_json("adapt", "--lab", lab.url, status=1)
    assert "has no recogniser 'sets'" in failed["error"]["message"]
