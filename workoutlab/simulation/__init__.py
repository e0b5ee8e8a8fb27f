"""Simulated people whose recordings come with the whole truth.

:func:`simulate` gives people who train with their own style, tire, progress and sometimes do
other than planned, and the recordings of a sensor on their wrist, with known sets, repetitions,
plans and groups. All of it is made up: recordings say so (``simulated``), and figures on them
say nothing about real people.
"""

from workoutlab.simulation.exercises import EXERCISES, Exercise
from workoutlab.simulation.people import GROUPS, Group, Person, Style, make_person
from workoutlab.simulation.plans import Effort, PlannedSet, choose_weight, frame_plan, plan_session
from workoutlab.simulation.sensors import PERFECT, WATCH, Sensor
from workoutlab.simulation.sessions import SimulatedSession, record_session
from workoutlab.simulation.simulation import Simulation, simulate

__all__ = [
    "EXERCISES",
    "GROUPS",
    "PERFECT",
    "WATCH",
    "Effort",
    "Exercise",
    "Group",
    "Person",
    "PlannedSet",
    "Sensor",
    "SimulatedSession",
    "Simulation",
    "Style",
    "choose_weight",
    "frame_plan",
    "make_person",
    "plan_session",
    "record_session",
    "simulate",
]
