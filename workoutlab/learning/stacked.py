"""All members of a cohort in one batched torch program: what a GPU wants.

The members' weights lie one behind the other, and a step is a few batched products for all of
them. Short batches are filled up with rows that count nothing, and classes that a member does not
have get no probability. Members of another shape, optimizer or batch are another stack, and so
are members that the GPU's free memory does not hold at once.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from workoutlab.errors import TrainingError
from workoutlab.learning.callbacks import Callback, Listeners
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.descent import Descent
from workoutlab.learning.lbfgs import Lbfgs
from workoutlab.learning.members import Fitted, Member, Prepared, Shared, prepare_member
from workoutlab.learning.threads import one_thread

__all__ = ["StackedEngine"]

_COPIES: Final = {"sgd": 3, "adam": 5, "lbfgs": 26}
"""Numbers held for each weight: itself, its gradient, and what the optimizer remembers."""
_MEMORY_SHARE: Final = 0.7
"""Of the free memory of a GPU: the rest is for activations, and for what is copied on the way."""


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
        device = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        outcomes: dict[int, Fitted | TrainingError] = {}
        stacks: dict[Hashable, dict[int, Prepared]] = {}
        shared: Shared = {}
        for place, member in enumerate(members):
            try:
                prepared = prepare_member(member, shared)
            except TrainingError as error:
                outcomes[place] = error
            else:
                stacks.setdefault(_find_stack(prepared), {})[place] = prepared
        with one_thread(), torch.inference_mode():
            for stack in stacks.values():
                for part in _part(stack, _find_room(device)):
                    fitted = _fit_stack(list(part.values()), device, callbacks)
                    outcomes.update(zip(part, fitted, strict=True))
        return [outcomes[place] for place in range(len(members))]


def _find_stack(member: Prepared) -> Hashable:
    """Return what members of a stack have in common."""
    training = member.training
    looks = {**training.network.settings(), "dropout_keep": None, "init": None}
    shared_output = member.shapes[-1][1] < member.classes
    kind = (training.optimizer, training.batch) if training.optimizer != "lbfgs" else ("lbfgs",)
    return (repr(looks), kind, member.inputs.shape[1], shared_output)


def _find_room(device: torch.device) -> float:
    """Return the bytes that a stack may take; a CPU's are bounded by the cohort."""
    if device.type != "cuda":
        return float("inf")
    free, _ = torch.cuda.mem_get_info(device)
    return _MEMORY_SHARE * free


def _part(members: Mapping[int, Prepared], room: float) -> Iterator[dict[int, Prepared]]:
    """Part members into stacks that find room, one member at least; shared inputs count once."""
    part: dict[int, Prepared] = {}
    taken, inputs = 0, set[int]()
    for place, member in members.items():
        weights = sum((before + 1) * after for before, after in member.shapes)
        orders = 8 * len(member.rows) * member.training.epochs
        size = 4 * _COPIES[member.training.optimizer] * weights + orders
        size += 0 if id(member.inputs) in inputs else member.inputs.nbytes
        if part and taken + size > room:
            yield part
            part, taken, inputs = {}, 0, set()
        part[place] = member
        taken += size
        inputs.add(id(member.inputs))
    if part:
        yield part


def _fit_stack(
    members: Sequence[Prepared], device: torch.device, callbacks: Sequence[Callback]
) -> list[Fitted]:
    kind = Lbfgs if members[0].training.optimizer == "lbfgs" else Descent
    savers = [each for each in callbacks if isinstance(each, Checkpoints)]
    return kind(members, device, Listeners(callbacks), savers[-1] if savers else None).fit()
