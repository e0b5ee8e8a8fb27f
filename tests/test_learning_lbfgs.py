"""L-BFGS is held to SciPy's, on losses written down a second time here."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from tests.test_learning_stack import CONVOLUTIONAL, INPUTS, make_member, vary
from workoutlab.errors import TrainingError
from workoutlab.learning.engines import train_members
from workoutlab.learning.linesearch import Look, WolfeSearch
from workoutlab.learning.members import Member, prepare_member
from workoutlab.learning.networks import MLP
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.training import Training

PLAIN = {"optimizer": "lbfgs", "epochs": 200, "balance": 3}


def _loss_of_regression(flat, ready, inputs):
    """The cross-entropy of softmax regression with weight decay, in double precision."""
    weights = flat.reshape(inputs.shape[1] + 1, ready.classes)
    with_ones = np.pad(inputs[ready.rows], ((0, 0), (0, 1)), constant_values=1)
    targets = ready.targets[ready.rows]
    logs = log_softmax(with_ones @ weights, axis=1)
    errors = np.exp(logs)
    errors[np.arange(len(targets)), targets] -= 1
    decay = ready.training.weight_decay
    loss = -logs[np.arange(len(targets)), targets].mean() + decay / 2 * flat @ flat
    return loss, (with_ones.T @ errors / len(targets)).ravel() + decay * flat


@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_lbfgs__finds_the_optimum_that_scipy_finds(engine):
    network = MLP(dropout_keep=1)
    cohort = [
        make_member(key, 60 + 20 * key, 2 + key, Training(network, weight_decay=decay, **PLAIN))
        for key, decay in enumerate((0.01, 0.1, 0.03))
    ]
    for member, trained in zip(cohort, train_members(cohort, engine), strict=True):
        ready = prepare_member(member)
        inputs = ready.inputs.astype(float)
        start = np.zeros((INPUTS + 1) * member.classes)
        best = minimize(
            _loss_of_regression,
            start,
            (ready, inputs),
            method="L-BFGS-B",
            jac=True,
            options={"ftol": 1e-14, "gtol": 1e-8},
        )
        ours = trained.network.layers[0].astype(float).ravel()
        assert _loss_of_regression(ours, ready, inputs)[0] == pytest.approx(best.fun, rel=1e-6)
        np.testing.assert_allclose(ours, best.x, atol=5e-3)
        losses = [record["loss"] for record in trained.history]
        assert trained.steps == len(losses) < PLAIN["epochs"]


@pytest.mark.parametrize(
    "network", [MLP(8, dropout_keep=1), replace(CONVOLUTIONAL, dropout_keep=1)]
)
def test_lbfgs__learns_deep_networks_to_nothing_left_to_learn(network):
    [trained] = train_members([make_member(0, 60, 4, Training(network, **PLAIN))], "separate")
    losses = [record["loss"] for record in trained.history]
    assert losses[-1] < 1e-3 < losses[0]
    assert (np.diff(losses) < 1e-6).all()


def test_lbfgs__stops_where_there_is_nothing_to_gain():
    training = Training(MLP(4, dropout_keep=1), **PLAIN)
    even = Member("even", np.zeros((8, 3), np.float32), np.arange(8) % 2, 2, 0, training)
    [trained] = train_members([even])
    np.testing.assert_allclose(trained.network.predict(even.inputs), 0.5, atol=1e-3)
    assert trained.steps <= 3


def test_lbfgs__fails_one_whose_loss_is_not_finite_and_nobody_else():
    cohort = vary(MLP(5), optimizer="lbfgs", scaling="none")
    undisturbed = train_members(cohort, StackedEngine("cpu"))
    cohort[1] = replace(cohort[1], inputs=cohort[1].inputs * np.float32(3e37))
    outcomes = train_members(cohort, StackedEngine("cpu"))
    assert isinstance(outcomes[1], TrainingError)
    for place in (0, 2, 3):
        np.testing.assert_allclose(
            outcomes[place].network.pack(), undisturbed[place].network.pack(), atol=2e-3
        )


@given(
    low=st.floats(0.1, 50),
    bend=st.floats(0.1, 10),
    ripple=st.floats(0, 0.5),
    first=st.floats(0.01, 100),
)
def test_wolfe_search__ends_where_the_strong_wolfe_conditions_hold(low, bend, ripple, first):
    def find(length):
        away = length - low
        loss = bend * away**2 + ripple * np.sin(3 * away)
        return loss, 2 * bend * away + 3 * ripple * np.cos(3 * away)

    start = Look(0.0, *find(0.0))
    if start.slope >= 0:
        return
    search = WolfeSearch(start, first)
    for _ in range(25):
        if search.take(*find(search.length)):
            break
    loss, slope = find(search.length)
    assert not search.failed
    assert loss <= start.loss + 1e-4 * search.length * start.slope
    assert abs(slope) <= 0.9 * abs(start.slope)


def test_wolfe_search__gives_up_where_nothing_falls():
    search = WolfeSearch(Look(0.0, 1.0, -1.0), 1.0)
    looks = 1
    while not search.take(float("nan"), float("nan")):
        looks += 1
    assert search.failed
    assert looks <= 20


XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR_TARGETS = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "lbfgs", "epochs": 100},
        {"optimizer": "sgd", "epochs": 1500, "batch": 4, "rate": 1.0},
        {"optimizer": "sgd", "epochs": 500, "batch": 1, "rate": 0.5},
        {"optimizer": "adam", "epochs": 300, "batch": None, "rate": 0.1},
    ],
)
def test_train_members__learns_xor_from_scratch(settings):
    network = MLP(5, dropout_keep=1, init="glorot", activation="sigmoid", link="logistic")
    training = Training(network, scaling="none", **settings)
    member = Member("xor", XOR_INPUTS, XOR_TARGETS, classes=2, seed=1, training=training)
    [trained] = train_members([member])
    np.testing.assert_allclose(trained.network.predict(XOR_INPUTS)[:, 1], XOR_TARGETS, atol=0.1)
