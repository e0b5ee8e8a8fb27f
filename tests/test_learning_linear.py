"""Regressions of many groups at once, against scikit-learn one group at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from workoutlab.errors import InputError
from workoutlab.learning.folds import Dealing, deal_folds
from workoutlab.learning.linear import LinearSearch, search_linear

Doubles = npt.NDArray[np.float64]


@dataclass
class Groups:
    """Rows of several groups, one after the other."""

    x: Doubles
    y: Doubles
    offsets: npt.NDArray[np.int64]

    def __getitem__(self, group: int) -> tuple[Doubles, Doubles]:
        rows = slice(self.offsets[group], self.offsets[group + 1])
        return self.x[rows], self.y[rows]


def make_groups(sizes: list[int], features: int = 4, seed: int = 0, noise: float = 1.0) -> Groups:
    random = np.random.default_rng(seed)
    x = (
        random.normal(size=(sum(sizes), features)) * [1, 5, 0.2, 3][:features]
        + [1, 0, 4, -2][:features]
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    weights = random.normal(size=(len(sizes), features))
    y = np.einsum("rf,rf->r", x, np.repeat(weights, sizes, axis=0))
    return Groups(x, y + noise * random.normal(size=len(x)) + 3, offsets)


def fit(x: Doubles, y: Doubles, penalty: float, intercept: bool) -> Ridge | LinearRegression:
    if penalty == 0:
        return LinearRegression(fit_intercept=intercept).fit(x, y)
    return Ridge(alpha=penalty, fit_intercept=intercept).fit(x, y)


def search_slowly(
    x: Doubles, y: Doubles, test_fold: object, choices: object
) -> tuple[Doubles, object]:
    """Score each choice by scikit-learn, and return the best, fitted to all rows."""
    scores = [
        np.mean(
            [
                mean_squared_error(y[test], fit(x[train], y[train], *choice).predict(x[test]))
                for train, test in PredefinedSplit(test_fold).split()
            ]
        )
        for choice in choices
    ]
    return np.array(scores), fit(x, y, *choices[int(np.argmin(scores))])


def assert_same(found: LinearSearch, groups: Groups, dealing: Dealing, rtol: float = 1e-7) -> None:
    for group in range(len(groups.offsets) - 1):
        x, y = groups[group]
        scores, best = search_slowly(x, y, deal_folds(len(y), dealing), found.choices)
        np.testing.assert_allclose(found.scores[group], scores, rtol=rtol)
        assert found.has_intercept[group] == best.fit_intercept
        assert found.penalty[group] == getattr(best, "alpha", 0.0)
        scale = np.abs(best.coef_).max() + 1e-6
        np.testing.assert_allclose(found.coefficients[group], best.coef_, rtol, rtol * scale)
        level = np.abs(x @ best.coef_).max() + 1e-6
        np.testing.assert_allclose(found.intercept[group], best.intercept_, rtol, rtol * level)


def test_search_linear__same_choices_and_coefficients_as_scikit_learns_grid_search() -> None:
    groups = make_groups([40, 7, 100, 12, 31], noise=2.0)
    found = search_linear(groups.x, groups.y, groups.offsets)
    for group in range(5):
        x, y = groups[group]
        peer = GridSearchCV(
            Ridge(),
            {"alpha": [0.1, 0.01], "fit_intercept": [True, False]},
            cv=PredefinedSplit(deal_folds(len(y))),
            scoring="neg_mean_squared_error",
        ).fit(x, y)
        np.testing.assert_allclose(found.scores[group], -peer.cv_results_["mean_test_score"])
        assert found.penalty[group] == peer.best_params_["alpha"]
        assert found.has_intercept[group] == peer.best_params_["fit_intercept"]
        np.testing.assert_allclose(found.coefficients[group], peer.best_estimator_.coef_)
        np.testing.assert_allclose(found.intercept[group], peer.best_estimator_.intercept_)
        np.testing.assert_allclose(
            found.predict(groups.x, groups.offsets)[
                groups.offsets[group] : groups.offsets[group + 1]
            ],
            peer.predict(x),
        )


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 40), min_size=1, max_size=4),
    features=st.integers(1, 4),
    folds=st.integers(2, 3),
    seed=st.integers(0, 2**31),
    noise=st.sampled_from([0.01, 1.0, 30.0]),
)
def test_search_linear__same_as_scikit_learn_for_any_groups(
    sizes: list[int], features: int, folds: int, seed: int, noise: float
) -> None:
    groups = make_groups(sizes, features, seed, noise)
    found = search_linear(
        groups.x,
        groups.y,
        groups.offsets,
        penalties=[1.0, 0.1, 0.0],
        intercepts=[False, True],
        folds=folds,
        seed=seed,
    )
    assert not found.failed
    assert_same(found, groups, Dealing(folds, seed=seed), rtol=1e-5)


def test_search_linear__a_held_out_share_in_place_of_folds() -> None:
    groups = make_groups([30, 5])
    found = search_linear(groups.x, groups.y, groups.offsets, share=0.25, seed=3)
    assert_same(found, groups, Dealing(share=0.25, seed=3))


def test_search_linear__given_folds_keep_rows_together() -> None:
    groups = make_groups([12, 9])
    folds = np.array([5, 5, 2, 2, 5, 2, -1, 7, 7, 7, -1, 2, 2, 2, 2, 5, 5, 5, 5, -1, 2])
    found = search_linear(groups.x, groups.y, groups.offsets, folds=folds)
    for group in range(2):
        x, y = groups[group]
        own = folds[groups.offsets[group] : groups.offsets[group + 1]]
        scores, best = search_slowly(x, y, own, found.choices)
        np.testing.assert_allclose(found.scores[group], scores)
        np.testing.assert_allclose(found.coefficients[group], best.coef_)


def test_search_linear__a_penalty_of_the_mean_grows_with_the_rows() -> None:
    groups = make_groups([60])
    found = search_linear(
        groups.x, groups.y, groups.offsets, penalties=[0.5], intercepts=[True], penalty_scale="mean"
    )
    np.testing.assert_allclose(found.coefficients[0], fit(*groups[0], 30.0, True).coef_)


def test_search_linear__a_penalty_as_sparks() -> None:
    """The coefficients are those of Spark 4.3's LinearRegression, solver l-bfgs, tol 1e-12."""
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 3)) * [1, 3, 10] + [1, 2, 3]
    y = x @ [1, -0.5, 0.2] + random.normal(size=50) * 2 + 5
    settings = {"penalties": [0.5], "penalty_scale": "spark"}
    found = search_linear(x, y, [0, 50], intercepts=[True], **settings)
    np.testing.assert_allclose(found.coefficients[0], [1.17056215, -0.51847609, 0.18913647], 1e-7)
    np.testing.assert_allclose(found.intercept, 4.714086070329972, 1e-7)
    found = search_linear(x, y, [0, 50], intercepts=[False], **settings)
    np.testing.assert_allclose(found.coefficients[0], [1.98459662, 0.08357474, 0.31986081], 1e-7)


