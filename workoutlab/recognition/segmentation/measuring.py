"""What is told of a set besides its exercise: repetitions, tempo, quality."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["Measures", "count", "measure"]

Floats = npt.NDArray[np.float32]


class Measures(NamedTuple):
    """Repetitions, tempo and quality of a set; None where they are not told."""

    repetitions: Any = None
    tempo: Any = None
    quality: Any = None


def count(recogniser: "Recogniser", samples: Floats, exercise: str) -> Any:
    """Return the repetitions in samples of a set, or of a part of one; None: not counted."""
    del recogniser, samples, exercise
    return None


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
    return Measures(count(recogniser, samples, exercise))
