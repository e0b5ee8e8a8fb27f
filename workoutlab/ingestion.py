"""Files into a lab: found, parsed in parallel, and stored in one atomic commit a batch.

One bad file never loses the others: the result lists what was stored, what the lab held already,
and what was rejected, with reasons. Which files are read is said in
:mod:`workoutlab.readers.find`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from workoutlab import readers
from workoutlab.cluster import progress as show_progress
from workoutlab.cluster import run_tasks
from workoutlab.errors import InputError, WorkoutlabError
from workoutlab.lab import Lab
from workoutlab.readers import Reader
from workoutlab.readers.find import Candidate, choose_reader, find_files
from workoutlab.readers.times import count_steps_back
from workoutlab.recording import Recording

__all__ = ["Entry", "IngestResult", "Status", "ingest"]

Status = Literal["stored", "duplicate", "conflict", "rejected", "passed over"]

_TASK_BYTES: Final = 4 * 2**20
"""Small files share a task up to this size: a task costs a few milliseconds on a cluster."""

_GROWTH: Final = {".parquet": 4, ".pq": 4}
"""How many times larger than the file its recordings may be, by suffix; text shrinks."""


_PLAUSIBLE_G: Final = (0.5, 2.0)
"""Median magnitude of acceleration: gravity makes it about 1 g, whatever is done."""

_SHOWN: Final = 10
"""Lines of a kind that a printed result shows."""

_SHOWN_ASIDE: Final = 3
"""The same for what needs nothing done about it."""


@dataclass(frozen=True)
class Entry:
    """What became of a recording, or of a file that holds none.

    Parameters
    ----------
    file
        The file.
    status
        ``"stored"``; ``"duplicate"``: the lab held the same samples and labels already;
        ``"conflict"``: a duplicate with other ids, labels or times;
        ``"rejected"``: the file cannot be read; ``"passed over"``: it is not of the format.
    recording
        Row of the recording in the lab, or of the one that it equals.
    same_as
        File of the recording that it equals.
    reason
        Why it was not stored, and what to do.
    notes
        What is odd about it, though it was stored.
    """

    file: str
    status: Status
    recording: int | None = None
    same_as: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Return what is known, ready for JSON."""
        known = {**vars(self), "notes": list(self.notes)}
        return {name: value for name, value in known.items() if value not in (None, "", [])}


@dataclass(frozen=True)
class IngestResult:
    """What became of every file.

    A recording whose samples the lab holds already is a duplicate and is not stored. If its ids or
    labels are others than those in the lab, it is a conflict too: nothing in the lab is changed,
    and which labels are right is for its owner to say.

    Parameters
    ----------
    snapshot
        The lab's snapshot afterwards.
    entries
        One a recording, and one a file without any; sorted by file.
    """

    snapshot: str
    entries: tuple[Entry, ...]

    def of(self, status: Status) -> tuple[Entry, ...]:
        """Return the entries of one status."""
        return tuple(entry for entry in self.entries if entry.status == status)

    @property
    def stored(self) -> tuple[Entry, ...]:
        """Recordings that were stored."""
        return self.of("stored")

    @property
    def duplicates(self) -> tuple[Entry, ...]:
        """Recordings whose samples the lab held already, conflicts included."""
        return tuple(entry for entry in self.entries if entry.status in ("duplicate", "conflict"))

    @property
    def conflicts(self) -> tuple[Entry, ...]:
        """Those of the duplicates that the lab holds with other ids, labels or times."""
        return self.of("conflict")

    @property
    def rejected(self) -> tuple[Entry, ...]:
        """Files that cannot be read."""
        return self.of("rejected")

    @property
    def passed_over(self) -> tuple[Entry, ...]:
        """Files that are not of the format."""
        return self.of("passed over")

    @property
    def ok(self) -> bool:
        """Whether something was read, and nothing rejected."""
        return bool(self.stored or self.duplicates) and not self.rejected

    def as_dict(self) -> dict[str, object]:
        """Return the result ready for JSON."""
        return {
            "ok": self.ok,
            "snapshot": self.snapshot,
            "stored": [entry.as_dict() for entry in self.stored],
            "duplicates": [entry.as_dict() for entry in self.duplicates],
            "conflicts": [entry.as_dict() for entry in self.conflicts],
            "rejected": [entry.as_dict() for entry in self.rejected],
            "passed_over": [entry.as_dict() for entry in self.passed_over],
        }

    def __str__(self) -> str:
        counts = [
            _count(len(self.stored), "recording") + " stored",
            _count(len(self.duplicates), "duplicate") + self._name_duplicates(),
            f"{len(self.rejected)} rejected",
        ]
        if self.passed_over:
            counts.append(_count(len(self.passed_over), "file") + " passed over")
        nothing = "" if self.stored else "nothing new: "
        return "\n".join([nothing + ", ".join(counts), *self._lines()])

    def _name_duplicates(self) -> str:
        """Name what equals what; files that are delivered again are only counted."""
        again = sum(entry.same_as == entry.file for entry in self.duplicates)
        names = [f"{again} stored before"] if again else []
        others = [entry for entry in self.duplicates if entry.same_as != entry.file]
        names += [f"{entry.file} = {entry.same_as}" for entry in others[:_SHOWN]]
        names += [f"{len(others) - _SHOWN} more"] if len(others) > _SHOWN else []
        return f" ({', '.join(names)})" if names else ""

    def _lines(self) -> Iterator[str]:
        yield from _list("rejected", self.rejected, _SHOWN)
        yield from _list("conflict", self.conflicts, _SHOWN)
        yield from _list("passed over", self.passed_over, _SHOWN_ASIDE)
        noted = [entry for entry in self.stored if entry.notes]
        yield from _list("note", noted, _SHOWN_ASIDE)


