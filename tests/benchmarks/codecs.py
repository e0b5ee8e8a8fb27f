"""What codecs and chunk sizes make of a lab: ``python -m tests.benchmarks.codecs [--full]``.

Each way writes the same sessions to a lab in one commit, then reads them all by one call, one by
one, and a set (1,300 samples) of each. The sessions are steps of 1/256 g, noise without any
structure, and, where their folder is found (the environment variable ``WORKOUTLAB_DATA``), real
recordings, end to end. A flat file, synced, stands beside them, since machines differ. Speeds are
the best of the rounds; the processor's time, of all threads, depends less on who else is at work.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.table import Table
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from tests.benchmarks.store import SAMPLES, TOGETHER, Signals, megabytes, recordings, steps
from workoutlab import Lab
from workoutlab.store import disk, layout

__all__ = ["WAYS", "Way", "measure", "real"]

SET = 1_300
_SPEEDS = ("write MB/s", "read MB/s", "each MB/s")
_COLUMNS = (*_SPEEDS, "write CPU ms", "read CPU ms", "set ms", "ratio")


@dataclass(frozen=True)
class Way:
    """A codec and a chunk size; without a codec, layout's own."""

    name: str
    chunk: int = layout.SAMPLES_PER_CHUNK
    codec: Any = None

    def codecs(self, dtype: npt.DTypeLike) -> tuple[Any, ...]:
        """Return the codecs of an array, as layout does."""
        if dtype == "float32" and self.codec is not None:
            return (self.codec, Crc32cCodec())
        return _LAYOUT(dtype)


_LAYOUT = layout.codecs


def _blosc(name: str, level: int, shuffle: str, *, chunk: int = 65_536, block: int = 0) -> Way:
    codec = BloscCodec(cname=name, clevel=level, shuffle=shuffle, blocksize=block)  # type: ignore[arg-type]
    return Way(f"{name} {level}, {shuffle}{' large' * bool(block)}", chunk, codec)


LARGE = 2**18
WAYS = (
    Way("as chosen"),
    _blosc("lz4", 1, "shuffle", chunk=32_768, block=LARGE),
    _blosc("lz4", 1, "shuffle", chunk=131_072, block=LARGE),
    _blosc("lz4", 0, "noshuffle"),
    _blosc("lz4", 5, "noshuffle"),
    _blosc("lz4", 1, "shuffle"),
    _blosc("lz4", 5, "shuffle"),
    _blosc("lz4", 9, "shuffle", block=LARGE),
    _blosc("lz4", 1, "bitshuffle", chunk=32_768),
    _blosc("lz4", 5, "bitshuffle"),
    _blosc("zstd", 1, "shuffle"),
    _blosc("zstd", 3, "shuffle"),
    _blosc("zstd", 3, "bitshuffle"),
    Way("zstd 0, through zarr", codec=ZstdCodec(level=0)),
)


def noise(count: int) -> Signals:
    """Make sessions that nothing compresses."""
    generator = np.random.default_rng(3)
    return [generator.normal(size=(SAMPLES, 3)).astype("f4") for _ in range(count)]


