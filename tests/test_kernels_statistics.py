import numpy as np
import pytest
import scipy.signal
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.kernels.catalogue import BETWEEN, CHANNELS, PER_CHANNEL
from workoutlab.kernels.spectra import padded_length
from workoutlab.kernels.statistics import describe_windows
from workoutlab.kernels.windows import split_channels

NAMES = [item.name for item in PER_CHANNEL]
PERIODIC = NAMES.index("dominant_frequency")

STEP, WAVE = (1, 2, 3, 6), (1, 0, -1, 0, 1, 0, -1, 0)
WORKED = {  # statistic: window, rate in Hz, value
    "mean": (STEP, 2, 3.0),
    "sd": (STEP, 2, 1.8708287),  # root of (4 + 1 + 0 + 9) / 4
    "rms": (STEP, 2, 3.5355339),  # root of (1 + 4 + 9 + 36) / 4
    "skewness": (STEP, 2, 0.6872432),  # (-8 - 1 + 0 + 27) / 4 over 3.5 ** 1.5
    "kurtosis": (STEP, 2, -1.0),  # (16 + 1 + 0 + 81) / 4 over 3.5 ** 2, less 3
    "crossing_rate": (STEP, 2, 2 / 3),  # one, from 3 to 6, in 1.5 s
    "jerk": (STEP, 2, 10 / 3),  # (1 + 1 + 3) / 3 a sample
    "min": (STEP, 2, 1.0),
    "max": (STEP, 2, 6.0),
    "median": (STEP, 2, 2.5),
    "iqr": (STEP, 2, 2.0),  # 3.75 - 1.75
    "dominant_frequency": (WAVE, 8, 2.0),  # a cycle is four samples
    # Powers of bins 2 to 8 of 16, by the geometric sum: 0, 6.8284, 16, 6.8284, 0, 1.1716, 0
    "dominant_share": (WAVE, 8, 0.9619970),
    "spectral_entropy": (WAVE, 8, 0.5819414),
    "period": (WAVE, 8, 0.5),  # autocorrelation: 4, 0, -3, 0, 2, 0, -1, 0
    "periodicity": (WAVE, 8, 0.5),
}


