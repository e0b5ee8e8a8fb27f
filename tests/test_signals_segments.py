from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan_tables import (
    TablesOnly,
    clocks,
    edges,
    slow_parts,
    slow_recording,
    slow_sets,
)
from workoutlab.errors import UnitError
from workoutlab.signals import gaps, windows
from workoutlab.signals.segments import find_rates

RATE = 50
SHARES = st.sampled_from([0.5, 0.6, 0.7, 0.75, 0.9])
quick = settings(deadline=None, max_examples=60)


@st.composite
def recordings(draw):
    """A few recordings, regular or not, with sets."""
    made = []
    for place in range(draw(st.integers(1, 3))):
        own = {"clock": draw(clocks())}
        if draw(st.booleans()):
            own = {"samples": draw(st.integers(1, 300)), "rate_hz": RATE}
        sets = [(first / RATE, last / RATE) for first, last in draw(edges(300))]
        made.append({**own, "sets": sets, "user": f"user{place}"})
    return made


def starts_of(plan):
    """(recording, start, set) of every window."""
    frame = plan.frame()
    return list(zip(frame["recording"], plan.locate()[1].tolist(), frame["set"], strict=True))


def number_sets(made):
    """(recording, set, edges in samples) of every set."""
    rows = [
        (row, (round(a * RATE), round(b * RATE)))
        for row, each in enumerate(made)
        for a, b in each["sets"]
    ]
    return [(row, number, edges) for number, (row, edges) in enumerate(rows)]


def check_bounds(plan):
    """No window leaves its part, and no segment its part's bounds."""
    segments = plan.segments
    segment, start = plan.locate()
    stop = start + segments["length"].to_numpy()[segment]
    assert (start >= segments["part_start"].to_numpy()[segment]).all()
    assert (stop <= segments["part_stop"].to_numpy()[segment]).all()
    assert (start >= segments["start"].to_numpy()[segment]).all()
    assert (stop <= segments["stop"].to_numpy()[segment]).all()
    assert (segments["start"] <= segments["stop"]).all()
    assert (segments["step"] > 0).all()
    assert (segments["length"] > 0).all()


@quick
@given(recordings(), st.integers(1, 30), st.integers(1, 9), st.sampled_from([0, 0.1, 0.25]))
def test_segment_sets__are_those_of_a_slow_count(made, length, step, trim):
    if not any(each["sets"] for each in made):
        made[0]["sets"] = [(0, 1)]
    plan = windows(
        TablesOnly(*made), length=length / RATE, step=step / RATE, trim=trim, rate_hz=RATE
    )
    expected = [
        (row, start, number)
        for row, number, where in number_sets(made)
        for start in slow_sets(slow_parts(made[row], RATE, 1000), where, length, step, trim)
    ]
    assert sorted(starts_of(plan)) == sorted(expected)
    check_bounds(plan)


@quick
@given(recordings(), st.integers(1, 30), st.integers(1, 9), SHARES, st.booleans())
def test_segment_recordings__are_those_of_a_slow_count(made, length, step, share, drop):
    plan = windows(
        TablesOnly(*made),
        within="recordings",
        length=length / RATE,
        step=step / RATE,
        rate_hz=RATE,
        label_share=share,
        mixed="drop" if drop else "blank",
    )
    expected = []
    for row, each in enumerate(made):
        own = [(number, where) for of, number, where in number_sets(made) if of == row]
        parts = slow_parts(each, RATE, 1000)
        edges = [where for _, where in own]
        for start, label in slow_recording(parts, edges, length, step, Fraction(str(share)), drop):
            expected.append((row, start, own[label][0] if label >= 0 else -1))
    assert starts_of(plan) == expected
    check_bounds(plan)


