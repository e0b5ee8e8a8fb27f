"""Corrections as rows of a lab: what each becomes, and what it replaces."""

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
import zarr

from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.recognition.clock import Clock
from workoutlab.recognition.corrections.correction import Correction
from workoutlab.recording import LabelledSet
from workoutlab.schema import CORRECTED, RECOGNISED, RECORDINGS, RESTING, UNKNOWN
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group
from workoutlab.store.labels import (
    FILED,
    append_corrections,
    count_changes,
    first_set,
    read_corrections,
    read_sets,
)

__all__ = ["Drafts"]

_KNOWN: Final = ("muscle_group", "repetitions", "weight_kg", "body_weight", "intensity")
_REST: Final = RESTING[-1]


@dataclass(eq=False)
class Drafts:
    """Corrections as rows, each made with those before it in view; not yet stored.

    Parameters
    ----------
    lab
        The lab, at its newest snapshot.
    replace
        Whether sets that a correction overlaps no longer count.
    rows
        Of :data:`~workoutlab.store.labels.CORRECTIONS`.
    gone
        The numbers of the sets that each row replaces.
    sets, clocks
        What is known of the recordings that are touched.
    """

    lab: Lab
    replace: bool
    rows: list[dict[str, Any]] = field(default_factory=list)
    gone: list[tuple[int, ...]] = field(default_factory=list)
    sets: dict[int, pd.DataFrame] = field(default_factory=dict)
    clocks: dict[int, Clock] = field(default_factory=dict)

    @cached_property
    def first(self) -> int:
        """Number of the set that the first correction becomes."""
        return CORRECTED + self.seen[0]

    @cached_property
    def seen(self) -> tuple[int, int]:
        """How many corrections, and changes by them, the lab held."""
        return count_changes(self.lab.root())

    @cached_property
    def made(self) -> pd.DataFrame:
        """Corrections that were made before and count."""
        made = read_corrections(self.lab.root())
        return made[made["counts"].astype(bool)]

    @cached_property
    def groups(self) -> dict[str, str]:
        """The muscle group of each exercise whose labelled sets all have the same."""
        sets = self.lab.table("sets", ["exercise", "muscle_group"]).drop_duplicates()
        known = sets[(sets["muscle_group"] != "") & ~sets["exercise"].duplicated(keep=False)]
        return dict(zip(known["exercise"], known["muscle_group"], strict=True))

    def store(self, root: zarr.Group) -> bool:
        """Append all rows; not where the lab has changed so that they may no longer fit."""
        if count_changes(root) != self.seen:
            return False
        recordings = np.unique([row["recording"] for row in self.rows])
        (lengths,) = tables.take(tables.open_table(root, RECORDINGS.name), ["samples"], recordings)
        if not lengths.all():  # erased since
            return False
        append_corrections(root, self.rows, self.gone)
        return True

    def add(self, correction: Correction) -> None:
        """Make a row of a correction."""
        source, replaced = self._find(correction)
        recording = int(source["recording"])
        owner = tables.read(
            self.lab.root(), RECORDINGS, ["user"], start=recording, stop=recording + 1
        )["user"]
        if owner.empty:
            raise NotInLabError(
                f"correction of {correction.place}: the lab has no recording {recording}; "
                "table('recordings') lists them by number"
            )
        row = {
            "user": str(owner.iloc[0]),
            "recording": recording,
            **self._bound(correction, source, recording),
            **self._name(correction, source),
            "found": correction.found,
            "made_ns": time.time_ns(),
        }
        _check_row(row, correction)
        sets = self._sets_of(recording)
        met = sets[(sets["start"] < row["stop"]) & (sets["stop"] > row["start"])]
        others = met[~met.index.isin(replaced)]
        if len(others) and not self.replace:
            raise InputError(_tell_overlap(correction, row, others))
        gone = sorted({*replaced, *others.index.tolist()})
        number = self.first + len(self.rows)
        kept = {name: row.get(name, "correction") for name in sets.columns}
        new = pd.DataFrame([kept], index=[number])
        self.sets[recording] = pd.concat([sets[~sets.index.isin(gone)].astype(object), new])
        self.rows.append(row)
        self.gone.append(tuple(gone))

    def _find(self, correction: Correction) -> tuple[dict[Any, Any], list[int]]:
        """Return what a correction is about, and the sets that it corrects."""
        if correction.found is not None:
            source = _read_found(self.lab, correction.found)
            before = self.made.index[self.made["found"] == correction.found].tolist()
            before += [
                self.first + place
                for place, row in enumerate(self.rows)
                if row["found"] == correction.found
            ]
            alive = self._sets_of(int(source["recording"])).index
            return source, [number for number in before if number in alive]
        if correction.set is not None:
            return self._find_set(correction.set), [correction.set]
        return {"recording": correction.recording}, []

    def _find_set(self, number: int) -> dict[Any, Any]:
        for sets in self.sets.values():  # perhaps one that this batch has made
            if number in sets.index:
                return dict(sets.loc[number])
        recording = self._recording_of(number)
        sets = self._sets_of(recording) if recording is not None else pd.DataFrame()
        if number not in sets.index:
            raise NotInLabError(
                f"correction of set {number}: the lab has no such set that counts; "
                "table('sets') lists them by number"
            )
        return dict(sets.loc[number])

    def _recording_of(self, number: int) -> int | None:
        if number >= CORRECTED:
            owners = self.made["recording"]
            return int(owners[number]) if number in owners.index else None
        filed = tables.read(self.lab.root(), FILED, ["recording"], start=number, stop=number + 1)[
            "recording"
        ]
        return int(filed.iloc[0]) if len(filed) else None

    def _sets_of(self, recording: int) -> pd.DataFrame:
        """Return the sets of a recording that count, with what was added since."""
        if recording not in self.sets:
            root = self.lab.root()
            first, last = (first_set(root, row) for row in (recording, recording + 1))
            span = (recording, recording + 1)
            self.sets[recording] = read_sets(root, start=first, stop=last, recordings=span)
        return self.sets[recording]

    def _bound(
        self, correction: Correction, source: dict[Any, Any], recording: int
    ) -> dict[str, Any]:
        """Return the boundaries, in samples and in s."""
        if correction.start_s is None and correction.stop_s is None:
            return {name: source[name] for name in ("start", "stop", "start_s", "stop_s")}
        if recording not in self.clocks:
            self.clocks[recording] = Clock.read(self.lab, recording)
        clock = self.clocks[recording]
        bounds = {}
        for name in ("start", "stop"):
            asked = getattr(correction, f"{name}_s")
            asked = source[f"{name}_s"] if asked is None else asked
            if not 0 <= asked <= clock.stop_s + 0.5 / clock.rate_hz:
                raise InputError(
                    f"correction of {correction.place}: {name}_s: recording {recording} goes from "
                    f"0 to {clock.stop_s:.2f} s, got {asked:g}"
                )
            bounds[name] = int(clock.samples_at(asked))
        if bounds["start"] >= bounds["stop"]:
            raise InputError(
                f"correction of {correction.place}: expected it to start before it stops, got "
                f"{clock.second_of(bounds['start']):.2f} to "
                f"{clock.second_of(bounds['stop']):.2f} s"
            )
        seconds = {f"{name}_s": clock.second_of(at) for name, at in bounds.items()}
        return {**bounds, **seconds}

    def _name(self, correction: Correction, source: dict[Any, Any]) -> dict[str, Any]:
        """Return the exercise and what is known of it."""
        nothing = {**dict.fromkeys(_KNOWN), "muscle_group": "", "body_weight": False}
        if correction.resting:
            return {**nothing, "exercise": _REST}
        exercise = correction.exercise or source["exercise"]
        if exercise == UNKNOWN:
            raise InputError(
                f"correction of {correction.place}: its exercise is not known (perhaps "
                f"{source.get('guess', '')!r}); say it (exercise=...), or that it was none "
                "(not_exercise=True)"
            )
        same = exercise in (source.get("exercise"), source.get("guess"))
        if correction.set is not None and same:
            nothing |= {name: _known(source[name]) for name in _KNOWN}
        group = source.get("muscle_group") if same else None
        said = {name: getattr(correction, name) for name in _KNOWN}
        told = {name: value for name, value in said.items() if value is not None}
        named = {"muscle_group": group or self.groups.get(exercise, "")}
        return {**nothing, **named, **told, "exercise": exercise}


