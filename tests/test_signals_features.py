import json
import pickle

import dask
import numpy as np
import pandas as pd
import pytest
from dask.distributed import Client, LocalCluster

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import FEATURES, check_dataset
from workoutlab.signals import Preparation, RawWindows, Statistics, compute, features, windows
from workoutlab.signals.dataset import Features
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
    for name in frame:
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
        assert dask.is_dask_collection(dataset.to_dask_dataframe())
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
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
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
    plan = windows(lab, length=4, rate_hz=50)
    attributes = features(plan, RawWindows()).attrs
    assert attributes.pop("inputs") == '{"inputs": "raw windows", "scale_g": 2.0}'
    assert json.loads(attributes.pop("preparation")) == plan.preparation.settings()
    assert attributes == {
        "lab": lab.url,
        "snapshot": lab.snapshot,
        **plan.settings(),
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


def test_features__give_each_length_and_rate_its_own_windows(lab):
    plan = windows(lab, length=[2, 4], step=1, rate_hz="own")
    dataset = features(plan, block_bytes=50_000)
    check_values(dataset, plan, compute(plan, Statistics()))
    assert set(dataset["length_s"].values) == {2.0, 4.0}
    assert dataset.attrs["rate_hz"] == "own"
    assert json.loads(dataset.attrs["length_s"]) == [2.0, 4.0]


def test_features__refuse_windows_that_become_different_numbers(lab):
    with pytest.raises(InputError, match="windows of 100, 200 samples become different numbers"):
        features(windows(lab, length=[2, 4], rate_hz=50), RawWindows())


def test_features__stay_features_when_they_are_selected_from(plan):
    dataset = features(plan)
    kinds = [
        dataset.isel(window=slice(3)),
        dataset.sel(feature=["x_mean"]),
        dataset.compute(),
        dataset.assign_attrs(note="mine"),
        pickle.loads(pickle.dumps(dataset)),
    ]
    assert {type(each) for each in kinds} == {Features}


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_to_dask_dataframe__has_a_row_a_window_and_a_partition_a_block(plan, expected, scheduler):
    dataset = features(plan, block_bytes=50_000)
    lazy = dataset.to_dask_dataframe()
    assert lazy.npartitions == len(dataset["features"].data.chunks[0])
    assert lazy.known_divisions
    with dask.config.set(scheduler=scheduler):
        frame = lazy.compute()
    wanted = plan.frame()
    pd.testing.assert_frame_equal(
        frame[list(wanted)].reset_index(drop=True), wanted, check_like=True
    )
    np.testing.assert_array_equal(frame[list(Statistics().names(200))].to_numpy(), expected)
    assert frame.dtypes.equals(lazy.dtypes)
    pd.testing.assert_frame_equal(frame, dataset.to_dataframe())


def test_to_dask_dataframe__of_a_selection(plan, expected):
    dataset = features(plan, block_bytes=50_000).isel(window=slice(3, 40))
    lazy = dataset.sel(feature=["x_sd", "z_mean"]).to_dask_dataframe()
    frame = lazy.compute()
    names = list(Statistics().names(200))
    chosen = [names.index("x_sd"), names.index("z_mean")]
    np.testing.assert_array_equal(frame[["x_sd", "z_mean"]].to_numpy(), expected[3:40, chosen])
    assert frame.index.tolist() == list(range(37))
    assert lazy.loc[5:6].compute().equals(frame.loc[5:6])


def test_to_dask_dataframe__of_what_is_computed_and_of_nothing(plan, expected):
    dataset = features(plan).compute()
    frame = dataset.to_dask_dataframe().compute()
    np.testing.assert_array_equal(frame["x_mean"], expected[:, 0])
    empty = features(plan.select([]))
    assert empty.to_dask_dataframe().compute().shape == (0, 8 + 67)
    assert empty.to_dataframe().shape == (0, 8 + 67)


def test_to_dataframe__of_one_feature_is_that_of_xarray(plan):
    one = features(plan).sel(feature="x_mean")
    assert len(one.to_dataframe()) == len(plan)
    assert "features" in one.to_dask_dataframe().columns


@pytest.mark.parametrize("block_bytes", [1, 10_000, 100_000, 10**9])
def test_split_plan__keeps_every_window_within_the_budget(plan, block_bytes):
    parts = split_plan(plan, Statistics(), block_bytes)
    assert sum(len(part) for part in parts) == len(plan)
    starts = np.concatenate([part.locate()[1] for part in parts])
    np.testing.assert_array_equal(starts, plan.locate()[1])
    each = ROW_BYTES + 28 * plan.step
    for part in parts:
        assert len(part) * each <= 1.5 * block_bytes + 2 * each


def test_split_plan__splits_a_long_recording(lab):
    plan = windows(lab, length=4, rate_hz=50, within="recordings")
    part = plan.select([int(plan.segments["count"].argmax())])
    parts = split_plan(part, Statistics(), 30_000)
    assert len(parts) > 2
    assert all((each.segments["stop"] <= part.segments["stop"].max()).all() for each in parts)


def test_split_plan__gives_every_thread_the_same_work(lab):
    plan = windows(lab, length=4, rate_hz=50, step="20ms", within="recordings")
    total = len(plan) * (ROW_BYTES + 28)
    counts = [len(part) for part in split_plan(plan, Statistics())]
    assert len(counts) == -(-total // (2 * 2**20))
    assert max(counts) < 1.3 * min(counts)


def test_features__told_apart_by_all_that_changes_them(lab):
    plan = windows(lab, length=4, rate_hz=50)
    relabelled = plan.with_segments(plan.segments.assign(exercise="other"))
    later = plan.with_segments(plan.segments.assign(start=plan.segments["start"] + 1))
    filtered = windows(lab, length=4, rate_hz=50, preparation=Preparation(gravity="remove"))
    plans = (plan, relabelled, later, filtered)
    names = {features(each)["features"].data.name for each in plans}
    names.add(features(plan, Statistics("mean"))["features"].data.name)
    names.add(features(plan, block_bytes=50_000)["features"].data.name)
    assert len(names) == len(plans) + 2


def test_features__are_in_the_unit_that_samples_are_prepared_in(lab):
    settings = {"length": 4, "rate_hz": 50, "sessions": "session-1"}
    plain = features(windows(lab, **settings)).compute()
    scaled = features(windows(lab, preparation=Preparation(unit="m/s2"), **settings)).compute()
    units = scaled["unit"].to_series()
    assert units["x_mean"] == "m/s²"
    assert units["x_jerk"] == "m/s³"
    assert units["x_dominant_frequency"] == plain["unit"].to_series()["x_dominant_frequency"]
    one, other = (each["features"].sel(feature="x_sd").values for each in (scaled, plain))
    np.testing.assert_allclose(one, 9.80665 * other, rtol=1e-5)


@pytest.mark.parametrize("inputs", ["mean", ["mean"], np.mean, Statistics, 3])
def test_features__refuse_what_is_no_inputs(plan, inputs):
    with pytest.raises(InputError, match="inputs: expected Statistics"):
        features(plan, inputs)
    with pytest.raises(InputError, match="inputs: expected"):
        plan.describe(inputs)


def test_features__refuse_a_lab_in_place_of_a_plan(lab):
    with pytest.raises(InputError, match=r"expected a plan, .*windows\(\.\.\.\) makes one"):
        features(lab)


@pytest.mark.parametrize("block_bytes", ["1MB", np.inf, True, 0])
def test_features__refuse_blocks_that_are_no_number_of_bytes(plan, block_bytes):
    with pytest.raises(InputError, match="block_bytes: expected"):
        features(plan, block_bytes=block_bytes)


def test_features__tell_their_units(plan):
    several = features(plan, Statistics(["mean", "period"], channels=("x",)))["features"]
    assert json.loads(several.attrs["units"]) == {"x_mean": "g", "x_period": "s"}
    assert features(plan, RawWindows())["features"].attrs["units"] == "2 g"
