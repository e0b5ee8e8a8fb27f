"""Elastic distances between curves of equal length, by dynamic time warping in a band."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["elastic_distances"]

Doubles = npt.NDArray[np.float64]


@compiled(error_model="numpy")
def _elastic_distances(curves, others, pairs, band, distances):
    points, axes = curves.shape[1], curves.shape[2]
    before = np.empty(points)
    now = np.empty(points)
    for pair in range(len(pairs)):
        one, other = curves[pairs[pair, 0]], others[pairs[pair, 1]]
        for i in range(points):
            low, high = max(i - band, 0), min(i + band + 1, points)
            for j in range(low, high):
                gap = 0.0
                for axis in range(axes):
                    step = one[i, axis] - other[j, axis]
                    gap += step * step
                best = np.inf
                if i == 0 and j == 0:
                    best = 2 * gap
                if i > 0 and j < i + band:  # the cell above is in the band of its row
                    best = min(best, before[j] + gap)
                if i > 0 and j > 0:
                    best = min(best, before[j - 1] + 2 * gap)
                if j > low:
                    best = min(best, now[j - 1] + gap)
                now[j] = best
            before, now = now, before
        distances[pair] = before[points - 1] / (2 * points)


def elastic_distances(
    curves: Doubles, others: Doubles, pairs: npt.NDArray[np.int64], band: int
) -> Doubles:
    """Return the mean squared distance of pairs of curves that are aligned by warping.

    Dynamic time warping in its symmetric form: a step along both curves counts twice, a step along
    one of them once, the sum over the best path is divided by the sum of both lengths, and the
    path stays within `band` points of the diagonal; [1]_. It is 0 for equal curves, the same either
    way round, and never more than the mean squared distance of the curves as they are.

    Parameters
    ----------
    curves, others
        Shape (curve, point, axis), of equal numbers of points and axes.
    pairs
        Shape (pair, 2), numbers of a curve and of one of the others.
    band
        How many points the path may be off the diagonal, 0 or more.

    Returns
    -------
    ndarray
        Shape (pair,), in the square of the curves' unit.

    Raises
    ------
    InputError
        If the shapes are not as described, or a pair names a curve that is not there.

    References
    ----------
    .. [1] H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word
       recognition", IEEE Transactions on Acoustics, Speech, and Signal Processing 26, 43-49, 1978.

    Examples
    --------
    >>> curves = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0]])[:, :, np.newaxis]
    >>> elastic_distances(curves, curves, np.array([[0, 1], [0, 1]]), 1)
    array([0., 0.])
    >>> elastic_distances(curves, curves, np.array([[0, 1]]), 0)
    array([0.5])
    """
    if curves.ndim != 3 or others.ndim != 3 or curves.shape[1:] != others.shape[1:]:
        raise InputError(
            "expected curves of equal shape (curve, point, axis), "
            f"got {curves.shape} and {others.shape}"
        )
    if not curves.shape[1] or pairs.ndim != 2 or pairs.shape[1] != 2 or band < 0:
        raise InputError(
            f"expected one point or more, pairs of shape (pair, 2) and a band of 0 or more, "
            f"got {curves.shape[1]} points, pairs of shape {pairs.shape}, band {band}"
        )
    if pairs.size and not (
        pairs.min() >= 0 and (pairs.max(axis=0) < [len(curves), len(others)]).all()
    ):
        raise InputError(f"pairs: expected numbers below {len(curves)} and {len(others)}")
    distances = np.empty(len(pairs))
    _elastic_distances(
        np.ascontiguousarray(curves, np.float64),
        np.ascontiguousarray(others, np.float64),
        np.ascontiguousarray(pairs, np.int64),
        int(band),
        distances,
    )
    return distances
