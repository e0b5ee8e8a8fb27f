"""Samples in the order of their times, in; runs of samples on the recogniser's grid, out."""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Hole", "Run", "Stream"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_ROUNDING: Final = 1e-6  # of a point, as in workoutlab.signals.gaps


class Run(NamedTuple):
    """Samples that follow on each other: ``start`` is the point of the grid of the first one.

    ``samples`` is float32 of shape (sample, 3).
    """

    start: int
    samples: Floats


class Hole(NamedTuple):
    """Where samples are missing, from the last before to the first after, in s.

    ``bridged``: samples are interpolated across it; else what is before and after it are apart.
    """

    start_s: float
    stop_s: float
    bridged: bool


class Stream:
    """Interpolates linearly, as samples come, what a recording's are interpolated to.

    Times count from the session's first sample, which is point 0 of the grid. What comes out does
    not depend on how the samples were cut into calls, bit for bit, and is what
    :func:`workoutlab.kernels.resample.interpolate` makes of all of them at once, part by part.

    Parameters
    ----------
    ticks_hz
        Ticks in a second.
    rate_hz
        Of the grid.
    max_gap_s
        Longest time between two samples that belong together.
    grid
        Whether samples lie a tick apart, so that what is missing is known.

    Examples
    --------
    >>> stream = Stream(10.0, 20.0, 1.0, grid=True)
    >>> (run,) = stream.push(np.array([0, 1]), np.float32([[0, 0, 0], [1, 1, 1]]))
    >>> run.samples[:, 0].tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(self, ticks_hz: float, rate_hz: float, max_gap_s: float, *, grid: bool) -> None:
        self.ticks_hz, self.rate_hz, self.max_gap_s, self.grid = ticks_hz, rate_hz, max_gap_s, grid
        self.tick: int | None = None
        self.value: Doubles = np.zeros(3)
        self.point = 0
        self.open = False

    def push(self, ticks: Integers, samples: Floats) -> list[Run | Hole]:
        """Take final samples; ticks (sample,) count from the session's first sample."""
        found: list[Run | Hole] = []
        if not len(ticks):
            return found
        before = ticks[:1] if self.tick is None else np.array([self.tick])
        steps = np.diff(ticks, prepend=before)
        cuts = set(np.flatnonzero(steps > self.max_gap_s * self.ticks_hz).tolist())
        edges = sorted({0, *cuts, len(ticks)})
        for first, last in pairwise(edges):
            if first in cuts:
                found += self._close(int(ticks[first]))
            found += self._extend(ticks[first:last], samples[first:last])
        return found

    def finish(self) -> list[Run | Hole]:
        """Return the last samples."""
        return self._end()

    def _extend(self, ticks: Integers, samples: Floats) -> list[Run | Hole]:
        from workoutlab.kernels.resample import interpolate, merge_duplicates

        found = self._list_bridged(ticks)
        plain = self._take_plain(ticks, samples)
        if plain is not None:
            return [*found, plain]
        merged, values = merge_duplicates(ticks, samples)
        if not self.open:
            self._open(float(merged[0] / self.ticks_hz))
        elif self.tick is not None:
            merged = np.concatenate([[self.tick], merged])
            values = np.concatenate([self.value[None], values])
        seconds = merged / self.ticks_hz
        stop = self._reach(float(seconds[-1]))
        self.tick, self.value = int(merged[-1]), values[-1].copy()
        if stop > self.point:
            grid = np.arange(self.point, stop) / self.rate_hz
            found.append(Run(self.point, interpolate(seconds, values, grid)))
            self.point = stop
        return found

    def _take_plain(self, ticks: Integers, samples: Floats) -> Run | None:
        """Take samples as they are where each is the next point of the grid."""
        if not self.grid or self.ticks_hz != self.rate_hz:
            return None
        start = self.point if self.open else int(ticks[0])
        if ticks[0] != start or ticks[-1] - ticks[0] != len(ticks) - 1:
            return None
        self.open, self.point = True, start + len(ticks)
        self.tick, self.value = int(ticks[-1]), samples[-1].astype(np.float64)
        return Run(start, samples)

    def _open(self, first_s: float) -> None:
        self.open = True
        self.point = max(self.point, int(np.ceil(first_s * self.rate_hz - _ROUNDING)))

    def _reach(self, last_s: float) -> int:
        """Return one past the last point of the grid that is no later than a time."""
        stop = int(np.floor(last_s * self.rate_hz + _ROUNDING)) + 1
        return stop if (stop - 1) / self.rate_hz <= last_s else stop - 1

    def _close(self, next_tick: int) -> list[Run | Hole]:
        found = self._end()
        if self.tick is not None:
            found.append(Hole(self.tick / self.ticks_hz, next_tick / self.ticks_hz, False))
        self.tick = None
        return found

    def _end(self) -> list[Run | Hole]:
        """End a part: a point that lies after its last sample by rounding alone is in it."""
        if self.tick is None or not self.open:
            return []
        self.open = False
        last_s = self.tick / self.ticks_hz
        stop = int(np.floor(last_s * self.rate_hz + _ROUNDING)) + 1
        start, self.point = self.point, max(self.point, stop)
        if stop <= start:
            return []
        return [Run(start, np.repeat(self.value[None].astype(np.float32), stop - start, axis=0))]

    def _list_bridged(self, ticks: Integers) -> list[Run | Hole]:
        """Tell where samples are missing on a grid that are interpolated."""
        if not self.grid:
            return []
        known = ticks if self.tick is None else np.concatenate([[self.tick], ticks])
        places = np.flatnonzero(np.diff(known) > 1)
        return [
            Hole(float(known[k] / self.ticks_hz), float(known[k + 1] / self.ticks_hz), True)
            for k in places.tolist()
        ]
