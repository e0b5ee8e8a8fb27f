"""The intensity pipeline: sessions out of tables, suggestions end to end, and the fit alone.

The lab is simulated: 20 sessions of each person, 6 sets each, in the order of their days, so that
the rows of one person lie far apart. Everybody's last session ended within the window, so that all
are due, which is the worst case. Only tables are written: the pipeline reads no sample. At full
size there are 20,000 people, 400,000 recordings and 2.4 million sets. Each round asks for another
moment, so that nothing is known already. The peer does the fit as one does without workoutlab:
scikit-learn's ``StandardScaler`` and ``Ridge`` on the same split, person by person.
"""

from importlib.metadata import version
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import zarr
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Lab
from workoutlab.coach import (
    Histories,
    IntensityRegression,
    find_histories,
    sessions,
    suggest,
    suggest_intensity,
)
from workoutlab.schema import RECORDINGS
from workoutlab.store import tables
from workoutlab.store.labels import FILED

__all__ = ["WORKLOADS", "fill"]

SESSIONS, SETS_EACH = 20, 6
DAY_NS = 86_400_000_000_000
START_NS = 20_000 * DAY_NS
LENGTH_S = 1_200.0
NOW_NS = START_NS + (SESSIONS - 1) * DAY_NS + 2_000_000_000_000


def count_people(full: bool) -> int:
    """Return how many people there are."""
    return 20_000 if full else 200


def fill(root: zarr.Group, people: int) -> None:
    """Write the rows of simulated recordings and their sets."""
    rng = np.random.default_rng(3)
    level = rng.uniform(0.4, 0.8, people)
    rows = np.arange(people * SESSIONS)
    day, person = np.divmod(rows, people)
    unread: dict[str, object] = {
        name: np.zeros(len(rows), dtype=column.dtype if column.dtype != "str" else object)
        for name, column in RECORDINGS.columns.items()
    }
    known: dict[str, object] = {
        **{name: [""] * len(rows) for name in ("digest", "facts", "source")},
        "user": [f"sim-{number:06d}" for number in person],
        "session": [f"s{number:02d}" for number in day],
        "device": ["watch"] * len(rows),
        "simulated": np.ones(len(rows), dtype=bool),
        "start_ns": START_NS + day * DAY_NS + person % 600 * 1_000_000_000,
        "duration_s": np.full(len(rows), LENGTH_S),
        "samples": np.ones(len(rows), dtype=np.int64),
    }
    tables.append(root, RECORDINGS, {**unread, **known})
    swing = 0.1 * np.sin(day + person)
    mean = (level[person] + swing)[:, None] + rng.normal(0, 0.1, (len(rows), SETS_EACH))
    intensity = np.clip(np.round(mean.ravel() * 5) / 5, 0, 1)
    tables.append(
        root,
        FILED,
        {
            "recording": np.repeat(rows, SETS_EACH),
            "start": np.tile(np.arange(SETS_EACH), len(rows)),
            "stop": np.tile(np.arange(SETS_EACH) + 1, len(rows)),
            "start_s": np.tile(np.arange(SETS_EACH) / 50, len(rows)),
            "stop_s": np.tile(np.arange(1, SETS_EACH + 1) / 50, len(rows)),
            "exercise": ["curl"] * len(intensity),
            "muscle_group": ["arms"] * len(intensity),
            "repetitions": np.full(len(intensity), 10, dtype=np.int32),
            "weight_kg": np.full(len(intensity), 20.0),
            "body_weight": np.zeros(len(intensity), dtype=bool),
            "intensity": intensity,
        },
    )


def make_lab(full: bool, folder: Path) -> Lab:
    """Make the lab."""
    lab = Lab(folder / "lab")
    lab.transact(lambda root: fill(root, count_people(full)), "fill")
    return lab


def prepare_pipeline(full: bool, folder: Path) -> Work:
    """Suggest to everybody, from the lab's tables to its table of suggestions."""
    lab, moments = make_lab(full, folder), count(NOW_NS, 1_000_000_000)
    # Compiling is not part of it: an own lab of few people, so that nothing of this one is known.
    warm = Lab("memory://intensity-warm")
    warm.transact(lambda root: fill(root, 10), "fill")
    suggest_intensity(warm, now=pd.Timestamp(NOW_NS), progress=False)

    def work() -> float:
        result = suggest_intensity(lab, now=pd.Timestamp(next(moments)), progress=False)
        assert result.by_regression == count_people(full), result
        return result.by_regression

    return work


def prepare_sessions(full: bool, folder: Path) -> Work:
    """Derive all sessions."""
    lab = make_lab(full, folder)
    return lambda: float(len(sessions(lab)))


def find(full: bool, folder: Path) -> Histories:
    """Find the histories of everybody."""
    return find_histories(sessions(make_lab(full, folder)), pd.Timestamp(NOW_NS))[0]


def prepare_fit(full: bool, folder: Path) -> Work:
    """Choose, fit and predict for everybody, from histories to rows."""
    histories = find(full, folder)
    suggest(histories.select([0]))
    return lambda: float(suggest(histories).suggestions["user"].nunique())


def prepare_scikit_learn(full: bool, folder: Path) -> Work:
    """Do the same by scikit-learn, for as many people as take a while."""
    histories = find(full, folder)
    people = min(len(histories), 300)
    how = IntensityRegression()

    def work() -> float:
        for person in range(people):
            begin, end = histories.offsets[person : person + 2]
            for position in range(how.ahead):
                tune(histories.intensity[begin:end], position, how)
        return people

    return work


def tune(values: np.ndarray, position: int, how: IntensityRegression) -> float:
    """Choose, fit and predict for one person and one session to come."""
    rows = len(values) - how.history - how.ahead + 1
    held = max(int(how.held_share * rows + 0.5), 1)
    training = rows - held - (how.ahead - 1)
    seen = values[: training + how.history + how.ahead - 1, None]
    scaler = StandardScaler().fit(seen)
    scores = scaler.transform(values[:, None]).ravel()
    windows = np.lib.stride_tricks.sliding_window_view(scores, how.history)[:, ::-1]
    x, y = windows[:rows], scores[how.history + position :][:rows]
    best = min(
        (
            np.mean((model.predict(x[-held:]) - y[-held:]) ** 2),
            penalty,
            intercept,
        )
        for penalty in how.penalties
        for intercept in how.intercepts
        for model in [
            Ridge(penalty * training, fit_intercept=intercept).fit(x[:training], y[:training])
        ]
    )
    model = Ridge(best[1] * rows, fit_intercept=best[2]).fit(x, y)
    predicted = scaler.inverse_transform(model.predict(windows[-1:])[:, None])
    return float(predicted[0, 0])


def _ours() -> str:
    return version("workoutlab")


def _scikit_learn() -> str:
    return version("scikit-learn")


WORKLOADS = (
    Workload(
        "suggest, end to end",
        "people",
        [Contender("workoutlab", _ours, prepare_pipeline, peer=False)],
    ),
    Workload(
        "derive sessions",
        "sessions",
        [Contender("workoutlab", _ours, prepare_sessions, peer=False)],
    ),
    Workload(
        "choose, fit and predict",
        "people",
        [
            Contender("workoutlab", _ours, prepare_fit, peer=False),
            Contender("scikit-learn", _scikit_learn, prepare_scikit_learn),
        ],
    ),
)
