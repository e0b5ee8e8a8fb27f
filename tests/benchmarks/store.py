"""The lab against other ways to keep sessions: write them, read them all, open one.

A session is 20 minutes of three axes at 50 Hz: a random walk with sensor noise, in steps of 1/256 g
as 12-bit sensors of ±8 g give them. Throughput counts samples as 12 bytes, three float32. Whatever
is written is on the disk at the end; whatever is read was written before, so that it may come from
the system's cache. At full size there are 2,000 sessions, 1.44 GB, and what codecs and chunk sizes
cost is measured by ``python -m tests.benchmarks.codecs``.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import numpy.typing as npt
import zarr

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Lab, Recording
from workoutlab.store import disk

__all__ = ["SAMPLES", "TOGETHER", "WORKLOADS", "megabytes", "recordings", "steps"]

SAMPLES = 60_000
RATE_HZ = 50.0
BATCH = 100
"""Sessions in one commit, 72 MB."""
TOGETHER = 20
"""Sessions read by one call."""
OPENED = 100
DISTINCT = 100
"""Sessions held in memory; more of them differ from these in their first sample alone."""

Signals = list[npt.NDArray[np.float32]]


def steps(count: int) -> Signals:
    """Make sessions in steps of 1/256 g; shape (sample, 3) each, in g."""
    generator = np.random.default_rng(7)
    made = []
    for _ in range(count):
        drift = np.cumsum(generator.normal(0, 0.02, (SAMPLES, 3)), axis=0)
        signal = np.sin(drift) + generator.normal(0, 0.02, (SAMPLES, 3))
        made.append((np.round(signal * 256) / 256).astype(np.float32))
    return made


def count_of(full: bool) -> int:
    """Return how many sessions there are."""
    return 2_000 if full else 20


def megabytes(count: int) -> float:
    """Return the size of `count` sessions in MB."""
    return count * SAMPLES * 12 / 1e6


def batches(full: bool) -> Callable[[], Iterator[Signals]]:
    """Make the sessions; the function that is returned gives them batch by batch."""
    distinct = steps(min(count_of(full), DISTINCT))

    def give() -> Iterator[Signals]:
        for turn in range(count_of(full) // len(distinct)):
            for signal in distinct:
                signal[0, 0] = turn / 256
            for first in range(0, len(distinct), BATCH):
                yield distinct[first : first + BATCH]

    return give


def recordings(signals: Signals, first: int = 0) -> list[Recording]:
    """Make a recording of each session, numbered from `first`."""
    return [
        Recording(user=f"u{at % 40}", session=f"s{at}", acceleration=signal, rate_hz=RATE_HZ)
        for at, signal in enumerate(signals, first)
    ]


def fill_lab(full: bool, folder: Path) -> Callable[[], Path]:
    """Return what writes all sessions to a new lab."""
    give = batches(full)

    def fill() -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        lab = Lab(folder)
        for number, signals in enumerate(give()):
            lab.append(recordings(signals, number * len(signals)))
        return folder

    return fill


def fill_flat(full: bool, folder: Path) -> Callable[[], Path]:
    """Return what writes all sessions to one file, one after the other."""
    give = batches(full)

    def fill() -> Path:
        folder.mkdir(exist_ok=True)
        with (folder / "flat").open("wb") as file:
            for signals in give():
                for signal in signals:
                    file.write(signal.data)
                file.flush()
                os.fsync(file.fileno())
        return folder

    return fill


def fill_zarr(full: bool, folder: Path) -> Callable[[], Path]:
    """Return what writes all sessions to an uncompressed Zarr array, a chunk each."""
    give = batches(full)

    def fill() -> Path:
        shape = (count_of(full) * SAMPLES, 3)
        array = zarr.create_array(
            folder,
            shape=shape,
            chunks=(SAMPLES, 3),
            dtype="f4",
            compressors=None,
            overwrite=True,
        )
        write_ragged(array, give(), lambda: disk.sync(folder))
        return folder

    return fill


def fill_icechunk(full: bool, folder: Path) -> Callable[[], Path]:
    """Return what writes all sessions to a Zarr array with its default codec, on Icechunk."""
    give = batches(full)

    def fill() -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder)))
        session = repository.writable_session("main")
        shape = (count_of(full) * SAMPLES, 3)
        zarr.create_array(session.store, name="a", shape=shape, chunks=(SAMPLES, 3), dtype="f4")
        session.commit("create")
        start = 0
        for signals in give():
            session = repository.writable_session("main")
            array = zarr.open_array(session.store, path="a")
            array[start : start + len(signals) * SAMPLES] = np.concatenate(signals)
            start += len(signals) * SAMPLES
            session.commit("append")
            disk.sync(folder)
        return folder

    return fill


def write_ragged(
    array: zarr.Array[Any], given: Iterator[Signals], flush: Callable[[], None]
) -> None:
    """Write sessions into one array, batch by batch."""
    start = 0
    for signals in given:
        array[start : start + len(signals) * SAMPLES] = np.concatenate(signals)
        start += len(signals) * SAMPLES
        flush()


def fill_parquet(compression: str, full: bool, folder: Path) -> Callable[[], Path]:
    """Return what writes all sessions to a Parquet file each."""
    import pyarrow as pa
    from pyarrow import parquet

    give = batches(full)

    def fill() -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        number = 0
        for signals in give():
            for signal in signals:
                table = pa.table({axis: signal[:, i].copy() for i, axis in enumerate("xyz")})
                parquet.write_table(table, folder / f"{number}.parquet", compression=compression)
                number += 1
            disk.sync(folder)
        return folder

    return fill


Fill = Callable[[bool, Path], Callable[[], Path]]
ReadMany = Callable[[list[int]], list[npt.NDArray[np.float32]]]


def read_lab(folder: Path) -> ReadMany:
    """Return what reads sessions from the lab, in one call."""
    return Lab(folder, create=False).read_many


def read_each(folder: Path) -> ReadMany:
    """Return what reads sessions from the lab, in one call each."""
    lab = Lab(folder, create=False)
    return lambda rows: [lab.read(row) for row in rows]


def read_threads(folder: Path) -> ReadMany:
    """Return what reads sessions from the lab in two threads, as two Dask tasks would."""
    lab, threads = Lab(folder, create=False), ThreadPoolExecutor(2)
    return lambda rows: [
        samples for half in threads.map(lab.read_many, (rows[::2], rows[1::2])) for samples in half
    ]


def read_flat(folder: Path) -> ReadMany:
    """Return what reads sessions from the one file."""
    file, count = folder / "flat", SAMPLES * 3

    def read(row: int) -> npt.NDArray[np.float32]:
        return np.fromfile(file, "f4", count, offset=row * count * 4).reshape(SAMPLES, 3)

    return lambda rows: [read(row) for row in rows]


def read_array(open_array: Callable[[Path], zarr.Array[Any]], folder: Path) -> ReadMany:
    """Return what reads sessions from a Zarr array."""
    array = open_array(folder)
    return lambda rows: [np.asarray(array[row * SAMPLES : (row + 1) * SAMPLES]) for row in rows]


def open_zarr(folder: Path) -> zarr.Array[Any]:
    """Open the uncompressed array."""
    return zarr.open_array(folder, mode="r")


def open_icechunk(folder: Path) -> zarr.Array[Any]:
    """Open the array with Zarr's default codec on Icechunk."""
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))
    return zarr.open_array(repository.readonly_session("main").store, path="a", mode="r")


