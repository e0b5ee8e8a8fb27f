"""Evaluation of counting: figures of known counts, misses by file, calibration."""

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest

from workoutlab.errors import InputError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.repetitionresults import RepetitionEvaluation, SetCount
from workoutlab.recognition.evaluation.repetitions import evaluate_repetitions
from workoutlab.recognition.evaluation.results import Source
from workoutlab.recognition.repetitions import templates
from workoutlab.recognition.repetitions.baseline import count_muvr
from workoutlab.recording import LabelledSet, Recording

SOURCE = Source("", "", {}, 1, 1, 1, 1, 0, 0, "0")


def make_set(
    number: int, repetitions: int | None, noted: int | None = None, **fields: Any
) -> Recording:
    """So many turns of 2 s each, of which another number may have been noted."""
    done = repetitions or 5
    angle = 2 * np.pi * np.arange(100 * done) / 100
    samples = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    samples += np.random.default_rng(number).normal(0, 0.01, samples.shape)
    known = noted if noted is not None else repetitions
    one = LabelledSet(start=0, stop=len(samples), exercise=f"move-{number % 2}", repetitions=known)
    return Recording(
        user=fields.pop("user", "ann"),
        session=fields.pop("session", "mon"),
        acceleration=samples,
        rate_hz=50,
        source=f"{number}.csv",
        sets=[one],
        **fields,
    )


def make_counted(truth: int, guess: int, confidence: float, **fields: Any) -> SetCount:
    central = fields.pop("central", (guess,))
    return SetCount(
        *("ann", "mon", "a.csv", 0.0, 20.0, "curl"),
        truth=truth,
        guess=guess,
        confidence=confidence,
        central=central,
        **{"told": confidence > 0.5, "chance": 0.5, **fields},
    )


def test_evaluate_repetitions__counts_what_was_done_and_lists_what_was_noted_otherwise() -> None:
    sets = [make_set(n, 6 + n) for n in range(4)] + [make_set(9, 8, noted=20)]
    found = evaluate_repetitions(sets, baseline=count_muvr, progress=False)
    figures = found.figures()
    assert (figures["sets"], figures["within_1"]) == (5, 0.8)
    assert found.misses["source"].tolist() == ["9.csv"]
    assert found.misses["error"].tolist() == [-12]
    assert found.baseline == "count_muvr"
    assert found.of_baseline["sets"] == 5
    assert found.by("exercise")["sets"].tolist() == [2, 3]


def test_evaluate_repetitions__of_a_lab_is_that_of_its_recordings(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    sets = [make_set(n, 5 + n, user="bob" if n % 2 else "ann") for n in range(3)]
    lab.append(sets)
    kept = evaluate_repetitions(lab, progress=False)
    assert kept.sets == evaluate_repetitions(sets, progress=False).sets
    assert kept.source.snapshot == lab.snapshot
    assert kept.by("user")["user"].tolist() == ["ann", "bob"]


def test_evaluate_repetitions__says_what_is_not_scored() -> None:
    found = evaluate_repetitions([make_set(0, 6), make_set(1, None)], progress=False)
    assert [(one.sets, one.reason) for one in found.not_scored] == [
        (1, "whose number of repetitions is not known")
    ]


def test_evaluate_repetitions__refuses_what_holds_no_counts() -> None:
    with pytest.raises(TrainingError, match="no labelled set of a known number"):
        evaluate_repetitions([make_set(1, None)])
    with pytest.raises(InputError, match="expected a Lab or recordings"):
        evaluate_repetitions(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected recordings"):
        evaluate_repetitions([3])  # type: ignore[list-item]


class Recorder:
    """Stands where templates are learnt, and notes from what."""

    def __init__(self) -> None:
        self.taught: list[list[int]] = []

    def __call__(self, reads: Any) -> None:
        self.taught.append(sorted(one.known.repetitions for one in reads))


@pytest.mark.parametrize(
    ("protocol", "taught"),
    [("set", [[7, 9], [5, 9], [5, 7], [8], [6]]), ("session", [[9], [9], [5, 7], [8], [6]])],
)
def test_evaluate_repetitions__no_set_teaches_its_own_template(
    protocol: str, taught: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(templates, "learn_template", recorder)
    days = {5: "mon", 6: "mon", 7: "mon", 8: "tue", 9: "tue"}
    sets = [make_set(n, n, session=day) for n, day in days.items()]
    with dask.config.set(scheduler="synchronous"):
        found = evaluate_repetitions(sets, templates=protocol, progress=False)
    assert sorted(recorder.taught) == sorted(taught)
    assert len(found.sets) == 5


def test_evaluate_repetitions__with_templates_that_teach() -> None:
    sets = [make_set(2 * n, 6 + n) for n in range(3)]
    found = evaluate_repetitions(sets, templates="set", progress=False)
    assert found.figures()["within_1"] == 1
    assert "templates of the person's other sets" in str(found)
    with pytest.raises(InputError, match="templates: expected one of 'none', 'set', 'session'"):
        evaluate_repetitions(sets, templates="all")


def test_evaluation__figures_by_hand() -> None:
    sets = (
        make_counted(10, 10, 0.9, central=(10,)),
        make_counted(10, 11, 0.7, central=(10, 11)),
        make_counted(10, 14, 0.3, central=(13, 14, 15)),
        make_counted(10, 10, 0.3, central=(10, 11)),
    )
    found = RepetitionEvaluation({}, SOURCE, sets)
    figures = found.figures()
    assert figures["mean_absolute"] == pytest.approx(5 / 4)
    assert (figures["exact"], figures["within_1"], figures["abstained"]) == (0.5, 0.75, 0.5)
    assert (figures["told_exact"], figures["told_within_1"]) == (0.5, 1)
    assert found.central["held"] == 0.75
    assert found.central["numbers"] == 2
    curve = found.abstaining.set_index("least_confidence")
    assert curve.loc[0.0, "told"] == 1
    assert curve.loc[0.5, "told"] == 0.5
    assert curve.loc[0.9, "mean_absolute"] == 0
    bins = found.reliability
    assert bins["sets"].tolist() == [2, 1, 1]
    assert bins["exact"].tolist() == [0.5, 0, 1]
    assert bins["sets"].sum() == len(sets)


def test_report__stands_alone_and_labels_simulated_data(tmp_path: Path) -> None:
    sets = [make_set(n, 6 + n, simulated=True) for n in range(2)]
    found = evaluate_repetitions([*sets, make_set(5, 7, noted=30, simulated=True)], progress=False)
    page = found.save_html(tmp_path / "report.html").read_text()
    assert "SIMULATED DATA: these figures say nothing of real people" in page
    assert "<script" not in page
    assert "5.csv" in page
    assert str(found).startswith("*** SIMULATED DATA ***")
    assert "within ±1" in found._repr_html_()
    read = json.loads(found.to_json())
    assert read["all"]["sets"] == 3
    assert read["misses"][0]["source"] == "5.csv"
