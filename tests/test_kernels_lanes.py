import numpy as np
from numba import njit

from workoutlab.kernels.lanes import WIDTH, choose_greater, load, log2, spread, store


@njit
def _apply(left, right, out):
    a, b = load(left, 0), load(right, 0)
    store(out, 0, a + b)
    store(out, WIDTH, a - b)
    store(out, 2 * WIDTH, a * b)
    store(out, 3 * WIDTH, choose_greater(a, b, a, b))
    store(out, 4 * WIDTH, spread(np.float32(3)))
    store(out, 5 * WIDTH, log2(a))


def _results(left, right):
    out = np.empty(6 * WIDTH, np.float32)
    _apply(left.astype(np.float32), right.astype(np.float32), out)
    return out.reshape(6, WIDTH)


def test_arithmetic__agrees_with_numpy():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, WIDTH)).astype(np.float32)
    expected = [left + right, left - right, left * right, np.maximum(left, right), np.full(16, 3)]
    np.testing.assert_array_equal(_results(left, right)[:5], np.float32(expected))


def test_choose_greater__takes_the_other_where_one_is_not_a_number():
    left, right = np.full(WIDTH, np.nan), np.arange(WIDTH)
    np.testing.assert_array_equal(_results(left, right)[3], right)


def test_log2__is_exact_to_a_millionth():
    values = np.logspace(-30, 30, 64 * WIDTH).reshape(-1, WIDTH).astype(np.float32)
    for row in values:
        expected = np.log2(row.astype(float))
        np.testing.assert_allclose(_results(row, row)[5], expected, rtol=2e-7, atol=1e-6)


def test_log2__is_finite_at_zero():
    assert (_results(np.zeros(WIDTH), np.zeros(WIDTH))[5] < -120).all()
