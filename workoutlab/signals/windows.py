"""Windows: a plan of which samples belong together. Nothing of the signal is read."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.signals.description import Description, spell
from workoutlab.signals.exclusion import exclude_windows
from workoutlab.signals.held import Held, Home
from workoutlab.signals.layout import Layout
from workoutlab.signals.preparation import Preparation

if TYPE_CHECKING:
    from workoutlab.signals.inputs import Inputs

__all__ = ["Windows", "list_distinct"]

_SAMPLE_BYTES: Final = 12  # three float32
_TIME_BYTES: Final = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Windows:
    """A plan of windows over recordings; made by :func:`workoutlab.windows`.

    Windows lie in segments and never cross them: window k of a segment starts at its ``start``
    plus k times its ``step``. The plan grows with the number of segments, not of windows.

    Parameters
    ----------
    lab
        What the plan reads: the lab as it was when the plan was made, read-only, or recordings in
        memory.
    origin
        The lab that the plan was made from; None for recordings in memory.
    layout
        What was asked for.
    asked
        Distinct ``rate_hz``, ``length``, ``step``, ``length_s`` and ``step_s`` that this came to.
    preparation
        As given to :func:`workoutlab.windows`.
    segments
        One row a segment, sorted by user, session, recording, start and length: ``recording`` and
        ``set`` (rows in the lab; -1 for no set), ``user``, ``session``, ``exercise`` (or whatever
        else windows are labelled by) and ``muscle_group`` (empty where there is none), ``start``
        and ``stop`` (samples of the recording's grid, the first at the recording's first sample),
        ``count`` (of windows),
        ``rate_hz`` (of the grid), ``length`` and ``step`` (of windows, in samples of the grid),
        ``part_start`` and ``part_stop`` (the part of the recording between gaps that it lies in),
        ``digest`` (of the recording), ``source_rate_hz``, ``regular``, ``samples`` and
        ``simulated`` (of the recording).
    """

    lab: Home
    origin: Lab | None
    layout: Layout
    asked: Mapping[str, tuple[float, ...]]
    preparation: Preparation
    segments: pd.DataFrame

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """Number of windows up to and with each segment; shape (segment,)."""
        return np.cumsum(self.segments["count"].to_numpy(np.int64))

    @property
    def home(self) -> Lab:
        """The lab that the plan was made from: where what is made of it goes.

        Raises
        ------
        InputError
            If it was made of recordings in memory.
        """
        if self.origin is None:
            raise InputError(
                "these windows are of recordings in memory, and what is made of them is kept in a "
                "lab: lab = workoutlab.Lab('lab'), lab.append(recordings), workoutlab.windows(lab)"
            )
        return self.origin

    @cached_property
    def distinct(self) -> dict[str, Floats]:
        """Rates, lengths and steps that occur, increasing; those asked for in an empty plan.

        The keys are ``rate_hz``, ``length`` and ``step`` (samples), ``length_s`` and ``step_s``.
        """
        if self.segments.empty:
            return {name: np.array(values) for name, values in self.asked.items()}
        return list_distinct(self.segments[["rate_hz", "length", "step"]])

    @property
    def rate_hz(self) -> float:
        """Rate of the grid that all samples are on, resampled if need be.

        Raises
        ------
        InputError
            If there are several.
        """
        return self._only("rate_hz", "Hz")

    @property
    def length(self) -> int:
        """Length of all windows in samples of the grid.

        Raises
        ------
        InputError
            If there are several.
        """
        return int(self._only("length", "samples"))

    @property
    def step(self) -> int:
        """Samples from one window to the next.

        Raises
        ------
        InputError
            If there are several.
        """
        return int(self._only("step", "samples"))

    @property
    def length_s(self) -> float:
        """Length of all windows in s.

        Raises
        ------
        InputError
            If there are several.
        """
        return self._only("length_s", "s")

    @property
    def step_s(self) -> float:
        """Time from one window to the next in s.

        Raises
        ------
        InputError
            If there are several.
        """
        return self._only("step_s", "s")

    def _only(self, name: str, unit: str) -> float:
        values = self.distinct[name]
        if len(values) == 1:
            return float(values[0])
        column = name.removesuffix("_s")
        raise InputError(
            f"{name}: the windows have no one value, but {spell(values, unit)}; the column "
            f"{column!r} of .segments has each segment's, and .select(.segments[{column!r}] == …) "
            "keeps those of one"
        )

    @property
    def within(self) -> str:
        """What windows lie in: ``"sets"`` or ``"recordings"``."""
        return self.layout.within

    @property
    def trim(self) -> float:
        """The share of a set that is left out at either end."""
        return self.layout.share_trimmed

    def settings(self) -> dict[str, object]:
        """Return what tells how the windows are laid out, as JSON takes it."""
        told: dict[str, object] = {"length_s": "set"}
        if not self.layout.whole_sets:
            told = {"length_s": _one_or_all(self.asked["length_s"])}
            if self.layout.around is None:
                told["step_s"] = _one_or_all(self.asked["step_s"])
        own = self.layout.rate_hz == "own"
        told["rate_hz"] = "own" if own else _one_or_all(self.asked["rate_hz"])
        return told | self.layout.settings()

    def select(self, chosen: npt.ArrayLike) -> "Windows":
        """Return the plan of some segments, in this plan's order.

        Parameters
        ----------
        chosen
            A truth value for every segment, or positions of segments.

        Raises
        ------
        InputError
            If it is neither, there are too many or too few truth values, or no such position.
        """
        which = np.asarray(chosen)
        total = len(self.segments)
        if which.ndim != 1 or (which.size and which.dtype.kind not in "biu"):
            raise InputError(f"select: expected truth values or positions, got {chosen!r}")
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
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:  # a slice costs a tenth of positions
            return self.with_segments(self.segments.iloc[int(rows[0]) : int(rows[-1]) + 1])
        return self.with_segments(self.segments.iloc[rows])

    def with_segments(self, segments: pd.DataFrame) -> "Windows":
        """Return the plan with other segments, sorted like these.

        Of recordings in memory, and of a calibration, it holds only what the segments are of.
        """
        segments = segments.reset_index(drop=True)
        lab = self.lab
        if isinstance(lab, Held):
            lab = lab.only(segments["recording"].unique())
        preparation = self.preparation.only(segments["digest"])
        return replace(self, lab=lab, preparation=preparation, segments=segments)

    def exclude(self, intervals: pd.DataFrame, share: float = 0.0) -> "Windows":
        """Return the plan without windows that intervals cover: time not worn, clipping, pauses.

        Parameters
        ----------
        intervals
            Columns ``recording`` (row number), ``start_s`` and ``stop_s``, from the recording's
            first sample; they may overlap. Those of recordings that the plan does not cover
            change nothing.
        share
            Windows of which more than this share is covered are left out, from 0 (those that an
            interval touches) up to 1.

        Returns
        -------
        Windows
            Segments are split where windows are missing; those that lose all are left out.

        Raises
        ------
        InputError
            If a column is missing, an interval ends before it starts, or the share means nothing.

        Examples
        --------
        >>> from workoutlab.recording import Recording
        >>> from workoutlab.signals import windows
        >>> still = Recording(
        ...     user="ann", session="mon", acceleration=np.ones((3000, 3)), rate_hz=50
        ... )
        >>> plan = windows(still, within="recordings", length="4s")
        >>> off = pd.DataFrame({"recording": [0], "start_s": [20.0], "stop_s": [30.0]})
        >>> plan.exclude(off).segments[["start", "count"]].to_numpy().tolist()
        [[0, 17], [1500, 27]]
        """
        return self.with_segments(exclude_windows(self.segments, intervals, share))

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
        start, step = (self.segments[name].to_numpy(np.int64) for name in ("start", "step"))
        return segment, start[segment] + within * step[segment]

    def frame(self, first: int = 0, last: int | None = None) -> pd.DataFrame:
        """Return one row a window, for windows `first` to `last`, the last one out.

        Returns
        -------
        pandas.DataFrame
            ``recording``, ``set``, ``user``, ``session``, ``exercise``, ``muscle_group``, and
            ``start_s`` from the recording's first sample, and ``length_s``.
        """
        segment, start = self.locate(first, last)
        columns = ["recording", "set", "user", "session", "exercise", "muscle_group"]
        rows = self.segments[columns].iloc[segment].reset_index(drop=True)
        rate = self.segments["rate_hz"].to_numpy(dtype=float)
        length = self.segments["length"].to_numpy(np.int64) / rate
        return rows.assign(start_s=start / rate[segment], length_s=length[segment])

    def describe(
        self, inputs: "Inputs | None" = None, *, block_bytes: int | None = None
    ) -> Description:
        """Count people, windows, segments without one, and the bytes that computing reads.

        Parameters
        ----------
        inputs
            What windows are to become, ``Statistics()`` say: then tasks, their memory and the size
            of the results are told too. Tables are read for it, and no signal.
        block_bytes
            As :func:`workoutlab.features` will be given.
        """
        if inputs is not None:
            from workoutlab.signals.flight import describe_features  # which stands above plans

            return describe_features(self, inputs, block_bytes=block_bytes)
        used = self.segments[self.segments["count"] > 0]
        spans = used.groupby("recording").agg(
            start=("start", "min"),
            stop=("stop", "max"),
            grid_hz=("rate_hz", "first"),
            rate_hz=("source_rate_hz", "first"),
            regular=("regular", "first"),
            samples=("samples", "first"),
        )
        read = np.ceil((spans["stop"] - spans["start"]) / spans["grid_hz"] * spans["rate_hz"])
        times = np.where(spans["regular"], 0, spans["samples"])
        return Description(
            people=used["user"].nunique(),
            sessions=len(used[["user", "session"]].drop_duplicates()),
            recordings=len(spans),
            segments=len(used),
            empty=len(self.segments) - len(used),
            gaps=len(used[["recording", "part_start"]].drop_duplicates()) - len(spans),
            windows=len(self),
            read_bytes=int((read * _SAMPLE_BYTES + times * _TIME_BYTES).sum()),
        )

    def __dask_tokenize__(self) -> tuple[object, ...]:
        from dask.base import normalize_token

        how = (self.lab.url, self.lab.snapshot, self.settings(), self.preparation.settings())
        return (normalize_token((*how, self.segments)),)

    def __repr__(self) -> str:
        return (
            f"Windows({len(self):,} {self._sizes} at {self._rates} {self._places}, "
            f"lab {self.lab.url!r} at {self.lab.snapshot})"
        )

    def _repr_html_(self) -> str:
        rows = {
            "windows": f"{len(self):,} {self._sizes} {self._places}",
            "rate": self._rates,
            "covers": str(self.describe()),
            "lab": f"{self.lab.url} at {self.lab.snapshot}",
        }
        cells = "".join(
            f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows.items()
        )
        return f"<table>{cells}</table>"

    @property
    def _rates(self) -> str:
        return spell(self.distinct["rate_hz"], "Hz")

    @property
    def _sizes(self) -> str:
        length = f"of {spell(self.distinct['length_s'], 's')}"
        if self.layout.whole_sets or self.layout.around is not None:
            return length
        return f"{length} every {spell(self.distinct['step_s'], 's')}"

    @property
    def _places(self) -> str:
        stretches = "sets" if self.layout.by_set else "parts of recordings"
        event = self.layout.around
        place = "within" if event is None else f"around the {event} of"
        return f"{place} {len(self.segments):,} {stretches}"


def _one_or_all(values: tuple[float, ...]) -> float | list[float]:
    return values[0] if len(values) == 1 else list(values)


def list_distinct(grids: pd.DataFrame) -> dict[str, Floats]:
    """List the distinct values of columns rate_hz, length and step, and the latter two in s."""
    distinct = grids.drop_duplicates()
    columns = {str(name): distinct[name].to_numpy(dtype=float) for name in distinct}
    for name in ("length", "step"):
        columns[f"{name}_s"] = np.round(columns[name] / columns["rate_hz"], 9)
    return {name: np.unique(column) for name, column in columns.items()}
