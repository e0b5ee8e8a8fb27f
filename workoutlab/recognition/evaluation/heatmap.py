"""A confusion matrix as an SVG picture: numbers in cells, shades that anyone can tell apart."""

from collections.abc import Iterator
from html import escape
from typing import Final

from workoutlab.recognition.evaluation.metrics import Confusion

__all__ = ["draw_heatmap"]

_CELL: Final = 32
_LETTER: Final = 6.6
"""Width in px of an average letter of the labels, 12 px high; rather more than less."""

_LONGEST: Final = 34
_Colour = tuple[int, int, int]
_NEVER: Final[_Colour] = (247, 247, 247)
_RIGHT: Final[_Colour] = (8, 81, 156)
_WRONG: Final[_Colour] = (166, 54, 3)
"""Blue for what is right, orange-brown for what is wrong: they differ for every kind of colour
vision, and each goes from light to dark, so that the shade alone tells the share."""


def draw_heatmap(confusion: Confusion, what: str) -> str:
    """Draw a confusion matrix: a row for each true class, a column for each predicted one.

    A cell's shade is its share of the row. Classes that occur neither as truth nor as
    prediction are left out.

    Parameters
    ----------
    confusion
        Counts of windows or sets.
    what
        Their name, ``"sets"`` say.

    Returns
    -------
    str
        An ``<svg>`` element without scripts or references.
    """
    occurs = confusion.support + confusion.counts.sum(axis=0) > 0
    classes = [name for name, there in zip(confusion.classes, occurs, strict=True) if there]
    counts = confusion.counts[occurs][:, occurs].tolist()
    gutter = 12 + _LETTER * max((len(_shorten(name)) for name in classes), default=0)
    size = len(classes) * _CELL
    width, height = gutter + size + gutter * 0.6, gutter * 0.75 + size + 10
    parts = [
        f'<svg class="heatmap" role="img" aria-label="Confusion matrix of {escape(what)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<g transform="translate({gutter:.0f} {gutter * 0.75 + 8:.0f})">',
        *_draw_labels(classes),
        *(cell for row, values in enumerate(counts) for cell in _draw_row(row, values, classes)),
        "</g></svg>",
    ]
    return "".join(parts)


def _draw_labels(classes: list[str]) -> Iterator[str]:
    for place, name in enumerate(classes):
        middle, label = place * _CELL + _CELL / 2, escape(_shorten(name))
        yield f'<text x="-6" y="{middle + 4:.0f}" text-anchor="end">{label}</text>'
        yield f'<text transform="translate({middle + 3:.0f} -6) rotate(-45)">{label}</text>'


def _draw_row(row: int, values: list[int], classes: list[str]) -> Iterator[str]:
    total = sum(values)
    for column, count in enumerate(values):
        share = count / total if total else 0
        shade = _mix(share, _RIGHT if row == column else _WRONG) if count else _NEVER
        fill = "#" + bytes(shade).hex()
        x, y = column * _CELL, row * _CELL
        yield f'<rect x="{x}" y="{y}" width="{_CELL - 1}" height="{_CELL - 1}" fill="{fill}">'
        if count:
            yield f"<title>{escape(classes[row])} taken for {escape(classes[column])}: "
            yield f"{count:,} ({share:.0%})</title>"
        yield "</rect>"
        if count:
            ink = "#fff" if _is_dark(shade) else "#000"
            place = f'x="{x + _CELL / 2 - 0.5}" y="{y + _CELL / 2 + 3.5}"'
            yield f'<text class="count" {place} style="fill:{ink}">{_abbreviate(count)}</text>'


def _mix(share: float, colour: _Colour) -> _Colour:
    strength = 0.12 + 0.88 * share
    red, green, blue = (round(255 - strength * (255 - part)) for part in colour)
    return red, green, blue


def _is_dark(colour: _Colour) -> bool:
    """Tell whether white stands out more than black does, by the luminance of sRGB."""
    red, green, blue = (
        part / 255 / 12.92 if part < 11 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179


def _shorten(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _abbreviate(count: int) -> str:
    """Write a count in at most five characters.

    Examples
    --------
    >>> [_abbreviate(count) for count in (7, 9999, 12_345, 999_999, 2_500_000)]
    ['7', '9999', '12k', '1000k', '2.5M']
    """
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"
