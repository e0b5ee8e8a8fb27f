"""Live sessions: what one core keeps up with, and what a session holds. SIMULATED DATA.

The workload follows several simulated sessions at once, turn by turn, in packets of 0.2 s at 50 Hz,
against finding the same sets in the whole recordings at once; its throughput in s of signal a
second is the number of sessions that one core can follow. Both must find the same sets.

``python -m tests.benchmarks.live --hours 3`` pushes one long session, and prints lines of JSON: how
long a push takes (wall time and this thread's CPU time: medians, 99th percentiles, longest), and
every half an hour the resident memory and the size of the session's state; with ``--trace`` also
what Python and NumPy have allocated, which takes several times as long.

The recogniser has the inputs and network sizes of the usual recipe, so that it costs what one
costs; what its networks say is replaced by what the spread of movement says, so that it finds sets
without having been trained.
"""

import argparse
import json
import platform
import sys
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
from threadpoolctl import threadpool_limits

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import simulate
from workoutlab.learning.networks import MLP, Network, draw_weights, no_scaler
from workoutlab.live import Event, LiveSession, SetEnded
from workoutlab.recognition.segmentation.recogniser import ACTIVITY, Recogniser, Stage
from workoutlab.recording import Recording
from workoutlab.signals import Statistics

__all__ = ["WORKLOADS", "main"]

ACTIVE_G = 0.3
"""Spread of movement from which on a window is active: about as many sets as there are."""
Times = npt.NDArray[np.float64]
PACKET = 10
"""Samples: 0.2 s at 50 Hz."""
EXERCISES = ("curl", "press", "row", "raise", "dip", "twist", "fly", "crunch")
INPUTS = Statistics("all", channels=("x", "y", "z", "magnitude"))
SPREADS = [INPUTS.names(200).index(f"{axis}_sd") for axis in "xyz"]


@dataclass(frozen=True)
class Stand:
    """Computes a network, and says what spreads of movement say."""

    network: Network
    classes: int

    def predict(self, inputs: npt.ArrayLike) -> npt.NDArray[np.float32]:
        self.network.predict(inputs)
        spread = np.asarray(inputs, np.float32)[:, SPREADS]
        if self.classes == len(ACTIVITY):
            active = 1 / (1 + np.exp(-40 * (spread.max(axis=1) - ACTIVE_G)))
            return np.stack([active, 1 - active], axis=1).astype(np.float32)
        return np.tile(np.float32([0.86] + [0.02] * (self.classes - 1)), (len(spread), 1))


def make_recogniser() -> Recogniser:
    stages = []
    for classes, length in ((ACTIVITY, 200), (EXERCISES, 250)):
        description, size = MLP(250, 50), len(INPUTS.names(200))
        layers = draw_weights(description, description.shapes(size, len(classes)), 0)
        network = Network(description, layers, no_scaler(size))
        stages.append(Stage(classes, Stand(network, len(classes)), INPUTS, length, 25))
    return Recogniser(*stages, threshold=0.6)


def make_sessions(count: int, minutes: float) -> list[Recording]:
    people = simulate(count, sessions=1, minutes=minutes, seed=11)
    return [people.session(person, 0).recording for person in range(count)]


def cut(recording: Recording) -> Iterator[tuple[Any, float]]:
    for first in range(0, len(recording), PACKET):
        yield recording.acceleration[first : first + PACKET], first / 50


def list_sets(events: Sequence[Event]) -> list[tuple[int, int]]:
    ended = [event.found for event in events if isinstance(event, SetEnded)]
    return [(each.start, each.stop) for each in ended]


def prepare(live: bool, full: bool, folder: Path) -> Work:
    threadpool_limits(1)
    recogniser = make_recogniser()
    recordings = make_sessions(20 if full else 2, 20 if full else 5)

    def follow() -> list[list[tuple[int, int]]]:
        sessions = [LiveSession(recogniser, start=0) for _ in recordings]
        found: list[list[tuple[int, int]]] = [[] for _ in recordings]
        for packets in zip_longest(*(cut(recording) for recording in recordings)):
            for k, packet in enumerate(packets):
                if packet is not None:
                    found[k] += list_sets(sessions[k].push(*packet))
        for k, session in enumerate(sessions):
            found[k] += list_sets(session.finish())
        return found

    def find() -> list[list[tuple[int, int]]]:
        found = [recogniser.find(recording).sets for recording in recordings]
        return [[(each.start, each.stop) for each in sets] for sets in found]

    assert follow() == find()
    seconds = sum(recording.duration_s for recording in recordings)

    def work() -> float:
        (follow if live else find)()
        return seconds

    return work


WORKLOADS = (
    Workload(
        "live",
        "s of signal",
        (
            Contender("LiveSession", partial(version, "workoutlab"), partial(prepare, True), False),
            Contender(
                "Recogniser.find", partial(version, "workoutlab"), partial(prepare, False), False
            ),
        ),
    ),
)


def tell(kind: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"figure": kind, "label": "SIMULATED DATA", **facts}) + "\n")
    sys.stdout.flush()


def tell_memory(session: LiveSession, hours: float, trace: bool) -> None:
    facts: dict[str, object] = {
        "hours": round(hours, 3),
        "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
        "state_bytes": len(session.state()),
    }
    if trace:
        facts["allocated_mb"] = round(tracemalloc.get_traced_memory()[0] / 2**20, 3)
    tell("memory", **facts)


def tell_times(wall: Times, cpu: Times, sets: int, hours: float) -> None:
    facts: dict[str, object] = {"pushes": len(wall), "hours": hours, "sets": sets}
    for name, took in (("wall", wall), ("cpu", cpu)):
        milliseconds = 1e3 * took
        for share in (50, 99, 99.9):
            facts[f"{name}_p{share:g}_ms"] = round(float(np.percentile(milliseconds, share)), 3)
        facts[f"{name}_max_ms"] = round(float(milliseconds.max()), 3)
    facts["sessions_a_core"] = round(3600 * hours / float(cpu.sum()), 1)
    tell("push of 0.2 s", processor=platform.processor() or platform.machine(), **facts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Push one long session, and tell times and memory."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.live", description=__doc__)
    parser.add_argument("--hours", type=float, default=3.0, help="of signal")
    parser.add_argument("--trace", action="store_true", help="allocations too")
    chosen = parser.parse_args(arguments)
    threadpool_limits(1)
    (recording,) = make_sessions(1, min(20.0, max(5.0, 60 * chosen.hours)))
    session = LiveSession(make_recogniser(), start=0)
    packets = list(cut(recording))
    lasts_s = len(packets) * PACKET / 50
    warm = LiveSession(session.recogniser, start=0)
    for packet in packets[:1500]:  # so that everything is compiled
        warm.push(*packet)
    if chosen.trace:
        tracemalloc.start()
    count = round(3600 * chosen.hours * 50 / PACKET)
    wall, cpu = np.zeros(count), np.zeros(count)  # of a fixed size, so that memory is the session's
    sets, due_s = 0, 0.0
    for number in range(count):
        samples, time_s = packets[number % len(packets)]
        time_s += number // len(packets) * lasts_s
        began, spent = time.perf_counter(), time.thread_time()
        events = session.push(samples, time_s)
        cpu[number] = time.thread_time() - spent
        wall[number] = time.perf_counter() - began
        sets += sum(isinstance(each, SetEnded) for each in events)
        if time_s >= due_s:
            tell_memory(session, time_s / 3600, chosen.trace)
            due_s += min(1800.0, 3600 * chosen.hours / 2)
    tell_memory(session, chosen.hours, chosen.trace)
    tell_times(wall, cpu, sets, chosen.hours)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
