"""Repetitions as curves of equal length, and how alike they are whatever their tempo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions.checks import check_edges
from workoutlab.recognition.repetitions.course import Course, follow

__all__ = ["Trace", "compare", "draw_trace", "likeness_matrix", "trace_set"]

Array = npt.NDArray[np.float64]

_POINTS: Final = 48
_BAND: Final = 5
"""A tenth of the points, the usual width of Sakoe and Chiba's band."""
_STILL: Final = 1e-10
"""In g²: a hundredth of what the best sensors' noise is."""
_NEIGHBOURS: Final = 24
_HELD: Final = 5


@dataclass(frozen=True, eq=False)
class Trace:
    """The repetitions of a set as curves, to hold other sets against.

    Parameters
    ----------
    curves
        Shape (repetition, point, 3), in g: the acceleration below 3 Hz, at equal shares of each
        repetition's time.
    power
        Mean square of the curves about their common mean, in g².
    tempo_s
        Median duration of a repetition.
    """

    curves: Array
    power: float
    tempo_s: float

    @property
    def moves(self) -> bool:
        """Whether there is any movement beyond rounding."""
        return self.power > _STILL


def trace_set(acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike) -> Trace:
    """Make a trace of a set, of one that was done well say.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Samples a second.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples; one or more.

    Raises
    ------
    InputError
        If an argument is not as described.

    Examples
    --------
    >>> angle = np.sin(np.pi * np.arange(400) / 50)
    >>> curl = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    >>> trace_set(curl, 50, [[0, 100], [100, 200], [200, 300], [300, 400]]).curves.shape
    (4, 48, 3)
    """
    signal, rate, rows = check_edges(acceleration, rate_hz, edges)
    if not len(rows):
        raise InputError("edges: expected one repetition or more, got none")
    return draw_trace(follow(signal, rate, rows))


def draw_trace(course: Course) -> Trace:
    """Make a trace of a course that is known already."""
    shares = (np.arange(_POINTS) + 0.5) / _POINTS
    moments = course.edges[:, :1] + np.diff(course.edges, axis=1) * shares
    samples = np.arange(len(course.smoothed))
    curves = np.stack([np.interp(moments, samples, axis) for axis in course.smoothed.T], axis=2)
    centred = curves - curves.mean(axis=(0, 1))
    power = float((centred**2).sum(axis=2).mean())
    durations_s = np.diff(course.edges, axis=1) / course.rate_hz
    return Trace(curves, power, float(np.median(durations_s)))


def likeness_matrix(given: Trace) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return how alike the repetitions of a set are, pair by pair, and which pairs are known.

    The likeness of two repetitions is 1 - d / (2 p), with d their elastic distance, and p the
    mean square of the set's movement: 1 where they are equal, 0 where they have no more in common
    than two unrelated movements. It is what the correlation is without warping. All pairs are
    known in sets of 25 repetitions or fewer, 24 for each repetition in longer ones.

    Returns
    -------
    tuple of ndarray
        Two of shape (repetition, repetition); the diagonal is not known.
    """
    count = len(given.curves)
    known = np.zeros((count, count), bool)
    likeness = np.zeros((count, count))
    pairs = _pair_up(count)
    if not len(pairs) or not given.moves:
        return likeness, known
    distances = _distances(given.curves, given.curves, pairs)
    one, other = pairs.T
    likeness[one, other] = likeness[other, one] = 1 - distances / (2 * given.power)
    known[one, other] = known[other, one] = True
    return likeness, known


def _distances(curves: Array, others: Array, pairs: npt.NDArray[np.int64]) -> Array:
    from workoutlab.kernels.elastic import elastic_distances  # Numba loads when it is needed

    return elastic_distances(curves, others, pairs, _BAND)


def _pair_up(count: int) -> npt.NDArray[np.int64]:
    if count <= _NEIGHBOURS + 1:
        return np.column_stack(np.triu_indices(count, 1)).astype(np.int64)
    offsets = np.unique(np.linspace(1, count // 2, _NEIGHBOURS // 2).round().astype(np.int64))
    one = np.repeat(np.arange(count), len(offsets))
    other = (one + np.tile(offsets, count)) % count
    return np.column_stack([np.minimum(one, other), np.maximum(one, other)])


def compare(given: Trace, good: Trace) -> float:
    """Return how alike the repetitions of two sets are: 1 where they are equal, 0 if unrelated.

    The sensor may be worn differently, and repetitions may be cut at another point of the movement:
    the curves are turned, and shifted in time, as fits the other set's best (Kabsch's rotation of
    the mean curves [1]_). Gravity turns with them, so that a movement that lies differently towards
    gravity stays another one.

    Parameters
    ----------
    given, good
        Two sets.

    References
    ----------
    .. [1] W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta
       Crystallographica A32, 922-923, 1976.
    """
    power = (given.power + good.power) / 2
    if power <= _STILL:
        return float("nan")
    fitted = _fit(given.curves, good.curves)
    held = np.unique(np.linspace(0, len(good.curves) - 1, _HELD).round().astype(np.int64))
    ours = np.unique(np.linspace(0, len(fitted) - 1, 2 * _HELD).round().astype(np.int64))
    pairs = np.column_stack([np.repeat(ours, len(held)), np.tile(held, len(ours))])
    distances = _distances(fitted, good.curves, pairs)
    return float(1 - np.median(distances) / (2 * power))


def _fit(curves: Array, good: Array) -> Array:
    ours, theirs = np.median(curves, axis=0), np.median(good, axis=0)
    turned = (np.arange(_POINTS)[:, np.newaxis] + np.arange(_POINTS)) % _POINTS
    products = np.einsum("spa,pb->sab", ours[turned], theirs)
    left, sizes, right = np.linalg.svd(products)
    mirrored = np.sign(np.linalg.det(left) * np.linalg.det(right))
    shift = int(np.argmax(sizes[:, 0] + sizes[:, 1] + mirrored * sizes[:, 2]))
    proper = np.diag([1, 1, mirrored[shift]])
    return np.asarray(np.roll(curves, -shift, axis=1) @ (left[shift] @ proper @ right[shift]))


def spread_of(good: Sequence[Trace]) -> list[float]:
    """Return how alike each of several sets is to the others: the median over these."""
    return [
        float(np.median([compare(one, other) for other in good if other is not one]))
        for one in good
    ]
