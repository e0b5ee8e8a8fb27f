"""What a correction curve found: error against number of corrected sets, with its spread."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workoutlab.recognition.evaluation.report import (
    list_settings,
    render_banner,
    render_document,
    render_facts,
    render_list,
    render_table,
    render_unscored,
)
from workoutlab.recognition.evaluation.results import NotScored, Source, plain
from workoutlab.recognition.kinds.linechart import draw_curves

__all__ = ["CorrectionCurve"]

_LEVELS: Final = ("sets", "windows")
_ORDERS: Final = {
    "wrong": "sets that the common network takes for another exercise are corrected first",
    "any": "sets are corrected, or confirmed, at random",
}


@dataclass(frozen=True)
class CorrectionCurve:
    """Error on a person's sets after so many of their other sets were corrected.

    Parameters
    ----------
    counts
        Corrected sets of a person; 0 is the common network.
    seeds
        Number of splits of each person's sessions.
    kinds
        What learned from them.
    first
        Which sets are corrected first: ``"wrong"`` or ``"any"``.
    rehearsal
        Settings of the rehearsal, as plain values.
    recipe
        Settings of the common networks, as plain values.
    source
        What was evaluated.
    records
        One row for each person, seed, count and kind: ``user``, ``seed``, ``count``, ``kind``,
        ``corrected`` (sets; fewer than the count where there are no more), ``wrong_sets``,
        ``sets``, ``wrong_windows`` and ``windows`` (of the test).
    not_scored
        Whom no figure speaks for, and why.
    """

    counts: tuple[int, ...]
    seeds: int
    kinds: tuple[str, ...]
    first: str
    rehearsal: Mapping[str, Any]
    recipe: Mapping[str, Any]
    source: Source
    records: pd.DataFrame
    not_scored: tuple[NotScored, ...] = ()

    @property
    def text(self) -> str:
        """The protocol, in a line."""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            "people left out: the common network knows all sets of others, none of the person; "
            f"{_ORDERS[self.first]}; tested on the person's other sessions; {seeds}"
        )

    def people(self, level: str = "sets") -> pd.DataFrame:
        """Return the error of each person in percent, the mean over seeds.

        Parameters
        ----------
        level
            ``"sets"``, by the vote of their windows, or ``"windows"``.

        Returns
        -------
        pandas.DataFrame
            One row a person and kind, one column a count.
        """
        frame = self.records.assign(error=self._errors(level))
        found = frame.groupby(["kind", "user", "count"])["error"].mean().unstack("count")
        return found.reindex(list(self.kinds), level="kind")

    def _errors(self, level: str) -> "pd.Series[float]":
        errors: pd.Series[float] = 100 * self.records[f"wrong_{level}"] / self.records[level]
        return errors

    def error_percent(self, level: str = "sets") -> pd.DataFrame:
        """Return the error of each kind: the mean over people of their means over seeds.

        Returns
        -------
        pandas.DataFrame
            One row a count, one column a kind.
        """
        found = self.people(level).groupby("kind").mean().T
        found.columns.name = None
        return found[list(self.kinds)]

    def spread(self, level: str = "sets") -> pd.DataFrame:
        """Return how sure the curves are.

        Returns
        -------
        pandas.DataFrame
            One row a kind and count: ``error`` in percent; ``sd_seeds``, the standard deviation
            over seeds of the mean over people (NaN of one seed); ``gain``, by how many points the
            error is lower than without corrections, the mean over people; ``gain_error``, its
            standard error over people; ``better`` and ``worse``, how many people's error fell and
            rose.
        """
        frame = self.records.assign(error=self._errors(level))
        seeds = frame.groupby(["kind", "count", "seed"])["error"].mean()
        sd = seeds.groupby(["kind", "count"]).std()
        people = self.people(level)
        rows = []
        for kind in self.kinds:
            own = people.loc[kind]
            for count in self.counts:
                gains = own[0] - own[count]
                rows.append(
                    {
                        "kind": kind,
                        "count": count,
                        "error": own[count].mean(),
                        "sd_seeds": sd[kind, count],
                        "gain": gains.mean(),
                        "gain_error": gains.sem(),
                        "better": int((gains > 0).sum()),
                        "worse": int((gains < 0).sum()),
                    }
                )
        return pd.DataFrame(rows).set_index(["kind", "count"])

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds."""
        return {
            "label": self.source.label,
            "protocol_text": self.text,
            "counts": list(self.counts),
            "seeds": self.seeds,
            "kinds": list(self.kinds),
            "first": self.first,
            "rehearsal": plain(self.rehearsal),
            "recipe": plain(self.recipe),
            "source": plain(self.source),
            **{
                level: plain(self.spread(level).reset_index().to_dict("records"))
                for level in _LEVELS
            },
            "records": plain(self.records.to_dict("records")),
            "not_scored": plain(self.not_scored),
        }

    def to_json(self) -> str:
        """Return :meth:`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1)

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        path = Path(path)
        path.write_text(_render_page(self), encoding="utf-8")
        return path

    def __str__(self) -> str:
        lines = [f"*** {self.source.label} ***"] if self.source.label else []
        lines += [f"Corrections: {self.text}", ""]
        for level in _LEVELS:
            lines += [f"error % per {level[:-1]}", self.spread(level).round(1).to_string(), ""]
        return "\n".join([*lines, *_list_remarks(self)])

    def _repr_html_(self) -> str:
        label = self.source.label
        return (
            (f"<p><strong>{escape(label)}</strong></p>" if label else "")
            + f"<p>{escape(self.text)}<br>error % per set</p>"
            + _render_spread(self, "sets")
            + render_list(_list_remarks(self))
        )


def _list_remarks(curve: CorrectionCurve) -> list[str]:
    source = curve.source
    remarks = [
        f"{source.sets:,} sets ({source.windows:,} windows) of {source.people} people in "
        f"{source.sessions} sessions; lab {source.lab!r} at snapshot {source.snapshot}.",
        "Error: the mean over people of their means over seeds. Gain: points lower than without "
        "corrections, with its standard error over people.",
    ]
    for reason in dict.fromkeys(item.reason for item in curve.not_scored):
        who = [item.who for item in curve.not_scored if item.reason == reason]
        more = "" if len(who) <= 10 else f" and {len(who) - 10} more"
        remarks.append(f"Not tested: {', '.join(who[:10])}{more}: {reason}.")
    return remarks


def _render_spread(curve: CorrectionCurve, level: str) -> str:
    rows = [
        [
            str(row["kind"]),
            str(row["count"]),
            *(f"{row[name]:.1f}" for name in ("error", "sd_seeds", "gain", "gain_error")),
            *(f"{row[name]:.0f}" for name in ("better", "worse")),
        ]
        for row in curve.spread(level).reset_index().to_dict("records")
    ]
    heads = ["kind", "corrected sets", "error %", "sd over seeds", "gain", "its standard error"]
    return render_table([*heads, "people better", "worse"], rows)


def _render_page(curve: CorrectionCurve) -> str:
    title, source = "What corrections are worth", curve.source
    sections = [
        render_banner(source),
        f"<h1>{title}</h1>",
        f"<p>{escape(curve.text)}</p>",
        render_list(_list_remarks(curve)),
    ]
    for level in _LEVELS:
        picture = draw_curves(curve.error_percent(level), level[:-1], "corrected sets of a person")
        sections += [
            f"<h2>Error per {level[:-1]}, %</h2>",
            f'<div class="scroll">{picture}</div>',
            _render_spread(curve, level),
        ]
    facts = {
        "Lab": source.lab,
        "Snapshot": source.snapshot,
        "Windows": ", ".join(f"{name} {value}" for name, value in source.plan.items()),
        "Simulated": f"{source.simulated:,} of {source.recordings:,} recordings",
        "Rehearsal": ", ".join(f"{name} {value}" for name, value in curve.rehearsal.items()),
    }
    sections += [
        render_unscored(curve.not_scored),
        "<h2>What was evaluated</h2>",
        render_facts(facts),
        "<h2>Recipe</h2>",
        f"<pre>{escape(list_settings(curve.recipe))}</pre>",
        f"<footer>workoutlab {escape(source.version)}</footer>",
    ]
    return render_document(title, sections)
