"""First-order training of a stack: steps through shuffled windows, by SGD or Adam."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workoutlab.learning.callbacks import Listeners
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.members import Prepared
from workoutlab.learning.optimizers import Number, StepSettings, make_optimizer
from workoutlab.learning.program import Ends
from workoutlab.learning.randomness import draw_orders, make_key
from workoutlab.learning.stack import Stack

__all__ = ["Descent"]

Integers = npt.NDArray[np.int64]


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
