"""Layers with their derivatives written out, for all members of a stack at once.

Tensors have axes (member, row, unit), parameters (member, input + 1, output) with biases last. A
layer's gradient is always one product, *left* times *right*, which it hands on unmultiplied:
stochastic gradient descent adds it to the velocity in the same pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from workoutlab.learning.architectures import Architecture, ConvNet
from workoutlab.learning.weights import Floats

__all__ = [
    "Convolution",
    "Dense",
    "Layer",
    "Learn",
    "Traces",
    "backward",
    "forward",
    "make_layers",
]

Traces = list[tuple[Tensor, ...]]
"""What each layer keeps of its forward pass for the backward one."""

Learn = Callable[[int, Tensor, Tensor], None]
"""Takes the number of a layer and the factors of its parameters' gradient."""


class Layer(Protocol):
    """A layer with parameters."""

    @property
    def units(self) -> int:
        """Units that dropout may drop."""

    def load(self, matrix: Floats) -> Floats:
        """Return the parameters as the layer computes with them."""

    def store(self, matrix: Floats) -> Floats:
        """Return the parameters as networks keep them: the inverse of :meth:`load`."""

    def forward(
        self, inputs: Tensor, parameters: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return outputs, and what the backward pass needs; a mask multiplies the outputs."""

    def backward(self, errors: Tensor, trace: tuple[Tensor, ...]) -> Tensor:
        """Return the errors of what the layer's product made, from those of its outputs."""

    def factors(self, errors: Tensor, trace: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return the factors of the parameters' gradient."""

    def pass_back(self, errors: Tensor, parameters: Tensor) -> Tensor:
        """Return the errors of the layer's inputs."""


@dataclass(frozen=True)
class Dense:
    """Every output from every input.

    Parameters
    ----------
    activation
        ``"relu"``, ``"sigmoid"``, ``"tanh"``, or ``""`` for the scores of the last layer.
    units
        Outputs that dropout may drop; 0 for the last layer.
    channels
        Of the convolution before it, whose outputs lie sample after sample here, but channel after
        channel in the parameters that networks keep; 1 for none.
    """

    activation: str
    units: int
    channels: int = 1

    def load(self, matrix: Floats) -> Floats:
        """Return the parameters as the layer computes with them."""
        return _swap(matrix, self.channels)

    def store(self, matrix: Floats) -> Floats:
        """Return the parameters as networks keep them."""
        return _swap(matrix, (len(matrix) - 1) // self.channels)

    def forward(
        self, inputs: Tensor, parameters: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return outputs, and what the backward pass needs."""
        before = pad(inputs, (0, 1), value=1.0)
        outputs = torch.bmm(before, parameters)
        if not self.activation:
            return outputs, (before,)
        _ACTIVATE[self.activation](outputs)
        if mask is None:
            return outputs, (before, outputs)
        return outputs * mask, (before, outputs, mask)

    def backward(self, errors: Tensor, trace: tuple[Tensor, ...]) -> Tensor:
        """Return the errors of what the layer's product made."""
        if not self.activation:
            return errors
        if len(trace) > 2:
            errors = errors * trace[2]
        return _DERIVE[self.activation](errors, trace[1])

    def factors(self, errors: Tensor, trace: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return the factors of the parameters' gradient."""
        return trace[0].transpose(1, 2), errors

    def pass_back(self, errors: Tensor, parameters: Tensor) -> Tensor:
        """Return the errors of the layer's inputs."""
        return torch.bmm(errors, parameters[:, :-1].transpose(1, 2))


@dataclass(frozen=True)
class Convolution:
    """The same outputs from every place of a signal, then ReLU, then the greatest of neighbours.

    Inputs and outputs lie sample after sample, each with its channels, so that the samples under
    a filter are one run of memory. They are copied out side by side, once for each place, and the
    convolution is one product.

    Parameters
    ----------
    length, channels
        Samples and channels of the inputs.
    filters
        Channels of the outputs.
    width, pool
        Samples under the filter, and neighbours of which one is kept.
    """

    length: int
    channels: int
    filters: int
    width: int
    pool: int
    units: int = 0

    @property
    def places(self) -> int:
        """Places of the filter whose outputs pooling looks at."""
        return (self.length - self.width + 1) // self.pool * self.pool

    def load(self, matrix: Floats) -> Floats:
        """Return the parameters as the layer computes with them."""
        return _swap(matrix, self.channels)

    def store(self, matrix: Floats) -> Floats:
        """Return the parameters as networks keep them."""
        return _swap(matrix, self.width)

    def forward(
        self, inputs: Tensor, parameters: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return outputs, and what the backward pass needs."""
        del mask  # no filter is dropped
        members, rows, _ = inputs.shape
        under = self.width * self.channels
        patches = inputs.new_empty(members, rows, self.places, under + 1)
        patches[..., under] = 1
        patches[..., :under] = _slide(inputs, self.places, under, self.channels)
        patches = patches.view(members, rows * self.places, under + 1)
        scores = torch.bmm(patches, parameters)
        scores = scores.view(members, rows, self.places // self.pool, self.pool, self.filters)
        greatest = scores[..., 0, :]
        for neighbour in range(1, self.pool):
            greatest = torch.maximum(greatest, scores[..., neighbour, :])
        outputs = torch.relu(greatest)
        width = self.places // self.pool * self.filters
        return outputs.view(members, rows, width), (patches, scores, greatest, outputs)

    def backward(self, errors: Tensor, trace: tuple[Tensor, ...]) -> Tensor:
        """Return the errors of what the layer's product made."""
        _, scores, greatest, outputs = trace
        left = _DERIVE["relu"](errors.view_as(outputs), outputs)
        spread = torch.empty_like(scores)
        for neighbour in range(self.pool - 1):
            # Of equals the first is the one that counts.
            here = torch.eq(scores[..., neighbour, :], greatest)
            torch.mul(left, here, out=spread[..., neighbour, :])
            left = left - spread[..., neighbour, :]
        spread[..., -1, :] = left
        return spread.view(len(errors), -1, self.filters)

    def factors(self, errors: Tensor, trace: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return the factors of the parameters' gradient."""
        return trace[0].transpose(1, 2), errors

    def pass_back(self, errors: Tensor, parameters: Tensor) -> Tensor:
        """Return the errors of the layer's inputs."""
        members = len(errors)
        patches = torch.bmm(errors, parameters[:, :-1].transpose(1, 2))
        patches = patches.view(members, -1, self.places, self.width, self.channels)
        inputs = errors.new_zeros(members, patches.shape[1], self.length, self.channels)
        for tap in range(self.width):
            inputs[:, :, tap : tap + self.places] += patches[:, :, :, tap]
        return inputs.view(members, patches.shape[1], -1)


def make_layers(network: Architecture, inputs: int) -> list[Layer]:
    """Return the layers of a network of so many inputs.

    Examples
    --------
    >>> [type(layer).__name__ for layer in make_layers(ConvNet(), 1200)]
    ['Convolution', 'Convolution', 'Dense', 'Dense']
    """
    if not isinstance(network, ConvNet):
        hidden = [Dense(network.activation, units) for units in network.hidden]
        return [*hidden, Dense("", 0)]
    channels = (network.channels, *network.filters)
    convolutions = [
        Convolution(length, before, after, network.width, network.pool)
        for length, before, after in zip(
            network.lengths(inputs), channels, channels[1:], strict=False
        )
    ]
    flat = [network.filters[-1], *[1] * len(network.dense)]
    dense = [Dense("relu", units, of) for units, of in zip(network.dense, flat, strict=False)]
    return [*convolutions, *dense, Dense("", 0, flat[-1] if dense else flat[0])]


def forward(
    layers: Sequence[Layer],
    inputs: Tensor,
    parameters: Sequence[Tensor],
    masks: Sequence[Tensor | None],
) -> tuple[Tensor, Traces]:
    """Return the scores of each row, and what the backward pass needs."""
    traces: Traces = []
    for layer, own, mask in zip(layers, parameters, masks, strict=True):
        inputs, trace = layer.forward(inputs, own, mask)
        traces.append(trace)
    return inputs, traces


def backward(
    layers: Sequence[Layer],
    errors: Tensor,
    parameters: Sequence[Tensor],
    traces: Traces,
    learn: Learn,
) -> None:
    """Hand the factors of each layer's gradient to `learn`, the last layer first.

    `learn` may change the parameters: what goes further back is computed before.
    """
    for number in reversed(range(len(layers))):
        layer, trace = layers[number], traces[number]
        errors = layer.backward(errors, trace)
        before = layer.pass_back(errors, parameters[number]) if number else errors
        learn(number, *layer.factors(errors, trace))
        errors = before


def _swap(matrix: Floats, outer: int) -> Floats:
    """Return rows that lay in `outer` groups of equal size, by their place in the group."""
    if outer == 1 or outer == len(matrix) - 1:
        return matrix
    rows = matrix[:-1].reshape(outer, -1, matrix.shape[1]).swapaxes(0, 1)
    return np.concatenate([rows.reshape(-1, matrix.shape[1]), matrix[-1:]])


def _slide(inputs: Tensor, places: int, under: int, step: int) -> Tensor:
    """Return a view of the inputs under each place of a filter."""
    members, rows, width = inputs.shape
    size = (members, rows, places, under)
    return inputs.as_strided(size, (rows * width, width, step, 1), inputs.storage_offset())


def _derive_relu(errors: Tensor, outputs: Tensor) -> Tensor:
    derived: Tensor = torch.ops.aten.threshold_backward(errors, outputs, 0)
    return derived


def _derive_sigmoid(errors: Tensor, outputs: Tensor) -> Tensor:
    derived: Tensor = torch.ops.aten.sigmoid_backward(errors, outputs)
    return derived


def _derive_tanh(errors: Tensor, outputs: Tensor) -> Tensor:
    derived: Tensor = torch.ops.aten.tanh_backward(errors, outputs)
    return derived


_ACTIVATE: Final = {"relu": torch.relu_, "sigmoid": torch.sigmoid_, "tanh": torch.tanh_}
_DERIVE: Final = {"relu": _derive_relu, "sigmoid": _derive_sigmoid, "tanh": _derive_tanh}
