"""What networks may learn from: inputs, read and computed once, and shared by all that is tried."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import TrainingError
from workoutlab.learning.members import Member
from workoutlab.learning.randomness import make_key
from workoutlab.recognition.augmentation import compute_augmented
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.evaluation.splits import Mask
from workoutlab.recognition.evaluation.units import find_units, number_sets
from workoutlab.recognition.people import Person
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.validation import hold_sets, read_clock
from workoutlab.signals import Inputs, Windows, compute

__all__ = ["Material", "compute_rows", "compute_together", "read_material"]


@dataclass(frozen=True, eq=False)
class Material:
    """What a network may learn from: the inputs of its windows, shared by all that is tried.

    Parameters
    ----------
    key
        Names it in errors.
    purpose
        Whose it is, for random numbers.
    inputs
        Shape (row, input): the windows, then augmented copies of them.
    targets, segment
        Shape (row,): class of each, and the position of its segment.
    windows
        How many of the rows are windows themselves.
    classes
        Number of classes.
    segments
        One row a segment, as a plan has them.
    read_clock
        Returns Unix time of each segment's start and stop, where sets must be kept apart.
    among
        Shape (segment,): what may be learnt from.
    """

    key: str
    purpose: tuple[str | int, ...]
    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]
    segment: npt.NDArray[np.int64]
    windows: int
    classes: int
    segments: pd.DataFrame
    read_clock: Callable[[], pd.DataFrame]
    among: Mask

    @cached_property
    def exercises(self) -> npt.NDArray[np.str_]:
        """Exercise of each segment; shape (segment,)."""
        return self.segments["exercise"].to_numpy(dtype=str)

    @cached_property
    def sets(self) -> npt.NDArray[np.int64]:
        """Set of each segment, by the position of its first; shape (segment,)."""
        return number_sets(self.segments)

    @cached_property
    def units(self) -> npt.NDArray[np.int64]:
        """Unit of each segment, which is not parted; shape (segment,)."""
        clock = self.read_clock().reset_index(drop=True)
        return find_units(self.segments.reset_index(drop=True).join(clock))

    def find_windows(self, side: Mask) -> npt.NDArray[np.int64]:
        """Return the rows of the windows in some segments, without copies of them."""
        return np.flatnonzero(side[self.segment[: self.windows]])

    def make_member(self, recipe: Recipe, side: Mask, *purpose: str | int) -> Member:
        """Return the member that learns from some segments, by their windows and their copies.

        Early stopping watches sets among them, which are then not learnt from. Where no exercise
        has two sets there is nothing to watch, and training does not stop early.
        """
        training, held = recipe.training, None
        if recipe.patience is not None:
            watched = hold_sets(
                self.exercises, self.units, side, recipe.held_share, recipe.seed, *self.purpose
            )
            if watched.any():
                held, side = self.find_windows(watched), side & ~watched
            else:
                training = replace(training, patience=None)
        whole = bool(side.all())
        return Member(
            key=self.key,
            inputs=self.inputs,
            targets=self.targets,
            classes=self.classes,
            seed=make_key(recipe.seed, *self.purpose, *purpose)[0],
            training=training,
            train=None if whole else np.flatnonzero(side[self.segment]),
            held=held,
        )


def read_material(
    windows: Windows,
    person: Person,
    recipe: Recipe | Estimator,
    computed: npt.NDArray[np.float32] | None = None,
) -> Material:
    """Read a person's recordings and compute the inputs of their windows.

    Parameters
    ----------
    windows, person, recipe
        What is read, of whom, and for what.
    computed
        The inputs, where :func:`compute_together` has computed them before.

    Raises
    ------
    TrainingError
        If there are no windows.
    DamagedLabError
        If a recording cannot be read.
    """
    if not person.windows:
        raise TrainingError(
            "no labelled set is long enough for a window: shorten the windows or record longer"
        )
    part = windows.select(person.segments)
    classes, labels = np.unique(part.segments["exercise"].to_numpy(dtype=str), return_inverse=True)
    inputs, segment = compute_rows(part, recipe, computed)
    return Material(
        key=person.user,
        purpose=(person.user,),
        inputs=inputs,
        targets=labels[segment],
        segment=segment,
        windows=person.windows,
        classes=len(classes),
        segments=part.segments,
        read_clock=partial(read_clock, part),
        among=np.ones(len(part.segments), bool),
    )


def compute_together(
    windows: Windows, people: Sequence[Person], recipe: Recipe | Estimator
) -> dict[str, npt.NDArray[np.float32]]:
    """Compute the inputs of people's windows in one pass, which costs less than one by one.

    Returns
    -------
    dict
        Shape (window, input), of each user; nothing of anybody if they cannot be computed
        together: whose fault it is shows one by one.
    """
    positions = [person.segments for person in people if person.windows]
    if len(positions) < 2:
        return {}
    part = windows.select(np.concatenate(positions))
    with suppress(Exception):  # inputs may be the user's own code
        values = compute(part, recipe.inputs)
        users = part.segments["user"].to_numpy(dtype=str)
        counts = part.segments["count"].to_numpy(np.int64)
        # A plan is sorted by user: a person's windows lie one behind the other.
        names, heads = np.unique(users, return_index=True)
        firsts = (part.ends - counts)[heads]
        return dict(zip(names.tolist(), np.split(values, firsts[1:]), strict=True))
    return {}


def compute_rows(
    windows: Windows,
    recipe: Recipe | Estimator,
    computed: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Compute the inputs of all windows, and of augmented copies of them if the recipe wants any.

    Parameters
    ----------
    windows, recipe
        What is read, and for what.
    computed
        The inputs of the windows themselves, where they have been computed before.

    Returns
    -------
    inputs
        float32 of shape (row, input): the windows, then each copy of all of them.
    segment
        Shape (row,), the position of each row's segment.
    """
    inputs: Inputs = recipe.inputs
    rows = [compute(windows, inputs) if computed is None else computed]
    if recipe.augment is not None:
        rows += [
            compute_augmented(windows, inputs, recipe.augment, recipe.seed, copy)
            for copy in range(recipe.augment.copies)
        ]
    counts = windows.segments["count"].to_numpy(np.int64)
    segment = np.repeat(np.arange(len(counts)), counts)
    return (rows[0] if len(rows) == 1 else np.concatenate(rows)), np.tile(segment, len(rows))
