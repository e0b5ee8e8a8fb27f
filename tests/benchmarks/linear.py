"""Linear regressions: a grid of choices for many people at once, against one person at a time.

Each person has 200 rows of 6 features; penalties 0.1 and 0.01, with and without an intercept, are
compared by mean squared error on the same 3 folds, and the best is fitted to all rows. Ours and
the stacked equations do 2,000 people (small: 50); the slow ones do fewer, and are compared by
people a second. Each checks, for its first people, that it chose and found what scikit-learn does.
"""

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab.learning.folds import deal_folds
from workoutlab.learning.linear import search_linear

__all__ = ["WORKLOADS"]

ROWS, FEATURES, FOLDS = 200, 6, 3
PENALTIES, INTERCEPTS = (0.1, 0.01), (True, False)
CHECKED = 5

Doubles = npt.NDArray[np.float64]
Found = tuple[list[dict[str, Any]], list[Doubles]]
"""Of each person, the choice and the coefficients."""


def people(count: int) -> tuple[Doubles, Doubles]:
    """Make features, shape (person, row, feature), and targets; some people have no intercept."""
    random = np.random.default_rng(7)
    features = random.normal(size=(count, ROWS, FEATURES))
    weights = random.normal(size=(count, FEATURES))
    targets = np.einsum("prf,pf->pr", features, weights)
    targets += (np.arange(count) % 2)[:, None] + random.normal(size=targets.shape)
    return features, targets


def search_slowly(features: Doubles, targets: Doubles, jobs: int = 1) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    return GridSearchCV(
        Ridge(),
        {"alpha": PENALTIES, "fit_intercept": INTERCEPTS},
        cv=PredefinedSplit(deal_folds(ROWS)),
        scoring="neg_mean_squared_error",
        n_jobs=jobs,
    ).fit(features, targets)


def check(found: Found, features: Doubles, targets: Doubles) -> None:
    """Compare the first people's choices and coefficients with scikit-learn's."""
    for person in range(CHECKED):
        peer = search_slowly(features[person], targets[person])
        assert found[0][person] == peer.best_params_, (found[0][person], peer.best_params_)
        np.testing.assert_allclose(found[1][person], peer.best_estimator_.coef_, rtol=1e-6)


def timed(solve: Callable[[Doubles, Doubles], Found], features: Doubles, targets: Doubles) -> Work:
    """Return the work of `solve`, whose result is checked once, beforehand."""
    check(solve(features, targets), features, targets)

    def work() -> float:
        solve(features, targets)
        return len(features)

    return work


def prepare_ours(full: bool, folder: Path) -> Work:
    offsets = np.arange((2000 if full else 50) + 1) * ROWS

    def solve(features: Doubles, targets: Doubles) -> Found:
        found = search_linear(
            features.reshape(-1, FEATURES),
            targets.ravel(),
            offsets,
            penalties=PENALTIES,
            intercepts=INTERCEPTS,
            folds=FOLDS,
            threads=2,
        )
        assert not found.failed
        return [
            {"alpha": alpha, "fit_intercept": bool(intercept)}
            for alpha, intercept in zip(
                found.penalty[:CHECKED], found.has_intercept[:CHECKED], strict=True
            )
        ], list(found.coefficients[:CHECKED])

    return timed(solve, *people(2000 if full else 50))


def prepare_stacked(full: bool, folder: Path) -> Work:
    """Solve all people's normal equations in stacks, as one would write it with NumPy."""
    folds = deal_folds(ROWS)

    def moments(features: Doubles, targets: Doubles) -> list[Doubles]:
        ones = np.ones((*targets.shape, 1))
        columns = np.concatenate([features, ones, targets[..., None]], axis=2)
        return [
            np.matmul(part.transpose(0, 2, 1), part)
            for part in (columns[:, folds == fold] for fold in range(FOLDS))
        ]

    def fit(products: Doubles, penalty: float, size: int) -> Doubles:
        damped = products[:, :size, :size] + penalty * np.diag(np.arange(size) < FEATURES)
        return np.linalg.solve(damped, products[:, :size, -1:])[..., 0]

    def score(products: Doubles, weights: Doubles) -> Doubles:
        size = weights.shape[1]
        errors = np.concatenate(
            [weights, np.zeros((len(weights), FEATURES + 1 - size)), -np.ones((len(weights), 1))], 1
        )
        return np.einsum("pi,pij,pj->p", errors, products, errors) / products[:, FEATURES, FEATURES]

    def solve(features: Doubles, targets: Doubles) -> Found:
        parts = moments(features, targets)
        whole = sum(parts)
        choices = [(alpha, each) for alpha in PENALTIES for each in INTERCEPTS]
        scores = np.array(
            [
                np.mean([score(part, fit(whole - part, a, FEATURES + b)) for part in parts], axis=0)
                for a, b in choices
            ]
        )
        best = scores.argmin(axis=0)
        weights = np.empty((len(best), FEATURES))
        for number, (alpha, intercept) in enumerate(choices):
            mine = best == number
            weights[mine] = fit(whole[mine], alpha, FEATURES + intercept)[:, :FEATURES]
        names = [{"alpha": choices[k][0], "fit_intercept": choices[k][1]} for k in best[:CHECKED]]
        return names, list(weights[:CHECKED])

    return timed(solve, *people(2000 if full else 50))


