"""Recordings in any CSV or Parquet file, by a mapping of columns and units.

The mapping is described by :class:`workoutlab.readers.mapping.TabularMapping`. Outcomes of
malformed files are listed in :mod:`workoutlab.readers.delimited` and
:mod:`workoutlab.readers.parquet`; further:

=======================================  ====================================================
In the file                              Outcome
=======================================  ====================================================
time the same as in the row before, or   kept as it came, counted in a note of the ingest;
earlier                                  an error naming the line with ``times = "reject"``
path that the template does not fit      passed over in a folder, an error if named
another user, session or device in a     another recording; at a regular rate its rows must
row                                      lie together, or the error names the line
user, session or device not an id        error: line and column
repetitions not whole, weight or         error: line and column
intensity out of range
body weight neither true nor false       error: line and column
=======================================  ====================================================

Truth is written ``true``, ``yes`` or ``1``, its opposite ``false``, ``no``, ``0`` or nothing.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workoutlab.errors import SchemaError
from workoutlab.readers.delimited import read_delimited, split_line
from workoutlab.readers.kinds import LARGEST
from workoutlab.readers.mapping import IDS, TabularMapping
from workoutlab.readers.parquet import read_parquet
from workoutlab.readers.rows import Coded, Rows
from workoutlab.readers.sets import Labels, check_last_line, find_sets
from workoutlab.readers.templates import match_template
from workoutlab.readers.times import read_times
from workoutlab.recording import Recording
from workoutlab.schema import UNKNOWN, check_id

__all__ = ["Tabular"]

_PARQUET = (".parquet", ".pq")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


@dataclass(frozen=True, kw_only=True)
class Tabular(TabularMapping):
    r"""Reader of any CSV or Parquet file; its parameters are those of the mapping.

    Examples
    --------
    >>> import tempfile
    >>> reader = Tabular(
    ...     columns={"x": "ax", "y": "ay", "z": "az"}, acceleration_unit="mg", rate_hz=100,
    ...     path="{user}.csv",
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "ann.csv")
    ...     _ = path.write_text("ax,ay,az\n0,500,1000\n0,250,1000\n")
    ...     (recording,) = reader.read(path)
    >>> recording.user, recording.acceleration.tolist()
    ('ann', [[0.0, 0.5, 1.0], [0.0, 0.25, 1.0]])
    """

    name = "tabular"
    suffixes = (".csv", ".tsv", ".txt", *_PARQUET)

    def detect(self, path: Path, head: bytes) -> bool:
        """Tell whether the mapping fits: by the path if it has a template, else by the header."""
        if path.suffix.lower() not in self.suffixes:
            return False
        if self.path:
            return match_template(self.path, path) is not None
        if path.suffix.lower() in _PARQUET:
            return head.startswith(b"PAR1")
        lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        try:
            names = split_line(lines[min(self.skip_lines, len(lines) - 1)], self.delimiter)
        except csv.Error:
            return False
        if not self.header:
            return len(names) >= max(map(int, self.columns.values()))
        return {*self.columns.values()} <= {name.strip() for name in names}

    def read(self, path: Path) -> Iterator[Recording]:
        """Read the recordings of a file, one for each user, session and device in it.

        Yields
        ------
        Recording
            In order of their first rows; acceleration in g, angular velocity in deg/s.

        Raises
        ------
        ReaderError
            Naming file, line and column.
        """
        rows = self._load(path)
        told = self._tell(rows)
        labels = self._labels(rows, told)
        check_last_line(rows, labels)
        time_ns = read_times(rows, self.time_unit) if "time" in rows else None
        acceleration = _vectors(rows, ("x", "y", "z"), self.g_per_unit)
        angular = None
        if "gx" in rows:
            angular = _vectors(rows, ("gx", "gy", "gz"), self.deg_s_per_unit)
        for chosen in self._split(rows, told):
            if time_ns is not None and self.times == "reject":
                _require_increasing(rows, time_ns, chosen)
            yield Recording(
                user=_id(rows, told["user"], "user", chosen),
                session=_id(rows, told["session"], "session", chosen),
                device=_id(rows, told["device"], "device", chosen),
                acceleration=acceleration[chosen],
                angular_velocity=None if angular is None else angular[chosen],
                rate_hz=self.rate_hz,
                time_ns=None if time_ns is None else time_ns[chosen],
                source=path.as_posix(),
                simulated=self.simulated,
                sets=find_sets(labels, chosen),
            )

    def _load(self, path: Path) -> Rows:
        if path.suffix.lower() in _PARQUET:
            return read_parquet(path, self.fields)
        return read_delimited(path, self.fields, self.dialect)

    def _tell(self, rows: Rows) -> dict[str, Coded]:
        """Say what stands beside each row: told by a column, the path, or for all files."""
        in_path = self._match(rows)
        told = {}
        for name in IDS:
            default = "" if name in ("exercise", "muscle_group") else UNKNOWN
            constant = in_path.get(name) or getattr(self, name) or default
            column = rows.labels(name) if name in rows else Coded.constant(constant, len(rows))
            told[name] = column.renamed(self.rename.get(name, {}))
        return told

    def _match(self, rows: Rows) -> dict[str, str]:
        if not self.path:
            return {}
        found = match_template(self.path, rows.path)
        if found is None:
            raise rows.error(
                f"expected a path like {self.path!r}; rename the file, or change the template"
            )
        return found

    def _labels(self, rows: Rows, told: dict[str, Coded]) -> Labels:
        in_path = self._match(rows)
        numbers = {
            name: _numbers(rows, name, in_path.get(name))
            for name in ("repetitions", "weight", "intensity")
        }
        return Labels(
            exercise=told["exercise"],
            muscle_group=told["muscle_group"],
            repetitions=numbers["repetitions"],
            weight_kg=numbers["weight"],
            intensity=numbers["intensity"],
            body_weight=_truth(rows, "body_weight"),
        ).check(rows)

    def _split(self, rows: Rows, told: dict[str, Coded]) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the rows of each recording."""
        key = np.zeros(len(rows), np.int64)
        for name in ("user", "session", "device"):
            key = key * len(told[name].names) + told[name].codes
        order = np.argsort(key, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(key[order])) + 1)
        for chosen in sorted(groups, key=lambda group: int(group[0])):
            gaps = np.flatnonzero(np.diff(chosen) > 1)
            if self.rate_hz is not None and len(gaps):
                raise rows.error(
                    "expected the rows of each recording together, as their rate is regular; this "
                    f"one began in line {rows.first_line + chosen[0]}; sort them, or give times",
                    row=int(chosen[gaps[0] + 1]),
                )
            yield chosen


