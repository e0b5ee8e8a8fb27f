"""What a script feels like at the wrist: orientation, turn rate and specific force.

The orientation is a pose from the script, turned by the repetition's own rotation and by small
ones: sway, the swing of walking, fidgeting. The wrist lies on a lever that turns with the
forearm about a point that the script shifts. An accelerometer feels the second derivative of
the wrist's path, and gravity, in its own axes:

    force = Rᵀ (up + a / g) + (α × r + ω × (ω × r)) / g

with R the orientation, ω the turn rate and α its derivative in the sensor's axes, r the lever,
a the acceleration of the point.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.simulation.beats import Beats, find_beats, find_latest, minimum_jerk
from workoutlab.simulation.exercises import Exercise
from workoutlab.simulation.rotations import (
    IDENTITY,
    conjugate,
    cross,
    from_vector,
    multiply,
    rotate,
    to_vector,
    upright,
)
from workoutlab.simulation.scripts import Script
from workoutlab.simulation.unrest import fidget, jolt, tremble, walk

__all__ = ["G", "Motion", "lever_force", "play", "turn_rate"]

Array = npt.NDArray[np.float64]

G: Final = 9.80665
"""Standard gravity in m/s²."""

_REST_RADIUS_M: Final = 0.35


@dataclass(frozen=True)
class Motion:
    """What the forearm does, sample by sample.

    Parameters
    ----------
    orientation
        Quaternions from the forearm's axes to the world's; shape (4, sample).
    turn_rate
        In rad/s, in the forearm's axes; shape (3, sample).
    force_g
        Specific force in g, gravity included, in the forearm's axes; shape (3, sample).
    """

    orientation: Array
    turn_rate: Array
    force_g: Array


def play(script: Script, rate_hz: float, fidgeting: float, rng: np.random.Generator) -> Motion:
    """Play a script.

    Parameters
    ----------
    script
        What happens; one set or more.
    rate_hz
        Samples a second.
    fidgeting
        Typical small turn of the forearm at rest in radians.
    rng
        For fidgeting, trembling and jolts.

    Returns
    -------
    Motion
        ``duration_s * rate_hz`` samples.
    """
    beats = find_beats(script, rate_hz)
    base = _base(script, beats.seconds)
    swing, bounce_g = walk(script, beats.seconds)
    small = _sway(script, beats) + fidget(beats, rate_hz, fidgeting, rng)
    small[1] += swing
    orientation = multiply(multiply(base, _turn(script, beats)), from_vector(small))
    rate = turn_rate(orientation, rate_hz)
    world_g = _shift(script, beats, base) + jolt(script, len(beats.seconds), rate_hz, rng)
    world_g[2] += 1 + bounce_g
    force_g = rotate(conjugate(orientation), world_g) + tremble(script, beats, rate_hz, rng)
    return Motion(orientation, rate, force_g + lever_force(rate, _radii(script, beats), rate_hz))


def turn_rate(orientation: Array, rate_hz: float) -> Array:
    """Return the turn rate in rad/s, in the turning axes, by central differences.

    Parameters
    ----------
    orientation
        Shape (4, sample), three samples or more.
    rate_hz
        Samples a second.

    Returns
    -------
    ndarray
        Shape (3, sample).

    Examples
    --------
    >>> angle = np.zeros((3, 50))
    >>> angle[2] = np.arange(50) / 50
    >>> turn_rate(from_vector(angle), 50)[:, 7].round(6) + 0
    array([0., 0., 1.])
    """
    over_two = to_vector(multiply(conjugate(orientation[:, :-2]), orientation[:, 2:]))
    return np.pad(over_two * (rate_hz / 2), ((0, 0), (1, 1)), mode="edge")


def lever_force(rate: Array, radius_m: Array, rate_hz: float) -> Array:
    """Return the tangential and centripetal force on a turning wrist.

    Parameters
    ----------
    rate
        Turn rate in rad/s in the forearm's axes; shape (3, sample).
    radius_m
        From the axis of the turn, which lies on the forearm's line, to the wrist; shape (sample,).
    rate_hz
        Samples a second.

    Returns
    -------
    ndarray
        In g; shape (3, sample).

    Examples
    --------
    Ten radians a second on a lever of 0.3 m pull 30 m/s² towards the elbow:

    >>> rate = np.zeros((3, 5))
    >>> rate[2] = 10
    >>> (lever_force(rate, np.full(5, 0.3), 50)[:, 2] * G).round(6) + 0
    array([30.,  0.,  0.])
    """
    # The wrist lies at -radius on x, which runs from the hand to the elbow.
    change = np.gradient(rate[1:], 1 / rate_hz, axis=1)
    force = -rate[0] * rate
    force[0] += (rate * rate).sum(axis=0)
    force[1] -= change[1]
    force[2] += change[0]
    return np.asarray(force * (radius_m / G), dtype=np.float64)


def _base(script: Script, seconds: Array) -> Array:
    """Return the poses of the script and the ways between them; shape (4, sample)."""
    frames = script.keyframes
    at_s, move_s, heading = np.array([(f.at_s, f.move_s, f.heading) for f in frames]).T
    poses = upright(np.array([f.up for f in frames]).T, heading)
    ways = to_vector(multiply(conjugate(poses[:, :-1]), poses[:, 1:]))
    last = np.clip(find_latest(at_s, seconds), 0, len(frames) - 2)
    gone = minimum_jerk(1 + (seconds - at_s[last + 1]) / move_s[last + 1])
    return multiply(np.take(poses, last, axis=1), from_vector(np.take(ways, last, axis=1) * gone))


def _turn(script: Script, beats: Beats) -> Array:
    """Return the repetitions' own rotations; shape (4, sample)."""
    moves = script.movements
    ranges = np.array([move.axis * np.radians(move.exercise.range_deg) for move in moves]).T
    pronation = np.radians([[move.exercise.pronation_deg, 0, 0] for move in moves]).T
    busy = np.flatnonzero(beats.busy)
    number, way = beats.number[busy], beats.way[busy]
    turn = np.tile(IDENTITY[:, np.newaxis], len(beats.seconds))
    turn[:, busy] = multiply(
        from_vector(np.take(ranges, number, axis=1) * way),
        from_vector(np.take(pronation, number, axis=1) * way),
    )
    return turn


