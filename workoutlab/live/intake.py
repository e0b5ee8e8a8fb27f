"""Packets in, as they come; samples in the order of their times out, and what became of packets."""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.live.clock import Clock, Placed
from workoutlab.live.events import (
    Event,
    PacketAstray,
    PacketConflict,
    PacketDuplicate,
    PacketLate,
)
from workoutlab.live.ordering import Buffer

__all__ = ["Intake", "Ordered"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_LEAP_S: Final = 60.0
"""A packet further ahead waits for another one there; one as far back is an error."""


class Ordered(NamedTuple):
    """Final samples: ``ticks`` (sample,) from the session's first sample, ``samples`` (sample, 3).

    ``events`` are those of packets.
    """

    ticks: Integers
    samples: Floats
    events: list[Event]


class Intake:
    """Orders packets.

    Parameters
    ----------
    clock
        Tells where samples lie.
    horizon_s
        How much older than the newest sample a packet may be, in s.
    start
        Time of the session's first sample on the packets' clock, where known.
    """

    def __init__(self, clock: Clock, horizon_s: float, start: int | float | None = None) -> None:
        self.clock, self.horizon_s = clock, horizon_s
        self.started = start is not None
        self.buffer: Buffer | None = None
        self.origin: int | None = None
        self.held: Placed | None = None
        self.held_samples: Floats = np.empty((0, 3), np.float32)
        self.held_after = 0
        clock.anchor = start

    def push(self, samples: Any, time: Any) -> Ordered:
        """Take a packet; see :class:`workoutlab.live.LiveSession`."""
        values = _read_samples(samples)
        if not len(values):
            return Ordered(np.empty(0, np.int64), values, [])
        placed = self.clock.place(time, len(values))
        buffer = self._open(placed)
        events: list[Event] = []
        first = int(placed.ticks.min())
        ahead = buffer.newest is not None and first - buffer.newest > self._leap
        if self.held is not None and self._is_held(placed, values):
            events.append(self._tell(PacketDuplicate, placed, len(values)))
            return Ordered(*self._release(), events)
        if self.held is not None and first >= int(self.held.ticks.min()) - buffer.horizon:
            events += self._admit_held()
        elif ahead:
            events += self._drop_held()
            self.held, self.held_samples, self.held_after = placed, values, buffer.newest or 0
            return Ordered(*self._release(), events)
        events += self._admit(placed, values)
        if self.held is not None and (buffer.newest or 0) - self.held_after > buffer.horizon:
            events += self._drop_held()
        return Ordered(*self._release(), events)

    def finish(self) -> Ordered:
        """Return all samples that are left."""
        events = self._admit_held()
        return Ordered(*self._release(everything=True), events)

    def told(self, tick: float) -> float:
        """Return the time, in s, of a tick counted from the first sample of the session."""
        return self.clock.told((self.origin or 0) + tick)

    @property
    def _leap(self) -> float:
        return max(_LEAP_S, self.horizon_s) * self.clock.ticks_hz

    def _open(self, placed: Placed) -> Buffer:
        """Return the buffer, which the first packet makes; refuse a clock that was set back."""
        if self.buffer is None:
            self.clock.adopt(placed)
            self.origin = 0 if self.started else None
            horizon = round(self.horizon_s * self.clock.ticks_hz)
            self.buffer = Buffer(horizon, grid=not placed.timed, start=self.origin)
        elif self.buffer.newest is not None:
            behind = (self.buffer.newest - int(placed.ticks.max())) / self.clock.ticks_hz
            if behind > max(_LEAP_S, self.horizon_s):
                raise InputError(
                    f"time: {behind:,.1f} s before the newest sample; was the clock set back? This "
                    "packet was left out, and nothing else changed; finish() the session and start "
                    "another one if the clock stays so"
                )
        return self.buffer

    def _admit(self, placed: Placed, samples: Floats) -> list[Event]:
        assert self.buffer is not None
        came = self.buffer.push(placed.ticks, samples)
        if came.newest:
            self.clock.follow(placed)
        found = {
            PacketLate: came.late,
            PacketDuplicate: came.duplicate,
            PacketConflict: came.conflicting,
        }
        return [self._tell(kind, placed, count) for kind, count in found.items() if count]

    def _is_held(self, placed: Placed, samples: Floats) -> bool:
        assert self.held is not None
        return np.array_equal(self.held.ticks, placed.ticks) and np.array_equal(
            self.held_samples, samples
        )

    def _admit_held(self) -> list[Event]:
        held, self.held = self.held, None
        return [] if held is None else self._admit(held, self.held_samples)

    def _drop_held(self) -> list[Event]:
        held, self.held = self.held, None
        return [] if held is None else [self._tell(PacketAstray, held, len(held.ticks))]

    def _release(self, *, everything: bool = False) -> tuple[Integers, Floats]:
        if self.buffer is None:
            return np.empty(0, np.int64), np.empty((0, 3), np.float32)
        ticks, samples = self.buffer.release(everything=everything)
        if self.origin is None:
            if not len(ticks):
                return ticks, samples
            self.origin = int(ticks[0])
        return ticks - self.origin, samples

    def _tell(self, kind: Any, placed: Placed, count: int) -> Event:
        event: Event = kind(self.clock.told(int(placed.ticks.min())), samples=count)
        return event


def _read_samples(samples: Any) -> Floats:
    try:
        given = np.asarray(samples)
        if given.dtype.kind not in "iuf":
            raise TypeError(f"got {given.dtype}")
        with np.errstate(over="ignore"):  # infinite then, which is told of below
            values = np.array(given, dtype=np.float32)  # a copy: devices reuse their buffers
    except (TypeError, ValueError) as error:
        raise InputError(f"samples: expected numbers, shape (sample, 3), in g: {error}") from error
    if values.ndim != 2 or values.shape[1] != 3:
        raise InputError(f"samples: expected shape (sample, 3), in g, got {values.shape}")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise InputError(
            f"samples: {len(wrong)} of {len(values)} are not finite, number {wrong[0]} is "
            f"{values[wrong[0]].tolist()}; this packet was left out: leave these samples out and "
            "push what is before and after them as packets with their own times"
        )
    return values
