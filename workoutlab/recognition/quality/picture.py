"""A set as an SVG picture: its course with the repetitions, how long and how large each was."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality.figures import Figures
from workoutlab.recognition.quality.measures import MEASURES
from workoutlab.recognition.quality.sentences import write_sentences

__all__ = ["draw_set", "render_quality"]

Array = npt.NDArray[np.float64]

_BLUE: Final = "#0072b2"
_ORANGE: Final = "#d55e00"
_GREEN: Final = "#009e73"
"""Of Okabe and Ito (2008), which differ for every kind of colour vision."""

_WIDTH: Final = 760
_LEFT: Final = 104
_RIGHT: Final = 16
_TOP: Final = 22
_LINE_HEIGHT: Final = 130
_STRIP_HEIGHT: Final = 44
_NUMBER_WIDTH: Final = 16
_GAP: Final = 22
_HEIGHT: Final = _TOP + _LINE_HEIGHT + 2 * (_GAP + _STRIP_HEIGHT) + 30

_LABELS: Final = {
    "consistency": "Repetitions alike",
    "similarity": "Like own good sets",
    "smoothness": "Smoothness",
    "smoothness_change": "Change of smoothness",
    "tempo_drift": "Tempo drift",
    "slower_last": "Last ones slower",
    "amplitude_loss": "Loss of amplitude",
    "smaller_last": "Last ones smaller",
    "asymmetry": "Asymmetry of amplitude",
    "asymmetry_tempo": "Asymmetry of tempo",
}


@dataclass(frozen=True)
class _Scale:
    """Where seconds lie, in px."""

    first_s: float
    last_s: float

    def x(self, seconds: float) -> float:
        share = (seconds - self.first_s) / max(self.last_s - self.first_s, 1e-9)
        return float(_LEFT + share * (_WIDTH - _LEFT - _RIGHT))


def render_quality(quality: Figures) -> str:
    """Render the picture of a set, its sentences and its figures as HTML.

    Returns
    -------
    str
        A ``<div>`` without scripts or references.
    """
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in write_sentences(quality))
    picture = draw_set(quality) if len(quality) else ""
    rows = "".join(_render_row(quality, name) for name in quality.measures)
    return (
        f'<div class="quality">{picture}<ul>{said}</ul>'
        f"<table><thead><tr><th>measure</th><th>value</th><th>meaning</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _render_row(quality: Figures, name: str) -> str:
    measure, definition = quality.measures[name], MEASURES[name]
    unit = f" {definition.unit}" if definition.unit in ("%", "ln") else ""
    value = f"{measure.value:.3g}{unit}" if not measure.reason else f"not told: {measure.reason}"
    mark = "<b>{}</b>" if measure.matters else "{}"
    return (
        f"<tr><td>{_LABELS[name]}</td><td>{mark.format(escape(value))}</td>"
        f"<td>{escape(definition.meaning)}</td></tr>"
    )


def draw_set(quality: Figures) -> str:
    """Draw the course of a set, and below it the time and the amplitude of each repetition.

    Parameters
    ----------
    quality
        Of a set with one repetition or more.

    Returns
    -------
    str
        An ``<svg>`` element without scripts or references.
    """
    scale = _Scale(float(quality.line[0, 0]), float(quality.line[-1, 0]))
    strips = (
        ("s", quality.durations_s, _ORANGE, "time"),
        (quality.amplitude_unit, quality.amplitudes, _GREEN, "amplitude"),
    )
    parts = [
        f'<svg class="set" role="img" aria-label="A set of {len(quality)} repetitions" '
        f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        *_draw_repetitions(quality.edges_s, scale),
        _draw_course(quality.line, quality.edges_s, scale),
        f'<text x="{_LEFT - 8}" y="{_TOP + _LINE_HEIGHT / 2:.0f}" text-anchor="end">'
        f"{'angle' if quality.amplitude_unit == 'deg' else 'force'}</text>",
    ]
    floor = _TOP + _LINE_HEIGHT
    for unit, values, colour, title in strips:
        floor += _GAP + _STRIP_HEIGHT
        parts += _draw_strip(quality.edges_s, values, scale, (floor, colour, f"{title}, {unit}"))
    return "".join([*parts, *_draw_time(scale), "</svg>"])


def _draw_repetitions(edges_s: Array, scale: _Scale) -> Iterator[str]:
    """Shade every second repetition, and number them, of narrow ones every fifth."""
    for number, (start, stop) in enumerate(edges_s, 1):
        low, high = scale.x(start), scale.x(stop)
        if number % 2:
            yield (
                f'<rect x="{low:.1f}" y="{_TOP}" width="{high - low:.1f}" '
                f'height="{_LINE_HEIGHT}" fill="#eee"/>'
            )
        if high - low >= _NUMBER_WIDTH or number % 5 == 0:
            place = f'x="{(low + high) / 2:.1f}" y="{_TOP - 7}"'
            yield f'<text {place} text-anchor="middle">{number}</text>'


def _draw_course(line: Array, edges_s: Array, scale: _Scale) -> str:
    """Draw the course; what is done before and after the repetitions may go out of the picture."""
    inside = (line[:, 0] >= edges_s[0, 0]) & (line[:, 0] <= edges_s[-1, 1])
    values = line[inside, 1] if inside.any() else line[:, 1]
    low, span = float(values.min()), max(float(np.ptp(values)), 1e-9)
    heights = np.clip(_TOP + 6 + (_LINE_HEIGHT - 12) * (1 - (line[:, 1] - low) / span), _TOP, None)
    heights = np.minimum(heights, _TOP + _LINE_HEIGHT)
    points = " ".join(
        f"{scale.x(seconds):.1f},{height:.1f}"
        for seconds, height in zip(line[:, 0], heights, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{_BLUE}" stroke-width="1.5"/>'


def _draw_strip(
    edges_s: Array, values: Array, scale: _Scale, style: tuple[float, str, str]
) -> Iterator[str]:
    """Draw a bar for each repetition; `style` is where the bars stand, their colour and name."""
    floor, colour, name = style
    most = max(float(values.max()), 1e-9)
    yield f'<text x="{_LEFT - 8}" y="{floor - 4}" text-anchor="end">{escape(name)}</text>'
    for (start, stop), value in zip(edges_s, values, strict=True):
        low, high = scale.x(start) + 1, scale.x(stop) - 1
        height = _STRIP_HEIGHT * value / most
        shown = f"{value:.0f}" if most >= 10 else f"{value:.1f}" if most >= 1 else f"{value:.2f}"
        yield (
            f'<rect x="{low:.1f}" y="{floor - height:.1f}" width="{max(high - low, 1):.1f}" '
            f'height="{height:.1f}" fill="{colour}" fill-opacity="0.35"/>'
        )
        if high - low >= 18:
            place = f'x="{(low + high) / 2:.1f}" y="{floor - 4}"'
            yield f'<text {place} text-anchor="middle" font-size="10">{shown}</text>'


def _draw_time(scale: _Scale) -> Iterator[str]:
    step = next(
        step
        for step in (1, 2, 5, 10, 20, 60, 300, 3600)
        if scale.last_s - scale.first_s <= 12 * step
    )
    for seconds in np.arange(np.ceil(scale.first_s / step) * step, scale.last_s, step):
        place = f'x="{scale.x(float(seconds)):.1f}" y="{_HEIGHT - 8}"'
        yield f'<text {place} text-anchor="middle" fill="#666">{seconds:g} s</text>'
