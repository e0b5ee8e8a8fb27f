"""Command line of the benchmarks: ``python -m tests.benchmarks NAME [--full] [--peers]``."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import Figure, Workload, measure

NAMES = ("features", "intensity", "linear", "live", "networks", "store")


def workloads(name: str) -> Sequence[Workload]:
    """Return the workloads of one benchmark."""
    found: Sequence[Workload] = import_module(f"tests.benchmarks.{name}").WORKLOADS
    return found


def show(figures: Sequence[Figure]) -> None:
    """Print the closing table."""
    table = Table(
        "workload",
        "contender",
        "version",
        title="Medians; ratio is time for the same work, over ours",
    )
    for heading in ("seconds", "throughput", "ratio", "CPU s", "peak RSS"):
        table.add_column(heading, justify="right")
    for figure in figures:
        table.add_row(
            figure.workload,
            figure.contender,
            figure.version,
            f"{figure.seconds:.4g}",
            f"{figure.throughput:,.4g} {figure.unit}",
            f"{figure.ratio:.2f}",
            f"{figure.cpu_seconds:.4g}",
            f"{figure.peak_rss_mb:,.0f} MB",
        )
    Console(width=130).print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; the exit status is 1 if any contender failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--full", action="store_true", help="full size, not the small one of CI")
    parser.add_argument("--peers", action="store_true", help="other toolkits too (extra 'peers')")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    chosen = parser.parse_args(arguments)
    figures: list[Figure] = []
    status = 0
    with tempfile.TemporaryDirectory(prefix="workoutlab-bench-") as folder:
        for workload in workloads(chosen.name):
            done, failed = measure(
                workload,
                Path(folder),
                full=chosen.full,
                peers=chosen.peers,
                rounds=chosen.rounds,
            )
            for figure in done:
                sys.stdout.write(figure.to_json() + "\n")
            for contender, reason in failed.items():
                sys.stderr.write(f"{workload.name}: {contender} failed: {reason}\n")
                status = 1
            figures += done
    show(figures)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
