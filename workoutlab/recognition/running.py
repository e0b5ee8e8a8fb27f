"""How a training run is carried out: where, in which parts, and again where it broke."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from workoutlab.cluster import active_client, count_threads, find_memory, run_tasks
from workoutlab.errors import InputError
from workoutlab.learning.engines import Engine, choose_engine
from workoutlab.learning.stacked import StackedEngine
from workoutlab.recognition.cohorts import Cohort, group_people, train_cohort
from workoutlab.recognition.people import Person
from workoutlab.schema import check_number

__all__ = ["Place", "choose_place", "run_cohorts"]

_DEVICES: Final = ("cpu", "cuda")
_MEMORY_SHARE: Final = 8
"""A task's inputs get one part in this many of its memory: they are copied to be scaled, stand
beside weights and what is read, and the worker does other things too."""


@dataclass(frozen=True)
class Place:
    """Where networks are trained.

    Parameters
    ----------
    engine
        By which engine.
    resources
        What a Dask worker must have for it, and how much of it a task takes.
    """

    engine: str | Engine
    resources: Mapping[str, float] | None = None


def choose_place(engine: str | Engine = "auto", device: str | None = None) -> Place:
    """Decide where networks are trained.

    Parameters
    ----------
    engine
        ``"stacked"``, ``"separate"`` or ``"auto"``.
    device
        ``"cuda"``: on a GPU, each task on one of its own; a Dask worker tells that it has one by
        the resource ``GPU``. ``"cpu"``: not on a GPU. By default wherever a task finds itself.

    Raises
    ------
    InputError
        If the engine or device is none, the engine cannot use the device, or there is no GPU.

    Examples
    --------
    >>> choose_place("auto", "cpu")
    Place(engine='separate', resources=None)
    """
    if device not in (None, *_DEVICES):
        raise InputError(f"device: expected one of {', '.join(_DEVICES)}, got {device!r}")
    choose_engine(engine)
    if device is None:
        return Place(engine)
    if device == "cpu":
        return Place("separate" if engine == "auto" else _put(engine, "cpu"))
    if engine == "separate":
        raise InputError(
            "device 'cuda': the engine 'separate' trains on CPU cores; give engine='stacked'"
        )
    if active_client() is None and not torch.cuda.is_available():
        raise InputError(
            "device 'cuda': this process finds no GPU that torch can use; leave the device out, or "
            "connect to a cluster whose workers have one (dask worker ADDRESS --resources GPU=1)"
        )
    return Place(_put("stacked" if engine == "auto" else engine, "cuda"), {"GPU": 1})


def _put(engine: str | Engine, device: str) -> str | Engine:
    return StackedEngine(device) if engine == "stacked" else engine


def run_cohorts(
    everyone: Cohort, place: Place, *, most: int | None = None, retries: int = 1
) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Train everyone, and tell of each cohort as it is done.

    Where a task as a whole broke, since it took all of its worker's memory say, its people are
    trained again one by one, so that none of them takes the others along.

    Parameters
    ----------
    everyone
        All who are to be trained, and how.
    place
        Where.
    most
        Number of people that a task trains; by default as many as are worthwhile and fit.
    retries
        How often a task that broke is tried again before that.

    Yields
    ------
    list of str and dict
        The users of a cohort, and those among them who failed, and why.
    """
    check_number("retries", retries, whole=True, low=0)
    if most is not None:
        check_number("cohort", most, whole=True, low=1)
    room = find_memory() // _MEMORY_SHARE
    groups = group_people(everyone, count_threads(), room, most, wide=place.resources is not None)
    broken: list[Person] = []
    for people, outcome in _run(everyone, groups, place, retries):
        if isinstance(outcome, Exception) and len(people) > 1:
            broken += people
        else:
            yield _tell(people, outcome)
    for people, outcome in _run(everyone, [[person] for person in broken], place, 0):
        yield _tell(people, outcome)


def _run(
    everyone: Cohort, groups: Sequence[Sequence[Person]], place: Place, retries: int
) -> Iterator[tuple[Sequence[Person], dict[str, str] | Exception]]:
    tasks = map(everyone.part, groups)
    outcomes = run_tasks(train_cohort, tasks, retries=retries, resources=place.resources)
    for position, outcome in outcomes:
        yield groups[position], outcome


def _tell(
    people: Sequence[Person], outcome: dict[str, str] | Exception
) -> tuple[list[str], dict[str, str]]:
    users = [person.user for person in people]
    if isinstance(outcome, Exception):
        return users, dict.fromkeys(users, f"{type(outcome).__name__}: {outcome}")
    return users, outcome
