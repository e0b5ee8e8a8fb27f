"""Sets in continuous sessions: found, bounded, named and counted, by people or sessions held out.

``python -m tests.benchmarks.sets composed`` composes sessions of Muvr's recorded sets with recorded
pauses between (both from ``WORKOUTLAB_DATA``) and leaves out each session once.
``python -m tests.benchmarks.sets simulated`` simulates sessions of people of whom none is in both
training and test, in groups. Muvr's rule of joining stands beside, with the same networks. Each
prints its report as text, and at the end one line of JSON with the main figures; ``--report FILE``
writes all as HTML. ``--full`` takes 100 people for simulated sessions, and all sessions for
composed ones; ``--folds 2 --step 2s`` takes fewer networks for calibration and fewer windows in
training, and a third of the time.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workoutlab import Composition, Recording, evaluate_sets, simulate
from workoutlab.readers.muvr import Muvr
from workoutlab.recognition import Stitching
from workoutlab.recognition.evaluation.results import plain
from workoutlab.recognition.evaluation.setresults import SetEvaluation, list_figures
from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.recognition.segmentation.settings import SetRecipe

__all__ = ["compose_muvr", "main", "read_muvr", "simulate_people"]

GROUPS = ("arms", "back", "chest", "core", "shoulders")
MINUTES = 6.0
VARIANTS = {"Muvr's rule": Decoding.muvr()}


def read_muvr(folder: Path) -> Iterator[Recording]:
    """Yield the recordings of one set each whose names tell the session, then those with pauses."""
    for group in (*GROUPS, "../muvr-continuous"):
        for path in sorted((folder / "muvr" / group).glob("*.csv")):
            yield from Muvr().read(path)


def compose_muvr(folder: Path, seed: int, sessions: Sequence[str] = ()) -> Composition:
    """Return Muvr's sets and pauses; of these sessions alone where some are named."""
    whole = Composition.of(read_muvr(folder), Stitching(seed=seed))
    kept = [one for one in whole.recordings if not sessions or one.session in sessions]
    return Composition(kept, whole.pauses, whole.stitching)


def simulate_people(people: int) -> list[Recording]:
    """Return one session of each of so many people."""
    return list(simulate(people, sessions=1, seed=17, minutes=MINUTES).recordings())


def run(
    what: str, full: bool, settings: SetRecipe | None = None, *, seeds: int = 1
) -> Iterator[tuple[str, SetEvaluation]]:
    """Yield evaluations by name, one after the other."""
    if what == "simulated":
        people, groups = (100, 5) if full else (8, 2)
        how: dict[str, Any] = {"protocol": "person", "folds": groups, "variants": VARIANTS}
        name = f"{people} simulated people"
        yield name, evaluate_sets(simulate_people(people), settings, **how)
        return
    data = Path(os.environ.get("WORKOUTLAB_DATA", "../shared/data"))
    for seed in range(seeds):
        sessions = () if full else ("back-jan-1", "back-jan-2")
        composed = compose_muvr(data, seed, sessions)
        yield f"composed, seed {seed}", evaluate_sets(composed, settings, variants=VARIANTS)


def summarise(name: str, found: SetEvaluation, seconds: float) -> dict[str, Any]:
    """Return the main figures as plain values."""
    return {
        "name": name,
        "label": found.source.label,
        "protocol": str(found.protocol),
        **plain(list_figures(found.counts)),
        "naming": plain(found.naming.to_dict("records")),
        "variants": {each: plain(list_figures(of)) for each, of in found.variants.items()},
        "seconds": round(seconds, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; the exit status is 1 if a fold could not be scored."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sets", description=__doc__)
    parser.add_argument("what", choices=("composed", "simulated"))
    parser.add_argument("--full", action="store_true", help="full size, not a small one")
    parser.add_argument("--seeds", type=int, default=1, help="compositions, seeded 0, 1, ...")
    parser.add_argument("--folds", type=int, default=5, help="parts of sets for calibration")
    parser.add_argument("--step", default="1s", help="from one window of training to the next")
    parser.add_argument("--report", type=Path, help="write HTML reports beside this file's name")
    chosen = parser.parse_args(arguments)
    status, started, lines = 0, time.perf_counter(), []
    settings = SetRecipe(folds=chosen.folds, step=chosen.step)
    found_by = run(chosen.what, chosen.full, settings, seeds=chosen.seeds)
    for number, (name, found) in enumerate(found_by):
        sys.stdout.write(f"\n{name}\n{found}\n")
        lines.append(summarise(name, found, time.perf_counter() - started))
        if chosen.report is not None:
            found.save_html(chosen.report.with_stem(f"{chosen.report.stem}-{number}"))
        status |= any("Error" in item.reason for item in found.not_scored)
        started = time.perf_counter()
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main())