SPOILED = {
    "constant": lambda x: x.__setitem__((slice(None), 1), 0.1),
    "twice": lambda x: x.__setitem__((slice(None), 1), x[:, 0]),
    "combined": lambda x: x.__setitem__((slice(None), 1), 2 * x[:, 0] - 3 * x[:, 2]),
    "nearly": lambda x: x.__setitem__((slice(None), 1), x[:, 0] + 1e-6 * x[:, 2]),
    "offset": lambda x: x.__iadd__(1e5),
    "units": lambda x: x.__setitem__((slice(None), 1), x[:, 1] * 1e8),
    "outlier": lambda x: x.__setitem__((0, 1), 1e9),
    "nothing": lambda x: x.__imul__(0.0),
}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_search_linear__least_squares_as_scikit_learns_where_features_depend_on_each_other(
    spoil: Callable[[Doubles], None], intercept: bool
) -> None:
    groups = make_groups([30, 4, 3])
    spoil(groups.x)
    found = search_linear(groups.x, groups.y, groups.offsets, penalties=[0], intercepts=[intercept])
    assert_same(found, groups, Dealing(), rtol=1e-5)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_search_linear__ridge_is_exact_where_features_depend_on_each_other(
    spoil: Callable[[Doubles], None], intercept: bool
) -> None:
    """Against fractions: scikit-learn's Ridge itself loses all digits with such units."""
    groups = make_groups([12, 4, 3])
    spoil(groups.x)
    found = search_linear(
        groups.x, groups.y, groups.offsets, penalties=[0.1], intercepts=[intercept]
    )
    for group in range(3):
        expected = solve_exactly(*groups[group], 0.1, intercept)
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found.coefficients[group], expected, 1e-6, 1e-9 * scale)


def solve_exactly(x: Doubles, y: Doubles, penalty: float, intercept: bool) -> Doubles:
    """Solve the normal equations in fractions, by Gauss and Jordan."""
    table = np.array([[Fraction(value) for value in row] for row in np.column_stack([x, y])])
    if intercept:
        table = table - table.sum(axis=0) / len(table)
    features = x.shape[1]
    system = table[:, :features].T @ table + Fraction(penalty) * np.eye(
        features, features + 1, dtype=int
    )
    for i in range(features):
        system[i] = system[i] / system[i, i]
        for other in range(features):
            if other != i:
                system[other] = system[other] - system[other, i] * system[i]
    return system[:, features].astype(float)


