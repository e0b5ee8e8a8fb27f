"""What chance alone gives: permutation tests of trends and of alternation in a set.

If repetitions differ by chance alone, any order of them is as likely as the one that came. A
statistic is therefore held against the same statistic of shuffled orders; the share of these that
is as far out is the probability that chance does as much [1]_. Orders are drawn from a fixed seed,
so that a set has the same figures whenever it is assessed.

References
----------
.. [1] P. Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 3rd ed., Springer 2005.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["ORDERS", "alternation_chance", "parity_chance", "trend_chance"]

Array = npt.NDArray[np.float64]

ORDERS: Final = 4999
"""Shuffled orders; with the one that came they tell probabilities to 1/5000."""
_MOST_WEIGHTS: Final = 200_000
"""Of the orders of a set: those of sets of 40 repetitions or more are fewer, to bound memory."""
_SEED: Final = 20151
_SLACK: Final = 1e-9


def trend_chance(values: Array) -> float:
    """Return how likely chance alone gives a change towards the end as large as that of `values`.

    The statistic is the inner product with the squared place in the set, as tiring is slow at first
    and fast at the end; both directions count.

    Parameters
    ----------
    values
        Shape (repetition,).

    Examples
    --------
    >>> trend_chance(np.array([1.0, 1, 1, 1, 1, 1, 1, 2, 2.1, 2.2])) < 0.01
    True
    >>> trend_chance(np.array([1.0, 2, 1, 2.2, 1, 1, 2.1, 1, 1, 1])) > 0.1
    True
    """
    return _chance(values, _trend_orders(len(values)))


def parity_chance(values: Array) -> float:
    """Return how likely chance alone sets even and odd repetitions apart as far as in `values`."""
    return _chance(values, _parity_orders(len(values)))


def alternation_chance(distances: Array, known: npt.NDArray[np.bool_]) -> float:
    """Return how likely chance alone makes neighbours as unlike, and second neighbours as alike.

    The statistic is the sum of distances between even and odd repetitions, less those among the
    even and among the odd ones; shuffled are the labels "even" and "odd".

    Parameters
    ----------
    distances
        Shape (repetition, repetition).
    known
        The same shape; where distances are known.
    """
    centred = np.where(known, distances - distances[known].mean(), 0)
    signs = _parity_orders(len(distances))
    apart = -((signs @ centred) * signs).sum(axis=1)
    return _share(apart[1:], apart[0])


def _chance(values: Array, orders: Array) -> float:
    drawn = np.abs(orders @ (values - values.mean()))
    return _share(drawn[1:], drawn[0])


def _share(drawn: Array, came: float) -> float:
    as_far = int((drawn >= came - _SLACK * max(abs(came), 1e-12)).sum())
    return (1 + as_far) / (1 + len(drawn))


@lru_cache(maxsize=8)
def _trend_orders(count: int) -> Array:
    """Return the weights of a trend, first in order, then shuffled; shape (order, repetition)."""
    weights = (np.arange(1, count + 1) / count) ** 2
    return _shuffle(weights - weights.mean())


@lru_cache(maxsize=8)
def _parity_orders(count: int) -> Array:
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    return _shuffle(signs)


def _shuffle(weights: Array) -> Array:
    orders = min(ORDERS, _MOST_WEIGHTS // len(weights))
    rng = np.random.default_rng(_SEED)
    shuffled = rng.permuted(np.tile(weights, (orders, 1)), axis=1)
    drawn = np.vstack([weights, shuffled])
    drawn.flags.writeable = False
    return drawn
