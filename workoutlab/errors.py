"""Every error that workoutlab raises on purpose.

::

    WorkoutlabError
    ├── InputError (ValueError)      an argument that cannot mean anything
    │   ├── UnitError                a length, rate or unit that was not understood
    │   ├── SchemaError              a recording, table or dataset not of the declared form
    │   └── LeakageError             a split that would let a model see its test data
    ├── ReaderError (ValueError)     a file that cannot be read as recordings
    ├── LabError                     a lab that cannot do what was asked
    │   ├── LabNotFoundError         no lab there
    │   ├── DamagedLabError          stored bytes that fail their checksum, or missing parts
    │   ├── ReadOnlyLabError         a write to a past snapshot
    │   ├── SnapshotNotFoundError    a snapshot that the lab does not hold
    │   └── NotInLabError (KeyError) a user, recording, table or model that the lab does not hold
    ├── TrainingError                a model that could not be trained
    └── MissingExtraError (ImportError)   an optional package that is not installed

A message says what was expected, what came, and what to do about it.
"""

__all__ = [
    "DamagedLabError",
    "InputError",
    "LabError",
    "LabNotFoundError",
    "LeakageError",
    "MissingExtraError",
    "NotInLabError",
    "ReadOnlyLabError",
    "ReaderError",
    "SchemaError",
    "SnapshotNotFoundError",
    "TrainingError",
    "UnitError",
    "WorkoutlabError",
]


class WorkoutlabError(Exception):
    """Base class: catch it to catch everything that workoutlab raises on purpose."""


class InputError(WorkoutlabError, ValueError):
    """An argument that cannot mean anything here."""


class UnitError(InputError):
    """A length, rate or unit that was not understood."""


class SchemaError(InputError):
    """A recording, table or dataset that is not of the declared form."""


class LeakageError(InputError):
    """A split that would let a model see its test data."""


class ReaderError(WorkoutlabError, ValueError):
    """A file that cannot be read as recordings.

    Parameters
    ----------
    problem
        What is wrong, what was expected and what to do.
    file
        The file's path or name.
    line
        One-based line number, where one line is to blame.
    column
        The column's name, where one column is to blame.
    """

    def __init__(
        self, problem: str, *, file: str = "", line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(problem, file, line, column)
        self.problem, self.file, self.line, self.column = problem, file, line, column

    def __reduce__(self) -> tuple[object, ...]:
        return _reader_error, (type(self), self.problem, self.file, self.line, self.column)

    def __str__(self) -> str:
        place = [self.file] if self.file else []
        place += [f"line {self.line}"] if self.line is not None else []
        place += [f"column {self.column!r}"] if self.column is not None else []
        return ": ".join([", ".join(place), self.problem] if place else [self.problem])


def _reader_error(
    kind: type[ReaderError], problem: str, file: str, line: int | None, column: str | None
) -> ReaderError:
    return kind(problem, file=file, line=line, column=column)


class LabError(WorkoutlabError):
    """A lab that cannot do what was asked."""


class LabNotFoundError(LabError):
    """There is no lab at this address."""


class DamagedLabError(LabError):
    """Stored bytes fail their checksum, or parts of the lab are missing."""


class ReadOnlyLabError(LabError):
    """A write was asked of a lab opened at a past snapshot."""


class SnapshotNotFoundError(LabError):
    """The lab does not hold this snapshot."""


class NotInLabError(LabError, KeyError):
    """The lab does not hold this user, recording, table or model."""

    __str__ = Exception.__str__  # KeyError would show the repr of the message


class TrainingError(WorkoutlabError):
    """A model could not be trained."""


class MissingExtraError(WorkoutlabError, ImportError):
    """An optional package is not installed.

    Parameters
    ----------
    package
        The package that could not be imported.
    extra
        The extra of workoutlab that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: pip install 'workoutlab[{extra}]'")
        self.package, self.extra = package, extra

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.package, self.extra)
