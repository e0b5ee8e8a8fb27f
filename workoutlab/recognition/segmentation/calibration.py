"""How far confidences can be believed: temperature, reliability, and when to say unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.segmentation.reliability import Reliability, measure_reliability

__all__ = [
    "Calibration",
    "Held",
    "calibrate",
    "choose_strangest",
    "choose_threshold",
    "fit_temperature",
    "tempered",
]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MISSED: Final = 0.02
"""Share of held-out windows of sets that may be less sure than a window has to be."""
_MOST_ODDS: Final = 4.0
_LEAST: Final = 1e-12
"""A chance that a network gives as zero is taken for this one: its logarithm is finite."""
_RANGE: Final = (-3.0, 3.0)
"""Where the natural logarithm of a temperature is looked for."""
_SURE: Final = 0.9
"""A confidence that is never too low, however sure the network was of all sets held out."""
_FOR_STRANGE: Final = 0.6
"""Of the sets that may be lost, the share that strangeness may take; low confidence the rest."""


def tempered(chances: npt.ArrayLike, temperature: float) -> Doubles:
    """Divide the logarithms of chances by a temperature.

    Parameters
    ----------
    chances
        Shape (row, class); rows sum to 1.
    temperature
        Above 1 chances become more alike, below 1 less.

    Returns
    -------
    numpy.ndarray
        float64 of shape (row, class); rows sum to 1.

    Notes
    -----
    Guo, C., Pleiss, G., Sun, Y., Weinberger, K. Q. (2017): On calibration of modern neural
    networks, ICML. There logits are divided; logarithms of chances are logits less a constant,
    which cancels.

    Examples
    --------
    >>> tempered([[0.8, 0.2]], 2).round(3).tolist()
    [[0.667, 0.333]]
    """
    logits = np.log(np.maximum(np.asarray(chances, np.float64), _LEAST)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    raised: Doubles = np.exp(logits)
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def fit_temperature(
    chances: npt.ArrayLike,
    truth: Integers,
    weights: npt.ArrayLike | None = None,
    *,
    units: float = np.inf,
) -> float:
    """Return the temperature under which held-out chances say best what was done.

    Parameters
    ----------
    chances
        Shape (row, class), of rows that were not trained on.
    truth
        Shape (row,): the class of each.
    weights
        Shape (row,): how much each counts; all alike by default.
    units
        How many independent observations these are. Few that are all right would ask for a
        temperature of 0; so the square of its logarithm, over twice this number, is added to the
        loss: a normal prior of standard deviation 1.

    Returns
    -------
    float
        Least mean of -log(chance of the right class), from exp(-3) to exp(3); 1 without rows.

    Examples
    --------
    Of predictions that are 99 % sure and 75 % right:

    >>> chances = np.array([[0.99, 0.01]] * 4)
    >>> found = fit_temperature(chances, np.array([0, 0, 0, 1]))
    >>> round(found, 2), tempered(chances, found)[0].round(2).tolist()
    (4.18, [0.75, 0.25])
    """
    if not len(truth):
        return 1.0
    from scipy.optimize import minimize_scalar

    values = np.asarray(chances, np.float64)
    rows = np.arange(len(truth))

    def loss(logarithm: float) -> float:
        right = tempered(values, float(np.exp(logarithm)))[rows, truth]
        costs = -np.log(np.maximum(right, _LEAST))
        mean = np.average(costs, weights=None if weights is None else np.asarray(weights))
        return float(mean + logarithm**2 / (2 * units))

    found = minimize_scalar(loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def choose_threshold(confidence: npt.ArrayLike, right: npt.ArrayLike, lost: float) -> float:
    """Return the confidence below which a set is called unknown.

    Parameters
    ----------
    confidence
        Shape (set,): of sets that were not trained on, of exercises that were.
    right
        Shape (set,): whether each was named rightly.
    lost
        Share of those named rightly that may be called unknown.

    Returns
    -------
    float
        The highest threshold that calls no more of them unknown; -inf without any.

    Examples
    --------
    >>> choose_threshold([0.5, 0.7, 0.9, 0.95], [True, True, True, True], 0.25)
    0.7
    """
    kept = np.sort(np.asarray(confidence, np.float64)[np.asarray(right, bool)])
    if not len(kept):
        return -np.inf
    return float(kept[min(int(lost * len(kept) + 1e-9), len(kept) - 1)])


def choose_strangest(strangeness: npt.ArrayLike, lost: float) -> float:
    """Return the strangeness above which a set is called unknown.

    Parameters
    ----------
    strangeness
        Shape (set,), positive: of sets named rightly that were not trained on.
    lost
        Share of them that may be called unknown.

    Returns
    -------
    float
        The lowest limit that calls no more of them unknown. Where they are so few that this is none
        of them, not below what the next one exceeds with this chance, if logarithms are normally
        distributed (its prediction interval): the highest of ten is no limit for those to come.
        Infinite without any.

    Examples
    --------
    >>> choose_strangest(np.linspace(0.5, 1, 101), 0.02)
    0.99
    >>> round(choose_strangest([0.5, 0.6, 0.7], 0.02), 2)
    1.53
    """
    values = np.asarray(strangeness, np.float64)
    limit = -choose_threshold(-values, np.ones(len(values), bool), lost)
    if not 1 < len(values) < 1 / max(lost, _LEAST):
        return limit
    from scipy.stats import t

    logarithms = np.log(np.maximum(values, _LEAST))
    spread = logarithms.std(ddof=1) * np.sqrt(1 + 1 / len(values))
    beyond = t.ppf(1 - lost, len(values) - 1) * spread if spread else 0.0
    return max(limit, float(np.exp(logarithms.mean() + beyond)))


@dataclass(frozen=True, eq=False)
class Held:
    """What networks said of windows of sets that they were not trained on.

    Parameters
    ----------
    chances
        Shape (window, class).
    truth, sets, fold
        Shape (window,): the class, the set, and the part that was left out with it.
    strangeness
        Shape (window,): how far each is from what is known without its person, session or set;
        without its set alone, how far it would be in another session.
    """

    chances: Doubles
    truth: Integers
    sets: Integers
    fold: Integers
    strangeness: Doubles

    def weigh(self) -> Doubles:
        """Return weights under which every class counts alike, and in a class every set."""
        _, set_of, windows = np.unique(self.sets, return_inverse=True, return_counts=True)
        first = np.unique(self.sets, return_index=True)[1]
        sets = np.bincount(self.truth[first], minlength=self.chances.shape[1])
        weights: Doubles = 1 / (windows[set_of] * sets[self.truth])
        return weights

    def average(self) -> "Held":
        """Return one row a set: the mean chances and strangeness of its windows."""
        _, first, set_of = np.unique(self.sets, return_index=True, return_inverse=True)
        counts = np.bincount(set_of)
        means = np.zeros((len(first), self.chances.shape[1]))
        np.add.at(means, set_of, self.chances)
        return Held(
            chances=means / counts[:, None],
            truth=self.truth[first],
            sets=self.sets[first],
            fold=self.fold[first],
            strangeness=np.bincount(set_of, self.strangeness) / counts,
        )

    def temper(self, *, weighted: bool) -> tuple[float, "Held"]:
        """Return the temperature of all, and each part as that of the others makes it."""
        weights = self.weigh() if weighted else np.ones(len(self.truth))
        after = np.array(self.chances)
        for fold in np.unique(self.fold):
            inside = self.fold == fold
            others = ~inside
            fitted = fit_temperature(
                self.chances[others],
                self.truth[others],
                weights[others],
                units=len(np.unique(self.sets[others])),
            )
            after[inside] = tempered(self.chances[inside], fitted)
        units = len(np.unique(self.sets))
        whole = fit_temperature(self.chances, self.truth, weights, units=units)
        return whole, replace(self, chances=after)

    def rely(self) -> Reliability:
        """Compare its confidences with how often they are right."""
        return measure_reliability(self.chances.max(axis=1, initial=0.0), self.right)

    @classmethod
    def none(cls, classes: int) -> "Held":
        """Return that there are no windows."""
        empty = np.empty(0, np.int64)
        return cls(np.empty((0, classes)), empty, empty, empty, np.empty(0))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Shape (window,): whether the likeliest class is the right one."""
        found: npt.NDArray[np.bool_] = self.chances.argmax(axis=1) == self.truth
        return found


