from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals import windows
from workoutlab.signals.flags import flags, summarise_flags

NOW = 1_700_000_000_000_000_000


def record(samples, session="s1", **fields):
    clock = {} if "time_ns" in fields else {"rate_hz": fields.pop("rate_hz", 10)}
    return Recording(user="ann", session=session, acceleration=samples, **clock, **fields)


def worn(samples, seed=0):
    return np.random.default_rng(seed).normal(size=(samples, 3)) * 0.2


def find(recording, kind, **rules):
    found = flags(recording, kinds=[kind], progress=False, **rules)
    assert (found["kind"] == kind).all()
    return found[["start_s", "stop_s"]].to_numpy().tolist()


def plain_non_wear(samples, window, step):
    """Mark the samples of every window that rests, one window after the other."""
    marked = np.zeros(len(samples), bool)
    last = len(samples) // step - window // step
    for k in range(last + 1):
        stop = len(samples) if k == last else k * step + window
        part = samples[k * step : stop].astype(float)
        rests = (part.std(axis=0) < 0.013) & (np.ptp(part, axis=0) < 0.05)
        if rests.sum() >= 2:
            marked[k * step : stop] = True
    return marked


def to_marks(intervals, length, rate_hz):
    marked = np.zeros(length, bool)
    for start, stop in intervals:
        marked[round(start * rate_hz) : round(stop * rate_hz)] = True
    return marked


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=8), st.integers(0, 999))
def test_flags__finds_non_wear_as_a_plain_search_does(stretches, seed):
    rng = np.random.default_rng(seed)
    pieces = [rng.normal(size=(50, 3)).astype(np.float32) * 0.1]
    for length, rests in stretches:
        scale = 0.005 if rests else np.array([0.1, 0.1, 0.001])
        pieces.append(rng.normal(size=(length, 3)) * scale + rng.normal(size=3))
    samples = np.concatenate(pieces).astype(np.float32)
    found = find(record(samples), "non-wear", window_s=12, step_s=3)
    expected = plain_non_wear(samples, 120, 30)
    np.testing.assert_array_equal(to_marks(found, len(samples), 10), expected)


def test_flags__finds_non_wear_in_pieces_with_the_same_result(monkeypatch):
    samples = worn(9000)
    samples[2000:5000] = [0, 0, 1]
    whole = flags(record(samples), progress=False)
    monkeypatch.setattr("workoutlab.signals.tracks._PIECE", 1000)
    pd.testing.assert_frame_equal(flags(record(samples), progress=False), whole)
    assert len(whole) == 1


def test_flags__takes_one_resting_axis_for_wear():
    samples = worn(6000)
    samples[:, 0] = 0.3
    assert find(record(samples), "non-wear") == []


