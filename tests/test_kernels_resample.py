import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.resample import interpolate, merge_duplicates

_steps = st.lists(st.floats(1e-3, 10), min_size=1, max_size=40)


@settings(deadline=None)  # the first example compiles
@given(_steps, _steps, st.floats(-20, 20), st.integers(0, 2**32 - 1))
def test_interpolate__agrees_with_numpy(steps, grid_steps, begin, seed):
    times, grid = np.cumsum(steps), begin + np.cumsum(grid_steps)
    values = np.random.default_rng(seed).normal(size=(len(times), 3))
    expected = np.column_stack([np.interp(grid, times, axis) for axis in values.T])
    np.testing.assert_allclose(interpolate(times, values, grid), expected, rtol=1e-5, atol=1e-6)


def test_interpolate__refuses_no_samples():
    with pytest.raises(InputError, match="one sample or more"):
        interpolate(np.empty(0), np.empty((0, 3)), np.array([1.0]))


def test_interpolate__refuses_times_of_another_length():
    with pytest.raises(InputError, match=r"\(2,\) and \(3, 1\)"):
        interpolate(np.arange(2.0), np.zeros((3, 1)), np.array([1.0]))


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_merge_duplicates__keeps_each_time_once_with_the_mean(times, seed):
    times = np.sort(np.array(times))
    values = np.random.default_rng(seed).normal(size=(len(times), 2)).astype(np.float32)
    once, means = merge_duplicates(times, values)
    np.testing.assert_array_equal(once, np.unique(times))
    expected = [values[times == time].mean(axis=0, dtype=float) for time in once]
    np.testing.assert_allclose(means, expected, rtol=1e-9, atol=1e-12)
