"""Where repetitions meet: edges that are known roughly are moved to where they fit."""

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.marks import align_marks
from workoutlab.recognition.repetitions.checks import check_edges
from workoutlab.recognition.repetitions.course import smooth

__all__ = ["sharpen_edges"]

Array = npt.NDArray[np.float64]

_CUT_HZ: Final = 3.0
_GAP: Final = 0.2
"""Most between two repetitions that meet, in repetitions."""
_SHORTEST: Final = 0.25
"""Edges are left where one would make a repetition shorter than this, in repetitions."""


def sharpen_edges(acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike) -> Array:
    """Move the edges of repetitions to where the signal around each is like that around the others.

    Whatever moment of the movement the edges are at, it is the same one afterwards. Repetitions
    that are a fifth of one apart, or less, meet afterwards; where they are farther apart, a start
    is compared with what follows other starts, and a stop with what comes before other stops.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Samples a second.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples.

    Returns
    -------
    ndarray
        The same shape; as given where there are fewer than three repetitions.

    Raises
    ------
    InputError
        If an argument is not as described.

    Examples
    --------
    >>> angle = np.pi / 3 * (1 - np.cos(np.pi * np.arange(400) / 50))
    >>> curl = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    >>> rough = [[0, 106], [106, 195], [195, 300], [300, 400]]
    >>> np.abs(sharpen_edges(curl, 50, rough)[:, 0] - [0, 100, 200, 300]).max() < 2
    np.True_
    """
    signal, rate, rows = check_edges(acceleration, rate_hz, edges)
    if len(rows) < 3:
        return rows
    period = float(np.median(rows[:, 1] - rows[:, 0]))
    meets = np.abs(rows[1:, 0] - rows[:-1, 1]) <= _GAP * period
    low = int(max(rows[0, 0] - period, 0))
    smoothed = smooth(signal[low : int(rows[-1, 1] + period) + 1], rate, _CUT_HZ)
    marks, sides, starts, stops = _mark(rows - low, meets)
    moved = align_marks(smoothed, marks, sides, period)
    sharp = np.column_stack([moved[starts], moved[stops]]) + low
    sharp = _part(np.clip(sharp, 0, len(signal)))
    return sharp if (sharp[:, 1] - sharp[:, 0] >= _SHORTEST * period).all() else rows


def _mark(
    rows: Array, meets: npt.NDArray[np.bool_]
) -> tuple[Array, npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return marks, whether a repetition lies before and after each, and each one's two marks."""
    starts = np.concatenate([[0], np.cumsum(2 - meets)])
    stops = np.append(starts[1:] - ~meets, starts[-1] + 1)
    sums, sides = np.zeros(stops[-1] + 1), np.zeros((stops[-1] + 1, 2), bool)
    for column, places in enumerate((starts, stops)):
        sums[places] += rows[:, column]
        sides[places, 1 - column] = True
    return sums / sides.sum(axis=1), sides, starts, stops


def _part(rows: Array) -> Array:
    """Let repetitions that overlap meet in the middle."""
    meeting = np.maximum(rows[:-1, 1] - rows[1:, 0], 0) / 2
    rows[:-1, 1] -= meeting
    rows[1:, 0] += meeting
    return rows
