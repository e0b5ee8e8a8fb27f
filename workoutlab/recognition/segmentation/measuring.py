"""What is told of a set besides its exercise: repetitions, tempo, quality."""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality import assess
from workoutlab.recognition.quality.results import Quality
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recognition.repetitions.tempo import Tempo, find_phases

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["Measures", "Running", "measure"]

Floats = npt.NDArray[np.float32]

_ANEW_S: Final = 12.0
"""How much of a set that goes on is counted anew: some slow repetitions, or many fast ones."""


class Measures(NamedTuple):
    """Repetitions, tempo and quality of a set."""

    repetitions: Repetitions
    tempo: Tempo
    quality: Quality


class Running(NamedTuple):
    """The count of a set that goes on: `done` repetitions before sample `since` of the chain.

    Counting a whole set anew each second would take longer the longer it lasts. Repetitions that
    are a while back are taken as done, and only what came after them is counted.
    """

    since: int
    done: int = 0

    def go_on(
        self, recogniser: "Recogniser", samples: Floats, exercise: str
    ) -> tuple[int, "Running"]:
        """Return the number of repetitions so far, and what to go on from.

        Parameters
        ----------
        recogniser
            Its settings and templates.
        samples
            From sample `since` on.
        exercise
            The likeliest exercise.
        """
        rate_hz = recogniser.rate_hz
        counted = _count(recogniser, samples, exercise)
        total = self.done + counted.guess
        if len(samples) < _ANEW_S * rate_hz:
            return total, self
        stops = counted.edges[:, 1]
        done = int((stops <= len(samples) - _ANEW_S / 2 * rate_hz).sum())
        gone = round(float(stops[done - 1])) if done else len(samples) - round(_ANEW_S * rate_hz)
        return total, Running(self.since + max(gone, 0), self.done + done)


def _count(recogniser: "Recogniser", samples: Floats, exercise: str) -> Repetitions:
    """Return the repetitions in samples of a set, finished or in progress."""
    from workoutlab.recognition.repetitions import count_repetitions  # Numba loads when needed

    return count_repetitions(
        samples,
        recogniser.rate_hz,
        counter=recogniser.counter,
        template=recogniser.templates.get(exercise),
        exercise=exercise,
    )


def measure(recogniser: "Recogniser", samples: Floats, exercise: str) -> Measures:
    """Return what is told of a whole set.

    Parameters
    ----------
    recogniser
        Its settings and templates.
    samples
        float32 of shape (sample, 3), in g, from the set's start to its stop.
    exercise
        The likeliest exercise.
    """
    counted = _count(recogniser, samples, exercise)
    how = samples, recogniser.rate_hz, counted.edges
    return Measures(counted, find_phases(*how), assess(*how))
