"""Samples in the order of their times, in; runs of samples on the recogniser's grid, out."""

from itertools import pairwise
from math import isclose
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.live.thinning import Thinner
from workoutlab.signals.filters import thinning_factor

__all__ = ["Hole", "Run", "Stream"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_ROUNDING: Final = 1e-6  # of a point, as in workoutlab.signals.gaps
_SAME: Final = 1e-9  # relative difference of two rates that count as one, as in signals.grid


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
    """Puts samples on the grid as they come, as :func:`workoutlab.signals.grid.read_grid` does.

    They are interpolated linearly and, where the device is much faster than the grid, smoothed.
    Times count from the session's first sample, which is point 0 of the grid. What comes out does
    not depend on how the samples were cut into calls, bit for bit: it is what a recording of all
    of them is read as, part by part.

    Parameters
    ----------
    ticks_hz
        Ticks in a second.
    rate_hz
        Of the grid.
    own_hz
        Of the device.
    max_gap_s
        Longest time between two samples that belong together.
    grid
        Whether samples lie a tick apart, so that what is missing is known.

    Examples
    --------
    >>> stream = Stream(10.0, 20.0, 10.0, 1.0, grid=True)
    >>> (run,) = stream.push(np.array([0, 1]), np.float32([[0, 0, 0], [1, 1, 1]]))
    >>> run.samples[:, 0].tolist()
    [0.0, 0.5, 1.0]
    """

    def __init__(
        self, ticks_hz: float, rate_hz: float, own_hz: float, max_gap_s: float, *, grid: bool
    ) -> None:
        self.ticks_hz, self.rate_hz, self.max_gap_s, self.grid = ticks_hz, rate_hz, max_gap_s, grid
        self.factor = thinning_factor(own_hz, rate_hz)
        self.fine_hz = self.factor * rate_hz
        self.plain = grid and isclose(ticks_hz, self.fine_hz, rel_tol=_SAME)
        self.thinner = Thinner(self.factor)
        self.tick: int | None = None
        self.value: Doubles = np.zeros(3)
        self.open = False
        self.fine = 0
        """The next point of the fine grid, of `factor` points for each of the grid."""
        self.point = 0

    def push(self, ticks: Integers, samples: Floats) -> list[Run | Hole]:
        """Take final samples; ticks (sample,) count from the session's first sample."""
        found: list[Run | Hole] = []
        if not len(ticks):
            return found
        values: npt.NDArray[Any] = samples
        if not self.grid:
            from workoutlab.kernels.resample import merge_duplicates

            ticks, values = merge_duplicates(ticks, samples)
        before = ticks[:1] if self.tick is None else np.array([self.tick])
        steps = np.diff(ticks, prepend=before)
        cuts = set(np.flatnonzero(steps > self.max_gap_s * self.ticks_hz).tolist())
        for first, last in pairwise(sorted({0, *cuts, len(ticks)})):
            if first in cuts:
                found += self._close(int(ticks[first]), values[first])
            found += self._extend(ticks[first:last], values[first:last])
        return found

    def finish(self) -> list[Run | Hole]:
        """Return the last samples."""
        return self._end(np.array([self.tick or 0]), self.value[None])

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` takes."""
        named = {name: getattr(self, name) for name in ("tick", "value", "open", "fine", "point")}
        return {**named, "thinner": self.thinner.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.tick, self.value, self.open = state["tick"], state["value"], state["open"]
        self.fine, self.point = state["fine"], state["point"]
        self.thinner.restore(state["thinner"])

    def _extend(self, ticks: Integers, values: npt.NDArray[Any]) -> list[Run | Hole]:
        """Take samples of one part."""
        found = self._list_bridged(ticks)
        if not self.open:
            self._open(float(ticks[0] / self.ticks_hz))
            follows = True
        else:
            follows = self.tick is None or int(ticks[0]) == self.tick + 1
        if self.plain and follows and int(ticks[-1] - ticks[0]) == len(ticks) - 1:
            fresh = values[max(self.fine - int(ticks[0]), 0) :]
        else:
            fresh = self._interpolate(ticks, values)
        self.tick, self.value = int(ticks[-1]), values[-1].astype(np.float64)
        return found + self._emit(fresh)

    def _interpolate(self, ticks: Integers, values: npt.NDArray[Any]) -> Floats:
        """Interpolate at the points from the next one to the last of these samples."""
        from workoutlab.kernels.resample import interpolate

        values = values.astype(np.float64)
        if self.tick is not None:  # also of another part: the first point may lie on its edge
            ticks = np.concatenate([[self.tick], ticks])
            values = np.concatenate([self.value[None], values])
        seconds = ticks / self.ticks_hz
        last_s = float(seconds[-1])
        stop = int(np.floor(last_s * self.fine_hz + _ROUNDING)) + 1
        stop = stop if (stop - 1) / self.fine_hz <= last_s else stop - 1
        return interpolate(seconds, values, np.arange(self.fine, stop) / self.fine_hz)

    def _emit(self, fine: Floats) -> list[Run | Hole]:
        self.fine += len(fine)
        return self._run(self.thinner.push(fine))

    def _run(self, samples: Floats) -> list[Run | Hole]:
        if not len(samples):
            return []
        start, self.point = self.point, self.point + len(samples)
        return [Run(start, samples)]

    def _open(self, first_s: float) -> None:
        self.open = True
        self.point = max(int(np.ceil(first_s * self.rate_hz - _ROUNDING)), 0)
        self.fine = self.point * self.factor

    def _close(self, tick: int, value: npt.NDArray[Any]) -> list[Run | Hole]:
        """End a part before the first sample of the next one."""
        assert self.tick is not None
        ticks = np.array([self.tick, tick])
        found = self._end(ticks, np.stack([self.value, value]))
        return [*found, Hole(self.tick / self.ticks_hz, tick / self.ticks_hz, False)]

    def _end(self, ticks: Integers, values: npt.NDArray[Any]) -> list[Run | Hole]:
        """End a part; a point that lies after its last sample by rounding alone is in it."""
        if not self.open:
            return []
        self.open = False
        last_s = float(ticks[0] / self.ticks_hz)
        top = int(np.floor(last_s * self.rate_hz + _ROUNDING)) * self.factor + 1
        found: list[Run | Hole] = []
        if top > self.fine:
            from workoutlab.kernels.resample import interpolate

            points = np.arange(self.fine, top) / self.fine_hz
            found = self._emit(interpolate(ticks / self.ticks_hz, values.astype(float), points))
        return found + self._run(self.thinner.finish(self.fine - top))

    def _list_bridged(self, ticks: Integers) -> list[Run | Hole]:
        """Tell where samples are missing on a grid that are interpolated."""
        if not self.grid:
            return []
        known = np.concatenate([[self.tick], ticks]) if self.open else ticks
        places = np.flatnonzero(np.diff(known) > 1)
        return [
            Hole(float(known[k] / self.ticks_hz), float(known[k + 1] / self.ticks_hz), True)
            for k in places.tolist()
        ]
