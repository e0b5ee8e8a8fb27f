import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.learning.members import Member, balance_rows, prepare_member
from workoutlab.learning.networks import MLP
from workoutlab.learning.training import Training
from workoutlab.recognition.recipe import Recipe
from workoutlab.signals import RawWindows


class Given:
    """Inputs that are told by their settings alone."""

    channels = names = units = compute = None

    def settings(self) -> dict[str, object]:
        return {"kind": "given"}


PLAIN = Training(MLP(3))


@given(targets=st.lists(st.integers(0, 4), min_size=1, max_size=60), most=st.integers(1, 12))
def test_balance_rows__repeats_whole_classes_up_to_the_most_frequent(targets, most):
    targets = np.array(targets)
    rows = balance_rows(targets, most)
    windows, times = np.unique(rows, return_counts=True)
    assert np.array_equal(windows, np.arange(len(targets)))
    before = np.bincount(targets, minlength=5)
    after = np.bincount(targets[rows], minlength=5)
    assert after.max() == before.max()
    for exercise in np.unique(targets):
        repeated = set(times[targets == exercise].tolist())
        assert len(repeated) == 1
        assert repeated.pop() == min(before.max() // before[exercise], most)


def test_prepare_member__standardises_each_input():
    numbers = np.random.default_rng(0)
    inputs = (numbers.normal(size=(50, 3)) * [1, 10, 0] + [5, -3, 7]).astype(np.float32)
    member = Member("ann", inputs, np.arange(50) % 2, classes=2, seed=0, training=PLAIN)
    ready = prepare_member(member)
    np.testing.assert_allclose(ready.inputs.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(ready.inputs.std(axis=0), [1, 1, 0], atol=1e-6)
    as_they_are = prepare_member(replace(member, training=Training(MLP(3), scaling="none")))
    np.testing.assert_array_equal(as_they_are.inputs, inputs)


def test_prepare_member__finds_no_scale_in_an_input_that_is_never_known():
    inputs = np.full((4, 1), np.nan, np.float32)
    ready = prepare_member(Member("ann", inputs, np.arange(4) % 2, 2, seed=0, training=PLAIN))
    assert ready.inputs.tolist() == [[0], [0], [0], [0]]


def test_order__goes_through_all_rows_in_every_epoch_differently():
    training = Training(MLP(3), balance=4)
    targets = np.arange(9) // 8
    member = Member("ann", np.zeros((9, 1), np.float32), targets, 2, seed=0, training=training)
    ready = prepare_member(member)
    first, second = ready.order(0), ready.order(1)
    assert sorted(first.tolist()) == sorted(second.tolist()) == [0, 1, 2, 3, 4, 5, 6, 7] + [8] * 4
    assert first.tolist() != second.tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs: expected >= 1, got 0"),
        ({"batch": 2.5}, "batch: expected a whole number, got 2.5"),
        ({"rate": 0}, "rate: expected > 0, got 0"),
        ({"rate": float("nan")}, "rate: expected > 0, got nan"),
        ({"rate": "fast"}, "rate: expected a number, got 'fast'"),
        ({"rate": float("inf")}, "rate: expected > 0, got inf"),
        ({"momentum": 1}, "momentum: expected >= 0 and < 1, got 1"),
        ({"weight_decay": -1}, "weight_decay: expected >= 0, got -1"),
        ({"balance": True}, "balance: expected a whole number, got True"),
        ({"batch": 0}, "batch: expected >= 1, got 0"),
        ({"patience": 0}, "patience: expected >= 1, got 0"),
        ({"smoothing": 1}, "smoothing: expected >= 0 and < 1, got 1"),
        ({"held_share": 0}, "held_share: expected > 0 and < 1, got 0"),
        ({"optimizer": "newton"}, "optimizer: expected one of sgd, adam, lbfgs, got 'newton'"),
        ({"schedule": "linear"}, "schedule: expected one of constant, cosine, got 'linear'"),
        ({"optimizer": "lbfgs"}, "expected a network with dropout_keep=1"),
        ({"network": (250, 50)}, r"network: expected MLP\(250, 50\) or ConvNet\(\) say"),
    ],
)
def test_recipe__refuses_what_cannot_mean_anything(settings, message):
    with pytest.raises(InputError, match=message):
        Recipe(Given(), **settings)


def test_recipe__refuses_inputs_that_are_none():
    with pytest.raises(InputError, match="inputs: expected Statistics"):
        Recipe("raw")


def test_recipe__standardises_all_but_raw_windows():
    assert Recipe(Given()).settings()["scaling"] == "standard"
    assert Recipe(RawWindows()).settings()["scaling"] == "none"
    assert Recipe(RawWindows(), scaling="ramps").scaling == "ramps"
    assert Recipe(Given(), scaling="none").scaling == "none"


def test_recipe__is_known_by_its_settings():
    recipe = Recipe(Given(), MLP(5))
    assert json.loads(json.dumps(recipe.settings())) == recipe.settings()
    assert recipe.digest() == Recipe(Given(), MLP(5)).digest()
    changed = [
        Recipe(Given(), MLP(6)),
        Recipe(Given(), MLP(5, init="glorot")),
        *(Recipe(Given(), MLP(5), **{name: 7}) for name in ("epochs", "batch", "balance", "seed")),
        *(Recipe(Given(), MLP(5), **{name: 0.5}) for name in ("rate", "momentum", "weight_decay")),
        Recipe(Given(), MLP(5), scaling="none"),
    ]
    digests = {recipe.digest(), *(other.digest() for other in changed)}
    assert len(digests) == 1 + len(changed)
