import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from workoutlab.errors import InputError, UnitError
from workoutlab.signals.conversion import convert_unit, to_g
from workoutlab.signals.filters import (
    apply_filter,
    design_filter,
    design_taps,
    extend,
    thinning_factor,
)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, 3)) + np.arange(3)


bands = st.sampled_from([(None, 0.3), (None, 20), (0.5, None), (0.5, 15)])


@settings(deadline=None)  # the first example compiles
@given(bands, st.integers(1, 8), st.integers(60, 600))
def test_apply_filter__is_scipys_filter_both_ways(band_hz, order, samples):
    low, high = band_hz
    kind = "lowpass" if low is None else "highpass" if high is None else "bandpass"
    edges = band_hz if kind == "bandpass" else (low or high)
    sections = signal.butter(order, edges, kind, fs=50, output="sos")
    expected = signal.sosfiltfilt(sections, noise(samples), axis=0)
    out = apply_filter(noise(samples), design_filter(band_hz, order, 50.0))
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("samples", [1, 2, 10])
def test_apply_filter__takes_fewer_samples_than_scipy_does(samples):
    out = apply_filter(np.ones((samples, 3)), design_filter((None, 0.3), 4, 50.0))
    np.testing.assert_allclose(out, 1, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(bands, st.integers(1, 6), st.sampled_from([25.0, 50.0, 100.0]))
def test_design_filter__forgets_within_its_memory(band_hz, order, rate_hz):
    band_hz = tuple(None if each is None else min(each, rate_hz / 2.5) for each in band_hz)
    chosen = design_filter(band_hz, order, rate_hz)
    samples = noise(3 * chosen.memory + 200)
    cut = len(samples) // 3
    whole = apply_filter(samples, chosen)[cut + chosen.memory :]
    part = apply_filter(samples[cut:], chosen)[chosen.memory :]
    np.testing.assert_allclose(part, whole, atol=2e-6)


def test_design_filter__lets_a_quarter_of_the_power_through_at_its_edge():
    seconds = np.arange(5000) / 50
    tone = np.sin(2 * np.pi * 2 * seconds)[:, None] * np.ones(3)
    out = apply_filter(tone, design_filter((None, 2), 4, 50.0))[1000:4000]
    assert (out**2).mean() / (tone[1000:4000] ** 2).mean() == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("band_hz", [(None, 25), (30, None), (1, 25.0)])
def test_design_filter__refuses_what_is_not_below_half_the_rate(band_hz):
    with pytest.raises(UnitError, match=r"below 25 Hz, half of the 50 Hz"):
        design_filter(band_hz, 4, 50.0)


def test_design_filter__refuses_what_is_as_good_as_zero():
    with pytest.raises(UnitError, match=r"expected frequencies of 0.0005 Hz or more"):
        design_filter((None, 1e-4), 4, 50.0)


@given(st.integers(2, 60), st.data())
def test_extend__turns_the_signal_about_its_ends(samples, data):
    before, after = data.draw(st.integers(0, samples - 1)), data.draw(st.integers(0, samples - 1))
    values = noise(samples)
    out = extend(values, before, after)
    np.testing.assert_array_equal(out[before : before + samples], values)
    np.testing.assert_allclose(out[:before][::-1], 2 * values[0] - values[1 : before + 1])
    np.testing.assert_allclose(
        out[before + samples :], 2 * values[-1] - values[::-1][1 : after + 1]
    )


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_design_taps__passes_and_stops_what_it_says(factor):
    frequency, response = signal.freqz(design_taps(factor), worN=8192)
    frequency, gain = frequency / np.pi * factor, np.abs(response)
    np.testing.assert_allclose(gain[frequency <= 0.79], 1, atol=1e-3)
    assert gain[frequency >= 0.99].max() <= 10 ** (-59 / 20)
    assert np.interp(0.9, frequency, gain) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("own_hz", "grid_hz", "factor"),
    [
        *((50, 50, 1), (60, 50, 1), (61, 50, 4), (100.4, 50, 2), (99.5, 50, 2), (80, 50, 4)),
        *((200, 50, 4), (25, 50, 1), (float("nan"), 50, 1), (110, 50, 6)),
    ],
)
def test_thinning_factor__is_a_whole_number_of_points(own_hz, grid_hz, factor):
    assert thinning_factor(own_hz, grid_hz) == factor


def test_to_g__knows_units():
    np.testing.assert_allclose(to_g([[9.80665, 0, -4.903325]], "m/s2"), [[1, 0, -0.5]])
    np.testing.assert_allclose(to_g([1000, -250], "mg"), [1, -0.25])
    np.testing.assert_allclose(to_g([127, -128], "counts", range_g=2, bits=8), [1.984375, -2])
    assert to_g([1], "g").dtype == np.float32


@pytest.mark.parametrize(
    ("given_unit", "match"),
    [
        ({"unit": "ft/s2"}, "expected one of g, mg, m/s2, counts"),
        ({"unit": "counts"}, "need both range_g and bits"),
        ({"unit": "counts", "bits": 8}, "need both range_g and bits"),
        ({"unit": "g", "range_g": 8}, "other units neither"),
    ],
)
def test_to_g__refuses_units_that_it_cannot_know(given_unit, match):
    with pytest.raises(UnitError, match=match):
        to_g([1], **given_unit)


@pytest.mark.parametrize(
    "values", ["abc", ["1"], [[1], [1, 2]], [1 + 2j], np.ones(2, complex), {"x": 1}, [{}]]
)
def test_to_g__refuses_what_are_no_numbers(values):
    with pytest.raises(InputError, match="values: expected numbers"):
        to_g(values, "mg")


def test_to_g__bounds_bits_and_what_float32_holds():
    with pytest.raises(InputError, match="bits: expected >= 1 and < 65, got 2000"):
        to_g([1], "counts", range_g=8, bits=2000)
    assert to_g([1e300, -np.inf], "g").tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("g", "m/s²"), ("g/s", "m/s³"), ("g²", "m²/s⁴"), ("0.5 g", "0.5 m/s²"), ("deg", "deg")],
)
def test_convert_unit__changes_what_is_in_g(unit, expected):
    assert convert_unit(unit) == expected
