"""Planning windows: tables in, a plan out. Nothing of the signal is read."""

from collections.abc import Iterable
from typing import Final, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals.choice import Filters, choose_recordings, choose_sets
from workoutlab.signals.gaps import Ground, find_parts
from workoutlab.signals.held import Home, hold
from workoutlab.signals.labels import REST, check_labelled, find_rests, label_sets, name_rests
from workoutlab.signals.layout import Layout, Lengths
from workoutlab.signals.preparation import Preparation
from workoutlab.signals.segments import (
    find_rates,
    segment_events,
    segment_recordings,
    segment_sets,
    segment_whole_sets,
)
from workoutlab.signals.windows import Windows, list_distinct

__all__ = ["windows"]

_RECORDINGS: Final = (
    *("digest", "user", "session", "device", "simulated"),
    *("rate_hz", "regular", "duration_s", "longest_gap_s", "samples"),
)
_SETS: Final = ("recording", "start_s", "stop_s", "exercise", "muscle_group", "origin")
_ORDER: Final = ["user", "session", "recording", "start", "length"]

Floats = npt.NDArray[np.float64]


def windows(  # noqa: PLR0913 - what a plan is, each by its name
    source: Lab | Recording | Iterable[Recording],
    *,
    length: Lengths = "8s",
    step: Lengths | None = None,
    overlap: float | None = None,
    within: str = "sets",
    trim: float | None = None,
    around: str | None = None,
    offset: str | float | None = None,
    label_share: float | None = None,
    mixed: str | None = None,
    label: str = "exercise",
    rate_hz: float | str | None = None,
    max_gap: str | float | None = "1s",
    preparation: Preparation | None = None,
    **filters: Unpack[Filters],
) -> Windows:
    """Plan windows over recordings; nothing of the signal is read.

    Parameters
    ----------
    source
        A lab, of which the plan keeps to the present snapshot; or a recording or several in
        memory, which are not copied. The latter need no lab, but networks are kept in one; on a
        cluster each task carries its recordings.
    length
        Length of a window: ``"8s"``, ``"500ms"``, a number of seconds, or ``"400 samples"``, which
        must be whole samples of the grid. Several, ``["4s", "8s"]``: windows of each. ``"set"``:
        each set, trimmed, is one window of its own length.
    step
        Time from one window to the next, in the same way; one, or one for each length. ``"1s"``
        by default.
    overlap
        Instead of a step, the share of a window that the next one shares, from 0 up to 1.
    within
        ``"sets"``: windows lie in the middle of a set. A set whose middle is shorter than a
        window, but that is as long as one itself, has one centred window; a shorter set has none.
        ``"recordings"``: windows lie anywhere in a recording, with the label of a set or none. A
        run of windows with the same label is a segment, so that neighbouring segments share
        samples.
    trim
        Within sets, the share of a set that is left out at either end; 0.1 by default.
    around
        ``"start"``, ``"stop"`` or ``"middle"``: of each set, one window of each length around
        this event of it, wherever it reaches, with the set's label; none where it would leave the
        recording or span a gap.
    offset
        Where a window around an event starts, from the event: ``"-2s"`` is two seconds before
        it. By default it is centred on the event.
    label_share
        Within recordings, a window has the label of the set that covers more than this share of
        it, from 0.5 up to 1; 0.5 by default.
    mixed
        Within recordings, what becomes of windows that a set covers by more than 1 - `label_share`
        and yet not by more than `label_share`: ``"blank"``, they have no label (the default), or
        ``"drop"``, they are left out.
    rate_hz
        Rate of the common grid. Recordings of another rate, or with times of their own, are
        resampled to it when they are read: linear interpolation between samples sorted by time
        (those of the same time in the order they came, averaged), from the recording's first
        sample on, held at the ends; a preparation says whether what is faster than half a far
        lower rate is filtered out before. None: the rate that all recordings share. ``"own"``:
        each recording at its own rate; where it has times of its own, at their median rate to
        whole Hz (tens of Hz from 50 Hz on, 1 Hz at least).
    max_gap
        Recordings with times of their own are split where nothing was recorded for longer: no
        window spans such a gap. To find them, the times of the recordings that have one are read
        (the lab knows which), not the signal. None: never split.
    preparation
        What is done to the samples before anything is computed from them; nothing by default.
    **filters
        ``users``, ``sessions``, ``devices``, ``exercises``, ``muscle_groups``: a name or several.

    Returns
    -------
    Windows
        Sorted by user, session, recording, start and length.

    Raises
    ------
    UnitError
        If a length is not understood or no whole number of samples, the rates differ, or a filter
        of the preparation does not fit one.
    NotInLabError
        If a name is not in the lab, or it holds nothing of what was asked.
    InputError
        If another argument, or two of them together, cannot mean anything.

    Examples
    --------
    >>> from workoutlab.recording import LabelledSet
    >>> curl = Recording(
    ...     user="ann",
    ...     session="monday",
    ...     acceleration=np.ones((1500, 3)),
    ...     rate_hz=50,
    ...     sets=[LabelledSet(start=100, stop=1300, exercise="biceps-curl")],
    ... )
    >>> lab = Lab("memory://windows-example")
    >>> _ = lab.append([curl])
    >>> plan = windows(lab)
    >>> len(plan), plan.length, plan.step
    (12, 400, 50)
    >>> print(plan.describe())
    12 windows of 1 person in 1 session, 1 recording and 1 stretch; 0.0 MB to read
    >>> len(windows(curl, length=["4s", "8s"], overlap=0.5)), len(windows(curl, length="set"))
    (11, 1)
    >>> windows(curl, length="4s", around="start", offset="-1s").frame()["start_s"].tolist()
    [1.0]
    """
    layout = Layout(
        length=length,
        step=step,
        overlap=overlap,
        within=within,
        trim=trim,
        around=around,
        offset=offset,
        label_share=label_share,
        mixed=mixed,
        rate_hz=rate_hz,
        max_gap=max_gap,
        label=label,
    )
    prepared = Preparation() if preparation is None else preparation
    if not isinstance(prepared, Preparation):
        raise InputError(f"preparation: expected a Preparation, got {preparation!r}")
    home, origin = _open(source)
    recordings, chosen, everywhere = _choose(home, filters, layout)
    rates = find_rates(recordings, rate_hz)
    for rate in np.unique(rates).tolist():
        prepared.check_rate(rate)
    asked = _list_asked(layout, rates)  # refuses lengths that do not fit, before times are read
    parts = find_parts(home, recordings, rates, layout.max_gap_s)
    ground = Ground(recordings, rates, parts)
    segments = _segment_labelled(chosen, everywhere, ground, layout, filters)
    segments = segments.sort_values(_ORDER, ignore_index=True)
    return Windows(home, origin, layout, asked, prepared, segments)


