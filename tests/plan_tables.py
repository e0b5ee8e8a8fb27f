"""A lab that holds tables and clocks but no signal, and plans of it made sample by sample."""

from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from workoutlab.lab import Lab

MS = 1_000_000  # ns


class TablesOnly(Lab):
    """What a plan asks of a lab.

    Recordings as dicts: ``samples`` and ``rate_hz``, or ``clock`` (ns); ``sets`` as pairs of
    seconds; ``user`` optional.
    """

    url, snapshot = "memory://tables", "S"

    def __init__(self, *recordings):
        self.clocks = {row: each.get("clock") for row, each in enumerate(recordings)}
        self.read_times = []
        sets = [
            (row, *edges) for row, each in enumerate(recordings) for edges in each.get("sets", ())
        ]
        columns = list(zip(*sets, strict=True)) if sets else ((), (), ())
        self._tables = {
            "recordings": pd.DataFrame(
                [{**_describe(each), "digest": f"d{row}"} for row, each in enumerate(recordings)]
            ),
            "sets": pd.DataFrame(
                {
                    "recording": np.array(columns[0], dtype=np.int64),
                    "start_s": np.array(columns[1], dtype=float),
                    "stop_s": np.array(columns[2], dtype=float),
                    "exercise": [f"e{row % 3}" for row in range(len(sets))],
                    "muscle_group": "",
                    "origin": "file",
                }
            ),
        }

    def at(self, _):
        return self

    def table(self, name, columns):
        return self._tables[name][list(columns)]

    def read_many(self, rows, quantity):
        assert quantity == "time", "a sample was read"
        self.read_times += rows
        return [self.clocks[row] for row in rows]


def _describe(recording):
    facts = {"user": "ann", "session": "s1", "device": "watch", "simulated": True}
    facts |= {name: recording[name] for name in ("user", "session") if name in recording}
    clock = recording.get("clock")
    if clock is None:
        rate, samples = float(recording["rate_hz"]), recording["samples"]
        told = {"rate_hz": rate, "regular": True, "samples": samples}
        return {**facts, **told, "duration_s": samples / rate, "longest_gap_s": 1 / rate}
    gaps = np.diff(np.sort(clock)) / 1e9
    return {
        **facts,
        "rate_hz": float(1 / np.median(gaps[gaps > 0])) if (gaps > 0).any() else np.nan,
        "regular": False,
        "samples": len(clock),
        "duration_s": float(np.ptp(clock)) / 1e9,
        "longest_gap_s": float(gaps.max(initial=0)),
    }


@st.composite
def clocks(draw):
    """Times in ns, in whole ms, with gaps of up to two seconds and repeats, in order."""
    steps = st.sampled_from([0, 7, 10, 13, 20, 40, 400, 1000, 1001, 1500, 2000])
    common = st.sampled_from([10, 20, 20, 40])
    some = draw(st.lists(st.one_of(common, common, common, steps), min_size=1, max_size=60))
    return np.append(0, np.cumsum(some * draw(st.integers(1, 3)))) * MS


@st.composite
def edges(draw, most=400):
    """Edges of disjoint stretches, in grid samples."""
    places = sorted(draw(st.lists(st.integers(0, most), max_size=12, unique=True)))
    return list(zip(places[::2], places[1::2], strict=False))


def slow_parts(recording, rate, max_gap_ms):
    """The grid samples of each part of a recording, by looking at every one."""
    clock = recording.get("clock")
    if clock is None:
        return [range(int((recording["samples"] - 1) * rate / recording["rate_hz"]) + 1)]
    times = sorted(int(time) // MS for time in clock)
    runs = [[times[0]]]
    for time in times[1:]:
        if time - runs[-1][-1] > max_gap_ms:
            runs.append([])
        runs[-1].append(time)
    tick = 1000 // rate
    last = times[-1] // tick
    return [
        [k for k in range(last + 1) if run[0] <= k * tick <= run[-1]]
        for run in (runs if max_gap_ms is not None else [times])
    ]


def slow_sets(parts, edges, length, step, trim):
    """Starts of the windows in a set's middle."""
    start, stop = edges
    pieces = [[k for k in part if start <= k < stop] for part in parts]
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return []
    low, high = pieces[0][0], pieces[-1][-1] + 1
    whole = high - low
    cut = int(Fraction(str(trim)) * whole)
    if len(pieces) == 1 and whole - 2 * cut < length <= whole:
        return [low + (whole - length) // 2]
    starts = []
    for piece in pieces:
        middle = [k for k in piece if low + cut <= k < high - cut]
        starts += [k for k in middle[::step] if k + length - 1 in middle]
    return starts


def slow_recording(parts, sets, length, step, share, drop):
    """Start and label of the windows of a recording, by counting the samples in each set."""
    found = []
    for part in parts:
        for start in [k for k in part[::step] if k + length - 1 in part]:
            inside = range(start, start + length)
            shares = [
                Fraction(sum(first <= k < last for k in inside), length) for first, last in sets
            ]
            labels = [row for row, each in enumerate(shares) if each > share]
            if labels:
                found.append((start, labels[0]))
            elif not (drop and any(each > 1 - share for each in shares)):
                found.append((start, -1))
    return found
