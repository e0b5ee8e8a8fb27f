"""The stack is held to torch's autograd and optimizers, member by member, whatever its company."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from workoutlab.learning import program, stacked
from workoutlab.learning.architectures import read_architecture
from workoutlab.learning.engines import Trained, train_members
from workoutlab.learning.members import Member, Prepared, prepare_member
from workoutlab.learning.networks import MLP, ConvNet
from workoutlab.learning.randomness import (
    draw_bits,
    draw_order,
    draw_orders,
    hash_positions,
    make_key,
    mask_units,
    unit_bits,
)
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.threads import one_thread
from workoutlab.learning.training import Training

CONVOLUTIONAL = ConvNet(filters=(3, 4), dense=(6,), channels=2)
NETWORKS = {
    "mlp": MLP(7, 5),
    "regression": MLP(),
    "sigmoid": MLP(7, activation="sigmoid"),
    "tanh": MLP(6, activation="tanh", link="logistic"),
    "conv": CONVOLUTIONAL,
    "conv-pool-3": ConvNet(filters=(3,), width=4, pool=3, dense=(), channels=2),
}
INPUTS = 2 * 15


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def make_member(key: int, windows: int, classes: int, training: Training) -> Member:
    numbers = np.random.default_rng(key)
    targets = numbers.integers(0, classes, windows)
    targets[:classes] = np.arange(classes)
    centers = numbers.normal(size=(classes, INPUTS))
    values = (centers[targets] + numbers.normal(size=(windows, INPUTS))).astype(np.float32)
    return Member(f"person-{key}", values, targets, classes, 100 + key, training)


def vary(network, **settings) -> list[Member]:
    """Members that differ in all that members of one stack may differ in."""
    keep = settings.get("optimizer") != "lbfgs"
    cohort = []
    for key, (windows, classes) in enumerate([(61, 5), (37, 3), (16, 3), (50, 4)]):
        chance = 0.7 + 0.1 * key if keep else 1.0
        own = read_architecture({**network.settings(), "dropout_keep": min(chance, 1.0)})
        training = Training(
            own,
            **{
                "epochs": 2 + key % 3,
                "batch": 11,
                "balance": 1 + key,
                "weight_decay": 0.01 * key,
                "momentum": 0.3 * key,
                "rate": 0.01 * (1 + key),
                "smoothing": 0.05 * key,
                "schedule": "cosine" if key % 2 else "constant",
                **settings,
            },
        )
        cohort.append(make_member(key, windows, classes, training))
    return cohort


def weights(outcome) -> np.ndarray:
    assert isinstance(outcome, Trained), outcome
    return outcome.network.pack()


def run_torch(ready: Prepared, layers, inputs, masks):
    """The network in torch's own functions."""
    network, place = ready.training.network, 0
    activate = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}
    if isinstance(network, ConvNet):
        values = inputs.reshape(len(inputs), network.channels, -1)
        for filters in network.filters:
            kernel = layers[place][:-1].T.reshape(filters, values.shape[1], network.width)
            values = functional.conv1d(values, kernel, layers[place][-1])
            values = functional.max_pool1d(torch.relu(values), network.pool)
            place += 1
        inputs, hidden = values.flatten(1), "relu"
    else:
        hidden = network.activation
    for layer, mask in zip(layers[place:-1], masks, strict=True):
        inputs = activate[hidden](inputs @ layer[:-1] + layer[-1]) * mask
    return inputs @ layers[-1][:-1] + layers[-1][-1]


def lose(ready: Prepared, scores, targets):
    training = ready.training
    if getattr(training.network, "link", "") != "logistic":
        return functional.cross_entropy(scores, targets, label_smoothing=training.smoothing)
    hot = functional.one_hot(targets, ready.classes)[:, -scores.shape[1] :].float()
    hot = hot * (1 - training.smoothing) + training.smoothing / 2
    rows = functional.binary_cross_entropy_with_logits(scores, hot, reduction="none")
    return rows.sum(dim=1).mean()


