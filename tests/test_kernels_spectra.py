import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings

from tests.window_values import describe, windows_of_values
from workoutlab.kernels.fourier import padded_length
from workoutlab.kernels.spectra import DOMINANT, FEATURES, fill_spectra

NAMES = [item.name for item in FEATURES]

# A window of 16 padded to 32: bins 2 to 16 count. All power lies in four of them.
POWERS = {4: 8, 5: 4, 12: 3, 13: 1}
FLOOR = 1e-9 * 16 / 15
WORKED = {  # feature: rate in Hz (a bin is a 32nd), value
    "dominant_frequency": (32, 4.0),
    "dominant_share": (32, 0.75),
    "spectral_entropy": (32, 0.4358504),  # 1/2 + 2/4 + 2.415037 * 3/16 + 4/16 bits of 3.906891
    "second_frequency": (32, 12.0),
    "second_share": (32, 0.25),
    "spectral_centroid": (32, 6.3125),  # (8 * 4 + 4 * 5 + 3 * 12 + 13) / 16
    "spectral_spread": (32, 3.4590235),  # root of (128 + 100 + 432 + 169) / 16 less 6.3125 ** 2
    "spectral_edge": (32, 13.0),  # up to bin 12 there are 15 of 16
    "spectral_flatness": (32, np.exp(np.log([8, 4, 3, 1, *[FLOOR] * 11]).mean()) / (16 / 15)),
    "power_below_0_5": (3.2, 0.5),  # up to bin 4, at 0.4 Hz
    "power_0_5_to_1": (3.2, 0.25),
    "power_1_to_2": (3.2, 0.25),
    "power_2_to_4": (6.4, 0.25),
    "power_4_to_8": (32, 0.75),
    "power_8_to_16": (32, 0.25),
    "power_above_16": (64, 0.25),
    "spectral_arc_length": (32, -1.0420107),  # bins 4 and 5: root of 1 + (1 - root of 1/2) ** 2
}


def read(powers, length, rate_hz, **options):
    """Features of one spectrum."""
    lanes = np.repeat(np.float32(powers)[None, :, None], 16, axis=2)
    out = np.empty((1, len(NAMES)), np.float32)
    fill_spectra(lanes, length, rate_hz, out, **options)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_fill_spectra__gives_the_worked_number(name):
    powers = np.zeros(17)
    powers[list(POWERS)] = list(POWERS.values())
    rate_hz, expected = WORKED[name]
    assert read(powers, 16, rate_hz)[name] == pytest.approx(expected, rel=2e-6)


def test_fill_spectra__gives_nan_for_bands_that_hold_no_bin():
    came = read(np.ones(17), 16, 32)
    bands = [name for name in NAMES if name.startswith("power_")]
    values = {name: came[name] for name in bands if not np.isnan(came[name])}
    assert values == pytest.approx(
        {"power_2_to_4": 2 / 15, "power_4_to_8": 4 / 15, "power_8_to_16": 8 / 15}
        | {"power_above_16": 1 / 15}
    )


def test_fill_spectra__writes_no_more_than_is_wanted():
    powers = np.random.default_rng(0).exponential(size=401)
    some, more = (read(powers, 400, 100, shape=shape) for shape in (False, True))
    assert [some[name] for name in DOMINANT] == [more[name] for name in DOMINANT]


