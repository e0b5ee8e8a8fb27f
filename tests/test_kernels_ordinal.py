from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.kernels.ordinal import FEATURES, fill_ordinal


def entropy(values):
    """Permutation entropy of one window of one channel."""
    out = np.empty((1, 1, 1), np.float32)
    planes = np.asarray(values, np.float32)[None]
    fill_ordinal(planes, np.array([0]), planes.shape[1], 50.0, out)
    return out.item()


def test_features__name_each_column():
    assert [each.name for each in FEATURES] == ["permutation_entropy"]


def test_fill_ordinal__gives_the_worked_number_of_bandt_and_pompe():
    # 4 7 9, 7 9 10: rising; 9 10 6, 6 11 3: middle highest, then first; 10 6 11: middle lowest
    shares = np.array([2, 2, 1]) / 5
    expected = -(shares * np.log2(shares)).sum()
    assert expected == pytest.approx(1.522, abs=1e-3)  # as they print it
    assert entropy([4, 7, 9, 10, 6, 11, 3]) == pytest.approx(expected / np.log2(6), rel=1e-6)


def oracle(values):
    """Each order by sorting, the earlier of equal values first."""
    triples = np.lib.stride_tricks.sliding_window_view(values, 3)
    orders = Counter(tuple(order) for order in np.argsort(triples, axis=1, kind="stable").tolist())
    shares = np.array(list(orders.values())) / len(triples)
    return -(shares * np.log(shares)).sum() / np.log(6)


@settings(deadline=None)  # the first example compiles
@given(st.integers(3, 150), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_fill_ordinal__agrees_with_sorting(length, levels, seed):
    values = np.random.default_rng(seed).integers(0, levels, length) * 0.016
    values = values.astype(np.float32)
    assert entropy(values) == pytest.approx(oracle(values), abs=1e-6)


@settings(deadline=None)
@given(st.integers(3, 100), st.integers(0, 2**32 - 1))
def test_fill_ordinal__sees_small_movement_on_a_large_offset(length, seed):
    small = np.random.default_rng(seed).integers(0, 30, length)
    large = (small * 64 + 1e9).astype(np.float32)
    assert entropy(large) == entropy(small)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_fill_ordinal__depends_on_the_window_alone(count, length, seed):
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(2, length + 50)).astype(np.float32)
    starts = rng.integers(0, 51, count)
    out = np.empty((count, 2, 1), np.float32)
    fill_ordinal(planes, starts, length, 50.0, out)
    for start, row in zip(starts, out[:, :, 0], strict=True):
        alone = [entropy(plane[start : start + length]) for plane in planes]
        np.testing.assert_array_equal(row, np.float32(alone))


@pytest.mark.parametrize(
    "values", [[3.5] * 40, [0] * 3, [1e9] * 9, np.arange(30), [0.0, -0.0, 0.0]]
)
def test_fill_ordinal__is_zero_where_there_is_one_order(values):
    assert entropy(values) == 0


def test_fill_ordinal__is_one_for_noise():
    noise = np.random.default_rng(0).normal(size=20_000)
    assert entropy(noise) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("values", [[1.0], [1, 2], [np.nan], [1, np.nan, 3, 4], [0, 1, -np.inf]])
def test_fill_ordinal__is_nan_for_two_samples_and_for_what_is_not_finite(values):
    assert np.isnan(entropy(values))


def test_fill_ordinal__takes_no_windows():
    out = np.empty((0, 1, 1), np.float32)
    fill_ordinal(np.zeros((1, 5), np.float32), np.empty(0, np.int64), 5, 50.0, out)
    assert out.size == 0
