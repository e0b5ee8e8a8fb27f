"""What a person's model is once it is open: something that predicts, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from workoutlab.learning.networks import Floats

__all__ = ["Average", "PersonalNetwork", "Predictor"]


class Predictor(Protocol):
    """Turns what a recipe's inputs make of windows into probabilities."""

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return probabilities, shape (window, class), of inputs of shape (window, input)."""


@dataclass(frozen=True, eq=False)
class Average:
    """The mean of what several models say, over the classes of all of them.

    A model gives no probability to a class that it does not know.

    Parameters
    ----------
    classes
        Names of the classes of all models, sorted.
    models
        The models.
    places
        Of each model, where its classes are in `classes`.
    """

    classes: tuple[str, ...]
    models: tuple[Predictor, ...]
    places: tuple[npt.NDArray[np.intp], ...]

    @classmethod
    def of(cls, models: Sequence[tuple[Sequence[str], Predictor]]) -> "Average":
        """Return the average of models, given with the names of their classes.

        Examples
        --------
        >>> from workoutlab.learning.networks import softmax
        >>> class Sure:
        ...     def predict(self, inputs):
        ...         return np.ones((len(inputs), 1), np.float32)
        >>> both = Average.of([(["press"], Sure()), (["curl"], Sure())])
        >>> both.classes, both.predict(np.zeros((1, 3))).tolist()
        (('curl', 'press'), [[0.5, 0.5]])
        """
        classes = tuple(sorted({name for names, _ in models for name in names}))
        places = tuple(np.searchsorted(classes, list(names)) for names, _ in models)
        return cls(classes, tuple(model for _, model in models), places)

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return the mean probability of each class, shape (window, class); rows sum to 1.

        Raises
        ------
        InputError
            If the inputs are not as the models take them.
        """
        values = np.asarray(inputs, np.float32)
        total = np.zeros((len(values), len(self.classes)), np.float32)
        for model, places in zip(self.models, self.places, strict=True):
            total[:, places] += model.predict(values)
        total /= len(self.models)
        return total


@dataclass(frozen=True, eq=False)
class PersonalNetwork:
    """One person's trained network.

    Parameters
    ----------
    user
        Whose; ``"*"`` for one of all people.
    classes
        Names of the exercises, in the order of the probabilities.
    network
        Its layers; of an ensemble, the average of two networks.
    snapshot
        The lab's snapshot that it was trained on.
    kind
        ``"own"``, ``"fine-tuned"``, ``"ensemble"`` or ``"common"``.
    """

    user: str
    classes: tuple[str, ...]
    network: Predictor
    snapshot: str
    kind: str = "own"

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return the probability of each exercise.

        Parameters
        ----------
        inputs
            Shape (window, input): what the recipe's inputs make of windows.

        Returns
        -------
        numpy.ndarray
            Shape (window, class), float32; rows sum to 1.

        Raises
        ------
        InputError
            If the inputs are not of that shape.
        """
        return self.network.predict(inputs)
