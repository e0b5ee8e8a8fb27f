"""Learning from a few corrections without forgetting: a common network that rehearses.

A network that is trained on a few sets of one person alone forgets all other exercises, and of one
exercise there is nothing to train at all. So the person's windows are mixed with windows that the
common network was trained on [1]_, in a fixed proportion however few they are, and training goes on
from the common network for a few epochs, its first layers kept as they are.

References
----------
.. [1] A. Robins (1995), "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection
   Science 7 (2), 123-146.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from workoutlab.errors import TrainingError
from workoutlab.learning.engines import Engine
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.kinds.finetuning import merge_classes
from workoutlab.recognition.kinds.kinds import Fit, Judge, Labelled, fit_judges
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import check_number

__all__ = ["Rehearsal", "mix", "rehearse"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rehearsal:
    """How a common network learns a person's sets.

    Parameters
    ----------
    share
        Of the windows that are trained on, this share is the person's, each as often as that takes.
    windows
        Number of the others' windows at most; each exercise has the same part in them, as far as it
        has windows.
    epochs
        Times that all are gone through.

    Raises
    ------
    InputError
        If one cannot mean anything.
    """

    share: float = 0.2
    windows: int = 4000
    epochs: int = 5

    def __post_init__(self) -> None:
        check_number("share", self.share, above=0, below=1)
        check_number("windows", self.windows, whole=True, low=1)
        check_number("epochs", self.epochs, whole=True, low=1)


def mix(others: Labelled, own: Labelled, rehearsal: Rehearsal, seed: int = 0) -> Labelled:
    """Mix a person's windows with those of others.

    Parameters
    ----------
    others, own
        Windows of others, and the person's.
    rehearsal
        How many of each.
    seed
        Decides which of the others', beside whose they are mixed with.

    Returns
    -------
    Labelled
        Of the person, over the exercises of both.

    Examples
    --------
    >>> def make(user, names, count):
    ...     targets = np.arange(count) % len(names)
    ...     nothing = np.zeros(count, np.int64)
    ...     inputs = np.zeros((count, 2), np.float32)
    ...     return Labelled(user, names, inputs, targets, nothing, nothing, nothing > 0)
    >>> mixed = mix(make("*", ("curl", "row"), 90), make("ann", ("dip",), 5), Rehearsal(0.25))
    >>> mixed.classes, len(mixed.targets), float((mixed.targets == 1).mean())
    (('curl', 'dip', 'row'), 120, 0.25)
    """
    kept = _sample(others, rehearsal.windows, make_key(seed, own.user, "rehearsal")[0])
    wanted = rehearsal.share / (1 - rehearsal.share) * len(kept)
    times = max(1, round(wanted / max(len(own.targets), 1)))
    classes = merge_classes(others.classes, own.classes)
    theirs = np.searchsorted(classes, others.classes)[others.targets[kept]]
    mine = np.searchsorted(classes, own.classes)[own.targets]
    targets = np.concatenate([theirs, np.tile(mine, times)])
    nothing = np.zeros(len(targets), np.int64)
    return Labelled(
        user=own.user,
        classes=classes,
        inputs=np.concatenate([others.inputs[kept], np.tile(own.inputs, (times, 1))]),
        targets=targets,
        sets=nothing,
        folds=nothing,
        testable=np.zeros(len(targets), bool),
    )


def _sample(windows: Labelled, most: int, seed: int) -> Integers:
    """Return positions of `most` windows at most, as many of each exercise as there can be."""
    order = draw_order(make_key(seed, "sample"), len(windows.targets))
    targets = windows.targets[order]
    by_target = np.argsort(targets, kind="stable")
    starts = np.searchsorted(targets[by_target], np.arange(len(windows.classes)))
    rank = np.empty(len(order), np.int64)
    rank[by_target] = np.arange(len(order)) - starts[targets[by_target]]
    return np.sort(order[np.argsort(rank, kind="stable")[:most]])


def rehearse(
    common: Judge,
    others: Labelled,
    people: Sequence[Labelled],
    recipe: Recipe,
    rehearsal: Rehearsal | None = None,
    engine: str | Engine = "auto",
) -> list[Judge | TrainingError]:
    """Train a common network further on each person's windows, mixed with those of others.

    Parameters
    ----------
    common
        The common network.
    others
        Windows that it was trained on.
    people
        Windows of each person.
    recipe
        How the common network was trained.
    rehearsal
        How it rehearses.
    engine
        By which engine.

    Returns
    -------
    list of Judge or TrainingError
        For each person, in order, their network, or why there is none.
    """
    rehearsal = rehearsal or Rehearsal()
    mixed = [mix(others, own, rehearsal, recipe.seed) for own in people]
    fits = [Fit(each, np.ones(len(each.targets), bool), ("rehearsed",), common) for each in mixed]
    return fit_judges(fits, replace(recipe, epochs=rehearsal.epochs), engine)
