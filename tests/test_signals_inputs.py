import json
import pickle
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.statistics import describe_windows
from workoutlab.kernels.windows import split_channels
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import Preparation, RawWindows, Statistics, compute, windows

_labs = count()


def make_lab(*recordings):
    lab = Lab(f"memory://inputs-{next(_labs)}")
    lab.append(recordings)
    return lab


def record(samples, sets=(), *, user="ann", session="s1", **clock):
    labelled = [LabelledSet(start=start, stop=stop, exercise="curl") for start, stop in sets]
    return Recording(user=user, session=session, acceleration=samples, sets=labelled, **clock)


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, 3)).astype(np.float32)


@pytest.mark.parametrize("inputs", [RawWindows(), RawWindows(4), Statistics()])
def test_inputs__name_each_column_once_with_its_unit(inputs):
    planes = split_channels(noise(60))[: len(inputs.channels)]
    out = inputs.compute(planes, np.array([0, 10]), 50, 50.0)
    names, units = inputs.names(50), inputs.units(50)
    assert out.dtype == np.float32
    assert out.shape == (2, len(names)) == (2, len(units))
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("inputs", [RawWindows(), Statistics()])
def test_inputs__are_told_apart_by_their_settings(inputs):
    settings_of = json.dumps(inputs.settings())
    assert settings_of == json.dumps(pickle.loads(pickle.dumps(inputs)).settings())
    assert settings_of != json.dumps(RawWindows(4).settings())


def test_raw_windows__are_laid_out_as_muvr_does():
    lab = make_lab(record(noise(1000), [(0, 1000)], rate_hz=50))
    out = compute(windows(lab), RawWindows())
    window = noise(1000)[150:550]
    assert out.shape == (9, 1200)
    np.testing.assert_array_equal(out[1], (window / 2).T.ravel())


@pytest.mark.parametrize("scale_g", [0, -1, np.inf, np.nan])
def test_raw_windows__refuse_a_scale_that_is_not_above_zero(scale_g):
    with pytest.raises(InputError, match="scale_g"):
        RawWindows(scale_g)


def test_compute__follows_the_plan_over_recordings_and_sets():
    lab = make_lab(
        record(noise(2000, 1), [(0, 900), (1000, 1500)], user="zoe", rate_hz=50),
        record(noise(900, 2), [(0, 100), (100, 900)], user="ann", rate_hz=50),
    )
    plan = windows(lab)
    out = compute(plan, Statistics())
    expected = []
    for row, begin in zip(plan.frame()["recording"], plan.frame()["start_s"], strict=True):
        start = round(begin * 50)
        samples = lab.read(row, "acceleration", start, start + 400)
        expected.append(describe_windows(split_channels(samples), np.array([0]), 400, 50)[0])
    np.testing.assert_array_equal(out, expected)


