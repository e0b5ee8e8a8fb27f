"""Counting the repetitions in a set, without labels."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, follow_shape, smooth_to_grid
from workoutlab.recognition.repetitions.results import Repetitions

if TYPE_CHECKING:
    from workoutlab.recognition.repetitions.templates import Template

__all__ = ["Candidate", "Counter", "count_repetitions", "find_candidates"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_GRID_HZ: Final = 10.0
_SMOOTH_S: Final = 0.12
"""The grid on which movements are compared, and the Gaussian before it: nothing above 3 Hz."""
_BAND: Final = 1.75
"""The longest stretch in a run over the shortest: less than 2, so that no run mixes whole and half
repetitions."""
_BAND_STEP: Final = 1.4
_LENGTH_STEP: Final = 1.1
_FINE_STEP: Final = 1.08
"""Lengths that are tried, each by so much longer than the one before."""
_SPAN: Final = 1.6
"""How much longer or shorter than usual a repetition may be."""
_SAME: Final = 1.13
"""Runs whose lengths differ by less are one run."""
_PERIODS: Final = 2
_ALL_PERIODS: Final = 5
"""How many lengths of a repetition are followed up, without and with knowledge of the exercise."""
_OPEN_COST: Final = 0.3
"""What it costs that a repetition does not end where it began."""
_PAUSE_COST: Final = 0.1
"""What a second between repetitions costs."""
_SHARPNESS: Final = 3.3
"""The logarithm of how much likelier a count is that is worth 1 more: fitted by maximum likelihood
on the Muvr sets whose labels the signal does not contradict (3.1 to 3.8 with each of seven
sessions left out)."""
_CHANCE: Final = 1.0
"""What chance alone may be worth: more than noise of any colour usually is."""
_PERIOD_SHARPNESS: Final = 8.0
_PERIOD_POWER: Final = 0.3
"""How the worths of runs of different periods become probabilities, fitted likewise."""
_ALTERNATING: Final = frozenset({"alt", "alternate", "alternated", "alternating"})
"""Words in the name of an exercise whose repetitions are counted on both sides."""


@dataclass(frozen=True)
class Counter:
    """How repetitions are counted.

    Parameters
    ----------
    shortest_s, longest_s
        How long a repetition may take.
    run_likeness
        How much alike neighbouring repetitions have to be, 0..1, in the first search.
    likeness
        How much alike a repetition has to be to their mean, 0..1.
    tempo_cost
        What it costs that a repetition is longer or shorter than others, times the square of the
        logarithm of their ratio.
    noise_g
        Movements not greater than this are not compared.
    least_confidence
        Below this probability of the guess, no count is given.
    both_sides
        Whether each movement counts twice where an exercise's name says that its sides alternate
        (``alt-dumbbell-biceps-curl``) and no template tells: sets are usually noted so, and the
        sensor sees one side. The other side's repetitions are given the second halves.

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
    run_likeness: float = 0.3
    likeness: float = 0.5
    tempo_cost: float = 1.0
    noise_g: float = 0.045
    least_confidence: float = 0.3
    both_sides: bool = True

    def __post_init__(self) -> None:
        if not 0.4 <= self.shortest_s < self.longest_s <= 60:
            raise InputError(
                "expected 0.4 <= shortest_s < longest_s <= 60, "
                f"got {self.shortest_s} and {self.longest_s}"
            )
        for name in ("run_likeness", "likeness", "least_confidence"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("tempo_cost", "noise_g"):
            if not 0 < getattr(self, name) < np.inf:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)}")


class Candidate(NamedTuple):
    """One reading of a set.

    `weight` is the logarithm of how probable it is, up to a constant; `edges`, of shape
    (repetition, 2), is where each repetition starts and stops, in samples. `probabilities`, of
    shape (count,), tells how probable each count is if the reading is right, and `cuts` holds the
    edges for each of them.
    """

    weight: float
    edges: Doubles
    probabilities: Doubles
    cuts: Doubles


class _Run(NamedTuple):
    """Stretches that resemble each other, on the grid."""

    worth: float
    period: float
    edges: Doubles


