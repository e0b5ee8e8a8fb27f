"""Evaluation of sets: folds share nothing, figures follow from what a recogniser finds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workoutlab.errors import InputError, LeakageError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.composing import Pause, Stitching
from workoutlab.recognition.evaluation.composition import Composition
from workoutlab.recognition.evaluation.sets import evaluate_sets
from workoutlab.recording import LabelledSet, Recording

RATE = 50


def make_session(number: int, user: str, session: str, **fields: Any) -> Recording:
    """Three sets of 10 s in 100 s."""
    random = np.random.default_rng(number)
    names = ("curl", "row", f"{user}-only")
    sets = [
        LabelledSet(start=1000 * n + 500, stop=1000 * n + 1000, exercise=name, repetitions=8)
        for n, name in enumerate(names)
    ]
    return Recording(
        user=user,
        session=session,
        acceleration=random.normal(size=(5000, 3)),
        rate_hz=RATE,
        sets=fields.pop("sets", sets),
        **fields,
    )


def make_sessions() -> list[Recording]:
    return [
        make_session(0, "ann", "mon"),
        make_session(1, "ann", "tue"),
        make_session(2, "bob", "mon"),
        make_session(3, "cid", "mon"),
    ]


@dataclass(frozen=True)
class Oracle:
    """Knows the true sets; names those that it was taught, and is `late` by so many samples."""

    exercises: Any
    decoding: int = 0
    taught: tuple[str, ...] = field(default=())

    def find(self, recording: Recording) -> Any:
        sets = [
            SimpleNamespace(
                start=one.start + self.decoding,
                stop=one.stop + self.decoding,
                rate_hz=RATE,
                exercise=one.exercise if one.exercise in self.exercises.classes else "unknown",
                repetitions=SimpleNamespace(count=None, guess=9),
            )
            for one in recording.sets
        ]
        return SimpleNamespace(sets=sets)


def fit(recordings: Sequence[Recording], settings: Any) -> Any:
    if settings == "broken":
        raise TrainingError("no good")
    names = {one.exercise for recording in recordings for one in recording.sets}
    return Oracle(SimpleNamespace(classes=tuple(sorted(names))))


def test_evaluate_sets__leaves_each_person_out_once() -> None:
    found = evaluate_sets(make_sessions(), protocol="person", fit=fit, progress=False)
    assert [score.fold for score in found.scores] == ["ann", "ann", "bob", "cid"]
    assert [score.train_sets for score in found.scores] == [6, 6, 9, 9]
    assert found.counts.truth == found.counts.found == 12
    assert found.counts.f1(0.75) == 1
    assert found.counts.f1(0.5, named=True) == pytest.approx(2 / 3)
    assert found.unseen == ("ann-only", "bob-only", "cid-only")
    seen, unseen = found.naming.to_dict("records")
    assert (seen["sets"], seen["right"], seen["error_percent"]) == (8, 8, 0)
    assert (unseen["sets"], unseen["unknown"], unseen["error_percent"]) == (4, 4, 0)
    told = found.counts.describe_repetitions()
    assert (told["mean_absolute"], told["within_1"], told["abstained"]) == (1, 1, 1)


def test_evaluate_sets__by_session_and_in_groups() -> None:
    by_session = evaluate_sets(make_sessions(), fit=fit, progress=False)
    assert by_session.per_session["session"].tolist() == ["mon", "tue", "mon", "mon"]
    assert set(by_session.unseen) == {"bob-only", "cid-only"}
    groups = evaluate_sets(make_sessions(), protocol="person", folds=2, fit=fit, progress=False)
    assert {score.fold for score in groups.scores} == {"group 1 of 2", "group 2 of 2"}
    assert sorted(groups.per_person["user"]) == ["ann", "bob", "cid"]


def test_evaluate_sets__of_a_lab_is_that_of_its_recordings(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.append(make_sessions())
    kept = evaluate_sets(lab, protocol="person", fit=fit, progress=False)
    listed = evaluate_sets(make_sessions(), protocol="person", fit=fit, progress=False)
    assert kept.counts == listed.counts
    assert kept.source.snapshot == lab.snapshot
    assert kept.source.label == ""


def test_evaluate_sets__other_decodings_of_the_same_recognisers_stand_beside() -> None:
    variants: Any = {"late": 300, "as it is": 0}
    found = evaluate_sets(make_sessions(), fit=fit, variants=variants, progress=False)
    assert found.variants["as it is"] == found.counts
    assert found.variants["late"].f1(0.25) == 1
    assert found.variants["late"].f1(0.5) == 0
    assert "F1, late" in str(found)


def test_evaluate_sets__composes_each_fold_anew() -> None:
    def record(number: int) -> Recording:
        samples = np.random.default_rng(number).normal(size=(500, 3))
        one = LabelledSet(start=0, stop=500, exercise=f"move-{number % 3}")
        day = f"day-{number % 2}"
        return Recording(user="ann", session=day, acceleration=samples, rate_hz=RATE, sets=[one])

    pauses = [Pause(record(100 + n).acceleration, RATE, str(n)) for n in range(4)]
    whole = Composition([record(n) for n in range(12)], pauses, Stitching(pause_s=(5, 9)))
    found = evaluate_sets(whole, fit=fit, progress=False)
    assert found.counts.truth == 12
    assert found.counts.active_s == 120
    assert "Composed sessions: 12 recorded sets" in str(found)
    by_set = evaluate_sets(whole, protocol="set", seeds=2, fit=fit, progress=False)
    assert {score.fold for score in by_set.scores} == {"seed 0", "seed 1"}
    assert by_set.counts.truth == 2 * 3


def test_evaluate_sets__says_what_is_not_scored() -> None:
    bare = make_session(7, "dan", "mon", sets=[])
    unknown = make_session(8, "unknown", "mon")
    found = evaluate_sets([*make_sessions(), bare, unknown], fit=fit, progress=False)
    reasons = " ".join(item.reason for item in found.not_scored)
    assert "1 recordings without a labelled set" in reasons
    assert "of an unknown session" in reasons
    assert found.counts.truth == 12


def test_evaluate_sets__refuses_what_leaks() -> None:
    shared = make_session(0, "dan", "wed")
    with pytest.raises(LeakageError, match="same samples"):
        evaluate_sets([*make_sessions(), shared], protocol="person", fit=fit, progress=False)
    part = Recording(
        user="dan",
        session="wed",
        acceleration=shared.acceleration[700:3000],
        rate_hz=RATE,
        sets=[LabelledSet(start=0, stop=300, exercise="curl")],
    )
    with pytest.raises(LeakageError, match="both sides hold the same samples"):
        evaluate_sets([*make_sessions(), part], protocol="person", fit=fit, progress=False)
    with pytest.raises(LeakageError, match="windows overlap"):
        evaluate_sets(make_sessions(), protocol="random", fit=fit)


def test_evaluate_sets__refuses_what_cannot_mean_anything() -> None:
    with pytest.raises(InputError, match="cannot be parted by set"):
        evaluate_sets(make_sessions(), protocol="set", fit=fit)
    with pytest.raises(InputError, match="expected a Lab, a Composition or recordings"):
        evaluate_sets(7, fit=fit)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="nothing could be scored: there are not two"):
        evaluate_sets(make_sessions()[:1], fit=fit, progress=False)
    with pytest.raises(TrainingError, match="nothing could be scored: TrainingError: no good"):
        evaluate_sets(make_sessions(), "broken", fit=fit, progress=False)


def test_report__stands_alone_and_labels_simulated_data(tmp_path: Path) -> None:
    sessions = [
        make_session(n, user, "mon", simulated=True, source="<b>.csv")
        for n, user in enumerate(("ann", "bob"))
    ]
    found = evaluate_sets(sessions, fit=fit, progress=False)
    page = found.save_html(tmp_path / "report.html").read_text()
    assert "SIMULATED DATA: these figures say nothing of real people" in page
    assert "<script" not in page
    assert "http" not in page
    assert str(found).startswith("*** SIMULATED DATA ***")
    assert "SIMULATED DATA" in found._repr_html_()
    read = json.loads(found.to_json())
    assert read["label"] == "SIMULATED DATA"
    assert read["all"]["truth"] == 6
    assert len(read["people"]) == 2
