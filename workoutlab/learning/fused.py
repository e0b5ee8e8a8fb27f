"""The fused program: a perceptron trained by descent in one compiled function an epoch.

The layer that meets the windows comes in two forms: one keeps its weights, one what they make.
*Direct* keeps the weights. *Dual* keeps their products with every training window: with fewer
windows than inputs these are fewer numbers, and training needs no others. Gradient descent moves
the weights W only along the windows X, W = c·W₀ + Xᵀ·A; so a step with errors D of the windows b
adds the gradient K[:, b]·D to the products Z = X·W, where K = X·Xᵀ is computed once. How much of D
stays in A at the end follows from the rates, momentum, decay and number of steps to come, so the
weights themselves are one matrix product at the end.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.perceptron import Batches, Descent, Layout, State, train_epoch
from workoutlab.learning.members import Fitted, Prepared
from workoutlab.learning.networks import Layers
from workoutlab.learning.randomness import unit_bits

__all__ = ["Products", "coast", "dual_is_cheaper", "train_fused"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_ALIGNED: Final = 16  # float32 numbers of a cache line
_KEPT: Final = 4  # more than the folds of a person that take turns


class Products:
    """Inner products between windows, kept for members that share their windows."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Floats, Floats]] = {}

    def of(self, inputs: Floats) -> Floats:
        """Return the inner product of each window with each, a 1 before each window's inputs."""
        # The array is kept too: another one could get its number.
        known, products = self._known.pop(id(inputs), (None, None))
        if known is not inputs or products is None:
            products = inputs @ inputs.T
            products += 1
        self._known[id(inputs)] = inputs, products
        while len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        return products


def train_fused(member: Prepared, products: Products) -> Fitted:
    """Train a member.

    Parameters
    ----------
    member
        A perceptron with hidden ReLU layers and softmax outputs, trained by descent.
    products
        Of members trained before.
    """
    return _Run(member, products).fit()


class _Run:
    """The training of one member."""

    def __init__(self, member: Prepared, products: Products) -> None:
        self._member, training = member, member.training
        self._initial = member.first_layers()
        total = member.steps * training.epochs
        keep = training.network.dropout_keep
        self._descent = Descent(training.momentum, training.weight_decay, training.smoothing, keep)
        self._bits = member.dropout_bits(total * member.batch if keep < 1 else 0)
        self._units = unit_bits(sum(layer.shape[1] for layer in self._initial[:-1]))
        self._rates = training.list_rates(total)
        self._dual = dual_is_cheaper(
            windows=len(member.inputs),
            inputs=member.inputs.shape[1] + 1,
            outputs=self._initial[0].shape[1],
            batch=member.batch,
            steps=total,
        )
        self._impulses, self._left = coast(self._rates, training.momentum, training.weight_decay)
        matrices = list(self._initial)
        inputs = member.inputs
        if self._dual:
            matrices[0] = inputs @ matrices[0][:-1] + matrices[0][-1]
            inputs = products.of(inputs)
        self._layout = _lay_out(self._dual, inputs.shape[1], matrices, member.batch)
        weights = np.concatenate([matrix.ravel() for matrix in matrices])
        planes = int((self._layout.strides * member.batch).sum())
        self._state = State(
            np.ascontiguousarray(inputs),
            weights,
            velocities=np.zeros_like(weights),
            outputs=np.ones(planes, np.float32),
            errors=np.zeros(planes, np.float32),
            moves=np.zeros((len(inputs) if self._dual else 0, matrices[0].shape[1]), np.float32),
        )

    def fit(self) -> Fitted:
        member, training = self._member, self._member.training
        history = []
        for epoch in range(training.epochs):
            loss = self._train_epoch(epoch)
            rate = float(self._rates[epoch * member.steps])
            history.append({"epoch": epoch, "loss": loss, "rate": rate})
        steps = member.steps * training.epochs
        return Fitted(member, self._layers(), steps, tuple(history))

    def _train_epoch(self, epoch: int) -> float:
        """Train for an epoch and return the mean loss of its windows."""
        member = self._member
        steps = slice(epoch * member.steps, (epoch + 1) * member.steps)
        order = member.order(epoch)
        batches = Batches(
            member.batch,
            order,
            member.targets,
            self._rates[steps].astype(np.float32),
            self._impulses[steps].astype(np.float32),
            self._bits[steps.start * member.batch : steps.stop * member.batch],
            self._units,
        )
        loss = train_epoch(self._layout, self._state, batches, self._descent)
        return float(loss / len(order))

    def _layers(self) -> Layers:
        """Return the trained matrices."""
        bounds = pairwise(self._layout.weights)
        flat = [self._state.weights[start:stop] for start, stop in bounds]
        layers = [
            part.reshape(initial.shape)
            for part, initial in zip(flat[1:], self._initial[1:], strict=True)
        ]
        if not self._dual:
            return [flat[0].reshape(self._initial[0].shape), *layers]
        first = np.float32(self._left) * self._initial[0]
        first[:-1] += self._member.inputs.T @ self._state.moves
        first[-1] += self._state.moves.sum(axis=0)
        return [first, *layers]


def _lay_out(dual: bool, inputs: int, matrices: Sequence[Floats], batch: int) -> Layout:
    units = [inputs, *(matrix.shape[1] for matrix in matrices)]
    strides = [-(-(count + 1) // _ALIGNED) * _ALIGNED for count in units]
    return Layout(
        dual,
        np.array(units),
        weights=np.cumsum([0, *(matrix.size for matrix in matrices)]),
        planes=batch * np.cumsum([0, *strides[:-1]]),
        strides=np.array(strides),
    )


def coast(rates: Doubles, momentum: float, weight_decay: float) -> tuple[Doubles, float]:
    """Return what becomes of gradients, and of initial weights, until the end of training.

    Parameters
    ----------
    rates
        Of each step.
    momentum, weight_decay
        As of :class:`~workoutlab.learning.training.Training`.

    Returns
    -------
    impulses, left
        By how much a gradient of 1 in each step has moved a weight at the end; and what is left
        then of an initial weight of 1.

    Examples
    --------
    >>> impulses, left = coast(np.array([0.5, 0.25]), momentum=0.5, weight_decay=0.0)
    >>> impulses.tolist(), left
    ([-0.625, -0.25], 1.0)
    """
    impulses = []
    # What a weight, and a velocity, of 1 after a step come to in the end; backwards in time.
    weight, velocity = 1.0, 0.0
    for rate in reversed(rates.tolist()):
        impulse = velocity - rate * weight
        impulses.append(impulse)
        weight, velocity = weight + weight_decay * impulse, momentum * impulse
    return np.array(impulses[::-1]), weight


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
