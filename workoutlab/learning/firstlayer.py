"""Stochastic gradient descent on weights in torch, alone or a stack of them."""

from dataclasses import dataclass

import torch

from workoutlab.learning.training import Training

__all__ = ["Descent"]


@dataclass(frozen=True)
class Descent:
    """Stochastic gradient descent with momentum and weight decay."""

    rate: float
    momentum: float
    weight_decay: float

    @classmethod
    def of(cls, training: Training) -> "Descent":
        """Return the descent that is asked for."""
        return cls(training.first_rate, training.momentum, training.weight_decay)

    def move(
        self,
        weights: torch.Tensor,
        velocity: torch.Tensor,
        *,
        inputs: torch.Tensor,
        errors: torch.Tensor,
        share: float,
    ) -> None:
        """Move weights by the gradient ``share * inputs @ errors``; `inputs` come transposed.

        Alone, or a stack of them.
        """
        multiply = torch.addmm if weights.ndim == 2 else torch.baddbmm
        multiply(velocity, inputs, errors, beta=self.momentum, alpha=share, out=velocity)
        if self.weight_decay:
            velocity.add_(weights, alpha=self.weight_decay)
        weights.add_(velocity, alpha=-self.rate)
