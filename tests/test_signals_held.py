import pickle
import tracemalloc
from itertools import count

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.recognition import MLP, Recipe, evaluate, train
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import RECORDINGS, SETS
from workoutlab.signals import Statistics, compute, features, windows
from workoutlab.signals.held import hold

_labs = count()


def record(seed=0, *, samples=1000, user="ann", sets=((100, 900),), **facts):
    rng = np.random.default_rng(seed)
    facts = facts or {"rate_hz": 50}
    labelled = [
        LabelledSet(start=a, stop=b, exercise=f"e{place % 2}", repetitions=place or None)
        for place, (a, b) in enumerate(sets)
    ]
    return Recording(
        user=user,
        session=f"s{seed}",
        acceleration=rng.normal(size=(samples, 3)),
        sets=labelled,
        **facts,
    )


def irregular(seed=0, samples=1000, **facts):
    steps = np.random.default_rng(seed).integers(5, 35, samples) * 1_000_000
    return record(seed, samples=samples, time_ns=np.cumsum(steps) + 10**18, **facts)


@pytest.fixture(scope="module")
def recordings():
    gyro = np.random.default_rng(5).normal(size=(1000, 3))
    return [
        record(1, sets=((100, 500), (500, 1000))),
        irregular(2, user="bob", sets=((0, 400), (600, 1000))),
        record(3, user="bob", sets=(), rate_hz=50, angular_velocity=gyro, start_ns=10**18),
    ]


@pytest.fixture(scope="module")
def lab(recordings):
    lab = Lab(f"memory://held-{next(_labs)}")
    lab.append(recordings)
    return lab


@pytest.mark.parametrize("name", ["recordings", "sets"])
def test_table__is_that_of_a_lab(name, recordings, lab):
    held, stored = hold(recordings).table(name), lab.table(name)
    if name == "recordings":
        held, stored = held.drop(columns="offset"), stored.drop(columns="offset")
    pd.testing.assert_frame_equal(held, stored)


@pytest.mark.parametrize("quantity", ["acceleration", "angular_velocity", "time"])
def test_read__is_that_of_a_lab_without_a_copy(quantity, recordings, lab):
    held = hold(recordings)
    row = {"acceleration": 0, "angular_velocity": 2, "time": 1}[quantity]
    part = held.read(row, quantity, 10, 500)
    np.testing.assert_array_equal(part, lab.read(row, quantity, 10, 500))
    np.testing.assert_array_equal(held.read(row, quantity), lab.read(row, quantity))
    assert np.shares_memory(part, held.read(row, quantity))
    assert np.shares_memory(held.read(0), recordings[0].acceleration)
    (whole,) = held.read_many([row], quantity)
    np.testing.assert_array_equal(whole, lab.read_many([row], quantity)[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda held: held.read(9), NotInLabError, "no recording 9"),
        (lambda held: held.read(0, "time"), NotInLabError, "recording 0 has no time"),
        (lambda held: held.read(0, "user"), NotInLabError, "recording 0 has no user"),
        (lambda held: held.read(0, "acceleration", 0, 1001), InputError, "within 0 to 1000"),
        (lambda held: held.read(0, "acceleration", -1), InputError, "got -1 to 1000"),
        (lambda held: held.table("models"), NotInLabError, "there are recordings, sets"),
        (lambda held: held.table("sets", ["reps"]), NotInLabError, "no column 'reps'"),
    ],
)
def test_held__says_what_it_does_not_hold(call, error, message, recordings):
    with pytest.raises(error, match=message):
        call(hold(recordings))


@pytest.mark.parametrize("within", ["sets", "recordings"])
def test_windows__of_recordings_in_memory_are_those_of_a_lab(within, recordings, lab):
    plans = [
        windows(source, within=within, length=["2s", "4s"], rate_hz=50)
        for source in (recordings, lab)
    ]
    pd.testing.assert_frame_equal(plans[0].segments, plans[1].segments)
    here, there = (compute(plan, Statistics()) for plan in plans)
    np.testing.assert_array_equal(here, there)


def test_windows__of_one_recording_need_neither_lab_nor_label():
    plan = windows(record(sets=()), within="recordings")
    assert (len(plan), plan.lab.url) == (13, "memory")
    assert plan.frame()["exercise"].unique().tolist() == [""]


def test_windows__of_a_generator_of_recordings():
    assert len(windows(record(seed) for seed in range(3)).segments) == 3


def test_windows__do_not_copy_a_recording():
    recording = record(samples=2_000_000, sets=())
    tracemalloc.start()
    plan = windows(recording, within="recordings")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(plan.lab.read(0), recording.acceleration)
    assert peak < recording.acceleration.nbytes / 10


def test_windows__tell_recordings_in_memory_apart():
    plans = [windows(each) for each in (record(1), record(1, rate_hz=50), record(2))]
    snapshots = [plan.lab.snapshot for plan in plans]
    assert snapshots[0] == snapshots[1] != snapshots[2]
    assert windows(record(1, rate_hz=100)).lab.snapshot not in snapshots
    names = [features(plan)["features"].data.name for plan in plans]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("lab", r"expected a Lab, a Recording or several, got 'lab'; .*Lab\('lab'\)"),
        (np.ones((9, 3)), r"got an array of shape \(9, 3\); .*Recording\("),
        (None, "expected a Lab, a Recording or several, got None"),
        (3, "got 3"),
        ([], "got none"),
        (["lab"], "got 'lab'"),
        ([record(1), record(1, user="bob")], "recordings 0 and 1 hold the same samples"),
    ],
)
def test_windows__refuse_what_is_no_source(source, message):
    with pytest.raises(InputError, match=message):
        windows(source)


def test_with_segments__carries_only_its_own_recordings():
    plan = windows([record(seed, samples=20_000) for seed in range(8)], length="1s")
    part = plan.select([3])
    assert list(part.lab.recordings) == [part.segments["recording"].item()]
    assert part.lab.snapshot == plan.lab.snapshot
    assert len(pickle.dumps(part)) < len(pickle.dumps(plan)) / 6
    again = pickle.loads(pickle.dumps(part))
    np.testing.assert_array_equal(compute(again, Statistics()), compute(part, Statistics()))


def test_features__of_recordings_in_memory_are_lazy_too(recordings):
    plan = windows(recordings, length="2s", rate_hz=50)
    dataset = features(plan, block_bytes=20_000)
    assert len(dataset["features"].data.chunks[0]) > 1
    np.testing.assert_array_equal(dataset["features"].values, compute(plan, Statistics()))
    assert dataset.attrs["lab"] == "memory"


def test_train__asks_for_a_lab():
    with pytest.raises(InputError, match=r"kept in a lab: lab = workoutlab\.Lab"):
        train(windows(record()), Recipe(Statistics(), MLP(4)))


def test_evaluate__needs_no_lab():
    made = [
        record(seed, samples=4000, sets=((0, 1000), (1000, 2000), (2000, 3000), (3000, 4000)))
        for seed in range(3)
    ]
    found = evaluate(windows(made), ExtraTreesClassifier(5), seeds=1)
    assert found.source.lab == "memory"
    assert found.source.sets == 12


def test_schema__knows_every_column(recordings):
    held = hold(recordings)
    assert list(held.table("recordings")) == list(RECORDINGS.columns)
    assert list(held.table("sets")) == list(SETS.columns)
