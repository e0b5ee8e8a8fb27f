"""A cohort: people who are trained by one task, which reads, trains and commits at once."""

import copy
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import zarr

from workoutlab import __version__
from workoutlab.errors import TrainingError, WorkoutlabError
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.engines import Engine, Trained, train_members
from workoutlab.learning.members import History
from workoutlab.learning.networks import Network, count_weights
from workoutlab.learning.training import Training
from workoutlab.recognition.estimators.converted import OnnxModel
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.estimators.fitting import fit_people
from workoutlab.recognition.evaluation.results import plain
from workoutlab.recognition.keeping.models import append_networks, read_digests
from workoutlab.recognition.material import Material, compute_together, read_material
from workoutlab.recognition.people import Person, describe_plan, select_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.search import apply_choice
from workoutlab.recognition.tuning.selection import Choosing, Selection, choose_settings
from workoutlab.schema import RECORDINGS
from workoutlab.signals import Windows
from workoutlab.signals.inputs import name_inputs
from workoutlab.store import tables

__all__ = ["Cohort", "find_erased", "group_people", "train_cohort"]

_COHORTS_PER_THREAD: Final = 128
"""So many that a lost worker or a killed run repeats little, and threads end together."""
_LEAST_WORK: Final = 4e10
"""Of a cohort, weights times windows gone through: a second or two, many times a commit."""
_MOST_PEOPLE: Final = 32
_MOST_ON_GPU: Final = 4096
_MOST_BYTES: Final = 256 * 2**20
"""Of the inputs of a cohort, all of which are in memory at a time: a CPU core is busy with less."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """People who are trained by one task: one read, one commit.

    Parameters
    ----------
    windows
        The part of the plan that covers them.
    people
        Who.
    recipe
        How.
    name
        Of the models.
    engine
        By which engine.
    seen
        Rows of networks that were looked at before; what came since is looked at by the task.
    selection
        How settings are chosen for each; None where the recipe's own are taken.
    callbacks
        What listens to the training of the networks that are kept, not of trials.
    """

    windows: Windows
    people: Sequence[Person]
    recipe: Recipe | Estimator
    name: str
    engine: str | Engine
    seen: int
    selection: Selection | None = None
    callbacks: tuple[Callback, ...] = ()

    def part(self, people: Sequence[Person]) -> "Cohort":
        """Return the cohort of some of these people."""
        windows, moved = select_people(self.windows, people)
        return replace(self, windows=windows, people=moved)


def group_people(
    everyone: Cohort, threads: int, most_bytes: int, most: int | None = None, *, wide: bool = False
) -> list[list[Person]]:
    """Part people into cohorts in memory's bounds, of a worthwhile size.

    Parameters
    ----------
    everyone
        All who are to be trained, and how.
    threads
        Number of cohorts that are trained at a time.
    most_bytes
        Bytes of inputs in a cohort at most, whatever else is asked for.
    most
        Number of people in a cohort; by default so few that there are many tasks, and so many
        that none of them is mostly a commit.
    wide
        Whether a cohort is by default as many people as memory holds, which a GPU wants.
    """
    lengths = everyone.windows.distinct["length"].astype(np.int64)
    inputs = len(name_inputs(everyone.recipe.inputs, lengths)[0])
    augment = everyone.recipe.augment
    copies = 1 + (augment.copies if augment else 0)
    room = most_bytes // (4 * inputs * copies)
    if isinstance(everyone.recipe, Estimator):
        fair = -(-len(everyone.people) // (threads * _COHORTS_PER_THREAD))
        return _fill(everyone.people, most or fair, room)
    # Shapes refuse inputs that a network cannot take: before any work.
    trainings = _list_trainings(everyone.recipe, everyone.selection)
    weights = max(count_weights(each.shapes(inputs, classes=2)) for each in trainings)
    if most is None and wide:
        most = _MOST_ON_GPU
    elif most is None:
        most, room = _MOST_PEOPLE, min(room, _MOST_BYTES // (4 * inputs * copies))
        total = sum(person.windows for person in everyone.people)
        fair = -(-total // (threads * _COHORTS_PER_THREAD))
        times = copies * (1 + (everyone.selection.work if everyone.selection else 0))
        work = everyone.recipe.epochs * weights * times
        room = min(room, max(fair, round(_LEAST_WORK / work)))
    return _fill(everyone.people, most, room)


def _list_trainings(recipe: Recipe, selection: Selection | None) -> set[Training]:
    """Return all trainings that there may be."""
    choices = selection.policy.choices if selection else ()
    return {recipe.training, *(apply_choice(recipe, choice).training for choice in choices)}


def _fill(people: Sequence[Person], most: int, windows: int) -> list[list[Person]]:
    """Part people into cohorts of so many people and windows at most, one person at least."""
    cohorts: list[list[Person]] = []
    room = 0
    for person in people:
        if not cohorts or len(cohorts[-1]) == most or person.windows > room:
            cohorts.append([])
            room = windows
        cohorts[-1].append(person)
        room -= person.windows
    return cohorts


def train_cohort(cohort: Cohort) -> dict[str, str]:
    """Train a cohort and commit its networks: the task that workers run.

    People whose networks have come since the run began, because the worker that trained them died
    before it could tell, are not trained again.

    Parameters
    ----------
    cohort
        Whom to train, and how.

    Returns
    -------
    dict
        Who could not be trained, and why.
    """
    lab = copy.copy(cohort.windows.home).refresh()
    known, seen = read_digests(lab.root(), cohort.name, cohort.seen)
    missing = [person for person in cohort.people if known.get(person.user) != person.digest]
    failed: dict[str, str] = {}
    read = dict(_read(cohort, missing, failed))
    trained = []
    for person, outcome in _train(cohort, read):
        if isinstance(outcome, TrainingError):
            failed[person.user] = str(outcome).removeprefix(f"{person.user}: ")
        else:
            trained.append(outcome)
    if trained:
        erased = lab.transact(
            lambda root: _store(root, cohort, trained, seen),
            f"train {len(trained)} networks of {cohort.name}",
        )
        failed.update(dict.fromkeys(erased, "erased from the lab during the training"))
    return failed


def _read(
    cohort: Cohort, people: Sequence[Person], failed: dict[str, str]
) -> Iterator[tuple[Person, Material]]:
    windows, recipe = cohort.windows, cohort.recipe
    computed = compute_together(windows, people, recipe)
    for person in people:
        try:
            yield person, read_material(windows, person, recipe, computed.get(person.user))
        except WorkoutlabError as error:
            failed[person.user] = str(error)
        except Exception as error:  # inputs may be the user's own code: one person's, not all's
            failed[person.user] = f"{type(error).__name__}: {error}"


@dataclass(frozen=True, eq=False)
class _Result:
    """A model that is to be stored, how training went, and how its settings were chosen."""

    person: Person
    model: Network | OnnxModel
    history: History = ()
    choosing: Choosing | None = None


def _train(
    cohort: Cohort, read: Mapping[Person, Material]
) -> Iterator[tuple[Person, _Result | TrainingError]]:
    """Yield what came of each person's training."""
    train = _train_networks if isinstance(cohort.recipe, Recipe) else _fit_estimators
    for person, (choosing, outcome) in zip(read, train(cohort, list(read.values())), strict=True):
        if isinstance(outcome, TrainingError):
            yield person, outcome
        elif isinstance(outcome, OnnxModel):
            yield person, _Result(person, outcome, choosing=choosing)
        else:
            yield person, _Result(person, outcome.network, outcome.history, choosing)


