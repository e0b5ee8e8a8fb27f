import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

import workoutlab as wl
from workoutlab.errors import InputError, TrainingError
from workoutlab.recognition.segmentation.calibration import (
    Calibration,
    Held,
    calibrate,
    choose_threshold,
    fit_temperature,
    tempered,
)
from workoutlab.recognition.segmentation.fitting import fit_recogniser
from workoutlab.recognition.segmentation.novelty import Neighbours
from workoutlab.recognition.segmentation.reliability import measure_reliability
from workoutlab.recognition.segmentation.settings import SetRecipe

RATE = 50
SMALL = wl.Recipe(wl.Statistics(), wl.MLP(16), rate=0.05, epochs=20)
FAST = SetRecipe(activity=SMALL, exercise=SMALL, folds=2)
quick = settings(deadline=None, max_examples=50)


def session(*names, seed=0, groups=None, repetitions=None):
    """A session of sets of 20 s with pauses of 20 s; each exercise swings at its own pace."""
    random = np.random.default_rng(seed)
    paces = {"curl": (0, 0.4), "press": (1, 0.9), "row": (2, 1.6)}
    moved = random.normal([0, 0, 1], 0.02, size=(1000 * (2 * len(names) + 1), 3))
    sets = []
    for number, name in enumerate(names):
        start = 1000 * (2 * number + 1)
        axis, hz = paces[name]
        moved[start : start + 1000, axis] += np.sin(2 * np.pi * hz * np.arange(1000) / RATE)
        sets.append(
            wl.LabelledSet(
                start=start,
                stop=start + 1000,
                exercise=name,
                muscle_group=(groups or {}).get(name, ""),
                repetitions=(repetitions or {}).get(name),
            )
        )
    return wl.Recording(user="ann", session=f"s{seed}", acceleration=moved, rate_hz=RATE, sets=sets)


def sessions(**more):
    return [session("curl", "press", "row", seed=seed, **more) for seed in range(3)]


def draw_held(draw):
    windows = draw(st.integers(4, 40))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    chances = random.dirichlet(np.ones(3), windows)
    sets = np.sort(random.integers(0, 5, windows))
    truth, fold = (sets % 3).astype(np.int64), (sets % 2).astype(np.int64)
    return Held(chances, truth, sets, fold, random.random(windows))


held = st.composite(draw_held)()


def test_fit_recogniser__finds_and_names_sets():
    recogniser = fit_recogniser(sessions(), FAST)
    found = recogniser.find(session("row", "curl", seed=9))
    assert [each.guess for each in found.sets] == ["row", "curl"]
    assert [each.start // 1000 for each in found.sets] in ([1, 3], [0, 3], [1, 2], [0, 2])
    assert recogniser.calibration.held == 9
    assert recogniser.exercises.classes == ("curl", "press", "row")


def test_fit_recogniser__is_known_by_all_that_decides_it():
    made = [
        fit_recogniser(sessions(), FAST),
        fit_recogniser(sessions(), FAST),
        fit_recogniser(sessions()[:2], FAST),
        fit_recogniser(sessions(), SetRecipe(activity=SMALL, exercise=SMALL, folds=3)),
    ]
    assert made[0].digest == made[1].digest
    assert len({each.digest for each in made}) == 3
    assert made[0].threshold == made[1].threshold


def test_fit_recogniser__names_the_muscle_group_first():
    groups = {"curl": "arms", "press": "chest", "row": "chest"}
    grouped = SetRecipe(activity=SMALL, exercise=SMALL, folds=2, grouped=True)
    recogniser = fit_recogniser(sessions(groups=groups), grouped)
    found = recogniser.find(session("press", "curl", seed=9))
    assert [each.guess for each in found.sets] == ["press", "curl"]
    with pytest.raises(TrainingError, match="no known muscle group"):
        fit_recogniser(sessions(), grouped)


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([session("curl", seed=1)], "'curl' is the only one"),
        (
            [
                wl.Recording(
                    user="ann",
                    session="s",
                    acceleration=np.ones((1000, 3)),
                    rate_hz=RATE,
                    sets=[wl.LabelledSet(start=0, stop=1000, exercise="curl")],
                )
            ],
            "no rest",
        ),
        (
            [wl.Recording(user="a", session="s", acceleration=np.ones((900, 3)), rate_hz=RATE)],
            "labelled set",
        ),
    ],
)
def test_fit_recogniser__says_what_is_missing(recordings, message):
    with pytest.raises(TrainingError, match=message):
        fit_recogniser(recordings, FAST)


