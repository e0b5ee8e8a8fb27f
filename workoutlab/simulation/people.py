"""Simulated people: five groups of habits, and within them each person's own style."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from workoutlab.simulation.exercises import EXERCISES
from workoutlab.simulation.streams import PERSON, STYLE, generator

__all__ = ["GROUPS", "Group", "Person", "Style", "Vector", "make_person"]

Vector = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Group:
    """What people of one kind have in common.

    Parameters
    ----------
    name, share
        Share of all people that belong to it.
    tastes
        How much they like each muscle group.
    per_week
        Workouts a week.
    strength
        Typical strength; 1 is an experienced person's.
    progress
        Growth of strength from one session to the next, at first.
    intensity
        Typical intensity of a set, 0..1.
    hour
        Usual hour of the day.
    """

    name: str
    share: float
    tastes: Mapping[str, float]
    per_week: float
    strength: float
    progress: float
    intensity: float
    hour: float


def _tastes(
    arms: float, back: float, chest: float, core: float, shoulders: float
) -> dict[str, float]:
    return {"arms": arms, "back": back, "chest": chest, "core": core, "shoulders": shoulders}


_ALL: Final = (
    Group(
        name="beginner",
        share=0.3,
        tastes=_tastes(3, 2, 2, 2, 2),
        per_week=2,
        strength=0.5,
        progress=0.03,
        intensity=0.5,
        hour=18,
    ),
    Group(
        name="casual",
        share=0.25,
        tastes=_tastes(6, 1, 3, 1, 2),
        per_week=1,
        strength=0.7,
        progress=0.004,
        intensity=0.55,
        hour=19,
    ),
    Group(
        name="strength",
        share=0.15,
        tastes=_tastes(1, 5, 6, 1, 1),
        per_week=3.2,
        strength=1.25,
        progress=0.01,
        intensity=0.8,
        hour=17,
    ),
    Group(
        name="physique",
        share=0.15,
        tastes=_tastes(4, 1, 2, 1, 6),
        per_week=4.5,
        strength=1,
        progress=0.012,
        intensity=0.65,
        hour=12,
    ),
    Group(
        name="endurance",
        share=0.15,
        tastes=_tastes(1, 2, 1, 6, 1),
        per_week=2.6,
        strength=0.7,
        progress=0.008,
        intensity=0.4,
        hour=7,
    ),
)

GROUPS: Final[Mapping[str, Group]] = {group.name: group for group in _ALL}
"""Every group by its name."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How one person does one exercise.

    Parameters
    ----------
    tempo, amplitude
        Factors on the period and on the range.
    lean
        How the forearm's pose at the start differs, as a rotation in radians.
    tilt
        How the axis of the turn differs, as a rotation in radians.
    sway
        A second motion in each repetition: largest rotation in radians, out and back twice.
    twist
        A third, with the odd harmonics of the repetition, in radians.
    """

    tempo: float
    amplitude: float
    lean: Vector
    tilt: Vector
    sway: Vector
    twist: Vector


@dataclass(frozen=True, kw_only=True)
class Person:
    """One simulated person: the truth that analyses should find again.

    Parameters
    ----------
    seed, index
        What the person was made from.
    id
        Id of the user in recordings.
    group
        Name of the group in :data:`GROUPS`.
    strength, progress, intensity, per_week, hour
        As in :class:`Group`, this person's own.
    fatigability
        How much a hard set slows its last repetition: 0.3 is 30 %.
    sloppiness
        Factor on how much repetitions and poses of one exercise differ.
    deviates
        Probability that a set is not done as planned.
    rest_s
        Usual rest between sets.
    fidgeting
        Typical turn of the forearm in radians while nothing is done.
    first_day
        Day of the first session, days since 2024-01-01.
    tastes
        Probability of each exercise, in the order of
        :data:`~workoutlab.simulation.exercises.EXERCISES`.
    styles
        How each exercise is done.
    wear
        How the device is turned on the wrist, as a rotation in radians.
    bias_g, scale, noise_g
        The sensor's offset, factor (both for each axis) and white noise.
    bias_deg_s
        The gyroscope's offset.
    """

    seed: int
    index: int
    id: str
    group: str
    strength: float
    progress: float
    intensity: float
    per_week: float
    hour: float
    fatigability: float
    sloppiness: float
    deviates: float
    rest_s: float
    fidgeting: float
    first_day: float
    tastes: tuple[float, ...]
    styles: Mapping[str, Style]
    wear: Vector
    bias_g: Vector
    scale: Vector
    noise_g: float
    bias_deg_s: Vector

    def strength_at(self, session: int) -> float:
        """Return the strength in a session: it grows with each, ever more slowly.

        Examples
        --------
        >>> ann = make_person(0, 7)
        >>> ann.strength_at(0) == ann.strength
        True
        >>> ann.strength_at(20) > ann.strength_at(10) > ann.strength
        True
        """
        return self.strength * (1 + self.progress * session / (1 + session / 60))


def make_person(seed: int, index: int) -> Person:
    """Make one person, the same whoever else is made.

    Parameters
    ----------
    seed
        Seed of the simulation.
    index
        Number of the person, from 0.
    """
    rng = generator(seed, PERSON, index)
    group = _ALL[rng.choice(len(_ALL), p=[group.share for group in _ALL])]
    return Person(
        seed=seed,
        index=index,
        id=f"sim-{index:03d}",
        group=group.name,
        strength=group.strength * _spread(rng, 0.12),
        progress=group.progress * _spread(rng, 0.2),
        intensity=group.intensity,
        per_week=min(group.per_week * _spread(rng, 0.1), 6),
        hour=float(np.clip(group.hour + rng.normal(0, 1), 6, 21)),
        fatigability=0.3 * _spread(rng, 0.25),
        sloppiness=_spread(rng, 0.25),
        deviates=float(rng.beta(3, 30)),
        rest_s=60 * _spread(rng, 0.25),
        fidgeting=np.radians(6) * _spread(rng, 0.4),
        first_day=float(rng.uniform(0, 28)),
        tastes=_own_tastes(rng, group),
        styles=_own_styles(seed, index),
        wear=_vector(rng, np.radians((14, 5, 5))),
        bias_g=_vector(rng, 0.02),
        scale=_vector(rng, 0.01, 1.0),
        noise_g=0.008 * _spread(rng, 0.3),
        bias_deg_s=_vector(rng, 0.5),
    )


def _spread(rng: np.random.Generator, sd: float) -> float:
    return float(rng.lognormal(0, sd))


def _vector(rng: np.random.Generator, sd: object, mean: float = 0) -> Vector:
    x, y, z = rng.normal(mean, np.broadcast_to(np.asarray(sd, dtype=float), 3)).tolist()
    return x, y, z


def _own_tastes(rng: np.random.Generator, group: Group) -> tuple[float, ...]:
    liked = np.array([group.tastes[exercise.muscle_group] for exercise in EXERCISES.values()])
    liked = liked * rng.lognormal(0, 0.6, len(EXERCISES))
    return tuple((liked / liked.sum()).tolist())


def _own_styles(seed: int, index: int) -> dict[str, Style]:
    # Exercise by exercise, so that a new one at the end leaves the others as they are.
    normal = generator(seed, STYLE, index).standard_normal((len(EXERCISES), 14))
    return {name: _style(row.tolist()) for name, row in zip(EXERCISES, normal, strict=True)}


def _style(normal: list[float]) -> Style:
    def angles(first: int, sd_deg: float) -> Vector:
        x, y, z = (math.radians(sd_deg) * value for value in normal[first : first + 3])
        return x, y, z

    return Style(
        tempo=math.exp(0.12 * normal[0]),
        amplitude=math.exp(0.08 * normal[1]),
        lean=angles(2, 11),
        tilt=angles(5, 10),
        sway=angles(8, 5),
        twist=angles(11, 3),
    )
