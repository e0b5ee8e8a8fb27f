"""What a crossover found: error against number of labelled sets, as a table and as a picture."""

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

__all__ = ["Crossover"]

_PROTOCOLS: Final = {
    "set": "sets left out: everybody has so many labelled sets, and the common network knows them",
    "person": "people left out: the common network knows all sets of others, none of the person",
}


@dataclass(frozen=True)
class Crossover:
    """Error of each kind of network against the number of labelled sets of an exercise.

    Parameters
    ----------
    protocol
        ``"set"`` or ``"person"``.
    counts
        Labelled sets of each exercise.
    seeds
        Number of splits.
    kinds
        What was compared; ``"chosen"`` comes beside them.
    choice
        How was chosen: folds of validation, criterion, margin and least sets.
    recipe
        Settings of the networks, as plain values.
    source
        What was evaluated.
    records
        One row for each seed, count, person and kind: ``seed``, ``count``, ``user``, ``labelled``
        (sets that the person's networks learned from), ``kind``, ``taken`` (the kind that was
        chosen), ``wrong_sets``, ``sets``, ``wrong_windows`` and ``windows`` (of the test).
    not_scored
        Whom no figure speaks for, and why.
    """

    protocol: str
    counts: tuple[int, ...]
    seeds: int
    kinds: tuple[str, ...]
    choice: Mapping[str, Any]
    recipe: Mapping[str, Any]
    source: Source
    records: pd.DataFrame
    not_scored: tuple[NotScored, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The kinds, and the chosen one."""
        return (*self.kinds, "chosen")

    @property
    def title(self) -> str:
        """What was measured, in a line."""
        return f"Crossover of {self.recipe.get('name', 'model')}"

    @property
    def text(self) -> str:
        """The protocol, in a line."""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return f"{_PROTOCOLS[self.protocol]}; 80/20 by set, {seeds}, before windowing"

    def error_percent(self, level: str = "sets") -> pd.DataFrame:
        """Return the error of each kind, over all people and seeds.

        Parameters
        ----------
        level
            ``"sets"``, by the vote of their windows, or ``"windows"``.

        Returns
        -------
        pandas.DataFrame
            One row a count and one of their mean, ``"mean"``; one column a kind.
        """
        sums = self.records.groupby(["count", "kind"])[[f"wrong_{level}", level]].sum()
        error = (100 * sums[f"wrong_{level}"] / sums[level]).unstack("kind")
        error = error.reindex(columns=list(self.columns)).astype(float)
        error.columns.name = None
        return pd.concat([error, error.mean().to_frame("mean").T])

    @property
    def table(self) -> pd.DataFrame:
        """One row a count, and one of their mean.

        ``people``, ``labelled`` (mean number of labelled sets of a person), then the error of
        each kind per set and, with ``_window`` behind its name, per window, in percent.
        """
        one = self.records[self.records["kind"] == "chosen"]
        facts = one.groupby("count").agg(people=("user", "nunique"), labelled=("labelled", "mean"))
        mean = pd.DataFrame({"people": [facts["people"].max()],
                             "labelled": [facts["labelled"].mean()]}, index=["mean"])  # fmt: skip
        facts = pd.concat([facts, mean])
        windows = self.error_percent("windows").add_suffix("_window")
        found = facts.join(self.error_percent()).join(windows)
        found.index.name = "count"
        return found

    @property
    def taken(self) -> pd.DataFrame:
        """How often each kind was chosen: one row a count, one column a kind, shares of 1."""
        one = self.records[self.records["kind"] == "chosen"]
        shares = one.groupby("count")["taken"].value_counts(normalize=True).unstack("taken")
        shares.columns.name = None
        return shares.reindex(columns=list(self.kinds)).fillna(0.0)

    def spread(self, level: str = "sets") -> pd.DataFrame:
        """Return how sure it is that the chosen kind is as good as another, over people.

        Returns
        -------
        pandas.DataFrame
            One row a kind: ``gain``, by how much lower the error of the chosen one is, in points,
            as the mean over people of their means over seeds and counts; ``error``, its standard
            error.
        """
        frame = self.records.assign(
            error=100 * self.records[f"wrong_{level}"] / self.records[level]
        )
        people = frame.groupby(["user", "kind"])["error"].mean().unstack("kind")
        gains = people[list(self.kinds)].sub(people["chosen"], axis=0)
        return pd.DataFrame({"gain": gains.mean(), "error": gains.sem()})

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds."""
        table = self.table.reset_index()
        return {
            "title": self.title,
            "label": self.source.label,
            "protocol": self.protocol,
            "protocol_text": self.text,
            "counts": list(self.counts),
            "seeds": self.seeds,
            "kinds": list(self.kinds),
            "choice": plain(self.choice),
            "recipe": plain(self.recipe),
            "source": plain(self.source),
            "table": plain(table.to_dict("records")),
            "taken": plain(self.taken.reset_index().to_dict("records")),
            "gains": plain(self.spread().rename_axis("kind").reset_index().to_dict("records")),
            "people": plain(self._people()),
            "not_scored": plain(self.not_scored),
        }

    def _people(self) -> list[dict[Any, Any]]:
        sums = self.records.groupby(["user", "count", "kind"])[
            ["wrong_sets", "sets", "wrong_windows", "windows"]
        ].sum()
        return [dict(row) for row in sums.reset_index().to_dict("records")]

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
        lines += [self.title, self.text, ""]
        for level in ("sets", "windows"):
            lines += [_print_errors(self.error_percent(level), level), ""]
        return "\n".join([*lines, *_list_remarks(self)])

    def _repr_html_(self) -> str:
        return _render_summary(self)


def _print_errors(error: pd.DataFrame, level: str) -> str:
    names = list(error.columns)
    head = f"{'labelled sets':<14}" + "".join(f"{name:>12}" for name in names)
    lines = [f"error % per {level[:-1]}", head]
    for count, row in zip(error.index, error.to_numpy(), strict=True):
        lines.append(f"{count!s:<14}" + "".join(f"{value:>12.1f}" for value in row))
    return "\n".join(lines)


def _list_remarks(found: Crossover) -> list[str]:
    source = found.source
    remarks = [
        f"{source.sets:,} sets ({source.windows:,} windows) of {source.people} people; lab "
        f"{source.lab!r} at snapshot {source.snapshot}.",
        "Labelled sets are of each exercise, or as many as there are. Chosen by "
        f"{found.choice['folds']} folds by set within them, criterion "
        f"{found.choice['criterion']!r}, margin {found.choice['margin']:g} standard errors; of "
        f"fewer than {found.choice['least_sets']} sets held out, the common one.",
    ]
    for kind, (gain, error) in zip(
        found.kinds, found.spread()[["gain", "error"]].to_numpy(), strict=True
    ):
        remarks.append(
            f"Error per set of the chosen kind, mean over people and counts: {abs(gain):.1f} "
            f"points {'lower' if gain >= 0 else 'higher'} than {kind} (standard error {error:.1f})."
        )
    for reason in dict.fromkeys(item.reason for item in found.not_scored):
        who = list(dict.fromkeys(i.who for i in found.not_scored if i.reason == reason))
        more = "" if len(who) <= 10 else f" and {len(who) - 10} more"
        remarks.append(f"Not tested: {', '.join(who[:10])}{more}: {reason}.")
    return remarks


def _render_errors(found: Crossover, level: str) -> str:
    error = found.error_percent(level)
    rows = [
        [str(count), *(f"{value:.1f}" for value in row)]
        for count, row in zip(error.index, error.to_numpy(), strict=True)
    ]
    return render_table(["labelled sets", *error.columns], rows)


def _render_summary(found: Crossover) -> str:
    label = found.source.label
    return (
        (f"<p><strong>{escape(label)}</strong></p>" if label else "")
        + f"<p>{escape(found.title)}<br>{escape(found.text)}<br>error % per set</p>"
        + _render_errors(found, "sets")
        + render_list(_list_remarks(found))
    )


def _render_page(found: Crossover) -> str:
    sections = [
        f"<h1>{escape(found.title)}</h1>",
        f"<p>{escape(found.text)}</p>",
        render_list(_list_remarks(found)),
    ]
    for level in ("sets", "windows"):
        error = found.error_percent(level)
        sections += [
            f"<h2>Error per {level[:-1]}, %</h2>",
            f'<div class="scroll">{draw_curves(error.drop(index="mean"), level[:-1])}</div>',
            _render_errors(found, level),
        ]
    taken = found.taken
    rows = [
        [str(count), *(f"{100 * share:.0f} %" for share in row)]
        for count, row in zip(taken.index, taken.to_numpy(), strict=True)
    ]
    source = found.source
    facts = {
        "Lab": source.lab,
        "Snapshot": source.snapshot,
        "Windows": ", ".join(f"{name} {value}" for name, value in source.plan.items()),
        "People": f"{source.people:,}",
        "Sets": f"{source.sets:,}",
        "Simulated": f"{source.simulated:,} of {source.recordings:,} recordings",
        "Protocol": found.text,
        "Seeds": f"{found.seeds}",
    }
    sections += [
        "<h2>What was chosen</h2>",
        render_table(["labelled sets", *taken.columns], rows),
        render_unscored(found.not_scored),
        "<h2>What was evaluated</h2>",
        render_facts(facts),
        "<h2>Recipe</h2>",
        f"<pre>{escape(list_settings(found.recipe))}</pre>",
        f"<footer>workoutlab {escape(source.version)}</footer>",
    ]
    return render_document(found.title, [render_banner(source), *sections])
