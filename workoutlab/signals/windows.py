"""Windows: a plan of which samples belong together. Nothing of the signal is read."""

import html
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.signals.choice import Filters, choose_recordings, choose_sets
from workoutlab.signals.lengths import count_samples, parse_length, parse_rate
from workoutlab.signals.preparation import Preparation
from workoutlab.signals.segments import find_rate, segment_recordings, segment_sets

__all__ = ["Description", "Windows", "windows"]

_RECORDINGS: Final = (
    *("digest", "user", "session", "device", "simulated"),
    *("rate_hz", "regular", "duration_s", "samples"),
)
_SETS: Final = ("recording", "start_s", "stop_s", "exercise", "muscle_group")
_SAMPLE_BYTES: Final = 12  # three float32
_TIME_BYTES: Final = 8


@dataclass(frozen=True)
class Description:
    """What a plan covers, and what reading it costs.

    Parameters
    ----------
    people, sessions, recordings
        How many have a window or more.
    segments
        Stretches that windows lie in: sets, or parts of recordings.
    empty
        Stretches too short for a window.
    windows
        Number of windows.
    read_bytes
        Samples and times that computing reads, uncompressed.
    """

    people: int
    sessions: int
    recordings: int
    segments: int
    empty: int
    windows: int
    read_bytes: int

    def __str__(self) -> str:
        short = f"; {self.empty:,} too short for a window" if self.empty else ""
        windows = _count(self.windows, "window", "windows")
        people = _count(self.people, "person", "people")
        sessions = _count(self.sessions, "session", "sessions")
        recordings = _count(self.recordings, "recording", "recordings")
        stretches = _count(self.segments, "stretch", "stretches")
        return (
            f"{windows} of {people} in {sessions}, {recordings} and {stretches}{short}; "
            f"{self.read_bytes / 1e6:,.1f} MB to read"
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


@dataclass(frozen=True, eq=False, repr=False)
class Windows:
    """A plan of windows over a lab's recordings; made by :func:`windows`.

    Windows lie in segments and never cross them: window k of a segment starts at its ``start``
    plus k times `step`. The plan grows with the number of segments, not of windows.

    Parameters
    ----------
    lab
        The lab as it was when the plan was made, read-only: what the plan reads.
    home
        The lab that the plan was made from: where what is made of it goes.
    length_s, step_s
        Length of a window, and time from one to the next.
    rate_hz
        Rate of the grid that the samples are on, resampled if need be.
    length, step
        The same in samples of the grid.
    within, trim, preparation
        As given to :func:`windows`.
    segments
        One row a segment, sorted by user, session, recording and start: ``recording`` and ``set``
        (rows in the lab; -1 for no set), ``user``, ``session``, ``exercise`` and ``muscle_group``
        (empty where there is none), ``start`` and ``stop`` (samples of the grid, the first at the
        recording's first sample), ``count`` (of windows), ``digest`` (of the recording),
        ``source_rate_hz``, ``regular``, ``samples`` and ``simulated`` (of the recording).
    """

    lab: Lab
    home: Lab
    length_s: float
    step_s: float
    rate_hz: float
    length: int
    step: int
    within: str
    trim: float
    preparation: Preparation
    segments: pd.DataFrame

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """Number of windows up to and with each segment; shape (segment,)."""
        return np.cumsum(self.segments["count"].to_numpy(np.int64))

    def select(self, chosen: npt.ArrayLike) -> "Windows":
        """Return the plan of some segments, in this plan's order.

        Parameters
        ----------
        chosen
            A truth value for every segment, or positions of segments.

        Raises
        ------
        InputError
            If there are too many or too few truth values, or no such position.
        """
        which = np.asarray(chosen)
        total = len(self.segments)
        if which.dtype == bool and which.shape != (total,):
            raise InputError(f"select: expected {total} truth values, got shape {which.shape}")
        if which.dtype != bool:
            which = np.unique(which.astype(np.int64))
            if len(which) and not 0 <= which[0] <= which[-1] < total:
                raise InputError(
                    f"select: expected positions from 0 to {total - 1}, "
                    f"got {which[0]} to {which[-1]}"
                )
        rows = np.flatnonzero(which) if which.dtype == bool else which
        return self.with_segments(self.segments.iloc[rows])

    def with_segments(self, segments: pd.DataFrame) -> "Windows":
        """Return the plan with other segments, sorted like these."""
        return replace(self, segments=segments.reset_index(drop=True))

    def locate(
        self, first: int = 0, last: int | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return segment position and first sample of windows `first` to `last`, the last out.

        Returns
        -------
        segment, start
            int64 of shape (window,) each; start in samples of the grid.
        """
        last = len(self) if last is None else min(last, len(self))
        window = np.arange(first, max(first, last))
        segment = np.searchsorted(self.ends, window, side="right")
        counts = self.segments["count"].to_numpy(np.int64)
        within = window - (self.ends - counts)[segment]
        return segment, self.segments["start"].to_numpy(np.int64)[segment] + within * self.step

    def frame(self, first: int = 0, last: int | None = None) -> pd.DataFrame:
        """Return one row a window, for windows `first` to `last`, the last one out.

        Returns
        -------
        pandas.DataFrame
            ``recording``, ``set``, ``user``, ``session``, ``exercise``, ``muscle_group``, and
            ``start_s`` from the recording's first sample.
        """
        segment, start = self.locate(first, last)
        columns = ["recording", "set", "user", "session", "exercise", "muscle_group"]
        rows = self.segments[columns].iloc[segment].reset_index(drop=True)
        return rows.assign(start_s=start / self.rate_hz)

    def describe(self) -> Description:
        """Count people, windows, segments without one, and the bytes that computing reads."""
        used = self.segments[self.segments["count"] > 0]
        spans = used.groupby("recording").agg(
            start=("start", "min"),
            stop=("stop", "max"),
            rate_hz=("source_rate_hz", "first"),
            regular=("regular", "first"),
            samples=("samples", "first"),
        )
        read = np.ceil((spans["stop"] - spans["start"]) / self.rate_hz * spans["rate_hz"])
        times = np.where(spans["regular"], 0, spans["samples"])
        return Description(
            people=used["user"].nunique(),
            sessions=len(used[["user", "session"]].drop_duplicates()),
            recordings=len(spans),
            segments=len(used),
            empty=len(self.segments) - len(used),
            windows=len(self),
            read_bytes=int((read * _SAMPLE_BYTES + times * _TIME_BYTES).sum()),
        )

    def __dask_tokenize__(self) -> tuple[object, ...]:
        from dask.base import normalize_token

        setting = (self.lab.url, self.lab.snapshot, self.rate_hz, self.length, self.step)
        how = (self.within, self.trim, self.preparation)
        return (normalize_token((*setting, *how, self.segments)),)

    def __repr__(self) -> str:
        return (
            f"Windows({len(self):,} of {self.length_s:g} s every {self.step_s:g} s at "
            f"{self.rate_hz:g} Hz within {len(self.segments):,} {self._stretches}, "
            f"lab {self.lab.url!r} at {self.lab.snapshot})"
        )

    def _repr_html_(self) -> str:
        rows = {
            "windows": f"{len(self):,} of {self.length_s:g} s every {self.step_s:g} s",
            "rate": f"{self.rate_hz:g} Hz ({self.length} samples, step {self.step})",
            "covers": str(self.describe()),
            "lab": f"{self.lab.url} at {self.lab.snapshot}",
        }
        cells = "".join(
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows.items()
        )
        return f"<table>{cells}</table>"

    @property
    def _stretches(self) -> str:
        return "sets" if self.within == "sets" else "parts of recordings"


def windows(  # noqa: PLR0913 - what a plan is, each by its name
    lab: Lab,
    *,
    length: str | float = "8s",
    step: str | float = "1s",
    within: str = "sets",
    trim: float = 0.1,
    rate_hz: float | None = None,
    preparation: Preparation | None = None,
    **filters: Unpack[Filters],
) -> Windows:
    """Plan windows over a lab's recordings; nothing of the signal is read.

    Parameters
    ----------
    lab
        The lab; the plan keeps to its present snapshot.
    length, step
        Length of a window, and time from one to the next: ``"8s"``, ``"500ms"``, or seconds.
        Both must be whole numbers of samples.
    within
        ``"sets"``: windows lie in the middle of a set. A set whose middle is shorter than a
        window, but that is as long as one itself, has one centred window; a shorter set has none.
        ``"recordings"``: windows lie anywhere in a recording; the label is that of the set that
        covers more than half of the window, or empty. A run of windows with the same label is a
        segment, so that neighbouring segments share samples.
    trim
        With ``"sets"``, the share of a set that is left out at either end.
    rate_hz
        Rate of the common grid. Recordings of another rate, or with times of their own, are
        resampled to it when they are read: linear interpolation between samples sorted by time
        (those of the same time in the order they came, averaged), from the recording's first
        sample on, held at the ends. Nothing is filtered: a rate far below a recording's own
        folds what is faster than half of it. None: the rate that all recordings share.
    preparation
        What is done to the samples before anything is computed from them; nothing by default.
    **filters
        ``users``, ``sessions``, ``devices``, ``exercises``, ``muscle_groups``: a name or several.

    Returns
    -------
    Windows
        Sorted by user, session, recording and start.

    Raises
    ------
    UnitError
        If a length is not understood or no whole number of samples, or the rates differ.
    NotInLabError
        If a name is not in the lab, or it holds nothing of what was asked.
    InputError
        If `within`, `trim` or a filter cannot mean anything.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab.lab import Lab
    >>> from workoutlab.recording import LabelledSet, Recording
    >>> lab = Lab("memory://windows-example")
    >>> curl = Recording(
    ...     user="ann",
    ...     session="monday",
    ...     acceleration=np.ones((1500, 3)),
    ...     rate_hz=50,
    ...     sets=[LabelledSet(start=100, stop=1300, exercise="biceps-curl")],
    ... )
    >>> _ = lab.append([curl])
    >>> plan = windows(lab)
    >>> len(plan), plan.length, plan.step
    (12, 400, 50)
    >>> print(plan.describe())
    12 windows of 1 person in 1 session, 1 recording and 1 stretch; 0.0 MB to read
    """
    if within not in ("sets", "recordings"):
        raise InputError(f"within: expected 'sets' or 'recordings', got {within!r}")
    if not 0 <= trim < 0.5:
        raise InputError(f"trim: expected a share from 0 up to 0.5, got {trim!r}")
    length_s, step_s = parse_length(length, "length"), parse_length(step, "step")
    pinned = lab.at(lab.snapshot)
    recordings = choose_recordings(pinned.table("recordings", _RECORDINGS), filters)
    sets = pinned.table("sets", _SETS)
    chosen = sets[sets["recording"].isin(recordings.index)]
    by_set = any(filters.get(name) is not None for name in ("exercises", "muscle_groups"))
    if within == "sets" or by_set:
        chosen = choose_sets(chosen, filters)
        recordings = recordings.loc[np.unique(chosen["recording"])]
    rate = find_rate(recordings) if rate_hz is None else parse_rate(rate_hz)
    grid = rate, count_samples(length_s, rate, "length"), count_samples(step_s, rate, "step")
    if within == "sets":
        segments = segment_sets(chosen, recordings, grid, trim)
    else:
        everywhere = sets[sets["recording"].isin(recordings.index)]
        segments = segment_recordings(everywhere, recordings, grid)
        if by_set:
            kept = segments["set"].isin(chosen.index)
            segments = segments[kept].reset_index(drop=True)
    prepared = Preparation() if preparation is None else preparation
    return Windows(pinned, lab, length_s, step_s, *grid, within, trim, prepared, segments)
