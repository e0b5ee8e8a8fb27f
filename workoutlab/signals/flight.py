"""What computing features will take, told before anything is read."""

from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.lab import Lab
from workoutlab.schema import RECORDINGS
from workoutlab.signals.compute import find_stretches
from workoutlab.signals.description import Description
from workoutlab.signals.features import name_features, split_plan
from workoutlab.signals.grid import weigh_reading
from workoutlab.signals.inputs import Inputs
from workoutlab.signals.windows import Windows
from workoutlab.store import layout, tables
from workoutlab.store.recordings import open_samples
from workoutlab.store.summary import measure_chunks

__all__ = ["Flight", "describe_features"]

_CLOCK_BYTES: Final = 24  # of each time of a recording that has its own: as read, order, sorted
_WORKING_BYTES: Final = 6 * 2**20
"""Of a task, whatever its size: chunks on their way, and the tile that kernels work on."""


@dataclass(frozen=True)
class Flight(Description):
    """What a plan covers, and what computing its features takes; it prints itself.

    Parameters
    ----------
    people, sessions, recordings, segments, empty, gaps, windows, read_bytes
        As in :class:`~workoutlab.signals.description.Description`; bytes are uncompressed.
    stored_bytes
        Of the chunks that are read, as they are stored, known from a sample of them; None where
        nothing is stored: recordings in memory.
    features
        Numbers that a window becomes.
    result_bytes
        Of all of them.
    tasks
        Of the computation, one a block.
    task_bytes
        Peak memory of the largest task. A worker needs that for each of its threads, besides what
        the process takes by itself, about 300 MB, and the results that it keeps.

    Examples
    --------
    >>> from workoutlab.recording import Recording
    >>> from workoutlab.signals import Statistics, windows
    >>> still = np.tile(np.float32([0, 0, 1]), (3000, 1))
    >>> rest = Recording(user="ann", session="monday", acceleration=still, rate_hz=50)
    >>> print(windows(rest, within="recordings").describe(Statistics()))
    53 windows of 1 person in 1 session, 1 recording and 1 stretch; 0.0 MB to read
    67 features of each: 0.0 MB of results
    1 task of up to 6.4 MB
    """

    stored_bytes: int | None
    features: int
    result_bytes: int
    tasks: int
    task_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it."""
        return asdict(self)

    def _lines(self) -> dict[str, str]:
        covers = super().__str__()
        if self.stored_bytes is not None:
            covers += f", {self.stored_bytes / 1e6:,.1f} MB as stored"
        tasks = "1 task" if self.tasks == 1 else f"{self.tasks:,} tasks"
        size = f"of up to {self.task_bytes / 1e6:,.1f} MB"
        result = f"{self.result_bytes / 1e6:,.1f} MB of results"
        return {
            "covers": covers,
            "becomes": f"{self.features:,} features of each: {result}",
            "takes": f"{tasks} {size}",
        }

    def __str__(self) -> str:
        return "\n".join(self._lines().values())

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in self._lines().items()
        )
        return f"<table>{rows}</table>"


def describe_features(
    windows: Windows, inputs: Inputs, *, block_bytes: int | None = None
) -> Flight:
    """Tell what computing features takes; tables are read, and no signal.

    Parameters
    ----------
    windows
        The plan.
    inputs
        What a window becomes.
    block_bytes
        As in :func:`workoutlab.features`.

    Raises
    ------
    InputError
        If `block_bytes` is not above zero, or windows of different length become different inputs.
    """
    names, _ = name_features(windows, inputs)
    parts = split_plan(windows, inputs, block_bytes)
    weights = [_weigh(part, inputs, len(names)) for part in parts if len(part)]
    return Flight(
        **asdict(windows.describe()),
        stored_bytes=_measure(windows),
        features=len(names),
        result_bytes=4 * len(names) * len(windows),
        tasks=len(parts),
        task_bytes=_WORKING_BYTES + max(weights, default=0),
    )


def _weigh(part: Windows, inputs: Inputs, width: int) -> int:
    """Return the bytes of samples and numbers that a task holds at its peak.

    A recording's samples are read and turned into channels while the block's numbers wait; then
    its numbers are computed beside the channels, before they join the others.
    """
    rows, heads = find_stretches(part.segments)
    segments = part.segments.iloc[rows]
    start, stop = (segments[name].to_numpy(np.int64) for name in ("start", "stop"))
    points = np.maximum.reduceat(stop, heads) - np.minimum.reduceat(start, heads)
    numbers = 4 * width * np.add.reduceat(segments["count"].to_numpy(np.int64), heads)
    channels = 4 * len(inputs.channels) * points
    several = segments["length"].nunique() > 1  # then the windows' samples are copied
    firsts = segments.iloc[heads]
    clocks = np.where(firsts["regular"], 0, _CLOCK_BYTES * firsts["samples"].to_numpy(np.int64))
    each = weigh_reading(firsts, antialias=part.preparation.antialias)
    reading = each * points + channels + clocks
    computing = channels * (1 + several) + numbers
    return int(4 * width * len(part) + np.maximum(reading, computing).max())


def _measure(windows: Windows) -> int | None:
    """Return the stored bytes of the chunks that are read, None for recordings in memory."""
    if not isinstance(windows.lab, Lab):
        return None
    used = windows.segments[windows.segments["count"] > 0]
    if used.empty:
        return 0
    root = windows.lab.root()
    chunks = {"acceleration": _find_chunks(windows.lab, used)}
    irregular = used[~used["regular"].to_numpy(bool)]
    if len(irregular):
        chunks["time"] = _find_chunks(windows.lab, irregular)
    samples = open_samples(root)
    return sum(measure_chunks(samples, name, numbers) for name, numbers in chunks.items())


def _find_chunks(lab: Lab, segments: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the numbers of the chunks that the samples of segments lie in."""
    spans = segments.groupby("recording").agg(
        start=("start", "min"),
        stop=("stop", "max"),
        grid_hz=("rate_hz", "first"),
        rate_hz=("source_rate_hz", "first"),
        samples=("samples", "first"),
    )
    rows = spans.index.to_numpy(np.int64)
    home = tables.open_table(lab.root(), RECORDINGS.name)
    (offset,) = tables.take(home, ["offset"], rows)
    ratio = (spans["rate_hz"] / spans["grid_hz"]).to_numpy()
    first = np.floor(spans["start"].to_numpy() * ratio).astype(np.int64)
    last = np.ceil(spans["stop"].to_numpy() * ratio).astype(np.int64)
    last = np.clip(last, first + 1, spans["samples"].to_numpy(np.int64))
    low = (offset + first) // layout.SAMPLES_PER_CHUNK
    high = (offset + last - 1) // layout.SAMPLES_PER_CHUNK
    counts = high - low + 1
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(low, counts) + within, dtype=np.int64)
