"""First-order optimizers for all members of a stack at once, each with its own settings.

A step may go through its windows in several blocks. An optimizer takes the factors of each
layer's gradient, block after block, and moves the parameters with the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

__all__ = ["Adam", "Number", "Optimizer", "Sgd", "StepSettings", "make_optimizer"]

Number = float | Tensor
"""One for all members, or shape (member, 1, 1): one for each."""

_BETAS: Final = (0.9, 0.999)
_EPSILON: Final = 1e-8


@dataclass(frozen=True)
class StepSettings:
    """What a step depends on besides gradients.

    Parameters
    ----------
    rate, momentum, weight_decay
        As of :class:`~workoutlab.learning.training.Training`.
    number
        Of the step, from 1 on.
    """

    rate: Number
    momentum: Number
    weight_decay: Number
    number: Number


class Optimizer(Protocol):
    """Moves parameters; what it remembers has the axis of members first."""

    state: list[Tensor]

    def learn(
        self,
        layer: int,
        parameters: Tensor,
        factors: tuple[Tensor, Tensor],
        *,
        block: tuple[bool, bool],
        settings: StepSettings,
    ) -> None:
        """Take the factors of a gradient; `block` says whether it is the first, and the last."""


class Sgd:
    """Stochastic gradient descent with momentum and weight decay, as of ``torch.optim.SGD``.

    Parameters
    ----------
    parameters
        Of each layer.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.state = [torch.zeros_like(layer) for layer in parameters]

    def learn(
        self,
        layer: int,
        parameters: Tensor,
        factors: tuple[Tensor, Tensor],
        *,
        block: tuple[bool, bool],
        settings: StepSettings,
    ) -> None:
        """Add the gradient to the decayed velocity in one pass, and move with the last block."""
        first, last = block
        velocity = self.state[layer][: len(parameters)]
        beta = 1.0
        if first and isinstance(settings.momentum, Tensor):
            velocity.mul_(settings.momentum)
        elif first:
            beta = float(settings.momentum)
        torch.baddbmm(velocity, *factors, beta=beta, out=velocity)
        if last:
            _add(velocity, parameters, settings.weight_decay)
            _subtract(parameters, velocity, settings.rate)


class Adam:
    """Adam (Kingma & Ba, 2015), with weight decay added to the gradient, as ``torch.optim.Adam``.

    Its weight decay is not decoupled, as that of AdamW is.

    Parameters
    ----------
    parameters
        Of each layer.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        moments = [torch.zeros_like(layer) for layer in parameters]
        self.state = [*moments, *(torch.zeros_like(layer) for layer in parameters)]
        self._gradients = [torch.empty_like(layer) for layer in parameters]

    def learn(
        self,
        layer: int,
        parameters: Tensor,
        factors: tuple[Tensor, Tensor],
        *,
        block: tuple[bool, bool],
        settings: StepSettings,
    ) -> None:
        """Add up the gradient, and move with the last block."""
        first, last = block
        count = len(parameters)
        gradient = self._gradients[layer][:count]
        torch.baddbmm(gradient, *factors, beta=0.0 if first else 1.0, out=gradient)
        if not last:
            return
        _add(gradient, parameters, settings.weight_decay)
        mean, square = self.state[layer][:count], self.state[layer + len(self._gradients)][:count]
        mean.lerp_(gradient, 1 - _BETAS[0])
        square.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
        corrections = [_correct(beta, settings.number, parameters.dtype) for beta in _BETAS]
        root = torch.sqrt(square, out=gradient)
        root.div_(corrections[1] ** 0.5).add_(_EPSILON)
        torch.div(mean, root, out=root)
        _subtract(parameters, root, settings.rate / corrections[0])


def make_optimizer(name: str, parameters: Sequence[Tensor]) -> Optimizer:
    """Return the first-order optimizer of that name.

    Examples
    --------
    >>> len(make_optimizer("adam", [torch.zeros(2, 4, 3)]).state)
    2
    """
    return Adam(parameters) if name == "adam" else Sgd(parameters)


def _correct(beta: float, number: Number, dtype: torch.dtype) -> Number:
    """Return by what a mean that began at 0 is too small; `number` in double precision."""
    correction = 1 - beta**number
    return correction.to(dtype) if isinstance(correction, Tensor) else correction


def _add(to: Tensor, what: Tensor, times: Number) -> None:
    if isinstance(times, Tensor):
        to.addcmul_(what, times)
    elif times:
        to.add_(what, alpha=times)


def _subtract(from_: Tensor, what: Tensor, times: Number) -> None:
    if isinstance(times, Tensor):
        from_.addcmul_(what, times, value=-1)
    else:
        from_.add_(what, alpha=-times)
