import json

import numpy as np
import pandas as pd
import pytest

from tests.plan_tables import TablesOnly
from workoutlab.errors import InputError, UnitError
from workoutlab.signals import windows
from workoutlab.signals.layout import Layout


@pytest.fixture(scope="module")
def lab():
    """Recordings of two people, at 50 and 100 Hz, with two sets each."""
    sets = [(0, 10), (12, 30)]
    return TablesOnly(
        {"samples": 2000, "rate_hz": 50, "sets": sets},
        {"samples": 4000, "rate_hz": 100, "sets": sets, "user": "bob"},
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"within": "people"}, "within: expected 'sets' or 'recordings', got 'people'"),
        ({"around": "end"}, "around: expected 'start', 'stop' or 'middle', got 'end'"),
        ({"mixed": "keep", "within": "recordings"}, "mixed: expected 'blank' or 'drop'"),
        ({"trim": 0.5}, "trim: expected a share from 0 up to 0.5"),
        ({"overlap": 1}, "overlap: expected a share from 0 up to 1, got 1"),
        ({"overlap": -0.5}, "overlap: expected a share"),
        ({"overlap": "50%"}, "overlap: expected a share"),
        ({"overlap": True}, "overlap: expected a share"),
        ({"label_share": 0.4, "within": "recordings"}, "label_share: expected a share from 0.5"),
        ({"label_share": 1, "within": "recordings"}, "label_share: expected a share from 0.5"),
        ({"step": 1, "overlap": 0.5}, "step and overlap: give one of them"),
        ({"offset": "1s"}, "offset: it is counted from an event; give around="),
        ({"around": "start", "within": "recordings"}, "around: events are those of sets"),
        ({"label_share": 0.6}, "label_share and mixed: they decide on labels within='recordings'"),
        ({"mixed": "drop"}, "label_share and mixed"),
        ({"around": "start", "step": 1}, "step: there is one window around each event"),
        ({"around": "start", "overlap": 0.5}, "overlap: there is one window around each event"),
        ({"around": "start", "trim": 0.1}, "trim: windows around events"),
        ({"within": "recordings", "trim": 0.1}, "trim: it is a share of sets"),
        ({"length": "set", "step": 1}, "length='set': .* without step or around"),
        ({"length": "set", "overlap": 0}, "length='set': .* without overlap or around"),
        ({"length": "set", "around": "stop"}, "length='set'"),
        ({"length": "set", "within": "recordings"}, "length='set'"),
        ({"length": ["4s", "set"]}, "length: expected a length above zero"),
        ({"length": b"8s"}, "length: expected a length above zero .*got b'8s'"),
        ({"length": 1e300}, "length: 1e\\+300 s is more samples than a recording can have"),
        ({"length": []}, r"length: expected one or more, got \[\]"),
        ({"length": ["4s", 4]}, "length: expected different ones"),
        ({"length": ["4s", "8s"], "step": [1, 2, 3]}, "one for each of the 2 lengths, got 3"),
        ({"step": [1, 2]}, "one for each of the 1 lengths, got 2"),
        ({"max_gap": 0}, "max_gap: expected a length above zero"),
        ({"max_gap": "50 samples"}, "max_gap: expected seconds"),
        ({"rate_hz": "each"}, "rate_hz: expected a rate above zero in Hz, or 'own', got 'each'"),
        ({"rate_hz": True}, "rate_hz: expected a rate"),
        ({"preparation": "filter"}, "preparation: expected a Preparation, got 'filter'"),
    ],
)
def test_windows__refuses_what_cannot_mean_anything(asked, message, lab):
    with pytest.raises(InputError, match=message):
        windows(lab, **{"rate_hz": 50, **asked})


def test_windows__overlap_instead_of_stepping(lab):
    plan = windows(lab, length=["4s", "8s"], overlap=0.75, rate_hz=50)
    steps = plan.segments.groupby("length")["step"].unique().to_dict()
    assert {length: step.tolist() for length, step in steps.items()} == {200: [50], 400: [100]}
    with pytest.raises(UnitError, match=r"overlap: 0\.333 of a window of 400 samples"):
        windows(lab, overlap=0.333, rate_hz=50)


@pytest.mark.parametrize(
    ("step", "expected"), [(None, [50, 50]), ("2s", [100, 100]), (["1s", "10 samples"], [50, 10])]
)
def test_windows__take_a_step_for_each_length_or_one_for_all(step, expected, lab):
    plan = windows(lab, length=["4s", "8s"], step=step, rate_hz=50)
    assert plan.segments.groupby("length")["step"].first().tolist() == expected


def test_windows__of_several_lengths_are_those_of_each(lab):
    both = windows(lab, length=["4s", "8s"], rate_hz=50).segments
    for length in ("4s", "8s"):
        alone = windows(lab, length=length, rate_hz=50)
        part = both[both["length"] == alone.length].reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone.segments)
    order = ["user", "session", "recording", "start", "length"]
    pd.testing.assert_frame_equal(both, both.sort_values(order, ignore_index=True))


def test_windows__tell_the_length_of_each(lab):
    frame = windows(lab, length=["4s", "8s"], rate_hz="own").frame()
    assert frame.groupby("length_s").size().index.tolist() == [4.0, 8.0]
    assert frame["length_s"].dtype == np.float64


