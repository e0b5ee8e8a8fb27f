"""Found sets against true ones: by oracles, and by the laws that any such figures obey."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.eventcounts import (
    MISSED,
    NOTHING,
    OVERLAPS,
    EventCounts,
    describe_counts,
)
from workoutlab.recognition.evaluation.events import (
    Event,
    list_events,
    match_events,
    pair_events,
)
from workoutlab.recognition.evaluation.results import plain
from workoutlab.recording import LabelledSet, Recording

NAMES = ("curl", "row", "unknown")


@st.composite
def sessions(draw: st.DrawFn, most: int = 5) -> list[Event]:
    """Sets on whole seconds up to 40 s, so that sums are exact; some touch."""
    edges = sorted(draw(st.sets(st.integers(0, 40), max_size=2 * most)))
    kept = edges[: len(edges) // 2 * 2]
    return [
        Event(start, stop, draw(st.sampled_from(NAMES)), draw(st.integers(0, 20)), 5)
        for start, stop in zip(kept[::2], kept[1::2], strict=True)
    ]


def overlap(one: Event, two: Event) -> float:
    """Intersection over union, second by second."""
    seconds = [{*range(int(each.start_s), int(each.stop_s))} for each in (one, two)]
    return len(seconds[0] & seconds[1]) / len(seconds[0] | seconds[1])


def best_pairing(truth: list[Event], found: list[Event], least: float) -> tuple[int, float]:
    """Most pairs, and the highest sum of overlaps among as many: every pairing is tried."""
    best = (0, 0.0)
    size = max(len(truth), len(found))
    for order in itertools.permutations(range(size)):
        shares = [
            overlap(true, found[place])
            for true, place in zip(truth, order, strict=False)
            if place < len(found)
        ]
        shares = [share for share in shares if share >= least]
        best = max(best, (len(shares), sum(shares)))
    return best


@given(sessions(), sessions())
@settings(max_examples=60, deadline=None)
def test_pair_events__agrees_with_every_pairing_tried(
    truth: list[Event], found: list[Event]
) -> None:
    shares = np.array([[overlap(one, two) for two in found] for one in truth])
    shares = shares.reshape(len(truth), len(found))
    for least in OVERLAPS:
        pairs = pair_events(shares, least)
        count, total = best_pairing(truth, found, least)
        assert len(pairs) == count
        assert sum(shares[pair] for pair in pairs) == pytest.approx(total)
        assert match_events(truth, found).matched[OVERLAPS.index(least)] == count


@given(sessions(), sessions())
def test_match_events__time_agrees_with_a_mask_of_seconds(
    truth: list[Event], found: list[Event]
) -> None:
    masks = np.zeros((2, 40), dtype=bool)
    for mask, events in zip(masks, (truth, found), strict=True):
        for event in events:
            mask[int(event.start_s) : int(event.stop_s)] = True
    counts = match_events(truth, found, duration_s=40)
    assert counts.active_s == masks[0].sum()
    assert counts.missed_s == (masks[0] & ~masks[1]).sum()
    assert counts.added_s == (masks[1] & ~masks[0]).sum()
    assert counts.time_error_percent == pytest.approx(100 * (masks[0] != masks[1]).mean())


@given(sessions())
def test_match_events__what_is_found_as_it_was_done_is_perfect(truth: list[Event]) -> None:
    counts = match_events(truth, truth)
    assert all(counts.f1(least) == 1 for least in OVERLAPS) or not truth
    assert counts.outcomes["correct"] == counts.found_outcomes["correct"] == len(truth)
    assert not any(counts.start_errors_s)
    assert not any(counts.stop_errors_s)
    assert counts.missed_s == counts.added_s == 0
    assert all(true == came for true, came in counts.confusion)


@given(sessions(), sessions())
def test_match_events__the_other_way_round_exchanges_the_figures(
    truth: list[Event], found: list[Event]
) -> None:
    counts, turned = match_events(truth, found), match_events(found, truth)
    for least in OVERLAPS:
        assert _same(counts.precision(least), turned.recall(least))
        assert _same(counts.f1(least), turned.f1(least))
    assert [*counts.outcomes.values()] == _turn(turned.found_outcomes)
    assert (counts.missed_s, counts.added_s) == (turned.added_s, turned.missed_s)
    assert sorted(counts.start_errors_s) == sorted(-error for error in turned.start_errors_s)


@given(sessions(), sessions(), st.integers(-1000, 1000))
def test_match_events__another_zero_of_the_clock_changes_nothing(
    truth: list[Event], found: list[Event], later_s: int
) -> None:
    def move(events: list[Event]) -> list[Event]:
        return [
            Event(e.start_s + later_s, e.stop_s + later_s, e.exercise, e.repetitions, e.guess)
            for e in events
        ]

    assert match_events(truth, found, duration_s=40) == match_events(
        move(truth), move(found), duration_s=40
    )


@given(st.lists(st.tuples(sessions(3), sessions(3)), max_size=4))
def test_counts__add_up_over_recordings(pairs: list[tuple[list[Event], list[Event]]]) -> None:
    every = [match_events(*pair, duration_s=50) for pair in pairs]
    total = sum(every, EventCounts())
    far = [
        [
            Event(e.start_s + 50 * n, e.stop_s + 50 * n, e.exercise, e.repetitions, e.guess)
            for n, pair in enumerate(pairs)
            for e in pair[side]
        ]
        for side in (0, 1)
    ]
    pooled = match_events(*far, duration_s=50 * len(pairs))
    assert (total.matched, total.outcomes) == (pooled.matched, pooled.outcomes)
    assert total.confusion == pooled.confusion
    assert total.start_errors_s == pooled.start_errors_s
    assert _same(total.time_error_percent, pooled.time_error_percent)


@given(sessions(), sessions())
def test_counts__hold_together(truth: list[Event], found: list[Event]) -> None:
    counts = match_events(truth, found)
    assert sum(counts.outcomes.values()) == len(truth)
    assert sum(counts.found_outcomes.values()) == len(found)
    assert [*counts.matched] == sorted(counts.matched, reverse=True)
    assert all(a <= b for a, b in zip(counts.named, counts.matched, strict=True))
    of_true = sum(n for (true, _), n in counts.confusion.items() if true != NOTHING)
    of_found = sum(n for (_, came), n in counts.confusion.items() if came != MISSED)
    assert (of_true, of_found) == (len(truth), len(found))
    assert json.dumps(plain(counts.as_dict()), allow_nan=False)


@pytest.mark.parametrize(
    ("truth", "found", "true_kind", "found_kind"),
    [
        ([(0, 10)], [], ["deleted"], []),
        ([], [(0, 10)], [], ["inserted"]),
        ([(0, 10)], [(2, 12)], ["correct"], ["correct"]),
        ([(0, 10)], [(0, 4), (6, 10)], ["fragmented"], ["fragmenting"] * 2),
        ([(0, 4), (6, 10)], [(0, 10)], ["merged"] * 2, ["merging"]),
        (
            [(0, 10), (12, 20)],
            [(0, 4), (6, 14)],
            ["fragmented_and_merged", "merged"],
            ["fragmenting", "fragmenting_and_merging"],
        ),
    ],
)
def test_match_events__tells_what_became_of_each(
    truth: list[tuple[int, int]],
    found: list[tuple[int, int]],
    true_kind: list[str],
    found_kind: list[str],
) -> None:
    counts = match_events([Event(*each) for each in truth], [Event(*each) for each in found])
    told = (counts.outcomes, counts.found_outcomes)
    for kinds, expected in zip(told, (true_kind, found_kind), strict=True):
        assert {kind: n for kind, n in kinds.items() if n} == {
            kind: expected.count(kind) for kind in expected
        }


def test_match_events__a_worked_session() -> None:
    truth = [Event(10, 30, "curl", 10), Event(60, 80, "row", 8), Event(100, 120, "dip", 12)]
    found = [
        Event(9, 31.5, "curl", 10, 10),
        Event(62, 80, "unknown", None, 11),
        Event(140, 150, "row", 3, 3),
    ]
    counts = match_events(truth, found, duration_s=200)
    assert counts.f1(0.5) == pytest.approx(2 / 3)
    assert counts.f1(0.5, named=True) == pytest.approx(1 / 3)
    assert counts.confusion == {
        ("curl", "curl"): 1,
        ("row", "unknown"): 1,
        ("dip", MISSED): 1,
        (NOTHING, "row"): 1,
    }
    assert counts.exercise_error_percent == counts.abstained_percent == 50
    edges = counts.describe_edges()
    assert edges["start"] == {"median": 0.5, "mean": 0.5, "absolute": 1.5, "within_1s": 0.5}
    assert edges["stop"]["absolute"] == 0.75
    told = counts.describe_repetitions()
    assert (told["sets"], told["mean_absolute"], told["within_1"]) == (2, 1.5, 0.5)
    assert (told["told_mean_absolute"], told["abstained"]) == (0, 0.5)
    assert counts.time_error_percent == pytest.approx(100 * (22 + 1 + 1.5 + 10) / 200)


def test_match_events__nothing_at_all_has_no_figures() -> None:
    counts = match_events([], [])
    assert math.isnan(counts.f1())
    assert math.isnan(counts.time_error_percent)
    assert math.isnan(counts.describe_edges()["both"]["absolute"])


def test_match_events__refuses_what_overlaps_itself() -> None:
    with pytest.raises(InputError, match=r"found: sets at 0-10 s and at 5-15 s overlap"):
        match_events([], [Event(5, 15), Event(0, 10)])


def test_event__refuses_an_empty_stretch() -> None:
    with pytest.raises(InputError, match="start < stop"):
        Event(3, 3, "curl")


def test_counts__of_other_overlaps_do_not_add_up() -> None:
    with pytest.raises(InputError, match="cannot be added"):
        match_events([], [], overlap=0.25) + EventCounts()


def test_list_events__leaves_rest_out_and_names_nothing_that_has_no_name() -> None:
    sets = [
        LabelledSet(start=0, stop=50, exercise="-"),
        LabelledSet(start=50, stop=100, exercise="E"),
        LabelledSet(start=100, stop=150, exercise="rest"),
        LabelledSet(start=150, stop=200, exercise="curl", repetitions=4),
    ]
    time_ns = np.arange(200) * 20_000_000
    for clock in ({"rate_hz": 50}, {"time_ns": time_ns}):
        recording = Recording(
            user="ann", session="mon", acceleration=np.ones((200, 3)), sets=sets, **clock
        )
        events = list_events(recording)
        assert [(e.exercise, e.repetitions) for e in events] == [("", None), ("curl", 4)]
        assert [e.start_s for e in events] == pytest.approx([1, 3])
        assert [e.stop_s for e in events] == pytest.approx([2, 4])


def test_describe_counts__of_nothing_is_unknown() -> None:
    assert math.isnan(describe_counts([])["mean_absolute"])


def _same(one: float, two: float) -> bool:
    return one == two or (math.isnan(one) and math.isnan(two))


def _turn(outcomes: "object") -> list[int]:
    """Found events seen as true ones: what split is what was merged, and the reverse."""
    names = ("correct", "inserted", "merging", "fragmenting", "fragmenting_and_merging")
    return [outcomes[name] for name in names]  # type: ignore[index]
