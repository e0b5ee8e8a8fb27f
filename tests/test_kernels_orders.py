import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.window_values import describe
from workoutlab.kernels.orders import FEATURES, fill_orders

NAMES = [item.name for item in FEATURES]

STEP, SPREAD = (1, 2, 3, 6), (15, 0, 1, 3, 7)
WORKED = {  # feature: window, value
    "min": (STEP, 1.0),
    "max": (STEP, 6.0),
    "range": (STEP, 5.0),
    "median": (STEP, 2.5),
    "lower_quartile": (STEP, 1.75),
    "upper_quartile": (STEP, 3.75),
    "iqr": (STEP, 2.0),
    "mad": (SPREAD, 3.0),  # of 12, 3, 2, 0, 4
}


@pytest.mark.parametrize("name", NAMES)
def test_fill_orders__gives_the_worked_number(name):
    values, expected = WORKED[name]
    assert describe(values)[name] == expected


def order(planes, starts, length, **options):
    out = np.empty((len(starts), len(planes), len(FEATURES)), np.float32)
    fill_orders(planes, starts, length, 50.0, out, **options)
    return out


def oracle(planes, starts, length):
    windows = np.stack([planes[:, start : start + length] for start in starts]).astype(float)
    lower, median, upper = np.quantile(windows, [0.25, 0.5, 0.75], axis=2)
    low, high = windows.min(2), windows.max(2)
    mad = scipy.stats.median_abs_deviation(windows, axis=2)
    return np.stack([low, high, high - low, median, lower, upper, upper - lower, mad], axis=2)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([1, 2, 3, 8, 17, 24, 40, 64, 96, 100, 250]),
    st.sampled_from([1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1.0, 1.5]),
    st.integers(1, 90),
    st.integers(0, 2**32 - 1),
)
@example(400, 0.25, 70, 0)
@example(256, 1 / 32, 70, 1)
def test_fill_orders__agrees_with_numpy_for_any_overlap(length, share, count, seed):
    rng = np.random.default_rng(seed)
    starts = np.arange(count) * max(1, round(share * length))
    values = np.round(rng.normal(size=(2, starts[-1] + length)) / 0.016) * 0.016
    planes = values.astype(np.float32)
    came = order(planes, starts, length)
    np.testing.assert_allclose(came, oracle(planes, starts, length), rtol=1e-6, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([8, 40, 100]), st.integers(64, 90), st.integers(0, 2**32 - 1))
def test_fill_orders__finds_the_same_whether_windows_share_their_blocks(length, count, seed):
    rng = np.random.default_rng(seed)
    starts = np.arange(count) * length // 4
    planes = rng.choice(np.float32([-0.0, 0.0, 1, -1, 0.1]), (2, starts[-1] + length))
    together = order(planes, starts, length)
    for start, row in zip(starts, together, strict=True):
        alone = order(planes[:, start : start + length].copy(), np.array([0]), length)
        assert row.tobytes() == alone.tobytes()


def test_fill_orders__makes_windows_with_a_bad_value_nan_and_no_others():
    planes = np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32)
    planes[1, 1000], planes[1, 2000] = np.nan, np.inf
    starts = np.arange(0, 3900, 10)
    came = order(planes, starts, 40)
    bad = [((starts <= at) & (at < starts + 40)) for at in (1000, 2000)]
    np.testing.assert_array_equal(np.isnan(came).all(2)[:, 1], bad[0] | bad[1])
    assert np.isfinite(came[:, 0]).all()
    good = ~(bad[0] | bad[1])
    expected = oracle(planes[1:], starts[good], 40)
    np.testing.assert_allclose(came[good, 1:], expected, rtol=1e-6, atol=1e-6)


def test_fill_orders__leaves_the_deviation_out_where_nobody_wants_it():
    planes = np.random.default_rng(1).normal(size=(1, 1000)).astype(np.float32)
    starts = np.arange(0, 900, 25)
    with_it, without = (order(planes, starts, 100, deviation=wanted) for wanted in (True, False))
    np.testing.assert_array_equal(with_it[:, :, :-1], without[:, :, :-1])


def test_fill_orders__holds_small_movement_on_a_large_offset():
    came = describe(1e9 + 64 * np.float64([0, 1, 3, 7, 15]))
    assert came["mad"] == 192
    assert came["range"] == 960
