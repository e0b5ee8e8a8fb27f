"""Validation within what one network learns from: folds of whole sets, and what a choice costs.

A set is never split, and what cannot be parted without a leak stays together (see
:mod:`workoutlab.recognition.evaluation.units`).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.evaluation.metrics import Confusion, count_confusion, vote
from workoutlab.recognition.evaluation.splits import Mask
from workoutlab.schema import RECORDINGS, check_number
from workoutlab.signals import Windows
from workoutlab.store import tables

__all__ = [
    "CRITERIA",
    "Validation",
    "average_costs",
    "deal_folds",
    "hold_sets",
    "measure_costs",
    "muvr_criterion",
    "read_clock",
    "score_of",
]

Integers = npt.NDArray[np.int64]
Chances = npt.NDArray[np.floating]

_NO_TIME: Final = -(2**63)
"""What a lab holds where a time is not known; see :data:`workoutlab.schema.RECORDINGS`."""
CRITERIA: Final = ("error", "loss", "muvr")
_LEAST_CHANCE: Final = 1e-12  # keeps the logarithm finite
_DIGITS: Final = 12  # costs that differ behind these differ by the order of a sum


@dataclass(frozen=True)
class Validation:
    """How choices are compared, on sets that they were not trained on.

    Parameters
    ----------
    folds
        Number of parts that a person's sets are dealt into; each is scored once, by what the
        others taught.
    share
        Score this share of the sets of each exercise, once, instead of folds; between 0 and 1.
    criterion
        ``"error"``: share of the sets that are wrong by the vote of their windows; among equals
        the share of the windows that are wrong, then the loss. ``"loss"``: mean of -log(chance
        of the right exercise) over windows. ``"muvr"``: Muvr's, 5 · accuracy + F1 + precision +
        recall over windows, the latter three as means over exercises; among equals the loss.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> print(Validation(folds=5))
    5 folds by set
    """

    folds: int = 3
    share: float | None = None
    criterion: str = "error"

    def __post_init__(self) -> None:
        check_number("folds", self.folds, whole=True, low=2)
        if self.share is not None:
            check_number("share", self.share, above=0, below=1)
        if self.criterion not in CRITERIA:
            raise InputError(
                f"criterion: expected one of {', '.join(CRITERIA)}, got {self.criterion!r}"
            )

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return asdict(self)

    def __str__(self) -> str:
        if self.share is not None:
            return f"{100 * self.share:.4g} % of each exercise's sets"
        return f"{self.folds} folds by set"

    def split(
        self, exercises: npt.NDArray[np.str_], units: Integers, among: Mask, *purpose: int | str
    ) -> list[Mask]:
        """Return what each fold scores.

        Parameters
        ----------
        exercises
            Shape (segment,), the exercise of each.
        units
            Shape (segment,), as
            :func:`~workoutlab.recognition.evaluation.units.find_units` returns them.
        among
            Shape (segment,): the segments that may be scored. The rest is in no fold.
        *purpose
            Decides how sets are dealt: a seed, and whose they are.

        Returns
        -------
        list of array
            Masks of shape (segment,); what a fold does not score it trains on. None is empty.
        """
        if self.share is not None:
            held = hold_sets(exercises, units, among, self.share, *purpose)
            return [held] if held.any() else []
        dealt = deal_folds(exercises, units, among, self.folds, *purpose)
        parts = (dealt == fold for fold in range(self.folds))
        return [part for part in parts if part.any()]


def deal_folds(
    exercises: npt.NDArray[np.str_],
    units: Integers,
    among: Mask,
    folds: int,
    *purpose: int | str,
) -> Integers:
    """Deal sets to folds, those of each exercise as evenly as can be, and all together too.

    Parameters
    ----------
    exercises, units, among, *purpose
        As in :meth:`Validation.split`. A unit counts for the exercise of its first segment.
    folds
        How many.

    Returns
    -------
    array of int
        Shape (segment,): the fold that scores it; -1 for what is always trained on, because
        there is a single unit of the exercise, and for what is not among them.

    Examples
    --------
    >>> exercises = np.array(["curl"] * 4 + ["row"])
    >>> dealt = deal_folds(exercises, np.arange(5), np.ones(5, bool), 2, 0)
    >>> sorted(dealt[:4].tolist()), int(dealt[4])
    ([0, 0, 1, 1], -1)
    """
    fold_of = np.full(len(units), -1)
    dealt = 0
    for heads in _shuffle_units(exercises, units, among, *purpose):
        fold_of[heads] = (dealt + np.arange(len(heads))) % folds
        dealt += len(heads)
    return np.where(among, fold_of[units], -1)


def hold_sets(
    exercises: npt.NDArray[np.str_],
    units: Integers,
    among: Mask,
    share: float,
    *purpose: int | str,
) -> Mask:
    """Hold out a share of the sets of each exercise that has two or more; one at least stays.

    Parameters
    ----------
    exercises, units, among, *purpose
        As in :meth:`Validation.split`.
    share
        How much, 0 to 1; one set at least.

    Returns
    -------
    array of bool
        Shape (segment,): what is held out.

    Examples
    --------
    >>> exercises = np.array(["curl"] * 5 + ["row"])
    >>> hold_sets(exercises, np.arange(6), np.ones(6, bool), 0.4, 0).sum()
    np.int64(2)
    """
    held = np.zeros(len(units), bool)
    for heads in _shuffle_units(exercises, units, among, *purpose):
        count = min(max(1, int(share * len(heads) + 0.5)), len(heads) - 1)
        held[heads[:count]] = True
    return held[units] & among


def _shuffle_units(
    exercises: npt.NDArray[np.str_], units: Integers, among: Mask, *purpose: int | str
) -> list[Integers]:
    """Return, of each exercise with several units, their first segments in random order."""
    heads = np.unique(units[among])
    shuffled = []
    for exercise in np.unique(exercises[heads]):
        group = heads[exercises[heads] == exercise]
        if len(group) > 1:
            key = make_key(*purpose, "sets of", str(exercise))
            shuffled.append(group[draw_order(key, len(group))])
    return shuffled


def measure_costs(
    truth: Integers, chances: Chances, sets: Integers, criterion: str
) -> tuple[float, ...]:
    """Return what predictions cost, lower is better; later numbers break ties.

    Parameters
    ----------
    truth
        Shape (window,), the class of each.
    chances
        Shape (window, class).
    sets
        Shape (window,), which set each is of.
    criterion
        As in :class:`Validation`.

    Examples
    --------
    >>> chances = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> costs = measure_costs(np.array([0, 0, 1]), chances, np.array([0, 0, 1]), "error")
    >>> [round(cost, 3) for cost in costs]
    [0.0, 0.333, 0.415]
    """
    right = chances[np.arange(len(truth)), truth]
    loss = float(-np.log(np.maximum(right, _LEAST_CHANCE)).mean())
    if criterion == "loss":
        return (loss,)
    names = [str(number) for number in range(chances.shape[1])]
    windows = count_confusion(truth, chances.argmax(axis=1), names)
    if criterion == "muvr":
        return (-muvr_criterion(windows), loss)
    numbers, means = vote(chances, sets)
    first = np.searchsorted(np.sort(sets), numbers)
    labels = truth[np.argsort(sets, kind="stable")][first]
    wrong = float((means.argmax(axis=1) != labels).mean())
    return (wrong, windows.error_percent / 100, loss)


def muvr_criterion(confusion: Confusion) -> float:
    """Return Muvr's figure of a model, 0 to 8: 5 · accuracy + F1 + precision + recall.

    The latter three are means over the classes that occur, as truth or as prediction.

    Examples
    --------
    >>> muvr_criterion(Confusion(("curl", "row"), np.array([[2, 0], [0, 3]])))
    8.0
    """
    occurs = (confusion.counts.sum(axis=0) + confusion.counts.sum(axis=1)) > 0
    means = [
        float(figure[occurs].mean())
        for figure in (confusion.f1, confusion.precision, confusion.recall)
    ]
    return 5 * confusion.accuracy + sum(means)


def average_costs(folds: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the mean of each cost over folds; NaN if one of them failed.

    Examples
    --------
    >>> average_costs([(0.0, 1.0), (1.0, 2.0)])
    (0.5, 1.5)
    >>> average_costs([(0.0, 1.0), (math.nan,)])
    (nan,)
    """
    if any(math.isnan(cost) for costs in folds for cost in costs):
        return (math.nan,)
    return tuple(
        round(math.fsum(costs) / len(costs), _DIGITS) for costs in zip(*folds, strict=True)
    )


