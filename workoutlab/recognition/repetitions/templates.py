"""What is known of a person's repetitions of an exercise, learnt from sets whose count is known.

Counting without labels finds several readings of a set, since a movement of 4 s that goes up and
down alike may as well be two of 2 s. Sets whose count is known tell which reading this person's
exercise wants: how long a repetition takes, what it looks like on the sensor's axes, and how many
repetitions are counted for each movement of the arm that wears the sensor (two where the arms take
turns). They also tell how this person counts: whether taking up the weight is a first repetition.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions.candidates import Counter, find_candidates
from workoutlab.recording import Recording

__all__ = [
    "KnownSet",
    "ReadSet",
    "Template",
    "find_known_sets",
    "learn_template",
    "learn_templates",
    "read_known_set",
]

Doubles = npt.NDArray[np.float64]

_POINTS: Final = 12
_LEAST_SPREAD: Final = 0.3
"""In logarithms: how much the tempo of another set may differ even if the known ones agree."""
_LIKENESS_WEIGHT: Final = 3.0
_PERIOD_WEIGHT: Final = 0.5
_FIT_WEIGHT: Final = 4.0
_TURNS_COST: Final = 2.0
_TURNS_DOUBT: Final = 1.0
"""By how much two repetitions a movement must explain the counts better than one: so much a set,
and so much once, so that one set does not tell it."""
_LEAST_CHANCE: Final = 1e-4
"""Numbers that are less probable for the signal teach nothing."""
_HABIT: Final = np.array([0.05, 0.15, 0.6, 0.15, 0.05])
_HABIT_SETS: Final = 4.0
"""What people note less what is counted, -2 to 2, before anything is known of a person; worth so
many sets."""
_NOISE_G2: Final = 0.002


@dataclass(frozen=True, eq=False)
class KnownSet:
    """A set whose number of repetitions is known.

    Parameters
    ----------
    exercise
        What was done.
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Sampling rate.
    repetitions
        How often.
    """

    exercise: str
    acceleration: npt.NDArray[np.floating[Any]]
    rate_hz: float
    repetitions: int


@dataclass(frozen=True, eq=False)
class Template:
    """A repetition of an exercise as one person does it.

    Parameters
    ----------
    exercise
        The exercise.
    period_s
        Geometric mean of how long the watched arm's movement takes, in s.
    spread
        Standard deviation of the logarithm of that time from set to set.
    per_movement
        Repetitions for each movement: 2 where the arms take turns and the sensor sees one.
    shape
        Shape (3, 12), in g: the axes' course through a movement, each without its mean. It starts
        anywhere in the movement.
    habit
        Shape (5,): how probable it is that this person notes 2 or 1 fewer, as many, 1 or 2 more
        repetitions than are counted. Not used where arms take turns.
    sets
        How many sets it was learnt from.

    Raises
    ------
    InputError
        If a number is out of its range or the shape is not as described.

    Examples
    --------
    >>> habit = np.array([0, 0, 0.7, 0.3, 0])
    >>> template = Template("curl", 2.0, 0.3, 1, np.zeros((3, 12)), habit, 4)
    >>> Template.from_json(template.to_json()).period_s
    2.0
    """

    exercise: str
    period_s: float
    spread: float
    per_movement: int
    shape: Doubles
    habit: Doubles
    sets: int

    def __post_init__(self) -> None:
        if not (0 < self.period_s < np.inf and 0 < self.spread < np.inf):
            raise InputError(
                f"template of {self.exercise!r}: expected a period and a spread above 0, "
                f"got {self.period_s} and {self.spread}"
            )
        if self.per_movement < 1 or self.sets < 1:
            raise InputError(
                f"template of {self.exercise!r}: expected 1 or more repetitions a movement and "
                f"sets, got {self.per_movement} and {self.sets}"
            )
        if self.shape.shape != (3, _POINTS) or not np.isfinite(self.shape).all():
            raise InputError(
                f"template of {self.exercise!r}: expected a finite shape (3, {_POINTS}), "
                f"got {self.shape.shape}"
            )
        if self.habit.shape != (5,) or self.habit.min() < 0 or abs(self.habit.sum() - 1) > 1e-9:
            raise InputError(
                f"template of {self.exercise!r}: expected a habit of 5 probabilities, "
                f"got {self.habit}"
            )

    def weigh(self, acceleration: Doubles, rate_hz: float, edges: Doubles) -> float:
        """Return the logarithm of how well a reading of a set fits, up to a constant.

        Parameters
        ----------
        acceleration
            Shape (sample, 3), in g: the set.
        rate_hz
            Sampling rate.
        edges
            Shape (movement, 2): where each movement starts and stops, in samples.
        """
        if not len(edges):
            return -np.inf
        period_s = float(np.median(edges[:, 1] - edges[:, 0])) / rate_hz
        off = np.log(period_s / self.period_s) / self.spread
        likeness = _compare(_draw(acceleration, edges), self.shape)[1]
        return float(_LIKENESS_WEIGHT * likeness - _PERIOD_WEIGHT * off * off)

    def expect(self, probabilities: Doubles) -> Doubles:
        """Return how probable each number is that this person may note, from what is counted.

        Parameters
        ----------
        probabilities
            How probable 0, 1, 2, ... repetitions are by the signal.
        """
        if self.per_movement > 1:
            return probabilities
        noted = np.convolve(probabilities, self.habit)
        noted[2] += noted[:2].sum()
        return noted[2:]

    def to_json(self) -> str:
        """Return it as JSON, with no rounding."""
        arrays = {"shape": self.shape.tolist(), "habit": self.habit.tolist()}
        return json.dumps({**vars(self), **arrays})

    @classmethod
    def from_json(cls, text: str) -> "Template":
        """Return the template that :meth:`to_json` wrote.

        Raises
        ------
        InputError
            If the text is no template.
        """
        try:
            facts = json.loads(text)
            arrays = {name: np.array(facts[name], np.float64) for name in ("shape", "habit")}
            return cls(**{**facts, **arrays})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a template as JSON, got {text[:60]!r}") from error


def find_known_sets(recordings: Iterable[Recording]) -> list[KnownSet]:
    """Return the sets of recordings whose repetitions are known, 1 or more.

    Recordings whose rate is not regular are left out: resample them first.

    Parameters
    ----------
    recordings
        Of one person, since templates are personal.
    """
    return [
        KnownSet(
            one.exercise,
            recording.acceleration[one.start : one.stop],
            recording.rate_hz,
            one.repetitions,
        )
        for recording in recordings
        if recording.rate_hz is not None
        for one in recording.sets
        if one.repetitions
    ]


def learn_templates(
    sets: Iterable[KnownSet], *, counter: Counter | None = None
) -> dict[str, Template]:
    """Learn what a person's repetitions look like, for each exercise with a set that fits.

    A set whose count no reading comes near (within 2, or a quarter of it) teaches nothing: its
    label or its signal is not whole.

    Parameters
    ----------
    sets
        Of one person.
    counter
        How repetitions are counted; the same as later, with the templates.

    Returns
    -------
    dict
        Templates by exercise.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(600) / 100
    >>> moved = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> known = learn_templates([KnownSet("swing", moved, 50, 6)])
    >>> known["swing"].sets, known["swing"].per_movement
    (1, 1)
    """
    counter = counter or Counter()
    read: dict[str, list[ReadSet]] = {}
    for one in sets:
        read.setdefault(one.exercise, []).append(read_known_set(one, counter))
    learnt = {exercise: learn_template(reads) for exercise, reads in sorted(read.items())}
    return {exercise: template for exercise, template in learnt.items() if template is not None}


@dataclass(frozen=True, eq=False)
class ReadSet:
    """A set of a known number of repetitions, and the ways in which it may be read.

    Each way is the logarithm of how probable it is, up to a constant, and its edges.
    """

    known: KnownSet
    samples: Doubles
    ways: Sequence[tuple[float, Doubles]]

    def choose(self, per_movement: int) -> tuple[float, Doubles]:
        """Return how well the reading that fits the number best fits it, and its edges."""
        label = self.known.repetitions + 0.5

        def fit(way: tuple[float, Doubles]) -> float:
            weight, edges = way
            count = len(edges) * per_movement + 0.5
            return float(weight - _FIT_WEIGHT * abs(np.log(count / label)))

        best = max(self.ways, key=fit)
        return fit(best), best[1]

    def guess(self) -> int:
        """Return the likeliest number of movements, without a look at what is known."""
        chances: dict[int, float] = {}
        for weight, edges in self.ways:
            chances[len(edges)] = chances.get(len(edges), 0.0) + float(np.exp(weight))
        return max(chances, key=lambda number: chances[number])


def read_known_set(known: KnownSet, counter: Counter) -> ReadSet:
    """Read a set in the ways in which the counter may: most of the work of learning."""
    samples = np.ascontiguousarray(known.acceleration, np.float64)
    candidates = find_candidates(samples, known.rate_hz, counter)
    most = max((each.weight for each in candidates), default=0.0)
    ways = [
        (each.weight - most + float(np.log(each.probabilities[number])), each.cuts[number, :number])
        for each in candidates
        for number in np.flatnonzero(each.probabilities > _LEAST_CHANCE).tolist()
        if number
    ]
    return ReadSet(known, samples, ways)


def learn_template(reads: Sequence[ReadSet]) -> Template | None:
    """Learn from sets of one person and exercise; None if no reading comes near its number."""
    reads = [read for read in reads if read.ways]
    one, two = (sum(read.choose(times)[0] for read in reads) for times in (1, 2))
    per_movement = 2 if two > one + _TURNS_COST * len(reads) + _TURNS_DOUBT else 1
    periods: list[float] = []
    shapes: list[Doubles] = []
    for read in reads:
        edges = read.choose(per_movement)[1]
        label = read.known.repetitions
        if abs(len(edges) * per_movement - label) > max(2, 0.25 * label) or not len(edges):
            continue
        width = float(np.median(edges[:, 1] - edges[:, 0]))
        if width <= 0:  # cut into movements that take no time: nothing to learn from
            continue
        periods.append(float(np.log(width / read.known.rate_hz)))
        shape = _draw(read.samples, edges)
        shapes.append(_compare(shape, shapes[0])[0] if shapes else shape)
    if not periods:
        return None
    return Template(
        reads[0].known.exercise,
        period_s=float(np.exp(np.mean(periods))),
        spread=float(np.hypot(np.std(periods), _LEAST_SPREAD)),
        per_movement=per_movement,
        shape=np.mean(shapes, axis=0),
        habit=_learn_habit(reads),
        sets=len(periods),
    )


def _learn_habit(reads: Sequence[ReadSet]) -> Doubles:
    off = np.array([read.known.repetitions - read.guess() for read in reads])
    near = off[np.abs(off) <= 2] + 2
    seen = _HABIT_SETS * _HABIT + np.bincount(near, minlength=5)
    habit: Doubles = seen / seen.sum()
    return habit


def _draw(samples: Doubles, edges: Doubles) -> Doubles:
    """Return the median course of movements, (3, 12), each axis without its mean."""
    share = (np.arange(_POINTS) + 0.5) / _POINTS
    places = edges[:, :1] + (edges[:, 1:] - edges[:, :1]) * share
    width = np.median(edges[:, 1] - edges[:, 0]) / _POINTS
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(samples, axis=0)])
    index = np.arange(len(sums))
    low = np.clip(places - width / 2, 0, len(samples) - 1)
    high = np.clip(places + width / 2, 1, len(samples))
    courses = np.stack(
        [(np.interp(high, index, s) - np.interp(low, index, s)) / (high - low) for s in sums.T]
    )
    courses -= courses.mean(axis=2, keepdims=True)
    drawn = np.median(courses, axis=1)
    freed: Doubles = drawn - drawn.mean(axis=1, keepdims=True)
    return freed


def _compare(shape: Doubles, other: Doubles) -> tuple[Doubles, float]:
    """Turn a shape to where it is most like the other; and how much: 1 if equal, -1 if opposed."""
    turned = [np.roll(shape, turn, axis=1) for turn in range(_POINTS)]
    products = [float((one * other).sum()) for one in turned]
    best = int(np.argmax(products))
    size = float((shape**2).sum() + (other**2).sum()) + _NOISE_G2 * _POINTS
    return turned[best], 2 * products[best] / size
