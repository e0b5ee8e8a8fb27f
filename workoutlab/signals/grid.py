"""A recording's samples on the plan's grid, whatever rate it was recorded at."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.lab import Lab

__all__ = ["Source", "read_grid"]

_SAME: float = 1e-9  # relative difference of two rates that count as one


class Source(NamedTuple):
    """A recording, how it was sampled, and the rate of the grid that it is wanted on."""

    grid_hz: float
    recording: int
    rate_hz: float
    regular: bool
    samples: int


def read_grid(lab: Lab, source: Source, start: int, stop: int) -> npt.NDArray[np.float32]:
    """Read acceleration at points `start` to `stop` of the grid, the last one out.

    Point k lies k / `grid_hz` seconds after the recording's first sample. Only the samples that
    these points need are read.

    Returns
    -------
    ndarray
        float32 of shape (stop - start, 3), in g.
    """
    rate_hz = source.grid_hz
    if source.regular and abs(source.rate_hz - rate_hz) <= _SAME * rate_hz:
        return np.ascontiguousarray(lab.read(source.recording, "acceleration", start, stop))
    from workoutlab.kernels.resample import interpolate, merge_duplicates

    grid = np.arange(start, stop) / rate_hz
    if source.regular:
        first = int(np.floor(grid[0] * source.rate_hz))
        last = min(int(np.ceil(grid[-1] * source.rate_hz)) + 1, source.samples)
        samples = lab.read(source.recording, "acceleration", first, last)
        return interpolate((first + np.arange(len(samples))) / source.rate_hz, samples, grid)
    clock = lab.read(source.recording, "time")
    order = np.argsort(clock, kind="stable")
    ordered = clock[order] - clock[0]
    edges = np.floor(grid[0] * 1e9), np.ceil(grid[-1] * 1e9)
    first, last = _reach(ordered, edges)
    chosen = order[first:last]
    lowest = int(chosen.min())
    samples = lab.read(source.recording, "acceleration", lowest, int(chosen.max()) + 1)
    times, values = merge_duplicates(ordered[first:last], samples[chosen - lowest])
    return interpolate(times / 1e9, values, grid)


def _reach(times: npt.NDArray[np.int64], edges: tuple[float, float]) -> tuple[int, int]:
    """Find the samples from the last time before the first edge to the first after the last."""
    before = times[max(int(np.searchsorted(times, edges[0], side="right")) - 1, 0)]
    after = times[min(int(np.searchsorted(times, edges[1], side="left")), len(times) - 1)]
    first = int(np.searchsorted(times, before, side="left"))
    return first, int(np.searchsorted(times, after, side="right"))
