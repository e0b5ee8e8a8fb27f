"""Finding the sets of a recording: its parts on the grid, each through a chain."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.segmentation.chain import Chain, Ended
from workoutlab.recognition.segmentation.found import Found, FoundSet, StepScores
from workoutlab.recognition.segmentation.recogniser import Recogniser
from workoutlab.recording import Recording
from workoutlab.schema import UNKNOWN
from workoutlab.signals.gaps import find_parts
from workoutlab.signals.grid import Source, read_grid
from workoutlab.signals.held import hold
from workoutlab.signals.lengths import parse_seconds

if TYPE_CHECKING:
    from workoutlab.signals.held import Home

__all__ = ["find_in", "find_sets"]

_MAX_GAP_S = 1.0
"""Longest time between samples that belong together, as for windows by default."""


def find_sets(
    recogniser: Recogniser,
    recording: "Recording | npt.NDArray[Any]",
    rate_hz: float | None = None,
    *,
    max_gap: str | float = "1s",
) -> Found:
    """Find the sets of a recording.

    It is resampled to the recogniser's rate as plans of windows are. Where nothing was recorded
    for longer than `max_gap` it is cut, and no set spans two parts; shorter gaps are interpolated.

    Parameters
    ----------
    recogniser
        What finds.
    recording
        A recording, or samples of shape (sample, 3) in g, gravity included.
    rate_hz
        Of samples; a recording knows its own.
    max_gap
        Missing samples for no longer than this are interpolated, as in
        :class:`workoutlab.live.LiveSession`.

    Returns
    -------
    Found
        The sets in order, their samples counted on the recogniser's grid from the recording's
        first sample on.

    Raises
    ------
    InputError
        If it is neither, the rate of samples is missing, or `max_gap` is no time.
    """
    if isinstance(recording, np.ndarray):
        if rate_hz is None:
            raise InputError("rate_hz: expected the rate of the samples, find(samples, rate_hz=50)")
        recording = Recording(
            user=UNKNOWN, session=UNKNOWN, acceleration=recording, rate_hz=rate_hz
        )
    elif not isinstance(recording, Recording):
        raise InputError(
            "recording: expected a Recording, or an array of shape (sample, 3) with rate_hz, got "
            f"{type(recording).__name__}"
        )
    elif rate_hz is not None:
        raise InputError("rate_hz: a recording knows its own rate; leave it out")
    max_gap_s = parse_seconds(max_gap, "max_gap")
    return find_in(recogniser, hold(recording), 0, max_gap_s=max_gap_s)


def find_in(
    recogniser: Recogniser, home: "Home", row: int, *, max_gap_s: float = _MAX_GAP_S
) -> Found:
    """Find the sets of a recording of a lab, or of those in memory, by its row.

    Parameters and what is returned are as of :func:`find_sets`.
    """
    columns = ["rate_hz", "regular", "samples", "duration_s", "longest_gap_s", "digest"]
    table = home.table("recordings", columns).loc[[row]]
    facts = table.iloc[0]
    rates = np.array([recogniser.rate_hz])
    parts = find_parts(home, table, rates, max_gap_s)
    sets: list[FoundSet] = []
    scores: list[StepScores] = []
    for start, stop in zip(parts.start.tolist(), parts.stop.tolist(), strict=True):
        own_hz, regular, samples = facts["rate_hz"], bool(facts["regular"]), int(facts["samples"])
        source = Source(
            recogniser.rate_hz, row, own_hz, regular, samples, start, stop, facts["digest"]
        )
        chain = Chain(recogniser, progress=False, trace=True)
        changes = chain.push(read_grid(home, source, start, stop)) + chain.finish()
        ended = [each.found for each in changes if isinstance(each, Ended)]
        sets += [replace(each, start=each.start + start, stop=each.stop + start) for each in ended]
        shifted = chain.scores.start_s + start / recogniser.rate_hz
        scores.append(replace(chain.scores, start_s=shifted))
    return Found(tuple(sets), recogniser.rate_hz, float(facts["duration_s"]), _join(scores))


def _join(parts: list[StepScores]) -> StepScores:
    start_s, active, exercises = (
        np.concatenate([getattr(each, name) for each in parts])
        for name in ("start_s", "active", "exercises")
    )
    return StepScores(start_s, active, exercises, parts[0].names)
