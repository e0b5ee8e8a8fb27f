"""Sums the scores of an evaluation up as they arrive, in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workoutlab.recognition.evaluation.metrics import Confusion, Spread
from workoutlab.recognition.evaluation.results import (
    Evaluation,
    Fold,
    Level,
    NotScored,
    Person,
    Source,
)
from workoutlab.recognition.evaluation.scoring import Score
from workoutlab.recognition.evaluation.splits import Protocol

__all__ = ["Tally"]

_Place = tuple[int, int]
"""Position of a job and of a split in it: the order of the result, whatever arrives first."""


@dataclass
class _Pool:
    """Scores of one split, over everybody who has it."""

    windows: Confusion
    sets: Confusion
    models: int = 0
    train_windows: int = 0
    train_sets: int = 0
    unseen: set[str] = field(default_factory=set)

    def add(self, score: Score, windows: Confusion, sets: Confusion) -> None:
        self.windows, self.sets = self.windows + windows, self.sets + sets
        self.models += 1
        self.train_windows += score.train_windows
        self.train_sets += score.train_sets
        self.unseen.update(score.unseen)

    def conclude(self, name: str) -> Fold:
        return Fold(
            fold=name,
            models=self.models,
            train_sets=self.train_sets,
            train_windows=self.train_windows,
            sets=self.sets.total,
            set_error_percent=self.sets.error_percent,
            set_macro_f1=self.sets.macro_f1,
            windows=self.windows.total,
            window_error_percent=self.windows.error_percent,
            window_macro_f1=self.windows.macro_f1,
            unseen=tuple(sorted(self.unseen)),
        )


class Tally:
    """Figures in the making.

    Splits by set are the same for everybody, seed by seed, and are pooled over people; the
    others belong to one job each and are concluded at once, so that memory does not grow with
    people times classes squared.

    Parameters
    ----------
    protocol
        How the sets were split.
    per
        ``"all"`` or ``"user"``.
    classes
        Names of all exercises, sorted.
    """

    def __init__(self, protocol: Protocol, per: str, classes: tuple[str, ...]) -> None:
        self._protocol, self._per, self._classes = protocol, per, classes
        self._total = self._make_pool()
        self._pools: dict[str, _Pool] = {}
        self._folds: dict[_Place, Fold] = {}
        self._people: dict[int, Person] = {}
        self._unscored: list[tuple[int, NotScored]] = []

    def _make_pool(self) -> _Pool:
        size = len(self._classes)
        empty = Confusion(self._classes, np.zeros((size, size), dtype=np.int64))
        return _Pool(empty, empty)

    def add(self, position: int, outcomes: Iterable[Score | NotScored]) -> None:
        """Take in what came of the job at `position`."""
        scores: list[Score] = []
        for outcome in outcomes:
            if isinstance(outcome, NotScored):
                self._unscored.append((position, outcome))
            else:
                self._add_score((position, len(scores)), outcome)
                scores.append(outcome)
        if self._per == "user" and scores:
            self._people[position] = _sum_person(scores)

    def _add_score(self, place: _Place, score: Score) -> None:
        windows, sets = (self._spread(part) for part in (score.windows, score.sets))
        self._total.add(score, windows, sets)
        if self._protocol.by == "set":
            self._pools.setdefault(score.split, self._make_pool()).add(score, windows, sets)
            return
        pool = self._make_pool()
        pool.add(score, windows, sets)
        self._folds[place] = pool.conclude(score.split)

    def _spread(self, part: Confusion) -> Confusion:
        """Put the counts of a job's classes where they are among all classes."""
        places = np.searchsorted(self._classes, part.classes)
        counts = np.zeros((len(self._classes), len(self._classes)), dtype=np.int64)
        counts[np.ix_(places, places)] = part.counts
        return Confusion(self._classes, counts)

    @property
    def empty(self) -> bool:
        """Whether nothing was scored."""
        return not self._total.models

    @property
    def not_scored(self) -> tuple[NotScored, ...]:
        """What was not scored so far, in the order of jobs."""
        ordered = sorted(self._unscored, key=lambda entry: entry[0])
        return tuple(item for _, item in ordered)

    def conclude(self, recipe: Mapping[str, Any], source: Source) -> Evaluation:
        """Return the figures."""
        folds = [self._pools[name].conclude(name) for name in sorted(self._pools, key=_rank)]
        folds += [self._folds[place] for place in sorted(self._folds)]
        return Evaluation(
            protocol=self._protocol,
            per=self._per,
            recipe=recipe,
            source=source,
            windows=_sum_level(self._total.windows, folds, "window"),
            sets=_sum_level(self._total.sets, folds, "set"),
            folds=tuple(folds),
            people=tuple(self._people[position] for position in sorted(self._people)),
            not_scored=self.not_scored,
        )


def _rank(seed: str) -> tuple[int, str]:
    """Order ``"seed 10"`` behind ``"seed 9"``."""
    return len(seed), seed


def _sum_level(total: Confusion, folds: list[Fold], level: str) -> Level:
    return Level(
        confusion=total,
        error_percent=Spread.of(getattr(fold, f"{level}_error_percent") for fold in folds),
        macro_f1=Spread.of(getattr(fold, f"{level}_macro_f1") for fold in folds),
    )


def _sum_person(scores: list[Score]) -> Person:
    windows = Spread.of(score.windows.error_percent for score in scores)
    sets = Spread.of(score.sets.error_percent for score in scores)
    return Person(
        user=scores[0].user,
        folds=len(scores),
        exercises=len(scores[0].windows.classes),
        sets=sum(score.sets.total for score in scores),
        set_error_percent=sets.mean,
        set_error_sd=sets.sd,
        windows=sum(score.windows.total for score in scores),
        window_error_percent=windows.mean,
        window_error_sd=windows.sd,
    )
