"""What is planned for a session, and what is done of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import cycle
from typing import Final

import numpy as np
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.simulation.exercises import EXERCISES, Exercise
from workoutlab.simulation.people import Person
from workoutlab.simulation.streams import PLAN, generator

__all__ = ["SETUP_S", "Effort", "PlannedSet", "choose_weight", "frame_plan", "plan_session"]

SETUP_S: Final = 5.0
"""Time before a set in which the weights are taken up."""

_SHORTEST_REST_S: Final = SETUP_S + 2
_INTENSITIES: Final = (0.4, 0.6, 0.8)
_REPETITIONS: Final = {0.4: 14, 0.6: 11, 0.8: 8}
_SETS_IN_A_ROW: Final = 3


@dataclass(frozen=True, kw_only=True)
class Effort:
    """One set: what to do, or what was done.

    Parameters
    ----------
    exercise
        Name in :data:`~workoutlab.simulation.exercises.EXERCISES`.
    weight_kg
        External weight; 0 with body weight.
    repetitions
        One or more.
    intensity
        0..1.
    rest_s
        Rest before the set, setup included; 7 s or more.

    Raises
    ------
    InputError
        If there is no such exercise, or no repetition, or hardly any rest.
    """

    exercise: str
    weight_kg: float
    repetitions: int
    intensity: float
    rest_s: float

    def __post_init__(self) -> None:
        if self.exercise not in EXERCISES:
            raise InputError(
                f"exercise: expected one of {', '.join(EXERCISES)}, got {self.exercise!r}"
            )
        if self.repetitions < 1:
            raise InputError(f"repetitions: expected 1 or more, got {self.repetitions}")
        if not _SHORTEST_REST_S <= self.rest_s < np.inf:
            raise InputError(
                f"rest_s: expected {_SHORTEST_REST_S} s or more, in which the weights are put "
                f"down and taken up again, got {self.rest_s}"
            )


@dataclass(frozen=True, kw_only=True)
class PlannedSet:
    """A set as planned and as done, and how these differ.

    Parameters
    ----------
    planned, done
        The same, but for a deviation.
    deviation
        ``"exercise"``, ``"weight"``, ``"repetitions"`` or ``"rest"``; empty where none.
    """

    planned: Effort
    done: Effort
    deviation: str = ""


def plan_session(person: Person, session: int, *, minutes: float) -> list[PlannedSet]:
    """Plan a session and do it, more or less.

    Parameters
    ----------
    person
        Who does it.
    session
        Number of the session, from 0.
    minutes
        Length of the session: sets are planned as long as they fit.

    Returns
    -------
    list of PlannedSet
        In order, one at least.

    Examples
    --------
    >>> from workoutlab.simulation.people import make_person
    >>> first = plan_session(make_person(0, 7), 0, minutes=20)[0]
    >>> first.planned.repetitions in (8, 11, 14)
    True
    """
    rng = generator(person.seed, PLAN, person.index, session)
    sets: list[PlannedSet] = []
    left_s = minutes * 60
    for exercise in _choose(person, rng):
        planned = _plan_set(person, session, exercise, rng)
        one = _deviate(person, session, planned, rng)
        # Tired people take longer; what is left over is rest at the end.
        left_s -= one.done.rest_s + 1.5 * _duration_s(person, one.done)
        if left_s < 0 and sets:
            break
        sets.append(one)
    return sets


def _choose(person: Person, rng: np.random.Generator) -> Iterator[Exercise]:
    known = list(EXERCISES.values())
    count = min(len(known), 5 + int(rng.integers(0, 3)))
    chosen = rng.choice(len(known), size=count, replace=False, p=person.tastes)
    for number in cycle(chosen.tolist()):
        yield from [known[number]] * _SETS_IN_A_ROW


def _plan_set(person: Person, session: int, exercise: Exercise, rng: np.random.Generator) -> Effort:
    chances = np.exp(-(((np.array(_INTENSITIES) - person.intensity) / 0.15) ** 2))
    intensity = _INTENSITIES[int(rng.choice(len(_INTENSITIES), p=chances / chances.sum()))]
    return Effort(
        exercise=exercise.name,
        weight_kg=choose_weight(person, session, exercise, intensity),
        repetitions=_REPETITIONS[intensity],
        intensity=intensity,
        rest_s=round(person.rest_s * float(rng.uniform(0.8, 1.2))),
    )


def choose_weight(person: Person, session: int, exercise: Exercise, intensity: float) -> float:
    """Return the weight in kg that suits a person's strength in a session, as the gym has it.

    It never falls from one session to the next.
    """
    if exercise.body_weight:
        return 0
    wanted_kg = exercise.weight_kg * person.strength_at(session) * (0.4 + 0.5 * intensity)
    return exercise.step_kg * max(round(wanted_kg / exercise.step_kg), 1)


def _duration_s(person: Person, effort: Effort) -> float:
    period_s = EXERCISES[effort.exercise].period_s
    return effort.repetitions * period_s * person.styles[effort.exercise].tempo


def _deviate(person: Person, session: int, planned: Effort, rng: np.random.Generator) -> PlannedSet:
    if rng.random() >= person.deviates:
        return PlannedSet(planned=planned, done=planned)
    kind = str(rng.choice(["exercise", "weight", "repetitions", "rest"]))
    done = _changed(person, session, planned, kind, rng)
    return PlannedSet(planned=planned, done=done, deviation="" if done == planned else kind)


def _changed(
    person: Person, session: int, planned: Effort, kind: str, rng: np.random.Generator
) -> Effort:
    exercise = EXERCISES[planned.exercise]
    if kind == "exercise":
        group = [e for e in EXERCISES.values() if e.muscle_group == exercise.muscle_group]
        other = [e for e in group if e != exercise][int(rng.integers(len(group) - 1))]
        weight_kg = choose_weight(person, session, other, planned.intensity)
        return replace(planned, exercise=other.name, weight_kg=weight_kg)
    if kind == "weight":
        lighter = planned.weight_kg - exercise.step_kg
        return replace(planned, weight_kg=lighter) if lighter > 0 else planned
    if kind == "repetitions":
        return replace(planned, repetitions=planned.repetitions - int(rng.integers(2, 5)))
    return replace(planned, rest_s=round(planned.rest_s * float(rng.uniform(1.5, 2.5))))


def frame_plan(sets: Sequence[PlannedSet]) -> pd.DataFrame:
    """Return a plan as a table, one row a set.

    Returns
    -------
    pandas.DataFrame
        Columns of what was planned named as in :class:`Effort`, of what was done with ``done_``
        before the name, and ``deviation``.
    """
    names = [field.name for field in fields(Effort)]
    columns: dict[str, list[object]] = {n: [getattr(s.planned, n) for s in sets] for n in names}
    columns |= {f"done_{n}": [getattr(s.done, n) for s in sets] for n in names}
    return pd.DataFrame({**columns, "deviation": [s.deviation for s in sets]})
