"""The tasks of a choice among kinds of network: common networks, validation, and what is chosen.

::

    models/<name>.validation   '*0', '*1', …: the common network of each fold's other folds; and a
                               row for each person, with what held-out sets said, without weights
    models/<name>              '*': the common network; and a row for each person

Each task commits what it made, so that a run that dies resumes where it was.
"""

import copy
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab import __version__
from workoutlab.errors import TrainingError, WorkoutlabError
from workoutlab.learning.engines import Engine
from workoutlab.learning.networks import Network
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.cohorts import find_erased
from workoutlab.recognition.evaluation.results import plain
from workoutlab.recognition.evaluation.scoring import timed
from workoutlab.recognition.keeping.models import Models
from workoutlab.recognition.kinds.dealing import deal_sets, digest_sets, find_testable
from workoutlab.recognition.kinds.deciding import Decision, Evidence, Prior
from workoutlab.recognition.kinds.kinds import (
    Fit,
    Judge,
    Labelled,
    fit_judges,
    list_trained,
    try_kinds,
)
from workoutlab.recognition.kinds.supply import Supply
from workoutlab.recognition.people import (
    DECISIVE,
    EVERYONE,
    Person,
    describe_plan,
    select_people,
)
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.validation import read_clock
from workoutlab.signals.code import digest_modules
from workoutlab.signals.inputs import name_inputs
from workoutlab.store.networks import Rows, append_networks, read_digests

__all__ = [
    "Crew",
    "Rules",
    "digest_fold",
    "digest_person",
    "fit_chosen",
    "fit_common",
    "name_fold",
    "validate_people",
    "validation_name",
]

_MOST_BYTES: Final = 2**30
"""Of the inputs that a common network is trained on."""

_CODE: Final = tuple(
    f"recognition/kinds/{module}.py"
    for module in ("choosing", "dealing", "deciding", "finetuning", "kinds", "supply")
)
"""What decides a choice, besides what decides a network."""

_ERASED: Final = "erased from the lab during the training"

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """How a choice is made; all of it decides what comes out.

    Parameters
    ----------
    kinds
        What is chosen among, simplest first.
    folds
        Of validation, by set.
    criterion
        What is compared; see :func:`~workoutlab.recognition.kinds.kinds.measure_losses`.
    margin
        See :func:`~workoutlab.recognition.kinds.deciding.decide`.
    least_sets
        With fewer held-out sets a person gets the common network.
    """

    kinds: tuple[str, ...]
    folds: int
    criterion: str
    margin: float
    least_sets: int

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {
            "kinds": list(self.kinds),
            "folds": self.folds,
            "criterion": self.criterion,
            "margin": self.margin,
            "least_sets": self.least_sets,
            "code": digest_modules((*DECISIVE, *_CODE)),
        }


@dataclass(frozen=True, eq=False)
class Crew:
    """People and what is to be done for them by one task.

    Parameters
    ----------
    supply
        The part of the plan that covers them, and the inputs if they were computed before.
    people
        Who; their segments are positions in that part.
    recipe
        How networks are trained.
    rules
        How is chosen.
    name
        Of the models.
    engine
        By which engine.
    base
        Digest of the common network that theirs build on.
    fold
        Of a common network: which fold it does not learn from; -1 for none.
    earlier
        Of people whom the common network may know: number and digest of the sets that it knew,
        or None where that is not known.
    decisions
        Of each person, what was chosen.
    prior
        What the cohort says, to be kept beside the common network.
    tried
        Folds of which there is a common network: all that have enough to learn from.
    """

    supply: Supply
    people: Sequence[Person]
    recipe: Recipe
    rules: Rules
    name: str
    engine: str | Engine
    base: str
    fold: int = -1
    earlier: Mapping[str, tuple[int, str] | None] | None = None
    decisions: Mapping[str, tuple[Decision, Evidence]] | None = None
    prior: Prior | None = None
    tried: tuple[int, ...] = ()

    def part(self, people: Sequence[Person]) -> "Crew":
        """Return the crew of some of these people."""
        segments = np.sort(np.concatenate([person.segments for person in people]))
        _, moved = select_people(self.supply.windows, people)
        users = {person.user for person in people}
        return replace(
            self,
            supply=self.supply.part(segments),
            people=moved,
            earlier=_only(self.earlier, users),
            decisions=_only(self.decisions, users),
        )

    def settings(self) -> dict[str, object]:
        """Return how networks were trained, as JSON takes it."""
        return {
            "recipe": self.recipe.settings(),
            "windows": describe_plan(self.supply.windows),
            "choice": self.rules.settings(),
            "engine": self.engine if isinstance(self.engine, str) else repr(self.engine),
            "version": __version__,
        }


