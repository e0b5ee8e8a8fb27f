"""The training of a stack: epochs of each member, until the last one leaves.

Every member goes at its own pace through its own epochs. Those still in training lie in the
first places of every tensor; when one leaves, the last takes its place.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workoutlab.learning.callbacks import Listeners
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.members import Fitted, Prepared
from workoutlab.learning.optimizers import Number, StepSettings, make_optimizer
from workoutlab.learning.program import Ends, Program
from workoutlab.learning.randomness import draw_orders, make_key
from workoutlab.learning.stopping import Stopping

__all__ = ["Descent", "Stack"]

Integers = npt.NDArray[np.int64]


class Stack(ABC):
    """Members in training.

    Parameters
    ----------
    members
        All of one shape but for the number of classes.
    device
        Where they are trained.
    listeners
        Who is told.
    checkpoints
        Where members are saved and taken up again, if anywhere.
    """

    def __init__(
        self,
        members: Sequence[Prepared],
        device: torch.device,
        listeners: Listeners,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.members, self.device, self.listeners = members, device, listeners
        self.program = Program(members, device)
        self.places = list(range(len(members)))
        self.epochs = np.zeros(len(members), np.int64)
        self.steps = np.zeros(len(members), np.int64)
        self._checkpoints = checkpoints
        self._paths = [checkpoints.find(member) for member in members] if checkpoints else []
        self._fitted: dict[int, Fitted] = {}
        self._histories: list[list[dict[str, Any]]] = [[] for _ in members]
        self._stopping = [Stopping(member.training.patience) for member in members]
        self._patient = any(member.training.patience is not None for member in members)
        self._held = self.program.list_held()
        self.parameters: list[Tensor] = self.program.load()
        self._best = [layer.clone() for layer in self.parameters] if self._patient else []

    @property
    def active(self) -> int:
        """Number of members in training."""
        return len(self.places)

    @property
    @abstractmethod
    def state(self) -> list[Tensor]:
        """What the optimizer remembers, with the axis of members first."""

    @abstractmethod
    def list_saved(self) -> tuple[list[list[Tensor]], list[Tensor]]:
        """Return the part of the state that checkpoints hold: by layer, and what has none."""

    @abstractmethod
    def advance(self) -> None:
        """Take the next step of all members in training."""

    def fit(self) -> list[Fitted]:
        """Train all members, and return what came of each."""
        for place, member in enumerate(self.members):
            self.listeners.tell(
                "fit_begins",
                key=member.key,
                windows=len(member.inputs),
                steps=member.steps * member.training.epochs,
                epochs=member.training.epochs,
            )
            self._resume(place)
        self.leave([place for place in range(self.active) if self.is_done(place)])
        self.begin_epochs(range(self.active))
        while self.active:
            self.advance()
        return [self._fitted[place] for place in range(len(self.members))]

    def begin_epochs(self, slots: Sequence[int]) -> None:
        """Tell of epochs that begin."""
        if self.listeners.hear("epoch_begins"):
            for slot in slots:
                key = self.members[self.places[slot]].key
                self.listeners.tell("epoch_begins", key=key, epoch=int(self.epochs[slot]))

    def end_epochs(
        self, slots: Sequence[int], losses: Sequence[float], rates: Sequence[float]
    ) -> list[int]:
        """Conclude the epoch of some members, and return those who are not done."""
        if not slots:
            return []
        held = self._judge(slots)
        for slot, loss, rate in zip(slots, losses, rates, strict=True):
            record = {"epoch": int(self.epochs[slot]), "loss": float(loss), "rate": float(rate)}
            record.update(held.get(slot, {}))
            self._histories[self.places[slot]].append(record)
        improved = [
            slot
            for slot, record in held.items()
            if self._stopping[self.places[slot]].improves(record["held_loss"])
        ]
        if improved:
            chosen = torch.tensor(improved, device=self.device)
            for best, layer in zip(self._best, self.parameters, strict=True):
                best.index_copy_(0, chosen, layer[chosen])
        self.epochs[slots] += 1
        for slot in slots:
            member, history = self.members[self.places[slot]], self._histories[self.places[slot]]
            self._save(slot)
            self.listeners.tell("epoch_ends", key=member.key, **history[-1])
        return [slot for slot in slots if not self.is_done(slot)]

    def is_done(self, slot: int) -> bool:
        """Return whether a member's training is over."""
        place = self.places[slot]
        most = self.members[place].training.epochs
        return bool(self.epochs[slot] >= most) or self._stopping[place].ended

    def _judge(self, slots: Sequence[int]) -> dict[int, dict[str, float]]:
        """Return loss and error on held-out windows of those who wait for it."""
        patient = [
            slot for slot in slots if self.members[self.places[slot]].training.patience is not None
        ]
        if not patient:
            return {}
        parameters = [layer[patient] for layer in self.parameters]
        places = [self.places[slot] for slot in patient]
        losses, errors = self.program.judge(parameters, places, self._held)
        return {
            slot: {"held_loss": float(loss), "held_error": float(error)}
            for slot, loss, error in zip(patient, losses, errors, strict=True)
        }

    def leave(self, slots: Sequence[int]) -> None:
        """Conclude members that are done, and close the gaps."""
        if not len(slots):
            return
        self._conclude(slots)
        tensors = [*self.parameters, *self._best, *self.state]
        for slot in sorted(slots, reverse=True):
            last = self.active - 1
            if slot != last:
                for tensor in tensors:
                    tensor[slot] = tensor[last]
                self.move(last, slot)
                self.places[slot] = self.places[last]
            self.places.pop()
        self.program.settle(self.places)
        self.settle()

    def move(self, source: int, slot: int) -> None:
        """Take over what is known of a member in another slot."""
        for numbers in (self.epochs, self.steps):
            numbers[slot] = numbers[source]

    def settle(self) -> None:  # noqa: B027 - not every kind looks anything up
        """Look up what depends on who is in training."""

    def _conclude(self, slots: Sequence[int]) -> None:
        chosen = torch.tensor(list(slots), device=self.device)
        final = [layer[chosen].cpu().numpy() for layer in self.parameters]
        best = [layer[chosen].cpu().numpy() for layer in self._best]
        for row, slot in enumerate(slots):
            place = self.places[slot]
            member, history = self.members[place], tuple(self._histories[place])
            patient = member.training.patience is not None
            matrices = [layer[row] for layer in (best if patient else final)]
            layers = self.program.store(member, matrices)
            steps = int(self.steps[slot])
            self._fitted[place] = Fitted(member, layers, steps, history)
            self.listeners.tell(
                "fit_ends", key=member.key, steps=steps, epochs=len(history), history=history
            )

    def _save(self, slot: int) -> None:
        place = self.places[slot]
        if self._checkpoints is None or not self._checkpoints.is_due(int(self.epochs[slot])):
            return
        stopping = self._stopping[place]
        facts = {
            "steps": int(self.steps[slot]),
            "history": self._histories[place],
            "best": stopping.best,
            "waited": stopping.waited,
            "more": self.describe(slot),
        }
        arrays = {str(number): view for number, view in enumerate(self._view_saved(slot))}
        self._checkpoints.save(self._paths[place], arrays, json.dumps(facts))

    def _resume(self, slot: int) -> None:
        """Take a member up where its checkpoint left it, if there is one."""
        found = self._checkpoints.load(self._paths[slot]) if self._checkpoints else None
        if found is None:
            return
        arrays, text = found
        for number, view in enumerate(self._view_saved(slot)):
            view.copy_(arrays[str(number)])
        facts = json.loads(text)
        self.steps[slot] = facts["steps"]
        self._histories[slot] = facts["history"]
        self.epochs[slot] = len(facts["history"])
        self._stopping[slot].best = facts["best"]
        self._stopping[slot].waited = facts["waited"]
        self.restore(slot, facts["more"])

    def _view_saved(self, slot: int) -> Iterator[Tensor]:
        """Yield what a checkpoint holds, without the classes that only others in the stack have."""
        member = self.members[self.places[slot]]
        layers, others = self.list_saved()
        best = [self._best] if member.training.patience is not None else []
        for group in [self.parameters, *best, *layers]:
            *front, last = group
            yield from (tensor[slot] for tensor in front)
            yield last[slot][..., : member.shapes[-1][1]]
        yield from (tensor[slot] for tensor in others)

    def describe(self, slot: int) -> dict[str, Any]:
        """Return what else a checkpoint must hold, as JSON takes it."""
        del slot
        return {}

    def restore(self, slot: int, facts: dict[str, Any]) -> None:  # noqa: B027 - as above
        """Take up what :meth:`describe` returned."""


