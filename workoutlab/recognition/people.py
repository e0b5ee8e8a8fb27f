"""Whose networks a plan trains, on which of its segments, and whether they have changed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from workoutlab.errors import InputError, TrainingError
from workoutlab.recognition.members import Member
from workoutlab.recognition.randomness import make_key
from workoutlab.recognition.recipe import Recipe
from workoutlab.signals import Windows, compute

__all__ = ["EVERYONE", "Person", "describe_plan", "find_people", "make_member"]

EVERYONE: Final = "*"
"""Whose network the common one is: no user can have this id."""

_DECISIVE: Final = (
    "kernels",
    "signals/grid.py",
    "signals/inputs.py",
    "signals/windows.py",
    "recognition/randomness.py",
    "recognition/networks.py",
    "recognition/members.py",
    "recognition/people.py",
    "recognition/firstlayer.py",
    "recognition/separate.py",
    "recognition/stacked.py",
)
"""The code that decides what a network becomes. Which segments there are shows in the plan."""


@dataclass(frozen=True, eq=False)
class Person:
    """One network to train.

    Parameters
    ----------
    user
        The person, or :data:`EVERYONE`.
    windows
        The plan of the person's labelled segments that have windows.
    digest
        SHA-256, in hex, of all that decides the network: recordings, segments, recipe, code.
    """

    user: str
    windows: Windows
    digest: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the exercises, sorted."""
        return tuple(sorted(self.windows.segments["exercise"].unique()))


def find_people(windows: Windows, recipe: Recipe, per: str = "user") -> list[Person]:
    """List the networks that a plan trains, sorted by user.

    Parameters
    ----------
    windows
        The plan. Segments without a label or without a window teach nothing and are left out; a
        user who has no others is still listed, with an empty plan.
    recipe
        How networks are trained.
    per
        ``"user"``: one network a person. ``"all"``: one for all of them.

    Raises
    ------
    InputError
        If `per` is neither.
    """
    if per not in ("user", "all"):
        raise InputError(f"per: expected 'user' or 'all', got {per!r}")
    segments = windows.segments
    users = segments["user"].to_numpy(dtype=str)
    if per == "all":
        users = np.full(len(segments), EVERYONE)
    teaches = (segments["exercise"] != "").to_numpy(bool) & (segments["count"] > 0).to_numpy(bool)
    common = [_code_digest(), recipe.digest(), json.dumps(describe_plan(windows), sort_keys=True)]
    people = []
    for user, chosen in _by_user(users):
        part = windows.select(chosen[teaches[chosen]])
        people.append(Person(user, part, _digest_part(part, [*common, user])))
    return people


def _by_user(users: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each user, with the positions of the user's segments."""
    order = np.argsort(users, kind="stable")
    names, firsts = np.unique(users[order], return_index=True)
    for name, chosen in zip(names, np.split(order, firsts[1:]), strict=False):
        yield str(name), chosen


def _digest_part(part: Windows, common: list[str]) -> str:
    segments = part.segments[["digest", "start", "stop", "count", "exercise"]]
    digest = hashlib.sha256("\n".join(common).encode())
    digest.update(json.dumps(segments.to_numpy(dtype=object).tolist()).encode())
    return digest.hexdigest()


def describe_plan(windows: Windows) -> dict[str, object]:
    """Return what describes the windows of a plan, whatever they lie in, as JSON takes it."""
    return {
        "length_s": windows.length_s,
        "step_s": windows.step_s,
        "rate_hz": windows.rate_hz,
    }


@cache
def _code_digest() -> str:
    digest = hashlib.sha256()
    for name in _DECISIVE:
        place = files("workoutlab").joinpath(name)
        modules = sorted(place.iterdir(), key=lambda file: file.name) if place.is_dir() else [place]
        for module in modules:
            if module.name.endswith(".py"):
                digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()


def make_member(person: Person, recipe: Recipe) -> Member:
    """Read a person's recordings and compute the inputs of their windows.

    Raises
    ------
    TrainingError
        If there are no windows.
    DamagedLabError
        If a recording cannot be read.
    """
    segments = person.windows.segments
    if segments.empty:
        raise TrainingError(
            "no labelled set is long enough for a window; shorten the windows, or record longer sets"
        )
    labels = np.searchsorted(person.classes, segments["exercise"].to_numpy(dtype=str))
    return Member(
        key=person.user,
        inputs=compute(person.windows, recipe.inputs),
        targets=np.repeat(labels, segments["count"]),
        classes=len(person.classes),
        seed=make_key(recipe.seed, person.user)[0],
    )
