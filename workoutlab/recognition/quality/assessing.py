"""Assess a set: repetitions against each other, against good sets, and through the set."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.quality.chance import alternation_chance, parity_chance, trend_chance
from workoutlab.recognition.quality.measures import (
    MEASURES,
    Measure,
    change_percent,
    drift_percent,
    edge_count,
    log_dimensionless_jerks,
    symmetry_index,
)
from workoutlab.recognition.quality.results import Quality
from workoutlab.recognition.quality.traces import (
    Trace,
    compare,
    draw_trace,
    likeness_matrix,
    spread_of,
)
from workoutlab.recognition.repetitions.checks import check_edges
from workoutlab.recognition.repetitions.course import Course, follow, smooth

__all__ = ["CHANCE", "assess"]

Array = npt.NDArray[np.float64]

CHANCE: Final = 1 / 80
"""Four tests of a set at this level: in 5 % of sets, at most, chance alone gives a sentence."""
_LEAST_SLOWER: Final = 10.0
_LEAST_SMALLER: Final = 15.0
_LEAST_JERKIER: Final = 0.5
_LEAST_INDEX: Final = 15.0
_MOST_INDEX: Final = 120.0
_LINE_POINTS: Final = 300
_JERK_HZ: Final = 10.0
"""Trembling of a tired limb is faster than movements on purpose, and slower than this."""
_T_QUANTILES: Final = (np.nan, np.nan, 31.8, 6.96, 4.54, 3.75, 3.36, 3.14, 3.0, 2.9, 2.82)
"""99 % quantiles of Student's t by the number of good sets, two sets or more."""


def assess(
    acceleration: npt.ArrayLike,
    rate_hz: float,
    edges: npt.ArrayLike,
    *,
    good: Sequence[Trace] | None = None,
) -> Quality:
    """Assess how well a set was done.

    What is measured, in which unit and after whom, stands in
    :data:`~workoutlab.recognition.quality.measures.MEASURES`. Trends through the set and
    alternation are held against shuffled orders of the same repetitions, so that what chance
    gives is not told. No figure depends on how the sensor is turned.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Samples a second.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples.
    good
        Traces of the person's own good sets of this exercise.

    Returns
    -------
    Quality
        Figures, NaN with a reason where they are not defined; and sentences.

    Raises
    ------
    InputError
        If an argument is not as described.

    Examples
    --------
    Ten curls, the last three of them slower:

    >>> times = np.concatenate([np.linspace(0, 1, 100)] * 7 + [np.linspace(0, 1, 140)] * 3)
    >>> angle = np.pi / 3 * (1 - np.cos(2 * np.pi * times))
    >>> curls = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    >>> starts = np.cumsum([0] + [100] * 7 + [140] * 3)
    >>> quality = assess(curls, 50, np.column_stack([starts[:-1], starts[1:]]))
    >>> quality.sentences()
    ['The last 3 of 10 repetitions were 40 % slower than the first 3.']
    >>> round(quality["consistency"], 2)
    1.0
    """
    signal, rate, rows = check_edges(acceleration, rate_hz, edges)
    if not len(rows):
        return _assess_nothing()
    course = follow(signal, rate, rows)
    drawn = draw_trace(course)
    likeness, known = likeness_matrix(drawn)
    each = np.full(len(rows), np.nan)
    if known.any():
        each = likeness.sum(axis=1) / known.sum(axis=1)
    quality = Quality(
        edges_s=rows / rate,
        amplitudes=_amplitudes(course),
        amplitude_unit=course.unit,
        likeness=each,
        jerk=_jerks(signal, rate, rows),
        line=_draw_line(course),
    )
    found = [
        *_measure_form(quality, drawn, tuple(good or ())),
        *_measure_trends(quality),
        *_measure_sides(quality, likeness, known),
    ]
    by_name = {measure.name: measure for measure in found}
    for each in (quality.edges_s, quality.amplitudes, quality.likeness, quality.jerk, quality.line):
        each.flags.writeable = False
    return replace(quality, measures={name: by_name[name] for name in MEASURES})


def _assess_nothing() -> Quality:
    nothing = np.empty(0)
    measures = {name: _undefined(name, "there is no repetition") for name in MEASURES}
    edges_s, line = np.empty((0, 2)), np.empty((0, 2))
    return Quality(edges_s, nothing, "g", nothing, nothing, line, measures)


def _undefined(name: str, reason: str) -> Measure:
    return Measure(name, float("nan"), reason=reason)


def _amplitudes(course: Course) -> Array:
    """Return how far each repetition goes on the main way."""
    cuts = [course.position[course.cut(number)] for number in range(len(course.edges))]
    return np.array([np.ptp(cut) for cut in cuts])