def _only(of_people: Mapping[str, Any] | None, users: set[str]) -> dict[str, Any] | None:
    if of_people is None:
        return None
    return {user: value for user, value in of_people.items() if user in users}


def validation_name(name: str) -> str:
    """Return under which name what validation needs is kept."""
    return f"{name}.validation"


def name_fold(fold: int) -> str:
    """Return whose network that of a fold is; no user has such an id."""
    return EVERYONE if fold < 0 else f"{EVERYONE}{fold}"


def digest_fold(base: str, fold: int) -> str:
    """Return the digest of the common network of a fold."""
    return base if fold < 0 else hashlib.sha256(f"{base} {fold}".encode()).hexdigest()


def deal_person(supply: Supply, person: Person, folds: int) -> tuple[Integers, Any]:
    """Return the fold of each of a person's segments, and these segments with their clock."""
    part = supply.windows.select(person.segments)
    segments = timed(part.segments, read_clock(part))
    return deal_sets(segments, folds)[0], segments


def fit_common(crew: Crew) -> int:
    """Train a common network and commit it; returns the number of windows.

    Of each person as many windows are taken as make a gigabyte for all, evenly spread over their
    sets; of more people than that has windows, some drawn by the recipe's seed.

    Raises
    ------
    TrainingError
        If it cannot be trained.
    """
    everyone = _read_everyone(crew)
    fit = Fit(everyone, everyone.folds != crew.fold, ("common", crew.fold))
    (judge,) = fit_judges([fit], crew.recipe, crew.engine)
    if isinstance(judge, TrainingError):
        raise TrainingError(f"the common network: {str(judge).removeprefix('*: ')}")
    segments = crew.supply.windows.segments
    row = {
        "user": name_fold(crew.fold),
        "digest": digest_fold(crew.base, crew.fold),
        "kind": "common",
        "classes": json.dumps(judge.classes),
        "layers": json.dumps(judge.network.describe()),
        "windows": judge.windows,
        "sets": len(np.unique(everyone.sets[fit.rows])),
        "recordings": int(segments["recording"].nunique()),
        "simulated": bool(segments["simulated"].any()),
        "validation": "" if crew.fold < 0 else f"fold {crew.fold} of {crew.rules.folds} left out",
        "snapshot": crew.supply.windows.lab.snapshot,
        "trained_ns": time.time_ns(),
        "chosen": json.dumps(_describe_common(crew)),
    }
    name = crew.name if crew.fold < 0 else validation_name(crew.name)
    lab = copy.copy(crew.supply.windows.home).refresh()
    pieces = [judge.network.pack()]
    lab.transact(
        lambda root: append_networks(root, name, [row], pieces, crew.settings()),
        f"train the common network of {name}",
    )
    return judge.windows


def _describe_common(crew: Crew) -> dict[str, object]:
    """Return what later runs need of a common network: what it may know, and the prior."""
    # Rows of recordings that were added later hold nothing that the network knows.
    told: dict[str, object] = {
        "recordings": len(crew.supply.windows.lab.table("recordings", ["samples"]))
    }
    if crew.prior is not None:
        told |= {"prior": crew.prior.as_dict(), "folds": list(crew.tried)}
    return told