def prepare_sklearn(jobs: int, full: bool, folder: Path) -> Work:
    def solve(features: Doubles, targets: Doubles) -> Found:
        from joblib import Parallel, delayed

        fitted = Parallel(jobs)(
            delayed(search_slowly)(x, y) for x, y in zip(features, targets, strict=True)
        )
        return [each.best_params_ for each in fitted], [
            each.best_estimator_.coef_ for each in fitted
        ]

    return timed(solve, *people(50 if full else CHECKED))


def prepare_dask_ml(full: bool, folder: Path) -> Work:
    import dask
    from dask_ml.model_selection import GridSearchCV
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import PredefinedSplit

    def search(features: Doubles, targets: Doubles) -> Any:
        return GridSearchCV(
            Ridge(),
            {"alpha": list(PENALTIES), "fit_intercept": list(INTERCEPTS)},
            cv=PredefinedSplit(deal_folds(ROWS)),
            scoring="neg_mean_squared_error",
            scheduler="synchronous",
        ).fit(features, targets)

    def solve(features: Doubles, targets: Doubles) -> Found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lazy = [dask.delayed(search)(x, y) for x, y in zip(features, targets, strict=True)]
            fitted = dask.compute(*lazy, scheduler="threads", num_workers=2)
        return [each.best_params_ for each in fitted], [
            each.best_estimator_.coef_ for each in fitted
        ]

    return timed(solve, *people(25 if full else CHECKED))


def prepare_spark(full: bool, folder: Path) -> Work:
    """Give each person to scikit-learn through Spark's applyInPandas; two local cores."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    import pandas as pd
    from pyspark.sql import SparkSession

    names = [f"x{number}" for number in range(FEATURES)]
    features, targets = people(50 if full else CHECKED)
    flat = pd.DataFrame(features.reshape(-1, FEATURES), columns=names)
    flat["y"], flat["person"] = targets.ravel(), np.repeat(np.arange(len(targets)), ROWS)
    flat.to_parquet(folder / "rows.parquet")
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", 2).getOrCreate()
    table = session.read.parquet(str(folder / "rows.parquet")).cache()

    def search(rows: "pd.DataFrame") -> "pd.DataFrame":
        found = search_slowly(rows[names].to_numpy(), rows["y"].to_numpy())
        return pd.DataFrame(
            {
                "person": [int(rows["person"].iloc[0])],
                "chosen": [json.dumps(found.best_params_)],
                "coefficients": [json.dumps(found.best_estimator_.coef_.tolist())],
            }
        )

    def solve(features: Doubles, targets: Doubles) -> Found:
        grouped = table.groupBy("person").applyInPandas(
            search, "person long, chosen string, coefficients string"
        )
        fitted = sorted(grouped.collect())
        return [json.loads(each.chosen) for each in fitted], [
            np.array(json.loads(each.coefficients)) for each in fitted
        ]

    return timed(solve, features, targets)


def contenders() -> Iterator[Contender]:
    sklearn = partial(version, "scikit-learn")
    yield Contender("search_linear", partial(version, "workoutlab"), prepare_ours, peer=False)
    yield Contender("NumPy, stacked", partial(version, "numpy"), prepare_stacked, peer=False)
    yield Contender("scikit-learn", sklearn, partial(prepare_sklearn, 1), peer=False)
    yield Contender("scikit-learn, 2 jobs", sklearn, partial(prepare_sklearn, 2))
    yield Contender("dask-ml", partial(version, "dask-ml"), prepare_dask_ml)
    yield Contender("Spark applyInPandas", partial(version, "pyspark"), prepare_spark)


WORKLOADS = (Workload("linear", "person", tuple(contenders())),)
