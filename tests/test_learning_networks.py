from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.learning.networks import (
    MLP,
    Network,
    count_weights,
    draw_weights,
    pack_layers,
    unpack_layers,
)
from workoutlab.learning.scaling import fit_scaler, no_scaler

sizes = st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple)


def _network(*layer_sizes: int, seed: int = 0) -> Network:
    numbers = np.random.default_rng(seed)
    network = MLP(*layer_sizes[1:-1])
    layers = draw_weights(network, tuple(pairwise(layer_sizes)), seed)
    scaler = fit_scaler("standard", numbers.normal(3, 2, size=(9, layer_sizes[0])))
    return Network(network, layers, scaler)


@given(sizes=sizes)
def test_pack_layers__is_undone_by_unpack_layers(sizes):
    numbers = np.random.default_rng(0)
    layers = [
        numbers.normal(size=(inputs + 1, outputs)).astype(np.float32)
        for inputs, outputs in pairwise(sizes)
    ]
    packed = pack_layers(layers)
    assert packed.shape == (count_weights(tuple(pairwise(sizes))),)
    again = unpack_layers(packed, tuple(pairwise(sizes)))
    assert all(np.array_equal(one, other) for one, other in zip(layers, again, strict=True))


def test_pack_layers__puts_each_outputs_bias_before_its_weights():
    layer = np.array([[11, 12], [21, 22], [31, 32], [1, 2]], np.float32)
    assert pack_layers([layer]).tolist() == [1, 11, 21, 31, 2, 12, 22, 32]


def test_unpack_layers__refuses_a_vector_of_another_length():
    with pytest.raises(InputError, match=r"layers \(\(2, 3\),\) have 9 weights, got.*\(8,\)"):
        unpack_layers(np.zeros(8, np.float32), ((2, 3),))


def test_predict__agrees_with_torch():
    network = _network(7, 5, 4, 3)
    inputs = np.random.default_rng(1).normal(size=(20, 7)).astype(np.float32)
    modules = []
    for layer in network.layers:
        linear = torch.nn.Linear(len(layer) - 1, layer.shape[1])
        linear.weight.data = torch.from_numpy(layer[:-1].T.copy())
        linear.bias.data = torch.from_numpy(layer[-1].copy())
        modules += [linear, torch.nn.ReLU()]
    standard = torch.from_numpy(network.scaler.apply(inputs))
    expected = torch.nn.Sequential(*modules[:-1])(standard).softmax(dim=1).detach().numpy()
    predicted = network.predict(inputs)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)


def test_predict__counts_an_unknown_input_as_the_mean():
    network = _network(3, 4, 2)
    known = np.array([[1, network.scaler.table[0, 1], 2]], np.float32)
    unknown = np.array([[1, np.nan, 2]], np.float32)
    np.testing.assert_array_equal(network.predict(unknown), network.predict(known))


def test_predict__refuses_inputs_of_another_width():
    with pytest.raises(InputError, match=r"expected shape \(window, 3\).*got \(5, 4\)"):
        _network(3, 4, 2).predict(np.zeros((5, 4)))


def test_network__survives_packing():
    network = _network(5, 6, 3)
    again = Network.unpack(network.pack(), network.describe())
    inputs = np.random.default_rng(2).normal(size=(4, 5))
    np.testing.assert_array_equal(network.predict(inputs), again.predict(inputs))


@pytest.mark.parametrize(
    ("init", "bound", "bias"), [("he", 0.1, 0), ("glorot", 0.0775, 0), ("muvr", 0.1, 1)]
)
def test_draw_weights__spreads_them_as_the_init_says(init, bound, bias):
    hidden, output = draw_weights(MLP(400, init=init), ((600, 400), (400, 9)), seed=1)
    assert hidden.shape == (601, 400)
    assert output.shape == (401, 9)
    assert np.abs(hidden[:-1]).max() == pytest.approx(bound, rel=0.01)
    assert np.abs(hidden[:-1]).mean() == pytest.approx(bound / 2, rel=0.01)
    assert set(hidden[-1].tolist()) == {bias}


def test_draw_weights__differ_between_seeds_and_layers():
    first, second = draw_weights(MLP(5, init="muvr"), ((5, 5), (5, 5)), seed=1)
    other, _ = draw_weights(MLP(5, init="muvr"), ((5, 5), (5, 5)), seed=2)
    assert not np.intersect1d(first[:-1], second[:-1]).size
    assert not np.intersect1d(first[:-1], other[:-1]).size


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((250, 0), {}, "expected numbers of units"),
        ((2.5,), {}, "expected numbers of units"),
        ((5,), {"dropout_keep": 0}, r"chance in \(0, 1\], got 0"),
        ((5,), {"dropout_keep": 1.1}, "got 1.1"),
        ((5,), {"init": "zero"}, "expected one of he, glorot, muvr, got 'zero'"),
    ],
)
def test_mlp__refuses_what_is_no_network(arguments, settings, message):
    with pytest.raises(InputError, match=message):
        MLP(*arguments, **settings)


def test_mlp__is_known_by_its_settings():
    assert MLP(5, 4) == MLP(5, 4)
    assert hash(MLP(5)) == hash(MLP(5))
    assert MLP(5).settings() != MLP(5, dropout_keep=0.5).settings()
    assert repr(MLP(5)).startswith("MLP(hidden=(5,), dropout_keep=0.9, init='he'")


def test_predict__shares_chances_out_where_every_logistic_output_is_next_to_nothing():
    weights = np.array([[0, 0, 0], [-200, -201, -300]], np.float32)
    network = Network(MLP(link="logistic", dropout_keep=1), [weights], no_scaler(1))
    [chances] = network.predict(np.zeros((1, 1), np.float32))
    expected = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(chances, [expected, 1 - expected, 0], rtol=1e-5, atol=1e-12)
