import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from workoutlab.errors import InputError
from workoutlab.learning.architectures import MLP, ConvNet, read_architecture
from workoutlab.learning.networks import Network
from workoutlab.learning.scaling import fit_scaler, no_scaler
from workoutlab.learning.weights import count_weights, draw_weights


def make_network(description, inputs, classes, seed=0):
    numbers = np.random.default_rng(seed)
    layers = draw_weights(description, description.shapes(inputs, classes), seed)
    for layer in layers:
        layer[-1] = numbers.normal(size=layer.shape[1])
    scaler = fit_scaler("standard", numbers.normal(3, 2, size=(9, inputs)))
    return Network(description, layers, scaler)


SMALL = ConvNet(filters=(4, 5), width=3, pool=2, dense=(7, 6), channels=3)
NETWORKS = [
    (MLP(), 4, 3),
    (MLP(5, 4), 4, 3),
    (MLP(5, activation="sigmoid"), 4, 3),
    (MLP(5, activation="tanh", link="logistic"), 4, 3),
    (MLP(5, link="logistic"), 4, 2),
    (SMALL, 3 * 21, 3),
    (ConvNet(filters=(4,), width=5, pool=3, dense=(), channels=2), 2 * 17, 2),
]


@pytest.mark.parametrize(("description", "inputs", "classes"), NETWORKS)
def test_network__survives_packing(description, inputs, classes):
    network = make_network(description, inputs, classes)
    again = Network.unpack(network.pack(), network.describe())
    windows = np.random.default_rng(2).normal(size=(6, inputs))
    assert again.description == description
    np.testing.assert_array_equal(network.predict(windows), again.predict(windows))
    np.testing.assert_allclose(network.predict(windows).sum(axis=1), 1, rtol=1e-5)
    assert (network.inputs, network.classes) == (inputs, classes)


@pytest.mark.parametrize(("description", "inputs", "classes"), NETWORKS)
def test_network__predicts_the_same_in_blocks(description, inputs, classes, monkeypatch):
    network = make_network(description, inputs, classes)
    windows = np.random.default_rng(2).normal(size=(20, inputs))
    whole = network.predict(windows)
    monkeypatch.setattr("workoutlab.learning.networks._BLOCK", 1000)
    np.testing.assert_allclose(network.predict(windows), whole, rtol=1e-5, atol=1e-7)
    assert network.predict(windows[:0]).shape == (0, classes)


@pytest.mark.parametrize(("description", "inputs", "classes"), NETWORKS)
def test_network__can_be_split_and_joined_at_every_layer(description, inputs, classes):
    network = make_network(description, inputs, classes)
    windows = np.random.default_rng(2).normal(size=(6, inputs))
    for layers in range(1, len(network.layers)):
        front, rest = network.split(layers)
        expected = network.predict(windows)
        np.testing.assert_allclose(
            rest.predict(front.activate(windows)), expected, rtol=1e-5, atol=1e-7
        )
        np.testing.assert_array_equal(front.join(rest).predict(windows), expected)
    for layers in (0, len(network.layers)):
        with pytest.raises(InputError, match="layers: expected 1 to"):
            network.split(layers)


def test_join__refuses_what_does_not_continue_the_front():
    network = make_network(MLP(5, 4), 4, 3)
    front, rest = network.split(1)
    with pytest.raises(InputError, match=r"expected layers \(5, 4, 3\), any number of classes"):
        front.join(network.split(2)[1])
    shifted = replace(rest, scaler=fit_scaler("standard", np.ones((2, 5))))
    with pytest.raises(InputError, match="trained with scaling='none', got 'standard'"):
        front.join(shifted)
    bent = replace(rest, description=MLP(4, activation="tanh"))
    with pytest.raises(InputError, match=r"expected a network with .*relu.*, got .*tanh"):
        front.join(bent)
    trained_otherwise = replace(rest, description=MLP(4, dropout_keep=0.5, init="glorot"))
    assert front.join(trained_otherwise).sizes == network.sizes