@pytest.mark.parametrize(
    ("asked", "name", "message"),
    [
        ({"length": ["4s", "8s"]}, "length", "length: .* but 200 and 400 samples"),
        ({"length": ["4s", "8s"]}, "length_s", r"length_s: .* but 4 and 8 s; the column 'length'"),
        ({"step": [1, 2], "length": [4, 8]}, "step_s", "step_s: .* but 1 and 2 s"),
        ({"rate_hz": "own"}, "rate_hz", "rate_hz: .* but 50 and 100 Hz"),
        ({"rate_hz": "own"}, "length", "length: .* 400 and 800 samples"),
        ({"length": [1, 2, 3, 4]}, "length_s", "but 1 to 4 s"),
    ],
)
def test_windows__without_one_value_say_which_there_are(asked, name, message, lab):
    plan = windows(lab, **{"rate_hz": 50, **asked})
    with pytest.raises(InputError, match=message):
        getattr(plan, name)


def test_windows__of_one_length_in_time_may_have_several_in_samples(lab):
    plan = windows(lab, rate_hz="own")
    assert (plan.length_s, plan.step_s) == (8.0, 1.0)
    one = plan.select(plan.segments["rate_hz"] == 100)
    assert (one.rate_hz, one.length, one.step) == (100.0, 800, 100)


def test_windows__without_segments_keep_what_was_asked(lab):
    empty = windows(lab, length="4s", rate_hz=50).select([])
    assert (empty.rate_hz, empty.length, empty.step) == (50.0, 200, 50)
    assert (empty.length_s, empty.step_s, len(empty)) == (4.0, 1.0, 0)
    with pytest.raises(InputError, match="but 200 and 400 samples"):
        _ = windows(lab, length=["4s", "8s"], rate_hz=50).select([]).length
    with pytest.raises(InputError, match="but no samples"):
        _ = windows(lab, length="set", rate_hz=50).select([]).length


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, {"length_s": 8.0, "step_s": 1.0, "rate_hz": 50.0, "within": "sets", "trim": 0.1}),
        (
            {"length": ["4s", "400 samples"], "trim": 0},
            {"length_s": [4.0, 8.0], "step_s": 1.0, "rate_hz": 50.0, "within": "sets", "trim": 0.0},
        ),
        (
            {"length": "set", "rate_hz": "own"},
            {"length_s": "set", "rate_hz": "own", "within": "sets", "trim": 0.1},
        ),
        (
            {"length": "4s", "around": "stop", "offset": "-1s"},
            {"length_s": 4.0, "rate_hz": 50.0, "within": "sets", "trim": 0.0}
            | {"around": "stop", "offset": "-1 s"},
        ),
        (
            {"around": "middle"},
            {"length_s": 8.0, "rate_hz": 50.0, "within": "sets", "trim": 0.0}
            | {"around": "middle", "offset": "centred"},
        ),
        (
            {"within": "recordings", "label_share": 0.8, "mixed": "drop"},
            {"length_s": 8.0, "step_s": 1.0, "rate_hz": 50.0, "within": "recordings", "trim": 0.0}
            | {"label_share": 0.8, "mixed": "drop"},
        ),
    ],
)
def test_settings__tell_how_windows_are_laid_out(asked, expected, lab):
    plan = windows(lab, **{"rate_hz": 50, **asked})
    assert plan.settings() == {**expected, "max_gap_s": 1.0}
    assert json.loads(json.dumps(plan.settings())) == plan.settings()
    assert "max_gap_s" not in windows(lab, **{"rate_hz": 50, **asked}, max_gap=None).settings()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "(16 of 8 s every 1 s at 50 Hz within 4 sets, lab"),
        ({"length": [2, 4], "rate_hz": "own"}, "of 2 and 4 s every 1 s at 50 and 100 Hz within 8"),
        ({"length": "set"}, "(4 of 8 and 14.4 s at 50 Hz within 4 sets, lab"),
        ({"length": "2s", "around": "start"}, "(2 of 2 s at 50 Hz around the start of 4 sets"),
        ({"within": "recordings"}, "parts of recordings"),
    ],
)
def test_repr__tells_how_windows_are_laid_out(asked, told, lab):
    plan = windows(lab, **{"rate_hz": 50, **asked})
    assert told in repr(plan)
    assert told.split(" at ")[0].strip("(") in plan._repr_html_()


def test_layout__drops_windows_that_a_set_covers_in_part(lab):
    how = {"within": "recordings", "rate_hz": 50, "length": "4s", "users": "ann"}
    blank = windows(lab, label_share=0.75, **how)
    drop = windows(lab, label_share=0.75, mixed="drop", **how)
    # The sets end at 10 and 30 s and the second begins at 12 s; a step is 1 s.
    labels = dict(zip(blank.frame()["start_s"], blank.frame()["exercise"], strict=True))
    assert [start for start, label in labels.items() if not label] == [
        *(7.0, 8.0, 9.0, 10.0, 11.0),
        *range(27, 37),
    ]
    gone = set(labels) - set(drop.frame()["start_s"])
    assert gone == {7.0, 8.0, 10.0, 11.0, 27.0, 28.0}


def test_layout__is_understood_at_once():
    assert Layout(length="4s", overlap=0.5).sizes(np.array([50.0, 100.0]))[0][1].tolist() == [
        100,
        200,
    ]
    with pytest.raises(UnitError):
        Layout(length="4 stones")
