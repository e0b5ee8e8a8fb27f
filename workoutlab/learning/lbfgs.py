"""L-BFGS for all members of a stack at once, each with its own line search.

Liu & Nocedal, "On the limited memory BFGS method for large scale optimization" (1989). Each round
looks once at loss and gradient of every member where its own search wants to look; those whose
search is over take their next direction, by a two-loop recursion over all of them.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from workoutlab.learning.callbacks import Listeners
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.linesearch import Look, WolfeSearch
from workoutlab.learning.members import Prepared
from workoutlab.learning.program import Ends
from workoutlab.learning.stack import Stack

__all__ = ["Lbfgs"]

_REMEMBERED: Final = 10
_FLAT: Final = 1e-5
"""A member is done when no entry of its gradient is steeper, as in SciPy's L-BFGS-B."""
_LEAST_GAIN: Final = 1e-8
"""Or when a step lowers its loss by less than this share, about single precision's rounding."""


class Lbfgs(Stack):
    """Members trained by L-BFGS: an epoch is an iteration."""

    def __init__(
        self,
        members: Sequence[Prepared],
        device: torch.device,
        listeners: Listeners,
        checkpoints: Checkpoints | None,
    ) -> None:
        super().__init__(members, device, listeners, checkpoints)
        self._table = self.program.list_distinct()
        # Parameters are views of one vector a member: where its search looks.
        self._looked = torch.cat([layer.flatten(1) for layer in self.parameters], dim=1)
        self._shapes = [tuple(layer.shape[1:]) for layer in self.parameters]
        self.parameters = self._view(self._looked)
        self._point = self._looked.clone()
        self._slope_there = torch.zeros_like(self._point)
        self._direction = torch.zeros_like(self._point)
        self._gradient = torch.zeros_like(self._point)
        # The last steps and how they changed the gradient, in a ring; an unused place weighs 0.
        self._moves = self._point.new_zeros(len(members), _REMEMBERED, self._point.shape[1])
        self._changes = torch.zeros_like(self._moves)
        self._weights = self._point.new_zeros(len(members), _REMEMBERED)
        self._heads = np.zeros(len(members), np.int64)
        decays = [[member.training.weight_decay] for member in members]
        self._decay = torch.tensor(decays, dtype=self._point.dtype, device=device)
        self._searches: list[WolfeSearch | None] = [None] * len(members)
        self._arrived: set[int] = set()

    def _view(self, flat: Tensor) -> list[Tensor]:
        sizes = [math.prod(shape) for shape in self._shapes]
        pieces = zip(torch.split(flat, sizes, dim=-1), self._shapes, strict=True)
        return [piece.view(*flat.shape[:-1], *shape) for piece, shape in pieces]

    @property
    def state(self) -> list[Tensor]:
        """What the optimizer remembers, with the axis of members first."""
        return [
            self._point,
            self._slope_there,
            self._direction,
            self._moves,
            self._changes,
            self._weights,
            self._decay,
        ]

    def list_saved(self) -> tuple[list[list[Tensor]], list[Tensor]]:
        """Return what the next iteration needs: by layer, and besides."""
        vectors = (self._point, self._moves, self._changes)
        return [self._view(vector) for vector in vectors], [self._weights]

    def move(self, source: int, slot: int) -> None:
        """Take over what is known of a member in another slot."""
        super().move(source, slot)
        self._searches[slot] = self._searches[source]
        self._heads[slot] = self._heads[source]

    def describe(self, slot: int) -> dict[str, Any]:
        """Return the place in the ring that comes next, and whether there is nothing to gain."""
        return {"head": int(self._heads[slot]), "arrived": self.places[slot] in self._arrived}

    def restore(self, slot: int, facts: dict[str, Any]) -> None:
        """Take up what :meth:`describe` returned."""
        self._heads[slot] = facts["head"]
        self._arrived |= {slot} if facts["arrived"] else set()

    def is_done(self, slot: int) -> bool:
        """Return whether a member's training is over."""
        return super().is_done(slot) or self.places[slot] in self._arrived

    def advance(self) -> None:
        """Look at each member's loss once, and move on those whose search is over."""
        losses, plain, slopes = self._look()
        begun: list[int] = []
        ended: list[int] = []
        failed: list[int] = []
        for slot in range(self.active):
            search = self._searches[slot]
            if search is None:
                begun.append(slot)
            elif search.take(losses[slot], slopes[slot]):
                (failed if search.failed else ended).append(slot)
        gains = self._remember(ended, losses)
        self._slope_there[begun] = self._gradient[begun]
        self._arrived |= {self.places[slot] for slot in ended if self._arrives(slot, gains[slot])}
        going = self._record(ended, plain)
        self.begin_epochs(going)
        going += [slot for slot in begun if not self._arrives(slot, math.inf)]
        going += (again := self._forget(failed))
        gone = set(begun + ended + failed).difference(going)
        starts = {slot: losses[slot] for slot in begun + ended}
        starts |= {slot: search.start.loss for slot in again if (search := self._searches[slot])}
        for slot in gone:
            finite = bool(torch.isfinite(self._slope_there[slot]).all())
            if not finite or (slot in failed and not self._heads[slot]):
                self._point[slot] = math.nan  # nothing was learnt: what is stored must say so
        self._turn(sorted(going), starts)
        self._step_out(gone)
        self.leave(sorted(gone))

    def _look(self) -> tuple[list[float], list[float], list[float]]:
        """Return of each member the loss to minimise, the data's alone, and the slope."""
        active = self.active
        rows = torch.tensor(self.places, device=self.device)
        gradients = self._view(self._gradient[:active])

        def learn(layer: int, factors: tuple[Tensor, Tensor], block: Ends) -> None:
            beta = 0.0 if block[0] else 1.0
            torch.baddbmm(gradients[layer], *factors, beta=beta, out=gradients[layer])

        table = self._table
        nothing = torch.zeros_like(table.rows[rows], dtype=torch.int32)  # no unit is dropped
        parameters = [layer[:active] for layer in self.parameters]
        plain = self.program.differentiate(
            parameters, table.rows[rows], table.shares[rows], nothing, learn
        )
        looked, decay = self._looked[:active], self._decay[:active]
        self._gradient[:active].addcmul_(looked, decay)
        squares = (looked * looked).sum(dim=1, dtype=torch.float64)
        losses = plain + squares * decay[:, 0] / 2
        slopes = (self._gradient[:active] * self._direction[:active]).sum(
            dim=1, dtype=torch.float64
        )
        return losses.tolist(), plain.tolist(), slopes.tolist()

    def _remember(self, slots: Sequence[int], losses: Sequence[float]) -> dict[int, float]:
        """Take the steps that searches found, and return by which share each lowered the loss."""
        if not slots:
            return {}
        chosen = torch.tensor(slots, device=self.device)
        ring = torch.from_numpy(self._heads[slots] % _REMEMBERED).to(self.device)
        moves = self._looked[chosen] - self._point[chosen]
        changes = self._gradient[chosen] - self._slope_there[chosen]
        curvature = (moves * changes).sum(dim=1)
        flat = curvature <= 1e-10 * moves.norm(dim=1) * changes.norm(dim=1)
        self._moves[chosen, ring] = moves
        self._changes[chosen, ring] = changes
        self._weights[chosen, ring] = torch.where(flat, 0, 1 / curvature)
        self._heads[slots] += 1
        self._point[chosen] = self._looked[chosen]
        self._slope_there[chosen] = self._gradient[chosen]
        gains = {}
        for slot in slots:
            search, loss = self._searches[slot], losses[slot]
            before = search.start.loss if search else math.inf
            gains[slot] = (before - loss) / max(abs(before), abs(loss), 1.0)
        return gains

    def _record(self, slots: Sequence[int], plain: Sequence[float]) -> list[int]:
        """Conclude the iterations of these members, and return those who may go on."""
        lengths = [search.length for slot in slots if (search := self._searches[slot])]
        losses = [plain[slot] for slot in slots]
        for slot, loss, length in zip(slots, losses, lengths, strict=True):
            self._tell_step("step_ends", slot, rate=length, loss=loss)
        self.steps[list(slots)] += 1
        return self.end_epochs(slots, losses, lengths)

    def begin_epochs(self, slots: Sequence[int]) -> None:
        """Tell of iterations that begin, each of which is one step."""
        super().begin_epochs(slots)
        for slot in slots:
            first = self.members[self.places[slot]].training.first_rate
            self._tell_step("step_begins", slot, rate=first)

    def _tell_step(self, hook: str, slot: int, **facts: float) -> None:
        key, epoch = self.members[self.places[slot]].key, int(self.epochs[slot])
        self.listeners.tell(hook, key=key, epoch=epoch, step=0, **facts)

    def _arrives(self, slot: int, gain: float) -> bool:
        steepest = float(self._slope_there[slot].abs().max())
        return not steepest > _FLAT or gain < _LEAST_GAIN

    def _forget(self, slots: Sequence[int]) -> list[int]:
        """Let those whose search failed go straight down; return those who have not tried that."""
        again = [slot for slot in slots if bool(self._weights[slot].any())]
        self._weights[slots] = 0
        return again

    def _turn(self, slots: Sequence[int], starts: dict[int, float]) -> None:
        """Start the next search of these members, by the two-loop recursion."""
        if not slots:
            return
        chosen = torch.tensor(slots, device=self.device)
        there = self._slope_there[chosen]
        direction = self._recur(chosen, there.neg(), self._heads[slots])
        slopes = (direction * there).sum(dim=1, dtype=torch.float64)
        steps = there.abs().sum(dim=1)
        upward = (slopes >= 0) | ~torch.isfinite(slopes)
        direction[upward] = -there[upward]
        straight = -(there * there).sum(dim=1, dtype=torch.float64)
        slopes = torch.where(upward, straight, slopes)
        self._direction[chosen] = direction
        fresh = (upward | ~self._weights[chosen].any(dim=1)).tolist()
        found = zip(slots, slopes.tolist(), steps.tolist(), fresh, strict=True)
        for slot, slope, size, new in found:
            rate = self.members[self.places[slot]].training.first_rate
            length = rate * min(1.0, 1 / size) if new else rate
            self._searches[slot] = WolfeSearch(Look(0.0, starts[slot], slope), length)

    def _recur(self, chosen: Tensor, direction: Tensor, heads: "np.ndarray[Any, Any]") -> Tensor:
        """Return minus the approximate inverse Hessian times the gradient."""
        scale, shares = torch.ones_like(direction[:, :1]), []
        rings = [
            torch.from_numpy((heads - 1 - age) % _REMEMBERED).to(self.device)
            for age in range(min(_REMEMBERED, int(heads.max(initial=0))))
        ]
        for age, ring in enumerate(rings):
            weight = self._weights[chosen, ring][:, None]
            moves, changes = self._moves[chosen, ring], self._changes[chosen, ring]
            share = weight * (moves * direction).sum(dim=1, keepdim=True)
            shares.append(share)
            direction = direction - share * changes
            if not age:
                squares = (changes * changes).sum(dim=1, keepdim=True)
                scale = torch.where(weight > 0, 1 / (weight * squares), 1.0)
        direction = direction * scale
        for ring, share in zip(reversed(rings), reversed(shares), strict=True):
            weight = self._weights[chosen, ring][:, None]
            moves, changes = self._moves[chosen, ring], self._changes[chosen, ring]
            back = weight * (changes * direction).sum(dim=1, keepdim=True)
            direction = direction + (share - back) * moves
        return direction

    def _step_out(self, gone: set[int]) -> None:
        """Go to where each search wants to look next; those who are gone stay where they are."""
        active = self.active
        lengths = [
            0.0 if slot in gone or search is None else search.length
            for slot, search in enumerate(self._searches[:active])
        ]
        out = torch.tensor(lengths, dtype=self._point.dtype, device=self.device)[:, None]
        torch.addcmul(
            self._point[:active], self._direction[:active], out, out=self._looked[:active]
        )
