"""The weights of a network: how they begin, and how they are stored.

A network's weights are one float32 vector, layer after layer; in a layer each output's bias,
then its weights. That is the order of Muvr's device format. In memory a layer is a matrix of
shape (input + 1, output) whose last row holds the biases.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.learning.architectures import Architecture, Shapes
from workoutlab.learning.randomness import draw_uniform, make_key

__all__ = [
    "Floats",
    "Layers",
    "count_weights",
    "draw_weights",
    "find_spread",
    "pack_layers",
    "unpack_layers",
]

Floats = npt.NDArray[np.float32]
Layers = list[Floats]


def draw_weights(network: Architecture, shapes: Shapes, seed: int) -> Layers:
    """Return initial weights, one matrix (input + 1, output) a layer, the last row biases.

    Examples
    --------
    >>> from workoutlab.learning.architectures import MLP
    >>> [layer.shape for layer in draw_weights(MLP(5), MLP(5).shapes(3, 2), seed=0)]
    [(4, 5), (6, 2)]
    """
    layers = []
    for number, (inputs, outputs) in enumerate(shapes):
        bound, bias = find_spread(network.init, inputs, outputs)
        layer = np.full((inputs + 1, outputs), bias, np.float32)
        key = make_key(seed, "weights", number)
        layer[:-1] = draw_uniform(key, (inputs, outputs)) * np.float32(bound)
        layers.append(layer)
    return layers


def find_spread(init: str, inputs: int, outputs: int) -> tuple[float, float]:
    """Return in ± what a layer's weights are drawn, and what its biases are.

    Examples
    --------
    >>> find_spread("muvr", 1200, 250)
    (0.1, 1.0)
    """
    return {
        "he": ((6 / inputs) ** 0.5, 0.0),
        "glorot": ((6 / (inputs + outputs)) ** 0.5, 0.0),
        "muvr": (0.1, 1.0),
    }[init]


def count_weights(shapes: Shapes) -> int:
    """Return the number of weights and biases of layers of these shapes.

    Examples
    --------
    >>> from workoutlab.learning.architectures import MLP
    >>> count_weights(MLP(250, 50).shapes(1200, 8))
    313208
    """
    return sum((inputs + 1) * outputs for inputs, outputs in shapes)


def pack_layers(layers: Sequence[Floats]) -> Floats:
    """Return all weights as one vector: by layer and output, the bias, then the weights.

    Examples
    --------
    >>> pack_layers([np.array([[1, 2], [3, 4], [-1, -2]], np.float32)]).tolist()
    [-1.0, 1.0, 3.0, -2.0, 2.0, 4.0]
    """
    return np.concatenate([np.roll(layer, 1, axis=0).T.ravel() for layer in layers])


def unpack_layers(vector: Floats, shapes: Shapes) -> Layers:
    """Return the layers of a packed vector: the inverse of :func:`pack_layers`.

    Raises
    ------
    InputError
        If the vector is not as long as the shapes ask for.

    Examples
    --------
    >>> unpack_layers(np.array([-1, 1, 3, -2, 2, 4], np.float32), ((2, 2),))[0].tolist()
    [[1.0, 2.0], [3.0, 4.0], [-1.0, -2.0]]
    """
    if vector.shape != (count_weights(shapes),):
        raise InputError(
            f"layers {shapes} have {count_weights(shapes)} weights, got shape {vector.shape}"
        )
    layers, start = [], 0
    for inputs, outputs in shapes:
        stop = start + (inputs + 1) * outputs
        rows = vector[start:stop].reshape(outputs, inputs + 1)
        layers.append(np.ascontiguousarray(np.roll(rows, -1, axis=1).T))
        start = stop
    return layers
