"""Processes that write at once, and processes that are killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab_recordings import make
from workoutlab.lab import Lab

FULL = os.environ.get("WORKOUTLAB_FULL") == "1"
BATCHES = 100 if FULL else 10
KILLS = 100 if FULL else 8
BATCH = 3

pytestmark = pytest.mark.processes


def _write(folder: Path, first: int, count: int, size: int) -> subprocess.Popen[str]:
    arguments = [str(folder), *map(str, (first, count, size))]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab_writer", *arguments],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> list[str]:
    said, _ = process.communicate(timeout=900)
    return said.split()


def test_append__three_processes_lose_nothing(tmp_path: Path) -> None:
    """They create the lab together, too."""
    folder = tmp_path / "lab"
    writers = [_write(folder, 1000 * at, BATCHES, 1) for at in range(3)]
    said = [_end(writer) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [len(each) for each in said] == [BATCHES + 1] * 3
    lab = Lab(folder, create=False)
    assert len(lab.history()) == 3 * BATCHES + 1
    sources = set(lab.table("recordings", ["source"])["source"])
    assert sources == {f"{1000 * at + n}.csv" for at in range(3) for n in range(BATCHES)}
    assert lab.verify().ok


def test_append__two_processes_store_the_same_files_once(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    writers = [_write(folder, 0, 5, BATCH) for _ in range(2)]
    for writer in writers:
        _end(writer)
    lab = Lab(folder, create=False)
    assert sorted(lab.table("recordings")["source"]) == sorted(f"{n}.csv" for n in range(5 * BATCH))
    assert len(lab.history()) == 6


def test_append__killed_at_any_moment_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    folder, rng, acknowledged = tmp_path / "lab", random.Random(0), -1
    for _ in range(KILLS):
        writer = _write(folder, acknowledged + 1, 1000, BATCH)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.5))
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, _end(writer))])
        lab = Lab(folder, create=False)
        sources = lab.table("recordings", ["source"])["source"].tolist()
        assert sources[: acknowledged + 1] == [f"{n}.csv" for n in range(acknowledged + 1)]
        assert len(sources) == len(set(sources))
        assert len(sources) % BATCH == 0
    assert lab.verify().ok
    # The next to come waits for no lock that the dead still hold, and stores nothing twice.
    result = lab.append([make(n, source=f"{n}.csv") for n in range(len(sources) + BATCH)])
    assert result.stored == BATCH
    assert lab.verify().ok


def test_lab__killed_while_it_is_created_can_be_created(tmp_path: Path) -> None:
    rng = random.Random(1)
    for turn in range(40 if FULL else 3):
        folder = tmp_path / str(turn)
        writer = _write(folder, 0, 1, 1)
        while not folder.exists():
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.06))
        writer.kill()
        said = _end(writer)
        lab = Lab(folder)
        assert lab.append([make(0, source="0.csv")]).stored == ("0" not in said)
        assert lab.verify().ok
