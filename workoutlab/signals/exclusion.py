"""Leaving windows out that overlap given intervals: time when nobody wore the device, say."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.schema import check_number
from workoutlab.signals.bisection import search_runs

__all__ = ["exclude_windows"]

_COLUMNS: Final = ("recording", "start_s", "stop_s")
_BLOCK: Final = 1_000_000
"""Windows that are looked at at a time."""
_ROUNDING_NS: Final = 10  # times are float64 seconds

Integers = npt.NDArray[np.int64]


class Covered(NamedTuple):
    """Disjoint intervals in order, in ns, and how much lies before each; shape (interval,)."""

    recording: Integers
    start: Integers
    stop: Integers
    before: Integers


def exclude_windows(segments: pd.DataFrame, intervals: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return segments without the windows that intervals cover more than `share` of.

    Parameters
    ----------
    segments
        As a plan has them.
    intervals
        Columns ``recording``, ``start_s`` and ``stop_s``; they may overlap.
    share
        From 0 up to 1.

    Returns
    -------
    pandas.DataFrame
        Segments are split where windows are missing. Those that lose all windows are left out.

    Raises
    ------
    InputError
        If a column is missing, an interval ends before it starts, or the share means nothing.
    """
    check_number("share", share, low=0, below=1)
    covered = _merge(_check(intervals))
    touched = _touched(segments, covered)
    rows = np.flatnonzero(touched)
    counts = segments["count"].to_numpy(np.int64)[rows]
    ends = np.cumsum(counts)
    pieces = [segments[~touched]]
    first = 0
    while first < len(rows):
        base = ends[first] - counts[first]
        last = max(first + 1, int(np.searchsorted(ends, base + _BLOCK, side="right")))
        pieces.append(_split(segments.iloc[rows[first:last]], covered, share))
        first = last
    return pd.concat(pieces).sort_index(kind="stable").reset_index(drop=True)


def _check(intervals: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(intervals, pd.DataFrame):
        raise InputError(f"intervals: expected a DataFrame, got {type(intervals).__name__}")
    if missing := [name for name in _COLUMNS if name not in intervals]:
        raise InputError(f"intervals: expected columns {', '.join(_COLUMNS)}; no {missing[0]!r}")
    for name in _COLUMNS:
        column = intervals[name]
        numeric = pd.api.types.is_numeric_dtype(column) or column.empty
        if not numeric or (name == "recording" and not np.isfinite(column.to_numpy(float)).all()):
            raise InputError(f"intervals: expected numbers in {name!r}, got {column.dtype}")
    lengths = (intervals["stop_s"] - intervals["start_s"]).to_numpy(dtype=float)
    bad = ~(np.isfinite(lengths) & (lengths >= 0))
    if bad.any():
        row = intervals.iloc[int(np.flatnonzero(bad)[0])]
        raise InputError(
            f"intervals: expected start_s <= stop_s, got {row['start_s']} and {row['stop_s']} "
            f"in recording {row['recording']}"
        )
    return intervals


def _merge(intervals: pd.DataFrame) -> Covered:
    """Join intervals of a recording that overlap or touch."""
    recording = intervals["recording"].to_numpy(np.int64)
    start, stop = (_to_ns(intervals[name].to_numpy(dtype=float)) for name in _COLUMNS[1:])
    order = np.lexsort((start, recording))
    recording, start, stop = recording[order], start[order], stop[order]
    reach = pd.Series(stop).groupby(recording).cummax().to_numpy(np.int64)
    heads = np.ones(len(start), dtype=bool)
    heads[1:] = (np.diff(recording) != 0) | (start[1:] > reach[:-1])
    firsts = np.flatnonzero(heads)
    lasts = np.append(firsts[1:], len(start))[: len(firsts)] - 1
    start, stop = start[firsts], reach[lasts]
    before = np.cumsum(stop - start) - (stop - start)
    return Covered(recording[firsts], start, stop, before)


def _to_ns(seconds: npt.NDArray[np.float64]) -> Integers:
    return np.rint(seconds * 1e9).astype(np.int64)


def _count_before(covered: Covered, recording: Integers, time: Integers) -> Integers:
    """Return how much of each recording is covered before each time, up to a constant, in ns."""
    if not len(covered.start):
        return np.zeros(len(time), np.int64)
    low = np.searchsorted(covered.recording, recording, side="left")
    high = np.searchsorted(covered.recording, recording, side="right")
    place = search_runs(covered.start, low, high, time, right=True) - 1
    inside = place >= low
    place = np.where(inside, place, np.minimum(low, len(covered.start) - 1))
    reached = np.clip(time - covered.start[place], 0, covered.stop[place] - covered.start[place])
    known: Integers = covered.before[place] + np.where(inside, reached, 0)
    # A recording without an interval at or behind `low` counts from one constant, too.
    return np.where(low < high, known, 0)


def _touched(segments: pd.DataFrame, covered: Covered) -> npt.NDArray[np.bool_]:
    """Tell which segments have windows that an interval may cover a part of."""
    rate = segments["rate_hz"].to_numpy(dtype=float)
    recording = segments["recording"].to_numpy(np.int64)
    edges = (_to_ns(segments[name].to_numpy(dtype=float) / rate) for name in ("start", "stop"))
    start, stop = (_count_before(covered, recording, edge) for edge in edges)
    some: npt.NDArray[np.bool_] = (stop > start) & (segments["count"].to_numpy() > 0)
    return some


def _split(segments: pd.DataFrame, covered: Covered, share: float) -> pd.DataFrame:
    """Split segments into the runs of windows that stay."""
    counts = segments["count"].to_numpy(np.int64)
    parent = np.repeat(np.arange(len(segments)), counts)
    number = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
    start, step, length = (
        segments[name].to_numpy(np.int64) for name in ("start", "step", "length")
    )
    rate = segments["rate_hz"].to_numpy(dtype=float)[parent]
    recording = segments["recording"].to_numpy(np.int64)[parent]
    first = start[parent] + number * step[parent]
    begin, end = (_to_ns(each / rate) for each in (first, first + length[parent]))
    overlap = _count_before(covered, recording, end) - _count_before(covered, recording, begin)
    kept = np.flatnonzero(overlap <= share * (end - begin) + _ROUNDING_NS)
    new = np.ones(len(kept), dtype=bool)
    new[1:] = (np.diff(parent[kept]) != 0) | (np.diff(number[kept]) != 1)
    heads = np.flatnonzero(new)
    count = np.diff(np.append(heads, len(kept)))
    owner, begin = parent[kept][heads], first[kept][heads]
    stop = begin + (count - 1) * step[owner] + length[owner]
    # A run of all windows keeps its segment as it was, to the end.
    stop = np.where(count == counts[owner], segments["stop"].to_numpy(np.int64)[owner], stop)
    return segments.iloc[owner].assign(start=begin, stop=stop, count=count)
