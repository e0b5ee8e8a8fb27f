"""The lab against Parquet: write sessions, read them all, open one.

A session is 20 minutes of three axes at 50 Hz: a random walk with sensor noise, in steps of 1/256 g
as 12-bit sensors of ±8 g give them. Throughput counts samples as 12 bytes, three float32.
"""

import shutil
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Lab, Recording

__all__ = ["WORKLOADS"]

SAMPLES = 60_000
RATE_HZ = 50.0
BATCH = 50
OPENED = 100


def sessions(full: bool) -> list[npt.NDArray[np.float32]]:
    """Make the sessions; shape (sample, 3) each, in g."""
    generator = np.random.default_rng(7)
    made = []
    for _ in range(400 if full else 20):
        drift = np.cumsum(generator.normal(0, 0.02, (SAMPLES, 3)), axis=0)
        signal = np.sin(drift) + generator.normal(0, 0.02, (SAMPLES, 3))
        made.append((np.round(signal * 256) / 256).astype(np.float32))
    return made


def megabytes(count: int) -> float:
    """Return the size of `count` sessions in MB."""
    return count * SAMPLES * 12 / 1e6


def recordings(signals: list[npt.NDArray[np.float32]]) -> Iterator[Recording]:
    """Make a recording of each session."""
    for number, signal in enumerate(signals):
        yield Recording(
            user=f"u{number % 40}", session=f"s{number}", acceleration=signal, rate_hz=RATE_HZ
        )


def fill_lab(signals: list[npt.NDArray[np.float32]], folder: Path) -> Lab:
    """Write all sessions to a new lab in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    lab = Lab(folder)
    batch = list(recordings(signals))
    for first in range(0, len(batch), BATCH):
        lab.append(batch[first : first + BATCH])
    return lab


def fill_parquet(
    signals: list[npt.NDArray[np.float32]], folder: Path, compression: str
) -> list[Path]:
    """Write one Parquet file a session to `folder`."""
    import pyarrow as pa
    from pyarrow import parquet

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = []
    for number, signal in enumerate(signals):
        table = pa.table({axis: signal[:, i].copy() for i, axis in enumerate("xyz")})
        files.append(folder / f"{number}.parquet")
        parquet.write_table(table, files[-1], compression=compression)
    return files


def read_parquet(file: Path) -> npt.NDArray[np.float32]:
    """Read a session from Parquet; shape (sample, 3)."""
    from pyarrow import parquet

    table = parquet.read_table(file, use_threads=True)
    return np.stack([column.to_numpy() for column in table.columns], axis=1)


def write_lab(full: bool, folder: Path) -> Work:
    signals = sessions(full)

    def work() -> float:
        lab = fill_lab(signals, folder / "lab")
        assert lab.info().recordings == len(signals)
        return megabytes(len(signals))

    return work


def write_parquet(compression: str, full: bool, folder: Path) -> Work:
    signals = sessions(full)

    def work() -> float:
        files = fill_parquet(signals, folder / "parquet", compression)
        assert len(files) == len(signals)
        return megabytes(len(signals))

    return work


def read_lab(full: bool, folder: Path) -> Work:
    signals = sessions(full)
    lab = fill_lab(signals, folder / "lab")

    def work() -> float:
        total = sum(len(lab.read(row)) for row in range(len(signals)))
        assert total == SAMPLES * len(signals)
        return megabytes(len(signals))

    return work


def read_all_parquet(compression: str, full: bool, folder: Path) -> Work:
    files = fill_parquet(sessions(full), folder / "parquet", compression)

    def work() -> float:
        total = sum(len(read_parquet(file)) for file in files)
        assert total == SAMPLES * len(files)
        return megabytes(len(files))

    return work


def open_lab(full: bool, folder: Path) -> Work:
    lab = fill_lab(sessions(full), folder / "lab")
    rows = np.random.default_rng(1).integers(0, 400 if full else 20, OPENED)

    def work() -> float:
        assert all(lab.read(int(row)).shape == (SAMPLES, 3) for row in rows)
        return len(rows)

    return work


def open_parquet(compression: str, full: bool, folder: Path) -> Work:
    files = fill_parquet(sessions(full), folder / "parquet", compression)
    rows = np.random.default_rng(1).integers(0, len(files), OPENED)

    def work() -> float:
        assert all(read_parquet(files[row]).shape == (SAMPLES, 3) for row in rows)
        return len(rows)

    return work


ours = partial(version, "workoutlab")
arrow = partial(version, "pyarrow")
WORKLOADS = (
    Workload(
        "store-write",
        "MB",
        (
            Contender("lab", ours, write_lab, peer=False),
            Contender("parquet snappy", arrow, partial(write_parquet, "snappy"), peer=False),
            Contender("parquet zstd", arrow, partial(write_parquet, "zstd"), peer=False),
        ),
    ),
    Workload(
        "store-read",
        "MB",
        (
            Contender("lab", ours, read_lab, peer=False),
            Contender("parquet snappy", arrow, partial(read_all_parquet, "snappy"), peer=False),
            Contender("parquet zstd", arrow, partial(read_all_parquet, "zstd"), peer=False),
        ),
    ),
    Workload(
        "store-open",
        "session",
        (
            Contender("lab", ours, open_lab, peer=False),
            Contender("parquet snappy", arrow, partial(open_parquet, "snappy"), peer=False),
            Contender("parquet zstd", arrow, partial(open_parquet, "zstd"), peer=False),
        ),
    ),
)
