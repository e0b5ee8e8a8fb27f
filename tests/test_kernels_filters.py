import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from workoutlab.errors import InputError
from workoutlab.kernels.filters import filter_both_ways, thin_out


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, 3)) + np.arange(-1, 2)


@settings(deadline=None)  # the first example compiles
@given(st.integers(1, 400), st.integers(1, 8), st.floats(0.01, 0.9), st.booleans())
def test_filter_both_ways__agrees_with_scipy(samples, order, cutoff, highpass):
    sections = signal.butter(order, cutoff, "highpass" if highpass else "lowpass", output="sos")
    given_samples = noise(samples)
    expected = signal.sosfiltfilt(sections, given_samples, axis=0, padtype=None)
    filter_both_ways(given_samples, sections, signal.sosfilt_zi(sections))
    np.testing.assert_allclose(given_samples, expected, atol=1e-9)


def test_filter_both_ways__refuses_samples_of_another_form():
    with pytest.raises(InputError, match=r"\(sample, 3\), one sample or more, got \(5, 2\)"):
        filter_both_ways(np.zeros((5, 2)), np.zeros((1, 6)), np.zeros((1, 2)))


def test_filter_both_ways__refuses_states_that_do_not_fit():
    with pytest.raises(InputError, match=r"got \(2, 6\) and \(1, 2\)"):
        filter_both_ways(np.zeros((5, 3)), np.zeros((2, 6)), np.zeros((1, 2)))


@settings(deadline=None)  # the first example compiles
@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 1500))
def test_thin_out__agrees_with_scipy(taps, factor, spare):
    weights = np.random.default_rng(taps).normal(size=taps)
    samples = noise(taps + spare)
    whole = np.stack([np.convolve(axis, weights[::-1], "valid") for axis in samples.T], axis=1)
    out = thin_out(samples, weights, factor)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, whole[::factor], rtol=1e-5, atol=1e-5)


@given(st.integers(0, 1200))
def test_thin_out__gives_the_same_bits_wherever_it_begins(begin):
    samples, taps = noise(2000), signal.firwin(65, 0.45)
    whole = thin_out(samples, taps, 2)
    part = thin_out(samples[2 * (begin // 4) :], taps, 2)
    np.testing.assert_array_equal(part, whole[begin // 4 :])


def test_thin_out__refuses_fewer_samples_than_taps():
    with pytest.raises(InputError, match="as many as the 65 taps"):
        thin_out(noise(64), np.ones(65), 2)
