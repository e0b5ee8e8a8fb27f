"""Which recordings and sets a plan covers, chosen by name."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final, TypedDict

import pandas as pd

from workoutlab.errors import InputError, NotInLabError

__all__ = ["OF_RECORDINGS", "Filters", "Names", "choose_recordings", "choose_sets"]

Names = str | Iterable[str] | None
"""One name, several, or None for all."""

OF_RECORDINGS: Final = {"users": "user", "sessions": "session", "devices": "device"}
"""Filters on recordings, and the column that each looks at."""
_OF_SETS: Final = {"exercises": "exercise", "muscle_groups": "muscle_group"}


class Filters(TypedDict, total=False):
    """Which people, sessions, devices, exercises and muscle groups to cover; all by default."""

    users: Names
    sessions: Names
    devices: Names
    exercises: Names
    muscle_groups: Names


def choose_recordings(recordings: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the recordings that the filters on people, sessions and devices leave.

    Raises
    ------
    NotInLabError
        If there are no recordings, a name does not occur, or none has all that was asked for.
    InputError
        If there is no such filter.
    """
    for name in filters:
        if name not in OF_RECORDINGS and name not in _OF_SETS:
            known = ", ".join([*OF_RECORDINGS, *_OF_SETS])
            raise InputError(f"there is no filter {name!r}; there are {known}")
    if recordings.empty:
        raise NotInLabError(
            "the lab holds no recordings: add some with workoutlab.ingest(lab, files)"
        )
    return _choose(recordings, filters, OF_RECORDINGS, "recording")


def choose_sets(sets: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the sets that the filters on exercises and muscle groups leave.

    Raises
    ------
    NotInLabError
        If there are no sets, a name does not occur, or no set has all that was asked for.
    """
    if sets.empty:
        raise NotInLabError(
            "none of the recordings has a labelled set; "
            "windows(lab, within='recordings') takes windows from anywhere"
        )
    return _choose(sets, filters, _OF_SETS, "set")


def _choose(
    table: pd.DataFrame, filters: Filters, columns: dict[str, str], what: str
) -> pd.DataFrame:
    kept = pd.Series(True, index=table.index)
    asked = []
    for name, column in columns.items():
        wanted = _list_names(name, filters.get(name))
        if wanted is None:
            continue
        _check_known(wanted, table[column], column)
        asked.append(f"{name}={wanted}")
        kept &= table[column].isin(wanted)
    if not kept.any():
        raise NotInLabError(f"no {what} has all of {', '.join(asked)}; leave one of them out")
    return table[kept]


def _list_names(name: str, names: object) -> list[str] | None:
    if names is None:
        return None
    if isinstance(names, str):
        return [names]
    listed = list(names) if isinstance(names, Iterable) else []
    if not listed or not all(isinstance(each, str) for each in listed):
        raise InputError(f"{name}: expected a name or several, got {names!r}")
    return listed


def _check_known(wanted: list[str], known: pd.Series, what: str) -> None:
    names = sorted(set(known))
    for name in wanted:
        if name in names:
            continue
        near = get_close_matches(name, names, n=3) or [each for each in names if each][:5]
        label = what.replace("_", " ")
        raise NotInLabError(f"{label} {name!r} is not here; near: {', '.join(near)}")
