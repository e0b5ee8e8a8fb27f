"""Runs contenders in turn, each in a process of its own, and reports medians and ratios."""

import json
import math
import multiprocessing
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

__all__ = ["Contender", "Figure", "Workload", "measure"]

Run = tuple[float, float, float, float]
"""Seconds, amount of work, peak memory, and CPU seconds of one turn."""

Work = Callable[[], float]
"""Does the work once and returns how much it was, in the workload's unit."""


@dataclass(frozen=True)
class Contender:
    """One way of doing the work.

    ``prepare(full, folder)`` runs once, untimed, in the contender's own process: it makes the
    inputs, in `folder` where they are files, and returns the function that is timed.
    """

    name: str
    version: Callable[[], str]
    prepare: Callable[[bool, Path], Work]
    peer: bool = True


@dataclass(frozen=True)
class Workload:
    """The same work for every contender; the first contender is ours."""

    name: str
    unit: str
    contenders: Sequence[Contender]


@dataclass(frozen=True)
class Figure:
    """What one contender needed, as the median over the rounds."""

    workload: str
    contender: str
    version: str
    seconds: float
    throughput: float
    unit: str
    ratio: float
    cpu_seconds: float
    peak_rss_mb: float

    def to_json(self) -> str:
        """Return the figure as one line of JSON."""
        return json.dumps({key: _rounded(value) for key, value in asdict(self).items()})


def _rounded(value: float | str) -> float | str | None:
    if isinstance(value, str):
        return value
    return float(f"{value:.4g}") if math.isfinite(value) else None


def measure(
    workload: Workload, folder: Path, *, full: bool, peers: bool, rounds: int
) -> tuple[list[Figure], dict[str, str]]:
    """Return a figure for each contender, and the reason for each that could not run."""
    with ExitStack() as stack:
        turns: dict[str, Connection] = {}
        failed: dict[str, str] = {}
        for contender in workload.contenders:
            if contender.peer and not peers:
                continue
            own = folder / f"{workload.name}-{contender.name}".replace(" ", "-")
            own.mkdir()
            turns[contender.name] = stack.enter_context(_start(contender, full, own))
        runs: dict[str, list[Run]] = {}
        versions: dict[str, str] = {}
        for name, pipe in turns.items():
            ready = pipe.recv()
            if isinstance(ready, Exception):
                failed[name] = str(ready)
            else:
                versions[name], runs[name] = ready, []
        for turn in range(rounds):
            order = list(runs) if turn % 2 == 0 else list(runs)[::-1]
            for name in order:
                turns[name].send("go")
                came = turns[name].recv()
                if isinstance(came, Exception):
                    failed[name] = str(came)
                    del runs[name]
                else:
                    runs[name].append(came)
    return _figures(workload, runs, versions), failed


def _figures(
    workload: Workload,
    runs: dict[str, list[Run]],
    versions: dict[str, str],
) -> list[Figure]:
    medians = {name: statistics.median(run[0] for run in done) for name, done in runs.items()}
    speeds = {name: runs[name][0][1] / seconds for name, seconds in medians.items()}
    ours = speeds.get(workload.contenders[0].name, float("nan"))
    return [
        Figure(
            workload=workload.name,
            contender=name,
            version=versions[name],
            seconds=seconds,
            throughput=speeds[name],
            unit=f"{workload.unit}/s",
            ratio=ours / speeds[name],
            cpu_seconds=statistics.median(run[3] for run in runs[name]),
            peak_rss_mb=max(run[2] for run in runs[name]),
        )
        for name, seconds in medians.items()
    ]


@contextmanager
def _start(contender: Contender, full: bool, folder: Path) -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, contender, full, folder))
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(timeout=20)
        process.kill()


def _serve(pipe: Connection, contender: Contender, full: bool, folder: Path) -> None:
    """Prepare and warm up once, then do the work each time the other end asks for it."""
    try:
        version = contender.version()
        work = contender.prepare(full, folder)
        work()
    except Exception as error:
        traceback.print_exc()
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
        return
    pipe.send(version)
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        _reset_peak_rss()
        spent = _cpu_seconds()
        started = time.perf_counter()
        try:
            amount = work()
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
            return
        seconds = time.perf_counter() - started
        pipe.send((seconds, amount, _peak_rss_mb(), _cpu_seconds() - spent))


def _cpu_seconds() -> float:
    """CPU time of this process and those under it: what a busy machine does not change much."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _reset_peak_rss() -> None:
    if platform.system() == "Linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak_rss_mb() -> float:
    """Highest resident memory since the last reset, this process alone."""
    if platform.system() == "Linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return float("nan")
