"""Scalings: their laws, and ramps against a slow plain reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import MLP, Network
from workoutlab.learning.scaling import (
    SCALINGS,
    fit_scaler,
    packed_scaler,
    scaled_inputs,
    unpack_scaler,
)
from workoutlab.learning.training import Training

FITTED = [kind for kind in SCALINGS if kind != "none"]

# Few distinct values, so that octiles tie; and unknown ones.
some_inputs = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(
        st.sampled_from([0.0, 1.0, -2.5, np.nan]),
        st.floats(-1e6, 1e6, width=32),
    ),
)
any_number = st.floats(width=32, allow_nan=True, allow_infinity=False)


def reference_ramps(training: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """What the page says ramps are, one number at a time."""
    made = np.zeros((len(inputs), 8, inputs.shape[1]))
    for column in range(inputs.shape[1]):
        known = training[~np.isnan(training[:, column]), column].astype(float)
        octiles = np.quantile(known, np.arange(9) / 8).astype(np.float32).astype(float)

        def climb(value: float, ramp: int, octiles: np.ndarray = octiles) -> float:
            low, high = octiles[ramp], octiles[ramp + 1]
            if low == high:
                return float(np.sign(value - low))
            return float(np.clip(2 * (value - low) / (high - low) - 1, -1, 1))

        for ramp in range(8):
            mean = np.mean([climb(value, ramp) for value in known])
            for row, value in enumerate(inputs[:, column]):
                made[row, ramp, column] = mean if np.isnan(value) else climb(float(value), ramp)
    return made.reshape(len(inputs), -1)


@pytest.mark.parametrize("seed", range(4))
def test_ramps__are_what_the_slow_reference_says(seed):
    numbers = np.random.default_rng(seed)
    training = numbers.gamma(2, 3, size=(31 + seed, 5)).astype(np.float32)
    training[:, 1] = numbers.integers(0, 3, len(training))  # tied octiles
    training[:, 2] = 4  # constant
    training[numbers.random(training.shape) < 0.2] = np.nan
    inputs = np.concatenate([training, 3 * training - 5, np.full((1, 5), np.nan)])
    inputs = inputs.astype(np.float32)
    made = fit_scaler("ramps", training).apply(inputs)
    np.testing.assert_allclose(made, reference_ramps(training, inputs), atol=2e-5)


@given(inputs=some_inputs, kind=st.sampled_from(FITTED), number=any_number)
def test_scaler__knows_an_answer_to_whatever_comes(inputs, kind, number):
    scaler = fit_scaler(kind, inputs)
    made = scaler.apply(np.full((1, inputs.shape[1]), number, np.float32))
    assert made.dtype == np.float32
    assert made.shape == (1, scaler.outputs)
    assert not np.isnan(made).any()
    if kind != "standard":
        assert np.abs(made).max() <= (1 if kind == "ramps" else 3)


@given(inputs=some_inputs, kind=st.sampled_from(FITTED))
def test_scaler__never_turns_the_order_of_numbers_round(inputs, kind):
    scaler = fit_scaler(kind, inputs)
    rising = np.sort(np.append(inputs[~np.isnan(inputs)], [-1e9, 1e9])).astype(np.float32)
    made = scaler.apply(np.repeat(rising[:, None], inputs.shape[1], axis=1))
    assert (made[1:] >= made[:-1]).all()


@given(inputs=some_inputs, kind=st.sampled_from(SCALINGS))
def test_unpack_scaler__is_the_inverse_of_pack(inputs, kind):
    scaler = fit_scaler(kind, inputs)
    packed = scaler.pack()
    assert packed.shape == (packed_scaler(kind, inputs.shape[1]),)
    again = unpack_scaler(kind, packed, inputs.shape[1])
    assert again.inputs == scaler.inputs
    np.testing.assert_array_equal(again.apply(inputs), scaler.apply(inputs))


@pytest.mark.parametrize("kind", FITTED)
def test_scaler__of_some_rows_sees_no_others(kind):
    inputs = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    rows = np.arange(5, 30)
    fitted = fit_scaler(kind, inputs, rows).table
    spoilt = inputs.copy()
    spoilt[:5] = 1e6
    np.testing.assert_array_equal(fit_scaler(kind, spoilt, rows).table, fitted)
    np.testing.assert_array_equal(fit_scaler(kind, inputs[rows]).table, fitted)


def test_standard__has_mean_0_and_deviation_1_of_what_is_known():
    numbers = np.random.default_rng(0)
    inputs = (numbers.normal(size=(500, 3)) * [1, 10, 0] + [5, -3, 7]).astype(np.float32)
    inputs[::7, 0] = np.nan
    made = fit_scaler("standard", inputs).apply(inputs)
    assert (made[::7, 0] == 0).all()
    known = np.delete(made, np.s_[::7], axis=0)
    np.testing.assert_allclose(known[:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(known[:, 0].std(), 1, rtol=1e-6)
    np.testing.assert_allclose(made[:, 1].std(), 1, rtol=1e-6)
    assert (made[:, 2] == 0).all()


def test_clipped__is_standard_within_three_deviations():
    inputs = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
    far = np.array([[1e9], [1.5], [-1e9], [np.nan]], np.float32)
    assert fit_scaler("clipped", inputs).apply(far).tolist() == [[3], [0], [-3], [0]]


def test_ramps__of_an_input_that_is_never_known_are_none():
    never = np.full((4, 1), np.nan, np.float32)
    scaler = fit_scaler("ramps", never)
    assert scaler.apply(never).tolist() == [[0.0] * 8] * 4


def test_ramps__lie_ramp_after_ramp():
    inputs = np.stack([np.arange(9.0), np.arange(9.0)[::-1]], axis=1)
    made = fit_scaler("ramps", inputs).apply(inputs[:1]).reshape(8, 2)
    assert made[:, 0].tolist() == [-1] * 8
    assert made[:, 1].tolist() == [1] * 8
    assert scaled_inputs("ramps", 2) == 16


def test_none__leaves_the_inputs_alone():
    inputs = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    scaler = fit_scaler("none", inputs)
    assert scaler.apply(inputs) is inputs
    assert scaler.pack().size == 0
    assert scaler.outputs == 2


def test_scaling__refuses_an_unknown_kind_and_a_wrong_length():
    with pytest.raises(InputError, match="expected one of none, standard, clipped, ramps, got"):
        fit_scaler("ranks", np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match="keeps 2 numbers for each of 3 inputs, got shape"):
        unpack_scaler("standard", np.zeros(5, np.float32), inputs=3)


@pytest.mark.parametrize("kind", SCALINGS)
def test_train_members__scales_as_the_network_will(kind):
    numbers = np.random.default_rng(1)
    targets = np.arange(80) % 2
    inputs = (numbers.normal(size=(80, 3)) + 3 * targets[:, None]).astype(np.float32)
    training = Training(MLP(6), epochs=15, scaling=kind)
    train = np.arange(60)
    member = Member("ann", inputs, targets, 2, seed=0, training=training, train=train)
    [trained] = train_members([member])
    network = trained.network
    assert network.scaler.kind == kind
    np.testing.assert_array_equal(network.scaler.table, fit_scaler(kind, inputs, train).table)
    assert (network.predict(inputs).argmax(axis=1) == targets).mean() > 0.9
    again = Network.unpack(network.pack(), network.describe())
    np.testing.assert_array_equal(again.predict(inputs), network.predict(inputs))
    inputs[3, 1] = np.nan
    [outcome] = train_members([member])
    assert isinstance(outcome, TrainingError) == (kind == "none")


def test_training__refuses_an_unknown_scaling():
    with pytest.raises(InputError, match="scaling: expected one of none, standard"):
        Training(MLP(3), scaling="ranks")
