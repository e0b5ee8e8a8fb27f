"""The whole loop on Muvr's sessions: ``python -m tests.benchmarks.loop [SESSION ...]``.

A session stands for a person (all are of one, yet of other days, exercises and tempi). A recogniser
is trained on sessions composed of the others' sets with the pauses of one continuous recording. Of
the session's own sets, one half makes a composed recording that is recognised and corrected, the
other half one that is tested, both with the pauses of another recording; neither comes with labels.
After 1, 2 and 5 corrections the recogniser is adapted and all is recognised again. Found sets that
are wrong are corrected first, in random order: exercise and boundaries, or that it was none. Error:
sets of the tested half of which no found set, overlapping by half of both, has the right name.

It is the small network of the benchmark (MLP 100-50, 12 epochs), not the usual one.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import workoutlab as wl
from workoutlab import MLP, Lab, LabelledSet, Recipe, Recording, Statistics, ingest
from workoutlab.recognition.evaluation.composing import Stitching, compose, list_pauses
from workoutlab.recognition.segmentation import SetRecipe

SMALL = Recipe(
    Statistics("all", channels=("x", "y", "z", "magnitude")),
    MLP(100, 50, dropout_keep=0.5),
    scaling="ramps",
    smoothing=0.1,
    rate=0.05,
    schedule="cosine",
    batch=100,
    epochs=12,
)
SETTINGS = SetRecipe(activity=SMALL, exercise=SMALL, folds=2)
GROUPS = ("arms", "back", "chest", "core", "shoulders")
SESSIONS = (
    *("back-jan-1", "back-jan-2", "chest-jan-2", "chest-jan-3"),
    *("shoulders-jan-2", "shoulders-jan-3"),
)
COUNTS = (1, 2, 5)
RATE_HZ = 50
_DATA = os.environ.get("WORKOUTLAB_DATA", "../shared/data")


def read_parts(data: Path) -> tuple[list[Recording], list[Any]]:
    """Return the recorded sets, each session a person, and the pauses of each recording."""
    sets, continuous = Lab("memory://loop-sets"), Lab("memory://loop-continuous")
    ingest(sets, [data / "muvr" / name for name in GROUPS], reader="muvr", progress=False)
    ingest(continuous, data / "muvr-continuous", reader="muvr", progress=False)
    recordings = [sets.recording(int(row)) for row in sets.table("recordings").index]
    rows = continuous.table("recordings").index
    pauses = [list_pauses([continuous.recording(int(row))]) for row in rows]
    return [replace(each, user=each.session) for each in recordings], pauses


def overlap(start: int, stop: int, truth: LabelledSet) -> float:
    """Return the share of two stretches together that both cover."""
    shared = min(stop, truth.stop) - max(start, truth.start)
    return shared / (max(stop, truth.stop) - min(start, truth.start))


@dataclass(eq=False)
class Loop:
    """A lab in which one session is recognised, corrected and tested."""

    lab: Lab
    user: str
    pool: dict[int, Recording]
    test: dict[int, Recording]
    random: np.random.Generator
    done: set[Any] = field(default_factory=set)

    def recognise(self) -> None:
        """Find sets in the session's recordings."""
        wl.recognise(self.lab, users=[self.user], progress=False)

    def score(self) -> dict[str, int]:
        """Count sets that are wrong, all, and found ones, of the tested half."""
        found = self.lab.found("sets", [self.user])
        wrong = 0
        for row, recording in self.test.items():
            theirs = found[found["recording"] == row].to_dict("records")
            for truth in recording.sets:
                said = max(
                    ((overlap(each["start"], each["stop"], truth), each["exercise"])
                     for each in theirs),
                    default=(0.0, ""),
                )  # fmt: skip
                wrong += said[0] < 0.5 or said[1] != truth.exercise
        sets = sum(len(recording.sets) for recording in self.test.values())
        extra = int(found["recording"].isin(list(self.test)).sum())
        return {"wrong": wrong, "sets": sets, "found": extra}

    def correct(self) -> bool:
        """Correct one found set, a wrong one as long as there are some."""
        choices = list(self._list_choices())
        if not choices:
            return False
        _, _, row, truth, key = min(choices, key=lambda each: each[:2])
        self.done.add(key)
        said: dict[str, Any] = {"not_exercise": True}
        if truth is not None:
            bounds = {"start_s": truth.start / RATE_HZ, "stop_s": truth.stop / RATE_HZ}
            said = {"exercise": truth.exercise, **bounds}
        wl.correct(self.lab, found=row, replace=True, **said)
        return True

    def _list_choices(self) -> Iterator[tuple[bool, float, int, LabelledSet | None, Any]]:
        found = self.lab.found("sets", [self.user])
        for recording, known in self.pool.items():
            for row, each in found[found["recording"] == recording].iterrows():
                own = [one for one in known.sets if overlap(each["start"], each["stop"], one) > 0.5]
                truth = own[-1] if own else None
                key = (recording, truth.start if truth else ("none", each["start"]))
                if key not in self.done:
                    right = truth is not None and truth.exercise == each["exercise"]
                    yield right, self.random.random(), int(row), truth, key


def prepare(user: str, seed: int, recordings: Sequence[Recording], pauses: Sequence[Any]) -> Loop:
    """Train on the other sessions, and put the halves of one beside them, without labels."""
    others = compose(
        [each for each in recordings if each.user != user], pauses[0], Stitching(seed=1)
    )
    own = [each for each in recordings if each.user == user]
    order = np.random.default_rng(seed).permutation(len(own))
    half = len(own) // 2
    halves = [
        compose([own[at] for at in order[:half]], pauses[1], Stitching(seed=seed)),
        compose([own[at] for at in order[half:]], pauses[1], Stitching(seed=seed + 50)),
    ]
    lab = Lab(f"memory://loop-{user}-{seed}")
    lab.append(others)
    rows = []
    for name, half_of in zip(("pool", "test"), halves, strict=True):
        bare = [replace(each, sets=(), session=name) for each in half_of]
        outcomes = lab.append(bare).outcomes
        rows.append({one.recording: each for one, each in zip(outcomes, half_of, strict=True)})
    users = sorted({each.user for each in others})
    wl.train_recogniser(lab, SETTINGS, users=users, progress=False)
    return Loop(lab, user, rows[0], rows[1], np.random.default_rng(seed + 99))


def main() -> None:
    """Go round the loop of each session, and print what is wrong before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sessions", nargs="*", default=SESSIONS)
    parser.add_argument("--data", type=Path, default=Path(_DATA))
    parser.add_argument("--seeds", type=int, default=2)
    chosen = parser.parse_args()
    recordings, pauses = read_parts(chosen.data)
    rows: list[dict[str, Any]] = []
    began = time.monotonic()
    for user in chosen.sessions:
        for seed in range(chosen.seeds):
            loop = prepare(user, seed, recordings, pauses)
            made = 0
            for count in (0, *COUNTS):
                while made < count and loop.correct():
                    made += 1
                if count:
                    wl.adapt(loop.lab, SETTINGS, users=user, progress=False)
                loop.recognise()
                rows.append({"session": user, "seed": seed, "count": count, **loop.score()})
                passed = time.monotonic() - began
                sys.stderr.write(f"{rows[-1]} after {passed:.0f} s\n")
    sums = pd.DataFrame(rows).groupby("count")[["wrong", "sets", "found"]].sum()
    sums["error_percent"] = (100 * sums["wrong"] / sums["sets"]).round(1)
    sys.stdout.write(f"{sums.to_string()}\n")


if __name__ == "__main__":
    main()
