"""The choice among kinds of network: what few sets may and may not decide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workoutlab.errors import InputError
from workoutlab.recognition.kinds.deciding import (
    KINDS,
    Evidence,
    Prior,
    check_kinds,
    decide,
    estimate_prior,
)

WRONG = st.lists(st.booleans(), min_size=1, max_size=30)


def person(sets, **wrong):
    """Evidence of a person with so many sets, the first so many of which are wrong, by kind."""
    return Evidence.of({kind: np.arange(sets) < count for kind, count in wrong.items()})


def test_check_kinds__orders_them_and_refuses_what_lacks_the_common_one():
    assert check_kinds(KINDS[::-1]) == KINDS
    for kinds in (["own"], ["common", "best"], "common"):
        with pytest.raises(InputError, match="kinds: expected 'common' and some of"):
            check_kinds(kinds)


@settings(deadline=None, max_examples=50)
@given(common=WRONG, data=st.data())
def test_evidence__is_of_paired_differences(common, data):
    own = data.draw(st.lists(st.booleans(), min_size=len(common), max_size=len(common)))
    found = Evidence.of({"common": common, "own": own})
    differences = np.subtract(common, own, dtype=float)
    assert found.gain("own") == pytest.approx(differences.mean())
    assert found.squares["own"] == pytest.approx(differences.var() * len(common))


def test_estimate_prior__finds_mean_and_variances_that_made_the_figures():
    random = np.random.default_rng(0)
    gains = random.normal(0.1, 0.2, 4000)
    people = []
    for gain in gains:
        sets = random.integers(5, 40)
        people.append(
            Evidence.of({"common": random.normal(gain, 0.5, sets), "own": np.zeros(sets)})
        )
    prior = estimate_prior(people)
    assert prior.people == 4000
    assert prior.mean["own"] == pytest.approx(0.1, abs=0.01)
    assert prior.between["own"] == pytest.approx(0.04, rel=0.1)
    assert prior.within["own"] == pytest.approx(0.25, rel=0.02)


def test_estimate_prior__of_people_who_differ_by_chance_alone_sees_no_difference():
    random = np.random.default_rng(1)
    people = [
        Evidence.of({"common": random.normal(0.1, 0.5, 20), "own": np.zeros(20)})
        for _ in range(2000)
    ]
    assert estimate_prior(people).between["own"] < 0.002


def test_decide__prefers_the_simpler_of_equals():
    same = person(10, common=2, own=2, ensemble=2, **{"fine-tuned": 2})
    assert decide(same, estimate_prior([same] * 5)).kind == "common"
    better = person(10, common=4, own=1, ensemble=1, **{"fine-tuned": 1})
    assert decide(better, estimate_prior([better] * 5)).kind == "fine-tuned"


def test_decide__few_sets_follow_the_cohort_and_many_the_person():
    prior = Prior(100, {"own": 0.05}, {"own": 0.01}, {"own": 0.3})
    assert decide(person(3, common=0, own=1), prior).kind == "own"
    assert decide(person(300, common=0, own=100), prior).kind == "common"
    assert decide(person(300, common=100, own=0), prior).kind == "own"


def test_decide__where_people_do_not_differ_all_get_the_same():
    prior = Prior(100, {"own": 0.05}, {"own": 0.0}, {"own": 0.3})
    assert decide(person(30, common=0, own=20), prior).kind == "own"


def test_decide__within_the_margin_stays_simple():
    prior = Prior(100, {"own": 0.05}, {"own": 0.01}, {"own": 0.3})
    evidence = person(10, common=3, own=2)
    assert decide(evidence, prior).kind == "own"
    assert decide(evidence, prior, margin=1).kind == "common"


def test_decide__of_one_or_two_people_takes_the_simplest_within_a_standard_error():
    slightly = person(20, common=4, own=3)
    clearly = person(20, common=15, own=1)
    for evidence, kind in ((slightly, "common"), (clearly, "own")):
        assert decide(evidence, estimate_prior([evidence])).kind == kind


def test_decide__too_few_sets_give_the_common_network_and_say_so():
    prior = Prior(100, {"own": 0.5}, {"own": 0.0}, {"own": 0.3})
    found = decide(person(3, common=3, own=0), prior, least_sets=4)
    assert (found.kind, found.reason) == ("common", "common: 3 held-out sets, fewer than 4")
    assert decide(Evidence(0), Prior(0)).kind == "common"


def test_decide__by_a_cohort_without_evidence_of_a_kind_goes_by_the_person():
    clear = person(24, common=12, own=1)
    assert decide(clear, Prior(0)).kind == "own"
    assert decide(person(4, common=2, own=1), Prior(0)).kind == "common"
    other = {"ensemble": 0.1}
    assert decide(clear, Prior(9, other, other, other)).kind == "own"
    assert decide(person(1, common=1, own=0), Prior(0)).kind == "common"


def test_decide__says_the_figures_in_a_sentence():
    evidence = person(24, common=2, own=1, ensemble=12)
    found = decide(evidence, Prior(9, {"own": 0.1, "ensemble": -0.3},
                                   {"own": 0.1, "ensemble": 0.1},
                                   {"own": 0.1, "ensemble": 0.1}))  # fmt: skip
    assert found.reason == "own: 4.2 % of 24 held-out sets wrong, common 8.3 %, ensemble 50.0 %"


@pytest.mark.parametrize("between", [0.0, 0.02])
def test_decide__is_on_average_at_least_as_good_as_any_one_kind(between):
    """Simulated cohorts with known gains, against one kind for all and the lowest error."""
    random = np.random.default_rng(2)
    chosen, lowest, fixed = [], [], {"common": [], "own": []}
    for mean in (-0.1, 0.0, 0.1):
        gains = random.normal(mean, np.sqrt(between), 300)
        people = [
            Evidence.of({"common": random.normal(gain, 0.6, 15), "own": np.zeros(15)})
            for gain in gains
        ]
        prior = estimate_prior(people)
        kinds = np.array([decide(each, prior).kind for each in people])
        chosen += np.where(kinds == "own", gains, 0).tolist()
        lowest += [gain if each.gain("own") > 0 else 0
                   for gain, each in zip(gains, people, strict=True)]  # fmt: skip
        fixed["common"] += [0.0] * 300
        fixed["own"] += gains.tolist()
    assert np.mean(chosen) >= max(map(np.mean, fixed.values()))
    assert np.mean(chosen) >= np.mean(lowest)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(WRONG, st.integers(0, 2**30)), min_size=1, max_size=8))
def test_decide__of_any_cohort_gives_a_known_kind_and_finite_gains(cohort):
    people = []
    for common, bits in cohort:
        own = [bool(bits >> place & 1) for place in range(len(common))]
        people.append(Evidence.of({"common": common, "own": own, "ensemble": own}))
    prior = estimate_prior(people)
    for each in people:
        found = decide(each, prior)
        assert found.kind in ("common", "own")  # the ensemble is never better than its equal
        assert all(np.isfinite(list(found.gains.values())))


@pytest.mark.parametrize(
    ("criterion", "reason"),
    [
        ("error", "own: 10.0 % of 20 held-out sets wrong, common 50.0 %"),
        ("windows", "own: 10.0 % of windows wrong, mean of 20 held-out sets, common 50.0 %"),
        ("loss", "own: loss 0.100, mean of 20 held-out sets, common 0.500"),
        ("muvr", "own: 10.0 % short of Muvr's best sum, 20 held-out sets, common 50.0 %"),
    ],
)
def test_decide__says_what_the_criterion_measures(criterion, reason):
    evidence = person(20, common=10, own=2)
    prior = Prior(9, {"own": 0.3}, {"own": 0.1}, {"own": 0.1})
    assert decide(evidence, prior, criterion=criterion).reason == reason


def test_decide__says_that_nothing_else_could_be_tried():
    found = decide(person(8, common=2), Prior(9))
    assert found.reason == "common: no other kind could be tried; 25.0 % of 8 held-out sets wrong"
