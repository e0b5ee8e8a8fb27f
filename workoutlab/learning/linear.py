"""Linear and ridge regressions for thousands of people at once, chosen by folds, in closed form.

Each group of rows (a person, say) gets the regression whose penalty and intercept predicted its
own held-out rows best, fitted again to all of its rows: what scikit-learn's ``GridSearchCV`` does
with ``Ridge`` and ``LinearRegression`` for one group at a time, by the same formulas, see
:mod:`workoutlab.kernels.leastsquares`.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels import leastsquares
from workoutlab.kernels.leastsquares import Folds, Found, Grid, Rows
from workoutlab.learning.folds import Dealing, part_rows
from workoutlab.schema import check_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LinearSearch", "LinearSettings", "search_linear"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SCALES: Final = {
    "sum": leastsquares.SUM,
    "mean": leastsquares.MEAN,
    "spark": leastsquares.SPARK,
}
_CHUNKS_PER_THREAD: Final = 4
_REASONS: Final = {
    leastsquares.NOT_FINITE: "a value is not finite, or beyond 1e100; leave such rows out",
    leastsquares.DEGENERATE: "no choice gave finite coefficients; scale the features",
}


class LinearSettings(TypedDict, total=False):
    """What :func:`search_linear` takes by name."""

    penalties: Sequence[float]
    intercepts: Sequence[bool]
    penalty_scale: str
    folds: int | npt.NDArray[np.integer]
    share: float
    seed: int
    threads: int


@dataclass(frozen=True, eq=False)
class LinearSearch:
    """The regressions of all groups.

    Parameters
    ----------
    choices
        Penalty and intercept of each choice: for each penalty, in order, all intercepts.
    coefficients, intercept
        Shapes (group, feature) and (group,), float64: the best choice, fitted to all rows; NaN
        where a group failed.
    penalty, has_intercept
        Shape (group,): the best choice; NaN and False where a group failed.
    scores
        Shape (group, choice): mean squared error on held-out rows, the mean over the folds.
    rows
        Shape (group,): number of rows.
    failed
        Why a group has no regression, by its number.
    """

    choices: tuple[tuple[float, bool], ...]
    coefficients: Doubles
    intercept: Doubles
    penalty: Doubles
    has_intercept: npt.NDArray[np.bool_]
    scores: Doubles
    rows: Integers
    failed: dict[int, str]

    def __repr__(self) -> str:
        groups, features = self.coefficients.shape
        return f"LinearSearch({groups} groups, {features} features, {len(self.failed)} failed)"

    def predict(self, features: npt.ArrayLike, offsets: npt.ArrayLike) -> Doubles:
        """Return what each group's regression says of its rows.

        Parameters
        ----------
        features
            Shape (row, feature).
        offsets
            Shape (group + 1,), as in :func:`search_linear`; the same groups in the same order.

        Returns
        -------
        numpy.ndarray
            Shape (row,), float64; NaN in groups that failed.

        Raises
        ------
        InputError
            If the features or offsets do not fit the regressions.
        """
        features, offsets = _check_features(features), _check_offsets(offsets)
        groups, columns = self.coefficients.shape
        if features.shape != (offsets[-1], columns) or len(offsets) != groups + 1:
            raise InputError(
                f"features {features.shape} of {len(offsets) - 1} groups: expected {columns} "
                f"features of {groups} groups, and the last offset to be the number of rows"
            )
        group = np.repeat(np.arange(groups), np.diff(offsets))
        moved: Doubles = np.einsum("rf,rf->r", features, self.coefficients[group])
        return moved + self.intercept[group]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a group.

        Columns: rows, penalty, has_intercept, score (of the best choice), intercept,
        ``coefficient_0`` and so on, and reason, empty unless the group failed.
        """
        import pandas as pd

        tried = np.nan_to_num(self.scores, nan=np.inf).min(axis=1, initial=np.inf)
        columns: dict[str, object] = {
            "rows": self.rows,
            "penalty": self.penalty,
            "has_intercept": self.has_intercept,
            "score": np.where(np.isnan(self.penalty), np.nan, tried),
            "intercept": self.intercept,
        }
        for number, column in enumerate(self.coefficients.T):
            columns[f"coefficient_{number}"] = column
        columns["reason"] = [self.failed.get(group, "") for group in range(len(self.rows))]
        return pd.DataFrame(columns)


