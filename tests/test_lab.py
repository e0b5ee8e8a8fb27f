"""A lab in a folder and in memory: what goes in comes out, once, at every snapshot."""

import pickle
import shutil
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import icechunk
import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab_recordings import make, same
from workoutlab.errors import (
    InputError,
    LabError,
    LabNotFoundError,
    NotInLabError,
    ReadOnlyLabError,
    SnapshotNotFoundError,
)
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import TABLES
from workoutlab.store import disk, layout, tables

CHUNK = layout.SAMPLES_PER_CHUNK


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    length = draw(st.sampled_from([1, 2, 7, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5]))
    edges = sorted(draw(st.sets(st.integers(0, length), max_size=6)))
    return make(
        draw(st.integers(0, 2**32)),
        length,
        user=draw(st.sampled_from(["ann", "bob"])),
        irregular=draw(st.booleans()),
        angular_velocity=draw(st.booleans()),
        start_ns=draw(st.none() | st.integers(-(2**62), 2**62)),
        sets=tuple(
            LabelledSet(
                start=start,
                stop=stop,
                exercise=draw(st.text(min_size=1, max_size=5)),
                muscle_group=draw(st.sampled_from(["", "arms"])),
                repetitions=draw(st.none() | st.integers(0, 100)),
                weight_kg=draw(st.none() | st.floats(0, 300)),
                body_weight=draw(st.booleans()),
                intensity=draw(st.none() | st.floats(0, 1)),
            )
            for start, stop in zip(edges[::2], edges[1::2], strict=False)
        ),
    )


_round_trips = Lab("memory://round-trips")


@settings(max_examples=20, deadline=None)
@given(st.lists(recordings(), min_size=1, max_size=3))
def test_append__reads_back_what_came(batch: list[Recording]) -> None:
    outcomes = _round_trips.append(batch).outcomes
    for recording, outcome in zip(batch, outcomes, strict=True):
        if outcome.status != "conflict":
            assert same(_round_trips.recording(outcome.recording), recording)


def test_append__is_one_commit(lab: Lab) -> None:
    result = lab.append([make(0), make(1)], message="two")
    assert [outcome.status for outcome in result.outcomes] == ["stored", "stored"]
    assert [outcome.recording for outcome in result.outcomes] == [0, 1]
    assert lab.history()["message"].tolist() == ["two", "create the lab"]
    assert lab.history()["snapshot"][0] == result.snapshot == lab.snapshot


def test_append__stores_a_recording_once(lab: Lab) -> None:
    first = lab.append([make(0), make(1)])
    again = lab.append([make(1), make(0), make(0)])
    assert [outcome.status for outcome in again.outcomes] == ["duplicate"] * 3
    assert [outcome.recording for outcome in again.outcomes] == [1, 0, 0]
    assert again.stored == 0
    assert again.snapshot == first.snapshot
    assert len(lab.history()) == 2


