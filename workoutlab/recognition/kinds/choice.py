"""Which kind of network each person gets: chosen by validation, trained and stored."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np

from workoutlab import cluster
from workoutlab.errors import InputError, NotInLabError, TrainingError
from workoutlab.learning.engines import Engine, choose_engine
from workoutlab.recognition.cohorts import Cohort, group_people
from workoutlab.recognition.keeping.models import Models
from workoutlab.recognition.kinds.choosing import (
    Crew,
    Rules,
    digest_fold,
    digest_person,
    fit_chosen,
    fit_common,
    name_fold,
    validate_people,
    validation_name,
)
from workoutlab.recognition.kinds.deciding import (
    KINDS,
    Decision,
    Evidence,
    Prior,
    check_kinds,
    decide,
    estimate_prior,
)
from workoutlab.recognition.kinds.kinds import CRITERIA, check_plain
from workoutlab.recognition.kinds.supply import make_supply
from workoutlab.recognition.people import EVERYONE, Person, find_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import check_id, check_number
from workoutlab.signals import Windows
from workoutlab.store.networks import read_digests

__all__ = ["ChoiceResult", "choose"]


@dataclass(frozen=True)
class ChoiceResult:
    """What a run of :func:`choose` did.

    Parameters
    ----------
    name
        Of the models.
    kinds
        The kind of network of each person who has one.
    reasons
        Why, a sentence each.
    trained
        People whose network is new.
    unchanged
        People whose network was there already, made from the same data, recipe, code and common
        network.
    failed
        People without a new network, and why.
    common
        Whether the common network was trained in this run.
    prior
        What the cohort says of the kinds.
    snapshot
        The lab's snapshot that holds the networks.
    """

    name: str
    kinds: Mapping[str, str]
    reasons: Mapping[str, str]
    trained: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: Mapping[str, str]
    common: bool
    prior: Prior
    snapshot: str

    @property
    def ok(self) -> bool:
        """Whether nobody failed."""
        return not self.failed

    @property
    def counts(self) -> dict[str, int]:
        """How many people have each kind."""
        found = list(self.kinds.values())
        return {kind: found.count(kind) for kind in KINDS if kind in found}

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "name": self.name,
            "counts": self.counts,
            "kinds": dict(self.kinds),
            "reasons": dict(self.reasons),
            "trained": list(self.trained),
            "unchanged": list(self.unchanged),
            "failed": dict(self.failed),
            "common_trained": self.common,
            "prior": self.prior.as_dict(),
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        people = len(self.trained) + len(self.unchanged) + len(self.failed)
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.items()) or "none"
        lines = [
            f"models {self.name!r}: {len(self.trained)} of {people} people trained, "
            f"{len(self.unchanged)} unchanged, {len(self.failed)} failed; {kinds}; "
            f"common network {'trained' if self.common else 'kept'}"
        ]
        return "\n".join([*lines, *(f"  {user}: {why}" for user, why in self.failed.items())])


class Options(TypedDict, total=False):
    """How is chosen and how the run is carried out."""

    folds: int
    criterion: str
    margin: float
    least_sets: int
    engine: str | Engine
    cohort: int | None
    progress: bool


def choose(
    windows: Windows,
    recipe: Recipe,
    *,
    name: str = "exercise",
    kinds: Sequence[str] = KINDS,
    renew: bool = False,
    **options: Unpack[Options],
) -> ChoiceResult:
    """Choose a kind of network for each person by validation, train it, and store it.

    The sets of each person are dealt to folds. For each fold a common network is trained on
    everybody's sets outside it, and for each person one of their own and one fine-tuned from it;
    what these, and the mean of the common and the own one, say of the sets of the fold is
    compared. So no network, the common one included, is tried on a set that it has seen. Which
    kind a person gets follows from that person's sets and from the cohort's (see
    :mod:`workoutlab.recognition.kinds.deciding`); it is trained on all of the person's sets.
    People with too few sets, or of one exercise, get the common network; the row says so.

    Everything goes to the lab as it is made, and a run that is started again trains only what is
    missing: after new recordings of one person, that person alone. The common network, and what
    the cohort says, then stay as they are, so that nobody else's network changes; `renew` trains
    both again, and with them everybody.

    Parameters
    ----------
    windows
        The plan. Its labelled segments are trained on; networks go to the lab that it was made
        from, which moves to the snapshot that holds them.
    recipe
        How networks are trained.
    name
        Name of the models. What validation needs is kept beside them, under
        ``<name>.validation``.
    kinds
        ``"common"`` and some of ``"fine-tuned"`` (the common network with last layers of one's
        own), ``"own"``, and ``"ensemble"`` (the mean of the common network and one's own).
    renew
        Train the common network again, if there are new or other recordings than it was trained
        on.
    **options
        ``folds`` (3) of validation. ``criterion``: ``"windows"`` (the default), ``"error"``,
        ``"loss"`` or ``"muvr"``, see :func:`~workoutlab.recognition.kinds.kinds.measure_losses`.
        ``margin`` (0): how many standard errors better a kind must be than a simpler one.
        ``least_sets`` (6): with fewer held-out sets a person gets the common network.
        ``engine``, ``cohort`` and ``progress`` as of
        :func:`~workoutlab.recognition.training.train`.

    Returns
    -------
    ChoiceResult
        Who has which kind of network and why; who failed.

    Raises
    ------
    InputError
        If a parameter cannot mean anything.
    TrainingError
        If the common network cannot be trained.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.

    Examples
    --------
    >>> import workoutlab as wl
    >>> from workoutlab.recognition import MLP, Models
    >>> from workoutlab.signals import Statistics
    >>> lab = wl.Lab("memory://choose-example")
    >>> turn = np.sin(np.arange(3000) / 9)
    >>> sets = [
    ...     wl.LabelledSet(start=0, stop=1500, exercise="curl"),
    ...     wl.LabelledSet(start=1500, stop=3000, exercise="hold"),
    ... ]
    >>> moved = np.stack([turn * (np.arange(3000) < 1500), turn * 0, turn * 0 + 1], axis=1)
    >>> _ = lab.append(
    ...     wl.Recording(user=user, session="1", acceleration=moved + place / 100, rate_hz=50,
    ...                  sets=sets)
    ...     for place, user in enumerate(["ann", "bob"])
    ... )
    >>> plan = wl.windows(lab, length="2s")
    >>> print(choose(plan, Recipe(Statistics(), MLP(8, 8)), progress=False))
    models 'exercise': 2 of 2 people trained, 0 unchanged, 0 failed; 2 common; common network...
    >>> Models(lab).table.set_index("user").loc["ann", "reason"]
    'common: 0 held-out sets, fewer than 6'
    """
    rules = _check(windows, recipe, name, kinds, options)
    return _Run(windows, recipe, rules, name, options).carry_out(renew)


def _check(
    windows: object, recipe: object, name: str, kinds: Sequence[str], options: Options
) -> Rules:
    check_id(validation_name(check_id(name, "name of the models")), "name of the models")
    if not isinstance(windows, Windows):
        raise InputError(f"windows: expected the plan of windows(lab), got {windows!r}")
    if not isinstance(recipe, Recipe):
        raise InputError(f"recipe: expected a Recipe, got {recipe!r}")
    if unknown := set(options) - set(Options.__annotations__):
        known = ", ".join(sorted(Options.__annotations__))
        raise InputError(f"choose takes {known}, got {', '.join(sorted(unknown))}")
    check_plain(recipe)
    choose_engine(options.get("engine", "auto"))
    if (most := options.get("cohort")) is not None:
        check_number("cohort", most, whole=True, low=1)
    check_number("margin", options.get("margin", 0.0), low=0)
    rules = Rules(
        kinds=check_kinds(kinds),
        folds=options.get("folds", 3),
        criterion=options.get("criterion", "windows"),
        margin=float(options.get("margin", 0.0)),
        least_sets=options.get("least_sets", 6),
    )
    check_number("folds", rules.folds, whole=True, low=2)
    check_number("least_sets", rules.least_sets, whole=True, low=1)
    if rules.criterion not in CRITERIA:
        raise InputError(
            f"criterion: expected one of {', '.join(CRITERIA)}, got {rules.criterion!r}"
        )
    return rules


@dataclass(frozen=True)
class _Base:
    """The common network that people's are compared with and build on.

    ``kept`` is what its row told, where it is of an earlier run; ``changed`` whether its data
    are others than the plan's.
    """

    digest: str
    kept: Mapping[str, Any] | None
    changed: bool


class _Run:
    """One run of a choice: common networks, validation, choice, training."""

    def __init__(
        self, windows: Windows, recipe: Recipe, rules: Rules, name: str, options: Options
    ) -> None:
        self.lab = windows.home.refresh()
        cluster.check_reachable(self.lab.url)
        self.name, self.rules, self.options = name, rules, options
        self.people = find_people(windows, recipe, how=rules.settings())
        taught = np.concatenate(
            [np.empty(0, np.int64), *(person.segments for person in self.people)]
        )
        self.supply, self.failed = make_supply(windows.select(np.sort(taught)), recipe.inputs)
        self.crew = Crew(
            supply=self.supply,
            people=self._place(find_people(self.supply.windows, recipe, how=rules.settings())),
            recipe=recipe,
            rules=rules,
            name=name,
            engine=options.get("engine", "auto"),
            base="",
        )

    def _place(self, placed: Sequence[Person]) -> list[Person]:
        """Return everybody whose inputs can be had, with segments as the supply has them."""
        there = {person.user: person for person in placed}
        nothing = np.empty(0, np.int64)
        return [
            there.get(person.user, replace(person, segments=nothing, windows=0))
            for person in self.people
            if person.user not in self.failed
        ]

    def carry_out(self, renew: bool) -> ChoiceResult:
        base = self._find_base(renew)
        crew = replace(self.crew, base=base.digest)
        if base.kept is None:
            tried = self._fit_commons(crew, range(self.rules.folds))
        else:
            tried = base.kept["folds"]
        crew = replace(crew, tried=tuple(tried))
        self._validate(crew, base)
        evidence = self._read_evidence(crew)
        if base.kept is None:
            prior = estimate_prior(list(evidence.values()))
            self._fit_commons(replace(crew, prior=prior), [-1])
        else:
            prior = Prior(**base.kept["prior"])
        decisions = {user: (self._decide(said, prior), said) for user, said in evidence.items()}
        changed = self._fit_chosen(replace(crew, decisions=decisions))
        return self._conclude(base, prior, changed)

    def _decide(self, said: Evidence, prior: Prior) -> Decision:
        rules = self.rules
        return decide(
            said,
            prior,
            margin=rules.margin,
            least_sets=rules.least_sets,
            criterion=rules.criterion,
        )

    def _find_base(self, renew: bool) -> _Base:
        digests = "\n".join(sorted(person.digest for person in self.people))
        asked = hashlib.sha256(digests.encode()).hexdigest()
        stored = self._read_common()
        if stored is None:
            return _Base(asked, None, changed=True)
        digest, told = stored
        if digest == asked:
            return _Base(digest, told, changed=False)
        return _Base(asked, None, changed=True) if renew else _Base(digest, told, changed=True)

    def _read_common(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return digest and choice of the stored common network, if it is of this recipe."""
        root = self.lab.root()
        digest = read_digests(root, self.name)[0].get(EVERYONE)
        folds = read_digests(root, validation_name(self.name))[0]
        if digest is None:
            return None
        models = Models(self.lab, self.name)
        settings, now = models.settings(), json.loads(json.dumps(self.crew.settings()))
        if any(settings.get(part) != now[part] for part in ("recipe", "windows", "choice")):
            return None
        told: dict[str, Any] = json.loads(self._read_column(self.name, "chosen")[EVERYONE])
        # A run that was to renew them and was killed has left others.
        there = all(folds.get(name_fold(one)) == digest_fold(digest, one) for one in told["folds"])
        return (digest, told) if there else None

    def _read_column(self, name: str, column: str) -> dict[str, str]:
        """Return a column of people's last rows; empty where there are none."""
        try:
            table = Models(self.lab.refresh(), name).table
        except NotInLabError:
            return {}
        return dict(zip(table["user"], table[column], strict=True))

    def _fit_commons(self, crew: Crew, folds: Sequence[int]) -> list[int]:
        """Train common networks that are missing, one task a fold; return of which there is one."""
        kept = self.name if -1 in folds else validation_name(self.name)
        known, _ = read_digests(self.lab.refresh().root(), kept)
        missing = [
            fold for fold in folds if known.get(name_fold(fold)) != digest_fold(crew.base, fold)
        ]
        tasks = [replace(crew, fold=fold) for fold in missing]
        without = set()
        with self._progress("common networks", len(tasks)) as report:
            found = cluster.run_tasks(fit_common, tasks)
            for done, (position, outcome) in enumerate(found, start=1):
                if isinstance(outcome, TrainingError) and missing[position] >= 0:
                    without.add(missing[position])  # too few sets lie outside of the fold
                elif isinstance(outcome, Exception):
                    raise outcome
                report(done)
        return [fold for fold in folds if fold not in without]

    def _validate(self, crew: Crew, base: _Base) -> None:
        known, _ = read_digests(self.lab.refresh().root(), validation_name(self.name))
        missing = [
            person
            for person in crew.people
            if known.get(person.user) != digest_person(person, crew.base)
        ]
        if base.kept is not None and base.changed:
            crew = replace(crew, earlier=self._find_earlier(crew, missing, base.kept))
        self._run(validate_people, crew, missing, "people validated")

    def _find_earlier(
        self, crew: Crew, missing: Sequence[Person], kept: Mapping[str, Any]
    ) -> dict[str, tuple[int, str] | None]:
        """Return what is known of the sets that the common network may know."""
        recordings = crew.supply.windows.segments["recording"].to_numpy()
        told = self._read_rows()
        earlier: dict[str, tuple[int, str] | None] = {}
        for person in missing:
            facts = told.get(person.user)
            if facts is not None and facts["base"] == crew.base:
                earlier[person.user] = (facts["dealt"], facts["digest"])
            elif (recordings[person.segments] < kept["recordings"]).any():
                earlier[person.user] = None
        return earlier

    def _read_rows(self) -> dict[str, dict[str, Any]]:
        """Return what validation told of each person last."""
        texts = self._read_column(validation_name(self.name), "chosen")
        told = {user: json.loads(text) for user, text in texts.items() if user}
        return {user: facts for user, facts in told.items() if "base" in facts}

    def _read_evidence(self, crew: Crew) -> dict[str, Evidence]:
        known, _ = read_digests(self.lab.refresh().root(), validation_name(self.name))
        told = self._read_rows()
        return {
            person.user: Evidence(*(told[person.user][part] for part in _PARTS))
            for person in crew.people
            if person.user not in self.failed
            and known.get(person.user) == digest_person(person, crew.base)
        }

    def _fit_chosen(self, crew: Crew) -> list[str]:
        known, _ = read_digests(self.lab.refresh().root(), self.name)
        missing = [
            person
            for person in crew.people
            if person.user not in self.failed
            and known.get(person.user) != digest_person(person, crew.base)
        ]
        self._run(fit_chosen, crew, missing, "people")
        return [person.user for person in missing if person.user not in self.failed]

    def _run(
        self,
        task: Callable[[Crew], dict[str, str]],
        crew: Crew,
        people: Sequence[Person],
        unit: str,
    ) -> None:
        """Run a task on cohorts of people, and note who failed."""
        work = Cohort(
            crew.supply.windows, list(people), crew.recipe, crew.name, crew.engine, seen=0
        )
        # Beside inputs, networks of all folds are there, and what their first layers make of them.
        room = cluster.find_memory() // 16
        threads, most = cluster.count_threads(), self.options.get("cohort")
        groups = group_people(work, threads, room, most)
        done, failed = 0, 0
        with self._progress(unit, len(people)) as report:
            for position, outcome in cluster.run_tasks(task, map(crew.part, groups)):
                users = [person.user for person in groups[position]]
                if isinstance(outcome, Exception):
                    outcome = dict.fromkeys(users, f"{type(outcome).__name__}: {outcome}")
                self.failed.update(outcome)
                done, failed = done + len(users), failed + len(outcome)
                report(done, failed)

    def _progress(self, unit: str, total: int) -> Any:
        return cluster.progress(unit, total, show=self.options.get("progress", True))

    def _conclude(self, base: _Base, prior: Prior, changed: Sequence[str]) -> ChoiceResult:
        table = Models(self.lab.refresh(), self.name).table.set_index("user")
        users = [person.user for person in self.people if person.user in table.index]
        return ChoiceResult(
            name=self.name,
            kinds={user: str(table.loc[user, "kind"]) for user in users},
            reasons={user: str(table.loc[user, "reason"]) for user in users},
            trained=tuple(changed),
            unchanged=tuple(
                person.user
                for person in self.people
                if person.user not in self.failed and person.user not in changed
            ),
            failed=dict(sorted(self.failed.items())),
            common=base.kept is None,
            prior=prior,
            snapshot=self.lab.snapshot,
        )


_PARTS = ("sets", "losses", "squares")
