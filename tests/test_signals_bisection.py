import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.signals.bisection import search_runs

runs = st.lists(st.lists(st.integers(0, 9), max_size=8).map(sorted), min_size=1, max_size=5)


@given(runs, st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 10))), st.booleans())
def test_search_runs__is_numpys_search_in_each_run(runs, queries, right):
    bounds = np.cumsum([0, *map(len, runs)])
    values = np.array([value for run in runs for value in run], dtype=np.int64)
    run = np.array([which % len(runs) for which, _ in queries], dtype=np.int64)
    wanted = np.array([value for _, value in queries], dtype=np.int64)
    side = "right" if right else "left"
    expected = [
        bounds[which] + np.searchsorted(np.array(runs[which], dtype=np.int64), value, side)
        for which, value in zip(run, wanted, strict=True)
    ]
    found = search_runs(values, bounds[run], bounds[run + 1], wanted, right=right)
    assert found.tolist() == expected
