"""What one network is trained on, checked and made ready for an engine."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.errors import TrainingError
from workoutlab.learning.networks import Floats, standardize
from workoutlab.learning.randomness import draw_bits, draw_order, make_key
from workoutlab.learning.training import Training

__all__ = ["Member", "Prepared", "balance_rows", "prepare_member"]


@dataclass(frozen=True, eq=False)
class Member:
    """The training windows of one network.

    Parameters
    ----------
    key
        Names it in errors: the person.
    inputs
        Shape (window, input), float32; NaN where an input is not known.
    targets
        Shape (window,), the class of each window: 0 to `classes` - 1.
    classes
        Number of classes, two or more.
    seed
        Decides initial weights, order of windows and dropped units; the training's own does not.
    training
        How it is trained.
    """

    key: str
    inputs: Floats
    targets: npt.NDArray[np.integer]
    classes: int
    seed: int
    training: Training


@dataclass(frozen=True, eq=False)
class Prepared:
    """A member as engines take it: finite, standardised, with its order of repeated windows.

    Parameters
    ----------
    inputs
        Shape (window, input), finite.
    targets
        Shape (window,).
    rows
        Windows of an epoch, rare classes repeated.
    sizes
        Units of each layer, inputs and classes included.
    seed, training
        Of the member.
    center, scale
        Shape (input,), what was taken off the inputs and what they were divided by.
    """

    inputs: Floats
    targets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    sizes: tuple[int, ...]
    seed: int
    training: Training
    center: Floats
    scale: Floats

    @property
    def steps(self) -> int:
        """Number of steps of an epoch; the last may have fewer windows."""
        return -(-len(self.rows) // self.training.batch)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the windows of an epoch in the order in which they are trained on."""
        return self.rows[draw_order(make_key(self.seed, "order", epoch), len(self.rows))]

    def dropout_bits(self, count: int) -> npt.NDArray[np.int32]:
        """Return a random integer for each row of each step, those of short steps included."""
        return draw_bits(make_key(self.seed, "dropout"), count)


def prepare_member(member: Member) -> Prepared:
    """Check a member and make it ready for an engine.

    Raises
    ------
    TrainingError
        If no network can be trained on it; the message says why.
    """
    _check_member(member)
    training = member.training
    inputs = np.ascontiguousarray(member.inputs, np.float32)
    targets = np.asarray(member.targets, np.int64)
    center, scale = _measure(inputs) if training.standardize else _identity(inputs.shape[1])
    return Prepared(
        inputs=standardize(inputs, center, scale),
        targets=targets,
        rows=balance_rows(targets, training.balance),
        sizes=training.network.sizes(inputs.shape[1], member.classes),
        seed=member.seed,
        training=training,
        center=center,
        scale=scale,
    )


def _check_member(member: Member) -> None:
    windows = len(member.inputs)
    if member.inputs.ndim != 2 or not member.inputs.size:
        raise TrainingError(f"no windows to train on: inputs of shape {member.inputs.shape}")
    if len(member.targets) != windows:
        raise TrainingError(f"{windows} windows, but {len(member.targets)} labels")
    if member.classes < 2:
        raise TrainingError(
            f"{windows} windows of one exercise; expected two exercises or more to tell apart"
        )
    if member.targets.min() < 0 or member.targets.max() >= member.classes:
        raise TrainingError(f"expected labels from 0 to {member.classes - 1}")
    if np.isinf(member.inputs).any():
        window = int(np.flatnonzero(np.isinf(member.inputs).any(axis=1))[0])
        raise TrainingError(f"window {window} has infinite inputs; expected finite numbers")
    if not member.training.standardize and np.isnan(member.inputs).any():
        window = int(np.flatnonzero(np.isnan(member.inputs).any(axis=1))[0])
        raise TrainingError(
            f"window {window} has unknown inputs (NaN), which need standardize=True: "
            "they then count as the mean"
        )


def _measure(inputs: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each input; 0 and 1 where there is none."""
    known = ~np.isnan(inputs)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, inputs, 0).sum(axis=0, dtype=np.float64) / count
    variance = np.square(np.where(known, inputs - center, 0)).sum(axis=0) / count
    scale = np.sqrt(variance)
    # Deviations as small as the rounding of float32 are those of a constant.
    scale[scale <= 1e-6 * np.abs(center)] = 1
    scale[scale == 0] = 1
    return center.astype(np.float32), scale.astype(np.float32)


def _identity(inputs: int) -> tuple[Floats, Floats]:
    return np.zeros(inputs, np.float32), np.ones(inputs, np.float32)


def balance_rows(targets: npt.NDArray[np.integer], most: int) -> npt.NDArray[np.int64]:
    """Return the windows of an epoch: those of rare classes repeated, `most` times at most.

    Examples
    --------
    >>> balance_rows(np.array([0, 0, 0, 0, 1, 2, 2]), most=3).tolist()
    [0, 1, 2, 3, 4, 4, 4, 5, 5, 6, 6]
    """
    counts = np.bincount(targets)
    times = np.clip(counts.max() // np.maximum(counts, 1), 1, most)
    return np.repeat(np.arange(len(targets)), times[targets]).astype(np.int64)
