"""Starts and stops that are looked for on the signal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recognisers import RATE_HZ
from workoutlab.readers.muvr import Muvr
from workoutlab.recognition.segmentation.boundaries import find_start, find_stop


def swing(seconds, seed=0, rate_hz=RATE_HZ, hold_s=0.0):
    """Rest with the arm down, then curls from a raised posture after a hold, then rest again.

    The arm hangs aslant, away from any posture of a curl. Returns the samples, and the first and
    last (out) sample of the curls.
    """
    random = np.random.default_rng(seed)
    count = round(seconds * rate_hz)
    rest, hold = round(15 * rate_hz), round(hold_s * rate_hz)
    angle = 0.9 * np.sin(2 * np.pi * 0.5 * np.arange(count) / rate_hz)
    curls = np.stack([np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    still = np.tile([0.0, 1.0, 0.0], (hold, 1))
    down = np.tile([-0.6, 0.0, 0.8], (rest, 1))
    samples = np.concatenate([down, still, curls, still, down])
    samples += random.normal(0, 0.01, samples.shape)
    return samples.astype(np.float32), rest + hold, rest + hold + count


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    off=st.floats(-3, 3),
    hold_s=st.sampled_from([0.0, 1.0, 2.0]),
    rate_hz=st.sampled_from([50.0, 32.0, 100.0]),
)
def test_find_start_and_stop__are_near_the_truth_from_any_step_nearby(seed, off, hold_s, rate_hz):
    samples, start, stop = swing(20, seed, rate_hz, hold_s)
    moved = round(off * rate_hz)
    assert abs(find_start(samples, start + moved, rate_hz) - start) <= 0.4 * rate_hz
    found = find_stop(samples, stop + moved, rate_hz)
    assert abs(found - (stop + hold_s / 2 * rate_hz)) <= 0.6 * rate_hz


def test_find_start__takes_lost_samples_before_full_swing_for_part_of_the_set():
    samples, start, _ = swing(20)
    lost = slice(start - 100, start + 100)
    samples[lost] = np.linspace(samples[lost.start], samples[lost.stop], 200)
    found = find_start(samples, start + 120, RATE_HZ)
    assert abs(found - lost.start) <= 3


def test_find_start_and_stop__of_too_little_signal_are_as_coarse_as_given():
    samples, *_ = swing(3)
    assert find_start(samples[:40], 20, RATE_HZ) == 20
    assert find_stop(samples[:40], 20, RATE_HZ) == 20


@pytest.mark.data
def test_boundaries__of_recorded_sessions_are_within_a_second(real_data):
    """From steps up to 2 s off; settings were chosen on slacking_dataset.csv alone."""
    errors = {}
    for name in ("slacking_dataset", "exercise-session"):
        (recording,) = Muvr().read(real_data / "muvr-continuous" / f"{name}.csv")
        found = []
        for labelled in recording.sets:
            if labelled.exercise == "-":
                continue
            for off in (-100, -50, 0, 50, 100):
                for find, true in ((find_start, labelled.start), (find_stop, labelled.stop)):
                    low, high = max(true + off - 600, 0), true + off + 600
                    around = recording.acceleration[low:high]
                    found.append(low + find(around, true + off - low, RATE_HZ) - true)
        errors[name] = np.abs(found) / RATE_HZ
    assert np.median(errors["slacking_dataset"]) <= 0.5
    assert np.mean(errors["slacking_dataset"] <= 1) >= 0.9
    assert np.mean(errors["exercise-session"] <= 1) >= 0.9
