"""What people say of found sets becomes labels, and changes their next training alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.found_sets import Fake
from tests.lab_recordings import make, same
from workoutlab.coach import sessions
from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.learning import MLP
from workoutlab.recognition import Recipe, train
from workoutlab.recognition.corrections.correcting import correct
from workoutlab.recognition.corrections.correction import Correction
from workoutlab.recognition.corrections.undoing import undo
from workoutlab.recognition.segmentation.recognising import recognise
from workoutlab.recording import LabelledSet
from workoutlab.schema import CORRECTED
from workoutlab.signals import Statistics, windows

CURL = LabelledSet(start=0, stop=400, exercise="curl", muscle_group="arms", repetitions=10)
PRESS = LabelledSet(start=500, stop=900, exercise="press", muscle_group="chest", weight_kg=40)


@pytest.fixture
def lab() -> Lab:
    """Ann's and Bob's labelled recordings, and one of Ann's in which a set is found."""
    lab = Lab(f"memory://{uuid4().hex}")
    both = (CURL, PRESS)
    lab.append([make(0, 1000, sets=both), make(1, 1000, user="bob", sets=both), make(2, 1000)])
    recognise(lab, Fake(), sessions="monday", progress=False)
    return lab


@pytest.fixture
def found(lab: Lab) -> int:
    """The row of the set that was found in the recording without labels."""
    table = lab.found()
    return int(table.index[table["recording"] == 2][0])


def labels(lab: Lab, recording: int) -> list[tuple[Any, ...]]:
    return [
        (each.start, each.stop, each.exercise, each.repetitions)
        for each in lab.recording(recording).sets
    ]


def test_correct__a_found_set_becomes_a_label(lab: Lab, found: int) -> None:
    result = correct(lab, found=found, exercise="press", repetitions=8)
    assert (result.sets, result.replaced, result.users) == ((CORRECTED,), (), ("ann",))
    assert labels(lab, 2) == [(250, 749, "press", 8)]
    row = lab.table("sets").loc[CORRECTED]
    assert (row["origin"], row["muscle_group"], row["start_s"]) == ("correction", "chest", 4.995)
    assert lab.found()["corrected"].sum() == 1
    assert lab.corrections().loc[CORRECTED, "found"] == found
    assert lab.verify().ok


def test_correct__confirms_a_found_set_but_not_its_counted_repetitions(
    lab: Lab, found: int
) -> None:
    correct(lab, found=found)
    assert labels(lab, 2) == [(250, 749, "curl", None)]
    assert lab.table("sets").loc[CORRECTED, "muscle_group"] == "arms"


def test_correct__moves_boundaries(lab: Lab, found: int) -> None:
    correct(lab, found=found, start_s=4, stop_s=20)
    assert labels(lab, 2) == [(200, 1000, "curl", None)]
    correct(lab, set=CORRECTED, stop_s=18.0)
    assert labels(lab, 2) == [(200, 900, "curl", None)]


def test_correct__again_replaces_the_correction_before(lab: Lab, found: int) -> None:
    correct(lab, found=found, exercise="press")
    result = correct(lab, found=found, not_exercise=True)
    assert result.replaced == (CORRECTED,)
    assert labels(lab, 2) == [(250, 749, "rest", None)]
    assert lab.corrections()["counts"].tolist() == [False, True]


def test_correct__a_labelled_set_keeps_what_is_not_said(lab: Lab) -> None:
    result = correct(lab, set=1, repetitions=12)
    assert result.replaced == (1,)
    row = lab.table("sets").loc[CORRECTED]
    assert (row["exercise"], row["weight_kg"], row["muscle_group"]) == ("press", 40.0, "chest")
    assert labels(lab, 0) == [(0, 400, "curl", 10), (500, 900, "press", 12)]
    correct(lab, set=0, exercise="hammer-curl")
    row = lab.table("sets").loc[CORRECTED + 1]
    assert row["muscle_group"] == ""
    assert pd.isna(row["repetitions"])
    assert lab.append([make(0, 1000, sets=(CURL, PRESS))]).outcomes[0].status == "duplicate"
    assert same(lab.recording(0, corrected=False), make(0, 1000, sets=(CURL, PRESS)))


