"""Early stopping, callbacks and checkpoints: what goes on between the epochs of a training."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.test_learning_stack import NETWORKS, make_member, vary, weights
from workoutlab.errors import InputError
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.engines import train_members
from workoutlab.learning.networks import MLP
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.training import Training


def hold(member, patience):
    """Learn on two thirds of the windows, most of them mislabelled, and hold out the rest."""
    places = np.arange(len(member.targets))
    held = places % 3 == 0
    noise = np.random.default_rng(len(places)).integers(0, member.classes, len(places))
    targets = np.where(held, member.targets, noise)
    training = replace(member.training, patience=patience, epochs=30, smoothing=0.0)
    return replace(
        member, targets=targets, train=places[~held], held=places[held], training=training
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_patience__keeps_the_weights_of_each_members_best_epoch(optimizer, engine):
    settings = {
        "optimizer": optimizer,
        "rate": {"sgd": 0.03, "adam": 0.01, "lbfgs": 1.0}[optimizer],
    }
    cohort = [hold(each, 1 + key) for key, each in enumerate(vary(NETWORKS["mlp"], **settings))]
    cohort.append(replace(hold(cohort[0], None), seed=9))
    outcomes = train_members(cohort, engine)
    for member, outcome in zip(cohort[:-1], outcomes, strict=False):
        losses = [record["held_loss"] for record in outcome.history]
        best = int(np.argmin(losses))
        assert len(losses) == min(best + 1 + member.training.patience, 30)
        chances = outcome.network.predict(member.inputs[member.held])
        truth = member.targets[member.held]
        found = -np.log(chances[np.arange(len(truth)), truth]).mean()
        assert found == pytest.approx(losses[best], rel=1e-4)
        wrong = (chances.argmax(axis=1) != truth).mean()
        assert wrong == pytest.approx(outcome.history[best]["held_error"])
    assert "held_loss" not in outcomes[-1].history[0]
    if optimizer != "lbfgs":
        assert len(outcomes[-1].history) == 30
        assert any(len(outcome.history) < 30 for outcome in outcomes)


@pytest.mark.parametrize("name", ["tanh", "conv"])
def test_patience__works_for_every_kind_of_network(name):
    cohort = [hold(each, 2) for each in vary(NETWORKS[name])]
    together = train_members(cohort, StackedEngine("cpu"))
    for member, outcome in zip(cohort, together, strict=True):
        [alone] = train_members([member], "separate")
        np.testing.assert_allclose(weights(outcome), weights(alone), atol=1e-5)
        best = min(record["held_error"] for record in outcome.history)
        assert 0 <= best <= 1


def test_patience__asks_for_held_out_windows():
    [failed] = train_members([make_member(0, 20, 2, Training(MLP(3), patience=2))])
    assert "patience 2: expected held-out windows" in str(failed)


class Recorder(Callback):
    """Writes everything down."""

    def __init__(self):
        self.heard = []

    def fit_begins(self, record):
        self.heard.append(("fit begins", record))

    def fit_ends(self, record):
        self.heard.append(("fit ends", record))

    def epoch_begins(self, record):
        self.heard.append(("epoch begins", record))

    def epoch_ends(self, record):
        self.heard.append(("epoch ends", record))

    def step_begins(self, record):
        self.heard.append(("step begins", record))

    def step_ends(self, record):
        self.heard.append(("step ends", record))


@pytest.mark.parametrize("optimizer", ["sgd", "lbfgs"])
@pytest.mark.parametrize("engine", ["separate", "stacked"])
def test_callbacks__hear_fits_epochs_and_steps_in_order(optimizer, engine):
    cohort = vary(NETWORKS["mlp"], optimizer=optimizer)
    recorder = Recorder()
    outcomes = train_members(cohort, engine, callbacks=[recorder])
    silent = train_members(cohort, StackedEngine("cpu"))
    for member, outcome, other in zip(cohort, outcomes, silent, strict=True):
        own = [(hook, record) for hook, record in recorder.heard if record["key"] == member.key]
        hooks = [hook for hook, _ in own]
        assert hooks[:2] == ["fit begins", "epoch begins"]
        assert hooks[-2:] == ["epoch ends", "fit ends"]
        assert own[0][1]["windows"] == outcome.windows
        ended = [record for hook, record in own if hook == "epoch ends"]
        assert ended == [{"key": member.key, **record} for record in outcome.history]
        begun = [record["epoch"] for hook, record in own if hook == "epoch begins"]
        assert begun == list(range(len(ended)))
        steps = [record for hook, record in own if hook == "step ends"]
        assert len(steps) == outcome.steps == hooks.count("step begins")
        assert all(np.isfinite(record["loss"]) for record in steps)
        tolerance = 2e-3 if optimizer == "lbfgs" else 1e-5
        np.testing.assert_allclose(weights(outcome), weights(other), atol=tolerance)


def test_callbacks__can_be_sent_to_workers():
    assert pickle.loads(pickle.dumps(Recorder())).heard == []
    checkpoints = pickle.loads(pickle.dumps(Checkpoints("there", every=3)))
    assert checkpoints.every == 3


class Killed(Exception):
    pass


class Killer(Callback):
    """Ends the process, as it were, after some epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def epoch_ends(self, _record):
        self.left -= 1
        if not self.left:
            raise Killed


