"""The intensity pipeline: who is due, what came before, what to suggest, and where it is kept.

::

    sessions ──▶ eligible ──▶ keep_people ──▶ find_histories ──▶ suggest ──▶ the lab
                                                (z-score, lags, choice, fit, predict)

Each step is a function of its own, on tables and arrays; :func:`suggest_intensity` runs all of
them, in tasks of some thousand people, each of which makes one commit. Tables are read block by
block, and the sessions of a bounded number of eligible people are held at a time: but for the ids
of those who are due, nothing grows with the number of people except the lab.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import pandas as pd
import zarr

from workoutlab import __version__
from workoutlab.cluster import check_reachable, progress, run_tasks
from workoutlab.coach.eligibility import (
    Moment,
    People,
    Reading,
    eligible,
    keep_people,
    parse_moment,
    parse_window,
)
from workoutlab.coach.history import Histories, find_histories
from workoutlab.coach.keeping import append_suggestions, digest_people, read_known
from workoutlab.coach.regression import IntensityRegression
from workoutlab.coach.results import SuggestionResult
from workoutlab.coach.sessions import check_sessions, find_recent
from workoutlab.coach.sessions import sessions as derive_sessions
from workoutlab.coach.suggestions import Made, suggest
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.schema import RECORDINGS, check_number
from workoutlab.signals.code import digest_modules
from workoutlab.store import tables

__all__ = ["suggest_intensity"]

_PEOPLE_AT_ONCE: Final = 50_000
"""Eligible people whose sessions are in memory at a time, less than a kilobyte a session; each
further group reads the tables again."""
_PEOPLE_PER_TASK: Final = 2_000
_DECISIVE: Final = (
    "coach/history.py",
    "coach/keeping.py",
    "coach/regression.py",
    "coach/suggestions.py",
    "kernels/leastsquares.py",
    "learning/folds.py",
    "learning/linear.py",
)


class Running(TypedDict, total=False):
    """How a run is carried out, and on what."""

    sessions: pd.DataFrame | None
    batch: int
    progress: bool


@dataclass(frozen=True, eq=False)
class _Run:
    """What all tasks of a run share."""

    lab: Lab
    now: Moment
    within: object
    reading: Reading
    users: People | None
    regression: IntensityRegression
    seen: int = 0
    """Rows of suggestions that were looked at before."""

    @property
    def now_ns(self) -> int:
        return parse_moment(self.now)

    @property
    def within_ns(self) -> int:
        return parse_window(self.within, self.reading)

    def settings(self) -> dict[str, Any]:
        """All that decides suggestions, but for the histories."""
        return {
            "regression": self.regression.settings(),
            "reading": self.reading,
            "within_s": self.within_ns / 1e9,
            "code": digest_modules(_DECISIVE),
        }


@dataclass(frozen=True, eq=False)
class _Batch:
    """People whom one task suggests for, in one commit."""

    run: _Run
    histories: Histories
    digests: tuple[str, ...]


@dataclass
class _Tally:
    """What became of people so far."""

    eligible: int = 0
    by_regression: int = 0
    by_fallback: int = 0
    unchanged: int = 0
    simulated: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other: "_Tally") -> None:
        for name, value in vars(other).items():
            if isinstance(value, dict):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


def suggest_intensity(
    lab: Lab,
    *,
    now: Moment,
    within: object = "35min",
    reading: Reading = "ended",
    users: People | None = None,
    regression: IntensityRegression | None = None,
    **running: Unpack[Running],
) -> SuggestionResult:
    """Suggest the intensity of the next sessions to people who have just worked out.

    Everybody whose session ended (or started) within the last while gets one suggestion for each
    of the next sessions, from a linear regression on the person's own last sessions, tuned and
    fitted for that person. They go to the lab's table ``suggestions``, with the model, snapshot
    and settings that made them, in one commit for each batch of people. A second run for the same
    `now` adds nothing for whom history, settings and code are the same.

    Parameters
    ----------
    lab
        The lab; it moves to the snapshot that holds the suggestions.
    now
        The moment it is asked for, ``"2026-01-05T18:30"`` say, UTC where it names no time zone.
        Later sessions are not looked at.
    within, reading
        Who is due: see :mod:`workoutlab.coach.eligibility`.
    users
        Only these of them: ids, or a function of the table of their sessions that says which rows
        it likes.
    regression
        How; Muvr's by default.
    **running
        ``sessions``: a table to use in place of the lab's recordings, from
        :func:`~workoutlab.coach.sessions_from_plans` say. ``batch``: people a task. ``progress``:
        whether to show how many people are done, on a terminal.

    Returns
    -------
    SuggestionResult
        It prints; ``frame`` holds the suggestions, ``left_out`` and ``failed`` the reasons why
        somebody has none.

    Raises
    ------
    InputError
        If an argument cannot mean anything.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab import LabelledSet, Recording
    >>> lab = Lab("memory://intensity-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (100, 1))
    >>> day = 86_400_000_000_000
    >>> for number in range(20):
    ...     curls = LabelledSet(
    ...         start=0, stop=100, exercise="curl", intensity=0.4 + 0.2 * (number % 2)
    ...     )
    ...     _ = lab.append(
    ...         Recording(
    ...             user="ann", session=str(number), acceleration=still + number, rate_hz=50,
    ...             start_ns=number * day, sets=[curls],
    ...         )
    ...     )
    >>> result = suggest_intensity(lab, now="1970-01-20T00:10")
    >>> print(result)
    intensity for 1970-01-20T00:10:00Z, session ended within 35 min: 1 people eligible, 1 by
    regression, 0 by fallback, 0 unchanged, 0 left out, 0 failed
    >>> result.frame[["user", "position", "rounded", "method"]]
      user  position  rounded      method
    0  ann         1      0.4  regression
    1  ann         2      0.6  regression
    2  ann         3      0.4  regression
    """
    _check_arguments(lab, regression, running)
    run = _Run(lab, now, within, reading, users, regression or IntensityRegression())
    parse_moment(now)
    parse_window(within, reading)
    check_reachable(lab.refresh().url)
    known, seen = read_known(lab.root(), run.now_ns)
    run = replace(run, lab=copy.copy(lab), seen=seen)
    total, groups = _find_sessions(run, running.get("sessions"))
    tally = _Tally()
    with progress("people", total, show=running.get("progress", True)) as report:
        done = 0
        for asked, frame in groups:
            everyone, found = _find_histories(run, frame, known)
            tally.add(found)
            for people, outcome in _run_batches(everyone, running.get("batch", _PEOPLE_PER_TASK)):
                tally.add(outcome)
                report(done + people, len(tally.failed))
            done += asked
            report(done, len(tally.failed))
    return _conclude(run, lab.refresh(), tally)


def _check_arguments(lab: object, regression: object, running: Running) -> None:
    if not isinstance(lab, Lab):
        raise InputError(f"lab: expected a Lab, got {lab!r}")
    if regression is not None and not isinstance(regression, IntensityRegression):
        raise InputError(f"regression: expected an IntensityRegression, got {regression!r}")
    if unknown := set(running) - set(Running.__annotations__):
        known = ", ".join(sorted(Running.__annotations__))
        raise InputError(f"suggest_intensity takes {known}, got {', '.join(sorted(unknown))}")
    check_number("batch", running.get("batch", _PEOPLE_PER_TASK), whole=True, low=1)


def _find_sessions(
    run: _Run, given: pd.DataFrame | None
) -> tuple[int, Iterator[tuple[int, pd.DataFrame]]]:
    """Return how many people may be due, and their sessions, some people at a time."""
    if given is not None:
        people = int(check_sessions(given)["user"].nunique())
        last, there = given["recording"].max(), tables.length(run.lab.root(), RECORDINGS)
        if last >= there:
            raise InputError(
                f"sessions: recording {last} is none of the {there} of the lab; a session that was "
                "not recorded in it has recording -1"
            )
        return people, iter([(people, given)])
    recent = find_recent(run.lab, run.now_ns - run.within_ns)
    if run.users is not None and not callable(run.users):
        recent = keep_people(recent, run.users, pd.DataFrame())
    starts = range(0, len(recent), _PEOPLE_AT_ONCE)
    groups = (recent[start : start + _PEOPLE_AT_ONCE] for start in starts)
    return len(recent), ((len(group), derive_sessions(run.lab, group)) for group in groups)


def _find_histories(run: _Run, frame: pd.DataFrame, known: frozenset[str]) -> tuple[_Batch, _Tally]:
    """Find who is due and not suggested for yet, and what came before."""
    due = eligible(frame, run.now, run.within, run.reading)
    due = keep_people(due, run.users, frame)
    histories, without = find_histories(frame, run.now, due)
    digests = digest_people(histories, run.now_ns, run.settings())
    new = [number for number, digest in enumerate(digests) if digest not in known]
    lean = replace(run, users=None)  # a million ids need not go to each worker
    everyone = _Batch(lean, histories.select(new), tuple(digests[number] for number in new))
    there = np.setdiff1d(np.arange(len(histories)), new)
    simulated = int(histories.simulated[there].sum())
    found = _Tally(len(due), unchanged=len(there), simulated=simulated, left_out=without)
    return everyone, found


def _run_batches(everyone: _Batch, size: int) -> Iterator[tuple[int, _Tally]]:
    """Yield, batch by batch as they are done, how many people are, and what became of these."""
    starts = range(0, len(everyone.histories), size)
    ends = [min(start + size, len(everyone.histories)) for start in starts]
    batches = (
        replace(
            everyone,
            histories=everyone.histories.select(range(start, end)),
            digests=everyone.digests[start:end],
        )
        for start, end in zip(starts, ends, strict=True)
    )
    done = 0
    for position, outcome in run_tasks(_suggest_batch, batches):
        people = everyone.histories.users[starts[position] : ends[position]]
        done += len(people)
        if isinstance(outcome, Exception):
            why = f"{type(outcome).__name__}: {outcome}"
            yield done, _Tally(failed=dict.fromkeys(people, why))
        else:
            yield done, outcome


def _suggest_batch(batch: _Batch) -> _Tally:
    """Suggest for a batch of people and commit it: the task that workers run."""
    made = suggest(batch.histories, batch.run.regression)
    tally = _Tally(left_out=made.left_out, failed=made.failed)
    if not len(made.suggestions):
        return tally
    lab = copy.copy(batch.run.lab).refresh()
    people = made.suggestions["user"].nunique()
    stored, erased = lab.transact(
        lambda root: _store(root, batch, made), f"suggest intensities to {people} people"
    )
    tally.failed.update(dict.fromkeys(erased, "erased from the lab in the meantime"))
    first = stored[stored["position"] == 1]
    tally.by_regression = int((first["method"] == "regression").sum())
    tally.by_fallback = len(first) - tally.by_regression
    tally.simulated = int(first["simulated"].sum())
    tally.unchanged = int(people - len(first) - len(erased))
    return tally


def _store(root: zarr.Group, batch: _Batch, made: Made) -> tuple[pd.DataFrame, list[str]]:
    """Append what is new to the newest root; return it, and the users who are no longer in it."""
    run = batch.run
    known, _ = read_known(root, run.now_ns, run.seen)  # another run may have been faster
    erased = _find_erased(root, batch.histories)
    digests = dict(zip(batch.histories.users, batch.digests, strict=True))
    dropped = {user for user, digest in digests.items() if digest in known} | set(erased)
    new = made.without(dropped)
    if len(new.suggestions):
        common = {"made_ns": run.now_ns, "snapshot": run.lab.snapshot, "digests": digests}
        append_suggestions(root, new, common, {**run.settings(), "version": __version__})
    return new.suggestions, erased


def _find_erased(root: zarr.Group, histories: Histories) -> list[str]:
    """Return the users some of whose recordings are no longer in the lab."""
    rows = np.unique(histories.recordings[histories.recordings >= 0])
    (lengths,) = tables.take(tables.open_table(root, RECORDINGS.name), ["samples"], rows)
    gone = np.isin(histories.recordings, rows[lengths == 0])
    user = np.repeat(np.arange(len(histories)), histories.counts)
    return [histories.users[person] for person in np.unique(user[gone])]


def _conclude(run: _Run, lab: Lab, tally: _Tally) -> SuggestionResult:
    counts = {**vars(tally)}
    for name in ("left_out", "failed"):
        counts[name] = dict(sorted(counts[name].items()))
    return SuggestionResult(
        lab=lab, now_ns=run.now_ns, within_s=run.within_ns / 1e9, reading=run.reading, **counts
    )
