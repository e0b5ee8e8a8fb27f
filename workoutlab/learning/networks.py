"""Multi-layer perceptrons: their description, their weights, and what they predict.

A network's weights are one float32 vector, layer after layer; in a layer each output's bias,
then its weights. That is the order of Muvr's device format. In memory a layer is a matrix of
shape (input + 1, output) whose last row holds the biases, so that one matrix product serves
both: the inputs get a last column of ones.

Muvr wrote of logistic outputs under the cross-entropy of several classes. Exercises exclude each
other, so the outputs here are a softmax: it is the one link under which they are probabilities
of exclusive classes, and under which that cross-entropy also pushes the wrong classes down
(separate logistic outputs under it would all learn to say 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.learning.randomness import draw_uniform, make_key

__all__ = [
    "MLP",
    "Layers",
    "Network",
    "count_weights",
    "draw_weights",
    "pack_layers",
    "softmax",
    "unpack_layers",
]

Floats = npt.NDArray[np.float32]
Layers = list[Floats]

_INITS: Final = ("he", "glorot", "muvr")


@dataclass(frozen=True, init=False)
class MLP:
    """A multi-layer perceptron: inputs, hidden ReLU layers with dropout, softmax outputs.

    Parameters
    ----------
    *hidden
        Units of each hidden layer, one layer or more.
    dropout_keep
        Chance in (0, 1] that a hidden unit is kept in a training step; what is kept is scaled
        up by its inverse, so that nothing changes in prediction.
    init
        Initial weights: ``"he"`` is uniform in ±√(6 / inputs) with biases 0, made for ReLU;
        ``"glorot"`` in ±√(6 / (inputs + outputs)) with biases 0; ``"muvr"`` in ±0.1 with biases
        1, as in Muvr.

    Raises
    ------
    InputError
        If a parameter is none of these.

    Examples
    --------
    >>> network = MLP(250, 50)
    >>> network.sizes(inputs=1200, classes=8)
    (1200, 250, 50, 8)
    """

    hidden: tuple[int, ...]
    dropout_keep: float
    init: str

    def __init__(self, *hidden: int, dropout_keep: float = 0.9, init: str = "he") -> None:
        if not hidden or any(int(units) != units or units < 1 for units in hidden):
            raise InputError(
                f"MLP layers: expected one or more numbers of units, as in MLP(250, 50), "
                f"got {hidden}"
            )
        if not 0 < dropout_keep <= 1:
            raise InputError(f"dropout_keep: expected a chance in (0, 1], got {dropout_keep}")
        if init not in _INITS:
            raise InputError(f"init: expected one of {', '.join(_INITS)}, got {init!r}")
        for name, value in (("hidden", hidden), ("dropout_keep", dropout_keep), ("init", init)):
            object.__setattr__(self, name, value)  # the dataclass is frozen

    def sizes(self, inputs: int, classes: int) -> tuple[int, ...]:
        """Return the number of units of each layer, inputs and classes included."""
        return (inputs, *self.hidden, classes)

    def columns(self) -> list[slice]:
        """Return the place of each hidden layer's units in a row of all of them.

        Examples
        --------
        >>> MLP(250, 50).columns()
        [slice(0, 250, None), slice(250, 300, None)]
        """
        stops = np.cumsum(self.hidden).tolist()
        return [slice(stop - units, stop) for stop, units in zip(stops, self.hidden, strict=True)]

    def settings(self) -> dict[str, object]:
        """Return what describes the network, as JSON takes it."""
        return {
            "kind": "mlp",
            "hidden": list(self.hidden),
            "dropout_keep": self.dropout_keep,
            "init": self.init,
        }


def draw_weights(network: MLP, sizes: Sequence[int], seed: int) -> Layers:
    """Return initial weights, one matrix (input + 1, output) a layer, the last row biases.

    Examples
    --------
    >>> [layer.shape for layer in draw_weights(MLP(5), (3, 5, 2), seed=0)]
    [(4, 5), (6, 2)]
    """
    layers = []
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        bound, bias = {
            "he": ((6 / inputs) ** 0.5, 0.0),
            "glorot": ((6 / (inputs + outputs)) ** 0.5, 0.0),
            "muvr": (0.1, 1.0),
        }[network.init]
        layer = np.full((inputs + 1, outputs), bias, np.float32)
        key = make_key(seed, "weights", number)
        layer[:-1] = draw_uniform(key, (inputs, outputs)) * np.float32(bound)
        layers.append(layer)
    return layers


def count_weights(sizes: Sequence[int]) -> int:
    """Return the number of weights and biases of layers of these sizes.

    Examples
    --------
    >>> count_weights((1200, 250, 50, 8))
    313208
    """
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


def pack_layers(layers: Sequence[Floats]) -> Floats:
    """Return all weights as one vector: by layer and output, the bias, then the weights.

    Examples
    --------
    >>> pack_layers([np.array([[1, 2], [3, 4], [-1, -2]], np.float32)]).tolist()
    [-1.0, 1.0, 3.0, -2.0, 2.0, 4.0]
    """
    return np.concatenate([np.roll(layer, 1, axis=0).T.ravel() for layer in layers])


def unpack_layers(vector: Floats, sizes: Sequence[int]) -> Layers:
    """Return the layers of a packed vector: the inverse of :func:`pack_layers`.

    Raises
    ------
    InputError
        If the vector is not as long as the sizes ask for.

    Examples
    --------
    >>> unpack_layers(np.array([-1, 1, 3, -2, 2, 4], np.float32), (2, 2))[0].tolist()
    [[1.0, 2.0], [3.0, 4.0], [-1.0, -2.0]]
    """
    if vector.shape != (count_weights(sizes),):
        raise InputError(
            f"layers {tuple(sizes)} have {count_weights(sizes)} weights, got shape {vector.shape}"
        )
    layers, start = [], 0
    for inputs, outputs in pairwise(sizes):
        stop = start + (inputs + 1) * outputs
        rows = vector[start:stop].reshape(outputs, inputs + 1)
        layers.append(np.ascontiguousarray(np.roll(rows, -1, axis=1).T))
        start = stop
    return layers


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network with the standardisation of its inputs.

    Parameters
    ----------
    layers
        One matrix (input + 1, output) a layer, the last row biases; float32.
    center, scale
        Shape (input,): an input that is not known (NaN) counts as its center; the center is
        subtracted and the rest divided by the scale.
    """

    layers: Layers
    center: Floats
    scale: Floats

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of units of each layer, inputs and classes included."""
        return (len(self.layers[0]) - 1, *(layer.shape[1] for layer in self.layers))

    def pack(self) -> Floats:
        """Return center, scale and all weights as one float32 vector, as it is stored."""
        return np.concatenate([self.center, self.scale, pack_layers(self.layers)])

    @classmethod
    def unpack(cls, vector: Floats, sizes: Sequence[int]) -> "Network":
        """Return the network of a packed vector: the inverse of :meth:`pack`."""
        inputs = sizes[0]
        center, scale, weights = np.split(vector, [inputs, 2 * inputs])
        return cls(unpack_layers(weights, sizes), center, scale)

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return the probability of each class.

        Parameters
        ----------
        inputs
            Shape (window, input), as the network was trained on.

        Returns
        -------
        numpy.ndarray
            Shape (window, class), float32; rows sum to 1.

        Raises
        ------
        InputError
            If the inputs are not of that shape.
        """
        values = np.asarray(inputs, np.float32)
        if values.ndim != 2 or values.shape[1] != self.sizes[0]:
            raise InputError(
                f"inputs: expected shape (window, {self.sizes[0]}) as the network was trained on, "
                f"got {values.shape}"
            )
        values = standardize(values, self.center, self.scale)
        for layer in self.layers[:-1]:
            values = np.maximum(values @ layer[:-1] + layer[-1], 0)
        return softmax(values @ self.layers[-1][:-1] + self.layers[-1][-1])


def standardize(inputs: Floats, center: Floats, scale: Floats) -> Floats:
    """Return ``(inputs - center) / scale``, 0 where an input is not known (NaN)."""
    values = (inputs - center) / scale
    np.copyto(values, 0, where=np.isnan(values))
    return values


def softmax(scores: Floats) -> Floats:
    """Return probabilities from scores: exponentials that sum to 1 in each row.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0]], np.float32)).tolist()
    [[0.5, 0.5]]
    """
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    total: Floats = grown / grown.sum(axis=1, keepdims=True)
    return total
