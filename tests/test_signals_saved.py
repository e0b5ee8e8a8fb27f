from pathlib import Path

import dask
import numpy as np
import pytest
import zarr
from dask.distributed import Client, LocalCluster

from workoutlab.errors import (
    DamagedLabError,
    InputError,
    LabError,
    NotInLabError,
    ReadOnlyLabError,
    SchemaError,
)
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import Preparation, RawWindows, Statistics, features, saving, windows
from workoutlab.signals.own import Own
from workoutlab.signals.saved import PIECES, SEGMENTS, load_features
from workoutlab.signals.saving import save_features
from workoutlab.store import tables

USERS = ("ann", "bob", "cid", "ann")


def record(number, user):
    rng = np.random.default_rng(number)
    sets = [
        LabelledSet(start=200, stop=1100, exercise="curl", muscle_group="arms"),
        LabelledSet(start=1300, stop=2100 + 100 * number, exercise="row"),
    ]
    return Recording(
        user=user,
        session=f"session-{number}",
        acceleration=rng.normal(size=(3000 + 500 * number, 3)).astype(np.float32),
        rate_hz=50,
        sets=sets,
        simulated=number == 0,
    )


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path / "lab")
    lab.append([record(number, user) for number, user in enumerate(USERS)])
    return lab


def plan_of(lab, **settings):
    return windows(lab, **{"length": "4s", "step": "1s", "within": "recordings", **settings})


def check_same(loaded, computed):
    one, other = loaded.compute(), computed.compute()
    assert set(one.variables) == set(other.variables)
    for name in other.variables:
        np.testing.assert_array_equal(one[name].values, other[name].values)
        assert one[name].attrs == other[name].attrs
    assert {**one.attrs, "snapshot": ""} == {**other.attrs, "snapshot": ""}


@pytest.fixture
def computed(monkeypatch):
    """The recordings that were computed, in the order they were."""
    seen = []
    compute = saving.compute

    def watch(part, inputs):
        seen.extend(part.segments["recording"].unique().tolist())
        return compute(part, inputs)

    monkeypatch.setattr(saving, "compute", watch)
    return seen


@pytest.mark.parametrize("within", ["sets", "recordings"])
@pytest.mark.parametrize(
    ("block_bytes", "scheduler"),
    [(None, "threads"), (100_000, "threads"), (40_000, "synchronous")],
)
def test_load__equals_what_is_computed(lab, within, block_bytes, scheduler):
    plan = plan_of(lab, within=within)
    with dask.config.set(scheduler=scheduler):
        result = save_features(plan, "daily", block_bytes=block_bytes)
        assert (result.computed, result.unchanged, result.failed) == (len(plan), 0, {})
        check_same(load_features(lab, "daily", block_bytes=block_bytes), features(plan))
    assert result.snapshot == lab.snapshot


@pytest.mark.processes
def test_save__on_a_cluster_of_processes(lab):
    plan, inputs = plan_of(lab), Statistics()
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    with cluster, Client(cluster):
        assert save_features(plan, "daily", inputs, block_bytes=300_000).computed == len(plan)
        assert save_features(plan, "daily", inputs, block_bytes=40_000).computed == 0
        check_same(load_features(lab, "daily"), features(plan, inputs))
        held = Lab("memory://saved-elsewhere")
        held.append(record(0, "ann"))
        with pytest.raises(LabError, match="in this process's memory"):
            save_features(plan_of(held), "daily")


def test_save__twice_computes_nothing(lab, computed):
    plan = plan_of(lab)
    save_features(plan, "daily", block_bytes=40_000)
    computed.clear()
    before = lab.snapshot
    result = save_features(plan, "daily", block_bytes=300_000)
    assert (result.computed, result.unchanged) == (0, len(plan))
    assert computed == []
    assert lab.snapshot == before


def test_save__computes_only_what_a_new_recording_needs(lab, computed):
    save_features(plan_of(lab), "daily")
    computed.clear()
    lab.append(record(9, "bob"))
    plan = plan_of(lab)
    result = save_features(plan, "daily")
    assert computed == [4]
    assert result.computed + result.unchanged == len(plan)
    check_same(load_features(lab, "daily"), features(plan))


