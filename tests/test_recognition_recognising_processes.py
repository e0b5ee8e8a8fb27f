"""Recognising while workers and drivers are killed: what is finished stays, the rest is done."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.found_sets import Fake
from tests.lab_recordings import make
from workoutlab.cluster import connect
from workoutlab.lab import Lab
from workoutlab.recognition.segmentation.recognising import recognise
from workoutlab.store.found import read_known

pytestmark = pytest.mark.processes

RECORDINGS = 12
SLOW = Fake(wait_s=0.4)

DRIVER = """
import sys
import dask
from tests.test_recognition_recognising_processes import SLOW
from workoutlab.lab import Lab
from workoutlab.recognition import recognise

if __name__ == "__main__":
    with dask.config.set(scheduler="synchronous"):
        recognise(Lab(sys.argv[1]), SLOW)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.append([make(number, user=f"person-{number:02}") for number in range(RECORDINGS)])
    return lab


def _runs(lab: Lab) -> int:
    """Recordings that were gone through, those twice counted twice."""
    return read_known(lab.refresh().root(), "sets")[1]


def _wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came of it in time"
        time.sleep(0.05)


def test_recognise__goes_on_after_its_driver_was_killed(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    driver = subprocess.Popen([sys.executable, str(script), lab.url], env=environment)
    _wait_until(lambda: _runs(lab) >= 2)
    driver.kill()
    driver.wait()
    before = _runs(lab)
    assert 2 <= before < RECORDINGS
    result = recognise(lab, SLOW, progress=False)
    assert result.ok
    assert (len(result.unchanged), len(result.recognised)) == (before, RECORDINGS - before)
    assert _runs(lab) == RECORDINGS
    assert sorted(lab.found()["recording"]) == list(range(RECORDINGS))
    assert lab.verify().ok


def test_recognise__finds_everything_once_though_a_worker_dies(lab: Lab) -> None:
    import psutil

    def kill_one() -> None:
        workers = [
            child
            for child in psutil.Process().children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        workers[-1].kill()

    with connect(workers=1, dashboard=False):
        from threading import Thread

        def kill_in_the_middle() -> None:
            _wait_until(lambda: _runs(Lab(lab.url)) >= 2)
            kill_one()

        killer = Thread(target=kill_in_the_middle)
        killer.start()
        result = recognise(lab, SLOW, progress=False)
        killer.join()
    assert result.ok
    assert sorted(lab.found()["recording"]) == list(range(RECORDINGS))
    assert len(result.recognised) + len(result.unchanged) == RECORDINGS
    assert _runs(lab) == RECORDINGS