def _draw_line(course: Course) -> Array:
    step = max(len(course.position) // _LINE_POINTS, 1)
    samples = np.arange(0, len(course.position), step)
    return np.column_stack([(samples + course.first) / course.rate_hz, course.position[samples]])


def _jerks(signal: Array, rate: float, rows: Array) -> Array:
    first, last = int(max(rows[0, 0] - rate, 0)), int(rows[:, 1].max() + rate)
    smoothed = smooth(signal[first:last], rate, _JERK_HZ)
    return log_dimensionless_jerks(smoothed, rate, np.round(rows - first).astype(np.int64))


def _measure_form(quality: Quality, drawn: Trace, good: tuple[Trace, ...]) -> Iterator[Measure]:
    lacking = _lacks("consistency", quality)
    moves = drawn.moves
    if lacking or not moves:
        yield _undefined("consistency", lacking or "nothing moves")
    else:
        yield Measure("consistency", float(quality.likeness.mean()))
    smooth_ones = quality.jerk[~np.isnan(quality.jerk)]
    if lacking or not len(smooth_ones):
        yield _undefined("smoothness", lacking or "nothing moves, or only for an instant")
    else:
        yield Measure("smoothness", float(np.median(smooth_ones)))
    if not good or not moves:
        yield _undefined("similarity", "no good sets are given" if moves else "nothing moves")
        return
    value = float(np.median([compare(drawn, other) for other in good]))
    yield Measure("similarity", value, matters=_is_strange(value, good))


def _is_strange(value: float, good: tuple[Trace, ...]) -> bool:
    """Return whether a set is less like the good ones than the next good one would be."""
    if len(good) < 3:
        return False
    own = np.arctanh(np.clip(_own_spread(good), -0.99, 0.999))
    quantile = _T_QUANTILES[min(len(good), len(_T_QUANTILES) - 1)]
    reach = quantile * own.std(ddof=1) * np.sqrt(1 + 1 / len(good))
    return bool(np.arctanh(np.clip(value, -0.99, 0.999)) < own.mean() - reach)


@lru_cache(maxsize=64)
def _own_spread(good: tuple[Trace, ...]) -> tuple[float, ...]:
    return tuple(spread_of(good))


def _measure_trends(quality: Quality) -> Iterator[Measure]:
    tempo, size = quality.durations_s, np.maximum(quality.amplitudes, 1e-9)
    yield _trend("tempo_drift", quality, drift_percent, tempo)
    slower = _change("slower_last", quality, np.log(tempo), change_percent, tempo)
    slower = _heed(slower, _LEAST_SLOWER)
    yield slower
    yield _trend("amplitude_loss", quality, lambda values: -drift_percent(values), size)
    smaller = _change("smaller_last", quality, np.log(size), lambda v: -change_percent(v), size)
    # A slower movement takes less force, and the sensor's own noise is more of its jerk: neither
    # tells more than that it is slower.
    implied = slower.matters and quality.amplitude_unit == "g"
    yield smaller if implied else _heed(smaller, _LEAST_SMALLER)
    jerk = quality.jerk
    if np.isnan(jerk).any():
        yield _undefined("smoothness_change", "a repetition is too short, or nothing moves")
        return
    change = _change("smoothness_change", quality, jerk, _difference, jerk)
    yield change if slower.matters else _heed(change, _LEAST_JERKIER)


def _lacks(name: str, quality: Quality) -> str:
    least = MEASURES[name].least
    if len(quality) >= least:
        return ""
    return f"it takes {least} repetitions or more, these are {len(quality)}"


def _trend(
    name: str, quality: Quality, measure: Callable[[Array], float], values: Array
) -> Measure:
    lacking = _lacks(name, quality)
    return _undefined(name, lacking) if lacking else Measure(name, measure(values))


def _change(
    name: str,
    quality: Quality,
    tested: Array,
    measure: Callable[[Array], float],
    values: Array,
) -> Measure:
    lacking = _lacks(name, quality)
    if lacking:
        return _undefined(name, lacking)
    return Measure(name, measure(values), chance=trend_chance(tested))


def _heed(measure: Measure, least: float) -> Measure:
    """Let a measure matter where it is large enough and chance hardly gives it."""
    matters = measure.chance <= CHANCE and abs(measure.value) >= least
    return Measure(measure.name, measure.value, matters, measure.chance, measure.reason)


def _difference(values: Array) -> float:
    count = edge_count(len(values))
    return float(np.median(values[-count:]) - np.median(values[:count]))


def _measure_sides(
    quality: Quality, likeness: Array, known: npt.NDArray[np.bool_]
) -> Iterator[Measure]:
    names = {"asymmetry": quality.amplitudes, "asymmetry_tempo": quality.durations_s}
    lacking = _lacks("asymmetry", quality)
    alternates = not lacking and known.any() and alternation_chance(-likeness, known) <= CHANCE
    for name, values in names.items():
        if not alternates:
            yield _undefined(name, lacking or "the repetitions do not alternate")
        else:
            index = symmetry_index(values)
            seen = abs(symmetry_index(quality.amplitudes)) <= _MOST_INDEX
            measure = Measure(name, index, chance=parity_chance(np.log(np.maximum(values, 1e-9))))
            yield _heed(measure, _LEAST_INDEX) if seen else measure
