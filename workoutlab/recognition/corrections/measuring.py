"""What corrections are worth: error on a person's other sets after so many corrected ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.cluster import check_reachable, run_tasks
from workoutlab.cluster import progress as show_progress
from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import Engine
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.corrections.curve import CorrectionCurve
from workoutlab.recognition.corrections.rehearsing import Rehearsal, rehearse
from workoutlab.recognition.evaluation.evaluating import describe_recipe, describe_source
from workoutlab.recognition.evaluation.results import NotScored
from workoutlab.recognition.evaluation.units import number_sets
from workoutlab.recognition.kinds.finetuning import merge_classes
from workoutlab.recognition.kinds.kinds import (
    Fit,
    Judge,
    average,
    check_plain,
    fit_judges,
    measure_losses,
)
from workoutlab.recognition.kinds.supply import Supply, make_supply
from workoutlab.recognition.people import EVERYONE
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import UNKNOWN, check_number
from workoutlab.signals import Windows

__all__ = ["correction_curve"]

Integers = npt.NDArray[np.int64]
_KINDS: Final = ("rehearsed", "fine-tuned", "ensemble")
_FIRST: Final = ("wrong", "any")


class Options(TypedDict, total=False):
    """How a curve is measured, besides counts and seeds."""

    first: str
    kinds: Sequence[str]
    rehearsal: Rehearsal
    test_share: float
    users: Sequence[str]
    engine: str | Engine
    progress: bool


@dataclass(frozen=True, eq=False)
class _Study:
    """What all tasks share."""

    supply: Supply
    recipe: Recipe
    counts: tuple[int, ...]
    seeds: int
    first: str
    kinds: tuple[str, ...]
    rehearsal: Rehearsal
    test_share: float
    engine: str | Engine


@dataclass(frozen=True, eq=False)
class _Task:
    study: _Study
    user: str


def correction_curve(
    windows: Windows,
    recipe: Recipe,
    *,
    counts: Sequence[int] = (0, 1, 2, 5),
    seeds: int = 5,
    **options: Unpack[Options],
) -> CorrectionCurve:
    """Measure the error on a person's sets after so many of their other sets were corrected.

    For each person, a common network is trained on all other people. It names the sets of some of
    the person's sessions; so many of these are corrected (or confirmed), and the network learns
    from them. Tested are the sets of the person's other sessions, which neither network nor choice
    has seen; they are the same for all counts of a seed. Nothing is stored in the lab.

    Parameters
    ----------
    windows
        The plan. Segments without a label are left out.
    recipe
        How the common networks are trained.
    counts
        Corrected sets of a person, of whatever exercises.
    seeds
        Number of times that each person's sessions are split and their corrections drawn anew.
    **options
        ``first``: ``"wrong"``: sets that the common network takes for another exercise are
        corrected first, then others, each in random order, as a person does who looks for errors;
        ``"any"``: sets are drawn at random. ``kinds``: what learns from them: ``"rehearsed"``, see
        :mod:`~workoutlab.recognition.corrections.rehearsing`; ``"fine-tuned"`` or ``"ensemble"``
        as of :func:`~workoutlab.choose`, which stay common as long as there is but one exercise.
        ``rehearsal``: how it rehearses. ``test_share``: of sessions, 0.5. ``users``: whose curves;
        everybody's by default. ``engine`` and ``progress`` as of :func:`~workoutlab.train`.

    Returns
    -------
    CorrectionCurve
        Tables, a report, and who could not be tested.

    Raises
    ------
    InputError
        If an argument cannot mean anything.
    TrainingError
        If nobody could be tested; the message says why.
    """
    study = _study(windows, recipe, counts, seeds, options)
    check_reachable(windows.lab.url)
    labelled = (windows.segments["exercise"] != "") & (windows.segments["count"] > 0)
    labelled &= windows.segments["user"] != UNKNOWN
    supply, failed = make_supply(windows.select(labelled.to_numpy(dtype=bool)), recipe.inputs)
    study = replace(study, supply=supply)
    unscored = [NotScored(user, 0, why) for user, why in failed.items()]
    known = np.unique(supply.windows.segments["user"].to_numpy(dtype=str)).tolist()
    if len(known) < 2:
        raise TrainingError("one known person only: no common network without them")
    wanted = options.get("users")
    users = known if wanted is None else [user for user in known if user in set(wanted)]
    tasks = [_Task(study, user) for user in users]
    rows: dict[int, list[dict[str, Any]]] = {}
    with show_progress("people", len(tasks), show=options.get("progress", True)) as report:
        for done, (position, found) in enumerate(run_tasks(_measure, tasks), start=1):
            if isinstance(found, Exception):
                why = f"{type(found).__name__}: {found}"
                unscored.append(NotScored(tasks[position].user, 0, why))
            else:
                rows[position] = found
            report(done, len(unscored))
    records = pd.DataFrame([row for position in sorted(rows) for row in rows[position]])
    if records.empty:
        why = "; ".join(dict.fromkeys(item.reason for item in unscored))
        raise TrainingError(f"nothing could be tested: {why or 'there are no labelled sets'}")
    return CorrectionCurve(
        counts=study.counts,
        seeds=seeds,
        kinds=study.kinds,
        first=study.first,
        rehearsal=vars(study.rehearsal),
        recipe=describe_recipe(recipe),
        source=describe_source(supply.windows),
        records=records,
        not_scored=tuple(unscored),
    )


def _study(
    windows: object, recipe: object, counts: Sequence[int], seeds: int, options: Options
) -> _Study:
    if not isinstance(windows, Windows):
        raise InputError(f"windows: expected the plan of windows(lab), got {windows!r}")
    if not isinstance(recipe, Recipe):
        raise InputError(f"recipe: expected a Recipe, got {recipe!r}")
    check_plain(recipe)
    if unknown := set(options) - set(Options.__annotations__):
        known = ", ".join(sorted(Options.__annotations__))
        raise InputError(f"correction_curve takes {known}, got {', '.join(sorted(unknown))}")
    for count in counts:
        check_number("counts", count, whole=True, low=0)
    check_number("seeds", seeds, whole=True, low=1)
    share = options.get("test_share", 0.5)
    check_number("test_share", share, above=0, below=1)
    first, kinds = options.get("first", "wrong"), tuple(options.get("kinds", _KINDS))
    if first not in _FIRST:
        raise InputError(f"first: expected one of {', '.join(_FIRST)}, got {first!r}")
    if not kinds or (wrong := [kind for kind in kinds if kind not in _KINDS]):
        raise InputError(f"kinds: expected some of {', '.join(_KINDS)}, got {wrong or 'none'}")
    return _Study(
        supply=Supply(windows, recipe.inputs),
        recipe=recipe,
        counts=tuple(sorted({0, *counts})),
        seeds=seeds,
        first=first,
        kinds=kinds,
        rehearsal=options.get("rehearsal", Rehearsal()),
        test_share=share,
        engine=options.get("engine", "auto"),
    )


def _measure(task: _Task) -> list[dict[str, Any]]:
    """Train the common network without a person, then measure their curve."""
    study, user = task.study, task.user
    users = study.supply.windows.segments["user"].to_numpy(dtype=str)
    others = study.supply.label(EVERYONE, np.flatnonzero(users != user))
    everything = np.ones(len(others.targets), bool)
    (common,) = fit_judges([Fit(others, everything, ("common", user))], study.recipe, study.engine)
    if isinstance(common, TrainingError):
        raise common
    own = np.flatnonzero(users == user)
    rows = []
    for seed in range(study.seeds):
        pool, test = _split(study, own, user, seed)
        order = _order(study, pool, common, (user, seed))
        before = _test(study, test, [common])
        for count in study.counts:
            chosen = np.sort(np.concatenate([np.empty(0, np.int64), *order[:count]]))
            learned = _learn(study, user, chosen, common, others) if count else {}
            for kind in study.kinds:
                judges = learned.get(kind)
                figures = before if judges is None else _test(study, test, judges)
                facts = {"user": user, "seed": seed, "count": count, "kind": kind}
                rows.append({**facts, "corrected": min(count, len(order)), **figures})
    return rows


def _split(study: _Study, own: Integers, user: str, seed: int) -> tuple[Integers, Integers]:
    """Part a person's segments by session: what may be corrected, and the test."""
    sessions = study.supply.windows.segments["session"].to_numpy(dtype=str)[own]
    names = np.unique(sessions)
    if len(names) < 2:
        raise TrainingError("one session only: nothing to test besides what is corrected")
    shuffled = names[draw_order(make_key(seed, user, "sessions"), len(names))]
    tested = min(max(round(study.test_share * len(names)), 1), len(names) - 1)
    held = np.isin(sessions, shuffled[:tested])
    return own[~held], own[held]


