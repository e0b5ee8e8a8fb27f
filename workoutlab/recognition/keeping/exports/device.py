r"""Muvr's device format: what the neural network of its iOS app reads.

Three files, of which the app finds those named ``ID_model``:

``NAME.weights.raw``
    Little-endian float32, nothing else. Layer after layer; in a layer, output after output; of
    each output its bias, then its weight for each input in order. A layer of n outputs behind m
    inputs takes 4·n·(m + 1) bytes.
``NAME.layers.txt``
    One line: size and activation of each layer, the inputs first, ``1200 id 250 relu 50 relu 8
    softmax`` say. The app knows ``id``, ``relu``, ``logistic`` (or ``sigmoid``), ``tanh`` and
    ``softmax``.
``NAME.labels.txt``
    The name of each output's class, one a line, in order.

The format has dense layers only, and nothing for what is done to inputs before the first. A
scaling that is affine, ``standard``, is folded into the first layer's weights and biases, in
float64; an input that is not known then no longer counts as the mean, but the app knows all. Others
cannot be written. Two classes that share one logistic output become two outputs, whose scores are
each other's negative, since the app takes one output a class. Several logistic outputs are written
as they are: the app does not bring them to the sum 1, which changes no order.

The app feeds windows of 400 samples at 50 Hz, all of x, then y, then z, divided by 2 g: the
recipe's inputs must be that for it to work there.

What the format is was read off the app's own sources (``MKExerciseModel+Parsing.swift``,
``MKForwardPropagator.swift`` of muvr/muvr-ios).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from workoutlab.errors import InputError
from workoutlab.learning.architectures import MLP
from workoutlab.learning.networks import Layers, Network
from workoutlab.learning.weights import pack_layers
from workoutlab.recognition.keeping.personal import PersonalNetwork

__all__ = ["to_device"]


def to_device(opened: PersonalNetwork, target: Path) -> dict[Path, bytes]:
    """Return the files of a network in Muvr's device format.

    Parameters
    ----------
    opened
        The network.
    target
        What their names begin with; ``.weights.raw`` or ``.raw`` at its end is taken off.

    Raises
    ------
    InputError
        If the format cannot hold the network.
    """
    network = opened.network
    if not isinstance(network, Network) or not isinstance(network.description, MLP):
        raise InputError(
            "Muvr's device format holds dense layers only, of one network: "
            f"expected an MLP, got {_name(network)}; export it as onnx"
        )
    if bad := [name for name in opened.classes if "\n" in name or "\r" in name]:
        raise InputError(f"Muvr's device format has a class a line: {bad[0]!r} has a line break")
    layers = _split_shared_output(_fold_scaling(network), network.description)
    base = target.name.removesuffix(".raw").removesuffix(".weights")
    contents = {
        "weights.raw": pack_layers(layers).astype("<f4").tobytes(),
        "layers.txt": _describe(layers, network.description).encode(),
        "labels.txt": "\n".join(opened.classes).encode(),
    }
    return {target.with_name(f"{base}.{end}"): content for end, content in contents.items()}


def _name(network: object) -> str:
    return network.description.name if isinstance(network, Network) else type(network).__name__


def _fold_scaling(network: Network) -> Layers:
    """Return the layers of the same network without a scaling of its inputs."""
    kind, first = network.scaler.kind, network.layers[0].astype(np.float64)
    if kind == "standard":
        center, scale = network.scaler.table.astype(np.float64)
        first[:-1] /= scale[:, None]
        first[-1] -= center @ first[:-1]
    elif kind != "none":
        raise InputError(
            "Muvr's device format has nothing for the scaling of inputs, and only an affine one "
            f"folds into the first layer: expected scaling 'standard' or 'none', got {kind!r}; "
            "train with one of them, or export as onnx"
        )
    return [first.astype(np.float32), *network.layers[1:]]


def _split_shared_output(layers: Layers, description: MLP) -> Layers:
    """Return layers with one output a class."""
    if description.link == "logistic" and layers[-1].shape[1] == 1:
        return [*layers[:-1], np.concatenate([-layers[-1], layers[-1]], axis=1)]
    return layers


def _describe(layers: Layers, description: MLP) -> str:
    hidden = "logistic" if description.activation == "sigmoid" else description.activation
    parts: Sequence[str] = [
        f"{len(layers[0]) - 1} id",
        *(f"{layer.shape[1]} {hidden}" for layer in layers[:-1]),
        f"{layers[-1].shape[1]} {description.link}",
    ]
    return " ".join(parts)
