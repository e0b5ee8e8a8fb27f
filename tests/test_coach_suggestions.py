"""Suggestions as rows: clipped, rounded, with a fallback, kept and explained."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_coach_history import LATER, make_sessions
from workoutlab.coach import IntensityRegression, explain, find_histories, suggest, suggestions
from workoutlab.coach.keeping import append_suggestions, digest_people
from workoutlab.coach.regression import fit, predict
from workoutlab.coach.suggestions import round_intensity
from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab

SETTINGS = IntensityRegression()
RISING = (np.arange(20) / 20).tolist()
MIXED = {"ann": RISING, "bob": [0.2, 0.6], "cem": RISING[::-1], "dan": [0.4]}


def find(people: dict[str, list[float | None]]):
    return find_histories(make_sessions(people), LATER)[0]


@given(st.floats(0, 1))
def test_round_intensity__is_the_nearest_fifth(value):
    rounded = float(round_intensity(value))
    assert rounded in (0, 0.2, 0.4, 0.6, 0.8, 1)
    assert abs(rounded - value) <= 0.1 + 1e-9


def test_suggest__gives_each_a_row_a_session_with_model_or_fallback():
    made = suggest(find(MIXED))
    rows = made.suggestions
    assert rows["user"].tolist() == [user for user in sorted(MIXED) for _ in range(3)]
    assert rows["position"].tolist() == [1, 2, 3] * 4
    assert (
        rows["method"].tolist()
        == ["regression"] * 3 + ["mean"] * 3 + ["regression"] * 3 + ["mean"] * 3
    )
    assert rows["model"].tolist() == [0, 1, 2, -1, -1, -1, 3, 4, 5, -1, -1, -1]
    bob = rows[rows["user"] == "bob"]
    assert bob["intensity"].tolist() == pytest.approx([0.4] * 3)
    assert bob["rounded"].tolist() == [0.4] * 3
    assert set(bob["reason"]) == {"2 sessions of known intensity; a regression needs 12"}
    assert bob["validation_error"].isna().all()
    models = made.models.iloc[rows[rows["user"] == "cem"]["model"]]
    assert models["user"].unique().tolist() == ["cem"]
    assert models["position"].tolist() == [1, 2, 3]


def test_suggest__says_where_a_prediction_was_clipped():
    histories = find({"ann": RISING, "cem": RISING[::-1]})
    rows = suggest(histories).suggestions
    raw = predict(fit(histories, SETTINGS), histories.last(5)).ravel()
    np.testing.assert_array_equal(rows["raw"], raw)
    np.testing.assert_array_equal(rows["intensity"], np.clip(raw, 0, 1))
    np.testing.assert_array_equal(rows["clipped"], (raw < 0) | (raw > 1))
    assert rows["clipped"].any()
    assert not rows["clipped"].all()


def test_suggest__fallbacks():
    last = suggest(find(MIXED), IntensityRegression(fallback="last")).suggestions
    assert last[last["user"] == "bob"]["intensity"].tolist() == [0.6] * 3
    made = suggest(find(MIXED), IntensityRegression(fallback=None))
    assert made.suggestions["user"].unique().tolist() == ["ann", "cem"]
    assert sorted(made.left_out) == ["bob", "dan"]
    short = suggest(find({"dan": [0.4]}), IntensityRegression(fallback=None))
    assert short.suggestions.empty
    assert short.models.empty
    long = suggest(find({"bob": [0.9, *[0.4] * 5]})).suggestions
    assert long["intensity"].tolist() == pytest.approx([0.4] * 3)


def test_suggest__one_persons_failure_keeps_nobody_back(monkeypatch):
    def fail_for_cem(histories, settings):
        if "cem" in histories.users:
            raise ValueError("no luck")
        return fit(histories, settings)

    histories = find(MIXED)
    whole = suggest(histories)
    monkeypatch.setattr(suggestions, "fit", fail_for_cem)
    made = suggest(histories)
    assert made.failed == {"cem": "ValueError: no luck"}
    expected = whole.suggestions[whole.suggestions["user"] != "cem"]
    pd.testing.assert_frame_equal(made.suggestions, expected.reset_index(drop=True))


def test_suggest__who_cannot_be_fitted_is_listed():
    histories = find({"ann": RISING, "cem": RISING[::-1]})
    values = np.where(np.arange(40) == 3, np.nan, histories.intensity)  # one of ann's
    made = suggest(replace(histories, intensity=values))
    assert list(made.failed) == ["ann"]
    assert "not finite" in made.failed["ann"]
    assert made.suggestions["user"].unique().tolist() == ["cem"]
    assert made.models["user"].unique().tolist() == ["cem"]
    assert made.suggestions["model"].tolist() == [0, 1, 2]


def test_made__without_people_keeps_the_others_models():
    made = suggest(find(MIXED)).without({"ann", "dan"})
    assert made.suggestions["user"].unique().tolist() == ["bob", "cem"]
    assert made.suggestions["model"].tolist() == [-1] * 3 + [0, 1, 2]
    assert made.models["user"].tolist() == ["cem"] * 3


def test_digest_people__tells_all_that_decides():
    histories = find(MIXED)
    digests = digest_people(histories, 1, {"a": 1})
    assert len(set(digests)) == 4
    assert digests == digest_people(find(MIXED), 1, {"a": 1})
    assert not set(digests) & set(digest_people(histories, 2, {"a": 1}))
    assert not set(digests) & set(digest_people(histories, 1, {"a": 2}))
    changed = digest_people(find({**MIXED, "bob": [0.2, 0.61]}), 1, {"a": 1})
    assert [one == other for one, other in zip(digests, changed, strict=True)] == [
        *[True, False],
        *[True, True],
    ]


@pytest.fixture
def lab(request) -> Lab:
    lab = Lab(f"memory://{request.node.name}")
    for made_ns in (1, 2):
        histories = find(MIXED)
        digests = dict(zip(histories.users, digest_people(histories, made_ns, {}), strict=True))
        common = {"made_ns": made_ns, "snapshot": "BEGINNING", "digests": digests}
        made = suggest(histories)
        lab.transact(
            lambda root, made=made, common=common: append_suggestions(
                root, made, common, {"reading": "ended"}
            ),
            "suggest",
        )
    return lab


def test_append_suggestions__keeps_rows_that_find_their_models(lab):
    rows, models = lab.table("suggestions"), lab.table("intensity_models")
    assert len(rows) == 24
    assert len(models) == 12
    fitted = rows[rows["method"] == "regression"]
    behind = models.loc[fitted["model"].astype(int)]
    for name in ("user", "position", "made_ns", "digest", "validation_error"):
        assert behind[name].tolist() == fitted[name].tolist()
    assert rows["settings"].unique().tolist() == [0]
    assert rows[rows["method"] == "mean"]["model"].isna().all()
    made = suggest(find(MIXED)).suggestions
    np.testing.assert_array_equal(rows["raw"][:12], made["raw"])
    assert lab.verify().ok


def test_explain__a_suggestion_can_be_computed_again_from_what_is_kept(lab):
    histories = find(MIXED)
    for row in lab.table("suggestions").query("method == 'regression'").index:
        told = explain(lab, row)
        model = told.model
        latest = histories.last(5)[histories.users.index(told.suggestion["user"])]
        scores = (latest - model["mean"]) / model["sd"]
        value = np.dot(scores, model["coefficients"]) + model["intercept"]
        again = value * model["sd"] + model["mean"]
        assert again == pytest.approx(told.suggestion["raw"], abs=1e-12)
        best = min(model["scores"], key=lambda score: score["rmse"])
        assert best["rmse"] == told.suggestion["validation_error"]
        assert best["penalty"] == model["penalty"]
        assert best["intercept"] == model["with_intercept"]
    assert told.settings == {"reading": "ended"}


def test_explain__reads_as_text(lab):
    text = str(explain(lab, 0))
    assert text.startswith("*** SIMULATED DATA ***\nann, session 1 after s19: intensity")
    assert "z-score: mean" in text
    assert "later rows: RMSE" in text
    assert "fallback: mean, since 2 sessions of known intensity" in str(explain(lab, 3))
    clipped = lab.table("suggestions").query("clipped").index[0]
    assert "was clipped to 0..1" in str(explain(lab, clipped))
    json.dumps(explain(lab, 0).settings)


def test_explain__names_what_is_not_there(lab):
    for row in (-1, 24):
        with pytest.raises(NotInLabError, match=f"has no suggestion {row}"):
            explain(lab, row)
    for row in ("0", 0.0, True, None):
        with pytest.raises(InputError, match="row: expected the number of a suggestion"):
            explain(lab, row)
    assert explain(lab, np.int64(0)) == explain(lab, 0)
    with pytest.raises(NotInLabError, match="has no suggestion 0"):
        explain(Lab("memory://never-coached"), 0)
    with pytest.raises(NotInLabError, match="suggest_intensity makes them"):
        Lab("memory://never-coached").table("suggestions")
