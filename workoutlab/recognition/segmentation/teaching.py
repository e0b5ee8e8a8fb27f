"""Training recognisers of a lab: networks through the one door of training, then calibrations."""

import copy
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Any, Final, Unpack

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab import __version__
from workoutlab.cluster import progress, run_tasks
from workoutlab.errors import InputError, TrainingError
from workoutlab.lab import Lab, check_lab
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.keeping.models import Models, read_digests
from workoutlab.recognition.people import Person, find_people, select_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.segmentation.blueprint import Blueprint
from workoutlab.recognition.segmentation.calibration import calibrate
from workoutlab.recognition.segmentation.fitting import fit_lesson, learn_personal, read_lesson
from workoutlab.recognition.segmentation.keeping import STAGES, Names
from workoutlab.recognition.segmentation.settings import SetRecipe
from workoutlab.recognition.training import Options, TrainResult, train
from workoutlab.recognition.tuning.search import Policy, apply_choice
from workoutlab.schema import check_id
from workoutlab.signals import Windows
from workoutlab.signals.choice import Filters
from workoutlab.signals.code import digest_modules
from workoutlab.signals.labels import ACTIVE, REST
from workoutlab.store.recognisers import append_stages, read_stages

__all__ = ["RecogniserResult", "train_recogniser"]

_DECISIVE: Final = tuple(
    f"recognition/segmentation/{name}.py"
    for name in ("calibration", "dealing", "fitting", "grouped", "novelty", "teaching")
)
_PER_COMMIT: Final = 64
"""Calibrations that are committed together: a run that is killed repeats no more of them."""


@dataclass(frozen=True)
class RecogniserResult:
    """What training a recogniser did.

    Parameters
    ----------
    name
        Of the recogniser.
    models
        What became of each of its models, by their names.
    calibrated
        People for whom a stage was calibrated, by the name of the stage.
    unchanged
        Calibrations that were there already, for the same networks and settings.
    failed
        Whose calibration failed, and why.
    snapshot
        The lab's snapshot that holds all of it.
    """

    name: str
    models: Mapping[str, TrainResult]
    calibrated: Mapping[str, tuple[str, ...]]
    unchanged: int
    failed: Mapping[str, str]
    snapshot: str

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed and all(result.ok for result in self.models.values())

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "name": self.name,
            "models": {name: result.as_dict() for name, result in self.models.items()},
            "calibrated": {stage: list(users) for stage, users in self.calibrated.items()},
            "unchanged": self.unchanged,
            "failed": dict(self.failed),
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        calibrated = sum(len(users) for users in self.calibrated.values())
        lines = [str(result) for result in self.models.values()]
        lines.append(
            f"recogniser {self.name!r}: {calibrated} stages calibrated, {self.unchanged} "
            f"unchanged, {len(self.failed)} failed"
        )
        return "\n".join([*lines, *(f"  {who}: {why}" for who, why in self.failed.items())])

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in str(self).splitlines())


class Teaching(Options, Filters, total=False):
    """Whom to train for, how choices are compared, and how the run is carried out."""

    search: Policy | None