def test_correct__a_stretch_that_nobody_found(lab: Lab) -> None:
    correct(lab, recording=2, start_s=0, stop_s=2, exercise="new-thing", muscle_group="legs")
    assert labels(lab, 2) == [(0, 100, "new-thing", None)]
    assert lab.table("sets").loc[CORRECTED, "muscle_group"] == "legs"


def test_correct__refuses_to_overlap_unless_it_is_told_to_replace(lab: Lab) -> None:
    snapshot = lab.snapshot
    stretch: dict[str, Any] = {"recording": 0, "start_s": 7, "stop_s": 11, "exercise": "row"}
    with pytest.raises(InputError, match=r"7.00 to 11.00 s overlap set 0 \(curl, .*\), set 1 \(pr"):
        correct(lab, **stretch)
    assert lab.refresh().snapshot == snapshot
    result = correct(lab, replace=True, **stretch)
    assert result.replaced == (0, 1)
    assert labels(lab, 0) == [(350, 550, "row", None)]
    assert lab.verify().ok


def test_correct__takes_several_in_one_commit_or_none(lab: Lab, found: int, tmp_path: Path) -> None:
    file = tmp_path / "said.csv"
    file.write_text(
        f"found,set,exercise,repetitions,not_exercise\n{found},,press,8,\n,0,,,true\n,1,row,,\n"
    )
    before = len(lab.history())
    result = correct(lab, file)
    assert result.sets == (CORRECTED, CORRECTED + 1, CORRECTED + 2)
    assert labels(lab, 0) == [(0, 400, "rest", None), (500, 900, "row", None)]
    assert labels(lab, 2) == [(250, 749, "press", 8)]
    assert len(lab.history()) == before + 1
    table = pd.DataFrame({"set": [2, 99], "exercise": ["row", "row"]})
    with pytest.raises(NotInLabError, match="set 99"):
        correct(lab, table)
    assert labels(lab, 1)[0][2] == "curl"


def test_correct__in_one_batch_a_later_one_corrects_an_earlier_one(lab: Lab, found: int) -> None:
    said = [
        Correction(found=found, exercise="press"),
        Correction(found=found, exercise="row"),
        Correction(set=CORRECTED + 1, repetitions=5),
    ]
    assert correct(lab, said).replaced == (CORRECTED, CORRECTED + 1)
    assert labels(lab, 2) == [(250, 749, "row", 5)]
    assert lab.verify().ok


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "expected either corrections or what is said"),
        ({"exercise": "curl"}, "expected exactly one of found=ROW"),
        ({"found": 0, "set": 1}, "exactly one of .*, got found, set"),
        ({"found": -1}, "found: expected a whole number >= 0|found: expected >= 0"),
        ({"recording": 2, "exercise": "x"}, "recording 2: start_s and stop_s must be said"),
        ({"recording": 2, "start_s": 1, "stop_s": 2}, "say the exercise, or that it was none"),
        ({"recording": 2, "start_s": 2, "stop_s": 2, "exercise": "x"}, "start before it stops"),
        (
            {"recording": 2, "start_s": 1, "stop_s": 21, "exercise": "x"},
            "from 0 to 20.00 s, got 21",
        ),
        ({"set": 0, "exercise": "x", "not_exercise": True}, "it is no exercise and 'x'"),
        ({"set": 0, "repetitions": 3, "not_exercise": True}, "no exercise has no repetitions"),
        ({"set": 0, "exercise": ""}, "exercise: expected a name"),
        ({"set": 0, "exercise": 7}, "exercise: expected a name, got 7"),
        ({"set": 0, "repetitions": 2.5}, "repetitions"),
        ({"set": 0, "intensity": 2.0}, "set 0: .*intensity 2.0; expected 0..1"),
        ({"set": 0, "reps": 2}, "a correction has found, .*; got reps"),
    ],
)
def test_correct__refuses_what_means_nothing(lab: Lab, said: Any, message: str) -> None:
    snapshot = lab.snapshot
    with pytest.raises(InputError, match=message):
        correct(lab, **said)
    assert lab.snapshot == snapshot


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"found": 77}, "no such found set; lab.found"),
        ({"set": 77}, "no such set that counts"),
        ({"set": CORRECTED}, "no such set that counts"),
        ({"recording": 77, "start_s": 1, "stop_s": 2, "exercise": "x"}, "recording 77"),
    ],
)
def test_correct__refuses_what_is_not_there(lab: Lab, said: Any, message: str) -> None:
    with pytest.raises(NotInLabError, match=message):
        correct(lab, **said)
    correct(lab, set=0, exercise="row")
    with pytest.raises(NotInLabError, match="no such set that counts"):
        correct(lab, set=0, exercise="press")  # it was replaced