def _list(what: str, entries: Sequence[Entry], shown: int) -> Iterator[str]:
    for entry in entries[:shown]:
        yield f"{what}: {entry.file}: {entry.reason or '; '.join(entry.notes)}"
    if len(entries) > shown:
        yield f"{what}: {len(entries) - shown} more"


@dataclass(frozen=True)
class _Task:
    """Files that are parsed together."""

    files: tuple[Candidate, ...]
    reader: Reader | None
    simulated: bool


@dataclass(frozen=True)
class _Parsed:
    """What came of one file: its recordings, each with notes, or why there are none."""

    file: str
    recordings: tuple[tuple[Recording, tuple[str, ...]], ...] = ()
    failure: Entry | None = None


def ingest(
    lab: Lab,
    paths: str | Path | Iterable[str | Path],
    *,
    reader: str | Reader | None = None,
    simulated: bool = False,
    progress: bool = True,
    batch_bytes: int = 512 * 2**20,
) -> IngestResult:
    r"""Read files and store their recordings in a lab.

    Files are parsed on the active Dask cluster, whose workers must see them under the same paths,
    or on this process's threads. Recordings are stored in the order of their files' paths. What
    the lab holds already is not stored again, so that a run which was cut off is simply started
    again.

    Parameters
    ----------
    lab
        Where they go.
    paths
        Files, folders and patterns (``"recordings/*.csv"``), one or more.
    reader
        A reader, or the name of one that needs no options; found for each file where left out.
    simulated
        Whether the recordings were made by a simulator.
    progress
        Whether to show progress on standard error, where it is a terminal.
    batch_bytes
        Size of the files that one commit takes; about what is held in memory at a time. A larger
        file is a batch of its own.

    Returns
    -------
    IngestResult
        What became of every file.

    Raises
    ------
    InputError
        If there is no such reader or `batch_bytes` is not positive.
    LabError
        If the lab cannot be written; batches that were committed stay.

    Examples
    --------
    >>> import tempfile
    >>> lab = Lab("memory://ingest-example")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labelled_arms_jan-2_1.csv")
    ...     _ = path.write_text("0,0,1,biceps-curl,,20,10\n" * 100)
    ...     print(ingest(lab, folder, reader="muvr"))
    1 recording stored, 0 duplicates, 0 rejected
    """
    if batch_bytes <= 0:
        raise InputError(f"batch_bytes: expected a positive number, got {batch_bytes}")
    chosen = readers.get(reader) if isinstance(reader, str) else reader
    findings = find_files(paths, chosen)
    files = findings.files
    entries = [
        Entry(_show(path), "passed over", reason=why) for path, why in findings.passed_over.items()
    ]
    entries += [
        Entry(_show(path), "rejected", reason=why) for path, why in findings.rejected.items()
    ]
    done: Counter[str] = Counter()
    with show_progress("files", len(files), show=progress) as report:
        for batch in _group(files, batch_bytes):
            tasks = [_Task(some, chosen, simulated) for some in _group(batch, _TASK_BYTES)]
            results: dict[int, list[_Parsed]] = {}
            for position, result in run_tasks(_parse_task, tasks):
                results[position] = _settle(tasks[position], result)
                done["files"] += len(results[position])
                done["failed"] += sum(_is_rejected(parsed) for parsed in results[position])
                report(done["files"], done["failed"])
            entries += _store(lab, [parsed for each in sorted(results) for parsed in results[each]])
    return IngestResult(lab.snapshot, tuple(sorted(entries, key=lambda entry: Path(entry.file))))


