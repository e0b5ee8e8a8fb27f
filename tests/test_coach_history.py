"""Histories, z-scores and rows of lags: in time, and never with a look ahead."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from workoutlab.coach.history import (
    Histories,
    find_histories,
    make_lags,
    split_rows,
    z_score,
)
from workoutlab.coach.sessions import make_frame
from workoutlab.errors import SchemaError

DAY_NS = 86_400_000_000_000
LATER = "2030-01-01"

sizes = st.lists(st.integers(0, 40), min_size=1, max_size=5)
shapes = st.tuples(st.integers(1, 6), st.integers(1, 4))


def make_sessions(intensities: dict[str, list[float | None]], **columns: object) -> pd.DataFrame:
    """Make one session a day of each person, from 1970 on."""
    rows = [
        {"user": user, "session": f"s{day:02d}", "start_ns": day * DAY_NS, "intensity": value}
        for user, values in intensities.items()
        for day, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=["user", "session", "start_ns", "intensity"])
    frame["stop_ns"] = frame["start_ns"] + 3_600_000_000_000
    known: dict[str, object] = dict.fromkeys(("duration_s", "volume_kg"), 1000.0)
    known |= dict.fromkeys(("sets", "rated_sets", "repetitions"), 10)
    known |= {"simulated": True, "recording": -1}
    return make_frame(frame.assign(**{**known, **columns}))


@settings(deadline=None)
@given(sizes, shapes)
def test_make_lags__a_row_holds_sessions_that_follow_each_other(counts, shape):
    history, ahead = shape
    offsets = np.concatenate([[0], np.cumsum(counts)])
    values = np.arange(offsets[-1], dtype=float)  # a value tells its time and its person
    lags = make_lags(values, offsets, history, ahead)
    whole = np.concatenate([lags.features[:, ::-1], lags.targets], axis=1)
    assert (np.diff(whole, axis=1) == 1).all()
    for person, count in enumerate(counts):
        rows = whole[lags.offsets[person] : lags.offsets[person + 1]]
        assert len(rows) == max(count - history - ahead + 1, 0)
        assert (rows >= offsets[person]).all()
        assert (rows < offsets[person + 1]).all()


@settings(deadline=None)
@given(st.integers(0, 60), shapes, st.floats(0.05, 0.95))
def test_split_rows__no_session_is_a_target_on_both_sides(count, shape, share):
    history, ahead = shape
    split = split_rows([count], history, ahead, share)
    rows, training, held = (int(part[0]) for part in split)
    assert (held > 0) == (training > 0) == (count >= history + 2 * ahead + 1)
    lags = make_lags(np.arange(float(count)), np.array([0, count]), history, ahead)
    seen = np.concatenate([lags.features[:training].ravel(), lags.targets[:training].ravel()])
    validated = lags.targets[rows - held :]
    if held:
        assert seen.max() < validated.min()
        assert training >= 2
        assert held == min(max(int(share * rows + 0.5), 1), rows - ahead - 1)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=9), min_size=1, max_size=4))
def test_z_score__is_scikit_learns_of_the_first_sessions(people):
    counts = np.array([len(values) for values in people])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    training = (counts + 1) // 2
    values = np.concatenate(people)
    found = z_score(values, offsets, training)
    scores = found.apply(values, offsets)
    for person, own in enumerate(people):
        seen = np.array(own[: training[person]])[:, None]
        if np.ptp(seen) > 1e-6:
            expected = StandardScaler().fit(seen).transform(np.array(own)[:, None]).ravel()
            got = scores[offsets[person] : offsets[person + 1]]
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


def test_z_score__of_a_constant_history_is_finite():
    found = z_score(np.full(7, 0.1 + 0.2), np.array([0, 7]), np.array([6]))
    assert found.sd.tolist() == [1]
    assert np.abs(found.apply(np.full(7, 0.3), np.array([0, 7]))).max() < 1e-9


def test_z_score__does_not_see_what_comes_later():
    offsets, training = np.array([0, 6]), np.array([4])
    before = z_score(np.array([0.2, 0.4, 0.6, 0.4, 0.5, 0.5]), offsets, training)
    after = z_score(np.array([0.2, 0.4, 0.6, 0.4, 99.0, 99.0]), offsets, training)
    assert before.mean == after.mean
    assert before.sd == after.sd


def test_find_histories__is_in_time_and_looks_at_nothing_later():
    frame = make_sessions({"bob": [0.2, 0.4, 0.6], "ann": [0.5, None, 0.7]})
    shuffled = frame.sample(frac=1, random_state=1)
    found, without = find_histories(shuffled, pd.Timestamp(2 * DAY_NS))
    assert found.users == ("ann", "bob")
    assert found.intensity.tolist() == [0.5, 0.2, 0.4]
    assert found.sessions.tolist() == ["s00", "s00", "s01"]
    assert not without
    assert found.simulated.all()


def test_find_histories__leaves_out_a_session_that_still_goes_on():
    frame = make_sessions({"ann": [0.5, 0.6]})
    found, _ = find_histories(frame, pd.Timestamp(DAY_NS + 60_000_000_000))
    assert found.intensity.tolist() == [0.5]


def test_find_histories__says_why_somebody_has_none():
    frame = make_sessions({"ann": [None, None], "bob": [0.5], "eve": [0.5, 1.5]})
    frame.loc[frame["user"] == "bob", ["start_ns", "stop_ns"]] = pd.NA
    found, without = find_histories(frame, LATER, ["ann", "bob", "eve", "zoe"])
    assert len(found) == 0
    assert without == {
        "ann": "none of 2 sessions that are over tells an intensity",
        "bob": "no session with a known time is over",
        "eve": "session s01: expected an intensity in 0..1, got 1.5",
        "zoe": "no session with a known time is over",
    }
    with pytest.raises(SchemaError, match="missing: volume_kg"):
        find_histories(frame.drop(columns="volume_kg"), LATER)


def test_find_histories__counts_no_session_twice():
    frame = make_sessions({"ann": [0.2, 0.4], "bob": [0.6]})
    found, reasons = find_histories(pd.concat([frame, frame[frame["user"] == "ann"]]), LATER)
    assert found.users == ("bob",)
    assert reasons == {"ann": "session s01 is there more than once"}


@pytest.mark.parametrize("user", ["", None, "*", "a/b"])
def test_find_histories__refuses_users_that_are_no_ids(user):
    with pytest.raises(SchemaError, match="user: expected 1 to 64 letters"):
        find_histories(make_sessions({"ann": [0.2]}).assign(user=user), LATER)


def test_histories__last_is_latest_first_and_select_keeps_each_persons():
    found, _ = find_histories(make_sessions({"ann": [0.1, 0.2], "bob": [0.3, 0.4, 0.5]}), LATER)
    expected = [[0.2, 0.1, np.nan], [0.5, 0.4, 0.3]]
    np.testing.assert_array_equal(found.last(3), expected)
    bob: Histories = found.select([1])
    assert bob.users == ("bob",)
    np.testing.assert_array_equal(bob.last(2), [[0.5, 0.4]])
    np.testing.assert_array_equal(found.select([1, 0]).last(3), expected[::-1])
    assert found.select([]).last(2).shape == (0, 2)
