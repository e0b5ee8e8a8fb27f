import json
import pickle

import numpy as np
import pytest
from dask.base import tokenize
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from scipy.spatial.transform import Rotation

from workoutlab.errors import InputError, UnitError
from workoutlab.recording import Recording
from workoutlab.signals import Statistics, compute, features, windows
from workoutlab.signals import preparation as home
from workoutlab.signals.grid import Source
from workoutlab.signals.held import Held, hold
from workoutlab.signals.preparation import CHANNELS, Preparation, read_channels

G = 9.80665
CLOCK = 1_700_000_000_000_000_000


def store(samples, **clock):
    """Hold one recording, and return where it is and what tells it."""
    recording = Recording(user="ann", session="s1", acceleration=samples, **clock)
    return hold(recording), (0, recording.median_rate_hz, recording.regular, len(recording))


def noise(samples, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(samples, 3)) + np.array([0.1, -0.5, 0.8])).astype(np.float32)


def sway(samples, seed=0):
    """A body that moves and turns slowly, with gravity."""
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(np.cumsum(rng.normal(size=(samples, 3)) * 0.01, axis=0))
    return (turns.inv().apply([0, 0, 1]) + rng.normal(size=(samples, 3)) * 0.3).astype(np.float32)


@pytest.fixture(scope="module")
def regular():
    return store(noise(30_000), rate_hz=50)


@pytest.fixture(scope="module")
def fast():
    return store(noise(50_000), rate_hz=100)


@pytest.fixture(scope="module")
def irregular():
    steps = np.random.default_rng(1).choice([0, 7, 10, 20, 23, -4], 44_999) * 1_000_000
    clock = np.maximum(np.append(0, np.cumsum(steps)), 0) + CLOCK
    return store(noise(45_000), time_ns=clock)


PREPARATIONS = [
    Preparation(),
    Preparation(gravity="remove"),
    Preparation(gravity="only", unit="m/s2"),
    Preparation(gravity="remove", band_hz=(0.5, 15), unit="m/s2"),
    Preparation(band_hz=(None, 5), order=2),
    Preparation(band_hz=(0.05, None)),
]