@pytest.mark.parametrize(("minutes", "expected_s"), [(4, 60), (20, 300), (300, 3600)])
def test_flags__looks_for_rest_in_windows_that_suit_the_recording(minutes, expected_s):
    rate_hz, total = 2, minutes * 120
    for missing, count in ((0, 1), (expected_s // 2, 0)):
        samples = worn(total)
        rest = (expected_s - missing) * rate_hz
        samples[:rest] = [0, 0, 1]
        assert len(find(record(samples, rate_hz=rate_hz), "non-wear")) == count


def test_flags__finds_a_range_that_is_not_given():
    samples = worn(1000)
    samples[100:105, 1] = 2.0
    samples[300, 1], samples[500:503, 2] = 2.0, -1.9
    samples[700:710, 0], samples[800, 0] = 1.2, 1.7
    found = find(record(samples), "clipped")
    np.testing.assert_allclose(found, [[10, 10.5], [30, 30.1], [50, 50.3]])


def test_flags__take_one_kind_by_its_name():
    recording = record(np.repeat(worn(100), 3, axis=0), time_ns=np.arange(300) * 10**10)
    pd.testing.assert_frame_equal(
        flags(recording, kinds="gap", progress=False), flags(recording, kinds=["gap"])
    )


def test_flags__takes_the_range_that_is_given():
    samples = worn(1000)
    samples[40], samples[60:62, 2] = [7.95, 0, 0], -8
    np.testing.assert_allclose(find(record(samples), "clipped", range_g=8), [[4, 4.1], [6, 6.2]])
    assert find(record(samples), "clipped") == []


@given(st.lists(st.sampled_from([-2.0, 0.0, 0.5, 2.0]), min_size=1, max_size=80))
def test_flags__finds_clipped_samples_as_a_plain_search_does(values):
    samples = np.zeros((len(values), 3))
    samples[:, 1] = values
    found = to_marks(find(record(samples), "clipped"), len(values), 10)
    expected = np.zeros(len(values), bool)
    text = "".join({-2.0: "n", 2.0: "p"}.get(value, ".") for value in values)
    for sign in "np":
        if sign * 3 in text:
            expected |= np.array([each == sign for each in text])
    np.testing.assert_array_equal(found, expected)


def irregular():
    """100 Hz with jitter, a silence of 30 s after 60 s, at rest for most of the time around it."""
    seconds = np.append(np.arange(6000), np.arange(9000, 15_000)) / 100
    jitter = np.random.default_rng(0).uniform(0, 0.004, len(seconds))
    samples = worn(len(seconds))
    samples[990:11_100] = [0, 1, 0]
    clock = NOW + ((seconds + jitter - jitter[0]) * 1e9).astype(np.int64)
    return samples, clock


def test_flags__finds_gaps_and_rest_beside_them():
    samples, clock = irregular()
    found = flags(record(samples, time_ns=clock), window_s=20, step_s=5, progress=False)
    assert found["kind"].tolist() == ["non-wear", "gap", "non-wear"]
    np.testing.assert_allclose(
        found[["start_s", "stop_s"]], [[10, 60], [60, 90], [90, 140]], atol=0.02
    )


def test_flags__does_not_mind_the_order_in_which_samples_came():
    samples, clock = irregular()
    order = np.arange(len(samples))
    order[200:230] = order[200:230][::-1]
    one, other = (
        flags(record(*each[:1], time_ns=each[1]), window_s=20, step_s=5, progress=False)
        for each in ((samples, clock), (samples[order], clock[order]))
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("clock", [{"rate_hz": 50}, {"time_ns": [NOW]}])
def test_flags__of_a_single_sample_are_none(clock):
    assert flags(record([[0, 0, 1]], **clock), progress=False).empty


def test_flags__go_through_a_lab_and_into_a_plan():
    still = np.tile([0, 0, 1.0], (3000, 1))
    samples = np.concatenate([worn(3000), still])
    lab = Lab("memory://flags")
    lab.append([record(samples), record(worn(6000, 1), session="s2")])
    found = flags(lab, window_s=60, progress=False)
    assert found.to_numpy().tolist() == [[0, 300.0, 600.0, "non-wear"]]
    assert found.dtypes.astype(str).tolist()[:3] == ["int64", "float64", "float64"]
    plan = windows(lab, within="recordings", length=10, step=10).exclude(found)
    assert plan.frame().groupby("recording").size().tolist() == [30, 60]
    totals = summarise_flags(lab, found)
    assert totals["non_wear_s"].tolist() == [300, 0]
    assert totals["duration_s"].tolist() == [600, 600]
    assert flags(lab, sessions="s2", progress=False).empty
    assert summarise_flags(lab, found, sessions="s2")["non_wear_s"].tolist() == [0]


def test_flags__pass_on_what_went_wrong(monkeypatch):
    def fail(*_):
        raise OSError("gone")

    monkeypatch.setattr("workoutlab.signals.held.Held.read", fail)
    with pytest.raises(OSError, match="gone"):
        flags(record(worn(100)), progress=False)


@pytest.mark.parametrize(
    ("rules", "match"),
    [
        ({"kinds": ["still"]}, "expected some of non-wear, clipped, gap"),
        ({"kinds": []}, "expected some of"),
        ({"kinds": None}, "expected some of .*got None"),
        ({"kinds": "still"}, "expected some of .*got 'still'"),
        ({"window_s": 1e-9}, "expected steps of a sample or more"),
        ({"exercises": "curl"}, "no filter 'exercises'; there are users, sessions, devices$"),
        ({"window_s": 10, "step_s": 3}, "whole number of steps"),
        ({"step_s": 3}, "without window_s"),
        ({"range_g": 0}, "range_g"),
        ({"max_gap_s": "1s"}, "max_gap_s"),
    ],
)
def test_flags__refuse_what_means_nothing(rules, match):
    with pytest.raises(InputError, match=match):
        flags(record(worn(100)), progress=False, **rules)


@pytest.mark.data
def test_flags__of_real_recordings_lie_within_them(real_data):
    recordings = []
    for path in sorted(Path(real_data, "muvr").rglob("*.csv"))[::20]:
        samples = pd.read_csv(path, header=None, usecols=[0, 1, 2]).to_numpy()
        recordings.append(record(samples, session=path.stem[-20:], rate_hz=50))
    found = flags(recordings, progress=False)
    lengths = np.array([each.duration_s for each in recordings])
    assert (found["start_s"] >= 0).all()
    assert (found["stop_s"] <= lengths[found["recording"]] + 1e-9).all()
    totals = summarise_flags(recordings, found)
    assert (totals["clipped_s"] <= totals["duration_s"]).all()
    assert totals["non_wear_s"].sum() == 0
