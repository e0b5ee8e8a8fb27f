"""Suggestions and the models behind them, as rows: made of histories, not yet kept anywhere."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.coach.history import Histories
from workoutlab.coach.regression import IntensityModels, IntensityRegression, fit, predict
from workoutlab.schema import INTENSITY_MODELS, SUGGESTIONS

__all__ = ["Made", "round_intensity", "suggest"]

Doubles = npt.NDArray[np.float64]
Columns = dict[str, Any]

_STEPS: Final = 5
"""Muvr shows intensities in steps of 0.2: so many make 1."""


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