def _read_everyone(crew: Crew) -> Labelled:
    """Read windows of all, in memory's bounds; who cannot be read is left out."""
    lengths = crew.supply.windows.distinct["length"].astype(np.int64)
    inputs = len(name_inputs(crew.recipe.inputs, lengths)[0])
    room = max(_MOST_BYTES // (4 * inputs), 1)
    people = [person for person in crew.people if person.windows]
    most = max(room // max(len(people), 1), 1)
    order = draw_order(make_key(crew.recipe.seed, "people"), len(people))[:room]
    parts = []
    for place in np.sort(order):
        try:
            parts.append(_read_person(crew, people[place], most))
        except Exception:
            continue
    if not parts:
        raise TrainingError("the common network: there are no labelled sets that can be read")
    names = sorted({name for part in parts for name in part.classes})
    firsts = np.cumsum([0, *(int(part.sets.max()) + 1 for part in parts[:-1])])
    return Labelled(
        user=EVERYONE,
        classes=tuple(names),
        inputs=np.concatenate([part.inputs for part in parts]),
        targets=np.concatenate(
            [np.searchsorted(names, part.classes)[part.targets] for part in parts]
        ),
        sets=np.concatenate([part.sets + first for part, first in zip(parts, firsts, strict=True)]),
        folds=np.concatenate([part.folds for part in parts]),
        testable=np.zeros(sum(len(part.inputs) for part in parts), bool),
    )


def _read_person(crew: Crew, person: Person, most: int) -> Labelled:
    folds, _ = deal_person(crew.supply, person, crew.rules.folds)
    whole = crew.supply.label(person.user, person.segments, folds)
    if len(whole.inputs) <= most:
        return whole
    rows = np.linspace(0, len(whole.inputs) - 1, most).round().astype(np.int64)
    return replace(
        whole,
        inputs=whole.inputs[rows],
        targets=whole.targets[rows],
        sets=whole.sets[rows],
        folds=whole.folds[rows],
        testable=whole.testable[rows],
    )


def validate_people(crew: Crew) -> dict[str, str]:
    """Try each kind on the held-out sets of some people and commit what they say.

    Returns
    -------
    dict
        Who could not be validated, and why.
    """
    lab = copy.copy(crew.supply.windows.home).refresh()
    name = validation_name(crew.name)
    known, _ = read_digests(lab.root(), name)
    missing = [one for one in crew.people if known.get(one.user) != digest_person(one, crew.base)]
    models = Models(lab, name)
    commons = {fold: open_judge(models, name_fold(fold)) for fold in crew.tried}
    failed: dict[str, str] = {}
    read: dict[Person, tuple[Labelled, dict[str, Any]]] = {}
    for person in missing:
        try:
            read[person] = _read_dealt(crew, person)
        except WorkoutlabError as error:
            failed[person.user] = str(error)
        except Exception as error:  # inputs may be the user's own code: one person's, not all's
            failed[person.user] = f"{type(error).__name__}: {error}"
    fits = {
        (person, kind, fold): Fit(
            windows,
            windows.folds != fold,
            (kind, fold),
            commons[fold] if kind == "fine-tuned" else None,
        )
        for person, (windows, _) in read.items()
        for kind in list_trained(crew.rules.kinds)
        for fold in np.unique(windows.folds[windows.testable]).tolist()
    }
    judges = dict(zip(fits, fit_judges(list(fits.values()), crew.recipe, crew.engine), strict=True))
    done: dict[Person, dict[str, Any]] = {}
    for person, (windows, facts) in read.items():
        own = {(kind, fold): judge for (who, kind, fold), judge in judges.items() if who is person}
        evidence = try_kinds(windows, commons, own, crew.rules.kinds, crew.rules.criterion)
        done[person] = _make_row(crew, person, {"chosen": {**facts, **evidence.as_dict()}})
    if done:
        erased = lab.transact(
            lambda root: _store_evidence(root, crew, done),
            f"validate {len(done)} people for {crew.name}",
        )
        failed.update(dict.fromkeys(erased, _ERASED))
    return failed


def _store_evidence(
    root: zarr.Group, crew: Crew, done: Mapping[Person, Mapping[str, Any]]
) -> list[str]:
    """Append what sets said to the newest root; return the users who are no longer in it."""
    erased = find_erased(root, crew.supply.windows, list(done))
    rows = [row for person, row in done.items() if person.user not in erased]
    if rows:
        empty = [np.empty(0, np.float32)] * len(rows)
        append_networks(root, validation_name(crew.name), rows, empty, crew.settings())
    return erased


def _read_dealt(crew: Crew, person: Person) -> tuple[Labelled, dict[str, Any]]:
    """Read a person's windows, and what a later run needs to know of their sets."""
    if not person.windows:
        nothing = np.empty(0, np.int64)
        unknown = np.empty(0, bool)
        inputs = np.empty((0, 0), np.float32)
        none = Labelled(person.user, (), inputs, nothing, nothing, nothing, unknown)
        return none, {"base": crew.base, "dealt": 0, "digest": ""}
    folds, segments = deal_person(crew.supply, person, crew.rules.folds)
    _check_unseen(crew, person, segments, folds)
    testable = find_testable(segments, folds) & np.isin(folds, crew.tried)
    windows = crew.supply.label(person.user, person.segments, folds, testable)
    facts = {"base": crew.base, "dealt": len(segments), "digest": digest_sets(segments, folds)}
    return windows, facts


def _check_unseen(crew: Crew, person: Person, segments: Any, folds: Integers) -> None:
    """Refuse sets that the common networks may have seen under another fold."""
    if crew.earlier is None or person.user not in crew.earlier:
        return
    told = crew.earlier[person.user]
    if told is None or digest_sets(segments, folds, told[0]) != told[1]:
        raise TrainingError(
            "sets that the common network learned from are gone or have changed, so that it may "
            "have seen what would be held out; choose(..., renew=True) trains it again"
        )


def fit_chosen(crew: Crew) -> dict[str, str]:
    """Train what was chosen for some people on all their sets, and commit it.

    Returns
    -------
    dict
        Who could not be trained, and why.
    """
    assert crew.decisions is not None
    lab = copy.copy(crew.supply.windows.home).refresh()
    known, _ = read_digests(lab.root(), crew.name)
    missing = [one for one in crew.people if known.get(one.user) != digest_person(one, crew.base)]
    common = open_judge(Models(lab, crew.name), EVERYONE)
    failed: dict[str, str] = {}
    fits: dict[Person, Fit] = {}
    done: dict[Person, Judge | None] = {}
    for person in missing:
        kind = crew.decisions[person.user][0].kind
        if kind == "common":
            done[person] = None
            continue
        try:
            windows = crew.supply.label(person.user, person.segments)
        except WorkoutlabError as error:
            failed[person.user] = str(error)
        except Exception as error:  # inputs may be the user's own code: one person's, not all's
            failed[person.user] = f"{type(error).__name__}: {error}"
        else:
            trained = "own" if kind == "ensemble" else kind
            base = common if kind == "fine-tuned" else None
            fits[person] = Fit(windows, np.ones(len(windows.inputs), bool), (trained, -1), base)
    outcomes = fit_judges(list(fits.values()), crew.recipe, crew.engine)
    for person, outcome in zip(fits, outcomes, strict=True):
        if isinstance(outcome, TrainingError):
            failed[person.user] = str(outcome).removeprefix(f"{person.user}: ")
        else:
            done[person] = outcome
    if done:
        erased = lab.transact(
            lambda root: _store(root, crew, done), f"train {len(done)} networks of {crew.name}"
        )
        failed.update(dict.fromkeys(erased, _ERASED))
    return failed


def _store(root: zarr.Group, crew: Crew, done: Mapping[Person, Judge | None]) -> list[str]:
    """Append the networks to the newest root; return the users who are no longer in it."""
    erased = find_erased(root, crew.supply.windows, list(done))
    base = _find_base(root, crew)
    rows, pieces = [], []
    for person, judge in done.items():
        if person.user in erased:
            continue
        rows.append(_make_row(crew, person, _describe_choice(crew, person, judge, base)))
        pieces.append(np.empty(0, np.float32) if judge is None else judge.network.pack())
    if rows:
        append_networks(root, crew.name, rows, pieces, crew.settings())
    return erased


def _find_base(root: zarr.Group, crew: Crew) -> int:
    return int(Rows(root, crew.name).find(EVERYONE)[-1])


def _describe_choice(crew: Crew, person: Person, judge: Judge | None, base: int) -> dict[str, Any]:
    assert crew.decisions is not None
    decision, evidence = crew.decisions[person.user]
    told = {
        "kind": decision.kind,
        "reason": decision.reason,
        "base": -1 if decision.kind == "own" else base,
        "score": evidence.losses.get(decision.kind, np.nan),
        "criterion": crew.rules.criterion,
        "validation": f"{crew.rules.folds} folds by set, {evidence.sets} sets",
        "scores": [
            {"settings": {"kind": kind}, "score": loss, "gain": decision.gains.get(kind)}
            for kind, loss in evidence.losses.items()
        ],
        "chosen": {"kind": decision.kind},
    }
    if judge is not None:
        told |= {"classes": judge.classes, "layers": judge.network.describe()}
    return told


def _make_row(crew: Crew, person: Person, told: Mapping[str, Any]) -> dict[str, Any]:
    segments = crew.supply.windows.segments.iloc[person.segments]
    row = {
        "user": person.user,
        "digest": digest_person(person, crew.base),
        "kind": "common",
        "classes": sorted(segments["exercise"].unique()),
        "layers": {},
        "windows": person.windows,
        "sets": len(segments),
        "recordings": int(segments["recording"].nunique()),
        "simulated": bool(segments["simulated"].any()),
        "snapshot": crew.supply.windows.lab.snapshot,
        "trained_ns": time.time_ns(),
        **told,
    }
    for name in ("classes", "layers", "scores", "chosen"):
        if name in row:
            row[name] = json.dumps(plain(row[name]), allow_nan=False)
    return row


def digest_person(person: Person, base: str) -> str:
    """Return the digest of what is made of a person and a common network."""
    return hashlib.sha256(f"{person.digest} {base}".encode()).hexdigest()


def open_judge(models: Models, user: str) -> Judge:
    """Open a stored network of one kind."""
    found = models.network(user)
    assert isinstance(found.network, Network)
    return Judge(found.classes, found.network)
