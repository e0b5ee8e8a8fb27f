import pickle

import cloudpickle
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from workoutlab.errors import InputError
from workoutlab.recording import Recording
from workoutlab.signals import Statistics, features, windows
from workoutlab.signals.own import Own

PLANES = np.random.default_rng(0).normal(size=(3, 300)).astype(np.float32)
STARTS = np.array([0, 20, 200])
CHANNELS = ("x", "y", "z")


def run(own, planes=PLANES, starts=STARTS, length=100):
    return own.compute(planes, starts, length, 50.0, CHANNELS[: len(planes)])


def span(values, rate_hz):
    return values.max() - values.min()


def rise_and_fall(values, rate_hz):
    steps = np.diff(values) * rate_hz
    return steps.max(), steps.min()


def swing(values, rate_hz):
    return values[:, 0].max() - values[:, -1].min()


def spoil(values, rate_hz):
    values[:] = values - values[0]
    return values[-1]


def fail_late(values, rate_hz):
    if values[0] > 100:
        raise ValueError("too large")
    return values[0]


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__is_computed_of_each_window_and_channel(compile_it):
    out = run(Own(compile_it(span), name="span", unit="g"))
    windows = np.stack([PLANES[:, start : start + 100] for start in STARTS])
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, np.ptp(windows, axis=2), rtol=1e-6)


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__returns_several_numbers(compile_it):
    own = Own(compile_it(rise_and_fall), name="edges", names=("rise", "fall"), unit="g/s")
    steps = np.diff(np.stack([PLANES[:, start : start + 100] for start in STARTS]), axis=2) * 50
    expected = np.stack([steps.max(axis=2), steps.min(axis=2)], axis=2).reshape(3, 6)
    np.testing.assert_allclose(run(own), expected, rtol=1e-5)


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__of_windows_is_given_all_channels(compile_it):
    out = run(Own(compile_it(swing), of="window"))
    expected = [
        [PLANES[0, start : start + 100].max() - PLANES[2, start : start + 100].min()]
        for start in STARTS
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__may_change_what_it_is_given(compile_it):
    planes = PLANES.copy()
    out = run(Own(compile_it(spoil)), planes)
    np.testing.assert_array_equal(planes, PLANES)
    expected = np.stack([PLANES[:, start + 99] - PLANES[:, start] for start in STARTS])
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 200), st.integers(1, 100))
def test_own__compiled_and_interpreted_agree(start, length):
    starts = np.array([start, 0])
    one, other = (run(own, starts=starts, length=length) for own in (COMPILED, INTERPRETED))
    np.testing.assert_array_equal(one, other)


COMPILED, INTERPRETED = Own(njit(span)), Own(span)


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__names_the_function_and_the_window_that_failed(compile_it):
    planes = PLANES.copy()
    planes[1, 200] = 1000
    with pytest.raises(InputError, match=r"'late' failed on channel y of window 2 of 3 .*200 to"):
        run(Own(compile_it(fail_late), name="late"), planes)


@pytest.mark.parametrize("compile_it", [njit, lambda function: function])
def test_own__refuses_another_number_of_numbers_than_named(compile_it):
    with pytest.raises(InputError, match=r"'span' failed on channel x of window 0.*named"):
        run(Own(compile_it(span), names=("low", "high")))


def test_own__that_cannot_be_compiled_says_so():
    with pytest.raises(InputError, match=r"'span' failed.*TypingError"):
        run(Own(njit(lambda values, rate_hz: values.nothing() + rate_hz), name="span"))


def test_own__refuses_windows_beyond_the_samples():
    with pytest.raises(InputError, match="within the 300 samples"):
        run(COMPILED, starts=np.array([250]))


def test_own__of_no_windows_is_empty():
    assert run(INTERPRETED, starts=np.array([], np.int64)).shape == (0, 3)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"name": "two words"}, "name: expected a letter"),
        ({"name": ""}, "name: expected a letter"),
        ({"names": ("a", "b c")}, "name: expected a letter"),
        ({"of": "axis"}, "of: expected 'channel' or 'window'"),
        ({"names": ("a", "b"), "unit": ("g",)}, "unit: expected one for all, or 2"),
    ],
)
def test_own__refuses_settings_without_meaning(wrong, match):
    with pytest.raises(InputError, match=match):
        Own(span, **wrong)


def test_own__refuses_what_is_no_function_or_has_no_name():
    with pytest.raises(InputError, match="function: expected"):
        Own("span")
    with pytest.raises(InputError, match="give one"):
        Own(lambda values, rate_hz: values[0] / rate_hz)


@pytest.mark.parametrize(
    "own", [COMPILED, INTERPRETED, Own(lambda values, _: values[0], name="first")]
)
def test_own__keeps_its_settings_on_a_worker(own):
    again = pickle.loads(cloudpickle.dumps(own))
    assert again.settings() == own.settings()
    np.testing.assert_array_equal(run(again), run(own))


def test_own__is_told_from_others_by_name_unit_and_code():
    told = [
        Own(span).settings(),
        Own(span, name="other").settings(),
        Own(span, unit="g").settings(),
        Own(swing, name="span").settings(),
        Own(span, of="window").settings(),
    ]
    assert len({str(each) for each in told}) == len(told)


def test_own__that_fails_in_a_plan_tells_where():
    samples = np.zeros((1000, 3), np.float32)
    samples[650, 1] = 1000
    spiky = Recording(user="ann", session="s", acceleration=samples, rate_hz=50)
    plan = windows(spiky, within="recordings", length="2s", step="1s")
    lazy = features(plan, Statistics(Own(fail_late, name="late"), channels="y"))
    with pytest.raises(InputError, match=r"recording 0, from 0 s on: own feature 'late' .*650 to"):
        lazy.compute()


def test_own__takes_its_name_from_several():
    both = Own(lambda values, rate_hz: [values[0], rate_hz], names=["first", "rate"])
    assert both.name == "first"
    assert Statistics([both], channels=("x",)).names(4) == ("x_first", "x_rate")


@pytest.mark.parametrize("arguments", [{"unit": 3}, {"unit": None}, {"names": "ab"}, {"names": 3}])
def test_own__refuses_units_and_names_that_mean_nothing(arguments):
    with pytest.raises(InputError, match="expected"):
        Own(np.dot, name="one", **arguments)


def test_own__refuses_a_function_that_cannot_be_called_with_a_window():
    with pytest.raises(InputError, match=r"function\(values, rate_hz\)"):
        Own(lambda values: values[0], name="one")
