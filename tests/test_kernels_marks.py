"""Marks are moved to one moment of what repeats."""

import numpy as np
import pytest

from workoutlab.errors import InputError
from workoutlab.kernels.marks import align_marks


def turn(samples: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(samples) / 100
    return np.stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(2 * angle)], axis=1)


def test_align_marks__finds_one_moment_between_samples() -> None:
    rng = np.random.default_rng(3)
    given = 53.3 + 100 * np.arange(9) + rng.uniform(-12, 12, 9)
    moved = align_marks(turn(1000), given, np.ones((9, 2), bool), 100)
    np.testing.assert_allclose(np.diff(moved), 100, atol=3)
    assert np.ptp(np.diff(moved)) < np.ptp(np.diff(given)) / 4
    assert np.median(moved - given) == pytest.approx(0)


def test_align_marks__compares_only_the_sides_that_count() -> None:
    signal = turn(1000)
    signal[:50], signal[850:] = 5, -5
    given = np.array([50.0, 155, 250, 350, 450, 545, 650, 750, 850])
    sides = np.ones((9, 2), bool)
    sides[0, 0] = sides[-1, 1] = False
    moved = align_marks(signal, given, sides, 100)
    np.testing.assert_allclose(moved, 50 + 100 * np.arange(9), atol=2)


def test_align_marks__turns_with_the_signal() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    given, sides = np.array([50.0, 140, 255, 350]), np.ones((4, 2), bool)
    one = align_marks(turn(400), given, sides, 100)
    other = align_marks(turn(400) @ rotation, given, sides, 100)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_align_marks__refuses_what_does_not_fit() -> None:
    marks, sides = np.array([5.0, 9]), np.ones((2, 2), bool)
    with pytest.raises(InputError, match="signal"):
        align_marks(np.zeros((9, 2)), marks, sides, 4)
    with pytest.raises(InputError, match="marks"):
        align_marks(np.zeros((9, 3)), marks, sides[:1], 4)
    with pytest.raises(InputError, match="period"):
        align_marks(np.zeros((9, 3)), marks, sides, 0)
    assert not len(align_marks(np.zeros((9, 3)), marks[:0], sides[:0], 4))
