"""Samples in any order, in; samples in the order of their times, out."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Arrival", "Buffer"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


class Arrival(NamedTuple):
    """How many samples of a packet were new, too late, there already, or other than those there.

    ``newest`` tells whether the packet's first sample comes after all before.
    """

    fresh: int
    late: int
    duplicate: int
    conflicting: int
    newest: bool


class Buffer:
    """Holds samples back until none can come between them any more.

    A sample is *final* once one came that is more than the horizon newer: what is older and comes
    later is late. On a grid of ticks, samples that follow on what was released are final at once.
    Nothing is released before the first sample is known: the earliest one, once one came that is
    more than the horizon newer, or the tick `start`.

    What was released is remembered for the time of the horizon, to tell duplicates from what is
    late. Memory is bounded by the horizon and the largest packet.

    Parameters
    ----------
    horizon
        In ticks.
    grid
        Whether a tick holds one sample, so that neighbours are known; else samples may share a
        tick.
    start
        Tick of the first sample, where known.

    Examples
    --------
    >>> buffer = Buffer(100, grid=True, start=0)
    >>> one = np.zeros((1, 3), np.float32)
    >>> buffer.push(np.array([1]), one).fresh, len(buffer.release()[0])
    (1, 0)
    >>> buffer.push(np.array([0]), one).fresh, buffer.release()[0].tolist()
    (1, [0, 1])
    """

    def __init__(self, horizon: int, *, grid: bool, start: int | None = None) -> None:
        self.horizon, self.grid = horizon, grid
        self.frontier = start
        self.newest: int | None = None
        self.ticks: Integers = np.empty(0, np.int64)
        self.samples: Floats = np.empty((0, 3), np.float32)

    def push(self, ticks: Integers, samples: Floats) -> Arrival:
        """Take a packet.

        Parameters
        ----------
        ticks
            Shape (sample,).
        samples
            float32 of shape (sample, 3).

        Returns
        -------
        Arrival
            What became of its samples. One whose tick is taken by equal values is a duplicate; on a
            grid the first that came stays, and others conflict with it. One before what was
            released is late.
        """
        there, equal = self._compare(ticks, samples)
        duplicate = there & equal
        conflicting = there & ~equal if self.grid else np.zeros_like(there)
        old = ticks < self.frontier if self.frontier is not None else np.zeros_like(there)
        late = old & ~duplicate & ~conflicting
        fresh = ~(duplicate | conflicting | late)
        newest = self.newest is None or int(ticks.min()) > self.newest
        if fresh.any():
            self._insert(ticks[fresh], samples[fresh], in_order=newest)
        last = int(ticks.max())
        self.newest = last if self.newest is None else max(self.newest, last)
        fates = (fresh, late, duplicate, conflicting)
        counts = [int(np.count_nonzero(each)) for each in fates]
        return Arrival(counts[0], counts[1], counts[2], counts[3], newest)

    def release(self, *, everything: bool = False) -> tuple[Integers, Floats]:
        """Return the samples that became final, in order; `everything` that is left at the end."""
        if self.newest is None or not len(self.ticks):
            return self.ticks[:0], self.samples[:0]
        if self.frontier is None:
            if not everything and self.newest - int(self.ticks[0]) <= self.horizon:
                return self.ticks[:0], self.samples[:0]
            self.frontier = int(self.ticks[0])
        first = int(np.searchsorted(self.ticks, self.frontier))
        last = len(self.ticks) if everything else self._find_final()
        ticks, samples = self.ticks[first:last], self.samples[first:last]
        if last > first:
            self.frontier = int(ticks[-1]) + 1
        self.frontier = max(self.frontier, self.newest - self.horizon)
        kept = int(np.searchsorted(self.ticks, self.newest - self.horizon))
        kept = min(kept, last)
        if kept:
            self.ticks, self.samples = self.ticks[kept:].copy(), self.samples[kept:].copy()
        return ticks, samples

    def _find_final(self) -> int:
        assert self.newest is not None
        assert self.frontier is not None
        final = max(self.newest - self.horizon, self.frontier)
        last = int(np.searchsorted(self.ticks, final))
        if not self.grid:
            return last
        # Of what comes next, all that is contiguous.
        ahead = self.ticks[last:]
        follows = ahead == final + np.arange(len(ahead))
        return last + (len(ahead) if follows.all() else int(follows.argmin()))

    def _compare(
        self, ticks: Integers, samples: Floats
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Tell which ticks are taken, and which by equal values."""
        low = np.searchsorted(self.ticks, ticks, side="left")
        high = np.searchsorted(self.ticks, ticks, side="right")
        there = high > low
        equal = np.zeros_like(there)
        for place in np.flatnonzero(there).tolist():
            taken = self.samples[low[place] : high[place]]
            equal[place] = bool((taken == samples[place]).all(axis=1).any())
        return there, equal

    def _insert(self, ticks: Integers, samples: Floats, *, in_order: bool) -> None:
        self.ticks = np.concatenate([self.ticks, ticks])
        self.samples = np.concatenate([self.samples, samples])
        if not in_order or (not self.grid and len(ticks) > 1):
            order = np.argsort(self.ticks, kind="stable")
            self.ticks, self.samples = self.ticks[order], self.samples[order]
