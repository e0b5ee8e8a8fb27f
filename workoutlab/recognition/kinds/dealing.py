"""Folds of whole sets that stay as they are when recordings are added.

A common network is trained once and kept while people go on training. What it was not trained on
must therefore be told for good: a set that moved to another fold later would be tested by a network
that has seen it.
"""

import hashlib
import zlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.recognition.evaluation.units import find_units

__all__ = ["deal_sets", "digest_sets", "find_testable"]

Integers = npt.NDArray[np.int64]


def deal_sets(segments: pd.DataFrame, folds: int) -> tuple[Integers, Integers]:
    """Deal one person's sets to folds, those of each exercise in turn.

    Units of sets that cannot be parted without a leak (see
    :mod:`workoutlab.recognition.evaluation.units`) count for the exercise of their first segment.
    They are taken in the order of their rows in the lab, so that sets of recordings that are added
    later come behind and change nobody's fold. With which fold an exercise begins is decided by its
    name, so that exercises of a single set do not all fall into one.

    Parameters
    ----------
    segments
        Of one person, with clock, as
        :func:`~workoutlab.recognition.evaluation.splits.split` takes them.
    folds
        How many.

    Returns
    -------
    folds
        Shape (segment,), 0 to `folds` - 1.
    units
        Shape (segment,): the position of the first segment of its unit.

    Examples
    --------
    >>> sets = pd.DataFrame({
    ...     "recording": [0, 0, 1, 1], "digest": ["d0", "d0", "d1", "d1"], "user": "ann",
    ...     "exercise": "curl", "start": [0, 500, 0, 500], "stop": [450, 950, 450, 950],
    ... })
    >>> deal_sets(sets, 2)[0].tolist()
    [1, 0, 1, 0]
    """
    units = find_units(segments)
    heads = np.unique(units)
    firsts = segments.iloc[heads]
    order = np.lexsort((firsts["start"].to_numpy(), firsts["recording"].to_numpy()))
    exercises = firsts["exercise"].to_numpy(dtype=str)[order]
    fold_of = np.zeros(len(segments), np.int64)
    for exercise in np.unique(exercises):
        places = heads[order][exercises == exercise]
        fold_of[places] = (zlib.crc32(exercise.encode()) + np.arange(len(places))) % folds
    return fold_of[units], units


def find_testable(segments: pd.DataFrame, folds: Integers) -> npt.NDArray[np.bool_]:
    """Tell which segments a network of the other folds can know the exercise of.

    Parameters
    ----------
    segments, folds
        Of one person, as :func:`deal_sets` takes and returns them.

    Returns
    -------
    array of bool
        Shape (segment,): whether there is a unit of the same exercise in another fold.
    """
    exercises = segments["exercise"].to_numpy(dtype=str)
    testable = np.zeros(len(segments), bool)
    for fold in np.unique(folds):
        inside = folds == fold
        testable |= inside & np.isin(exercises, exercises[~inside])
    return testable


def digest_sets(segments: pd.DataFrame, folds: Integers, count: int | None = None) -> str:
    """Return the SHA-256, in hex, of which fold each of the first sets is in.

    Parameters
    ----------
    segments, folds
        Of one person.
    count
        How many of them, in the order of their rows in the lab; all by default.
    """
    rows = sorted(
        (int(recording), int(start), str(exercise), int(fold))
        for recording, start, exercise, fold in zip(
            segments["recording"], segments["start"], segments["exercise"], folds, strict=True
        )
    )
    return hashlib.sha256(repr(rows[:count]).encode()).hexdigest()
