"""Member by member: what a CPU core wants, whose cache holds one network."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from workoutlab.errors import TrainingError
from workoutlab.learning.architectures import MLP
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.fused import Products, train_fused
from workoutlab.learning.members import Fitted, Member, Shared, prepare_member
from workoutlab.learning.stacked import StackedEngine
from workoutlab.learning.threads import one_thread
from workoutlab.learning.training import Training

__all__ = ["SeparateEngine", "is_fused"]

_SHARED = 8  # more than the folds of a person


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
        products = Products()
        outcomes: list[Fitted | TrainingError] = []
        with one_thread(), torch.inference_mode():
            for member in members:
                if callbacks or not is_fused(member.training):
                    outcomes += StackedEngine("cpu").fit([member], callbacks)
                else:
                    outcomes.append(_fit(member, shared, products))
        return outcomes


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
        and training.optimizer == "sgd"
        and training.patience is None
    )


def _fit(member: Member, shared: Shared, products: Products) -> Fitted | TrainingError:
    try:
        prepared = prepare_member(member, shared)
    except TrainingError as error:
        return error
    while len(shared) > _SHARED:
        del shared[next(iter(shared))]  # the oldest: few members of a cohort share windows
    return train_fused(prepared, products)
