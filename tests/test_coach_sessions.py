"""Sessions out of a lab and out of plan files."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.lab_recordings import make
from workoutlab.coach import read_plan, sessions, sessions_from_plans
from workoutlab.coach.sessions import find_recent, make_frame
from workoutlab.errors import InputError, ReaderError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import SESSIONS
from workoutlab.store import layout
from workoutlab.store.labels import first_set

HOUR_NS = 3_600_000_000_000


def sets(*intensities: float | None, **facts: object) -> list[LabelledSet]:
    return [
        LabelledSet(
            start=10 * place, stop=10 * place + 9, exercise="curl", intensity=value, **facts
        )
        for place, value in enumerate(intensities)
    ]


def record(number: int, *intensities: float | None, **fields: object) -> Recording:
    facts = fields.pop("facts", {})
    return make(number, sets=sets(*intensities, **facts), **fields)


@pytest.fixture
def lab(request) -> Lab:
    return Lab(f"memory://{request.node.name}")


def test_sessions__are_what_their_sets_amount_to(lab):
    lab.append(
        [
            record(1, 0.4, 0.6, None, facts={"repetitions": 10, "weight_kg": 20}, start_ns=HOUR_NS),
            record(2, 0.8, facts={"repetitions": 5}, start_ns=2 * HOUR_NS),
            record(3, None, user="bob"),
            record(4, user="cem", start_ns=0),
        ]
    )
    found = sessions(lab)
    assert found.columns.tolist() == list(SESSIONS.columns)
    ann, bob, cem = found.to_dict("records")
    assert ann["intensity"] == pytest.approx(0.6)
    assert (ann["sets"], ann["rated_sets"], ann["repetitions"]) == (4, 3, 35)
    assert ann["volume_kg"] == 600
    assert (ann["start_ns"], ann["stop_ns"]) == (HOUR_NS, 2 * HOUR_NS + 2_000_000_000)
    assert ann["duration_s"] == 3602
    assert np.isnan(bob["intensity"])
    assert pd.isna(bob["start_ns"])
    assert bob["duration_s"] == 2
    assert (cem["sets"], cem["rated_sets"]) == (0, 0)
    assert pd.isna(cem["repetitions"])
    assert np.isnan(cem["volume_kg"])


def test_sessions__count_one_device_where_several_recorded_the_same(lab):
    lab.append(
        [
            record(1, 0.4, 0.8, device="phone", start_ns=0),
            record(2, 0.4, 0.8, 0.9, device="watch", start_ns=HOUR_NS),
        ]
    )
    (found,) = sessions(lab).to_dict("records")
    assert (found["sets"], found["recording"]) == (3, 0)
    assert found["intensity"] == pytest.approx(0.7)
    assert found["start_ns"] == 0
    assert found["duration_s"] == 3602


def test_sessions__leave_out_nobodys_and_the_erased(lab):
    lab.append(
        [
            record(1, 0.4),
            record(2, 0.5, user="bob"),
            record(3, 0.6, user="unknown"),
            record(4, 0.7, session="unknown"),
            record(5, 0.8, user="eve"),
        ]
    )
    lab.erase_user("bob")
    assert sessions(lab)[["user", "intensity"]].to_numpy().tolist() == [["ann", 0.4], ["eve", 0.8]]
    assert sessions(lab, ["eve", "zoe"])["user"].tolist() == ["eve"]
    assert sessions(lab, []).empty


def test_sessions__of_an_empty_lab(lab):
    found = sessions(lab)
    assert found.empty
    assert found.columns.tolist() == list(SESSIONS.columns)


def test_sessions__do_not_depend_on_how_tables_are_cut(lab, monkeypatch):
    rng = np.random.default_rng(0)
    lab.append(
        record(
            number,
            *rng.choice([0.2, 0.6, None], rng.integers(0, 5)).tolist(),
            user=f"p{number % 3}",
            session=f"s{number % 5}",
            start_ns=number * HOUR_NS,
        )
        for number in range(40)
    )
    lab.erase_user("p1")
    whole = sessions(lab)
    root = lab.root()
    owners = lab.table("sets")["recording"]
    monkeypatch.setattr(import_module("workoutlab.coach.sessions"), "_BLOCK", 7)
    monkeypatch.setattr(layout, "ROWS_PER_CHUNK", 3)
    pd.testing.assert_frame_equal(sessions(lab), whole)
    for recording in range(42):
        first = first_set(root, recording)
        assert not (owners[owners.index < first] >= recording).any()
        assert not (owners[owners.index >= first] < recording).any()


def test_find_recent__names_who_has_a_recording_since(lab):
    lab.append(
        [
            record(1, user="ann", start_ns=HOUR_NS),
            record(2, user="bob", start_ns=HOUR_NS - 1_000_000_000),
            record(3, user="cem", start_ns=0),
            record(4, user="eve"),
            record(5, user="unknown", start_ns=HOUR_NS),
        ]
    )
    assert find_recent(lab, HOUR_NS) == ["ann", "bob"]


def write_plan(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["A session", "resistanceTargeted:arms,back", "", *lines]))
    return path


def test_read_plan__reads_what_scenarios_hold(tmp_path):
    path = write_plan(
        tmp_path,
        "1.csv",
        "# a comment",
        "resistanceTargeted:arms/curl,   R=10,W=22.5, D=30,I=0.4",
        "",
        "indoorsCardio:cross-trainer,D=300",
        "resistanceTargeted:core/crunches,R=15,D=28,I=1",
    )
    rows = read_plan(path)
    assert rows["exercise"].tolist() == ["curl", "cross-trainer", "crunches"]
    assert rows["muscle_group"].tolist() == ["arms", "", "core"]
    assert rows["kind"].tolist() == ["resistanceTargeted", "indoorsCardio", "resistanceTargeted"]
    numbers = rows[["repetitions", "weight_kg", "duration_s", "intensity"]].to_numpy()
    nan = np.nan
    expected = [[10, 22.5, 30, 0.4], [nan, nan, 300, nan], [15, nan, 28, 1]]
    np.testing.assert_array_equal(numbers, expected)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("curl,R=10", "expected 'type:group/exercise"),
        ("resistanceTargeted:arms/,R=10", "expected 'type:group/exercise"),
        ("resistanceTargeted:arms/curl,R=ten", "got 'R=ten'"),
        ("resistanceTargeted:arms/curl,I=1.2", "got 'I=1.2'"),
        ("resistanceTargeted:arms/curl,Q=1", "got 'Q=1'"),
        ("resistanceTargeted:arms/curl,R=1,R=2", "got 'R=2'"),
        ("resistanceTargeted:arms/curl,D=-1", "got 'D=-1'"),
    ],
)
def test_read_plan__names_file_and_line_of_what_is_wrong(tmp_path, line, problem):
    path = write_plan(tmp_path, "1.csv", line)
    with pytest.raises(ReaderError, match=rf"1\.csv, line 4: .*{problem}"):
        read_plan(path)


def test_read_plan__refuses_what_is_no_plan(tmp_path):
    path = tmp_path / "1.csv"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ReaderError, match="expected UTF-8"):
        read_plan(path)
    path.write_text("x,y,z\n1,2,3\n")
    with pytest.raises(ReaderError, match="expected a title"):
        read_plan(path)


def test_sessions_from_plans__a_folder_is_a_person(tmp_path):
    curl = "resistanceTargeted:arms/curl,R=10,W=20,D=30,I="
    write_plan(tmp_path / "ann", "02.csv", f"{curl}0.8")
    write_plan(tmp_path / "ann", "01.csv", f"{curl}0.4", f"{curl}0.6", "indoorsCardio:row,D=60")
    write_plan(tmp_path / "bob", "x.csv", "indoorsCardio:row,D=60")
    (tmp_path / "ann" / "ann.json").write_text("{}")
    found = sessions_from_plans(tmp_path, first="1970-01-01", every="1h")
    assert found["user"].tolist() == ["ann", "ann", "bob"]
    assert found["session"].tolist() == ["01", "02", "x"]
    assert found["start_ns"].tolist() == [0, HOUR_NS, 0]
    assert found["stop_ns"].tolist() == [120 * 10**9, HOUR_NS + 30 * 10**9, 60 * 10**9]
    np.testing.assert_allclose(found["intensity"], [0.5, 0.8, np.nan])
    np.testing.assert_allclose(found["volume_kg"], [400, 200, np.nan])
    assert found["repetitions"].tolist() == [20, 10, pd.NA]
    assert found.columns.tolist() == list(SESSIONS.columns)
    alone = sessions_from_plans(tmp_path / "ann")
    assert alone["user"].unique().tolist() == ["ann"]


def test_sessions_from_plans__refuses_what_holds_none(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="plans: expected a folder"):
            sessions_from_plans(path)
    write_plan(tmp_path, "a name with spaces.csv", "indoorsCardio:row,D=60")
    with pytest.raises(ReaderError, match="session: expected 1 to 64 letters"):
        sessions_from_plans(tmp_path)


@pytest.mark.data
def test_sessions_from_plans__reads_the_published_scenarios(real_data):
    found = sessions_from_plans(real_data / "muvr-plans")
    assert (len(found), found["user"].nunique(), found["sets"].sum()) == (101, 10, 1946)
    assert found["rated_sets"].sum() == 1924
    assert found["intensity"].between(0.4, 1).all()
    assert make_frame(found).equals(found)
