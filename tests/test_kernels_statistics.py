import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.window_values import ACROSS, EACH, describe
from workoutlab.errors import InputError
from workoutlab.kernels.catalogue import CATALOGUE, GROUPS, STANDARD
from workoutlab.kernels.statistics import describe_windows
from workoutlab.kernels.windows import split_channels

ALL = [*EACH, *ACROSS]


def noise(count, seed=0, channels=4):
    return np.random.default_rng(seed).normal(size=(channels, count)).astype(np.float32)


def test_catalogue__names_each_feature_once_and_describes_it():
    assert len({item.name for item in CATALOGUE}) == len(CATALOGUE)
    for item in CATALOGUE:
        assert item.of in ("channel", "axes")
        assert item.unit
        assert item.definition
        assert item.source
        assert item.name.isidentifier()
        assert item.cost_ns > 0, item.name


def test_groups__hold_every_feature_once_beside_the_standard_ones():
    grouped = [name for group, names in GROUPS.items() if group != "standard" for name in names]
    assert sorted(grouped) == sorted(ALL)
    assert GROUPS["standard"] == STANDARD
    assert set(GROUPS).isdisjoint(grouped)  # a name says which is meant
    assert len(STANDARD) == 19


def test_describe_windows__describes_the_standard_features_unless_told_otherwise():
    planes = noise(500)
    plain = describe_windows(planes, np.array([0, 50]), 400, 50)
    assert plain.shape == (2, 4 * 16 + 3)
    assert plain.dtype == np.float32
    named = describe_windows(planes, np.array([0, 50]), 400, 50, list(STANDARD))
    np.testing.assert_array_equal(plain, named)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(ALL), unique=True, min_size=1), st.integers(1, 90))
def test_describe_windows__gives_a_feature_whatever_else_is_asked_for(names, count):
    planes, starts = noise(count * 5 + 20), np.arange(count) * 5
    every = describe_windows(planes, starts, 20, 50, ALL)
    came = describe_windows(planes, starts, 20, 50, names)
    each = [EACH.index(name) for name in names if name in EACH]
    across = [4 * len(EACH) + ACROSS.index(name) for name in names if name in ACROSS]
    columns = [channel * len(EACH) + place for channel in range(4) for place in each] + across
    assert came.tobytes() == every[:, columns].tobytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_describe_windows__describes_a_channel_alike_alone_and_with_others(count, length, seed):
    planes, starts = noise(length + 30, seed, count), np.arange(0, 30, 7)
    together = describe_windows(planes, starts, length, 50, EACH).reshape(len(starts), count, -1)
    for channel in range(count):
        alone = describe_windows(planes[channel : channel + 1], starts, length, 50, EACH)
        assert together[:, channel].tobytes() == alone.tobytes()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(2, 60), st.integers(0, 2**32 - 1))
def test_describe_windows__depends_on_the_window_alone(count, length, seed):
    planes = noise(length + 50, seed)
    starts = np.random.default_rng(seed).integers(0, 51, count)
    together = describe_windows(planes, starts, length, 50, ALL)
    for start, row in zip(starts, together, strict=True):
        here = planes[:, start : start + length]
        alone = describe_windows(here, np.array([0]), length, 50, ALL)
        assert row.tobytes() == alone.tobytes()


@pytest.mark.parametrize("step", [5, 10, 20, 12, 40])
def test_describe_windows__is_the_same_however_the_windows_are_parted(step):
    starts = np.arange(1300) * step
    planes = noise(starts[-1] + 40, step)
    whole = describe_windows(planes, starts, 40, 50, ALL)
    for size in (63, 64, 200, 1025):
        parts = [
            describe_windows(planes, starts[first : first + size], 40, 50, ALL)
            for first in range(0, len(starts), size)
        ]
        assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_describe_windows__takes_the_axes_from_where_they_are():
    planes, starts = noise(60), np.array([0, 10])
    plain = describe_windows(planes, starts, 50, 50, ACROSS)
    turned = describe_windows(planes[[3, 2, 0, 1]], starts, 50, 50, ACROSS, axes=(2, 3, 1))
    np.testing.assert_array_equal(plain, turned)


def test_describe_windows__refuses_axes_that_are_not_there():
    with pytest.raises(InputError, match="three of the 2 channels"):
        describe_windows(noise(60, channels=2), np.array([0]), 50, 50, ACROSS)


def test_describe_windows__needs_no_axes_for_features_of_channels():
    came = describe_windows(noise(60, channels=1), np.array([0]), 50, 50, EACH)
    assert came.shape == (1, len(EACH))


def test_describe_windows__refuses_names_that_it_does_not_know():
    with pytest.raises(InputError, match=r"names: average, middle: expected some of mean, sd"):
        describe_windows(noise(60), np.array([0]), 50, 50, ["average", "mean", "middle"])


