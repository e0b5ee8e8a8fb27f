import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels import compiled
from workoutlab.kernels.windows import check_windows, gather_windows, split_channels


@settings(deadline=None)  # the first example compiles
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_gather_windows__lays_out_all_x_then_y_then_z(length, spare, seed):
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(3, length + spare)).astype(np.float32)
    starts = rng.integers(0, spare + 1, 5)
    expected = [planes[:, start : start + length].ravel() / 2 for start in starts]
    np.testing.assert_array_equal(gather_windows(planes, starts, length, 0.5), expected)


def test_split_channels__adds_the_magnitude():
    samples = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    planes = split_channels(samples)
    np.testing.assert_array_equal(planes[:3], samples.T)
    np.testing.assert_allclose(planes[3], np.linalg.norm(samples, axis=1), rtol=1e-6)


@pytest.mark.parametrize("channels", [("magnitude", "z"), ("y",), (), ("x", "x")])
def test_split_channels__gives_what_is_asked_for_in_that_order(channels):
    samples = np.random.default_rng(0).normal(size=(2500, 3)).astype(np.float32)
    planes = split_channels(samples, channels)
    whole = split_channels(samples)
    expected = whole[[("x", "y", "z", "magnitude").index(channel) for channel in channels]]
    np.testing.assert_array_equal(planes, expected)
    assert planes.dtype == np.float32
    assert planes.flags.c_contiguous


def test_split_channels__refuses_a_channel_that_it_does_not_know():
    with pytest.raises(InputError, match="channel 'up': expected one of x, y, z, magnitude"):
        split_channels(np.zeros((2, 3), np.float32), ["x", "up"])


def test_split_channels__holds_magnitudes_whose_square_overflows():
    assert split_channels(np.full((1, 3), 1e25, np.float32))[3, 0] == pytest.approx(1.732e25, 1e-3)


@pytest.mark.parametrize("start", [-1, 3])
def test_check_windows__refuses_a_window_beyond_the_samples(start):
    with pytest.raises(InputError, match="within the 10 samples"):
        check_windows(np.zeros((3, 10), np.float32), np.array([0, start]), 8)


def test_check_windows__refuses_an_empty_window():
    with pytest.raises(InputError, match="1 sample or more"):
        check_windows(np.zeros((3, 10), np.float32), np.array([0]), 0)


def test_check_windows__refuses_samples_of_one_channel_without_its_dim():
    with pytest.raises(InputError, match=r"\(channel, sample\)"):
        check_windows(np.zeros(10, np.float32), np.array([0]), 1)


def test_compiled__works_where_no_cache_can_be_written(monkeypatch):
    njit = compiled.njit

    def njit_without_place(*, cache=False, **options):
        def refuse(function):
            raise RuntimeError("cannot cache function: no locator available")

        return refuse if cache else njit(**options)

    monkeypatch.setattr(compiled, "njit", njit_without_place)
    assert compiled.compiled()(lambda number: number + 1)(1) == 2
