"""Corrections change which sets count, and leave what came with files as it was."""

from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from tests.lab_recordings import make, same
from workoutlab.errors import NotInLabError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet
from workoutlab.schema import CORRECTED, SETS
from workoutlab.store.labels import append_corrections, first_set, read_corrections
from workoutlab.store.problems import Problem

TWO = (LabelledSet(start=0, stop=40, exercise="curl"), LabelledSet(start=50, stop=90, exercise="x"))


def corrected(recording: int, start: int, stop: int, **others: Any) -> dict[str, Any]:
    return {
        "user": "ann",
        "recording": recording,
        "start": start,
        "stop": stop,
        "start_s": start / 50,
        "stop_s": stop / 50,
        "exercise": "press",
        "muscle_group": "chest",
        "repetitions": None,
        "weight_kg": None,
        "body_weight": False,
        "intensity": None,
        "found": None,
        "made_ns": 1,
        **others,
    }


@pytest.fixture
def lab() -> Lab:
    lab = Lab(f"memory://{uuid4().hex}")
    lab.append([make(0, sets=TWO), make(1, user="bob", sets=TWO), make(2)])
    rows = [corrected(2, 10, 30), corrected(0, 48, 92, repetitions=7)]
    lab.transact(lambda root: append_corrections(root, rows, [(), (1,)]), "correct")
    return lab


def test_table__lists_the_sets_that_count_by_recording_and_start(lab: Lab) -> None:
    sets = lab.table("sets")
    assert list(sets.columns) == list(SETS.columns)
    assert sets.index.tolist() == [0, CORRECTED + 1, 2, 3, CORRECTED]
    assert sets["exercise"].tolist() == ["curl", "press", "curl", "x", "press"]
    assert sets["origin"].tolist() == ["file", "correction", "file", "file", "correction"]
    assert sets["repetitions"].isna().tolist() == [True, False, True, True, True]
    assert lab.table("sets", ["origin"])["origin"].tolist() == sets["origin"].tolist()
    assert lab.table("sets", ["stop_s", "exercise"]).equals(sets[["stop_s", "exercise"]])
    assert (lab.info().sets, lab.info().corrected) == (5, 2)
    assert "sets        5 (2 by correction)" in str(lab.info())
    with pytest.raises(NotInLabError, match="no column reps"):
        lab.table("sets", ["reps"])


def test_table__has_the_same_types_with_corrections_and_without(lab: Lab) -> None:
    plain = Lab("memory://labels-plain")
    plain.append([make(0, sets=TWO)])
    assert plain.table("sets").dtypes.equals(lab.table("sets").dtypes)
    assert plain.table("sets")["origin"].tolist() == ["file", "file"]


def test_recording__has_the_sets_that_count_or_those_of_its_file(lab: Lab) -> None:
    now = lab.recording(0)
    assert [(each.start, each.stop, each.exercise) for each in now.sets] == [
        (0, 40, "curl"),
        (48, 92, "press"),
    ]
    assert now.sets[1].repetitions == 7
    assert same(lab.recording(0, corrected=False), make(0, sets=TWO))
    assert lab.append([make(0, sets=TWO)]).outcomes[0].status == "duplicate"
    assert lab.append([make(0)]).outcomes[0].status == "conflict"


def test_read_corrections__tells_what_each_replaced(lab: Lab) -> None:
    again = corrected(0, 50, 91, exercise="rest")
    lab.transact(lambda root: append_corrections(root, [again], [(CORRECTED + 1,)]), "again")
    table = read_corrections(lab.root())
    assert table["replaces"].tolist() == [(), (1,), (CORRECTED + 1,)]
    assert table["counts"].tolist() == [True, False, True]
    assert lab.table("sets")["exercise"].tolist() == ["curl", "rest", "curl", "x", "press"]
    assert read_corrections(Lab("memory://labels-none").root()).empty
    assert lab.verify().ok


def test_erase_user__takes_corrections_along(lab: Lab) -> None:
    lab.erase_user("ann")
    assert lab.table("sets")["recording"].tolist() == [1, 1]
    assert read_corrections(lab.root()).empty
    assert lab.verify().ok


@pytest.mark.parametrize(
    ("row", "replaced", "problem"),
    [
        (corrected(1, 41, 45), (), "recording 1 is not theirs"),
        (corrected(2, 90, 101), (), "it does not lie in its recording"),
        (corrected(2, 20, 40), (), "the next set of its recording begins before it ends"),
        (corrected(2, 40, 50), (77,), "it names a set that is not there"),
    ],
)
def test_verify__finds_corrections_that_do_not_fit(
    lab: Lab, row: dict[str, Any], replaced: tuple[int, ...], problem: str
) -> None:
    assert lab.verify().ok
    lab.transact(lambda root: append_corrections(root, [row], [replaced]), "damage")
    problems = lab.verify().problems
    assert [each.problem for each in problems] == [problem]
    assert all(isinstance(each, Problem) for each in problems)


def test_first_set__finds_it_by_bisection(lab: Lab) -> None:
    owners = np.array([0, 0, 1, 1])
    for recording in range(4):
        assert first_set(lab.root(), recording) == np.searchsorted(owners, recording)
