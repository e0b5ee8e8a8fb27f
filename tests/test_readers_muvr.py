"""Muvr's files: names, body weight, unknown values, sets in continuous sessions."""

import numpy as np
import pytest

from workoutlab import readers
from workoutlab.errors import InputError, ReaderError, SchemaError
from workoutlab.recording import LabelledSet


def write(folder, *runs, name="recording.csv"):
    """Write runs of samples; each is (number of samples, the four fields after x, y, z)."""
    path = folder / name
    path.write_text("".join(f"0,0,1,{label}\n" * count for count, label in runs))
    return path


def read(path, **options):
    (recording,) = readers.get("muvr", **options).read(path)
    return recording


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("labelled_arms_jan-2_13.csv", ("jan", "arms-jan-2", "arms")),
        ("labelled_core_mary-ann-12_1.csv", ("mary-ann", "core-mary-ann-12", "core")),
        ("exercise-session.csv", ("unknown", "unknown", "")),
        ("labelled_arms_jan.csv", ("unknown", "unknown", "")),
    ],
)
def test_read__takes_ids_from_the_name(name, ids, tmp_path):
    recording = read(write(tmp_path, (5, "curl,,,"), name=name))
    assert (recording.user, recording.session, recording.sets[0].muscle_group) == ids
    assert (recording.rate_hz, recording.device) == (50, "watch")


def test_read__takes_options_only_where_the_name_does_not_tell(tmp_path):
    options = {"user": "ann", "session": "monday", "muscle_group": "legs", "device": "phone"}
    named = read(write(tmp_path, (5, "curl,,,"), name="labelled_arms_jan-2_1.csv"), **options)
    other = read(write(tmp_path, (5, "curl,,,")), **options)
    assert (named.user, named.session, named.device) == ("jan", "arms-jan-2", "phone")
    assert (other.user, other.session) == ("ann", "monday")
    assert other.sets[0].muscle_group == "legs"


@pytest.mark.parametrize(
    ("fields", "weight", "body_weight", "repetitions"),
    [
        ("curl,,35.0,20", 35, False, 20),
        ("curl,,-1.0,20", 0, True, 20),
        ("curl,,-1,", 0, True, None),
        ("curl,,0.0,0", None, False, None),
        ("curl,,0,8", 0, False, 8),
        ("curl,,,", None, False, None),
        ("curl,,17.5,", 17.5, False, None),
        ("curl,,,12.0", None, False, 12),
    ],
)
def test_read__tells_body_weight_and_unknown_values(
    fields, weight, body_weight, repetitions, tmp_path
):
    (labelled,) = read(write(tmp_path, (5, fields))).sets
    assert labelled.weight_kg == weight
    assert labelled.body_weight is body_weight
    assert labelled.repetitions == repetitions


def test_read__makes_sets_of_runs(tmp_path):
    path = write(
        tmp_path,
        (3, ",,,"),
        (4, "curl,,10,8"),
        (2, "curl,,12.5,8"),
        (2, "curl,,12.5,6"),
        (1, "curl,0.5,12.5,6"),
        (5, "-,,,"),
        (1, ",,,"),
        (2, "E,0.25,2,10"),
    )
    common = {"exercise": "curl", "muscle_group": ""}
    assert read(path).sets == (
        LabelledSet(start=3, stop=7, weight_kg=10, repetitions=8, **common),
        LabelledSet(start=7, stop=9, weight_kg=12.5, repetitions=8, **common),
        LabelledSet(start=9, stop=11, weight_kg=12.5, repetitions=6, **common),
        LabelledSet(start=11, stop=12, weight_kg=12.5, repetitions=6, intensity=0.5, **common),
        LabelledSet(start=12, stop=17, exercise="-"),
        LabelledSet(start=18, stop=20, exercise="E", intensity=0.25, weight_kg=2, repetitions=10),
    )


def test_read__without_labels_has_no_sets(tmp_path):
    recording = read(write(tmp_path, (7, ",,,")))
    assert len(recording) == 7
    assert recording.sets == ()


def test_read__names_the_line_where_a_number_makes_no_sense(tmp_path):
    path = write(tmp_path, (3, "curl,,10,8"), (1, "curl,,-1.5,8"))
    with pytest.raises(ReaderError, match=r"line 4, column 'weight': expected a weight") as caught:
        read(path)
    assert caught.value.line == 4


def test_read__of_a_recording_of_one_sample(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("0.5,0,1,curl,,,")
    recording = read(path)
    assert recording.acceleration.tolist() == [[0.5, 0, 1]]
    assert recording.sets == (LabelledSet(start=0, stop=1, exercise="curl"),)


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"0,0,1,curl,,,\n", True),
        ("a.csv", b"bad,0,1,curl,,,\n0,0,1,curl,,,\n", True),
        ("a.csv", b"0,0,1,curl,,,,,\n", True),
        ("a.csv", b'0,0,1,"curl\n0,0,1,curl,,,\n', True),
        ("a.csv", b"x,y,z,exercise,intensity,weight,repetitions\n0,0,1,curl,,,\n", True),
        ("a.csv", b"x_acc,y_acc,z_acc,label\n0,0,1,curl\n", False),
        ("a.csv", b"id,age,sex\ns01,54,M\n", False),
        ("a.csv", b"1599995,0.1,0.2,0.9\n1599996,0.1,0.2,0.9\n", False),
        ("a.csv", b"", False),
        ("a.txt", b"0,0,1,curl,,,\n", False),
        ("labelled_arms_jan-2_1.csv", b"", True),
    ],
)
def test_detect__takes_damaged_files_and_leaves_others(name, head, expected, tmp_path):
    assert readers.get("muvr").detect(tmp_path / name, head) is expected


@pytest.mark.parametrize("option", ["user", "session", "device"])
def test_muvr__checks_ids(option):
    with pytest.raises(SchemaError, match=option):
        readers.get("muvr", **{option: "a/b"})


def test_muvr__is_an_input_error_for_callers():
    with pytest.raises(InputError):
        readers.get("muvr", user="")


@pytest.mark.data
def test_read__of_the_real_recordings_keeps_every_row(real_data):
    reader = readers.get("muvr")
    files = sorted((real_data / "muvr").rglob("*.csv"))
    recordings = [recording for file in files for recording in reader.read(file)]
    assert len(recordings) == 390
    assert sum(map(len, recordings)) == 518_372
    assert len({recording.digest for recording in recordings}) == 389
    assert all(len(recording.sets) == 1 for recording in recordings)
    sets = [recording.sets[0] for recording in recordings]
    assert sum(each.body_weight for each in sets) == 10
    assert sum(each.repetitions is None for each in sets) == 84 + 22
    assert len({each.exercise for each in sets}) == 30
    assert max(np.abs(recording.acceleration).max() for recording in recordings) < 4.05
    assert {recording.session for recording in recordings} == {
        "arms-jan-2",
        "back-jan-1",
        "back-jan-2",
        "chest-jan-2",
        "chest-jan-3",
        "core-jan-1",
        "shoulders-jan-2",
        "shoulders-jan-3",
        "unknown",
    }


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "samples", "labels"),
    [
        ("exercise-session.csv", 11_226, ["biceps-curl", "lateral-raise", "triceps-extension"]),
        ("slacking_dataset.csv", 17_699, ["-", "E", "-", "E", "-", "E", "-", "E", "-"]),
    ],
)
def test_read__of_real_continuous_sessions(file, samples, labels, real_data):
    recording = read(real_data / "muvr-continuous" / file)
    assert len(recording) == samples
    assert [each.exercise for each in recording.sets] == labels
