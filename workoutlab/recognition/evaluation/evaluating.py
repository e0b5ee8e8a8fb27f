"""Evaluation without leakage: split, train on one side, score on the other, sum up."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import pandas as pd

from workoutlab import __version__, cluster
from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import Engine, choose_engine
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.evaluation.results import Evaluation, NotScored, Source
from workoutlab.recognition.evaluation.scoring import Job, Score, list_unsplit, score
from workoutlab.recognition.evaluation.splits import Mask, Protocol, split, splittable
from workoutlab.recognition.evaluation.tally import Tally
from workoutlab.recognition.evaluation.units import number_sets
from workoutlab.recognition.people import describe_plan
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.search import Policy, check_policy
from workoutlab.recognition.tuning.selection import Selection
from workoutlab.recognition.tuning.validation import Validation
from workoutlab.signals import Statistics, Windows

__all__ = ["describe_recipe", "describe_source", "evaluate"]


_OF_SEARCHES: Final = ("search", "validation")


class SplitSettings(TypedDict, total=False):
    """Settings of a :class:`~workoutlab.recognition.evaluation.splits.Protocol`, but its name."""

    seeds: int
    test_share: float
    folds: int | None


class Settings(SplitSettings, total=False):
    """The settings of the protocol, and how a search chooses within each training part."""

    search: Policy | None
    validation: Validation | None


def evaluate(
    windows: Windows,
    recipe: Recipe | Estimator | Any,
    *,
    protocol: str = "set",
    per: str = "all",
    engine: str | Engine = "auto",
    progress: bool = True,
    **settings: Unpack[Settings],
) -> Evaluation:
    """Measure how well exercises are recognised on sets that the model never saw.

    Whole sets, sessions or people are left out, before windowing. Models are trained as tasks
    on the active Dask client, or on this process's threads; nothing is stored in the lab.

    Parameters
    ----------
    windows
        The plan of :func:`workoutlab.windows`. Segments without a label are left out.
    recipe
        What is trained: a :class:`~workoutlab.recognition.recipe.Recipe`; or, to compare, a
        :class:`~workoutlab.recognition.estimators.estimator.Estimator` or a bare scikit-learn
        classifier (which then sees ``Statistics()``).
    protocol
        ``"set"``: a share of the sets of each exercise is tested, with several seeds.
        ``"session"`` or ``"person"``: each is left out once.
    per
        ``"all"`` evaluates one model of everybody, ``"user"`` one of each person.
    engine
        How networks are trained: ``"separate"``, ``"stacked"`` or ``"auto"``.
    progress
        Whether to show progress on standard error, where that is a terminal.
    **settings
        ``seeds`` (5), ``test_share`` (0.2) and ``folds`` of the
        :class:`~workoutlab.recognition.evaluation.splits.Protocol`; ``search``, a
        :class:`~workoutlab.recognition.tuning.search.Grid` say, which chooses settings within each
        training part, never seeing what is tested; and how it compares them, ``validation``, by
        default :class:`Validation() <workoutlab.recognition.tuning.validation.Validation>`.

    Returns
    -------
    Evaluation
        Figures per window and per set (the vote of its windows), mean and standard deviation
        over the splits; what could not be scored is listed with the reason.

    Raises
    ------
    LeakageError
        If the protocol would let a model see its test data.
    InputError
        If an argument cannot mean anything.
    TrainingError
        If nothing could be scored; the message says why.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from workoutlab.lab import Lab
    >>> from workoutlab.recording import LabelledSet, Recording
    >>> from workoutlab.signals import windows
    >>> lab = Lab("memory://evaluate-example")
    >>> still, noise = np.ones((1000, 3)), np.random.default_rng(0).normal(size=(1000, 3))
    >>> sets = [LabelledSet(start=0, stop=1000, exercise="plank"),
    ...         LabelledSet(start=1000, stop=2000, exercise="run")]
    >>> sessions = [
    ...     Recording(user="ann", session=day, acceleration=np.vstack([still, scale * noise]),
    ...               rate_hz=50, sets=sets)
    ...     for day, scale in (("mon", 1), ("tue", 1.1))
    ... ]
    >>> _ = lab.append(sessions)
    >>> found = evaluate(windows(lab), ExtraTreesClassifier(10), protocol="session")
    >>> print(found.protocol, "-", found.sets.error_percent, "% of sets wrong")
    one session left out, each once - 0.0 ± 0.0 % of sets wrong
    """
    search, validation = settings.get("search"), settings.get("validation")
    dealing: dict[str, Any] = {**settings}
    rules = Protocol(
        protocol, **{name: dealing[name] for name in dealing if name not in _OF_SEARCHES}
    )
    _check_per(per, rules)
    choose_engine(engine)
    recipe = recipe if isinstance(recipe, Recipe | Estimator) else Estimator(recipe, Statistics())
    selection = _make_selection(search, validation, recipe)
    windows = windows.select((windows.segments["exercise"] != "").to_numpy(dtype=bool))
    reasons = _find_unusable(windows, rules)
    chosen = windows.select(~np.logical_or.reduce(list(reasons.values())))
    tally = Tally(rules, per, tuple(sorted(chosen.segments["exercise"].unique())))
    tally.add(-1, _list_unusable(windows, reasons))
    whole = Job(chosen, _read_clock(chosen), rules, recipe, engine, selection=selection)
    if per == "all":
        tally.add(-1, list_unsplit(whole.segments, rules))
        names = [part.name for part in split(whole.segments, rules)]
        _run((replace(whole, fold=name) for name in names), len(names), "folds", tally, progress)
    else:
        people = chosen.segments["user"].nunique()
        _run(_part_people(whole), people, "people", tally, progress)
    if tally.empty:
        raise TrainingError(_explain_nothing(tally))
    described = describe_recipe(recipe)
    if selection is not None:
        count = len(selection.policy.choices)
        described["name"] += f", the best of {count} choices by {selection.validation}"
        described |= selection.settings()
    return tally.conclude(described, describe_source(chosen))


def _make_selection(
    search: Policy | None, validation: Validation | None, recipe: Recipe | Estimator
) -> Selection | None:
    if search is None:
        if validation is not None:
            raise InputError("validation: of a search, and there is none; give search=Grid(...)")
        return None
    if not isinstance(validation, Validation | None):
        raise InputError(f"validation: expected a Validation, got {validation!r}")
    check_policy(search, recipe)
    return Selection(search, validation or Validation())


def _check_per(per: str, rules: Protocol) -> None:
    if per not in {"all", "user"}:
        raise InputError(f"per: expected 'all' or 'user', got {per!r}")
    if (per, rules.by) == ("user", "person"):
        raise InputError(
            "a person's own model is not tested on other people: give per='all', or another "
            "protocol than 'person'"
        )


def _find_unusable(windows: Windows, rules: Protocol) -> dict[str, Mask]:
    """Find the labelled segments that are on no side of any split, by reason."""
    short = (windows.segments["count"] == 0).to_numpy(dtype=bool)
    lengths_s = windows.distinct["length_s"]
    size = f" of {lengths_s[0]:g} s" if len(lengths_s) == 1 else ""
    return {
        f"shorter than a window{size}": short,
        f"of an unknown {rules.by}, which may be the one that is tested": (
            ~short & ~splittable(windows.segments, rules.by)
        ),
    }


def _list_unusable(windows: Windows, reasons: Mapping[str, Mask]) -> list[NotScored]:
    return [
        NotScored(str(user), int(sets), reason)
        for reason, which in reasons.items()
        for user, sets in windows.segments[which].groupby("user").size().items()
    ]


def _read_clock(windows: Windows) -> pd.DataFrame:
    """Return Unix time of each segment's start and stop in ns, NA where not known."""
    segments = windows.segments
    known = windows.lab.table("recordings", ["start_ns"])["start_ns"]
    began = known.loc[segments["recording"]].astype("Int64").reset_index(drop=True)
    edges = {
        f"{edge}_ns": began + (segments[edge] / segments["rate_hz"] * 1e9).astype("int64")
        for edge in ("start", "stop")
    }
    return pd.DataFrame(edges)


