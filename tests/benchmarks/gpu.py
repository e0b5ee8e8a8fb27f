"""Many networks at once on a GPU: time, and the share of the memory-bandwidth bound.

``python -m tests.benchmarks.gpu --members 10000`` trains that many networks 1200-250-50-8, each on
its own 600 windows, for 20 epochs in batches of 30, stacked along a member axis, and prints one
line of JSON. The bound is the time in which the device's memory moves what every step must move at
least, since the weights of thousands of networks fit no cache: the forward pass reads the weights;
the update reads weights and velocities and writes both. How fast the memory is, is measured by a
copy. Without the device that is asked for, it says so and ends with status 0.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

from workoutlab.learning import MLP, Training
from workoutlab.learning.engines import Trained, train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import count_weights
from workoutlab.learning.stacked import StackedEngine

__all__ = ["main"]

INPUTS, HIDDEN, CLASSES = 1200, (250, 50), 8
WINDOWS, BATCH = 600, 30
PASSES = 5


def make_members(count: int, training: Training) -> list[Member]:
    """Make members with inputs of their own, exercise by exercise around a common center."""
    targets = np.arange(WINDOWS) % CLASSES
    centers = np.random.default_rng(0).normal(size=(CLASSES, INPUTS)).astype(np.float32)[targets]
    members = []
    for person in range(count):
        numbers = np.random.default_rng([12, person])
        inputs = numbers.random((WINDOWS, INPUTS), np.float32)
        inputs += centers
        members.append(Member(str(person), inputs, targets, CLASSES, person, training))
    return members


def measure_bandwidth(device: str, size: int) -> float:
    """Return bytes a second that copies read and write."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    best = np.inf
    for _ in range(6):
        wait(device)
        started = time.perf_counter()
        target.copy_(source)
        wait(device)
        best = min(best, time.perf_counter() - started)
    return 2 * source.nbytes / best


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    chosen = parser.parse_args(arguments)
    if chosen.device.startswith("cuda") and not torch.cuda.is_available():
        sys.stdout.write(f"skipped: torch {torch.__version__} sees no CUDA device\n")
        return 0
    network = MLP(*HIDDEN, dropout_keep=1.0)
    training = Training(network, epochs=chosen.epochs, batch=BATCH, scaling="none", balance=1)
    engine = StackedEngine(chosen.device)
    train_members(make_members(2, training), engine)  # loads what the first call loads
    members = make_members(chosen.members, training)
    started = time.perf_counter()
    outcomes = train_members(members, engine)
    seconds = time.perf_counter() - started
    assert all(isinstance(outcome, Trained) for outcome in outcomes)
    steps = chosen.epochs * -(-WINDOWS // BATCH)
    moved = PASSES * 4 * count_weights(network.shapes(INPUTS, CLASSES)) * chosen.members * steps
    bandwidth = measure_bandwidth(chosen.device, 2**30 if chosen.device != "cpu" else 2**26)
    figures = {
        "members": chosen.members,
        "device": chosen.device,
        "seconds": round(seconds, 3),
        "models_per_second": round(chosen.members / seconds, 2),
        "bandwidth_gb_s": round(bandwidth / 1e9, 1),
        "bound_seconds": round(moved / bandwidth, 3),
        "share_of_bound": round(moved / bandwidth / seconds, 4),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
