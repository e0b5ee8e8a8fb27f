"""Evaluation of counting: repetitions found in labelled sets against the numbers noted for them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab import __version__, cluster
from workoutlab.errors import InputError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.repetitionresults import RepetitionEvaluation, SetCount
from workoutlab.recognition.evaluation.results import NotScored, Source, plain
from workoutlab.recognition.repetitions.counting import Counter, count_repetitions
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import RESTING

__all__ = ["evaluate_repetitions"]

Count = Callable[[npt.NDArray[np.float32], float], Repetitions]

_BATCH: Final = 16
"""Sets in a task: enough to be worth sending."""

_TEMPLATES: Final[Mapping[str, str]] = {
    "none": "counting without labels",
    "set": "counting with templates of the person's other sets of the exercise",
    "session": "counting with templates of the person's other sessions",
}

_CENTRAL: Final = 0.8
"""The probability of the counts that are held against the true number."""


@dataclass(frozen=True, eq=False)
class _Case:
    """A labelled set of a known number of repetitions."""

    recording: Recording
    labelled: LabelledSet

    @property
    def samples(self) -> npt.NDArray[np.float32]:
        return self.recording.acceleration[self.labelled.start : self.labelled.stop]

    @property
    def truth(self) -> int:
        return int(self.labelled.repetitions or 0)


@dataclass(frozen=True, eq=False)
class _Batch:
    cases: Sequence[_Case]
    counter: Counter
    baseline: Count | None
    templates: str = "none"


def evaluate_repetitions(
    source: Lab | Iterable[Recording],
    counter: Counter | None = None,
    *,
    templates: str = "none",
    baseline: Count | None = None,
    progress: bool = True,
) -> RepetitionEvaluation:
    """Measure how well repetitions are counted in sets whose number is known.

    The counter has its settings beforehand; where these were chosen on the sets that it is measured
    on, the figures flatter it. Sets are cut out as they are labelled.

    Parameters
    ----------
    source
        Recordings with labelled sets: a lab, or some in memory. Sets without a number, or of
        recordings without a regular rate, are listed as not scored.
    counter
        How to count; :class:`Counter()` by default.
    templates
        ``"none"``, as for a new person; ``"set"``: each set is counted with a template learnt from
        all other sets of that person and exercise whose number is known; ``"session"``: from those
        of the person's other sessions alone. Where there are none it is counted without.
    baseline
        Another way of counting to stand beside, ``count_muvr`` say: called with samples and rate.
    progress
        Whether to show progress on standard error, where that is a terminal.

    Returns
    -------
    RepetitionEvaluation
        Errors over all, by exercise, session and person; the misses with their files; what
        abstaining costs; and how far the probabilities can be believed.

    Raises
    ------
    InputError
        If `source` holds no recordings, or `templates` is none of these.
    TrainingError
        If there is no set of a known number.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(600) / 100
    >>> moved = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> curl = LabelledSet(start=0, stop=600, exercise="curl", repetitions=6)
    >>> curls = Recording(user="ann", session="mon", acceleration=moved, rate_hz=50, sets=[curl])
    >>> found = evaluate_repetitions([curls], progress=False)
    >>> found.figures()["within_1"], found.sets[0].guess
    (1.0, 6)
    """
    if templates not in _TEMPLATES:
        names = ", ".join(repr(name) for name in _TEMPLATES)
        raise InputError(f"templates: expected one of {names}, got {templates!r}")
    counter = counter or Counter()
    recordings = list(_open(source))
    cases, unscored = _list_cases(recordings)
    if not cases:
        raise TrainingError("no labelled set of a known number of repetitions: nothing to score")
    parts = _part_alike(cases) if templates != "none" else _part_any(cases)
    batches = [_Batch(part, counter, baseline, templates) for part in parts]
    sets, failures = _run(batches, progress)
    return RepetitionEvaluation(
        recipe={"name": _TEMPLATES[templates], "counter": plain(counter)},
        source=_describe(source, cases),
        sets=tuple(sets),
        baseline=getattr(baseline, "__name__", "baseline") if baseline else "",
        not_scored=(*unscored, *failures),
    )


def _open(source: Lab | Iterable[Recording]) -> Iterator[Recording]:
    if isinstance(source, Lab):
        held = source.table("recordings", ["samples"])
        yield from (source.recording(int(row)) for row in held.index[held["samples"] > 0])
        return
    if not isinstance(source, Iterable):
        raise InputError(f"expected a Lab or recordings, got {source!r}")
    for one in source:
        if not isinstance(one, Recording):
            raise InputError(f"expected recordings, got {one!r}")
        yield one


def _list_cases(recordings: Iterable[Recording]) -> tuple[list[_Case], list[NotScored]]:
    cases, uncounted, irregular = [], 0, 0
    for recording in recordings:
        for labelled in recording.sets:
            if labelled.exercise in RESTING:
                continue
            if labelled.repetitions is None:
                uncounted += 1
            elif not recording.regular:
                irregular += 1
            else:
                cases.append(_Case(recording, labelled))
    reasons = {
        "whose number of repetitions is not known": uncounted,
        "not at a regular rate: resample first": irregular,
    }
    return cases, [NotScored("", sets, reason) for reason, sets in reasons.items() if sets]


def _part_any(cases: Sequence[_Case]) -> list[Sequence[_Case]]:
    return [cases[place : place + _BATCH] for place in range(0, len(cases), _BATCH)]


def _part_alike(cases: Sequence[_Case]) -> list[Sequence[_Case]]:
    """Keep sets of one person and exercise together, since they teach each other."""
    parts: dict[tuple[str, str], list[_Case]] = {}
    for case in cases:
        parts.setdefault((case.recording.user, case.labelled.exercise), []).append(case)
    return [*parts.values()]


def _learn(batch: _Batch) -> list[Any]:
    """Return what the others teach about each set; None for nothing."""
    if batch.templates == "none":
        return [None] * len(batch.cases)
    from workoutlab.recognition.repetitions.templates import (
        KnownSet,
        learn_template,
        read_known_set,
    )

    reads = [
        read_known_set(
            KnownSet(one.labelled.exercise, one.samples, one.recording.median_rate_hz, one.truth),
            batch.counter,
        )
        for one in batch.cases
    ]
    templates = []
    for case in batch.cases:
        others = [
            read
            for read, other in zip(reads, batch.cases, strict=True)
            if other.truth and _may_teach(other, case, batch.templates)
        ]
        templates.append(learn_template(others) if others else None)
    return templates


def _may_teach(other: _Case, case: _Case, templates: str) -> bool:
    if templates == "session":
        return other.recording.session != case.recording.session
    return other.recording.digest != case.recording.digest or other.labelled != case.labelled


def _run(batches: Sequence[_Batch], show: bool) -> tuple[list[SetCount], list[NotScored]]:
    counted: dict[int, list[SetCount]] = {}
    failures: list[NotScored] = []
    with cluster.progress("sets", len(batches), show=show) as report:
        for done, (place, outcome) in enumerate(cluster.run_tasks(_score, batches), start=1):
            if isinstance(outcome, Exception):
                reason = f"{type(outcome).__name__}: {outcome}"
                failures.append(NotScored("", len(batches[place].cases), reason))
            else:
                counted[place] = outcome
            report(done, len(failures))
    return [one for place in sorted(counted) for one in counted[place]], failures


def _score(batch: _Batch) -> list[SetCount]:
    """Count the repetitions of some sets; runs as a task."""
    known = zip(batch.cases, _learn(batch), strict=True)
    return [_score_one(case, template, batch) for case, template in known]


def _score_one(case: _Case, template: Any, batch: _Batch) -> SetCount:
    recording, labelled, samples = case.recording, case.labelled, case.samples
    rate_hz = float(recording.median_rate_hz)
    how: dict[str, Any] = {"counter": batch.counter, "template": template}
    came = count_repetitions(samples, rate_hz, exercise=labelled.exercise, **how)
    other = None if batch.baseline is None else batch.baseline(samples, rate_hz)
    truth = case.truth
    chance = came.probabilities[truth] if truth < len(came.probabilities) else 0.0
    return SetCount(
        user=recording.user,
        session=recording.session,
        source=recording.source,
        start_s=labelled.start / rate_hz,
        length_s=len(samples) / rate_hz,
        exercise=labelled.exercise,
        truth=truth,
        guess=came.guess,
        told=came.count is not None,
        confidence=came.confidence,
        chance=float(chance),
        central=came.choose(_CENTRAL),
        baseline=None if other is None else other.guess,
    )


def _describe(source: object, cases: Sequence[_Case]) -> Source:
    lab = source if isinstance(source, Lab) else None
    recordings = {id(case.recording): case.recording for case in cases}.values()
    return Source(
        lab="" if lab is None else str(lab.url),
        snapshot="" if lab is None else str(lab.snapshot),
        plan={},
        people=len({one.user for one in recordings}),
        sessions=len({(one.user, one.session) for one in recordings}),
        recordings=len(recordings),
        sets=len(cases),
        windows=0,
        simulated=sum(one.simulated for one in recordings),
        version=__version__,
    )