def train_recogniser(
    lab: Lab,
    settings: SetRecipe | None = None,
    *,
    name: str = "sets",
    per: str = "all",
    **options: Unpack[Teaching],
) -> RecogniserResult:
    """Train and calibrate what finds and names sets, and keep it in the lab.

    Its networks are models like others: ``NAME-activity`` and ``NAME-exercise``; with muscle
    groups ``NAME-group`` and ``NAME-exercise-GROUP``. So
    :func:`~workoutlab.recognition.training.train` trains them, in cohorts, and trains again only
    what has changed. Calibrations are made by networks of the same recipe on folds of sets, so that
    none is measured on sets that it was trained on; they lie under ``recognisers/NAME``.

    Parameters
    ----------
    lab
        The lab, which moves to the snapshot that holds all of it.
    settings
        How networks and calibrations come about.
    name
        Of the recogniser.
    per
        ``"all"``: the common one. ``"user"``: one for each person, whose stages
        :func:`open_recogniser` takes before the common ones. Who has no rest recorded gets no
        first stage, and whoever has one exercise alone no second.
    **options
        ``users``, ``sessions``, ``devices``, ``exercises``, ``muscle_groups``: whom and what to
        learn from. ``search`` and further options as
        :func:`~workoutlab.recognition.training.train` takes them.

    Returns
    -------
    RecogniserResult
        What was trained and calibrated, and what failed.

    Raises
    ------
    InputError
        If an argument cannot mean anything.
    NotInLabError
        If the lab holds nothing of what was asked.
    TrainingError
        If nobody's recordings hold rest, or two exercises.
    """
    check_lab(lab)
    settings = SetRecipe() if settings is None else settings
    if not isinstance(settings, SetRecipe):
        raise InputError(f"settings: expected a SetRecipe, got {settings!r}")
    Blueprint.write(settings.blueprint())  # refuses inputs that a lab does not keep
    names = Names(check_id(name, "name of the recogniser"))
    filters: Any = {each: options[each] for each in Filters.__annotations__ if each in options}  # type: ignore[literal-required]
    running: Any = {each: value for each, value in options.items() if each not in filters}
    lab.refresh()
    run = _Run(lab, settings, names, per, filters, running)
    stages = [run.train_activity(), run.train_exercises()]
    calibrated, unchanged, failed = _calibrate_all(lab, names, stages, running)
    return RecogniserResult(
        name, run.results, calibrated, unchanged, failed, str(lab.refresh().snapshot)
    )


_Calibrated = tuple[dict[str, Any], npt.NDArray[np.float32]]
"""A row of the table of stages, and the windows that it remembers, packed."""


@dataclass(frozen=True, eq=False)
class _Job:
    """A stage to calibrate for one person: what it learns from, and how."""

    stage: str
    windows: Windows
    person: Person
    recipe: Recipe | Estimator
    settings: SetRecipe
    digest: str


