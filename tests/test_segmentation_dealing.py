import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_segmentation_fitting import FAST, RATE, session
from workoutlab.recognition.segmentation.calibration import choose_strangest
from workoutlab.recognition.segmentation.dealing import PERSON, SESSION, SET, deal_new
from workoutlab.recognition.segmentation.fitting import fit_recogniser

quick = settings(deadline=None, max_examples=50)


def draw_plan(draw):
    count = draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    segments = pd.DataFrame(
        {
            "user": np.array(["ann", "bob", "cid", "dan"])[random.integers(0, 4, count)],
            "session": np.array(["mon", "tue", "wed"])[random.integers(0, 3, count)],
        }
    )
    return segments, np.array(["curl", "press", "row"])[random.integers(0, 3, count)]


plans = st.composite(draw_plan)()


@quick
@given(plans, st.integers(2, 4))
def test_deal_new__holds_out_what_is_newest(plan, folds):
    segments, told = plan
    fold, kind = deal_new(segments, told, np.arange(len(told)), folds, 0)
    for name in np.unique(told):
        of = segments[told == name].assign(fold=fold[told == name])
        (found,) = set(kind[told == name])
        sessions = len(of[["user", "session"]].drop_duplicates())
        new = PERSON if of.user.nunique() > 1 else SESSION if sessions > 1 else SET
        assert found == new
        by = {PERSON: ["user"], SESSION: ["user", "session"], SET: []}[new]
        assert not by or (of.groupby(by).fold.nunique() == 1).all()
        assert of.fold.nunique() > 1 or (len(of) == 1 and (of.fold == -1).all())


@quick
@given(plans, st.integers(2, 4))
def test_deal_new__parts_no_unit(plan, folds):
    segments, told = plan
    units = np.arange(len(told)) // 2 * 2
    fold, kind = deal_new(segments, told, units, folds, 0)
    np.testing.assert_array_equal(fold, fold[units])
    np.testing.assert_array_equal(kind, kind[units])


@quick
@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=80), st.floats(0.01, 0.4))
def test_choose_strangest__loses_no_more_than_it_may(strangeness, lost):
    limit = choose_strangest(strangeness, lost)
    assert (np.array(strangeness) > limit).sum() <= lost * len(strangeness) + 1e-9
    if lost * len(strangeness) < 0.99 and np.ptp(strangeness) > 0.01:
        assert limit >= max(strangeness)


def test_choose_strangest__leaves_room_for_the_next_of_few():
    random = np.random.default_rng(0)
    drawn = np.exp(random.normal(0, 0.2, size=(2000, 10)))
    beyond = [drawn[n, 9] > choose_strangest(drawn[n, :9], 0.03) for n in range(2000)]
    assert np.mean(beyond) == pytest.approx(0.03, abs=0.015)


def test_fit_recogniser__names_sets_of_the_next_session_of_a_person():
    """Which lie farther from those of the first, where the watch sits 1.7 degrees otherwise."""
    recogniser = fit_recogniser(session(*["curl", "press", "row"] * 3, seed=0), FAST)
    cosine, sine = np.cos(0.03), np.sin(0.03)
    turn = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    samples = (session("press", seed=8).acceleration @ turn).astype(np.float32)
    scores = recogniser.exercises.score(samples, np.arange(1100, 1700, 50), RATE)
    assert recogniser.judge(scores).exercise == "press"