def test_correct__wants_the_name_of_what_was_called_unknown(lab: Lab) -> None:
    recognise(lab, Fake("unknown"), progress=False)
    found = int(lab.found("sets").index[-1])
    with pytest.raises(InputError, match="its exercise is not known"):
        correct(lab, found=found)
    with pytest.raises(InputError, match=r"said.csv: expected a CSV file"):
        correct(lab, "said.csv")
    with pytest.raises(InputError, match="corrections: column reps is not known"):
        correct(lab, pd.DataFrame({"reps": [1]}))
    with pytest.raises(InputError, match="corrections, row 1: correction: expected exactly one"):
        correct(lab, pd.DataFrame({"exercise": ["x"]}))


def test_train__trains_the_corrected_person_again_and_nobody_else(lab: Lab) -> None:
    recipe = Recipe(Statistics(), MLP(8), epochs=2)

    def run() -> tuple[tuple[str, ...], tuple[str, ...]]:
        result = train(windows(lab, length="2s"), recipe, progress=False)
        return result.trained, result.unchanged

    assert run() == (("ann", "bob"), ())
    correct(lab, set=0, exercise="row")
    assert run() == (("ann",), ("bob",))
    assert run() == ((), ("ann", "bob"))
    plan = windows(lab, length="2s")
    assert set(plan.segments["exercise"][plan.segments["user"] == "ann"]) == {"press", "row"}
    correct(lab, set=CORRECTED, not_exercise=True)
    assert set(windows(lab, length="2s", users="ann").segments["exercise"]) == {"press"}


def test_sessions__count_the_sets_that_count_and_no_rest(lab: Lab, found: int) -> None:
    ann = sessions(lab, ["ann"]).iloc[0]
    assert (ann["sets"], ann["repetitions"]) == (2, 10)
    correct(lab, set=0, repetitions=7)
    correct(lab, found=found, not_exercise=True)
    ann = sessions(lab, ["ann"]).iloc[0]
    assert (ann["sets"], ann["repetitions"]) == (2, 7)


def test_undo__of_a_found_set_leaves_nothing(lab: Lab, found: int) -> None:
    made = correct(lab, found=found, exercise="press").sets
    result = undo(lab, made)
    assert (result.sets, result.replaced, result.users) == ((), made, ("ann",))
    assert str(result).startswith("1 correction undone, 0 sets counted again")
    assert labels(lab, 2) == []
    assert not lab.found()["corrected"].any()
    assert lab.corrections()["counts"].tolist() == [False]
    assert lab.verify().ok
    correct(lab, found=found, exercise="row")
    assert [each[2] for each in labels(lab, 2)] == ["row"]
    assert lab.verify().ok


def test_undo__goes_back_one_word_at_a_time_or_all_at_once(lab: Lab) -> None:
    before = lab.table("sets")
    first = correct(lab, set=0, exercise="dip").sets[0]
    second = correct(lab, set=first, exercise="row").sets[0]
    with pytest.raises(NotInLabError, match="no such correction that counts"):
        undo(lab, first)
    assert undo(lab, second).sets == (first,)
    assert labels(lab, 0)[0][2] == "dip"
    third = correct(lab, set=first, exercise="fly").sets[0]
    assert undo(lab, [first, third]).sets == (0,)
    pd.testing.assert_frame_equal(lab.table("sets"), before)
    assert lab.verify().ok
    lab.erase_user("ann")
    assert lab.verify().ok


