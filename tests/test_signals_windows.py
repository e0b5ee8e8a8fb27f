import pickle
import tracemalloc
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError, NotInLabError, UnitError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import Windows, windows

_labs = count()


def record(sets, *, samples=3000, user="ann", session="s1", seed=0, device="watch", **clock):
    """A recording of noise; sets as (start, stop, exercise)."""
    values = np.random.default_rng(seed).normal(size=(samples, 3)).astype(np.float32)
    labelled = [
        LabelledSet(start=start, stop=stop, exercise=name, muscle_group=name[:1])
        for start, stop, name in sets
    ]
    clock = clock or {"rate_hz": 50}
    return Recording(
        user=user, session=session, acceleration=values, sets=labelled, device=device, **clock
    )


def make_lab(*recordings):
    lab = Lab(f"memory://windows-{next(_labs)}")
    if recordings:
        outcomes = lab.append(recordings).outcomes
        assert all(outcome.status == "stored" for outcome in outcomes)
    return lab


def spans(plan):
    return plan.segments[["start", "stop", "count"]].to_numpy().tolist()


def test_windows__lie_in_the_middle_of_a_set():
    plan = windows(make_lab(record([(100, 1100, "curl")])))
    assert spans(plan) == [[200, 1000, 9]]
    assert (plan.length, plan.step, plan.rate_hz, len(plan)) == (400, 50, 50.0, 9)


def test_windows__step_five_samples_as_muvr_does():
    plan = windows(make_lab(record([(100, 1100, "curl")])), step="0.1s")
    assert (plan.step, len(plan)) == (5, 81)


@pytest.mark.parametrize(
    ("stop", "span"),
    [
        (100 + 500, [150, 550, 1]),  # the middle is just a window
        (100 + 480, [140, 540, 1]),  # it is shorter: centred
        (100 + 400, [100, 500, 1]),
        (100 + 399, [139, 460, 0]),  # the set is shorter than a window
    ],
)
def test_windows__centre_one_in_a_short_set(stop, span):
    assert spans(windows(make_lab(record([(100, stop, "curl")])))) == [span]


def test_windows__reports_sets_without_a_window():
    lab = make_lab(record([(0, 1000, "curl"), (1000, 1100, "squat")]))
    described = windows(lab).describe()
    assert (described.windows, described.segments, described.empty) == (9, 1, 1)
    assert "1 without a window" in str(described)


def test_windows__without_trim_cover_the_whole_set():
    assert spans(windows(make_lab(record([(0, 1000, "curl")])), trim=0)) == [[0, 1000, 13]]


def test_windows__sorts_people_together():
    lab = make_lab(
        record([(0, 1000, "curl")], user="zoe", seed=1),
        record([(0, 500, "squat"), (600, 1200, "curl")], user="ann", session="s2", seed=2),
        record([(0, 1000, "curl")], user="ann", session="s1", seed=3),
    )
    segments = windows(lab).segments
    assert segments["user"].tolist() == ["ann", "ann", "ann", "zoe"]
    assert segments["session"].tolist() == ["s1", "s2", "s2", "s1"]
    assert segments["recording"].tolist() == [2, 1, 1, 0]
    assert segments["start"].is_monotonic_increasing is False
    assert segments["digest"].tolist() == [
        lab.table("recordings").loc[row, "digest"] for row in segments["recording"]
    ]


def test_windows__reads_nothing_of_the_signal(monkeypatch):
    lab = make_lab(record([(0, 1000, "curl")]))

    def refuse(*args):
        raise AssertionError("a sample was read")

    monkeypatch.setattr(Lab, "read", refuse)
    plan = windows(lab)
    assert plan.describe().read_bytes == 800 * 12
    assert len(plan.frame()) == 9


def test_windows__keeps_to_its_snapshot():
    lab = make_lab(record([(0, 1000, "curl")]))
    plan = windows(lab)
    snapshot = lab.snapshot
    lab.append([record([(0, 1000, "curl")], seed=9)])
    assert (plan.lab.snapshot, plan.lab.read_only) == (snapshot, True)
    assert (plan.home.snapshot, plan.home.read_only) == (lab.snapshot, False)
    assert len(windows(lab)) == 2 * len(plan)


def test_windows__pickles():
    plan = windows(make_lab(record([(0, 1000, "curl")])))
    again = pickle.loads(pickle.dumps(plan))
    pd.testing.assert_frame_equal(again.segments, plan.segments)
    assert (again.lab.snapshot, len(again)) == (plan.lab.snapshot, len(plan))


