"""All members of a cohort in one batched torch program: what a GPU wants.

The members' weights lie one behind the other, and a step is a few batched products for all of
them. Members with fewer steps than others stand last and leave when they are done, so that those
still training are a slice without a copy. Short batches are filled up with rows that count
nothing, and classes that a member does not have get no probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.architectures import MLP
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.firstlayer import Descent
from workoutlab.learning.members import Fitted, Member, Prepared, Shared, prepare_member
from workoutlab.learning.networks import Layers
from workoutlab.learning.randomness import drop_units, unit_bits
from workoutlab.learning.threads import one_thread

__all__ = ["StackedEngine"]

_IMPOSSIBLE = -1e30  # the score of a class that a member does not have


@dataclass(frozen=True)
class StackedEngine:
    """Trains all members of a cohort at once.

    Parameters
    ----------
    device
        A torch device, ``"cpu"`` or ``"cuda"`` say; by default the GPU where there is one.
    """

    device: str = ""

    def fit(
        self, members: Sequence[Member], callbacks: Sequence[Callback] = ()
    ) -> list[Fitted | TrainingError]:
        """Return what came of each member, in order."""
        outcomes: list[Fitted | TrainingError] = []
        cohort: list[Prepared] = []
        shared: Shared = {}
        for member in members:
            try:
                cohort.append(prepare_member(member, shared))
            except TrainingError as error:
                outcomes.append(error)
            else:
                outcomes.append(TrainingError("was not trained"))
        _check_supported(cohort, callbacks)
        fitted = iter(self._fit(cohort))
        for place, outcome in enumerate(outcomes):
            if str(outcome) == "was not trained":
                outcomes[place] = next(fitted)
        return outcomes

    def _fit(self, cohort: Sequence[Prepared]) -> list[Fitted]:
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        stacks: dict[str, list[int]] = {}
        for place in sorted(range(len(cohort)), key=lambda place: -cohort[place].steps):
            stacks.setdefault(
                f"{cohort[place].training.digest()} {cohort[place].inputs.shape[1]}", []
            ).append(place)
        fitted: dict[int, Layers] = {}
        with one_thread(), torch.inference_mode():
            for places in stacks.values():
                stack = _Stack([cohort[place] for place in places], device)
                fitted.update(zip(places, stack.fit(), strict=True))
        return [
            Fitted(member, fitted[place], member.steps * member.training.epochs, history=())
            for place, member in enumerate(cohort)
        ]


def _check_supported(cohort: Sequence[Prepared], callbacks: Sequence[Callback]) -> None:
    from workoutlab.learning.separate import is_fused

    for member in cohort:
        training = member.training
        plain = (training.schedule, training.smoothing) == ("constant", 0)
        if callbacks or not plain or not is_fused(training) or training.batch is None:
            raise InputError(
                f"{member.key}: no engine trains with these settings yet: {member.training}"
            )


@dataclass(frozen=True)
class _Plan:
    """What happens in each step of each member; shape (member, step, row) throughout.

    ``rows`` are windows, counted through all members; ``shares`` what a row counts in its step,
    0 where it only fills up a batch; ``bits`` decide which units are dropped.
    """

    rows: torch.Tensor
    shares: torch.Tensor
    bits: torch.Tensor

    @classmethod
    def of(cls, members: Sequence[Prepared], device: torch.device) -> "_Plan":
        """Lay out the steps of all members, zero after a member's last."""
        training = members[0].training
        steps = max(member.steps for member in members) * training.epochs
        shape = (len(members), steps, members[0].batch)
        rows, shares, bits = (np.zeros(shape, dtype) for dtype in ("int64", "float32", "int32"))
        first = 0
        for place, member in enumerate(members):
            total = member.steps * training.epochs
            shares[place, :total] = _shares(member)
            rows[place, :total] = first + _rows(member)
            drawn = member.dropout_bits(total * member.batch)
            bits[place, :total] = drawn.reshape(total, member.batch)
            first += len(member.inputs)
        return cls(*(torch.from_numpy(array).to(device) for array in (rows, shares, bits)))


def _rows(member: Prepared) -> npt.NDArray[np.int64]:
    """Return the member's windows of each step, short batches filled up with its first window."""
    training = member.training
    padded = np.zeros((training.epochs, member.steps * member.batch), np.int64)
    for epoch in range(training.epochs):
        padded[epoch, : len(member.rows)] = member.order(epoch)
    return padded.reshape(-1, member.batch)


