"""Recognisers that learn from a few corrected sets: a person's stages, trained on from the common.

Whoever has corrected two sets cannot train networks of their own, and need not wait until they can.
"""

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from html import escape
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab import __version__
from workoutlab.cluster import check_reachable, run_tasks
from workoutlab.cluster import progress as show_progress
from workoutlab.errors import InputError, NotInLabError, TrainingError
from workoutlab.lab import Lab, check_lab
from workoutlab.learning.networks import Floats, Network
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.corrections.rehearsing import Rehearsal, rehearse
from workoutlab.recognition.keeping.models import Models, append_networks, read_digests
from workoutlab.recognition.kinds.kinds import Judge
from workoutlab.recognition.kinds.supply import Supply
from workoutlab.recognition.people import EVERYONE, describe_plan, find_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.repetitions.counting import Counter
from workoutlab.recognition.segmentation.fitting import learn_personal
from workoutlab.recognition.segmentation.keeping import Names
from workoutlab.recognition.segmentation.novelty import Neighbours
from workoutlab.recognition.segmentation.settings import SetRecipe
from workoutlab.signals import Windows
from workoutlab.signals.code import digest_modules
from workoutlab.store.recognisers import append_stages, check_known, read_stages, read_windows

__all__ = ["AdaptResult", "adapt"]

_DECISIVE: Final = (
    "recognition/corrections/adapting.py",
    "recognition/corrections/rehearsing.py",
    "recognition/kinds/finetuning.py",
    "recognition/kinds/kinds.py",
)
_REASON: Final = "learned from labelled sets by rehearsal"
_MOST_KNOWN: Final = 512
"""Of a person's windows, by which others are found strange."""
_COUNTED: Final = ("recording", "start", "stop", "exercise", "repetitions")
"""What templates of repetitions are learned from."""
_SPARE: Final = 2
"""So many times the windows that are rehearsed are drawn, that exercises can be balanced."""


@dataclass(frozen=True)
class AdaptResult:
    """What adapting a recogniser did.

    Parameters
    ----------
    name
        Of the recogniser.
    adapted
        Whose, and which of their stages have learned.
    unchanged
        Who had learned from the same sets before.
    failed
        Who has not learned, and why.
    snapshot
        The lab's snapshot that holds all of it.
    """

    name: str
    adapted: dict[str, tuple[str, ...]]
    unchanged: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    snapshot: str = ""

    @property
    def ok(self) -> bool:
        """Whether nobody failed."""
        return not self.failed

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "ok": self.ok,
            "name": self.name,
            "adapted": {user: list(stages) for user, stages in self.adapted.items()},
            "unchanged": list(self.unchanged),
            "failed": dict(self.failed),
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        people = len(self.adapted) + len(self.unchanged) + len(self.failed)
        first = (
            f"recogniser {self.name!r}: {len(self.adapted)} of {people} people adapted, "
            f"{len(self.unchanged)} unchanged, {len(self.failed)} failed"
        )
        return "\n".join([first, *(f"  {user}: {why}" for user, why in self.failed.items())])

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in str(self).splitlines())


@dataclass(frozen=True, eq=False)
class _Stage:
    """A stage of the common recogniser, and the plan of all that may teach it."""

    name: str
    models: str
    plan: Windows
    recipe: Recipe
    digest: str
    row: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class _Task:
    """A person's stages that are to learn: one commit."""

    lab: Lab
    recogniser: str
    user: str
    stages: tuple[tuple[_Stage, npt.NDArray[np.int64], npt.NDArray[np.int64], str], ...]
    rehearsal: Rehearsal
    counter: Counter | None


