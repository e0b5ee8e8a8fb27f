"""Training people's networks: a task for each cohort, which reads, trains and commits at once."""

import copy
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypedDict, Unpack

import zarr

from workoutlab import __version__
from workoutlab.cluster import active_client, progress, run_tasks
from workoutlab.errors import InputError, LabError, WorkoutlabError
from workoutlab.recognition.engines import Engine, Trained, choose_engine, train_members
from workoutlab.recognition.members import Member
from workoutlab.recognition.models import append_networks, read_digests
from workoutlab.recognition.networks import count_weights
from workoutlab.recognition.people import (
    Person,
    describe_plan,
    find_people,
    make_member,
)
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import check_id
from workoutlab.signals import Windows

__all__ = ["Cohort", "TrainResult", "train", "train_cohort"]

_COHORTS_PER_THREAD: Final = 32
"""So many that a lost worker or a killed run repeats little, and threads end together."""
_LEAST_WORK: Final = 4e10
"""Of a cohort, weights times windows gone through: a second or two, many times a commit."""
_MOST_PEOPLE: Final = 32
_MOST_BYTES: Final = 256 * 2**20
"""Of the inputs of a cohort, all of which are in memory at a time."""


@dataclass(frozen=True)
class TrainResult:
    """What a training run did.

    Parameters
    ----------
    name
        Of the models.
    trained
        People whose networks were trained.
    unchanged
        People whose networks were there already, made from the same data, recipe and code.
    failed
        People without a new network, and why.
    snapshot
        The lab's snapshot that holds the networks.
    """

    name: str
    trained: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: dict[str, str]
    snapshot: str

    @property
    def ok(self) -> bool:
        """Whether nobody failed."""
        return not self.failed

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "name": self.name,
            "trained": list(self.trained),
            "unchanged": list(self.unchanged),
            "failed": dict(self.failed),
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        people = len(self.trained) + len(self.unchanged) + len(self.failed)
        lines = [
            f"models {self.name!r}: {len(self.trained)} of {people} people trained, "
            f"{len(self.unchanged)} unchanged, {len(self.failed)} failed"
        ]
        return "\n".join([*lines, *(f"  {user}: {why}" for user, why in self.failed.items())])


@dataclass(frozen=True, eq=False)
class Cohort:
    """People who are trained by one task: one read, one commit.

    Parameters
    ----------
    people
        Who, each with their part of the plan.
    recipe
        How.
    name
        Of the models.
    engine
        By which engine.
    seen
        Rows of networks that were looked at before; what came since is looked at by the task.
    """

    people: Sequence[Person]
    recipe: Recipe
    name: str
    engine: str | Engine
    seen: int


class Running(TypedDict, total=False):
    """How a training run is carried out; none of it changes what is trained."""

    engine: str | Engine
    cohort: int | None
    progress: bool


def train(
    windows: Windows,
    recipe: Recipe,
    *,
    per: str = "user",
    name: str = "exercise",
    **running: Unpack[Running],
) -> TrainResult:
    """Train a network for each person, on the active Dask client if there is one.

    Each finished cohort is committed at once, and a run that is started again trains only those
    who have no network yet made from the same recordings, segments, recipe and code. So it is safe
    to kill, and cheap to repeat after new recordings have come.

    Parameters
    ----------
    windows
        The plan. Its labelled segments are trained on; networks go to the lab that it was made
        from, which moves to the snapshot that holds them.
    recipe
        How networks are trained.
    per
        ``"user"``: one network a person. ``"all"``: one for all of them.
    name
        Name of the models; one lab may hold several.
    **running
        ``engine``: ``"stacked"``, ``"separate"`` or ``"auto"``, which is the former on a GPU.
        ``cohort``: how many people a task trains; by default few enough that every worker has
        many tasks. ``progress``: whether to show how many people are done, on a terminal.

    Returns
    -------
    TrainResult
        Who was trained, who was not, and why.

    Raises
    ------
    InputError
        If a parameter cannot mean anything.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> import workoutlab as wl
    >>> from workoutlab.recognition import MLP, Models, Recipe, train
    >>> from workoutlab.signals import Statistics, windows
    >>> lab = wl.Lab("memory://train-example")
    >>> turn = np.sin(np.arange(3000) / 9)
    >>> sets = [
    ...     wl.LabelledSet(start=0, stop=1500, exercise="curl"),
    ...     wl.LabelledSet(start=1500, stop=3000, exercise="rest"),
    ... ]
    >>> moved = np.stack([turn * (np.arange(3000) < 1500), turn * 0, turn * 0 + 1], axis=1)
    >>> ann = wl.Recording(user="ann", session="1", acceleration=moved, rate_hz=50, sets=sets)
    >>> _ = lab.append([ann])
    >>> plan = windows(lab, length="2s")
    >>> print(train(plan, Recipe(Statistics(), MLP(16))))
    models 'exercise': 1 of 1 people trained, 0 unchanged, 0 failed
    >>> print(train(plan, Recipe(Statistics(), MLP(16))))
    models 'exercise': 0 of 1 people trained, 1 unchanged, 0 failed
    >>> Models(lab).network("ann").classes
    ('curl', 'rest')
    """
    check_id(name, "name of the models")
    engine, size = running.get("engine", "auto"), running.get("cohort")
    choose_engine(engine)
    if size is not None and size < 1:
        raise InputError(f"cohort: expected 1 person or more, got {size}")
    lab = windows.home.refresh()
    _check_reachable(lab.url)
    people = find_people(windows, recipe, per)
    known, seen = read_digests(lab.root(), name)
    changed = [person for person in people if known.get(person.user) != person.digest]
    inputs = len(recipe.inputs.names(windows.length))
    room = _MOST_BYTES // (4 * inputs)
    if size is None:
        room = min(room, _share_work(changed, recipe, inputs))
    parts = _group(changed, size or _MOST_PEOPLE, room)
    tasks = [Cohort(part, recipe, name, engine, seen) for part in parts]
    show = running.get("progress", True)
    trained, failed = _run(tasks, len(people), len(people) - len(changed), show)
    return TrainResult(
        name=name,
        trained=tuple(sorted(trained)),
        unchanged=tuple(sorted({p.user for p in people} - {p.user for p in changed})),
        failed=dict(sorted(failed.items())),
        snapshot=lab.refresh().snapshot,
    )


