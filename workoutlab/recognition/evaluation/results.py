"""What an evaluation found: frozen figures that print, serialize and make a report."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workoutlab.recognition.evaluation import report
from workoutlab.recognition.evaluation.metrics import Confusion, Spread
from workoutlab.recognition.evaluation.splits import Protocol

__all__ = ["Evaluation", "Fold", "Level", "NotScored", "Person", "Source", "plain"]

LEVELS: Final = ("windows", "sets")


@dataclass(frozen=True)
class Level:
    """Figures of one level: of windows, or of sets by the vote of their windows.

    Parameters
    ----------
    confusion
        Of all folds together.
    error_percent, macro_f1
        Mean and standard deviation over the folds.
    """

    confusion: Confusion
    error_percent: Spread
    macro_f1: Spread

    @property
    def accuracy(self) -> Spread:
        """Share that is right, 0..1; mean and standard deviation over the folds."""
        error = self.error_percent
        return Spread(1 - error.mean / 100, error.sd / 100, error.count)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        table = self.confusion
        return {
            "scored": table.total,
            "wrong": table.wrong,
            "error_percent": plain(self.error_percent),
            "accuracy": plain(self.accuracy),
            "macro_f1": plain(self.macro_f1),
            "pooled": {name: plain(getattr(table, name)) for name in ("error_percent", "macro_f1")},
            "confusion": table.counts.tolist(),
        }


@dataclass(frozen=True)
class Fold:
    """One split, over all models that were scored in it.

    Parameters
    ----------
    fold
        The split's name: ``"seed 3"``, or the session, person or group that was left out.
    models
        Number of models: of people, or 1 of all.
    train_sets, train_windows
        What was learned from.
    sets, windows
        What was scored.
    set_error_percent, set_macro_f1, window_error_percent, window_macro_f1
        Figures of this fold.
    unseen
        Exercises that were tested and not in the training part: each of their windows is an
        error.
    """

    fold: str
    models: int
    train_sets: int
    train_windows: int
    sets: int
    set_error_percent: float
    set_macro_f1: float
    windows: int
    window_error_percent: float
    window_macro_f1: float
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """One person's own model, over the folds.

    Parameters
    ----------
    user
        Id of the person.
    folds
        Number of folds that were scored.
    exercises
        Number of exercises that the person did.
    sets, windows
        What was scored, in all folds together.
    set_error_percent, set_error_sd, window_error_percent, window_error_sd
        Mean and standard deviation over the folds.
    """

    user: str
    folds: int
    exercises: int
    sets: int
    set_error_percent: float
    set_error_sd: float
    windows: int
    window_error_percent: float
    window_error_sd: float


@dataclass(frozen=True)
class NotScored:
    """Sets that no figure speaks for.

    Parameters
    ----------
    who
        The person, fold or exercise; empty for all.
    sets
        Number of sets.
    reason
        Why, and what to do.
    """

    who: str
    sets: int
    reason: str


@dataclass(frozen=True)
class Source:
    """What was evaluated.

    Parameters
    ----------
    lab, snapshot
        Address of the lab and the snapshot that was read.
    plan
        Length, step and rate of the windows.
    people, sessions, recordings, sets, windows
        How much was split.
    simulated
        Number of the recordings that the simulator made.
    version
        Of workoutlab.
    """

    lab: str
    snapshot: str
    plan: Mapping[str, Any]
    people: int
    sessions: int
    recordings: int
    sets: int
    windows: int
    simulated: int
    version: str

    @property
    def label(self) -> str:
        """``"SIMULATED DATA"``, ``"PARTLY SIMULATED DATA (3 of 9 recordings)"``, or nothing."""
        if not self.simulated:
            return ""
        if self.simulated == self.recordings:
            return "SIMULATED DATA"
        return f"PARTLY SIMULATED DATA ({self.simulated} of {self.recordings} recordings)"


@dataclass(frozen=True)
class Evaluation:
    """Figures of a recipe under a protocol, as :func:`workoutlab.evaluate` returns them.

    Parameters
    ----------
    protocol
        How training and test were kept apart.
    per
        ``"all"``: one model of everybody; ``"user"``: each person their own.
    recipe
        Settings of the model, as plain values.
    source
        What was evaluated.
    windows, sets
        Figures per window and per set.
    folds
        Figures of each fold.
    people
        Figures of each person, where `per` is ``"user"``.
    not_scored
        What no figure speaks for, and why.
    """

    protocol: Protocol
    per: str
    recipe: Mapping[str, Any]
    source: Source
    windows: Level
    sets: Level
    folds: tuple[Fold, ...]
    people: tuple[Person, ...] = ()
    not_scored: tuple[NotScored, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the exercises, in the order of the confusion matrices."""
        return self.windows.confusion.classes

    @property
    def unseen(self) -> tuple[str, ...]:
        """Exercises that some fold tested without having seen them in training."""
        return tuple(sorted({exercise for fold in self.folds for exercise in fold.unseen}))

    @property
    def title(self) -> str:
        """What was evaluated, in a line."""
        whose = "one model of all" if self.per == "all" else "each person's own model"
        return f"{self.recipe.get('name', 'model')}, {whose}"

    @property
    def per_class(self) -> pd.DataFrame:
        """Precision, recall, F1 and support of each exercise, per window and per set."""
        columns = {
            f"{level[:-1]}_{figure}": getattr(getattr(self, level).confusion, figure)
            for level in LEVELS
            for figure in ("precision", "recall", "f1", "support")
        }
        return pd.DataFrame({"exercise": self.classes, **columns})

    @property
    def per_fold(self) -> pd.DataFrame:
        """One row a fold, columns as in :class:`Fold`."""
        return _frame(self.folds, Fold)

    @property
    def per_person(self) -> pd.DataFrame:
        """One row a person, columns as in :class:`Person`; empty for a model of all."""
        return _frame(self.people, Person)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds; figures without a value are None."""
        return {
            "title": self.title,
            "label": self.source.label,
            "protocol": {"text": str(self.protocol), **plain(self.protocol)},
            "per": self.per,
            "recipe": plain(self.recipe),
            "source": plain(self.source),
            "classes": list(self.classes),
            **{level: getattr(self, level).as_dict() for level in LEVELS},
            "per_class": plain(self.per_class.to_dict("records")),
            "folds": plain(self.folds),
            "people": plain(self.people),
            "not_scored": plain(self.not_scored),
            "unseen": list(self.unseen),
        }

    def to_json(self) -> str:
        """Return :meth:`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1)

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        path = Path(path)
        path.write_text(report.render_page(self), encoding="utf-8")
        return path

    def __str__(self) -> str:
        source = self.source
        lines = [f"*** {source.label} ***"] if source.label else []
        lines += [self.title, str(self.protocol), "", f"{'':<10}{'per window':>16}{'per set':>16}"]
        for name, figure, form in (
            ("error %", "error_percent", ".1f"),
            ("accuracy", "accuracy", ".3f"),
            ("macro-F1", "macro_f1", ".3f"),
        ):
            cells = [format(getattr(getattr(self, level), figure), form) for level in LEVELS]
            lines.append(f"{name:<10}{cells[0]:>16}{cells[1]:>16}")
        scored = [f"{getattr(self, level).confusion.total:,}" for level in LEVELS]
        lines += [f"{'scored':<10}{scored[0]:>16}{scored[1]:>16}", "", *report.list_remarks(self)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return report.render_summary(self)


def plain(value: Any) -> Any:
    """Turn dataclasses, mappings, sequences and NumPy values into what JSON holds.

    Numbers that JSON has no literal for (NaN and the infinities) become None; what has no plain
    form becomes its ``repr``.

    Examples
    --------
    >>> plain({"spread": Spread(1.5, math.nan, 1), "shape": (np.int64(2), 3)})
    {'spread': {'mean': 1.5, 'sd': None, 'count': 1}, 'shape': [2, 3]}
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | None) else repr(value)


def _frame(rows: Iterable[Fold | Person], kind: type[Fold | Person]) -> pd.DataFrame:
    columns = [field.name for field in fields(kind)]
    return pd.DataFrame([asdict(row) for row in rows], columns=columns)
