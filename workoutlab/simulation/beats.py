"""Where each sample is: in which set, in which repetition, how far on the way."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.simulation.scripts import Movement, Script

__all__ = ["Beats", "find_beats", "find_latest", "minimum_jerk", "minimum_jerk_change"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beats:
    """What the repetitions are doing at each sample; all of shape (sample,).

    Parameters
    ----------
    seconds
        Time from the start.
    number
        The set last begun, before the first set that one; its numbers are harmless in a rest,
        where `way` and all that follows from it is 0.
    busy
        Whether a set is going on.
    way
        How far the repetition is out, from 0 to its amplitude.
    push
        Second derivative of `way` in 1/s².
    phase
        Part of the repetition that is over, 0..1; 0 in a rest.
    """

    seconds: Array
    number: npt.NDArray[np.int64]
    busy: npt.NDArray[np.bool_]
    way: Array
    push: Array
    phase: Array


def find_beats(script: Script, rate_hz: float) -> Beats:
    """Find where each sample of a script is; it has one set or more."""
    seconds = np.arange(round(script.duration_s * rate_hz)) / rate_hz
    moves = script.movements
    breaks_s = np.concatenate([move.breaks_s for move in moves])
    begun = np.maximum(find_latest(breaks_s[:, 0], seconds), 0)
    amplitude = np.concatenate([move.amplitude for move in moves])[begun]
    start, out, back, end, stop = np.take(breaks_s.T, begun, axis=1)
    rising, falling = (seconds - start) / (out - start), (seconds - back) / (end - back)
    busy = (seconds >= start) & (seconds < stop)
    return Beats(
        seconds=seconds,
        number=_numbers(moves)[begun],
        busy=busy,
        way=amplitude * (minimum_jerk(rising) - minimum_jerk(falling)),
        push=amplitude
        * (
            minimum_jerk_change(rising) / (out - start) ** 2
            - minimum_jerk_change(falling) / (end - back) ** 2
        ),
        phase=np.where(busy, (seconds - start) / (stop - start), 0),
    )


def find_latest(starts_s: Array, seconds: Array) -> npt.NDArray[np.int64]:
    """Return, for each moment, the number of the last start at or before it, or -1.

    Examples
    --------
    >>> find_latest(np.array([1.0, 3]), np.arange(5.0))
    array([-1,  0,  0,  1,  1])
    """
    edges = np.concatenate([[0], np.searchsorted(seconds, starts_s), [len(seconds)]])
    return np.repeat(np.arange(-1, len(starts_s)), np.diff(edges))


def _numbers(moves: list[Movement]) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(len(moves)), [len(move.amplitude) for move in moves])


def minimum_jerk(x: Array) -> Array:
    """Return the smoothest way from 0 to 1 while x goes from 0 to 1.

    After Flash and Hogan, "The coordination of arm movements", J. Neurosci. 5 (1985).

    Examples
    --------
    >>> minimum_jerk(np.array([-1, 0, 0.5, 1, 2]))
    array([0. , 0. , 0.5, 1. , 1. ])
    """
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * x * (10 + x * (6 * x - 15)), dtype=np.float64)


def minimum_jerk_change(x: Array) -> Array:
    """Return the second derivative of :func:`minimum_jerk`.

    Examples
    --------
    >>> minimum_jerk_change(np.array([-1, 0.25, 0.5, 1]))
    array([0.   , 5.625, 0.   , 0.   ])
    """
    x = np.clip(x, 0, 1)
    return np.asarray(60 * x * (1 + x * (2 * x - 3)), dtype=np.float64)
