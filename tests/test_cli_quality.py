"""The command ``quality``."""

import json

import pytest
from typer.testing import CliRunner

from tests.test_recognition_quality_report import curls
from workoutlab.cli import app
from workoutlab.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("lab") / "lab")
    Lab(url).append([curls("ann", 0), curls("ann", 1, slower=1.4), curls("bob", 2)])
    return url


def run(*words):
    return CliRunner().invoke(app, list(words))


def test_quality__says_how_sets_were_done(lab):
    result = run("quality", "--lab", lab, "--user", "ann")
    assert result.exit_code == 0, result.output
    assert "ann s0 2 s biceps-curl: 12 repetitions of 2.0 s, 1.00 alike." in result.stdout
    assert "% slower than the first 3." in result.stdout
    assert result.stdout.rstrip().endswith("2 of 2 sets shown")


def test_quality__shows_those_that_a_sentence_tells_something_of(lab):
    told = json.loads(run("quality", "--lab", lab, "--only-said", "--json").stdout)
    assert [each["session"] for each in told["sets"]] == ["s1"]
    assert "% slower than the first 3." in told["sets"][0]["said"]
    assert told["units"]["tempo_s"] == "s"
    assert told["failed"] == {}


def test_quality__tells_a_wrong_name(lab):
    result = run("quality", "--lab", lab, "--user", "eve")
    assert result.exit_code == 1
    assert "eve" in result.output
