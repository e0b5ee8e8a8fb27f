import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan_tables import TablesOnly
from workoutlab.errors import InputError
from workoutlab.signals import exclusion, windows

RATE = 50
TICK = 20  # ms between samples


def make_plan(recordings=3, *, sets=(), **how):
    made = [
        {"samples": 200 + 60 * row, "rate_hz": RATE, "user": f"u{-row}", "sets": sets}
        for row in range(recordings)
    ]
    return windows(TablesOnly(*made), **{"within": "recordings", "length": "1s", **how})


def frame(*rows):
    return pd.DataFrame(rows, columns=["recording", "start_s", "stop_s"])


@st.composite
def intervals(draw):
    """Intervals in ms, of recordings in the plan and not, overlapping or not."""
    return draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(-500, 7000), st.integers(0, 900)), max_size=12
        )
    )


@settings(deadline=None, max_examples=60)
@given(
    intervals(),
    st.sampled_from([0, 0.1, 0.25, 0.5, 0.9]),
    st.integers(1, 30),
    st.integers(1, 40),
    st.integers(1, 50),
)
def test_exclude__leaves_out_what_a_slow_count_does(given_ms, share, step, length, block):
    plan = make_plan(length=f"{length} samples", step=f"{step} samples", sets=[(0.5, 2)])
    table = frame(*((row, a / 1000, (a + n) / 1000) for row, a, n in given_ms))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exclusion, "_BLOCK", block)
        kept = plan.exclude(table, share)
    covered = {
        row: {ms for of, a, n in given_ms if of == row for ms in range(a, a + n)}
        for row in range(5)
    }
    expected = []
    for row, start, exercise in zip(
        plan.frame()["recording"], plan.locate()[1], plan.frame()["exercise"], strict=True
    ):
        inside = range(start * TICK, (start + length) * TICK)
        if len(covered[row].intersection(inside)) <= share * len(inside) + 1e-9:
            expected.append((row, int(start), exercise))
    found = kept.frame()
    assert (
        list(zip(found["recording"], kept.locate()[1].tolist(), found["exercise"], strict=True))
        == expected
    )
    segments = kept.segments
    last = segments["start"] + (segments["count"] - 1) * segments["step"] + segments["length"]
    assert (last <= segments["stop"])[segments["count"] > 0].all()


def test_exclude__keeps_untouched_segments_as_they_were():
    plan = make_plan(within="sets", sets=[(0, 3.5)], trim=0)
    kept = plan.exclude(frame((1, 0.0, 0.1), (9, 0.0, 100.0), (0, 50.0, 60.0)))
    assert kept.segments["recording"].tolist() == [1, 2, 0]
    assert kept.segments["start"].tolist() == [50, 0, 0]
    assert kept.segments["stop"].tolist() == [150, 175, 175]
    assert kept.segments["count"].tolist() == [2, 3, 3]
    pd.testing.assert_frame_equal(kept.segments.drop(index=0), plan.segments.drop(index=0))


def test_exclude__of_nothing_changes_nothing():
    plan = make_plan()
    pd.testing.assert_frame_equal(plan.exclude(frame()).segments, plan.segments)


def test_exclude__of_everything_leaves_an_empty_plan_of_the_same_size():
    plan = make_plan()
    kept = plan.exclude(frame(*((row, 0.0, 100.0) for row in range(3))), 0.9)
    assert (len(kept), len(kept.segments), kept.length, kept.rate_hz) == (0, 0, 50, 50.0)


def test_exclude__counts_time_once_where_intervals_overlap():
    plan = make_plan(1)
    twice = frame((0, 0.0, 0.4), (0, 0.0, 0.4), (0, 0.1, 0.3))
    assert len(plan.exclude(twice, 0.4)) == len(plan)
    assert len(plan.exclude(twice, 0.39)) == len(plan) - 1


@pytest.mark.parametrize(
    ("intervals", "share", "message"),
    [
        ([1], 0, "expected a DataFrame, got list"),
        (pd.DataFrame({"recording": [0], "start_s": [0.0]}), 0, "no 'stop_s'"),
        (frame((0, 2.0, 1.0)), 0, r"start_s <= stop_s, got 2\.0 and 1\.0"),
        (frame((0, np.nan, 1.0)), 0, "start_s <= stop_s, got nan"),
        (frame(("a", 1.0, 2.0)), 0, "expected numbers in 'recording'"),
        (frame((0, "b", 2.0)), 0, "expected numbers in 'start_s'"),
        (frame((0, 1.0, None), (0, 1.0, "c")), 0, "expected numbers in 'stop_s'"),
        (frame((np.nan, 1.0, 2.0)), 0, "expected numbers in 'recording'"),
        (frame(), 1, "share: expected >= 0 and < 1, got 1"),
        (frame(), -0.1, "share: expected >= 0"),
        (frame(), "all", "share: expected a number"),
    ],
)
def test_exclude__refuses_what_means_nothing(intervals, share, message):
    with pytest.raises(InputError, match=message):
        make_plan(1).exclude(intervals, share)
