"""Trained networks and what they predict.

Muvr wrote of logistic outputs under the cross-entropy of several classes. Exercises exclude each
other, so the default link is a softmax: it is the one under which outputs are probabilities of
exclusive classes, and under which that cross-entropy also pushes the wrong classes down (separate
logistic outputs under it would all learn to say 1). ``MLP(link="logistic")`` has logistic outputs
under their own, binary cross-entropy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from workoutlab.errors import InputError
from workoutlab.learning.architectures import MLP, Architecture, ConvNet, read_architecture
from workoutlab.learning.layers import make_layers
from workoutlab.learning.scaling import Scaler, no_scaler, packed_scaler, unpack_scaler
from workoutlab.learning.threads import one_thread
from workoutlab.learning.weights import (
    Floats,
    Layers,
    count_weights,
    draw_weights,
    pack_layers,
    unpack_layers,
)

__all__ = [
    "MLP",
    "Architecture",
    "ConvNet",
    "Floats",
    "Front",
    "Layers",
    "Network",
    "count_weights",
    "draw_weights",
    "pack_layers",
    "softmax",
    "unpack_layers",
]

_BLOCK: Final = 2**20
"""Numbers that a layer makes of a block of windows, at most: 4 MB, about a core's cache."""


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network with the scaling of its inputs.

    Parameters
    ----------
    description
        Its architecture.
    layers
        One matrix (input + 1, output) a layer, the last row biases; float32. A convolution's
        inputs are the samples under its filter, channel after channel; what convolutions leave
        meets the first dense layer channel after channel.
    scaler
        What is done to inputs before the first layer.
    """

    description: Architecture
    layers: Layers
    scaler: Scaler

    @property
    def inputs(self) -> int:
        """Number of inputs, before they are scaled."""
        return self.scaler.inputs

    @property
    def classes(self) -> int:
        """Number of classes."""
        return max(int(self.layers[-1].shape[1]), 2)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of inputs, of outputs of each layer (filters of a convolution), and of classes."""
        return (self.inputs, *(layer.shape[1] for layer in self.layers[:-1]), self.classes)

    def describe(self) -> dict[str, Any]:
        """Return what :meth:`unpack` needs besides the weights, as JSON takes it."""
        return {
            "network": self.description.settings(),
            "scaling": self.scaler.kind,
            "inputs": self.inputs,
            "classes": self.classes,
        }

    def pack(self) -> Floats:
        """Return scaling and all weights as one float32 vector, as it is stored."""
        return np.concatenate([self.scaler.pack(), pack_layers(self.layers)])

    @classmethod
    def unpack(cls, vector: Floats, description: Mapping[str, Any]) -> "Network":
        """Return the network of a packed vector: the inverse of :meth:`pack`.

        Parameters
        ----------
        vector
            What :meth:`pack` gave.
        description
            What :meth:`describe` gave.

        Raises
        ------
        InputError
            If the vector is not as long as the description asks for.
        """
        network = read_architecture(description["network"])
        kind, inputs = description["scaling"], description["inputs"]
        table, weights = np.split(vector, [packed_scaler(kind, inputs)])
        scaler = unpack_scaler(kind, table, inputs)
        shapes = network.shapes(scaler.outputs, description["classes"])
        return cls(network, unpack_layers(weights, shapes), scaler)

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
        return self._run(inputs, len(self.layers))

    def split(self, layers: int) -> tuple["Front", "Network"]:
        """Part the network, to train its last layers on what the first ones make of windows.

        Parameters
        ----------
        layers
            Number of layers in front, convolutions counted; 1 or more, and less than all.

        Returns
        -------
        Front, Network
            The first layers, whose :meth:`Front.activate` makes the inputs of the rest; and the
            rest, which takes them as they are. Train a network of the rest's ``description`` on
            them from the rest's ``layers`` (``Member.initial``) with ``scaling="none"``, and
            :meth:`Front.join` it.

        Raises
        ------
        InputError
            If it has not that many layers.

        Examples
        --------
        >>> description = MLP(5, 4)
        >>> layers = draw_weights(description, description.shapes(3, 2), seed=0)
        >>> whole = Network(description, layers, no_scaler(3))
        >>> front, rest = whole.split(1)
        >>> rest.description.hidden
        (4,)
        >>> inputs = np.eye(3, dtype=np.float32)
        >>> bool((front.join(rest).predict(inputs) == whole.predict(inputs)).all())
        True
        >>> bool((rest.predict(front.activate(inputs)) == whole.predict(inputs)).all())
        True
        """
        if not 1 <= layers < len(self.layers):
            raise InputError(
                f"layers: expected 1 to {len(self.layers) - 1} of a network of "
                f"{len(self.layers)} layers, got {layers}"
            )
        outputs = len(self.layers[layers]) - 1
        if isinstance(self.description, ConvNet) and layers < len(self.description.filters):
            outputs = self.layers[layers - 1].shape[1]
            outputs *= self.description.lengths(self.scaler.outputs)[layers]
        left = _drop_layers(self.description, layers)
        return Front(self, layers), Network(left, self.layers[layers:], no_scaler(outputs))

    def _run(self, inputs: npt.ArrayLike, layers: int) -> Floats:
        values = np.asarray(inputs, np.float32)
        if values.ndim != 2 or values.shape[1] != self.inputs:
            raise InputError(
                f"inputs: expected shape (window, {self.inputs}) as the network was trained on, "
                f"got {values.shape}"
            )
        rows = max(_BLOCK // self._widest(), 1)
        blocks = [
            self._forward(values[start : start + rows], layers)
            for start in range(0, max(len(values), 1), rows)
        ]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _widest(self) -> int:
        """Return the most numbers that a layer makes of a window."""
        widths: list[int] = [self.scaler.outputs, *(layer.shape[1] for layer in self.layers)]
        if isinstance(self.description, ConvNet):
            lengths = self.description.lengths(self.scaler.outputs)
            pairs = zip(lengths, self.layers, strict=False)
            widths += [length * max(layer.shape) for length, layer in pairs]
        return max(widths)

    def _forward(self, values: Floats, layers: int) -> Floats:
        values = self.scaler.apply(values)
        network, place = self.description, 0
        if isinstance(network, ConvNet):
            place = min(layers, len(network.filters))
            values = _convolve(values, self.layers[:place], network)
        activate = _ACTIVATIONS[network.activation if isinstance(network, MLP) else "relu"]
        for layer in self.layers[place:layers]:
            values = values @ layer[:-1] + layer[-1]
            last = layer is self.layers[-1]
            values = self._link(values) if last else activate(values)
        return values

    def _link(self, scores: Floats) -> Floats:
        if isinstance(self.description, ConvNet) or self.description.link == "softmax":
            return softmax(scores)
        if scores.shape[1] == 1:
            return np.concatenate([_logistic(-scores), _logistic(scores)], axis=1)
        # By logarithms: where every output is next to nothing, their sum would be 0.
        return softmax(-np.logaddexp(np.float32(0), -scores))


@dataclass(frozen=True, eq=False)
class Front:
    """The first layers of a network.

    Parameters
    ----------
    network
        The whole.
    layers
        How many of its layers.
    """

    network: Network
    layers: int

    def activate(self, inputs: npt.ArrayLike) -> Floats:
        """Return what these layers make of windows.

        Parameters
        ----------
        inputs
            Shape (window, input), as the whole network takes them.

        Returns
        -------
        numpy.ndarray
            Shape (window, unit), float32; behind a convolution channel after channel.

        Raises
        ------
        InputError
            If the inputs are not of that shape.
        """
        return self.network._run(inputs, self.layers)

    def join(self, rest: Network) -> Network:
        """Return the network of these layers and the rest: the inverse of :meth:`Network.split`.

        Raises
        ------
        InputError
            If the rest scales its inputs, or does not continue these layers.
        """
        old = self.network.split(self.layers)[1]
        if rest.scaler.kind != "none":
            raise InputError(
                f"rest: expected a network trained with scaling='none', got {rest.scaler.kind!r}"
            )
        if [layer.shape for layer in rest.layers[:-1]] != [
            layer.shape for layer in old.layers[:-1]
        ] or len(rest.layers[-1]) != len(old.layers[-1]):
            raise InputError(
                f"rest: expected layers {old.sizes}, any number of classes, got {rest.sizes}"
            )
        own, other = (_list_functions(each.description) for each in (old, rest))
        if own != other:
            raise InputError(f"rest: expected a network with {own}, got {other}")
        return replace(self.network, layers=[*self.network.layers[: self.layers], *rest.layers])


def _list_functions(network: Architecture) -> dict[str, object]:
    """Return what decides, besides the weights, what a network makes of its inputs."""
    trained_with = ("dropout_keep", "init")
    return {name: value for name, value in network.settings().items() if name not in trained_with}


def _drop_layers(network: Architecture, layers: int) -> Architecture:
    """Return the architecture that is left without the first layers."""
    if isinstance(network, ConvNet) and layers < len(network.filters):
        left = network.filters[layers:]
        return replace(network, filters=left, channels=network.filters[layers - 1])
    if isinstance(network, ConvNet):
        dense = network.dense[layers - len(network.filters) :]
        return MLP(*dense, dropout_keep=network.dropout_keep, init=network.init)
    settings = {**network.settings(), "hidden": network.hidden[layers:]}
    return read_architecture(settings)


def _convolve(values: Floats, matrices: Layers, network: ConvNet) -> Floats:
    """Return what the convolutions make of windows, channel after channel.

    By the layers that train, which lay samples out as a core reads them fastest.
    """
    outputs = (
        torch.from_numpy(values)
        .view(len(values), network.channels, values.shape[1] // network.channels)
        .transpose(1, 2)
    )
    outputs = outputs.reshape(1, len(values), values.shape[1])
    layers = make_layers(network, values.shape[1])
    with one_thread():  # a block is too small to be shared between threads
        for layer, matrix in zip(layers, matrices, strict=False):
            outputs, _ = layer.forward(outputs, torch.from_numpy(layer.load(matrix))[None], None)
    flat, filters = outputs.shape[2], network.filters[len(matrices) - 1]
    outputs = outputs.view(len(values), flat // filters, filters).transpose(1, 2)
    convolved: Floats = outputs.reshape(len(values), flat).numpy()
    return convolved


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0, out=values)


def _logistic(values: Floats) -> Floats:
    chances: Floats = expit(values)
    return chances


def _tanh(values: Floats) -> Floats:
    return np.tanh(values, out=values)


_ACTIVATIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "relu": _relu,
    "sigmoid": _logistic,
    "tanh": _tanh,
}


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