def label_of(window, sets, length):
    """The set that covers more than half of a window, by counting samples."""
    for row, (start, stop, _) in enumerate(sets):
        inside = np.arange(window, window + length)
        if 2 * np.count_nonzero((inside >= start) & (inside < stop)) > length:
            return row
    return -1


@st.composite
def sets_in_order(draw):
    edges = draw(st.lists(st.integers(0, 300), min_size=0, max_size=12, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    return [(a, b, f"e{i}") for i, (a, b) in enumerate(zip(edges[::2], edges[1::2], strict=True))]


class TablesOnly(Lab):
    """What a plan asks of a lab: tables, and no samples."""

    url, snapshot = "memory://tables", "S"

    def __init__(self, recordings, sets):
        facts = {"rate_hz": 50.0, "regular": True, "device": "watch", "simulated": True}
        facts["longest_gap_s"] = 0.02
        self._tables = {
            "recordings": pd.DataFrame({**facts, "digest": "d", **recordings}),
            "sets": pd.DataFrame({"muscle_group": "", "origin": "file", **sets}),
        }

    def at(self, _):
        return self

    def table(self, name, columns):
        return self._tables[name][list(columns)]


@settings(deadline=None)
@given(sets_in_order(), st.integers(300, 400), st.integers(1, 60), st.integers(1, 25))
def test_windows__within_recordings_takes_the_label_of_the_set_that_covers_most(
    sets, samples, length, step
):
    edges = np.array([each[:2] for each in sets], dtype=float).reshape(-1, 2)
    lab = TablesOnly(
        {"user": ["ann"], "session": ["s1"], "samples": samples, "duration_s": samples / 50},
        {
            "recording": np.zeros(len(sets), np.int64),
            "start_s": edges[:, 0] / 50,
            "stop_s": edges[:, 1] / 50,
            "exercise": [each[2] for each in sets],
        },
    )
    plan = windows(lab, within="recordings", length=length / 50, step=step / 50)
    frame = plan.frame()
    starts = np.arange(0, samples - length + 1, step)
    np.testing.assert_allclose(frame["start_s"] * 50, starts)
    expected = [label_of(start, sets, length) for start in starts]
    assert frame["set"].tolist() == expected
    assert frame["exercise"].tolist() == [sets[row][2] if row >= 0 else "" for row in expected]


def test_windows__within_recordings_keeps_segments_within_the_recording():
    lab = make_lab(record([(1000, 2000, "curl")]), record([], samples=399, seed=1, session="s2"))
    segments = windows(lab, within="recordings").segments
    assert segments["exercise"].tolist() == ["", "curl", "", ""]
    assert segments["count"].tolist() == [17, 19, 17, 0]
    assert segments["stop"].tolist() == [1200, 2150, 3000, 399]


def test_windows__within_recordings_takes_the_stretches_of_an_exercise():
    lab = make_lab(record([(1000, 2000, "curl")]), record([(0, 2000, "squat")], seed=1))
    plan = windows(lab, within="recordings", exercises="curl")
    assert plan.frame()["exercise"].unique().tolist() == ["curl"]


@pytest.fixture
def mixed_lab():
    return make_lab(
        record([(0, 1000, "curl")], seed=1, device="watch"),
        record([(0, 1000, "squat"), (1000, 2000, "curl")], user="bob", seed=2, device="phone"),
        record([], user="cem", session="s9", seed=3),
    )


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"users": "bob"}, 2),
        ({"users": ["ann", "bob"]}, 3),
        ({"users": pd.Series(["ann"])}, 1),
        ({"exercises": "curl"}, 2),
        ({"exercises": "curl", "users": "bob"}, 1),
        ({"muscle_groups": ["s"]}, 1),
        ({"devices": "watch"}, 1),
        ({"sessions": "s1"}, 3),
        ({"users": None}, 3),
    ],
)
def test_windows__covers_what_is_chosen_by_name(mixed_lab, filters, count):
    assert len(windows(mixed_lab, **filters).segments) == count


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"users": "anna"}, "user 'anna' is not here; near: ann"),
        ({"users": ["ann", "nobody"]}, "user 'nobody' is not here; near: ann, bob"),
        ({"exercises": "curls"}, "exercise 'curls' is not here; near: curl"),
        ({"muscle_groups": "x"}, "muscle group 'x' is not here"),
        ({"devices": "phones"}, "device 'phones' is not here; near: phone"),
        ({"users": "ann", "sessions": "s9"}, "no recording has all of users=.*sessions="),
        ({"exercises": "squat", "muscle_groups": "c"}, "no set has all of"),
        ({"users": "cem"}, "within='recordings'"),
    ],
)
def test_windows__names_what_the_lab_does_not_hold(mixed_lab, filters, message):
    with pytest.raises(NotInLabError, match=message):
        windows(mixed_lab, **filters)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"within": "people"}, "'sets' or 'recordings'"),
        ({"trim": 0.5}, "trim: expected a share"),
        ({"trim": -0.1}, "trim: expected a share"),
        ({"people": "ann"}, "no filter 'people'; there are users"),
        ({"users": []}, "users: expected a name or several"),
        ({"users": [3]}, "users: expected a name or several"),
        ({"users": 3}, "users: expected a name or several"),
    ],
)
def test_windows__refuses_what_cannot_mean_anything(mixed_lab, settings, message):
    with pytest.raises(InputError, match=message):
        windows(mixed_lab, **settings)


