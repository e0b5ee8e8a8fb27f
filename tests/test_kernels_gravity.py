import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.gravity import split_movement


def vectors(count, seed):
    return np.random.default_rng(seed).normal(size=(count, 3))


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 2**32 - 1))
def test_split_movement__is_the_projection_and_the_rest(seed):
    movement, gravity = vectors(20, seed), vectors(20, seed + 1)
    up = gravity / np.linalg.norm(gravity, axis=1, keepdims=True)
    vertical = (movement * up).sum(axis=1)
    across = np.linalg.norm(movement - vertical[:, None] * up, axis=1)
    np.testing.assert_allclose(split_movement(movement, gravity), [vertical, across], atol=1e-5)


def test_split_movement__is_not_known_where_gravity_has_no_direction():
    parts = split_movement(np.ones((2, 3)), np.array([[0.0, 0, 0], [0, 1, 0]]))
    assert np.isnan(parts[:, 0]).all()
    np.testing.assert_allclose(parts[:, 1], [1, np.sqrt(2)])


def test_split_movement__refuses_two_shapes():
    with pytest.raises(InputError, match=r"got \(2, 3\) and \(1, 3\)"):
        split_movement(np.ones((2, 3)), np.ones((1, 3)))