@quick
@given(
    recordings(),
    st.integers(1, 40),
    st.sampled_from(["start", "stop", "middle"]),
    st.none() | st.integers(-40, 40),
)
def test_segment_events__are_those_of_a_slow_count(made, length, event, shift):
    if not any(each["sets"] for each in made):
        made[0]["sets"] = [(0, 1)]
    plan = windows(
        TablesOnly(*made),
        length=f"{length} samples",
        around=event,
        offset=None if shift is None else f"{shift} samples",
        rate_hz=RATE,
    )
    expected = []
    for row, number, (start, stop) in number_sets(made):
        at = {"start": start, "stop": stop, "middle": (start + stop) // 2}[event]
        first = at - length // 2 if shift is None else at + shift
        inside = list(range(first, first + length))
        if any(set(inside) <= set(part) for part in slow_parts(made[row], RATE, 1000)):
            expected.append((row, first, number))
    assert sorted(starts_of(plan)) == sorted(expected)
    assert len(plan.segments) == len(number_sets(made))
    assert plan.describe().empty == len(plan.segments) - len(plan)
    check_bounds(plan)


@quick
@given(recordings(), st.sampled_from([0, 0.1, 0.25]))
def test_segment_whole_sets__are_windows_of_their_own_length(made, trim):
    if not any(each["sets"] for each in made):
        made[0]["sets"] = [(0, 1)]
    plan = windows(TablesOnly(*made), length="set", trim=trim, rate_hz=RATE)
    used = plan.segments[plan.segments["count"] > 0]
    assert (used["count"] == 1).all()
    assert (used["length"] == used["stop"] - used["start"]).all()
    for row, number, (start, stop) in number_sets(made):
        parts = [set(part) for part in slow_parts(made[row], RATE, 1000)]
        samples = [k for k in range(start, stop) if any(k in part for part in parts)]
        covered = []
        if samples:
            low, high = samples[0], samples[-1] + 1
            cut = int(Fraction(str(trim)) * (high - low))
            covered = [k for k in samples if low + cut <= k < high - cut]
        own = used[used["set"] == number]
        spans = [range(a, b) for a, b in own[["start", "stop"]].to_numpy()]
        assert [k for span in spans for k in span] == covered
    check_bounds(plan)


@quick
@given(recordings(), st.booleans())
def test_windows__without_a_longest_gap_split_nothing(made, by_set):
    if not any(each["sets"] for each in made):
        made[0]["sets"] = [(0, 1)]
    lab = TablesOnly(*made)
    how = {} if by_set else {"within": "recordings"}
    plan = windows(lab, length="5 samples", rate_hz=RATE, max_gap=None, **how)
    assert lab.read_times == []
    assert plan.describe().gaps == 0
    assert (plan.segments["part_start"] == 0).all()


def test_windows__reads_the_times_of_recordings_with_gaps_alone():
    even = np.arange(0, 4000, 20) * 1_000_000
    broken = np.append(even, even + 6_000_000_000)
    uneven = even.copy()
    uneven[7] += 1
    lab = TablesOnly({"clock": uneven}, {"clock": broken}, {"samples": 500, "rate_hz": 50})
    plan = windows(lab, within="recordings", length="1s", rate_hz=50)
    assert lab.read_times == [1]
    split = plan.segments[plan.segments["recording"] == 1]
    assert split[["part_start", "part_stop"]].to_numpy().tolist() == [[0, 200], [300, 500]]
    assert split["start"].tolist() == [0, 300]
    assert plan.describe().gaps == 1
    assert "split at 1 gap;" in str(plan.describe())


def test_windows__reads_times_in_batches(monkeypatch):
    monkeypatch.setattr(gaps, "_BATCH", 1000)
    clock = np.append(np.arange(0, 4000, 20), np.arange(8000, 12_000, 20)) * 1_000_000
    lab = TablesOnly(*({"clock": clock + row, "user": f"u{row}"} for row in range(7)))
    plan = windows(lab, within="recordings", length="1s", rate_hz=50)
    assert lab.read_times == list(range(7))
    assert plan.describe().gaps == 7


def test_windows__at_their_own_rates_lie_on_each_recordings_grid():
    clock = np.arange(0, 10_000, 10) * 1_000_000
    clock[5] += 100_000
    lab = TablesOnly(
        {"samples": 500, "rate_hz": 50, "sets": [(1, 9)]},
        {"samples": 250, "rate_hz": 25, "sets": [(1, 9)], "user": "bob"},
        {"clock": clock, "sets": [(1, 9)], "user": "cem"},
    )
    plan = windows(lab, length="4s", rate_hz="own", trim=0)
    assert plan.segments["rate_hz"].tolist() == [50, 25, 100]
    assert plan.segments["length"].tolist() == [200, 100, 400]
    assert plan.segments["count"].tolist() == [5, 5, 5]
    assert plan.frame()["start_s"].tolist() == 3 * [1, 2, 3, 4, 5]
    assert (plan.length_s, plan.step_s) == (4, 1)


@pytest.mark.parametrize(
    ("median_hz", "rate_hz"),
    [
        *((0.2, 1), (9.7, 10), (25.6, 26), (49.4, 49), (51.2, 50)),
        *((62.5, 60), (105.26, 110), (111.1, 110), (np.nan, 1)),
    ],
)
def test_find_rates__rounds_median_rates(median_hz, rate_hz):
    table = pd.DataFrame({"rate_hz": [median_hz, 33.3], "regular": [False, True]})
    assert find_rates(table, "own").tolist() == [rate_hz, 33.3]


def test_windows__at_their_own_rates_name_them_where_lengths_do_not_fit():
    lab = TablesOnly({"samples": 500, "rate_hz": 50}, {"samples": 500, "rate_hz": 33.3})
    with pytest.raises(UnitError, match=r"length: 8 s is 266\.4 samples at 33\.3 Hz.*33\.3, 50 Hz"):
        windows(lab, within="recordings", rate_hz="own")
    plan = windows(lab, within="recordings", rate_hz="own", length="100 samples", step="10 samples")
    assert plan.length == 100


def test_windows__of_many_sets_are_planned_as_those_of_few():
    sets, recordings = 200_000, 4_000
    each = sets // recordings
    begin = 12.0 * np.arange(each)
    clock = np.append(np.arange(0, 300_000, 20), np.arange(302_000, 610_000, 20)) * 1_000_000
    made = [
        {"samples": 30_500, "rate_hz": 50, "user": f"u{row % 500:03}"} for row in range(recordings)
    ]
    made[7] = {"clock": clock, "user": "u007"}
    lab = TablesOnly(*made)
    lab._tables["sets"] = pd.DataFrame(
        {
            "recording": np.repeat(np.arange(recordings), each),
            "start_s": np.tile(begin, recordings),
            "stop_s": np.tile(begin + 10, recordings),
            "exercise": "curl",
            "muscle_group": "arms",
            "origin": "file",
        }
    )
    plan = windows(lab, length=["4s", "8s"], rate_hz=50)
    assert len(plan) == sets * (5 + 1) - 2  # the gap takes two seconds of a set
    assert len(plan.segments) == 2 * sets
    few = windows(lab, length=["4s", "8s"], rate_hz=50, users=["u007", "u008"])
    part = plan.select(plan.segments["user"].isin(["u007", "u008"]))
    pd.testing.assert_frame_equal(part.segments, few.segments)
