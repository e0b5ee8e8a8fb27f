"""What calibrations hold out: what will be new where a recogniser is used."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.learning.randomness import draw_order, make_key
from workoutlab.recognition.tuning.validation import deal_folds

__all__ = ["PERSON", "SESSION", "SET", "deal_new"]

Integers = npt.NDArray[np.int64]

SET: Final = 0
SESSION: Final = 1
PERSON: Final = 2


def deal_new(
    segments: pd.DataFrame,
    told: npt.NDArray[np.str_],
    units: Integers,
    folds: int,
    *purpose: int | str,
) -> tuple[Integers, Integers]:
    """Deal what is to be told apart to folds, so that what a fold holds is new to the others.

    A class that several people have is dealt by person, and all such classes alike: nothing else
    of a person that they have in common stays behind. What one person has, in several sessions, is
    dealt by session in the same way, and the rest by unit: there is nothing newer to hold out.

    Parameters
    ----------
    segments
        One row each: columns user and session.
    told
        Shape (segment,): the class of each.
    units
        Shape (segment,), as
        :func:`~workoutlab.recognition.evaluation.units.find_units` returns them; none is parted.
    folds
        How many.
    *purpose
        Decides how they are dealt.

    Returns
    -------
    fold
        Shape (segment,): the fold that holds it; -1 for what all train on, because there is a
        single unit of its class.
    kind
        Shape (segment,): how new it is to the other folds, :data:`SET`, :data:`SESSION` or
        :data:`PERSON`.

    Examples
    --------
    >>> segments = pd.DataFrame({"user": list("aaaabb"), "session": list("mmttmm")})
    >>> told = np.array(["curl", "row", "curl", "row", "curl", "dip"])
    >>> fold, kind = deal_new(segments, told, np.arange(6), 2, 0)
    >>> kind.tolist()
    [2, 1, 2, 1, 2, 0]
    >>> bool(fold[0] == fold[2] != fold[4]), bool(fold[1] != fold[3]), int(fold[5])
    (True, True, -1)
    """
    fold_of = deal_folds(told, units, np.ones(len(units), bool), folds, *purpose)
    kind = np.full(len(units), SET)
    users = segments["user"].to_numpy(dtype=str)
    sessions = np.char.add(np.char.add(users, "\n"), segments["session"].to_numpy(dtype=str))
    for level, names in ((SESSION, sessions), (PERSON, users)):
        groups = np.unique(names, return_inverse=True)[1]
        common = _deal_groups(groups, folds, *purpose, level)
        for name in np.unique(told):
            rows = np.flatnonzero(told == name)
            if len(np.unique(groups[rows])) < 2:
                continue
            dealt = common[rows]
            if len(np.unique(dealt)) < 2:  # its people are all in one fold
                dealt = _deal_groups(groups[rows], folds, *purpose, level, str(name))
            fold_of[rows], kind[rows] = dealt, level
    return fold_of[units], kind[units]


def _deal_groups(groups: Integers, folds: int, *purpose: int | str) -> Integers:
    """Return the fold of each group's rows: as many groups in each as can be."""
    names, place = np.unique(groups, return_inverse=True)
    order = np.empty(len(names), np.int64)
    order[draw_order(make_key(*purpose, "groups"), len(names))] = np.arange(len(names))
    return order[place] % folds
