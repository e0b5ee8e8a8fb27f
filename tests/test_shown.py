"""What a notebook shows of recognisers and of what they find: short, and without arrays."""

from html import unescape

import numpy as np

from tests.recognisers import RATE_HZ, recogniser
from workoutlab import assess, count_repetitions, find_phases
from workoutlab.recognition.corrections.adapting import AdaptResult
from workoutlab.recognition.segmentation.teaching import RecogniserResult


def curls(count: int = 6):
    angle = np.pi / 3 * (1 - np.cos(2 * np.pi * np.arange(100 * count) / 100))
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)


def test_recogniser__tells_what_it_knows_and_no_weights():
    known = recogniser(name="sets", digest="0123456789abcdef")
    assert repr(known) == (
        "Recogniser(name 'sets'; user everybody; 3 exercises curl, press, row; rate 50 Hz; "
        "windows 4 s for activity, 4 s for exercises; unknown below a confidence of 0.60; "
        "templates of 0 exercises; digest 0123456789ab)"
    )


def test_recogniser__as_html_escapes_names():
    shown = recogniser(name="<b>")._repr_html_()
    assert "<th>3 exercises</th><td>curl, press, row</td>" in shown
    assert "&lt;b&gt;" in shown


def test_stage__shows_no_weights():
    assert repr(recogniser().activity) == (
        "Stage(classes=('active', 'rest'), length=200, step=25, temperature=1.0, model='', "
        "odds=0.0)"
    )


def test_repetitions__show_count_and_range():
    shown = repr(count_repetitions(curls(), RATE_HZ))
    assert shown.startswith("Repetitions(6; most probable 6, ")
    assert shown.endswith("; median duration 2.0 s)")


def test_repetitions__show_that_there_is_no_count():
    noise = np.random.default_rng(0).normal(0, 0.3, (500, 3))
    counted = count_repetitions(noise, RATE_HZ)
    assert counted.count is None
    assert repr(counted).startswith(f"Repetitions(no count; most probable {counted.guess}, ")


def test_quality_and_tempo__show_figures_with_units():
    signal, edges = curls(), [[100 * n, 100 * n + 100] for n in range(6)]
    quality = assess(signal, RATE_HZ, edges)
    assert repr(quality).startswith("Quality(6 repetitions, consistency 1, smoothness -")
    assert "tempo_drift 0 %" in repr(quality)
    assert "similarity" not in repr(quality)  # no good sets were given
    tempo = find_phases(signal, RATE_HZ, edges)
    assert repr(tempo).startswith("Tempo(6 repetitions, medians: tempo 2.0 s")


def test_quality__prints_its_sentences():
    lengths = np.array([100] * 7 + [140] * 3)
    times = np.concatenate([np.linspace(0, 1, length) for length in lengths])
    angle = np.pi / 3 * (1 - np.cos(2 * np.pi * times))
    signal = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    stops = np.cumsum(lengths)
    quality = assess(signal, 50, np.column_stack([stops - lengths, stops]))
    first, *others = str(quality).splitlines()
    assert first == repr(quality)
    assert [line.strip() for line in others] == quality.sentences()
    assert others


def test_results__as_html_are_what_they_print():
    adapted = AdaptResult("sets", {"ann": ("activity",)}, failed={"bob": "has no <sets>"})
    trained = RecogniserResult("sets", {}, {"activity": ("*",)}, 0, {}, "")
    assert "<p>  bob: has no &lt;sets&gt;</p>" in adapted._repr_html_()
    assert unescape(trained._repr_html_()) == f"<p>{trained}</p>"