def test_append__tells_a_duplicate_within_the_batch(lab: Lab) -> None:
    outcomes = lab.append([make(0), make(0), make(1)]).outcomes
    assert [(outcome.status, outcome.recording) for outcome in outcomes] == [
        ("stored", 0),
        ("duplicate", 0),
        ("stored", 1),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_append__tells_a_correction(lab: Lab, together: bool) -> None:
    curl, row = (LabelledSet(start=0, stop=9, exercise=name) for name in ("curl", "row"))
    first = make(0, source="a.csv", sets=(curl,))
    other = make(0, user="eve", source="b.csv", sets=(row,))
    if together:
        outcome = lab.append([first, other]).outcomes[1]
    else:
        lab.append([first])
        outcome = lab.append([other]).outcomes[0]
    assert (outcome.status, outcome.recording) == ("conflict", 0)
    assert "recording 0 (ann/monday, a.csv: curl)" in outcome.reason
    assert "(eve/monday, b.csv: row)" in outcome.reason
    assert lab.table("recordings")["user"].tolist() == ["ann"]


def test_append__nothing_is_no_commit(lab: Lab) -> None:
    before = lab.snapshot
    assert lab.append([]).outcomes == ()
    assert lab.snapshot == before


def test_append__refuses_what_is_no_recording(lab: Lab) -> None:
    with pytest.raises(InputError, match="expected recordings, got ndarray"):
        lab.append([np.zeros((3, 3))])  # type: ignore[list-item]


def test_append__sees_what_another_lab_object_stored(tmp_path: Path) -> None:
    one, two = Lab(tmp_path), Lab(tmp_path)
    one.append([make(0)])
    assert two.append([make(0)]).outcomes[0].status == "duplicate"
    assert len(two.table("recordings")) == 1


def test_append__finds_duplicates_in_a_restored_copy(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.append([make(0)])
    shutil.copytree(tmp_path / "lab", tmp_path / "copy")
    lab.append([make(1), make(2)])
    shutil.rmtree(tmp_path / "lab")
    (tmp_path / "copy").rename(tmp_path / "lab")
    lab = Lab(tmp_path / "lab")
    lab.append([make(3), make(4)])
    statuses = [each.status for each in lab.append([make(4), make(1)]).outcomes]
    assert statuses == ["duplicate", "stored"]


def test_append__threads_lose_nothing(lab: Lab) -> None:
    threads = [
        threading.Thread(target=lambda at=at: Lab(lab.url).append([make(at), make(100)]))  # type: ignore[misc]
        for at in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.refresh()
    assert len(lab.table("recordings")) == 7
    assert lab.verify().ok


def test_table__has_the_declared_columns(lab: Lab) -> None:
    curl = LabelledSet(start=0, stop=10, exercise="curl", weight_kg=22.3)
    lab.append([make(0, sets=(curl,))])
    for name, table in TABLES.items():
        frame = lab.table(name)
        assert frame.columns.tolist() == list(table.columns)
        assert len(frame) == 1
    row = lab.table("sets").iloc[0]
    assert row[["start_s", "stop_s", "weight_kg"]].tolist() == [0.0, 0.2, 22.3]
    assert pd.isna(row["repetitions"])


def test_table__refuses_an_unknown_name(lab: Lab) -> None:
    with pytest.raises(NotInLabError, match="no table 'people'; there are recordings, sets"):
        lab.table("people")


def test_read__part_of_a_recording(lab: Lab) -> None:
    recording = make(0, CHUNK + 10)
    lab.append([make(1), recording])
    np.testing.assert_array_equal(
        lab.read(1, start=CHUNK - 2, stop=CHUNK + 3),
        recording.acceleration[CHUNK - 2 : CHUNK + 3],
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1,), NotInLabError, "no recording 1"),
        ((-1,), NotInLabError, "no recording -1"),
        ((0, "angular_velocity"), NotInLabError, "it has acceleration"),
        ((0, "time"), NotInLabError, "it has acceleration"),
        ((0, "heart_rate"), InputError, "expected one of acceleration"),
        ((0, "acceleration", 5, 1000), InputError, "within 0 to 100, got 5 to 1000"),
        ((0, "acceleration", -5), InputError, "within 0 to 100, got -5 to 100"),
    ],
)
def test_read__says_what_is_not_there(
    lab: Lab, arguments: tuple[int, ...], error: type[Exception], message: str
) -> None:
    lab.append([make(0)])
    with pytest.raises(error, match=message):
        lab.read(*arguments)


def test_read__names_what_is_no_number(lab: Lab) -> None:
    lab.append([make(0)])
    for call in (lab.recording, lab.read):
        for row in (1.5, "0", None):
            with pytest.raises(InputError, match="row: expected a whole number, got"):
                call(row)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"start: expected a whole number, got 0\.5"):
        lab.read(0, start=0.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="stop: expected a whole number, got '9'"):
        lab.read(0, stop="9")  # type: ignore[arg-type]
    with pytest.raises(NotInLabError, match="no recording"):
        lab.read(10**30)