def test_save__of_part_of_a_plan_and_then_of_all_of_it(lab, computed):
    assert save_features(plan_of(lab, users="bob"), "daily").ok
    computed.clear()
    plan = plan_of(lab)
    assert save_features(plan, "daily").ok
    assert sorted(computed) == [0, 2, 3]
    check_same(load_features(lab, "daily"), features(plan))


def test_save__that_was_cut_short_goes_on_where_it_was(lab, computed, monkeypatch):
    plan, seen = plan_of(lab), []
    store = saving._store

    def die(*args):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(args)
        return store(*args)

    monkeypatch.setattr(saving, "_store", die)
    with dask.config.set(scheduler="synchronous"), pytest.raises(KeyboardInterrupt):
        save_features(plan, "daily", block_bytes=10**5)
    monkeypatch.setattr(saving, "_store", store)
    held = load_features(lab.refresh(), "daily").sizes["window"]
    assert 0 < held < len(plan)
    computed.clear()
    result = save_features(plan, "daily", block_bytes=10**5)
    assert (result.computed, result.unchanged) == (len(plan) - held, held)
    check_same(load_features(lab, "daily"), features(plan))


def test_save_block__that_is_run_again_stores_nothing_twice(lab):
    plan = plan_of(lab)
    saving.save_features(plan.select([]), "daily")
    block = saving._Block(
        plan.with_segments(plan.segments.assign(origin=plan.segments["start"])),
        Statistics(),
        "daily",
        0,
    )
    assert saving.save_block(block) == (len(plan), {})
    assert saving.save_block(block) == (len(plan), {})
    check_same(load_features(lab.refresh(), "daily"), features(plan))


def test_save__splits_long_stretches_the_same_for_any_blocks(lab, monkeypatch):
    monkeypatch.setattr(saving, "_STRETCH", 7)
    plan = plan_of(lab, length=["4s", "8s"])
    save_features(plan, "daily", block_bytes=200_000)
    assert save_features(plan, "daily", block_bytes=90_000).computed == 0
    assert (lab.root()["features/daily/segments/count"][:] <= 7).all()
    check_same(load_features(lab, "daily"), features(plan))


def test_save__tells_which_recordings_failed_and_keeps_the_rest(lab):
    limit = 6.0

    def fails_late(values, rate_hz):
        if len(values) / rate_hz > limit:
            raise ValueError("too long")
        return values.max()

    inputs = _OwnOnly(Own(fails_late, name="late"))
    plan = plan_of(lab, within="sets")
    one = int(plan.segments["recording"].iloc[0])
    broken = plan.segments["recording"] == one
    mixed = plan.with_segments(
        plan.segments.assign(
            length=np.where(broken, 400, plan.segments["length"]),
            count=np.where(broken, 1, plan.segments["count"]),
            stop=np.where(broken, plan.segments["start"] + 400, plan.segments["stop"]),
        )
    )
    result = save_features(mixed, "daily", inputs)
    (failed,) = result.failed
    assert failed.startswith(f"recording {one} (ann, session-")
    assert "own feature 'late' failed" in result.failed[failed]
    assert not result.ok
    assert result.computed == len(mixed.select(~broken.to_numpy()))
    assert "1 recordings failed" in str(result)
    assert result.as_dict()["failed"] == result.failed


class _OwnOnly:
    """Inputs of the user's own, of one function."""

    channels = ("x",)

    def __init__(self, own):
        self.own = own

    def names(self, _):
        return self.own.names

    def units(self, _):
        return self.own.units

    def settings(self):
        return self.own.settings()

    def compute(self, planes, starts, length, rate_hz):
        return self.own.compute(planes, starts, length, rate_hz, self.channels)


