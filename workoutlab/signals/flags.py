"""Flags: when nobody wore the device, when it was at its range's end, and when it said nothing."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.cluster import progress as show_progress
from workoutlab.cluster import run_tasks
from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.schema import check_number
from workoutlab.signals.blocks import (
    describe_blocks,
    find_clipped,
    find_still_blocks,
    lay_blocks,
    merge_runs,
)
from workoutlab.signals.choice import Filters
from workoutlab.signals.tracks import Track, choose_tracks, list_tracks

__all__ = ["KINDS", "flags", "summarise_flags"]

KINDS: Final = ("non-wear", "clipped", "gap")
_COLUMNS: Final = ("recording", "start_s", "stop_s", "kind")
_LONGEST_S: Final = 3600.0
_SHORTEST_S: Final = 60.0
_STEPS: Final = 4  # of a window

Integers = npt.NDArray[np.int64]
Intervals = list[tuple[int, float, float, str]]


class _Rules(NamedTuple):
    kinds: tuple[str, ...]
    window_s: float | None
    step_s: float | None
    max_sd_g: float
    max_spread_g: float
    range_g: float | None
    max_gap_s: float


class _Task(NamedTuple):
    track: Track
    rules: _Rules


def flags(  # noqa: PLR0913 - each by its name
    source: Lab | Recording | Iterable[Recording],
    *,
    kinds: str | Sequence[str] = KINDS,
    window_s: float | None = None,
    step_s: float | None = None,
    max_sd_g: float = 0.013,
    max_spread_g: float = 0.05,
    range_g: float | None = None,
    max_gap_s: float = 1,
    progress: bool = True,
    **filters: Unpack[Filters],
) -> pd.DataFrame:
    """Find when recordings cannot be trusted: not worn, at the sensor's range, or silent.

    ``"non-wear"``: all of a window in which, on two axes or more, the standard deviation is below
    13 mg and the values are less than 50 mg apart [1]_. A device on a table is told from one that
    is worn by how long it rests: with short windows, lying still may pass for not wearing it.

    ``"clipped"``: samples at the end of the sensor's range. ``"gap"``: from the last sample before
    to the first after a silence. Memory is bounded by a million samples, and the times of an
    irregular recording.

    Parameters
    ----------
    source
        A lab, or recordings in memory.
    kinds
        What to look for: one, or several.
    window_s, step_s
        Length of the windows that rest is looked for in, and time from one to the next. By default
        an hour, as published, or a quarter of a recording of less than four hours, down to a
        minute; and a quarter of a window.
    max_sd_g, max_spread_g
        What an axis stays below in a window at rest.
    range_g
        The sensor's range: samples from 99 % of it on are clipped. None: found in each recording;
        the highest and the lowest value of an axis count as its range where they are beyond 1.5 g
        and three neighbouring samples hold one.
    max_gap_s
        Longest time between two samples that is no gap.
    progress
        Whether to show progress on standard error, where it is a terminal.
    **filters
        ``users``, ``sessions``, ``devices``: a name or several; all by default.

    Returns
    -------
    pandas.DataFrame
        One row an interval, sorted: ``recording`` (its row), ``start_s`` and ``stop_s`` from the
        recording's first sample, and ``kind``. :meth:`workoutlab.signals.Windows.exclude` leaves
        windows in them out; :func:`summarise_flags` counts them.

    Raises
    ------
    InputError
        If a setting cannot mean anything.
    NotInLabError
        If nothing is left by the filters.

    References
    ----------
    .. [1] V. T. van Hees et al., "Separating movement and gravity components in an acceleration
       signal and implications for the assessment of human daily physical activity", PLoS ONE 8(4),
       2013, e61691.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> worn = rng.normal(size=(60_000, 3)) * 0.2
    >>> worn[15_000:45_000] = [0, 0, 1]
    >>> flags(Recording(user="ann", session="mon", acceleration=worn, rate_hz=50))
       recording  start_s  stop_s      kind
    0          0    300.0   900.0  non-wear
    """
    rules = _check(
        _Rules(_list_kinds(kinds), window_s, step_s, max_sd_g, max_spread_g, range_g, max_gap_s)
    )
    home, recordings = choose_tracks(source, filters)
    tracks = list_tracks(home, recordings)
    found: Intervals = []
    with show_progress("recordings", len(tracks), show=progress) as report:
        tasks = (_Task(track, rules) for track in tracks)
        for done, (_, outcome) in enumerate(run_tasks(_flag, tasks), start=1):
            if isinstance(outcome, Exception):
                raise outcome
            found += outcome
            report(done)
    frame = pd.DataFrame(found, columns=list(_COLUMNS))
    typed = frame.astype({"recording": "int64", "start_s": float, "stop_s": float, "kind": "str"})
    return typed.sort_values(["recording", "start_s", "kind"], ignore_index=True)


def _list_kinds(kinds: object) -> tuple[str, ...]:
    listed = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(listed, Iterable):
        found = tuple(listed)
        if found and all(kind in KINDS for kind in found):
            return found
    raise InputError(f"kinds: expected some of {', '.join(KINDS)}, got {kinds!r}")


def _check(rules: _Rules) -> _Rules:
    for name, value in rules._asdict().items():
        if name != "kinds" and value is not None:
            check_number(name, value, above=0)
    if rules.step_s is not None:
        _count_steps(rules.window_s, rules.step_s)
    return rules


def _count_steps(window_s: float | None, step_s: float) -> int:
    if window_s is None:
        raise InputError(f"step_s={step_s:g} without window_s: give both, or the window alone")
    steps = round(window_s / step_s)
    if steps < 1 or abs(steps * step_s - window_s) > 1e-6 * window_s:
        raise InputError(
            f"window_s={window_s:g}, step_s={step_s:g}: expected a whole number of steps in a "
            "window"
        )
    return steps


def _flag(task: _Task) -> Intervals:
    track, rules = task
    clock = track.clock()
    order, times = (None, None) if clock is None else clock
    stops = np.array([track.samples])
    if times is not None:
        stops = np.append(np.flatnonzero(np.diff(times) > rules.max_gap_s * 1e9) + 1, stops)
    found: Intervals = []
    if "gap" in rules.kinds and times is not None:
        gaps = np.stack([times[stops[:-1] - 1], times[stops[:-1]]], axis=1) / 1e9
        found += [(track.recording, start, stop, "gap") for start, stop in gaps.tolist()]
    if "non-wear" in rules.kinds or "clipped" in rules.kinds:
        window_s, width = _choose_window(track, rules)
        edges = lay_blocks(stops, window_s / width, track.rate_hz, times)
        blocks = describe_blocks(track, edges, stops, order)
    if "non-wear" in rules.kinds:
        rests = find_still_blocks(blocks, width, rules.max_sd_g, rules.max_spread_g)
        runs = merge_runs(np.flatnonzero(rests), blocks.part)
        found += _tell(track, edges[runs], times, "non-wear")
    if "clipped" in rules.kinds:
        places = find_clipped(track, blocks, order, rules.range_g)
        found += _tell(track, merge_runs(places), times, "clipped")
    return found


def _choose_window(track: Track, rules: _Rules) -> tuple[float, int]:
    """Return the length of a window in s, and how many steps it has."""
    window_s = rules.window_s
    if window_s is None:
        window_s = min(_LONGEST_S, max(_SHORTEST_S, track.duration_s / 4))
    steps = _STEPS if rules.step_s is None else _count_steps(window_s, rules.step_s)
    if window_s / steps * track.rate_hz < 1:
        raise InputError(
            f"window_s={window_s:g}: expected steps of a sample or more, got {steps} in a window "
            f"at {track.rate_hz:g} Hz"
        )
    return window_s, steps


def _tell(track: Track, runs: Integers, times: Integers | None, kind: str) -> Intervals:
    """Say in seconds where runs of samples are; the last one lasts until the next would come."""
    if times is None:
        seconds = runs / track.rate_hz
    else:
        ends = times[runs[:, 1] - 1] + (1e9 / track.rate_hz if track.samples > 1 else 0)
        following = times[np.minimum(runs[:, 1], len(times) - 1)]
        ends = np.where(runs[:, 1] < len(times), np.minimum(ends, following), ends)
        seconds = np.stack([times[runs[:, 0]], ends], axis=1) / 1e9
    return [(track.recording, start, stop, kind) for start, stop in seconds.tolist()]


def summarise_flags(
    source: Lab | Recording | Iterable[Recording],
    intervals: pd.DataFrame,
    **filters: Unpack[Filters],
) -> pd.DataFrame:
    """Count for every recording how long each flag is up.

    Parameters
    ----------
    source
        What was given to :func:`flags`.
    intervals
        What it returned.
    **filters
        ``users``, ``sessions``, ``devices``: a name or several; all by default.

    Returns
    -------
    pandas.DataFrame
        One row a recording, by its row: ``user``, ``session``, ``device``, ``duration_s``, and
        ``non_wear_s``, ``clipped_s`` and ``gap_s``, the time in s under each flag.

    Raises
    ------
    NotInLabError
        If nothing is left by the filters.

    Examples
    --------
    >>> still = Recording(user="ann", session="mon", acceleration=[[0, 0, 1]] * 9000, rate_hz=50)
    >>> summarise_flags(still, flags(still))[["duration_s", "non_wear_s", "clipped_s"]]
       duration_s  non_wear_s  clipped_s
    0       180.0       180.0        0.0
    """
    _, recordings = choose_tracks(source, filters)
    lengths = (intervals["stop_s"] - intervals["start_s"]).groupby(
        [intervals["recording"], intervals["kind"]]
    )
    totals = lengths.sum().unstack()
    totals = totals.reindex(index=recordings.index, columns=list(KINDS))
    names = [f"{kind.replace('-', '_')}_s" for kind in KINDS]
    return recordings[["user", "session", "device", "duration_s"]].assign(
        **dict(zip(names, totals.fillna(0.0).to_numpy().T, strict=True))
    )
