"""One task of an evaluation: read once, train for each split, score what was left out.

A task returns counts, not predictions, so that what travels back does not grow with the number
of windows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import TrainingError
from workoutlab.learning.engines import Engine, train_members
from workoutlab.recognition.estimators.estimator import Estimator, one_at_a_time
from workoutlab.recognition.estimators.fitting import fit_material
from workoutlab.recognition.evaluation.metrics import Confusion, count_confusion, vote
from workoutlab.recognition.evaluation.results import NotScored
from workoutlab.recognition.evaluation.splits import Mask, Protocol, Split, list_singles, split
from workoutlab.recognition.evaluation.units import number_sets
from workoutlab.recognition.material import Material, compute_rows
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.selection import Selection, choose_settings
from workoutlab.signals import Windows

__all__ = ["Job", "Score", "list_unsplit", "score", "timed"]

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]]
"""Turns inputs (window, input) into probabilities (window, class)."""


@dataclass(frozen=True, eq=False)
class Job:
    """What one task does.

    Parameters
    ----------
    windows
        The plan, of sets that have windows.
    clock
        Columns ``start_ns`` and ``stop_ns``, Unix time of each set in ns, NA where not known.
    protocol
        How the sets are split.
    recipe
        What is trained.
    engine
        By which engine.
    user
        The person whose model it is; empty for a model of all.
    fold
        The one split to do; all of them where empty.
    selection
        How settings are chosen within each training part; None where the recipe's own are taken.
    """

    windows: Windows
    clock: pd.DataFrame
    protocol: Protocol
    recipe: Recipe | Estimator
    engine: str | Engine = "auto"
    user: str = ""
    fold: str = ""
    selection: Selection | None = None

    @cached_property
    def segments(self) -> pd.DataFrame:
        """The plan's segments with their clock, as splits take them."""
        return timed(self.windows.segments, self.clock)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the exercises, sorted."""
        return tuple(sorted(self.windows.segments["exercise"].unique()))


@dataclass(frozen=True, eq=False)
class Score:
    """What a model did on what its split left out.

    Parameters
    ----------
    user
        The person, empty for all.
    split
        Name of the split.
    windows, sets
        Confusions over the classes of the job.
    train_windows, train_sets
        What was learned from.
    unseen
        Exercises that were tested but not in the training part.
    """

    user: str
    split: str
    windows: Confusion
    sets: Confusion
    train_windows: int
    train_sets: int
    unseen: tuple[str, ...]


def score(job: Job) -> list[Score | NotScored]:
    """Train and score the model of each split.

    Balancing, scaling, augmenting, early stopping and the choice of settings know the training part
    alone. A model has outputs for the
    exercises of its training part only, so an exercise that it never saw is always an error.

    Parameters
    ----------
    job
        What to do.

    Returns
    -------
    list of Score or NotScored
        A score for each split, or why there is none; for a person also what could not be split.
    """
    unscored = list_unsplit(job.segments, job.protocol, job.user) if job.user else []
    splits = split(job.segments, job.protocol, only=job.fold)
    if not splits or len(job.classes) < 2:
        return [*unscored]
    bench = _Bench(job)
    models = bench.train(splits)
    return [
        *unscored,
        *(bench.score(part, model) for part, model in zip(splits, models, strict=True)),
    ]


def list_unsplit(segments: pd.DataFrame, protocol: Protocol, user: str = "") -> list[NotScored]:
    """List the sets that no split of the protocol tests, and why.

    Parameters
    ----------
    segments
        Of one person, or of all, as in :func:`~workoutlab.recognition.evaluation.splits.split`.
    protocol
        How they are split.
    user
        The person; without one, they are listed by exercise.
    """
    if segments["exercise"].nunique() == 1:
        return [NotScored(user, len(segments), "one exercise only: nothing to tell apart")]
    if protocol.by != "set":
        names = ["user"] if protocol.by == "person" else ["user", "session"]
        if len(segments[names].drop_duplicates()) != 1:
            return []
        reason = f"one known {protocol.by} only: nothing to train on"
        return [NotScored(user, len(segments), reason)]
    single = segments[segments["exercise"].isin(list_singles(segments))]
    reason = "the only set of its exercise, kept for training"
    if user:
        return [NotScored(user, len(single), reason)] if len(single) else []
    by_exercise = single.groupby("exercise").size()
    return [NotScored(str(name), int(sets), reason) for name, sets in by_exercise.items()]


def timed(segments: pd.DataFrame, clock: pd.DataFrame) -> pd.DataFrame:
    """Put the clock of each segment beside it."""
    return segments.reset_index(drop=True).join(clock.reset_index(drop=True))


class _Bench:
    """Inputs and targets of a job, cut by its splits."""

    def __init__(self, job: Job) -> None:
        segments = job.windows.segments
        self.job = job
        self.inputs, self.row_segment = compute_rows(job.windows, job.recipe)
        self.labels = np.searchsorted(job.classes, segments["exercise"].to_numpy(dtype=str))
        self.sets = number_sets(segments)
        windows = int(segments["count"].sum())
        self.segment = self.sets[self.row_segment[:windows]]
        self.targets = self.labels[self.segment]

    def train(self, splits: Sequence[Split]) -> list[Predict | TrainingError]:
        """Train the model of each split."""
        job = self.job
        materials = [self._gather(part) for part in splits]
        if isinstance(job.recipe, Estimator):
            return [_fit_estimator(each, job.recipe, job.selection) for each in materials]
        recipes = [job.recipe] * len(materials)
        if job.selection is not None:
            runs = choose_settings(materials, job.recipe, job.selection, job.engine)
            recipes = [run.recipe(job.recipe) for run in runs]
        members = [
            each.make_member(recipe, each.among)
            for each, recipe in zip(materials, recipes, strict=True)
        ]
        return [
            outcome if isinstance(outcome, TrainingError) else outcome.network.predict
            for outcome in train_members(members, job.engine)
        ]

    def _gather(self, split: Split) -> Material:
        """Return the training part, its classes numbered without gaps."""
        seen = np.unique(self.labels[split.train])
        # What is not among them belongs to the other side, and is never looked at.
        numbers = np.minimum(np.searchsorted(seen, self.labels), len(seen) - 1)
        return Material(
            key=self._name(split),
            purpose=(self.job.user, split.name, split.seed),
            inputs=self.inputs,
            targets=numbers[self.row_segment],
            segment=self.row_segment,
            windows=len(self.segment),
            classes=len(seen),
            segments=self.job.windows.segments,
            read_clock=lambda: self.job.clock,
            among=split.train,
        )

    def score(self, split: Split, model: Predict | TrainingError) -> Score | NotScored:
        """Count what the model says of the test part against what was done."""
        if isinstance(model, TrainingError):
            reason = str(model).removeprefix(f"{self._name(split)}: ")
            return NotScored(self.job.user or split.name, int(split.test.sum()), reason)
        part, seen = self._find(split.test), np.unique(self.labels[split.train])
        probabilities = np.zeros((len(part), len(self.job.classes)))
        probabilities[:, seen] = model(self.inputs[part])
        tested, means = vote(probabilities, self.segment[part])
        unseen = np.setdiff1d(self.labels[split.test], seen)
        return Score(
            user=self.job.user,
            split=split.name,
            windows=self._count(self.targets[part], probabilities),
            sets=self._count(self.labels[tested], means),
            train_windows=len(self._find(split.train)),
            train_sets=len(np.unique(self.sets[split.train])),
            unseen=tuple(self.job.classes[label] for label in unseen),
        )

    def _name(self, split: Split) -> str:
        return f"{self.job.user} {split.name}".strip()

    def _find(self, side: Mask) -> npt.NDArray[np.int64]:
        return np.flatnonzero(side[self.segment])

    def _count(self, truth: npt.NDArray[np.int64], chances: npt.NDArray[np.floating]) -> Confusion:
        return count_confusion(truth, chances.argmax(axis=1), self.job.classes)


def _fit_estimator(
    material: Material, recipe: Estimator, selection: Selection | None
) -> Predict | TrainingError:
    try:
        fitted = fit_material(material, recipe, selection)[1]
    except TrainingError as error:
        return TrainingError(f"{material.key}: {error}")

    def predict(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        with one_at_a_time():
            chances: npt.NDArray[np.floating] = fitted.predict_proba(inputs)
        return chances

    return predict