def test_save__refuses_other_settings_under_the_same_name(lab):
    save_features(plan_of(lab), "daily")
    for plan, inputs, told in [
        (plan_of(lab, within="sets"), None, 'within was "recordings", now "sets"'),
        (plan_of(lab, step="2s"), None, r"step_s was 1\.0, now 2\.0"),
        (plan_of(lab), RawWindows(), 'inputs inputs was "statistics", now "raw windows"'),
        (
            plan_of(lab),
            Statistics("mean"),
            "inputs names are now without x_sd, x_rms, x_skewness and 60 more",
        ),
        (
            plan_of(lab, preparation=Preparation(gravity="remove")),
            None,
            'preparation gravity was "keep", now "remove"',
        ),
    ]:
        with pytest.raises(InputError, match=f"other settings .*{told}.*replace=True"):
            save_features(plan, "daily", inputs)


def test_save__tells_another_version_of_an_own_function(lab):
    plan = plan_of(lab)
    save_features(
        plan, "own", _OwnOnly(Own(lambda values, rate_hz: values[0] / rate_hz, name="first"))
    )
    same = _OwnOnly(Own(lambda values, rate_hz: values[0] / rate_hz, name="first"))
    assert save_features(plan, "own", same).computed == 0
    other = _OwnOnly(Own(lambda values, rate_hz: values[1] / rate_hz, name="first"))
    with pytest.raises(InputError, match=r"inputs code was .*replace=True"):
        save_features(plan, "own", other)


def test_save__replaces_when_asked_to(lab):
    save_features(plan_of(lab), "daily")
    plan = plan_of(lab, within="sets")
    assert save_features(plan, "daily", RawWindows(), replace=True).computed == len(plan)
    check_same(load_features(lab, "daily"), features(plan, RawWindows()))
    assert save_features(plan, "daily", RawWindows()).computed == 0
    assert save_features(plan, "daily", RawWindows(), replace=True).computed == len(plan)
    check_same(load_features(lab, "daily"), features(plan, RawWindows()))


def test_save__refuses_windows_that_are_cut_differently(lab):
    plan = plan_of(lab)
    save_features(plan, "daily")
    rows = plan.segments.assign(start=plan.segments["start"] + 50, count=plan.segments["count"] - 1)
    rows = rows[rows["count"] > 0]
    with pytest.raises(InputError, match="recording 0 of ann was saved with windows that were cut"):
        save_features(plan.with_segments(rows), "daily")
    assert save_features(plan.with_segments(rows), "later").ok
    assert save_features(plan.with_segments(rows), "daily", replace=True).unchanged == 0
    check_same(load_features(lab, "daily"), features(plan.with_segments(rows)))


def test_save__refuses_recordings_in_memory_and_the_past(lab):
    with pytest.raises(InputError, match="recordings in memory"):
        save_features(plan_of(record(0, "ann")), "daily")
    with pytest.raises(ReadOnlyLabError):
        save_features(plan_of(lab.at(lab.snapshot)), "daily")
    with pytest.raises(SchemaError, match="name of the features"):
        save_features(plan_of(lab), "two words")
    with pytest.raises(InputError, match="expected a plan"):
        save_features(lab, "daily")


def test_save__of_no_windows_leaves_features_without_any(lab):
    save_features(plan_of(lab).select([]), "none")
    loaded = load_features(lab, "none")
    assert loaded.sizes == {"window": 0, "feature": 67}
    assert loaded.compute()["features"].shape == (0, 67)


def test_load__computes_nothing_behind_the_callers_back(lab):
    save_features(plan_of(lab), "daily")

    def refuse(*args, **settings):
        raise AssertionError("something was read")

    with dask.config.set(scheduler=refuse):
        loaded = load_features(lab, "daily")
        repr(loaded)
        loaded.to_dask_dataframe()
        with pytest.raises(AssertionError, match="something was read"):
            loaded.compute()


def test_load__keeps_to_its_snapshot(lab):
    save_features(plan_of(lab, users="bob"), "daily")
    loaded, count = load_features(lab, "daily"), len(plan_of(lab, users="bob"))
    assert loaded.snapshot == lab.snapshot
    save_features(plan_of(lab), "daily")
    assert loaded.compute().sizes["window"] == count
    assert load_features(lab, "daily").sizes["window"] > count


