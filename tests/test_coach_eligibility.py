"""Who is due: the edges of the window, both readings, missing times, and the filter of people."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.coach import eligible, keep_people
from workoutlab.coach.eligibility import parse_moment
from workoutlab.errors import InputError, SchemaError, UnitError

NOW = "2026-01-05T18:30"
MINUTE_NS = 60_000_000_000
NOW_NS = parse_moment(NOW)

times = st.one_of(st.none(), st.integers(-80, 40).map(lambda m: NOW_NS + m * MINUTE_NS))


def table(rows: list[tuple[str, int | None, int | None]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user", "start_ns", "stop_ns"])
    return frame.astype({"user": "str", "start_ns": "Int64", "stop_ns": "Int64"})


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), times, times), max_size=12))
def test_eligible__is_the_rule_for_both_readings(rows):
    for reading, column in (("started", 1), ("ended", 2)):
        due = {
            row[0]
            for row in rows
            if row[column] is not None and NOW_NS - 35 * MINUTE_NS < row[column] <= NOW_NS
        }
        assert eligible(table(rows), NOW, reading=reading) == sorted(due)


@settings(deadline=None, max_examples=20)
@given(st.integers(-80, 40), st.integers(15, 60))
def test_eligible__successive_windows_find_a_session_exactly_once(minute, length):
    one = table([("ann", None, NOW_NS + minute * MINUTE_NS)])
    moments = range(-80, 40 + length, length)
    found = [eligible(one, pd.Timestamp(NOW_NS + at * MINUTE_NS), f"{length}min") for at in moments]
    assert sum(map(bool, found)) == 1


@pytest.mark.parametrize(
    ("minutes", "due"), [(-35, False), (-34.999, True), (-1, True), (0, True), (0.001, False)]
)
def test_eligible__edges(minutes, due):
    moment = NOW_NS + round(minutes * MINUTE_NS)
    assert bool(eligible(table([("ann", None, moment)]), NOW)) is due
    assert bool(eligible(table([("ann", moment, None)]), NOW, reading="started")) is due


def test_eligible__readings_differ_while_a_long_session_goes_on():
    rows = [
        ("ended", NOW_NS - 90 * MINUTE_NS, NOW_NS - 5 * MINUTE_NS),
        ("started", NOW_NS - 10 * MINUTE_NS, NOW_NS + 50 * MINUTE_NS),
    ]
    assert eligible(table(rows), NOW) == ["ended"]
    assert eligible(table(rows), NOW, reading="started") == ["started"]


def test_eligible__refuses_what_means_nothing():
    rows = table([("ann", 0, 0)])
    with pytest.raises(InputError, match="reading: expected 'ended' or 'started', got 'over'"):
        eligible(rows, NOW, reading="over")
    with pytest.raises(UnitError, match="within: expected"):
        eligible(rows, NOW, within="a while")
    for now in (5, "noon or so", None, np.datetime64("NaT")):
        with pytest.raises(InputError, match="now: expected a moment"):
            eligible(rows, now)
    with pytest.raises(SchemaError, match="missing: stop_ns"):
        eligible(rows[["user"]], NOW)
    with pytest.raises(SchemaError, match="expected a table, got NoneType"):
        eligible(None, NOW)


def test_parse_moment__takes_what_people_have():
    moments = (
        NOW,
        "2026-01-05T19:30+01:00",
        datetime(2026, 1, 5, 18, 30),
        datetime(2026, 1, 5, 18, 30, tzinfo=UTC),
        np.datetime64(NOW),
        pd.Timestamp(NOW),
    )
    assert {parse_moment(moment) for moment in moments} == {1_767_637_800_000_000_000}


@pytest.mark.parametrize(
    "moment",
    ["now", "today", "18:30", "05/01/2026", "9999-01-01", datetime(9999, 1, 1), "", 5, None],
)
def test_parse_moment__refuses_what_is_no_moment_or_another_one_each_time(moment):
    with pytest.raises(InputError, match="expected a moment as"):
        parse_moment(moment)


def test_keep_people__takes_rules_over_columns_that_know_missing_values():
    frame = pd.DataFrame({"user": list("abc"), "repetitions": pd.array([9, 1, None], "Int64")})
    assert keep_people(list("abc"), lambda f: f["repetitions"] > 5, frame) == ["a"]


def test_keep_people__takes_ids_or_a_rule_over_sessions():
    frame = pd.DataFrame({"user": list("aabbc"), "sets": [1, 9, 2, 3, 9]})
    assert keep_people(["b", "a"], None, frame) == ["a", "b"]
    assert keep_people(["b", "a"], ["a", "c"], frame) == ["a"]
    assert keep_people(["b", "a"], lambda f: f["sets"] > 8, frame) == ["a"]
    assert keep_people(["b", "a"], lambda f: (f["sets"] > 8).to_numpy(), frame) == ["a"]
    with pytest.raises(InputError, match="got one text, 'ann'"):
        keep_people(["ann"], "ann", frame)
    with pytest.raises(InputError, match="got no list, 5"):
        keep_people(["ann"], 5, frame)
    with pytest.raises(InputError, match=r"returns 4 truth values.*got int64"):
        keep_people(["b", "a"], lambda f: f["sets"], frame)