@pytest.mark.parametrize("which", ["regular", "fast", "irregular"])
@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_read_channels__has_the_same_bits_in_any_stretch(preparation, which, request):
    lab, facts = request.getfixturevalue(which)
    source = Source(50, *facts)
    whole = read_channels(lab, source, preparation, CHANNELS, 0, 19_000)
    assert np.isfinite(whole).all()
    for start, stop in [(0, 1), (8191, 8193), (5000, 5400), (16_384, 19_000), (18_999, 19_000)]:
        part = read_channels(lab, source, preparation, CHANNELS, start, stop)
        np.testing.assert_array_equal(part, whole[:, start:stop])


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 29_999), st.integers(1, 20_000), st.sampled_from(PREPARATIONS))
def test_read_channels__has_the_same_bits_wherever_it_is_cut(regular, start, length, preparation):
    lab, facts = regular
    source = Source(50, *facts)
    stop = min(start + length, 30_000)
    cut = (start + stop) // 2
    whole = read_channels(lab, source, preparation, CHANNELS, start, stop)
    parts = [
        read_channels(lab, source, preparation, CHANNELS, *each)
        for each in ((start, cut), (cut, stop))
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 40, 41, 90, 1000])
@pytest.mark.parametrize("rate_hz", [50, 120])
def test_read_channels__has_the_same_bits_in_parts_of_any_length(length, rate_hz):
    lab, facts = store(noise(20_000), rate_hz=rate_hz)
    source = Source(50, *facts, first=8190, last=8190 + length)
    preparation = Preparation(gravity="remove")
    whole = read_channels(lab, source, preparation, CHANNELS, 8190, 8190 + length)
    assert np.isfinite(whole[:4]).all()
    for point in {8190, 8190 + length // 2, 8189 + length}:
        part = read_channels(lab, source, preparation, CHANNELS, point, point + 1)
        np.testing.assert_array_equal(part[:, 0], whole[:, point - 8190])


def test_read_channels__sees_nothing_beyond_its_part():
    samples = noise(4000)
    other = samples.copy()
    other[:1000], other[2000:] = 7, -7
    planes = []
    for each in (samples, other):
        lab, facts = store(each, rate_hz=100)
        source = Source(50, *facts, first=500, last=1000)
        planes.append(read_channels(lab, source, Preparation("remove"), CHANNELS, 500, 1000))
    np.testing.assert_array_equal(*planes)


@pytest.mark.parametrize(
    ("gravity", "band_hz"), [("keep", (0.5, 15)), ("remove", None), ("only", None)]
)
def test_read_channels__agrees_with_scipy_on_the_whole_recording(regular, gravity, band_hz):
    lab, facts = regular
    samples = noise(30_000).astype(float)
    low = signal.butter(4, 0.3, fs=50, output="sos")
    apart = signal.sosfiltfilt(low, samples, axis=0)
    expected = {"keep": samples, "remove": samples - apart, "only": apart}[gravity]
    if band_hz:
        band = signal.butter(4, band_hz, "bandpass", fs=50, output="sos")
        expected = signal.sosfiltfilt(band, expected, axis=0)
    preparation = Preparation(gravity=gravity, band_hz=band_hz)
    planes = read_channels(lab, Source(50, *facts), preparation, ("x", "y", "z"), 0, 30_000)
    np.testing.assert_allclose(planes, expected.T, atol=2e-6)


def test_read_channels__lets_samples_of_the_grids_rate_pass_untouched(regular):
    lab, facts = regular
    planes = read_channels(lab, Source(50, *facts), Preparation(), ("z", "x"), 100, 300)
    np.testing.assert_array_equal(planes, noise(30_000)[100:300, [2, 0]].T)
    assert planes.dtype == np.float32
    assert planes.flags.c_contiguous


def test_read_channels__reads_only_the_stretch_where_nothing_is_filtered(regular, monkeypatch):
    lab, facts = regular
    reads = []
    read = Held.read
    monkeypatch.setattr(Held, "read", lambda *args: reads.append(args[1:]) or read(*args))
    read_channels(lab, Source(50, *facts), Preparation(), ("x",), 9000, 9100)
    assert reads == [(0, "acceleration", 9000, 9100)]


def test_read_channels__filters_only_for_the_channels_that_need_it(regular, monkeypatch):
    lab, facts = regular
    designed = []
    design = home.design_filter
    monkeypatch.setattr(home, "design_filter", lambda *args: designed.append(args) or design(*args))
    read_channels(lab, Source(50, *facts), Preparation(), ("magnitude",), 0, 10)
    assert not designed
    read_channels(lab, Source(50, *facts), Preparation(), ("magnitude", "vertical"), 0, 10)
    assert len(designed) == 1


@pytest.mark.parametrize("channels", [("vertical",), ("horizontal", "x", "vertical"), ("y", "y")])
def test_read_channels__gives_the_channels_in_the_order_asked_for(regular, channels):
    lab, facts = regular
    source = Source(50, *facts)
    whole = read_channels(lab, source, Preparation("remove"), CHANNELS, 40, 90)
    planes = read_channels(lab, source, Preparation("remove"), channels, 40, 90)
    np.testing.assert_array_equal(planes, whole[[CHANNELS.index(each) for each in channels]])
    assert planes.flags.c_contiguous


def test_read_channels__refuses_a_channel_that_it_does_not_know(regular):
    with pytest.raises(InputError, match=r"channel: expected one of 'x'.*got 'up'"):
        read_channels(regular[0], Source(50, *regular[1]), Preparation(), ("up",), 0, 1)


def test_read_channels__gives_m_per_s2(regular):
    lab, facts = regular
    in_g, in_si = (
        read_channels(lab, Source(50, *facts), Preparation(unit=unit), CHANNELS, 0, 50)
        for unit in ("g", "m/s2")
    )
    np.testing.assert_allclose(in_si, in_g * G, rtol=1e-6)


def test_read_channels__refuses_a_band_beyond_half_the_rate(regular):
    preparation = Preparation(band_hz=(1, 25))
    with pytest.raises(UnitError, match="to 25 Hz: expected frequencies below 25 Hz"):
        read_channels(regular[0], Source(50, *regular[1]), preparation, ("x",), 0, 1)
    with pytest.raises(UnitError, match="below 25 Hz"):
        preparation.check_rate(50)
    preparation.check_rate(60)


def test_vertical__of_a_lift_along_gravity_is_the_lift():
    seconds = np.arange(6000) / 50
    lift = 0.4 * np.sin(2 * np.pi * 1.5 * seconds)
    up = np.array([0.6, 0.0, 0.8])
    lab, facts = store((1 + lift)[:, None] * up, rate_hz=50)
    planes = read_channels(
        lab, Source(50, *facts), Preparation(), ("vertical", "horizontal"), 1000, 5000
    )
    np.testing.assert_allclose(planes[0], lift[1000:5000], atol=2e-3)
    np.testing.assert_allclose(planes[1], 0, atol=2e-3)


def test_horizontal__of_a_push_across_gravity_is_its_size():
    seconds = np.arange(6000) / 50
    push = 0.4 * np.sin(2 * np.pi * 1.5 * seconds)
    samples = np.stack([push * 0.6, push * 0.8, np.ones(6000)], axis=1)
    lab, facts = store(samples, rate_hz=50)
    planes = read_channels(
        lab, Source(50, *facts), Preparation(), ("vertical", "horizontal"), 1000, 5000
    )
    np.testing.assert_allclose(planes[0], 0, atol=5e-3)
    np.testing.assert_allclose(planes[1], np.abs(push[1000:5000]), atol=5e-3)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from(PREPARATIONS))
