from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.statistics import describe_windows
from workoutlab.kernels.windows import split_channels
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import RawWindows, Statistics, compute, features, windows

_labs = count()


def record(samples=3000, sets=((0, 900), (1000, 1500), (1600, 2500)), *, seed=0, **facts):
    facts = {"rate_hz": 50, "user": "ann", **facts}
    values = np.random.default_rng(seed).normal(size=(samples, 3)).astype(np.float32)
    labelled = [LabelledSet(start=a, stop=b, exercise="curl") for a, b in sets]
    return Recording(session=f"s{seed}", acceleration=values, sets=labelled, **facts)


def expect(plan, recordings):
    """What each window becomes, one by one, from the samples alone; of regular recordings."""
    segment, start = plan.locate()
    rows = []
    for place, first in zip(segment, start, strict=True):
        facts = plan.segments.iloc[place]
        samples = recordings[facts["recording"]].acceleration[first : first + facts["length"]]
        planes = split_channels(samples)
        rows.append(
            describe_windows(planes, np.array([0]), int(facts["length"]), facts["rate_hz"])[0]
        )
    return np.array(rows)


@pytest.mark.parametrize(
    "how",
    [
        {"length": ["2s", "4s", "8s"]},
        {"length": ["2s", "4s"], "step": ["500ms", "1s"]},
        {"length": ["2s", "4s"], "overlap": 0.75, "within": "recordings"},
        {"length": "set"},
        {"length": ["2s", "3s"], "around": "start", "offset": "-1s"},
        {"length": "100 samples", "step": "30 samples"},
    ],
)
def test_compute__of_windows_of_any_length_and_rate(how):
    made = [record(seed=1), record(seed=2, rate_hz=100, user="bob"), record(seed=3)]
    plan = windows(made, rate_hz="own", **how)
    out = compute(plan, Statistics())
    assert len(out) == len(plan) > 8
    np.testing.assert_array_equal(out, expect(plan, made))


def test_compute__reads_a_recording_once_for_all_lengths(monkeypatch):
    lab = Lab(f"memory://compute-{next(_labs)}")
    lab.append([record(seed=1)])
    plan = windows(lab, length=["2s", "4s", "8s"])
    reads = []
    read = Lab.read
    monkeypatch.setattr(Lab, "read", lambda *args: reads.append(args[1:]) or read(*args))
    compute(plan, Statistics())
    assert reads == [(0, "acceleration", 90, 2390)]


def test_compute__of_several_lengths_holds_those_of_each():
    made = [record(seed=1), record(seed=2)]
    both = windows(made, length=["2s", "4s"])
    out = compute(both, Statistics())
    for length in (100, 200):
        alone = windows(made, length=f"{length} samples")
        of_it = both.segments["length"].to_numpy()[both.locate()[0]] == length
        np.testing.assert_array_equal(out[of_it], compute(alone, Statistics()))
        chosen = both.select(both.segments["length"] == length)
        np.testing.assert_array_equal(out[of_it], compute(chosen, Statistics()))


@pytest.mark.parametrize("how", [{"length": ["2s", "4s"]}, {"length": "set"}])
def test_compute__refuses_raw_windows_of_several_lengths(how):
    plan = windows(record(), **how)
    with pytest.raises(InputError, match="RawWindows"):
        compute(plan, RawWindows())


def test_compute__lets_raw_windows_have_several_rates():
    made = [record(seed=1), record(seed=2, rate_hz=100)]
    plan = windows(made, length="100 samples", step="50 samples", rate_hz="own")
    assert compute(plan, RawWindows()).shape == (len(plan), 300)


def test_compute__never_interpolates_across_a_gap():
    """Either side of the gap is constant, so a value between them is an interpolated one."""
    clock = np.append(np.arange(0, 10_000, 20), np.arange(13_007, 23_000, 20)) * 1_000_000
    level = np.where(clock < 11_000_000_000, 1, 3)
    gapped = Recording(
        user="ann",
        session="s1",
        acceleration=np.repeat(level[:, None], 3, axis=1),
        time_ns=clock,
    )
    how = {"within": "recordings", "length": "1s", "step": "20ms", "rate_hz": 50}
    split = compute(windows(gapped, **how), RawWindows(1))
    assert set(np.unique(split.round(5))) == {1, 3}
    spanning = compute(windows(gapped, max_gap=None, **how), RawWindows(1))
    assert len(spanning) == len(split) + (13_020 - 9_980) // 20 - 1 + 49
    assert ((spanning > 1.1) & (spanning < 2.9)).any()


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60_000), st.sampled_from(["sets", "recordings", "set", "stop"]))
def test_features__of_any_blocks_are_those_computed_at_once(block_bytes, how):
    made = [record(seed=1), record(seed=2, rate_hz=100)]
    layout = {
        "sets": {"length": ["2s", "4s"]},
        "recordings": {"length": ["2s", "4s"], "within": "recordings", "step": "500ms"},
        "set": {"length": "set"},
        "stop": {"length": ["1s", "2s"], "around": "stop"},
    }[how]
    plan = windows(made, rate_hz="own", **layout)
    dataset = features(plan, block_bytes=block_bytes).compute(scheduler="synchronous")
    np.testing.assert_array_equal(dataset["features"].values, compute(plan, Statistics()))
    frame = plan.frame()
    for name in ("recording", "set", "start_s", "length_s"):
        np.testing.assert_array_equal(dataset[name].values, frame[name])


def test_compute__reads_each_length_from_the_beginning(monkeypatch):
    lab = Lab("memory://compute-lengths")
    lab.append([record(200_000, rate_hz=50)])
    plan = windows(lab, length=["4s", "8s"], step="60s", within="recordings")
    block = plan.select([0, 1])
    assert block.segments["length"].tolist() == [200, 400]
    pieces = [block.segments.assign(start=[150_000, 0], count=[2, 2]), block.segments]
    reads = []
    read = Lab.read
    monkeypatch.setattr(Lab, "read", lambda *args: reads.append(args[3:]) or read(*args))
    compute(block.with_segments(pieces[0].assign(stop=[153_200, 3400])), Statistics("mean"))
    assert reads == [(150_000, 153_200), (0, 3400)]
