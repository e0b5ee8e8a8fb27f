"""Where repetitions meet: edges that are known roughly are moved to where they fit."""

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.repetitions.course import check_edges, smooth

__all__ = ["sharpen_edges"]

Array = npt.NDArray[np.float64]

_CUT_HZ: Final = 3.0
_HALF: Final = 0.4
"""What is compared around an edge on either side, in repetitions."""
_REACH: Final = 0.25
"""How far an edge may move, in repetitions."""
_POINTS: Final = 33
_GAP: Final = 0.2
"""Most between two repetitions that meet, in repetitions."""
_ROUNDS: Final = 3
_PULL: Final = 0.3
"""Keeps edges in place where the signal is flat around them."""


def sharpen_edges(acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike) -> Array:
    """Move the edges of repetitions to where the signal around each is like that around the others.

    Whatever moment of the movement the edges are at, it is the same one afterwards. The signal
    around an edge is compared with the mean over all edges, which is made anew three times; all
    together do not move. Repetitions that are a fifth of one apart, or less, meet afterwards.

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
        The same shape; as given where there are fewer than three repetitions, or wider gaps.

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
    marks = np.append(rows[:, 0], rows[-1, 1])
    period = float(np.median(np.diff(marks)))
    if (np.abs(rows[1:, 0] - rows[:-1, 1]) > _GAP * period).any():
        return rows
    marks[1:-1] = (rows[1:, 0] + rows[:-1, 1]) / 2
    low = int(max(marks[0] - period, 0))
    smoothed = smooth(signal[low : int(marks[-1] + period) + 1], rate, _CUT_HZ)
    moved = marks - low
    for _ in range(_ROUNDS):
        moved = _move(smoothed, moved, marks - low, period)
    moved = np.clip(moved + low, 0, len(signal))
    if (np.diff(moved) < period / 4).any():
        return rows
    return np.column_stack([moved[:-1], moved[1:]])


def _move(smoothed: Array, marks: Array, given: Array, period: float) -> Array:
    """Return the marks, each where the signal around it is most like the mean around all."""
    shares = np.linspace(-_HALF, _HALF, _POINTS)
    template = _take(smoothed, marks[1:-1, np.newaxis] + shares * period).mean(axis=0)
    reach = int(np.ceil(_REACH * period))
    shifts = np.arange(-reach, reach + 1)
    places = given[:, np.newaxis] + shifts
    around = _take(smoothed, places[:, :, np.newaxis] + shares * period)
    misfits = ((around - template) ** 2).sum(axis=3)
    weights = np.ones((len(marks), _POINTS))
    weights[0, shares < 0] = 0  # what comes before the first repetition is none, nor what comes
    weights[-1, shares > 0] = 0  # after the last
    cost = np.einsum("msp,mp->ms", misfits, weights) / weights.sum(axis=1, keepdims=True)
    power = ((template - template.mean(axis=0)) ** 2).sum(axis=1).mean()
    cost += _PULL * power * (shifts / period) ** 2
    best = shifts[np.argmin(cost, axis=1)]
    return np.asarray(given + best - np.median(best))


def _take(smoothed: Array, places: Array) -> Array:
    samples = np.arange(len(smoothed))
    return np.stack([np.interp(places, samples, axis) for axis in smoothed.T], axis=-1)
