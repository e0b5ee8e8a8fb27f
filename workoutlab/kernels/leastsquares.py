"""Linear models of many groups at once: penalised least squares, chosen by folds, refitted on all.

A group's rows are walked once for the products of its columns, fold by fold; what a fold's model
is trained on is the sum over the other folds, so that no large fold cancels against itself. Each
choice of penalty and intercept is then one Cholesky factorisation of a small matrix. Columns are
shifted by the group's means first, which loses no digit to the offset of a column. Where columns
still depend on each other so closely that their products do not tell them apart, that model is
solved from the rows themselves, by singular values, with the shortest of equally good solutions.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled

__all__ = [
    "DEGENERATE",
    "MEAN",
    "NOT_FINITE",
    "SKIPPED",
    "SOLVED",
    "SPARK",
    "SUM",
    "Folds",
    "Found",
    "Grid",
    "Rows",
    "search_groups",
]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SOLVED: Final = 0
NOT_FINITE: Final = 1
DEGENERATE: Final = 2
SKIPPED: Final = 3

SUM: Final = 0
MEAN: Final = 1
SPARK: Final = 2

_HIGHEST: Final = 1e100
"""Beyond this the sum of products could overflow."""
_LEAST_PIVOT: Final = 1e-6
"""Share of a column's sum of squares that must be left when the columns before it, and the
intercept, have explained it. Products carry some 15 digits, so that 9 remain."""
_EPSILON: Final = float(np.finfo(np.float64).eps)
_LEAST_SINGULAR: Final = 1e-6
"""Without a penalty, directions of a smaller singular value, as a share of the largest, count as
none: what scikit-learn's LinearRegression does."""


class Rows(NamedTuple):
    """The data of all groups.

    Parameters
    ----------
    features
        Shape (row, feature), float64, contiguous.
    targets
        Shape (row,), float64.
    offsets
        Shape (group + 1,): group g has the rows from ``offsets[g]`` to ``offsets[g + 1]``.
    """

    features: Doubles
    targets: Doubles
    offsets: Integers


class Folds(NamedTuple):
    """How each group's rows are parted.

    Parameters
    ----------
    order
        Rows within a group, sorted by part; groups may share a stretch.
    places
        Shape (group,): where a group's stretch of `order` begins.
    bounds
        Shape (table, part + 1), where each part begins in the stretch. The first part is never
        validated on, each further one is a fold.
    tables
        Shape (group,): which row of `bounds` a group has.
    """

    order: Integers
    places: Integers
    bounds: Integers
    tables: Integers


class Grid(NamedTuple):
    """What is chosen from.

    Parameters
    ----------
    penalties, intercepts
        Shape (choice,): weight of the sum of squared coefficients, and whether there is an
        intercept, which is not penalised.
    scale
        What a penalty is: :data:`SUM` or :data:`MEAN`, weighed against the sum or the mean of
        squared errors; :data:`SPARK`, as Spark's ``regParam``.
    """

    penalties: Doubles
    intercepts: npt.NDArray[np.bool_]
    scale: int


class Found(NamedTuple):
    """What is written.

    Parameters
    ----------
    scores
        Shape (group, choice): mean squared error on a fold's rows, mean over the folds.
    chosen
        Shape (group,): the choice of the lowest score, the first of equal ones; or -1.
    coefficients, intercepts
        Shapes (group, feature) and (group,): the choice fitted to all rows.
    status
        Shape (group,): groups that are :data:`SKIPPED` beforehand are left alone. Afterwards
        :data:`SOLVED`; :data:`NOT_FINITE`, a value is not finite or beyond 1e100;
        :data:`DEGENERATE`, no choice gave finite numbers.
    """

    scores: Doubles
    chosen: Integers
    coefficients: Doubles
    intercepts: Doubles
    status: Integers


def search_groups(
    rows: Rows, folds: Folds, grid: Grid, found: Found, first: int, last: int
) -> None:
    """Fit and choose for the groups from `first` to `last`, and write what was found.

    Releases the GIL. What is written for a group depends on its rows alone. Every group needs a
    fold with rows, and no fold may have all of them.

    Parameters
    ----------
    rows, folds, grid
        What is fitted.
    found
        Where results go.
    first, last
        The range of groups.
    """
    _search(rows, folds, grid, found, first, last)


# Whole-array expressions are spelled out as loops: each of them takes seconds to compile.


@compiled(error_model="numpy")
def _search(rows, folds, grid, found, first, last):
    most = 0
    for group in range(first, last):
        most = max(most, rows.offsets[group + 1] - rows.offsets[group])
    size, parts = rows.features.shape[1] + 1, folds.bounds.shape[1] - 1
    values, centers = np.empty((size, most)), np.empty(size)
    products, sums = np.zeros((parts, size + 1, size + 1)), np.zeros((size + 1, size + 1))
    scratch = (sums, np.empty((size, size)), np.empty((2, size)), np.empty(size), np.empty(most))
    for group in range(first, last):
        if found.status[group] == SKIPPED:
            continue
        start, stop, place = rows.offsets[group], rows.offsets[group + 1], folds.places[group]
        order = folds.order[place : place + stop - start]
        bounds = folds.bounds[folds.tables[group]]
        block = (rows.features[start:stop], rows.targets[start:stop], order, bounds)
        found.chosen[group] = -1
        if not _gather(block, values, centers):
            found.status[group] = NOT_FINITE
            continue
        _multiply(values, bounds, products)
        _score(block, values, products, centers, grid, scratch, found.scores[group])
        choice = _find_least(found.scores[group])
        found.status[group] = DEGENERATE
        if choice >= 0:
            _fit(block, parts, products, centers, grid, choice, scratch)
            _conclude(centers, scratch[3], grid.intercepts[choice], group, choice, found)


