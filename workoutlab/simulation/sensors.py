"""The device on the wrist: how it is worn, and what its sensors make of a motion."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.simulation.motion import Motion
from workoutlab.simulation.people import Person
from workoutlab.simulation.rotations import conjugate, from_vector, rotate
from workoutlab.simulation.streams import WEAR, generator

__all__ = ["PERFECT", "WATCH", "Sensor", "measure"]

Array = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """What is worn.

    Parameters
    ----------
    range_g, step_g
        Largest acceleration, beyond which it is clipped, and the step of its digits; 0 is none.
    range_deg_s, step_deg_s
        The same of the angular velocity.
    faults
        Factor on each person's offset, scale error, noise and tilt of the device: 0 is perfect.
    angular_velocity
        Whether it is measured too.

    Raises
    ------
    InputError
        If a number cannot mean anything.
    """

    range_g: float = 4.0
    step_g: float = 0.008
    range_deg_s: float = 2000.0
    step_deg_s: float = 0.0625
    faults: float = 1.0
    angular_velocity: bool = False

    def __post_init__(self) -> None:
        for name in ("range_g", "range_deg_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)!r}")
        for name in ("step_g", "step_deg_s", "faults"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)!r}")


WATCH: Final = Sensor()
"""A wristwatch like those of Muvr's recordings: ±4 g in steps of 8 mg."""

PERFECT: Final = Sensor(
    range_g=np.inf, step_g=0, range_deg_s=np.inf, step_deg_s=0, faults=0, angular_velocity=True
)
"""A sensor without faults: what it says is the truth about the forearm."""


def measure(
    motion: Motion, sensor: Sensor, person: Person, session: int, rng: np.random.Generator
) -> tuple[Samples, Samples | None]:
    """Measure a motion with what a person wears in a session.

    Returns
    -------
    acceleration
        In g, gravity included; shape (sample, 3).
    angular_velocity
        In deg/s; shape (sample, 3); None if it is not measured.
    """
    worn = conjugate(from_vector(sensor.faults * _wear(person, session)))
    samples = motion.force_g.shape[1]
    noise_g = sensor.faults * person.noise_g * rng.standard_normal((3, samples))
    scale = 1 + sensor.faults * (np.array(person.scale) - 1)
    offset_g = sensor.faults * np.array(person.bias_g)
    force_g = rotate(worn, motion.force_g) * scale[:, np.newaxis] + offset_g[:, np.newaxis]
    acceleration = _digitise(force_g + noise_g, sensor.range_g, sensor.step_g)
    if not sensor.angular_velocity:
        return acceleration, None
    offset_deg_s = sensor.faults * np.array(person.bias_deg_s)
    turning = np.degrees(rotate(worn, motion.turn_rate)) + offset_deg_s[:, np.newaxis]
    return acceleration, _digitise(turning, sensor.range_deg_s, sensor.step_deg_s)


def _wear(person: Person, session: int) -> Array:
    """Return how the device is turned on the wrist: much the same every time, as vector."""
    rng = generator(person.seed, WEAR, person.index, session)
    return np.asarray(person.wear + rng.normal(0, np.radians((10, 4, 4))), dtype=np.float64)


def _digitise(values: Array, largest: float, step: float) -> Samples:
    if step:
        largest = np.floor(largest / step) * step
        values = np.rint(values / step) * step
    return np.ascontiguousarray(np.clip(values, -largest, largest).T, dtype=np.float32)
