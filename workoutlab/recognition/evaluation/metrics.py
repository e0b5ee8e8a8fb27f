"""Figures of merit, all from one confusion matrix, and how they vary over splits."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = ["Confusion", "Spread", "count_confusion", "vote"]

_Counts = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of (truth, prediction) pairs, and the figures that follow from them.

    Parameters
    ----------
    classes
        Names of the classes.
    counts
        Shape (true class, predicted class).

    Examples
    --------
    >>> table = Confusion(("curl", "row"), np.array([[8, 2], [1, 9]]))
    >>> table.error_percent, table.recall.tolist()
    (15.0, [0.8, 0.9])
    >>> round(table.macro_f1, 4)
    0.8496
    """

    classes: tuple[str, ...]
    counts: _Counts

    def __post_init__(self) -> None:
        expected = (len(self.classes), len(self.classes))
        if self.counts.shape != expected:
            raise InputError(f"confusion: expected shape {expected}, got {self.counts.shape}")

    @property
    def total(self) -> int:
        """Number of pairs."""
        return int(self.counts.sum())

    @property
    def wrong(self) -> int:
        """Number of pairs off the diagonal."""
        return self.total - int(np.trace(self.counts))

    @property
    def accuracy(self) -> float:
        """Share of the pairs that agree, 0..1; NaN without any."""
        return 1 - self.wrong / self.total if self.total else math.nan

    @property
    def error_percent(self) -> float:
        """Share of the pairs that differ, in percent; NaN without any."""
        return 100 * self.wrong / self.total if self.total else math.nan

    @cached_property
    def support(self) -> _Counts:
        """How often each class is the truth; shape (class,)."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    @cached_property
    def precision(self) -> _Floats:
        """Share of the predictions of a class that are right; 0 for one never predicted."""
        return _divide(np.diagonal(self.counts), self.counts.sum(axis=0))

    @cached_property
    def recall(self) -> _Floats:
        """Share of a class that is found; 0 for one that never is the truth."""
        return _divide(np.diagonal(self.counts), self.support)

    @cached_property
    def f1(self) -> _Floats:
        """Harmonic mean of precision and recall; 0 where both are."""
        return _divide(2 * np.diagonal(self.counts), self.counts.sum(axis=0) + self.support)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur, as truth or as prediction; NaN without any."""
        occurs = (self.support + self.counts.sum(axis=0)) > 0
        return float(self.f1[occurs].mean()) if occurs.any() else math.nan

    def __add__(self, other: "Confusion") -> "Confusion":
        if self.classes != other.classes:
            raise InputError(
                f"confusions of other classes cannot be added: {self.classes} and {other.classes}"
            )
        return Confusion(self.classes, self.counts + other.counts)


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a figure over seeds, sessions or people.

    Parameters
    ----------
    mean
        NaN for none.
    sd
        With n - 1 in the denominator; NaN for fewer than two.
    count
        Number of values; those that are NaN are left out.

    Examples
    --------
    >>> print(Spread.of([8.0, 10.0, 12.0]))
    10.0 ± 2.0
    >>> print(Spread.of([8.0]))
    8.0
    """

    mean: float
    sd: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarize values."""
        known = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
        mean = float(known.mean()) if len(known) else math.nan
        sd = float(known.std(ddof=1)) if len(known) > 1 else math.nan
        return cls(mean, sd, len(known))

    def __format__(self, form: str) -> str:
        if not self.count:
            return "–"
        mean = format(self.mean, form or ".1f")
        return mean if math.isnan(self.sd) else f"{mean} ± {format(self.sd, form or '.1f')}"

    def __str__(self) -> str:
        return format(self, ".1f")


def count_confusion(
    truth: npt.ArrayLike, predicted: npt.ArrayLike, classes: Sequence[str]
) -> Confusion:
    """Count how often each class was taken for each.

    Parameters
    ----------
    truth, predicted
        Shape (pair,): positions in `classes`.
    classes
        Names of the classes.

    Raises
    ------
    InputError
        If the shapes differ or a position is out of range.

    Examples
    --------
    >>> count_confusion([0, 0, 1], [0, 1, 1], ["curl", "row"]).counts.tolist()
    [[1, 1], [0, 1]]
    """
    rows, columns = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    size = len(classes)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise InputError(
            f"expected as many predictions as truths, in one dimension, "
            f"got {columns.shape} and {rows.shape}"
        )
    for positions in (rows, columns):
        if len(positions) and not 0 <= positions.min() <= positions.max() < size:
            raise InputError(
                f"expected positions of classes in 0..{size - 1}, "
                f"got {positions.min()}..{positions.max()}"
            )
    counts = np.bincount(rows * size + columns, minlength=size * size)
    return Confusion(tuple(classes), counts.reshape(size, size).astype(np.int64))


def vote(
    probabilities: npt.NDArray[np.floating], sets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], _Floats]:
    """Average the probabilities of each set's windows.

    The class of a set is that of the highest mean; where several are as high, the first of them
    (``argmax``), which is the first by name where the classes are sorted. A set without windows
    has no vote and is not among those returned.

    Parameters
    ----------
    probabilities
        Shape (window, class).
    sets
        Shape (window,): which set each window is of, in any order.

    Returns
    -------
    sets
        Shape (set,), ascending.
    probabilities
        Shape (set, class), float64.

    Raises
    ------
    InputError
        If the shapes do not fit.

    Examples
    --------
    >>> numbers, means = vote(np.array([[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]]), np.array([7, 7, 3]))
    >>> numbers.tolist(), means.round(2).tolist()
    ([3, 7], [[0.0, 1.0], [0.65, 0.35]])
    """
    if probabilities.ndim != 2 or sets.shape != probabilities.shape[:1]:
        raise InputError(
            "expected probabilities of shape (window, class) and sets of shape (window,), "
            f"got {probabilities.shape} and {sets.shape}"
        )
    numbers, place = np.unique(sets, return_inverse=True)
    sums = np.zeros((len(numbers), probabilities.shape[1]))
    np.add.at(sums, place, probabilities)
    return numbers, sums / np.bincount(place, minlength=len(numbers))[:, None]


def _divide(part: _Counts, whole: _Counts) -> _Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
