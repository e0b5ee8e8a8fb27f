"""The report: one file that stands alone, and says what its figures are of."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from workoutlab.recognition.evaluation.heatmap import draw_heatmap
from workoutlab.recognition.evaluation.metrics import Confusion, Spread
from workoutlab.recognition.evaluation.report import render_page, render_summary
from workoutlab.recognition.evaluation.results import (
    Evaluation,
    Fold,
    Level,
    NotScored,
    Person,
    Source,
    plain,
)
from workoutlab.recognition.evaluation.splits import Protocol

EVIL = "<script>alert('&\"')</script>"


def _evaluation(
    classes: tuple[str, ...] = ("curl", "row", "dip"), *, people: int = 2, simulated: int = 0
) -> Evaluation:
    random = np.random.default_rng(0)
    counts = random.integers(0, 4, (len(classes), len(classes))) + 20 * np.eye(
        len(classes), dtype=int
    )
    table = Confusion(classes, counts)
    level = Level(table, Spread.of([8.0, 10.0]), Spread.of([0.9, 0.91]))
    folds = tuple(
        Fold(f"seed {n}", people, 80, 900, 20, 10.0, 0.9, 200, 12.5, 0.88, ("dip",) * n)
        for n in range(2)
    )
    return Evaluation(
        protocol=Protocol("set", seeds=2),
        per="user",
        recipe={"name": "MLP 250-50 on Statistics", "network": {"hidden": [250, 50]}, "rate": 0.01},
        source=Source(
            "lab", "SNAP42", {"length_s": 8.0}, people, 4, 9, 100, 1100, simulated, "0.1.0"
        ),
        windows=level,
        sets=Level(table, Spread.of([5.0]), Spread.of([0.95])),
        folds=folds,
        people=tuple(
            Person(f"user{n}", 2, 3, 10, 5.0 + n, math.nan, 100, 7.0 + n, 1.5)
            for n in range(people)
        ),
        not_scored=(NotScored("user0", 3, "shorter than a window of 8 s"),),
    )


class _Outline(HTMLParser):
    """Collects tags, their attributes and the text of a page, and checks that tags close."""

    void: ClassVar[set[str]] = {"meta", "br", "link", "img", "input"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def _parse(page: str) -> _Outline:
    outline = _Outline()
    outline.feed(page)
    outline.close()
    assert not outline.open
    return outline


def test_render_page__stands_alone() -> None:
    page = render_page(_evaluation())
    outline = _parse(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    assert not [
        name for name, _ in outline.attributes if name in {"src", "href"} or name[:2] == "on"
    ]
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_render_page__says_protocol_snapshot_recipe_and_figures() -> None:
    text = _parse(render_page(_evaluation())).text
    for said in (
        "80/20 by set, 2 seeds, before windowing",
        "SNAP42",
        "MLP 250-50 on Statistics",
        "rate: 0.01",
        "9.0 ± 1.4 %",
        "0.905 ± 0.007",
        "Not scored: 3 sets, shorter than a window of 8 s (user0)",
        "counted as errors: dip",
        "workoutlab 0.1.0",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("simulated", "banner"),
    [(0, None), (9, "SIMULATED DATA:"), (4, "PARTLY SIMULATED DATA (4 of 9 recordings):")],
)
def test_render_page__labels_simulated_data(simulated: int, banner: str | None) -> None:
    evaluation = _evaluation(simulated=simulated)
    pages = [_parse(render_page(evaluation)).text, _parse(render_summary(evaluation)).text]
    if banner is None:
        assert not any("SIMULATED" in text for text in [*pages, str(evaluation)])
    else:
        assert all(banner.rstrip(":") in text for text in [*pages, str(evaluation)])
        assert banner in pages[0]


def test_render_page__escapes_every_string() -> None:
    evaluation = _evaluation((EVIL, "row", "dip"))
    nasty = replace(
        evaluation,
        recipe={"name": EVIL, EVIL: {EVIL: EVIL}},
        source=replace(evaluation.source, lab=EVIL, snapshot=EVIL, plan={EVIL: EVIL}, version=EVIL),
        folds=tuple(replace(fold, fold=EVIL, unseen=(EVIL,)) for fold in evaluation.folds),
        people=tuple(replace(person, user=EVIL) for person in evaluation.people),
        not_scored=(NotScored(EVIL, 1, EVIL),),
    )
    for page in (render_page(nasty), render_summary(nasty)):
        assert "<script" not in page
        assert EVIL in _parse(page).text


def test_render_page__keeps_to_a_readable_number_of_people() -> None:
    page = render_page(_evaluation(people=5000))
    assert "The first 100 of 5,000 people" in page
    assert "user4999" in page  # the highest error stands first
    assert len(page) < 100_000


def test_str__keeps_to_a_readable_number_of_reasons() -> None:
    unscored = tuple(NotScored(f"user{n}", 1, f"reason {n}") for n in range(50))
    text = str(replace(_evaluation(), not_scored=unscored))
    assert "reason 7 (user7)" in text
    assert "reason 8" not in text
    assert "Not scored for 42 reasons more" in text


def test_render_page__figures_without_a_value_are_dashes() -> None:
    empty = Confusion(("curl",), np.zeros((1, 1), dtype=np.int64))
    level = Level(empty, Spread.of([]), Spread.of([]))
    evaluation = replace(_evaluation(), windows=level, sets=level, folds=(), people=())
    assert "nan" not in _parse(render_page(evaluation)).text.lower()


def test_draw_heatmap__has_every_count_and_leaves_out_what_never_occurs() -> None:
    counts = np.array([[12, 3, 0], [0, 45678, 0], [0, 0, 0]])
    picture = draw_heatmap(Confusion(("curl", "row", "dip"), counts), "sets")
    shown = re.findall(r'class="count"[^>]*>([^<]+)<', picture)
    assert shown == ["12", "3", "46k"]
    assert "curl taken for row: 3 (20%)" in picture
    assert "dip" not in picture


def test_draw_heatmap__numbers_stand_out_from_their_shade() -> None:
    # WCAG contrast of text on its cell, for every share of a row.
    counts = np.array([[n, 100 - n] for n in range(101)])
    size = len(counts)
    table = np.zeros((size, size), dtype=np.int64)
    table[np.arange(size), np.arange(size)] = counts[:, 0]
    table[np.arange(size), (np.arange(size) + 1) % size] = counts[:, 1]
    picture = draw_heatmap(Confusion(tuple(f"c{n:03}" for n in range(size)), table), "sets")
    cells = re.findall(r'fill="(#\w+)"><title>.*?class="count"[^>]*style="fill:(#\w+)"', picture)
    assert len(cells) == 200
    assert min(_contrast(fill, ink) for fill, ink in cells) > 4.5


def _contrast(one: str, other: str) -> float:
    dark, light = sorted(_luminance(colour) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = np.array([int(digits[n : n + 2], 16) for n in (0, 2, 4)]) / 255
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_save_html__writes_one_file(tmp_path: Path) -> None:
    path = _evaluation().save_html(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == render_page(_evaluation())


def test_as_dict__survives_json() -> None:
    evaluation = _evaluation()
    known = evaluation.as_dict()
    assert json.loads(evaluation.to_json()) == known
    assert json.loads(json.dumps(known, allow_nan=False)) == known
    assert known["people"][0]["set_error_sd"] is None
    assert known["sets"]["error_percent"] == {"mean": 5.0, "sd": None, "count": 1}
    assert known["windows"]["accuracy"]["mean"] == pytest.approx(0.91)
    assert known["protocol"]["text"] == "80/20 by set, 2 seeds, before windowing"
    assert np.array(known["sets"]["confusion"]).sum() == known["sets"]["scored"]


def test_plain__what_json_cannot_hold_becomes_none_or_its_name() -> None:
    assert plain([math.nan, math.inf, np.float32(0.5), np.array([1, 2]), True, {1}]) == [
        None,
        None,
        0.5,
        [1, 2],
        True,
        [1],
    ]
    assert plain(int) == "<class 'int'>"


def test_str__has_the_figures() -> None:
    text = str(_evaluation())
    assert re.search(r"error % +9.0 ± 1.4 +5.0\n", text)
    assert re.search(r"macro-F1 +0.905 ± 0.007 +0.950\n", text)


def test_tables__have_a_row_for_each() -> None:
    evaluation = _evaluation()
    assert evaluation.per_class["exercise"].tolist() == ["curl", "row", "dip"]
    assert evaluation.per_class["set_support"].sum() == evaluation.sets.confusion.total
    assert evaluation.per_fold["fold"].tolist() == ["seed 0", "seed 1"]
    assert evaluation.per_person["user"].tolist() == ["user0", "user1"]
    assert replace(evaluation, people=()).per_person.columns.tolist()[0] == "user"