def score_of(costs: Sequence[float], criterion: str) -> float:
    """Return the criterion's own figure: share of wrong sets, loss, or Muvr's sum; NaN for none.

    Examples
    --------
    >>> score_of((-7.5, 0.2), "muvr")
    7.5
    """
    if not costs:
        return math.nan
    return -costs[0] if criterion == "muvr" else costs[0]


def read_clock(windows: Windows) -> pd.DataFrame:
    """Return Unix time of each segment's start and stop in ns, NA where not known.

    Only the rows of the plan's recordings are read, however many others there are.

    Returns
    -------
    pandas.DataFrame
        Columns ``start_ns`` and ``stop_ns``, one row a segment.
    """
    segments = windows.segments
    rows, place = np.unique(segments["recording"].to_numpy(np.int64), return_inverse=True)
    began = _read_starts(windows, rows)[place]
    unknown = began == _NO_TIME
    edges = {}
    for edge in ("start", "stop"):
        since = (segments[edge] / segments["rate_hz"] * 1e9).to_numpy().astype(np.int64)
        edges[f"{edge}_ns"] = pd.arrays.IntegerArray(began + np.where(unknown, 0, since), unknown)
    return pd.DataFrame(edges)


def _read_starts(windows: Windows, rows: Integers) -> Integers:
    """Return Unix time of the first samples of recordings, as a lab holds it."""
    if windows.origin is None:
        known = windows.lab.table("recordings", ["start_ns"])["start_ns"]
        starts = known.loc[rows.tolist()].to_numpy(np.int64, na_value=_NO_TIME)
        return np.asarray(starts, np.int64)
    home = tables.open_table(windows.home.root(), RECORDINGS.name)
    (entries,) = tables.take(home, ["start_ns"], rows)
    return np.asarray(entries, np.int64)
