"""Fitting recognisers: networks of both stages, and what others like them say of held-out sets."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, NotInLabError, TrainingError
from workoutlab.learning.engines import train_members
from workoutlab.recognition.estimators.converted import convert
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.estimators.fitting import fit_material
from workoutlab.recognition.keeping.personal import Predictor
from workoutlab.recognition.material import Material, read_material
from workoutlab.recognition.people import Person, find_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.repetitions.counting import Counter
from workoutlab.recognition.repetitions.templates import (
    Template,
    find_known_sets,
    learn_templates,
)
from workoutlab.recognition.segmentation.blueprint import Blueprint
from workoutlab.recognition.segmentation.calibration import Calibration, Held, calibrate
from workoutlab.recognition.segmentation.dealing import SET, deal_new
from workoutlab.recognition.segmentation.grouped import Grouped, Sole
from workoutlab.recognition.segmentation.novelty import FARTHER, Neighbours
from workoutlab.recognition.segmentation.recogniser import ACTIVITY, Recogniser, Stage
from workoutlab.recognition.segmentation.settings import SetRecipe
from workoutlab.recognition.tuning.validation import deal_folds
from workoutlab.recording import Recording
from workoutlab.schema import EVERYONE
from workoutlab.signals import Windows

__all__ = [
    "Lesson",
    "fit_lesson",
    "fit_recogniser",
    "learn_personal",
    "make_recogniser",
    "read_lesson",
]

Mask = npt.NDArray[np.bool_]


class Side(NamedTuple):
    """What a network is trained on and what it is to predict, masks over segments.

    ``purpose`` is what its random numbers are for; nothing where it is the network that is kept.
    """

    train: Mask
    held: Mask
    purpose: tuple[str | int, ...] = ()


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one stage learns: inputs of windows, and what they are.

    Parameters
    ----------
    material
        Inputs and targets.
    recipe
        How networks are trained.
    classes
        Names of the targets, in order.
    grouped
        Whether the muscle group is named first.
    digest
        SHA-256 of recordings, segments, recipe and code, in hex.
    """

    material: Material
    recipe: Recipe | Estimator
    classes: tuple[str, ...]
    grouped: bool
    digest: str

    def train(self, sides: Sequence[Side]) -> list[Predictor]:
        """Train a network on each side, which holds every class.

        Raises
        ------
        TrainingError
            If a training failed.
        """
        if not self.grouped:
            return _train([(self.material, side) for side in sides], self.recipe)
        groups = self.material.segments["muscle_group"].to_numpy(dtype=str)
        names = np.unique(groups)
        asked = [(_relabel(self.material, groups), side) for side in sides]
        parts = [_relabel(self.material, self.material.exercises, groups == name) for name in names]
        asked += [
            (part, side._replace(train=side.train & part.among)) for side in sides for part in parts
        ]
        found = _train(asked, self.recipe)
        heads, members = found[: len(sides)], iter(found[len(sides) :])
        exercises = [np.unique(self.material.exercises[groups == name]).tolist() for name in names]
        return [Grouped.of(head, [(each, next(members)) for each in exercises]) for head in heads]

    def remember(self, among: Mask) -> Neighbours:
        """Return what tells windows of some segments from stranger ones."""
        rows = self.material.find_windows(among)
        sets = self.material.sets[self.material.segment[rows]]
        return Neighbours.fit(self.material.inputs[rows], sets)

    def whole(self) -> Side:
        """Return the side that learns from everything."""
        everything = np.ones(len(self.material.segments), bool)
        return Side(everything, ~everything)

    def deal(self, folds: int) -> Iterator[Side]:
        """Deal sets into folds: each is predicted by what the others taught."""
        material = self.material
        told = material.exercises
        if self.grouped:  # every exercise of every group stays on the training side
            told = np.char.add(material.segments["muscle_group"].to_numpy(dtype=str), told)
        among = self.whole().train
        dealt = deal_folds(told, material.units, among, folds, 0, *material.purpose)
        for fold in range(folds):
            if (dealt == fold).any():
                yield Side(dealt != fold, dealt == fold, ("fold", fold))

    def measure_strangeness(self, folds: int) -> npt.NDArray[np.float64]:
        """Return how strange each window would be if its set, session or person were new."""
        material = self.material
        told, units = material.exercises, material.units
        dealt, kind = deal_new(material.segments, told, units, folds, 0, *material.purpose)
        found = np.zeros(material.windows)
        for fold in range(folds):
            rows = material.find_windows(dealt == fold)
            if len(rows):
                found[rows] = self.remember(dealt != fold).measure(material.inputs[rows])
        near = (kind == SET)[material.segment[: material.windows]]
        return np.where(near, FARTHER, 1) * found