def test_convnet__predicts_as_torch_does():
    network = make_network(SMALL, 63, 4)
    modules = []
    for channels, filters, layer in zip((3, 4), (4, 5), network.layers, strict=False):
        convolution = torch.nn.Conv1d(channels, filters, 3)
        weights = layer[:-1].T.reshape(filters, channels, 3)
        convolution.weight.data = torch.from_numpy(weights.copy())
        convolution.bias.data = torch.from_numpy(layer[-1].copy())
        modules += [convolution, torch.nn.ReLU(), torch.nn.MaxPool1d(2, 2)]
    modules.append(torch.nn.Flatten())
    for layer in network.layers[2:]:
        dense = torch.nn.Linear(len(layer) - 1, layer.shape[1])
        dense.weight.data = torch.from_numpy(layer[:-1].T.copy())
        dense.bias.data = torch.from_numpy(layer[-1].copy())
        modules += [dense, torch.nn.ReLU()]
    windows = np.random.default_rng(1).normal(size=(9, 63)).astype(np.float32)
    standard = torch.from_numpy(network.scaler.apply(windows)).reshape(9, 3, 21)
    expected = torch.nn.Sequential(*modules[:-1])(standard).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(network.predict(windows), expected, rtol=1e-4, atol=1e-6)


def test_convnet__of_muvr_has_its_layers():
    shapes = ConvNet().shapes(1200, 30)
    assert shapes == ((9, 16), (48, 32), (32 * 98, 100), (100, 30))
    assert count_weights(shapes) == 318_458
    assert ConvNet().name == "ConvNet 16-32-100"
    assert MLP().name == "MLP"


@pytest.mark.parametrize(("description", "inputs", "classes"), NETWORKS)
def test_read_architecture__undoes_settings(description, inputs, classes):
    assert read_architecture(description.settings()) == description
    assert hash(read_architecture(description.settings())) == hash(description)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConvNet(filters=()), "one convolution or more"),
        (lambda: ConvNet(filters=(3, 0)), "filters: expected numbers of units"),
        (lambda: ConvNet(dense=(1.5,)), "dense: expected numbers of units"),
        (lambda: ConvNet(pool=0), "pool: expected a whole number >= 1"),
        (lambda: ConvNet(dropout_keep=0), "dropout_keep"),
        (lambda: ConvNet(init="zero"), "init: expected one of he"),
        (lambda: ConvNet().shapes(100, 2), "expected 3 channels long enough"),
        (lambda: ConvNet().shapes(12, 2), "expected 3 channels long enough"),
        (lambda: MLP(5, activation="gelu"), "activation: expected one of relu"),
        (lambda: MLP(5, link="probit"), "link: expected one of softmax"),
        (lambda: read_architecture({"kind": "tree"}), "expected kind mlp or convnet"),
    ],
)
def test_architectures__refuse_what_is_none(make, message):
    with pytest.raises(InputError, match=message):
        make()


XOR = [
    np.array(
        [
            [-24.584, -24.687, -53.197, -8.627, -10.895],
            [-57.122, 27.098, -0.375, 2.616, 1.195],
            [-1.159, 7.360, -40.119, 1.991, 35.369],
        ],
        np.float32,
    ),
    np.array([[-52.985], [-22.904], [-67.173], [22.172], [-53.706], [61.488]], np.float32),
]
"""Muvr's network: x1, x2 and bias of each hidden unit, then hidden units and bias."""


def test_predict__reproduces_muvrs_xor_network():
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    description = MLP(5, activation="sigmoid", link="logistic")
    network = Network(description, XOR, no_scaler(2))
    expected = [2.613e-4, 0.99892, 0.99960, 4.007e-7]
    chances = network.predict(corners)
    np.testing.assert_allclose(chances[:, 1], expected, rtol=1e-2)
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("units", ["a", [250, 50], None, float("nan"), 1.5])
def test_mlp__refuses_what_is_no_number_of_units(units):
    with pytest.raises(InputError, match="MLP layers"):
        MLP(units)


@pytest.mark.parametrize("name", ["filters", "dense", "width", "channels"])
def test_conv_net__refuses_what_is_no_number_of_units(name):
    with pytest.raises(InputError, match=f"{name}: expected"):
        ConvNet(**{name: "a" if name in ("width", "channels") else 16})


def test_networks__take_the_numbers_of_numpy():
    found = MLP(np.int64(8), dropout_keep=np.float32(0.5))
    assert json.dumps(found.settings()) == json.dumps(MLP(8, dropout_keep=0.5).settings())
    assert json.dumps(MLP(8.0, dropout_keep=1).settings()) == json.dumps(
        MLP(8, dropout_keep=1.0).settings()
    )
    assert json.dumps(ConvNet(filters=np.array([4, 3])).settings()) == json.dumps(
        ConvNet(filters=(4, 3)).settings()
    )
    with pytest.raises(InputError, match=r"dropout_keep: .* got '0.9'"):
        MLP(8, dropout_keep="0.9")
