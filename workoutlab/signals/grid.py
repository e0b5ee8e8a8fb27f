"""A recording's samples on the plan's grid, whatever rate it was recorded at."""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.signals.filters import design_taps, extend, thinning_factor

if TYPE_CHECKING:
    from workoutlab.signals.held import Home

__all__ = ["Source", "find_span", "read_grid", "weigh_reading"]

_SAME: float = 1e-9  # relative difference of two rates that count as one
_ROUNDING: float = 1e-6  # of a point: times are float64 seconds

# Bytes that are held at once while a recording is read.
_SAMPLE_BYTES: Final = 12  # three float32
_FINE_BYTES: Final = 8 + 2 * _SAMPLE_BYTES  # of a point that is interpolated: time, value, a copy
_TIMED_BYTES: Final = 8 + _SAMPLE_BYTES  # of a sample that is interpolated from
_SORTED_BYTES: Final = 3 * 8 + 24 + 2 * _SAMPLE_BYTES  # of one that has a time of its own


class Source(NamedTuple):
    """A recording, how it was sampled, and the rate of the grid that it is wanted on.

    ``first`` and ``last`` (out) are the points of the grid that the part lies in from which
    samples are read, where gaps split the recording: no filter looks beyond them. By default they
    are those of the whole recording. ``digest`` tells which recording it is to a calibration.
    """

    grid_hz: float
    recording: int
    rate_hz: float
    regular: bool
    samples: int
    first: int = 0
    last: int | None = None
    digest: str = ""


def find_span(lab: "Home", source: Source) -> tuple[int, int]:
    """Return the first and last point (out) of the grid in the source's part of the recording."""
    if source.last is not None:
        return source.first, source.last
    if source.regular:
        span_s = (source.samples - 1) / source.rate_hz
    else:
        span_s = float(np.ptp(lab.read(source.recording, "time"))) / 1e9
    return source.first, 1 + int(np.floor(span_s * source.grid_hz + _ROUNDING))


def read_grid(
    lab: "Home", source: Source, start: int, stop: int, *, antialias: bool = True
) -> npt.NDArray[np.float32]:
    """Read acceleration at points `start` to `stop` of the grid, the last one out.

    Point k lies k / `grid_hz` seconds after the recording's first sample. Samples at the grid's
    own rate pass untouched; others are interpolated linearly. Where the recording's rate is more
    than a fifth above the grid's, they are interpolated on the finest grid needed, some whole
    number of points for each, and freed from what is faster than half the grid's rate: see
    :func:`workoutlab.signals.filters.design_taps`. A point's value does not depend on which others
    are read; only the samples that these points need are.

    Parameters
    ----------
    lab
        Where the recording is.
    source
        The recording, and the grid.
    start, stop
        Points of the grid, within the source's part of the recording.
    antialias
        False: interpolate alone, so that what is faster than half the grid's rate folds.

    Returns
    -------
    ndarray
        float32 of shape (stop - start, 3), in g.
    """
    factor = thinning_factor(source.rate_hz, source.grid_hz) if antialias else 1
    if factor == 1 or stop <= start:
        return _read_points(lab, source, start, stop)
    from workoutlab.kernels.filters import thin_out  # Numba loads when it is needed

    taps, span = design_taps(factor), find_span(lab, source)
    reach = len(taps) // 2
    bottom, top = span[0] * factor, (span[1] - 1) * factor + 1
    # What is shorter than the filter is reflected several times: always as a whole.
    first, last = span if top - bottom <= reach else (start, stop)
    low, high = first * factor - reach, (last - 1) * factor + reach + 1
    fine = source._replace(grid_hz=factor * source.grid_hz)
    samples = _read_points(lab, fine, max(low, bottom), min(high, top))
    padded = extend(samples, max(bottom - low, 0), max(high - top, 0), np.float32)
    return thin_out(padded, taps, factor)[start - first : stop - first]


def weigh_reading(segments: pd.DataFrame, *, antialias: bool) -> npt.NDArray[np.float64]:
    """Return how many bytes a grid point of each segment takes while it is read.

    Parameters
    ----------
    segments
        Of a plan.
    antialias
        As in :func:`read_grid`.

    Returns
    -------
    ndarray
        Shape (segment,). The times of a recording that has its own, which are read as a whole, are
        not counted.
    """
    own, grid = (segments[name].to_numpy(float) for name in ("source_rate_hz", "rate_hz"))
    pairs, place = np.unique(np.stack([own, grid]), axis=1, return_inverse=True)
    factors = [thinning_factor(*pair) if antialias else 1 for pair in pairs.T.tolist()]
    factor = np.array(factors, dtype=float)[place.ravel()]
    regular = segments["regular"].to_numpy(bool)
    ratio = np.where(np.isfinite(own), own / grid, 1)
    resampled = factor * _FINE_BYTES + ratio * np.where(regular, _TIMED_BYTES, _SORTED_BYTES)
    untouched = regular & (np.abs(own - grid) <= _SAME * grid)
    return np.where(untouched, _SAMPLE_BYTES, resampled)


def _read_points(lab: "Home", source: Source, start: int, stop: int) -> npt.NDArray[np.float32]:
    """Read or interpolate linearly at points of the grid."""
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