def _shares(member: Prepared) -> npt.NDArray[np.float32]:
    """Return what each row of each step counts: one over the windows of the step, or nothing."""
    steps = member.steps
    real = np.arange(steps * member.batch).reshape(steps, -1) < len(member.rows)
    shares = (real / real.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.tile(shares, (member.training.epochs, 1))


class _Stack:
    """The training of members that come in falling order of their number of steps."""

    def __init__(self, members: Sequence[Prepared], device: torch.device) -> None:
        training = members[0].training
        self._members, self._training, self._device = members, training, device
        self._descent = Descent.of(training)
        self._keep = training.network.dropout_keep
        self._plan = _Plan.of(members, device)
        assert isinstance(training.network, MLP)
        self._columns = training.network.columns()
        self._units = torch.from_numpy(unit_bits(self._columns[-1].stop)).to(device)
        self._classes = max(member.sizes[-1] for member in members)
        inputs = np.concatenate([member.inputs for member in members])
        self._inputs = torch.nn.functional.pad(torch.from_numpy(inputs), (0, 1), value=1).to(device)
        targets = np.concatenate([member.targets for member in members])
        self._hot = torch.eye(self._classes)[torch.from_numpy(targets)].to(device)
        has = [np.arange(self._classes) < member.sizes[-1] for member in members]
        possible = np.where(np.stack(has), 0, _IMPOSSIBLE).astype(np.float32)
        self._possible = torch.from_numpy(possible).to(device)[:, None]
        self._weights = self._draw_weights()
        self._velocities = [torch.zeros_like(weights) for weights in self._weights]

    def _draw_weights(self) -> list[torch.Tensor]:
        drawn = [member.first_layers() for member in self._members]
        for layers in drawn:
            layers[-1] = np.pad(layers[-1], ((0, 0), (0, self._classes - layers[-1].shape[1])))
        stacks = [np.stack(layers) for layers in zip(*drawn, strict=True)]
        return [torch.from_numpy(stack).to(self._device) for stack in stacks]

    def fit(self) -> list[Layers]:
        """Train, and return the layers of each member's network."""
        totals = [member.steps for member in self._members]
        for step in range(totals[0] * self._training.epochs):
            active = sum(total * self._training.epochs > step for total in totals)
            self._train_step(step, active)
        fitted = [
            list(layers) for layers in zip(*(w.cpu().numpy() for w in self._weights), strict=True)
        ]
        for layers, member in zip(fitted, self._members, strict=True):
            layers[-1] = layers[-1][:, : member.sizes[-1]]
        return fitted

    def _train_step(self, step: int, active: int) -> None:
        rows = self._plan.rows[:active, step]
        weights = [stack[:active] for stack in self._weights]
        outputs = self._activate(step, weights, self._inputs[rows])
        scores = torch.baddbmm(
            self._possible[:active], outputs[-1], weights[-1], alpha=1 / self._keep
        )
        errors = torch.softmax(scores, dim=2).sub_(self._hot[rows])
        self._learn(outputs, weights, errors.mul_(self._plan.shares[:active, step, :, None]))

    def _activate(
        self, step: int, weights: list[torch.Tensor], inputs: torch.Tensor
    ) -> list[torch.Tensor]:
        """Return the inputs of every layer, each with the column that meets the biases."""
        addends = self._draw_addends(step, len(inputs))
        outputs, grow = [inputs], 1.0
        for stack, column in zip(weights, self._columns, strict=False):
            active = torch.baddbmm(addends[..., column], outputs[-1], stack, alpha=grow).relu_()
            outputs.append(torch.nn.functional.pad(active, (0, 1), value=self._keep))
            grow = 1 / self._keep
        return outputs

    def _draw_addends(self, step: int, active: int) -> torch.Tensor:
        shape = (active, self._members[0].batch, 2 * len(self._units))
        addends = torch.zeros(shape, device=self._device)
        if self._keep < 1:
            drop_units(self._plan.bits[:active, step], self._units, self._keep, out=addends)
        return addends

    def _learn(
        self, outputs: list[torch.Tensor], weights: list[torch.Tensor], errors: torch.Tensor
    ) -> None:
        for layer in reversed(range(len(weights))):
            before, grow = outputs[layer], 1 / self._keep if layer else 1.0
            backward = (
                torch.bmm(errors, weights[layer][:, :-1].transpose(1, 2)) if layer else errors
            )
            self._descent.move(
                weights[layer],
                self._velocities[layer][: len(errors)],
                inputs=before.transpose(1, 2),
                errors=errors,
                share=grow,
            )
            # A dropped unit is zero like one that ReLU cut off: nothing flows back through either.
            errors = backward.mul_(grow).mul_(before[..., :-1] > 0) if layer else errors