@dataclass(eq=False)
class _Run:
    """A run of training, and the models that it has made so far."""

    lab: Lab
    settings: SetRecipe
    names: Names
    per: str
    filters: Mapping[str, Any]
    running: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.results: dict[str, TrainResult] = {}

    def train_activity(self) -> list[_Job]:
        """Train the first stage, and return what there is to calibrate."""
        plan = self.settings.plan(self.lab, "activity", **self.filters)
        plan = _keep_telling(plan, self.per, "exercise")
        if plan.segments.empty:
            raise TrainingError(
                f"activity: nobody's recordings hold windows of sets ({ACTIVE!r}) and of rest "
                f"({REST!r}) both; add recordings of whole sessions, or with sets labelled 'rest'"
            )
        self._train(plan, self.settings.activity, self.names.activity)
        return self._list_jobs("activity", plan, self.settings.activity, [self.names.activity])

    def train_exercises(self) -> list[_Job]:
        """Train the second stage, and return what there is to calibrate."""
        plan = self.settings.plan(self.lab, "exercise", **self.filters)
        plan = _keep_telling(plan, self.per, "exercise")
        if plan.segments.empty:
            raise TrainingError("exercise: nobody has windows of two exercises to tell apart")
        recipe, models = self.settings.exercise, [self.names.exercise]
        if self.settings.grouped:
            models = self._train_groups(plan)
        else:
            self._train(plan, recipe, self.names.exercise)
        return self._list_jobs("exercise", plan, recipe, models)

    def _train_groups(self, plan: Windows) -> list[str]:
        """Train what names the muscle group, and each group's exercises."""
        if (plan.segments["muscle_group"] == "").any():
            raise TrainingError(
                "grouped: there are sets of no known muscle group; leave them out by "
                "muscle_groups=..., or grouped out"
            )
        recipe = self.settings.exercise
        heads = self.settings.plan(self.lab, "muscle_group", **self.filters)
        self._train(_keep_telling(heads, self.per, "exercise"), recipe, self.names.group)
        models = [self.names.group]
        for group in sorted(plan.segments["muscle_group"].unique()):
            part = plan.select((plan.segments["muscle_group"] == group).to_numpy(dtype=bool))
            part = _keep_telling(part, self.per, "exercise")
            if len(part.segments):
                models.append(self.names.of_group(group))
                self._train(part, recipe, models[-1])
        return models

    def _train(self, plan: Windows, recipe: Recipe | Estimator, name: str) -> None:
        self.results[name] = train(plan, recipe, per=self.per, name=name, **self.running)

    def _list_jobs(
        self, stage: str, plan: Windows, recipe: Recipe | Estimator, models: Sequence[str]
    ) -> list[_Job]:
        """List whose networks are there, and what their calibrations are known by."""
        root = self.lab.refresh().root()
        digests = [read_digests(root, name)[0] for name in models]
        facts = [self.settings.folds, self.settings.lost, self.settings.grouped]
        common = [digest_modules(_DECISIVE), json.dumps(facts)]
        counted = self.lab.table("sets", ["recording", "start", "stop", "repetitions"])
        jobs = []
        for person in find_people(plan, recipe, self.per):
            if person.windows and person.user in digests[0]:
                rows = plan.segments["recording"].to_numpy()[person.segments]
                told = counted[counted["recording"].isin(rows)].to_json(orient="values")
                theirs = [told, *(each.get(person.user, "") for each in digests)]
                digest = hashlib.sha256("\n".join([*common, *theirs]).encode()).hexdigest()
                chosen = _choose(self.lab, models[0], person.user, recipe, self.running)
                jobs.append(_Job(stage, plan, person, chosen, self.settings, digest))
        return jobs


def _keep_telling(plan: Windows, per: str, column: str) -> Windows:
    """Return the plan of those who have windows of two classes or more."""
    segments = plan.segments
    used = (segments["count"] > 0).to_numpy(dtype=bool)
    if per == "all":
        several = segments[column][used].nunique() > 1
        return plan if several else plan.select(np.zeros(len(segments), bool))
    classes = segments[used].groupby("user")[column].nunique()
    kept = segments["user"].isin(classes.index[classes > 1])
    return plan.select(kept.to_numpy(dtype=bool))


def _choose(
    lab: Lab, model: str, user: str, recipe: Recipe | Estimator, running: Mapping[str, Any]
) -> Recipe | Estimator:
    """Return the recipe with what a search chose for a person."""
    if running.get("search") is None:
        return recipe
    chosen = Models(lab, model).describe(user)["chosen"]
    return apply_choice(recipe, chosen) if chosen else recipe


def _calibrate_all(
    lab: Lab, names: Names, stages: Sequence[Sequence[_Job]], running: Mapping[str, Any]
) -> tuple[dict[str, tuple[str, ...]], int, dict[str, str]]:
    """Calibrate what has no calibration yet, and commit it, some at a time."""
    known = read_stages(lab.root(), names.recogniser)
    jobs = [job for part in stages for job in part]
    missing = [job for job in jobs if not _is_known(job, known)]
    done: dict[str, list[str]] = {stage: [] for stage in STAGES}
    failed: dict[str, str] = {}
    waiting: list[_Calibrated] = []
    show = running.get("progress", True)
    with progress("calibrations", len(jobs), before=len(jobs) - len(missing), show=show) as report:
        outcomes = run_tasks(_calibrate, (_part(job) for job in missing))
        for count, (place, outcome) in enumerate(outcomes, start=1):
            job = missing[place]
            if isinstance(outcome, Exception):
                failed[f"{job.stage} of {job.person.user}"] = str(outcome)
            else:
                done[job.stage].append(job.person.user)
                waiting.append(outcome)
            if len(waiting) == _PER_COMMIT:
                _commit(lab, names, waiting, job.settings)
                waiting = []
            report(len(jobs) - len(missing) + count, len(failed))
    if waiting:
        _commit(lab, names, waiting, missing[0].settings)
    calibrated = {stage: tuple(sorted(users)) for stage, users in done.items()}
    return calibrated, len(jobs) - len(missing), failed


