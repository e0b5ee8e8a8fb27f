"""Sets found in signals, packet by packet and at once."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recognisers import RATE_HZ, networks, recogniser, signal
from workoutlab.errors import InputError
from workoutlab.recognition.segmentation.chain import Chain, Ended, Progress, Started
from workoutlab.recognition.segmentation.decoding import Decoding

PLAN = [(20, None, 0), (25, 0, 0.5), (20, None, 0), (30, 1, 0.7), (15, 2, 0.6), (20, None, 0)]
TRUTH = [(20, 45, "curl"), (65, 95, "press"), (95, 110, "row")]


def run(chain, samples, cuts=()):
    changes = []
    for first, last in pairwise([0, *cuts, len(samples)]):
        changes += chain.push(samples[first:last])
    return changes + chain.finish()


def found(changes):
    return [each.found for each in changes if isinstance(each, Ended)]


def told(changes):
    """All that changes say, as text: equal to the last bit."""
    rows = [each.found.row() if isinstance(each, Ended) else each for each in changes]
    edges = [each.repetitions.edges.tolist() for each in found(changes)]
    return repr((changes, rows, edges))


def test_chain__finds_sets_and_tells_two_in_a_row_apart():
    sets = found(run(Chain(recogniser()), signal(PLAN)))
    assert [each.exercise for each in sets] == [name for *_, name in TRUTH]
    for each, (start_s, stop_s, _) in zip(sets, TRUTH, strict=True):
        assert abs(each.start_s - start_s) <= 2.5
        assert abs(each.stop_s - stop_s) <= 2.5
        assert each.confidence > 0.9
        assert each.active > 0.9
        assert abs(sum(each.scores.values()) - 1) < 1e-9
    counts = [each.repetitions.guess for each in sets]
    assert np.abs(np.array(counts) - [12.5, 21, 9]).max() <= 1.5


def test_chain__tells_of_a_set_when_it_starts_goes_on_and_ends():
    changes = run(Chain(recogniser()), signal(PLAN[:3]))
    kinds = [type(each) for each in changes]
    assert kinds[0] is Started
    assert kinds[-1] is Ended
    assert set(kinds[1:-1]) == {Progress}
    lag = Decoding().lag_s * RATE_HZ
    start, end = changes[0], changes[-1]
    assert start.sample == end.found.start
    assert start.known - start.sample <= lag + RATE_HZ
    assert end.known - end.found.stop <= lag + RATE_HZ
    times = [each.sample for each in changes[1:-1]]
    assert np.diff(times).min() >= RATE_HZ
    assert {each.exercise for each in changes[1:-1]} == {"curl"}


@cache
def short():
    samples = signal([(12, None, 0), (15, 0, 0.5), (10, 1, 0.8), (12, None, 0)])
    return samples, told(run(Chain(recogniser()), samples))


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(0, 2450), max_size=40).map(sorted))
def test_chain__does_not_depend_on_packets(cuts):
    samples, whole = short()
    assert whole.count("Ended") == 2
    assert told(run(Chain(recogniser()), samples, cuts)) == whole


@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("packet", [1, 7, 10, 64, 333])
def test_chain__of_networks_does_not_depend_on_packets_to_the_last_bit(kind, packet):
    samples = signal([(4, 0, 0.5), (3, 1, 2), (5, 2, 1), (4, None, 0), (8, 1, 0.4)])
    cuts = range(packet, len(samples), packet)
    whole = Chain(networks(kind), trace=True)
    cut = Chain(networks(kind), trace=True)
    assert told(run(whole, samples)) == told(run(cut, samples, cuts))
    np.testing.assert_array_equal(whole.scores.active, cut.scores.active)
    np.testing.assert_array_equal(whole.scores.exercises, cut.scores.exercises)
    assert len(np.unique(whole.scores.active)) > 10


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 1500), max_size=20).map(sorted))
def test_chain__of_noise_does_not_depend_on_packets(seed, cuts):
    samples = np.random.default_rng(seed).normal(0, 0.5, (1500, 3)).astype(np.float32)
    whole = told(run(Chain(networks(seed=seed)), samples))
    assert told(run(Chain(networks(seed=seed)), samples, cuts)) == whole


@pytest.mark.parametrize("packet", [9, 200, 6500])
@pytest.mark.parametrize("rule", ["durations", "muvr"])
def test_chain__goes_on_from_a_saved_state(packet, rule):
    decoding = Decoding() if rule == "durations" else Decoding.muvr()
    samples, subject = signal(PLAN), recogniser(decoding=decoding)
    whole = run(Chain(subject), samples)
    chain, changes = Chain(subject), []
    for first in range(0, len(samples), packet):
        changes += chain.push(samples[first : first + packet])
        chain = Chain.restore(subject, chain.state())
    assert told(changes + chain.finish()) == told(whole)
    assert len(found(whole)) >= 3


def test_chain__keeps_a_bounded_part_of_the_signal():
    subject = recogniser(decoding=Decoding(longest_s=30))
    chain, sizes = Chain(subject, progress=False), []
    samples = signal([(10, None, 0), (20, 0, 0.5), (60, 1, 0.5)])
    for _ in range(3):
        for first in range(0, len(samples), 10):
            chain.push(samples[first : first + 10])
            held = chain.state()
            sizes.append(sum(len(held[name]["rows"]) for name in ("samples", "activity")))
    assert max(sizes) < 50 * RATE_HZ
    assert max(sizes[len(sizes) // 3 :]) <= 1.05 * max(sizes[: len(sizes) // 3])


def test_chain__cuts_a_set_that_lasts_too_long():
    subject = recogniser(decoding=Decoding(longest_s=30, refine=False))
    sets = found(run(Chain(subject), signal([(10, None, 0), (70, 0, 0.5), (10, None, 0)])))
    assert len(sets) == 3
    assert max(each.stop - each.start for each in sets) <= 30 * RATE_HZ
    for before, after in pairwise(sets):
        assert before.stop == after.start


def test_chain__calls_unknown_what_is_not_certain():
    samples = signal([(20, None, 0), (30, 0, 0.5), (20, None, 0)])
    (each,) = found(run(Chain(recogniser(threshold=0.999999)), samples))
    assert (each.exercise, each.guess, each.known) == ("unknown", "curl", False)


def test_chain__finds_nothing_where_there_is_nothing():
    assert run(Chain(recogniser()), signal([(60, None, 0)])) == []
    assert run(Chain(recogniser()), signal([(3, 0, 1)])) == []
    assert Chain(recogniser()).finish() == []


def test_chain__a_signal_that_ends_in_a_set_ends_it():
    (each,) = found(run(Chain(recogniser()), signal([(20, None, 0), (20, 0, 0.5)])))
    assert abs(each.stop_s - 40) < 2.5


def test_chain__by_muvrs_rule_absorbs_blocks_no_longer_than_a_window():
    subject = recogniser(decoding=Decoding.muvr())
    sets = found(
        run(Chain(subject), signal([(20, None, 0), (20, 0, 0.5), (3, None, 0), (20, 0, 1)]))
    )
    assert [each.exercise for each in sets] == ["curl"]


def test_push__refuses_what_are_no_samples():
    chain = Chain(recogniser())
    with pytest.raises(InputError, match=r"shape \(sample, 3\)"):
        chain.push(np.zeros((5, 2)))
    with pytest.raises(InputError, match="finite"):
        chain.push(np.full((5, 3), np.nan))
    chain.finish()
    with pytest.raises(InputError, match="finished"):
        chain.push(np.zeros((5, 3)))
    with pytest.raises(InputError, match="finished"):
        chain.finish()


def test_restore__refuses_what_is_of_another_recogniser():
    state = Chain(recogniser(digest="a")).state()
    with pytest.raises(InputError, match="another recogniser"):
        Chain.restore(recogniser(digest="b"), state)
    with pytest.raises(InputError, match="does not read"):
        Chain.restore(recogniser(digest="a"), {**state, "format": 2})
