"""How well repetitions are counted in Muvr's recorded sets, on all and on those that can be right.

All 284 sets with a noted number of repetitions were looked at in plots (axes, first principal
axis), and the repetitions that the signal shows were counted by eye before the noted number was
looked at. ``muvr_repetitions.csv`` holds what was seen: the number, the sensible range, where the
repetitions start and stop, and a verdict. A noted number is *contradicted* where it lies 2 or more
outside the sensible range, for one of these reasons (column ``kind``):

``lost``
    The recording consists of blocks of 112 samples, and at most borders between them the signal
    jumps (at 176 of 218 borders in these 44 files the step is above the 98th percentile of the
    file's other steps; at 150 of 3,331 borders of blocks of 102 samples in the other files). About
    every second block is missing, and half of the repetitions with it.
``late``
    In back/jan-1, files 9 to 23 carry the exercise and number of the file before: the movement
    in each is that of the next file's label, and so is the number (what is counted is within 1 of
    the next file's number in 14 of 15, of its own in 5).
``short``
    The recording is too short for a single repetition.
``count``
    The signal is whole, and plainly shows another number; most of these labels are round numbers.

``--templates`` measures what 1, 2 and 5 counted sets of the same exercise and person teach: the set
that is counted is never among those that taught.

``python -m tests.benchmarks.repetitions [FOLDER] [--templates | --contradicted]``
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from tests.conftest import find_real_data
from workoutlab.readers import get
from workoutlab.recognition.evaluation.repetitions import evaluate_repetitions
from workoutlab.recognition.repetitions import (
    Counter,
    count_muvr,
    count_repetitions,
    find_known_sets,
)
from workoutlab.recognition.repetitions.templates import (
    ReadSet,
    Template,
    learn_template,
    read_known_set,
)
from workoutlab.recording import Recording

__all__ = ["Seen", "compare", "follow_learning", "read_seen", "read_sets"]

TAUGHT = (0, 1, 2, 5)


@dataclass(frozen=True)
class Seen:
    """What is seen in the plot of a set."""

    file: str
    label: int
    seen: int
    low: int
    high: int
    start_s: float
    stop_s: float
    verdict: str
    kind: str
    reason: str

    @property
    def contradicted(self) -> bool:
        """Whether the noted number cannot be that of the signal."""
        return self.verdict == "contradicted"


def read_seen() -> dict[str, Seen]:
    """Return what was seen, by file; start and stop are NaN where packets are missing."""
    with Path(__file__).with_name("muvr_repetitions.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    whole = ("label", "seen", "low", "high")
    return {
        row["file"]: Seen(
            **{
                **row,
                **{name: int(row[name]) for name in whole},
                **{name: float(row[name] or "nan") for name in ("start_s", "stop_s")},
            }
        )
        for row in rows
    }


def name_file(recording: Recording) -> str:
    """Return the name by which :func:`read_seen` knows a recording."""
    return "/".join(Path(recording.source).parts[-2:])


def read_sets(folder: Path, seen: Mapping[str, Seen]) -> list[Recording]:
    """Read the recordings that were looked at."""
    reader = get("muvr")
    return list(chain.from_iterable(reader.read(folder / file) for file in seen))


def describe(errors: Iterable[float]) -> dict[str, float]:
    """Return how many sets there are, the mean absolute error, and shares within 1 and exact."""
    off = np.abs(np.array(list(errors), dtype=np.float64))
    return {
        "sets": len(off),
        "mae": round(float(off.mean()), 3),
        "within_1": round(float((off <= 1).mean()), 4),
        "exact": round(float((off == 0).mean()), 4),
    }


def compare(recordings: Sequence[Recording], seen: Mapping[str, Seen]) -> dict[str, object]:
    """Count all sets, and hold the counts against noted numbers and against what was seen."""
    found = evaluate_repetitions(recordings, baseline=count_muvr, progress=False)
    files = [seen[name_file(recording)] for recording in recordings]
    guesses = [(what, one.guess, one.baseline) for what, one in zip(files, found.sets, strict=True)]
    able = [row for row in guesses if not row[0].contradicted]
    whole = [row for row in guesses if row[0].kind not in ("lost", "late", "short")]
    plain = [row for row in guesses if row[0].kind == "count"]
    reasons = sorted({what.kind for what in files if what.contradicted})
    return {
        "all": describe(guess - what.label for what, guess, _ in guesses),
        "not_contradicted": describe(guess - what.label for what, guess, _ in able),
        "all_but_lost_late_short": describe(guess - what.label for what, guess, _ in whole),
        "against_what_is_seen": {
            "all": describe(guess - what.seen for what, guess, _ in guesses),
            "kind_count": describe(guess - what.seen for what, guess, _ in plain),
        },
        "the_eye_itself": {
            "all": describe(what.seen - what.label for what in files),
            "not_contradicted": describe(what.seen - what.label for what, _, _ in able),
        },
        "muvr": {
            "all": describe((other or 0) - what.label for what, _, other in guesses),
            "not_contradicted": describe((other or 0) - what.label for what, _, other in able),
        },
        "contradicted": {kind: sum(what.kind == kind for what in files) for kind in reasons},
        "misses": [
            {"file": what.file, "label": what.label, "seen": what.seen, "counted": guess}
            for what, guess, _ in able
            if abs(guess - what.label) > 1
        ],
    }


def follow_learning(
    recordings: Sequence[Recording], *, taught: Sequence[int] = TAUGHT, seeds: int = 5
) -> dict[int, list[dict[str, float]]]:
    """Count each set with what other sets of its exercise teach, drawn anew for each seed.

    Exercises with 3 sets or more; where there are fewer others than asked for, all of them teach.
    All recordings must be of one person: templates are personal.
    """
    counter = Counter()
    reads: dict[str, list[ReadSet]] = {}
    for known in find_known_sets(recordings):
        reads.setdefault(known.exercise, []).append(read_known_set(known, counter))
    errors: dict[tuple[int, int], list[int]] = {}
    for sets in reads.values():
        if len(sets) < 3:
            continue
        for place, tested in enumerate(sets):
            for seed in range(seeds):
                order = np.random.default_rng((seed, place)).permutation(len(sets))
                others = [sets[k] for k in order.tolist() if k != place]
                for number in taught:
                    template = learn_template(others[:number]) if number else None
                    came = _count(tested, counter, template)
                    errors.setdefault((number, seed), []).append(came - tested.known.repetitions)
    return {number: [describe(errors[number, seed]) for seed in range(seeds)] for number in taught}


def _count(tested: ReadSet, counter: Counter, template: Template | None) -> int:
    known = tested.known
    return count_repetitions(
        known.acceleration,
        known.rate_hz,
        counter=counter,
        template=template,
        exercise=known.exercise,
    ).guess


def _spread(runs: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """Return mean, least and most over seeds."""
    return {
        name: [round(float(of([run[name] for run in runs])), 4) for of in (np.mean, min, max)]
        for name in ("mae", "within_1", "exact")
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both figures, or what templates teach, as lines of JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.repetitions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path, nargs="?", help="Muvr's files")
    parser.add_argument("--templates", action="store_true", help="0, 1, 2 and 5 counted sets")
    parser.add_argument("--contradicted", action="store_true", help="list these with reasons")
    chosen = parser.parse_args(arguments)
    seen = read_seen()
    if chosen.contradicted:
        for one in seen.values():
            if one.contradicted:
                sys.stdout.write(f"{one.file}: {one.label}, seen {one.seen}: {one.reason}\n")
        return 0
    recordings = read_sets(chosen.folder or find_real_data() / "muvr", seen)
    if chosen.templates:
        able = [one for one in recordings if not seen[name_file(one)].contradicted]
        for name, sets in (("all", recordings), ("not_contradicted", able)):
            for number, runs in follow_learning(sets).items():
                line = {"sets": name, "taught": number, "n": runs[0]["sets"], **_spread(runs)}
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
        return 0
    for name, figures in compare(recordings, seen).items():
        sys.stdout.write(json.dumps({name: figures}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
