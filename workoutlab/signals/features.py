"""Features: what every window of a plan becomes, as a lazy dataset."""

import json
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.schema import check_number
from workoutlab.signals.compute import compute
from workoutlab.signals.grid import weigh_reading
from workoutlab.signals.inputs import Inputs, name_inputs
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows

if TYPE_CHECKING:
    from workoutlab.signals.dataset import Features

__all__ = [
    "choose_block_bytes",
    "cost_windows",
    "count_blocks",
    "cut_blocks",
    "describe",
    "features",
    "name_features",
    "split_long",
    "split_plan",
]

_LARGEST: Final = 64 * 2**20
_SMALLEST: Final = 2 * 2**20
_FEW: Final = 16  # blocks that a small plan is split into, so that all threads have work
_PLANE_BYTES: Final = 4  # of a sample of a channel
_GRID: Final = ("start", "step", "length")
_PIECES: Final = 4  # that a segment as large as a block is split into, so that blocks come out even
_TEXTS: Final = ("user", "session", "exercise", "muscle_group", "digest")


def features(
    windows: Windows, inputs: Inputs | None = None, *, block_bytes: int | None = None
) -> "Features":
    """Return what every window becomes, as a lazy dataset; nothing is read before it is computed.

    Each block is one Dask task, which carries its part of the plan, reads what that covers and
    computes it: memory grows with the size of a block and the number of threads, not with the
    number of recordings. A window's numbers do not depend on the blocks.

    While it is computed, progress shows as for all of Dask: ``with
    dask.diagnostics.ProgressBar(): lazy.load()`` on threads, the dashboard on a cluster.

    Parameters
    ----------
    windows
        The plan.
    inputs
        What a window becomes; ``Statistics()`` by default.
    block_bytes
        About how much memory a task may take for samples and results. By default 64 MiB, and less
        for a small plan, so that there are 16 tasks of 2 MiB or more.

    Returns
    -------
    Features
        An ``xarray.Dataset``: ``features`` (window, feature), and as coordinates ``unit``,
        ``user``, ``session``, ``exercise``, ``muscle_group``, ``recording``, ``set``, ``start_s``
        and ``length_s``, lazy too; :data:`workoutlab.schema.FEATURES` describes them.
        ``to_dask_dataframe()`` has one row a window. The attributes tell lab, snapshot, windows,
        preparation and inputs, and whether recordings were ``simulated``: none, some or all.

    Raises
    ------
    InputError
        If `block_bytes` is not above zero, or windows of different length become different inputs.

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
    from workoutlab.signals.dataset import Blocks, lay_features

    inputs = Statistics() if inputs is None else inputs
    names, units = name_features(windows, inputs)
    each = cost_windows(windows, inputs, len(names))
    segments, edges = _split(windows, each, choose_block_bytes(windows.segments, each, block_bytes))
    parts = _cut(windows, segments, edges)
    settings = describe(windows, inputs)
    return lay_features(
        Blocks(segments, edges, names, units),
        [(compute, part, inputs) for part in parts],
        _tell_apart(windows, settings, edges),
        {"lab": windows.lab.url, "snapshot": windows.lab.snapshot, **settings},
    )


def _tell_apart(windows: Windows, settings: dict[str, object], edges: Sequence[int]) -> str:
    """Return what tells these results from others; Dask takes longer to go through a frame."""
    told = [windows.lab.url, windows.lab.snapshot, settings, list(edges)]
    digest = sha256(json.dumps(told, sort_keys=True).encode())
    for name, column in windows.segments.items():
        if name in _TEXTS:
            digest.update("\n".join(column.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(column.to_numpy()).data)
    return digest.hexdigest()


def check_plan(windows: object) -> Windows:
    """Return a plan, if it is one.

    Raises
    ------
    InputError
        If it is a lab, an array or anything else.
    """
    if isinstance(windows, Windows):
        return windows
    raise InputError(
        f"windows: expected a plan, got a {type(windows).__name__}; workoutlab.windows(...) makes "
        "one of a lab or of recordings"
    )


def name_features(windows: Windows, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names of what windows become, and units as they are prepared.

    Raises
    ------
    InputError
        If these are no windows or no inputs, or windows of different length become different
        numbers.
    """
    check_plan(windows)
    names, units = name_inputs(inputs, windows.distinct["length"].astype(np.int64))
    return names, tuple(windows.preparation.unit_of(unit) for unit in units)


