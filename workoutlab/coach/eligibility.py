"""Who is due for a suggestion: people whose session ended, or started, a short while ago.

Muvr's talk says that a person is eligible if a session *ended* within the last 35 minutes. Muvr's
code, whose setting is named likewise, compares the *start* of sessions, since its events told no
end. Both readings can be asked for. The default is ``"ended"``: what is suggested is the sessions
to come, and one that has only just started is neither in its own history nor open to advice.

A moment is in the window if it is later than ``now`` less the length and not later than ``now``.
So calls that are as far apart as the window is long find each session exactly once.
"""

import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Literal

import numpy as np
import pandas as pd

from workoutlab.coach.sessions import check_sessions
from workoutlab.errors import InputError
from workoutlab.signals.lengths import parse_seconds

__all__ = [
    "READINGS",
    "Moment",
    "People",
    "Reading",
    "eligible",
    "keep_people",
    "parse_moment",
    "parse_window",
]

Moment = str | datetime | np.datetime64
Reading = Literal["ended", "started"]
People = Collection[str] | Callable[[pd.DataFrame], "pd.Series[bool]"]
"""Ids, or a function of the table of sessions that says which rows it likes."""

READINGS: Final = ("ended", "started")
_DATE: Final = re.compile(r"\d{4}-?\d\d-?\d\d(?![\d/-])")
"""What a text begins with: not a word as "now", a time of today or a date of unclear order."""
_COLUMN: Final = {"ended": "stop_ns", "started": "start_ns"}


def parse_moment(value: Moment, what: str = "now") -> int:
    """Return a moment as Unix time in ns.

    Parameters
    ----------
    value
        ``"2026-01-05T18:30"``, a ``datetime``, ``pandas.Timestamp`` or ``numpy.datetime64``; UTC
        where it names no time zone.
    what
        What it is, for the message.

    Raises
    ------
    InputError
        If it is no such moment.

    Examples
    --------
    >>> parse_moment("1970-01-01T00:00:01")
    1000000000
    >>> parse_moment("1970-01-01T01:00:01+01:00")
    1000000000
    """
    moment = None
    text = isinstance(value, str)
    if isinstance(value, datetime | np.datetime64) or (text and _DATE.match(str(value))):
        try:
            moment = pd.Timestamp(value).as_unit("ns")
        except (ValueError, OverflowError):  # OutOfBoundsDatetime is a ValueError
            moment = None
    if moment is None or pd.isna(moment):
        raise InputError(f"{what}: expected a moment as '2026-01-05T18:30' (UTC), got {value!r}")
    moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    return int(moment.value)


def parse_window(within: object, reading: str) -> int:
    """Return the length of the window in ns, if the reading is one of both.

    Raises
    ------
    InputError
        If it is not, or the length not understood.
    """
    if reading not in READINGS:
        raise InputError(f"reading: expected 'ended' or 'started', got {reading!r}")
    return round(parse_seconds(within, "within") * 1e9)


def eligible(
    sessions: pd.DataFrame,
    now: Moment,
    within: object = "35min",
    reading: Reading = "ended",
) -> list[str]:
    """Return, sorted, who had a session that ended (or started) within the last while.

    Parameters
    ----------
    sessions
        Columns user, start_ns and stop_ns as in :data:`workoutlab.schema.SESSIONS`. A session
        whose time is not known makes nobody eligible.
    now
        The moment it is asked for, later than ``now - within`` up to and with ``now``.
    within
        Length of the window.
    reading
        ``"ended"`` as in Muvr's talk, or ``"started"`` as in its code.

    Raises
    ------
    InputError
        If an argument cannot mean anything.

    Examples
    --------
    >>> hour = 3_600_000_000_000
    >>> two = pd.DataFrame({"user": ["ann", "bob"], "start_ns": [0, hour], "stop_ns": [hour, None]})
    >>> eligible(two, "1970-01-01T01:30"), eligible(two, "1970-01-01T01:30", reading="started")
    (['ann'], ['bob'])
    """
    now_ns, length_ns = parse_moment(now), parse_window(within, reading)
    column = _COLUMN[reading]
    times = check_sessions(sessions, ("user", column))[column].astype("Int64")
    inside = ((times > now_ns - length_ns) & (times <= now_ns)).fillna(False).to_numpy(bool)
    return sorted(sessions["user"][inside].unique().tolist())


def keep_people(users: Collection[str], chosen: People | None, sessions: pd.DataFrame) -> list[str]:
    """Return those of `users` who are chosen, sorted.

    Parameters
    ----------
    users
        Ids, of those who are eligible say.
    chosen
        Ids to keep; or a function that is given the sessions of `users` and says of each row
        whether it likes it (NA: not), whereby one row is enough to keep a person; None keeps all.
    sessions
        What the function is given, those of other people left out.

    Raises
    ------
    InputError
        If `chosen` is one text, or the function returns anything but one truth value a row.

    Examples
    --------
    >>> table = pd.DataFrame({"user": ["ann", "ann", "bob"], "sets": [3, 30, 4]})
    >>> keep_people(["ann", "bob"], ["bob", "cem"], table)
    ['bob']
    >>> keep_people(["ann", "bob"], lambda sessions: sessions["sets"] > 20, table)
    ['ann']
    """
    if chosen is None:
        return sorted(users)
    if not callable(chosen):
        if isinstance(chosen, str) or not hasattr(chosen, "__iter__"):
            what = "one text" if isinstance(chosen, str) else "no list"
            raise InputError(f"users: expected several ids, got {what}, {chosen!r}; give a list")
        return sorted(set(users) & set(chosen))
    theirs = sessions[sessions["user"].isin(list(users))]
    answer: object = chosen(theirs)
    if isinstance(answer, pd.Series) and answer.dtype == "boolean":  # of a column that knows NA
        answer = answer.fillna(False).to_numpy(bool)
    liked = np.asarray(answer)
    if liked.shape != (len(theirs),) or liked.dtype != bool:
        raise InputError(
            f"users: expected a function that returns {len(theirs)} truth values, one a session, "
            f"got {liked.dtype} of shape {liked.shape}"
        )
    return sorted(set(theirs["user"][liked]))
