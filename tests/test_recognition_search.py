"""Search policies: pure functions from the trials so far to those to run next."""

import json
import math
import pickle
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.recognition import MLP, Recipe
from workoutlab.recognition.tuning.search import (
    Between,
    Grid,
    Halving,
    Random,
    Trial,
    apply_choice,
    check_policy,
    find_best,
    shorten,
)
from workoutlab.signals import Statistics

RECIPE = Recipe(Statistics(), MLP(8))
SEARCHES = [
    Grid(rate=[0.1, 0.01, 0.001], batch=[10, 30], seed=[0, 1]),
    Random(12, rate=Between(0.001, 1, log=True), batch=[10, 30], hidden=[(5,), (5, 3)]),
    Halving(Grid(rate=[0.1 / n for n in range(1, 11)])),
    Halving(Random(20, seed=3, rate=Between(0.001, 1, log=True)), factor=2, least=0.1),
]


def play(policy, cost, shuffled=None, chunk=None):
    """Run a policy to its end; trials finish in a random order, or some at a time."""
    done = []
    while todo := policy.next(done):
        if shuffled is not None:
            shuffled.shuffle(todo)
        done += [replace(trial, costs=cost(trial)) for trial in todo[:chunk]]
    return done


def cost_by_number(trial):
    return ((trial.number * 7 + 3) % 11 / 11, 0.5)


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_next__depends_neither_on_the_order_of_arrival_nor_on_the_pieces(search):
    done = play(search, cost_by_number)
    for seed, chunk in ((0, None), (1, 1), (2, 5)):
        other = play(search, cost_by_number, random.Random(seed), chunk)
        assert sorted(other, key=lambda t: (t.share, t.number)) == sorted(
            done, key=lambda t: (t.share, t.number)
        )
        assert find_best(other) == find_best(done)
    assert len({(trial.number, trial.share) for trial in done}) == len(done)


@pytest.mark.parametrize("search", SEARCHES, ids=repr)
def test_policies__are_the_same_after_pickling_and_tell_json_all_that_decides_them(search):
    again = pickle.loads(pickle.dumps(search))
    assert again.next([]) == search.next([])
    assert json.loads(json.dumps(search.settings())) == search.settings()
    check_policy(search, RECIPE)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_grid__tries_every_combination_exactly_once(sizes):
    values = {f"setting{place}": list(range(size)) for place, size in enumerate(sizes)}
    tried = [tuple(trial.choice.items()) for trial in play(Grid(**values), lambda _: (0.0,))]
    assert len(tried) == len(set(tried)) == math.prod(sizes) == Grid(**values).work


