"""Recognisers in a lab: their networks are models, their calibrations lie beside these."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from workoutlab.errors import NotInLabError
from workoutlab.lab import Lab, check_lab
from workoutlab.recognition.keeping.models import Models, PersonalNetwork
from workoutlab.recognition.keeping.personal import Predictor
from workoutlab.recognition.repetitions.templates import Template
from workoutlab.recognition.segmentation.blueprint import Blueprint
from workoutlab.recognition.segmentation.calibration import Calibration
from workoutlab.recognition.segmentation.fitting import make_recogniser
from workoutlab.recognition.segmentation.grouped import Grouped, Sole
from workoutlab.recognition.segmentation.novelty import Neighbours
from workoutlab.recognition.segmentation.recogniser import Recogniser
from workoutlab.schema import EVERYONE, check_id
from workoutlab.store.recognisers import (
    check_known,
    list_recognisers,
    read_stages,
    read_windows,
)

__all__ = ["Names", "list_recognisers", "open_recogniser"]

STAGES: Final = ("activity", "exercise")


@dataclass(frozen=True)
class Names:
    """Names of the models that a recogniser is made of.

    Examples
    --------
    >>> Names("sets").exercise, Names("sets").of_group("arms")
    ('sets-exercise', 'sets-exercise-arms')
    """

    recogniser: str

    @property
    def activity(self) -> str:
        """The first stage."""
        return f"{self.recogniser}-activity"

    @property
    def exercise(self) -> str:
        """The second stage, where one network names all exercises."""
        return f"{self.recogniser}-exercise"

    @property
    def group(self) -> str:
        """What names the muscle group, where each has a network of its own."""
        return f"{self.recogniser}-group"

    def of_group(self, group: str) -> str:
        """Return the name of what names the exercises of a muscle group."""
        return check_id(f"{self.exercise}-{group}", "name of the models of a muscle group")


def open_recogniser(lab: Lab, name: str = "sets", user: str = EVERYONE) -> Recogniser:
    """Open a recogniser that a lab holds.

    Each stage is the person's own where they have one, and else the common one.

    Parameters
    ----------
    lab
        The lab.
    name
        The name that it was trained under.
    user
        Whose; ``"*"`` for the common one.

    Raises
    ------
    NotInLabError
        If there is none of that name, or neither the person nor everybody together has one.
    DamagedLabError
        If it cannot be read.

    Examples
    --------
    >>> open_recogniser(Lab("memory://without-recognisers"))
    Traceback (most recent call last):
    ...
    workoutlab.errors.NotInLabError: the lab at memory://without-recognisers has no recogniser...
    """
    check_id(name, "name of the recogniser")
    root = check_lab(lab).root()
    check_known(root, name, str(lab.url))
    rows = read_stages(root, name)
    found = {stage: _find(rows, stage, user, name) for stage in STAGES}
    names, exercise = Names(name), found["exercise"]
    moved = Models(lab, names.activity).network(found["activity"]["user"])
    told = json.loads(exercise["calibration"])
    named, classes, model = _open_exercises(lab, names, exercise["user"], told["groups"])
    parts = [Calibration.read(json.loads(found[stage]["calibration"])) for stage in STAGES]
    blueprint = Blueprint.read(exercise["settings"]["blueprint"])
    taken, length = blueprint.inputs["exercise"], blueprint.sizes["exercise"][0]
    packed = read_windows(root, name, exercise)
    recogniser = make_recogniser(
        blueprint,
        parts[1].join(parts[0]),
        (moved.network, named),
        classes,
        novelty=Neighbours.unpack(packed, len(taken.names(length))) if len(packed) else None,
        models=(f"{names.activity} of {found['activity']['user']}", model),
    )
    digests = "\n".join(
        f"{row['digest']}\n{json.dumps(row['settings']['blueprint'], sort_keys=True)}"
        for row in found.values()
    )
    templates = {each: Template.from_json(text) for each, text in told["templates"].items()}
    return replace(
        recogniser,
        templates=templates,
        name=name,
        user=user,
        snapshot=str(lab.snapshot),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
    )


def _find(
    rows: Mapping[tuple[str, str], Mapping[str, Any]], stage: str, user: str, name: str
) -> Mapping[str, Any]:
    """Return the person's calibration of a stage, or that of everybody."""
    for whose in (user, EVERYONE):
        if (whose, stage) in rows:
            return rows[whose, stage]
    people = sorted(whose for whose, each in rows if each == stage)
    there = f"there are those of {', '.join(people[:10])}" if people else "there is none"
    raise NotInLabError(
        f"recogniser {name!r}: neither {user!r} nor everybody together has the stage {stage!r}, "
        f"{there}; train_recogniser(lab, per='all', name={name!r}) makes the common one"
    )


def _open_exercises(
    lab: Lab, names: Names, user: str, groups: Mapping[str, list[str]]
) -> tuple[Predictor, tuple[str, ...], str]:
    """Return what names exercises, their names, and which models these are."""
    if not groups:
        network = Models(lab, names.exercise).network(user)
        return network.network, network.classes, f"{names.exercise} of {user}"
    head = Models(lab, names.group).network(user)
    members = [_open_group(lab, names.of_group(name), user, groups[name]) for name in head.classes]
    together = Grouped.of(head.network, members)
    return together, together.classes, f"{names.group} of {user}"


def _open_group(
    lab: Lab, name: str, user: str, exercises: list[str]
) -> tuple[tuple[str, ...], Predictor]:
    if len(exercises) == 1:
        return (exercises[0],), Sole()
    network: PersonalNetwork = Models(lab, name).network(user)
    return network.classes, network.network
