"""The crossover: from how many labelled sets on a network of one's own serves a person better.

For each number of labelled sets an exercise, networks of every kind are trained on so many, chosen
among by validation within them, and tested on sets that none of them has seen.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.cluster import check_reachable, run_tasks
from workoutlab.cluster import progress as show_progress
from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import Engine, choose_engine
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.evaluation.evaluating import describe_recipe, describe_source
from workoutlab.recognition.evaluation.results import NotScored
from workoutlab.recognition.evaluation.scoring import timed
from workoutlab.recognition.evaluation.splits import Protocol, split
from workoutlab.recognition.evaluation.units import find_units
from workoutlab.recognition.kinds.curves import Crossover
from workoutlab.recognition.kinds.dealing import deal_sets, find_testable
from workoutlab.recognition.kinds.deciding import (
    KINDS,
    Evidence,
    check_kinds,
    decide,
    estimate_prior,
)
from workoutlab.recognition.kinds.finetuning import merge_classes
from workoutlab.recognition.kinds.kinds import (
    CRITERIA,
    Fit,
    Judge,
    Labelled,
    average,
    check_plain,
    fit_judges,
    list_judges,
    list_trained,
    measure_losses,
    try_kinds,
)
from workoutlab.recognition.kinds.supply import Supply, make_supply
from workoutlab.recognition.people import EVERYONE
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.validation import read_clock
from workoutlab.schema import UNKNOWN, check_number
from workoutlab.signals import Windows

__all__ = ["crossover"]

Integers = npt.NDArray[np.int64]
_MOST_PEOPLE_ONE_BY_ONE: Final = 30
_GROUPS: Final = 10
_LEAST_SETS: Final = 6
_ALL: Final = -1
"""In place of a fold: what is trained on all sets."""


class Choosing(TypedDict, total=False):
    """How a crossover is measured, besides the counts of sets."""

    kinds: Sequence[str]
    folds: int
    criterion: str
    margin: float
    least_sets: int
    test_share: float
    groups: int | None


@dataclass(frozen=True, eq=False)
class _Study:
    """What all tasks of a crossover share.

    ``parts`` has for each seed of each person's segments (by position in the plan): its rank
    among the training sets of its exercise, -1 for test sets.
    """

    supply: Supply
    clock: pd.DataFrame
    recipe: Recipe
    engine: str | Engine
    kinds: tuple[str, ...]
    folds: int
    criterion: str
    ranks: dict[int, Integers]


@dataclass(frozen=True, eq=False)
class _Task:
    """One task: people whose networks are trained, and sets that the common network knows."""

    study: _Study
    seeds: tuple[int, ...]
    counts: tuple[int, ...]
    tested: npt.NDArray[np.str_] | None = None


@dataclass(frozen=True)
class _Outcome:
    """One person, seed and count: what validation says, and the outer test of each kind."""

    user: str
    seed: int
    count: int
    sets: int
    evidence: Evidence
    scores: dict[str, tuple[int, int, int, int]]
    reason: str = ""


def crossover(  # noqa: PLR0913  all are settings of one measurement
    windows: Windows,
    recipe: Recipe,
    protocol: str = "set",
    *,
    counts: Sequence[int] = (1, 2, 4, 8),
    seeds: int = 3,
    engine: str | Engine = "auto",
    progress: bool = True,
    **choosing: Unpack[Choosing],
) -> Crossover:
    """Measure the error of each kind of network against the number of labelled sets.

    Nothing is stored in the lab. The sets of each person are split once a seed, 80 to 20 by
    exercise; the latter are the test, which no network sees, nor any choice. Of the former so
    many of each exercise are used as the count says, the same ones and more with higher counts.
    ``"chosen"`` is what :func:`~workoutlab.recognition.kinds.choice.choose` would take: by
    validation within the sets used.

    Parameters
    ----------
    windows
        The plan. Segments without a label are left out.
    recipe
        How networks are trained.
    protocol
        ``"set"``: the common network knows everybody's sets used, the person's own among them.
        ``"person"``: it knows all sets of other people, and nothing of the person.
    counts
        Labelled sets of each exercise.
    seeds
        Number of splits, seeded 0, 1, ….
    engine
        ``"separate"``, ``"stacked"`` or ``"auto"``.
    progress
        Whether to show progress on standard error, where that is a terminal.
    **choosing
        ``kinds``, ``folds`` (3) of validation, ``criterion`` ("windows"), ``margin`` (0) and
        ``least_sets`` (6), as of :func:`~workoutlab.recognition.kinds.choice.choose`;
        ``test_share`` (0.2); ``groups`` of people that are left out together, by person: by
        default each by themselves up to 30 people, ten groups beyond.

    Returns
    -------
    Crossover
        A table, a report, and who could not be tested.

    Raises
    ------
    InputError
        If an argument cannot mean anything.
    TrainingError
        If nothing could be tested; the message says why.
    LabError
        If the lab is in memory and the workers are other processes.
    """
    choosing = _check(windows, recipe, protocol, counts, choosing)
    choose_engine(engine)
    check_reachable(windows.lab.url)
    labelled = (windows.segments["exercise"] != "") & (windows.segments["count"] > 0)
    labelled &= windows.segments["user"] != UNKNOWN
    supply, failed = make_supply(windows.select(labelled.to_numpy(dtype=bool)), recipe.inputs)
    study = _study(supply, recipe, engine, seeds, choosing)
    tasks = list(_plan_tasks(study, protocol, tuple(sorted(set(counts))), choosing.get("groups")))
    outcomes, lost = _run(tasks, progress)
    unread = [NotScored(user, 0, why) for user, why in failed.items()]
    unscored = [*unread, *lost, *_list_unscored(outcomes)]
    scored = [outcome for outcome in outcomes if not outcome.reason]
    if not scored:
        why = "; ".join(dict.fromkeys(item.reason for item in unscored))
        raise TrainingError(f"nothing could be tested: {why or 'there are no labelled sets'}")
    choice: dict[str, Any] = {
        "folds": study.folds,
        "criterion": study.criterion,
        "margin": choosing.get("margin", 0.0),
        "least_sets": choosing.get("least_sets", _LEAST_SETS),
    }
    return Crossover(
        protocol=protocol,
        counts=tuple(sorted(set(counts))),
        seeds=seeds,
        kinds=study.kinds,
        choice=choice,
        recipe=describe_recipe(recipe),
        source=describe_source(supply.windows),
        records=_tabulate(scored, choice["margin"], choice["least_sets"]),
        not_scored=tuple(unscored),
    )


def _check(
    windows: object, recipe: object, protocol: str, counts: Sequence[int], choosing: Choosing
) -> Choosing:
    if not isinstance(windows, Windows):
        raise InputError(f"windows: expected the plan of windows(lab), got {windows!r}")
    if not isinstance(recipe, Recipe):
        raise InputError(f"recipe: expected a Recipe, got {recipe!r}")
    check_plain(recipe)
    if protocol not in ("set", "person"):
        raise InputError(f"protocol: expected 'set' or 'person', got {protocol!r}")
    if unknown := set(choosing) - set(Choosing.__annotations__):
        known = ", ".join(sorted(Choosing.__annotations__))
        raise InputError(f"crossover takes {known}, got {', '.join(sorted(unknown))}")
    if not counts:
        raise InputError("counts: expected numbers of labelled sets, got none")
    for count in counts:
        check_number("counts", count, whole=True, low=1)
    check_kinds(choosing.get("kinds", KINDS))
    check_number("folds", choosing.get("folds", 3), whole=True, low=2)
    check_number("margin", choosing.get("margin", 0.0), low=0)
    check_number("least_sets", choosing.get("least_sets", _LEAST_SETS), whole=True, low=1)
    if choosing.get("groups") is not None:
        check_number("groups", choosing["groups"], whole=True, low=2)
    if choosing.get("criterion", "windows") not in CRITERIA:
        raise InputError(
            f"criterion: expected one of {', '.join(CRITERIA)}, got {choosing['criterion']!r}"
        )
    return choosing


def _study(
    supply: Supply, recipe: Recipe, engine: str | Engine, seeds: int, choosing: Choosing
) -> _Study:
    clock = read_clock(supply.windows)
    segments = timed(supply.windows.segments, clock)
    rules = Protocol("set", seeds=seeds, test_share=choosing.get("test_share", 0.2))
    ranks = {seed: np.full(len(segments), -1) for seed in range(seeds)}
    for own in _people(segments).values():
        part = segments.iloc[own]
        for one in split(part, rules):
            ranks[one.seed][own] = _rank(part, one.train, one.seed)
    return _Study(
        supply=supply,
        clock=clock,
        recipe=recipe,
        engine=engine,
        kinds=check_kinds(choosing.get("kinds", KINDS)),
        folds=choosing.get("folds", 3),
        criterion=choosing.get("criterion", "windows"),
        ranks=ranks,
    )


def _people(segments: pd.DataFrame) -> dict[str, Integers]:
    groups = segments.reset_index(drop=True).groupby("user", sort=True).indices
    return {str(user): np.sort(own) for user, own in groups.items()}


def _rank(segments: pd.DataFrame, train: npt.NDArray[np.bool_], seed: int) -> Integers:
    """Rank the training units of each exercise in random order; -1 for test sets."""
    units = find_units(segments.reset_index(drop=True))
    ranks = np.full(len(segments), -1)
    exercises = segments["exercise"].to_numpy(dtype=str)
    user = str(segments["user"].iloc[0])
    for exercise in np.unique(exercises):
        heads = np.unique(units[train & (exercises == exercise)])
        order = draw_order(make_key(seed, user, exercise), len(heads))
        for rank, head in enumerate(heads[order]):
            ranks[units == head] = rank
    return ranks


def _plan_tasks(
    study: _Study, protocol: str, counts: tuple[int, ...], groups: int | None
) -> Iterator[_Task]:
    seeds = tuple(study.ranks)
    if protocol == "set":
        for seed in seeds:
            for count in counts:
                yield _Task(study, (seed,), (count,))
        return
    users = np.unique(study.supply.windows.segments["user"].to_numpy(dtype=str))
    if len(users) < 2:
        raise TrainingError("one known person only: no common network without them")
    if groups is None:
        groups = len(users) if len(users) <= _MOST_PEOPLE_ONE_BY_ONE else _GROUPS
    shuffled = users[np.random.default_rng(0).permutation(len(users))]
    for group in np.array_split(shuffled, min(groups, len(users))):
        yield _Task(study, seeds, counts, np.sort(group))


def _run(tasks: Sequence[_Task], show: bool) -> tuple[list[_Outcome], list[NotScored]]:
    outcomes: dict[int, list[_Outcome]] = {}
    lost = []
    with show_progress("parts", len(tasks), show=show) as report:
        for done, (position, found) in enumerate(run_tasks(_measure, tasks), start=1):
            if isinstance(found, Exception):
                task = tasks[position]
                who = ", ".join(task.tested) if task.tested is not None else f"seed {task.seeds[0]}"
                lost.append(NotScored(who, 0, f"{type(found).__name__}: {found}"))
            else:
                outcomes[position] = found
            report(done, len(lost))
    return [one for position in sorted(outcomes) for one in outcomes[position]], lost


def _measure(task: _Task) -> list[_Outcome]:
    """Train and test all that a task is about."""
    if task.tested is None:
        return _measure_sets(task)
    segments = task.study.supply.windows.segments
    users = segments["user"].to_numpy(dtype=str)
    others = np.flatnonzero(~np.isin(users, task.tested))
    nothing = np.empty(0, np.int64)
    (common,) = _fit_commons(task.study, others, np.zeros(len(others), np.int64), nothing).values()
    people = _people(segments)
    found = []
    for user in task.tested:
        own = people[str(user)]
        for seed in task.seeds:
            for count in task.counts:
                used = _use(task.study, own, seed, count)
                commons = dict.fromkeys([*range(task.study.folds), _ALL], common)
                found.append(_measure_person(task.study, own, used, (seed, count), commons))
    return found


def _measure_sets(task: _Task) -> list[_Outcome]:
    study, seed, count = task.study, task.seeds[0], task.counts[0]
    people = _people(study.supply.windows.segments)
    used = {user: _use(study, own, seed, count) for user, own in people.items()}
    segments, folds, testable = (
        np.concatenate([part[place] for part in used.values()]) for place in range(3)
    )
    order = np.argsort(segments)
    commons = _fit_commons(study, segments[order], folds[order], np.unique(folds[testable]))
    return [
        _measure_person(study, own, used[user], (seed, count), commons)
        for user, own in people.items()
    ]


def _use(
    study: _Study, own: Integers, seed: int, count: int
) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """Return the training segments that a count allows, their folds, and which are testable."""
    ranks = study.ranks[seed][own]
    used = own[(ranks >= 0) & (ranks < count)]
    segments = timed(study.supply.windows.segments.iloc[used], study.clock.iloc[used])
    if not len(used):
        return used, used, np.zeros(0, bool)
    folds, _ = deal_sets(segments, study.folds)
    return used, folds, find_testable(segments, folds)


def _fit_commons(
    study: _Study, segments: Integers, folds: Integers, tried: Integers
) -> dict[int, Judge]:
    """Train the common network of each tried fold's other folds, and that of all."""
    everyone = study.supply.label(EVERYONE, segments, folds)
    places = [*tried.tolist(), _ALL]
    fits = [Fit(everyone, everyone.folds != fold, ("common", fold)) for fold in places]
    judges = {}
    for fold, judge in zip(places, fit_judges(fits, study.recipe, study.engine), strict=True):
        if isinstance(judge, TrainingError):
            raise judge
        judges[fold] = judge
    return judges