def real(count: int) -> Signals:
    """Put real recordings end to end, in g, or return none where their folder is not found."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("WORKOUTLAB_DATA", default))
    parts = [
        pd.read_csv(file, header=None, usecols=[0, 1, 2], dtype="f4").to_numpy()
        for file in sorted(folder.glob("muvr/*/*.csv"))
    ]
    parts += [
        pd.read_csv(file, usecols=[0, 1, 2], dtype="f4").to_numpy() / np.float32(9.80665)
        for file in sorted(folder.glob("geotec/*/*_s?.csv"))
    ]
    if not parts:
        return []
    line = np.concatenate(parts)
    line = line[: len(line) // SAMPLES * SAMPLES].reshape(-1, SAMPLES, 3)
    return [line[at % len(line)] + np.float32(at // len(line) / 64) for at in range(count)]


@dataclass
class _Figures:
    seconds: dict[str, list[float]] = field(default_factory=dict)
    processor: dict[str, list[float]] = field(default_factory=dict)
    ratio: float = float("nan")

    def time(self, name: str, work: Callable[[], object]) -> None:
        started, before = time.perf_counter(), time.process_time()
        work()
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)
        self.processor.setdefault(name, []).append(time.process_time() - before)

    def row(self, count: int) -> dict[str, float]:
        """Return the best of each figure."""
        best = {name: min(each) for name, each in self.seconds.items()}
        speeds = {name: megabytes(count) / best[name] for name in _SPEEDS if name in best}
        sets = {"set ms": 1e3 * best["set ms"] / count} if "set ms" in best else {}
        processor = {
            name.replace("MB/s", "CPU ms"): 1e3 * min(each) / count
            for name, each in self.processor.items()
        }
        return {**speeds, **processor, **sets, "ratio": self.ratio}


def measure(
    signals: Signals, ways: tuple[Way, ...], folder: Path, *, rounds: int
) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Yield the name, the chunk size and the figures of each way, a flat file first."""
    flat = _Figures()
    found = [_Figures() for _ in ways]
    for _ in range(rounds):
        _try_flat(signals, folder / "flat", flat)
        for way, figures in zip(ways, found, strict=True):
            _try_way(signals, way, folder / "lab", figures)
    yield "flat file", 0, flat.row(len(signals))
    for way, figures in zip(ways, found, strict=True):
        yield way.name, way.chunk, figures.row(len(signals))


def _try_flat(signals: Signals, file: Path, figures: _Figures) -> None:
    def write() -> None:
        with file.open("wb") as out:
            for signal in signals:
                out.write(np.ascontiguousarray(signal).data)
            out.flush()
            os.fsync(out.fileno())

    figures.time("write MB/s", write)
    for _ in range(2):
        figures.time(
            "read MB/s",
            lambda: [
                np.fromfile(file, "f4", SAMPLES * 3, offset=at * SAMPLES * 12)
                for at in range(len(signals))
            ],
        )
    figures.ratio = 1.0
    file.unlink()


def _try_way(signals: Signals, way: Way, folder: Path, figures: _Figures) -> None:
    with (
        patch.object(layout, "codecs", way.codecs),
        patch.object(layout, "SAMPLES_PER_CHUNK", way.chunk),
    ):
        lab, batch = Lab(folder), recordings(signals)
        figures.time("write MB/s", lambda: lab.append(batch))
        stored = disk.size_bytes(folder / "chunks")
    figures.ratio = megabytes(len(signals)) * 1e6 / stored
    rows = range(len(signals))
    for _ in range(2):
        figures.time("read MB/s", lambda: _read_all(lab, len(signals)))
        figures.time("each MB/s", lambda: sum(len(lab.read(row)) for row in rows))
        figures.time(
            "set ms", lambda: sum(len(lab.read(row, start=999, stop=999 + SET)) for row in rows)
        )
    shutil.rmtree(folder)


def _read_all(lab: Lab, count: int) -> None:
    for first in range(0, count, TOGETHER):
        lab.read_many(range(first, min(first + TOGETHER, count)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.codecs", description=__doc__)
    parser.add_argument("--full", action="store_true", help="50 sessions, not 5")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    count = 50 if chosen.full else 5
    table = Table(
        "sessions", "codec", "chunk", *_COLUMNS, title=f"{count} sessions of {SAMPLES:,} samples"
    )
    for kind, signals in (("steps", steps(count)), ("noise", noise(count)), ("real", real(count))):
        with tempfile.TemporaryDirectory(prefix="workoutlab-bench-") as folder:
            for name, chunk, row in measure(signals, WAYS, Path(folder), rounds=chosen.rounds):
                figures = [f"{row[column]:.4g}" if column in row else "" for column in _COLUMNS]
                table.add_row(kind, name, f"{chunk:,}", *figures)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