@compiled()
def _conclude(centers, model, intercept, group, choice, found):
    """Write a group's model, as it is without the shift."""
    features = len(model) - 1
    level = centers[features] + model[features]
    finite = True
    for j in range(features):
        level -= model[j] * centers[j]
        found.coefficients[group, j] = model[j]
        finite = finite and np.isfinite(model[j])
    found.intercepts[group] = level if intercept else 0.0
    if finite and np.isfinite(level):
        found.status[group], found.chosen[group] = SOLVED, choice


@compiled(error_model="numpy")
def _gather(block, values, centers):
    """Write each column less its mean, in the order of the parts; tell whether all are finite."""
    x, y, order, _ = block
    features = x.shape[1]
    for i in range(len(order)):
        row = order[i]
        values[features, i] = y[row]
        fits = abs(y[row]) < _HIGHEST  # false for NaN
        for j in range(features):
            value = np.float64(x[row, j])
            values[j, i] = value
            fits = fits and abs(value) < _HIGHEST
        if not fits:
            return False
    for j in range(features + 1):
        centers[j] = _center(values[j, : len(order)])
    return True


@compiled()
def _multiply(values, bounds, products):
    """Write the sums of products of columns over each part, a column of ones last; lower half."""
    ones = len(values)
    for part in range(len(products)):
        lower, upper = bounds[part], bounds[part + 1]
        for i in range(ones):
            column = values[i, lower:upper]
            for j in range(i + 1):
                products[part, i, j] = _dot(column, values[j, lower:upper])
            products[part, ones, i] = _sum(column)
        products[part, ones, ones] = upper - lower


@compiled(fastmath={"reassoc", "contract"})
def _sum(column):
    total = 0.0
    for i in range(len(column)):
        total += column[i]
    return total


@compiled(fastmath={"reassoc", "contract"})
def _dot(one, other):
    total = 0.0
    for i in range(len(one)):
        total += one[i] * other[i]
    return total


@compiled(error_model="numpy")
def _score(block, values, products, centers, grid, scratch, scores):  # noqa: PLR0913
    """Write each choice's mean squared error on the folds."""
    bounds, model, residuals = block[3], scratch[3], scratch[4]
    folds = 0
    for choice in range(len(scores)):
        scores[choice] = 0.0
    for part in range(1, len(products)):
        lower, upper = bounds[part], bounds[part + 1]
        if upper > lower:
            folds += 1
            for choice in range(len(scores)):
                _fit(block, part, products, centers, grid, choice, scratch)
                errors = residuals[: upper - lower]
                _subtract(values, lower, model, errors)
                scores[choice] += _dot(errors, errors) / (upper - lower)
    for choice in range(len(scores)):
        scores[choice] /= folds


@compiled()
def _subtract(values, lower, model, errors):
    """Write what a model leaves of the last row of `values` from column `lower` on."""
    features, upper = len(model) - 1, lower + len(errors)
    column = values[features, lower:upper]
    for i in range(len(errors)):
        errors[i] = column[i] - model[features]
    for j in range(features):
        column, weight = values[j, lower:upper], model[j]
        for i in range(len(errors)):
            errors[i] -= weight * column[i]


@compiled()
def _find_least(scores):
    least = -1
    for choice in range(len(scores)):
        if np.isfinite(scores[choice]) and (least < 0 or scores[choice] < scores[least]):
            least = choice
    return least


@compiled(error_model="numpy")
def _fit(block, left_out, products, centers, grid, choice, scratch):  # noqa: PLR0913
    """Write one choice's model of all parts but one, or of all where there is no such part.

    The model is its weights, then its level where columns are shifted.
    """
    sums, matrix, (scales, penalties), model, _ = scratch
    features, intercept = len(model) - 1, grid.intercepts[choice]
    _add_up(products, left_out, sums)
    if intercept:
        _center_products(sums, matrix, scales)
    else:
        _shift_products(sums, centers, matrix, scales)
    _weigh(sums, grid.penalties[choice], grid.scale, penalties)
    for i in range(features):
        matrix[i, i] += penalties[i]
    if grid.penalties[choice] == 0:
        _raise_scales(scales)
    if _factor(matrix, scales):
        _substitute(matrix, model)
    else:
        _solve_rows(block, left_out, intercept, penalties, model)
    count = sums[features + 1, features + 1]
    level = sums[features + 1, features] / count if intercept else -centers[features]
    for j in range(features):
        level -= model[j] * (sums[features + 1, j] / count if intercept else -centers[j])
    model[features] = level