def train_by_torch(member: Member) -> tuple[np.ndarray, list[float]]:
    """What torch makes of the same initial weights, order and dropped units."""
    ready, training = prepare_member(member), member.training
    layers = [torch.from_numpy(layer).requires_grad_() for layer in ready.first_layers()]
    decay = {"lr": training.first_rate, "weight_decay": training.weight_decay}
    if training.optimizer == "adam":
        optimizer = torch.optim.Adam(layers, **decay)
    else:
        optimizer = torch.optim.SGD(layers, momentum=training.momentum, **decay)
    total = ready.steps * training.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    units = getattr(training.network, "hidden", None) or getattr(training.network, "dense", ())
    places = np.cumsum([0, *units])
    columns = torch.from_numpy(unit_bits(max(sum(units), 1)))
    batch, losses = ready.batch, []
    for epoch in range(training.epochs):
        order, sums = ready.order(epoch), 0.0
        for step, start in enumerate(range(0, len(order), batch)):
            rows = order[start : start + batch]
            first = (epoch * ready.steps + step) * batch
            bits = draw_bits(make_key(ready.seed, "dropout"), first + len(rows))[first:]
            mask = mask_units(torch.from_numpy(bits), columns, training.network.dropout_keep)
            masks = [mask[:, a:b] for a, b in pairwise(places)]
            scores = run_torch(ready, layers, torch.from_numpy(ready.inputs[rows]), masks)
            loss = lose(ready, scores, torch.from_numpy(ready.targets[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if training.schedule == "cosine":
                schedule.step()
            sums += loss.item() * len(rows)
        losses.append(sums / len(order))
    packed = [np.roll(layer.detach().numpy(), 1, axis=0).T.ravel() for layer in layers]
    return np.concatenate(packed), losses


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_stack__trains_as_torch_does(optimizer, name):
    cohort = vary(NETWORKS[name], optimizer=optimizer)
    for member, outcome in zip(cohort, train_members(cohort, StackedEngine("cpu")), strict=True):
        expected, losses = train_by_torch(member)
        np.testing.assert_allclose(weights(outcome)[2 * INPUTS :], expected, atol=3e-5)
        assert [record["epoch"] for record in outcome.history] == list(range(len(losses)))
        np.testing.assert_allclose(
            [record["loss"] for record in outcome.history], losses, rtol=1e-4
        )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("batch", [None, 1, 1000])
def test_stack__trains_by_batch_and_online_as_torch_does(optimizer, batch):
    training = Training(CONVOLUTIONAL, optimizer=optimizer, batch=batch, epochs=3, momentum=0.5)
    cohort = [make_member(key, 20 + key, 3, training) for key in range(2)]
    for member, outcome in zip(cohort, train_members(cohort, StackedEngine("cpu")), strict=True):
        expected, losses = train_by_torch(member)
        np.testing.assert_allclose(weights(outcome)[2 * INPUTS :], expected, atol=3e-5)
        np.testing.assert_allclose(outcome.history[-1]["loss"], losses[-1], rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", ["mlp", "regression", "tanh", "conv"])
def test_stack__gives_a_member_the_same_network_as_alone(optimizer, name):
    cohort = vary(NETWORKS[name], optimizer=optimizer, epochs=4)
    together = train_members(cohort, StackedEngine("cpu"))
    for member, outcome in zip(cohort, together, strict=True):
        [alone] = train_members([member], "separate")
        tolerance = 2e-3 if optimizer == "lbfgs" else 1e-5
        np.testing.assert_allclose(weights(outcome), weights(alone), atol=tolerance)
        assert outcome.steps == alone.steps


def test_stack__is_parted_where_memory_does_not_hold_all(monkeypatch):
    cohort = vary(NETWORKS["mlp"])
    whole = train_members(cohort, StackedEngine("cpu"))
    parts, fit = [], stacked._fit_stack

    def note(members, *rest):
        parts.append(len(members))
        return fit(members, *rest)

    monkeypatch.setattr(stacked, "_find_room", lambda _: 1)
    monkeypatch.setattr(stacked, "_fit_stack", note)
    parted = train_members(cohort, StackedEngine("cpu"))
    assert parts == [1] * len(cohort)
    for one, other in zip(whole, parted, strict=True):
        assert one.key == other.key
        np.testing.assert_allclose(weights(one), weights(other), atol=1e-5)


def test_train_members__keeps_members_of_all_kinds_in_their_order():
    cohort = [
        member
        for name in ("mlp", "conv", "regression")
        for optimizer in ("sgd", "lbfgs")
        for member in vary(NETWORKS[name], optimizer=optimizer, epochs=1)[:2]
    ]
    cohort.insert(3, replace(cohort[0], classes=1, targets=cohort[0].targets * 0))
    outcomes = train_members(cohort, "stacked")
    assert isinstance(outcomes.pop(3), Exception)
    del cohort[3]
    for member, outcome in zip(cohort, outcomes, strict=True):
        assert outcome.network.description == member.training.network
        assert outcome.key == member.key


def test_stack__goes_through_large_steps_in_blocks(monkeypatch):
    [member] = vary(NETWORKS["conv"], batch=40)[:1]
    [whole] = train_members([member], StackedEngine("cpu"))
    monkeypatch.setitem(program._NUMBERS, "cpu", 1)
    monkeypatch.setattr(program, "_LEAST_ROWS", 7)
    [parts] = train_members([member], StackedEngine("cpu"))
    np.testing.assert_allclose(weights(whole), weights(parts), atol=1e-5)


def test_train_members__starts_from_given_layers():
    [member] = vary(NETWORKS["mlp"], epochs=1)[:1]
    drawn = prepare_member(member).first_layers()
    for engine in ("separate", "stacked"):
        [same] = train_members([replace(member, initial=drawn)], engine)
        [other] = train_members([replace(member, initial=[2 * each for each in drawn])], engine)
        [plain] = train_members([member], engine)
        assert weights(same).tobytes() == weights(plain).tobytes()
        assert not np.allclose(weights(other), weights(plain))
        [wrong] = train_members([replace(member, initial=drawn[1:])], engine)
        assert "initial layers: expected shapes" in str(wrong)


def test_draw_orders__and_positions_are_those_of_one_member():
    keys = [make_key(seed) for seed in range(3)]
    counts = [5, 9, 1]
    stack = torch.tensor(keys, dtype=torch.int32)
    orders = draw_orders(stack, torch.tensor(counts), 9)
    bits = hash_positions(stack, torch.arange(9))
    for row, (key, count) in enumerate(zip(keys, counts, strict=True)):
        assert orders[row, :count].tolist() == draw_order(key, count).tolist()
        assert bits[row].tolist() == draw_bits(key, 9).tolist()


@pytest.mark.parametrize("name", ["mlp", "conv", "tanh"])
def test_program__draws_the_same_weights_as_one_member_does(name):
    cohort = [prepare_member(member) for member in vary(NETWORKS[name])]
    for place, init in enumerate(("he", "glorot", "muvr")):
        network = replace_init(cohort[place].training.network, init)
        training = replace(cohort[place].training, network=network)
        cohort[place] = replace(cohort[place], training=training)
    given = [layer + 1 for layer in cohort[3].first_layers()]
    cohort[3] = replace(cohort[3], initial=given)
    loaded = program.Program(cohort, torch.device("cpu"))
    stacks = loaded.load()
    for place, member in enumerate(cohort):
        layers = loaded.store(member, [stack[place].numpy() for stack in stacks])
        for ours, expected in zip(layers, member.first_layers(), strict=True):
            np.testing.assert_array_equal(ours, expected)


def replace_init(network, init):
    settings = {**network.settings(), "init": init}
    return read_architecture(settings)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_stack__trains_one_output_for_two_classes_as_torch_does(optimizer):
    training = Training(MLP(6, link="logistic"), optimizer=optimizer, smoothing=0.1, epochs=3)
    cohort = [make_member(key, 40 + key, 2, training) for key in range(2)]
    cohort.append(make_member(3, 30, 3, training))
    for member, outcome in zip(cohort, train_members(cohort, StackedEngine("cpu")), strict=True):
        expected, losses = train_by_torch(member)
        np.testing.assert_allclose(weights(outcome)[2 * INPUTS :], expected, atol=3e-5)
        np.testing.assert_allclose(outcome.history[-1]["loss"], losses[-1], rtol=1e-4)
        assert outcome.network.classes == member.classes