def _part_people(whole: Job) -> Iterator[Job]:
    """Make one job a person, as they are asked for."""
    places = whole.windows.segments.reset_index(drop=True).groupby("user", sort=True).indices
    for user, rows in places.items():
        part = whole.windows.select(rows)
        yield replace(whole, windows=part, clock=whole.clock.iloc[rows], user=str(user))


def _run(jobs: Iterable[Job], total: int, unit: str, tally: Tally, show: bool) -> None:
    failed = 0
    names: dict[int, tuple[str, int]] = {}

    def note(jobs: Iterable[Job]) -> Iterator[Job]:
        for position, job in enumerate(jobs):
            names[position] = (job.user or job.fold, len(job.windows.segments))
            yield job

    with cluster.progress(unit, total, show=show) as report:
        for done, (position, outcome) in enumerate(cluster.run_tasks(score, note(jobs)), start=1):
            who, sets = names.pop(position)
            if isinstance(outcome, Exception):
                outcome = [NotScored(who, sets, f"{type(outcome).__name__}: {outcome}")]
            failed += not any(isinstance(part, Score) for part in outcome)
            tally.add(position, outcome)
            report(done, failed)


def _explain_nothing(tally: Tally) -> str:
    reasons = dict.fromkeys(item.reason for item in tally.not_scored)
    return "nothing could be scored: " + ("; ".join(reasons) or "there are no labelled sets")


def describe_recipe(recipe: Recipe | Estimator) -> dict[str, Any]:
    """Return what a report says of a recipe: its name in a line, and its settings."""
    inputs = type(recipe.inputs).__name__
    if isinstance(recipe, Estimator):
        name = f"{type(recipe.estimator).__name__} on {inputs}"
    else:
        name = f"{recipe.network.name} on {inputs}"
    return {"name": name, **recipe.settings()}


def describe_source(windows: Windows) -> Source:
    """Return what a report says of the windows that were evaluated."""
    segments = windows.segments
    recordings = segments.drop_duplicates("recording")
    return Source(
        lab=str(windows.lab.url),
        snapshot=windows.lab.snapshot,
        plan={**describe_plan(windows), **windows.settings()},
        people=segments["user"].nunique(),
        sessions=len(segments[["user", "session"]].drop_duplicates()),
        recordings=len(recordings),
        sets=len(np.unique(number_sets(segments))),
        windows=int(segments["count"].sum()),
        simulated=int(recordings["simulated"].sum()),
        version=__version__,
    )
