import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.window_values import describe, windows_of_values
from workoutlab.kernels.moments import FEATURES

NAMES = [item.name for item in FEATURES]

STEP, WAVE = (1, 2, 3, 6), (1, 0, -1, 0, 1, 0, -1, 0)
WORKED = {  # feature: window, value
    "mean": (STEP, 3.0),
    "sd": (STEP, 1.8708287),  # root of (4 + 1 + 0 + 9) / 4
    "rms": (STEP, 3.5355339),  # root of (1 + 4 + 9 + 36) / 4
    "energy": (STEP, 50.0),  # 1 + 4 + 9 + 36
    "skewness": (STEP, 0.6872432),  # (-8 - 1 + 0 + 27) / 4 over 3.5 ** 1.5
    "kurtosis": (STEP, -1.0),  # (16 + 1 + 0 + 81) / 4 over 3.5 ** 2, less 3
    "mean_absolute": (WAVE, 0.5),
}


@pytest.mark.parametrize("name", NAMES)
def test_fill_moments__gives_the_worked_number(name):
    values, expected = WORKED[name]
    assert describe(values)[name] == pytest.approx(expected, rel=1e-6)


@settings(deadline=None)
@given(windows_of_values, st.sampled_from([0.0, 1.0, -1000.0]))
def test_fill_moments__agrees_with_scipy(values, offset):
    values = (values + np.float32(offset)).astype(np.float32)
    wide = values.astype(float)
    expected = [
        wide.mean(),
        wide.std(),
        np.sqrt(np.mean(wide**2)),
        np.sum(wide**2),
        scipy.stats.skew(wide),
        scipy.stats.kurtosis(wide),
        np.abs(wide).mean(),
    ]
    came = [describe(values)[name] for name in NAMES]
    np.testing.assert_allclose(came, expected, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(st.integers(3, 200), st.integers(0, 2**32 - 1))
def test_fill_moments__stays_exact_where_the_first_value_is_far_from_the_others(length, seed):
    values = np.random.default_rng(seed).normal(size=length).astype(np.float32)
    values[0] = 1e6
    came, wide = describe(values), values.astype(float)
    assert came["sd"] == pytest.approx(wide.std(), rel=1e-6)
    assert came["kurtosis"] == pytest.approx(scipy.stats.kurtosis(wide), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, -1e9, 1e-30])
def test_fill_moments__gives_documented_values_for_a_constant(value):
    came, value = describe([value] * 50), float(np.float32(value))
    assert came["mean"] == value
    assert came["sd"] == 0
    assert came["rms"] == came["mean_absolute"] == pytest.approx(abs(value))
    assert np.isnan([came["skewness"], came["kurtosis"]]).all()


def test_fill_moments__holds_squares_that_overflow():
    came = describe([1e30, -1e30, 0, 0])
    assert came["energy"] == np.inf
    assert came["rms"] == came["sd"] == pytest.approx(np.sqrt(0.5) * 1e30)
    assert came["kurtosis"] == pytest.approx(-1)
