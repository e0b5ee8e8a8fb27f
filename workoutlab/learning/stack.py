"""The training of a stack: epochs of each member, until the last one leaves.

Every member goes at its own pace through its own epochs. Those still in training lie in the
first places of every tensor; when one leaves, the last takes its place.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workoutlab.learning.callbacks import Listeners
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.members import Fitted, Prepared
from workoutlab.learning.program import Program
from workoutlab.learning.stopping import Stopping

__all__ = ["Stack"]


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
        # A network whose loss was never a number has no best epoch: what is stored must say so.
        kept = self.parameters if self._patient else []
        self._best = [torch.full_like(layer, torch.nan) for layer in kept]

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
            patient = member.training.patience is not None and bool(history)
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
