"""What an evaluation of counting found: figures that print, serialize and make a report."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workoutlab.recognition.evaluation.eventcounts import describe_counts
from workoutlab.recognition.evaluation.report import (
    list_settings,
    render_banner,
    render_document,
    render_list,
    render_table,
    render_unscored,
)
from workoutlab.recognition.evaluation.results import NotScored, Source, plain

__all__ = ["RepetitionEvaluation", "SetCount"]

_THRESHOLDS: Final = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_BINS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_MOST_ROWS: Final = 200


@dataclass(frozen=True)
class SetCount:
    """One set, its true number of repetitions, and what was counted.

    Parameters
    ----------
    user, session, source
        Whose it is, of which session, and from which file.
    start_s, length_s
        Where it lies in its recording.
    exercise
        Its label.
    truth
        The number noted for it.
    guess
        The likeliest number.
    told
        Whether the counter stood by it, or abstained.
    confidence
        Probability of the guess.
    chance
        Probability that was given to the truth.
    central
        The likeliest numbers whose probabilities come to 0.8 or more.
    baseline
        What another way of counting said, where one was asked.
    """

    user: str
    session: str
    source: str
    start_s: float
    length_s: float
    exercise: str
    truth: int
    guess: int
    told: bool
    confidence: float
    chance: float
    central: tuple[int, ...]
    baseline: int | None = None


@dataclass(frozen=True)
class RepetitionEvaluation:
    """Figures of counting, as :func:`workoutlab.evaluate_repetitions` returns them.

    Parameters
    ----------
    recipe
        Settings of the counter, as plain values.
    source
        What was evaluated.
    sets
        Each set that was counted.
    baseline
        Name of the way of counting that stands beside; empty for none.
    not_scored
        What no figure speaks for, and why.
    """

    recipe: Mapping[str, Any]
    source: Source
    sets: tuple[SetCount, ...]
    baseline: str = ""
    not_scored: tuple[NotScored, ...] = ()

    @property
    def title(self) -> str:
        """What was evaluated, in a line."""
        return f"Repetitions of {len(self.sets):,} sets, by {self.recipe.get('name', 'counting')}"

    def figures(self) -> dict[str, float]:
        """Return the errors over all sets, as :func:`describe_counts` names them."""
        return _describe(self.sets)

    @property
    def of_baseline(self) -> dict[str, float]:
        """The errors of the baseline; empty where there is none."""
        if not self.baseline:
            return {}
        rows = [(one.truth, one.baseline, True) for one in self.sets if one.baseline is not None]
        return describe_counts(rows)

    @property
    def table(self) -> pd.DataFrame:
        """One row a set, with its ``error``: guess less truth."""
        rows = [{**asdict(one), "error": one.guess - one.truth} for one in self.sets]
        return pd.DataFrame(rows)

    @property
    def misses(self) -> pd.DataFrame:
        """The sets that are off by more than 1, worst first, with their files."""
        table = self.table
        wrong = table[table["error"].abs() > 1]
        order = wrong["error"].abs().sort_values(ascending=False, kind="stable").index
        return wrong.loc[order].reset_index(drop=True)

    def by(self, *columns: str) -> pd.DataFrame:
        """Return the errors of groups of sets: ``by("exercise")``, ``by("user", "session")``."""
        groups: dict[tuple[str, ...], list[SetCount]] = {}
        for one in self.sets:
            groups.setdefault(tuple(getattr(one, name) for name in columns), []).append(one)
        rows = [
            {**dict(zip(columns, key, strict=True)), **_describe(groups[key])}
            for key in sorted(groups)
        ]
        return pd.DataFrame(rows)

    @property
    def abstaining(self) -> pd.DataFrame:
        """What abstaining below a confidence buys: share of sets told, and errors of these.

        Columns: least_confidence, told (share of all sets), mean_absolute, exact, within_1.
        """
        rows = []
        for least in _THRESHOLDS:
            kept = [one for one in self.sets if one.confidence >= least]
            figures = _describe(kept)
            names = ("mean_absolute", "exact", "within_1")
            share = len(kept) / len(self.sets)
            rows.append(
                {
                    "least_confidence": least,
                    "told": share,
                    **{name: figures[name] for name in names},
                }
            )
        return pd.DataFrame(rows)

    @property
    def reliability(self) -> pd.DataFrame:
        """How often the guess is right, by how probable it was said to be.

        Columns: from, to, sets, confidence (mean), exact (share). Equal numbers in the last two
        mean calibrated probabilities.
        """
        rows = []
        for low, high in itertools.pairwise(_BINS):
            last = high == _BINS[-1]
            some = [
                one
                for one in self.sets
                if low <= one.confidence and (one.confidence < high or last)
            ]
            if some:
                rows.append(
                    {
                        "from": low,
                        "to": high,
                        "sets": len(some),
                        "confidence": float(np.mean([one.confidence for one in some])),
                        "exact": float(np.mean([one.guess == one.truth for one in some])),
                    }
                )
        return pd.DataFrame(rows, columns=["from", "to", "sets", "confidence", "exact"])

    @property
    def central(self) -> dict[str, float]:
        """How often the likeliest numbers hold the truth that are to hold it with 0.8.

        And how many numbers these are in the mean; and the mean surprise, ``-log`` of the truth's
        probability.
        """
        held = [one.truth in one.central for one in self.sets]
        chances = np.maximum([one.chance for one in self.sets], 1e-3)
        return {
            "asked": 0.8,
            "held": float(np.mean(held)),
            "numbers": float(np.mean([len(one.central) for one in self.sets])),
            "surprise": float(-np.log(chances).mean()),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds; figures without a value are None."""
        frames = {
            "abstaining": self.abstaining,
            "reliability": self.reliability,
            "exercises": self.by("exercise"),
            "sessions": self.by("user", "session"),
            "people": self.by("user"),
            "misses": self.misses,
            "sets": self.table,
        }
        return {
            "title": self.title,
            "label": self.source.label,
            "task": "repetitions",
            "recipe": plain(self.recipe),
            "source": plain(self.source),
            "all": plain(self.figures()),
            "baseline": {"name": self.baseline, **plain(self.of_baseline)},
            "central": plain(self.central),
            **{name: plain(frame.to_dict("records")) for name, frame in frames.items()},
            "not_scored": plain(self.not_scored),
        }

    def to_json(self) -> str:
        """Return :meth:`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1)

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        frames = {
            "Exercises": self.by("exercise"),
            "Sessions": self.by("user", "session"),
            "What abstaining buys": self.abstaining,
            "How far probabilities can be believed": self.reliability,
            "Sets that are off by more than 1, worst first": self.misses.drop(columns="central"),
        }
        sections = [
            render_banner(self.source),
            f"<h1>{escape(self.title)}</h1>",
            render_list(self._say()),
            *(_render_frame(title, frame) for title, frame in frames.items()),
            render_unscored(self.not_scored),
            "<h2>Settings</h2>",
            f"<pre>{escape(list_settings(self.recipe))}</pre>",
            f"<footer>workoutlab {escape(self.source.version)}</footer>",
        ]
        path = Path(path)
        path.write_text(render_document(self.title, sections), encoding="utf-8")
        return path

    def __str__(self) -> str:
        label = self.source.label
        head = [f"*** {label} ***"] if label else []
        return "\n".join([*head, self.title, "", *self._say()])

    def _repr_html_(self) -> str:
        label = self.source.label
        head = f"<p><strong>{escape(label)}</strong></p>" if label else ""
        return f"{head}<p>{escape(self.title)}</p>{render_list(self._say())}"

    def _say(self) -> list[str]:
        told, central = self.figures(), self.central
        lines = [
            _say_errors("", told),
            f"Abstained from {told['abstained']:.0%}; of the others "
            f"{_share(told['told_within_1'])} are within ±1, off by "
            f"{_number(told['told_mean_absolute'])} (mean).",
            f"The numbers that should hold the truth in 80 % hold it in {central['held']:.0%}; "
            f"they are {central['numbers']:.1f} numbers (mean).",
        ]
        if self.baseline:
            lines.insert(1, _say_errors(f"{self.baseline}: ", self.of_baseline))
        source = self.source
        where = f"; lab {source.lab!r} at snapshot {source.snapshot}" if source.lab else ""
        lines.append(
            f"{len(self.sets):,} sets of {source.people:,} people in {source.sessions:,} sessions"
            f"{where}. Where the counter's settings were chosen on these sets, the figures flatter."
        )
        lines += [f"Not scored: {item.sets} sets, {item.reason}." for item in self.not_scored]
        return lines


def _describe(sets: Sequence[SetCount]) -> dict[str, float]:
    return describe_counts([(one.truth, one.guess, one.told) for one in sets])


def _say_errors(who: str, figures: Mapping[str, float]) -> str:
    return (
        f"{who}{figures['within_1']:.1%} within ±1, {figures['exact']:.1%} exact, off by "
        f"{figures['mean_absolute']:.2f} (mean absolute error)."
    )


def _render_frame(title: str, frame: pd.DataFrame) -> str:
    rows = [
        [_number(value) if isinstance(value, float) else str(value) for value in row]
        for row in frame.head(_MOST_ROWS).itertuples(index=False)
    ]
    header = [str(name).replace("_", " ") for name in frame.columns]
    return f"<h2>{escape(title)}</h2>\n{render_table(header, rows)}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"
