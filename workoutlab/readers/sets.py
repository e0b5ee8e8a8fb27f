"""Sets from labels that stand beside every sample."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.readers.rows import Coded, Rows
from workoutlab.recording import LabelledSet

__all__ = ["Labels", "check_last_line", "find_sets"]

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """What is known beside every sample; numbers are NaN where unknown; all of shape (row,).

    Parameters
    ----------
    exercise
        The label; empty where there is none.
    muscle_group
        Empty where not known.
    repetitions, weight_kg, intensity
        Whole number, kg, and 0..1.
    body_weight
        Whether the exercise is done with body weight.
    """

    exercise: Coded
    muscle_group: Coded
    repetitions: Numbers
    weight_kg: Numbers
    intensity: Numbers
    body_weight: npt.NDArray[np.bool_]

    def check(self, rows: Rows) -> "Labels":
        """Return the labels if every number can mean what it should.

        Raises
        ------
        ReaderError
            Naming line and column of the first that cannot.
        """
        whole = (self.repetitions >= 0) & (self.repetitions == np.floor(self.repetitions))
        rows.require(
            "repetitions",
            self.repetitions,
            whole & (self.repetitions < 2**31),
            "a whole number of repetitions, 0 or more",
        )
        rows.require("weight", self.weight_kg, self.weight_kg >= 0, "a weight in kg, 0 or more")
        good = (self.intensity >= 0) & (self.intensity <= 1)
        rows.require("intensity", self.intensity, good, "an intensity from 0 to 1")
        return self

    def changes(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Tell, for each of `rows` after the first, whether anything differs from the one before.

        Shape (row - 1,).
        """
        differs = np.zeros(len(rows) - 1, dtype=bool)
        for column in (
            self.exercise.codes,
            self.muscle_group.codes,
            self.repetitions,
            self.weight_kg,
            self.intensity,
            self.body_weight,
        ):
            values = column[rows]
            unequal = values[1:] != values[:-1]
            if values.dtype.kind == "f":
                unequal &= ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
            differs |= unequal
        return differs


def find_sets(labels: Labels, rows: npt.NDArray[np.int64]) -> list[LabelledSet]:
    """Make a set of every run of samples with the same labels and a non-empty exercise.

    Two sets of one exercise that touch are told apart only by their weight, repetitions or
    intensity: where these change, a new set starts.

    Parameters
    ----------
    labels
        What stands beside the samples, checked.
    rows
        The rows that make up the recording, in its order.

    Returns
    -------
    list of LabelledSet
        In order; samples are counted from the recording's first.
    """
    edges = np.flatnonzero(labels.changes(rows)) + 1
    starts = [0, *edges.tolist()]
    stops = [*edges.tolist(), len(rows)]
    return list(_sets(labels, rows, zip(starts, stops, strict=True)))


def _sets(
    labels: Labels, rows: npt.NDArray[np.int64], runs: Iterator[tuple[int, int]]
) -> Iterator[LabelledSet]:
    for start, stop in runs:
        row = rows[start]
        exercise = labels.exercise.names[labels.exercise.codes[row]]
        if not exercise:
            continue
        repetitions = _known(labels.repetitions[row])
        yield LabelledSet(
            start=start,
            stop=stop,
            exercise=exercise,
            muscle_group=labels.muscle_group.names[labels.muscle_group.codes[row]],
            repetitions=None if repetitions is None else int(repetitions),
            weight_kg=_known(labels.weight_kg[row]),
            body_weight=bool(labels.body_weight[row]),
            intensity=_known(labels.intensity[row]),
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def check_last_line(rows: Rows, labels: Labels) -> None:
    """Check that a last line without line end was not cut short inside its labels.

    Raises
    ------
    ReaderError
        If its labels differ from the line above.
    """
    last = np.array([len(rows) - 2, len(rows) - 1])
    if rows.unterminated and len(rows) > 1 and labels.changes(last).any():
        raise rows.error(
            "the last line has no line end and other labels than the line above, so it was "
            "probably cut short; copy the file again, or end the line if it is complete",
            row=len(rows) - 1,
        )
