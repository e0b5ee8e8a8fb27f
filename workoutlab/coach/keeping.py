"""Suggestions as they lie in a lab, and how one came about.

::

    coach/suggestions         one row a suggestion: for whom, when, what, by which model
    coach/intensity_models    one row a regression: coefficients, z-score, choice and its scores
    coach/settings            how they were made: few rows that many share
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import zarr

from workoutlab.coach.history import Histories
from workoutlab.coach.suggestions import Made
from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.schema import INTENSITY_MODELS, SUGGESTIONS, Column, Table
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group
from workoutlab.store.settings import SETTINGS, find_settings

__all__ = ["Explanation", "append_suggestions", "digest_people", "explain", "read_known"]

Columns = dict[str, Any]

_BLOCK: Final = 16 * layout.ROWS_PER_CHUNK


def digest_people(histories: Histories, made_ns: int, settings: Mapping[str, Any]) -> list[str]:
    """Return a SHA-256, in hex, of all that decides each person's suggestions."""
    common = json.dumps([made_ns, settings], sort_keys=True).encode()
    digests = []
    for person, user in enumerate(histories.users):
        theirs = slice(histories.offsets[person], histories.offsets[person + 1])
        named = json.dumps([user, histories.sessions[theirs].tolist()]).encode()
        values = np.ascontiguousarray(histories.intensity[theirs], dtype="<f8").tobytes()
        digests.append(hashlib.sha256(b"\n".join((common, named, values))).hexdigest())
    return digests


def read_known(root: zarr.Group, made_ns: int, first: int = 0) -> tuple[frozenset[str], int]:
    """Return the digests of suggestions made for a moment, from row `first` on, and all rows."""
    home = find_group(root, layout.COACH)
    rows = tables.length(home, SUGGESTIONS) if home else 0
    known: set[str] = set()
    for start in range(first, rows, _BLOCK):
        assert home is not None  # there are rows
        stop = min(start + _BLOCK, rows)
        frame = tables.read(home, SUGGESTIONS, ["made_ns", "digest"], start=start, stop=stop)
        known.update(frame["digest"][frame["made_ns"] == made_ns])
    return frozenset(known), rows


def append_suggestions(
    root: zarr.Group, made: Made, common: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    """Append suggestions and models to a lab, inside its :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root group.
    made
        What to append.
    common
        Of all rows: made_ns and snapshot; and ``digests``, by person.
    settings
        How they were made, as JSON takes it.
    """
    home = find_group(root, layout.COACH)
    if home is None:
        home = root.require_group(layout.COACH)
        for table in (SUGGESTIONS, INTENSITY_MODELS, SETTINGS):
            tables.create(home, table)
    row = find_settings(home, json.dumps(settings, sort_keys=True))
    first = 0
    if len(made.models):
        first = tables.append(
            home, INTENSITY_MODELS, _columns(made.models, INTENSITY_MODELS, common, row)
        )
    columns = _columns(made.suggestions, SUGGESTIONS, common, row)
    columns["model"] = np.where(columns["model"] < 0, -1, columns["model"] + first)
    tables.append(home, SUGGESTIONS, columns)


def _columns(frame: pd.DataFrame, table: Table, common: Mapping[str, Any], row: int) -> Columns:
    digests = common["digests"]
    added: Columns = {
        "made_ns": np.full(len(frame), common["made_ns"], dtype=np.int64),
        "snapshot": [common["snapshot"]] * len(frame),
        "settings": np.full(len(frame), row, dtype=np.int64),
        "digest": [digests[user] for user in frame["user"]],
    }
    return {
        name: added[name] if name in added else _as_stored(frame[name], column)
        for name, column in table.columns.items()
    }


def _as_stored(values: "pd.Series[Any]", column: Column) -> Any:
    return values.tolist() if column.dtype == "str" else values.to_numpy(dtype=column.dtype)


@dataclass(frozen=True)
class Explanation:
    """How a suggestion came about.

    Parameters
    ----------
    suggestion
        Its row.
    model
        The row of its regression, JSON columns decoded; None for a fallback.
    settings
        Regression, reading, window and version.
    """

    suggestion: Mapping[str, Any]
    model: Mapping[str, Any] | None
    settings: Mapping[str, Any]

    def __str__(self) -> str:
        row = self.suggestion
        moment = pd.Timestamp(row["made_ns"], tz="UTC")
        lines = [
            f"{row['user']}, session {row['position']} after {row['last_session']}: intensity "
            f"{row['intensity']:.3f} (shown as {row['rounded']:.1f}), made for "
            f"{moment:%Y-%m-%d %H:%M:%S} UTC from {row['sessions']} sessions at snapshot "
            f"{row['snapshot']}"
        ]
        if row["simulated"]:
            lines.insert(0, "*** SIMULATED DATA ***")
        if row["clipped"]:
            lines.append(f"the prediction, {row['raw']:.3f}, was clipped to 0..1")
        if self.model is None:
            return "\n".join([*lines, f"fallback: {row['method']}, since {row['reason']}"])
        model = self.model
        weights = ", ".join(f"{weight:+.3f}" for weight in model["coefficients"])
        return "\n".join(
            [
                *lines,
                f"z-score: mean {model['mean']:.3f}, sd {model['sd']:.3f}; coefficients, latest "
                f"first: {weights}; intercept {model['intercept']:+.3f}",
                f"penalty {model['penalty']:g} and {'an' if model['with_intercept'] else 'no'} "
                f"intercept were chosen by {model['held_rows']} later rows: RMSE "
                f"{row['validation_error']:.3f}; last value {row['last_error']:.3f}, mean of the "
                f"lags {row['mean_error']:.3f}",
            ]
        )


def explain(lab: Lab, row: int) -> Explanation:
    """Tell how a suggestion came about: its model, choice, errors and settings.

    Parameters
    ----------
    lab
        The lab.
    row
        Number of the suggestion, the index of ``lab.table("suggestions")``.

    Raises
    ------
    InputError
        If `row` is no whole number.
    NotInLabError
        If the lab holds no such suggestion, or it was erased.
    """
    if isinstance(row, bool) or not isinstance(row, int | np.integer):
        raise InputError(f"row: expected the number of a suggestion, got {row!r}")
    home = find_group(lab.root(), layout.COACH)
    found = [] if home is None else _records(home, SUGGESTIONS, row)
    if home is None or not found:
        raise NotInLabError(
            f"the lab at {lab.url} has no suggestion {row} at {lab.snapshot}; "
            "table('suggestions') lists them by number"
        )
    suggestion = found[0]
    model = None
    if suggestion["method"] == "regression":
        model = _records(home, INTENSITY_MODELS, int(suggestion["model"]))[0]
        model |= {name: json.loads(model[name]) for name in ("coefficients", "scores")}
    settings = _records(home, SETTINGS, suggestion["settings"])[0]["text"]
    return Explanation(suggestion, model, json.loads(settings))


def _records(home: zarr.Group, table: Table, row: int) -> list[dict[str, Any]]:
    frame = tables.read(home, table, start=row, stop=row + 1) if row >= 0 else pd.DataFrame()
    return [{str(name): value for name, value in each.items()} for each in frame.to_dict("records")]
