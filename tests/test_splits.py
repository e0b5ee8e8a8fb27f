"""Splits: what is left out, and that nothing leaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError, LeakageError
from workoutlab.recognition.evaluation.splits import (
    Protocol,
    check_split,
    list_singles,
    split,
    splittable,
)


def _sets(count: int = 6, **columns: object) -> pd.DataFrame:
    """Sets of 450 samples, each in a recording of its own, of one person and session."""
    table = {
        "recording": np.arange(count),
        "digest": [f"digest{n}" for n in range(count)],
        "set": np.arange(count),
        "user": "ann",
        "session": "mon",
        "exercise": "curl",
        "start": 0,
        "stop": 450,
        "count": 2,
    }
    return pd.DataFrame({**table, **columns})


def _mask(*positions: int, count: int) -> np.ndarray:
    return np.isin(np.arange(count), positions)


@st.composite
def _plans(draw: st.DrawFn) -> pd.DataFrame:
    """Plans of several people, sessions and exercises, some unknown, some sharing samples."""
    count = draw(st.integers(1, 30))

    def column(values: list[object]) -> list[object]:
        return draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))

    sets = _sets(
        count,
        user=column(["ann", "bob", "eve", "unknown"]),
        session=column(["mon", "tue", "unknown"]),
        exercise=column(["curl", "row", "dip"]),
    )
    recording = np.array(column(list(range(count))))
    shift = np.array(column([0, 300, 500])) if draw(st.booleans()) else np.arange(count) * 450
    return sets.assign(
        recording=recording,
        digest=[f"digest{sets.user[n]}{sets.session[n]}{n % 3}" for n in recording],
        start=shift,
        stop=shift + 450,
    )


def _shares_samples(sets: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> bool:
    pairs = ((a, b) for a in sets[train].itertuples() for b in sets[test].itertuples())
    return any(a.digest == b.digest and a.start < b.stop and b.start < a.stop for a, b in pairs)


@settings(deadline=None)  # pandas is slow on a busy machine
@given(_plans(), st.floats(0.01, 0.99), st.integers(1, 3))
def test_split__by_set_no_sample_is_on_both_sides_and_every_set_on_one(
    sets: pd.DataFrame, share: float, seeds: int
) -> None:
    parts = split(sets, Protocol("set", seeds=seeds, test_share=share))
    for part in parts:
        assert (part.train ^ part.test).all()
        assert not _shares_samples(sets, part.train, part.test)


@settings(deadline=None)  # pandas is slow on a busy machine
@given(
    st.lists(st.sampled_from(["curl", "row", "dip", "press"]), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
)
def test_split__each_exercise_with_two_sets_is_on_both_sides(
    exercises: list[str], share: float
) -> None:
    sets = _sets(len(exercises), exercise=exercises)
    parts = split(sets, Protocol("set", seeds=2, test_share=share))
    counts = sets.groupby("exercise").size()
    assert len(parts) == (2 if counts.max() > 1 else 0)
    for part in parts:
        for exercise, count in counts.items():
            tested = int(part.test[sets["exercise"] == exercise].sum())
            assert tested == 0 if count == 1 else 1 <= tested <= count - 1
            if 1 < share * count + 0.5 < count:
                assert abs(tested - share * count) <= 0.5


@settings(deadline=None)  # pandas is slow on a busy machine
@given(_plans(), st.sampled_from(["session", "person"]))
def test_split__by_session_or_person_each_known_one_is_tested_once(
    sets: pd.DataFrame, by: str
) -> None:
    known = sets.user != "unknown"
    keys = sets.user
    if by == "session":
        known &= sets.session != "unknown"
        keys = sets.user + "/" + sets.session
    sets = sets.assign(digest=keys + sets.digest)
    parts = split(sets, Protocol(by))
    names = sorted(set(keys[known]))
    assert [part.name for part in parts] == (names if len(names) > 1 else [])
    for part in parts:
        assert (part.test == (known & (keys == part.name))).all()
        assert (part.train == (known & (keys != part.name))).all()


def test_split__is_the_same_for_a_seed_and_differs_between_seeds() -> None:
    sets = _sets(40)
    first, again = (split(sets, Protocol("set", seeds=3)) for _ in range(2))
    assert [(a.test == b.test).all() for a, b in zip(first, again, strict=True)] == [True] * 3
    assert (first[0].test != first[1].test).any()
    assert [part.test.sum() for part in first] == [8, 8, 8]


def test_split__does_not_depend_on_the_index() -> None:
    sets = _sets(10)
    moved = sets.set_index(pd.Index(np.arange(10) + 100))
    plain, other = (split(table, Protocol("set", seeds=1))[0] for table in (sets, moved))
    assert (plain.test == other.test).all()


def test_split__two_sets_of_one_recording_are_two_sets() -> None:
    sets = _sets(2, recording=0, digest="d", start=[0, 450], stop=[450, 900])
    (part,) = split(sets, Protocol("set", seeds=1))
    assert part.test.sum() == part.train.sum() == 1


def test_split__in_groups_tests_everybody_once() -> None:
    sets = _sets(12, user=[f"user{n % 6}" for n in range(12)])
    parts = split(sets, Protocol("person", folds=4))
    assert [part.name for part in parts] == [f"group {n} of 4" for n in (1, 2, 3, 4)]
    assert (sum(part.test.astype(int) for part in parts) == 1).all()


def test_split__more_groups_than_people_is_an_error() -> None:
    with pytest.raises(InputError, match="3 groups were asked of 2: ann, bob"):
        split(_sets(4, user=["ann", "bob"] * 2), Protocol("person", folds=3))


@pytest.mark.parametrize(
    ("protocol", "only"), [(Protocol("set"), "seed 3"), (Protocol("person"), "bob")]
)
def test_split__one_alone_is_the_same_as_among_all(protocol: Protocol, only: str) -> None:
    sets = _sets(12, user=["ann", "bob", "eve"] * 4)
    (alone,) = split(sets, protocol, only=only)
    (among,) = (part for part in split(sets, protocol) if part.name == only)
    assert alone.seed == among.seed
    assert (alone.train == among.train).all()
    assert (alone.test == among.test).all()


def test_split__of_nothing_is_nothing() -> None:
    empty = _sets(0)
    assert [split(empty, Protocol(by)) for by in ("set", "session", "person")] == [[], [], []]


def test_split__sessions_of_one_person_at_the_same_time_are_refused() -> None:
    sets = _sets(2, session=["watch", "phone"], start_ns=[0, 5], stop_ns=[10, 15])
    with pytest.raises(LeakageError, match="recorded of one person at the same time"):
        split(sets, Protocol("session"))


@pytest.mark.parametrize("by", ["random", "window", "windows", "shuffle"])
def test_protocol__overlapping_windows_are_refused_with_the_way_out(by: str) -> None:
    with pytest.raises(LeakageError, match=r"windows overlap.*by 'set', by 'session' or by"):
        Protocol(by)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"by": "user"}, "expected 'set', 'session' or 'person', got 'user'"),
        ({"seeds": 2.5}, "seeds: expected a whole number, got 2.5"),
        ({"seeds": True}, "seeds: expected a whole number, got True"),
        ({"seeds": 0}, "seeds: expected >= 1, got 0"),
        ({"test_share": 0}, "test_share: expected > 0 and < 1, got 0"),
        ({"test_share": 1.0}, "test_share"),
        ({"by": "person", "folds": 1}, "folds: expected >= 2, got 1"),
        ({"by": "set", "folds": 5}, "give seeds"),
    ],
)
def test_protocol__settings_without_meaning_are_errors(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Protocol(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (Protocol(), "80/20 by set, 5 seeds, before windowing"),
        (Protocol(seeds=1, test_share=0.25), "75/25 by set, 1 seed, before windowing"),
        (Protocol("session"), "one session left out, each once"),
        (Protocol("person", folds=3), "people in 3 groups, each group left out once"),
        (Protocol("session", folds=3), "sessions in 3 groups, each group left out once"),
    ],
)
def test_protocol__says_itself_in_words(protocol: Protocol, words: str) -> None:
    assert str(protocol) == words


def test_splittable__unknown_people_and_sessions_are_on_no_side() -> None:
    sets = _sets(3, user=["ann", "ann", "unknown"], session=["mon", "unknown", "mon"])
    assert splittable(sets, "set").tolist() == [True, True, True]
    assert splittable(sets, "session").tolist() == [True, False, False]
    assert splittable(sets, "person").tolist() == [True, True, False]


def test_list_singles__names_exercises_of_one_set() -> None:
    sets = _sets(4, exercise=["row", "curl", "curl", "dip"])
    assert list_singles(sets) == ("dip", "row")


def test_list_singles__two_sensors_of_one_set_are_one_set() -> None:
    sets = _sets(2, start_ns=[0, 1], stop_ns=[9, 10])
    assert list_singles(sets) == ("curl",)


def test_check_split__a_set_on_both_sides_is_refused() -> None:
    with pytest.raises(LeakageError, match=r"1 sets are on both sides, 'curl' at samples 0-450"):
        check_split(_sets(2), _mask(0, 1, count=2), _mask(1, count=2))


@pytest.mark.parametrize(
    ("by", "columns"),
    [("session", {}), ("person", {"session": ["mon", "tue"]})],
)
def test_check_split__a_session_or_person_on_both_sides_is_refused(
    by: str, columns: dict[str, object]
) -> None:
    sets = _sets(2, **columns)
    with pytest.raises(LeakageError, match=f"{by} 'ann.*' is on both sides"):
        check_split(sets, _mask(0, count=2), _mask(1, count=2), by=by)
    check_split(sets, _mask(0, count=2), _mask(1, count=2), by="set")


def test_check_split__identical_recordings_on_both_sides_are_refused() -> None:
    sets = _sets(2, digest="same", user=["ann", "bob"])
    with pytest.raises(LeakageError, match="recordings 0 and 1 are on both sides with the same"):
        check_split(sets, _mask(0, count=2), _mask(1, count=2), by="person")


def test_check_split__unknown_sessions_are_refused() -> None:
    sets = _sets(2, session=["mon", "unknown"])
    with pytest.raises(LeakageError, match="1 sets are of an unknown session"):
        check_split(sets, _mask(0, count=2), _mask(1, count=2), by="session")


def test_check_split__masks_of_windows_are_refused() -> None:
    with pytest.raises(LeakageError, match="the split is of 4 windows, which overlap"):
        check_split(_sets(2), np.array([True, False, True, False]), np.array([False, True] * 2))


@pytest.mark.parametrize("mask", [np.zeros(3, dtype=bool), np.zeros(2, dtype=int)])
def test_check_split__masks_that_do_not_fit_are_errors(mask: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected bool masks of shape \(2,\)"):
        check_split(_sets(2), mask, mask)


def test_check_split__by_window_is_refused() -> None:
    with pytest.raises(LeakageError, match="windows overlap"):
        check_split(_sets(2), _mask(0, count=2), _mask(1, count=2), by="window")