def _read_found(lab: Lab, row: int) -> dict[Any, Any]:
    home = find_group(lab.root(), layout.FOUND)
    frame = pd.DataFrame()
    if home is not None:
        frame = tables.read(home, RECOGNISED, start=row, stop=row + 1)
    if frame.empty:
        raise NotInLabError(
            f"correction of found {row}: the lab has no such found set; lab.found() lists them by "
            "row, recognise finds some"
        )
    return dict(frame.iloc[0])


def _known(value: Any) -> Any:
    return None if pd.isna(value) else value


def _check_row(row: dict[str, Any], correction: Correction) -> None:
    """Hold a row to what holds for any labelled set."""
    names = ("start", "stop", "exercise", *_KNOWN)
    try:
        LabelledSet(**{name: row[name] for name in names})
    except InputError as error:
        raise InputError(f"correction of {correction.place}: {error}") from error


def _tell_overlap(correction: Correction, row: dict[str, Any], others: pd.DataFrame) -> str:
    listed = [
        f"set {number} ({each['exercise']}, {each['start_s']:.2f} to {each['stop_s']:.2f} s)"
        for number, each in others.iterrows()
    ]
    return (
        f"correction of {correction.place}: {row['start_s']:.2f} to {row['stop_s']:.2f} s overlap "
        f"{', '.join(listed)}; correct that one (set=...), say other boundaries (start_s=, "
        "stop_s=), or replace=True, after which it no longer counts"
    )