def _order(study: _Study, pool: Integers, common: Judge, case: tuple[str, int]) -> list[Integers]:
    """Return the segments of each set that may be corrected, in the order of correcting."""
    numbers = number_sets(study.supply.windows.segments.iloc[pool].reset_index(drop=True))
    heads = np.unique(numbers)
    sets = [pool[numbers == head] for head in heads]
    order = draw_order(make_key(case[1], case[0], "corrected"), len(sets))
    if study.first == "wrong":
        windows = study.supply.label("", pool)
        among = merge_classes(common.classes, windows.classes)
        truth = np.searchsorted(among, windows.classes)[windows.targets]
        said = common.chances(windows.inputs, among)
        wrong = measure_losses(truth, said, windows.sets, "error")
        order = order[np.argsort(-wrong[order], kind="stable")]
    return [sets[place] for place in order]


def _learn(
    study: _Study, user: str, chosen: Integers, common: Judge, others: Any
) -> dict[str, list[Judge]]:
    """Return what each kind has become; a kind that cannot learn from so little is left out."""
    own = study.supply.label(user, chosen)
    all_of_it = np.ones(len(own.targets), bool)
    found: dict[str, list[Judge]] = {}
    if "rehearsed" in study.kinds:
        (judge,) = rehearse(common, others, [own], study.recipe, study.rehearsal, study.engine)
        if isinstance(judge, Judge):
            found["rehearsed"] = [judge]
    if len(own.classes) < 2:
        return found
    trained = {kind: _fit(kind, own, all_of_it, common) for kind in study.kinds}
    fits = {kind: fit for kind, fit in trained.items() if fit is not None}
    judges = fit_judges(list(fits.values()), study.recipe, study.engine) if fits else []
    for kind, judge in zip(fits, judges, strict=True):
        if isinstance(judge, Judge):
            found[kind] = [judge] if kind == "fine-tuned" else [common, judge]
    return found


def _fit(kind: str, own: Any, rows: npt.NDArray[np.bool_], common: Judge) -> Fit | None:
    if kind == "rehearsed":
        return None
    return Fit(own, rows, (kind,), common if kind == "fine-tuned" else None)


def _test(study: _Study, test: Integers, judges: Sequence[Judge]) -> dict[str, int]:
    """Return wrong sets, sets, wrong windows and windows."""
    windows = study.supply.label("", test)
    names: Iterator[str] = (name for judge in judges for name in judge.classes)
    among = merge_classes(list(names), windows.classes)
    truth = np.searchsorted(among, windows.classes)[windows.targets]
    said = average(judges, windows.inputs, among)
    wrong = measure_losses(truth, said, windows.sets, "error")
    return {
        "wrong_sets": int(wrong.sum()),
        "sets": len(wrong),
        "wrong_windows": int((said.argmax(axis=1) != truth).sum()),
        "windows": len(truth),
    }
