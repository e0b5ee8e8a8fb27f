"""Member by member: what a CPU core wants, whose cache holds one network.

There is no autograd: the backward pass is written out, every product writes where its result is
needed, and the one that makes a gradient adds it to the decayed velocity in the same pass.
Buffers and views of them are made once, because a step takes about as long as making them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from workoutlab.errors import TrainingError
from workoutlab.learning.architectures import MLP
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.firstlayer import (
    Descent,
    DirectLayer,
    DualLayer,
    FirstLayer,
    dual_is_cheaper,
)
from workoutlab.learning.members import Fitted, Member, Prepared, Shared, prepare_member
from workoutlab.learning.randomness import drop_units, unit_bits
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.threads import one_thread
from workoutlab.learning.training import Training

__all__ = ["SeparateEngine", "is_fused"]

_LEAST_CHANCE = 1e-38  # whose logarithm is finite
_SHARED = 8  # more than the folds of a person

_backpropagate_relu = torch.ops.aten.threshold_backward.grad_input


@dataclass(frozen=True)
class SeparateEngine:
    """Trains a cohort member by member, each on one core.

    What the fused program does not cover is trained as a stack of one member.
    """

    def fit(
        self, members: Sequence[Member], callbacks: Sequence[Callback] = ()
    ) -> list[Fitted | TrainingError]:
        """Return what came of each member, in order."""
        shared: Shared = {}
        with one_thread(), torch.inference_mode():
            return [_fit(member, callbacks, shared) for member in members]


def is_fused(training: Training) -> bool:
    """Return whether the fused program covers a training.

    Examples
    --------
    >>> is_fused(Training(MLP(250, 50))), is_fused(Training(MLP(250, 50), optimizer="adam"))
    (True, False)
    """
    network = training.network
    return (
        isinstance(network, MLP)
        and bool(network.hidden)
        and (network.activation, network.link) == ("relu", "softmax")
        and (training.optimizer, training.schedule) == ("sgd", "constant")
        and not training.smoothing
        and training.patience is None
    )


def _fit(member: Member, callbacks: Sequence[Callback], shared: Shared) -> Fitted | TrainingError:
    if callbacks or not is_fused(member.training):
        return StackedEngine("cpu").fit([member], callbacks)[0]
    try:
        prepared = prepare_member(member, shared)
    except TrainingError as error:
        return error
    while len(shared) > _SHARED:
        del shared[next(iter(shared))]  # the oldest: few members of a cohort share windows
    return _Run(prepared).fit()


class _Buffers:
    """What a step of `rows` windows writes.

    A layer's outputs have one more column for the biases of the next. Outputs stay as ReLU
    leaves them and the next product divides by the chance to be kept, so that column holds that
    chance, to make 1.
    """

    def __init__(self, rows: int, member: Prepared, keep: float) -> None:
        hidden = member.sizes[1:-1]
        self.outputs = [torch.full((rows, units + 1), keep) for units in hidden]
        self.active = [output[:, :-1] for output in self.outputs]
        self.transposed = [output.t() for output in self.outputs]
        self.errors = [torch.empty(rows, units) for units in hidden]
        self.scores = torch.empty(rows, member.sizes[-1])


class _Addends:
    """What is added to each activation of an epoch to drop units; zeros where none are dropped."""

    def __init__(self, member: Prepared, pieces: Sequence[slice]) -> None:
        training = member.training
        self._rows = len(pieces) * member.batch
        self._keep = training.network.dropout_keep
        self._bits = torch.from_numpy(member.dropout_bits(self._rows * training.epochs))
        columns = _hidden_columns(training)
        self._units = torch.from_numpy(unit_bits(columns[-1].stop))
        self._all = torch.zeros(self._rows, 2 * len(self._units))
        self.of_step = [[self._all[piece, column] for column in columns] for piece in pieces]

    def begin(self, epoch: int) -> None:
        """Draw those of an epoch."""
        if self._keep < 1:
            rows = self._bits[epoch * self._rows : (epoch + 1) * self._rows]
            drop_units(rows, self._units, self._keep, out=self._all)


def _hidden_columns(training: Training) -> list[slice]:
    assert isinstance(training.network, MLP)  # the fused program covers no other
    return training.network.columns()


class _Run:
    """The training of one member."""

    def __init__(self, member: Prepared) -> None:
        training = member.training
        self._member, self._training = member, training
        self._descent = Descent.of(training)
        self._keep = training.network.dropout_keep
        length = len(member.rows)
        starts = range(0, length, member.batch)
        pieces = [slice(start, min(start + member.batch, length)) for start in starts]
        initial, *self._weights = [torch.from_numpy(layer) for layer in member.first_layers()]
        self._backward = [weights[:-1].t() for weights in self._weights]
        self._velocities = [torch.zeros_like(weights) for weights in self._weights]
        self._first = self._make_first(initial, pieces)
        self._addends = _Addends(member, pieces)
        rows = [piece.stop - piece.start for piece in pieces]
        buffers = {count: _Buffers(count, member, self._keep) for count in set(rows)}
        self._buffers = [buffers[count] for count in rows]
        self._hot = torch.eye(member.sizes[-1])[torch.from_numpy(member.targets)]
        self._ordered = torch.empty(length, member.sizes[-1])
        self._targets = [self._ordered[piece] for piece in pieces]
        self._chances = torch.empty_like(self._ordered)
        self._chances_of_step = [self._chances[piece] for piece in pieces]

    def _make_first(self, weights: torch.Tensor, pieces: Sequence[slice]) -> FirstLayer:
        inputs = torch.from_numpy(self._member.inputs)
        inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
        if dual_is_cheaper(
            windows=len(inputs),
            inputs=inputs.shape[1],
            outputs=weights.shape[1],
            batch=self._member.batch,
            steps=self._training.epochs * len(pieces),
        ):
            return DualLayer(inputs, weights, pieces, self._descent, epochs=self._training.epochs)
        return DirectLayer(inputs, weights, pieces, self._descent)

    def fit(self) -> Fitted:
        losses = [self._train_epoch(epoch) for epoch in range(self._training.epochs)]
        rate = self._training.first_rate
        return Fitted(
            self._member,
            [weights.numpy() for weights in (self._first.weights(), *self._weights)],
            steps=self._member.steps * len(losses),
            history=tuple(
                {"epoch": epoch, "loss": loss, "rate": rate} for epoch, loss in enumerate(losses)
            ),
        )

    def _train_epoch(self, epoch: int) -> float:
        """Train for an epoch and return the mean loss of its windows."""
        order = torch.from_numpy(self._member.order(epoch))
        torch.index_select(self._hot, 0, order, out=self._ordered)
        self._first.begin(order)
        self._addends.begin(epoch)
        for step, buffers in enumerate(self._buffers):
            self._predict(step, buffers)
            self._learn(step, buffers)
        chances = (self._chances * self._ordered).sum(dim=1)
        return -float(chances.clamp_(min=_LEAST_CHANCE).log_().mean())

    def _predict(self, step: int, buffers: _Buffers) -> None:
        addends = self._addends.of_step[step]
        grow = 1 / self._keep
        self._first.forward(step, addends[0], buffers.active[0])
        buffers.active[0].relu_()
        for before, weights, addend, active in zip(
            buffers.outputs, self._weights, addends[1:], buffers.active[1:], strict=False
        ):
            torch.addmm(addend, before, weights, alpha=grow, out=active)
            active.relu_()
        scores = buffers.scores
        torch.addmm(scores, buffers.outputs[-1], self._weights[-1], beta=0, alpha=grow, out=scores)

    def _learn(self, step: int, buffers: _Buffers) -> None:
        errors, chances = buffers.scores, self._chances_of_step[step]
        torch.softmax(errors, 1, out=chances)
        # The softmax's cross-entropy has this gradient: p - target.
        torch.sub(chances, self._targets[step], out=errors)
        grow = 1 / self._keep
        for layer in reversed(range(len(self._weights))):
            before = buffers.errors[layer]
            torch.addmm(before, errors, self._backward[layer], beta=0, alpha=grow, out=before)
            # A dropped unit is zero like one that ReLU cut off: nothing flows back through either.
            _backpropagate_relu(before, buffers.active[layer], 0, grad_input=before)
            self._descent.move(
                self._weights[layer],
                self._velocities[layer],
                inputs=buffers.transposed[layer],
                errors=errors,
                share=grow / len(errors),
            )
            errors = before
        self._first.learn(step, errors)
