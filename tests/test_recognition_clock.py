"""Seconds and samples of one recording, whatever its clock."""

import numpy as np
import pytest

from tests.lab_recordings import make
from workoutlab.lab import Lab
from workoutlab.recognition.clock import Clock


def test_clock__of_irregular_times_finds_the_first_sample_at_or_after() -> None:
    recording = make(3, irregular=True)
    clock, seconds = Clock.of(recording), recording.seconds
    start, stop = clock.samples_at([seconds[20], seconds[60] + 1e-6])
    assert (start, stop) == (20, 61)
    assert clock.samples_at([-1, 10**6]).tolist() == [0, 100]
    assert clock.second_of(20) == seconds[20]
    assert clock.stop_s > seconds[-1]


@pytest.mark.parametrize("irregular", [False, True])
def test_clock__is_the_same_in_a_lab(irregular: bool) -> None:
    lab = Lab(f"memory://clock-{irregular}")
    lab.append([make(0), make(1, irregular=irregular)])
    there, here = Clock.read(lab, 1), Clock.of(make(1, irregular=irregular))
    assert (there.samples, there.rate_hz, there.stop_s) == (here.samples, here.rate_hz, here.stop_s)
    times = np.linspace(0, 3, 50)
    np.testing.assert_array_equal(there.samples_at(times), here.samples_at(times))
