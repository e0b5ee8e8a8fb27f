import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings

from tests.window_values import describe, windows_of_values
from workoutlab.kernels.periods import FEATURES

NAMES = [item.name for item in FEATURES]

WAVE = (1, 0, -1, 0, 1, 0, -1, 0)  # at 8 Hz; autocorrelation: 4, 0, -3, 0, 2, 0, -1, 0
WORKED = {"period": 0.5, "periodicity": 0.5, "period_prominence": 0.75}  # of 2 over -3 and -1


@pytest.mark.parametrize("name", NAMES)
def test_fill_periods__gives_the_worked_number(name):
    assert describe(WAVE, 8, NAMES)[name] == pytest.approx(WORKED[name], rel=2e-6)


def peaks(values):
    """Lags of local peaks of the autocorrelation after it first falls below 0, and all of it."""
    away = values - values.mean()
    r = np.correlate(away, away, "full")[len(values) - 1 :] / (away @ away)
    r = np.append(r, 0)
    negative = np.flatnonzero(r < -1e-6)
    if not len(negative):
        return np.empty(0, int), r
    lags = np.arange(max(1, negative[0]), 3 * len(values) // 4 + 1)
    return lags[(r[lags] > r[lags - 1]) & (r[lags] >= r[lags + 1]) & (r[lags] > 1e-6)], r


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__finds_the_period_that_numpy_finds(values):
    came = describe(values, 50, NAMES)
    lags, r = peaks(values.astype(float))
    if np.isnan(came["period"]):
        assert came["periodicity"] == came["period_prominence"] == 0
        assert (r[lags] < 1e-4).all()
        return
    lag = round(came["period"] * 50)
    assert came["periodicity"] == pytest.approx(r[lag], abs=1e-4)
    assert came["periodicity"] >= r[lags].max(initial=0) - 1e-4
    end = 3 * len(values) // 4 + 2
    foot = max(r[1 : lag + 1].min(), r[lag:end].min())
    assert came["period_prominence"] == pytest.approx(r[lag] - foot, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_describe_windows__finds_the_prominence_that_scipy_finds(seed):
    rng = np.random.default_rng(seed)
    values = np.sin(np.arange(300) / rng.uniform(4, 20)) + rng.normal(size=300) / 3
    came, (_, r) = describe(values, 50, NAMES), peaks(values)
    lag = round(came["period"] * 50)
    expected = scipy.signal.peak_prominences(r[: 3 * 300 // 4 + 2], [lag])[0][0]
    assert came["period_prominence"] == pytest.approx(expected, abs=1e-4)


def test_describe_windows__finds_the_tempo_of_repetitions():
    time = np.arange(400) / 50
    came = describe(np.sin(2 * np.pi * time / 2.4) + 0.2 * np.sin(2 * np.pi * time * 3), 50)
    assert came["period"] == pytest.approx(2.4, abs=0.06)
    assert came["dominant_frequency"] == pytest.approx(1 / 2.4, abs=1 / 16)
    assert came["period_prominence"] > came["periodicity"] > 0.5


def test_describe_windows__has_no_period_where_nothing_repeats():
    came = describe(np.arange(100), 50, NAMES)
    assert np.isnan(came["period"])
    assert came["periodicity"] == came["period_prominence"] == 0
