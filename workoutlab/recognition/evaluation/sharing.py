"""Whether two sides share stretches of samples, whatever recordings they are in."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import LeakageError
from workoutlab.recording import Recording

__all__ = ["check_unshared"]

_DOUBLINGS: Final = 6
_RUN: Final = 1 << _DOUBLINGS
"""Samples that two sides must have in common, one after the other: 1.3 s at 50 Hz."""

_STRIDE: Final = 32
"""Every so many runs of the training side are remembered, so that 95 common samples are seen."""

_LEAST_STEPS: Final = 16
"""A wrist that lies still gives the same numbers each time: such runs tell nothing."""

_FACTORS: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)

Hashes = npt.NDArray[np.uint64]


def check_unshared(train: Iterable[Recording], test: Iterable[Recording]) -> None:
    """Make sure that no stretch of samples is on both sides.

    Recordings that hold the same samples are told by their digests; this tells stretches of them,
    which are in both a recording and a session composed of its parts, say.

    Parameters
    ----------
    train, test
        Recordings of the two sides.

    Raises
    ------
    LeakageError
        If 95 samples or more that follow each other are on both sides.

    Examples
    --------
    >>> samples = np.random.default_rng(0).normal(size=(500, 3))
    >>> def record(session, part):
    ...     return Recording(user="ann", session=session, acceleration=part, rate_hz=50)
    >>> check_unshared([record("mon", samples[:300])], [record("tue", samples[100:])])
    Traceback (most recent call last):
    workoutlab.errors.LeakageError: ...both sides hold the same samples...
    """
    known = [_hash_runs(recording)[::_STRIDE] for recording in train]
    taught = np.unique(np.concatenate([np.empty(0, np.uint64), *known]))
    taught = taught[taught != 0]
    for recording in test:
        places = np.flatnonzero(np.isin(_hash_runs(recording), taught))
        if len(places):
            raise LeakageError(
                f"both sides hold the same samples: those from sample {places[0]} on of session "
                f"{recording.session!r} of {recording.user!r}, which is tested, are in the "
                "training part too; leave one of them out"
            )


def _hash_runs(recording: Recording) -> Hashes:
    """Return a hash of each run of samples, 0 for runs that hardly change; shape (run,)."""
    words = recording.acceleration.view(np.uint32).astype(np.uint64)
    hashes: Hashes = _mix((words * _FACTORS).sum(axis=1, dtype=np.uint64))
    steps = np.concatenate([[0], np.cumsum(hashes[1:] != hashes[:-1])])
    for doubling in range(_DOUBLINGS):
        later = hashes[1 << doubling :]
        hashes = _mix(hashes[: len(later)] * _FACTORS[0] + later)
    changes = steps[_RUN - 1 :] - steps[: max(0, len(steps) - _RUN + 1)]
    return np.where(changes >= _LEAST_STEPS, hashes[: len(changes)], np.uint64(0))


def _mix(hashes: Hashes) -> Hashes:
    """Spread every bit over all others (the finalizer of MurmurHash3)."""
    shift = np.uint64(33)
    hashes = (hashes ^ (hashes >> shift)) * np.uint64(0xFF51AFD7ED558CCD)
    hashes = (hashes ^ (hashes >> shift)) * np.uint64(0xC4CEB9FE1A85EC53)
    return hashes ^ (hashes >> shift)