def describe(values, rate_hz=50.0):
    """Statistics of one window that has these values as x: name to number."""
    samples = np.zeros((len(values), 3), np.float32)
    samples[:, 0] = values
    row = describe_windows(split_channels(samples), np.array([0]), len(values), rate_hz)[0]
    return dict(zip(NAMES, row[: len(NAMES)].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_describe_windows__gives_the_worked_number(name):
    values, rate_hz, expected = WORKED[name]
    assert describe(values, rate_hz)[name] == pytest.approx(expected, rel=2e-6)


def test_describe_windows__gives_the_worked_correlations():
    samples = np.float32([[1, 2, 6], [2, 4, 3], [3, 6, 2], [6, 12, 1]])
    row = describe_windows(split_channels(samples), np.array([0]), 4, 50)[0]
    # x and z: (-2 * 3 + 0 * -1 + 3 * -2) / 4 over 3.5
    np.testing.assert_allclose(row[-len(BETWEEN) :], [1, -6 / 7, -6 / 7], rtol=1e-6)


def test_describe_windows__has_a_column_for_every_statistic():
    out = describe_windows(np.zeros((4, 5), np.float32), np.array([0]), 5, 50)
    assert out.shape == (1, len(CHANNELS) * len(PER_CHANNEL) + len(BETWEEN))
    assert out.dtype == np.float32


def spectrum(values):
    """Power of each bin by NumPy, and the first bin of one cycle a window."""
    padded = padded_length(len(values))
    standard = (values - values.mean()) / values.std()
    return np.abs(np.fft.rfft(standard, padded)) ** 2, -(-padded // len(values)), padded


def autocorrelation(values):
    away = values - values.mean()
    return np.correlate(away, away, "full")[len(values) - 1 :] / (away @ away)


def peaks(values):
    """Lags of local maxima of the autocorrelation after it first falls below 0, and all of it."""
    r = autocorrelation(values)
    negative = np.flatnonzero(r < -1e-6)
    if not len(negative):
        return np.empty(0, int), r
    lags = np.arange(max(1, negative[0]), 3 * len(values) // 4 + 1)
    lags = lags[lags + 1 < len(values)]
    return lags[(r[lags] > r[lags - 1]) & (r[lags] >= r[lags + 1]) & (r[lags] > 1e-6)], r


def oracle(values, rate_hz):
    """The statistics in time by NumPy and SciPy, in the catalogue's order."""
    above = values > values.mean()
    span_s = (len(values) - 1) / rate_hz
    return [
        values.mean(),
        values.std(),
        np.sqrt(np.mean(values**2)),
        scipy.stats.skew(values),
        scipy.stats.kurtosis(values),
        np.count_nonzero(above[1:] != above[:-1]) / span_s,
        np.abs(np.diff(values)).sum() / span_s,
        values.min(),
        values.max(),
        np.median(values),
        scipy.stats.iqr(values),
    ]


windows_of_values = st.builds(
    lambda length, seed, grain, tempo: _make(length, seed, grain, tempo),
    st.integers(3, 130),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-6, 0.016, 0.5]),
    st.floats(0, 20),
)


def _make(length, seed, grain, tempo):
    """Noise and a wave, in steps as a sensor gives them: with ties."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=length) + tempo * np.sin(np.arange(length) / rng.uniform(1, 9))
    values = (np.round(values / grain) * grain).astype(np.float32)
    values[0] += np.float32(1)  # never constant
    values[1] -= np.float32(1)
    return values


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__agrees_with_scipy(values):
    came = list(describe(values, 50).values())[:PERIODIC]
    expected = oracle(values.astype(float), 50)
    np.testing.assert_allclose(came, expected, rtol=2e-5, atol=2e-5)


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__finds_the_frequency_that_numpy_finds(values):
    came = describe(values, 50)
    power, first, padded = spectrum(values.astype(float))
    at = round(came["dominant_frequency"] * padded / 50)
    assert first <= at <= padded // 2
    assert power[at] >= power[first:].max() * (1 - 1e-4)
    near = power[max(first, at - 1) : at + 2].sum()
    total = power[first:].sum()
    assert came["dominant_share"] == pytest.approx(near / total, abs=1e-4)
    share = power[first:] / total
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-300))) / np.log(len(share))
    assert came["spectral_entropy"] == pytest.approx(entropy, abs=1e-4)


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__finds_the_period_that_numpy_finds(values):
    came = describe(values, 50)
    lags, r = peaks(values.astype(float))
    if np.isnan(came["period"]):
        assert came["periodicity"] == 0
        assert (r[lags] < 1e-4).all()
    else:
        lag = round(came["period"] * 50)
        assert came["periodicity"] == pytest.approx(r[lag], abs=1e-4)
        assert came["periodicity"] >= r[lags].max(initial=0) - 1e-4


def test_describe_windows__reads_a_periodogram_of_scipy_on_every_second_bin():
    values = np.random.default_rng(1).normal(size=400)
    power, _, padded = spectrum(values)
    _, density = scipy.signal.periodogram(values, 50, detrend="constant")
    ratio = power[::2][1:-1] / density[1:-1]
    assert padded == 800
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_describe_windows__depends_on_the_window_alone(count, length, seed):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=(length + 50, 3)).astype(np.float32)
    starts = rng.integers(0, 51, count)
    together = describe_windows(split_channels(samples), starts, length, 50)
    for start, row in zip(starts, together, strict=True):
        alone = describe_windows(
            split_channels(samples[start : start + length]), np.array([0]), length, 50
        )
        np.testing.assert_array_equal(row, alone[0])


def test_describe_windows__is_the_same_on_padded_sizes_of_every_radix():
    rng = np.random.default_rng(2)
    for length in (1, 2, 3, 5, 8, 10, 16, 25, 40, 64, 100, 125, 333, 500):
        values = rng.normal(size=length).astype(np.float32)
        if length < 3:
            continue
        power, first, padded = spectrum(values.astype(float))
        at = round(describe(values)["dominant_frequency"] * padded / 50)
        assert power[at] >= power[first:].max() * (1 - 1e-4), length


def test_padded_length__is_the_smallest_product_of_twos_and_fives():
    products = sorted(2**a * 5**b for a in range(1, 16) for b in range(7))
    for length in range(1, 3000):
        assert padded_length(length) == next(size for size in products if size >= 2 * length)


def test_describe_windows__gives_documented_values_for_a_constant():
    came = describe([0.3] * 50)
    defined = {"mean": np.float32(0.3), "rms": np.float32(0.3), "median": np.float32(0.3)}
    defined |= {"min": np.float32(0.3), "max": np.float32(0.3)}
    defined |= {"sd": 0.0, "iqr": 0.0, "jerk": 0.0, "crossing_rate": 0.0}
    assert {name: value for name, value in came.items() if not np.isnan(value)} == defined


def test_describe_windows__gives_documented_values_for_one_sample():
    came = describe([2.0])
    defined = {"mean": 2, "rms": 2, "median": 2, "min": 2, "max": 2, "sd": 0, "iqr": 0}
    assert {name: value for name, value in came.items() if not np.isnan(value)} == defined


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_describe_windows__gives_nan_for_a_channel_that_is_not_finite(bad):
    samples = np.random.default_rng(3).normal(size=(30, 3)).astype(np.float32)
    samples[7, 1] = bad
    row = describe_windows(split_channels(samples), np.array([0]), 30, 50)[0]
    channels = row[: 4 * len(NAMES)].reshape(4, len(NAMES))
    assert np.isnan(channels[[1, 3]]).all()
    assert np.isfinite(channels[[0, 2]]).all()
    np.testing.assert_array_equal(np.isnan(row[-3:]), [True, False, True])


def test_describe_windows__does_not_spoil_the_neighbours_of_a_bad_window():
    samples = np.random.default_rng(4).normal(size=(90, 3)).astype(np.float32)
    good = describe_windows(split_channels(samples), np.array([0, 60]), 30, 50)
    samples[40] = np.nan
    came = describe_windows(split_channels(samples), np.array([0, 30, 60]), 30, 50)
    np.testing.assert_array_equal(came[[0, 2]], good)


@pytest.mark.parametrize("scale", [1e9, 1e-9, 1e30])
def test_describe_windows__keeps_its_shape_at_any_scale(scale):
    values = np.random.default_rng(5).normal(size=100)
    plain, scaled = describe(values.astype(np.float32)), describe((values * scale).astype("f4"))
    for name in ("skewness", "kurtosis", "dominant_frequency", "spectral_entropy", "period"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-4)
    assert scaled["sd"] == pytest.approx(plain["sd"] * scale, rel=1e-5)


def test_describe_windows__sees_small_movement_on_a_large_offset():
    wave = np.sin(np.arange(200) * 2 * np.pi / 40)
    came = describe((1e9 + 6400 * wave).astype(np.float32), 50)
    assert came["period"] == pytest.approx(0.8)
    assert came["sd"] == pytest.approx(6400 / np.sqrt(2), rel=1e-2)


def test_describe_windows__takes_no_windows():
    out = describe_windows(np.zeros((4, 5), np.float32), np.empty(0, np.int64), 5, 50)
    assert out.shape == (0, 67)


def test_describe_windows__finds_the_tempo_of_repetitions():
    time = np.arange(400) / 50
    came = describe(np.sin(2 * np.pi * time / 2.4) + 0.2 * np.sin(2 * np.pi * time * 3), 50)
    assert came["period"] == pytest.approx(2.4, abs=0.06)
    assert came["dominant_frequency"] == pytest.approx(1 / 2.4, abs=1 / 16)