def read_lesson(windows: Windows, person: Person, recipe: Recipe | Estimator) -> Lesson:
    """Read what a person's windows teach.

    Parameters
    ----------
    windows, person, recipe
        As in :func:`~workoutlab.recognition.material.read_material`.

    Raises
    ------
    TrainingError
        If there are no windows.
    """
    material = read_material(windows, person, recipe)
    classes = tuple(np.unique(material.exercises).tolist())
    return Lesson(material, recipe, classes, False, person.digest)


def _relabel(
    material: Material, names: npt.NDArray[np.str_], among: Mask | None = None
) -> Material:
    """Return a material that tells other names apart, of some segments."""
    kept = material.among if among is None else among
    classes = np.unique(names[kept])
    numbers = np.minimum(np.searchsorted(classes, names), len(classes) - 1)
    targets = numbers[material.segment]
    return replace(material, targets=targets, classes=len(classes), among=kept)


def _train(asked: Sequence[tuple[Material, Side]], recipe: Recipe | Estimator) -> list[Predictor]:
    """Train a network on each side of each material; those of one class need none."""
    found: list[Predictor] = [Sole() for _ in asked]
    several = [n for n, (material, _) in enumerate(asked) if material.classes > 1]
    if isinstance(recipe, Estimator):
        for number in several:
            material, side = asked[number]
            fitted = fit_material(replace(material, among=side.train), recipe)[1]
            found[number] = convert(fitted, material.inputs[: material.windows])
        return found
    members = [
        material.make_member(recipe, side.train, *side.purpose)
        for material, side in (asked[number] for number in several)
    ]
    for number, outcome in zip(several, train_members(members), strict=True):
        if isinstance(outcome, TrainingError):
            raise outcome
        found[number] = outcome.network
    return found


