"""What a window becomes: the numbers that a network or an estimator is given."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.schema import AXES
from workoutlab.signals.grid import Source, read_grid
from workoutlab.signals.windows import Windows

__all__ = ["Inputs", "RawWindows", "Statistics", "compute"]

Floats = npt.NDArray[np.float32]

_APART: Final = 32_768
"""Segments of a recording that lie further apart, in samples, are read one by one."""


class Inputs(Protocol):
    """What a window becomes; a frozen object that pickles."""

    def names(self, length: int) -> tuple[str, ...]:
        """Name each number that a window of `length` samples becomes."""

    def units(self, length: int) -> tuple[str, ...]:
        """Return the unit of each."""

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others, as JSON takes it."""

    def compute(
        self, samples: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the numbers: float32 of shape (window, input)."""


@dataclass(frozen=True)
class RawWindows:
    """The samples themselves, as Muvr lays them out: all x, then all y, then all z.

    Parameters
    ----------
    scale_g
        What the acceleration is divided by, in g.

    Raises
    ------
    InputError
        If the scale is not above zero.

    Examples
    --------
    >>> RawWindows().names(400)[399:401]
    ('x_399', 'y_0')
    >>> samples = np.array([[2, 0, 1], [0, 2, 1]], dtype=np.float32)
    >>> RawWindows().compute(samples, np.array([0]), 2, 50).tolist()
    [[1.0, 0.0, 0.0, 1.0, 0.5, 0.5]]
    """

    scale_g: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.scale_g < np.inf:
            raise InputError(f"scale_g: expected a number above zero in g, got {self.scale_g!r}")

    def names(self, length: int) -> tuple[str, ...]:
        """Name each number: axis and sample in the window."""
        return tuple(f"{axis}_{sample}" for axis in AXES for sample in range(length))

    def units(self, length: int) -> tuple[str, ...]:
        """Return the unit of each: g over the scale."""
        return (f"{self.scale_g:g} g",) * (len(AXES) * length)

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others."""
        return {"inputs": "raw windows", **asdict(self)}

    def compute(
        self, samples: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the samples of each window.

        Parameters
        ----------
        samples
            Shape (sample, 3), in g.
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Not needed here.

        Returns
        -------
        ndarray
            float32 of shape (window, 3 x length).

        Raises
        ------
        InputError
            If a window reaches beyond the samples.
        """
        del rate_hz  # other inputs need it
        from workoutlab.kernels.windows import gather_windows  # Numba loads when it is needed

        return gather_windows(samples, starts, length, 1 / self.scale_g)


@dataclass(frozen=True)
class Statistics:
    """Sixteen statistics of each axis and of the magnitude, and three between the axes.

    :mod:`workoutlab.kernels.catalogue` defines each. A statistic that is not defined for a window
    (the skewness of a constant one, the period of one that does not repeat) is NaN. Models need
    finite inputs: training standardises each input by its mean and standard deviation over the
    training windows, and an input that is not known then counts as the mean, which is 0.

    Examples
    --------
    >>> names = Statistics().names(400)
    >>> len(names), names[0], names[-1]
    (67, 'x_mean', 'correlation_yz')
    """

    def names(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Name each number: channel and statistic."""
        from workoutlab.kernels.catalogue import BETWEEN, CHANNELS, PER_CHANNEL

        each = (f"{channel}_{item.name}" for channel in CHANNELS for item in PER_CHANNEL)
        return (*each, *(item.name for item in BETWEEN))

    def units(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Return the unit of each."""
        from workoutlab.kernels.catalogue import BETWEEN, CHANNELS, PER_CHANNEL

        each = tuple(item.unit for item in PER_CHANNEL) * len(CHANNELS)
        return (*each, *(item.unit for item in BETWEEN))

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others."""
        return {"inputs": "statistics", "names": list(self.names(0))}

    def compute(
        self, samples: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the statistics of each window.

        Parameters
        ----------
        samples
            Shape (sample, 3), in g.
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Sampling rate.

        Returns
        -------
        ndarray
            float32 of shape (window, 67).

        Raises
        ------
        InputError
            If a window reaches beyond the samples.
        """
        from workoutlab.kernels.statistics import describe_windows  # Numba loads when needed

        return describe_windows(samples, starts, length, rate_hz)


def compute(windows: Windows, inputs: Inputs) -> Floats:
    """Read what the plan covers, here and now, and return the inputs of every window.

    Parameters
    ----------
    windows
        The plan, or a part of it.
    inputs
        What a window becomes.

    Returns
    -------
    ndarray
        float32 of shape (window, input), in the plan's order.

    Examples
    --------
    >>> from workoutlab.lab import Lab
    >>> from workoutlab.recording import LabelledSet, Recording
    >>> from workoutlab.signals import windows
    >>> lab = Lab("memory://compute-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (500, 1))
    >>> hold = LabelledSet(start=0, stop=500, exercise="plank")
    >>> recording = Recording(
    ...     user="ann", session="monday", acceleration=still, rate_hz=50, sets=[hold]
    ... )
    >>> _ = lab.append([recording])
    >>> compute(windows(lab), RawWindows()).shape
    (1, 1200)
    """
    start = windows.locate()[1]
    out = np.empty((len(windows), len(inputs.names(windows.length))), np.float32)
    for source, rows in _stretches(windows):
        first, last = int(start[rows].min()), int(start[rows].max()) + windows.length
        samples = read_grid(windows.lab, source, windows.rate_hz, first, last)
        out[rows] = inputs.compute(samples, start[rows] - first, windows.length, windows.rate_hz)
    return out


def _stretches(windows: Windows) -> Iterator[tuple[Source, slice]]:
    """Find the windows that are read together: of one recording, and not far apart."""
    used = windows.segments[windows.segments["count"] > 0]
    if used.empty:
        return
    recording, start = used["recording"].to_numpy(), used["start"].to_numpy()
    reach = pd.Series(used["stop"].to_numpy()).groupby(recording).cummax().to_numpy()
    apart = (np.diff(recording) != 0) | (start[1:] - reach[:-1] > _APART)
    heads = np.append(0, np.flatnonzero(apart) + 1)
    ends = windows.ends[windows.segments["count"].to_numpy() > 0]
    firsts = np.append(0, ends)[heads]
    lasts = np.append(firsts[1:], len(windows))
    columns = ["recording", "source_rate_hz", "regular", "samples"]
    facts = used[columns].iloc[heads].itertuples(index=False, name=None)
    for fact, first, last in zip(facts, firsts, lasts, strict=True):
        yield Source(*fact), slice(int(first), int(last))
