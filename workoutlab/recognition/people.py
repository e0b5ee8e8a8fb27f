"""Whose networks a plan trains, on which of its segments, and whether they have changed."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import EVERYONE
from workoutlab.signals import Windows, code
from workoutlab.signals.code import digest_modules

__all__ = [
    "DECISIVE",
    "EVERYONE",
    "Person",
    "describe_plan",
    "find_people",
    "select_people",
]

DECISIVE: Final = (
    *code.DECISIVE,
    "learning/randomness.py",
    "learning/architectures.py",
    "learning/networks.py",
    "learning/scaling.py",
    "learning/weights.py",
    "learning/members.py",
    "recognition/augmentation.py",
    "recognition/material.py",
    "recognition/evaluation/metrics.py",
    "recognition/people.py",
    "recognition/tuning/search.py",
    "recognition/tuning/selection.py",
    "recognition/evaluation/units.py",
    "recognition/tuning/validation.py",
    "learning/fused.py",
    "kernels/hashing.py",
    "kernels/perceptron.py",
    "learning/separate.py",
    "learning/stacked.py",
    "learning/training.py",
    "learning/descent.py",
    "learning/layers.py",
    "learning/lbfgs.py",
    "learning/linesearch.py",
    "learning/losses.py",
    "learning/optimizers.py",
    "learning/program.py",
    "learning/stack.py",
    "learning/stopping.py",
    "recognition/recipe.py",
)
"""The code that decides what a network becomes. Which segments there are shows in the plan."""

_FITTED: Final = (
    "recognition/estimators/converted.py",
    "recognition/estimators/estimator.py",
    "recognition/estimators/fitting.py",
)
"""Further code that decides what an estimator becomes."""

_FACTS: Final = (
    *("digest", "start", "stop", "count", "rate_hz", "length", "step"),
    *("part_start", "part_stop", "exercise"),
)
"""Of a segment: which windows it has, and how far filters look beyond them. A plan's own settings
would change with other people's recordings."""
_TOLD: Final = ("length_s", "step_s", "rate_hz", "label")


@dataclass(frozen=True, eq=False)
class Person:
    """One network to train.

    Parameters
    ----------
    user
        The person, or :data:`EVERYONE`.
    segments
        Positions in the plan of the person's labelled segments that have windows; increasing.
    windows
        Number of these windows.
    digest
        SHA-256, in hex, of all that decides the network: recordings, segments, recipe, code.
    """

    user: str
    segments: npt.NDArray[np.int64]
    windows: int
    digest: str


def find_people(
    windows: Windows,
    recipe: Recipe | Estimator,
    per: str = "user",
    how: Mapping[str, object] | None = None,
) -> list[Person]:
    """List the networks that a plan trains, sorted by user.

    Parameters
    ----------
    windows
        The plan. Segments without a label or without a window teach nothing and are left out; a
        user who has no others is still listed, without segments.
    recipe
        How networks are trained.
    per
        ``"user"``: one network a person. ``"all"``: one for all of them.
    how
        What else decides a network: how settings are chosen; as JSON takes it.

    Raises
    ------
    InputError
        If `per` is neither.
    """
    if per not in ("user", "all"):
        raise InputError(f"per: expected 'user' or 'all', got {per!r}")
    segments = windows.segments
    counts = segments["count"].to_numpy(np.int64)
    users = segments["user"].to_numpy(dtype=str)
    if per == "all":
        users = np.full(len(segments), EVERYONE)
    teaches = (segments["exercise"] != "").to_numpy(bool) & (counts > 0)
    # Columns as lists, once: a frame takes longer to cut than a person's segments to digest.
    facts = [segments[name].tolist() for name in _FACTS]
    prepared = json.dumps(windows.preparation.settings(), sort_keys=True)
    common = [_code_digest(recipe), recipe.digest(), prepared]
    if how is not None:
        common.append(json.dumps(how, sort_keys=True))
    people = []
    for user, chosen in _by_user(users):
        kept = chosen[teaches[chosen]]
        rows = [[column[position] for column in facts] for position in kept]
        digest = _digest([*common, user, json.dumps(rows)])
        people.append(Person(user, kept, int(counts[kept].sum()), digest))
    return people


def _by_user(users: npt.NDArray[np.str_]) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yield each user, with the positions of the user's segments."""
    order = np.argsort(users, kind="stable")
    names, firsts = np.unique(users[order], return_index=True)
    for name, chosen in zip(names, np.split(order, firsts[1:]), strict=False):
        yield str(name), chosen


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def select_people(windows: Windows, people: Sequence[Person]) -> tuple[Windows, list[Person]]:
    """Return the part of a plan that covers some people, and these people in it."""
    kept = np.sort(np.concatenate([person.segments for person in people]))
    moved = [replace(person, segments=np.searchsorted(kept, person.segments)) for person in people]
    return windows.select(kept), moved


def describe_plan(windows: Windows) -> dict[str, object]:
    """Return what describes the windows of a plan, whatever they lie in, as JSON takes it."""
    sizes = {name: value for name, value in windows.settings().items() if name in _TOLD}
    return {**sizes, "preparation": windows.preparation.settings()}


def _code_digest(recipe: Recipe | Estimator) -> str:
    fitted = _FITTED if isinstance(recipe, Estimator) else ()
    return digest_modules((*DECISIVE, *fitted))