def test_windows__refuses_a_step_between_samples(mixed_lab):
    with pytest.raises(UnitError, match=r"step: 0\.05 s is 2\.5 samples at 50 Hz"):
        windows(mixed_lab, step="50ms")


def test_windows__says_how_to_fill_an_empty_lab():
    with pytest.raises(NotInLabError, match=r"workoutlab\.ingest"):
        windows(make_lab())


def irregular(**settings):
    steps = np.random.default_rng(0).integers(5_000_000, 15_000_000, 2999)
    time_ns = np.append(0, np.cumsum(steps)) + 10**18
    return record([(0, 3000, "curl")], time_ns=time_ns, **settings)


def test_windows__lists_the_rates_where_they_differ():
    lab = make_lab(record([(0, 1000, "curl")]), irregular(seed=1))
    with pytest.raises(UnitError, match=r"1 at 50.0 Hz; 1 irregular, about 9.*rate_hz=50"):
        windows(lab)


def test_windows__asks_for_a_rate_where_all_are_irregular():
    with pytest.raises(UnitError, match="rate_hz"):
        windows(make_lab(irregular()))


def test_windows__shortens_a_long_list_of_rates():
    lab = make_lab(*(record([(0, 2000, "curl")], seed=i, rate_hz=50 + i) for i in range(9)))
    with pytest.raises(UnitError, match="and 3 rates more"):
        windows(lab)


def test_windows__places_segments_on_the_common_grid():
    lab = make_lab(record([(100, 1100, "curl")], rate_hz=100), irregular(session="s2", seed=1))
    plan = windows(lab, rate_hz=50, trim=0)
    span_s = lab.table("recordings")["duration_s"].iloc[1]
    assert spans(plan)[0] == [50, 550, 3]
    assert spans(plan)[1][1] == int(span_s * 50) + 1


def test_select__keeps_some_segments_in_order(mixed_lab):
    plan = windows(mixed_lab)
    by_mask = plan.select((plan.segments["exercise"] == "curl").to_numpy())
    by_series = plan.select(plan.segments["exercise"] == "curl")
    by_place = plan.select([2, 0])
    assert isinstance(by_mask, Windows)
    assert by_mask.segments["user"].tolist() == ["ann", "bob"]
    pd.testing.assert_frame_equal(by_mask.segments, by_place.segments)
    pd.testing.assert_frame_equal(by_mask.segments, by_series.segments)
    assert len(plan.select([])) == 0


@pytest.mark.parametrize("chosen", [[True], [3], [-1], [True] * 4, "a", None, [1.5], [[0]], [None]])
def test_select__refuses_segments_that_are_not_there(mixed_lab, chosen):
    with pytest.raises(InputError, match="select: expected"):
        windows(mixed_lab).select(chosen)


def test_locate__is_the_same_in_parts(mixed_lab):
    plan = windows(mixed_lab, within="recordings")
    whole = np.stack(plan.locate())
    parts = [np.stack(plan.locate(first, first + 7)) for first in range(0, len(plan), 7)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_repr__tells_what_the_plan_covers(mixed_lab):
    plan = windows(mixed_lab)
    assert repr(plan).startswith("Windows(27 of 8 s every 1 s at 50 Hz within 3 sets, lab 'memory")
    page = plan._repr_html_()
    assert page.startswith("<table>")
    assert "27 windows of 2 people" in page


def test_windows__of_twelve_millions_fit_in_little_memory():
    row = np.arange(10_000)
    ids = {"user": (row // 3).astype(str), "session": (row % 3).astype(str)}
    no_sets = {"recording": row[:0], "start_s": [], "stop_s": [], "exercise": []}
    lab = TablesOnly({**ids, "samples": 60_000, "duration_s": 1200.0}, no_sets)
    tracemalloc.start()
    plan = windows(lab, within="recordings")
    some = plan.frame(11_000_000, 11_001_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(plan) == 10_000 * 1193
    assert len(some) == 1000
    assert peak < 20e6
