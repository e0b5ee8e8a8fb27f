"""What the stages hand each other: every variable's name, dims, dtype and unit.

Arrays and tables are declared here once; stages check what they are given against these
declarations and say what is missing, of the wrong shape, or in the wrong unit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from workoutlab.errors import InputError, SchemaError

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "AXES",
    "COACHED",
    "CORRECTED",
    "EVERYONE",
    "FEATURES",
    "FOUND",
    "INTENSITY_MODELS",
    "QUANTITIES",
    "RECOGNISED",
    "RECORDINGS",
    "RESTING",
    "SESSIONS",
    "SETS",
    "SUGGESTIONS",
    "TABLES",
    "UNKNOWN",
    "UNNAMED",
    "Column",
    "Table",
    "Variable",
    "check_dataset",
    "check_id",
    "check_number",
]

AXES: Final = ("x", "y", "z")
UNKNOWN: Final = "unknown"
"""The id of a user or session that the file does not tell."""
EVERYONE: Final = "*"
"""Whose network the common one is: no user can have this id."""
RESTING: Final = ("-", "rest")
"""Exercises that say that there was none: Muvr's ``-``, and what corrections are stored as."""
UNNAMED: Final = ("E",)
"""Exercises that say that there was one, but not which: Muvr's ``E``."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_RESERVED: Final = (".", "..", "zarr.json")
"""Names become folders in a plain copy of a lab, where some file systems ignore case."""


def check_id(value: object, what: str) -> str:
    """Return `value` if it can serve as an id of `what`, a user or session say.

    Ids are 1 to 64 letters, digits, ``_``, ``.`` or ``-``, so that they are safe in file names,
    URLs and queries; ``.``, ``..`` and ``zarr.json``, in whatever case, are none.

    Raises
    ------
    SchemaError
        If it is anything else.

    Examples
    --------
    >>> check_id("jan-2", "session")
    'jan-2'
    """
    if isinstance(value, str) and _ID.fullmatch(value):
        if value.lower() not in _RESERVED:
            return value
        raise SchemaError(
            f"{what}: {value!r} has a meaning of its own among files; rename the {what}"
        )
    raise SchemaError(
        f"{what}: expected 1 to 64 letters, digits, '_', '.' or '-', got {value!r}; "
        f"rename the {what}"
    )


def check_number(
    name: str,
    value: object,
    *,
    whole: bool = False,
    low: float = float("-inf"),
    above: float = float("-inf"),
    below: float = float("inf"),
) -> None:
    """Refuse an argument that is no number, or none within its bounds.

    Raises
    ------
    InputError
        If `value` is no (whole) number, or not at least `low`, above `above` and below `below`.

    Examples
    --------
    >>> check_number("epochs", 10, whole=True, low=1)
    """
    kinds = (int,) if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        what = "a whole number" if whole else "a number"
        raise InputError(f"{name}: expected {what}, got {value!r}")
    if not (low <= value and above < value < below):  # false for NaN
        bounds = [f">= {low:g}"] * (low > float("-inf"))
        bounds += [f"> {above:g}"] * (above > float("-inf"))
        bounds += [f"< {below:g}"] * (below < float("inf"))
        raise InputError(
            f"{name}: expected {' and '.join(bounds) or 'a finite number'}, got {value}"
        )


@dataclass(frozen=True)
class Variable:
    """An array of the declared dims, dtype and unit."""

    dims: tuple[str, ...]
    dtype: str
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    ``unknown`` is what the store holds where a value is not known; frames show it as missing
    (NaN, or NA in integer columns). A column without it always has a value.
    """

    dtype: str
    unit: str = ""
    meaning: str = ""
    unknown: float | None = None


@dataclass(frozen=True)
class Table:
    """A table whose row number is the id of what it lists: rows are appended and never move.

    ``chunks`` are the entries in a chunk of those columns that have less than usual: they are read
    row by row, or so long that an append, which writes the last chunk anew, would write much.
    """

    name: str
    columns: Mapping[str, Column]
    chunks: Mapping[str, int] = field(default_factory=dict)