def test_undo__refuses_what_would_overlap_or_is_not_there(lab: Lab, interrupted: Any) -> None:
    short = correct(lab, set=0, stop_s=2).sets[0]
    correct(lab, recording=0, start_s=3, stop_s=5, exercise="row")
    snapshot = lab.snapshot
    with pytest.raises(InputError, match=r"set 0 \(curl\) would count again and overlap"):
        undo(lab, short)
    assert lab.refresh().snapshot == snapshot
    for wrong in (0, CORRECTED + 9):
        with pytest.raises(NotInLabError, match="no such correction that counts"):
            undo(lab, wrong)
    with pytest.raises(InputError, match="got none"):
        undo(lab, [])
    interrupted(lambda: correct(Lab(lab.url), set=short, exercise="dip"))
    with pytest.raises(NotInLabError, match="no such correction that counts"):
        undo(lab, short)
    assert labels(lab.refresh(), 0)[0][2] == "dip"


def test_correct__goes_by_what_others_took_back_meanwhile(lab: Lab, interrupted: Any) -> None:
    (made,) = correct(lab, set=0, stop_s=2).sets
    interrupted(lambda: undo(Lab(lab.url), made))
    with pytest.raises(InputError, match="overlap set 0"):
        correct(lab, recording=0, start_s=3, stop_s=5, exercise="row")
    assert lab.refresh().verify().ok


def test_found__of_a_person_by_name_and_of_nobody(lab: Lab, found: int) -> None:
    assert found in lab.found(users="ann").index
    assert set(lab.found(users="ann")["user"]) == {"ann"}
    with pytest.raises(NotInLabError, match="nothing of user 'nobody'"):
        lab.found(users="nobody")


def test_erase_user__takes_corrections_and_verify_holds(lab: Lab, found: int) -> None:
    correct(lab, found=found, exercise="press")
    correct(lab, set=2, exercise="row")
    lab.erase_user("ann")
    assert lab.corrections()["user"].tolist() == ["bob"]
    assert labels(lab, 1)[0][2] == "row"
    assert lab.verify().ok


@pytest.fixture
def interrupted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Lets something happen once, after corrections were read and before they are stored."""

    def arrange(happen: Callable[[], Any]) -> None:
        waiting = [happen]

        def transact(self: Lab, write: Any, message: str) -> Any:
            while waiting:
                waiting.pop()()
            return keep(self, write, message)

        keep = Lab.transact
        monkeypatch.setattr(Lab, "transact", transact)

    return arrange


def test_correct__goes_by_what_others_said_meanwhile(lab: Lab, interrupted: Any) -> None:
    interrupted(lambda: correct(Lab(lab.url), set=2, exercise="row"))
    result = correct(lab, set=0, exercise="dip")
    assert result.sets == (CORRECTED + 1,)
    assert [labels(lab, row)[0][2] for row in (0, 1)] == ["dip", "row"]
    interrupted(lambda: correct(Lab(lab.url), set=1, exercise="row"))
    with pytest.raises(NotInLabError, match="no such set that counts"):
        correct(lab, set=1, exercise="dip")
    assert lab.refresh().verify().ok


def test_correct__refuses_whom_somebody_erased_meanwhile(lab: Lab, interrupted: Any) -> None:
    interrupted(lambda: Lab(lab.url).erase_user("ann"))
    with pytest.raises(NotInLabError, match="no such set that counts"):
        correct(lab, set=0, exercise="dip")
    assert lab.refresh().verify().ok


@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.integers(1, 8), st.sampled_from(["curl", "row", "rest"])),
        min_size=1,
        max_size=6,
    )
)
def test_correct__replacing_ones_leave_what_the_last_word_says(said: list[Any]) -> None:
    lab = Lab("memory://corrections-law")
    row = lab.append([make(int(np.random.default_rng().integers(2**40)), 1000)]).outcomes[0]
    truth: list[tuple[int, int, str, None]] = []
    for start, length, exercise in said:
        start_s, stop_s = start, min(start + length, 20)
        correct(
            lab,
            recording=row.recording,
            start_s=start_s,
            stop_s=stop_s,
            exercise=exercise,
            replace=True,
        )
        apart = [each for each in truth if each[1] <= 50 * start_s or each[0] >= 50 * stop_s]
        truth = sorted([*apart, (50 * start_s, 50 * stop_s, exercise, None)])
    assert labels(lab, row.recording) == truth
