"""What came before: the intensities of people's sessions in time, and rows of lags made of them.

A *row* is a stretch of ``history + ahead`` sessions of one person that follow each other: the
z-scores of the first ``history`` are its features, latest first, those of the others its targets.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.coach.eligibility import Moment, parse_moment
from workoutlab.coach.sessions import check_sessions

__all__ = [
    "Histories",
    "Lags",
    "Split",
    "ZScore",
    "find_histories",
    "make_lags",
    "split_rows",
    "z_score",
]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LEAST_TRAINING = 2
"""Rows: one alone would be fitted whatever the penalty."""
_LEAST_SD = 1e-9
"""Of intensities that are all the same, rounding leaves less."""


@dataclass(frozen=True, eq=False)
class Histories:
    """Sessions of known intensity of several people, in time.

    Parameters
    ----------
    users
        Who, sorted.
    offsets
        Shape (user + 1,): user u has the sessions from ``offsets[u]`` to ``offsets[u + 1]``.
    intensity
        Shape (session,), in 0..1.
    sessions
        Shape (session,), their ids.
    recordings
        Shape (session,), the row of the first recording of each; -1 where there is none.
    simulated
        Shape (user,): whether the simulator made some of them.
    """

    users: tuple[str, ...]
    offsets: Integers
    intensity: Doubles
    sessions: npt.NDArray[np.object_]
    recordings: Integers
    simulated: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.users)

    @property
    def counts(self) -> Integers:
        """Number of sessions of each person; shape (user,)."""
        return np.diff(self.offsets)

    def select(self, people: Sequence[int] | Integers) -> "Histories":
        """Return the histories of some people, by position."""
        rows, offsets = take_groups(self.offsets, np.asarray(people, dtype=np.int64))
        return Histories(
            tuple(self.users[person] for person in people),
            offsets,
            self.intensity[rows],
            self.sessions[rows],
            self.recordings[rows],
            self.simulated[np.asarray(people, dtype=np.int64)],
        )

    def last(self, count: int) -> Doubles:
        """Return the last intensities of each person, latest first.

        Returns
        -------
        numpy.ndarray
            Shape (user, count), float64; NaN before the first session.
        """
        places = self.offsets[1:, None] - 1 - np.arange(count)
        known = places >= self.offsets[:-1, None]
        padded = np.append(self.intensity, np.nan)
        return np.where(known, padded[np.where(known, places, len(self.intensity))], np.nan)


def take_groups(offsets: Integers, groups: Integers) -> tuple[Integers, Integers]:
    """Return the rows of some groups, one after the other, and their new offsets."""
    counts = np.diff(offsets)[groups]
    ends = np.concatenate([[0], np.cumsum(counts)])
    rows = np.arange(ends[-1]) + np.repeat(offsets[groups] - ends[:-1], counts)
    return rows, ends


def find_histories(
    sessions: pd.DataFrame, now: Moment, users: Collection[str] | None = None
) -> tuple[Histories, dict[str, str]]:
    """Put the sessions that are over by `now` and whose intensity is known into time's order.

    Parameters
    ----------
    sessions
        As :func:`workoutlab.coach.sessions` returns them.
    now
        Later sessions, and those that are still going on, are not looked at.
    users
        Whose; everybody's by default.

    Returns
    -------
    Histories
        Of those who have one session or more.
    dict
        Why others have no history, or a wrong one.

    Raises
    ------
    SchemaError
        If the sessions lack a column.
    InputError
        If `now` is no moment.

    Examples
    --------
    >>> from workoutlab.coach.sessions import make_frame
    >>> rows = {
    ...     "user": ["ann", "ann", "bob"], "session": ["1", "2", "1"], "start_ns": [0, 10, 0],
    ...     "stop_ns": [5, 15, 5], "intensity": [0.4, 0.6, None], "sets": 9, "rated_sets": 9,
    ...     "duration_s": 0.0, "repetitions": None, "volume_kg": None, "simulated": True,
    ...     "recording": -1,
    ... }
    >>> found, without = find_histories(make_frame(pd.DataFrame(rows)), "1970-01-01T00:00:01")
    >>> found.users, found.intensity.tolist(), without
    (('ann',), [0.4, 0.6], {'bob': 'none of 1 sessions that are over tells an intensity'})
    """
    now_ns = parse_moment(now)
    frame = check_sessions(sessions)
    if users is not None:
        frame = frame[frame["user"].isin(list(users))]
    everyone = frame["user"].unique().tolist() if users is None else list(users)
    over = frame["start_ns"].notna() & (frame["stop_ns"] <= now_ns).fillna(False)
    counts = frame[over.to_numpy(bool)]["user"].value_counts()
    frame = frame[over.to_numpy(bool) & frame["intensity"].notna().to_numpy(bool)]
    outside = ~frame["intensity"].between(0, 1)
    reasons = {
        user: f"session {session}: expected an intensity in 0..1, got {value:g}"
        for user, session, value in frame[outside][["user", "session", "intensity"]].to_numpy()
    }
    twice = frame[frame.duplicated(["user", "session"])]
    reasons |= {
        user: f"session {session} is there more than once"
        for user, session in twice[["user", "session"]].to_numpy()
    }
    frame = frame[~frame["user"].isin(list(reasons))]
    frame = frame.sort_values(["user", "start_ns", "session"], kind="stable")
    present = set(frame["user"].unique())
    for user in sorted(set(everyone) - present - set(reasons)):
        known = int(counts.get(user, 0))
        reasons[user] = (
            f"none of {known} sessions that are over tells an intensity"
            if known
            else "no session with a known time is over"
        )
    return _stack(frame), reasons


def _stack(frame: pd.DataFrame) -> Histories:
    users, firsts = np.unique(frame["user"].to_numpy(dtype=object).astype(str), return_index=True)
    simulated = frame["simulated"].to_numpy(dtype=bool)
    offsets = np.append(firsts, len(frame)).astype(np.int64)
    return Histories(
        tuple(users.tolist()),
        offsets,
        frame["intensity"].to_numpy(dtype=np.float64),
        frame["session"].to_numpy(dtype=object),
        frame["recording"].to_numpy(dtype=np.int64),
        np.logical_or.reduceat(simulated, firsts) if len(frame) else np.zeros(0, dtype=bool),
    )


class Split(NamedTuple):
    """How each person's rows are parted, in time; shape (user,) each.

    The first `training` rows are trained on, the last `held` are validated on. Those between are
    left out of the choice, since their targets reach into what is validated.
    """

    rows: Integers
    training: Integers
    held: Integers


def split_rows(counts: npt.ArrayLike, history: int, ahead: int, held_share: float) -> Split:
    """Part people's rows for validation: in time, and without a session on both sides as target.

    Parameters
    ----------
    counts
        Shape (user,): number of sessions of each.
    history, ahead
        Sessions that a row looks at, and predicts.
    held_share
        Share of the rows that is held out, one at least.

    Returns
    -------
    Split
        ``training`` and ``held`` are 0 for people with too few rows.

    Examples
    --------
    >>> [part.tolist() for part in split_rows([11, 12, 28], 5, 3, 0.25)]
    [[4, 5, 21], [0, 2, 14], [0, 1, 5]]
    """
    rows = np.maximum(np.asarray(counts, dtype=np.int64) - history - ahead + 1, 0)
    most = rows - (ahead - 1) - _LEAST_TRAINING
    held = np.minimum(np.maximum(np.floor(held_share * rows + 0.5).astype(np.int64), 1), most)
    held = np.maximum(held, 0)
    training = np.where(held > 0, rows - (ahead - 1) - held, 0)
    return Split(rows, training, held)


class ZScore(NamedTuple):
    """Mean and standard deviation of each person's intensities; shape (user,) each."""

    mean: Doubles
    sd: Doubles

    def apply(self, values: Doubles, offsets: Integers) -> Doubles:
        """Return z-scores; shape (session,)."""
        user = np.repeat(np.arange(len(self.mean)), np.diff(offsets))
        scores: Doubles = (values - self.mean[user]) / self.sd[user]
        return scores


