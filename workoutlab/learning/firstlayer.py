"""The layer that meets the windows, in two forms: one keeps its weights, one what they make.

*Direct* keeps the weights. *Dual* keeps their products with every training window: with fewer
windows than inputs these are fewer numbers, and training needs no others. Gradient descent moves
the weights W only along the windows X, W = c·W₀ + Xᵀ·A; so a step with errors D of the windows b
adds the gradient K[:, b]·D to the products Z = X·W, where K = X·Xᵀ is computed once. How much of D
stays in A at the end follows from rate, momentum, decay and the number of steps to come, so the
weights themselves are one matrix product at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from workoutlab.learning.training import Training

__all__ = ["Descent", "DirectLayer", "DualLayer", "FirstLayer", "dual_is_cheaper"]


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

    def impulse(self, steps: int) -> list[float]:
        """Return by how much a gradient of 1 has moved a weight after 1, 2, … `steps` steps."""
        weight, velocity, moved = -self.rate, 1.0, []
        for _ in range(steps):
            moved.append(weight)
            weight, velocity = self._coast(weight, velocity)
        return moved

    def remainder(self, steps: int) -> float:
        """Return what is left of a weight of 1 after `steps` steps without a gradient."""
        weight, velocity = 1.0, 0.0
        for _ in range(steps):
            weight, velocity = self._coast(weight, velocity)
        return weight

    def _coast(self, weight: float, velocity: float) -> tuple[float, float]:
        velocity = self.momentum * velocity + self.weight_decay * weight
        return weight - self.rate * velocity, velocity


class FirstLayer(Protocol):
    """What training asks of the layer that meets the windows."""

    def begin(self, order: torch.Tensor) -> None:
        """Start an epoch with the windows in this order."""

    def forward(self, step: int, addend: torch.Tensor, out: torch.Tensor) -> None:
        """Write the products of a step's windows with the weights, plus `addend`, to `out`."""

    def learn(self, step: int, errors: torch.Tensor) -> None:
        """Move the weights by the errors of a step's outputs."""

    def weights(self) -> torch.Tensor:
        """Return the weights after the last step, shape (input, output)."""


class DirectLayer:
    """Keeps its weights.

    Parameters
    ----------
    inputs
        Shape (window, input), the ones that meet the biases included.
    weights
        Shape (input, output), initial.
    pieces
        The part of an epoch that is each step.
    descent
        How weights move.
    """

    def __init__(
        self,
        inputs: torch.Tensor,
        weights: torch.Tensor,
        pieces: Sequence[slice],
        descent: Descent,
    ) -> None:
        self._inputs, self._weights, self._descent = inputs, weights, descent
        self._velocity = torch.zeros_like(weights)
        self._ordered = torch.empty(pieces[-1].stop, inputs.shape[1])
        self._batches = [self._ordered[piece] for piece in pieces]
        self._transposed = [batch.t() for batch in self._batches]

    def begin(self, order: torch.Tensor) -> None:
        """Start an epoch with the windows in this order."""
        torch.index_select(self._inputs, 0, order, out=self._ordered)

    def forward(self, step: int, addend: torch.Tensor, out: torch.Tensor) -> None:
        """Write the products of a step's windows with the weights, plus `addend`, to `out`."""
        torch.addmm(addend, self._batches[step], self._weights, out=out)

    def learn(self, step: int, errors: torch.Tensor) -> None:
        """Move the weights by the errors of a step's outputs."""
        self._descent.move(
            self._weights,
            self._velocity,
            inputs=self._transposed[step],
            errors=errors,
            share=1 / len(errors),
        )

    def weights(self) -> torch.Tensor:
        """Return the weights after the last step, shape (input, output)."""
        return self._weights


class DualLayer:
    """Keeps the products of its weights with every window.

    Parameters
    ----------
    inputs, weights, pieces, descent
        As of :class:`DirectLayer`.
    epochs
        Number of epochs to come.
    """

    def __init__(
        self,
        inputs: torch.Tensor,
        weights: torch.Tensor,
        pieces: Sequence[slice],
        descent: Descent,
        *,
        epochs: int,
    ) -> None:
        self._inputs, self._initial, self._pieces, self._descent = inputs, weights, pieces, descent
        self._kernel = inputs @ inputs.t()
        self._products = inputs @ weights
        self._velocity = torch.zeros_like(self._products)
        self._moves = torch.zeros_like(self._products)
        self._gathered = torch.empty(pieces[0].stop, weights.shape[1])
        self._ordered = torch.empty(pieces[-1].stop, len(inputs))
        self._transposed = [self._ordered[piece].t() for piece in pieces]
        self._rows: Sequence[torch.Tensor] = ()
        self._impulse = descent.impulse(epochs * len(pieces))
        self._steps = len(self._impulse)

    def begin(self, order: torch.Tensor) -> None:
        """Start an epoch with the windows in this order."""
        torch.index_select(self._kernel, 0, order, out=self._ordered)
        self._rows = [order[piece] for piece in self._pieces]

    def forward(self, step: int, addend: torch.Tensor, out: torch.Tensor) -> None:
        """Write the products of a step's windows with the weights, plus `addend`, to `out`."""
        rows = self._rows[step]
        gathered = self._gathered[: len(rows)]
        torch.index_select(self._products, 0, rows, out=gathered)
        torch.add(gathered, addend, out=out)

    def learn(self, step: int, errors: torch.Tensor) -> None:
        """Move the weights by the errors of a step's outputs."""
        share = 1 / len(errors)
        self._descent.move(
            self._products,
            self._velocity,
            inputs=self._transposed[step],
            errors=errors,
            share=share,
        )
        self._moves.index_add_(0, self._rows[step], errors, alpha=share * self._impulse.pop())

    def weights(self) -> torch.Tensor:
        """Return the weights after the last step, shape (input, output)."""
        left = self._descent.remainder(self._steps)
        return torch.addmm(self._initial, self._inputs.t(), self._moves, beta=left)


def dual_is_cheaper(*, windows: int, inputs: int, outputs: int, batch: int, steps: int) -> bool:
    """Return whether the dual form takes fewer multiplications over all steps.

    Examples
    --------
    >>> dual_is_cheaper(windows=600, inputs=1200, outputs=250, batch=30, steps=400)
    True
    >>> dual_is_cheaper(windows=600, inputs=60, outputs=250, batch=30, steps=400)
    False
    """
    direct = 2 * batch * inputs * outputs * steps
    once = windows * inputs * (windows + 2 * outputs)
    return batch * windows * outputs * steps + once < direct