def test_read_many__is_read_for_each(lab: Lab) -> None:
    batch = [make(0, 10), make(1, 2 * CHUNK + 5), make(2, CHUNK)]
    lab.append(batch)
    for row, samples in enumerate(lab.read_many(np.arange(3))):
        np.testing.assert_array_equal(samples, batch[row].acceleration)
    rows, starts, stops = [1, 0, 1, 1], [CHUNK - 3, 0, 5, 2 * CHUNK], [CHUNK + 3, 10, 6, None]
    found = lab.read_many(rows, starts=starts, stops=stops)
    for row, start, stop, samples in zip(rows, starts, stops, found, strict=True):
        np.testing.assert_array_equal(samples, batch[row].acceleration[start:stop])
    assert lab.read_many([]) == []


def test_read_many__reads_any_quantity(lab: Lab) -> None:
    batch = [make(at, 50, irregular=True, angular_velocity=True) for at in range(3)]
    lab.append(batch)
    turned, times = lab.read_many(range(3), "angular_velocity"), lab.read_many(range(3), "time")
    for recording, velocity, time_ns in zip(batch, turned, times, strict=True):
        np.testing.assert_array_equal(velocity, recording.angular_velocity)
        np.testing.assert_array_equal(time_ns, recording.time_ns)


def test_read_many__by_threads_at_once(lab: Lab) -> None:
    batch = [make(at, 3000) for at in range(20)]
    lab.append(batch)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: lab.read_many(range(20)), range(8)):
            for recording, samples in zip(batch, found, strict=True):
                np.testing.assert_array_equal(samples, recording.acceleration)


def test_read_many__says_what_is_not_there(lab: Lab) -> None:
    lab.append([make(0), make(1)])
    with pytest.raises(InputError, match="a start and a stop for each of 2 rows, got 1 and 2"):
        lab.read_many([0, 1], starts=[0])
    with pytest.raises(NotInLabError, match="no recording 2"):
        lab.read_many([0, 2])
    with pytest.raises(InputError, match="recording 1: expected samples within 0 to 100"):
        lab.read_many([0, 1], stops=[100, 101])


@pytest.mark.parametrize("snapshot", [None, 3])
def test_at__refuses_what_is_no_text(lab: Lab, snapshot: object) -> None:
    with pytest.raises(InputError, match="snapshot: expected the id of one, which history"):
        lab.at(snapshot)  # type: ignore[arg-type]


