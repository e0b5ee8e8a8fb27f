"""Features: what every window of a plan becomes, as a lazy dataset."""

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.schema import FEATURES, check_dataset
from workoutlab.signals.compute import compute
from workoutlab.signals.inputs import Inputs
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

__all__ = ["features", "split_plan"]

_BLOCK_BYTES: Final = 64 * 2**20
_SAMPLE_BYTES: Final = 28  # three float32 read, and four more while they are described
_PER_WINDOW: Final = ("user", "session", "exercise", "recording", "set", "start_s")


def features(
    windows: Windows, inputs: Inputs | None = None, *, block_bytes: int = _BLOCK_BYTES
) -> "xr.Dataset":
    """Return what every window becomes, as a lazy dataset; nothing is read before it is computed.

    Each block is one Dask task, which carries its part of the plan, reads what that covers and
    computes it: memory grows with the size of a block and the number of threads, not with the
    number of recordings. A window's numbers do not depend on the blocks.

    Parameters
    ----------
    windows
        The plan.
    inputs
        What a window becomes; ``Statistics()`` by default.
    block_bytes
        About how much memory a task may take for samples and results.

    Returns
    -------
    xarray.Dataset
        ``features`` (window, feature), and as coordinates ``unit``, ``user``, ``session``,
        ``exercise``, ``recording``, ``set`` and ``start_s``, lazy too;
        :data:`workoutlab.schema.FEATURES` describes them. The attributes tell lab, snapshot,
        windows and inputs, and whether recordings were ``simulated``: none, some or all.

    Raises
    ------
    InputError
        If `block_bytes` is not above zero.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab.lab import Lab
    >>> from workoutlab.recording import LabelledSet, Recording
    >>> from workoutlab.signals import windows
    >>> lab = Lab("memory://features-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (1000, 1))
    >>> hold = LabelledSet(start=0, stop=1000, exercise="plank")
    >>> recording = Recording(
    ...     user="ann", session="monday", acceleration=still, rate_hz=50, sets=[hold]
    ... )
    >>> _ = lab.append([recording])
    >>> lazy = features(windows(lab))
    >>> dict(lazy.sizes)
    {'window': 9, 'feature': 67}
    >>> lazy["features"].sel(feature="z_mean").values[:2]
    array([1., 1.], dtype=float32)
    """
    import xarray as xr
    from dask.base import tokenize

    inputs = Statistics() if inputs is None else inputs
    names = inputs.names(windows.length)
    plans = split_plan(windows, len(names), block_bytes)
    counts = tuple(len(plan) for plan in plans)
    token = tokenize(windows, inputs, counts)
    tasks = [(compute, plan, inputs) for plan in plans]
    values = _lay_blocks(f"compute-{token}", tasks, (counts, (len(names),)), np.float32)
    coords: dict[str, Any] = {"feature": list(names)}
    coords["unit"] = ("feature", list(inputs.units(windows.length)))
    for name in _PER_WINDOW:
        dtype = _dtype(windows, name)
        tasks = [_expansion(plan, name, dtype) for plan in plans]
        lazy = _lay_blocks(f"expand-{name}-{token}", tasks, (counts,), dtype)
        coords[name] = ("window", lazy)
    dataset = xr.Dataset(
        {"features": (("window", "feature"), values)}, coords, _attributes(windows, inputs)
    )
    return check_dataset(dataset, FEATURES, "features")


def split_plan(windows: Windows, width: int, block_bytes: int) -> list[Windows]:
    """Split a plan into parts that take about `block_bytes` each to compute.

    Parameters
    ----------
    windows
        The plan.
    width
        How many numbers a window becomes.
    block_bytes
        Memory for samples and results of a part.

    Returns
    -------
    list
        Plans of neighbouring segments, in order; one at least. A segment that is larger than a
        part is split between windows.

    Raises
    ------
    InputError
        If `block_bytes` is not above zero.
    """
    if not block_bytes > 0:
        raise InputError(f"block_bytes: expected a number above zero, got {block_bytes!r}")
    each = 4 * width + _SAMPLE_BYTES * windows.step
    most = max(1, int(block_bytes // (2 * each)))  # so that blocks come out about even
    segments = _split_long(windows, most)
    cost = segments["count"].to_numpy() * each + _SAMPLE_BYTES * windows.length
    if segments.empty:
        return [windows.select([])]
    block = (np.cumsum(cost) - cost) // block_bytes
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(segments)]
    return [windows.with_segments(segments.iloc[first:last]) for first, last in pairwise(edges)]


def _split_long(windows: Windows, most: int) -> pd.DataFrame:
    """Split segments of more than `most` windows, and leave those without any out."""
    segments = windows.segments[windows.segments["count"] > 0]
    count = segments["count"].to_numpy(np.int64)
    pieces = -(-count // most)
    parent = np.repeat(np.arange(len(segments)), pieces)
    piece = np.arange(len(parent)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    kept = np.minimum(most, count[parent] - piece * most)
    start = segments["start"].to_numpy(np.int64)[parent] + piece * most * windows.step
    stop = start + (kept - 1) * windows.step + windows.length
    return segments.iloc[parent].assign(start=start, stop=stop, count=kept)


def _lay_blocks(
    name: str, tasks: list[tuple[Any, ...]], chunks: tuple[tuple[int, ...], ...], dtype: Any
) -> "da.Array":
    """Lay the results of tasks one below the other, as a lazy array."""
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    rest = (0,) * (len(chunks) - 1)
    layer = {(name, place, *rest): task for place, task in enumerate(tasks)}
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[])
    return da.Array(graph, name, chunks, dtype)


def _expansion(plan: Windows, column: str, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Make the task that expands a column to one value a window, without the rest of the plan."""
    counts = plan.segments["count"].to_numpy(np.int64)
    if column == "start_s":
        start = plan.segments["start"].to_numpy(np.int64)
        return _count_up, start, counts, plan.step, plan.rate_hz
    return np.repeat, plan.segments[column].to_numpy(dtype), counts


def _count_up(
    start: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], step: int, rate_hz: float
) -> npt.NDArray[np.float64]:
    begin = np.repeat(start, counts)
    within = np.arange(len(begin)) - np.repeat(np.cumsum(counts) - counts, counts)
    return (begin + within * step) / rate_hz


def _dtype(windows: Windows, column: str) -> np.dtype[Any]:
    declared = FEATURES[column].dtype
    if declared != "str":
        return np.dtype(declared)
    lengths = windows.segments[column].str.len().to_numpy(np.int64)
    return np.dtype(f"U{lengths.max(initial=1)}")


def _attributes(windows: Windows, inputs: Inputs) -> dict[str, str | float]:
    simulated = windows.segments["simulated"]
    return {
        "lab": windows.lab.url,
        "snapshot": windows.lab.snapshot,
        "within": windows.within,
        "trim": windows.trim,
        "length_s": windows.length_s,
        "step_s": windows.step_s,
        "rate_hz": windows.rate_hz,
        "inputs": json.dumps(inputs.settings()),
        "simulated": "all" if simulated.all() else "some" if simulated.any() else "none",
    }
