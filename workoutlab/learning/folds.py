"""Folds of rows: which rows of a group are held out when its choices are compared."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.leastsquares import Folds
from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.schema import check_number

__all__ = ["Dealing", "deal_folds", "part_rows"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dealing:
    """How rows are dealt out.

    Parameters
    ----------
    folds
        Number of folds of about the same size, each held out once.
    share
        Share of the rows that is held out once, in place of folds; between 0 and 1.
    seed
        Decides which rows.

    Raises
    ------
    InputError
        If a setting cannot mean anything.
    """

    folds: int = 3
    share: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("folds", self.folds, whole=True, low=2)
        check_number("seed", self.seed, whole=True)
        if self.share is not None:
            check_number("share", self.share, above=0, below=1)

    @property
    def least(self) -> int:
        """Rows that a group needs."""
        return self.folds if self.share is None else 2

    def __str__(self) -> str:
        return f"{self.folds} folds" if self.share is None else "a held-out share"


def deal_folds(rows: int, dealing: Dealing | None = None) -> Integers:
    """Return the fold of each row of a group.

    Parameters
    ----------
    rows
        Number of rows of the group. Groups of the same size are dealt alike, so that the folds of
        one do not depend on where it stands among others.
    dealing
        How; three folds by default.

    Returns
    -------
    numpy.ndarray
        Shape (row,), from 0 on; -1 for rows that are never held out. scikit-learn's
        ``PredefinedSplit`` takes it as it is.

    Raises
    ------
    InputError
        If there are fewer rows than folds.

    Examples
    --------
    >>> np.bincount(deal_folds(7)).tolist()
    [3, 2, 2]
    >>> sorted(deal_folds(5, Dealing(share=0.4)).tolist())
    [-1, -1, -1, 0, 0]
    """
    dealing = dealing or Dealing()
    if rows < dealing.least:
        raise InputError(f"{rows} rows: {dealing} need {dealing.least} or more")
    order = draw_order(make_key(dealing.seed, "folds", rows), rows)
    folds = np.full(rows, -1, np.int64)
    if dealing.share is None:
        folds[order] = np.arange(rows) % dealing.folds
    else:
        held = min(max(1, int(dealing.share * rows + 0.5)), rows - 1)
        folds[order[:held]] = 0
    return folds


def part_rows(
    offsets: Integers, dealing: Dealing, given: npt.ArrayLike | None = None
) -> tuple[Folds, dict[int, str]]:
    """Part the rows of groups into folds, as kernels take them.

    Parameters
    ----------
    offsets
        Shape (group + 1,): group g has the rows from ``offsets[g]`` to ``offsets[g + 1]``.
    dealing
        How rows are dealt out.
    given
        Shape (row,): the fold of each row instead, -1 for rows that are never held out.

    Returns
    -------
    Folds
        The parts of each group's rows.
    dict
        Why a group cannot be parted, by its number.

    Raises
    ------
    InputError
        If the given folds are no whole numbers from -1 on, one a row.
    """
    return (
        _deal(offsets, dealing) if given is None else _part(offsets, _check_given(given, offsets))
    )


def _deal(offsets: Integers, dealing: Dealing) -> tuple[Folds, dict[int, str]]:
    """Deal out the rows; groups of one size share one table."""
    sizes, tables = np.unique(np.diff(offsets), return_inverse=True)
    parts = 2 + (dealing.folds if dealing.share is None else 1)
    orders, bounds = [], np.zeros((len(sizes), parts), np.int64)
    for number, size in enumerate(sizes.tolist()):
        enough = size >= dealing.least
        folds = deal_folds(size, dealing) if enough else np.full(size, -1, np.int64)
        orders.append(np.argsort(folds, kind="stable"))
        bounds[number] = np.searchsorted(folds[orders[-1]], np.arange(-1, parts - 1))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    order = np.concatenate([*orders, np.zeros(0, np.int64)])
    short = np.flatnonzero(sizes[tables] < dealing.least)
    failed = {
        int(group): f"{sizes[tables[group]]} rows: {dealing} need {dealing.least} or more"
        for group in short
    }
    return Folds(order, starts[tables], bounds, tables), failed


def _check_given(given: npt.ArrayLike, offsets: Integers) -> Integers:
    folds = np.asarray(given)
    if folds.shape != (offsets[-1],) or folds.dtype.kind not in "iu" or (folds < -1).any():
        raise InputError(
            f"folds: expected whole numbers from -1 on, one for each of the {offsets[-1]} rows, "
            f"got {folds.dtype} of shape {folds.shape}"
        )
    return folds.astype(np.int64)


def _part(offsets: Integers, folds: Integers) -> tuple[Folds, dict[int, str]]:
    """Part the rows as they were given; each group has a table of its own."""
    group = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((folds, group)) - offsets[group]
    numbers = np.setdiff1d(folds, [-1])
    part = np.where(folds < 0, 0, np.searchsorted(numbers, folds) + 1)
    counts = np.zeros((len(offsets) - 1, len(numbers) + 1), np.int64)
    np.add.at(counts, (group, part), 1)
    bounds = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
    whole = (counts[:, 1:] == np.diff(offsets)[:, None]).any(axis=1)
    failed = {
        int(bad): f"{counts[bad].sum()} rows in one fold: none is left to train on"
        for bad in np.flatnonzero(whole)
    }
    held = counts[:, 1:].sum(axis=1)
    failed.update(
        {int(bad): "no row is in a fold to be held out" for bad in np.flatnonzero(held == 0)}
    )
    return Folds(order, offsets[:-1].copy(), bounds, np.arange(len(counts))), dict(
        sorted(failed.items())
    )
