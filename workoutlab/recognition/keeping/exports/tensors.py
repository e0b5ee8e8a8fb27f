"""safetensors: named arrays and texts about them, which nothing can hide code in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from workoutlab.errors import InputError
from workoutlab.learning.architectures import read_architecture
from workoutlab.learning.networks import Floats, Network
from workoutlab.learning.scaling import Scaler
from workoutlab.recognition.keeping.personal import Average, PersonalNetwork, Predictor

__all__ = ["load_safetensors", "to_safetensors"]

_FORMAT: Final = "workoutlab-network-1"


def to_safetensors(opened: PersonalNetwork, card: Mapping[str, Any]) -> bytes:
    """Return a network as the bytes of a safetensors file.

    Of each layer there is ``layers.N.weight``, shape (output, input), or (filter, channel, tap) of
    a convolution, and ``layers.N.bias``, as torch takes them; ``scaler.table``, shape (row, input),
    is the scaling's (:class:`~workoutlab.learning.scaling.Scaler`). An average of two networks has
    the names of the first behind ``0.``, of the second behind ``1.``. The metadata hold the card,
    each entry as JSON.

    Parameters
    ----------
    opened
        The network.
    card
        What is told of it.

    Raises
    ------
    InputError
        If it is no network.
    """
    members = _list_members(opened)
    tensors: dict[str, Floats] = {}
    for number, (_, network) in enumerate(members):
        prefix = f"{number}." if len(members) > 1 else ""
        tensors |= {f"{prefix}{name}": array for name, array in _list_tensors(network)}
    described = [{"names": list(classes), **network.describe()} for classes, network in members]
    texts = {"format": _FORMAT, "networks": json.dumps(described)}
    texts |= {name: json.dumps(value) for name, value in card.items()}
    saved: bytes = save(tensors, metadata=texts)
    return saved


def _list_members(opened: PersonalNetwork) -> list[tuple[tuple[str, ...], Network]]:
    if isinstance(opened.network, Average):
        names = np.array(opened.network.classes, dtype=object)
        pairs = zip(opened.network.places, opened.network.models, strict=True)
        members = [(tuple(names[places].tolist()), model) for places, model in pairs]
    else:
        members = [(opened.classes, opened.network)]
    networks = [(names, model) for names, model in members if isinstance(model, Network)]
    if len(networks) < len(members):
        raise InputError("safetensors hold networks: export an estimator as onnx")
    return networks


def _list_tensors(network: Network) -> list[tuple[str, Floats]]:
    tensors = [("scaler.table", np.ascontiguousarray(network.scaler.table))]
    convolutions = getattr(network.description, "filters", ())
    for number, layer in enumerate(network.layers):
        weight = np.ascontiguousarray(layer[:-1].T)
        if number < len(convolutions):
            weight = weight.reshape(len(weight), -1, network.description.width)  # type: ignore[union-attr]
        tensors.append((f"layers.{number}.weight", weight))
        tensors.append((f"layers.{number}.bias", np.ascontiguousarray(layer[-1])))
    return tensors


def load_safetensors(path: str | Path) -> PersonalNetwork:
    """Open a network that was exported as safetensors.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    PersonalNetwork
        It predicts what the exported one did, bit for bit.

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            texts = dict(file.metadata() or {})
        tensors: dict[str, Floats] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: expected a safetensors file: {error}") from error
    if texts.get("format") != _FORMAT:
        raise InputError(
            f"{path}: expected a network that workoutlab exported ({_FORMAT}), "
            f"got format {texts.get('format')!r}"
        )
    return _build(texts, tensors)


def _build(texts: Mapping[str, str], tensors: Mapping[str, Floats]) -> PersonalNetwork:
    members: list[tuple[tuple[str, ...], Predictor]] = []
    described = json.loads(texts["networks"])
    for number, each in enumerate(described):
        prefix = f"{number}." if len(described) > 1 else ""
        members.append((tuple(each["names"]), _build_network(each, tensors, prefix)))
    classes, network = members[0]
    if len(members) > 1:
        average = Average.of(members)
        classes, network = average.classes, average
    user, kind, snapshot = (json.loads(texts[name]) for name in ("user", "kind", "snapshot"))
    return PersonalNetwork(user, classes, network, snapshot, kind)


def _build_network(
    description: Mapping[str, Any], tensors: Mapping[str, Floats], prefix: str
) -> Network:
    layers: list[Floats] = []
    while (name := f"{prefix}layers.{len(layers)}.weight") in tensors:
        weight, bias = tensors[name], tensors[name.replace(".weight", ".bias")]
        layers.append(np.concatenate([weight.reshape(len(weight), -1).T, bias[None]]))
    scaler = Scaler(description["scaling"], tensors[f"{prefix}scaler.table"])
    return Network(read_architecture(description["network"]), layers, scaler)
