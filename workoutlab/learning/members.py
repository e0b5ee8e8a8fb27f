"""What one network is trained on, checked and made ready for an engine."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workoutlab.errors import TrainingError
from workoutlab.learning.architectures import Shapes
from workoutlab.learning.randomness import draw_bits, draw_order, make_key
from workoutlab.learning.scaling import Scaler, fit_scaler
from workoutlab.learning.training import Training
from workoutlab.learning.weights import Floats, Layers, draw_weights

__all__ = [
    "Fitted",
    "History",
    "Member",
    "Prepared",
    "Shared",
    "balance_rows",
    "prepare_member",
]

Integers = npt.NDArray[np.int64]
History = tuple[dict[str, Any], ...]
"""Of each epoch ``epoch``, ``loss``, ``rate``; with patience ``held_loss`` and ``held_error``."""


@dataclass(frozen=True, eq=False)
class Member:
    """The training windows of one network.

    Parameters
    ----------
    key
        Names it in errors: the person.
    inputs
        Shape (window, input), float32; NaN where an input is not known. Many members may share
        them: nothing copies them before a member's turn.
    targets
        Shape (window,), the class of each window: 0 to `classes` - 1.
    classes
        Number of classes, two or more.
    seed
        Decides initial weights, order of windows and dropped units; the training's own does not.
    training
        How it is trained.
    train
        Positions of the windows that are trained on; all by default.
    held
        Positions of held-out windows, whose loss decides when training stops; none by default.
    initial
        The matrix of each layer to start from, biases last; drawn by default.
    """

    key: str
    inputs: Floats
    targets: npt.NDArray[np.integer]
    classes: int
    seed: int
    training: Training
    train: npt.NDArray[np.integer] | None = None
    held: npt.NDArray[np.integer] | None = None
    initial: Layers | None = None


@dataclass(frozen=True, eq=False)
class _Windows:
    """Windows as engines take them, and what was done to their inputs."""

    inputs: Floats
    targets: Integers
    held_inputs: Floats
    held_targets: Integers
    scaler: Scaler


Shared = MutableMapping[tuple[object, ...], _Windows]
"""Windows that were made ready before, for members that share them."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A member as engines take it: finite, scaled, with its order of repeated windows.

    Parameters
    ----------
    key, classes, seed, training, initial
        Of the member.
    inputs, targets
        Shape (window, input), finite and scaled, and (window,): the windows that are trained on.
    held_inputs, held_targets
        The same of held-out windows.
    rows
        Windows of an epoch, rare classes repeated.
    scaler
        What was done to the member's inputs.
    """

    key: str
    classes: int
    seed: int
    training: Training
    initial: Layers | None
    inputs: Floats
    targets: Integers
    held_inputs: Floats
    held_targets: Integers
    rows: Integers
    scaler: Scaler

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of inputs, of outputs of each layer, and of classes."""
        outputs = (outputs for _, outputs in self.shapes[:-1])
        return (self.inputs.shape[1], *outputs, self.classes)

    @property
    def shapes(self) -> Shapes:
        """Shape of each layer's matrix, biases left out."""
        return self.training.network.shapes(self.inputs.shape[1], self.classes)

    @property
    def batch(self) -> int:
        """Windows in a step."""
        batch = None if self.training.optimizer == "lbfgs" else self.training.batch
        return min(batch or len(self.rows), len(self.rows))

    @property
    def steps(self) -> int:
        """Number of steps of an epoch; the last may have fewer windows."""
        return -(-len(self.rows) // self.batch)

    def order(self, epoch: int) -> Integers:
        """Return the windows of an epoch in the order in which they are trained on."""
        return self.rows[draw_order(make_key(self.seed, "order", epoch), len(self.rows))]

    def dropout_bits(self, count: int) -> npt.NDArray[np.int32]:
        """Return a random integer for each row of each step, those of short steps included."""
        return draw_bits(make_key(self.seed, "dropout"), count)

    def first_layers(self) -> Layers:
        """Return the layers that training starts from, the caller's to change."""
        if self.initial is not None:
            return [np.array(layer, np.float32) for layer in self.initial]
        return draw_weights(self.training.network, self.shapes, self.seed)


@dataclass(frozen=True, eq=False)
class Fitted:
    """What an engine made of a member.

    Parameters
    ----------
    member
        The member as it was trained.
    layers
        The trained matrix of each layer.
    steps
        Number of steps that were taken.
    history
        A record of each epoch.
    """

    member: Prepared
    layers: Layers
    steps: int
    history: History


def prepare_member(member: Member, shared: Shared | None = None) -> Prepared:
    """Check a member and make it ready for an engine.

    Parameters
    ----------
    member
        The member.
    shared
        Windows of members prepared before; those of the same inputs and positions are made once.

    Raises
    ------
    TrainingError
        If no network can be trained on it; the message says why.
    """
    _check_member(member)
    shared = {} if shared is None else shared
    key = _describe_windows(member)
    if key not in shared:
        shared[key] = _prepare_windows(member)
    windows = shared[key]
    prepared = Prepared(
        key=member.key,
        classes=member.classes,
        seed=member.seed,
        training=member.training,
        initial=member.initial,
        **vars(windows),
        rows=balance_rows(windows.targets, member.training.balance),
    )
    _check_initial(prepared)
    return prepared


def _describe_windows(member: Member) -> tuple[object, ...]:
    """Return what windows are known by; the arrays behind the numbers live as long as members."""
    positions = [
        None if rows is None else np.asarray(rows, np.int64).tobytes()
        for rows in (member.train, member.held)
    ]
    return (id(member.inputs), id(member.targets), *positions, member.training.scaling)


def _prepare_windows(member: Member) -> _Windows:
    inputs, targets = _take(member, member.train)
    _check_finite(inputs, member)
    held = np.zeros(0, np.int64) if member.held is None else member.held
    held_inputs, held_targets = _take(member, held)
    _check_finite(held_inputs, member)
    scaler = fit_scaler(member.training.scaling or "standard", inputs)
    return _Windows(scaler.apply(inputs), targets, scaler.apply(held_inputs), held_targets, scaler)


def _take(member: Member, rows: npt.NDArray[np.integer] | None) -> tuple[Floats, Integers]:
    every = slice(None) if rows is None else rows
    inputs = np.ascontiguousarray(member.inputs[every], np.float32)
    return inputs, np.asarray(member.targets[every], np.int64)


def _check_member(member: Member) -> None:
    windows = len(member.inputs)
    if member.inputs.ndim != 2 or not member.inputs.size:
        raise TrainingError(f"no windows to train on: inputs of shape {member.inputs.shape}")
    if len(member.targets) != windows:
        raise TrainingError(f"{windows} windows, but {len(member.targets)} labels")
    if member.classes < 2:
        trained = windows if member.train is None else len(member.train)
        raise TrainingError(
            f"{trained} windows of one exercise; expected two exercises or more to tell apart"
        )
    if member.targets.min() < 0 or member.targets.max() >= member.classes:
        raise TrainingError(f"expected labels from 0 to {member.classes - 1}")
    if member.train is not None and not len(member.train):
        raise TrainingError(f"no windows to train on: none of {windows} is among them")
    if member.training.patience is not None and (member.held is None or not len(member.held)):
        raise TrainingError(
            f"patience {member.training.patience}: expected held-out windows, whose loss says "
            "when to stop, got none"
        )


def _check_finite(inputs: Floats, member: Member) -> None:
    if np.isinf(inputs).any():
        window = int(np.flatnonzero(np.isinf(inputs).any(axis=1))[0])
        raise TrainingError(f"window {window} has infinite inputs; expected finite numbers")
    if member.training.scaling == "none" and np.isnan(inputs).any():
        window = int(np.flatnonzero(np.isnan(inputs).any(axis=1))[0])
        raise TrainingError(
            f"window {window} has unknown inputs (NaN), which need scaling='standard' say: "
            "they then count as the mean"
        )


def _check_initial(member: Prepared) -> None:
    if member.initial is None:
        return
    expected = [(inputs + 1, outputs) for inputs, outputs in member.shapes]
    came = [np.shape(layer) for layer in member.initial]
    if came != expected:
        raise TrainingError(f"initial layers: expected shapes {expected}, got {came}")


def balance_rows(targets: npt.NDArray[np.integer], most: int) -> Integers:
    """Return the windows of an epoch: those of rare classes repeated, `most` times at most.

    Examples
    --------
    >>> balance_rows(np.array([0, 0, 0, 0, 1, 2, 2]), most=3).tolist()
    [0, 1, 2, 3, 4, 4, 4, 5, 5, 6, 6]
    """
    counts = np.bincount(targets)
    times = np.clip(counts.max() // np.maximum(counts, 1), 1, most)
    return np.repeat(np.arange(len(targets)), times[targets]).astype(np.int64)
