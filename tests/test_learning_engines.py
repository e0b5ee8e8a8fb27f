"""Both engines are held to each other, and each to torch's own autograd and optimizer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning import fused
from workoutlab.learning.engines import Trained, choose_engine, train_members
from workoutlab.learning.members import Member, prepare_member
from workoutlab.learning.networks import MLP
from workoutlab.learning.randomness import drop_units, unit_bits
from workoutlab.learning.separate import SeparateEngine
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.threads import one_thread
from workoutlab.learning.training import Training


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def _member(
    key: int, windows: int, inputs: int, classes: int, training: Training | None = None
) -> Member:
    numbers = np.random.default_rng(key)
    targets = numbers.integers(0, classes, windows)
    targets[:classes] = np.arange(classes)
    centers = numbers.normal(size=(classes, inputs))
    values = (centers[targets] + numbers.normal(size=(windows, inputs))).astype(np.float32)
    return Member(f"person-{key}", values, targets, classes, 100 + key, training or _training())


def _training(**settings: object) -> Training:
    network = settings.pop("network", MLP(12, 7, dropout_keep=0.8))
    return Training(network, **{"epochs": 4, "batch": 16, "balance": 3, **settings})


def _weights(outcome: Trained | TrainingError) -> np.ndarray:
    assert isinstance(outcome, Trained), outcome
    return outcome.network.pack()


RAGGED = [(0, 150, 5), (1, 37, 3), (2, 16, 2), (3, 9, 4), (4, 161, 2)]
"""Person, windows and classes: full, short and single batches; several numbers of classes."""


def _cohort(inputs: int, training: Training | None = None) -> list[Member]:
    return [_member(key, windows, inputs, classes, training) for key, windows, classes in RAGGED]


def _train_by_autograd(member: Member) -> np.ndarray:
    """What torch makes of the same initial weights, order and dropped units."""
    ready, training = prepare_member(member), member.training
    keep, batch = training.network.dropout_keep, training.batch
    layers = [torch.from_numpy(layer).requires_grad_() for layer in ready.first_layers()]
    optimizer = torch.optim.SGD(
        layers,
        lr=training.first_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )
    grid = ready.steps * batch
    bits = torch.from_numpy(ready.dropout_bits(grid * training.epochs))
    columns = training.network.columns()
    units = torch.from_numpy(unit_bits(columns[-1].stop))
    for epoch in range(training.epochs):
        order = ready.order(epoch)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            first = epoch * grid + start
            addends = torch.empty(len(rows), 2 * len(units))
            drop_units(bits[first : first + len(rows)], units, keep, out=addends)
            values = torch.from_numpy(ready.inputs[rows])
            for layer, column in zip(layers[:-1], columns, strict=True):
                kept = (addends[:, column] == 0).float() / keep
                values = torch.relu(values @ layer[:-1] + layer[-1]) * kept
            scores = values @ layers[-1][:-1] + layers[-1][-1]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(
                scores, torch.from_numpy(ready.targets[rows])
            ).backward()
            optimizer.step()
    return np.concatenate([layer.detach().numpy().ravel() for layer in layers])


@pytest.fixture(params=["direct", "dual"])
def first_layer(request, monkeypatch):
    """The form of the first layer that trains member by member."""
    monkeypatch.setattr(fused, "dual_is_cheaper", lambda **_: request.param == "dual")


@pytest.mark.usefixtures("first_layer")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_decay": 0.02, "momentum": 0.5},
        {"momentum": 0.0, "network": MLP(9, dropout_keep=1.0)},
        {"network": MLP(8, 7, 6, init="glorot"), "batch": 11},
    ],
)
def test_separate_engine__trains_as_autograd_does(settings):
    training = _training(**settings)
    for member in _cohort(40, training)[:3]:
        [trained] = train_members([member], SeparateEngine())
        ours = np.concatenate([layer.ravel() for layer in trained.network.layers])
        np.testing.assert_allclose(ours, _train_by_autograd(member), atol=2e-5)


@pytest.mark.usefixtures("first_layer")
@pytest.mark.parametrize("network", [MLP(12, 7), MLP(9, dropout_keep=1.0)])
def test_engines__give_the_same_networks(network):
    training = _training(network=network, weight_decay=0.001)
    separate_ones = train_members(_cohort(40, training), SeparateEngine())
    stacked_ones = train_members(_cohort(40, training), StackedEngine("cpu"))
    for alone, stacked in zip(separate_ones, stacked_ones, strict=True):
        assert (alone.key, alone.windows, alone.steps) == (
            stacked.key,
            stacked.windows,
            stacked.steps,
        )
        np.testing.assert_allclose(_weights(alone), _weights(stacked), atol=2e-5)


@pytest.mark.parametrize("engine", [SeparateEngine(), StackedEngine("cpu")])
def test_engine__gives_a_member_the_same_network_in_any_company(engine):
    cohort = _cohort(20)
    together = train_members(cohort, engine)
    reversed_company = train_members(cohort[::-1], engine)[::-1]
    for member, one, other in zip(cohort, together, reversed_company, strict=True):
        [alone] = train_members([member], engine)
        if isinstance(engine, SeparateEngine):
            assert _weights(alone).tobytes() == _weights(one).tobytes()
        np.testing.assert_allclose(_weights(alone), _weights(one), atol=2e-6)
        np.testing.assert_allclose(_weights(one), _weights(other), atol=2e-6)


@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_engine__learns_what_can_be_learnt(engine):
    member = _member(7, 300, 30, 4, _training(epochs=20))
    [trained] = train_members([member], engine)
    predicted = trained.network.predict(member.inputs).argmax(axis=1)
    assert (predicted == member.targets).mean() > 0.99


def test_engine__leaves_torchs_threads_as_they_were():
    before = torch.get_num_threads()
    train_members([_member(0, 20, 5, 2, _training(epochs=1))], "separate")
    assert torch.get_num_threads() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_engine__gives_the_same_networks_on_a_gpu():
    on_gpu = train_members(_cohort(50), StackedEngine("cuda"))
    for alone, stacked in zip(train_members(_cohort(50), "separate"), on_gpu, strict=True):
        np.testing.assert_allclose(_weights(alone), _weights(stacked), atol=1e-4)


def _spoilt(member: Member, value: float) -> Member:
    inputs = member.inputs.copy()
    inputs[3, 2] = value
    return replace(member, inputs=inputs)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda m: _spoilt(m, np.inf), "window 3 has infinite inputs"),
        (lambda m: replace(m, classes=1, targets=m.targets * 0), "37 windows of one exercise"),
        (lambda m: replace(m, inputs=m.inputs[:0], targets=m.targets[:0]), "no windows"),
        (lambda m: replace(m, targets=m.targets[:5]), "37 windows, but 5 labels"),
        (lambda m: replace(m, targets=m.targets + 1), "expected labels from 0 to 2"),
        (lambda m: replace(m, inputs=m.inputs * 3e37), "not finite|infinite"),
    ],
)
@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_train_members__fails_the_one_whose_data_are_bad_and_nobody_else(spoil, reason, engine):
    cohort = _cohort(8, _training(scaling="none"))
    undisturbed = train_members(cohort, engine)
    cohort[1] = spoil(cohort[1])
    with np.errstate(over="ignore"):
        outcomes = train_members(cohort, engine)
    assert isinstance(outcomes[1], TrainingError)
    assert str(outcomes[1]).startswith("person-1: ")
    with pytest.raises(TrainingError, match=reason):
        raise outcomes[1]
    for place in (0, 2, 3, 4):
        np.testing.assert_allclose(
            _weights(outcomes[place]), _weights(undisturbed[place]), atol=2e-6
        )


def test_train_members__counts_unknown_inputs_as_the_mean():
    member = _spoilt(_member(0, 40, 5, 2), np.nan)
    filled = _spoilt(member, float(np.nanmean(member.inputs[:, 2], dtype=np.float64)))
    ready = prepare_member(member)
    assert ready.inputs[3, 2] == 0
    assert abs(prepare_member(filled).inputs[3, 2]) < 1e-6
    assert isinstance(train_members([member])[0], Trained)
    [failed] = train_members([replace(member, training=_training(scaling="none"))])
    assert "unknown inputs (NaN), which need scaling='standard'" in str(failed)


def test_train_members__of_nobody_is_nothing():
    assert train_members([]) == []


def test_choose_engine__refuses_an_unknown_name():
    with pytest.raises(InputError, match="expected one of auto, separate, stacked, got 'fast'"):
        choose_engine("fast")


@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_train_members__with_patience_says_that_a_training_diverged(engine):
    training = _training(patience=2, rate=1e30)
    wild = replace(_member(0, 60, 5, 3, training), train=np.arange(40), held=np.arange(40, 60))
    tame = replace(wild, key="tame", training=_training(patience=2))
    failed, trained = train_members([wild, tame], engine)
    assert isinstance(failed, TrainingError)
    assert "diverged" in str(failed)
    assert isinstance(trained, Trained)


@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_train_members__takes_all_windows_where_a_batch_is_larger(engine):
    (huge,) = train_members([_member(0, 60, 5, 3, _training(batch=10**12))], engine)
    (whole,) = train_members([_member(0, 60, 5, 3, _training(batch=None))], engine)
    np.testing.assert_array_equal(_weights(huge), _weights(whole))
