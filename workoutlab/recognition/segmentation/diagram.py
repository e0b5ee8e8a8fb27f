"""Reliability of confidences as SVG pictures and a page: how often each of them is right."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Final

from workoutlab.recognition.evaluation.report import render_document

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.calibration import Calibration
    from workoutlab.recognition.segmentation.reliability import Reliability

__all__ = ["draw_reliability", "render_calibration", "render_page"]

_SIDE: Final = 240
_LEFT: Final = 46
_TOP: Final = 12
_WIDTH: Final = _LEFT + _SIDE + 16
_HEIGHT: Final = _TOP + _SIDE + 44
_SERIES: Final = (("before", "#d55e00", "6 3"), ("after", "#0072b2", ""))
"""Colours of Okabe and Ito (2008), which differ for every kind of colour vision; dashes tell them
too."""
_NAMES: Final = {
    "activity": "Windows: activity or rest",
    "exercise": "Windows: which exercise",
    "sets": "Sets: which exercise",
}


def draw_reliability(before: "Reliability", after: "Reliability", what: str) -> str:
    """Draw the share that is right against confidence; on the diagonal confidence can be believed.

    Parameters
    ----------
    before, after
        Of the same predictions, before and after calibration.
    what
        What is predicted.

    Returns
    -------
    str
        An ``<svg>`` element without scripts or references. A dot's area is the share of the
        predictions that its bin holds.

    Examples
    --------
    >>> from workoutlab.recognition.segmentation.reliability import measure_reliability
    >>> one = measure_reliability([0.95, 0.55], [True, False])
    >>> draw_reliability(one, one, "sets").count("<circle")
    4
    """
    parts = [
        f'<svg class="reliability" role="img" aria-label="Reliability of {escape(what)}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        *_draw_axes(),
    ]
    for reliability, (name, colour, dash) in zip((before, after), _SERIES, strict=True):
        parts += _draw_series(reliability, name, colour, dash)
    return "".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)


def _draw_axes() -> Iterator[str]:
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _x(tick), _y(tick)
        yield f'<line x1="{_LEFT}" x2="{_x(1):.0f}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{100 * tick:.0f} %</text>'
        yield f'<text x="{x:.0f}" y="{_y(0) + 17:.0f}" text-anchor="middle">{tick:g}</text>'
    yield f'<line x1="{_x(0):.0f}" y1="{_y(0):.0f}" x2="{_x(1):.0f}" y2="{_y(1):.0f}" '
    yield 'stroke="#888" stroke-dasharray="2 3"/>'
    middle = f'x="{_x(0.5):.0f}" y="{_HEIGHT - 8}"'
    yield f'<text {middle} text-anchor="middle">confidence (and how many are right)</text>'


def _draw_series(reliability: "Reliability", name: str, colour: str, dash: str) -> Iterator[str]:
    rows = zip(reliability.confidence, reliability.accuracy, reliability.count, strict=True)
    points = [(_x(sure), _y(right), count) for sure, right, count in rows if count]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
    for x, y, count in points:
        radius = 2 + 8 * (count / reliability.total) ** 0.5
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}" '
        yield f'fill-opacity="0.6"><title>{name}: {count:,} predictions</title></circle>'


def render_calibration(calibration: "Calibration") -> str:
    """Return the pictures and the figures of a calibration, as HTML for a page or a notebook."""
    parts = [f"<p>{escape(str(calibration).splitlines()[0])}.</p>"]
    for name, (before, after) in calibration.reliability.items():
        parts += [
            f"<h2>{_NAMES[name]}</h2>",
            f"<p>Expected calibration error: {100 * before.error:.1f} % before (orange, dashed), "
            f"{100 * after.error:.1f} % after (blue); {before.total:,} predictions.</p>",
            draw_reliability(before, after, _NAMES[name]),
            _render_table(before, after),
        ]
    return "".join(parts)


def _render_table(before: "Reliability", after: "Reliability") -> str:
    cells = "".join(f"<th>{name}</th>" for name in ("predictions", "confidence %", "right %") * 2)
    lines = [f"<tr><th>bin</th>{cells}</tr>"]
    bins = len(before.count)
    for place in range(bins):
        if not (before.count[place] or after.count[place]):
            continue
        row = "".join(
            f"<td>{each.count[place]:,}</td><td>{100 * each.confidence[place]:.1f}</td>"
            f"<td>{100 * each.accuracy[place]:.1f}</td>"
            for each in (before, after)
        )
        lines.append(f"<tr><td>{place / bins:g} to {(place + 1) / bins:g}</td>{row}</tr>")
    head = '<tr><th></th><th colspan="3">before</th><th colspan="3">after</th></tr>'
    return f'<div class="scroll"><table>{head}{"".join(lines)}</table></div>'


def render_page(calibration: "Calibration", title: str) -> str:
    """Return a whole HTML document of a calibration, without scripts."""
    protocol = (
        "Measured on sets that the networks were not trained on, with temperatures that other "
        "sets than these chose (folds by set, before windowing)."
    )
    return render_document(
        title,
        [f"<h1>{escape(title)}</h1>", f"<p>{protocol}</p>", render_calibration(calibration)],
    )