def adapt(
    lab: Lab,
    settings: SetRecipe | None = None,
    *,
    name: str = "sets",
    users: str | Iterable[str] | None = None,
    rehearsal: Rehearsal | None = None,
    progress: bool = True,
) -> AdaptResult:
    """Let a lab's common recogniser learn each person's labelled sets, however few they are.

    Both stages are trained on from the common ones by
    :mod:`~workoutlab.recognition.corrections.rehearsing` and kept as the person's own, which
    ``open_recogniser`` and :func:`~workoutlab.recognise` take from then on. Sets whose repetitions
    are known teach how the person's are counted. Confidences are calibrated as those of the common
    one are: a few sets cannot calibrate. Who has learned from the same sets and the same common
    recogniser before is left out, and each person is committed at once.

    Parameters
    ----------
    lab
        The lab, with a common recogniser; it moves to the snapshot that holds all of it.
    settings
        Those that the recogniser was trained with.
    name
        Of the recogniser.
    users
        Who; by default all who have corrected sets that count.
    rehearsal
        How it rehearses.
    progress
        Whether to show how many people are done, on a terminal.

    Returns
    -------
    AdaptResult
        Whose stages have learned, and who failed.

    Raises
    ------
    InputError
        If the recogniser was trained with other settings, names muscle groups first, or is no
        network.
    NotInLabError
        If there is no common recogniser of that name, or a person who is named has no labelled
        sets; of those who are not, the result tells.
    """
    settings = SetRecipe() if settings is None else settings
    if not isinstance(settings, SetRecipe):
        raise InputError(f"settings: expected a SetRecipe, got {settings!r}")
    check_reachable(check_lab(lab).refresh().url)
    stages = list(_open_stages(lab, settings, name))
    people = _list_people(lab, users)
    rehearsal = rehearsal or Rehearsal()
    tasks, unchanged = [], []
    adapted: dict[str, tuple[str, ...]] = {}
    failed: dict[str, str] = {}
    for user, parts in _find_parts(lab, stages, people, rehearsal):
        missing = tuple(part for part in parts if part is not None)
        if not parts:
            failed[user] = f"{user} has no labelled sets that are long enough for a window"
        elif missing:
            tasks.append(_Task(lab, name, user, missing, rehearsal, settings.counter))
        else:
            unchanged.append(user)
    if users is not None and failed:
        raise NotInLabError("; ".join(failed.values()))
    with show_progress("people", len(tasks), show=progress) as report:
        for done, (position, outcome) in enumerate(run_tasks(_adapt, tasks), start=1):
            user = tasks[position].user
            if isinstance(outcome, Exception):
                failed[user] = f"{type(outcome).__name__}: {outcome}"
            else:
                adapted[user] = outcome
            report(done, len(failed))
    return AdaptResult(
        name, dict(sorted(adapted.items())), tuple(unchanged), failed, lab.refresh().snapshot
    )


def _open_stages(lab: Lab, settings: SetRecipe, name: str) -> Iterator[_Stage]:
    root, names = lab.root(), Names(name)
    check_known(root, name, lab.url)
    rows = read_stages(root, name)
    blueprint = json.loads(json.dumps(settings.blueprint().write()))
    if settings.grouped or names.group in set(lab.models()["name"]):
        raise InputError(
            "adapt: networks of muscle groups do not learn from a few sets; train one for all "
            "exercises, SetRecipe(grouped=False)"
        )
    for stage, recipe in (("activity", settings.activity), ("exercise", settings.exercise)):
        row = rows.get((EVERYONE, stage))
        if row is None:
            raise NotInLabError(
                f"recogniser {name!r} has no common stage {stage!r}; train_recogniser(lab, "
                f"per='all', name={name!r}) makes it"
            )
        if row["settings"]["blueprint"] != blueprint or not isinstance(recipe, Recipe):
            raise InputError(
                f"settings: recogniser {name!r} was trained with others; give those that "
                "train_recogniser was given, with a Recipe for each stage"
            )
        models = getattr(names, stage)
        digest = read_digests(root, models)[0][EVERYONE]
        yield _Stage(stage, models, settings.plan(lab, stage), recipe, digest, row)


def _list_people(lab: Lab, users: str | Iterable[str] | None) -> list[str]:
    if users is not None:
        return sorted({users} if isinstance(users, str) else set(users))
    made = lab.corrections()
    return sorted(set(made["user"][made["counts"].astype(bool)]))


def _find_parts(
    lab: Lab, stages: list[_Stage], people: list[str], rehearsal: Rehearsal
) -> Iterator[tuple[str, list[Any]]]:
    """Yield for each person what each stage learns from; None where it has learned it before."""
    found: dict[str, list[Any]] = {user: [] for user in people}
    counted = lab.table("sets", _COUNTED)
    for stage in stages:
        known = read_digests(lab.root(), stage.models)[0]
        users = stage.plan.segments["user"].to_numpy(dtype=str)
        counts = stage.plan.segments["count"].to_numpy(np.int64)
        teaching = (stage.plan.segments["exercise"] != "").to_numpy(bool) & (counts > 0)
        order = draw_order(make_key(stage.recipe.seed, "rehearsed", stage.name), len(users))
        order = order[teaching[order]]
        everyone = {each.user: each for each in find_people(stage.plan, stage.recipe)}
        for user in people:
            person = everyone.get(user)
            if person is None or not person.windows:
                continue
            parts = [stage.digest, person.digest, json.dumps(vars(rehearsal)), stage.row["digest"]]
            parts.append(digest_modules(_DECISIVE))
            if stage.name == "exercise":
                theirs = stage.plan.segments["recording"].iloc[person.segments]
                told = counted[counted["recording"].isin(theirs)]
                parts.append(told.to_json(orient="values"))
            digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
            if known.get(user) == digest:
                found[user].append(None)
                continue
            others = order[users[order] != user]
            enough = np.searchsorted(np.cumsum(counts[others]), _SPARE * rehearsal.windows) + 1
            chosen = np.sort(np.concatenate([person.segments, others[:enough]]))
            stage_part = _Stage(
                stage.name,
                stage.models,
                stage.plan.select(chosen),
                stage.recipe,
                stage.digest,
                stage.row,
            )
            own = np.flatnonzero(np.isin(chosen, person.segments))
            rest = np.flatnonzero(~np.isin(chosen, person.segments))
            found[user].append((stage_part, own, rest, digest))
    yield from found.items()


