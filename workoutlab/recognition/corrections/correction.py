"""A correction, as a person says it: of which set, and what is right."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

import numpy as np

from workoutlab.errors import InputError
from workoutlab.schema import RESTING, check_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Correction", "Said", "read_corrections"]

_PLACES: Final = ("found", "set", "recording")
_WHOLE: Final = ("found", "set", "recording", "repetitions")
_OF_EXERCISES: Final = ("muscle_group", "repetitions", "weight_kg", "body_weight", "intensity")


class Said(TypedDict, total=False):
    """What may be said of a set; :class:`Correction` tells what it means."""

    found: int
    set: int
    recording: int
    start_s: float
    stop_s: float
    exercise: str
    muscle_group: str
    repetitions: int
    weight_kg: float
    body_weight: bool
    intensity: float
    not_exercise: bool


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What is right about a stretch of a recording. What is None is not said.

    Parameters
    ----------
    found, set, recording
        Exactly one of them: the row of a found set, as ``lab.found()`` lists them; the number of a
        labelled set, as ``lab.table("sets")`` does; or the row of a recording, of which `start_s`
        and `stop_s` then tell the stretch.
    start_s, stop_s
        Boundaries in s, from the recording's first sample; those of the found or labelled set.
    exercise
        Any name; of a found set, what it was taken for, if that is known.
    muscle_group
        By default that of the set, where the exercise stays the same; else the one that the lab's
        sets of the exercise have, if it is one.
    repetitions, weight_kg, body_weight, intensity
        What is known; of a labelled set, what it had. What was merely counted is not known.
    not_exercise
        It was no exercise at all: it becomes a set of ``"rest"``.

    Raises
    ------
    InputError
        If it names no place, or several, or contradicts itself.

    Examples
    --------
    >>> Correction(found=12, exercise="lateral-raise", repetitions=10).place
    'found 12'
    """

    found: int | None = None
    set: int | None = None
    recording: int | None = None
    start_s: float | None = None
    stop_s: float | None = None
    exercise: str | None = None
    muscle_group: str | None = None
    repetitions: int | None = None
    weight_kg: float | None = None
    body_weight: bool | None = None
    intensity: float | None = None
    not_exercise: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _plain(each.name, getattr(self, each.name)))
        named = [name for name in _PLACES if getattr(self, name) is not None]
        if len(named) != 1:
            raise InputError(
                "correction: expected exactly one of found=ROW (of lab.found()), set=NUMBER (of "
                f"lab.table('sets')) and recording=ROW, got {', '.join(named) or 'none'}"
            )
        self._check_numbers()
        if named == ["recording"]:
            missing = [name for name in ("start_s", "stop_s") if getattr(self, name) is None]
            if missing:
                raise InputError(
                    f"correction of {self.place}: {' and '.join(missing)} must be said"
                )
            if self.exercise is None and not self.not_exercise:
                raise InputError(
                    f"correction of {self.place}: say the exercise, or that it was none "
                    "(not_exercise=True)"
                )
        if self.resting:
            self._check_rest()

    def _check_numbers(self) -> None:
        for name in _WHOLE:
            if getattr(self, name) is not None:
                check_number(f"correction: {name}", getattr(self, name), whole=True, low=0)
        for name in ("start_s", "stop_s"):
            if getattr(self, name) is not None:
                check_number(f"correction of {self.place}: {name}", getattr(self, name), low=0)

    def _check_rest(self) -> None:
        if self.not_exercise and self.exercise is not None and self.exercise not in RESTING:
            raise InputError(
                f"correction of {self.place}: it is no exercise and {self.exercise!r}; say one"
            )
        said = [name for name in _OF_EXERCISES if getattr(self, name)]
        if said:
            raise InputError(
                f"correction of {self.place}: what is no exercise has no {', '.join(said)}"
            )

    @property
    def resting(self) -> bool:
        """Whether it says that it was no exercise."""
        return self.not_exercise or self.exercise in RESTING

    @property
    def place(self) -> str:
        """What it is about, in words."""
        name = next(name for name in _PLACES if getattr(self, name) is not None)
        return f"{name} {getattr(self, name)}"


def _plain(name: str, value: object) -> Any:
    """Return a value as Python has it; what a table has no entry for is None, or False."""
    if isinstance(value, np.generic):
        value = value.item()
    missing = value is None or value != value or str(value) == "<NA>"  # NaN is not itself
    if name == "not_exercise":
        return False if missing else _flag(name, value)
    if missing:
        return None
    if name in ("exercise", "muscle_group") and not isinstance(value, str):
        raise InputError(f"correction: {name}: expected a name, got {value!r}")
    if name == "exercise" and not value:
        raise InputError("correction: exercise: expected a name, got none; leave it out instead")
    if name == "body_weight":
        return _flag(name, value)
    if name in _WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _flag(name: str, value: object) -> bool:
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    key = value.strip().lower() if isinstance(value, str) else value
    if not isinstance(key, bool | int | str) or key not in known:
        raise InputError(f"correction: {name}: expected true or false, got {value!r}")
    return known[key]


def read_corrections(corrections: object) -> list[Correction]:
    """Return corrections, given one by one, as a table, or as the path of a CSV file.

    Parameters
    ----------
    corrections
        A :class:`Correction` or several; or a table with its fields as columns, any of them, where
        an empty entry is not said; or the path of a CSV file with such a header.

    Raises
    ------
    InputError
        If they are none of it, a column is not known, or a row means nothing; the message names
        the row.
    """
    import pandas as pd

    if isinstance(corrections, Correction):
        return [corrections]
    if isinstance(corrections, str | Path):
        return list(_read_rows(_read_file(Path(corrections)), str(corrections)))
    if isinstance(corrections, pd.DataFrame):
        return list(_read_rows(corrections, "corrections"))
    if isinstance(corrections, Iterable):
        listed = list(corrections)
        if all(isinstance(each, Correction) for each in listed):
            return listed
    raise InputError(
        "corrections: expected Correction objects, a table or the path of a CSV file, got "
        f"{corrections!r}"
    )


def _read_file(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_csv(path, dtype={"exercise": "str", "muscle_group": "str"})
    except (OSError, ValueError) as error:  # of pandas, too
        raise InputError(f"{path}: expected a CSV file of corrections: {error}") from error


def _read_rows(table: "pd.DataFrame", what: str) -> Iterator[Correction]:
    known = [each.name for each in fields(Correction)]
    if wrong := [str(name) for name in table.columns if name not in known]:
        raise InputError(
            f"{what}: column {', '.join(wrong)} is not known; there are {', '.join(known)}"
        )
    for number, row in enumerate(table.to_dict("records"), start=1):
        try:
            yield Correction(**{str(name): value for name, value in row.items()})
        except InputError as error:
            raise InputError(f"{what}, row {number}: {error}") from error