Outcome = tuple[Choosing | None, Trained | OnnxModel | TrainingError]


def _train_networks(cohort: Cohort, materials: Sequence[Material]) -> Iterator[Outcome]:
    """Choose settings for each person where that is asked for, and train on all their sets."""
    assert isinstance(cohort.recipe, Recipe)
    chosen: list[Choosing | None] = [None] * len(materials)
    recipes = [cohort.recipe] * len(materials)
    if cohort.selection is not None:
        runs = choose_settings(materials, cohort.recipe, cohort.selection, cohort.engine)
        recipes = [run.recipe(cohort.recipe) for run in runs]
        chosen = [*runs]
    members = [
        material.make_member(recipe, material.among)
        for material, recipe in zip(materials, recipes, strict=True)
    ]
    yield from zip(chosen, train_members(members, cohort.engine, cohort.callbacks), strict=True)


def _fit_estimators(cohort: Cohort, materials: Sequence[Material]) -> Iterator[Outcome]:
    assert isinstance(cohort.recipe, Estimator)
    yield from fit_people(materials, cohort.recipe, cohort.selection)


def _store(root: zarr.Group, cohort: Cohort, trained: Sequence[_Result], seen: int) -> list[str]:
    """Append the networks to the newest root, and return the users who are no longer in it."""
    known, _ = read_digests(root, cohort.name, seen)  # another run may have been faster
    erased = find_erased(root, cohort.windows, [each.person for each in trained])
    new = [
        each
        for each in trained
        if known.get(each.person.user) != each.person.digest and each.person.user not in erased
    ]
    if not new:
        return erased
    settings = {
        "recipe": cohort.recipe.settings(),
        "windows": describe_plan(cohort.windows),
        **({} if cohort.selection is None else cohort.selection.settings()),
        "engine": cohort.engine if isinstance(cohort.engine, str) else repr(cohort.engine),
        "version": __version__,
    }
    rows = _make_rows(cohort, new)
    pieces = [each.model.pack() for each in new]
    append_networks(root, cohort.name, rows, pieces, settings)
    return erased