def _group(files: Sequence[Candidate], limit: int) -> Iterator[tuple[Candidate, ...]]:
    """Split files, in order, into groups of up to `limit` bytes, or of one."""
    group: list[Candidate] = []
    size = 0
    for file in files:
        weight = file.size * _GROWTH.get(file.path.suffix.lower(), 1)
        if group and size + weight > limit:
            yield tuple(group)
            group, size = [], 0
        group.append(file)
        size += weight
    if group:
        yield tuple(group)


def _parse_task(task: _Task) -> list[_Parsed]:
    return [_parse(file, task.reader, simulated=task.simulated) for file in task.files]


def _parse(file: Candidate, reader: Reader | None, *, simulated: bool) -> _Parsed:
    name = file.path.as_posix()
    if (shown := _show(file.path)) != name:
        reason = "expected a path in UTF-8, in which a lab keeps it; rename the file"
        return _Parsed(shown, failure=Entry(shown, "rejected", reason=reason))
    try:
        chosen = choose_reader(file, reader)
        if isinstance(chosen, str):
            return _Parsed(name, failure=Entry(name, "passed over", reason=chosen))
        recordings = list(chosen.read(file.path))
    except WorkoutlabError as error:
        return _Parsed(name, failure=Entry(name, "rejected", reason=_explain(error, name)))
    except Exception as error:  # whatever a file does to a reader, the others are read
        reason = f"the reader failed with {type(error).__name__}: {error}"
        return _Parsed(name, failure=Entry(name, "rejected", reason=reason))
    if simulated:
        recordings = [replace(recording, simulated=True) for recording in recordings]
    return _Parsed(name, tuple((recording, _note(recording)) for recording in recordings))


def _show(path: Path) -> str:
    """Return a path as text; bytes that are not UTF-8 are lone surrogates in it, and escaped."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _explain(error: WorkoutlabError, file: str) -> str:
    return str(error).removeprefix(file).lstrip(":, ")


def _note(recording: Recording) -> tuple[str, ...]:
    """Say what is odd about a recording that is kept as it came."""
    notes = []
    if recording.time_ns is not None:
        same, earlier = count_steps_back(recording.time_ns)
        notes += [f"{_count(same, 'sample')} at the time of the one before"] if same else []
        notes += [f"{_count(earlier, 'sample')} earlier than the one before"] if earlier else []
    magnitude = float(np.median(np.linalg.norm(recording.acceleration, axis=1)))
    if not _PLAUSIBLE_G[0] <= magnitude <= _PLAUSIBLE_G[1]:
        notes.append(
            f"acceleration is {magnitude:.3g} g in the median, where gravity makes about 1 g: "
            "check its unit"
        )
    return tuple(notes)


def _settle(task: _Task, result: list[_Parsed] | Exception) -> list[_Parsed]:
    """Return what came of a task's files, also where the task itself was lost."""
    if not isinstance(result, Exception):
        return result
    reason = f"parsing failed with {type(result).__name__}: {result}; ingest the file again"
    names = [file.path.as_posix() for file in task.files]
    return [_Parsed(name, failure=Entry(name, "rejected", reason=reason)) for name in names]


def _is_rejected(parsed: _Parsed) -> bool:
    return parsed.failure is not None and parsed.failure.status == "rejected"


def _store(lab: Lab, batch: Sequence[_Parsed]) -> list[Entry]:
    """Append a batch's recordings in one commit, and say what became of its files."""
    entries = [parsed.failure for parsed in batch if parsed.failure is not None]
    recordings = [(parsed.file, *noted) for parsed in batch for noted in parsed.recordings]
    if not recordings:
        return entries
    files = sum(bool(parsed.recordings) for parsed in batch)
    appended = lab.append(
        [recording for _, recording, _ in recordings], message=f"ingest {_count(files, 'file')}"
    )
    sources: dict[Hashable, str] = {}
    if appended.stored < len(recordings):
        sources = lab.table("recordings", ["source"])["source"].to_dict()
    for (file, _, notes), outcome in zip(recordings, appended.outcomes, strict=True):
        same_as = "" if outcome.status == "stored" else sources.get(outcome.recording, "")
        entries.append(
            Entry(file, outcome.status, outcome.recording, same_as, outcome.reason, notes)
        )
    return entries


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
