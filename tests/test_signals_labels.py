import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workoutlab as wl
from tests.plan_tables import edges
from workoutlab.errors import InputError, NotInLabError
from workoutlab.recognition.people import describe_plan, find_people
from workoutlab.signals import windows

RATE = 50
quick = settings(deadline=None, max_examples=60)


def record(samples, *sets, groups=None, session="mon", time_ns=None):
    """A recording with sets (start, stop, exercise), at 50 Hz."""
    groups = groups or {}
    rate = {"rate_hz": RATE} if time_ns is None else {"time_ns": time_ns}
    return wl.Recording(
        user="ann",
        session=session,
        acceleration=np.zeros((samples, 3)),
        sets=[
            wl.LabelledSet(start=a, stop=b, exercise=name, muscle_group=groups.get(name, ""))
            for a, b, name in sets
        ],
        **rate,
    )


def labels_of(plan):
    """(start, label, set) of every segment with windows."""
    segments = plan.segments[plan.segments["count"] > 0]
    return list(zip(segments["start"], segments["exercise"], segments["set"], strict=True))


def test_windows__by_activity_takes_rest_from_recordings_with_sets():
    plan = windows(
        [record(3000, (1000, 2000, "curl")), record(1000, session="tue")],
        label="activity",
        length="4s",
        trim=0.1,
    )
    assert labels_of(plan) == [(100, "rest", -1), (1100, "active", 0), (2100, "rest", -1)]


def test_windows__by_activity_of_a_recording_that_is_one_set_are_active():
    plan = windows(record(1000, (0, 1000, "curl")), label="activity", length="4s")
    assert labels_of(plan) == [(100, "active", 0)]


def test_windows__by_activity_heed_sets_that_are_labelled_as_none():
    parts = [(0, 1000, "-"), (1000, 2000, "E"), (2000, 3000, "rest")]
    plan = windows(record(3000, *parts), label="activity", length="4s", trim=0)
    assert labels_of(plan) == [(0, "rest", 0), (1000, "active", 1), (2000, "rest", 2)]


def test_windows__by_exercise_leave_out_sets_that_name_none():
    parts = [(0, 1000, "-"), (1000, 2000, "E"), (2000, 3000, "curl")]
    recording = record(3000, *parts)
    assert windows(recording, length="4s").segments["exercise"].tolist() == ["curl"]
    named = windows(recording, length="4s", exercises=["E", "curl"])
    assert named.segments["exercise"].tolist() == ["E", "curl"]
    anywhere = windows(recording, length="4s", within="recordings")
    assert set(anywhere.segments["exercise"]) == {"", "curl"}


def test_windows__by_exercise_say_where_sets_name_none():
    recording = record(2000, (0, 1000, "-"), (1000, 2000, "E"))
    with pytest.raises(NotInLabError, match="there are 2 sets, all labelled '-', 'E'"):
        windows(recording)


def test_windows__by_muscle_group_leave_out_sets_of_none():
    recording = record(3000, (0, 1000, "curl"), (1000, 3000, "run"), groups={"curl": "arms"})
    plan = windows(recording, label="muscle_group", length="4s")
    assert plan.segments["exercise"].tolist() == ["arms"]
    with pytest.raises(NotInLabError, match="label='exercise'"):
        windows(record(1000, (0, 1000, "run")), label="muscle_group")


def test_windows__by_activity_split_rest_at_gaps():
    time = np.arange(3000) * 20_000_000
    time[500:] += 5_000_000_000
    gapped = record(3000, (1000, 2000, "curl"), time_ns=time)
    plan = windows(gapped, label="activity", length="4s", trim=0, rate_hz=RATE)
    assert labels_of(plan) == [
        (0, "rest", -1),
        (750, "rest", -1),
        (1250, "active", 0),
        (2250, "rest", -1),
    ]


@quick
@given(edges(600), st.integers(1, 40), st.sampled_from([0.5, 0.6, 0.75]))
def test_windows__by_activity_within_recordings_label_most_of_each_window(sets, length, share):
    named = [(a, b, "-" if a % 3 == 0 else "curl") for a, b in sets]
    recording = record(600, *named)
    plan = windows(
        recording,
        label="activity",
        within="recordings",
        length=length / RATE,
        step="1 sample",
        label_share=share,
    )
    starts, found = plan.locate()[1], plan.frame()["exercise"].tolist()
    if not named:
        assert set(found) <= {""}
        return
    for start, label in zip(starts.tolist(), found, strict=True):
        shares = {"-": 0.0, "curl": 0.0}
        for a, b, name in named:
            own = (min(b, start + length) - max(a, start)) / length
            shares[name] = max(shares[name], own)
        if label == "active":
            assert shares["curl"] > share
        else:
            assert shares["-"] > share or max(shares.values()) <= 1 - share


@quick
@given(edges(600), st.integers(1, 40))
def test_windows__by_activity_at_rest_touch_no_set(sets, length):
    if not sets:
        sets = [(100, 200)]
    recording = record(600, *[(a, b, "curl") for a, b in sets])
    plan = windows(recording, label="activity", length=length / RATE, step="1 sample", trim=0)
    segment, start = plan.locate()
    inside = np.zeros(600, bool)
    for a, b in sets:
        inside[a:b] = True
    names = plan.segments["exercise"].to_numpy()[segment]
    found = {int(at) for at in start[names == "rest"]}
    assert found == {at for at in range(601 - length) if not inside[at : at + length].any()}


def test_windows__tell_what_they_are_labelled_by():
    recording = record(3000, (1000, 2000, "curl"))
    by_activity, by_exercise = windows(recording, label="activity"), windows(recording)
    assert by_activity.settings()["label"] == describe_plan(by_activity)["label"] == "activity"
    assert "label" not in by_exercise.settings()
    recipe = wl.Recipe(wl.Statistics(), wl.MLP(4))
    one, other = (find_people(plan, recipe)[0] for plan in (by_activity, by_exercise))
    assert one.digest != other.digest


@pytest.mark.parametrize(
    "asked",
    [
        {"label": "weight"},
        {"label": "activity", "around": "start"},
        {"label": "activity", "within": "recordings", "mixed": "blank"},
    ],
)
def test_windows__refuse_labels_that_mean_nothing(asked):
    with pytest.raises(InputError, match=r"label"):
        windows(record(3000, (1000, 2000, "curl")), **asked)


def test_train__tells_activity_from_rest():
    random = np.random.default_rng(0)
    lab = wl.Lab("memory://labels-activity")
    for day in ("mon", "tue"):
        samples = np.tile(np.float32([0, 0, 1]), (3000, 1))
        samples[1000:2000] += random.normal(size=(1000, 3)).astype(np.float32)
        sets = [wl.LabelledSet(start=1000, stop=2000, exercise="curl")]
        lab.append(
            wl.Recording(user="ann", session=day, acceleration=samples, rate_hz=RATE, sets=sets)
        )
    plan = windows(lab, label="activity", length="2s")
    recipe = wl.Recipe(wl.Statistics(), wl.MLP(8))
    wl.train(plan, recipe, name="activity")
    models = wl.Models(lab, "activity")
    assert models.network("ann").classes == ("active", "rest")
    assert models.settings("ann")["windows"]["label"] == "activity"
    assert wl.evaluate(plan, recipe, protocol="session").windows.error_percent.mean < 5
