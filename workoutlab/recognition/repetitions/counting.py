"""Counting the repetitions in a set, without labels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, smooth_to_grid
from workoutlab.recognition.repetitions.results import Repetitions

__all__ = ["Counter", "count_repetitions"]

_GRID_HZ: Final = 10.0
_SMOOTH_S: Final = 0.12
_OCTAVE: Final = 1.75
_STEP: Final = 1.4

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
    template: object | None = None,  # noqa: ARG001
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
        What a repetition looks like, where that is known.
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
    if len(samples) < 2:
        return _choose([], rate_hz, counter)
    step = rate_hz / _GRID_HZ
    first, signal = smooth_to_grid(samples, step, _SMOOTH_S * rate_hz)
    runs = find_runs(
        signal,
        _bands(counter),
        likeness=counter.likeness,
        tempo_cost=counter.tempo_cost,
        noise=counter.noise_g**2,
    )
    return _choose(
        [
            (worth / _GRID_HZ, first + step * edges.astype(np.float64))
            for worth, edges in runs
            if len(edges)
        ],
        rate_hz,
        counter,
    )


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


def _choose(runs: list[tuple[float, Doubles]], rate_hz: float, counter: Counter) -> Repetitions:
    if not runs:
        return Repetitions(0, 0, np.ones(1), np.empty((0, 2)), rate_hz)
    worths = np.array([worth for worth, _ in runs])
    weights = np.exp((worths - worths.max()) / (0.1 * worths.max()))
    probabilities = np.zeros(max(len(edges) for _, edges in runs) + 2)
    for weight, (_, edges) in zip(weights, runs, strict=True):
        probabilities[len(edges) - 1 : len(edges) + 2] += weight * np.array([0.2, 0.6, 0.2])
    probabilities /= probabilities.sum()
    edges = runs[int(worths.argmax())][1]
    sure = probabilities[len(edges)] >= counter.least_confidence
    return Repetitions(len(edges) if sure else None, len(edges), probabilities, edges, rate_hz)