@given(
    st.integers(1, 40),
    st.sampled_from([2, 3, 4, 2.5]),
    st.sampled_from([None, 0.5, 0.1, 0.03]),
    st.randoms(use_true_random=False),
)
def test_halving__keeps_the_best_of_each_rung_and_trains_them_longer(count, factor, least, numbers):
    halving = Halving(Grid(rate=list(range(1, count + 1))), factor, least)
    costs = {number: numbers.choice([0.1, 0.2, 0.3, math.nan]) for number in range(count)}
    costs[numbers.randrange(count)] = 0.2
    done = play(halving, lambda trial: (costs[trial.number],))
    rungs = [[t.number for t in done if t.share == share] for _, share in halving.rungs]
    assert halving.rungs[-1][1] == 1
    assert sum(
        len(rung) * share for rung, (_, share) in zip(rungs, halving.rungs, strict=True)
    ) <= (halving.work + 1e-9)
    for before, after in pairwise(rungs):
        assert len(after) <= max(1, len(before) // factor)
        ranked = sorted((n for n in before if costs[n] == costs[n]), key=lambda n: (costs[n], n))
        assert sorted(after) == sorted(ranked[: len(after)])
    best = min((cost, number) for number, cost in costs.items() if cost == cost)
    assert find_best(done).costs == (best[0],)
    assert find_best(done).number == best[1]


def test_halving__ends_where_all_fail():
    halving = Halving(Grid(rate=[1, 2, 3, 4]), factor=2)
    done = play(halving, lambda _: (math.nan,))
    assert len(done) == 4
    assert find_best(done) is None


def test_halving__of_one_choice_trains_it_in_full():
    assert Halving(Grid(rate=[1])).rungs == ((1, 1.0),)


def test_find_best__breaks_ties_by_further_costs_then_by_the_order_of_choices():
    trials = [
        Trial(3, {}, costs=(0.1, 0.3)),
        Trial(2, {}, costs=(0.1, 0.2)),
        Trial(1, {}, costs=(0.1, 0.2)),
        Trial(0, {}, costs=(0.05, math.nan)),
    ]
    assert find_best(trials).number == 1
    assert find_best(trials[::-1]).number == 1
    assert find_best([]) is None


@given(st.integers(0, 1000), st.integers(1, 30))
def test_random__draws_the_same_under_a_seed_and_a_longer_search_begins_with_the_shorter(
    seed, size
):
    values = {"rate": Between(1e-4, 1, log=True), "batch": Between(8, 64, whole=True)}
    drawn = Random(size, seed=seed, **values).choices
    assert Random(size + 5, seed=seed, **values).choices[:size] == drawn
    assert all(1e-4 <= choice["rate"] <= 1 and 8 <= choice["batch"] <= 64 for choice in drawn)
    assert all(isinstance(choice["batch"], int) for choice in drawn)


def test_random__spreads_evenly_over_orders_of_magnitude_and_whole_numbers():
    search = Random(2000, rate=Between(0.001, 1, log=True), batch=Between(1, 4, whole=True))
    rates = [choice["rate"] for choice in search.choices]
    batches = [choice["batch"] for choice in search.choices]
    for low in (0.001, 0.01, 0.1):
        assert 600 < sum(low <= rate < 10 * low for rate in rates) < 740
    assert all(430 < batches.count(batch) < 570 for batch in (1, 2, 3, 4))


def test_random__tries_nothing_twice():
    assert len(Random(50, batch=[1, 2], rate=[1, 2]).choices) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(), "expected settings and their values"),
        (lambda: Grid(rate=0.1), "rate: expected a list of values to try, got 0.1"),
        (lambda: Grid(rate=[]), "rate: expected one value or more"),
        (lambda: Grid(rate=[0.1, 0.1]), "each once"),
        (lambda: Grid(init="he"), "expected a list"),
        (lambda: Grid(rate=[object()]), "expected a number, text"),
        (lambda: Random(0, rate=[1]), "trials: expected >= 1, got 0"),
        (lambda: Random(3), "expected settings"),
        (lambda: Between(1, 1), "high: expected > 1, got 1"),
        (lambda: Between(0, 1, log=True), "low: expected > 0, got 0"),
        (lambda: Between(0.5, 3, whole=True), "low: expected a whole number"),
        (lambda: Halving("grid"), "expected a Grid or a Random"),
        (lambda: Halving(Grid(rate=[1]), factor=1), "factor: expected > 1"),
        (lambda: Halving(Grid(rate=[1]), least=1), "least: expected"),
        (lambda: check_policy(Grid, RECIPE), "search: expected Grid, Random or Halving"),
        (lambda: check_policy(Grid(dropout=[1]), RECIPE), "no setting 'dropout' to choose; there"),
        (lambda: check_policy(Grid(rate=[1, -1]), RECIPE), "rate: expected > 0, got -1"),
        (lambda: check_policy(Grid(dropout_keep=[2.0]), RECIPE), "dropout_keep: expected"),
        (lambda: check_policy(Grid(network=["MLP"]), RECIPE), "network: expected"),
        (lambda: check_policy(Grid(inputs=[Statistics()]), RECIPE), "no setting 'inputs'"),
    ],
)
def test_searches__refuse_what_cannot_mean_anything(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_apply_choice__sets_the_recipe_and_its_network():
    chosen = {"network": MLP(20, init="glorot"), "dropout_keep": 0.5, "epochs": 3}
    recipe = apply_choice(RECIPE, chosen)
    assert recipe == Recipe(Statistics(), MLP(20, init="glorot", dropout_keep=0.5), epochs=3)
    assert apply_choice(RECIPE, {"hidden": 7}).network == MLP(7)
    assert apply_choice(RECIPE, {}) == RECIPE


def test_shorten__trains_for_a_share_of_the_epochs_but_for_one_at_least():
    assert [shorten(RECIPE, share).epochs for share in (1, 0.5, 0.01)] == [10, 5, 1]
