"""What a live session looks like in a terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from workoutlab.live import (
    Event,
    ExerciseSoFar,
    Gap,
    RepetitionDone,
    ScaleDoubtful,
    SetEnded,
    SetStarted,
)

__all__ = ["Board", "describe"]

_NOTES = 4


def describe(event: Event, start_s: float) -> str:
    """Return an event as a line of text, its time counted from the session's start.

    Examples
    --------
    >>> describe(RepetitionDone(75.5, number=3), 0.0)
    ' 1:15.5  repetition 3'
    """
    return f"{_clock(event.time_s - start_s)}  {_say(event)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 0), 1), 60)
    return f"{int(minutes):2}:{rest:04.1f}"


def _say(event: Event) -> str:
    if isinstance(event, ExerciseSoFar):
        return f"looks like {event.exercise} ({100 * event.confidence:.0f} %)"
    if isinstance(event, RepetitionDone):
        return f"repetition {event.number}"
    if isinstance(event, SetStarted):
        return "a set started"
    if isinstance(event, SetEnded):
        return f"the set ended: {', '.join(_facts(event.found)[1:])}"
    if isinstance(event, Gap):
        how = "bridged" if event.bridged else "what follows is another part"
        return f"{event.duration_s:.2f} s are missing; {how}"
    if isinstance(event, ScaleDoubtful):
        return event.problem
    told = event.as_dict()
    return f"{told['event']}: {told.get('samples', 0)} samples dropped"


def _facts(found: Any) -> tuple[str, ...]:
    """Return a set's time, exercise, confidence, repetitions and tempo as words."""
    row = found.row()
    certain, guess, tempo = row["repetitions"], row["repetitions_guess"], row["tempo_s"]
    count = f"{certain} repetitions" if certain >= 0 else f"about {guess} repetitions"
    return (
        f"{_clock(row['start_s'])}–{_clock(row['stop_s']).strip()}",
        found.exercise if found.known else f"unknown ({found.guess}?)",
        f"{100 * found.confidence:.0f} %",
        count if guess >= 0 else "not counted",
        f"{tempo:.1f} s each" if tempo == tempo else "–",
    )


class Board:
    """Shows the time, the set that goes on, and the list of those that are finished.

    Parameters
    ----------
    title
        What is replayed.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.now_s = 0.0
        self.start_s = 0.0
        self.running = False
        self.exercise, self.confidence, self.repetition = "", 0.0, 0
        self.found: list[Any] = []
        self.notes: list[str] = []

    @property
    def abstained(self) -> int:
        """Number of finished sets whose exercise is called unknown."""
        return sum(not each.known for each in self.found)

    def take(self, event: Event) -> None:
        """Let an event change what is shown."""
        if isinstance(event, SetStarted):
            self.running, self.exercise, self.repetition = True, "", 0
        elif isinstance(event, ExerciseSoFar):
            self.exercise, self.confidence = event.exercise, event.confidence
        elif isinstance(event, RepetitionDone):
            self.repetition = event.number
        elif isinstance(event, SetEnded):
            self.running = False
            self.found.append(event.found)
        else:
            self.notes = [*self.notes, describe(event, self.start_s)][-_NOTES:]

    def render(self) -> RenderableType:
        """Return what is shown now."""
        table = Table(*_HEADINGS, title=self.title, title_justify="left")
        for each in self.found:
            table.add_row(*_facts(each), " ".join(_sentences(each)))
        notes = [Text(note, style="yellow") for note in self.notes]
        return Group(table, Text(self.summary()), *notes, Text(self._status(), style="bold"))

    def summary(self) -> str:
        """Return how many sets there are, and how many of them were not named."""
        return f"{len(self.found)} sets, {self.abstained} of them called unknown"

    def _status(self) -> str:
        if not self.running:
            return f"{_clock(self.now_s)}  rest"
        name = self.exercise or "a set"
        sure = f" ({100 * self.confidence:.0f} %)" if self.exercise else ""
        return f"{_clock(self.now_s)}  {name}{sure}, repetition {self.repetition}"


_HEADINGS = ("time", "exercise", "confidence", "repetitions", "tempo", "quality")


def _sentences(found: Any) -> list[str]:
    return [] if found.quality is None else found.quality.sentences()
