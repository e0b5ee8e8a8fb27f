"""Features of windows: our lazy features against NumPy and SciPy, a kernel, and toolkits.

The yardstick: 14 features of x, y and z, windows of 4 s every 1 s at 100 Hz in float32, in two
threads or processes where a contender can use two. Toolkits compute their own nearest of each, on
fewer windows; figures are per window. A second workload is our whole catalogue.

``python -m tests.benchmarks.features`` prints what each feature costs by itself, and all of them.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import contenders
from tests.benchmarks.byhand import describe_by_hand
from tests.benchmarks.contenders import LENGTH, NAMES, RATE_HZ, STEP, Floats, cut
from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Recording, Statistics, features, windows
from workoutlab.kernels.catalogue import CATALOGUE
from workoutlab.kernels.statistics import describe_windows

__all__ = ["WORKLOADS", "measure_costs"]

BATCH = 48
"""Windows that a thread of the vectorised contenders works on at a time: fastest of 8 to 128."""


def signals(count: int, minutes: int) -> list[Floats]:
    """Make sessions: shape (sample, 3) each, in g."""
    generator = np.random.default_rng(3)
    samples = minutes * 60 * RATE_HZ
    time_s = np.arange(samples) / RATE_HZ
    made = []
    for _ in range(count):
        period_s = generator.uniform(1.5, 4)
        swing = np.sin(2 * np.pi * time_s / period_s)[:, None] * generator.uniform(0.2, 1, 3)
        noise = generator.normal(0, 0.05, (samples, 3))
        made.append((generator.normal(0, 0.6, 3) + swing + noise).astype(np.float32))
    return made


def workload(full: bool) -> list[Floats]:
    """Make what the contenders that are not toolkits describe: 76,000 windows at full size."""
    return signals(64, 20) if full else signals(4, 2)


def describe_lazily(
    sessions: Sequence[Floats], names: Sequence[str]
) -> tuple[int, Callable[[], Floats]]:
    """Plan our features; return the number of windows and what computes them."""
    recordings = [
        Recording(user=f"u{number:03}", session="1", acceleration=signal, rate_hz=RATE_HZ)
        for number, signal in enumerate(sessions)
    ]
    plan = windows(recordings, length="4s", step="1s", within="recordings")
    lazy = features(plan, Statistics(names, channels=("x", "y", "z")))["features"]
    return len(plan), lambda: lazy.compute(scheduler="threads", num_workers=2).values


def prepare_ours(full: bool, folder: Path) -> Work:
    sessions = workload(full)
    count, compute = describe_lazily(sessions, NAMES)

    def work() -> float:
        assert len(compute()) == count
        return count

    some = contenders.in_two_threads(contenders.describe_by_numpy, sessions[:2], BATCH)
    compare(compute(), some)
    return work


def prepare_catalogue(full: bool, folder: Path) -> Work:
    names = [each.name for each in CATALOGUE]
    count, compute = describe_lazily(workload(full), names)

    def work() -> float:
        assert len(compute()) == count
        return count

    return work


def compare(ours: Floats, theirs: Sequence[Floats]) -> None:
    """Assert that the first windows are the same; a tie may fall either way in one of 1,000."""
    expected = np.concatenate(theirs)
    came = ours[: len(expected)].reshape(expected.shape)
    alike = np.isclose(came, expected, rtol=1e-3, atol=1e-3)
    assert alike.mean(axis=(0, 1)).min() > 0.999, dict(
        zip(NAMES, alike.mean(axis=(0, 1)), strict=True)
    )


def prepare_vectorised(describe: contenders.Describe, full: bool, folder: Path) -> Work:
    sessions = workload(full)

    def work() -> float:
        return sum(map(len, contenders.in_two_threads(describe, sessions, BATCH)))

    alone = contenders.in_two_threads(describe, sessions[:1], BATCH)
    by_numpy = contenders.in_two_threads(contenders.describe_by_numpy, sessions[:1], BATCH)
    compare(np.concatenate(alone), by_numpy)
    return work


def prepare_toolkit(
    run: Callable[[Sequence[Floats]], Any], minutes: int, full: bool, folder: Path
) -> Work:
    sessions = signals(2, minutes if full else 1)
    count = sum(len(cut(signal)) for signal in sessions)

    def work() -> float:
        run(sessions)
        return count

    return work


def toolkit(
    name: str, package: str, run: Callable[[Sequence[Floats]], Any], minutes: int
) -> Contender:
    return Contender(name, partial(version, package), partial(prepare_toolkit, run, minutes))


def contest() -> Workload:
    plain = partial(contenders.run_tsflex, vectorised=False)
    vectorised = partial(contenders.run_tsflex, vectorised=True)
    ours, scipy = partial(version, "workoutlab"), partial(version, "scipy")
    by_numpy = partial(prepare_vectorised, contenders.describe_by_numpy)
    by_hand = partial(prepare_vectorised, describe_by_hand)
    return Workload(
        "features",
        "window",
        (
            Contender("workoutlab", ours, prepare_ours, peer=False),
            Contender("numpy+scipy", scipy, by_numpy, peer=False),
            Contender("numba+scipy", partial(version, "numba"), by_hand, peer=False),
            toolkit("skdh", "scikit-digital-health", contenders.run_skdh, 20),
            toolkit("tsflex", "tsflex", plain, 20),
            toolkit("tsflex of numpy+scipy", "tsflex", vectorised, 20),
            toolkit("tsfresh", "tsfresh", contenders.run_tsfresh, 20),
            toolkit("TSFEL", "tsfel", contenders.run_tsfel, 10),
        ),
    )


WORKLOADS = (
    contest(),
    Workload(
        "whole catalogue",
        "window",
        (Contender("workoutlab", partial(version, "workoutlab"), prepare_catalogue, peer=False),),
    ),
)


def measure_costs(minutes: int = 2, rounds: int = 9) -> list[dict[str, str | float]]:
    """Measure what each feature costs alone, on one core, and what all cost together.

    Returns
    -------
    list
        ``name``, ``of``, ``stated_ns`` and ``measured_ns`` for a window (and a channel, where it
        is of a channel); last the whole catalogue, for a window and channel.
    """
    planes = np.ascontiguousarray(signals(1, minutes)[0].T)
    starts = np.arange(0, planes.shape[1] - LENGTH + 1, STEP)

    def time_ns(names: Sequence[str]) -> float:
        describe_windows(planes, starts, LENGTH, RATE_HZ, tuple(names))
        took = []
        for _ in range(rounds):
            began = time.perf_counter_ns()
            describe_windows(planes, starts, LENGTH, RATE_HZ, tuple(names))
            took.append(time.perf_counter_ns() - began)
        return float(np.median(took)) / len(starts)

    costs: list[dict[str, str | float]] = []
    for each in CATALOGUE:
        measured = time_ns([each.name]) / (3 if each.of == "channel" else 1)
        stated = {"name": each.name, "of": each.of, "stated_ns": each.cost_ns}
        costs.append({**stated, "measured_ns": round(measured)})
    everything = time_ns([each.name for each in CATALOGUE]) / 3
    costs.append({"name": "all", "of": "channel", "measured_ns": round(everything)})
    return costs


if __name__ == "__main__":
    for cost in measure_costs():
        sys.stdout.write(json.dumps(cost) + "\n")
