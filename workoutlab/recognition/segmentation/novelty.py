"""How strange a window is: its distance from the windows that were trained on."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import DamagedLabError
from workoutlab.learning.randomness import draw_order, make_key

__all__ = ["FARTHER", "Neighbours"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FARTHER: Final = 1.2
"""How much farther an exercise lies in a session of which nothing is known than in a set of a known
one: by the 90 % quantiles of the same sets, 1.08 and 1.19 in Muvr's sessions of the back, 1.24 and
1.33 of the chest, 1.03 and 1.07 of the shoulders; 1.14 over all."""
_MOST: Final = 512
_LIMIT: Final = 5.0
"""Inputs further out, in standard deviations, count as this far: a single one decides nothing."""
_LEAST: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Windows that were trained on, and how far others are from the nearest of them.

    Where a network is certain of what it has never seen, this still is large: everyday movements
    lie far from every exercise.

    Parameters
    ----------
    center, scale
        Shape (input,): mean and standard deviation of each input over training windows.
    windows
        Shape (window, input): some of these, standardised.

    Notes
    -----
    After Sun, Y., Ming, Y., Zhu, X., Li, Y. (2022): Out-of-distribution detection with deep nearest
    neighbors, ICML; on the standardised inputs, not on a network's last layer, which told everyday
    movements from exercises less well.

    Examples
    --------
    >>> inputs = np.float32([[0, 1], [2, 3], [4, 5]])
    >>> known = Neighbours.fit(inputs, np.arange(3))
    >>> known.measure(np.float32([[2, 3], [40, 50]])).round(2).tolist()
    [0.0, 3.78]
    """

    center: Floats
    scale: Floats
    windows: Floats

    @classmethod
    def fit(cls, inputs: Floats, sets: Integers, most: int = _MOST) -> "Neighbours":
        """Remember some windows, as evenly over sets as can be.

        Parameters
        ----------
        inputs
            Shape (window, input), NaN where one is not known.
        sets
            Shape (window,): the set of each.
        most
            How many windows are remembered.
        """
        known = np.isfinite(inputs)
        count = np.maximum(known.sum(axis=0), 1)
        values = np.where(known, inputs, 0).astype(np.float64)
        center = values.sum(axis=0) / count
        spread = np.where(known, values - center, 0)
        scale = np.maximum(np.sqrt((spread**2).sum(axis=0) / count), _LEAST)
        shuffled = draw_order(make_key(0, "neighbours"), len(inputs))
        place = np.empty(len(inputs), np.int64)
        by_set = shuffled[np.argsort(sets[shuffled], kind="stable")]
        _, first, counts = np.unique(sets[by_set], return_index=True, return_counts=True)
        place[by_set] = np.arange(len(inputs)) - np.repeat(first, counts)
        chosen = np.sort(np.lexsort((shuffled, place))[:most])
        blank = np.empty((0, len(center)), np.float32)
        found = cls(center.astype(np.float32), scale.astype(np.float32), blank)
        return replace(found, windows=found.standardise(inputs[chosen]))

    def standardise(self, inputs: Floats) -> Floats:
        """Return inputs in standard deviations from the mean; 0 where one is not known."""
        values = (inputs - self.center) / self.scale
        kept: Floats = np.nan_to_num(np.clip(values, -_LIMIT, _LIMIT)).astype(np.float32)
        return kept

    def measure(self, inputs: Floats) -> Doubles:
        """Return the distance of windows from the nearest remembered one.

        Parameters
        ----------
        inputs
            Shape (window, input).

        Returns
        -------
        numpy.ndarray
            float64 of shape (window,): the root of the mean squared difference, in standard
            deviations of an input.
        """
        values = self.standardise(np.asarray(inputs, np.float32)).astype(np.float64)
        held = self.windows.astype(np.float64)
        squares = (values**2).sum(axis=1)[:, None] + (held**2).sum(axis=1)
        squares -= 2 * (values @ held.T)
        nearest: Doubles = np.sqrt(np.maximum(squares.min(axis=1), 0) / max(held.shape[1], 1))
        return nearest

    def pack(self) -> Floats:
        """Return it as one vector, as it is stored."""
        rows = [self.center[None], self.scale[None], self.windows]
        return np.concatenate(rows).astype(np.float32).ravel()

    @classmethod
    def unpack(cls, vector: Floats, inputs: int) -> "Neighbours":
        """Return what :meth:`pack` packed, of windows of so many inputs.

        Raises
        ------
        DamagedLabError
            If the vector is not of that form.
        """
        if len(vector) % inputs or len(vector) < 3 * inputs:
            raise DamagedLabError(
                f"the windows that a recogniser remembers are {len(vector)} numbers, expected rows "
                f"of {inputs}; restore the lab from a copy"
            )
        rows = vector.reshape(-1, inputs)
        return cls(rows[0].copy(), rows[1].copy(), rows[2:].copy())
