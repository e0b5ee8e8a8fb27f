"""Counting the repetitions in a set, without labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, smooth_to_grid
from workoutlab.recognition.repetitions.results import Repetitions

if TYPE_CHECKING:
    from workoutlab.recognition.repetitions.templates import Template

__all__ = ["Candidate", "Counter", "count_repetitions", "find_candidates"]

_GRID_HZ: Final = 10.0
_SMOOTH_S: Final = 0.12
_OCTAVE: Final = 1.75
_STEP: Final = 1.4
_NEAR: Final = 0.1
"""Of the best worth: how much less a reading may be worth to be 1/e as probable."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counter:
    """How repetitions are counted.

    Parameters
    ----------
    shortest_s, longest_s
        How long a repetition may take.
    likeness
        How much alike neighbouring repetitions have to be, 0..1.
    tempo_cost
        What a change of tempo costs.
    noise_g
        Movements smaller than this do not count.
    least_confidence
        Below this probability of the guess, no count is given.

    Raises
    ------
    InputError
        If a number is out of its range.

    Examples
    --------
    >>> Counter(longest_s=4).longest_s
    4
    """

    shortest_s: float = 0.6
    longest_s: float = 7.5
    likeness: float = 0.3
    tempo_cost: float = 1.0
    noise_g: float = 0.045
    least_confidence: float = 0.3

    def __post_init__(self) -> None:
        if not 0.3 <= self.shortest_s < self.longest_s <= 60:
            raise InputError(
                "expected 0.3 <= shortest_s < longest_s <= 60, "
                f"got {self.shortest_s} and {self.longest_s}"
            )


def count_repetitions(
    acceleration: npt.ArrayLike,
    rate_hz: float,
    *,
    counter: Counter | None = None,
    template: "Template | None" = None,
    exercise: str = "",  # noqa: ARG001
) -> Repetitions:
    """Count the repetitions in a set, finished or in progress.

    The signal may be wider than the set, and hold other movements at its ends.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included, however the sensor is turned.
    rate_hz
        Sampling rate, 20 Hz or more.
    counter
        How to count.
    template
        What a repetition of this person's exercise looks like, where that is known: it decides
        between readings of the signal that are nearly as good, such as one movement of 4 s or two
        of 2 s. Where arms take turns, the other arm's repetitions are given the second halves.
    exercise
        The exercise, where that is known.

    Returns
    -------
    Repetitions
        The count, how probable every count is, and where each repetition lies.

    Raises
    ------
    InputError
        If the acceleration is not of three axes or not finite, or the rate is too low.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(600) / 100
    >>> moved = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> count_repetitions(moved, 50).count
    6
    """
    counter = counter or Counter()
    samples = _check(acceleration, rate_hz)
    candidates = find_candidates(samples, rate_hz, counter)
    if template is None:
        return _choose(candidates, rate_hz, counter)
    fitting = [
        Candidate(weight + template.weigh(samples, rate_hz, edges), edges)
        for weight, edges in candidates
    ]
    return _choose(fitting, rate_hz, counter, template.per_movement)


class Candidate(NamedTuple):
    """One reading of a set.

    `weight` is the logarithm of how probable it is, up to a constant; `edges`, of shape
    (repetition, 2), is where each repetition starts and stops, in samples.
    """

    weight: float
    edges: Doubles


def find_candidates(samples: Doubles, rate_hz: float, counter: Counter) -> list[Candidate]:
    """Read a set in several ways, each with another range of durations.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g, contiguous.
    rate_hz
        Sampling rate.
    counter
        How to count.

    Returns
    -------
    list of Candidate
        Those with a repetition; none where nothing repeats.
    """
    if len(samples) < 2:
        return []
    step = rate_hz / _GRID_HZ
    first, signal = smooth_to_grid(samples, step, _SMOOTH_S * rate_hz)
    runs = find_runs(
        signal,
        _bands(counter),
        likeness=counter.likeness,
        tempo_cost=counter.tempo_cost,
        noise=counter.noise_g**2,
    )
    most = max(worth for worth, _ in runs)
    return [
        Candidate((worth / most - 1) / _NEAR, first + step * edges.astype(np.float64))
        for worth, edges in runs
        if len(edges)
    ]


def _check(acceleration: npt.ArrayLike, rate_hz: float) -> Doubles:
    samples = np.ascontiguousarray(acceleration, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != 3:
        raise InputError(f"acceleration: expected shape (sample, 3), got {samples.shape}")
    if not np.isfinite(samples).all():
        raise InputError(
            "acceleration: expected finite numbers, got NaN or infinity; cut the set at gaps first"
        )
    if not 20 <= rate_hz < np.inf:
        raise InputError(f"rate_hz: expected 20 Hz or more, got {rate_hz}")
    return samples


def _bands(counter: Counter) -> npt.NDArray[np.int64]:
    bands, low = [], counter.shortest_s
    while True:
        bands.append((low, min(low * _OCTAVE, counter.longest_s)))
        if low * _OCTAVE >= counter.longest_s:
            return np.maximum(2, np.round(np.array(bands) * _GRID_HZ)).astype(np.int64)
        low *= _STEP


def _choose(
    candidates: list[Candidate], rate_hz: float, counter: Counter, times: int = 1
) -> Repetitions:
    """Return the best reading, each of whose movements is so many repetitions."""
    if not candidates:
        return Repetitions(0, 0, np.ones(1), np.empty((0, 2)), rate_hz)
    weights = np.array([weight for weight, _ in candidates])
    probabilities = np.zeros(times * max(len(edges) for _, edges in candidates) + 2)
    for weight, (_, edges) in zip(np.exp(weights - weights.max()), candidates, strict=True):
        count = times * len(edges)
        probabilities[count - 1 : count + 2] += weight * np.array([0.2, 0.6, 0.2])
    probabilities /= probabilities.sum()
    edges = _divide(candidates[int(weights.argmax())].edges, times)
    sure = probabilities[len(edges)] >= counter.least_confidence
    return Repetitions(len(edges) if sure else None, len(edges), probabilities, edges, rate_hz)


def _divide(edges: Doubles, times: int) -> Doubles:
    """Divide each stretch into so many of one length."""
    shares = np.arange(times + 1) / times
    places = edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * shares
    return np.stack([places[:, :-1], places[:, 1:]], axis=2).reshape(-1, 2)