def _open(source: object) -> tuple[Home, Lab | None]:
    """Return what the plan reads, and the lab that it was made from."""
    if isinstance(source, Lab):
        return source.at(source.snapshot), source
    return hold(source), None


def _names_sets(filters: Filters) -> bool:
    return any(filters.get(name) is not None for name in ("exercises", "muscle_groups"))


def _choose(
    home: Home, filters: Filters, layout: Layout
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the recordings and the sets that are covered, and all sets of these recordings."""
    recordings = choose_recordings(home.table("recordings", _RECORDINGS), filters)
    sets = home.table("sets", _SETS)
    chosen = sets[sets["recording"].isin(recordings.index)]
    if layout.by_set or _names_sets(filters):
        chosen = choose_sets(chosen, filters)
        recordings = recordings.loc[np.unique(chosen["recording"])]
    return recordings, chosen, sets[sets["recording"].isin(recordings.index)]


def _segment_labelled(
    chosen: pd.DataFrame,
    everywhere: pd.DataFrame,
    ground: Ground,
    layout: Layout,
    filters: Filters,
) -> pd.DataFrame:
    """Return the segments of the sets chosen, labelled as asked; and those of no set."""
    named = filters.get("exercises")
    labelled = label_sets(chosen, layout.label, named)
    if layout.by_set:
        check_labelled(labelled, chosen, layout.label)
        if layout.by_activity:
            labelled = pd.concat([labelled, find_rests(_keep_looked_at(everywhere), ground)])
        return _segment(labelled, ground, layout)
    segments = _segment(label_sets(everywhere, layout.label, named), ground, layout)
    if layout.by_activity:
        segments = name_rests(segments, _keep_looked_at(everywhere))
    if _names_sets(filters):
        kept = segments["set"].isin(labelled.index)
        segments = segments[kept | (segments["exercise"] == REST)]
    return segments


def _keep_looked_at(sets: pd.DataFrame) -> pd.DataFrame:
    """Return the sets of recordings that came with labels: what lies between these is rest.

    Of a recording that has corrected sets alone nobody knows what the others were.
    """
    looked_at = sets["recording"][sets["origin"] == "file"]
    return sets[sets["recording"].isin(looked_at)]


def _segment(sets: pd.DataFrame, ground: Ground, layout: Layout) -> pd.DataFrame:
    """Return the segments of all lengths."""
    if layout.whole_sets:
        return segment_whole_sets(sets, ground, layout.share_trimmed)
    tables = []
    for size in layout.sizes(ground.rate_hz):
        if layout.around is not None:
            table = segment_events(sets, ground, size[0], layout.around, layout.shift)
        elif layout.by_set:
            table = segment_sets(sets, ground, size, layout.share_trimmed)
        else:
            table = segment_recordings(sets, ground, size, layout)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _list_asked(layout: Layout, rates: Floats) -> dict[str, tuple[float, ...]]:
    """List the distinct rates, lengths and steps that a layout comes to."""
    distinct = np.unique(rates)
    grids = [
        pd.DataFrame({"rate_hz": distinct, "length": length, "step": step})
        for length, step in layout.sizes(distinct)
    ]
    empty: dict[str, Floats] = dict.fromkeys(("length", "step", "length_s", "step_s"), distinct[:0])
    found = list_distinct(pd.concat(grids)) if grids else {"rate_hz": distinct, **empty}
    return {name: tuple(values.tolist()) for name, values in found.items()}
