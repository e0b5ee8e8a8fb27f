"""Running a recogniser over a lab: what is missing or has changed, in batches, with progress."""

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, TypedDict, Unpack

import numpy as np
import pandas as pd
import zarr

from workoutlab.cluster import check_reachable, count_threads, progress, run_tasks
from workoutlab.errors import InputError
from workoutlab.lab import Lab, check_lab
from workoutlab.recognition.clock import Clock
from workoutlab.recognition.segmentation.keeping import open_recogniser
from workoutlab.recording import Recording
from workoutlab.schema import EVERYONE, RECORDINGS, UNKNOWN, check_id
from workoutlab.signals.choice import Names, choose_recordings
from workoutlab.signals.code import DECISIVE, digest_modules
from workoutlab.store import tables
from workoutlab.store.found import append_found, read_known

__all__ = ["RecogniseResult", "recognise"]

_DECISIVE: Final = (
    *DECISIVE,
    "recognition/segmentation",
    "recognition/repetitions",
    "recognition/quality",
)
"""The code that decides what is found; what the models were made by shows in their digests."""

_FACTS: Final = ("digest", "facts", "user", "session", "device", "samples", "simulated")
_MOST_SAMPLES: Final = 2_000_000
"""Of a batch: 11 hours at 50 Hz, all that a killed run repeats of it."""
_BATCHES_PER_THREAD: Final = 16
_SHOWN: Final = 10


@dataclass(frozen=True)
class RecogniseResult:
    """What running a recogniser over a lab did.

    Parameters
    ----------
    name
        Of the recogniser.
    recognised
        Recordings that were gone through, and how many sets were found in each.
    unchanged
        Recordings that were gone through before, by the same recogniser and code.
    failed
        Recordings that could not be gone through, and why.
    unknown
        Found sets whose exercise was called unknown.
    hours
        Hours that were gone through.
    snapshot
        The lab's snapshot that holds what was found.
    """

    name: str
    recognised: dict[int, int]
    unchanged: tuple[int, ...] = ()
    failed: dict[int, str] = field(default_factory=dict)
    unknown: int = 0
    hours: float = 0.0
    snapshot: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def found(self) -> int:
        """Number of sets that were found."""
        return sum(self.recognised.values())

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "ok": self.ok,
            "name": self.name,
            "found": self.found,
            "unknown": self.unknown,
            "hours": self.hours,
            "recognised": {str(row): count for row, count in self.recognised.items()},
            "unchanged": list(self.unchanged),
            "failed": {str(row): why for row, why in self.failed.items()},
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        total = len(self.recognised) + len(self.unchanged) + len(self.failed)
        first = (
            f"recogniser {self.name!r}: {len(self.recognised)} of {total} recordings gone through "
            f"({self.hours:.2f} hours), {len(self.unchanged)} unchanged, {len(self.failed)} "
            f"failed; {self.found} sets found, {self.unknown} of them called unknown"
        )
        lines = [f"  recording {row}: {why}" for row, why in [*self.failed.items()][:_SHOWN]]
        more = [f"  and {len(self.failed) - _SHOWN} more"] if len(self.failed) > _SHOWN else []
        return "\n".join([first, *lines, *more])

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in str(self).splitlines())


class Options(TypedDict, total=False):
    """Which recordings, and how a run is carried out."""

    users: Names
    sessions: Names
    devices: Names
    retries: int
    progress: bool