def _sway(script: Script, beats: Beats) -> Array:
    """Return what else turns in a repetition, in radians; shape (3, sample)."""
    even = np.array([move.style.sway for move in script.movements]).T
    odd = np.array([move.style.twist for move in script.movements]).T
    # Both forms and their first derivatives are 0 at the ends of a repetition.
    sine = np.sin(2 * np.pi * beats.phase)
    even, odd = np.take(even, beats.number, axis=1), np.take(odd, beats.number, axis=1)
    return np.asarray((even + odd * sine) * (sine * sine), dtype=np.float64)


def _shift(script: Script, beats: Beats, base: Array) -> Array:
    """Return the acceleration of the lever's end that stays, in g; shape (3, sample)."""
    exercises = [move.exercise for move in script.movements]
    reach_m = np.array([_reach(exercise) for exercise in exercises]).T
    rise_m = np.array([exercise.rise_m for exercise in exercises])
    busy = np.flatnonzero(beats.busy)
    number, push = beats.number[busy], beats.push[busy] / G
    moved = rotate(np.take(base, busy, axis=1), np.take(reach_m, number, axis=1) * push)
    moved[2] += rise_m[number] * push
    shift = np.zeros((3, len(beats.seconds)))
    shift[:, busy] = moved
    return shift


def _reach(exercise: Exercise) -> Array:
    """Return the horizontal shift in m: where up goes to is horizontal at the start."""
    start, towards = np.array(exercise.start), np.array(exercise.towards)
    across = cross(start, cross(towards, start))
    return np.asarray(exercise.reach_m * across / np.linalg.norm(across), dtype=np.float64)


def _radii(script: Script, beats: Beats) -> Array:
    radii_m = np.array([move.exercise.radius_m for move in script.movements])
    return np.where(beats.busy, radii_m[beats.number], _REST_RADIUS_M)
