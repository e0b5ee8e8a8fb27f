"""Sets while they are done: packets of samples in, events out, without I/O or clock."""

from workoutlab.live.events import (
    Event,
    ExerciseSoFar,
    Gap,
    PacketAstray,
    PacketConflict,
    PacketDuplicate,
    PacketLate,
    RepetitionDone,
    ScaleDoubtful,
    SetEnded,
    SetStarted,
)
from workoutlab.live.session import LiveSession

__all__ = [
    "Event",
    "ExerciseSoFar",
    "Gap",
    "LiveSession",
    "PacketAstray",
    "PacketConflict",
    "PacketDuplicate",
    "PacketLate",
    "RepetitionDone",
    "ScaleDoubtful",
    "SetEnded",
    "SetStarted",
]