def search_linear(
    features: npt.ArrayLike,
    targets: npt.ArrayLike,
    offsets: npt.ArrayLike,
    **settings: Unpack[LinearSettings],
) -> LinearSearch:
    r"""Fit a linear regression to each group, its penalty and intercept chosen on held-out rows.

    The coefficients w and the intercept b minimise :math:`\sum (y - x w - b)^2 + a |w|^2`; the
    intercept is not penalised. Where features depend on each other and nothing is penalised, the
    shortest w of all that are equally good is found; as in scikit-learn 1.7 and later, a direction
    counts as dependent if its singular value is below 1e-6 of the largest.

    Parameters
    ----------
    features
        Shape (row, feature), the rows of a group one after the other, float64 or turned into it.
        They are not scaled: a penalty means more to a feature in a large unit.
    targets
        Shape (row,).
    offsets
        Shape (group + 1,): group g has the rows from ``offsets[g]`` to ``offsets[g + 1]``.
    **settings
        ``penalties``: a in the formula, tried with each of ``intercepts``; by default 0.1 and
        0.01, with and without. 0 is ordinary least squares.

        ``penalty_scale``: ``"sum"``: a is the penalty itself, as scikit-learn's ``Ridge`` has it.
        ``"mean"``: a is the penalty times the number of rows fitted to, so that it means the same
        in long and short groups. ``"spark"``: the penalty is the ``regParam`` of Spark's
        ``LinearRegression`` with its default ``standardization=True``, which is on the mean, with
        features and targets divided by their sample standard deviations s: feature j's a is
        regParam times rows times s_j² / s_target.

        ``folds``: 3 by default, dealt by :func:`~workoutlab.learning.folds.deal_folds`; or shape
        (row,), the fold of each row, which keeps rows of one session together, say; rows of fold
        -1 are only trained on.
        ``share`` in place of folds: the share of rows that is held out, once. ``seed`` decides
        which rows.

        ``threads``: as many as there are CPUs by default; give 1 in a task of a cluster.

    Returns
    -------
    LinearSearch
        A group's regression depends on its own rows alone, to the last bit. Of choices that score
        alike, the first holds.

    Raises
    ------
    InputError
        If an array is not of the shape described, or a setting cannot mean anything. A group that
        cannot be fitted is listed in ``failed`` and keeps nobody else back.

    Examples
    --------
    >>> x = np.arange(12.0)[:, None]
    >>> y = np.concatenate([2 * x[:6, 0] + 1, -x[6:, 0]])
    >>> found = search_linear(x, y, [0, 6, 12], penalties=[0, 1], intercepts=[True])
    >>> found.penalty.tolist(), found.coefficients.round(6).tolist(), found.intercept.round(6)[0]
    ([0.0, 0.0], [[2.0], [-1.0]], np.float64(1.0))
    >>> found.predict([[10.0], [10.0]], [0, 1, 2]).round(6).tolist()
    [21.0, -10.0]
    """
    if unknown := set(settings) - set(LinearSettings.__annotations__):
        known = ", ".join(LinearSettings.__annotations__)
        raise InputError(f"search_linear takes {known}; got {', '.join(sorted(unknown))}")
    rows = _check_rows(features, targets, offsets)
    grid, choices = _list_choices(settings)
    folds, failed = _part(rows.offsets, settings)
    threads = settings.get("threads", os.cpu_count() or 1)
    check_number("threads", threads, whole=True, low=1)
    found = _make_room(len(rows.offsets) - 1, rows.features.shape[1], len(choices))
    found.status[list(failed)] = leastsquares.SKIPPED
    _run(rows, folds, grid, found, threads)
    for group in np.flatnonzero(np.isin(found.status, list(_REASONS))):
        failed[int(group)] = _REASONS[int(found.status[group])]
    solved = found.status == leastsquares.SOLVED
    return LinearSearch(
        choices=choices,
        coefficients=np.where(solved[:, None], found.coefficients, np.nan),
        intercept=np.where(solved, found.intercepts, np.nan),
        penalty=np.where(solved, grid.penalties[found.chosen], np.nan),
        has_intercept=solved & grid.intercepts[found.chosen],
        scores=found.scores,
        rows=np.diff(rows.offsets),
        failed=dict(sorted(failed.items())),
    )


