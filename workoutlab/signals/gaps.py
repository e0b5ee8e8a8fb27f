"""The parts of recordings that no gap interrupts: windows lie in them and never span two."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.signals.bisection import search_runs

__all__ = ["Ground", "Parts", "Pieces", "cut_spans", "find_parts", "grid_lengths"]

_ROUNDING: Final = 1e-6  # of a sample: times are float64 seconds
_BATCH: Final = 4_000_000  # times that are read at once: 32 MB

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Clocks(Protocol):
    """What holds the times of recordings: a lab, or recordings in memory."""

    def read_many(self, rows: Iterable[int], quantity: str) -> list[npt.NDArray[np.int64]]:
        """Return the times of recordings in ns."""


class Parts(NamedTuple):
    """Parts of recordings without a gap, in order; each recording has one at least.

    ``owner`` is the position of the recording, ``start`` and ``stop`` are samples of its grid;
    shape (part,) each.
    """

    owner: Integers
    start: Integers
    stop: Integers


class Ground(NamedTuple):
    """What windows are laid on: recordings, the rates of their grids, and their parts."""

    recordings: pd.DataFrame
    rate_hz: Floats
    parts: Parts


class Pieces(NamedTuple):
    """What parts leave of spans: each span has one piece at least, if an empty one.

    ``span`` and ``part`` are positions, ``start`` and ``stop`` samples; shape (piece,) each.
    """

    span: Integers
    part: Integers
    start: Integers
    stop: Integers


def grid_lengths(recordings: pd.DataFrame, rate_hz: Floats) -> Integers:
    """Return how many samples of its grid each recording spans, the first at its first sample."""
    regular = recordings["regular"].to_numpy(dtype=bool)
    own_rate = np.where(regular, recordings["rate_hz"].to_numpy(dtype=float), 1.0)
    span_s = np.where(
        regular,
        (recordings["samples"].to_numpy() - 1) / own_rate,
        recordings["duration_s"].to_numpy(),
    )
    return 1 + np.floor(span_s * rate_hz + _ROUNDING).astype(np.int64)


def find_parts(
    clocks: Clocks, recordings: pd.DataFrame, rate_hz: Floats, max_gap_s: float
) -> Parts:
    """Split recordings where nothing was recorded for longer than `max_gap_s`.

    The times of recordings with a longer gap are read, a few recordings at once; no others are.

    Parameters
    ----------
    clocks
        Where the times are.
    recordings
        Table of a lab, by row number.
    rate_hz
        Shape (recording,): rates of the grids.
    max_gap_s
        Longest time between two samples that belong together.
    """
    total = len(recordings)
    limit = grid_lengths(recordings, rate_hz)
    irregular = ~recordings["regular"].to_numpy(dtype=bool)
    split = irregular & (recordings["longest_gap_s"].to_numpy(dtype=float) > max_gap_s)
    whole = np.flatnonzero(~split)
    found = [Parts(whole, np.zeros(len(whole), np.int64), limit[whole])]
    for place, clock in _read_clocks(clocks, recordings, np.flatnonzero(split)):
        start, stop = _split_clock(clock, float(rate_hz[place]), max_gap_s)
        found.append(Parts(np.full(len(start), place), start, stop))
    owner, start, stop = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(owner, kind="stable") if len(whole) < total else slice(None)
    return Parts(owner[order], start[order], stop[order])


def _read_clocks(
    clocks: Clocks, recordings: pd.DataFrame, places: Integers
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield the places of recordings, and their times."""
    rows = recordings.index.to_numpy(np.int64)[places]
    batch = np.cumsum(recordings["samples"].to_numpy(np.int64)[places]) // _BATCH
    for number in np.unique(batch):
        these = np.flatnonzero(batch == number)
        times = clocks.read_many(rows[these].tolist(), "time")
        yield from zip(places[these].tolist(), times, strict=True)


def _split_clock(
    clock: npt.NDArray[np.int64], rate_hz: float, max_gap_s: float
) -> tuple[Integers, Integers]:
    """Return first and last (out) grid sample of each part; both its neighbours are in it."""
    times = np.sort(clock) - clock[0]
    breaks = np.flatnonzero(np.diff(times) > max_gap_s * 1e9)
    first_s = times[np.append(0, breaks + 1)] / 1e9
    last_s = times[np.append(breaks, len(times) - 1)] / 1e9
    start = np.ceil(first_s * rate_hz - _ROUNDING).astype(np.int64)
    stop = np.floor(last_s * rate_hz + _ROUNDING).astype(np.int64) + 1
    # The grid begins at the first sample that came, which need not be the earliest.
    start = np.maximum(start, 0)
    kept = stop > start  # samples between two points of the grid are no part
    return (start[kept], stop[kept]) if kept.any() else (start[:1], start[:1])


def cut_spans(owner: Integers, start: Integers, stop: Integers, parts: Parts) -> Pieces:
    """Cut spans of recordings into pieces that lie in one part each.

    Parameters
    ----------
    owner, start, stop
        Shape (span,): position of the recording, and samples of its grid.
    parts
        Parts of all recordings.
    """
    low = np.searchsorted(parts.owner, owner, side="left")
    high = np.searchsorted(parts.owner, owner, side="right")
    first = search_runs(parts.stop, low, high, start, right=True)
    last = search_runs(parts.start, low, high, stop)
    count = np.maximum(last - first, 1)
    span = np.repeat(np.arange(len(owner)), count)
    place = np.arange(len(span)) - np.repeat(np.cumsum(count) - count, count)
    part = np.minimum(first[span] + place, high[span] - 1)
    lower, upper = parts.start[part], parts.stop[part]
    begin = np.clip(start[span], lower, upper)
    return Pieces(span, part, begin, np.clip(stop[span], begin, upper))
