import numpy as np
from numba import njit

from workoutlab.kernels.lanes import (
    WIDTH,
    choose_greater,
    clean_rows,
    count_crossings,
    larger,
    load,
    log2,
    root,
    smaller,
    sort_rows,
    spread,
    store,
    transpose,
)


@njit
def _apply(left, right, out):
    a, b = load(left, 0), load(right, 0)
    store(out, 0, a + b)
    store(out, WIDTH, a - b)
    store(out, 2 * WIDTH, a * b)
    store(out, 3 * WIDTH, choose_greater(a, b, a, b))
    store(out, 4 * WIDTH, spread(np.float32(3)))
    store(out, 5 * WIDTH, log2(a))
    store(out, 6 * WIDTH, smaller(a, b))
    store(out, 7 * WIDTH, larger(a, b))
    store(out, 8 * WIDTH, a / b)
    store(out, 9 * WIDTH, root(a * a))


def _results(left, right):
    out = np.empty(10 * WIDTH, np.float32)
    _apply(left.astype(np.float32), right.astype(np.float32), out)
    return out.reshape(10, WIDTH)


def test_arithmetic__agrees_with_numpy():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, WIDTH)).astype(np.float32)
    expected = [left + right, left - right, left * right, np.maximum(left, right), np.full(16, 3)]
    np.testing.assert_array_equal(_results(left, right)[:5], np.float32(expected))
    expected = [np.minimum(left, right), np.maximum(left, right), left / right, np.abs(left)]
    np.testing.assert_allclose(_results(left, right)[6:], expected, rtol=1e-6)


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


@njit
def _transpose_rows(values, starts, shift, rows):
    transpose(values, starts, shift, rows, WIDTH)


def test_transpose__lays_runs_side_by_side():
    rng = np.random.default_rng(1)
    values, starts = rng.normal(size=100).astype(np.float32), rng.integers(0, 80, WIDTH)
    rows = np.zeros((WIDTH + 2, WIDTH), np.float32)
    _transpose_rows(values, starts, 3, rows)
    expected = [values[starts + 3 + i] for i in range(WIDTH)]
    np.testing.assert_array_equal(rows[1:-1], expected)
    assert (rows[[0, -1]] == 0).all()


@njit
def _sort_from(rows, place):
    sort_rows(rows, place)


@njit
def _clean_from(rows, place):
    clean_rows(rows, place)


def test_sort_rows__sorts_each_lane():
    rows = np.random.default_rng(2).integers(0, 9, (WIDTH + 1, WIDTH)).astype(np.float32)
    expected = np.concatenate([rows[:1], np.sort(rows[1:], axis=0)])
    _sort_from(rows, WIDTH)
    np.testing.assert_array_equal(rows, expected)


def test_clean_rows__sorts_what_rises_and_falls_or_falls_and_rises():
    values = np.random.default_rng(3).normal(size=(WIDTH, WIDTH)).astype(np.float32)
    for rising in range(WIDTH + 1):
        rows = np.concatenate([np.sort(values[:rising], 0), np.sort(values[rising:], 0)[::-1]])
        for each in (rows, rows[::-1].copy()):
            _clean_from(each, 0)
            np.testing.assert_array_equal(each, np.sort(values, axis=0))


@njit
def _crossings(before, after, level, skip):
    return count_crossings(load(before, 0), load(after, 0), spread(level), skip)


def test_count_crossings__counts_pairs_on_either_side_of_a_level():
    before, after = np.random.default_rng(4).normal(size=(2, WIDTH)).astype(np.float32)
    before[3] = np.float32(0.5)  # not above the level
    crosses = (before > 0.5) != (after > 0.5)
    for skip in range(WIDTH):
        came = _crossings(before, after, np.float32(0.5), skip)
        assert came == np.count_nonzero(crosses[skip:])