@pytest.mark.parametrize("patience", [None, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_checkpoints__lead_to_the_network_of_an_undisturbed_training(
    optimizer, name, patience, tmp_path
):
    cohort = vary(NETWORKS[name], optimizer=optimizer, epochs=6, rate=0.01)
    if patience:
        cohort = [hold(member, patience) for member in cohort]
    undisturbed = [train_members([member], "separate")[0] for member in cohort]
    checkpoints = Checkpoints(tmp_path / "here", every=2)
    for epochs in (5, 9):
        with pytest.raises(Killed):
            train_members(cohort, StackedEngine("cpu"), [checkpoints, Killer(epochs)])
    recorder = Recorder()
    for member, expected in zip(cohort, undisturbed, strict=True):
        [resumed] = train_members([member], "separate", [checkpoints, recorder])
        tolerance = 5e-3 if optimizer == "lbfgs" else 1e-5
        np.testing.assert_allclose(weights(resumed), weights(expected), atol=tolerance)
        assert resumed.steps == expected.steps
        assert len(resumed.history) == len(expected.history)
    epochs = [record["epoch"] for hook, record in recorder.heard if hook == "epoch begins"]
    assert len(epochs) < sum(len(outcome.history) for outcome in undisturbed)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_checkpoints__lead_to_the_same_bits_alone(optimizer, tmp_path):
    epochs = 60 if optimizer == "lbfgs" else 6  # until nothing is left to gain
    [member] = vary(NETWORKS["mlp"], optimizer=optimizer, epochs=epochs, rate=None)[:1]
    [undisturbed] = train_members([member], "separate", [Callback()])
    with pytest.raises(Killed):
        train_members([member], "separate", [Checkpoints(tmp_path), Killer(3)])
    [resumed] = train_members([member], "separate", [Checkpoints(tmp_path)])
    assert weights(resumed).tobytes() == weights(undisturbed).tobytes()
    assert resumed.history == undisturbed.history
    [again] = train_members([member], "separate", [Checkpoints(tmp_path)])
    assert weights(again).tobytes() == weights(undisturbed).tobytes()


def test_checkpoints__of_other_windows_or_settings_are_not_taken_up(tmp_path):
    [member] = vary(NETWORKS["mlp"], epochs=2)[:1]
    train_members([member], "separate", [Checkpoints(tmp_path)])
    others = [
        replace(member, inputs=member.inputs + member.inputs**2),
        replace(member, seed=3),
        replace(member, training=replace(member.training, rate=0.5)),
        replace(member, key="somebody else"),
    ]
    for other in others:
        [fresh] = train_members([other], "separate", [Callback()])
        [saved] = train_members([other], "separate", [Checkpoints(tmp_path)])
        assert weights(saved).tobytes() == weights(fresh).tobytes()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + len(others)
    assert {file.suffix for file in files} == {".safetensors"}
    with safe_open(files[0], framework="np") as file:
        assert "history" in file.metadata()["facts"]


def test_checkpoints__refuse_to_be_saved_never():
    with pytest.raises(InputError, match="every: expected >= 1, got 0"):
        Checkpoints("there", every=0)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", "cut", "foreign"])
def test_checkpoints__that_are_damaged_are_replaced(content, tmp_path):
    member = make_member(1, 40, 3, Training(NETWORKS["mlp"], epochs=2))
    [whole] = train_members([member], "stacked", [Checkpoints(tmp_path)])
    [path] = tmp_path.glob("*.safetensors")
    if content == "foreign":
        save_file({"0": np.zeros(3)}, path)
    else:
        path.write_bytes(path.read_bytes()[:99] if content == "cut" else content)
    [again] = train_members([member], "stacked", [Checkpoints(tmp_path)])
    np.testing.assert_array_equal(weights(again), weights(whole))
    assert Checkpoints(tmp_path).load(path) is not None