@compiled()
def _add_up(products, left_out, sums):
    """Add the parts, not subtract one from all: a large one would leave nothing of the others."""
    for i in range(len(sums)):
        for j in range(i + 1):
            sums[i, j] = 0.0
    for part in range(len(products)):
        if part != left_out:
            for i in range(len(sums)):
                for j in range(i + 1):
                    sums[i, j] += products[part, i, j]


@compiled(error_model="numpy")
def _weigh(sums, penalty, scale, penalties):
    """Write each feature's penalty on the sum of squared errors."""
    ones = len(sums) - 1
    count = sums[ones, ones]
    spread = _find_spread(sums, ones - 1)
    for j in range(ones - 1):
        penalties[j] = penalty if scale == SUM else penalty * count
        if scale == SPARK and spread > 0:
            penalties[j] *= _find_spread(sums, j) ** 2 / spread


@compiled(error_model="numpy")
def _find_spread(sums, column):
    """Return a column's sample standard deviation."""
    ones = len(sums) - 1
    count = sums[ones, ones]
    squares = sums[column, column] - sums[ones, column] ** 2 / count
    return np.sqrt(max(squares, 0.0) / (count - 1)) if count > 1 else 0.0


@compiled(error_model="numpy")
def _center_products(sums, matrix, scales):
    """Write the products of columns less their means, the target's row last."""
    ones = len(sums) - 1
    for i in range(ones):
        mean = sums[ones, i] / sums[ones, ones]
        scales[i] = sums[i, i]
        for j in range(i + 1):
            matrix[i, j] = sums[i, j] - mean * sums[ones, j]


@compiled()
def _shift_products(sums, centers, matrix, scales):
    """Write the products of columns as they were before the shift, the target's row last."""
    ones = len(sums) - 1
    count = sums[ones, ones]
    for i in range(ones):
        scales[i] = sums[i, i] + count * centers[i] * centers[i]
        for j in range(i + 1):
            crossed = sums[ones, i] * centers[j] + sums[ones, j] * centers[i]
            matrix[i, j] = sums[i, j] + crossed + count * centers[i] * centers[j]


@compiled()
def _raise_scales(scales):
    """Let pivots be refused that may belong to a singular value that is cut."""
    highest = 0.0
    for i in range(len(scales) - 1):
        highest = max(highest, scales[i])
    for i in range(len(scales) - 1):
        scales[i] = max(scales[i], highest * 100 * _LEAST_SINGULAR**2 / _LEAST_PIVOT)


@compiled(error_model="numpy")
def _factor(matrix, scales):
    """Factorise in place after Cholesky, the last row along; tell whether enough digits remain."""
    for i in range(len(matrix)):
        for j in range(min(i + 1, len(matrix) - 1)):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = value / matrix[j, j]
            elif value > _LEAST_PIVOT * scales[i]:
                matrix[i, i] = np.sqrt(value)
            else:
                return False
    return True


@compiled(error_model="numpy")
def _substitute(matrix, model):
    """Solve the triangle of a factorised matrix for its last row."""
    features = len(model) - 1
    for i in range(features - 1, -1, -1):
        value = matrix[features, i]
        for k in range(i + 1, features):
            value -= matrix[k, i] * model[k]
        model[i] = value / matrix[i, i]


@compiled(error_model="numpy")
def _solve_rows(block, left_out, intercept, penalties, model):
    """Solve from the rows by singular values, penalties as further rows; the shortest solution."""
    features = len(model) - 1
    system, target, count = _list_rows(block, left_out, intercept)
    used = count
    for j in range(features):
        if penalties[j] > 0:
            system[used, j] = np.sqrt(penalties[j])
            used += 1
    left, singular, right = np.linalg.svd(system[:used], False)
    least = (_LEAST_SINGULAR if used == count else len(system) * _EPSILON) * singular[0]
    for j in range(features):
        model[j] = 0.0
    for k in range(len(singular)):
        if singular[k] > least:
            along = 0.0
            for i in range(count):
                along += left[i, k] * target[i]
            for j in range(features):
                model[j] += right[k, j] * along / singular[k]


@compiled(error_model="numpy")
def _list_rows(block, left_out, intercept):
    """Return the rows of all parts but one, less their means, and room for a row a feature."""
    x, y, order, bounds = block
    features, count = x.shape[1], 0
    system, target = np.zeros((len(order) + features, features)), np.zeros(len(order))
    for i in range(len(order)):
        if not (left_out < len(bounds) - 1 and bounds[left_out] <= i < bounds[left_out + 1]):
            target[count] = y[order[i]]
            for j in range(features):
                system[count, j] = x[order[i], j]
            count += 1
    if intercept:
        _center(target[:count])
        for j in range(features):
            _center(system[:count, j])
    return system, target, count


@compiled(error_model="numpy")
def _center(column):
    """Subtract the mean, and return it."""
    origin = column[0]  # so that a constant column becomes 0 exactly
    for i in range(len(column)):
        column[i] -= origin
    mean = _sum(column) / len(column)
    for i in range(len(column)):
        column[i] -= mean
    return origin + mean
