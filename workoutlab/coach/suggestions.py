"""Suggestions and the models behind them: made of histories, kept in a lab, and explained.

::

    coach/suggestions         one row a suggestion: for whom, when, what, by which model
    coach/intensity_models    one row a regression: coefficients, z-score, choice and its scores
    coach/settings            how they were made: few rows that many share
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.coach.history import Histories
from workoutlab.coach.regression import IntensityModels, IntensityRegression, fit, predict
from workoutlab.errors import NotInLabError
from workoutlab.lab import Lab
from workoutlab.schema import INTENSITY_MODELS, SUGGESTIONS, Column, Table
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group
from workoutlab.store.networks import SETTINGS

__all__ = [
    "Explanation",
    "Made",
    "append_suggestions",
    "digest_people",
    "explain",
    "read_known",
    "round_intensity",
    "suggest",
]

Doubles = npt.NDArray[np.float64]
Columns = dict[str, Any]

_STEPS: Final = 5
"""Muvr shows intensities in steps of 0.2: so many make 1."""
_BLOCK: Final = 16 * layout.ROWS_PER_CHUNK


def round_intensity(values: npt.ArrayLike) -> Doubles:
    """Round intensities to the nearest 0.2, as Muvr shows them; halves go up.

    Examples
    --------
    >>> round_intensity([0.0, 0.29, 0.3, 0.99]).tolist()
    [0.0, 0.2, 0.4, 1.0]
    """
    # 0.3 * 5 and its like fall short of a half by a rounding error.
    steps = np.round(np.asarray(values, dtype=np.float64) * _STEPS, 9)
    rounded: Doubles = np.floor(steps + 0.5) / _STEPS
    return rounded


@dataclass(frozen=True, eq=False)
class Made:
    """What was made for several people, not yet kept anywhere.

    Parameters
    ----------
    suggestions
        One row a person and session to come, sorted by person, then position; columns as in
        :data:`workoutlab.schema.SUGGESTIONS` but for those that keeping them adds (made_ns,
        digest, snapshot, settings). ``model`` is the row in `models`, -1 for a fallback.
    models
        One row a regression; columns as in :data:`workoutlab.schema.INTENSITY_MODELS` but for
        the same.
    left_out
        Who has too few sessions where there is no fallback, and why.
    failed
        Who has no suggestion since something went wrong, and what.
    """

    suggestions: pd.DataFrame
    models: pd.DataFrame
    left_out: dict[str, str]
    failed: dict[str, str]

    def without(self, users: Collection[str]) -> "Made":
        """Return what was made for others than these."""
        if not users:
            return self
        kept = (~self.models["user"].isin(list(users))).to_numpy(bool)
        places = np.append(np.cumsum(kept) - 1, -1)
        frame = self.suggestions[~self.suggestions["user"].isin(list(users))]
        frame = frame.assign(model=places[frame["model"].to_numpy(np.int64)])
        return replace(self, suggestions=frame, models=self.models[kept])


def suggest(histories: Histories, settings: IntensityRegression | None = None) -> Made:
    """Choose, fit and predict for each person; who has too few sessions gets the fallback.

    Parameters
    ----------
    histories
        What is known of each, as :func:`workoutlab.coach.find_histories` returns it.
    settings
        How; Muvr's by default.

    Returns
    -------
    Made
        Nothing is kept yet. A person who fails keeps nobody else back.
    """
    settings = settings or IntensityRegression()
    enough = histories.counts >= settings.least_sessions
    suggestions, models, left_out = [], [], {}
    failed: dict[str, str] = {}
    if enough.any():
        theirs = histories.select(np.flatnonzero(enough))
        by_regression, theirs_models = _suggest_isolated(theirs, settings, failed)
        suggestions += by_regression
        models += theirs_models
    short = histories.select(np.flatnonzero(~enough))
    if settings.fallback is not None:
        suggestions.append(_fall_back(short, settings))
    else:
        for user, count in zip(short.users, short.counts.tolist(), strict=True):
            left_out[user] = _too_few(count, settings)
    return Made(_combine(suggestions), pd.DataFrame(_flatten(models)), left_out, failed)


def _too_few(count: int, settings: IntensityRegression) -> str:
    return f"{count} sessions of known intensity; a regression needs {settings.least_sessions}"


def _suggest_isolated(
    histories: Histories, settings: IntensityRegression, failed: dict[str, str]
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Suggest for all at once; if that fails, for one after the other."""
    try:
        suggestions, models = _suggest_by_regression(histories, settings, failed)
    except Exception as error:  # whatever it is, it must cost no more than one person
        if len(histories) == 1:
            failed[histories.users[0]] = f"{type(error).__name__}: {error}"
            return [], []
        alone = [
            _suggest_isolated(histories.select([person]), settings, failed)
            for person in range(len(histories))
        ]
        return [each for one, _ in alone for each in one], [m for _, many in alone for m in many]
    return [suggestions], [models]


