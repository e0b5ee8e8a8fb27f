"""Fitting scikit-learn estimators to people, with parameters chosen by dask-ml's grid search."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import TrainingError
from workoutlab.learning.members import balance_rows
from workoutlab.learning.randomness import make_key
from workoutlab.recognition.estimators.converted import OnnxModel, convert
from workoutlab.recognition.estimators.estimator import Estimator, fit_estimator, one_at_a_time
from workoutlab.recognition.material import Material
from workoutlab.recognition.tuning.search import Trial
from workoutlab.recognition.tuning.selection import Choosing, Selection, split_material
from workoutlab.recognition.tuning.validation import average_costs, measure_costs

__all__ = ["fit_material", "fit_people"]


def fit_people(
    materials: Sequence[Material], recipe: Estimator, selection: Selection | None
) -> Iterator[tuple[Choosing | None, OnnxModel | TrainingError]]:
    """Fit an estimator to each person, one after the other, and convert it.

    Parameters
    ----------
    materials
        What each is fitted to.
    recipe
        The estimator.
    selection
        How its parameters are chosen; None where they stay as they are.

    Yields
    ------
    tuple of Choosing and OnnxModel
        How parameters were chosen, and the estimator; or why there is none.
    """
    for material in materials:
        try:
            choosing, fitted = fit_material(material, recipe, selection)
            with one_at_a_time():
                yield choosing, convert(fitted, material.inputs[: material.windows])
        except TrainingError as error:
            yield None, error
        except Exception as error:  # estimators may be the user's own code: one person's, not all's
            yield None, TrainingError(f"{type(error).__name__}: {error}")


def fit_material(
    material: Material, recipe: Estimator, selection: Selection | None = None
) -> tuple[Choosing | None, Any]:
    """Choose parameters on held-out sets where asked for, and fit to all that may be learnt from.

    Parameters
    ----------
    material
        What is learnt from.
    recipe
        The estimator.
    selection
        How its parameters are chosen, by dask-ml's ``GridSearchCV`` with whole sets as folds; None
        where they stay as they are.

    Returns
    -------
    choosing
        How parameters were chosen; None where they were not.
    estimator
        Fitted.

    Raises
    ------
    TrainingError
        If there is one exercise only, or the estimator refuses the data.
    """
    rows = material.find_windows(material.among)
    targets = material.targets[rows]
    choosing = None
    if selection is not None and material.classes > 1:
        choosing = _choose(material, recipe, selection)
        recipe = choosing.estimator(recipe)
    fitted = fit_estimator(recipe, material.inputs[rows], targets, _make_seed(material, recipe))
    return choosing, fitted


def _make_seed(material: Material, recipe: Estimator) -> int:
    return make_key(recipe.seed, *material.purpose)[0]


def _choose(material: Material, recipe: Estimator, selection: Selection) -> Choosing:
    """Run dask-ml's grid search over a person's folds of sets."""
    choosing = Choosing(material, split_material(material, recipe.seed, selection.validation))
    if not choosing.folds:
        return choosing
    splits = [_split(material, recipe, fold) for fold in choosing.folds]
    choices = selection.policy.choices
    results = _search(material, recipe, splits, selection)
    for number, choice in enumerate(choices):
        folds = [
            tuple(
                float(results[f"split{fold}_test_cost{cost}"][number])
                for cost in range(_COSTS[selection.validation.criterion])
            )
            for fold in range(len(splits))
        ]
        choosing.trials.append(replace(Trial(number, choice), costs=average_costs(folds)))
    return choosing


_COSTS = {"error": 3, "loss": 1, "muvr": 2}
"""How many numbers a criterion has, the later ones to break ties."""


def _split(
    material: Material, recipe: Estimator, fold: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows of a fold's training part, rare exercises repeated, and of its test part."""
    train = material.find_windows(material.among & ~fold)
    targets = np.unique(material.targets[train], return_inverse=True)[1]
    return train[balance_rows(targets, recipe.balance)], material.find_windows(fold)


def _search(
    material: Material,
    recipe: Estimator,
    splits: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]],
    selection: Selection,
) -> dict[str, Any]:
    from dask_ml.model_selection import GridSearchCV

    criterion = selection.validation.criterion
    costs = _Costs(material, criterion)
    search = GridSearchCV(
        recipe.make(_make_seed(material, recipe)),
        [{name: [value] for name, value in each.items()} for each in selection.policy.choices],
        scoring={f"cost{at}": _Cost(costs, at) for at in range(_COSTS[criterion])},
        cv=splits,
        refit=False,
        error_score=np.nan,
        scheduler="synchronous",
        cache_cv=False,
    )
    with one_at_a_time(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a choice that fails shows as one without a score
        search.fit(pd.DataFrame(material.inputs), material.targets)
    found: dict[str, Any] = search.cv_results_
    return found


@dataclass(eq=False)
class _Costs:
    """What predictions cost; those of the last estimator are kept, since each cost is asked for."""

    material: Material
    criterion: str
    last: tuple[object, object] = (None, None)
    costs: tuple[float, ...] = field(default=())

    def measure(self, estimator: Any, inputs: pd.DataFrame) -> tuple[float, ...]:
        if self.last[0] is not estimator or self.last[1] is not inputs:
            rows = inputs.index.to_numpy()
            material = self.material
            chances = np.zeros((len(rows), material.classes))
            chances[:, estimator.classes_] = estimator.predict_proba(inputs)
            sets = material.sets[material.segment[rows]]
            self.costs = measure_costs(material.targets[rows], chances, sets, self.criterion)
            self.last = (estimator, inputs)
        return self.costs


@dataclass(frozen=True, eq=False)
class _Cost:
    """One of several costs, as scikit-learn asks for scores."""

    costs: _Costs
    at: int

    def __call__(self, estimator: Any, inputs: pd.DataFrame, _: object = None) -> float:
        return self.costs.measure(estimator, inputs)[self.at]