QUANTITIES: Final[Mapping[str, Variable]] = {
    "acceleration": Variable(("sample", "axis"), "float32", "g", "gravity included"),
    "angular_velocity": Variable(("sample", "axis"), "float32", "deg/s", "optional"),
    "time": Variable(("sample",), "int64", "ns", "Unix time; only where the rate is not regular"),
}
"""What a recording holds, one ragged array each in a lab."""

RECORDINGS: Final = Table(
    "recordings",
    {
        "digest": Column("str", "", "SHA-256 of the acceleration, in hex; empty once erased"),
        "facts": Column("str", "", "SHA-256 of all else (ids, labels, clock), in hex"),
        "user": Column("str", "", "id of the person; empty once erased"),
        "session": Column("str", "", "id of the workout"),
        "device": Column("str", "", "what was worn, 'watch' say"),
        "source": Column("str", "", "file that the recording came from"),
        "simulated": Column("bool", "", "made by the simulator"),
        "rate_hz": Column("float64", "Hz", "sampling rate; the median one where irregular"),
        "regular": Column("bool", "", "sampled at rate_hz throughout"),
        "start_ns": Column("int64", "ns", "Unix time of the first sample", -(2**63)),
        "duration_s": Column("float64", "s", "samples / rate_hz, or last minus first time"),
        "longest_gap_s": Column("float64", "s", "longest time between two samples"),
        "samples": Column("int64", "", "number of samples; 0 once erased"),
        "has_angular_velocity": Column("bool", "", "angular velocity was recorded too"),
        "offset": Column("int64", "", "first sample in the ragged arrays; a multiple of the chunk"),
    },
)

SETS: Final = Table(
    "sets",
    {
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        "start": Column("int64", "sample", "first sample in the recording"),
        "stop": Column("int64", "sample", "one past the last sample"),
        "start_s": Column("float64", "s", "start, from the recording's first sample"),
        "stop_s": Column("float64", "s", "stop, from the recording's first sample"),
        "exercise": Column("str", "", "label, 'biceps-curl' say"),
        "muscle_group": Column("str", "", "'arms' say; empty where not known"),
        "repetitions": Column("int32", "", "number of repetitions", -1),
        "weight_kg": Column("float64", "kg", "external weight; 0 with body weight alone", np.nan),
        "body_weight": Column("bool", "", "done with body weight"),
        "intensity": Column("float64", "0..1", "intensity as planned or felt", np.nan),
        "origin": Column("str", "", "'file', or 'correction' where a person said so later"),
    },
)
"""The labelled sets that count: those that came with a recording, as they were corrected since."""

CORRECTED: Final = 10**12
"""Sets that corrections made are numbered from here on, so that they are none of a file's."""

TABLES: Final[Mapping[str, Table]] = {table.name: table for table in (RECORDINGS, SETS)}

SESSIONS: Final = Table(
    "sessions",
    {
        "user": Column("str", "", "person"),
        "session": Column("str", "", "workout"),
        "start_ns": Column("int64", "ns", "Unix time of the first sample", -(2**63)),
        "stop_ns": Column("int64", "ns", "Unix time one past the last sample", -(2**63)),
        "duration_s": Column("float64", "s", "stop less start; recorded time if no clock is known"),
        "sets": Column("int64", "", "number of sets"),
        "rated_sets": Column("int64", "", "sets whose intensity is known"),
        "repetitions": Column("int64", "", "sum over the sets that tell them", -1),
        "volume_kg": Column("float64", "kg", "sum of repetitions x external weight", np.nan),
        "intensity": Column("float64", "0..1", "mean over the sets that tell it", np.nan),
        "simulated": Column("bool", "", "made by the simulator"),
        "recording": Column("int64", "", "row of its first recording; -1 where there is none"),
    },
)
"""One row a workout, derived from recordings and sets; a lab does not keep it."""