class Descent(Stack):
    """Members trained by first-order steps: SGD or Adam."""

    def __init__(
        self,
        members: Sequence[Prepared],
        device: torch.device,
        listeners: Listeners,
        checkpoints: Checkpoints | None,
    ) -> None:
        super().__init__(members, device, listeners, checkpoints)
        self._optimizer = make_optimizer(members[0].training.optimizer, self.parameters)
        self._table = self.program.list_training()
        self._ordered = torch.zeros_like(self._table.rows)
        self._bits = torch.zeros_like(self._table.rows, dtype=torch.int32)
        # All of a stack have the same batch, or each takes all its windows at once.
        self._batch = max(member.batch for member in members)
        self._sums = torch.zeros(len(members), dtype=torch.float64, device=device)
        self._local = np.zeros(len(members), np.int64)
        self.settle()

    @property
    def state(self) -> list[Tensor]:
        """What the optimizer remembers."""
        return self._optimizer.state

    def list_saved(self) -> tuple[list[list[Tensor]], list[Tensor]]:
        """Return what the optimizer remembers of each layer."""
        state, count = self._optimizer.state, len(self.parameters)
        return [state[first : first + count] for first in range(0, len(state), count)], []

    def settle(self) -> None:
        """Look up what depends on who is in training."""
        chosen = np.array(self.places, np.int64)
        trainings = [self.members[place].training for place in self.places]
        self._counts = self._table.counts[chosen]
        self._batches = np.array([self.members[place].batch for place in self.places], np.int64)
        self._per_epoch = -(-self._counts // self._batches)
        self._first_rates = np.array([training.first_rate for training in trainings])
        self._cosine = np.array([training.schedule == "cosine" for training in trainings], bool)
        self._totals = self._per_epoch * np.array([each.epochs for each in trainings], np.int64)
        self._momentum = self._number([training.momentum for training in trainings])
        self._decay = self._number([training.weight_decay for training in trainings])
        self._device_counts = torch.from_numpy(self._counts).to(self.device)[:, None]
        self._slots = torch.from_numpy(chosen).to(self.device)

    def move(self, source: int, slot: int) -> None:
        """Take over what is known of a member in another slot."""
        super().move(source, slot)
        self._local[slot] = self._local[source]
        self._sums[slot] = self._sums[source]
        self._ordered[slot] = self._ordered[source]
        self._bits[slot] = self._bits[source]

    def begin_epochs(self, slots: Sequence[int]) -> None:
        """Draw the order of windows of epochs that begin, and what decides on dropped units."""
        super().begin_epochs(slots)
        if not len(slots):
            return
        members = [self.members[self.places[slot]] for slot in slots]
        keys = [
            make_key(member.seed, "order", int(self.epochs[slot]))
            for member, slot in zip(members, slots, strict=True)
        ]
        chosen = torch.tensor(list(slots), device=self.device)
        places = self._slots[chosen]
        counts = torch.from_numpy(self._counts[list(slots)]).to(self.device)
        drawn = draw_orders(
            torch.tensor(keys, dtype=torch.int32, device=self.device), counts, self._table.longest
        )
        self._ordered[chosen] = self._table.rows[places].gather(1, drawn)
        firsts = (self.steps[list(slots)] * self._batches[list(slots)]).tolist()
        self._bits[chosen] = self.program.draw_rows(
            [self.places[slot] for slot in slots], firsts, self._table.longest
        )

    def advance(self) -> None:
        """Take the next step of all members in training."""
        active = self.active
        local, numbers = self._local[:active], self.steps[:active]
        rates = self._find_rates(numbers)
        settings = StepSettings(
            self._number(rates),
            self._momentum,
            self._decay,
            self._number(numbers + 1.0, double=True),
        )
        parameters = [layer[:active] for layer in self.parameters]

        def learn(layer: int, factors: tuple[Tensor, Tensor], block: Ends) -> None:
            self._optimizer.learn(layer, parameters[layer], factors, block=block, settings=settings)

        self._tell_step("step_begins", rates)
        rows, shares, bits = self._choose_rows(local)
        loss = self.program.differentiate(parameters, rows, shares, bits, learn)
        self._tell_step("step_ends", rates, loss)
        real = np.minimum(self._batches, self._counts - local * self._batches)
        self._sums[:active] += loss * torch.from_numpy(real).to(self.device)
        local += 1
        numbers += 1
        self._conclude_epochs(rates)

    def _choose_rows(self, local: Integers) -> tuple[Tensor, Tensor, Tensor]:
        """Return the windows of a step, what each counts for, and its random bits."""
        active = self.active
        start = torch.from_numpy(local * self._batches).to(self.device)
        within = start[:, None] + torch.arange(self._batch, device=self.device)
        real = (within < self._device_counts).to(torch.float32)
        within.clamp_(max=self._table.longest - 1)
        rows, bits = (table[:active].gather(1, within) for table in (self._ordered, self._bits))
        return rows, real / real.sum(dim=1, keepdim=True), bits

    def _find_rates(self, numbers: Integers) -> npt.NDArray[np.float64]:
        fall = (1 + np.cos(np.pi * numbers / self._totals)) / 2
        return self._first_rates * np.where(self._cosine, fall, 1.0)

    def _tell_step(
        self, hook: str, rates: npt.NDArray[np.float64], losses: Tensor | None = None
    ) -> None:
        if not self.listeners.hear(hook):
            return
        values = None if losses is None else losses.tolist()
        for slot, place in enumerate(self.places):
            more = {} if values is None else {"loss": values[slot]}
            self.listeners.tell(
                hook,
                key=self.members[place].key,
                epoch=int(self.epochs[slot]),
                step=int(self._local[slot]),
                rate=float(rates[slot]),
                **more,
            )

    def _conclude_epochs(self, rates: npt.NDArray[np.float64]) -> None:
        """Conclude the epochs that end with this step, and begin the next ones."""
        active = self.active
        slots = np.flatnonzero(self._local[:active] == self._per_epoch).tolist()
        if not slots:
            return
        losses = self._sums[slots].cpu().numpy() / self._counts[slots]
        self._sums[slots] = 0
        self._local[slots] = 0
        going = self.end_epochs(slots, losses.tolist(), rates[slots].tolist())
        staying = {self.places[slot] for slot in going}
        self.leave([slot for slot in slots if slot not in going])
        self.begin_epochs([slot for slot, place in enumerate(self.places) if place in staying])

    def _number(self, values: Any, double: bool = False) -> Number:
        """Return one number where all members have the same, else one for each."""
        values = np.asarray(values, np.float64)
        if not len(values) or not np.ptp(values):
            return float(values[0]) if len(values) else 0.0
        numbers = torch.from_numpy(values if double else values.astype(np.float32))
        return numbers.to(self.device)[:, None, None]