def _measure_person(
    study: _Study,
    own: Integers,
    used: tuple[Integers, Integers, npt.NDArray[np.bool_]],
    case: tuple[int, int],
    commons: Mapping[int, Judge],
) -> _Outcome:
    seed, count = case
    user = str(study.supply.windows.segments["user"].iloc[own[0]])
    test = own[study.ranks[seed][own] < 0]
    nothing = _Outcome(user, seed, count, len(used[0]), Evidence(0), {})
    if not len(test) or not len(used[0]):
        return replace(nothing, reason="the only sets of their exercises: nothing to test")
    windows = study.supply.label(user, *used)
    plan = dict(_plan_fits(study, windows, case, commons))
    outcomes = fit_judges(list(plan.values()), study.recipe, study.engine)
    fitted: dict[tuple[str, int], Judge | TrainingError] = dict(zip(plan, outcomes, strict=True))
    for (kind, fold), judge in fitted.items():
        if fold == _ALL and isinstance(judge, TrainingError):
            return replace(nothing, reason=f"{kind}: {str(judge).removeprefix(f'{user}: ')}")
    evidence = try_kinds(windows, commons, fitted, study.kinds, study.criterion)
    judges = {kind: list_judges(kind, _ALL, commons, fitted) for kind in study.kinds}
    return replace(nothing, evidence=evidence, scores=_test(study, test, judges))