@pytest.mark.parametrize(
    "wrong",
    [
        {"activity": "mlp"},
        {"exercise": wl.Recipe(wl.Statistics(channels=("vertical",)))},
        {"folds": 1},
        {"lost": 1.0},
        {"grouped": 1},
        {"decoding": "muvr"},
        {"every": "1ms"},
    ],
)
def test_set_recipe__refuses_what_means_nothing(wrong):
    with pytest.raises(InputError):
        SetRecipe(**wrong)


@quick
@given(held, st.floats(0.2, 5))
def test_tempered__divides_logarithms(rows, temperature):
    expected = log_softmax(np.log(rows.chances) / temperature, axis=1)
    np.testing.assert_allclose(np.log(tempered(rows.chances, temperature)), expected, atol=1e-9)


@quick
@given(held)
def test_fit_temperature__is_the_best_of_a_grid(rows):
    def loss(temperature):
        right = tempered(rows.chances, temperature)[np.arange(len(rows.truth)), rows.truth]
        return -np.log(np.maximum(right, 1e-12)).mean()

    found = fit_temperature(rows.chances, rows.truth)
    assert loss(found) <= min(loss(each) for each in np.exp(np.linspace(-3, 3, 61))) + 1e-3


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_measure_reliability__is_that_of_a_slow_count(rows):
    found = measure_reliability(*(np.array(each) for each in zip(*rows, strict=True)))
    error = 0.0
    for number in range(10):
        inside = [row for row in rows if min(int(row[0] * 10), 9) == number]
        assert found.count[number] == len(inside)
        if inside:
            sure, right = (np.mean(each) for each in zip(*inside, strict=True))
            error += abs(sure - right) * len(inside) / len(rows)
    assert found.error == pytest.approx(error)


@quick
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.floats(0, 0.9)
)
def test_choose_threshold__loses_no_more_than_it_may(rows, lost):
    confidence, right = (np.array(each) for each in zip(*rows, strict=True))
    threshold = choose_threshold(confidence, right, lost)
    assert (confidence[right] < threshold).sum() <= lost * right.sum() + 1e-9


@quick
@given(held, held)
def test_calibrate__is_told_and_read_back(activity, exercise):
    found = calibrate(activity, exercise, 0.1)
    assert Calibration.read(found.as_dict()) == found
    assert found.held == len(np.unique(exercise.sets))
    assert found.kept <= found.wrong


@quick
@given(held)
def test_held__weighs_classes_and_their_sets_alike(rows):
    weights = rows.weigh()
    for truth in np.unique(rows.truth):
        assert weights[rows.truth == truth].sum() == pytest.approx(1)
    for number in np.unique(rows.sets):
        inside = rows.sets == number
        alike = len(np.unique(rows.sets[rows.truth == rows.truth[inside][0]]))
        assert weights[inside].sum() == pytest.approx(1 / alike)


def test_calibrate__without_held_sets_changes_nothing():
    assert calibrate(Held.none(2), Held.none(3), 0.05) == Calibration()
    assert calibrate(None, None, 0.05) == Calibration()


@quick
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_neighbours__are_those_of_a_slow_search(windows, most, seed):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(windows, 4)).astype(np.float32)
    inputs[random.random(inputs.shape) < 0.1] = np.nan
    others = random.normal(size=(5, 4)).astype(np.float32)
    known = Neighbours.fit(inputs, random.integers(0, 3, windows), most)
    assert len(known.windows) == min(windows, most)
    apart = known.standardise(others)[:, None].astype(float) - known.windows
    slow = np.sqrt((apart**2).mean(axis=2).min(axis=1))
    np.testing.assert_allclose(known.measure(others), slow, atol=1e-6)
    again = Neighbours.unpack(known.pack(), 4)
    np.testing.assert_array_equal(again.measure(others), known.measure(others))


def test_neighbours__remember_every_set():
    inputs = np.arange(1000, dtype=np.float32)[:, None]
    known = Neighbours.fit(inputs, np.repeat([0, 1, 2], [990, 5, 5]), most=12)
    found = np.round(known.windows[:, 0] * known.scale + known.center)
    assert [(found >= 990).sum(), (found >= 995).sum()] == [8, 4]


def test_recogniser__calls_unknown_what_is_strange():
    recogniser = fit_recogniser(sessions(), FAST)
    other = session("curl", seed=8)
    random = np.random.default_rng(0)
    other.acceleration[1000:2000] = random.normal(0, 2.0, size=(1000, 3))
    scores = recogniser.exercises.score(other.acceleration, np.arange(1000, 1700, 50), RATE)
    assert recogniser.judge(scores).exercise == "unknown"
    known = recogniser.exercises.score(
        session("curl", seed=8).acceleration, np.arange(1100, 1700, 50), RATE
    )
    assert recogniser.judge(known).exercise == "curl"