def _adapt(task: _Task) -> tuple[str, ...]:
    """Train a person's stages and commit them: the task that workers run."""
    trained = []
    for stage, own, others, digest in task.stages:
        opened = Models(task.lab, stage.models).network(EVERYONE)
        if not isinstance(opened.network, Network):
            raise InputError(f"the models {stage.models!r} are no networks, which alone learn on")
        common = Judge(tuple(opened.classes), opened.network)
        supply = Supply(stage.plan, stage.recipe.inputs)
        (judge,) = rehearse(
            common,
            supply.label(EVERYONE, others),
            [supply.label(task.user, own)],
            stage.recipe,
            task.rehearsal,
        )
        if isinstance(judge, TrainingError):
            raise judge
        row = _make_row(task, stage, own, judge, digest)
        known = _remember(task, stage, supply.label(task.user, own).inputs)
        told = _calibrate(task, stage, own)
        trained.append(_Learned(stage, row, judge.network.pack(), known, told))
    write = partial(_store, task=task, trained=trained)
    copy.copy(task.lab).refresh().transact(write, f"adapt a recogniser of {task.recogniser}")
    return tuple(each.stage.name for each in trained)


@dataclass(frozen=True, eq=False)
class _Learned:
    """What a stage has become: its row among the models, its weights, and what it has seen."""

    stage: _Stage
    row: dict[str, Any]
    weights: Floats
    known: Floats
    calibration: str


def _calibrate(task: _Task, stage: _Stage, own: npt.NDArray[np.int64]) -> str:
    """Return the common calibration, with how the person's repetitions look, as JSON."""
    if stage.name != "exercise":
        return str(stage.row["calibration"])
    rows = np.unique(stage.plan.segments["recording"].to_numpy(np.int64)[own]).tolist()
    templates = learn_personal((task.lab.recording(row) for row in rows), task.counter)
    told = json.loads(stage.row["calibration"])
    told["templates"] = {name: template.to_json() for name, template in templates.items()}
    return json.dumps(told, sort_keys=True)


def _remember(task: _Task, stage: _Stage, own: Floats) -> Floats:
    """Return the windows that others are found strange by, the person's own among them, packed."""
    packed = read_windows(task.lab.root(), task.recogniser, stage.row)
    if not len(packed):
        return packed
    common = Neighbours.unpack(packed, own.shape[1])
    kept = own[draw_order(make_key(0, "neighbours", task.user), len(own))[:_MOST_KNOWN]]
    mine = common.standardise(kept)
    return replace(common, windows=np.concatenate([common.windows, mine])).pack()


def _make_row(
    task: _Task, stage: _Stage, own: npt.NDArray[np.int64], judge: Judge, digest: str
) -> dict[str, Any]:
    segments = stage.plan.segments.iloc[own]
    return {
        "user": task.user,
        "digest": digest,
        "kind": "fine-tuned",
        "reason": _REASON,
        "classes": json.dumps(list(judge.classes)),
        "format": "network",
        "layers": json.dumps(judge.network.describe()),
        "windows": int(segments["count"].sum()),
        "sets": len(segments),
        "recordings": int(segments["recording"].nunique()),
        "simulated": bool(segments["simulated"].any()),
        "snapshot": task.lab.snapshot,
        "trained_ns": time.time_ns(),
    }


def _store(root: zarr.Group, task: _Task, trained: list[_Learned]) -> None:
    for each in trained:
        stage, row = each.stage, each.row
        if read_digests(root, stage.models)[0].get(EVERYONE) is None:
            raise NotInLabError(f"the common network of {stage.models!r} is gone; train it again")
        settings = {
            "recipe": stage.recipe.settings(),
            "windows": describe_plan(stage.plan),
            "rehearsal": vars(task.rehearsal),
            "version": __version__,
        }
        append_networks(root, stage.models, [row], [each.weights], settings)
        parts = f"{stage.row['digest']}\n{row['digest']}"
        told = {
            "user": task.user,
            "stage": stage.name,
            "digest": hashlib.sha256(parts.encode()).hexdigest(),
            "calibration": each.calibration,
            "snapshot": task.lab.snapshot,
            "made_ns": time.time_ns(),
        }
        append_stages(root, task.recogniser, [told], [each.known], stage.row["settings"])
