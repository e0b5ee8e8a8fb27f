"""Found sets lie in the lab, and only what is missing is gone through again."""

from pathlib import Path
from uuid import uuid4

import dask
import pandas as pd
import pytest

from tests.found_sets import Fake
from tests.lab_recordings import make
from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.recognition.segmentation.recognising import recognise
from workoutlab.schema import RECOGNISED


@pytest.fixture
def lab() -> Lab:
    lab = Lab(f"memory://{uuid4().hex}")
    lab.append([make(0), make(1, user="bob"), make(2, irregular=True)])
    return lab


def test_recognise__keeps_what_it_finds_with_model_and_snapshot(lab: Lab) -> None:
    before = lab.snapshot
    result = recognise(lab, Fake(), progress=False)
    assert result.ok
    assert (result.recognised, result.found, result.unknown) == ({0: 1, 1: 1, 2: 1}, 3, 0)
    assert "3 of 3 recordings gone through" in str(result)
    found = lab.found()
    assert list(found.columns) == [*RECOGNISED.columns, "corrected"]
    assert found["recording"].sort_values().tolist() == [0, 1, 2]
    row = found[found["recording"] == 1].iloc[0]
    assert (row["user"], row["start"], row["stop"], row["exercise"]) == ("bob", 25, 74, "curl")
    assert (row["snapshot"], row["recogniser"], row["corrected"]) == (before, "sets", False)
    assert row["repetitions_low"] is pd.NA
    assert (lab.info().found, lab.info().corrected) == (3, 0)
    assert "found sets  3" in str(lab.info())
    assert lab.verify().ok


def test_recognise__goes_through_what_is_missing_or_changed_alone(lab: Lab) -> None:
    recognise(lab, Fake(), users="bob", progress=False)
    again = recognise(lab, Fake(), progress=False)
    assert (again.recognised, again.unchanged) == ({0: 1, 2: 1}, (1,))
    snapshot = lab.snapshot
    same = recognise(lab, Fake(), progress=False)
    assert (same.recognised, same.unchanged) == ({}, (0, 1, 2))
    assert lab.snapshot == snapshot
    lab.append(make(3))
    assert recognise(lab, Fake(), progress=False).recognised == {3: 1}
    assert recognise(lab, Fake(), again=True, progress=False).recognised == {
        0: 1, 1: 1, 2: 1, 3: 1
    }  # fmt: skip


def test_found__shows_the_latest_run_of_each_recogniser_and_all_on_demand(lab: Lab) -> None:
    recognise(lab, Fake(), progress=False)
    recognise(lab, Fake("press"), users=["ann"], progress=False)
    recognise(lab, Fake("squat", name="other"), progress=False)
    held = lab.found("sets").set_index("recording")["exercise"]
    assert held.sort_index().tolist() == ["press", "curl", "press"]
    assert len(lab.found()) == 6
    assert len(lab.found("sets", history=True)) == 5
    assert lab.found(users=["bob"])["exercise"].tolist() == ["curl", "squat"]
    assert lab.found(users="bob").equals(lab.found(users=["bob"]))
    recognise(lab, Fake(), progress=False)  # the first recogniser holds again
    assert lab.found("sets")["exercise"].tolist() == ["curl"] * 3
    with pytest.raises(NotInLabError, match=r"no sets found by 'none', there are .* other, sets"):
        lab.found("none")


def test_recognise__one_failure_costs_no_other_recording(lab: Lab) -> None:
    with dask.config.set(scheduler="synchronous"):
        result = recognise(lab, Fake(fails=("bob",)), progress=False)
    assert not result.ok
    assert (list(result.recognised), result.failed) == (
        [0, 2],
        {1: "ValueError: it does not want to"},
    )
    assert "recording 1: ValueError" in str(result)
    assert recognise(lab, Fake(), progress=False).recognised == {1: 1}


def test_erase_user__takes_found_sets_along(lab: Lab) -> None:
    recognise(lab, Fake(), progress=False)
    result = lab.erase_user("ann")
    assert {path: count for path, count in result.rows.items() if "found" in path} == {
        "found/found": 2,
        "found/runs": 2,
    }
    assert lab.found()["user"].tolist() == ["bob"]
    assert lab.verify().ok


def test_export_zarr__has_found_sets(lab: Lab, tmp_path: Path) -> None:
    import zarr

    recognise(lab, Fake(), progress=False)
    copy = zarr.open_group(lab.export_zarr(tmp_path / "copy"), mode="r")
    assert sorted(copy["found/found/recording"][:].tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("recogniser", "options", "error", "message"),
    [
        (7, {}, InputError, "expected its name or a Recogniser, got 7"),
        (Fake(exercise=""), {}, InputError, "expected one with a name and a digest"),
        (Fake(), {"user": "ann"}, InputError, r"recognise takes devices, .*, got user"),
        (Fake(), {"users": "eve"}, NotInLabError, "eve"),
    ],
)
def test_recognise__refuses(lab, recogniser, options, error, message) -> None:
    with pytest.raises(error, match=message):
        recognise(lab, recogniser, **options)
