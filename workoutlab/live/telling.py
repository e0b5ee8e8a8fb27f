"""What a chain tells of its samples, as the events of a session."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from workoutlab.live.events import Event, ExerciseSoFar, RepetitionDone, SetEnded, SetStarted

__all__ = ["Teller"]


class Teller:
    """Tells a set's start, its exercise when that changes, each repetition once, and its end."""

    def __init__(self) -> None:
        self.exercise = ""
        self.repetitions = 0

    def tell(
        self, changes: Iterable[Any], time_of: Callable[[float], float], offset: int
    ) -> list[Event]:
        """Return the events of changes.

        Parameters
        ----------
        changes
            Of a chain.
        time_of
            Turns a sample of the session's grid into the clock's time in s.
        offset
            Sample of the session's grid that the chain began with.
        """
        return [
            event
            for change in changes
            for event in self._tell(change, lambda sample: time_of(sample + offset), offset)
        ]

    def _tell(self, change: Any, time_of: Callable[[float], float], offset: int) -> list[Event]:
        kind = type(change).__name__
        if kind == "Started":
            self.exercise, self.repetitions = "", 0
            return [SetStarted(time_of(change.sample))]
        if kind == "Progress":
            return self._progress(change, time_of(change.sample))
        self.exercise, self.repetitions = "", 0
        found = _move(change.found, offset)
        return [SetEnded(time_of(change.found.stop), found)]

    def _progress(self, change: Any, time_s: float) -> list[Event]:
        told: list[Event] = []
        if change.exercise != self.exercise:
            self.exercise = change.exercise
            told.append(ExerciseSoFar(time_s, change.exercise, change.confidence))
        while self.repetitions < change.repetitions:
            self.repetitions += 1
            told.append(RepetitionDone(time_s, self.repetitions))
        return told


def _move(found: Any, by: int) -> Any:
    return replace(found, start=found.start + by, stop=found.stop + by) if by else found
