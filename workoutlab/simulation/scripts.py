"""The script of a session: when the forearm takes which pose, repeats, walks and jolts.

A script is a few numbers an event, in seconds; :mod:`workoutlab.simulation.motion` plays it at
any rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.simulation.exercises import EXERCISES, Exercise
from workoutlab.simulation.people import Person, Style, Vector
from workoutlab.simulation.plans import SETUP_S, Effort
from workoutlab.simulation.rotations import cross, from_vector, rotate
from workoutlab.simulation.streams import MOTION, generator

__all__ = ["Keyframe", "Movement", "Script", "Walk", "write_script"]

Array = npt.NDArray[np.float64]

_HANGING: Final = np.array([1, 0.1, -0.05])
_GRIP: Final = np.array([0.95, 0.3, 0.15])
_AT_EASE: Final = np.array(
    [
        [1, 0.1, -0.1],  # the arm hangs
        [0.55, 0.3, -0.75],  # hand on the hip
        [0.1, 0.15, -1],  # looking at the watch
        [-0.35, 0.5, -0.7],  # drinking
        [0.1, 0.9, -0.35],  # arms folded
        [0.8, -0.2, -0.55],  # leaning on a bench
    ]
)
_LEAN_DEG: Final = 5
_TILT_DEG: Final = 6
_SWAY_DEG: Final = 3
_TWIST_DEG: Final = 2
_COOL_DOWN_S: Final = 10.0


@dataclass(frozen=True)
class Keyframe:
    """A pose that the forearm reaches at a time, after moving for a time."""

    at_s: float
    move_s: float
    up: Array
    heading: float


@dataclass(frozen=True)
class Walk:
    """A walk: the arm swings, and each step jolts."""

    start_s: float
    stop_s: float
    step_hz: float
    swing_rad: float
    bounce_g: float


@dataclass(frozen=True)
class Movement:
    """How the repetitions of one set go.

    Parameters
    ----------
    exercise, style
        What is done, and how this person does it this time.
    axis
        Axis of the turn in the sensor's axes, of length 1; shape (3,).
    breaks_s
        Start of each repetition, end of the way out, start of the way back, its end, and the
        repetition's end; shape (repetition, 5).
    amplitude
        Factor on the range of each; shape (repetition,).
    tremor_g
        Trembling of the loaded arm.
    """

    exercise: Exercise
    style: Style
    axis: Array
    breaks_s: Array
    amplitude: Array
    tremor_g: float


@dataclass
class Script:
    """All events of a session, in order."""

    duration_s: float = 0
    keyframes: list[Keyframe] = field(default_factory=list)
    walks: list[Walk] = field(default_factory=list)
    jolts: list[tuple[float, float]] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)

    def pose(self, at_s: float, move_s: float, up: Array, heading: float) -> None:
        """Reach a pose at a time, having moved for a time."""
        self.keyframes.append(Keyframe(at_s, move_s, up, heading))


def write_script(
    person: Person, session: int, efforts: Sequence[Effort], *, minutes: float | None = None
) -> Script:
    """Write the script of a session.

    Parameters
    ----------
    person
        Who does it.
    session
        Number of the session, from 0.
    efforts
        The sets as they are done, in order.
    minutes
        Length of the session; until shortly after the last set where None. It grows if the sets
        take longer.

    Returns
    -------
    Script
        The same for the same person, session and sets.
    """
    rng = generator(person.seed, MOTION, person.index, session)
    script = Script()
    script.pose(0, 0, _HANGING, 0)
    clock_s = 0.0
    for number, effort in enumerate(efforts):
        start_s = clock_s + effort.rest_s
        movement = _move(person, effort, number, start_s, rng)
        _rest(script, clock_s, start_s - SETUP_S, rng)
        _set_up(script, movement, start_s, rng)
        script.movements.append(movement)
        clock_s = float(movement.breaks_s[-1, -1])
    script.duration_s = max(clock_s + _COOL_DOWN_S, 60 * (minutes or 0))
    _rest(script, clock_s, script.duration_s, rng)
    return script


def _move(
    person: Person, effort: Effort, number: int, start_s: float, rng: np.random.Generator
) -> Movement:
    exercise = EXERCISES[effort.exercise]
    style = _vary(person.styles[effort.exercise], person.sloppiness, rng)
    tired = _tiredness(person, effort, number)
    durations_s = exercise.period_s * style.tempo * (1 + tired)
    durations_s *= rng.lognormal(0, 0.035 * person.sloppiness, len(tired))
    loss = 1 - 0.35 * tired + rng.normal(0, 0.03 * person.sloppiness, len(tired))
    return Movement(
        exercise=exercise,
        style=style,
        axis=_axis(exercise, style),
        breaks_s=_breaks(exercise, start_s, durations_s, person.sloppiness, rng),
        amplitude=np.clip(style.amplitude * loss, 0.3, 1.5),
        tremor_g=0.02 + 0.04 * effort.intensity * person.sloppiness,
    )


def _vary(style: Style, sloppiness: float, rng: np.random.Generator) -> Style:
    """Return how the exercise is done this time: nobody does two sets quite the same."""

    def near(angles: Vector, sd_deg: float) -> Vector:
        x, y, z = (angles + rng.normal(0, np.radians(sd_deg) * sloppiness, 3)).tolist()
        return x, y, z

    return Style(
        tempo=style.tempo * rng.lognormal(0, 0.06 * sloppiness),
        amplitude=style.amplitude * rng.lognormal(0, 0.1 * sloppiness),
        lean=near(style.lean, _LEAN_DEG),
        tilt=near(style.tilt, _TILT_DEG),
        sway=near(style.sway, _SWAY_DEG),
        twist=near(style.twist, _TWIST_DEG),
    )


def _tiredness(person: Person, effort: Effort, number: int) -> Array:
    """Return how much each repetition is slowed: by the set so far, and by the sets before."""
    done = np.arange(1, effort.repetitions + 1) / effort.repetitions
    within = (0.5 + effort.intensity) * done**2
    before = 0.4 * (1 - np.exp(-number / 10))
    return np.asarray(person.fatigability * (within + before), dtype=np.float64)


def _axis(exercise: Exercise, style: Style) -> Array:
    start, towards = np.array(exercise.start), np.array(exercise.towards)
    axis = rotate(from_vector(np.array(style.tilt)), cross(towards, start))
    return np.asarray(axis / np.linalg.norm(axis), dtype=np.float64)


def _breaks(
    exercise: Exercise,
    start_s: float,
    durations_s: Array,
    sloppiness: float,
    rng: np.random.Generator,
) -> Array:
    shares = np.array(exercise.parts) * rng.lognormal(0, 0.06 * sloppiness, (len(durations_s), 4))
    shares = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    stops_s = start_s + np.cumsum(durations_s)
    starts_s = np.concatenate([[start_s], stops_s[:-1]])
    inner = starts_s[:, np.newaxis] + durations_s[:, np.newaxis] * shares[:, :3]
    return np.column_stack([starts_s, inner, stops_s])


def _set_up(script: Script, movement: Movement, start_s: float, rng: np.random.Generator) -> None:
    """Take up the weight and bring it to where the first repetition starts."""
    heading = float(rng.normal(0, 1))
    grip_s = start_s - SETUP_S + rng.uniform(1, 2)
    script.pose(grip_s, 0.9, _GRIP + rng.normal(0, 0.15, 3), heading)
    script.jolts.append((grip_s + 0.1, rng.uniform(0.1, 0.5)))
    up = rotate(from_vector(np.array(movement.style.lean)), np.array(movement.exercise.start))
    script.pose(start_s - rng.uniform(0.4, 1), 1.2, up, heading)


def _rest(script: Script, start_s: float, stop_s: float, rng: np.random.Generator) -> None:
    """Put the weight down, then walk about or stand at ease, until the next setup."""
    now_s = start_s
    if script.movements:
        now_s += 2.2
        script.pose(start_s + 1.3, 0.9, _GRIP + rng.normal(0, 0.15, 3), 0)
        script.jolts.append((start_s + 1.3, rng.uniform(0.1, 0.6)))
    while now_s < stop_s - 3:
        length_s = min(rng.uniform(3, 12), stop_s - now_s)
        heading = float(rng.normal(0, 1))
        if length_s > 4 and rng.random() < 0.4:
            script.pose(now_s + 0.9, 0.8, _HANGING + rng.normal(0, 0.08, 3), heading)
            script.walks.append(_walk(now_s + 0.9, now_s + length_s, rng))
        else:
            up = _AT_EASE[rng.integers(len(_AT_EASE))] + rng.normal(0, 0.15, 3)
            script.pose(now_s + 1.1, rng.uniform(0.6, 1.1), up, heading)
        now_s += length_s


def _walk(start_s: float, stop_s: float, rng: np.random.Generator) -> Walk:
    return Walk(
        start_s=start_s,
        stop_s=stop_s,
        step_hz=rng.uniform(1.6, 2),
        swing_rad=np.radians(rng.uniform(10, 25)),
        bounce_g=rng.uniform(0.08, 0.25),
    )