def test_load__tells_which_names_there_are(lab):
    with pytest.raises(NotInLabError, match=r"no features 'daily' .* there are none yet"):
        load_features(lab, "daily")
    save_features(plan_of(lab), "nightly")
    with pytest.raises(
        NotInLabError, match=r"there are nightly; workoutlab\.save_features makes them"
    ):
        load_features(lab, "daily")
    assert lab.info().features == ("nightly",)


def test_erase_user__erases_saved_features(lab):
    save_features(plan_of(lab), "daily")
    before = load_features(lab, "daily").compute()
    erased = lab.erase_user("ann")
    assert erased.features > 0
    assert erased.rows["features/daily/pieces"] == 2
    after = load_features(lab, "daily").compute()
    kept = before.isel(window=np.flatnonzero(before["user"].values != "ann"))
    np.testing.assert_array_equal(after["features"].values, kept["features"].values)
    assert set(after["user"].values) == {"bob", "cid"}
    root = lab.root()
    pieces = tables.read(root["features/daily"], PIECES, erased=True)
    values, chunk = root["features/daily/values"], root["features/daily/values"].chunks[0]
    for offset, length in zip(pieces["offset"], pieces["length"], strict=True):
        assert length == 0 or np.isfinite(values[offset : offset + length, 0]).all()
    assert np.isnan(values[:chunk]).all()  # the first piece was ann's
    assert lab.verify().ok
    with pytest.raises(NotInLabError):
        lab.erase_user("ann")


def test_save__leaves_out_who_is_erased_meanwhile(lab, monkeypatch):
    plan, store = plan_of(lab), saving._store

    def erase_first(root, *others):
        home = tables.open_table(root, "recordings")
        tables.blank(home, np.array([1]))
        return store(root, *others)

    monkeypatch.setattr(saving, "_store", erase_first)
    result = save_features(plan, "daily")
    assert list(result.failed.values()) == ["erased from the lab while it was computed"]
    assert "bob" not in load_features(lab, "daily")["user"].values
    assert result.computed == (plan.frame()["user"] != "bob").sum()


def test_verify__sees_a_changed_number(lab):
    save_features(plan_of(lab), "daily")
    found = lab.verify()
    assert found.ok
    assert found.features == len(USERS)

    def tamper(root: zarr.Group):
        root["features/daily/values"][3, 2] = 0.125

    lab.transact(tamper, "tamper")
    (problem,) = lab.verify().problems
    assert problem.place == "features/daily/pieces row 0"
    assert "its values are not those that were stored" in problem.problem


def test_verify__sees_a_flipped_byte(lab, tmp_path):
    save_features(plan_of(lab), "daily")
    newest = max((tmp_path / "lab" / "chunks").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert not Lab(tmp_path / "lab").verify().ok


def test_saved_tables__declare_every_column_that_is_written(lab):
    save_features(plan_of(lab), "daily")
    home = lab.root()["features/daily"]
    assert list(tables.read(home, SEGMENTS).columns) == list(SEGMENTS.columns)
    pieces = tables.read(home, PIECES)
    assert pieces["length"].sum() == load_features(lab, "daily").sizes["window"]
    assert set(pieces["digest"]) == set(lab.table("recordings", ["digest"])["digest"])


def test_save_features__shows_in_what_the_lab_holds(lab):
    assert lab.info().features == ()
    save_features(windows(lab), "daily", Statistics(["mean"]), progress=False)
    assert lab.info().features == ("daily",)
    assert "features    daily" in str(lab.info())


def test_save__computes_damaged_features_again_when_asked_to(lab):
    plan = plan_of(lab)
    save_features(plan, "daily")
    before = set((Path(lab.url) / "chunks").iterdir())
    save_features(plan, "daily", replace=True)
    new = set((Path(lab.url) / "chunks").iterdir()) - before
    max(new, key=lambda path: path.stat().st_size).unlink()
    with pytest.raises(DamagedLabError, match=r"save_features\(\.\.\., replace=True\)"):
        load_features(Lab(lab.url), "daily").compute()
    save_features(plan, "daily", replace=True)
    check_same(load_features(Lab(lab.url), "daily"), features(plan))
