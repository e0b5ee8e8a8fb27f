"""The sample in ``data/``: a few simulated people, in formats that the readers take."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from workoutlab.recording import LabelledSet, Recording
from workoutlab.simulation.exercises import EXERCISES
from workoutlab.simulation.people import Person, make_person
from workoutlab.simulation.plans import Effort, PlannedSet, choose_weight
from workoutlab.simulation.sensors import WATCH, Sensor
from workoutlab.simulation.sessions import record_session

__all__ = ["SAMPLE_EXERCISES", "SAMPLE_PEOPLE", "format_muvr", "sample_table", "write_sample"]

SAMPLE_PEOPLE: Final = 4
SAMPLE_EXERCISES: Final = (
    "biceps-curl",
    "triceps-extension",
    "lateral-raise",
    "dumbbell-front-rise",
)

_SEED: Final = 2024
_SESSIONS: Final = 2
_INTENSITIES: Final = (0.4, 0.6, 0.8)
_SET_S: Final = 18.0
_REST_S: Final = 25
_RATE_HZ: Final = 50.0


def write_sample(folder: Path) -> list[Path]:
    """Write the sample into a folder, over what is there.

    Parameters
    ----------
    folder
        Where ``muvr/*.csv`` and ``continuous/session.parquet`` go.

    Returns
    -------
    list of Path
        The files.
    """
    (folder / "muvr").mkdir(parents=True, exist_ok=True)
    (folder / "continuous").mkdir(exist_ok=True)
    paths = []
    for number in range(SAMPLE_PEOPLE):
        for name, text in format_person(number):
            paths.append(folder / "muvr" / name)
            paths[-1].write_text(text, encoding="ascii", newline="\n")
    paths.append(folder / "continuous" / "session.parquet")
    pyarrow.parquet.write_table(sample_table(), paths[-1], compression="zstd")
    return paths


def format_person(number: int) -> Iterator[tuple[str, str]]:
    """Yield name and text of each of a person's files, the person numbered from 0."""
    # A Muvr file name ends the user at its last '-'.
    person = replace(make_person(_SEED, number), id=f"sim{number + 1}")
    for session in range(_SESSIONS):
        counts: dict[str, int] = {}
        recording = _record(person, session)
        for labelled, (start, stop) in zip(recording.sets, _cuts(recording), strict=True):
            group = labelled.muscle_group
            counts[group] = counts.get(group, 0) + 1
            name = f"labelled_{group}_{person.id}-{session + 1}_{counts[group]}.csv"
            yield name, format_muvr(recording, labelled, start, stop)


def _record(person: Person, session: int) -> Recording:
    rng = np.random.default_rng([_SEED, person.index, session])
    efforts = [
        _effort(person, session, name, intensity)
        for name in rng.permutation(SAMPLE_EXERCISES).tolist()
        for intensity in _INTENSITIES
    ]
    return _perform(person, session, efforts, WATCH)


def _perform(person: Person, session: int, efforts: list[Effort], sensor: Sensor) -> Recording:
    sets = [PlannedSet(planned=effort, done=effort) for effort in efforts]
    return record_session(person, session, sets, rate_hz=_RATE_HZ, sensor=sensor).recording


def _effort(person: Person, session: int, name: str, intensity: float) -> Effort:
    period_s = EXERCISES[name].period_s * person.styles[name].tempo
    return Effort(
        exercise=name,
        weight_kg=choose_weight(person, session, EXERCISES[name], intensity),
        # Heavier sets are slower, so fewer repetitions take the same time.
        repetitions=round(_SET_S / period_s / (1 + 0.3 * intensity)),
        intensity=intensity,
        rest_s=_REST_S,
    )


def _cuts(recording: Recording) -> Iterator[tuple[int, int]]:
    """Yield where each set is cut out: with a little of what comes before and after."""
    rng = np.random.default_rng([_SEED, len(recording)])
    for labelled in recording.sets:
        before_s, after_s = rng.uniform(0.3, 1.5, 2)
        yield (
            round(labelled.start - before_s * _RATE_HZ),
            round(labelled.stop + after_s * _RATE_HZ),
        )


def format_muvr(recording: Recording, labelled: LabelledSet, start: int, stop: int) -> str:
    """Return samples of one set in Muvr's form: seven columns, no header, no intensity.

    Examples
    --------
    >>> still = Recording(
    ...     user="ann", session="1", rate_hz=50, acceleration=[[0.008, -0.5, 1]] * 9
    ... )
    >>> one = LabelledSet(start=0, stop=9, exercise="twist", weight_kg=12.5, repetitions=8)
    >>> print(format_muvr(still, one, 0, 2), end="")
    0.008,-0.5,1,twist,,12.5,8
    0.008,-0.5,1,twist,,12.5,8
    """
    weight_kg = -1 if labelled.body_weight else labelled.weight_kg
    label = f"{labelled.exercise},,{weight_kg:g},{labelled.repetitions}\n"
    rows = np.round(recording.acceleration[start:stop].astype(np.float64), 3) + 0.0  # no -0.0
    return "".join(f"{x:g},{y:g},{z:g},{label}" for x, y, z in rows.tolist())


def sample_table() -> pa.Table:
    """Return the sample's continuous session, with times in ms and acceleration in mg."""
    person = make_person(_SEED, SAMPLE_PEOPLE)
    names = (*SAMPLE_EXERCISES, "triceps-dips", "twist")
    efforts = [_effort(person, 0, name, 0.6) for name in names]
    recording = _perform(person, 0, efforts, Sensor(angular_velocity=True))
    assert recording.start_ns is not None
    assert recording.angular_velocity is not None
    start_ms = recording.start_ns // 10**6
    step_ms = round(1000 / _RATE_HZ)
    acceleration_mg = np.rint(recording.acceleration * 1000).astype(np.int16).T
    columns: dict[str, object] = {"time_ms": start_ms + step_ms * np.arange(len(recording))}
    columns |= dict(zip(("ax", "ay", "az"), acceleration_mg, strict=True))
    columns |= dict(zip(("gx", "gy", "gz"), recording.angular_velocity.T, strict=True))
    return pa.table(columns | _labels(recording))


def _labels(recording: Recording) -> dict[str, pa.Array]:
    """Return columns that tell the set of each sample, empty where there is none."""
    number = np.full(len(recording), -1)
    for row, labelled in enumerate(recording.sets):
        number[labelled.start : labelled.stop] = row
    where = pa.array(np.where(number < 0, len(recording.sets), number))
    kinds = {
        "exercise": ("exercise", pa.string(), ""),
        "muscle_group": ("muscle_group", pa.string(), ""),
        "repetitions": ("repetitions", pa.int32(), None),
        "weight_kg": ("weight_kg", pa.float64(), None),
        "body_weight": ("body_weight", pa.string(), ""),
        "intensity": ("intensity", pa.float64(), None),
    }
    columns = {}
    for column, (name, kind, empty) in kinds.items():
        values = [getattr(one, name) for one in recording.sets]
        values = [str(value).lower() if kind == pa.string() else value for value in values]
        columns[column] = pa.array([*values, empty], kind).take(where)
    return columns
