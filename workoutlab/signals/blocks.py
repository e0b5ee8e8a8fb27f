"""Blocks that a recording is looked through in: what rests in each, and what is at the range."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.signals.tracks import Track, split_pieces

__all__ = [
    "Blocks",
    "describe_blocks",
    "find_clipped",
    "find_still_blocks",
    "lay_blocks",
    "merge_runs",
]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_ROUNDING: Final = 1e-6  # of a block
_SLACK: Final = 0.99  # of a range that is given: converters end a little below it
_BEYOND_G: Final = 1.5  # rest comes near 1 g, and may hold one value for long
_HELD: Final = 3  # neighbouring samples that hold an extreme value where a sensor's range ends


class Blocks(NamedTuple):
    """What is in blocks of a recording.

    ``edges`` (block + 1,) are positions in the order of times, ``part`` (block,) numbers the parts
    between gaps; ``mean``, ``square`` (mean square), ``low`` and ``high`` (block, 3) are in g.
    """

    edges: Integers
    part: Integers
    mean: Doubles
    square: Doubles
    low: Doubles
    high: Doubles


def lay_blocks(
    stops: Integers, step_s: float, rate_hz: float, times: Integers | None = None
) -> Integers:
    """Return the positions of samples at which blocks begin or end, in each part of a recording.

    Parameters
    ----------
    stops
        Shape (part,): one past the last position of a part; parts follow each other.
    step_s
        Length of a block. What a part has left joins its last block.
    rate_hz
        Rate of a regular recording.
    times
        Times of an irregular one in ns, in order.

    Examples
    --------
    >>> lay_blocks(np.array([25]), 2, 5).tolist()
    [0, 10, 25]
    """
    edges = [np.zeros(1, np.int64)]
    for start, stop in zip(np.append(0, stops[:-1]), stops, strict=True):
        if times is None:
            inner = np.arange(1, max(1, int((stop - start) / (step_s * rate_hz) + _ROUNDING)))
            cuts = start + np.rint(inner * step_s * rate_hz).astype(np.int64)
        else:
            span_s = (times[stop - 1] - times[start]) / 1e9
            inner = np.arange(1, max(1, int(span_s / step_s + _ROUNDING)))
            cuts = start + np.searchsorted(times[start:stop], times[start] + inner * step_s * 1e9)
        edges += [cuts, np.array([stop])]
    return np.unique(np.concatenate(edges))


def describe_blocks(
    track: Track, edges: Integers, stops: Integers, order: Integers | None
) -> Blocks:
    """Read a recording, and describe each block; parts end at `stops`."""
    found = []
    for first, last in split_pieces(edges):
        samples = track.read(int(edges[first]), int(edges[last]), order)
        heads = edges[first:last] - edges[first]
        counts = np.diff(edges[first : last + 1])[:, None]
        mean = np.add.reduceat(samples, heads, axis=0, dtype=np.float64) / counts
        square = np.add.reduceat(np.square(samples, dtype=np.float64), heads, axis=0) / counts
        low = np.minimum.reduceat(samples, heads, axis=0)
        found.append((mean, square, low, np.maximum.reduceat(samples, heads, axis=0)))
    columns = (np.concatenate(each).astype(np.float64) for each in zip(*found, strict=True))
    return Blocks(edges, np.searchsorted(stops, edges[:-1], side="right"), *columns)


def find_still_blocks(blocks: Blocks, width: int, max_sd_g: float, max_spread_g: float) -> Mask:
    """Tell which blocks lie in a window of `width` blocks of one part in which two axes rest.

    An axis rests in a window where its standard deviation is below `max_sd_g` and its values are
    less than `max_spread_g` apart.
    """
    count = len(blocks.part)
    covered = np.zeros(count, dtype=bool)
    windows = count - width + 1
    if windows < 1:
        return covered
    size = np.diff(blocks.edges)[:, None].astype(np.float64)
    total, square = _slide(blocks.mean * size, width), _slide(blocks.square * size, width)
    weight = _slide(size, width).sum(axis=-1)
    variance = square.sum(axis=-1) / weight - (total.sum(axis=-1) / weight) ** 2
    spread = _slide(blocks.high, width).max(axis=-1) - _slide(blocks.low, width).min(axis=-1)
    rests = ((variance < max_sd_g**2) & (spread < max_spread_g)).sum(axis=1) >= 2
    rests &= blocks.part[:windows] == blocks.part[width - 1 :]
    for place in range(width):
        covered[place : place + windows] |= rests
    return covered


def _slide(values: Doubles, width: int) -> Doubles:
    return np.lib.stride_tricks.sliding_window_view(values, width, axis=0)


def find_clipped(
    track: Track, blocks: Blocks, order: Integers | None, range_g: float | None
) -> Integers:
    """Return the positions, in the order of times, of samples at the end of the sensor's range.

    Parameters
    ----------
    track, blocks, order
        The recording, what is in its blocks, and the order of its samples.
    range_g
        The sensor's range: samples from 99 % of it on count. None: the highest and the lowest
        value of an axis count where they are beyond 1.5 g and three neighbours hold one.
    """
    if range_g is None:
        high, low = blocks.high.max(axis=0), blocks.low.min(axis=0)
        high[high < _BEYOND_G], low[low > -_BEYOND_G] = np.inf, -np.inf
    else:
        high, low = np.full(3, _SLACK * range_g), np.full(3, -_SLACK * range_g)
    ends = [np.empty(0, np.int64)] * 6
    touched = (blocks.high >= high).any(axis=1) | (blocks.low <= low).any(axis=1)
    for first, last in split_pieces(blocks.edges):
        if touched[first:last].any():
            begin = int(blocks.edges[first])
            samples = track.read(begin, int(blocks.edges[last]), order)
            hits = [*(samples >= high).T, *(samples <= low).T]
            ends = [
                np.append(known, begin + np.flatnonzero(hit))
                for known, hit in zip(ends, hits, strict=True)
            ]
    if range_g is None:
        ends = [each for each in ends if _longest_run(each) >= _HELD]
    return np.unique(np.concatenate([np.empty(0, np.int64), *ends]))


def _longest_run(places: Integers) -> int:
    runs = merge_runs(places)
    return int(np.max(runs[:, 1] - runs[:, 0], initial=0))


def merge_runs(places: Integers, part: Integers | None = None) -> Integers:
    """Return first and one past the last of runs of neighbouring places; shape (run, 2).

    Parameters
    ----------
    places
        In order.
    part
        Number of the part that each place that there is lies in; runs end where it changes.

    Examples
    --------
    >>> merge_runs(np.array([3, 4, 5, 9])).tolist()
    [[3, 6], [9, 10]]
    """
    if not len(places):
        return np.empty((0, 2), np.int64)
    apart = np.diff(places) > 1
    if part is not None:
        apart |= np.diff(part[places]) != 0
    breaks = np.flatnonzero(apart)
    first, last = places[np.append(0, breaks + 1)], places[np.append(breaks, len(places) - 1)]
    return np.stack([first, last + 1], axis=1)
