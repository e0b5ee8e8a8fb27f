"""Evaluation of sets in continuous sessions: train on one side, find sets on the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import pandas as pd

from workoutlab import __version__, cluster
from workoutlab.errors import LeakageError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.composition import Composition
from workoutlab.recognition.evaluation.eventcounts import EventCounts
from workoutlab.recognition.evaluation.events import list_events, list_found, match_events
from workoutlab.recognition.evaluation.results import NotScored, Source, plain
from workoutlab.recognition.evaluation.setresults import SetEvaluation, SetScore
from workoutlab.recognition.evaluation.sharing import check_unshared
from workoutlab.recognition.evaluation.sides import Material, hold, take_whole
from workoutlab.recognition.evaluation.splits import Protocol, Split, split, splittable
from workoutlab.recording import Recording

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Decoding, Recogniser

__all__ = ["evaluate_sets"]

Fit = Callable[[Sequence[Recording], Any], "Recogniser"]


class Settings(TypedDict, total=False):
    """How it is split, and what is compared."""

    seeds: int
    test_share: float
    folds: int | None
    variants: Mapping[str, "Decoding"]
    fit: Fit


@dataclass(frozen=True, eq=False)
class _Job:
    """One fold: what a task needs."""

    name: str
    number: int
    material: Material
    train: Sequence[int]
    test: Sequence[int]
    settings: Any
    variants: Mapping[str, Any]
    fit: Fit | None


def evaluate_sets(
    source: Lab | Composition | Iterable[Recording],
    settings: Any = None,
    *,
    protocol: str = "session",
    progress: bool = True,
    **how: Unpack[Settings],
) -> SetEvaluation:
    """Measure how well sets are found, named and counted in sessions never seen in training.

    Each fold is a task on the active Dask client, or on this process's threads: a recogniser is
    fitted to the training side alone, its calibration and threshold included, and finds the sets
    of the test side by the code that live sessions use. Nothing is kept.

    Parameters
    ----------
    source
        Continuous recordings with their sets labelled: a lab, or some in memory; or a
        :class:`~workoutlab.recognition.evaluation.composition.Composition` of single sets and
        pauses, which composes the sessions of each fold anew. Recordings without a labelled set
        are left out, since nobody said that there is none in them.
    settings
        Of the recogniser, a
        :class:`~workoutlab.recognition.segmentation.settings.SetRecipe`; its defaults where None.
    protocol
        ``"session"`` or ``"person"``: each is left out once, or in groups (`folds`). ``"set"``
        for compositions alone: a share of the sets of each exercise is tested.
    progress
        Whether to show progress on standard error, where that is a terminal.
    **how
        ``seeds`` (5), ``test_share`` (0.2) and ``folds`` of the
        :class:`~workoutlab.recognition.evaluation.splits.Protocol`; ``variants``, other ways of
        decoding by name, of the same fitted recognisers; ``fit``, what fits a recogniser instead.

    Returns
    -------
    SetEvaluation
        Figures of all, of each fold, session and person. Sets of exercises that the training side
        did not hold are counted apart: the right name for them is ``"unknown"``.

    Raises
    ------
    LeakageError
        If both sides would share a session, person or stretch of samples.
    InputError
        If an argument cannot mean anything.
    TrainingError
        If nothing could be scored; the message says why.
    """
    dealing: dict[str, Any] = {**how}
    variants, fit = dealing.pop("variants", {}), dealing.pop("fit", None)
    rules = Protocol(protocol, **dealing)
    material = hold(source)
    take_whole(material, rules)
    table = material.table()
    chosen, unscored = _choose(table, rules)
    parts = split(table[chosen], rules)
    rows = np.flatnonzero(chosen)
    jobs = [_make_job(part, n, rows, material) for n, part in enumerate(parts)]
    jobs = [replace(job, settings=settings, variants=variants, fit=fit) for job in jobs]
    scores, failures = _run(jobs, progress)
    unscored += failures
    if not scores:
        reasons = dict.fromkeys(item.reason for item in unscored)
        why = "; ".join(reasons) or f"there are not two {rules.by}s to split"
        raise TrainingError(f"nothing could be scored: {why}")
    return SetEvaluation(
        protocol=rules,
        recipe=_describe_settings(settings),
        source=_describe_source(source, table[chosen], scores),
        scores=tuple(scores),
        note=material.describe(),
        not_scored=tuple(unscored),
    )


def _choose(table: pd.DataFrame, rules: Protocol) -> tuple[Any, list[NotScored]]:
    """Tell which recordings can be on a side, and why the others are on none."""
    bare = (table["sets"] == 0).to_numpy(dtype=bool)
    unknown = ~bare & ~splittable(table, rules.by)
    reasons = {
        f"of an unknown {rules.by}, which may be the one that is tested": unknown,
    }
    unscored = [
        NotScored(str(user), int(sets), reason)
        for reason, which in reasons.items()
        for user, sets in table[which].groupby("user")["sets"].sum().items()
    ]
    if bare.any():
        what = f"{int(bare.sum())} recordings without a labelled set"
        unscored.append(NotScored("", 0, f"{what}: nobody said that there is none in them"))
    return ~bare & ~unknown, unscored


def _make_job(part: Split, number: int, rows: Any, material: Material) -> _Job:
    train, test = (rows[side].tolist() for side in (part.train, part.test))
    return _Job(part.name, number, material, train, test, None, {}, None)


def _run(jobs: Sequence[_Job], show: bool) -> tuple[list[SetScore], list[NotScored]]:
    scores: dict[int, list[SetScore]] = {}
    failures: list[NotScored] = []
    with cluster.progress("folds", len(jobs), show=show) as report:
        for done, (place, outcome) in enumerate(cluster.run_tasks(_score, jobs), start=1):
            if isinstance(outcome, LeakageError):
                raise outcome
            if isinstance(outcome, Exception):
                reason = f"{type(outcome).__name__}: {outcome}"
                failures.append(NotScored(jobs[place].name, len(jobs[place].test), reason))
            else:
                scores[place] = outcome
            report(done, len(failures))
    return [score for place in sorted(scores) for score in scores[place]], failures


def _score(job: _Job) -> list[SetScore]:
    """Fit to one side of a fold, and find sets on the other; runs as a task."""
    train, test = job.material.take(job.train, job.test, job.number)
    check_unshared(train, test)
    recogniser = (job.fit or _fit)(train, job.settings)
    others = {name: replace(recogniser, decoding=each) for name, each in job.variants.items()}
    known = frozenset(recogniser.exercises.classes)
    taught = sum(len(list_events(recording)) for recording in train)
    return [
        _score_one(recording, recogniser, others, (job.name, known, taught)) for recording in test
    ]


def _score_one(
    recording: Recording,
    recogniser: "Recogniser",
    others: Mapping[str, "Recogniser"],
    fold: tuple[str, frozenset[str], int],
) -> SetScore:
    name, known, taught = fold
    truth = list_events(recording)
    missing = {event.exercise for event in truth if event.exercise} - known
    return SetScore(
        fold=name,
        user=recording.user,
        session=recording.session,
        source=recording.source,
        simulated=recording.simulated,
        train_sets=taught,
        counts=_compare(recording, recogniser),
        variants={each: _compare(recording, other) for each, other in others.items()},
        unseen=tuple(sorted(missing)),
    )


def _compare(recording: Recording, recogniser: "Recogniser") -> EventCounts:
    found = list_found(recogniser.find(recording))
    return match_events(list_events(recording), found, duration_s=recording.duration_s)


def _fit(recordings: Sequence[Recording], settings: Any) -> "Recogniser":
    from workoutlab.recognition.segmentation.fitting import fit_recogniser

    return fit_recogniser(recordings, settings)


def _describe_settings(settings: Any) -> dict[str, Any]:
    if settings is None:
        from workoutlab.recognition.segmentation.settings import SetRecipe

        return {"name": "recognisers of the usual settings", **SetRecipe().settings()}
    described = settings.settings() if hasattr(settings, "settings") else {"settings": settings}
    return {"name": "recognisers", **plain(described)}


def _describe_source(source: object, table: pd.DataFrame, scores: Sequence[SetScore]) -> Source:
    lab = source if isinstance(source, Lab) else None
    return Source(
        lab="" if lab is None else str(lab.url),
        snapshot="" if lab is None else str(lab.snapshot),
        plan={},
        people=table["user"].nunique(),
        sessions=len(table[["user", "session"]].drop_duplicates()),
        recordings=len(table),
        sets=sum(score.counts.truth for score in scores),
        windows=0,
        simulated=int(table["simulated"].sum()),
        version=__version__,
    )