def describe(windows: Windows, inputs: Inputs) -> dict[str, object]:
    """Return how features come about, whatever recordings they are of, as JSON takes it."""
    return {
        **windows.settings(),
        "preparation": windows.preparation.settings(),
        "inputs": inputs.settings(),
    }


def cost_windows(windows: Windows, inputs: Inputs, width: int) -> npt.NDArray[np.int64]:
    """Return about how many bytes a window of each segment takes, for samples and results."""
    segments = windows.segments
    sample = weigh_reading(segments, antialias=windows.preparation.antialias)
    sample += _PLANE_BYTES * len(inputs.channels)
    cost = 4 * width + sample * segments["step"].to_numpy(np.int64)
    return np.asarray(np.ceil(cost), dtype=np.int64)


def choose_block_bytes(
    segments: pd.DataFrame,
    each: npt.NDArray[np.int64],
    asked: int | None,
    *,
    smallest: int = _SMALLEST,
) -> int:
    """Return how much memory a task may take: as asked, or what suits a plan of this size.

    Raises
    ------
    InputError
        If what is asked is no whole number above zero.
    """
    if asked is not None:
        check_number("block_bytes", asked, whole=True, low=1)
        return asked
    total = int((segments["count"].to_numpy(np.int64) * each).sum())
    return min(max(total // _FEW, smallest), _LARGEST)


def split_plan(windows: Windows, inputs: Inputs, block_bytes: int | None = None) -> list[Windows]:
    """Split a plan into parts that take about `block_bytes` each to compute.

    Parameters
    ----------
    windows
        The plan.
    inputs
        What windows become.
    block_bytes
        Memory for samples and results of a part; None: what suits the plan's size.

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
    names, _ = name_features(windows, inputs)
    each = cost_windows(windows, inputs, len(names))
    budget = choose_block_bytes(windows.segments, each, block_bytes)
    return _cut(windows, *_split(windows, each, budget))


def _split(
    windows: Windows, each: npt.NDArray[np.int64], block_bytes: int
) -> tuple[pd.DataFrame, list[int]]:
    total = int((windows.segments["count"].to_numpy(np.int64) * each).sum())
    fair = total // count_blocks(total, block_bytes)
    segments, parent = split_long(windows.segments, 1 + fair // (_PIECES * each))
    cost = segments["count"].to_numpy(np.int64) * each[parent]
    return segments, cut_blocks(cost, block_bytes)


def _cut(windows: Windows, segments: pd.DataFrame, edges: Sequence[int]) -> list[Windows]:
    return [windows.with_segments(segments.iloc[first:last]) for first, last in pairwise(edges)]


def cut_blocks(cost: npt.NDArray[np.int64], block_bytes: int) -> list[int]:
    """Return where blocks of neighbours begin, and the end; they cost about the same.

    Examples
    --------
    >>> cut_blocks(np.array([3, 3, 3, 9, 1]), 7)
    [0, 2, 3, 5]
    """
    total = int(cost.sum())
    middle = np.cumsum(cost) - cost / 2
    block = np.floor(middle * count_blocks(total, block_bytes) / max(total, 1))
    return [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(cost)]


def count_blocks(total: int, block_bytes: int) -> int:
    """Return how many blocks of at most about `block_bytes` hold a total; one at least."""
    return max(1, -(-total // int(block_bytes)))


def split_long(
    segments: pd.DataFrame, most: npt.NDArray[np.int64]
) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Split segments of more windows than `most` between windows, and leave those without any out.

    Parameters
    ----------
    segments
        Of a plan.
    most
        Number of windows, one a segment.

    Returns
    -------
    segments, parent
        The pieces in order, and the position of the segment that each is of.
    """
    count = segments["count"].to_numpy(np.int64)
    pieces = -(-count // most)
    parent = np.repeat(np.arange(len(segments)), pieces)
    if (pieces == 1).all():
        return segments, parent
    piece = np.arange(len(parent)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start, step, length = (segments[name].to_numpy(np.int64) for name in _GRID)
    kept = np.minimum(most[parent], count[parent] - piece * most[parent])
    start = start[parent] + piece * most[parent] * step[parent]
    stop = start + (kept - 1) * step[parent] + length[parent]
    split = segments.take(parent)
    split["start"], split["stop"], split["count"] = start, stop, kept
    return split, parent
