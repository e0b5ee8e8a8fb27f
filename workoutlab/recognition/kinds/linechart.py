"""Error against number of labelled sets as an SVG picture: lines that anyone can tell apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import pandas as pd

__all__ = ["draw_curves"]

_COLOURS: Final = {
    "common": "#666666",
    "fine-tuned": "#d55e00",
    "own": "#0072b2",
    "ensemble": "#009e73",
    "rehearsed": "#0072b2",
    "chosen": "#000000",
}
"""Of Okabe and Ito (2008), which differ for every kind of colour vision; dashes tell them too."""

_DASHES: Final = {"common": "2 3", "fine-tuned": "8 3", "own": "5 2 1 2", "ensemble": "1 2"}
_WIDTH: Final = 640
_HEIGHT: Final = 340
_LEFT: Final = 52
_TOP: Final = 16
_PLOT_WIDTH: Final = _WIDTH - _LEFT - 110
_PLOT_HEIGHT: Final = _HEIGHT - _TOP - 44


@dataclass(frozen=True)
class _Scale:
    """Where counts and errors lie, in px."""

    counts: tuple[float, ...]
    ceiling: float
    step: float

    def x(self, count: float) -> float:
        shift = 1 if self.counts[0] == 0 else 0  # 0 has no logarithm
        first, last = np.log2(self.counts[0] + shift), np.log2(self.counts[-1] + shift)
        place = (np.log2(count + shift) - first) / max(last - first, 1)
        return float(_LEFT + _PLOT_WIDTH * place)

    def y(self, value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (1 - value / self.ceiling)


def draw_curves(
    error: pd.DataFrame, what: str, against: str = "labelled sets of each exercise"
) -> str:
    """Draw error against number of labelled sets, a line a kind.

    Parameters
    ----------
    error
        Rows: counts, increasing; columns: kinds; in percent.
    what
        What the error is of, ``"set"`` say.
    against
        What the counts are of.

    Returns
    -------
    str
        An ``<svg>`` element without scripts or references.

    Examples
    --------
    >>> error = pd.DataFrame({"common": [9.0, 8.0], "own": [20.0, 5.0]}, index=[1, 4])
    >>> draw_curves(error, "set").count("<polyline")
    2
    """
    most = max(float(np.nanmax(error.to_numpy())), 1.0)
    step = _tick_step(most)
    scale = _Scale(tuple(map(float, error.index)), step * float(np.ceil(most / step)), step)
    parts = [
        f'<svg class="curves" role="img" aria-label="Error per {escape(what)} against '
        f'{escape(against)}" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        *_draw_axes(scale, against),
    ]
    ends = []
    for kind in error.columns:
        pairs = zip(scale.counts, error[kind].to_numpy(float), strict=True)
        points = [(scale.x(one), scale.y(value)) for one, value in pairs if np.isfinite(value)]
        parts += _draw_line(str(kind), points)
        ends += [(points[-1][1], str(kind))] if points else []
    return "".join([*parts, *_draw_names(ends), "</svg>"])


def _tick_step(most: float) -> float:
    """Return a round distance of nine ticks at most.

    Examples
    --------
    >>> [_tick_step(most) for most in (1.0, 9.0, 22.0, 100.0)]
    [0.2, 1.0, 5.0, 20.0]
    """
    power = 10.0 ** np.floor(np.log10(most / 5))
    return float(next(step * power for step in (1, 2, 5, 10) if most / (step * power) <= 9))


def _draw_axes(scale: _Scale, against: str) -> Iterator[str]:
    right, bottom = _LEFT + _PLOT_WIDTH, _TOP + _PLOT_HEIGHT
    for value in np.arange(0, scale.ceiling + scale.step / 2, scale.step):
        y = scale.y(float(value))
        yield f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g} %</text>'
    for count in scale.counts:
        place = f'x="{scale.x(count):.1f}" y="{bottom + 18}"'
        yield f'<text {place} text-anchor="middle">{count:g}</text>'
    middle = f'x="{_LEFT + _PLOT_WIDTH / 2:.0f}" y="{_HEIGHT - 6}"'
    yield f'<text {middle} text-anchor="middle">{escape(against)}</text>'


def _draw_line(kind: str, points: Sequence[tuple[float, float]]) -> Iterator[str]:
    colour = _COLOURS.get(kind, "#000")
    dash = f' stroke-dasharray="{_DASHES[kind]}"' if kind in _DASHES else ""
    width = 3 if kind == "chosen" else 2
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}>'
        f"<title>{escape(kind)}</title></polyline>"
    )
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'


def _draw_names(ends: Sequence[tuple[float, str]]) -> Iterator[str]:
    """Write the name of each line beside its end, below each other where they would overlap."""
    lowest = -np.inf
    for end, kind in sorted(ends):
        lowest = max(end + 4, lowest + 14)
        colour = _COLOURS.get(kind, "#000")
        place = f'x="{_LEFT + _PLOT_WIDTH + 8}" y="{lowest:.1f}"'
        yield f'<text {place} fill="{colour}">{escape(kind)}</text>'