def _make_room(groups: int, features: int, choices: int) -> Found:
    return Found(
        scores=np.full((groups, choices), np.nan),
        chosen=np.zeros(groups, np.int64),
        coefficients=np.full((groups, features), np.nan),
        intercepts=np.full(groups, np.nan),
        status=np.full(groups, leastsquares.SOLVED),
    )


def _run(rows: Rows, folds: Folds, grid: Grid, found: Found, threads: int) -> None:
    """Let threads take groups in ranges of about as many rows."""
    groups, chunks = len(rows.offsets) - 1, 1 if threads == 1 else threads * _CHUNKS_PER_THREAD
    ends = np.linspace(0, rows.offsets[-1], chunks + 1)
    cuts = np.unique([0, *np.searchsorted(rows.offsets, ends[1:-1]), groups])
    search = partial(leastsquares.search_groups, rows, folds, grid, found)
    if threads == 1:
        return search(0, groups)
    with ThreadPoolExecutor(threads, thread_name_prefix="workoutlab") as pool:
        list(pool.map(search, cuts[:-1].tolist(), cuts[1:].tolist()))
    return None


def _check_features(features: npt.ArrayLike) -> Doubles:
    found = np.asarray(features)
    if found.ndim != 2 or found.shape[1] < 1 or found.dtype.kind not in "fiub":
        raise InputError(
            f"features: expected numbers of shape (row, feature), got {found.dtype} of shape "
            f"{found.shape}"
        )
    return np.ascontiguousarray(found, np.float64)


def _check_offsets(offsets: npt.ArrayLike) -> Integers:
    found = np.asarray(offsets)
    fits = found.ndim == 1 and found.dtype.kind in "iu" and len(found) > 0
    if not fits or found[0] != 0 or (np.diff(found.astype(np.int64)) < 0).any():
        raise InputError(
            "offsets: expected where each group's rows begin, and the number of rows: whole "
            f"numbers that start with 0 and never fall; got {found!r}"
        )
    return found.astype(np.int64)


def _check_rows(features: npt.ArrayLike, targets: npt.ArrayLike, offsets: npt.ArrayLike) -> Rows:
    x, y, ends = _check_features(features), np.asarray(targets), _check_offsets(offsets)
    if y.ndim != 1 or y.dtype.kind not in "fiub":
        raise InputError(
            f"targets: expected numbers of shape (row,), got {y.dtype} of shape {y.shape}"
        )
    if not len(x) == len(y) == ends[-1]:
        raise InputError(
            f"expected features, targets and the last offset of one length, got {len(x)}, "
            f"{len(y)} and {ends[-1]}"
        )
    return Rows(x, np.ascontiguousarray(y, np.float64), ends)


def _list_choices(settings: LinearSettings) -> tuple[Grid, tuple[tuple[float, bool], ...]]:
    penalties = list(settings.get("penalties", (0.1, 0.01)))
    intercepts = list(settings.get("intercepts", (True, False)))
    scale = settings.get("penalty_scale", "sum")
    for penalty in penalties:
        check_number("penalties", penalty, low=0)
    if not penalties or not intercepts or not all(isinstance(each, bool) for each in intercepts):
        raise InputError(
            "expected one penalty or more, and intercepts True, False or both; got "
            f"{penalties} and {intercepts}"
        )
    if scale not in SCALES:
        raise InputError(f"penalty_scale: expected one of {', '.join(SCALES)}, got {scale!r}")
    choices = tuple((float(one), each) for one in penalties for each in intercepts)
    columns = [np.array(column) for column in zip(*choices, strict=True)]
    return Grid(columns[0], columns[1], SCALES[scale]), choices


def _part(offsets: Integers, settings: LinearSettings) -> tuple[Folds, dict[int, str]]:
    folds, share = settings.get("folds"), settings.get("share")
    if folds is not None and share is not None:
        raise InputError("expected folds or share, got both")
    given = None if folds is None or isinstance(folds, int) else folds
    count = folds if isinstance(folds, int) else 3
    return part_rows(offsets, Dealing(count, share, settings.get("seed", 0)), given)
