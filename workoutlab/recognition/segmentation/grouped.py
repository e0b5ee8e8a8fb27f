"""The muscle group first, then the exercise by a network of that group, as in Muvr."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.learning.networks import Floats
from workoutlab.recognition.keeping.personal import Predictor

__all__ = ["Grouped", "Sole"]


@dataclass(frozen=True)
class Sole:
    """Names the one class that there is."""

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return ones, of shape (window, 1)."""
        return np.ones((len(np.asarray(inputs)), 1), np.float32)


@dataclass(frozen=True, eq=False)
class Grouped:
    """Chances of muscle groups times those of the exercises of each.

    An exercise that several groups have gets the chances of all of them.

    Parameters
    ----------
    classes
        Names of all exercises, sorted.
    group
        Names the group.
    members
        Of each group, what names its exercises.
    places
        Of each group, where its exercises are in `classes`.
    """

    classes: tuple[str, ...]
    group: Predictor
    members: tuple[Predictor, ...]
    places: tuple[npt.NDArray[np.intp], ...]

    @classmethod
    def of(cls, group: Predictor, members: Sequence[tuple[Sequence[str], Predictor]]) -> "Grouped":
        """Put networks together; those of the groups are in the order of the group's classes.

        Examples
        --------
        >>> class Even:
        ...     def predict(self, inputs):
        ...         return np.full((len(inputs), 2), 0.5, np.float32)
        >>> both = Grouped.of(Even(), [(["curl", "dip"], Even()), (["row"], Sole())])
        >>> both.classes, both.predict(np.zeros((1, 3))).tolist()
        (('curl', 'dip', 'row'), [[0.25, 0.25, 0.5]])
        """
        classes = tuple(sorted({name for names, _ in members for name in names}))
        places = tuple(np.searchsorted(classes, list(names)) for names, _ in members)
        return cls(classes, group, tuple(member for _, member in members), places)

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return chances of exercises, float32 of shape (window, class); rows sum to 1."""
        values = np.asarray(inputs, np.float32)
        groups = self.group.predict(values)
        total = np.zeros((len(values), len(self.classes)), np.float32)
        for number, (member, places) in enumerate(zip(self.members, self.places, strict=True)):
            total[:, places] += groups[:, number, None] * member.predict(values)
        return total
