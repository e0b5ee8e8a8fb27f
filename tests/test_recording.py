"""A recording checks what it is made of, and knows itself again by its digest."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workoutlab.errors import SchemaError
from workoutlab.recording import LabelledSet, Recording

ROW = LabelledSet(start=2, stop=8, exercise="row", repetitions=3, weight_kg=20.0)


def recording(**changes: Any) -> Recording:
    parts: dict[str, Any] = {
        "user": "ann",
        "session": "monday",
        "acceleration": np.arange(30.0).reshape(10, 3),
        "rate_hz": 50,
    }
    return Recording(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": "ann smith"}, "user: expected 1 to 64"),
        ({"session": ""}, "session: expected 1 to 64"),
        ({"acceleration": np.zeros((0, 3))}, r"shape \(sample, 3\), one sample or more"),
        ({"acceleration": np.zeros((5, 2))}, r"got \(5, 2\)"),
        ({"acceleration": [[0, 0, 1], [0, np.nan, 1]]}, "sample 1 is .*expected finite"),
        ({"acceleration": [[0, 0, 1e39]]}, "sample 0 is .*expected finite"),
        ({"rate_hz": None}, "exactly one"),
        ({"time_ns": np.arange(10)}, "exactly one"),
        ({"rate_hz": 0}, "positive number, got 0"),
        ({"rate_hz": None, "time_ns": np.arange(9)}, r"shape \(10,\), got \(9,\)"),
        ({"rate_hz": None, "time_ns": np.full(10, np.nan)}, "time_ns: expected whole ns"),
        ({"rate_hz": None, "time_ns": np.arange(10) / 2}, "time_ns: expected whole ns"),
        ({"rate_hz": None, "time_ns": np.full(10, -(2**63))}, "time_ns: expected whole ns"),
        ({"start_ns": 10**30}, "start_ns: expected whole ns"),
        ({"angular_velocity": np.zeros((9, 3))}, "expected 10 samples as in acceleration, got 9"),
        ({"sets": [replace(ROW, stop=11)]}, "within the 10 samples"),
        ({"sets": [ROW, ROW]}, "not overlapping"),
        ({"acceleration": np.ones((10, 3), complex)}, "acceleration: expected numbers, shape"),
        ({"sets": 3}, "sets: expected several LabelledSet, got 3"),
        ({"sets": ["curl"]}, "sets: expected LabelledSet, got 'curl'"),
        ({"rate_hz": "50"}, "rate_hz: expected a number, got '50'"),
        ({"rate_hz": 10**400}, "rate_hz: expected a number"),
        ({"source": 3}, "source: expected text, got 3"),
        ({"source": "\ud800.csv"}, "source: .* is no Unicode text"),
        ({"acceleration": [["a", 0, 1]]}, "acceleration: expected numbers, shape"),
        ({"acceleration": [[0, 0], [0, 0, 1]]}, "acceleration: expected numbers, shape"),
        ({"acceleration": [[10**400, 0, 1]]}, "acceleration: expected numbers, shape"),
    ],
)
def test_recording__refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        recording(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": 8}, "expected 0 <= start < stop, got 8 and 8"),
        ({"start": -1}, "got -1 and 8"),
        ({"exercise": ""}, "the exercise is empty"),
        ({"repetitions": -1}, "-1 repetitions"),
        ({"weight_kg": float("nan")}, "weight nan kg"),
        ({"weight_kg": -1.0}, "weight -1.0 kg"),
        ({"intensity": 1.5}, "intensity 1.5; expected 0..1"),
        ({"exercise": "\udfff"}, "set at sample 2: exercise: .* is no Unicode text"),
        ({"muscle_group": None}, "set at sample 2: muscle_group: expected text, got None"),
        ({"start": 2.5}, "set 'row': start: expected a whole number, got 2.5"),
        ({"stop": None}, "stop: expected a whole number, got None"),
        ({"repetitions": 2**31}, "2147483648 repetitions; expected 0 to 2147483647"),
        ({"repetitions": float("inf")}, "repetitions: expected a whole number, got inf"),
        ({"weight_kg": "20"}, "weight_kg: expected a number, got '20'"),
        ({"weight_kg": 10**400}, "weight_kg: expected a number"),
    ],
)
def test_labelled_set__refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        replace(ROW, **changes)


def test_recording__times_of_a_regular_one() -> None:
    regular = recording()
    assert regular.regular
    assert regular.seconds.tolist() == pytest.approx([i / 50 for i in range(10)])
    assert (regular.duration_s, regular.median_rate_hz) == (0.2, 50)
    assert regular.longest_gap_s == 0.02


def test_recording__times_of_an_irregular_one() -> None:
    time_ns = np.array([5, 6, 6, 8, 7, 9, 10, 11, 12, 20]) * 10**9
    irregular = recording(rate_hz=None, time_ns=time_ns)
    assert not irregular.regular
    assert irregular.start_ns == 5 * 10**9
    assert irregular.duration_s == 15
    assert irregular.longest_gap_s == 8
    assert irregular.median_rate_hz == 1


def test_recording__one_sample() -> None:
    single = recording(acceleration=[[0, 0, 1]], rate_hz=None, time_ns=np.array([7]))
    assert single.duration_s == 0
    assert single.longest_gap_s == 0
    assert np.isnan(single.median_rate_hz)


def test_digest__is_of_the_acceleration_alone() -> None:
    plain = recording()
    named = recording(user="bob", sets=[ROW], source="x.csv", device="watch")
    assert plain.digest == named.digest
    assert plain.facts != named.facts
    assert recording(source="y.csv").facts == plain.facts


def test_facts__tell_clocks_and_further_quantities_apart() -> None:
    acceleration = np.arange(30.0).reshape(10, 3)
    same = [
        recording(),
        recording(rate_hz=51),
        recording(rate_hz=None, time_ns=np.arange(10)),
        recording(rate_hz=None, time_ns=np.arange(10) * 2),
        recording(angular_velocity=acceleration),
        recording(angular_velocity=acceleration + 1),
    ]
    assert len({each.digest for each in same}) == 1
    assert len({each.facts for each in same}) == 6
    assert recording(acceleration=acceleration[:9]).digest != same[0].digest


@given(
    arrays.arrays(np.float32, (4, 3), elements=st.floats(-8, 8, width=32)),
    st.integers(0, 3),
    st.integers(0, 2),
)
def test_digest__changes_with_any_sample(values: np.ndarray, row: int, column: int) -> None:
    changed = values.copy()
    changed[row, column] = np.nextafter(changed[row, column], np.float32(9))
    assert recording(acceleration=values).digest == recording(acceleration=values).digest
    assert recording(acceleration=values).digest != recording(acceleration=changed).digest


def test_facts__do_not_depend_on_the_kind_of_number() -> None:
    written = LabelledSet(start=2, stop=8, exercise="row", repetitions=3, weight_kg=20)
    counted = LabelledSet(
        start=np.int64(2),  # type: ignore[arg-type]
        stop=np.int64(8),  # type: ignore[arg-type]
        exercise="row",
        repetitions=np.int32(3),  # type: ignore[arg-type]
        weight_kg=np.float32(20),  # type: ignore[arg-type]
    )
    assert recording(sets=[written]).facts == recording(sets=[counted]).facts
    assert recording(rate_hz=50).facts == recording(rate_hz=np.float64(50)).facts
