"""Reading what a plan covers, and computing what its windows become, here and now."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.signals.grid import Source
from workoutlab.signals.inputs import Inputs
from workoutlab.signals.preparation import read_channels
from workoutlab.signals.windows import Windows

__all__ = ["compute"]

Floats = npt.NDArray[np.float32]

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
    start = windows.locate()[1]
    out = np.empty((len(windows), len(inputs.names(windows.length))), np.float32)
    for source, rows in _stretches(windows):
        first, last = int(start[rows].min()), int(start[rows].max()) + windows.length
        planes = read_channels(
            windows.lab, source, windows.preparation, inputs.channels, first, last
        )
        out[rows] = inputs.compute(planes, start[rows] - first, windows.length, windows.rate_hz)
    return out


def _stretches(windows: Windows) -> Iterator[tuple[Source, slice]]:
    """Find the windows that are read together: of one recording, and not far apart."""
    used = windows.segments[windows.segments["count"] > 0]
    if used.empty:
        return
    recording, start = used["recording"].to_numpy(), used["start"].to_numpy()
    reach = pd.Series(used["stop"].to_numpy()).groupby(recording).cummax().to_numpy()
    apart = (np.diff(recording) != 0) | (start[1:] - reach[:-1] > _APART)
    heads = np.append(0, np.flatnonzero(apart) + 1)
    ends = windows.ends[windows.segments["count"].to_numpy() > 0]
    firsts = np.append(0, ends)[heads]
    lasts = np.append(firsts[1:], len(windows))
    columns = ["recording", "source_rate_hz", "regular", "samples"]
    facts = used[columns].iloc[heads].itertuples(index=False, name=None)
    for fact, first, last in zip(facts, firsts, lasts, strict=True):
        yield Source(windows.rate_hz, *fact), slice(int(first), int(last))
