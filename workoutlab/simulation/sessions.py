"""A simulated session: the recording, and everything that is true about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.recording import LabelledSet, Recording
from workoutlab.simulation.exercises import EXERCISES
from workoutlab.simulation.motion import play
from workoutlab.simulation.people import Person
from workoutlab.simulation.plans import Effort, PlannedSet, frame_plan
from workoutlab.simulation.scripts import Script, write_script
from workoutlab.simulation.sensors import Sensor, measure
from workoutlab.simulation.streams import NOISE, WEAR, generator

__all__ = ["SimulatedSession", "record_session", "start_ns"]

_DAY_S: Final = 86_400
_FIRST_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class SimulatedSession:
    """A session and its truth.

    Parameters
    ----------
    person
        Who did it.
    recording
        The recording, with its sets as they were done.
    sets
        The sets as planned and as done.
    repetition_samples
        Set, number in the set (from 0), first sample, and one past the last, of each repetition;
        shape (repetition, 4).
    """

    person: Person
    recording: Recording
    sets: Sequence[PlannedSet]
    repetition_samples: npt.NDArray[np.int64]

    @cached_property
    def repetitions(self) -> pd.DataFrame:
        """One row a repetition: set, repetition (both from 0), start and stop sample."""
        return pd.DataFrame(self.repetition_samples, columns=["set", "repetition", "start", "stop"])

    @cached_property
    def plan(self) -> pd.DataFrame:
        """One row a set, planned and done, as :func:`workoutlab.simulation.frame_plan` tells."""
        return frame_plan(self.sets)


def record_session(
    person: Person,
    session: int,
    sets: Sequence[PlannedSet],
    *,
    rate_hz: float,
    sensor: Sensor,
    minutes: float | None = None,
) -> SimulatedSession:
    """Let a person do the sets of a plan, and record it.

    Parameters
    ----------
    person, session
        Who, and in which session, from 0: they decide everything that is left to chance.
    sets
        The plan, one set or more.
    rate_hz
        Samples a second.
    sensor
        What is worn.
    minutes
        Length of the session; until shortly after the last set where None.

    Examples
    --------
    >>> from workoutlab.simulation import WATCH, Effort, PlannedSet, make_person
    >>> curl = Effort(exercise="biceps-curl", weight_kg=10, repetitions=8, intensity=0.6, rest_s=20)
    >>> plan = [PlannedSet(planned=curl, done=curl)]
    >>> session = record_session(make_person(0, 7), 0, plan, rate_hz=50, sensor=WATCH)
    >>> len(session.repetitions), session.recording.sets[0].exercise
    (8, 'biceps-curl')
    """
    efforts = [one.done for one in sets]
    script = write_script(person, session, efforts, minutes=minutes)
    rng = generator(person.seed, NOISE, person.index, session)
    motion = play(script, rate_hz, person.fidgeting, rng)
    acceleration, angular_velocity = measure(motion, sensor, person, session, rng)
    repetitions = _repetitions(script, rate_hz)
    recording = Recording(
        user=person.id,
        session=f"s{session:02d}",
        acceleration=acceleration,
        angular_velocity=angular_velocity,
        rate_hz=rate_hz,
        start_ns=start_ns(person, session),
        device="watch",
        simulated=True,
        sets=_label(efforts, repetitions),
    )
    return SimulatedSession(person, recording, tuple(sets), repetitions)


def _repetitions(script: Script, rate_hz: float) -> npt.NDArray[np.int64]:
    rows = []
    for number, move in enumerate(script.movements):
        # The first sample at or after a moment; less a hair, for moments on a sample.
        edges = np.ceil(move.breaks_s[:, [0, -1]] * rate_hz - 1e-9).astype(np.int64)
        count = np.arange(len(edges))
        rows.append(np.column_stack([np.full(len(edges), number), count, edges]))
    return np.concatenate(rows)


def _label(efforts: Sequence[Effort], repetitions: npt.NDArray[np.int64]) -> list[LabelledSet]:
    labels = []
    for number, effort in enumerate(efforts):
        edges = repetitions[repetitions[:, 0] == number, 2:]
        exercise = EXERCISES[effort.exercise]
        labels.append(
            LabelledSet(
                start=int(edges[0, 0]),
                stop=int(edges[-1, 1]),
                exercise=exercise.name,
                muscle_group=exercise.muscle_group,
                repetitions=effort.repetitions,
                weight_kg=effort.weight_kg,
                body_weight=exercise.body_weight,
                intensity=effort.intensity,
            )
        )
    return labels


def start_ns(person: Person, session: int) -> int:
    """Return when a session starts, as Unix time in ns: on another day than the one before.

    Examples
    --------
    >>> from workoutlab.simulation import make_person
    >>> start = start_ns(make_person(0, 7), 0)
    >>> datetime.fromtimestamp(start / 1e9, UTC).year
    2024
    """
    rng = generator(person.seed, WEAR, person.index, session, 1)
    gap_days = 7 / person.per_week
    # Less than gap - 1 late, so that the next session falls on a later day.
    day = np.floor(person.first_day + session * gap_days + rng.uniform(0, gap_days - 1))
    seconds = round(3600 * (person.hour + rng.uniform(-0.75, 0.75)))
    return (int(_FIRST_DAY.timestamp()) + int(day) * _DAY_S + seconds) * 10**9
