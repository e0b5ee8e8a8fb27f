"""Training while workers and drivers are killed.

``WORKOUTLAB_KILLS`` sets how many workers are killed at most, and how many drivers; 1 by default.
``WORKOUTLAB_FULL=1`` adds the training of 500 people, whose driver is killed 5 times and whose
workers 20 times.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from distributed import Client

from tests.test_recognition_cohorts import make_lab, plan
from workoutlab.cluster import connect
from workoutlab.lab import Lab
from workoutlab.recognition import MLP, Models, Recipe, train
from workoutlab.recognition.keeping.models import read_digests
from workoutlab.signals import RawWindows

pytestmark = pytest.mark.processes

KILLS = int(os.environ.get("WORKOUTLAB_KILLS", "1"))
PEOPLE = tuple(f"person-{number:03}" for number in range(12 * KILLS))
WORKERS = 2
RECIPE = Recipe(RawWindows(), MLP(200, 50), epochs=60 if KILLS == 1 else 240)
"""Takes long enough for a middle of training, and for a worker to start again within it."""

DRIVER = """
import sys
from tests.test_recognition_cohorts import plan
from tests.test_recognition_processes import RECIPE
from workoutlab.cluster import connect
from workoutlab.lab import Lab
from workoutlab.recognition import train

if __name__ == "__main__":
    with connect(workers=1, dashboard=False):
        print(len(train(plan(Lab(sys.argv[1])), RECIPE, cohort=2).trained))
"""


def _digests(lab: Lab) -> dict[str, str]:
    table = Models(lab.refresh()).table
    return dict(zip(table["user"], table["weights_digest"], strict=True))


def _count(url: str) -> int:
    """Networks that are stored, those that were trained twice counted twice."""
    return read_digests(Lab(url).root(), "exercise")[1]


def _wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came of it in time"
        time.sleep(0.1)


def _list_workers(driver: psutil.Process) -> list[psutil.Process]:
    """Workers at work: a nanny gives up if the process that it is starting dies."""
    workers = []
    for child in driver.children(recursive=True):
        with suppress(psutil.Error):  # it has just died
            if "spawn_main" in " ".join(child.cmdline()) and time.time() > child.create_time() + 3:
                workers.append(child)
    return workers


def _find_workers(client: Client) -> list[psutil.Process]:
    workers = _list_workers(psutil.Process())
    return workers if len(workers) == len(client.nthreads()) == WORKERS else []


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, str]:
    """What nobody's death got in the way of."""
    lab = make_lab("memory://undisturbed", *PEOPLE)
    assert train(plan(lab), RECIPE).ok
    return _digests(lab)


def test_train__survives_killed_workers(tmp_path, undisturbed):
    lab = make_lab(str(tmp_path / "lab"), *PEOPLE)
    stored: list[int] = []
    over = threading.Event()

    def kill_now_and_then(client: Client) -> None:
        for kill in range(KILLS):
            _wait_until(lambda: over.is_set() or _count(lab.url) > 10 * kill + 2)  # noqa: B023
            _wait_until(lambda: over.is_set() or bool(_find_workers(client)))
            if not over.is_set():
                _find_workers(client)[0].kill()
                stored.append(_count(lab.url))

    with connect(workers=WORKERS, dashboard=False) as client:
        killer = threading.Thread(target=kill_now_and_then, args=[client])
        killer.start()
        result = train(plan(lab), RECIPE, cohort=2)
        over.set()
        killer.join()
        # If it is closed while a worker is being started again, it may wait for it forever.
        _wait_until(lambda: bool(_find_workers(client)))
    assert stored
    assert max(stored) < len(PEOPLE)
    assert result.failed == {}
    assert result.trained == PEOPLE
    assert _count(lab.url) == len(PEOPLE)
    assert _digests(lab) == undisturbed


