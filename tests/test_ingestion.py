"""Files into a lab: what is stored, what is not, and why."""

import importlib
import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.test_readers_tabular import GEOTEC
from workoutlab import readers
from workoutlab.cluster import connect
from workoutlab.errors import InputError
from workoutlab.ingestion import ingest
from workoutlab.lab import Lab
from workoutlab.readers.find import find_files
from workoutlab.recording import Recording

# The package's attribute of this name is the function.
module = importlib.import_module("workoutlab.ingestion")


@pytest.fixture
def lab(tmp_path):
    return Lab(f"memory://{tmp_path.name}")


def write(path, seed=0, rows=20, label="curl,,10,8"):
    """Write a recording in Muvr's format, of its own for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(scale=0.6, size=(rows, 3)).round(3)
    path.write_text("".join(f"{x},{y},{z},{label}\n" for x, y, z in samples))
    return path


def files(entries):
    return [Path(entry.file).name for entry in entries]


def test_ingest__stores_files_in_the_order_of_their_paths(lab, tmp_path, monkeypatch):
    names = ["b/2.csv", "a/10.csv", "c.csv", "a/2.csv", "b/1.csv"]
    for seed, name in enumerate(names):
        write(tmp_path / name, seed)
    monkeypatch.setattr(module, "_TASK_BYTES", 1)  # a task a file
    original = module.run_tasks

    def shuffled(function, items):
        results = list(original(function, items))
        random.Random(0).shuffle(results)
        yield from results

    monkeypatch.setattr(module, "run_tasks", shuffled)
    result = ingest(lab, tmp_path, reader="muvr")
    stored = [Path(each).relative_to(tmp_path).as_posix() for each in sources(lab)]
    assert stored == ["a/10.csv", "a/2.csv", "b/1.csv", "b/2.csv", "c.csv"]
    assert [entry.recording for entry in result.stored] == [0, 1, 2, 3, 4]
    assert result.snapshot == lab.snapshot


def sources(lab):
    return lab.table("recordings", ["source"])["source"].tolist()


def test_ingest__stores_what_the_reader_read(lab, tmp_path):
    path = write(tmp_path / "labelled_arms_jan-2_1.csv")
    ingest(lab, path)
    (expected,) = readers.get("muvr").read(path)
    came = lab.recording(0)
    assert (came.digest, came.facts, came.source) == (
        expected.digest,
        expected.facts,
        path.as_posix(),
    )


def test_ingest__is_one_commit_for_a_batch(lab, tmp_path):
    for seed in range(6):
        write(tmp_path / f"{seed}.csv", seed)
    before = len(lab.history())
    ingest(lab, tmp_path)
    history = lab.history()
    assert len(history) == before + 1
    assert history["message"][0] == "ingest 6 files"


def test_ingest__splits_large_deliveries_into_batches(lab, tmp_path):
    for seed in range(6):
        write(tmp_path / f"{seed}.csv", seed)
    before = len(lab.history())
    result = ingest(lab, tmp_path, batch_bytes=2 * (tmp_path / "0.csv").stat().st_size + 50)
    assert len(result.stored) == 6
    assert len(lab.history()) == before + 3
    assert [Path(each).name for each in sources(lab)] == [f"{seed}.csv" for seed in range(6)]


def test_ingest__of_the_same_files_again_stores_nothing_and_says_so(lab, tmp_path):
    for seed in range(3):
        write(tmp_path / f"{seed}.csv", seed)
    first = ingest(lab, tmp_path)
    again = ingest(lab, tmp_path)
    assert again.ok
    assert not again.stored
    assert again.snapshot == first.snapshot
    assert str(again) == (
        "nothing new: 0 recordings stored, 3 duplicates (3 stored before), 0 rejected"
    )
    assert [entry.recording for entry in again.duplicates] == [0, 1, 2]


def test_ingest__names_both_files_of_a_duplicate(lab, tmp_path):
    a = write(tmp_path / "a.csv")
    b = write(tmp_path / "b.csv")
    result = ingest(lab, tmp_path)
    (entry,) = result.duplicates
    assert (entry.file, entry.same_as) == (b.as_posix(), a.as_posix())
    assert not result.conflicts
    assert str(result) == f"1 recording stored, 1 duplicate ({b} = {a}), 0 rejected"


def test_ingest__names_a_duplicate_with_other_labels(lab, tmp_path):
    a = write(tmp_path / "a.csv", label="biceps-curl,,,")
    b = write(tmp_path / "b.csv", label="lateral-raise,,,")
    result = ingest(lab, tmp_path)
    assert files(result.stored) == ["a.csv"]
    assert result.duplicates == result.conflicts
    (entry,) = result.conflicts
    assert (entry.file, entry.same_as) == (b.as_posix(), a.as_posix())
    assert "labels" in entry.reason
    assert f"conflict: {b}: the same samples" in str(result)
    assert result.ok
    assert [each.exercise for each in lab.recording(0).sets] == ["biceps-curl"]


def test_ingest__of_bad_files_loses_no_others(lab, tmp_path):
    write(tmp_path / "a.csv", 1)
    write(tmp_path / "cut.csv", 2).write_bytes((tmp_path / "cut.csv").read_bytes()[:-15])
    write(tmp_path / "empty.csv").write_bytes(b"")
    write(tmp_path / "infinite.csv").write_text("0,0,1,curl,,,\n0,inf,1,curl,,,\n")
    write(tmp_path / "utf16.csv", 3).write_text("0,0,1,curl,,,\n", encoding="utf-16")
    write(tmp_path / "z.csv", 4)
    (tmp_path / "gone.csv").symlink_to(tmp_path / "none.csv")
    result = ingest(lab, tmp_path, reader="muvr")
    assert files(result.stored) == ["a.csv", "z.csv"]
    assert len(lab.table("recordings")) == 2
    reasons = {Path(entry.file).name: entry.reason for entry in result.rejected}
    assert reasons["cut.csv"].startswith("line 20: expected 7 fields, got")
    assert reasons["empty.csv"].startswith("the file is empty")
    assert reasons["infinite.csv"].startswith("line 2, column 'y': expected a finite number")
    assert reasons["utf16.csv"].startswith("expected UTF-8, found UTF-16")
    assert reasons["gone.csv"].startswith("cannot be opened: No such file")
    assert not result.ok
    assert str(result).startswith("2 recordings stored, 0 duplicates, 5 rejected\n")


class Broken:
    """A reader with a bug."""

    name = "broken"
    suffixes = (".csv",)

    def detect(self, path, head):
        return path.suffix == ".csv" and bool(head)

    def read(self, path):
        if path.name == "1.csv":
            raise ZeroDivisionError("by zero")
        yield from readers.get("muvr").read(path)


def test_ingest__survives_a_reader_that_fails(lab, tmp_path):
    for seed in range(3):
        write(tmp_path / f"{seed}.csv", seed)
    result = ingest(lab, tmp_path, reader=Broken())
    assert files(result.stored) == ["0.csv", "2.csv"]
    assert result.rejected[0].reason == "the reader failed with ZeroDivisionError: by zero"


def test_ingest__survives_a_task_that_is_lost(lab, tmp_path, monkeypatch):
    for seed in range(3):
        write(tmp_path / f"{seed}.csv", seed)
    monkeypatch.setattr(module, "_TASK_BYTES", 1)
    original = module.run_tasks

    def losing(function, items):
        for position, result in original(function, items):
            yield position, result if position != 1 else OSError("worker died")

    monkeypatch.setattr(module, "run_tasks", losing)
    result = ingest(lab, tmp_path)
    assert files(result.stored) == ["0.csv", "2.csv"]
    assert result.rejected[0].reason == (
        "parsing failed with OSError: worker died; ingest the file again"
    )


def test_ingest__passes_over_what_is_no_recording(lab, tmp_path):
    write(tmp_path / "a.csv")
    (tmp_path / "README.md").write_text("# Recordings")
    (tmp_path / "people.csv").write_text("id,age,sex\ns01,54,M\n")
    (tmp_path / ".hidden.csv").write_text("0,0,1,curl,,,\n")
    write(tmp_path / ".cache" / "b.csv", 1)
    for reader in (None, "muvr"):
        result = ingest(lab, tmp_path, reader=reader)
        assert files(result.passed_over) == ["README.md", "people.csv"]
        assert "not a file that is read (.csv)" in result.passed_over[0].reason
        assert "not recognised" in result.passed_over[1].reason
        assert result.ok


def test_ingest__rejects_a_named_file_that_no_reader_takes(lab, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("id,age,sex\ns01,54,M\n")
    assert "not recognised by any reader" in ingest(lab, people).rejected[0].reason
    assert "expected 7 fields, got 3" in ingest(lab, people, reader="muvr").rejected[0].reason
    assert ingest(lab, [tmp_path, people]).rejected[0].file == people.as_posix()
    over = ingest(lab, tmp_path)
    assert files(over.passed_over) == ["people.csv"]
    assert not over.ok
    assert "passed over:" in str(over)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.csv", "no such file or folder"),
        ("*.tsv", "the pattern fits no file"),
        ("empty", "no files in this folder"),
        ("texts", "none of its 1 files is of a kind that is read"),
    ],
)
def test_ingest__rejects_a_path_that_turns_up_nothing(name, reason, lab, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    write(tmp_path / "a.csv")
    result = ingest(lab, [tmp_path / name, tmp_path / "a.csv"])
    assert files(result.stored) == ["a.csv"]
    (entry,) = result.rejected
    assert (entry.file, entry.reason.startswith(reason)) == ((tmp_path / name).as_posix(), True)
    assert not result.ok


def test_find_files__expands_patterns_and_takes_each_file_once(tmp_path, monkeypatch):
    for name in ("a/1.csv", "a/b/2.csv", "3.csv"):
        write(tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def found(*paths):
        return [file.path.as_posix() for file in find_files(paths, None).files]

    assert found("*.csv") == ["3.csv"]
    assert found("**/*.csv") == ["3.csv", "a/1.csv", "a/b/2.csv"]
    assert found("a*") == ["a/1.csv", "a/b/2.csv"]
    assert found("a", tmp_path / "a" / "1.csv", "a/1.csv") == ["a/1.csv", "a/b/2.csv"]
    for paths in ([tmp_path, "3.csv"], ["3.csv", tmp_path]):
        both = find_files(paths, None).files
        assert [file.named for file in both if file.path.name == "3.csv"] == [True]
        assert len(both) == 3


def test_ingest__of_one_file_with_several_people(lab, tmp_path):
    path = tmp_path / "shared.csv"
    path.write_text("who,x,y,z\nann,0,0,1\nann,0,0,1.5\nbob,0,0,1\n")
    columns = {"x": "x", "y": "y", "z": "z", "user": "who"}
    reader = readers.get("tabular", columns=columns, rate_hz=50)
    result = ingest(lab, path, reader=reader)
    assert str(result) == "2 recordings stored, 0 duplicates, 0 rejected"
    assert lab.table("recordings")["user"].tolist() == ["ann", "bob"]


def test_ingest__notes_odd_times_and_units(lab, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,x,y,z\n0,0,0,9.8\n10,0,0,9.8\n10,0,0,9.7\n5,0,0,9.8\n4,0,0,9.9\n")
    columns = {"x": "x", "y": "y", "z": "z", "time": "t"}
    reader = readers.get("tabular", columns=columns, time_unit="ms")
    (entry,) = ingest(lab, path, reader=reader).stored
    assert entry.notes == (
        "1 sample at the time of the one before",
        "2 samples earlier than the one before",
        "acceleration is 9.8 g in the median, where gravity makes about 1 g: check its unit",
    )
    assert lab.recording(0).time_ns.tolist() == [0, 10**7, 10**7, 5 * 10**6, 4 * 10**6]


def test_ingest__marks_simulated_recordings(lab, tmp_path):
    write(tmp_path / "a.csv")
    ingest(lab, tmp_path, simulated=True)
    assert lab.table("recordings")["simulated"].tolist() == [True]


def test_ingest__result_is_ready_for_json(lab, tmp_path):
    write(tmp_path / "a.csv")
    write(tmp_path / "b.csv")
    (tmp_path / "c.csv").touch()
    (tmp_path / "README.md").touch()
    came = json.loads(json.dumps(ingest(lab, tmp_path).as_dict()))
    assert came["ok"] is False
    assert came["snapshot"] == lab.snapshot
    assert {name: len(came[name]) for name in came if name not in ("ok", "snapshot")} == {
        "stored": 1,
        "duplicates": 1,
        "conflicts": 0,
        "rejected": 1,
        "passed_over": 1,
    }
    assert came["stored"][0]["recording"] == 0
    assert came["duplicates"][0]["same_as"] == (tmp_path / "a.csv").as_posix()
    assert "notes" not in came["duplicates"][0]


def test_ingest__result_shows_long_lists_in_part(lab, tmp_path):
    for seed in range(15):
        write(tmp_path / f"{seed:02}.csv", seed)
        write(tmp_path / f"again{seed:02}.csv", seed)
        write(tmp_path / f"bad{seed:02}.csv").write_text("0,0,1\n")
    text = str(ingest(lab, tmp_path))
    assert text.count("rejected: ") == 11
    assert text.endswith("rejected: 5 more")
    assert text.count(" = ") == 10
    assert "again09.csv" in text
    assert ", 5 more), 15 rejected" in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"reader": "garmin"}, "no reader 'garmin'"), ({"batch_bytes": 0}, "batch_bytes")],
)
def test_ingest__refuses_options_that_cannot_work(options, problem, lab, tmp_path):
    with pytest.raises(InputError, match=problem):
        ingest(lab, tmp_path, **options)


def test_ingest__bounds_what_is_in_memory_by_the_batch(lab, tmp_path, monkeypatch):
    for seed in range(8):
        write(tmp_path / f"{seed}.csv", seed)
    sizes = []

    def append(self, recordings: list[Recording], *, message: str):
        sizes.append(len(recordings))
        return original(self, recordings, message=message)

    original = Lab.append
    monkeypatch.setattr(Lab, "append", append)
    ingest(lab, tmp_path, batch_bytes=1)
    assert sizes == [1] * 8


@pytest.mark.processes
def test_ingest__on_a_cluster_gives_the_same_lab(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TASK_BYTES", 1)
    for seed in range(5):
        write(tmp_path / "in" / f"{seed}.csv", seed)
    write(tmp_path / "in" / "bad.csv").write_text("0,0,1\n0,0,1,curl,,,\n")
    here, there = Lab(tmp_path / "here"), Lab(tmp_path / "there")
    expected = ingest(here, tmp_path / "in")
    with connect(workers=1, dashboard=False):
        came = ingest(there, tmp_path / "in")
    assert came.entries == expected.entries
    assert [there.recording(row).facts for row in range(5)] == [
        here.recording(row).facts for row in range(5)
    ]


@pytest.mark.data
def test_ingest__of_muvr_stores_389_of_390_and_names_the_duplicate(lab, real_data):
    result = ingest(lab, real_data / "muvr", reader="muvr")
    assert result.ok
    assert (len(result.stored), len(result.rejected), len(result.passed_over)) == (389, 0, 0)
    (entry,) = result.duplicates
    assert Path(entry.file).name.startswith("e5bb0aad-")
    assert Path(entry.same_as).name.startswith("09d9df3c-")
    # Its samples are the other file's, but one says biceps-curl and the other lateral-raise.
    assert entry.status == "conflict"
    assert str(result).startswith(f"389 recordings stored, 1 duplicate ({entry.file} = ")
    recordings = lab.table("recordings")
    assert len(recordings) == 389
    assert recordings["samples"].sum() == 518_372 - 1_115
    again = ingest(lab, real_data / "muvr")
    assert again.snapshot == result.snapshot
    assert str(again).startswith("nothing new: 0 recordings stored, 390 duplicates (389 stored be")


@pytest.mark.data
def test_ingest__of_geotec_stores_both_devices_and_passes_over_the_rest(lab, real_data, tmp_path):
    file = tmp_path / "geotec.toml"
    file.write_text(GEOTEC)
    reader = readers.get("tabular", **readers.read_options(file=file))
    result = ingest(lab, real_data / "geotec", reader=reader)
    assert result.ok
    assert len(result.stored) == 446
    assert files(result.passed_over) == ["README.md", "executions_info.csv", "subjects_info.csv"]
    recordings = lab.table("recordings")
    assert recordings["user"].nunique() == 23
    assert recordings.groupby("device").size().to_dict() == {"phone": 223, "watch": 223}
    assert recordings["samples"].sum() == 521_766


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is text")
def test_ingest__rejects_a_name_that_is_not_utf8_and_stores_the_others(lab, tmp_path):
    write(tmp_path / "good.csv")
    write(tmp_path / os.fsdecode(b"bad-\xff.csv"), 1)
    result = ingest(lab, tmp_path, reader="muvr")
    assert files(result.stored) == ["good.csv"]
    assert files(result.rejected) == ["bad-\\udcff.csv"]
    assert "rename the file" in str(result).encode().decode()
