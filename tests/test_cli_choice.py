"""The commands ``choose`` and ``crossover``."""

import json

import pytest
from typer.testing import CliRunner

from tests.test_recognition_cohorts import make_recording
from workoutlab.cli import app
from workoutlab.cli.recipes import read_search
from workoutlab.lab import Lab

SMALL = ["--hidden", "8,8", "--epochs", "3", "--length", "2s", "--step", "1s"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("lab") / "lab")
    Lab(url).append(
        make_recording(user, 10 * number + session)
        for number, user in enumerate(("ann", "bob", "cem"))
        for session in range(3)
    )
    return url


def run(*words):
    return CliRunner().invoke(app, list(words))


def test_choose__chooses_and_says_what_it_did(lab):
    result = run("choose", "--lab", lab, *SMALL, "--criterion", "error")
    assert result.exit_code == 0, result.output
    assert "models 'exercise': 3 of 3 people trained" in result.output
    again = run("choose", "--lab", lab, *SMALL, "--criterion", "error", "--json")
    told = json.loads(again.stdout)
    assert (told["trained"], told["unchanged"]) == ([], ["ann", "bob", "cem"])
    assert set(told["kinds"]) == {"ann", "bob", "cem"}


def test_choose__refuses_kinds_without_the_common_one(lab):
    result = run("choose", "--lab", lab, *SMALL, "--kind", "own")
    assert result.exit_code == 1
    assert "expected 'common'" in result.output


def test_crossover__measures_and_writes_a_report(lab, tmp_path):
    report = tmp_path / "crossover.html"
    words = ["--count", "2", "--seeds", "1", "--report", str(report)]
    result = run("crossover", "--lab", lab, *SMALL, *words, "--protocol", "person")
    assert result.exit_code == 0, result.output
    assert "people left out" in result.output
    assert "SIMULATED DATA" in report.read_text(encoding="utf-8")
    told = run("crossover", "--lab", lab, *SMALL, "--count", "2", "--seeds", "1", "--json")
    assert [row["count"] for row in json.loads(told.stdout)["table"]] == [2, "mean"]


def test_crossover__refuses_a_report_nowhere_before_the_work(lab, tmp_path):
    report = str(tmp_path / "none" / "report.html")
    result = run("crossover", "--lab", lab, "--report", report)
    assert result.exit_code == 1
    assert "--report: expected a file" in result.output


def test_read_search__knows_the_scaling_that_is_called_none():
    assert read_search(["scaling=none,ramps", "batch=none,10"]).values == {
        "scaling": ["none", "ramps"],
        "batch": [None, 10],
    }
