"""What a chain tells of its samples, as the events of a session."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from workoutlab.live.events import Event, ExerciseSoFar, RepetitionDone, SetEnded, SetStarted
from workoutlab.recognition.segmentation.chain import Change, Progress, Started

__all__ = ["Teller"]


class Teller:
    """Tells a set's start, its exercise when that changes, each repetition once, and its end."""

    def __init__(self) -> None:
        self.exercise = ""
        self.repetitions = 0

    def tell(
        self, changes: Iterable[Change], time_of: Callable[[float], float], offset: int
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

    def _tell(self, change: Change, time_of: Callable[[float], float], offset: int) -> list[Event]:
        if isinstance(change, Progress):
            return self._progress(change, time_of(change.sample))
        self.exercise, self.repetitions = "", 0
        if isinstance(change, Started):
            return [SetStarted(time_of(change.sample))]
        found = change.found
        moved = replace(found, start=found.start + offset, stop=found.stop + offset)
        return [SetEnded(time_of(found.stop), moved)]

    def _progress(self, change: Progress, time_s: float) -> list[Event]:
        told: list[Event] = []
        if change.exercise != self.exercise:
            self.exercise = change.exercise
            told.append(ExerciseSoFar(time_s, change.exercise, change.confidence))
        while self.repetitions < change.repetitions:
            self.repetitions += 1
            told.append(RepetitionDone(time_s, self.repetitions))
        return told
