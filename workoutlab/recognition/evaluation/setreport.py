"""An evaluation of sets as text, and as one self-contained HTML file."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from workoutlab.recognition.evaluation.heatmap import draw_heatmap
from workoutlab.recognition.evaluation.report import (
    list_settings,
    render_banner,
    render_document,
    render_facts,
    render_list,
    render_table,
    render_unscored,
)

if TYPE_CHECKING:
    import pandas as pd

    from workoutlab.recognition.evaluation.eventcounts import EventCounts
    from workoutlab.recognition.evaluation.setresults import SetEvaluation

__all__ = ["list_findings", "render_page", "render_summary", "write_text"]

_MOST_ROWS: Final = 100
"""Rows of a table in the report: enough to read. The JSON has them all."""

_DIGITS: Final = {"f1": ".3f", "named_f1": ".3f", "precision": ".3f", "recall": ".3f"}


def write_text(evaluation: "SetEvaluation") -> str:
    """Return the main figures as text."""
    label = evaluation.source.label
    lines = [f"*** {label} ***"] if label else []
    lines += [evaluation.title, str(evaluation.protocol), ""]
    header, rows = _list_overlaps(evaluation)
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    return "\n".join([*lines, "", *list_findings(evaluation)])


def render_page(evaluation: "SetEvaluation") -> str:
    """Render the whole report: an HTML document with style and pictures inside, no scripts."""
    people = evaluation.per_person
    sections = [
        f"<h1>{escape(evaluation.title)}</h1>",
        f"<p>{escape(str(evaluation.protocol))}</p>",
        render_table(*_list_overlaps(evaluation)),
        render_list(list_findings(evaluation)),
        "<h2>What true sets were called, all folds together</h2>",
        f'<div class="scroll">{draw_heatmap(evaluation.confusion, "sets")}</div>',
        "<p>Rows: what was done; columns: what it was called. Shades are shares of the row: "
        "blue is right, brown is wrong.</p>",
        _render_frame("Folds", evaluation.per_fold),
        _render_frame("Sessions, lowest F1 first", evaluation.per_session.sort_values("f1")),
        _render_frame("People, lowest F1 first", people.sort_values("f1"))
        if len(people) > 1
        else "",
        render_unscored(evaluation.not_scored),
        "<h2>What was evaluated</h2>",
        _render_source(evaluation),
        "<h2>Settings</h2>",
        f"<pre>{escape(list_settings(evaluation.recipe))}</pre>",
        f"<footer>workoutlab {escape(evaluation.source.version)}</footer>",
    ]
    return render_document(evaluation.title, [render_banner(evaluation.source), *sections])


def render_summary(evaluation: "SetEvaluation") -> str:
    """Render the main figures, to be shown inside another page, a notebook say."""
    label = evaluation.source.label
    return (
        (f"<p><strong>{escape(label)}</strong></p>" if label else "")
        + f"<p>{escape(evaluation.title)}<br>{escape(str(evaluation.protocol))}</p>"
        + render_table(*_list_overlaps(evaluation))
        + render_list(list_findings(evaluation))
    )


def list_findings(evaluation: "SetEvaluation") -> list[str]:
    """Say in sentences what came of the sets."""
    counts, source = evaluation.counts, evaluation.source
    lines = [
        *_say_edges(counts),
        _say_outcomes(counts),
        *(_say_naming(row) for row in evaluation.naming.to_dict("records")),
        *_say_repetitions(counts.describe_repetitions()),
        f"Taken for active or rest wrongly: {_percent(counts.time_error_percent)} of "
        f"{counts.duration_s / 3600:.2f} h, of which {counts.active_s / 3600:.2f} h in sets.",
    ]
    folds = len({score.fold for score in evaluation.scores})
    if folds > 1:
        spread = evaluation.spread(lambda of: of.f1(0.5))
        lines.append(f"F1 at an overlap of 0.5 over {folds} folds: {spread:.3f} (mean ± sd).")
    if evaluation.note:
        lines.append(evaluation.note)
    where = f"; lab {source.lab!r} at snapshot {source.snapshot}" if source.lab else ""
    lines.append(
        f"{counts.truth:,} sets tested, {source.people:,} people, {source.sessions:,} sessions, "
        f"{source.recordings:,} recordings{where}."
    )
    for item in evaluation.not_scored:
        who = f" ({item.who})" if item.who else ""
        lines.append(f"Not scored: {item.sets} sets, {item.reason}{who}.")
    return lines


def _list_overlaps(evaluation: "SetEvaluation") -> tuple[list[str], list[list[str]]]:
    header = ["overlap", "precision", "recall", "F1", "F1 with name"]
    header += [f"F1, {name}" for name in evaluation.variants]
    rows = []
    for row in evaluation.counts.table.to_dict("records"):
        names = ("precision", "recall", "f1", "named_f1")
        cells = [f"{row['overlap']:.2f}", *(_number(row[name]) for name in names)]
        cells += [_number(each.f1(row["overlap"])) for each in evaluation.variants.values()]
        rows.append(cells)
    return header, rows


def _say_edges(counts: "EventCounts") -> list[str]:
    edges = counts.describe_edges()
    if math.isnan(edges["both"]["absolute"]):
        return []
    told = [
        f"{name} {edge['median']:+.2f} s (median), {edge['absolute']:.2f} s off (mean), "
        f"{edge['within_1s']:.0%} within 1 s"
        for name, edge in edges.items()
        if name != "both"
    ]
    return [f"Boundaries of matched sets: {'; '.join(told)}."]


def _say_outcomes(counts: "EventCounts") -> str:
    true, came = (
        ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in kinds.items() if n) or "none"
        for kinds in (counts.outcomes, counts.found_outcomes)
    )
    return f"{counts.truth:,} true sets: {true}; {counts.found:,} found sets: {came}."


def _say_naming(row: Mapping[Any, Any]) -> str:
    if row["exercises"] == "seen":
        return (
            f"Exercise of the {row['matched']:,} matched sets whose exercise was in training: "
            f"{_percent(row['error_percent'])} wrong, of these {row['unknown']:,} called unknown "
            f"and {row['wrong']:,} misnamed; {row['missed']:,} sets were not matched."
        )
    return (
        f"Of the {row['matched']:,} matched sets whose exercise was not in training "
        f"{row['unknown']:,} were rightly called unknown, {row['wrong']:,} given a name; "
        f"{row['missed']:,} were not matched."
    )


def _say_repetitions(told: dict[str, float]) -> list[str]:
    if not told["sets"]:
        return []
    return [
        f"Repetitions of {told['sets']:.0f} matched sets of a known number: "
        f"{told['mean_absolute']:.2f} off (mean), {told['within_1']:.0%} within ±1, "
        f"{told['exact']:.0%} exact; abstained from {told['abstained']:.0%}, of the others "
        f"{_share(told['told_within_1'])} within ±1."
    ]


def _render_frame(title: str, frame: "pd.DataFrame") -> str:
    rows = [
        [_cell(name, value) for name, value in row.items()]
        for row in frame.head(_MOST_ROWS).to_dict("records")
    ]
    header: Sequence[str] = [str(name).replace("_", " ") for name in frame.columns]
    more = len(frame) - len(rows)
    rest = f"<p>And {more:,} more; the JSON has them all.</p>" if more else ""
    return f"<h2>{escape(title)}</h2>\n{render_table(header, rows)}{rest}"


def _cell(name: object, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return _number(value, _DIGITS.get(str(name), ".2f"))


def _render_source(evaluation: "SetEvaluation") -> str:
    source = evaluation.source
    facts = {
        "Lab": source.lab or "recordings in memory",
        "Snapshot": source.snapshot or "–",
        "People": f"{source.people:,}",
        "Sessions": f"{source.sessions:,}",
        "Recordings": f"{source.recordings:,}",
        "Simulated": f"{source.simulated:,} of {source.recordings:,} recordings",
        "Sets tested": f"{source.sets:,}",
        "Protocol": str(evaluation.protocol),
        "Not in training": ", ".join(evaluation.unseen) or "–",
    }
    return render_facts(facts)


def _number(value: float, form: str = ".3f") -> str:
    return "–" if math.isnan(value) else format(value, form)


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f} %"


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0%}"
