"""What a live session tells: sets as they come about, and what became of packets."""

import json
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.found import FoundSet

__all__ = [
    "Event",
    "ExerciseSoFar",
    "Gap",
    "PacketAstray",
    "PacketConflict",
    "PacketDuplicate",
    "PacketLate",
    "RepetitionDone",
    "ScaleDoubtful",
    "SetEnded",
    "SetStarted",
]


@dataclass(frozen=True)
class Event:
    """Something that a session tells.

    Parameters
    ----------
    time_s
        The moment in the signal that it is about, in s on the clock that packets are told by.
    """

    time_s: float

    @property
    def name(self) -> str:
        """The kind of event, ``"SetStarted"`` say."""
        return type(self).__name__

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON takes it.

        Examples
        --------
        >>> RepetitionDone(12.5, number=3).as_dict()
        {'event': 'RepetitionDone', 'time_s': 12.5, 'number': 3}
        """
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"event": self.name, **told}


@dataclass(frozen=True)
class SetStarted(Event):
    """A set started at `time_s`: it is told once that is certain, some seconds later."""


@dataclass(frozen=True)
class ExerciseSoFar(Event):
    """What the set that goes on is taken for; told when it changes.

    Parameters
    ----------
    exercise
        ``"unknown"`` where no exercise is likely enough.
    confidence
        Probability of the most likely exercise, in 0..1.
    """

    exercise: str
    confidence: float


@dataclass(frozen=True)
class RepetitionDone(Event):
    """A repetition of the set that goes on was done; the count at the set's end is the better one.

    Parameters
    ----------
    number
        1 for the first one.
    """

    number: int


@dataclass(frozen=True)
class SetEnded(Event):
    """A set ended at `time_s`.

    Parameters
    ----------
    found
        The set, as :meth:`workoutlab.Recogniser.find` returns it: its samples count from the
        session's first one, on the recogniser's grid.
    """

    found: "FoundSet"

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON takes it, the set's facts beside its own."""
        row = self.found.row()
        told = {name: json.loads(row.pop(name)) for name in ("quality", "scores") if name in row}
        return {"event": self.name, "time_s": self.time_s, **_finite(row | told)}


@dataclass(frozen=True)
class Gap(Event):
    """Samples are missing from `time_s` on.

    Parameters
    ----------
    duration_s
        From the last sample before to the first one after, in s.
    bridged
        Whether samples were interpolated across; else a set that went on has ended there.
    """

    duration_s: float
    bridged: bool


@dataclass(frozen=True)
class PacketLate(Event):
    """Samples came after others that are newer by more than the horizon; they were dropped.

    Parameters
    ----------
    samples
        How many of the packet's.
    """

    samples: int


@dataclass(frozen=True)
class PacketDuplicate(Event):
    """Samples came again; they were dropped.

    Parameters
    ----------
    samples
        How many of the packet's.
    """

    samples: int


@dataclass(frozen=True)
class PacketConflict(Event):
    """Samples came for times that others of other values have already; they were dropped.

    Parameters
    ----------
    samples
        How many of the packet's.
    """

    samples: int


@dataclass(frozen=True)
class PacketAstray(Event):
    """A packet's time lay far ahead and no other's did; it was dropped.

    Parameters
    ----------
    samples
        How many it had.
    """

    samples: int


@dataclass(frozen=True)
class ScaleDoubtful(Event):
    """The acceleration is hardly in g with gravity included; told once, and nothing is dropped.

    Parameters
    ----------
    mean_g
        Mean magnitude of the first seconds, as if it were in g; expected about 1.
    problem
        What may be wrong, and what to do.
    """

    mean_g: float
    problem: str


def _finite(told: dict[str, Any]) -> dict[str, Any]:
    """Put None where a number is not known: JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in told.items()
    }