@dataclass(frozen=True)
class Calibration:
    """How confidences were calibrated, on sets that networks were not trained on.

    Parameters
    ----------
    activity, exercise
        Temperatures of the stages' windows.
    odds
        What is taken from the logarithm of the odds of activity, see :func:`choose_odds`.
    sets
        Temperature of the mean chances of a set.
    threshold, strangest
        Sets of lower confidence, or stranger on average, are called unknown.
    held
        Sets, of how many a network that was not trained on them said which exercise they are.
    wrong
        How many of these it named wrongly.
    lost, kept
        How many named rightly are called unknown, and how many named wrongly are not.
    reliability
        Of ``"activity"``, ``"exercise"`` (windows) and ``"sets"``, before and after.
    """

    activity: float = 1.0
    exercise: float = 1.0
    odds: float = 0.0
    sets: float = 1.0
    threshold: float = 0.0
    strangest: float = np.inf
    held: int = 0
    wrong: int = 0
    lost: int = 0
    kept: int = 0
    reliability: Mapping[str, tuple[Reliability, Reliability]] = field(default_factory=dict)

    def join(self, activity: "Calibration") -> "Calibration":
        """Return this one, with what another tells of the first stage."""
        theirs = {name: pair for name, pair in activity.reliability.items() if name == "activity"}
        own = {name: pair for name, pair in self.reliability.items() if name != "activity"}
        return replace(
            self, activity=activity.activity, odds=activity.odds, reliability=theirs | own
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        told = {name: getattr(self, name) for name in _NUMBERS}
        told["strangest"] = None if np.isinf(self.strangest) else self.strangest
        tables = {
            name: [each.as_dict() for each in pair] for name, pair in self.reliability.items()
        }
        return {**told, "reliability": tables}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Calibration":
        """Take up what :meth:`as_dict` returned."""
        pairs = {
            name: (Reliability.read(before), Reliability.read(after))
            for name, (before, after) in told["reliability"].items()
        }
        numbers = {name: told[name] for name in _NUMBERS}
        numbers["strangest"] = np.inf if told["strangest"] is None else told["strangest"]
        return cls(**numbers, reliability=pairs)

    def save_html(
        self, path: str | Path, title: str = "How far confidences can be believed"
    ) -> Path:
        """Write a page with reliability pictures and tables, and return its path."""
        from workoutlab.recognition.segmentation.diagram import render_page

        path = Path(path)
        path.write_text(render_page(self, title), encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        from workoutlab.recognition.segmentation.diagram import render_calibration

        return render_calibration(self)

    def __str__(self) -> str:
        lines = [
            f"{self.held} sets held out: {self.wrong} named wrongly; called unknown, below a "
            f"confidence of {self.threshold:.2f} or stranger than {self.strangest:.2f}: "
            f"{self.lost} named rightly, {self.wrong - self.kept} wrongly"
        ]
        for name, (before, after) in self.reliability.items():
            unit = "sets" if name == "sets" else f"windows, {name}"
            lines.append(
                f"  calibration error of {before.total} {unit}: {100 * before.error:.1f} % before, "
                f"{100 * after.error:.1f} % after"
            )
        return "\n".join(lines)


_NUMBERS: Final = (
    *("activity", "exercise", "odds", "sets", "threshold", "strangest"),
    *("held", "wrong", "lost", "kept"),
)


def choose_odds(chances: npt.ArrayLike, truth: Integers) -> float:
    """Return what to take from the logarithm of the odds of activity.

    Rests are of more kinds than any recording holds, sets are much alike: where a window must be
    as sure to be of a set as all but 2 % of held-out windows of sets are, few rests of a kind that
    was never seen are taken for sets. It is a test of given power, as of Neyman and Pearson.

    Parameters
    ----------
    chances
        Shape (window, 2), of activity and of rest, of windows that were not trained on.
    truth
        Shape (window,): 0 for windows of sets.

    Returns
    -------
    float
        0, where sets and rests are not told apart well enough, to 4.

    Examples
    --------
    >>> chances = np.array([[0.9, 0.1]] * 99 + [[0.2, 0.8]])
    >>> round(choose_odds(chances, np.zeros(100, np.int64)), 2)
    2.2
    """
    active = np.maximum(np.asarray(chances, np.float64), _LEAST)[np.asarray(truth) == 0]
    if not len(active):
        return 0.0
    odds = float(np.quantile(np.log(active[:, 0] / active[:, 1]), _MISSED))
    return min(max(odds, 0.0), _MOST_ODDS)


def calibrate(activity: Held | None, exercise: Held | None, lost: float) -> Calibration:
    """Choose temperatures and the threshold, and measure what they do.

    What is told of them is measured on each part with temperatures that the other parts chose;
    the temperatures that are kept are those of all.

    Parameters
    ----------
    activity, exercise
        What the stages' networks said of windows that they were not trained on; None of a stage
        that is not calibrated.
    lost
        Share of the sets named rightly that may be called unknown.
    """
    activity = Held.none(2) if activity is None else activity
    exercise = Held.none(2) if exercise is None else exercise
    of_activity, moved = activity.temper(weighted=True)
    of_exercise, named = exercise.temper(weighted=False)
    means = named.average()
    of_sets, sets = means.temper(weighted=False)
    confidence = sets.chances.max(axis=1, initial=0.0)
    threshold = choose_threshold(confidence, sets.right, (1 - _FOR_STRANGE) * lost)
    threshold = min(max(threshold, 0.0), _SURE)
    strangest = choose_strangest(sets.strangeness[sets.right], _FOR_STRANGE * lost)
    unknown = (confidence < threshold) | (sets.strangeness > strangest)
    pairs = {
        "activity": (activity, moved),
        "exercise": (exercise, named),
        "sets": (exercise.average(), sets),
    }
    return Calibration(
        activity=of_activity,
        exercise=of_exercise,
        odds=choose_odds(tempered(activity.chances, of_activity), activity.truth),
        sets=of_sets,
        threshold=threshold,
        strangest=strangest,
        held=len(sets.truth),
        wrong=int((~sets.right).sum()),
        lost=int((sets.right & unknown).sum()),
        kept=int((~sets.right & ~unknown).sum()),
        reliability={
            name: (before.rely(), after.rely())
            for name, (before, after) in pairs.items()
            if len(before.truth)
        },
    )
