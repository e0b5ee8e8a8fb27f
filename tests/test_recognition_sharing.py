"""Stretches of samples on both sides are found wherever they lie, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import LeakageError
from workoutlab.recognition.evaluation.sharing import check_unshared
from workoutlab.recording import Recording


def record(samples: np.ndarray, session: str = "mon") -> Recording:
    return Recording(user="ann", session=session, acceleration=samples, rate_hz=50)


def noise(seed: int, length: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(length, 3))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(95, 100))
@settings(max_examples=30, deadline=None)
def test_check_unshared__finds_a_common_stretch_wherever_it_is(
    here: int, there: int, length: int
) -> None:
    train, test = noise(0), noise(1)
    train[here : here + length] = test[there : there + length] = noise(2, length)
    with pytest.raises(LeakageError, match=r"from sample .* session 'tue'"):
        check_unshared([record(noise(3)), record(train)], [record(test, "tue")])


@pytest.mark.parametrize("length", [10, 63])
def test_check_unshared__short_stretches_may_be_alike(length: int) -> None:
    train, test = noise(0), noise(1)
    train[:length] = test[:length]
    check_unshared([record(train)], [record(test)])
    assert np.array_equal(train[:length], test[:length])


def test_check_unshared__a_wrist_that_lies_still_is_no_leak() -> None:
    still = record(np.tile([0, 0, 1], (500, 1)))
    assert check_unshared([still], [still]) is None


def test_check_unshared__recordings_shorter_than_a_run() -> None:
    assert check_unshared([record(noise(0, 1))], [record(noise(0, 63))]) is None
