"""How often unknown movements are called unknown, and known ones by mistake."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.splits import Protocol, split
from workoutlab.recognition.people import find_people
from workoutlab.recognition.segmentation.calibration import calibrate
from workoutlab.recognition.segmentation.fitting import fit_lesson, make_recogniser, read_lesson
from workoutlab.recognition.segmentation.grouped import Sole
from workoutlab.recognition.segmentation.recogniser import Recogniser
from workoutlab.recognition.segmentation.settings import SetRecipe
from workoutlab.recording import Recording
from workoutlab.schema import UNKNOWN, check_number
from workoutlab.signals import Windows, compute

__all__ = ["Strangers", "measure_unknown"]

Mask = npt.NDArray[np.bool_]

_COUNTS: Final = ("known", "right", "wrong", "strange", "named", "others", "others_named")


@dataclass(frozen=True)
class Strangers:
    """How a recogniser judges sets of exercises that it knows, and of others.

    Parameters
    ----------
    known
        Sets of exercises that were trained on; none of these sets was.
    right, wrong
        How many of them it named rightly and wrongly; the others it called unknown.
    strange, named
        Sets of exercises left out of training, and how many of them it named nevertheless.
    others, others_named
        The same of recordings that hold no exercise, each judged as one set.
    protocol
        What was left out.
    """

    known: int
    right: int
    wrong: int
    strange: int
    named: int
    others: int
    others_named: int
    protocol: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        called = self.known - self.right - self.wrong
        lines = [
            self.protocol,
            f"{self.known} sets of known exercises: {_percent(self.right, self.known)} named "
            f"rightly, {_percent(self.wrong, self.known)} wrongly, "
            f"{_percent(called, self.known)} called unknown",
            f"{self.strange} sets of unknown exercises: "
            f"{_percent(self.strange - self.named, self.strange)} called unknown",
        ]
        if self.others:
            lines.append(
                f"{self.others} recordings without an exercise: "
                f"{_percent(self.others - self.others_named, self.others)} called unknown"
            )
        return "\n".join(lines)


def _percent(count: int, total: int) -> str:
    return f"{100 * count / max(total, 1):.1f} %"


def measure_unknown(
    recordings: Iterable[Recording],
    settings: SetRecipe | None = None,
    *,
    groups: int = 5,
    others: Iterable[Recording] = (),
    seed: int = 0,
) -> Strangers:
    """Leave exercises out of training, and count how often their sets are called unknown.

    Exercises are dealt into groups. For each group a second stage is trained and calibrated on
    80 % of the sets of all other exercises; it judges the other 20 %, all sets of the group, and
    recordings without an exercise as wholes. Thresholds come from the training part alone.

    Parameters
    ----------
    recordings
        With labelled sets of three exercises or more.
    settings
        How the recogniser comes about.
    groups
        Into how many groups exercises are dealt.
    others
        Recordings that hold no exercise, whatever is labelled in them.
    seed
        Of the dealing.

    Raises
    ------
    InputError
        If there are too few exercises.
    """
    check_number("groups", groups, whole=True, low=2)
    settings = SetRecipe() if settings is None else settings
    plan = settings.plan(list(recordings), "exercise")
    plan = plan.select((plan.segments["count"] > 0).to_numpy(dtype=bool))
    exercises = plan.segments["exercise"].to_numpy(dtype=str)
    names = np.random.default_rng(seed).permutation(np.unique(exercises))
    if len(names) < 2 + groups:
        raise InputError(
            f"recordings: expected {2 + groups} exercises or more for {groups} groups, "
            f"got {len(names)}"
        )
    tested = split(plan.segments, Protocol("set", seeds=1))[0].test
    beside = list(others)
    elsewhere = settings.plan(beside, "exercise", within="recordings") if beside else None
    found = [
        _judge_group(plan, np.isin(exercises, group), tested, settings, elsewhere)
        for group in np.array_split(names, groups)
    ]
    totals = [int(total) for total in np.sum(found, axis=0)]
    what = f"exercises in {groups} groups, each left out once; of the others 20 % of the sets"
    return Strangers(**dict(zip(_COUNTS, totals, strict=True)), protocol=what)


def _judge_group(
    plan: Windows, group: Mask, tested: Mask, settings: SetRecipe, others: Windows | None
) -> list[int]:
    """Return the counts of one group, in the order of :class:`Strangers`."""
    recogniser = _fit(plan.select(~group & ~tested), settings)
    seen = np.isin(plan.segments["exercise"], recogniser.exercises.classes)
    known = list(_judge(recogniser, plan.select(~group & tested & seen)))
    strange = [name != UNKNOWN for name, _ in _judge(recogniser, plan.select(group))]
    found = [] if others is None else list(_judge(recogniser, others, "recording"))
    beside = [name != UNKNOWN for name, _ in found]
    right = sum(name == truth for name, truth in known)
    unknown = sum(name == UNKNOWN for name, _ in known)
    counts = [len(known), right, len(known) - right - unknown]
    return [*counts, len(strange), sum(strange), len(beside), sum(beside)]


def _fit(plan: Windows, settings: SetRecipe) -> Recogniser:
    """Train and calibrate a second stage; the first one is not asked."""
    (person,) = find_people(plan, settings.exercise, "all")
    lesson = replace(read_lesson(plan, person, settings.exercise), grouped=settings.grouped)
    predictor, held = fit_lesson(lesson, settings.folds)
    assert predictor is not None
    return make_recogniser(
        settings.blueprint(),
        calibrate(None, held, settings.lost),
        (Sole(), predictor),
        lesson.classes,
        novelty=lesson.remember(lesson.whole().train),
    )


def _judge(recogniser: Recogniser, plan: Windows, unit: str = "set") -> Iterator[tuple[str, str]]:
    """Yield what each set, or recording, is taken for, and what it is."""
    plan = plan.select((plan.segments["count"] > 0).to_numpy(dtype=bool))
    if plan.segments.empty:
        return
    stage = recogniser.exercises
    inputs, segment = compute(plan, stage.inputs), plan.locate()[0]
    owner = plan.segments[unit].to_numpy(np.int64)[segment]
    truth: Sequence[str] = plan.segments["exercise"].tolist()
    for number in np.unique(owner):
        rows = np.flatnonzero(owner == number)
        scores = stage.predict(inputs[rows])
        yield recogniser.judge(scores).exercise, truth[segment[rows[0]]]
