"""The stretches that windows lie in: index arithmetic on a lab's tables."""

from collections import Counter
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import UnitError
from workoutlab.signals.gaps import Ground, Pieces, cut_spans
from workoutlab.signals.layout import Layout, Size
from workoutlab.signals.lengths import Length, count_samples, parse_rate

__all__ = [
    "COLUMNS",
    "find_rates",
    "segment_events",
    "segment_recordings",
    "segment_sets",
    "segment_whole_sets",
]

COLUMNS: Final = (
    *("recording", "set", "user", "session", "exercise", "muscle_group"),
    *("start", "stop", "count", "rate_hz", "length", "step", "part_start", "part_stop"),
    *("digest", "source_rate_hz", "regular", "samples", "simulated"),
)
_OF_RECORDINGS: Final = ("user", "session", "digest", "regular", "samples", "simulated")
_ROUNDING: Final = 1e-6  # of a sample: times are float64 seconds
_TENS_FROM_HZ: Final = 50  # so that tenths of a second are whole samples

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def find_rates(recordings: pd.DataFrame, rate_hz: float | str | None) -> Floats:
    """Return the rate of the grid of each recording.

    Parameters
    ----------
    recordings
        Table of a lab.
    rate_hz
        The rate of all; ``"own"``: each recording's, where it is irregular the median one to whole
        Hz (tens of Hz from 50 Hz on, 1 Hz at least); None: the rate that all share.

    Raises
    ------
    UnitError
        If they share no rate and none is given.
    """
    if rate_hz == "own":
        found = recordings["rate_hz"].to_numpy(dtype=float)
        median = np.nan_to_num(found)  # not known of a single sample
        rounded = np.where(median < _TENS_FROM_HZ, np.rint(median), 10 * np.rint(median / 10))
        rounded = np.maximum(1.0, rounded)
        own: Floats = np.where(recordings["regular"].to_numpy(dtype=bool), found, rounded)
        return own
    rate = _find_shared(recordings) if rate_hz is None else parse_rate(rate_hz)
    return np.full(len(recordings), rate)


def _find_shared(recordings: pd.DataFrame) -> float:
    pairs = zip(recordings["regular"], recordings["rate_hz"].round(3).astype(str), strict=True)
    rates = Counter(
        f"at {rate} Hz" if each else f"irregular, about {rate} Hz" for each, rate in pairs
    )
    if len(rates) == 1 and bool(recordings["regular"].all()):
        return float(recordings["rate_hz"].iloc[0])
    found = [f"{count} {how}" for how, count in rates.most_common(6)]
    more = "" if len(rates) <= 6 else f"; and {len(rates) - 6} rates more"
    raise UnitError(
        f"the {len(recordings)} recordings share no rate ({'; '.join(found)}{more}): give one that "
        "they are resampled to, windows(..., rate_hz=50) say, take each at its own, "
        "rate_hz='own', or choose some of them"
    )


