"""Counting the repetitions in a set, without labels."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions.candidates import (
    EVERY,
    FEW,
    Candidate,
    Counter,
    find_candidates,
)
from workoutlab.recognition.repetitions.checks import check_rate, check_signal
from workoutlab.recognition.repetitions.edges import sharpen_edges
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recognition.repetitions.templates import Template

__all__ = ["Counter", "count_repetitions"]

Doubles = npt.NDArray[np.float64]

_LEAST_HZ: Final = 8.0
_MOST_S: Final = 1200.0
"""Memory grows with the square of the duration: 200 MB for this."""
_ALTERNATING: Final = frozenset({"alt", "alternate", "alternated", "alternating"})
"""Words in the name of an exercise whose repetitions are counted on both sides."""


def count_repetitions(
    acceleration: npt.ArrayLike,
    rate_hz: float,
    *,
    counter: Counter | None = None,
    template: Template | None = None,
    exercise: str = "",
) -> Repetitions:
    """Count the repetitions in a set, finished or in progress.

    The signal may be wider than the set, and hold other movements at its ends. How the sensor is
    turned plays no part. First, runs of stretches that resemble their neighbours are found, for
    bands of lengths; then the signal is cut into stretches that resemble the mean of such a run,
    and pauses, by each number of them. How much these resemble the mean tells how probable
    each number is. At last, the edges are moved to one moment of the movement.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included; 20 minutes at most.
    rate_hz
        Sampling rate, 8 Hz or more; with less than 20 Hz, fast repetitions may escape.
    counter
        How to count.
    template
        What a repetition of this person's exercise looks like, where that is known: it decides
        between readings of the signal that are nearly as good, such as one movement of 4 s or two
        of 2 s, tells whether one arm's movements count for both, and whether this person counts a
        repetition more or less.
    exercise
        The exercise, where that is known: see ``both_sides`` of :class:`Counter`.

    Returns
    -------
    Repetitions
        The count, how probable every count is, and where each repetition lies.

    Raises
    ------
    InputError
        If the acceleration is not of three axes, not finite or too long, or the rate is too low.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(600) / 100
    >>> moved = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> count_repetitions(moved, 50).count
    6
    """
    counter = counter or Counter()
    samples, rate_hz = check_signal(acceleration), check_rate(rate_hz, least=_LEAST_HZ)
    if len(samples) > _MOST_S * rate_hz:
        raise InputError(
            f"acceleration: expected a set, of {_MOST_S:g} s at most, got "
            f"{len(samples) / rate_hz:.0f} s; find the sets of a recording first"
        )
    if len(samples) < 2:
        return Repetitions(0, 0, np.ones(1), np.empty((0, 2)), rate_hz)
    if template is None:
        times = 2 if counter.both_sides and _alternates(exercise) else 1
        candidates = find_candidates(samples, rate_hz, counter, FEW)
    else:
        times = template.per_movement
        candidates = [
            each._replace(weight=each.weight + template.weigh(samples, rate_hz, each.edges))
            for each in find_candidates(samples, rate_hz, counter, EVERY)
        ]
    if not candidates:
        return _tell_none(samples, rate_hz, counter)
    probabilities, edges = _choose(candidates, template)
    edges = sharpen_edges(samples, rate_hz, edges)
    if times > 1:
        probabilities, edges = _multiply(probabilities, times), _divide(edges, times)
    guess = len(edges)
    sure = probabilities[guess] >= counter.least_confidence
    return Repetitions(guess if sure else None, guess, probabilities, edges, rate_hz)


def _alternates(exercise: str) -> bool:
    words = exercise.lower().replace("_", "-").replace(" ", "-").split("-")
    return not _ALTERNATING.isdisjoint(words)


def _choose(candidates: Sequence[Candidate], template: Template | None) -> tuple[Doubles, Doubles]:
    """Return what candidates say together: how probable each number is, and the likeliest's edges.

    These are of movements, each of which may be more than one repetition.
    """
    weights = np.array([each.weight for each in candidates])
    weights = np.exp(weights - weights.max())
    shares = np.zeros((len(candidates), max(len(each.probabilities) for each in candidates)))
    for share, weight, each in zip(shares, weights / weights.sum(), candidates, strict=True):
        share[: len(each.probabilities)] = weight * each.probabilities
    probabilities = shares.sum(axis=0)
    cuts = candidates[int(shares[:, probabilities.argmax()].argmax())].cuts
    if template is not None:
        probabilities = template.expect(probabilities)[: len(cuts)]
        probabilities /= probabilities.sum()
    count = int(probabilities.argmax())
    return probabilities, cuts[count, :count]


def _multiply(probabilities: Doubles, times: int) -> Doubles:
    """Return how probable each number is where the sensor sees one of so many.

    The other side may have begun, or ended, so that there may be one more or less.
    """
    many = np.zeros(times * len(probabilities) + 2)
    for off, share in ((-1, 0.25), (0, 0.5), (1, 0.25)):
        places = np.maximum(0, times * np.arange(len(probabilities)) + off)
        np.add.at(many, places, share * probabilities)
    return many


def _divide(edges: Doubles, times: int) -> Doubles:
    """Divide each stretch into so many of one length."""
    shares = np.arange(times + 1) / times
    places = edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * shares
    return np.stack([places[:, :-1], places[:, 1:]], axis=2).reshape(-1, 2)


def _tell_none(samples: Doubles, rate_hz: float, counter: Counter) -> Repetitions:
    """Return what is known where nothing repeats: still, or moved once or in a way of its own."""
    nothing = np.empty((0, 2))
    if samples.var(axis=0).sum() <= counter.noise_g**2:
        return Repetitions(0, 0, np.ones(1), nothing, rate_hz)
    return Repetitions(None, 0, np.array([0.4, 0.4, 0.2]), nothing, rate_hz)
