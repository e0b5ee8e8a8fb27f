"""How the columns of a file, its path and its units make a recording.

The mapping of the reader ``tabular``, given as keyword options, as a TOML file, or as
``key=value`` pairs with dotted keys (``columns.x=x_acc``).
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from workoutlab.errors import InputError, UnitError
from workoutlab.readers.delimited import Dialect
from workoutlab.readers.kinds import LABEL, NUMBER, OPTIONAL, TIMES, Field, Kind
from workoutlab.readers.templates import check_names
from workoutlab.schema import check_id

__all__ = ["IDS", "TabularMapping", "read_options"]

G: Final = 9.80665
"""Standard gravity in m/s2."""

ACCELERATION: Final = {"g": 1.0, "mg": 1000.0, "m/s2": G}
"""Units of acceleration: how many make one g."""

ANGULAR_VELOCITY: Final = {"deg/s": 1.0, "rad/s": math.radians(1)}
"""Units of angular velocity: how many make one deg/s."""

IDS: Final = ("user", "session", "device", "exercise", "muscle_group")
_PATH_TELLS: Final = (*IDS, "repetitions", "weight")
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("x", "y", "z", "gx", "gy", "gz"), NUMBER),
    "time": TIMES["ns"],
    **dict.fromkeys(IDS, LABEL),
    **dict.fromkeys(("repetitions", "weight", "intensity"), OPTIONAL),
    "body_weight": LABEL,
}


@dataclass(frozen=True, kw_only=True)
class TabularMapping:
    r"""How to read one kind of CSV or Parquet file.

    Parameters
    ----------
    columns
        The file's column for each role: ``x``, ``y``, ``z`` (required), ``gx``, ``gy``, ``gz``
        (angular velocity), ``time``, ``exercise`` (the label; empty where there is none),
        ``muscle_group``, ``repetitions``, ``weight`` (kg), ``intensity`` (0 to 1),
        ``body_weight`` (true or false), ``user``, ``session``, ``device``. In files without
        header columns are numbered from 1. Rows with another user, session or device are
        another recording.
    acceleration_unit
        ``"g"``, ``"mg"`` or ``"m/s2"`` (1 g = 9.80665 m/s2); gravity included.
    angular_velocity_unit
        ``"deg/s"`` or ``"rad/s"``.
    rate_hz
        Sampling rate, where it is regular; else a ``time`` column is needed.
    time_unit
        ``"s"``, ``"ms"``, ``"us"``, ``"ns"`` or ``"iso"``; of the ``time`` column.
    times
        ``"keep"``: samples with the same time as the one before, or an earlier one, are kept as
        they came, and ingest counts them in a note. ``"reject"``: they are an error.
    path
        Template of the file's path, as :func:`workoutlab.readers.templates.compile_template`
        describes, with the names user, session, device, exercise, muscle_group, repetitions and
        weight. Files with other paths are not read.
    rename
        For user, session, device, exercise or muscle_group: names in the file or path, and what
        they become.
    user, session, device, exercise, muscle_group
        Where it is the same for all files.
    simulated
        Whether the recordings were made up.
    delimiter, decimal, header, skip_lines
        As in :class:`workoutlab.readers.delimited.Dialect`; text files only.

    Raises
    ------
    InputError
        If the mapping is incomplete, ambiguous or holds a name that is none.

    Examples
    --------
    A mapping for recordings of a watch and a phone at their own times, as TOML:

    >>> import tomllib
    >>> mapping = TabularMapping(**tomllib.loads('''
    ... path = '{user:s\\d+}/{session}_{device:sw|sp}.csv'
    ... acceleration_unit = "m/s2"
    ... angular_velocity_unit = "rad/s"
    ... time_unit = "ms"
    ...
    ... [columns]
    ... x = "x_acc"
    ... y = "y_acc"
    ... z = "z_acc"
    ... gx = "x_gyro"
    ... gy = "y_gyro"
    ... gz = "z_gyro"
    ... time = "timestamp"
    ... exercise = "label"
    ...
    ... [rename.device]
    ... sw = "watch"
    ... sp = "phone"
    ... '''))
    >>> mapping.g_per_unit
    0.1019...
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    acceleration_unit: str = "g"
    angular_velocity_unit: str = "deg/s"
    rate_hz: float | None = None
    time_unit: str = ""
    times: Literal["keep", "reject"] = "keep"
    path: str = ""
    rename: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    user: str = ""
    session: str = ""
    device: str = ""
    exercise: str = ""
    muscle_group: str = ""
    simulated: bool = False
    delimiter: str = ","
    decimal: str = "."
    header: bool = True
    skip_lines: int = 0

    def __post_init__(self) -> None:
        self._convert_text()
        self._check_columns()
        self._check_clock()
        self._check_ids()
        _choose("acceleration_unit", self.acceleration_unit, ACCELERATION)
        _choose("angular_velocity_unit", self.angular_velocity_unit, ANGULAR_VELOCITY)
        _choose("times", self.times, ("keep", "reject"))
        _ = self.dialect

    @property
    def dialect(self) -> Dialect:
        """How text files are written."""
        return Dialect(self.delimiter, self.decimal, self.header, self.skip_lines)

    @property
    def fields(self) -> list[Field]:
        """The columns to read."""
        return [
            Field(role, column, TIMES[self.time_unit] if role == "time" else _KINDS[role])
            for role, column in self.columns.items()
        ]

    @property
    def g_per_unit(self) -> float:
        """Factor from the file's acceleration to g."""
        return 1 / ACCELERATION[self.acceleration_unit]

    @property
    def deg_s_per_unit(self) -> float:
        """Factor from the file's angular velocity to deg/s."""
        return 1 / ANGULAR_VELOCITY[self.angular_velocity_unit]

    def _convert_text(self) -> None:
        """Take what the command line gives as text."""
        columns = {role: str(column) for role, column in _table("columns", self.columns).items()}
        renamed = _table("rename", self.rename)
        renames = {role: dict(_table("rename", new)) for role, new in renamed.items()}
        converted: dict[str, object] = {
            "columns": columns,
            "rename": renames,
            "rate_hz": None if self.rate_hz is None else _number("rate_hz", self.rate_hz),
            "skip_lines": _whole("skip_lines", self.skip_lines),
            "simulated": _flag("simulated", self.simulated),
            "header": _flag("header", self.header),
        }
        for name, value in converted.items():
            object.__setattr__(self, name, value)

    def _check_columns(self) -> None:
        _check_keys("columns", self.columns, _KINDS)
        for triple in (("x", "y", "z"), ("gx", "gy", "gz")):
            missing = [f"columns.{role}" for role in triple if role not in self.columns]
            if missing and (triple[0] == "x" or len(missing) < len(triple)):
                raise InputError(f"{', '.join(missing)}: name the file's columns of all three axes")
        used: dict[str, str] = {}
        for role, column in self.columns.items():
            if used.setdefault(column, role) != role:
                raise InputError(
                    f"columns.{role} and columns.{used[column]} are both {column!r}; "
                    "a column can play one role"
                )

    def _check_clock(self) -> None:
        if (self.rate_hz is None) == ("time" not in self.columns):
            raise InputError("expected either rate_hz or columns.time: give exactly one of them")
        if self.rate_hz is not None and not 0 < self.rate_hz < float("inf"):
            raise InputError(f"rate_hz: expected a positive number, got {self.rate_hz}")
        if "time" in self.columns:
            _choose("time_unit", self.time_unit, TIMES)
        elif self.time_unit:
            raise InputError("time_unit without columns.time: name the column, or leave it out")

    def _check_ids(self) -> None:
        _check_keys("rename", self.rename, IDS)
        in_path = check_names(self.path, _PATH_TELLS) if self.path else []
        for name in _PATH_TELLS:
            told = [
                way
                for way, tells in (
                    (f"columns.{name}", name in self.columns),
                    (f"{{{name}}} in path", name in in_path),
                    (name, bool(getattr(self, name, ""))),
                )
                if tells
            ]
            if len(told) > 1:
                raise InputError(f"{name} is told twice, by {' and '.join(told)}; keep one")
        for name in ("user", "session", "device"):
            if getattr(self, name):
                check_id(getattr(self, name), name)


