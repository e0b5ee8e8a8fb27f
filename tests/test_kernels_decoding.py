"""The decoding of scores of steps, against a plain search through all sequences."""

from itertools import groupby, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.kernels.decoding import (
    average_windows,
    decode_rest,
    decode_steps,
    join_steps,
    start_decoding,
)


def blocks(states):
    return [(state, len(list(run))) for state, run in groupby(states)]


def allowed(states, least, *, final):
    """Whether a sequence keeps the minimum durations; the last block may be young, but at the end.

    Rest may have begun before the first step.
    """
    runs = blocks(states)
    for place, (state, count) in enumerate(runs):
        first, last = place == 0, place == len(runs) - 1
        if first and state == 0:
            continue
        if last and (not final or state == 0):
            continue
        if count < least[state]:
            return False
    return True


def score(states, rows, penalty):
    change, switch = penalty if isinstance(penalty, tuple) else (penalty, 0)
    total = sum(rows[step][state] for step, state in enumerate(states))
    straight = sum(one > 0 and two > 0 and one != two for one, two in pairwise(states))
    return total - change * (len(blocks(states)) - 1) - switch * straight


def decode_slowly(rows, least, penalty, lag):
    """Go through all sequences at each step; what was decided stays."""
    decided = []
    for count in range(lag + 1, len(rows) + 1):
        decided.append(best(rows[:count], least, penalty, decided, final=False)[count - lag - 1])
    return list(best(rows, least, penalty, decided, final=True))


def best(rows, least, penalty, decided, *, final):
    states = range(rows.shape[1])
    tails = product(states, repeat=len(rows) - len(decided))
    sequences = [(*decided, *tail) for tail in tails]
    sequences = [each for each in sequences if allowed(each, least, final=False)]
    whole = [each for each in sequences if allowed(each, least, final=True)]
    kept = whole if final and whole else sequences
    return max(kept, key=lambda each: score(each, rows, penalty))


def decode(rows, least, penalty, lag, cuts=()):
    kept = start_decoding(rows.shape[1], lag, int(max(least)))
    least = np.array(least, np.int64)
    out, edges = [], [0, *cuts, len(rows)]
    for first, last in pairwise(edges):
        out += decode_steps(rows[first:last], first, kept, least, penalty, lag).tolist()
    return out + decode_rest(len(rows), kept, least, lag).tolist()


@pytest.mark.parametrize("seed", range(30))
def test_decode_steps__is_what_a_search_through_all_sequences_decides(seed):
    random = np.random.default_rng(seed)
    states, count = int(random.integers(2, 4)), int(random.integers(1, 9))
    rows = random.normal(size=(count, states)) * 2
    least = random.integers(1, 4, size=states).tolist()
    penalty, lag = float(random.uniform(0, 2)), int(random.integers(1, 5))
    assert decode(rows, least, penalty, lag) == decode_slowly(rows, least, penalty, lag)
    dear = (penalty, float(random.uniform(0, 4)))
    assert decode(rows, least, dear, lag) == decode_slowly(rows, least, dear, lag)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 120),
    states=st.integers(2, 6),
    lag=st.integers(1, 30),
    data=st.data(),
)
def test_decode_steps__does_not_depend_on_how_steps_arrive(seed, count, states, lag, data):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, states))
    least = random.integers(1, 9, size=states).tolist()
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=8)))
    whole = decode(rows, least, 1.0, lag)
    assert decode(rows, least, 1.0, lag, cuts) == whole
    assert len(whole) == count
    assert allowed(whole, least, final=lag >= max(least))


def test_decode_steps__follows_clear_scores_and_drops_short_ones():
    truth = [0] * 20 + [2] * 15 + [1] * 12 + [0] * 3 + [1] * 10 + [0] * 20
    rows = np.full((len(truth), 3), -4.0)
    rows[np.arange(len(truth)), truth] = 0
    found = decode(rows, [6, 6, 6], 2.0, 10)
    assert found == [0] * 20 + [2] * 15 + [1] * 25 + [0] * 20


def test_decode_steps__a_set_that_looks_now_like_this_now_like_that_stays_whole():
    rows = np.full((60, 3), -2.0)
    rows[20:40, 0] = -6
    rows[:20, 0] = rows[40:, 0] = rows[20:30, 1] = rows[30:40, 2] = 0
    assert decode(rows, [6, 6, 6], 1.0, 10) == [0] * 20 + [1] * 10 + [2] * 10 + [0] * 20
    whole = decode(rows, [6, 6, 6], (1.0, 30.0), 10)
    assert len(set(whole[20:40])) == 1
    assert whole[:20] + whole[40:] == [0] * 40


def test_decode_steps__a_set_that_the_end_cuts_short_is_none():
    rows = np.full((10, 2), -4.0)
    rows[:8, 0], rows[8:, 1] = 0, 0
    assert decode(rows, [2, 4], 1.0, 5) == [0] * 10
    assert decode(rows, [2, 2], 1.0, 5) == [0] * 8 + [1] * 2


def test_start_decoding__refuses_what_means_nothing():
    with pytest.raises(InputError, match="expected 2 states"):
        start_decoding(1, 5, 5)


def join_slowly(labels, longest):
    """Left to right: a block no longer than `longest` becomes part of what stands before it."""
    out, current = [], 0
    for label, count in blocks(labels):
        current = label if count > longest else current
        out += [current] * count
    return out


@settings(max_examples=100, deadline=None)
@given(
    labels=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    longest=st.integers(0, 5),
    data=st.data(),
)
def test_join_steps__absorbs_short_blocks_however_steps_arrive(labels, longest, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(labels)), max_size=5)))
    kept, out, edges = np.zeros(3, np.int64), [], [0, *cuts, len(labels)]
    for first, last in pairwise(edges):
        out += join_steps(np.array(labels[first:last], np.int64), longest, kept).tolist()
    out += [int(kept[0])] * int(kept[2])
    assert out == join_slowly(labels, longest)


def test_average_windows__weighs_windows_and_refuses_those_that_are_not_there():
    random = np.random.default_rng(1)
    chances = random.uniform(size=(9, 3))
    spans, weights = np.array([[5, 8], [7, 9]]), random.uniform(0.1, 1, size=(2, 3))
    found = average_windows(chances, 3, spans, weights)
    expected = [
        np.average(chances[2:5], axis=0, weights=weights[0]),
        np.average(chances[4:6], axis=0, weights=weights[1, :2]),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for wrong in ([2, 4], [11, 13], [5, 5]):
        with pytest.raises(InputError, match="one a step at least"):
            average_windows(chances, 3, np.array([wrong]), weights[:1])
