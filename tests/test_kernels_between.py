import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.kernels.between import FEATURES, fill_between

NAMES = [each.name for each in FEATURES]

TABLE = [[1, 2, 6], [2, 4, 3], [3, 6, 2], [6, 12, 1]]
TURN = [[0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0]]
WORKED = {  # feature: samples, value
    "correlation_xy": (TABLE, 1),
    # (-2 * 3 - 1 * 0 + 0 * -1 + 3 * -2) / 4 over 3.5
    "correlation_xz": (TABLE, -6 / 7),
    "correlation_yz": (TABLE, -6 / 7),
    # variances 3.5, 14 and 3.5, covariances 7, -3 and -6: the eigenvalues are 0 and
    # (21 ± root of 21² - 4 * 5 * 3.25) / 2, since xz and yz leave 3.5² - 3² and 14 * 3.5 - 6²
    "principal_share": (TABLE, (21 + np.sqrt(21**2 - 4 * 5 * 3.25)) / 2 / 21),
    "signal_magnitude_area": (TABLE, 12),  # (9 + 9 + 11 + 19) / 4
    "tilt": (TABLE, np.degrees(np.arctan(np.sqrt(5)))),  # mean 3, 6, 3: root of 45 across
    "tilt_change": (TURN, 90),
}


def relate(samples):
    """Figures of one window: name to number."""
    planes = np.ascontiguousarray(np.asarray(samples, np.float32).T)
    out = np.empty((1, len(NAMES)), np.float32)
    fill_between(planes, np.array([0]), planes.shape[1], 50.0, out)
    return dict(zip(NAMES, out[0].tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_fill_between__gives_the_worked_number(name):
    samples, expected = WORKED[name]
    assert relate(samples)[name] == pytest.approx(expected, rel=1e-6)


def angle(left, right):
    """Angle of two vectors in degrees: twice that of the halves of a rhombus (Kahan)."""
    left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
    return np.degrees(2 * np.arctan2(np.linalg.norm(left - right), np.linalg.norm(left + right)))


def oracle(samples):
    """The figures by NumPy, in float64."""
    samples = samples.astype(float)
    correlation = np.corrcoef(samples.T)
    variances = np.linalg.eigvalsh(np.cov(samples.T))
    half = len(samples) // 2
    return {
        "correlation_xy": correlation[0, 1],
        "correlation_xz": correlation[0, 2],
        "correlation_yz": correlation[1, 2],
        "principal_share": variances[-1] / variances.sum(),
        "signal_magnitude_area": np.abs(samples).sum(axis=1).mean(),
        "tilt": angle(samples.mean(axis=0), np.array([0, 0, 1])),
        "tilt_change": angle(samples[:half].mean(axis=0), samples[half:].mean(axis=0)),
    }


def make(length, seed, along, offset):
    """Movement mostly along one direction, held at an angle."""
    rng = np.random.default_rng(seed)
    direction, gravity = rng.normal(size=(2, 3))
    samples = along * rng.normal(size=(length, 1)) * direction + rng.normal(size=(length, 3))
    return (samples + gravity + offset).astype(np.float32)


@settings(deadline=None)  # the first example compiles
@given(
    st.integers(2, 130),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 1000]),
    st.sampled_from([0, 50]),
)
def test_fill_between__agrees_with_numpy(length, seed, along, offset):
    samples = make(length, seed, along, offset)
    came = relate(samples)
    for name, expected in oracle(samples).items():
        assert came[name] == pytest.approx(expected, rel=1e-5, abs=1e-5), name


@settings(deadline=None)
@given(st.integers(3, 130), st.integers(0, 2**32 - 1))
def test_fill_between__sees_small_movement_on_a_large_offset(length, seed):
    samples = (1e9 + np.round(make(length, seed, 3, 0) * 50) * 64).astype(np.float32)
    samples[:3, 0] += np.float32([640, -640, 0])
    samples[:3, 1] += np.float32([640, 0, -640])
    samples[:3, 2] += np.float32([0, 640, -640])
    moved = oracle(samples.astype(float) - 1e9)
    came = relate(samples)
    for name in NAMES[:4]:
        assert came[name] == pytest.approx(moved[name], abs=1e-5), name
    for name, expected in list(oracle(samples).items())[4:]:
        assert came[name] == pytest.approx(expected, rel=1e-6, abs=1e-6), name


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_fill_between__depends_on_the_window_alone(count, length, seed):
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(3, length + 50)).astype(np.float32)
    starts = rng.integers(0, 51, count)
    out = np.empty((count, len(NAMES)), np.float32)
    fill_between(planes, starts, length, 50.0, out)
    for start, row in zip(starts, out, strict=True):
        alone = relate(planes[:, start : start + length].T)
        np.testing.assert_array_equal(row, np.float32(list(alone.values())))


