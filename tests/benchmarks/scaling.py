"""Features from the lab to the lab on worker processes: speed, memory, restarts and spilling.

``python -m tests.benchmarks.scaling --sessions 10000 --workers 1 2 4`` simulates a lab of sessions
of 20 minutes at 50 Hz (kept with ``--lab FOLDER`` and used again), computes the features of all
their windows on clusters of that many single-threaded workers of this machine, and saves them in
the lab. For each cluster one line of JSON tells time, speed, the time that reading the samples once
took (the bound), the highest memory of a worker in the first and in the last third of the run,
bytes spilled, and restarts of workers.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import uuid4

import psutil
from distributed import Client

from workoutlab import Lab, Statistics, connect, save_features, simulate, windows
from workoutlab.cluster import run_tasks
from workoutlab.signals import Windows

__all__ = ["main"]

MINUTES, RATE_HZ = 20, 50.0
PER_APPEND = 50
PER_READ = 20
SECONDS_BETWEEN_LOOKS = 0.5


def fill(folder: Path, sessions: int) -> Lab:
    """Simulate until the lab holds that many sessions; what it holds already is kept."""
    lab = Lab(folder)
    held = len(lab.table("recordings", ["user"]))
    simulation = simulate(sessions, sessions=1, seed=11, rate_hz=RATE_HZ, minutes=MINUTES)
    blocks = [range(i, min(i + PER_APPEND, sessions)) for i in range(held, sessions, PER_APPEND)]
    append = partial(append_people, folder, simulation)
    for _, outcome in run_tasks(append, blocks):
        if isinstance(outcome, Exception):
            raise outcome
    return lab.refresh()


def append_people(folder: Path, simulation, people: range) -> int:  # type: ignore[no-untyped-def]
    """Append the one session of each of these people."""
    made = (next(iter(simulation.sessions(person))).recording for person in people)
    return Lab(folder).append(made).stored


def read_once(lab: Lab, rows: Sequence[int]) -> int:
    """Read the samples of some recordings; returns their number."""
    return sum(len(lab.read(row)) for row in rows)


class Watch:
    """Looks at the workers' memory while something runs."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.pids = set(client.run(os.getpid).values())
        self.peaks: list[float] = []
        self.spilled = 0

    def look(self) -> None:
        """Note the highest resident memory of a worker now, and what was spilled."""
        held = [
            psutil.Process(pid).memory_info().rss for pid in self.pids if psutil.pid_exists(pid)
        ]
        self.peaks.append(max(held, default=0) / 2**20)
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        now = sum(worker["metrics"]["spilled_bytes"]["disk"] for worker in workers)
        self.spilled = max(self.spilled, now)

    def restarts(self) -> int:
        """Count workers that are no longer the process that they were."""
        return len(self.pids - set(self.client.run(os.getpid).values()))


@contextmanager
def watching(client: Client) -> Iterator[Watch]:
    """Look at the workers again and again until the block ends."""
    watch, ended = Watch(client), threading.Event()

    def go_on() -> None:
        while not ended.wait(SECONDS_BETWEEN_LOOKS):
            watch.look()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        watch.look()


def measure(plan: Windows, lab: Lab, workers: int, memory: str) -> dict[str, float]:
    """Save the features of a plan on a cluster of so many workers."""
    with connect(workers=workers, memory_limit=memory, dashboard=False) as client:
        rows = iter(plan.segments["recording"].drop_duplicates().tolist())
        lots = iter(lambda: list(islice(rows, PER_READ)), [])
        started = time.perf_counter()
        samples = [count for _, count in run_tasks(partial(read_once, plan.lab), lots)]
        reading = time.perf_counter() - started
        with watching(client) as watch:
            started = time.perf_counter()
            result = save_features(plan, f"run-{uuid4().hex[:8]}", Statistics(), progress=False)
            seconds = time.perf_counter() - started
        third = max(len(watch.peaks) // 3, 1)
        return {
            "workers": workers,
            "sessions": len(plan.segments["recording"].unique()),
            "windows": len(plan),
            "ok": result.ok,
            "seconds": seconds,
            "windows_per_s": len(plan) / seconds,
            "reading_s": reading,
            "read_mb_per_s": sum(samples) * 12 / 1e6 / reading,
            "first_third_mib": max(watch.peaks[:third]),
            "last_third_mib": max(watch.peaks[-third:]),
            "spilled_bytes": watch.spilled,
            "restarts": watch.restarts(),
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each number of workers in turn; the exit status is 1 if a run was not clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--memory", default="2GiB", help="limit of each worker")
    parser.add_argument("--lab", type=Path, help="folder of a lab to fill, or to use again")
    chosen = parser.parse_args(arguments)
    clean = True
    with tempfile.TemporaryDirectory(prefix="workoutlab-bench-") as scratch:
        lab = fill(chosen.lab or Path(scratch) / "lab", chosen.sessions)
        plan = windows(lab, length="8s", step="1s", within="recordings")
        plan = plan.select(plan.segments["recording"] < chosen.sessions)
        for workers in chosen.workers:
            figures = measure(plan, lab, workers, chosen.memory)
            clean &= bool(figures["ok"]) and not figures["restarts"]
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
    return 0 if clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