def _predict_held(
    lesson: Lesson,
    sides: Sequence[Side],
    predictors: Sequence[Predictor],
    strangeness: npt.NDArray[np.float64],
) -> Held:
    """Return what networks say of the windows that were held out from them."""
    material = lesson.material
    parts = []
    for fold, (side, predictor) in enumerate(zip(sides, predictors, strict=True)):
        rows = material.find_windows(side.held)
        segment = material.segment[rows]
        chances = np.asarray(predictor.predict(material.inputs[rows]), np.float64)
        told = (material.targets[rows], material.sets[segment], np.full(len(rows), fold))
        parts.append((chances, *told, strangeness[rows]))
    if not parts:
        return Held.none(len(lesson.classes))
    return Held(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def fit_lesson(lesson: Lesson, folds: int, *, whole: bool = True) -> tuple[Predictor | None, Held]:
    """Train a stage's network, and those of the folds that calibrate it.

    Parameters
    ----------
    lesson
        What is learnt.
    folds
        Into how many parts sets are dealt.
    whole
        Whether to train a network on everything, too.
    """
    sides = list(lesson.deal(folds))
    kept = [lesson.whole()] * whole
    found = lesson.train([*kept, *sides])
    strangeness = lesson.measure_strangeness(folds)
    held = _predict_held(lesson, sides, found[len(kept) :], strangeness)
    return (found[0] if whole else None), held


def _list_recordings(recordings: object) -> list[Recording]:
    if isinstance(recordings, Recording):
        return [recordings]
    if isinstance(recordings, Iterable) and not isinstance(recordings, str):
        listed = list(recordings)
        if all(isinstance(each, Recording) for each in listed):
            return listed
    raise InputError(
        f"recordings: expected a Recording, or several, got {type(recordings).__name__}; "
        "train_recogniser learns from a lab"
    )


def fit_recogniser(
    recordings: Recording | Iterable[Recording],
    settings: SetRecipe | None = None,
    *,
    name: str = "sets",
) -> Recogniser:
    """Make a recogniser of recordings in memory; nothing is kept.

    Parameters
    ----------
    recordings
        With their sets labelled. Rest is learnt from what lies between sets, and from sets that
        are labelled as none (``"-"``, ``"rest"``).
    settings
        How it comes about.
    name
        Of the recogniser.

    Returns
    -------
    Recogniser
        Calibrated on sets that networks of the same recipe were not trained on.

    Raises
    ------
    TrainingError
        If there is no rest, no exercise, or one exercise alone, or a training failed.

    Examples
    --------
    >>> import workoutlab as wl
    >>> time = np.arange(6000) / 50
    >>> moved = np.zeros((6000, 3), np.float32) + np.float32([0, 0, 1])
    >>> sets = []
    >>> for start, exercise, hz in ((500, "curl", 0.5), (2500, "press", 1.5), (4500, "curl", 0.5)):
    ...     moved[start : start + 1000, 0] += np.sin(2 * np.pi * hz * time[:1000])
    ...     sets.append(wl.LabelledSet(start=start, stop=start + 1000, exercise=exercise))
    >>> monday = wl.Recording(
    ...     user="ann", session="mon", acceleration=moved, rate_hz=50, sets=sets
    ... )
    >>> recipe = wl.Recipe(wl.Statistics(), wl.MLP(16), epochs=30)
    >>> settings = SetRecipe(activity=recipe, exercise=recipe)
    >>> fit_recogniser(monday, settings).exercises.classes
    ('curl', 'press')
    """
    settings = SetRecipe() if settings is None else settings
    if not isinstance(settings, SetRecipe):
        raise InputError(f"settings: expected a SetRecipe, got {settings!r}")
    chosen = _list_recordings(recordings)
    activity = _read(chosen, settings, "activity")
    exercise = replace(_read(chosen, settings, "exercise"), grouped=settings.grouped)
    check_lessons(activity, exercise)
    moved, of_activity = fit_lesson(activity, settings.folds)
    named, of_exercise = fit_lesson(exercise, settings.folds)
    assert moved is not None
    assert named is not None
    calibration = calibrate(of_activity, of_exercise, settings.lost)
    templates = learn_personal(chosen, settings.counter)
    told = [templates[each].to_json() for each in sorted(templates)]
    digests = "\n".join([activity.digest, exercise.digest, settings.digest(), *told])
    made = make_recogniser(
        settings.blueprint(),
        calibration,
        (moved, named),
        exercise.classes,
        novelty=exercise.remember(exercise.whole().train),
    )
    digest = hashlib.sha256(digests.encode()).hexdigest()
    return replace(made, name=name, templates=templates, digest=digest)


def learn_personal(recordings: Iterable[Recording], counter: Counter | None) -> dict[str, Template]:
    """Return what one person's repetitions look like; nothing of sets of several people.

    Parameters
    ----------
    recordings
        Those whose sets tell how many repetitions they have are learnt from.
    counter
        Settings of the counting.
    """
    counted = [each for each in recordings if any(one.repetitions for one in each.sets)]
    if len({each.user for each in counted}) != 1:
        return {}
    return learn_templates(find_known_sets(counted), counter=counter)


def _read(recordings: Sequence[Recording], settings: SetRecipe, label: str) -> Lesson:
    recipe = settings.activity if label == "activity" else settings.exercise
    try:
        windows = settings.plan(recordings, label)
    except NotInLabError as error:
        raise TrainingError(f"{label}: {error}") from error
    (person,) = find_people(windows, recipe, "all")
    return read_lesson(windows, person, recipe)


def check_lessons(activity: Lesson, exercise: Lesson) -> None:
    """Refuse lessons that tell nothing apart.

    Raises
    ------
    TrainingError
        Saying what is missing.
    """
    if activity.classes != ACTIVITY:
        missing = "rest" if "active" in activity.classes else "set"
        raise TrainingError(
            f"activity: the recordings hold no {missing} that is long enough for a window; add "
            "recordings of whole sessions, or with sets labelled 'rest'"
        )
    if len(exercise.classes) < 2:
        raise TrainingError(
            f"exercise: {exercise.classes[0]!r} is the only one; expected two or more to tell apart"
        )
    if exercise.grouped and (exercise.material.segments["muscle_group"] == "").any():
        raise TrainingError("grouped: there are sets of no known muscle group; leave it out")


def make_recogniser(
    blueprint: Blueprint,
    calibration: Calibration,
    predictors: tuple[Predictor, Predictor],
    exercises: tuple[str, ...],
    *,
    novelty: Neighbours | None = None,
    models: tuple[str, str] = ("", ""),
) -> Recogniser:
    """Put a recogniser together.

    Parameters
    ----------
    blueprint
        What its stages take, and how their scores become sets.
    calibration
        Its temperatures and threshold.
    predictors
        Of both stages.
    exercises
        Names of the second stage's classes.
    novelty
        Tells how strange windows are to the second stage.
    models
        Which models these are in a lab.
    """
    described = zip(
        ("activity", "exercise"),
        (ACTIVITY, exercises),
        predictors,
        (calibration.activity, calibration.exercise),
        models,
        strict=True,
    )
    activity, exercise = (
        Stage(
            classes,
            predictor,
            blueprint.inputs[stage],
            *blueprint.sizes[stage],
            temperature=temperature,
            novelty=novelty if stage == "exercise" else None,
            model=model,
            odds=calibration.odds if stage == "activity" else 0.0,
        )
        for stage, classes, predictor, temperature, model in described
    )
    return Recogniser(
        activity,
        exercise,
        rate_hz=blueprint.rate_hz,
        decoding=blueprint.decoding,
        counter=blueprint.counter,
        temperature=calibration.sets,
        threshold=calibration.threshold,
        strangest=calibration.strangest,
        user=EVERYONE,
        calibration=calibration,
    )
