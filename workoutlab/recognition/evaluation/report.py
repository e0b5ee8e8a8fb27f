"""An evaluation as one self-contained HTML file: no scripts, nothing fetched from elsewhere."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from workoutlab.recognition.evaluation.heatmap import draw_heatmap

if TYPE_CHECKING:
    from workoutlab.recognition.evaluation.metrics import Spread
    from workoutlab.recognition.evaluation.results import (
        Evaluation,
        Fold,
        Level,
        NotScored,
        Person,
        Source,
    )

__all__ = [
    "list_remarks",
    "list_settings",
    "render_banner",
    "render_document",
    "render_facts",
    "render_list",
    "render_page",
    "render_summary",
    "render_table",
    "render_unscored",
]

_MOST_ROWS: Final = 100
"""People and folds in the report: enough to read. The JSON has them all."""

_MOST_REASONS: Final = 8

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0 auto;
  padding: 1rem; max-width: 76rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
h1, li, dd { overflow-wrap: anywhere; }
p, ul, dl { margin: 0.5rem 0; max-width: 46rem; }
.banner { background: #ffd54a; border: 2px solid #8a6100; color: #1a1a1a; font-weight: 700;
  padding: 0.5rem 0.75rem; text-align: center; letter-spacing: 0.04em; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem;
  margin: 1rem 0; }
.card { border: 1px solid #c8c8c8; border-radius: 6px; padding: 0.5rem 0.75rem; }
.card b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.card span { color: #555; font-size: 0.85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #e2e2e2;
  white-space: nowrap; }
th { border-bottom: 1px solid #888; font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
th.text, td.text { text-align: left; white-space: normal; min-width: 12rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: 0.15rem 1rem; }
dt { color: #555; }
dd { margin: 0; }
pre { background: #f4f4f4; padding: 0.75rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font-size: 0.8rem; }
.heatmap text { font: 12px system-ui, sans-serif; fill: #1a1a1a; }
.heatmap text.count { font-size: 11px; text-anchor: middle; }
footer { color: #555; font-size: 0.85rem; margin-top: 2rem; }
@media print {
  body { font-size: 10pt; max-width: none; padding: 0; }
  .scroll { overflow: visible; }
  .heatmap { max-width: 100%; height: auto; }
  .banner, .heatmap rect { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h2 { break-after: avoid; }
  tr, .card, svg { break-inside: avoid; }
}
"""


def render_page(evaluation: "Evaluation") -> str:
    """Render the whole report.

    Returns
    -------
    str
        An HTML document with its style and pictures inside, without scripts.
    """
    title = escape(evaluation.title)
    sections = [
        f"<h1>{title}</h1>",
        f"<p>{escape(str(evaluation.protocol))}</p>",
        _render_cards(evaluation),
        render_list(list_remarks(evaluation)),
        *(_render_matrix(evaluation, what) for what in ("sets", "windows")),
        "<h2>Exercises</h2>",
        _render_classes(evaluation),
        "<h2>Folds</h2>",
        _render_folds(evaluation.folds),
        _render_people(evaluation.people),
        render_unscored(evaluation.not_scored),
        "<h2>What was evaluated</h2>",
        _render_source(evaluation),
        "<h2>Recipe</h2>",
        f"<pre>{escape(list_settings(evaluation.recipe))}</pre>",
        f"<footer>workoutlab {escape(evaluation.source.version)}</footer>",
    ]
    return render_document(evaluation.title, [render_banner(evaluation.source), *sections])