def test_train__trains_only_the_missing_after_its_driver_was_killed(tmp_path, undisturbed):
    lab = make_lab(str(tmp_path / "lab"), *PEOPLE)
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    home = str(Path(__file__).parents[1])
    for kill in range(KILLS):
        driver = subprocess.Popen(
            [sys.executable, str(script), lab.url],
            env={**os.environ, "PYTHONPATH": home},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        _wait_until(lambda: _count(lab.url) > 10 * kill + 2)  # noqa: B023
        driver.kill()
        driver.wait()
    found = _count(lab.url)
    result = train(plan(lab), RECIPE, cohort=2)
    assert len(result.unchanged) >= found > 0
    assert len(result.trained) == len(PEOPLE) - len(result.unchanged)
    assert len(result.trained) > 0
    assert _count(lab.url) == len(PEOPLE)
    assert _digests(lab) == undisturbed


class Counted(RawWindows):
    """Raw windows that leave a mark in a file whenever they are computed: once a person."""

    def compute(self, planes, starts, length, rate_hz):
        with Path(os.environ["WORKOUTLAB_MARKS"]).open("a") as marks:
            marks.write(".")
        return super().compute(planes, starts, length, rate_hz)


LONG = Recipe(Counted(), MLP(200, 50), epochs=7000)
LONG_DRIVER = (
    DRIVER.replace("RECIPE", "LONG").replace("workers=1", "workers=2").replace(", cohort=2", "")
)


@pytest.mark.skipif("WORKOUTLAB_FULL" not in os.environ, reason="takes a quarter of an hour")
def test_train__500_people_while_20_workers_and_5_drivers_are_killed(
    tmp_path, monkeypatch, record_property
):
    people = [f"person-{number:03}" for number in range(500)]
    monkeypatch.setenv("WORKOUTLAB_MARKS", str(tmp_path / "undisturbed"))
    calm = make_lab("memory://calm", *people)
    assert train(plan(calm), LONG).ok
    marks = tmp_path / "marks"
    monkeypatch.setenv("WORKOUTLAB_MARKS", str(marks))
    lab = make_lab(str(tmp_path / "lab"), *people)
    script = tmp_path / "driver.py"
    script.write_text(LONG_DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    killed = {"worker": 0, "driver": 0}

    def kill_some(driver: subprocess.Popen[bytes], last: bool) -> None:
        for _ in range(20 if last else 4):
            before = _count(lab.url)
            _wait_until(lambda: _count(lab.url) > before + 16 or driver.poll() is not None)  # noqa: B023
            if killed["worker"] == 20 or driver.poll() is not None:
                break
            workers = _list_workers(psutil.Process(driver.pid))
            if workers:
                workers[0].kill()
                killed["worker"] += 1
        if not last:
            driver.kill()
            killed["driver"] += driver.wait() == -signal.SIGKILL

    for run in range(6):
        driver = subprocess.Popen([sys.executable, str(script), lab.url], env=environment)
        kill_some(driver, last=run == 5)
        driver.wait(timeout=1200)
    assert killed == {"worker": 20, "driver": 5}
    assert _count(lab.url) == len(people)
    assert _digests(lab) == _digests(calm)
    repeated = len(marks.read_text()) / len(people) - 1
    record_property("repeated share of the work", repeated)
    assert 0 <= repeated <= 0.1


@pytest.mark.parametrize("workers", [0, 1])
def test_train__leaves_what_is_finished_when_it_is_interrupted(tmp_path, workers):
    lab = make_lab(str(tmp_path / "lab"), *(f"person-{number:02}" for number in range(30)))
    command = [sys.executable, "-m", "workoutlab", "train", "--lab", lab.url, "--json"]
    command += ["--length", "2s", "--step", "20ms", "--epochs", "200", "--workers", str(workers)]
    home = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": home}
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _wait_until(lambda: _count(lab.url) > 0)
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=120)
    found = _count(lab.url)
    assert running.returncode == 130
    assert "the same command goes on from there" in json.loads(told)["error"]["message"]
    assert 0 < found < 30
    assert lab.refresh().verify().ok
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert len(json.loads(again.stdout)["unchanged"]) == found
    assert _count(lab.url) == 30