def _check_reachable(url: str) -> None:
    client = active_client() if url.startswith("memory://") else None
    workers = client.scheduler_info(n_workers=-1)["workers"] if client else ()
    if any(not str(address).startswith("inproc://") for address in workers):
        raise LabError(
            f"the lab at {url} is in this process's memory, where the active cluster's workers "
            "cannot see it; close the client, or keep the lab in a folder or on S3"
        )


def _share_work(people: Sequence[Person], recipe: Recipe, inputs: int) -> int:
    """Return how many windows a cohort has, so that tasks are many and none is mostly a commit."""
    work = recipe.epochs * count_weights(recipe.network.sizes(inputs, classes=2))
    total = sum(len(person.windows) for person in people)
    fair = -(-total // (_count_threads() * _COHORTS_PER_THREAD))
    return max(fair, round(_LEAST_WORK / work))


def _group(people: Sequence[Person], most: int, windows: int) -> list[list[Person]]:
    """Part people into cohorts of so many people and windows at most, one person at least."""
    cohorts: list[list[Person]] = []
    room = 0
    for person in people:
        if not cohorts or len(cohorts[-1]) == most or len(person.windows) > room:
            cohorts.append([])
            room = windows
        cohorts[-1].append(person)
        room -= len(person.windows)
    return cohorts


def _count_threads() -> int:
    client = active_client()
    return max(sum(client.nthreads().values()), 1) if client else os.cpu_count() or 1


def _run(
    tasks: Sequence[Cohort], people: int, unchanged: int, show: bool
) -> tuple[list[str], dict[str, str]]:
    trained: list[str] = []
    failed: dict[str, str] = {}
    with progress("people", people, show=show) as report:
        report(unchanged)
        for position, outcome in run_tasks(train_cohort, tasks):
            users = [person.user for person in tasks[position].people]
            failures = _explain(outcome, users)
            failed.update(failures)
            trained += [user for user in users if user not in failures]
            report(unchanged + len(trained) + len(failed), len(failed))
    return trained, failed


def _explain(outcome: dict[str, str] | Exception, users: Sequence[str]) -> dict[str, str]:
    if isinstance(outcome, Exception):
        reason = f"{type(outcome).__name__}: {outcome}"
        return dict.fromkeys(users, reason)
    return outcome


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
    lab = copy.copy(cohort.people[0].windows.home).refresh()
    known, seen = read_digests(lab.root(), cohort.name, cohort.seen)
    missing = [person for person in cohort.people if known.get(person.user) != person.digest]
    failed: dict[str, str] = {}
    members = dict(_read(missing, cohort.recipe, failed))
    outcomes = train_members(list(members.values()), cohort.recipe, cohort.engine)
    trained: list[tuple[Person, Trained]] = []
    for person, outcome in zip(members, outcomes, strict=True):
        if isinstance(outcome, Trained):
            trained.append((person, outcome))
        else:
            failed[person.user] = str(outcome).removeprefix(f"{person.user}: ")
    if trained:
        lab.transact(
            lambda root: _store(root, cohort, trained, seen),
            f"train {len(trained)} networks of {cohort.name}",
        )
    return failed


def _read(
    people: Sequence[Person], recipe: Recipe, failed: dict[str, str]
) -> Iterator[tuple[Person, Member]]:
    for person in people:
        try:
            yield person, make_member(person, recipe)
        except WorkoutlabError as error:
            failed[person.user] = str(error)


def _store(
    root: zarr.Group, cohort: Cohort, trained: Sequence[tuple[Person, Trained]], seen: int
) -> None:
    known, _ = read_digests(root, cohort.name, seen)  # another run may have been faster
    new = [pair for pair in trained if known.get(pair[0].user) != pair[0].digest]
    if not new:
        return
    plan = new[0][0].windows
    settings = {
        "recipe": cohort.recipe.settings(),
        "windows": describe_plan(plan),
        "engine": cohort.engine if isinstance(cohort.engine, str) else repr(cohort.engine),
        "version": __version__,
    }
    rows = [_make_row(person, outcome) for person, outcome in new]
    append_networks(root, cohort.name, rows, [each.network.pack() for _, each in new], settings)


def _make_row(person: Person, trained: Trained) -> dict[str, Any]:
    segments = person.windows.segments
    return {
        "user": person.user,
        "digest": person.digest,
        "classes": json.dumps(person.classes),
        "layers": json.dumps(trained.network.sizes),
        "windows": trained.windows,
        "sets": len(segments),
        "recordings": segments["recording"].nunique(),
        "simulated": bool(segments["simulated"].any()),
        "snapshot": person.windows.lab.snapshot,
        "trained_ns": time.time_ns(),
    }
