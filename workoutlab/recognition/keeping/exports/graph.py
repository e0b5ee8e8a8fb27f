"""ONNX: the whole path from a recipe's inputs to probabilities, for any runtime.

The graph takes ``inputs``, shape (window, input), float32, and gives ``probabilities``, shape
(window, class): scaling with its rule for inputs that are not known (NaN), layers, link; of an
ensemble both networks and their mean. It is made of operators of opset 17, which runtimes have
known since 2022. An estimator is ONNX already, of whatever operators its converter chose, and has a
second output, ``label``: the place of the most probable class.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab import __version__
from workoutlab.errors import InputError, MissingExtraError
from workoutlab.learning.architectures import MLP, ConvNet
from workoutlab.learning.networks import Floats, Network
from workoutlab.learning.scaling import CLIP, Scaler
from workoutlab.recognition.estimators.converted import OnnxModel
from workoutlab.recognition.keeping.personal import Average, PersonalNetwork, Predictor

if TYPE_CHECKING:
    import onnx

__all__ = ["to_onnx"]

_OPSET: Final = 17
_FORMAT_VERSION: Final = 8  # the one that came with that opset
_ACTIVATIONS: Final = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def to_onnx(opened: PersonalNetwork, card: Mapping[str, Any]) -> bytes:
    """Return a network as the bytes of an ONNX file.

    Parameters
    ----------
    opened
        The network.
    card
        What is told of it, kept as JSON in the model's metadata.

    Raises
    ------
    InputError
        If it is no network.
    MissingExtraError
        If onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx") from error
    if isinstance(opened.network, OnnxModel):
        model = _rename_ends(onnx.load_from_string(opened.network.content))
    else:
        model = _build(opened)
    texts = {name: json.dumps(value) for name, value in card.items()}
    onnx.helper.set_model_props(model, texts)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _build(opened: PersonalNetwork) -> "onnx.ModelProto":
    import onnx

    graph = _Graph()
    graph.rename(_add_model(graph, opened.network), "probabilities")
    shapes = {"inputs": _count_inputs(opened.network), "probabilities": len(opened.classes)}
    inputs, outputs = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["window", size])
        for name, size in shapes.items()
    )
    return onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, "network", [inputs], [outputs], graph.constants),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_FORMAT_VERSION,
        producer_name="workoutlab",
        producer_version=__version__,
    )


def _rename_ends(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Give an estimator's input and outputs the names that all exports have."""
    graph = model.graph
    label, probabilities = (output.name for output in graph.output)
    names = {graph.input[0].name: "inputs", label: "label", probabilities: "probabilities"}
    for ends in (graph.input, graph.output):
        for end in ends:
            end.name = names[end.name]
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return model


def _count_inputs(network: Predictor) -> int:
    first = network.models[0] if isinstance(network, Average) else network
    return first.inputs if isinstance(first, Network) else 0


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str | npt.NDArray[Any], **attributes: Any) -> str:
        """Add a node, arrays among its inputs as constants, and return its output's name."""
        import onnx

        names = [each if isinstance(each, str) else self._keep(each) for each in inputs]
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(kind, names, [output], output, **attributes))
        return output

    def _keep(self, array: npt.NDArray[Any]) -> str:
        import onnx

        name = f"constant_{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(np.array(array, order="C"), name))
        return name

    def rename(self, output: str, name: str) -> None:
        """Give an output, that of the last node, another name."""
        assert self.nodes[-1].output[0] == output
        self.nodes[-1].output[0] = name


def _add_model(graph: _Graph, model: Predictor) -> str:
    if isinstance(model, Network):
        return _add_network(graph, model)
    if not isinstance(model, Average):
        raise InputError(f"expected a network to export as onnx, got {type(model).__name__}")
    parts = []
    for member, places in zip(model.models, model.places, strict=True):
        spread = np.zeros((len(places), len(model.classes)), np.float32)
        spread[np.arange(len(places)), places] = 1 / len(model.models)
        parts.append(graph.add("MatMul", _add_model(graph, member), spread))
    return graph.add("Sum", *parts)


def _add_network(graph: _Graph, network: Network) -> str:
    description, layers = network.description, list(network.layers)
    values = _add_scaler(graph, network.scaler)
    if isinstance(description, ConvNet):
        count = len(description.filters)
        values = _add_convolutions(graph, values, layers[:count], description)
        layers = layers[count:]
    kind = description.activation if isinstance(description, MLP) else "relu"
    for layer in layers[:-1]:
        values = graph.add(_ACTIVATIONS[kind], _add_dense(graph, values, layer))
    scores = _add_dense(graph, values, layers[-1])
    if isinstance(description, MLP) and description.link == "logistic":
        return _add_logistic(graph, scores, layers[-1].shape[1])
    return graph.add("Softmax", scores, axis=1)


def _add_dense(graph: _Graph, values: str, layer: Floats) -> str:
    return graph.add("Gemm", values, layer[:-1], layer[-1])


def _add_logistic(graph: _Graph, scores: str, outputs: int) -> str:
    opposite = graph.add("Neg", scores)
    if outputs == 1:
        pair = graph.add("Sigmoid", opposite), graph.add("Sigmoid", scores)
        return graph.add("Concat", *pair, axis=1)
    # The logarithms of the logistic function, as in prediction.
    return graph.add("Softmax", graph.add("Neg", graph.add("Softplus", opposite)), axis=1)


def _add_convolutions(
    graph: _Graph, values: str, layers: Sequence[Floats], description: ConvNet
) -> str:
    channels = (len(layers[0]) - 1) // description.width
    values = graph.add("Reshape", values, np.array([0, channels, -1]))
    for layer in layers:
        weights = layer[:-1].T.reshape(layer.shape[1], -1, description.width)
        scores = graph.add("Conv", values, weights, layer[-1])
        pool = [description.pool]
        values = graph.add("MaxPool", graph.add("Relu", scores), kernel_shape=pool, strides=pool)
    return graph.add("Flatten", values, axis=1)


def _add_scaler(graph: _Graph, scaler: Scaler) -> str:
    if scaler.kind == "none":
        return "inputs"
    if scaler.kind == "ramps":
        return _add_ramps(graph, scaler)
    center, scale = scaler.table
    scaled = graph.add("Div", graph.add("Sub", "inputs", center), scale)
    zero = np.zeros(1, np.float32)
    scaled = graph.add("Where", graph.add("IsNaN", "inputs"), zero, scaled)
    if scaler.kind == "clipped":
        bound = np.array(CLIP, np.float32)
        scaled = graph.add("Clip", scaled, -bound, bound)
    return scaled


def _add_ramps(graph: _Graph, scaler: Scaler) -> str:
    middles, slopes, means = scaler.ramps()
    axis = np.array([1])
    values = graph.add("Unsqueeze", "inputs", axis)
    climbed = graph.add("Mul", graph.add("Sub", values, middles[None]), slopes[None])
    one = np.array(1, np.float32)
    clipped = graph.add("Clip", climbed, -one, one)
    known = graph.add("Where", graph.add("IsNaN", values), means[None], clipped)
    return graph.add("Reshape", known, np.array([0, scaler.outputs]))