def test_channels_without_direction__do_not_change_when_the_device_is_turned(seed, preparation):
    samples = sway(900, seed)
    turn = Rotation.random(random_state=seed)
    channels = ("magnitude", "vertical", "horizontal")
    worn, turned = (
        read_channels(*_of(each), preparation, channels, 0, 900)
        for each in (samples, turn.apply(samples))
    )
    scale = G if preparation.unit == "m/s2" else 1
    np.testing.assert_allclose(turned, worn, atol=2e-5 * scale)


def _of(samples):
    lab, facts = store(samples, rate_hz=50)
    return lab, Source(50, *facts)


def tone(frequency, rate_hz, seconds):
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.sin(2 * np.pi * frequency * times)[:, None] * np.array([1.0, 0.5, -1.0])


@pytest.mark.parametrize(("rate_hz", "frequency"), [(100, 30), (100, 45), (120, 26), (200, 90)])
def test_antialias__leaves_nothing_of_what_would_fold(rate_hz, frequency):
    lab, facts = store(tone(frequency, rate_hz, 40), rate_hz=rate_hz)
    source = Source(50, *facts)
    kept = read_channels(lab, source, Preparation(), ("x",), 100, 1900)
    folded = read_channels(lab, source, Preparation(antialias=False), ("x",), 100, 1900)
    assert np.abs(kept).max() < 3e-3
    assert np.abs(folded).max() > 0.2


@pytest.mark.parametrize(("rate_hz", "tolerance"), [(100, 2e-3), (97, 2e-2), (200, 2e-3)])
def test_antialias__keeps_what_the_grid_can_hold(rate_hz, tolerance):
    lab, facts = store(tone(5, rate_hz, 40), rate_hz=rate_hz)
    planes = read_channels(lab, Source(50, *facts), Preparation(), ("x", "y"), 100, 1900)
    expected = tone(5, 50, 40)[100:1900, :2].T
    np.testing.assert_allclose(planes, expected, atol=tolerance)


