"""What cannot be parted without a leak: stretches of one set, that share samples, or of one time.

Stretches of one person that overlap in time show the same movement, although their samples
differ: those of a watch and a phone, say.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.schema import UNKNOWN

__all__ = ["find_units", "number_sets"]


def number_sets(segments: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the position of the first segment of each segment's set; its own without a set.

    A set has several segments in a plan of several lengths, or where gaps split it.

    Parameters
    ----------
    segments
        One row each, with the column set; -1 for none.

    Returns
    -------
    array of int
        Shape (segment,).

    Examples
    --------
    >>> number_sets(pd.DataFrame({"set": [7, -1, 7, -1]})).tolist()
    [0, 1, 0, 3]
    """
    own = segments["set"].to_numpy(np.int64)
    _, first, place = np.unique(own, return_index=True, return_inverse=True)
    return np.where(own >= 0, first[place], np.arange(len(own)))


def find_units(segments: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Find the units: the groups of segments that cannot be parted without a leak.

    Two segments are in one unit if they share samples (of one recording, or of two with the
    same digest), if they are of one set, or if they are of one known person and overlap in time.

    Parameters
    ----------
    segments
        One row each: columns digest, start and stop (samples) and user; ``set`` (-1 for none) if
        segments of one set belong together; ``start_ns`` and ``stop_ns`` (Unix time in ns, NA
        where not known) if the clock is to be heeded.

    Returns
    -------
    array of int
        Shape (segment,): the position of the first segment of its unit.

    Examples
    --------
    >>> sets = pd.DataFrame({
    ...     "digest": ["a", "a", "b"], "user": "ann", "start": [0, 400, 0], "stop": [450, 850, 450],
    ... })
    >>> find_units(sets).tolist()
    [0, 0, 2]
    """
    bonds = [(np.arange(len(segments)), _find_overlaps(segments, "digest", "start", "stop"))]
    if "set" in segments:
        bonds.append((np.arange(len(segments)), number_sets(segments)))
    if {"start_ns", "stop_ns"} <= set(segments.columns):
        timed = (segments["start_ns"].notna() & (segments["user"] != UNKNOWN)).to_numpy(dtype=bool)
        if timed.any():
            runs = _find_overlaps(segments[timed], "user", "start_ns", "stop_ns")
            bonds.append((np.flatnonzero(timed), runs))
    units = np.arange(len(segments))
    while True:
        before = units.copy()
        for rows, runs in bonds:
            least = np.full(len(segments), len(segments))
            np.minimum.at(least, runs, units[rows])
            units[rows] = least[runs]
        if (units == before).all():
            return units


def _find_overlaps(
    segments: pd.DataFrame, key: str, start: str, stop: str
) -> npt.NDArray[np.int64]:
    """Find the runs of intervals that overlap within one key; neighbours that touch do not."""
    codes = pd.factorize(segments[key])[0]
    edges = segments[[start, stop]].to_numpy(dtype=np.int64)
    # Ranks keep the order of the edges and leave room to put one key behind the other.
    ranks = np.unique(edges, return_inverse=True)[1].reshape(edges.shape)
    starts, stops = (ranks + codes[:, None] * (ranks.size + 1)).T
    order = np.argsort(starts, kind="stable")
    reached = np.maximum.accumulate(stops[order])
    begins = np.ones(len(order), dtype=np.int64)
    begins[1:] = starts[order][1:] >= reached[:-1]
    runs = np.empty(len(order), dtype=np.int64)
    runs[order] = np.cumsum(begins) - 1
    return runs