SUGGESTIONS: Final = Table(
    "suggestions",
    {
        "user": Column("str", "", "for whom; empty once erased"),
        "made_ns": Column("int64", "ns", "Unix time for which it was made: `now`"),
        "position": Column("int32", "", "1 for the next session, 2 for the one after, and so on"),
        "intensity": Column("float64", "0..1", "suggested mean intensity of the session's sets"),
        "rounded": Column("float64", "0..1", "the same to the nearest 0.2"),
        "raw": Column("float64", "", "as predicted, before it was clipped to 0..1"),
        "clipped": Column("bool", "", "the prediction lay outside 0..1"),
        "method": Column("str", "", "'regression', or the fallback: 'mean' or 'last'"),
        "reason": Column("str", "", "why the fallback was taken; empty for the regression"),
        "model": Column("int64", "", "row of the model in `intensity_models`", -1),
        "last_session": Column("str", "", "the latest session that it knows of"),
        "sessions": Column("int64", "", "sessions of known intensity that it knows of"),
        "validation_error": Column("float64", "0..1", "RMSE on the person's held rows", np.nan),
        "last_error": Column("float64", "0..1", "RMSE there of repeating the last value", np.nan),
        "mean_error": Column("float64", "0..1", "RMSE there of the mean of the lags", np.nan),
        "simulated": Column("bool", "", "some of these sessions were made by the simulator"),
        "digest": Column("str", "", "SHA-256 of history, time, settings and code, in hex"),
        "snapshot": Column("str", "", "the lab's snapshot that was read"),
        "settings": Column("int64", "", "row of the settings"),
    },
)

INTENSITY_MODELS: Final = Table(
    "intensity_models",
    {
        "user": Column("str", "", "whose; empty once erased"),
        "made_ns": Column("int64", "ns", "Unix time for which it was made: `now`"),
        "position": Column("int32", "", "which session it predicts: 1 for the next one"),
        "coefficients": Column("str", "", "of the z-scores of past sessions, latest first; JSON"),
        "intercept": Column("float64", "", "in z-scores; 0 where it was chosen to have none"),
        "penalty": Column("float64", "", "of the sum of squared coefficients, as chosen"),
        "with_intercept": Column("bool", "", "as chosen"),
        "mean": Column("float64", "0..1", "of the z-score: over the sessions of training rows"),
        "sd": Column("float64", "0..1", "of the z-score; 1 where these do not differ"),
        "rows": Column("int64", "", "rows that the coefficients were fitted on"),
        "training_rows": Column("int64", "", "rows that the choices were fitted on"),
        "held_rows": Column("int64", "", "later rows that the choice was made by"),
        "validation_error": Column("float64", "0..1", "RMSE of the choice on the held rows"),
        "scores": Column("str", "", "penalty, intercept and RMSE of each choice; JSON"),
        "simulated": Column("bool", "", "some of the sessions were made by the simulator"),
        "digest": Column("str", "", "of the suggestion that it was made for"),
        "snapshot": Column("str", "", "the lab's snapshot that was read"),
        "settings": Column("int64", "", "row of the settings"),
    },
)

COACHED: Final[Mapping[str, Table]] = {t.name: t for t in (SUGGESTIONS, INTENSITY_MODELS)}
"""What a lab holds once the coach has put something there, in its group ``coach``."""

