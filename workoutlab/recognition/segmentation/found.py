"""What is found in a signal: sets, with exercise, boundaries, repetitions and quality."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality.results import Quality
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recognition.repetitions.tempo import Tempo
from workoutlab.schema import FOUND, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Found", "FoundSet", "StepScores"]

_TAIL = 0.05


@dataclass(frozen=True)
class FoundSet:
    """A set that was found.

    Parameters
    ----------
    start, stop
        First sample, and one past the last one, on the grid: sample 0 is the recording's first.
    rate_hz
        Of the grid.
    exercise
        What it is taken for; ``"unknown"`` where that is not certain enough.
    guess
        The likeliest exercise, also where that is not certain.
    confidence
        Calibrated probability of the guess.
    scores
        Probability of every exercise.
    active
        Mean probability that it is a set at all.
    repetitions
        Count, edges (in samples from the set's start) and uncertainty.
    tempo
        Phases of the repetitions.
    quality
        Measures of how well it was done.

    Notes
    -----
    Two are equal if all but what is measured on the same samples is equal.
    """

    start: int
    stop: int
    rate_hz: float
    exercise: str
    guess: str
    confidence: float
    scores: Mapping[str, float] = field(repr=False)
    active: float
    repetitions: Repetitions = field(repr=False, compare=False)
    tempo: Tempo = field(repr=False, compare=False)
    quality: Quality = field(repr=False, compare=False)

    @property
    def start_s(self) -> float:
        """When it starts, in s from the recording's first sample."""
        return self.start / self.rate_hz

    @property
    def stop_s(self) -> float:
        """When it ends, in s from the recording's first sample."""
        return self.stop / self.rate_hz

    @property
    def known(self) -> bool:
        """Whether its exercise is certain enough to be named."""
        return self.exercise != UNKNOWN

    def row(self) -> dict[str, Any]:
        """Return it as a row of :data:`workoutlab.schema.FOUND`."""
        group = self.guess.rpartition("/")[0]
        return {
            "start": self.start,
            "stop": self.stop,
            "start_s": self.start_s,
            "stop_s": self.stop_s,
            "exercise": self.exercise,
            "guess": self.guess,
            "muscle_group": group,
            "confidence": self.confidence,
            "active": self.active,
            **_tell_repetitions(self.repetitions),
            **self.tempo.as_dict(),
            "quality": json.dumps(self.quality.as_dict()),
            "scores": json.dumps({name: round(value, 6) for name, value in self.scores.items()}),
        }


@dataclass(frozen=True, eq=False)
class StepScores:
    """What the stages say of each step, for plots.

    ``start_s`` (step,); ``active`` (step,), the chance of activity; ``exercises``
    (step, exercise), the chance of each, if it is one; ``names`` of the exercises.
    """

    start_s: npt.NDArray[np.float64]
    active: npt.NDArray[np.float64]
    exercises: npt.NDArray[np.float64]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Found:
    """The sets of a recording, in order.

    Parameters
    ----------
    sets
        The sets.
    rate_hz
        Of the grid that their samples are counted on.
    duration_s
        Of the recording.
    scores
        What the stages say of each step.
    """

    sets: tuple[FoundSet, ...]
    rate_hz: float
    duration_s: float
    scores: StepScores = field(repr=False)

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def abstained(self) -> float:
        """The share of sets whose exercise is called unknown; NaN without sets."""
        if not self.sets:
            return float("nan")
        return sum(not each.known for each in self.sets) / len(self.sets)

    @property
    def table(self) -> "pd.DataFrame":
        """One row a set; :data:`workoutlab.schema.FOUND` describes the columns."""
        import pandas as pd

        rows = [each.row() for each in self.sets]
        columns = {
            name: pd.Series([row[name] for row in rows], dtype=column.dtype)
            for name, column in FOUND.columns.items()
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        lines = [f"Found({len(self)} sets in {self.duration_s:.1f} s)"]
        return "\n".join([*lines, *("  " + "  ".join(cells) for cells in self._cells())])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in self._cells()
        )
        told = f"{len(self)} sets in {self.duration_s:.1f} s"
        return f"<p>{told}</p><table><tr>{head}</tr>{body}</table>"

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                f"{each.start_s:.1f}–{each.stop_s:.1f} s",
                each.exercise if each.known else f"unknown ({each.guess}?)",
                f"{100 * each.confidence:.0f} %",
                _spell_count(each.repetitions),
            )
            for each in self.sets
        ]


_HEAD = ("time", "exercise", "confidence", "repetitions")


def _spell_count(repetitions: Repetitions) -> str:
    if repetitions.count is None:
        return f"about {repetitions.guess}"
    return str(repetitions.count)


def _tell_repetitions(repetitions: Repetitions) -> dict[str, Any]:
    below = np.cumsum(repetitions.probabilities)
    return {
        "repetitions": -1 if repetitions.count is None else repetitions.count,
        "repetitions_guess": repetitions.guess,
        "repetitions_low": int(np.searchsorted(below, _TAIL)),
        "repetitions_high": int(np.searchsorted(below, 1 - _TAIL)),
        "repetitions_confidence": repetitions.confidence,
    }
