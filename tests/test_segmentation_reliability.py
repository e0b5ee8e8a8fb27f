import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import workoutlab as wl
from tests.test_segmentation_fitting import session
from workoutlab.cli import app
from workoutlab.recognition.segmentation.calibration import Calibration
from workoutlab.recognition.segmentation.diagram import draw_reliability
from workoutlab.recognition.segmentation.reliability import measure_reliability


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    sure = random.uniform(0.4, 1, 500)
    right = random.random(500) < sure - 0.1
    return measure_reliability(sure, right), measure_reliability(sure - 0.1, right)


def test_draw_reliability__has_a_dot_for_every_bin_that_holds_something(pair):
    drawn = draw_reliability(*pair, "<sets>")
    assert drawn.count("<circle") == sum(np.count_nonzero(each.count) for each in pair)
    assert "&lt;sets&gt;" in drawn
    radii = [float(each) for each in re.findall(r' r="([\d.]+)"', drawn)]
    assert max(radii) > min(radii)


def test_calibration__is_saved_as_a_page(pair, tmp_path):
    calibration = Calibration(held=500, wrong=90, lost=5, kept=40, reliability={"sets": pair})
    page = calibration.save_html(tmp_path / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert f"{100 * pair[0].error:.1f} % before" in page
    assert "<script" not in page
    assert "90 named wrongly" in calibration._repr_html_()


def test_cli_recogniser__trains_and_reports(tmp_path):
    lab = wl.Lab(tmp_path / "lab")
    lab.append([session("curl", "press", seed=seed) for seed in range(2)])
    page = tmp_path / "page.html"
    arguments = ["recogniser", "--lab", str(lab.url), "--report", str(page), "--json"]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["calibrated"] == {"activity": ["*"], "exercise": ["*"]}
    assert told["calibration"]["held"] == 4
    assert "Which" in page.read_text() or "which exercise" in page.read_text()
    assert wl.open_recogniser(lab.refresh()).exercises.classes == ("curl", "press")
