"""Peak memory of a process that goes through the features of some recordings.

``python -m tests.memory_of_features LAB RECORDINGS BLOCK_MIB`` prints it in MiB; with a folder that
does not exist, a lab of that many recordings of 20 minutes is made there first, and nothing
measured. ``... LAB RECORDINGS BLOCK_MIB raw|statistics`` prints what a task takes as it was claimed
before, and as it was measured on one thread.
"""

import sys
from pathlib import Path

import numpy as np

from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals import RawWindows, Statistics, features, windows

SAMPLES = 60_000


def make_lab(folder: Path, recordings: int) -> None:
    lab = Lab(folder)
    rng = np.random.default_rng(0)
    for first in range(0, recordings, 10):
        users = range(first, min(first + 10, recordings))
        samples = rng.normal(size=(len(users), SAMPLES, 3)).astype(np.float32)
        lab.append(
            Recording(user=f"{user}", session="s", acceleration=values, rate_hz=50)
            for user, values in zip(users, samples, strict=True)
        )


def measure(folder: Path, recordings: int, block_bytes: int) -> float:
    """Return the peak memory in MiB of averaging the raw windows of some recordings."""
    plan = windows(Lab(folder, create=False), within="recordings")
    dataset = features(plan.select(np.arange(recordings)), RawWindows(), block_bytes=block_bytes)
    dataset["features"].data.mean(axis=0).compute(scheduler="threads", num_workers=2)
    return peak_mib()


def compare(folder: Path, recordings: int, block_bytes: int, kind: str) -> tuple[float, float]:
    """Return in MiB what a task was claimed to take, and what it took beside the process itself."""
    inputs = RawWindows() if kind == "raw" else Statistics()
    rate_hz = 20 if kind == "resampled" else None
    plan = windows(Lab(folder, create=False), within="recordings", rate_hz=rate_hz)
    chosen = plan.select(np.arange(recordings))
    few = features(plan.select([0]), inputs, block_bytes=10**5)  # libraries and kernels are loaded
    few["features"].data.mean(axis=0).compute(scheduler="synchronous")
    claimed = chosen.describe(inputs, block_bytes=block_bytes).task_bytes / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = peak_mib()
    lazy = features(chosen, inputs, block_bytes=block_bytes)["features"].data
    lazy.mean(axis=0, split_every=2).compute(scheduler="synchronous")
    return claimed, peak_mib() - before


def peak_mib() -> float:
    """Return the most memory that this process has used.

    ``ru_maxrss`` will not do: it starts with that of the process that started this one.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    lab, count, block_mib = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    if len(sys.argv) > 4:
        print(*compare(lab, count, int(block_mib * 2**20), sys.argv[4]))  # noqa: T201 - a script
    elif lab.exists():
        print(measure(lab, count, int(block_mib * 2**20)))  # noqa: T201 - it is a script
    else:
        make_lab(lab, count)
