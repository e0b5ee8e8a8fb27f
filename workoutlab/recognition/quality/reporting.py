"""The quality of all sets of a lab, one row a set, and how it changes from set to set."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Unpack

import numpy as np
import pandas as pd

from workoutlab import cluster
from workoutlab.errors import InputError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.quality.assessing import assess
from workoutlab.recognition.quality.chance import trend_chance
from workoutlab.recognition.quality.measures import MEASURES
from workoutlab.recognition.quality.reading import OF_SET, RATE_HZ, list_sets, read_set
from workoutlab.recognition.repetitions.counting import Counter, count_repetitions
from workoutlab.recognition.repetitions.tempo import find_phases
from workoutlab.recording import Recording
from workoutlab.signals.choice import Filters
from workoutlab.signals.held import Home, hold

__all__ = ["assess_sets", "follow_quality"]

_SHORTEST: Final = 50
"""A set of less than a second is a slip."""
_BATCH: Final = 16
"""Sets in a task: enough to be worth sending."""
_LEAST: Final = 5
"""Sets by which a change from set to set is told."""
_TOLD: Final = tuple(name for name in MEASURES if name != "similarity")
_UNITS: Final[Mapping[str, str]] = {
    "start_s": "s",
    "stop_s": "s",
    **dict.fromkeys(("tempo_s", "lowering_s", "lifting_s", "pause_s"), "s"),
    **{name: MEASURES[name].unit for name in _TOLD if MEASURES[name].unit},
}


@dataclass(frozen=True, eq=False)
class _Batch:
    """Sets that one task assesses."""

    home: Home
    sets: Sequence[Mapping[Any, Any]]
    counter: Counter


def assess_sets(
    source: Lab | Recording | Iterable[Recording],
    *,
    counter: Counter | None = None,
    progress: bool = True,
    **filters: Unpack[Filters],
) -> pd.DataFrame:
    """Assess all labelled sets of a lab, on the active Dask client if there is one.

    Each set is read at 50 Hz, its repetitions are counted and told apart, and what
    :func:`workoutlab.assess` and :func:`workoutlab.find_phases` say of them makes a row. Sets that
    are labelled as resting are left out.

    Parameters
    ----------
    source
        A lab, or recordings.
    counter
        How repetitions are counted; by default as
        :func:`~workoutlab.recognition.repetitions.count_repetitions` does.
    progress
        Whether to show how far it is on a terminal.
    **filters
        ``users``, ``sessions``, ``devices``, ``exercises``, ``muscle_groups``: one name or several.

    Returns
    -------
    DataFrame
        One row a set, by its number: whose it is, ``labelled`` and ``counted`` repetitions (NA
        where not known), tempo, the measures but the similarity, and ``said``, the sentences.
        ``attrs["units"]`` has the unit of each column that has one, ``attrs["failed"]`` why sets
        could not be assessed, ``attrs["snapshot"]`` the lab's snapshot.

    Raises
    ------
    NotInLabError
        If a name does not occur.
    InputError
        If an argument is not as described.
    TrainingError
        If no set could be assessed.

    Examples
    --------
    >>> from workoutlab import simulate
    >>> table = assess_sets(simulate(1, sessions=1, minutes=5).recordings(), progress=False)
    >>> table.attrs["units"]["tempo_drift"]
    '%'
    """
    home: Home = source if isinstance(source, Lab) else hold(source)
    if counter is not None and not isinstance(counter, Counter):
        raise InputError(f"counter: expected a Counter, got {counter!r}")
    chosen = list_sets(home, filters)
    batches = [
        _Batch(home, chosen[first : first + _BATCH], counter or Counter())
        for first in range(0, len(chosen), _BATCH)
    ]
    rows: list[dict[str, Any]] = []
    failed: dict[int, str] = {}
    with cluster.progress("sets", len(batches), show=progress) as report:
        tasks = cluster.run_tasks(_assess_batch, batches)
        for done, (place, outcome) in enumerate(tasks, start=1):
            if isinstance(outcome, Exception):
                why = f"{type(outcome).__name__}: {outcome}"
                failed.update({int(each["set"]): why for each in batches[place].sets})
            else:
                rows += outcome[0]
                failed.update(outcome[1])
            report(done, len(failed))
    if failed and not rows:
        raise TrainingError(f"none of {len(failed)} sets could be assessed: {min(failed.items())}")
    return _frame(rows, failed, home.snapshot)


def _assess_batch(batch: _Batch) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """Assess some sets; runs as a task."""
    rows, failed = [], {}
    for each in batch.sets:
        try:
            rows.append(_assess_one(batch.home, each, batch.counter))
        except InputError as error:  # one set's, not the others'
            failed[int(each["set"])] = str(error)
    return rows, failed


def _assess_one(home: Home, each: Mapping[Any, Any], counter: Counter) -> dict[str, Any]:
    samples = read_set(home, each)
    if len(samples) < _SHORTEST:
        raise InputError(f"the set has {len(samples)} samples at 50 Hz; it takes {_SHORTEST}")
    counted = count_repetitions(samples, RATE_HZ, counter=counter, exercise=str(each["exercise"]))
    quality = assess(samples, RATE_HZ, counted.edges)
    told = quality.as_dict()
    return {
        **{name: each[name] for name in ("set", "user", "session", *OF_SET[:-1])},
        "labelled": each["repetitions"],
        "counted": counted.count,
        **find_phases(samples, RATE_HZ, counted.edges).as_dict(),
        **{name: told[name] for name in _TOLD},
        "said": " ".join(quality.sentences()),
    }


def _frame(
    rows: Sequence[Mapping[str, Any]], failed: Mapping[int, str], snapshot: str
) -> pd.DataFrame:
    names = ["set", "user", "session", *OF_SET[:-1], "labelled", "counted"]
    names += ["tempo_s", "lowering_s", "lifting_s", "pause_s", *_TOLD, "said"]
    frame = pd.DataFrame(rows, columns=names).set_index("set").sort_index()
    for name in ("labelled", "counted"):
        frame[name] = frame[name].astype("Int64")
    for name in {*_UNITS, *_TOLD}:
        frame[name] = frame[name].astype("float64")
    frame.attrs = {"units": dict(_UNITS), "failed": dict(failed), "snapshot": snapshot}
    return frame


def follow_quality(table: pd.DataFrame, measures: Sequence[str] = ("consistency",)) -> pd.DataFrame:
    """Tell how measures change from set to set, by person and exercise.

    Parameters
    ----------
    table
        As :func:`assess_sets` or :meth:`workoutlab.Lab.found` returns it; sets are taken in its
        order.
    measures
        Names of its columns of numbers, or of measures in its column ``quality``.

    Returns
    -------
    DataFrame
        One row a person, exercise and measure: ``sets`` in which it is defined, ``median``,
        ``change`` from the first to the last set along the median slope (Theil and Sen), and
        ``chance``, how likely chance alone gives as much; NaN with fewer than five sets.

    Raises
    ------
    InputError
        If there is no such column or measure.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"user": "ann", "exercise": "row", "consistency": [0.5, 0.6, 0.7, 0.8, 0.9]}
    ... )
    >>> follow_quality(table)[["sets", "median", "change"]].round(2).to_dict("records")
    [{'sets': 5, 'median': 0.7, 'change': 0.4}]
    """
    columns = {name: _column(table, name) for name in measures}
    table = table[["user", "exercise"]].assign(**columns)
    rows = [
        {"user": user, "exercise": exercise, "measure": name, **_follow(group[name].to_numpy())}
        for (user, exercise), group in table.groupby(["user", "exercise"], sort=True)
        for name in measures
    ]
    return pd.DataFrame(
        rows, columns=["user", "exercise", "measure", "sets", "median", "change", "chance"]
    )


def _column(table: pd.DataFrame, name: str) -> Any:
    if name in table.columns:
        return table[name].to_numpy(np.float64, na_value=np.nan)
    if name not in MEASURES or "quality" not in table.columns:
        raise InputError(f"measures: the table has no column {name!r}")
    kept = [json.loads(each or "{}").get(name) for each in table["quality"]]
    return np.array([np.nan if each is None else each for each in kept], dtype=np.float64)


def _follow(values: Any) -> dict[str, float]:
    known = values[~np.isnan(values)]
    told = {"sets": len(known), "median": np.nan, "change": np.nan, "chance": np.nan}
    if len(known):
        told["median"] = float(np.median(known))
    if len(known) >= _LEAST:
        one, other = np.triu_indices(len(known), 1)
        slope = np.median((known[other] - known[one]) / (other - one))
        told.update(change=float(slope * (len(known) - 1)), chance=trend_chance(known))
    return told