def recognise(
    lab: Lab, recogniser: Any = "sets", *, again: bool = False, **options: Unpack[Options]
) -> RecogniseResult:
    """Find the sets in a lab's recordings, on the active Dask client if there is one.

    Each finished batch of recordings is committed at once, and a run that is started again goes
    through those recordings alone that it has not gone through yet with the same recogniser, models
    and code. So it is safe to kill, and cheap to repeat after new recordings or a new training.
    What was found before stays in the lab as history.

    Parameters
    ----------
    lab
        The lab; it moves to the snapshot that holds what was found.
    recogniser
        Name of a recogniser in the lab, of which each person has their own where one was trained,
        or a :class:`~workoutlab.recognition.segmentation.recogniser.Recogniser` for everybody.
    again
        Whether to go through all recordings, whatever is known of them.
    **options
        ``users``, ``sessions``, ``devices``: a name or several; all by default. ``retries``: how
        often a batch that broke is tried again, 1 by default. ``progress``: whether to show how
        many recordings are done on a terminal.

    Returns
    -------
    RecogniseResult
        What was found where, and what failed.

    Raises
    ------
    InputError
        If an argument cannot mean anything.
    NotInLabError
        If the lab has no such recogniser, person or session.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.
    """
    if unknown := set(options) - set(Options.__annotations__):
        known = ", ".join(sorted(Options.__annotations__))
        raise InputError(f"recognise takes {known}, got {', '.join(sorted(unknown))}")
    name = _name(recogniser)
    check_lab(lab).refresh()
    check_reachable(lab.url)
    chosen: Any = {each: options.get(each) for each in ("users", "sessions", "devices")}
    recordings = choose_recordings(lab.table("recordings", _FACTS), chosen)
    if isinstance(recogniser, str):  # a name that is none is told of before any work
        open_recogniser(lab, recogniser, EVERYONE)
    batches = list(_make_batches(lab, recogniser, recordings, again))
    show = options.get("progress", True)
    done = _Done({}, [], {}, 0, 0.0)
    with progress("recordings", len(recordings), show=show) as report:
        outcomes = run_tasks(_recognise_batch, batches, retries=options.get("retries", 1))
        for position, outcome in outcomes:
            if isinstance(outcome, Exception):
                why = f"{type(outcome).__name__}: {outcome}"
                done.failed.update(dict.fromkeys(batches[position].rows, why))
            else:
                done = done.join(outcome)
            report(done.count, len(done.failed))
    return RecogniseResult(
        name=name,
        recognised=dict(sorted(done.recognised.items())),
        unchanged=tuple(sorted(done.unchanged)),
        failed=dict(sorted(done.failed.items())),
        unknown=done.unknown,
        hours=done.hours,
        snapshot=lab.refresh().snapshot,
    )


def _name(recogniser: Any) -> str:
    if isinstance(recogniser, str):
        return check_id(recogniser, "recogniser")
    if not hasattr(recogniser, "find"):
        raise InputError(f"recogniser: expected its name or a Recogniser, got {recogniser!r}")
    if not recogniser.digest or not recogniser.name:
        raise InputError(
            "recogniser: expected one with a name and a digest, by which a lab knows what it has "
            "found before; train_recogniser and fit_recogniser make such"
        )
    return check_id(recogniser.name, "recogniser")


@dataclass(frozen=True, eq=False)
class _Batch:
    """Recordings that one task goes through: one commit.

    ``known`` are the digests of their last runs, of the ``seen`` runs that were looked at before;
    what came since is looked at by the task.
    """

    lab: Lab
    recogniser: Any
    rows: tuple[int, ...]
    known: Mapping[int, str]
    seen: int
    again: bool


@dataclass(frozen=True)
class _Done:
    """What became of recordings."""

    recognised: dict[int, int]
    unchanged: list[int]
    failed: dict[int, str]
    unknown: int
    hours: float

    @property
    def count(self) -> int:
        return len(self.recognised) + len(self.unchanged) + len(self.failed)

    def join(self, other: "_Done") -> "_Done":
        return _Done(
            self.recognised | other.recognised,
            self.unchanged + other.unchanged,
            self.failed | other.failed,
            self.unknown + other.unknown,
            self.hours + other.hours,
        )


def _make_batches(
    lab: Lab, recogniser: Any, recordings: pd.DataFrame, again: bool
) -> Iterator[_Batch]:
    """Part recordings, by person, into batches of a bounded number of samples."""
    ordered = recordings.sort_values("user", kind="stable")
    fair = int(ordered["samples"].sum()) // (count_threads() * _BATCHES_PER_THREAD)
    room = min(max(fair, 1), _MOST_SAMPLES)
    known, seen = read_known(lab.root(), _name(recogniser))

    def batch(rows: Sequence[int]) -> _Batch:
        theirs = {row: known[row] for row in rows if row in known}
        return _Batch(lab, recogniser, tuple(rows), theirs, seen, again)

    rows: list[int] = []
    size = 0
    for row, samples in zip(ordered.index.tolist(), ordered["samples"].tolist(), strict=True):
        if rows and size + samples > room:
            yield batch(rows)
            rows, size = [], 0
        rows.append(row)
        size += samples
    if rows:
        yield batch(rows)


@dataclass(frozen=True, eq=False)
class _Run:
    """A recording that was gone through, and what was found."""

    row: int
    facts: Mapping[Any, Any]
    recogniser: Any
    digest: str
    sets: list[dict[str, Any]]
    seconds: float