FOUND: Final = Table(
    "found",
    {
        "start": Column("int64", "sample", "first sample in the recording"),
        "stop": Column("int64", "sample", "one past the last sample"),
        "start_s": Column("float64", "s", "start, from the recording's first sample"),
        "stop_s": Column("float64", "s", "stop, from the recording's first sample"),
        "exercise": Column("str", "", "what it is taken for; 'unknown' where nothing is certain"),
        "guess": Column("str", "", "the most likely exercise, also where that is not certain"),
        "muscle_group": Column("str", "", "of the guess; empty where not known"),
        "confidence": Column("float64", "0..1", "calibrated probability of the guess", np.nan),
        "active": Column("float64", "0..1", "mean probability that it is a set at all", np.nan),
        "repetitions": Column("int32", "", "number of repetitions, where it is certain", -1),
        "repetitions_guess": Column("int32", "", "the most likely number", -1),
        "repetitions_low": Column("int32", "", "5 % of the probability lie below", -1),
        "repetitions_high": Column("int32", "", "5 % of the probability lie above", -1),
        "repetitions_confidence": Column("float64", "0..1", "probability of that guess", np.nan),
        "tempo_s": Column("float64", "s", "median time of a repetition", np.nan),
        "lowering_s": Column("float64", "s", "median time of its lowering", np.nan),
        "lifting_s": Column("float64", "s", "median time of its lifting", np.nan),
        "pause_s": Column("float64", "s", "median time of its pause", np.nan),
        "quality": Column("str", "", "measures of quality by name, a JSON object"),
        "scores": Column("str", "", "probability of each exercise, a JSON object"),
    },
)
"""A set that was found in a signal, whosever it is."""

RECOGNISED: Final = Table(
    "found",
    {
        "user": Column("str", "", "whose; empty once erased"),
        "session": Column("str", "", "id of the workout"),
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        **FOUND.columns,
        "recogniser": Column("str", "", "name of the recogniser"),
        "models": Column("str", "", "names of its models and whose they are, JSON"),
        "snapshot": Column("str", "", "the lab's snapshot that was read"),
        "digest": Column("str", "", "SHA-256 of recording, recogniser and code, in hex"),
        "run": Column("int64", "", "row of `runs`: the time that its recording was gone through"),
        "made_ns": Column("int64", "ns", "Unix time at which it was found"),
        "simulated": Column("bool", "", "the recording was made by the simulator"),
    },
)
"""What a lab keeps of the sets that were found in its recordings."""

FEATURES: Final[Mapping[str, Variable]] = {
    "features": Variable(("window", "feature"), "float32", "", "unit of each in `unit`"),
    "unit": Variable(("feature",), "str", "", "unit of the feature"),
    "user": Variable(("window",), "str", "", "person"),
    "session": Variable(("window",), "str", "", "workout"),
    "exercise": Variable(("window",), "str", "", "label; empty where there is none"),
    "muscle_group": Variable(("window",), "str", "", "of the exercise; empty where not known"),
    "recording": Variable(("window",), "int64", "", "row of the recording"),
    "set": Variable(("window",), "int64", "", "row of the set; -1 where there is none"),
    "start_s": Variable(("window",), "float64", "s", "start, from the recording's first sample"),
    "length_s": Variable(("window",), "float64", "s", "length of the window"),
}
"""The dataset that :func:`workoutlab.features` returns."""


def check_dataset(
    dataset: "xr.Dataset", variables: Mapping[str, Variable], what: str
) -> "xr.Dataset":
    """Return `dataset` if it has the declared variables, with their dims and dtypes.

    Raises
    ------
    SchemaError
        Naming every variable that is missing or of another form.
    """
    problems = []
    for name, variable in variables.items():
        if name not in dataset.variables:
            problems.append(f"{name} {variable.dims} is missing")
            continue
        came = dataset[name]
        if came.dims != variable.dims:
            problems.append(f"{name} has dims {came.dims}, expected {variable.dims}")
        if variable.dtype == "str":
            fits = came.dtype.kind in "UTO"
        else:
            fits = came.dtype == np.dtype(variable.dtype)
        if not fits:
            problems.append(f"{name} is {came.dtype}, expected {variable.dtype}")
    if problems:
        raise SchemaError(f"{what}: " + "; ".join(problems))
    return dataset
