"""Recordings of any clock, found set by set."""

import numpy as np
import pytest

from tests.recognisers import RATE_HZ, recogniser, signal
from workoutlab.errors import InputError
from workoutlab.recording import Recording
from workoutlab.schema import FOUND

PLAN = [(20, None, 0), (25, 0, 0.5), (20, None, 0), (30, 1, 0.7), (20, None, 0)]


def record(samples, **clock):
    return Recording(user="ann", session="monday", acceleration=samples, **clock)


def told(found):
    return [(each.start, each.stop, each.exercise) for each in found.sets]


def test_find__takes_a_recording_or_samples():
    samples = signal(PLAN)
    found = recogniser().find(record(samples, rate_hz=RATE_HZ))
    assert [each.exercise for each in found.sets] == ["curl", "press"]
    assert told(recogniser().find(samples, rate_hz=RATE_HZ)) == told(found)
    with pytest.raises(InputError, match="expected the rate"):
        recogniser().find(samples)
    with pytest.raises(InputError, match="knows its own rate"):
        recogniser().find(record(samples, rate_hz=RATE_HZ), rate_hz=RATE_HZ)


def test_find__resamples_to_the_rate_of_the_recogniser():
    samples = signal(PLAN)
    grid = np.arange(0, len(samples) - 1, 0.5)
    finer = np.stack([np.interp(grid, np.arange(len(samples)), axis) for axis in samples.T], axis=1)
    found = recogniser().find(record(finer, rate_hz=2 * RATE_HZ))
    expected = recogniser().find(record(samples, rate_hz=RATE_HZ))
    for each, other in zip(found.sets, expected.sets, strict=True):
        assert each.exercise == other.exercise
        assert abs(each.start_s - other.start_s) <= 1
        assert abs(each.stop_s - other.stop_s) <= 1


def test_find__cuts_where_nothing_was_recorded_for_longer_than_a_second():
    samples = signal(PLAN)
    time_ns = (np.arange(len(samples)) * 20_000_000).astype(np.int64)
    short, long = time_ns.copy(), time_ns.copy()
    short[3500:] += 900_000_000
    long[3500:] += 5_000_000_000
    assert len(recogniser().find(record(samples, time_ns=short))) == 2
    found = recogniser().find(record(samples, time_ns=long))
    first, second, third = found.sets
    assert (first.exercise, second.exercise, third.exercise) == ("curl", "press", "press")
    assert second.stop <= 3500
    assert third.start >= 3500 + 5 * RATE_HZ
    assert np.diff(found.scores.start_s).max() >= 5


def test_found__is_a_table_and_readable():
    found = recogniser().find(signal(PLAN), RATE_HZ)
    table = found.table
    assert list(table.columns) == list(FOUND.columns)
    assert table["exercise"].tolist() == ["curl", "press"]
    assert table["start_s"].tolist() == [each.start / RATE_HZ for each in found.sets]
    assert "press" in repr(found)
    assert "<td>press</td>" in found._repr_html_()
    assert found.abstained == 0
    unsure = recogniser(threshold=1.1).find(signal(PLAN), RATE_HZ)
    assert unsure.abstained == 1
    assert "unknown (curl?)" in repr(unsure)
    assert unsure.table["guess"].tolist() == ["curl", "press"]


def test_found__without_sets_is_an_empty_table():
    found = recogniser().find(signal([(30, None, 0)]), RATE_HZ)
    assert len(found.table) == 0
    assert np.isnan(found.abstained)
    assert found.scores.active.shape == found.scores.start_s.shape
