"""The tasks of ``workoutlab evaluate``: sets in continuous sessions, and repetitions."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.test_recognition_repetition_evaluation import make_set
from tests.test_recognition_sets import fit, make_session, make_sessions
from workoutlab.cli import app
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation import sets as evaluation


def invoke_json(*arguments: object, status: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--json"])
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions") / "lab"
    Lab(folder).append(make_sessions())
    return folder


@pytest.fixture
def _fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_fit", fit)


@pytest.mark.usefixtures("_fitted")
def test_segment__leaves_out_what_the_protocol_says(sessions: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    by_session = invoke_json("--lab", sessions, "--task", "segment", "--report", report)
    assert (by_session["task"], by_session["protocol"]["by"]) == ("segment", "session")
    assert by_session["all"]["truth"] == 12
    assert len(by_session["folds"]) == 4
    assert "Sets in continuous sessions" in report.read_text()
    people = invoke_json(
        *("--lab", sessions, "--task", "segment", "--protocol", "person", "--groups", 2),
        *("--user", "ann", "--user", "bob"),
    )
    assert [one["user"] for one in people["people"]] == ["ann", "bob"]


@pytest.mark.usefixtures("_fitted")
def test_segment__composes_single_sets_with_the_pauses_of_other_recordings(tmp_path: Path) -> None:
    singles = [make_set(n, 5 + n, user="ann" if n % 2 else "bob") for n in range(6)]
    Lab(tmp_path / "lab").append([*singles, make_session(50, "cid", "tue")])
    found = invoke_json(
        *("--lab", tmp_path / "lab", "--task", "segment", "--protocol", "person", "--composed")
    )
    assert found["all"]["truth"] == 6
    assert found["note"].startswith("Composed sessions: 6 recorded sets")


def test_repetitions__tells_errors_and_misses(tmp_path: Path) -> None:
    Lab(tmp_path / "lab").append([make_set(0, 6), make_set(1, 7), make_set(2, 8, noted=20)])
    report = tmp_path / "report.html"
    found = invoke_json(
        *("--lab", tmp_path / "lab", "--task", "repetitions", "--baseline", "--report", report)
    )
    assert found["task"] == "repetitions"
    assert found["all"]["sets"] == 3
    assert [one["source"] for one in found["misses"]] == ["2.csv"]
    assert found["baseline"]["name"] == "count_muvr"
    assert "2.csv" in report.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--task", "segment", "--epochs", 3), "--epochs: not with --task segment"),
        (("--task", "repetitions", "--protocol", "set"), "--protocol: not with --task repetitions"),
        (("--task", "repetitions", "--composed"), "--composed: not with --task repetitions"),
        (("--baseline", "--groups", 3), "--baseline, --groups: not with --task exercise"),
        (("--task", "segment", "--templates", "set"), "--templates: not with --task segment"),
        (("--task", "segment", "--protocol", "set"), "cannot be parted by set"),
        (("--task", "segment", "--protocol", "random"), "windows overlap"),
        (("--task", "repetitions", "--user", "zoe"), "holds no recordings of user: zoe"),
        (("--task", "segment", "--report", "/nowhere/at/all.html"), "--report: expected a file"),
    ],
)
def test_tasks__refuse_options_that_do_not_fit(
    sessions: Path, arguments: tuple[object, ...], told: str
) -> None:
    error = invoke_json("--lab", sessions, *arguments, status=1)["error"]
    assert told in error["message"]


def test_task__unknown_ones_are_named(sessions: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--lab", str(sessions), "--task", "rows"])
    assert result.exit_code == 2
    assert "segment" in result.output


def test_judging__takes_options_from_the_environment_as_they_come(
    sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKOUTLAB_LAB", str(sessions))
    monkeypatch.setattr(evaluation, "_fit", fit)
    found = invoke_json("--task", "segment", "--protocol", "person")
    assert SimpleNamespace(**found["all"]).truth == 12