def find_erased(root: zarr.Group, windows: Windows, people: Sequence[Person]) -> list[str]:
    """Return the users some of whose recordings are no longer in the lab."""
    rows = windows.segments["recording"].to_numpy()
    asked = np.unique(rows)
    home = tables.open_table(root, RECORDINGS.name)
    (lengths,) = tables.take(home, ["samples"], asked)
    gone = asked[lengths == 0]
    return [person.user for person in people if np.isin(rows[person.segments], gone).any()]


def _make_rows(cohort: Cohort, results: Sequence[_Result]) -> list[dict[str, Any]]:
    # Columns as arrays, once: a frame takes longer to cut than all else that a row tells.
    segments = cohort.windows.segments
    exercises = segments["exercise"].to_numpy(dtype=str)
    recordings = segments["recording"].to_numpy(np.int64)
    simulated = segments["simulated"].to_numpy(bool)
    rows = []
    for result in results:
        person, model = result.person, result.model
        own = person.segments
        rows.append(
            {
                "user": person.user,
                "digest": person.digest,
                "classes": json.dumps(np.unique(exercises[own]).tolist()),
                "format": "onnx" if isinstance(model, OnnxModel) else "network",
                "layers": json.dumps(model.describe()),
                "windows": person.windows,
                "sets": len(own),
                "recordings": len(np.unique(recordings[own])),
                "simulated": bool(simulated[own].any()),
                "snapshot": cohort.windows.lab.snapshot,
                "trained_ns": time.time_ns(),
                "history": _dump(result.history),
                **_tell_choice(cohort, result.choosing),
            }
        )
    return rows


def _tell_choice(cohort: Cohort, choosing: Choosing | None) -> dict[str, Any]:
    """Return the columns that tell how settings were chosen; none where they were not."""
    if choosing is None or cohort.selection is None:
        return {}
    told = choosing.describe(cohort.recipe, cohort.selection.validation)
    for name in ("chosen", "scores"):
        told[name] = _dump(told[name])
    return {**told, "reason": choosing.reason}


def _dump(value: object) -> str:
    """Return JSON text; numbers that it has no literal for become null."""
    return json.dumps(plain(value), allow_nan=False)
