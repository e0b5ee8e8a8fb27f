"""Reading a set in several ways: where movements may repeat, and how surely."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.repetitions import find_runs, follow_shape, smooth_to_grid

__all__ = ["EVERY", "FEW", "Candidate", "Counter", "find_candidates"]

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
FEW: Final = 2
EVERY: Final = 5
"""How many lengths of a repetition are followed up, without and with knowledge of the exercise."""
_OPEN_COST: Final = 0.3
"""What it costs that a repetition does not end where it began."""
_PAUSE_COST: Final = 0.1
"""What a second between repetitions costs."""
_SHARPNESS: Final = 3.3
"""The logarithm of how much likelier a count is that is worth 1 more: within the range, 2.1 to 3.8,
of what maximum likelihood gives on the Muvr sets whose labels the signal does not contradict, with
each of seven sessions left out and several powers of the period; it depends on that power most."""
_CHANCE: Final = 1.0
"""What chance alone may be worth: set by hand, so that noise of several colours gives no count."""
_PERIOD_SHARPNESS: Final = 8.0
_PERIOD_POWER: Final = 0.3
"""How the worths of runs of different periods become probabilities. The power is set by hand on the
Muvr sets; sets of other people were not used for it."""


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


def find_candidates(
    samples: Doubles, rate_hz: float, counter: Counter, periods: int = EVERY
) -> list[Candidate]:
    """Read a set in several ways, each with another duration of a repetition.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g, contiguous.
    rate_hz
        Sampling rate.
    counter
        How to count.
    periods
        How many ways at most.

    Returns
    -------
    list of Candidate
        The likeliest first; none where nothing repeats.
    """
    if len(samples) < 2:
        return []
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