def _recognise_batch(batch: _Batch) -> _Done:
    """Go through a batch's recordings and commit what is found: the task that workers run."""
    pinned = batch.lab
    lab = copy.copy(pinned).refresh()  # what another worker may have committed before it died
    recordings = pinned.table("recordings", _FACTS).loc[list(batch.rows)]
    name = _name(batch.recogniser)
    known = {**batch.known, **read_known(lab.root(), name, batch.seen)[0]}
    opened: dict[str, Any] = {}
    done = _Done({}, [], {}, 0, 0.0)
    runs: list[_Run] = []
    for row, facts in zip(batch.rows, recordings.to_dict("records"), strict=True):
        try:
            recogniser = _open_for(batch, opened, str(facts["user"]))
            digest = _digest(recogniser, facts)
            if not batch.again and known.get(row) == digest:
                done.unchanged.append(row)
                continue
            recording = pinned.recording(row)
            sets = list_found(recogniser, recording)
            runs.append(_Run(row, facts, recogniser, digest, sets, recording.duration_s))
        except Exception as error:  # one recording's, not the others'
            done.failed[row] = f"{type(error).__name__}: {error}"
    if runs:
        write: Callable[[zarr.Group], list[int]] = lambda root: _store(root, batch, runs)  # noqa: E731
        gone = lab.transact(write, f"recognise {len(runs)} recordings by {name}")
        done.failed.update(dict.fromkeys(gone, "erased from the lab meanwhile"))
    return _count(done, [run for run in runs if run.row not in done.failed])


def _open_for(batch: _Batch, opened: dict[str, Any], user: str) -> Any:
    if not isinstance(batch.recogniser, str):
        return batch.recogniser
    whose = EVERYONE if user == UNKNOWN else user
    if whose not in opened:
        opened.clear()  # batches go person by person: one network in memory
        opened[whose] = open_recogniser(batch.lab, batch.recogniser, whose)
    return opened[whose]


def _digest(recogniser: Any, facts: Mapping[Any, Any]) -> str:
    """Return a SHA-256, in hex, of all that decides what is found in a recording."""
    parts = [str(facts["digest"]), str(facts["facts"]), recogniser.digest]
    return hashlib.sha256("\n".join([*parts, digest_modules(_DECISIVE)]).encode()).hexdigest()


def list_found(recogniser: Any, recording: Recording) -> list[dict[str, Any]]:
    """Find sets, as rows of :data:`workoutlab.schema.FOUND` in the recording's own samples."""
    found = recogniser.find(recording).table
    clock = Clock.of(recording)
    bounds = {name: clock.samples_at(found[f"{name}_s"]) for name in ("start", "stop")}
    found = found.assign(**bounds)
    kept = found[found["stop"] > found["start"]]
    return [{str(name): value for name, value in row.items()} for row in kept.to_dict("records")]


def _store(root: zarr.Group, batch: _Batch, runs: Sequence[_Run]) -> list[int]:
    """Append what was found to the newest root; return the recordings that are no longer in it."""
    rows = np.array([run.row for run in runs])
    order = np.argsort(rows)
    (lengths,) = tables.take(tables.open_table(root, RECORDINGS.name), ["samples"], rows[order])
    gone = set(rows[order][lengths == 0].tolist())
    name = _name(batch.recogniser)
    faster = read_known(root, name, batch.seen)[0]  # another run may have been
    new = [run for run in runs if run.row not in gone and faster.get(run.row) != run.digest]
    if new:
        now = time.time_ns()
        append_found(
            root,
            [
                {
                    "user": run.facts["user"],
                    "recording": run.row,
                    "recogniser": name,
                    "digest": run.digest,
                    "made_ns": now,
                }
                for run in new
            ],
            [[_row(batch, run, each, now) for each in run.sets] for run in new],
        )
    return sorted(gone)


def _row(batch: _Batch, run: _Run, each: Mapping[str, Any], now: int) -> dict[str, Any]:
    models = {
        stage: getattr(getattr(run.recogniser, stage, None), "model", "")
        for stage in ("activity", "exercises")
    }
    return {
        **each,
        "user": run.facts["user"],
        "session": run.facts["session"],
        "recording": run.row,
        "recogniser": _name(batch.recogniser),
        "models": json.dumps({"user": run.recogniser.user, **models}),
        "snapshot": batch.lab.snapshot,
        "digest": run.digest,
        "made_ns": now,
        "simulated": bool(run.facts["simulated"]),
    }


def _count(done: _Done, runs: Sequence[_Run]) -> _Done:
    return _Done(
        {run.row: len(run.sets) for run in runs},
        done.unchanged,
        done.failed,
        sum(each["exercise"] == UNKNOWN for run in runs for each in run.sets),
        sum(run.seconds for run in runs) / 3600,
    )