def _plan_fits(
    study: _Study, windows: Labelled, case: tuple[int, int], commons: Mapping[int, Judge]
) -> Iterator[tuple[tuple[str, int], Fit]]:
    """Yield what to train for a person: by kind and fold, the last fold being all sets."""
    tried = np.unique(windows.folds[windows.testable]).tolist()
    for kind in list_trained(study.kinds):
        for fold in [*tried, _ALL]:
            common = commons[fold] if kind == "fine-tuned" else None
            yield (kind, fold), Fit(windows, windows.folds != fold, (kind, *case, fold), common)


def _test(
    study: _Study, test: Integers, judges: dict[str, list[Judge]]
) -> dict[str, tuple[int, int, int, int]]:
    """Return wrong sets, sets, wrong windows and windows of each kind."""
    windows = study.supply.label("", test)
    names = [name for several in judges.values() for judge in several for name in judge.classes]
    among = merge_classes(names, windows.classes)
    truth = np.searchsorted(among, windows.classes)[windows.targets]
    scores = {}
    for kind, several in judges.items():
        chances = average(several, windows.inputs, among)
        wrong = measure_losses(truth, chances, windows.sets, "error")
        windows_wrong = int((chances.argmax(axis=1) != truth).sum())
        scores[kind] = (int(wrong.sum()), len(wrong), windows_wrong, len(truth))
    return scores