def spectrum(values):
    """Power of each bin by NumPy, and the first bin of one cycle a window."""
    padded = padded_length(len(values))
    return np.abs(np.fft.rfft(values - values.mean(), padded)) ** 2, -(-padded // len(values))


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__finds_the_frequency_that_numpy_finds(values):
    came = describe(values, 50, DOMINANT)
    power, first = spectrum(values.astype(float))
    at = round(came["dominant_frequency"] * padded_length(len(values)) / 50)
    assert first <= at < len(power)
    assert power[at] >= power[first:].max() * (1 - 1e-4)
    near = power[max(first, at - 1) : at + 2].sum()
    total = power[first:].sum()
    assert came["dominant_share"] == pytest.approx(near / total, abs=1e-4)
    share = power[first:] / total
    entropy = -np.sum(share * np.log(np.maximum(share, 1e-300))) / np.log(len(share))
    assert came["spectral_entropy"] == pytest.approx(entropy, abs=1e-4)


def oracle(power, first, bin_hz):
    """Shape of a spectrum by NumPy and SciPy."""
    hz, inner = np.arange(len(power)) * bin_hz, power[first:]
    weights, hz = inner / inner.sum(), hz[first:]
    centroid = weights @ hz
    floored = np.maximum(inner, 1e-9 * inner.mean())
    edges = [0, 0.5, 1, 2, 4, 8, 16, np.inf]
    bands = [weights[(hz >= a - 1e-9) & (hz < b - 1e-9)] for a, b in itertools.pairwise(edges)]
    names = [name for name in NAMES if name.startswith("power_")]
    return {
        "spectral_centroid": centroid,
        "spectral_spread": np.sqrt(weights @ (hz - centroid) ** 2),
        "spectral_flatness": np.exp(np.log(floored).mean()) / inner.mean(),
    } | {name: b.sum() if len(b) else np.nan for name, b in zip(names, bands, strict=True)}


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__reads_the_shape_that_numpy_reads(values):
    came = describe(values, 50)
    power, first = spectrum(values.astype(float))
    bin_hz = 50 / padded_length(len(values))
    for name, expected in oracle(power, first, bin_hz).items():
        assert came[name] == pytest.approx(expected, rel=1e-3, abs=2e-4, nan_ok=True), name
    edge, total = round(came["spectral_edge"] / bin_hz), power[first:].sum()
    assert power[first : edge + 1].sum() >= (0.95 - 1e-5) * total
    assert power[first:edge].sum() < (0.95 + 1e-5) * total


@settings(deadline=None)
@given(windows_of_values)
def test_describe_windows__finds_the_second_peak_that_scipy_finds(values):
    came = describe(values, 50)
    power, first = spectrum(values.astype(float))
    padded = padded_length(len(values))
    mirrored = np.concatenate([power, power[-2:-3:-1]])
    found = scipy.signal.find_peaks(mirrored)[0]
    at = round(came["dominant_frequency"] * padded / 50)
    found = found[(found >= first) & (abs(found - at) * len(values) >= 2 * padded)]
    if np.isnan(came["second_frequency"]):
        assert came["second_share"] == 0
        assert (power[found] < 1e-4 * power.max()).all()
    else:
        second = round(came["second_frequency"] * padded / 50)
        assert abs(second - at) * len(values) >= 2 * padded
        assert power[second] >= power[found].max(initial=0) - 1e-4 * power.max()
        near = power[max(first, second - 1) : second + 2].sum()
        assert came["second_share"] == pytest.approx(near / power[first:].sum(), abs=1e-4)


def arc_length(power, bin_hz):
    """As in the supplement to Balasubramanian et al. 2015, on a spectrum that is given."""
    heights = np.sqrt(power / power.max())
    hz = np.arange(len(power)) * bin_hz
    heights, hz = heights[hz <= 10], hz[hz <= 10]
    kept = np.flatnonzero(heights >= 0.05)
    heights, hz = heights[kept[0] : kept[-1] + 1], hz[kept[0] : kept[-1] + 1]
    return -np.sum(np.hypot(np.diff(hz) / (hz[-1] - hz[0]), np.diff(heights)))


def test_describe_windows__measures_the_arc_as_published():
    rng = np.random.default_rng(1)
    for length in (50, 128, 200, 400):
        values = rng.normal(size=length).cumsum().astype(np.float32)
        power, _ = spectrum(values.astype(float))
        expected = arc_length(power, 100 / padded_length(length))
        assert describe(values, 100)["spectral_arc_length"] == pytest.approx(expected, rel=1e-4)


def test_describe_windows__calls_one_stroke_smoother_than_two():
    time = np.arange(200) / 50
    one, two = np.exp(-((time - 2) ** 2)), np.exp(-((time - 1) ** 2) * 4)
    two = two + np.exp(-((time - 3) ** 2) * 4)
    lengths = [describe(values, 50)["spectral_arc_length"] for values in (one, two)]
    assert lengths[0] > lengths[1]


def test_describe_windows__has_no_arc_where_all_is_faster_than_ten_hertz():
    values = np.sin(2 * np.pi * 20 * np.arange(400) / 100)
    assert np.isnan(describe(values, 100)["spectral_arc_length"])


def test_describe_windows__reads_a_periodogram_of_scipy_on_every_second_bin():
    values = np.random.default_rng(1).normal(size=400)
    power, _ = spectrum(values)
    _, density = scipy.signal.periodogram(values, 50, detrend="constant")
    ratio = power[::2][1:-1] / density[1:-1]
    assert padded_length(400) == 800
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