def z_score(values: Doubles, offsets: Integers, training: Integers) -> ZScore:
    """Fit each person's z-score to the first sessions alone, those of the training rows.

    Parameters
    ----------
    values
        Shape (session,).
    offsets
        Shape (user + 1,).
    training
        Shape (user,): number of sessions that may be looked at, one or more.

    Returns
    -------
    ZScore
        The standard deviation is that of a population, as scikit-learn's ``StandardScaler`` has
        it; 1 where the sessions do not differ, so that a constant history stays finite.

    Examples
    --------
    >>> z_score(np.array([0.4, 0.6, 9.0, 0.5, 0.5]), np.array([0, 3, 5]), np.array([2, 2]))
    ZScore(mean=array([0.5, 0.5]), sd=array([0.1, 1. ]))
    """
    user = np.repeat(np.arange(len(training)), training)
    seen = values[np.arange(len(user)) + np.repeat(offsets[:-1] - _starts(training), training)]
    mean = np.bincount(user, seen, len(training)) / training
    variance = np.bincount(user, (seen - mean[user]) ** 2, len(training)) / training
    sd = np.sqrt(variance)
    return ZScore(mean, np.where(sd > _LEAST_SD, sd, 1.0))


def _starts(counts: Integers) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)


class Lags(NamedTuple):
    """Rows of lags of several people.

    ``features`` has shape (row, history), latest first; ``targets`` (row, ahead), next first;
    user u has the rows from ``offsets[u]`` to ``offsets[u + 1]``, in time.
    """

    features: Doubles
    targets: Doubles
    offsets: Integers


def make_lags(values: Doubles, offsets: Integers, history: int, ahead: int) -> Lags:
    """Make rows of past and next values of each person; a person with too few has none.

    Parameters
    ----------
    values
        Shape (session,), in time.
    offsets
        Shape (user + 1,).
    history, ahead
        Values that a row looks at, and predicts.

    Examples
    --------
    >>> lags = make_lags(np.arange(7.0), np.array([0, 4, 7]), history=2, ahead=1)
    >>> lags.features.tolist(), lags.targets.ravel().tolist(), lags.offsets.tolist()
    ([[1.0, 0.0], [2.0, 1.0], [5.0, 4.0]], [2.0, 3.0, 6.0], [0, 2, 3])
    """
    counts = np.maximum(np.diff(offsets) - history - ahead + 1, 0)
    ends = np.concatenate([[0], np.cumsum(counts)])
    firsts = np.arange(ends[-1]) + np.repeat(offsets[:-1] - ends[:-1], counts)
    features = values[firsts[:, None] + np.arange(history - 1, -1, -1)]
    targets = values[firsts[:, None] + history + np.arange(ahead)]
    return Lags(features, targets, ends)
