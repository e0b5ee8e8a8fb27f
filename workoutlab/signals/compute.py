"""Reading what a plan covers, and computing what its windows become, here and now."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.signals.grid import Source
from workoutlab.signals.inputs import Inputs, name_inputs
from workoutlab.signals.preparation import read_channels
from workoutlab.signals.windows import Windows

__all__ = ["compute", "find_stretches"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_FACTS: Final = (
    *("rate_hz", "recording", "source_rate_hz", "regular", "samples"),
    *("part_start", "part_stop", "digest"),
)
"""Columns of segments that make a Source, in its order."""
_APART: Final = 32_768
"""Segments of a recording that lie further apart, in samples, are read one by one."""


def compute(windows: Windows, inputs: Inputs) -> Floats:
    """Read what the plan covers, here and now, and return the inputs of every window.

    Parameters
    ----------
    windows
        The plan, or a part of it.
    inputs
        What a window becomes.

    Returns
    -------
    ndarray
        float32 of shape (window, input), in the plan's order.

    Raises
    ------
    InputError
        If windows of different length become different inputs.

    Examples
    --------
    >>> from workoutlab.lab import Lab
    >>> from workoutlab.recording import LabelledSet, Recording
    >>> from workoutlab.signals import RawWindows, windows
    >>> lab = Lab("memory://compute-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (500, 1))
    >>> hold = LabelledSet(start=0, stop=500, exercise="plank")
    >>> recording = Recording(
    ...     user="ann", session="monday", acceleration=still, rate_hz=50, sets=[hold]
    ... )
    >>> _ = lab.append([recording])
    >>> compute(windows(lab), RawWindows()).shape
    (1, 1200)
    """
    names, _ = name_inputs(inputs, windows.distinct["length"].astype(np.int64))
    segment, start = windows.locate()
    length = windows.segments["length"].to_numpy(np.int64)[segment]
    out = np.empty((len(windows), len(names)), np.float32)
    for source, rows in _stretches(windows):
        first, last = int(start[rows].min()), int((start[rows] + length[rows]).max())
        planes = read_channels(
            windows.lab, source, windows.preparation, inputs.channels, first, last
        )
        for size, alike in _by_length(length[rows]):
            out[rows][alike] = _compute_part(
                inputs, planes, start[rows][alike], size, source, first
            )
    return out


def _by_length(lengths: Integers) -> Iterator[tuple[int, slice | Integers]]:
    """Yield each length with the places of its windows, a slice if it is the only one."""
    sizes = np.unique(lengths)
    for size in sizes:
        yield int(size), slice(None) if len(sizes) == 1 else np.flatnonzero(lengths == size)


def _compute_part(
    inputs: Inputs, planes: Floats, starts: Integers, length: int, source: Source, read_from: int
) -> Floats:
    """Compute windows from the samples that they cover, and no others."""
    first, last = int(starts.min()), int(starts.max()) + length
    part = np.ascontiguousarray(planes[:, first - read_from : last - read_from])
    try:
        return inputs.compute(part, starts - first, length, source.grid_hz)
    except InputError as error:  # inputs know the window, but not whose it is
        place = f"recording {source.recording}, from {first / source.grid_hz:g} s on"
        raise InputError(f"{place}: {error}") from error


def _stretches(windows: Windows) -> Iterator[tuple[Source, slice]]:
    """Find the windows that are read together: of one part of a recording, and not far apart."""
    segments = windows.segments
    rows, heads = find_stretches(segments)
    if not len(rows):
        return
    firsts = np.append(0, windows.ends[rows])[heads]
    lasts = np.append(firsts[1:], len(windows))
    facts = [segments[name].array.take(rows[heads]).tolist() for name in _FACTS]
    for fact, first, last in zip(zip(*facts, strict=True), firsts, lasts, strict=True):
        yield Source(*fact), slice(int(first), int(last))


def find_stretches(segments: pd.DataFrame) -> tuple[Integers, Integers]:
    """Find which segments are read together.

    Returns
    -------
    rows
        Positions of the segments that have windows.
    heads
        Where, among these, each stretch begins.
    """
    # Arrays, not frames, which would take longer than describing a thousand windows.
    rows = np.flatnonzero(segments["count"].to_numpy() > 0)
    if not len(rows):
        return rows, rows
    start, stop = (segments[name].to_numpy(np.int64)[rows] for name in ("start", "stop"))
    apart = start[:-1] - start[1:] > _APART  # of another length, from the beginning again
    for name in ("recording", "part_start", "rate_hz"):
        apart |= np.diff(segments[name].to_numpy()[rows]) != 0
    run = np.append(0, np.cumsum(apart)) * (stop.max() + 1)
    reach = np.maximum.accumulate(stop + run) - run  # the furthest stop so far in each run
    heads = np.append(0, np.flatnonzero(apart | (start[1:] - reach[:-1] > _APART)) + 1)
    return rows, heads