def _vectors(rows: Rows, roles: tuple[str, str, str], factor: float) -> npt.NDArray[np.float32]:
    values = np.empty((len(rows), len(roles)), np.float32)
    for position, role in enumerate(roles):
        converted = rows.numbers(role) * factor
        within = np.abs(converted) <= LARGEST
        rows.require(role, converted, within, f"at most {LARGEST:g} after conversion")
        values[:, position] = converted
    return values


def _numbers(rows: Rows, role: str, in_path: str | None) -> npt.NDArray[np.float64]:
    if role in rows:
        return rows.numbers(role)
    try:
        return np.full(len(rows), np.nan if in_path is None else float(in_path))
    except ValueError:
        raise rows.error(f"expected a number of {role} in the path, got {in_path!r}") from None


def _truth(rows: Rows, role: str) -> npt.NDArray[np.bool_]:
    if role not in rows:
        return np.zeros(len(rows), dtype=bool)
    column = rows.labels(role)
    for name in column.names:
        if name.lower() not in _TRUTH:
            raise rows.error(
                f"expected true or false, got {name!r}; correct the value",
                row=column.first(name),
                role=role,
            )
    return np.array([_TRUTH[name.lower()] for name in column.names])[column.codes]


def _id(rows: Rows, column: Coded, role: str, chosen: npt.NDArray[np.int64]) -> str:
    row = int(chosen[0])
    try:
        return check_id(column.names[column.codes[row]], role)
    except SchemaError as error:
        raise rows.error(str(error), row=row if role in rows else None, role=role) from error


def _require_increasing(
    rows: Rows, time_ns: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]
) -> None:
    steps = np.diff(time_ns[chosen])
    if (steps <= 0).any():
        position = int(np.argmax(steps <= 0))
        raise rows.error(
            f"expected times that increase, got {-steps[position]} ns before the last one; "
            'sort the rows, or keep them as they are with times="keep"',
            row=int(chosen[position + 1]),
            role="time",
        )