def test_compute__of_a_part_is_a_part_of_the_whole():
    sets = [(0, 900), (1000, 1500), (1600, 2500)]
    lab = make_lab(record(noise(3000), sets, rate_hz=50))
    plan = windows(lab)
    whole = compute(plan, Statistics())
    parts = [compute(plan.select([i]), Statistics()) for i in range(len(sets))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_compute__reads_each_recording_once(monkeypatch):
    lab = make_lab(record(noise(3000), [(0, 900), (1000, 1500), (1600, 2500)], rate_hz=50))
    reads = []
    read = Lab.read
    monkeypatch.setattr(Lab, "read", lambda *args: reads.append(args[1:]) or read(*args))
    compute(windows(lab), RawWindows())
    assert reads == [(0, "acceleration", 90, 2390)]


def test_compute__skips_what_lies_between_sets_far_apart(monkeypatch):
    lab = make_lab(record(noise(50_000), [(0, 900), (49_000, 50_000)], rate_hz=50))
    reads = []
    read = Lab.read
    monkeypatch.setattr(Lab, "read", lambda *args: reads.append(args[1:]) or read(*args))
    assert len(compute(windows(lab), RawWindows())) == 7 + 9
    assert [(start, stop) for _, _, start, stop in reads] == [(90, 790), (49_100, 49_900)]


def test_compute__of_no_windows_is_empty():
    lab = make_lab(record(noise(100), [(0, 100)], rate_hz=50))
    assert compute(windows(lab), Statistics()).shape == (0, 67)


def wave(seconds):
    """Smooth enough to be known between samples."""
    return np.column_stack([np.sin(seconds), np.cos(seconds / 2), seconds / 100])


def test_compute__resamples_a_regular_recording():
    times = np.arange(3000) / 97
    lab = make_lab(record(wave(times), [(300, 2900)], rate_hz=97))
    plan = windows(lab, rate_hz=50, length=4)
    out = compute(plan, RawWindows(1)).reshape(len(plan), 3, 200)
    begin = plan.frame()["start_s"].to_numpy()[:, None] + np.arange(200) / 50
    np.testing.assert_allclose(
        np.moveaxis(out, 1, 2), wave(begin.ravel()).reshape(-1, 200, 3), atol=1e-4
    )


def test_compute__resamples_to_the_end_of_a_recording():
    times = np.arange(1000) / 30
    lab = make_lab(record(wave(times), rate_hz=30))
    plan = windows(lab, within="recordings", rate_hz=50, length=1, step="20ms")
    last = compute(plan, RawWindows(1))[-1].reshape(3, 50)[:, -1]
    assert len(plan) == 1666 - 50 + 1
    np.testing.assert_allclose(last, wave(np.array([1665 / 50]))[0], atol=1e-4)


def shuffled_clock(seed, count):
    """Times in ns with jitter, repeats and steps back; the first is the earliest."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 0, 7_000_000, 10_000_000, 13_000_000, -4_000_000], count - 1)
    clock = np.append(0, np.cumsum(steps))
    return np.maximum(clock, 0) + 1_700_000_000_000_000_000


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_compute__resamples_an_irregular_recording_as_numpy_does(seed):
    clock, samples = shuffled_clock(seed, 900), noise(900, seed)
    lab = make_lab(record(samples, time_ns=clock))
    plan = windows(
        lab,
        within="recordings",
        rate_hz=50,
        length=0.4,
        step=0.2,
        preparation=Preparation(antialias=False),
    )
    seconds = (clock - clock[0]) / 1e9
    mean = pd.DataFrame(samples.astype(float)).groupby(seconds).mean()
    starts = plan.locate()[1]
    grid = (starts[:, None] + np.arange(20)) / 50
    expected = np.stack([np.interp(grid, mean.index, mean[axis]) for axis in range(3)], axis=1)
    for part in (plan, plan.select([0])):
        out = compute(part, RawWindows(1)).reshape(-1, 3, 20)
        np.testing.assert_allclose(out, expected[: len(out)], atol=1e-4)


def test_compute__of_part_of_an_irregular_recording_reads_only_what_it_needs(monkeypatch):
    clock = np.arange(10_000) * 10_000_000
    clock[5] += 1
    sets = [(0, 1000), (5000, 6000)]
    lab = make_lab(record(noise(10_000), sets, time_ns=clock))
    plan = windows(lab, rate_hz=50, length=4, preparation=Preparation(antialias=False))
    whole = compute(plan, RawWindows())
    reads = []
    read = Lab.read
    monkeypatch.setattr(Lab, "read", lambda *args: reads.append(args[2:]) or read(*args))
    part = compute(plan.select([1]), RawWindows())
    np.testing.assert_array_equal(part, whole[len(whole) - len(part) :])
    assert reads[0] == ("time",)
    assert 5098 <= reads[1][1] < reads[1][2] <= 5902


@pytest.fixture(scope="module")
def muvr_lab(real_data):
    """Every thirteenth recording of Muvr's, one set each."""
    names = ["x", "y", "z", "exercise"]
    recordings = []
    for path in sorted(Path(real_data, "muvr").rglob("*.csv"))[::13]:
        table = pd.read_csv(path, header=None, usecols=[0, 1, 2, 3], names=names)
        whole = [LabelledSet(start=0, stop=len(table), exercise=table["exercise"][0])]
        samples = table[["x", "y", "z"]].to_numpy()
        recordings.append(
            Recording(user="jan", session="s1", acceleration=samples, rate_hz=50, sets=whole)
        )
    return make_lab(*recordings)


@pytest.mark.data
def test_statistics__of_real_recordings_are_finite(muvr_lab):
    plan = windows(muvr_lab, step="0.1s")
    out = compute(plan, Statistics())
    names = np.array(Statistics().names(400))
    assert len(out) > 3000
    periods = np.char.endswith(names, "_period")
    assert np.isfinite(out[:, ~periods]).all()
    assert np.isfinite(out[:, periods]).mean() > 0.95


@pytest.mark.data
def test_statistics__of_real_recordings_hold_the_tempo_of_repetitions(muvr_lab):
    out = pd.DataFrame(
        compute(windows(muvr_lab), Statistics()), columns=list(Statistics().names(400))
    )
    periods = out[["x_period", "y_period", "z_period"]].median(axis=1)
    assert 1 < periods.median() < 5