def render_document(title: str, sections: Iterable[str]) -> str:
    """Return an HTML document with the reports' style, of sections that are HTML already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(sections)
        + "\n</body>\n</html>\n"
    )


def render_summary(evaluation: "Evaluation") -> str:
    """Render the main figures, to be shown inside another page, a notebook say."""
    rows = [
        [name, *(_format(getattr(level, figure), form) for level in _levels(evaluation))]
        for name, figure, form in (
            ("error %", "error_percent", ".1f"),
            ("accuracy", "accuracy", ".3f"),
            ("macro-F1", "macro_f1", ".3f"),
        )
    ]
    label = evaluation.source.label
    return (
        (f"<p><strong>{escape(label)}</strong></p>" if label else "")
        + f"<p>{escape(evaluation.title)}<br>{escape(str(evaluation.protocol))}</p>"
        + render_table(["", "per window", "per set"], rows)
        + render_list(list_remarks(evaluation))
    )


def list_remarks(evaluation: "Evaluation") -> list[str]:
    """Say in sentences what the figures are of, and what they are not of."""
    source, unscored = evaluation.source, evaluation.not_scored
    remarks = [
        f"{source.sets:,} sets ({source.windows:,} windows) of {_count(source.people, 'person')} "
        f"in {_count(source.sessions, 'session')}, {_count(len(evaluation.classes), 'exercise')}; "
        f"lab {source.lab!r} at snapshot {source.snapshot}."
    ]
    if len(evaluation.folds) > 1:
        remarks.append(f"± is the standard deviation over {len(evaluation.folds)} folds.")
    if evaluation.unseen:
        remarks.append(
            "Tested without having been in the training part of that fold, counted as errors: "
            f"{_name_some(evaluation.unseen)}."
        )
    reasons = list(dict.fromkeys(item.reason for item in unscored))
    for reason in reasons[:_MOST_REASONS]:
        sets = sum(item.sets for item in unscored if item.reason == reason)
        who = list(dict.fromkeys(item.who for item in unscored if item.reason == reason))
        names = f" ({_name_some(who)})" if any(who) else ""
        remarks.append(f"Not scored: {_count(sets, 'set')}, {reason}{names}.")
    if len(reasons) > _MOST_REASONS:
        remarks.append(f"Not scored for {len(reasons) - _MOST_REASONS} reasons more: not_scored.")
    return remarks


def render_banner(source: "Source") -> str:
    """Return a banner that says so where the figures are of simulated data."""
    label = source.label
    if not label:
        return ""
    return f'<div class="banner">{escape(label)}: these figures say nothing of real people</div>'


def _render_cards(evaluation: "Evaluation") -> str:
    levels = tuple(zip(("window", "set"), _levels(evaluation), strict=True))
    cards = [(f"{_format(of.error_percent, '.1f')} %", f"error per {what}") for what, of in levels]
    cards += [(_format(of.macro_f1, ".3f"), f"macro-F1 per {what}") for what, of in levels]
    cards += [(f"{of.confusion.total:,}", f"{what}s scored") for what, of in levels]
    boxes = (f'<div class="card"><b>{value}</b><span>{name}</span></div>' for value, name in cards)
    return f'<div class="cards">{"".join(boxes)}</div>'


def _render_matrix(evaluation: "Evaluation", what: str) -> str:
    level: Level = getattr(evaluation, what)
    picture = draw_heatmap(level.confusion, what)
    return (
        f"<h2>Confusion of {what}, all folds together</h2>\n"
        f'<div class="scroll">{picture}</div>\n'
        "<p>Rows: what was done; columns: what was recognised. Shades are shares of the row: "
        "blue is right, brown is wrong.</p>"
    )


def _render_classes(evaluation: "Evaluation") -> str:
    header = ["Exercise"]
    for what in ("set", "window"):
        header += [f"{what}s", "precision", "recall", "F1"]
    rows = []
    for place, name in enumerate(evaluation.classes):
        row = [name]
        for table in (evaluation.sets.confusion, evaluation.windows.confusion):
            row.append(f"{table.support[place]:,}")
            shown = table.support[place] or table.counts[:, place].any()
            for values in (table.precision, table.recall, table.f1):
                row.append(f"{values[place]:.3f}" if shown else "–")
        rows.append(row)
    return render_table(header, rows)


def _render_folds(folds: "Sequence[Fold]") -> str:
    header = ["Fold", "models", "training sets", "sets", "error %", "windows", "error %"]
    header += ["macro-F1", "not in training"]
    rows = [
        [
            fold.fold,
            f"{fold.models:,}",
            f"{fold.train_sets:,}",
            f"{fold.sets:,}",
            _format(fold.set_error_percent, ".1f"),
            f"{fold.windows:,}",
            _format(fold.window_error_percent, ".1f"),
            _format(fold.window_macro_f1, ".3f"),
            ", ".join(fold.unseen),
        ]
        for fold in folds[:_MOST_ROWS]
    ]
    return render_table(header, rows) + _render_rest(len(folds), "folds")


def _render_people(people: "Sequence[Person]") -> str:
    if not people:
        return ""
    header = ["Person", "exercises", "folds", "sets", "error %", "sd", "windows", "error %", "sd"]
    worst = sorted(people, key=lambda person: (-person.window_error_percent, person.user))
    rows = [
        [
            person.user,
            f"{person.exercises}",
            f"{person.folds}",
            f"{person.sets:,}",
            _format(person.set_error_percent, ".1f"),
            _format(person.set_error_sd, ".1f"),
            f"{person.windows:,}",
            _format(person.window_error_percent, ".1f"),
            _format(person.window_error_sd, ".1f"),
        ]
        for person in worst[:_MOST_ROWS]
    ]
    table = render_table(header, rows) + _render_rest(len(people), "people")
    return f"<h2>People, highest error per window first</h2>\n{table}"


def render_unscored(unscored: "Sequence[NotScored]") -> str:
    """Return the section of what no figure speaks for; nothing where there is none."""
    if not unscored:
        return ""
    rows = [[item.who or "all", f"{item.sets:,}", item.reason] for item in unscored[:_MOST_ROWS]]
    table = render_table(["Whose", "sets", "why"], rows, prose_at=2)
    return f"<h2>Not scored</h2>\n{table}{_render_rest(len(unscored), 'rows')}"


def _render_source(evaluation: "Evaluation") -> str:
    source = evaluation.source
    facts = {
        "Lab": source.lab,
        "Snapshot": source.snapshot,
        "Windows": ", ".join(f"{name} {value}" for name, value in source.plan.items()),
        "People": f"{source.people:,}",
        "Sessions": f"{source.sessions:,}",
        "Recordings": f"{source.recordings:,}",
        "Simulated": f"{source.simulated:,} of {source.recordings:,} recordings",
        "Sets": f"{source.sets:,}",
        "Protocol": str(evaluation.protocol),
        "Models": "one of all" if evaluation.per == "all" else "one for each person",
    }
    return render_facts(facts)


def render_facts(facts: Mapping[str, str]) -> str:
    """Return a list of names and values."""
    entries = (f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f"<dl>{''.join(entries)}</dl>"


def render_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, prose_at: int | None = None
) -> str:
    """Return a table; the column at `prose_at` holds sentences, the others figures."""
    kinds = ["" if place != prose_at else ' class="text"' for place in range(len(header))]
    head = "".join(
        f"<th{kind}>{escape(name)}</th>" for kind, name in zip(kinds, header, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def render_list(items: Iterable[str]) -> str:
    """Return a list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _render_rest(count: int, what: str) -> str:
    if count <= _MOST_ROWS:
        return ""
    return f"<p>The first {_MOST_ROWS} of {count:,} {what}; the JSON has them all.</p>"


def list_settings(settings: Mapping[str, Any], indent: str = "") -> str:
    """Return settings as indented lines of text."""
    lines = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", list_settings(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)


def _levels(evaluation: "Evaluation") -> "tuple[Level, Level]":
    return evaluation.windows, evaluation.sets


def _format(value: "float | Spread", form: str) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "–"
    return format(value, form)


def _count(number: int, noun: str) -> str:
    plural = "people" if noun == "person" else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def _name_some(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
