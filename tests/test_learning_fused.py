"""The fused program is held to torch's autograd, optimizer and schedule."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.learning import fused
from workoutlab.learning.engines import train_members
from workoutlab.learning.fused import Products, coast
from workoutlab.learning.members import Member, prepare_member
from workoutlab.learning.networks import MLP
from workoutlab.learning.randomness import drop_units, unit_bits
from workoutlab.learning.training import Training


@pytest.fixture(params=["direct", "dual"])
def form(request, monkeypatch):
    """The form of the first layer."""
    monkeypatch.setattr(fused, "dual_is_cheaper", lambda **_: request.param == "dual")
    return request.param


def make_member(windows: int = 100, inputs: int = 30, seed: int = 0, **settings: object) -> Member:
    numbers = np.random.default_rng(seed)
    targets = numbers.integers(0, 4, windows)
    targets[:4] = np.arange(4)
    centers = numbers.normal(size=(4, inputs))
    values = (centers[targets] + numbers.normal(size=(windows, inputs))).astype(np.float32)
    network = settings.pop("network", MLP(12, 7, dropout_keep=0.8))
    training = Training(network, **{"epochs": 3, "batch": 16, "balance": 1, **settings})
    return Member("ann", values, targets, 4, seed=5, training=training)


def train_by_autograd(member: Member) -> tuple[list[np.ndarray], list[float]]:
    """What torch makes of the same initial weights, order, rates and dropped units."""
    ready, how = prepare_member(member), member.training
    layers = [torch.tensor(layer, requires_grad=True) for layer in ready.first_layers()]
    optimizer = torch.optim.SGD(
        layers, lr=how.first_rate, momentum=how.momentum, weight_decay=how.weight_decay
    )
    steps = ready.steps * how.epochs
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    bits = torch.from_numpy(ready.dropout_bits(steps * ready.batch))
    columns = how.network.columns()
    units = torch.from_numpy(unit_bits(columns[-1].stop))
    losses = []
    for epoch in range(how.epochs):
        order, total = ready.order(epoch), 0.0
        for start in range(0, len(order), ready.batch):
            rows = order[start : start + ready.batch]
            first = epoch * ready.steps * ready.batch + start
            addends = torch.empty(len(rows), 2 * len(units))
            drop_units(bits[first : first + len(rows)], units, how.network.dropout_keep, addends)
            values = torch.from_numpy(ready.inputs[rows])
            for layer, column in zip(layers[:-1], columns, strict=True):
                kept = (addends[:, column] == 0).float() / how.network.dropout_keep
                values = torch.relu(values @ layer[:-1] + layer[-1]) * kept
            scores = values @ layers[-1][:-1] + layers[-1][-1]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(ready.targets[rows]), label_smoothing=how.smoothing
            )
            loss.backward()
            optimizer.step()
            if how.schedule == "cosine":
                cosine.step()
            total += loss.item() * len(rows)
        losses.append(total / len(order))
    return [layer.detach().numpy() for layer in layers], losses


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    "settings",
    [
        {"smoothing": 0.1},
        {"schedule": "cosine", "weight_decay": 0.02},
        {"batch": None, "schedule": "cosine", "network": MLP(9, dropout_keep=1)},
        {"batch": 1, "epochs": 1, "momentum": 0.5, "network": MLP(8, 7, 6)},
        {"network": MLP(200, 110, init="glorot"), "smoothing": 0.05, "momentum": 0},
    ],
)
def test_train__does_as_autograd_does(settings):
    member = make_member(**settings)
    [trained] = train_members([member], "separate")
    layers, losses = train_by_autograd(member)
    for ours, theirs in zip(trained.network.layers, layers, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)
    np.testing.assert_allclose([each["loss"] for each in trained.history], losses, rtol=1e-4)
    assert trained.steps == len(losses) * prepare_member(member).steps


@pytest.mark.usefixtures("form")
def test_train__begins_with_given_layers_and_leaves_them_alone():
    whole = make_member(epochs=4, momentum=0, network=MLP(6, dropout_keep=1), batch=None)
    [first] = train_members([whole], "separate")
    layers = [layer.copy() for layer in first.network.layers]
    again = Member(**{**vars(whole), "initial": first.network.layers})
    [second] = train_members([again], "separate")
    for layer, copy in zip(first.network.layers, layers, strict=True):
        np.testing.assert_array_equal(layer, copy)
    expected, _ = train_by_autograd(again)
    for ours, theirs in zip(second.network.layers, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.usefixtures("form")
def test_train__sees_no_windows_but_those_of_its_share():
    member = make_member()
    train = np.arange(10, 90)
    part = Member(**{**vars(member), "train": train})
    spoilt = member.inputs.copy()
    spoilt[:10] = 7
    other = Member(**{**vars(part), "inputs": spoilt})
    one, two = (train_members([each], "separate")[0].network for each in (part, other))
    assert one.pack().tobytes() == two.pack().tobytes()
    for ours, theirs in zip(one.layers, train_by_autograd(part)[0], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.usefixtures("form")
def test_train__gives_the_same_bits_beside_others_and_in_threads():
    cohort = [make_member(windows=90 + seed, seed=seed) for seed in range(4)]
    alone = [train_members([member], "separate")[0].network.pack() for member in cohort]
    packed: dict[int, np.ndarray] = {}

    def train(place: int) -> None:
        outcomes = train_members(cohort[place:], "separate")
        packed[place] = outcomes[0].network.pack()

    threads = [threading.Thread(target=train, args=(place,)) for place in range(len(cohort))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, expected in enumerate(alone):
        assert packed[place].tobytes() == expected.tobytes()


def test_history__tells_the_rate_of_each_epoch():
    member = make_member(epochs=4, schedule="cosine", rate=0.5)
    [trained] = train_members([member], "separate")
    assert [each["epoch"] for each in trained.history] == [0, 1, 2, 3]
    rates = [each["rate"] for each in trained.history]
    np.testing.assert_allclose(rates, 0.25 * (1 + np.cos(np.pi * np.arange(4) / 4)))


@given(
    rates=st.lists(st.floats(0, 1), min_size=1, max_size=12),
    momentum=st.floats(0, 0.95),
    decay=st.floats(0, 0.5),
    seed=st.integers(0, 9),
)
def test_coast__tells_what_a_weight_comes_to(rates, momentum, decay, seed):
    gradients = np.random.default_rng(seed).normal(size=len(rates))
    weight, velocity = 1.5, 0.0
    for rate, gradient in zip(rates, gradients, strict=True):
        velocity = momentum * velocity + gradient + decay * weight
        weight -= rate * velocity
    impulses, left = coast(np.array(rates), momentum, decay)
    assert left * 1.5 + impulses @ gradients == pytest.approx(weight, abs=1e-9)


def test_products__are_made_once_for_windows_that_members_share():
    products = Products()
    windows = [np.random.default_rng(seed).normal(size=(5, 3)) for seed in range(6)]
    made = products.of(windows[0])
    np.testing.assert_allclose(made, windows[0] @ windows[0].T + 1)
    assert products.of(windows[0]) is made
    for other in windows[1:]:
        products.of(other)
    np.testing.assert_array_equal(products.of(windows[0]), made)
