import os
import subprocess
import sys
from pathlib import Path

import pytest

# By hand: WORKOUTLAB_MEMORY_RECORDINGS=200 measures 200 and 800 recordings of 20 minutes.
RECORDINGS = int(os.environ.get("WORKOUTLAB_MEMORY_RECORDINGS", "10"))


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory_of_features", *map(str, arguments)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory") / "lab"
    run(folder, 4 * RECORDINGS, 0)
    return folder


@pytest.mark.processes
def test_features__need_memory_for_blocks_and_not_for_recordings(folder):
    few, many = (float(run(folder, n, 4)) for n in (RECORDINGS, 4 * RECORDINGS))
    large = float(run(folder, 4 * RECORDINGS, 256))
    print(f"peak MiB: {few:.0f} for {RECORDINGS}, {many:.0f} for four times as many")  # noqa: T201
    print(f"          {large:.0f} with blocks of 256 MiB instead of 4")  # noqa: T201
    windows_mib = 3 * RECORDINGS * 1193 * 4800 / 2**20  # of the recordings more
    assert many - few < 0.25 * windows_mib
    assert large > many + 50
