import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.elastic import elastic_distances


def warp(one, other, band):
    """Sakoe and Chiba's recursion over the whole table, as it is written."""
    points = len(one)
    table = np.full((points, points), np.inf)
    for i in range(points):
        for j in range(points):
            if abs(i - j) > band:
                continue
            gap = float(((one[i] - other[j]) ** 2).sum())
            ways = [table[i - 1, j] + gap] if i else []
            ways += [table[i, j - 1] + gap] if j else []
            ways += [table[i - 1, j - 1] + 2 * gap] if i and j else []
            table[i, j] = min(ways, default=2 * gap)
    return table[-1, -1] / (2 * points)


def curves(seed, count=4, points=9, axes=3):
    return np.random.default_rng(seed).normal(size=(count, points, axes)).cumsum(axis=1)


@settings(deadline=None, max_examples=40)  # the first example compiles
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 3), st.integers(0, 13))
def test_elastic_distances__is_the_whole_table(seed, points, axes, band):
    given, others = curves(seed, 3, points, axes), curves(seed + 1, 2, points, axes)
    pairs = np.array([[0, 0], [2, 1], [1, 0]])
    expected = [warp(given[i], others[j], band) for i, j in pairs]
    np.testing.assert_allclose(elastic_distances(given, others, pairs, band), expected, rtol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_elastic_distances__has_no_order_and_falls_with_the_band(seed):
    given = curves(seed)
    there = np.array([[0, 1], [2, 3]])
    by_band = np.array([elastic_distances(given, given, there, band) for band in range(9)])
    back = np.array([elastic_distances(given, given, there[:, ::-1], band) for band in range(9)])
    np.testing.assert_allclose(by_band, back)
    assert (np.diff(by_band, axis=0) <= 1e-12).all()
    straight = ((given[[0, 2]] - given[[1, 3]]) ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(by_band[0], straight)


def test_elastic_distances__of_a_curve_to_itself_is_nothing():
    given = curves(0)
    same = np.array([[0, 0], [3, 3]])
    assert elastic_distances(given, given, same, 2).tolist() == [0, 0]
    assert elastic_distances(given, given, np.empty((0, 2), np.int64), 2).shape == (0,)


@pytest.mark.parametrize(
    ("others", "pairs", "band", "message"),
    [
        (np.ones((2, 5, 3)), [[0, 0]], 1, "equal shape"),
        (np.ones((2, 9, 3)), [[0, 0, 0]], 1, "pairs of shape"),
        (np.ones((2, 9, 3)), [[0, 0]], -1, "band -1"),
        (np.ones((2, 9, 3)), [[0, 2]], 1, "below 4 and 2"),
        (np.ones((2, 9, 3)), [[-1, 0]], 1, "below 4 and 2"),
    ],
)
def test_elastic_distances__refuses(others, pairs, band, message):
    with pytest.raises(InputError, match=message):
        elastic_distances(curves(0), others, np.array(pairs), band)
