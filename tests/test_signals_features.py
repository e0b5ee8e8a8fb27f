import dask
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import FEATURES, check_dataset
from workoutlab.signals import RawWindows, Statistics, compute, features, windows
from workoutlab.signals.features import split_plan

ROW_BYTES = 4 * 67


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Seven recordings of four people, at several rates, one of them irregular."""
    lab = Lab(tmp_path_factory.mktemp("features") / "lab")
    rng = np.random.default_rng(0)
    recordings = []
    for i in range(7):
        samples = rng.normal(size=(4000 + 300 * i, 3))
        sets = [
            LabelledSet(start=start, stop=start + 900, exercise=f"exercise-{i}")
            for start in (100, 1200, 2500)
        ]
        times = np.cumsum(rng.integers(5_000_000, 35_000_000, len(samples)))
        clock = {"time_ns": times} if i == 3 else {"rate_hz": 50 if i % 2 else 40}
        recordings.append(
            Recording(
                user=f"user-{i % 4}",
                session=f"session-{i}",
                acceleration=samples,
                sets=sets,
                simulated=i == 0,
                **clock,
            )
        )
    lab.append(recordings)
    return lab


@pytest.fixture(scope="module", params=["sets", "recordings"])
def plan(request, lab):
    return windows(lab, length=4, step=1, rate_hz=50, within=request.param)


@pytest.fixture(scope="module")
def expected(plan):
    return compute(plan, Statistics())


def check_values(dataset, plan, expected):
    np.testing.assert_array_equal(dataset["features"].values, expected)
    frame = plan.frame()
    for name in ("user", "session", "exercise", "recording", "set", "start_s"):
        assert dataset[name].values.tolist() == frame[name].tolist()
        assert dataset[name].dtype == dataset[name].values.dtype


def test_features__compute_nothing_behind_the_callers_back(plan):
    def refuse(*args, **settings):
        raise AssertionError("something was computed")

    with dask.config.set(scheduler=refuse):
        dataset = features(plan)
        repr(dataset)
        with pytest.raises(AssertionError, match="something was computed"):
            dataset.compute()
    assert all(dask.is_dask_collection(dataset[name]) for name in ("features", "user", "start_s"))


@pytest.mark.parametrize(
    ("scheduler", "block_bytes"),
    [("synchronous", 20_000), ("synchronous", 2**26), ("threads", 50_000), ("threads", 400_000)],
)
def test_features__are_the_same_for_any_blocks(plan, expected, block_bytes, scheduler):
    dataset = features(plan, block_bytes=block_bytes)
    with dask.config.set(scheduler=scheduler):
        check_values(dataset, plan, expected)


@pytest.mark.processes
def test_features__are_the_same_on_a_cluster_of_processes(lab):
    plans = [windows(lab, length=4, rate_hz=50, within=name) for name in ("sets", "recordings")]
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    with cluster, Client(cluster):
        for plan in plans:
            dataset = features(plan, block_bytes=100_000).compute()
            check_values(dataset, plan, compute(plan, Statistics()))


def test_features__are_as_the_schema_declares(plan):
    dataset = features(plan)
    assert check_dataset(dataset, FEATURES, "features") is dataset
    assert dataset["unit"].sel(feature="x_dominant_frequency").item() == "Hz"
    assert dataset["feature"].values.tolist() == list(Statistics().names(200))


def test_features__tell_where_they_come_from(lab):
    attributes = features(windows(lab, length=4, rate_hz=50), RawWindows()).attrs
    assert attributes == {
        "lab": lab.url,
        "snapshot": lab.snapshot,
        "within": "sets",
        "trim": 0.1,
        "length_s": 4.0,
        "step_s": 1.0,
        "rate_hz": 50.0,
        "inputs": '{"inputs": "raw windows", "scale_g": 2.0}',
        "simulated": "some",
    }


@pytest.mark.parametrize(
    ("sessions", "simulated"), [("session-0", "all"), (["session-1", "session-2"], "none")]
)
def test_features__label_what_is_simulated(lab, sessions, simulated):
    plan = windows(lab, length=4, rate_hz=50, sessions=sessions)
    assert features(plan).attrs["simulated"] == simulated


def test_features__hold_other_inputs(plan):
    dataset = features(plan, RawWindows(), block_bytes=10**6)
    assert dataset["features"].shape == (len(plan), 600)
    np.testing.assert_array_equal(dataset["features"].values, compute(plan, RawWindows()))


def test_features__of_no_windows_are_empty(lab):
    plan = windows(lab, length=4, rate_hz=50).select([])
    dataset = features(plan).compute()
    assert dataset["features"].shape == (0, 67)


def test_features__select_by_coordinate_before_computing(plan, expected):
    dataset = features(plan, block_bytes=50_000)
    chosen = np.flatnonzero(dataset["user"].values == "user-1")
    np.testing.assert_array_equal(dataset["features"].isel(window=chosen).values, expected[chosen])


def test_features__of_the_same_plan_share_their_tasks(plan):
    first, second = features(plan), features(plan)
    other = features(plan, RawWindows())
    assert first["features"].data.name == second["features"].data.name
    assert first["features"].data.name != other["features"].data.name


@pytest.mark.parametrize("block_bytes", [0, -1])
def test_features__refuse_blocks_of_nothing(plan, block_bytes):
    with pytest.raises(InputError, match="block_bytes"):
        features(plan, block_bytes=block_bytes)


@pytest.mark.parametrize("block_bytes", [1, 10_000, 100_000, 10**9])
def test_split_plan__keeps_every_window_within_the_budget(plan, block_bytes):
    parts = split_plan(plan, 67, block_bytes)
    assert sum(len(part) for part in parts) == len(plan)
    starts = np.concatenate([part.locate()[1] for part in parts])
    np.testing.assert_array_equal(starts, plan.locate()[1])
    each = ROW_BYTES + 28 * plan.step
    for part in parts:
        largest = 1.5 * block_bytes + 2 * each
        assert len(part) * each <= largest


def test_split_plan__splits_a_long_recording(lab):
    plan = windows(lab, length=4, rate_hz=50, within="recordings")
    part = plan.select([int(plan.segments["count"].argmax())])
    parts = split_plan(part, 67, 30_000)
    assert len(parts) > 2
    assert all((each.segments["stop"] <= part.segments["stop"].max()).all() for each in parts)