def count_repetitions(
    acceleration: npt.ArrayLike,
    rate_hz: float,
    *,
    counter: Counter | None = None,
    template: "Template | None" = None,
    exercise: str = "",
) -> Repetitions:
    """Count the repetitions in a set, finished or in progress.

    The signal may be wider than the set, and hold other movements at its ends. How the sensor is
    turned plays no part. First, runs of stretches that resemble their neighbours are found, for
    bands of lengths; then the signal is cut into stretches that resemble the mean of such a run,
    and pauses, by each number of them. How much these resemble the mean tells how probable
    each number is.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
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
        return Repetitions(0, 0, np.ones(1), np.empty((0, 2)), rate_hz)
    if template is None:
        times = 2 if counter.both_sides and _alternates(exercise) else 1
        candidates = _read(samples, rate_hz, counter, _PERIODS)
    else:
        times = template.per_movement
        candidates = [
            each._replace(weight=each.weight + template.weigh(samples, rate_hz, each.edges))
            for each in _read(samples, rate_hz, counter, _ALL_PERIODS)
        ]
    if not candidates:
        return _tell_none(samples, rate_hz, counter)
    return _choose(candidates, rate_hz, counter, times, template)


def find_candidates(samples: Doubles, rate_hz: float, counter: Counter) -> list[Candidate]:
    """Read a set in several ways, each with another duration of a repetition.

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
        The likeliest first; none where nothing repeats.
    """
    return _read(samples, rate_hz, counter, _ALL_PERIODS) if len(samples) > 1 else []


def _alternates(exercise: str) -> bool:
    words = exercise.lower().replace("_", "-").replace(" ", "-").split("-")
    return not _ALTERNATING.isdisjoint(words)


def _read(samples: Doubles, rate_hz: float, counter: Counter, periods: int) -> list[Candidate]:
    step = rate_hz / _GRID_HZ
    first, signal = smooth_to_grid(samples, step, _SMOOTH_S * rate_hz)
    candidates = []
    for run in _find_runs(signal, counter)[:periods]:
        worths, edges = _cut(signal, run, counter)
        probabilities = _weigh(worths)
        cuts = first + step * edges.astype(np.float64)
        count = int(worths.argmax())
        weight = _PERIOD_SHARPNESS * np.log(_rank(run))
        candidates.append(Candidate(float(weight), cuts[count, :count], probabilities, cuts))
    return candidates


def _check(acceleration: npt.ArrayLike, rate_hz: float) -> Doubles:
    samples = np.ascontiguousarray(acceleration, dtype=np.float64)
    if samples.ndim != 2 or samples.shape[1] != 3:
        raise InputError(f"acceleration: expected shape (sample, 3), got {samples.shape}")
    if not np.isfinite(samples).all():
        raise InputError(
            "acceleration: expected finite numbers, got NaN or infinity; cut the set at gaps first"
        )
    if not 8 <= rate_hz < np.inf:
        raise InputError(f"rate_hz: expected 8 Hz or more, got {rate_hz}")
    return samples


def _lengths(shortest: float, longest: float, ratio: float) -> Integers:
    count = int(np.log(longest / shortest) / np.log(ratio) + 1e-9) + 1
    return np.unique(np.round(shortest * ratio ** np.arange(count))).astype(np.int64)


def _bands(counter: Counter) -> Integers:
    count = int(
        np.ceil(np.log(counter.longest_s / _BAND / counter.shortest_s) / np.log(_BAND_STEP))
    )
    low = counter.shortest_s * _BAND_STEP ** np.arange(max(0, count) + 1)
    high = np.minimum(low * _BAND, counter.longest_s)
    return np.round(np.stack([low, high], axis=1) * _GRID_HZ).astype(np.int64)


def _find_runs(signal: Doubles, counter: Counter) -> list[_Run]:
    """Return the best runs, of lengths that differ."""
    lengths = _lengths(counter.shortest_s * _GRID_HZ, counter.longest_s * _GRID_HZ, _LENGTH_STEP)
    settings = (counter.run_likeness, counter.tempo_cost, counter.noise_g**2, _OPEN_COST)
    runs = [
        _Run(worth, float(np.median(edges[:, 1] - edges[:, 0])), edges)
        for worth, edges in find_runs(signal, lengths, _bands(counter), settings)
        if len(edges) > 1
    ]
    best: list[_Run] = []
    for run in sorted(runs, key=_rank, reverse=True):
        ratios = [max(run.period / other.period, other.period / run.period) for other in best]
        if min(ratios, default=np.inf) > _SAME:
            best.append(run)
    return best


def _rank(run: _Run) -> float:
    # Repetitions taken two by two resemble each other at least as much as one by one.
    return float(run.worth * run.period**-_PERIOD_POWER)


def _cut(signal: Doubles, run: _Run, counter: Counter) -> tuple[Doubles, Integers]:
    lengths = _lengths(max(4.0, run.period / _SPAN), run.period * _SPAN, _FINE_STEP)
    settings = (
        counter.likeness,
        counter.tempo_cost,
        counter.noise_g**2,
        run.period,
        _PAUSE_COST / _GRID_HZ,
    )
    return follow_shape(signal, run.edges, lengths, settings)


def _weigh(worths: Doubles) -> Doubles:
    """Return how probable each number is, where chance may give some worth to any."""
    weights = np.exp(_SHARPNESS * (worths - worths.max()))
    chance = float(np.exp(_SHARPNESS * (_CHANCE - worths.max())))
    probabilities: Doubles = (weights + chance / len(weights)) / (weights.sum() + chance)
    return probabilities


def _choose(
    candidates: list[Candidate],
    rate_hz: float,
    counter: Counter,
    times: int,
    template: "Template | None",
) -> Repetitions:
    """Return what candidates say together, each of whose movements is so many repetitions."""
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
    edges = cuts[count, :count]
    if times > 1:
        probabilities, edges = _multiply(probabilities, times), _divide(edges, times)
    guess = len(edges)
    sure = probabilities[guess] >= counter.least_confidence
    return Repetitions(guess if sure else None, guess, probabilities, edges, rate_hz)


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