def test_antialias__holds_a_straight_line_to_both_ends():
    line = np.linspace(-1, 1, 2001)[:, None] * np.ones(3)
    lab, facts = store(line, rate_hz=100)
    planes = read_channels(lab, Source(50, *facts), Preparation(), ("x",), 0, 1001)
    np.testing.assert_allclose(planes[0], line[::2, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("settings_given", "match"),
    [
        ({"gravity": "drop"}, "gravity: expected one of 'keep', 'remove', 'only', got 'drop'"),
        ({"gravity_hz": 0}, "gravity_hz"),
        ({"band_hz": (5, 1)}, "lower frequency first"),
        ({"band_hz": 5}, r"expected \(lowest, highest\)"),
        ({"band_hz": (-1, None)}, "band_hz"),
        ({"order": 0}, "order"),
        ({"order": 2.5}, "order"),
        ({"unit": "mg"}, "unit: expected one of 'g', 'm/s2'"),
        ({"antialias": 1}, "antialias"),
        ({"gravity": "only", "band_hz": (1, 5)}, "leave the band out"),
        ({"calibration": {}}, "expected what calibrate"),
    ],
)
def test_preparation__refuses_what_means_nothing(settings_given, match):
    with pytest.raises(InputError, match=match):
        Preparation(**settings_given)


@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_preparation__is_told_apart_by_its_settings(preparation):
    told = json.dumps(preparation.settings())
    again = pickle.loads(pickle.dumps(preparation))
    assert again == preparation
    assert json.dumps(again.settings()) == told
    assert tokenize(again) == tokenize(preparation)
    assert sum(json.dumps(each.settings()) == told for each in PREPARATIONS) == 1


def test_preparation__of_no_band_is_that_of_open_ends():
    assert Preparation(band_hz=(None, None)) == Preparation()


def test_unit_of__tells_what_prepared_numbers_are_in():
    assert Preparation().unit_of("g") == "g"
    prepared = Preparation(unit="m/s2")
    assert [prepared.unit_of(unit) for unit in ("g", "g/s", "s")] == ["m/s²", "m/s³", "s"]


def test_read_channels__refuses_to_filter_beyond_the_part(regular):
    lab, facts = regular
    source = Source(50, *facts, first=100, last=200)
    with pytest.raises(InputError, match=r"within 100 to 200.*got 150 to 201"):
        read_channels(lab, source, Preparation("remove"), ("x",), 150, 201)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("preparation", [PREPARATIONS[3], Preparation(gravity="remove")])
def test_features__of_prepared_recordings_have_the_same_bits_for_any_blocks(preparation, scheduler):
    recordings = [
        Recording(user="ann", session="s1", acceleration=noise(20_000, 1), rate_hz=50),
        Recording(user="bob", session="s1", acceleration=noise(9000, 2), rate_hz=100),
    ]
    plan = windows(recordings, within="recordings", length=4, rate_hz=50, preparation=preparation)
    whole = compute(plan, Statistics())
    for block_bytes in (60_000, 2**24):
        lazy = features(plan, block_bytes=block_bytes)
        values = lazy["features"].data.compute(scheduler=scheduler)
        np.testing.assert_array_equal(values, whole)


def test_windows__refuse_a_filter_beyond_half_the_rate_before_anything_is_read():
    recording = Recording(user="ann", session="s1", acceleration=noise(900), rate_hz=50)
    with pytest.raises(UnitError, match="below 25 Hz"):
        windows(recording, within="recordings", preparation=Preparation(band_hz=(None, 30)))


def test_read_channels__is_not_finite_beyond_float32_without_a_warning():
    high = np.full((100, 3), 3e38)
    recording = Recording(user="ann", session="s1", acceleration=high, rate_hz=50)
    plan = windows(
        recording, within="recordings", length="2s", preparation=Preparation(unit="m/s2")
    )
    assert not np.isfinite(compute(plan, Statistics(["mean", "max"], channels=("x",)))).any()
