import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.kernels.changes import FEATURES, fill_changes

NAMES = [each.name for each in FEATURES]

STEP, TURN = (1, 2, 3, 6), (0, 2, -2, 0, 2)
WORKED = {  # feature: window, rate in Hz, value
    "mean_crossing_rate": (STEP, 2, 2 / 3),  # one, from 3 to 6, in 1.5 s
    # 0 is not above 0, so up to 2, down to -2, and up to 2 again count, in 2 s
    "zero_crossing_rate": (TURN, 2, 1.5),
    "jerk": (STEP, 2, 10 / 3),  # (1 + 1 + 3) / 3 a sample
    "jerk_rms": (STEP, 2, 2 * np.sqrt(11 / 3)),  # root of (1 + 1 + 9) / 3 a sample
    "jerk_max": (TURN, 2, 8),  # 4 a sample, from 2 to -2
    "slope": (STEP, 2, 3.2),  # (-1.5 * -2 - 0.5 * -1 + 0.5 * 0 + 1.5 * 3) / 5 a sample
    # differences 1, 1, 3 vary by 8/9, values by 3.5; root of the ratio a sample
    "mobility": (STEP, 2, 2 * np.sqrt(8 / 9 / 3.5)),
    # second differences 0, 2 vary by 1
    "complexity": (STEP, 2, np.sqrt(1 / (8 / 9)) / np.sqrt(8 / 9 / 3.5)),
    "log_dimensionless_jerk": (STEP, 2, -np.log(4 * 11 / 9)),  # peak 6 - 3
}