def test_append__refuses_a_message_that_is_no_text(lab: Lab) -> None:
    with pytest.raises(InputError, match="message: expected text, got 3"):
        lab.append([make(0)], message=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("url", [None, 3, b"lab"])
def test_lab__refuses_what_is_no_address(url: object) -> None:
    with pytest.raises(InputError, match="expected a folder, 'memory://name' or"):
        Lab(url)  # type: ignore[arg-type]


def test_at__reads_the_past(lab: Lab) -> None:
    empty = lab.snapshot
    first = lab.append([make(0)]).snapshot
    lab.append([make(1)])
    assert [len(lab.at(at).table("recordings")) for at in (empty, first, lab.snapshot)] == [0, 1, 2]
    with pytest.raises(NotInLabError, match="no recording 1 at snapshot"):
        lab.at(first).read(1)


@pytest.mark.parametrize("snapshot", ["", "nonsense", "ZZZZZZZZZZZZZZZZZZZG"])
def test_at__names_a_snapshot_that_is_not_there(lab: Lab, snapshot: str) -> None:
    with pytest.raises(SnapshotNotFoundError, match=f"holds no snapshot '{snapshot}'"):
        lab.at(snapshot)


def test_at__refuses_to_write(lab: Lab) -> None:
    past = lab.at(lab.snapshot)
    assert past.read_only
    for write in (
        lambda: past.append([make(0)]),
        lambda: past.transact(lambda _: None, "x"),
        lambda: past.erase_user("ann"),
        past.refresh,
    ):
        with pytest.raises(ReadOnlyLabError, match="open it anew"):
            write()


def test_refresh__moves_to_what_others_wrote(tmp_path: Path) -> None:
    one, two = Lab(tmp_path), Lab(tmp_path)
    one.append([make(0)])
    assert two.table("recordings").empty
    assert len(two.refresh().table("recordings")) == 1


def test_transact__commits_whole_or_not_at_all(lab: Lab) -> None:
    def fail(root: zarr.Group) -> None:
        root.create_group("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        lab.transact(fail, "fail")
    assert "half" not in Lab(lab.url).root()
    assert lab.transact(lambda root: root.create_group("whole").path, "works") == "whole"
    assert "whole" in lab.root()


def test_transact__refuses_to_nest(lab: Lab) -> None:
    with pytest.raises(LabError, match="cannot begin inside another"):
        lab.transact(lambda _: lab.append([make(0)]), "outer")
    assert lab.append([make(0)]).stored == 1


def test_transact__says_who_is_in_the_way(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_PATIENCE_S", 0.05)
    other = filelock.FileLock(Path(lab.url) / ".lock")
    with other, pytest.raises(LabError, match="another process has been writing"):
        lab.append([make(0)])
    assert lab.append([make(0)]).stored == 1


def test_transact__refuses_a_group_that_is_read(lab: Lab) -> None:
    with pytest.raises(icechunk.IcechunkError, match="read-only"):
        lab.root().create_group("x")


def test_pickle__keeps_the_snapshot(lab: Lab) -> None:
    lab.append([make(0)])
    copy, past = pickle.loads(pickle.dumps((lab, lab.at(lab.snapshot))))
    lab.append([make(1)])
    assert len(copy.table("recordings")) == len(past.table("recordings")) == 1
    assert past.read_only
    assert not copy.read_only


_CHILD = """
import pickle, sys
lab = pickle.loads(bytes.fromhex(sys.argv[1]))
print(lab.table("recordings")["user"].tolist(), lab.read(0).shape)
"""


def _in_child(lab: Lab) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CHILD, pickle.dumps(lab).hex()], capture_output=True, text=True
    )


@pytest.mark.processes
def test_pickle__works_in_another_process(lab: Lab) -> None:
    lab.append([make(0)])
    child = _in_child(lab)
    assert (child.stdout, child.stderr) == ("['ann'] (100, 3)\n", "")


@pytest.mark.processes
def test_pickle__of_memory_says_why_it_cannot_travel() -> None:
    lab = Lab("memory://stays")
    lab.append([make(0)])
    assert len(pickle.loads(pickle.dumps(lab)).table("recordings")) == 1
    child = _in_child(lab)
    assert child.returncode == 1
    assert "LabNotFoundError: there is no lab at memory://stays in this process" in child.stderr


def test_lab__in_memory_is_found_by_its_name() -> None:
    Lab("memory://named").append([make(0)])
    assert len(Lab("memory://named", create=False).table("recordings")) == 1
    with pytest.raises(LabNotFoundError, match="memory://other"):
        Lab("memory://other", create=False)


def test_lab__create_false_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabNotFoundError, match="there is no lab at"):
        Lab(tmp_path / "lab", create=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabNotFoundError, match="there is no lab at"):
        Lab(tmp_path / "empty", create=False)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_lab__refuses_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    with pytest.raises(LabError, match="something that is not a lab"):
        Lab(tmp_path)
    with pytest.raises(LabError, match="something that is not a lab"):
        Lab(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("ftp://host/lab", {}, "expected a folder, 'memory://name' or 's3://bucket/prefix'"),
        ("memory://", {}, "expected a folder"),
        ("", {}, "expected a folder"),
        ("s3://bucket/lab", {"regoin": "x"}, "regoin is not known; known: access_key_id"),
        ("lab", {"region": "x"}, "region is not known; known: none for this kind"),
    ],
)
def test_lab__refuses_an_address_without_meaning(
    url: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Lab(url, storage_options=options)


def test_lab__finishes_a_creation_that_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lab"
    rename, left = Path.rename, 2

    def cut(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            Lab(folder)
    assert not (folder / "refs").exists()
    lab = Lab(folder)
    assert lab.append([make(0)]).stored == 1
    assert lab.verify().ok


def test_lab__shows_where_it_is_and_no_secret(lab: Lab) -> None:
    assert repr(lab) == f"Lab({lab.url!r} at {lab.snapshot})"
    assert repr(lab.at(lab.snapshot)).endswith(", read-only)")


def test_info__counts(lab: Lab) -> None:
    curl = LabelledSet(start=0, stop=10, exercise="curl")
    lab.append([make(0, 180_000, sets=(curl,)), make(1, user="bob", simulated=True), make(2)])
    info = lab.info()
    assert (info.people, info.sessions, info.recordings, info.sets) == (2, 2, 3, 1)
    assert info.samples == 180_200
    assert info.hours == pytest.approx(1 + 4 / 3600)
    assert info.simulated == 1
    assert info.size_bytes == sum(
        path.stat().st_size for path in Path(lab.url).rglob("*") if path.is_file()
    )
    assert info.snapshot == lab.snapshot
    assert "3 (1 simulated)" in str(info)
    assert "<td>3 (1 simulated)</td>" in info._repr_html_()
    assert info.as_dict()["time"] == info.time.isoformat()


def test_export_zarr__opens_without_icechunk(lab: Lab, tmp_path: Path) -> None:
    recording = make(0, 1000)
    lab.append([recording])
    past = lab.at(lab.snapshot)
    lab.append([make(1)])
    root = zarr.open_group(past.export_zarr(tmp_path / "copy"), mode="r")
    assert tables.read(root, TABLES["recordings"])["user"].tolist() == ["ann"]
    np.testing.assert_array_equal(root["samples/acceleration"][:1000], recording.acceleration)


def test_export_zarr__refuses_a_folder_that_is_not_empty(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("buy milk")
    with pytest.raises(InputError, match="it is not empty; name a new folder"):
        lab.export_zarr(tmp_path)


@pytest.mark.parametrize("inside", [".", "copy", "chunks/copy"])
def test_export_zarr__refuses_the_folder_of_the_lab(lab: Lab, inside: str) -> None:
    before = {path.name for path in Path(lab.url).iterdir()}
    with pytest.raises(InputError, match="it lies in the lab's own folder; name one elsewhere"):
        lab.export_zarr(Path(lab.url) / inside)
    assert {path.name for path in Path(lab.url).iterdir()} == before


def test_export_zarr__refuses_a_bucket(lab: Lab) -> None:
    with pytest.raises(InputError, match="expected a folder on this machine; copy it from there"):
        lab.export_zarr("s3://bucket/copy")


def test_lab__says_nothing_on_standard_output(tmp_path: Path) -> None:
    code = "from workoutlab.lab import Lab; import sys; Lab(sys.argv[1]).info()"
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lab")], capture_output=True, text=True
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"angular_velocity": np.zeros((100, 3))},
        {"rate_hz": 51},
        {"rate_hz": None, "time_ns": np.arange(100)},
        {"user": "bob"},
    ],
)
def test_append__the_same_acceleration_told_otherwise_is_a_conflict(changes):
    signal = np.random.default_rng(5).normal(size=(100, 3))
    facts = {"user": "ann", "session": "1", "acceleration": signal, "rate_hz": 50}
    lab = Lab(f"memory://told-otherwise-{uuid.uuid4().hex}")
    lab.append(Recording(**facts))
    (outcome,) = lab.append(Recording(**{**facts, **changes})).outcomes
    assert (outcome.status, outcome.recording) == ("conflict", 0)
    assert "other ids, labels, times or angular velocity" in outcome.reason
    assert lab.info().recordings == 1