def _suggest_by_regression(
    histories: Histories, settings: IntensityRegression, failed: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    models = fit(histories, settings)
    raw = predict(models, histories.last(settings.history))
    failed.update({histories.users[person]: why for person, why in models.failed.items()})
    good = np.isfinite(raw).all(axis=1)
    for person in np.flatnonzero(~good):
        failed.setdefault(histories.users[int(person)], "its predictions are not finite")
    errors = (models.validation_error, models.last_error, models.mean_error)
    frame = _frame(histories, raw, "regression", "", errors)
    kept = np.repeat(good, settings.ahead)
    return frame[kept], _frame_models(models, histories, settings)[kept]


def _fall_back(histories: Histories, settings: IntensityRegression) -> pd.DataFrame:
    latest = histories.last(settings.history)
    if settings.fallback == "mean":
        known = np.isfinite(latest)
        value = np.where(known, latest, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    else:
        value = latest[:, 0]
    raw = np.repeat(value[:, None], settings.ahead, axis=1)
    why = [_too_few(count, settings) for count in histories.counts.tolist()]
    unknown = np.full(raw.shape, np.nan)
    reasons = np.repeat(np.array(why, dtype=object), settings.ahead)
    return _frame(histories, raw, str(settings.fallback), reasons, (unknown,) * 3)


def _frame(
    histories: Histories,
    raw: Doubles,
    method: str,
    reason: Any,
    errors: tuple[Doubles, Doubles, Doubles],
) -> pd.DataFrame:
    """Make rows of predictions of shape (user, ahead)."""
    people, ahead = raw.shape
    clipped = np.clip(raw, 0, 1)
    last = histories.sessions[histories.offsets[1:] - 1] if people else np.empty(0, dtype=object)
    each: Columns = {
        "user": np.array(histories.users, dtype=object),
        "last_session": last,
        "sessions": histories.counts,
        "simulated": histories.simulated,
    }
    columns: Columns = {name: np.repeat(values, ahead) for name, values in each.items()}
    columns["position"] = np.tile(np.arange(1, ahead + 1, dtype=np.int32), people)
    columns["intensity"] = clipped.ravel()
    columns["rounded"] = round_intensity(clipped).ravel()
    columns["raw"], columns["clipped"] = raw.ravel(), (clipped != raw).ravel()
    columns |= {"method": method, "reason": reason}
    names = ("validation_error", "last_error", "mean_error")
    columns |= {name: values.ravel() for name, values in zip(names, errors, strict=True)}
    return pd.DataFrame(columns)


def _frame_models(
    models: IntensityModels, histories: Histories, settings: IntensityRegression
) -> pd.DataFrame:
    """Make rows of the regressions, in the order of the suggestions that they make."""
    people, ahead = models.intercept.shape
    held = models.split.held
    each: Columns = {
        "user": np.array(models.users, dtype=object),
        "mean": models.scaler.mean,
        "sd": models.scaler.sd,
        "rows": models.split.rows,
        "training_rows": models.split.training,
        "held_rows": held,
        "simulated": histories.simulated,
    }
    columns: Columns = {name: np.repeat(values, ahead) for name, values in each.items()}
    columns["position"] = np.tile(np.arange(1, ahead + 1, dtype=np.int32), people)
    weights = models.coefficients.reshape(-1, settings.history).tolist()
    columns["coefficients"] = list(map(str, weights))  # a list of numbers reads as its JSON
    columns["intercept"] = models.intercept.ravel()
    columns["penalty"] = models.penalty.ravel()
    columns["with_intercept"] = models.has_intercept.ravel()
    columns["validation_error"] = models.validation_error.ravel()
    scores = models.scores.reshape(people * ahead, -1).tolist()
    template = _write_template(models.choices)
    columns["scores"] = [template % tuple(row) for row in scores]
    return pd.DataFrame(columns)


def _write_template(choices: Sequence[tuple[float, bool]]) -> str:
    """Return JSON that lacks the RMSE of each choice alone: made once, since JSON takes its time.

    Examples
    --------
    >>> _write_template([(0.1, True)]) % 0.25
    '[{"penalty": 0.1, "intercept": true, "rmse": 0.25}]'
    """
    parts = [json.dumps({"penalty": penalty, "intercept": each}) for penalty, each in choices]
    return "[" + ", ".join(f'{part[:-1]}, "rmse": %r}}' for part in parts) + "]"


def _combine(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put suggestions one after the other, by person, and number the models behind them."""
    if not parts:
        return pd.DataFrame(columns=[*SUGGESTIONS.columns])
    frame = pd.concat(parts, ignore_index=True)
    made = (frame["method"] == "regression").to_numpy(bool)
    frame["model"] = np.where(made, np.cumsum(made) - 1, -1)
    return frame.sort_values(["user", "position"], ignore_index=True)


def _flatten(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=[*INTENSITY_MODELS.columns])
    return pd.concat(parts, ignore_index=True)


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
    row = _find_settings(home, settings)
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


def _find_settings(home: zarr.Group, settings: Mapping[str, Any]) -> int:
    """Return the row that holds these settings, appended where they are new."""
    text = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = tables.read(home, SETTINGS, ["digest"])["digest"]
    same = known.index[known == digest]
    if len(same):
        return int(same[0])
    return tables.append(home, SETTINGS, {"digest": [digest], "text": [text]})


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
    NotInLabError
        If the lab holds no such suggestion, or it was erased.
    """
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