def test_search_linear__a_group_that_fails_is_named_and_keeps_nobody_back() -> None:
    groups = make_groups([20, 2, 0, 20, 20, 20])
    alone = search_linear(*groups[0], [0, 20])
    groups.x[30, 2] = np.nan
    groups.y[50] = np.inf
    groups.x[70, 0] = 1e200
    found = search_linear(groups.x, groups.y, groups.offsets)
    assert list(found.failed) == [1, 2, 3, 4, 5]
    assert found.failed[1] == "2 rows: 3 folds need 3 or more"
    assert "not finite" in found.failed[3]
    assert np.isnan(found.coefficients[1:]).all()
    assert not found.has_intercept[1:].any()
    np.testing.assert_array_equal(found.coefficients[0], alone.coefficients[0])
    frame = found.to_frame()
    assert frame["reason"].tolist() == [found.failed.get(group, "") for group in range(6)]
    assert frame["score"].notna().tolist() == [True] + [False] * 5
    assert np.isnan(found.predict(groups.x, groups.offsets)[20:]).all()


def test_search_linear__a_fold_with_all_rows_is_refused_for_its_group_alone() -> None:
    groups = make_groups([6, 6, 6])
    folds = np.array([0, 0, 1, 1, 2, 2] + [1] * 6 + [-1] * 6)
    found = search_linear(groups.x, groups.y, groups.offsets, folds=folds)
    assert found.failed == {
        1: "6 rows in one fold: none is left to train on",
        2: "no row is in a fold to be held out",
    }


@pytest.mark.parametrize("threads", [2, 3])
def test_search_linear__the_same_to_the_last_bit_however_it_is_cut(threads: int) -> None:
    groups = make_groups([5, 300, 17, 64, 3, 128, 33, 90])
    one = search_linear(groups.x, groups.y, groups.offsets, threads=1)
    many = search_linear(groups.x, groups.y, groups.offsets, threads=threads)
    np.testing.assert_array_equal(one.coefficients, many.coefficients)
    np.testing.assert_array_equal(one.scores, many.scores)
    for group in range(8):
        alone = search_linear(*groups[group], [0, len(groups[group][1])])
        np.testing.assert_array_equal(alone.coefficients[0], one.coefficients[group])
        np.testing.assert_array_equal(alone.scores[0], one.scores[group])


def test_search_linear__single_precision_features_are_summed_in_double() -> None:
    groups = make_groups([50])
    x = groups.x.astype(np.float32)
    found = search_linear(x, groups.y, groups.offsets)
    wide = search_linear(x.astype(np.float64), groups.y, groups.offsets)
    np.testing.assert_array_equal(found.coefficients, wide.coefficients)


def test_search_linear__no_groups() -> None:
    found = search_linear(np.zeros((0, 3)), np.zeros(0), [0])
    assert found.coefficients.shape == (0, 3)
    assert found.to_frame().empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros(6)}, "features: expected"),
        ({"targets": np.zeros((6, 1))}, "targets: expected"),
        ({"targets": np.zeros(5)}, "of one length"),
        ({"offsets": [0, 4, 2, 6]}, "offsets: expected"),
        ({"offsets": [1, 6]}, "offsets: expected"),
        ({"penalties": []}, "one penalty or more"),
        ({"penalties": [-1]}, "penalties: expected >= 0"),
        ({"intercepts": ["yes"]}, "intercepts True, False"),
        ({"penalty_scale": "max"}, "penalty_scale: expected one of sum, mean, spark"),
        ({"folds": 1}, "folds: expected >= 2"),
        ({"folds": np.zeros(3, int)}, "folds: expected whole numbers"),
        ({"folds": 3, "share": 0.2}, "folds or share"),
        ({"share": 1.0}, "share: expected"),
        ({"threads": 0}, "threads: expected"),
        ({"alpha": 1}, "search_linear takes penalties"),
    ],
)
def test_search_linear__arguments_that_cannot_mean_anything(
    change: dict[str, object], message: str
) -> None:
    arguments = {"features": np.zeros((6, 2)), "targets": np.zeros(6), "offsets": [0, 6], **change}
    with pytest.raises(InputError, match=message):
        search_linear(**arguments)  # type: ignore[arg-type]


def test_predict__features_that_do_not_fit() -> None:
    groups = make_groups([20, 20])
    found = search_linear(groups.x, groups.y, groups.offsets)
    with pytest.raises(InputError, match="expected 4 features of 2 groups"):
        found.predict(groups.x[:, :3], groups.offsets)


def test_deal_folds__too_few_rows() -> None:
    with pytest.raises(InputError, match="2 rows: 3 folds need 3 or more"):
        deal_folds(2)


@given(rows=st.integers(3, 200), seed=st.integers(0, 100))
def test_deal_folds__every_row_in_one_fold_of_about_the_same_size(rows: int, seed: int) -> None:
    sizes = np.bincount(deal_folds(rows, Dealing(3, seed=seed)))
    assert sizes.sum() == rows
    assert sizes.max() - sizes.min() <= 1