def change(values, rate_hz=50.0):
    """Figures of one window of one channel: name to number."""
    out = np.empty((1, 1, len(NAMES)), np.float32)
    planes = np.asarray(values, np.float32)[None]
    fill_changes(planes, np.array([0]), planes.shape[1], rate_hz, out)
    return dict(zip(NAMES, out[0, 0].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_fill_changes__gives_the_worked_number(name):
    values, rate_hz, expected = WORKED[name]
    assert change(values, rate_hz)[name] == pytest.approx(expected, rel=1e-6)


def oracle(values, rate_hz):
    """The figures by NumPy and SciPy, in float64."""
    values = values.astype(float)
    steps, bends = np.diff(values), np.diff(values, 2)
    above, positive = values > values.mean(), values > 0
    mobility = np.sqrt(steps.var() / values.var())
    duration_s = len(values) / rate_hz
    jerk = steps * rate_hz
    peak = np.abs(values - values.mean()).max()
    return {
        "mean_crossing_rate": np.mean(above[1:] != above[:-1]) * rate_hz,
        "zero_crossing_rate": np.mean(positive[1:] != positive[:-1]) * rate_hz,
        "jerk": np.abs(jerk).mean(),
        "jerk_rms": np.sqrt(np.mean(jerk**2)),
        "jerk_max": np.abs(jerk).max(),
        "slope": scipy.stats.linregress(np.arange(len(values)) / rate_hz, values).slope,
        "mobility": mobility * rate_hz,
        "complexity": np.sqrt(bends.var() / steps.var()) / mobility,
        "log_dimensionless_jerk": -np.log(duration_s / peak**2 * np.sum(jerk**2) / rate_hz),
    }


def make(length, seed, grain, offset):
    """Noise and a wave, in steps as a sensor gives them: with ties, and exact zeros."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=length) + 3 * np.sin(np.arange(length) / rng.uniform(1, 9))
    values = np.round(values / grain) * grain + offset
    values[:4] += [2, -2, 1, 0]  # neither constant nor a line
    return values.astype(np.float32)


windows_of_values = st.builds(
    make,
    st.integers(4, 130),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-6, 0.016, 0.5]),
    st.sampled_from([0, 1, -100]),
)


@settings(deadline=None)  # the first example compiles
@given(windows_of_values, st.sampled_from([1.0, 50.0, 100.0]))
def test_fill_changes__agrees_with_numpy(values, rate_hz):
    came = change(values, rate_hz)
    for name, expected in oracle(values, rate_hz).items():
        assert came[name] == pytest.approx(expected, rel=1e-5, abs=1e-5 * rate_hz), name


@settings(deadline=None)
@given(st.integers(4, 130), st.integers(0, 2**32 - 1))
def test_fill_changes__sees_small_movement_on_a_large_offset(length, seed):
    values = (make(length, seed, 0.5, 0) * 256 + np.float32(1e9)).astype(np.float32)
    expected = oracle(values.astype(float) - 1e9, 50)
    expected["zero_crossing_rate"] = 0
    came = change(values)
    for name in NAMES:
        assert came[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-2), name


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_fill_changes__depends_on_the_window_alone(count, length, seed):
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(2, length + 50)).astype(np.float32)
    starts = rng.integers(0, 51, count)
    together = np.empty((count, 2, len(NAMES)), np.float32)
    fill_changes(planes, starts, length, 50, together)
    alone = np.empty((1, 2, len(NAMES)), np.float32)
    for start, rows in zip(starts, together, strict=True):
        here = np.ascontiguousarray(planes[:, start : start + length])
        fill_changes(here, np.array([0]), length, 50, alone)
        np.testing.assert_array_equal(rows, alone[0])


@pytest.mark.parametrize("value", [0.3, -7, 0, 1e9])
def test_fill_changes__gives_documented_values_for_a_constant(value):
    came = change([value] * 50)
    undefined = {"mobility", "complexity", "log_dimensionless_jerk"}
    assert {name for name in NAMES if np.isnan(came[name])} == undefined
    assert {came[name] for name in NAMES if name not in undefined} == {0}


def test_fill_changes__gives_documented_values_for_a_straight_line():
    came = change(np.arange(40) / 4, 50)
    assert came["mobility"] == 0
    assert np.isnan(came["complexity"])
    assert came["slope"] == came["jerk"] == came["jerk_rms"] == came["jerk_max"] == 12.5


@pytest.mark.parametrize("values", [[2.0], [np.nan], [1, 2, np.nan], [np.inf] * 30, [0, -np.inf]])
def test_fill_changes__gives_nan_for_one_sample_and_for_what_is_not_finite(values):
    assert np.isnan(list(change(values).values())).all()


def test_fill_changes__does_not_spoil_the_neighbours_of_a_bad_window():
    planes = np.random.default_rng(4).normal(size=(2, 90)).astype(np.float32)
    good = np.empty((2, 2, len(NAMES)), np.float32)
    fill_changes(planes, np.array([0, 60]), 30, 50, good)
    planes[1, 40] = np.nan
    came = np.empty((3, 2, len(NAMES)), np.float32)
    fill_changes(planes, np.array([0, 30, 60]), 30, 50, came)
    np.testing.assert_array_equal(came[[0, 2]], good)
    assert np.isnan(came[1, 1]).all()
    assert np.isfinite(came[1, 0]).all()


def test_fill_changes__counts_what_lies_above_the_mean_exactly():
    # The mean, 1 + 1/3 of the smallest step, is no float32: the nearest one is 1 itself
    values = np.float32([1, 1, 1 + 2**-23] * 5)
    assert change(values, 1)["mean_crossing_rate"] == pytest.approx(9 / 14)
    # and here, 2/3 of the step, the nearest is the value above
    values = np.float32([1 + 2**-23, 1 + 2**-23, 1] * 5)
    assert change(values, 1)["mean_crossing_rate"] == pytest.approx(9 / 14)


def test_fill_changes__reads_the_frequency_of_a_slow_wave_as_its_mobility():
    wave = np.sin(2 * np.pi * 1.5 * np.arange(1000) / 100)
    came = change(wave, 100)
    assert came["mobility"] == pytest.approx(2 * np.pi * 1.5, rel=1e-3)
    assert came["complexity"] == pytest.approx(1, abs=3e-3)


def test_fill_changes__calls_a_smooth_movement_smoother():
    time_s = np.arange(400) / 100
    smooth = np.sin(2 * np.pi * time_s / 2)
    shaken = smooth + 0.1 * np.sin(2 * np.pi * 12 * time_s)
    name = "log_dimensionless_jerk"
    assert change(shaken, 100)[name] < change(smooth, 100)[name] < 0


@pytest.mark.parametrize("scale", [1e9, 1e-9, 1e30])
def test_fill_changes__keeps_its_shape_at_any_scale(scale):
    values = np.random.default_rng(5).normal(size=100)
    plain, scaled = change(values.astype("f4")), change((values * scale).astype("f4"))
    for name in ("mean_crossing_rate", "mobility", "complexity", "log_dimensionless_jerk"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-5)
    for name in ("jerk", "jerk_rms", "jerk_max", "slope"):
        assert scaled[name] == pytest.approx(plain[name] * scale, rel=1e-5)


def test_fill_changes__takes_no_windows():
    out = np.empty((0, 2, len(NAMES)), np.float32)
    fill_changes(np.zeros((2, 5), np.float32), np.empty(0, np.int64), 5, 50, out)
    assert out.size == 0
