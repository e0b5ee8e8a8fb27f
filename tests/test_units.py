"""Units: what shares samples, or was recorded of one person at once, is not parted."""

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.recognition.evaluation.units import find_units


def _sets(count: int, **columns: object) -> pd.DataFrame:
    table = {
        "digest": [f"digest{n}" for n in range(count)],
        "user": "ann",
        "start": 0,
        "stop": 450,
    }
    return pd.DataFrame({**table, **columns}, index=range(count))


_spans = st.tuples(
    st.sampled_from("abc"),
    st.sampled_from(["ann", "bob", "unknown"]),
    st.integers(0, 20),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(0, 20)),
    st.integers(-1, 5),
)


@settings(deadline=None)  # pandas is slow on a busy machine
@given(st.lists(_spans, max_size=12))
def test_find_units__are_the_connected_components(spans: list[tuple]) -> None:
    digest, user, start, length, began, own = zip(*spans, strict=True) if spans else [()] * 6
    clock = pd.array([pd.NA if at is None else at for at in began], dtype="Int64")
    sets = _sets(len(spans), digest=list(digest), user=list(user), start=list(start))
    sets["set"] = np.array(own, dtype=int)
    sets["stop"] = sets["start"] + np.array(length, dtype=int)
    sets["start_ns"], sets["stop_ns"] = clock, clock + np.array(length, dtype=int)
    units = list(range(len(spans)))
    for one, other in combinations(range(len(spans)), 2):
        if _bound(sets.iloc[one], sets.iloc[other]):
            units = [units[one] if unit == units[other] else unit for unit in units]
    firsts = [units.index(unit) for unit in units]
    assert find_units(sets).tolist() == firsts


def _bound(one: pd.Series, other: pd.Series) -> bool:
    samples = one.digest == other.digest and one.start < other.stop and other.start < one.stop
    samples |= one["set"] == other["set"] >= 0
    if one.user == "unknown" or pd.isna(one.start_ns) or pd.isna(other.start_ns):
        return samples
    at_once = one.start_ns < other.stop_ns and other.start_ns < one.stop_ns
    return samples or (one.user == other.user and at_once)


def test_find_units__joins_by_samples_and_by_time() -> None:
    sets = _sets(
        5,
        digest=["a", "a", "b", "c", "d"],
        start_ns=pd.array([pd.NA, 100, 105, 110, pd.NA], dtype="Int64"),
        stop_ns=pd.array([pd.NA, 110, 120, 130, pd.NA], dtype="Int64"),
    )
    # 0 and 1 share samples, 1 overlaps 2 in time and 2 overlaps 3; 4 has no clock.
    assert find_units(sets).tolist() == [0, 0, 0, 0, 4]


def test_find_units__strangers_at_the_same_time_are_apart() -> None:
    sets = _sets(3, user=["ann", "bob", "unknown"], start_ns=0, stop_ns=10)
    assert find_units(sets).tolist() == [0, 1, 2]


def test_find_units__a_long_set_bonds_with_all_it_covers() -> None:
    sets = _sets(3, digest="d", start=[0, 10, 500], stop=[900, 20, 600])
    assert find_units(sets).tolist() == [0, 0, 0]