def test_describe_windows__gives_documented_values_for_a_constant():
    came = describe([0.3] * 50)
    value = np.float32(0.3)
    defined = dict.fromkeys(["mean", "rms", "mean_absolute", "median", "min", "max"], value)
    defined |= dict.fromkeys(["lower_quartile", "upper_quartile"], value)
    defined |= {"energy": np.float32(np.float64(value) ** 2 * 50), "permutation_entropy": 0}
    defined |= dict.fromkeys(["sd", "range", "iqr", "mad", "jerk", "jerk_rms", "jerk_max"], 0)
    defined |= dict.fromkeys(["mean_crossing_rate", "zero_crossing_rate", "slope"], 0)
    assert {name: value for name, value in came.items() if not np.isnan(value)} == defined


def test_describe_windows__gives_documented_values_for_one_sample():
    came = describe([2.0])
    defined = dict.fromkeys(["mean", "rms", "mean_absolute", "median", "min", "max"], 2)
    defined |= {"lower_quartile": 2, "upper_quartile": 2, "energy": 4}
    defined |= {"sd": 0, "range": 0, "iqr": 0, "mad": 0}
    assert {name: value for name, value in came.items() if not np.isnan(value)} == defined


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_describe_windows__gives_nan_for_a_channel_that_is_not_finite(bad):
    samples = noise(30, 3, 3).T.copy()
    samples[7, 1] = bad
    row = describe_windows(split_channels(samples), np.array([0]), 30, 50, ALL)[0]
    channels = row[: 4 * len(EACH)].reshape(4, len(EACH))
    assert np.isnan(channels[[1, 3]]).all()
    assert (np.isnan(channels[0]) == np.isnan(channels[2])).all()
    assert np.isfinite(channels[0, : EACH.index("dominant_frequency")]).all()
    between = dict(zip(ACROSS, row[-len(ACROSS) :], strict=True))
    assert [name for name, value in between.items() if np.isfinite(value)] == ["correlation_xz"]


def test_describe_windows__does_not_spoil_the_neighbours_of_a_bad_window():
    planes = noise(90, 4)
    good = describe_windows(planes, np.array([0, 60]), 30, 50, ALL)
    planes[:, 40] = np.nan
    came = describe_windows(planes, np.array([0, 30, 60]), 30, 50, ALL)
    np.testing.assert_array_equal(came[[0, 2]], good)


@pytest.mark.parametrize("scale", [1e9, 1e-9, 1e30])
def test_describe_windows__keeps_its_shape_at_any_scale(scale):
    values = np.random.default_rng(5).normal(size=100)
    plain, scaled = describe(values.astype(np.float32)), describe((values * scale).astype("f4"))
    units = {item.name: item.unit for item in CATALOGUE}
    for name in EACH:
        factor = scale if units[name] in ("g", "g/s") else 1
        if units[name] != "g²":
            assert scaled[name] == pytest.approx(plain[name] * factor, rel=1e-4, nan_ok=True), name


@pytest.mark.parametrize("values", [[3e38, -3e38] * 20, [1e-45, 0] * 20, [1e9] * 39 + [1e9 + 64]])
def test_describe_windows__takes_values_at_the_ends_of_what_float32_holds(values):
    came = describe(values)
    wide = np.float64(np.float32(values))
    assert came["mean"] == pytest.approx(wide.mean(), rel=1e-6)
    assert came["sd"] == pytest.approx(wide.std(), rel=1e-6)
    assert came["median"] == pytest.approx(np.median(wide), rel=1e-6)


def test_describe_windows__sees_small_movement_on_a_large_offset():
    wave = np.sin(np.arange(200) * 2 * np.pi / 40)
    came = describe((1e9 + 6400 * wave).astype(np.float32), 50)
    assert came["period"] == pytest.approx(0.8)
    assert came["sd"] == pytest.approx(6400 / np.sqrt(2), rel=1e-2)


def test_describe_windows__takes_a_signal_that_is_clipped():
    came = describe(np.clip(8 * np.sin(np.arange(400) / 5), -4, 4), 50)
    assert came["max"] == came["upper_quartile"] == 4
    assert came["period"] == pytest.approx(np.pi / 5, abs=0.02)
    assert not np.isnan(list(came.values())).any()


def test_describe_windows__takes_no_windows():
    out = describe_windows(noise(5), np.empty(0, np.int64), 5, 50, ALL)
    assert out.shape == (0, 4 * len(EACH) + len(ACROSS))


def test_describe_windows__takes_no_channels():
    out = describe_windows(np.empty((0, 50), np.float32), np.array([0, 5]), 20, 50, EACH)
    assert out.shape == (2, 0)


def test_describe_windows__takes_long_windows():
    planes = noise(20_100, channels=3)
    came = describe_windows(planes, np.arange(0, 100, 10), 20_000, 50, EACH)
    alone = describe_windows(planes[:1], np.array([20]), 20_000, 50, EACH)
    assert came[2, : len(EACH)].tobytes() == alone.tobytes()
    assert not np.isnan(came).any()
