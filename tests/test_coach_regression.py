"""Regressions of many people at once are scikit-learn's of each, and look at nothing later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tests.test_coach_history import LATER, make_sessions
from workoutlab.coach import IntensityRegression, backtest, find_histories, sessions_from_plans
from workoutlab.coach.history import Histories
from workoutlab.coach.regression import fit, predict
from workoutlab.errors import InputError

SETTINGS = IntensityRegression()


def histories(*counts: int, seed: int = 0) -> Histories:
    rng = np.random.default_rng(seed)
    people = {
        f"p{number}": np.clip(
            0.5 + 0.1 * np.sin(np.arange(count) / (1 + number)) + rng.normal(0, 0.05, count), 0, 1
        ).tolist()
        for number, count in enumerate(counts)
    }
    return find_histories(make_sessions(people), LATER)[0]


def tune_with_scikit_learn(values: np.ndarray, position: int) -> dict[str, object]:
    """Choose, fit and predict for one person and one session to come, step by step."""
    history, ahead = SETTINGS.history, SETTINGS.ahead
    rows = len(values) - history - ahead + 1
    held = max(int(SETTINGS.held_share * rows + 0.5), 1)
    training = rows - held - (ahead - 1)
    scaler = StandardScaler().fit(values[: training + history + ahead - 1, None])
    z = scaler.transform(values[:, None]).ravel()
    x = np.stack([z[row : row + history][::-1] for row in range(rows)])
    y = z[history + position : history + position + rows]
    scores, best = [], None
    for penalty in SETTINGS.penalties:
        for intercept in SETTINGS.intercepts:
            model = Ridge(penalty * training, fit_intercept=intercept, solver="svd")
            model.fit(x[:training], y[:training])
            error = np.sqrt(np.mean((model.predict(x[-held:]) - y[-held:]) ** 2))
            scores.append(error * scaler.scale_[0])
            if best is None or scores[-1] < best[0]:
                best = scores[-1], penalty, intercept
    model = Ridge(best[1] * rows, fit_intercept=best[2], solver="svd").fit(x, y)
    latest = z[-history:][::-1]
    predicted = scaler.inverse_transform(model.predict(latest[None])[:, None])[0, 0]
    return {"scores": scores, "best": best, "model": model, "predicted": predicted}


def test_fit__agrees_with_scikit_learn_person_by_person():
    people = histories(12, 13, 20, 37, 60)
    models = fit(people, SETTINGS)
    predicted = predict(models, people.last(SETTINGS.history))
    for person in range(len(people)):
        values = people.intensity[people.offsets[person] : people.offsets[person + 1]]
        for position in range(SETTINGS.ahead):
            expected = tune_with_scikit_learn(values, position)
            place = person, position
            np.testing.assert_allclose(models.scores[place], expected["scores"], rtol=1e-7)
            assert (models.penalty[place], models.has_intercept[place]) == expected["best"][1:]
            model = expected["model"]
            np.testing.assert_allclose(
                models.coefficients[place], model.coef_, rtol=1e-6, atol=1e-9
            )
            np.testing.assert_allclose(
                models.intercept[place], model.intercept_, rtol=1e-6, atol=1e-9
            )
            np.testing.assert_allclose(predicted[place], expected["predicted"], rtol=1e-7)
    assert not models.failed


def test_fit__errors_of_the_baselines_are_those_of_the_held_rows():
    people = histories(20)
    models = fit(people, SETTINGS)
    values = people.intensity
    held = int(models.split.held[0])
    firsts = np.arange(len(values) - 7 - held, len(values) - 7)
    for position in range(3):
        actual = values[firsts + 5 + position]
        mean = np.array([values[first : first + 5].mean() for first in firsts])
        last = values[firsts + 4]
        assert models.last_error[0, position] == pytest.approx(
            np.sqrt(np.mean((actual - last) ** 2))
        )
        assert models.mean_error[0, position] == pytest.approx(
            np.sqrt(np.mean((actual - mean) ** 2))
        )


def test_fit__of_one_person_does_not_depend_on_others():
    people = histories(12, 30, 17)
    together = fit(people, SETTINGS)
    for person in range(3):
        alone = fit(people.select([person]), SETTINGS)
        np.testing.assert_array_equal(alone.coefficients[0], together.coefficients[person])
        np.testing.assert_array_equal(alone.scores[0], together.scores[person])


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 1), st.integers(12, 20))
def test_predict__a_constant_history_goes_on(value, count):
    people, _ = find_histories(make_sessions({"ann": [value] * count}), LATER)
    predicted = predict(fit(people, SETTINGS), people.last(5))
    np.testing.assert_allclose(predicted, value, atol=1e-9)


def test_fit__refuses_who_has_too_few_sessions():
    with pytest.raises(
        InputError, match="expected 12 sessions or more of each person, got 11 of p1"
    ):
        fit(histories(12, 11), SETTINGS)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(0.05, 0.95), st.integers(0, 5))
def test_least_sessions__are_enough_whatever_the_settings(history, ahead, share, more):
    how = IntensityRegression(history=history, ahead=ahead, held_share=share)
    people = histories(how.least_sessions + more)
    assert np.isfinite(predict(fit(people, how), people.last(history))).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"history": 0}, "history: expected >= 1"),
        ({"ahead": 1.5}, "ahead: expected a whole number"),
        ({"penalties": ()}, "penalties: expected one or more"),
        ({"penalties": 0.1}, "penalties: expected several, got 0.1"),
        ({"penalties": (0.0,)}, "penalties: expected > 0"),
        ({"intercepts": ("yes",)}, "intercepts: expected True, False"),
        ({"held_share": 1.0}, "held_share: expected"),
        ({"fallback": "guess"}, "fallback: expected 'mean', 'last' or None"),
    ],
)
def test_intensity_regression__refuses_what_means_nothing(wrong, message):
    with pytest.raises(InputError, match=message):
        IntensityRegression(**wrong)


def test_backtest__predicts_from_what_came_before_alone():
    frame = make_sessions({"p": histories(20).intensity.tolist(), "q": [0.5] * 12})
    found = backtest(frame, LATER)
    assert found["user"].unique().tolist() == ["p"]
    assert found.groupby("position").size().to_dict() == {1: 8, 2: 7, 3: 6}
    values = frame[frame["user"] == "p"]["intensity"].to_numpy()
    for row in found.to_dict("records"):
        known, position = row["known"], row["position"]
        assert row["actual"] == values[known + position - 1]
        assert row["last"] == values[known - 1]
        assert row["mean"] == pytest.approx(values[known - 5 : known].mean())
        expected = tune_with_scikit_learn(values[:known], position - 1)["predicted"]
        assert row["regression"] == pytest.approx(np.clip(expected, 0, 1))


def test_backtest__of_nobody_is_empty():
    assert backtest(make_sessions({"q": [0.5] * 12}), LATER).empty


@pytest.mark.data
def test_backtest__on_the_published_scenarios_says_which_is_best(real_data):
    found = backtest(sessions_from_plans(real_data / "muvr-plans"), LATER)
    assert found["user"].unique().tolist() == ["beginner", "jan", "women"]
    squares = {
        how: float(np.sqrt(((found[how] - found["actual"]) ** 2).mean()))
        for how in ("regression", "last", "mean")
    }
    # On so few and short histories the regression beats the last value, and not the mean.
    assert squares == pytest.approx({"regression": 0.043, "last": 0.046, "mean": 0.038}, abs=1e-3)