def test_fill_between__gives_documented_values_for_a_constant():
    came = relate([[0.3, 0, 0.3]] * 51)
    assert all(np.isnan(came[name]) for name in NAMES[:4])
    assert came["signal_magnitude_area"] == pytest.approx(0.6)
    assert came["tilt"] == pytest.approx(45)
    assert came["tilt_change"] == 0


def test_fill_between__gives_documented_values_for_one_sample():
    came = relate([[0, -2, 0]])
    defined = {"signal_magnitude_area": 2, "tilt": 90}
    assert {name: value for name, value in came.items() if not np.isnan(value)} == defined


def test_fill_between__has_no_tilt_where_nothing_is_felt():
    came = relate([[1, 2, 3], [-1, -2, -3]])
    assert np.isnan(came["tilt"])
    assert came["tilt_change"] == 180
    assert np.isnan(relate(np.zeros((4, 3)))["tilt_change"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("axis", "kept"), list(enumerate(NAMES[2::-1])))
def test_fill_between__keeps_the_correlation_of_the_axes_that_are_finite(bad, axis, kept):
    samples = make(30, 3, 1, 0)
    samples[7, axis] = bad
    came = relate(samples)
    assert {name for name, value in came.items() if np.isfinite(value)} == {kept}


def test_fill_between__does_not_spoil_the_neighbours_of_a_bad_window():
    planes = np.ascontiguousarray(make(90, 4, 1, 0).T)
    good = np.empty((2, len(NAMES)), np.float32)
    fill_between(planes, np.array([0, 60]), 30, 50.0, good)
    planes[:, 40] = np.nan
    came = np.empty((3, len(NAMES)), np.float32)
    fill_between(planes, np.array([0, 30, 60]), 30, 50.0, came)
    np.testing.assert_array_equal(came[[0, 2]], good)
    assert np.isnan(came[1]).all()


@pytest.mark.parametrize(
    ("samples", "share"),
    [
        ([[1, 0, 0], [-1, 0, 0], [0, 0, 0]], 1),  # one line
        ([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], 1 / 2),  # a plane, alike
        ([*np.eye(3), *-np.eye(3)], 1 / 3),  # alike in all directions
        ([[1, 1, 1], [-2, -2, -2], [5, 5, 5]], 1),
    ],
)
def test_fill_between__finds_the_principal_share_of_degenerate_movement(samples, share):
    assert relate(samples)["principal_share"] == pytest.approx(share, abs=2e-7)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_fill_between__does_not_see_how_the_device_is_turned_in_the_principal_share(seed):
    samples = make(50, seed, 2, 0)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    turned = relate((samples.astype(float) @ turn).astype(np.float32))
    expected = relate(samples)
    assert turned["principal_share"] == pytest.approx(expected["principal_share"], abs=1e-5)
    assert turned["tilt_change"] == pytest.approx(expected["tilt_change"], abs=1e-3)


@pytest.mark.parametrize("scale", [1e9, 1e-9, 1e30])
def test_fill_between__keeps_its_shape_at_any_scale(scale):
    samples = make(60, 5, 1, 0)
    plain, scaled = relate(samples), relate(samples.astype(float) * scale)
    for name in NAMES:
        factor = scale if name == "signal_magnitude_area" else 1
        assert scaled[name] == pytest.approx(plain[name] * factor, rel=1e-4), name


def test_fill_between__takes_no_windows():
    out = np.empty((0, len(NAMES)), np.float32)
    fill_between(np.zeros((3, 5), np.float32), np.empty(0, np.int64), 5, 50.0, out)
    assert out.size == 0
