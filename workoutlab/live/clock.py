"""When samples were taken: from the times of packets to whole ticks."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, UnitError

__all__ = ["NS", "UNITS", "Clock", "Placed"]

Integers = npt.NDArray[np.int64]

NS: Final = 10**9
UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": NS}
"""Units of time, and how many of each are a second."""

_MEMORY_S: Final = 5.0
"""Over how much signal the offset of a jittering clock is averaged, in s."""
_EXACT: Final = 1e-3
"""Of a tick: times that are off by less are on the grid, but for rounding."""
_FARTHEST: Final = 2.0**62
"""Ticks beyond it do not fit 64 bits."""


class Placed(NamedTuple):
    """Where a packet's samples lie: ``ticks`` (sample,) from the time ``anchor``.

    ``timed`` tells whether each sample came with a time of its own; ``offset`` how many ticks the
    packet's time lies after the tick that it was put on.
    """

    ticks: Integers
    anchor: int | float
    timed: bool
    offset: float = 0.0


class Clock:
    """Puts samples on ticks: those of the device's rate, or nanoseconds.

    A packet with one time, of its first sample, lies on the grid of the device's rate; its time is
    rounded to the nearest tick, once the offset that the clock has by now is taken off. The
    offset follows the packets' times slowly (over 5 s of signal), so that a clock that jitters by
    less than half a sample, or drifts against the sensor by a few tenths of a percent, neither
    loses nor repeats a sample. A packet with a time for each of its samples lies on nanoseconds,
    and nothing is rounded.

    Parameters
    ----------
    rate_hz
        Rate of the device.
    unit
        Unit of the times: one of :data:`UNITS`.

    Raises
    ------
    UnitError
        If the unit is not known.

    Examples
    --------
    >>> clock = Clock(50.0, "ms")
    >>> clock.adopt(clock.place(1_000, 3))
    >>> clock.place(1_061, 2).ticks.tolist()
    [3, 4]
    """

    def __init__(self, rate_hz: float, unit: str = "s") -> None:
        if unit not in UNITS:
            raise UnitError(f"time_unit: expected one of {', '.join(UNITS)}, got {unit!r}")
        self.rate_hz, self.unit = rate_hz, unit
        self.anchor: int | float | None = None
        self.timed: bool | None = None
        self.phase = 0.0

    @property
    def ticks_hz(self) -> float:
        """Ticks in a second."""
        return float(NS) if self.timed else self.rate_hz

    def place(self, time: Any, count: int) -> Placed:
        """Return where a packet's samples lie; changes nothing.

        Parameters
        ----------
        time
            Of the first sample, or one of each, shape (count,).
        count
            Number of samples.

        Raises
        ------
        InputError
            If the times are not finite numbers, not one or one a sample, or not given in the same
            way as before.
        """
        times = _read_times(time, count)
        timed = times.ndim == 1
        if self.timed is not None and timed != self.timed:
            ways = {True: "one time a sample", False: "the time of its first sample"}
            raise InputError(
                f"time: this session's packets came with {ways[self.timed]} so far, and this one "
                f"with {ways[timed]}; tell it in one way throughout a session"
            )
        anchor = times.ravel()[0].item() if self.anchor is None else self.anchor
        since = np.asarray(times - anchor)
        if timed:
            return Placed(_whole(since, NS // UNITS[self.unit]), anchor, True)
        place = float(since) * self.rate_hz / UNITS[self.unit]
        first = int(_whole(np.array(place - self.phase), 1))
        return Placed(first + np.arange(count), anchor, False, place - first)

    def adopt(self, placed: Placed) -> None:
        """Take the way in which the first packet came, and its time, for the session's."""
        self.timed, self.anchor = placed.timed, placed.anchor

    def follow(self, placed: Placed) -> None:
        """Let the offset follow a packet that goes on from all before."""
        if not placed.timed:
            gain = -np.expm1(-len(placed.ticks) / (self.rate_hz * _MEMORY_S))
            change = float(gain) * (placed.offset - self.phase)
            self.phase += change if abs(placed.offset - self.phase) > _EXACT else 0.0

    def told(self, tick: float) -> float:
        """Return the time of a tick in s, on the clock that packets are told by."""
        since = (tick + (0.0 if self.timed else self.phase)) / self.ticks_hz
        return (self.anchor or 0) / UNITS[self.unit] + since


def _read_times(time: Any, count: int) -> npt.NDArray[Any]:
    try:
        times = np.asarray(time)
    except ValueError as error:
        raise InputError(f"time: expected a number, or one a sample: {error}") from error
    if times.dtype.kind not in "iuf" or times.shape not in ((), (count,)):
        raise InputError(
            f"time: expected a number, the time of the packet's first sample, or {count} of them, "
            f"got {_shown(times)}"
        )
    if not np.isfinite(times).all():
        raise InputError(f"time: expected finite numbers, got {_shown(times)}")
    return times.astype(float if times.dtype.kind == "f" else np.int64)


def _shown(times: npt.NDArray[Any]) -> str:
    return repr(times.item()) if times.ndim == 0 else f"shape {times.shape} of {times.dtype}"


def _whole(since: npt.NDArray[Any], ticks: int) -> Integers:
    if (np.abs(since.astype(float)) * ticks > _FARTHEST).any():
        raise InputError(
            "time: too far from the session's first to count; is it in the unit that the session "
            "was told (time_unit)?"
        )
    exact = since * ticks
    return np.asarray(np.rint(exact) if exact.dtype.kind == "f" else exact, dtype=np.int64)
