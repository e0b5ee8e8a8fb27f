"""What is measured of a set: repetition by repetition, and as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality.measures import Measure

__all__ = ["Figures"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Figures:
    """What is measured of a set.

    Parameters
    ----------
    edges_s
        Shape (repetition, 2), start and stop of each from the beginning of the given signal.
    amplitudes
        Shape (repetition,), in `amplitude_unit`.
    amplitude_unit
        ``"deg"`` where the movement is a tilt, else ``"g"``.
    likeness
        Shape (repetition,), of each to the others; 1 is the same.
    jerk
        Shape (repetition,), log dimensionless jerk of each.
    line
        Shape (point, 2): time in s, and position on the main way in `amplitude_unit`; for pictures,
        some hundred points.
    measures
        The figures by name.
    """

    edges_s: Array
    amplitudes: Array
    amplitude_unit: str
    likeness: Array
    jerk: Array
    line: Array
    measures: Mapping[str, Measure] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Return the value of a measure; NaN where it is not defined."""
        return self.measures[name].value

    def __len__(self) -> int:
        """Return the number of repetitions."""
        return len(self.edges_s)

    @property
    def durations_s(self) -> Array:
        """How long each repetition took, in s; shape (repetition,)."""
        return self.edges_s[:, 1] - self.edges_s[:, 0]

    @property
    def reasons(self) -> dict[str, str]:
        """Why measures are not defined, by name."""
        return {name: each.reason for name, each in self.measures.items() if each.reason}

    def as_dict(self) -> dict[str, float | None]:
        """Return the values by name, None where not defined: what JSON can hold."""
        return {
            name: None if np.isnan(each.value) else float(each.value)
            for name, each in self.measures.items()
        }