def read_parquet(folder: Path) -> ReadMany:
    """Return what reads sessions from their Parquet files."""
    from pyarrow import parquet

    def read(row: int) -> npt.NDArray[np.float32]:
        table = parquet.read_table(folder / f"{row}.parquet", use_threads=True)
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    return lambda rows: [read(row) for row in rows]


def write_all(fill: Fill, full: bool, folder: Path) -> Work:
    work = fill(full, folder / "sessions")

    def write() -> float:
        assert any(work().iterdir())
        return megabytes(count_of(full))

    return write


def read_all(fill: Fill, reader: Callable[[Path], ReadMany], full: bool, folder: Path) -> Work:
    read = reader(fill(full, folder / "sessions")())
    count = count_of(full)

    def work() -> float:
        for first in range(0, count, TOGETHER):
            found = read(list(range(first, min(first + TOGETHER, count))))
            assert all(samples.shape == (SAMPLES, 3) for samples in found)
        return megabytes(count)

    return work


def open_one(fill: Fill, reader: Callable[[Path], ReadMany], full: bool, folder: Path) -> Work:
    read = reader(fill(full, folder / "sessions")())
    rows = np.random.default_rng(1).integers(0, count_of(full), OPENED)

    def work() -> float:
        assert all(read([int(row)])[0].shape == (SAMPLES, 3) for row in rows)
        return len(rows)

    return work


ours = partial(version, "workoutlab")
ZARR = partial(version, "zarr")
ICECHUNK = partial(version, "icechunk")
ARROW = partial(version, "pyarrow")
NUMPY = partial(version, "numpy")
OTHERS: tuple[tuple[str, Callable[[], str], Fill, Callable[[Path], ReadMany]], ...] = (
    ("flat file", NUMPY, fill_flat, read_flat),
    ("zarr, not compressed", ZARR, fill_zarr, partial(read_array, open_zarr)),
    ("zarr on icechunk", ICECHUNK, fill_icechunk, partial(read_array, open_icechunk)),
    ("parquet snappy", ARROW, partial(fill_parquet, "snappy"), read_parquet),
    ("parquet zstd", ARROW, partial(fill_parquet, "zstd"), read_parquet),
)


PEERS = ("zarr, not compressed", "zarr on icechunk", "parquet zstd")


def contender(name: str, number: Callable[[], str], prepare: Any, *parts: Any) -> Contender:
    """Make a contender; all but a few run with ``--peers`` alone, since each is a process."""
    return Contender(name, number, partial(prepare, *parts), peer=name in PEERS)


WORKLOADS = (
    Workload(
        "store-write",
        "MB",
        (
            contender("lab", ours, write_all, fill_lab),
            *(contender(name, number, write_all, fill) for name, number, fill, _ in OTHERS),
        ),
    ),
    Workload(
        "store-read",
        "MB",
        (
            contender("lab", ours, read_all, fill_lab, read_lab),
            contender("lab, one by one", ours, read_all, fill_lab, read_each),
            contender("lab, two threads", ours, read_all, fill_lab, read_threads),
            *(contender(name, number, read_all, *how) for name, number, *how in OTHERS),
        ),
    ),
    Workload(
        "store-open",
        "session",
        (
            contender("lab", ours, open_one, fill_lab, read_each),
            *(contender(name, number, open_one, *how) for name, number, *how in OTHERS),
        ),
    ),
)