def segment_sets(sets: pd.DataFrame, ground: Ground, size: Size, trim: float) -> pd.DataFrame:
    """Return one segment a set, its middle, or one a piece where gaps split it.

    Parameters
    ----------
    sets
        Table of a lab; each set's recording is on the ground.
    ground
        Recordings, rates and parts.
    size
        Length and step of windows in samples, one of each a recording.
    trim
        Share of a set that is left out at either end.
    """
    length, step = (each[_owners(sets, ground)] for each in size)
    row, part, start, stop = _trim_sets(sets, ground, trim, length)
    length, step = length[row], step[row]
    count = np.maximum((stop - start - length) // step + 1, 0)
    places = {"start": start, "stop": stop, "count": count, "length": length, "step": step}
    return _frame(ground, part, sets, row, places)


def segment_whole_sets(sets: pd.DataFrame, ground: Ground, trim: float) -> pd.DataFrame:
    """Return one segment a set, or piece of it between gaps, that is one window.

    The parameters are those of :func:`segment_sets`.
    """
    row, part, start, stop = _trim_sets(sets, ground, trim, np.zeros(len(sets), np.int64))
    length = np.maximum(stop - start, 1)
    count = (stop > start).astype(np.int64)
    places = {"start": start, "stop": stop, "count": count, "length": length, "step": length}
    return _frame(ground, part, sets, row, places)


def _owners(sets: pd.DataFrame, ground: Ground) -> Integers:
    return ground.recordings.index.get_indexer(pd.Index(sets["recording"])).astype(np.int64)


def _cut_sets(sets: pd.DataFrame, owner: Integers, ground: Ground) -> Pieces:
    rate = ground.rate_hz[owner]
    start, stop = _to_samples(sets["start_s"], rate), _to_samples(sets["stop_s"], rate)
    return cut_spans(owner, start, stop, ground.parts)


def _trim_sets(
    sets: pd.DataFrame, ground: Ground, trim: float, length: Integers
) -> tuple[Integers, Integers, Integers, Integers]:
    """Return the set, part, start and stop of each piece of the middles of sets.

    The middle of a set in one piece that is shorter than a window, though the set is not, is
    widened to a window.
    """
    owner = _owners(sets, ground)
    row, part, start, stop = _cut_sets(sets, owner, ground)
    heads = np.flatnonzero(np.diff(row, prepend=-1))
    tails = np.append(heads[1:], len(row))[: len(heads)] - 1
    low, high = start[heads], stop[tails]
    whole = high - low
    cut = np.floor(trim * whole + _ROUNDING).astype(np.int64)
    widened = (heads == tails) & (whole - 2 * cut < length) & (whole >= length)
    inner = np.where(widened, low + (whole - length) // 2, low + cut)
    outer = np.where(widened, inner + length, high - cut)
    start = np.clip(inner[row], start, stop)
    return row, part, start, np.clip(outer[row], start, stop)


def segment_events(
    sets: pd.DataFrame, ground: Ground, length: Integers, event: str, shift: Length | None
) -> pd.DataFrame:
    """Return one segment a set: a window around an event of it, or none where it does not fit.

    Parameters
    ----------
    sets, ground
        As in :func:`segment_sets`.
    length
        Of windows in samples, one a recording.
    event
        ``"start"``, ``"stop"`` or ``"middle"`` of the set.
    shift
        Where the window starts, from the event; None: half its length before it.
    """
    owner = _owners(sets, ground)
    length = length[owner]
    rate = ground.rate_hz[owner]
    begin, end = _to_samples(sets["start_s"], rate), _to_samples(sets["stop_s"], rate)
    at = {"start": begin, "stop": end, "middle": (begin + end) // 2}[event]
    if shift is None:
        moved = -(length // 2)
    else:
        distinct, place = np.unique(ground.rate_hz, return_inverse=True)
        moved = count_samples(shift, distinct, "offset")[place][owner]
    first = at + moved
    row, part, start, stop = cut_spans(owner, first, first + length, ground.parts)
    heads = np.flatnonzero(np.diff(row, prepend=-1))  # a window in pieces spans a gap
    part, start = part[heads], start[heads]
    whole = stop[heads] - start == length
    places = {
        "start": start,
        "stop": np.where(whole, start + length, start),
        "count": whole.astype(np.int64),
        "length": length,
        "step": length,
    }
    return _frame(ground, part, sets, np.arange(len(sets)), places)


def segment_recordings(
    sets: pd.DataFrame, ground: Ground, size: Size, layout: Layout
) -> pd.DataFrame:
    """Return the runs of windows with the same set, or none, that cover whole recordings.

    Parameters
    ----------
    sets, ground, size
        As in :func:`segment_sets`.
    layout
        Which share of a window a set must cover to label it, and whether windows that sets cover
        in part are dropped.
    """
    parts = ground.parts
    length, step = (each[parts.owner] for each in size)
    windows = np.maximum((parts.stop - parts.start - length) // step + 1, 0)
    owner = _owners(sets, ground)
    row, part, start, stop = _cut_sets(sets, owner, ground)
    spans = row, part, start - parts.start[part], stop - parts.start[part]
    share = layout.share_labelled
    row, part_of, first, last = _cover(spans, (length, step, windows), share)
    taken = part_of, first, last
    if layout.mixed_dropped:
        taken = _cover(spans, (length, step, windows), 1 - share)[1:]
    runs = _fill_gaps(*taken, windows)
    part_of = np.concatenate([part_of, runs[:, 0]])
    first = np.concatenate([first, runs[:, 1]])
    count = np.concatenate([last, runs[:, 2]]) - first
    step, length, begin = step[part_of], length[part_of], parts.start[part_of]
    start = begin + first * step
    stop = np.where(count > 0, start + (count - 1) * step + length, parts.stop[part_of])
    places = {"start": start, "stop": stop, "count": count, "length": length, "step": step}
    row = np.concatenate([row, np.full(len(runs), -1)])
    return _frame(ground, part_of, sets, row, places)


def _cover(
    spans: tuple[Integers, ...], laid: tuple[Integers, ...], share: float
) -> tuple[Integers, Integers, Integers, Integers]:
    """Return row, part, first and last window, the last out, of those mostly within a span.

    A span from a to b covers `least` samples or more of a window of n samples that starts at p
    if p + n - a and b - p, and the span itself, are no less than `least`.
    """
    row, part, start, stop = spans
    length, step, windows = (each[part] for each in laid)
    least = np.floor(share * length + _ROUNDING).astype(np.int64) + 1
    first = np.clip(-((length - least - start) // step), 0, windows)
    last = np.clip((stop - least) // step + 1, 0, windows)
    covers = (last > first) & (stop - start >= least)
    return row[covers], part[covers], first[covers], last[covers]


def _fill_gaps(part: Integers, first: Integers, last: Integers, windows: Integers) -> Integers:
    """Return (part, first, last) of what runs leave of the windows of each part.

    Neither the firsts nor the lasts of a part's runs decrease from run to run. A part without
    windows keeps one empty run, so that it is reported.
    """
    everyone = np.arange(len(windows))
    opens = np.stack([np.append(part, everyone), np.append(last, 0 * windows)], axis=1)
    closes = np.stack([np.append(part, everyone), np.append(first, windows)], axis=1)
    opens = opens[np.lexsort((opens[:, 1], opens[:, 0]))]
    closes = closes[np.lexsort((closes[:, 1], closes[:, 0]))]
    runs: Integers = np.column_stack([opens, closes[:, 1]])
    kept: Integers = runs[(runs[:, 2] > runs[:, 1]) | (windows[runs[:, 0]] == 0)]
    return kept


def _to_samples(seconds: pd.Series, rate_hz: Floats) -> Integers:
    return np.rint(seconds.to_numpy(dtype=float) * rate_hz).astype(np.int64)


def _frame(
    ground: Ground, part: Integers, sets: pd.DataFrame, row: Integers, places: dict[str, Integers]
) -> pd.DataFrame:
    """Put a segment table together; row -1 stands for no set."""
    owner = ground.parts.owner[part]
    owners = ground.recordings.iloc[owner]
    blank = pd.DataFrame({"exercise": [""], "muscle_group": [""]})
    names = pd.concat([sets[["exercise", "muscle_group"]], blank], ignore_index=True).iloc[row]
    columns: dict[str, object] = {
        "recording": owners.index.to_numpy(np.int64),
        "set": np.append(sets.index.to_numpy(np.int64), -1)[row],
        "source_rate_hz": owners["rate_hz"].array,
        **{name: owners[name].array for name in _OF_RECORDINGS},
        **{name: names[name].array for name in ("exercise", "muscle_group")},
        "rate_hz": ground.rate_hz[owner],
        "part_start": ground.parts.start[part],
        "part_stop": ground.parts.stop[part],
        **places,
    }
    return pd.DataFrame(columns)[list(COLUMNS)]
