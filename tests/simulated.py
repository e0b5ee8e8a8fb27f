"""Simulated sessions that several test modules ask for."""

from workoutlab.simulation import (
    PERFECT,
    Effort,
    PlannedSet,
    Sensor,
    SimulatedSession,
    make_person,
    record_session,
)


def perform(
    exercise: str, person: int = 0, sensor: Sensor = PERFECT, rate_hz: float = 50
) -> SimulatedSession:
    """Ten repetitions of one exercise."""
    effort = Effort(exercise=exercise, weight_kg=10, repetitions=10, intensity=0.6, rest_s=20)
    plan = [PlannedSet(planned=effort, done=effort)]
    return record_session(make_person(0, person), 0, plan, rate_hz=rate_hz, sensor=sensor)
