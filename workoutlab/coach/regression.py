"""Linear regressions from a person's last sessions to the next ones, for thousands at once.

Muvr tuned Spark's ``LinearRegression`` over regularisation {0.1, 0.01} x intercept {yes, no} by a
train/validation split. So do we, with two differences. Spark splits rows at random; ours are split
in time, since rows of neighbouring sessions share sessions, and a random split would validate on
what it trained on. And each of the next sessions has a regression of its own, in place of one whose
predictions are fed back. A penalty is weighed against the *mean* of squared errors, as Spark's is,
so that it means the same in long and short histories.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.coach.eligibility import Moment
from workoutlab.coach.history import (
    Histories,
    Lags,
    Split,
    ZScore,
    find_histories,
    make_lags,
    split_rows,
    take_groups,
    z_score,
)
from workoutlab.errors import InputError
from workoutlab.learning.linear import search_linear
from workoutlab.schema import check_number

__all__ = ["FALLBACKS", "IntensityModels", "IntensityRegression", "backtest", "fit", "predict"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FALLBACKS: Final = ("mean", "last", None)


@dataclass(frozen=True, kw_only=True)
class IntensityRegression:
    """How intensities are predicted.

    Parameters
    ----------
    history, ahead
        How many past sessions are looked at, and how many next ones predicted.
    penalties, intercepts
        What is tried: each penalty (above 0, on the mean of squared errors of z-scores), with and
        without an intercept. In z-scores, none means that predictions fall back to the mean.
    held_share
        Share of a person's rows, the latest ones, that the choice is made by.
    fallback
        For people with too few sessions: ``"mean"`` of the last `history`, the ``"last"`` value,
        or None, no suggestion.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> IntensityRegression().least_sessions
    12
    """

    history: int = 5
    ahead: int = 3
    penalties: tuple[float, ...] = (0.1, 0.01)
    intercepts: tuple[bool, ...] = (True, False)
    held_share: float = 0.25
    fallback: str | None = "mean"

    def __post_init__(self) -> None:
        for name in ("history", "ahead"):
            check_number(name, getattr(self, name), whole=True, low=1)
        for name in ("penalties", "intercepts"):
            if not isinstance(getattr(self, name), Iterable):
                raise InputError(f"{name}: expected several, got {getattr(self, name)!r}")
            object.__setattr__(self, name, tuple(getattr(self, name)))  # the dataclass is frozen
            if not getattr(self, name):
                raise InputError(f"{name}: expected one or more, got none")
        for penalty in self.penalties:
            check_number("penalties", penalty, above=0)
        if not all(isinstance(each, bool) for each in self.intercepts):
            raise InputError(f"intercepts: expected True, False or both, got {self.intercepts}")
        check_number("held_share", self.held_share, above=0, below=1)
        if self.fallback not in FALLBACKS:
            raise InputError(f"fallback: expected 'mean', 'last' or None, got {self.fallback!r}")

    @property
    def least_sessions(self) -> int:
        """Sessions that a regression needs: two rows to train on, one to validate on, a gap."""
        return self.history + 2 * self.ahead + 1

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON takes them."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class IntensityModels:
    """Regressions of several people, one for each of the next sessions.

    Parameters
    ----------
    users
        Whose.
    scaler
        The z-score of each, fitted to the sessions of the training rows.
    split
        How the rows of each were parted.
    coefficients, intercept
        Shapes (user, ahead, history) and (user, ahead), in z-scores, latest session first: the
        best choice, fitted again to all rows; NaN where somebody failed.
    penalty, has_intercept
        Shape (user, ahead): the best choice.
    choices
        Penalty and intercept of each choice.
    scores
        Shape (user, ahead, choice): RMSE on the held rows, in intensity. The least of them is what
        the choice was made by, so that it flatters a little: :func:`backtest` does not.
    last_error, mean_error
        Shape (user, ahead): RMSE there of repeating the last value, and of the mean of the lags.
    failed
        Why somebody has no regression, by position.
    """

    users: tuple[str, ...]
    scaler: ZScore
    split: Split
    coefficients: Doubles
    intercept: Doubles
    penalty: Doubles
    has_intercept: npt.NDArray[np.bool_]
    choices: tuple[tuple[float, bool], ...]
    scores: Doubles
    last_error: Doubles
    mean_error: Doubles
    failed: dict[int, str]

    @property
    def validation_error(self) -> Doubles:
        """RMSE of the best choice on the held rows, in intensity; shape (user, ahead)."""
        best: Doubles = np.nan_to_num(self.scores, nan=np.inf).min(axis=-1)
        return np.where(np.isfinite(best), best, np.nan)


def fit(histories: Histories, settings: IntensityRegression) -> IntensityModels:
    """Choose and fit the regressions of people who all have enough sessions.

    Parameters
    ----------
    histories
        ``settings.least_sessions`` sessions or more of each.
    settings
        How.

    Raises
    ------
    InputError
        If somebody has fewer sessions.
    """
    split = split_rows(histories.counts, settings.history, settings.ahead, settings.held_share)
    if not split.held.all():
        raise InputError(
            f"expected {settings.least_sessions} sessions or more of each person, got "
            f"{histories.counts.min()} of {histories.users[int(histories.counts.argmin())]}"
        )
    seen = split.training + settings.history + settings.ahead - 1
    scaler = z_score(histories.intensity, histories.offsets, seen)
    values = scaler.apply(histories.intensity, histories.offsets)
    lags = make_lags(values, histories.offsets, settings.history, settings.ahead)
    fits = [_fit_one(lags, split, settings, position) for position in range(settings.ahead)]
    last, mean = _score_baselines(lags, split)
    sd = scaler.sd[:, None]
    return IntensityModels(
        users=histories.users,
        scaler=scaler,
        split=split,
        coefficients=np.stack([each["coefficients"] for each in fits], axis=1),
        intercept=np.stack([each["intercept"] for each in fits], axis=1),
        penalty=np.stack([each["penalty"] for each in fits], axis=1),
        has_intercept=np.stack([each["has_intercept"] for each in fits], axis=1),
        choices=fits[0]["choices"],
        scores=np.stack([each["scores"] for each in fits], axis=1) * sd[..., None],
        last_error=last * sd,
        mean_error=mean * sd,
        failed={group: why for each in fits for group, why in each["failed"].items()},
    )


def _roles(lags: Lags, split: Split) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
    """Return the person of each row, its fold (0: held, -1: not), and whether it is in the gap."""
    user = np.repeat(np.arange(len(split.rows)), split.rows)
    number = np.arange(len(user)) - lags.offsets[user]
    held = number >= (split.rows - split.held)[user]
    gap = ~held & (number >= split.training[user])
    return user, np.where(held, 0, -1), gap


def _fit_one(
    lags: Lags, split: Split, settings: IntensityRegression, position: int
) -> dict[str, Any]:
    """Choose by the held rows, then fit the choice again to all rows."""
    _, fold, gap = _roles(lags, split)
    targets = lags.targets[:, position]
    offsets = np.concatenate([[0], np.cumsum(split.training + split.held)])
    tried = search_linear(
        lags.features[~gap],
        targets[~gap],
        offsets,
        folds=fold[~gap],
        penalties=settings.penalties,
        intercepts=settings.intercepts,
        penalty_scale="mean",
        threads=1,
    )
    coefficients = np.full((len(split.rows), settings.history), np.nan)
    intercept = np.full(len(split.rows), np.nan)
    for penalty, has_intercept in tried.choices:
        chosen = np.flatnonzero((tried.penalty == penalty) & (tried.has_intercept == has_intercept))
        if not len(chosen):
            continue
        rows, ends = take_groups(lags.offsets, chosen)
        again = search_linear(
            lags.features[rows],
            targets[rows],
            ends,
            folds=fold[rows],  # of one choice, which nothing is left to decide about
            penalties=[penalty],
            intercepts=[has_intercept],
            penalty_scale="mean",
            threads=1,
        )
        coefficients[chosen], intercept[chosen] = again.coefficients, again.intercept
    return {
        "coefficients": coefficients,
        "intercept": intercept,
        "penalty": tried.penalty,
        "has_intercept": tried.has_intercept,
        "choices": tried.choices,
        "scores": np.sqrt(tried.scores),
        "failed": tried.failed,
    }


def _score_baselines(lags: Lags, split: Split) -> tuple[Doubles, Doubles]:
    """RMSE on the held rows of the last value and of the mean of the lags; (user, ahead) each."""
    user, fold, _ = _roles(lags, split)
    held = fold == 0
    features, targets, user = lags.features[held], lags.targets[held], user[held]
    last = (targets - features[:, :1]) ** 2
    mean = (targets - features.mean(axis=1, keepdims=True)) ** 2
    ahead = targets.shape[1]
    return _root_means(last, user, split.held, ahead), _root_means(mean, user, split.held, ahead)


def _root_means(squares: Doubles, user: Integers, counts: Integers, ahead: int) -> Doubles:
    sums = [np.bincount(user, squares[:, column], len(counts)) for column in range(ahead)]
    roots: Doubles = np.sqrt(np.stack(sums, axis=1) / counts[:, None])
    return roots


def predict(models: IntensityModels, latest: npt.ArrayLike) -> Doubles:
    """Predict the next intensities of each person, not clipped.

    Parameters
    ----------
    models
        The regressions.
    latest
        Shape (user, history): the last intensities, latest first, as :meth:`Histories.last`
        returns them.

    Returns
    -------
    numpy.ndarray
        Shape (user, ahead), float64; NaN where somebody failed.
    """
    mean, sd = models.scaler.mean[:, None], models.scaler.sd[:, None]
    scores = (np.asarray(latest, dtype=np.float64) - mean) / sd
    ahead = np.einsum("uh,uah->ua", scores, models.coefficients) + models.intercept
    predicted: Doubles = ahead * sd + mean
    return predicted


def backtest(
    sessions: pd.DataFrame, now: Moment, settings: IntensityRegression | None = None
) -> pd.DataFrame:
    """Predict what is known already, each time from the sessions before it alone.

    At every session of a person that leaves enough before it, the whole pipeline (z-score, choice,
    fit) runs on the sessions before, and predicts the next ones. No figure has seen what it is
    compared with, the choice of penalty included.

    Parameters
    ----------
    sessions
        As :func:`workoutlab.coach.sessions` returns them.
    now
        Later sessions are not looked at.
    settings
        How; Muvr's by default.

    Returns
    -------
    pandas.DataFrame
        One row a prediction: user, known (number of sessions before), position (1 for the next
        session), actual, regression (clipped to 0..1), last and mean (the baselines), in 0..1;
        simulated. Empty if nobody has more than ``settings.least_sessions`` sessions.
    """
    settings = settings or IntensityRegression()
    histories, _ = find_histories(sessions, now)
    pairs = [
        (person, known)
        for person, count in enumerate(histories.counts.tolist())
        for known in range(settings.least_sessions, count)
    ]
    person, known = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    past = _cut(histories, person, known)
    if len(past):
        guessed = np.clip(predict(fit(past, settings), past.last(settings.history)), 0, 1)
    else:
        guessed = np.empty((0, settings.ahead))
    lags = past.last(settings.history)
    frames = []
    for ahead in range(settings.ahead):
        there = known + ahead < histories.counts[person]
        place = histories.offsets[person] + known + ahead
        frames.append(
            pd.DataFrame(
                {
                    "user": np.array(past.users, dtype=object)[there].astype(str),
                    "known": known[there],
                    "position": ahead + 1,
                    "actual": histories.intensity[place[there]],
                    "regression": guessed[there, ahead],
                    "last": lags[there, 0],
                    "mean": lags[there].mean(axis=1),
                    "simulated": past.simulated[there],
                }
            )
        )
    return pd.concat(frames).sort_values(["user", "known", "position"], ignore_index=True)


def _cut(histories: Histories, person: Integers, known: Integers) -> Histories:
    """Return histories that end early: the first `known` sessions of each `person`."""
    ends = np.concatenate([[0], np.cumsum(known)])
    rows = np.arange(ends[-1]) + np.repeat(histories.offsets[person] - ends[:-1], known)
    return Histories(
        tuple(histories.users[each] for each in person),
        ends,
        histories.intensity[rows],
        histories.sessions[rows],
        histories.recordings[rows],
        histories.simulated[person],
    )