def _list_unscored(outcomes: Iterable[_Outcome]) -> list[NotScored]:
    reasons: dict[tuple[str, str], int] = {}
    for outcome in outcomes:
        if outcome.reason:
            reasons.setdefault((outcome.user, outcome.reason), outcome.sets)
    return [NotScored(user, sets, reason) for (user, reason), sets in reasons.items()]


def _tabulate(outcomes: Sequence[_Outcome], margin: float, least_sets: int) -> pd.DataFrame:
    """Choose for each person, by what the cohort's validation says, and list all scores."""
    rows: list[dict[str, Any]] = []
    cases = sorted({(one.seed, one.count) for one in outcomes})
    for seed, count in cases:
        case = [one for one in outcomes if (one.seed, one.count) == (seed, count)]
        prior = estimate_prior([one.evidence for one in case])
        for one in sorted(case, key=lambda one: one.user):
            decision = decide(one.evidence, prior, margin=margin, least_sets=least_sets)
            facts = {"seed": seed, "count": count, "user": one.user, "labelled": one.sets}
            for kind, scores in [*one.scores.items(), ("chosen", one.scores[decision.kind])]:
                names = ("wrong_sets", "sets", "wrong_windows", "windows")
                figures = dict(zip(names, scores, strict=True))
                rows.append({**facts, "kind": kind, "taken": decision.kind, **figures})
    return pd.DataFrame(rows)