def _is_known(job: _Job, known: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    row = known.get((job.person.user, job.stage))
    if row is None:
        return False
    same = row["settings"]["blueprint"] == _plain(job.settings.blueprint().write())
    return bool(row["digest"] == job.digest) and same


def _plain(told: object) -> Any:
    return json.loads(json.dumps(told))


def _part(job: _Job) -> _Job:
    """Return the job with the part of the plan that it needs: what travels to a worker."""
    windows, (person,) = select_people(job.windows, [job.person])
    return replace(job, windows=windows, person=person)


def _calibrate(job: _Job) -> _Calibrated:
    """Calibrate one stage for one person: the task that workers run."""
    grouped = job.settings.grouped and job.stage == "exercise"
    lesson = replace(read_lesson(job.windows, job.person, job.recipe), grouped=grouped)
    held = fit_lesson(lesson, job.settings.folds, whole=False)[1]
    activity, exercise = (held, None) if job.stage == "activity" else (None, held)
    told = calibrate(activity, exercise, job.settings.lost).as_dict()
    told["groups"] = dict(_list_groups(job.windows)) if grouped else {}
    told["templates"] = _learn_templates(job) if job.stage == "exercise" else {}
    known = lesson.remember(lesson.whole().train).pack()
    row = {
        "user": job.person.user,
        "stage": job.stage,
        "digest": job.digest,
        "calibration": json.dumps(told, sort_keys=True),
        "snapshot": str(job.windows.lab.snapshot),
        "made_ns": time.time_ns(),
    }
    return row, known if job.stage == "exercise" else known[:0]


def _learn_templates(job: _Job) -> dict[str, str]:
    """Return what the person's repetitions look like, each as JSON; nothing of several people."""
    segments = job.windows.segments
    if segments["user"].nunique() != 1:
        return {}
    rows = np.unique(segments["recording"].to_numpy(np.int64)).tolist()
    lab = job.windows.home.at(job.windows.lab.snapshot)
    recordings = (lab.recording(row) for row in rows)
    templates = learn_personal(recordings, job.settings.counter)
    return {name: template.to_json() for name, template in templates.items()}


def _list_groups(windows: Windows) -> Iterator[tuple[str, list[str]]]:
    segments = windows.segments
    for group, exercises in segments.groupby("muscle_group")["exercise"]:
        yield str(group), sorted(exercises.unique().tolist())


def _commit(lab: Lab, names: Names, rows: Sequence[_Calibrated], settings: SetRecipe) -> None:
    told = {
        "blueprint": settings.blueprint().write(),
        "recipe": settings.settings(),
        "version": __version__,
    }
    write = partial(_store, names=names, rows=rows, settings=told)
    what = f"calibrate {len(rows)} stages of {names.recogniser}"
    copy.copy(lab).refresh().transact(write, what)


def _store(
    root: zarr.Group,
    names: Names,
    rows: Sequence[_Calibrated],
    settings: Mapping[str, Any],
) -> None:
    """Append the calibrations of those whose networks are still there."""
    known = {
        "activity": read_digests(root, names.activity)[0],
        "exercise": {
            **read_digests(root, names.exercise)[0],
            **read_digests(root, names.group)[0],
        },
    }
    kept = [(row, piece) for row, piece in rows if row["user"] in known[row["stage"]]]
    if kept:
        told, pieces = zip(*kept, strict=True)
        append_stages(root, names.recogniser, told, pieces, settings)