def read_options(pairs: Iterable[str] = (), *, file: str | Path | None = None) -> dict[str, object]:
    """Read a reader's options from a TOML file and ``key=value`` pairs, which come first.

    Parameters
    ----------
    pairs
        ``key=value``; dots in the key lead into tables.
    file
        The TOML file.

    Returns
    -------
    dict
        Keyword options for :func:`workoutlab.readers.get`.

    Raises
    ------
    InputError
        If the file cannot be read as TOML, or a pair is not one.

    Examples
    --------
    >>> read_options(["columns.x=x_acc", "rate_hz=50"])
    {'columns': {'x': 'x_acc'}, 'rate_hz': '50'}
    """
    options: dict[str, object] = {}
    if file is not None:
        try:
            options = tomllib.loads(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"mapping {file}: expected a TOML file: {error}") from error
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"expected key=value, got {pair!r}; for example columns.x=x_acc")
        *parents, last = key.strip().split(".")
        table = options
        for parent in parents:
            inner = table.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise InputError(f"{pair!r}: {parent} is a value, not a table")
            table = inner
        table[last] = value
    return options


def _check_keys(what: str, came: Iterable[str], valid: Iterable[str]) -> None:
    unknown = [key for key in came if key not in valid]
    if unknown:
        raise InputError(
            f"unknown {', '.join(f'{what}.{key}' for key in unknown)}; valid are {', '.join(valid)}"
        )


def _table(what: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise InputError(f"{what}: expected a table of names, got {value!r}; write {what}.x=x_acc")
    return value


def _choose(what: str, value: str, valid: Iterable[str]) -> None:
    if value not in valid:
        raise UnitError(f"{what}: expected one of {', '.join(valid)}, got {value!r}")


def _number(what: str, value: float | str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what}: expected a number, got {value!r}") from None


def _whole(what: str, value: float | str) -> int:
    number = _number(what, value)
    if not number.is_integer():
        raise InputError(f"{what}: expected a whole number, got {value!r}")
    return int(number)


def _flag(what: str, value: bool | str) -> bool:
    flags = {"true": True, "false": False}
    if str(value).lower() not in flags:
        raise InputError(f"{what}: expected true or false, got {value!r}")
    return flags[str(value).lower()]
