"""The demo against a separately started scheduler and two workers: real processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workoutlab import Lab, Models

pytestmark = pytest.mark.processes


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    processes = [
        subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common])
    ]
    while not file.exists() and processes[0].poll() is None:
        time.sleep(0.05)
    worker = ["worker", "--host", "127.0.0.1", "--nthreads", "1", "--nworkers", "1"]
    local = ["--local-directory", str(tmp_path / "workers")]
    processes += [subprocess.Popen([*dask, *worker, *common, *local]) for _ in range(2)]
    try:
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def workoutlab(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workoutlab", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_demo__on_a_cluster(scheduler: str, tmp_path: Path) -> None:
    done = workoutlab(
        *("demo", "--lab", "lab", "--seeds", 1, "--scheduler", scheduler, "--json"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    users = found["trained"]["trained"]
    assert len(users) >= 4
    assert found["evaluation"]["label"] == "SIMULATED DATA"
    assert Path(found["report"]).read_text().startswith("<!DOCTYPE html>")
    assert list(Models(Lab(tmp_path / "lab")).users) == users


def test_demo__on_this_machine_tells_figures_report_and_next_steps(tmp_path: Path) -> None:
    done = workoutlab("demo", "--seeds", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SIMULATED DATA" in done.stdout
    assert "error %" in done.stdout
    assert f"Report: {tmp_path / 'workoutlab-demo-report.html'}" in done.stdout
    assert "What to try next" in done.stdout
    assert "http://127.0.0.1:" in done.stdout
    assert (tmp_path / "workoutlab-demo-report.html").exists()
