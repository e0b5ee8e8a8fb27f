"""Recordings in the format of the Muvr system.

Comma-separated, no header, seven columns: acceleration ``x``, ``y``, ``z`` in g (gravity
included, 50 Hz), then ``exercise``, ``intensity``, ``weight`` in kg, ``repetitions``. Outcomes of
malformed files are listed in :mod:`workoutlab.readers.delimited`.

- Runs of the same exercise, intensity, weight and repetitions are sets; an empty exercise is no
  set. ``-`` (slacking) and ``E`` (exercising) are labels like any other.
- Weight −1 is body weight: ``body_weight`` with 0 kg on top. Weight 0 with 0 repetitions means
  that neither was written down. Any other negative weight is an error.
- ``labelled_<group>_<user>-<session>_<n>.csv`` tells muscle group, user and session. Muvr numbers
  sessions within a muscle group, so the session is named ``<group>-<user>-<session>``. Files
  named otherwise have the user, session and muscle group given as options, or unknown ones.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from workoutlab.readers.delimited import Dialect, read_delimited, split_line
from workoutlab.readers.kinds import LABEL, NUMBER, OPTIONAL, Field
from workoutlab.readers.rows import Rows
from workoutlab.readers.sets import Labels, check_last_line, find_sets
from workoutlab.recording import Recording
from workoutlab.schema import AXES, UNKNOWN, check_id

__all__ = ["Muvr"]

RATE_HZ: Final = 50.0

_COLUMNS = ("x", "y", "z", "exercise", "intensity", "weight", "repetitions")
_KINDS = (NUMBER, NUMBER, NUMBER, LABEL, OPTIONAL, OPTIONAL, OPTIONAL)
_FIELDS = [Field(name, name, kind) for name, kind in zip(_COLUMNS, _KINDS, strict=True)]
_DIALECT = Dialect(header=False)
_NAME = re.compile(
    r"labelled_(?P<group>[A-Za-z0-9.-]+)_(?P<user>[A-Za-z0-9.-]+)-(?P<session>[A-Za-z0-9.]+)"
    r"_\d+\.csv",
    re.ASCII,
)
_BODY_WEIGHT = -1.0


@dataclass(frozen=True, kw_only=True)
class Muvr:
    r"""Reader of Muvr's seven-column files.

    Parameters
    ----------
    user, session, muscle_group
        For files whose names do not tell; a name that tells comes first.
    device
        What was worn.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labelled_arms_jan-2_1.csv")
    ...     _ = path.write_text("0,0,1,triceps-dips,,-1.0,20\n" * 3)
    ...     (recording,) = Muvr().read(path)
    >>> recording.user, recording.session, len(recording)
    ('jan', 'arms-jan-2', 3)
    >>> recording.sets[0].body_weight, recording.sets[0].repetitions
    (True, 20)
    """

    user: str = UNKNOWN
    session: str = UNKNOWN
    muscle_group: str = ""
    device: str = "watch"

    name = "muvr"
    suffixes = (".csv",)

    def __post_init__(self) -> None:
        check_id(self.user, "user")
        check_id(self.session, "session")
        check_id(self.device, "device")

    def detect(self, path: Path, head: bytes) -> bool:
        """Tell whether the file is Muvr's, damaged or not: by its name, or by its first lines.

        A line of three numbers and no fourth is enough, so that a file with one bad line is
        rejected with its reason and not passed over; a header other than Muvr's column names
        belongs to another format.
        """
        if path.suffix.lower() not in self.suffixes:
            return False
        if _NAME.fullmatch(path.name):
            return True
        lines = [_split(line) for line in head.splitlines()[:20]]
        if not lines or _is_header(lines[0]):
            return False
        return any(
            len(line) > 2 and [*map(_is_number, line[:4])] in ([True] * 3, [True] * 3 + [False])
            for line in lines
        )

    def read(self, path: Path) -> Iterator[Recording]:
        """Read the one recording of a file.

        Yields
        ------
        Recording
            At 50 Hz, in g, with its sets.

        Raises
        ------
        ReaderError
            Naming file, line and column.
        """
        rows = read_delimited(path, _FIELDS, _DIALECT, names=_COLUMNS)
        user, session, group = self._identify(path)
        labels = _labels(rows, group)
        check_last_line(rows, labels)
        yield Recording(
            user=user,
            session=session,
            acceleration=np.stack([rows.numbers(axis).astype(np.float32) for axis in AXES], axis=1),
            rate_hz=RATE_HZ,
            device=self.device,
            source=path.as_posix(),
            sets=find_sets(labels, np.arange(len(rows))),
        )

    def _identify(self, path: Path) -> tuple[str, str, str]:
        told = _NAME.fullmatch(path.name)
        if told is None:
            return self.user, self.session, self.muscle_group
        group, user, session = told["group"], told["user"], told["session"]
        return user, f"{group}-{user}-{session}", group


def _labels(rows: Rows, group: str) -> Labels:
    weight, repetitions = rows.numbers("weight"), rows.numbers("repetitions")
    unknown = (weight == 0) & (repetitions == 0)
    body_weight = weight == _BODY_WEIGHT
    weight[unknown] = repetitions[unknown] = np.nan
    weight[body_weight] = 0
    exercise = rows.labels("exercise")
    return Labels(
        exercise=exercise,
        muscle_group=exercise.renamed(dict.fromkeys(exercise.names, group)),
        repetitions=repetitions,
        weight_kg=weight,
        intensity=rows.numbers("intensity"),
        body_weight=body_weight,
    ).check(rows)


def _split(line: bytes) -> list[str]:
    try:
        return split_line(line.removeprefix(b"\xef\xbb\xbf"), _DIALECT.delimiter)
    except csv.Error:
        return []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_header(fields: list[str]) -> bool:
    return (
        len(fields) > 1
        and tuple(field.strip() for field in fields) != _COLUMNS
        and all(fields)
        and not any(map(_is_number, fields))
    )
