"""Sessions out of plan files: one file a session, one line a set, as Muvr's scenarios are written.

::

    A back session 2 with fairly linear progression       the title
    resistanceTargeted:back                               type:groups, of the session
                                                          blank lines, and comments after #
    resistanceTargeted:back/lateral-pulldown,R=8,W=20,D=30,I=0.4
    indoorsCardio:running-machine,D=900,I=0.4             type:[group/]exercise, then key=value

R is the number of repetitions, W the weight in kg, D the duration in s and I the intensity in 0..1;
each may be missing. Files tell no clock: the sessions of a folder follow each other by name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from workoutlab.coach.eligibility import Moment, parse_moment
from workoutlab.coach.sessions import make_frame
from workoutlab.errors import InputError, ReaderError, SchemaError
from workoutlab.schema import check_id
from workoutlab.signals.lengths import parse_seconds

__all__ = ["read_plan", "sessions_from_plans"]

_FIELDS: Final = {"R": "repetitions", "W": "weight_kg", "D": "duration_s", "I": "intensity"}
_COLUMNS: Final = ("kind", "muscle_group", "exercise", *_FIELDS.values())


def sessions_from_plans(
    path: str | Path, *, first: Moment = "2026-01-05T18:00", every: object = "48h"
) -> pd.DataFrame:
    r"""Read folders of plan files as sessions: a folder is a person, a file a session.

    Parameters
    ----------
    path
        A folder of folders, one a person, named by it; or one person's folder.
    first, every
        Since the files tell no clock, the first session of each person is taken to start at
        `first`, and each further one `every` later. Only the order means something.

    Returns
    -------
    pandas.DataFrame
        Columns as in :data:`workoutlab.schema.SESSIONS`, sorted likewise. The duration is that of
        the sets, without the rests, which the files do not tell. ``simulated`` is False: people
        wrote them, nobody measured them.

    Raises
    ------
    ReaderError
        If a line is not understood, naming file, line and what is wrong.
    InputError
        If there is no plan file, or `first` or `every` cannot mean anything.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     person = Path(folder, "ann")
    ...     person.mkdir()
    ...     done = "resistanceTargeted:arms/curl,R=10,W=20,D=30,I=0.6"
    ...     _ = (person / "1.csv").write_text(f"Monday\nresistanceTargeted:arms\n\n{done}\n")
    ...     sessions_from_plans(folder)[["user", "session", "sets", "repetitions", "intensity"]]
      user session  sets  repetitions  intensity
    0  ann       1     1           10        0.6
    """
    start_ns, step_s = parse_moment(first, "first"), parse_seconds(every, "every")
    rows = []
    for user, files in _find_people(Path(path)):
        for number, file in enumerate(files):
            sets = read_plan(file)
            begin_ns = start_ns + round(number * step_s * 1e9)
            rows.append({**_summarise(sets), **_identify(user, file), "start_ns": begin_ns})
    if not rows:
        raise InputError(
            f"plans: expected a folder of .csv files, or of folders with such, got {str(path)!r}"
        )
    frame = pd.DataFrame(rows)
    frame["stop_ns"] = frame["start_ns"] + (frame["duration_s"] * 1e9).round().astype("int64")
    return make_frame(frame)


def _find_people(path: Path) -> Iterator[tuple[str, list[Path]]]:
    if not path.is_dir():
        raise InputError(f"plans: expected a folder, got {str(path)!r}")
    folders = sorted(each for each in path.iterdir() if each.is_dir())
    for folder in [path, *folders]:
        files = sorted(each for each in folder.glob("*.csv") if not each.name.startswith("."))
        if files:
            yield folder.resolve().name, files


def _identify(user: str, file: Path) -> dict[str, object]:
    try:
        names = {"user": check_id(user, "user"), "session": check_id(file.stem, "session")}
    except SchemaError as error:
        raise ReaderError(str(error), file=file.as_posix()) from error
    return {**names, "simulated": False, "recording": -1}


def _summarise(sets: pd.DataFrame) -> dict[str, object]:
    moved = sets["repetitions"] * sets["weight_kg"]
    return {
        "duration_s": sets["duration_s"].sum(),
        "sets": len(sets),
        "rated_sets": int(sets["intensity"].notna().sum()),
        "repetitions": sets["repetitions"].sum(min_count=1),
        "volume_kg": moved.sum(min_count=1),
        "intensity": sets["intensity"].mean(),
    }


def read_plan(file: str | Path) -> pd.DataFrame:
    """Read one plan file.

    Parameters
    ----------
    file
        The file, in UTF-8.

    Returns
    -------
    pandas.DataFrame
        One row a set, in order: kind (``"resistanceTargeted"`` say), muscle_group (empty where
        not told), exercise, repetitions, weight_kg (kg), duration_s (s), intensity (0..1); NaN
        where not told.

    Raises
    ------
    ReaderError
        If a line is not understood.
    """
    file = Path(file)
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ReaderError(f"expected UTF-8 text ({error.reason})", file=file.as_posix()) from error
    if len(lines) < 2 or ":" not in lines[1]:
        raise ReaderError(
            "expected a title, then a line as 'resistanceTargeted:arms,back'", file=file.as_posix()
        )
    rows = [
        _read_set(line, file.as_posix(), number)
        for number, line in enumerate(lines[2:], 3)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _read_set(line: str, file: str, number: int) -> dict[str, object]:
    name, *pairs = (field.strip() for field in line.split(","))
    kind, colon, exercise = name.partition(":")
    group, slash, rest = exercise.partition("/")
    if not kind or not colon or not exercise or (slash and not (group and rest)):
        raise ReaderError(
            f"expected 'type:group/exercise,R=8,W=20,D=30,I=0.4', got {line.strip()!r}",
            file=file,
            line=number,
        )
    told = {"kind": kind, "muscle_group": group if slash else "", "exercise": rest or group}
    return {**told, **_read_numbers(pairs, file, number)}


def _read_numbers(pairs: list[str], file: str, number: int) -> dict[str, float]:
    values = dict.fromkeys(_FIELDS.values(), np.nan)
    for pair in pairs:
        key, _, text = pair.partition("=")
        column = _FIELDS.get(key.strip(), "")
        try:
            value = float(text)
        except ValueError:
            value = np.nan
        fits = 0 <= value <= 1 if column == "intensity" else 0 <= value < np.inf
        if not column or not fits or not np.isnan(values[column]):
            raise ReaderError(
                f"expected each of R, W, D (0 or more) and I (0 to 1) once at most, got {pair!r}",
                file=file,
                line=number,
            )
        values[column] = value
    return values
