"""What is told of a set besides its exercise: repetitions, tempo, quality."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality import assess
from workoutlab.recognition.quality.results import Quality
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recognition.repetitions.tempo import Tempo, find_phases

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["Measures", "count", "measure"]

Floats = npt.NDArray[np.float32]


class Measures(NamedTuple):
    """Repetitions, tempo and quality of a set."""

    repetitions: Repetitions
    tempo: Tempo
    quality: Quality


def count(recogniser: "Recogniser", samples: Floats, exercise: str) -> Repetitions:
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
    counted = count(recogniser, samples, exercise)
    how = samples, recogniser.rate_hz, counted.edges
    return Measures(counted, find_phases(*how), assess(*how))
