"""A live session: packets of samples in, events out; no I/O, and no clock of its own.

What becomes of packets:

========================  =========================================================================
a packet                  outcome
========================  =========================================================================
in order                  taken at once
out of order              held until what is missing before it came, or the horizon has passed;
                          then taken in the order of times
late                      older than the newest sample by more than the horizon, and after the
                          missing samples were given up: dropped, :class:`PacketLate`
duplicate                 same times, same values, within the horizon: dropped,
                          :class:`PacketDuplicate`; later than that it is late
overlapping               each sample is judged alone: new ones are taken, equal ones are duplicates
conflicting               same times, other values: what came first stays, :class:`PacketConflict`;
                          where each sample has a time of its own, the mean is taken, as of a
                          recording
missing, up to `max_gap`  interpolated linearly once the horizon has passed, :class:`Gap` (bridged)
missing, longer           a set that goes on ends, :class:`Gap`; what comes is another part
astray                    more than a minute ahead of all others: held until another one comes
                          from there, then taken; where the others go on instead, dropped,
                          :class:`PacketAstray`
more than a minute back   refused: InputError, the session goes on without it
empty                     nothing happens
of a wrong form           wrong shape, not finite, no number: refused whole, InputError; nothing of
                          it is taken, and the session goes on
not in g                  :class:`ScaleDoubtful` after 5 s, once; nothing is dropped
after :meth:`finish`      refused: InputError
========================  =========================================================================

A clock that jitters by less than half a sample is snapped to the grid of the device's rate, and one
that drifts is followed (:class:`workoutlab.live.clock.Clock`); what jumps by a sample or more
shows as missing or overlapping samples. Where each packet comes with a time for each of its
samples, nothing is snapped: samples are interpolated between their own times, as those of a
recording with times, and a sample is taken once the horizon has passed after it.

An event's time is the moment that it is about; it is told later, since a set is decided upon once,
for good, from what comes after. :class:`SetStarted` and :class:`SetEnded` come about
``recogniser.decoding.lag_s`` (12 s) after that moment: 7 to 20 s in Muvr's continuous recordings.
The exercise so far and the repetitions till then come together, within a second of the start's
being told, and then once a second. A lag below 10 s loses sets there.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from workoutlab.errors import InputError
from workoutlab.live.clock import Clock
from workoutlab.live.events import Event, Gap, ScaleDoubtful
from workoutlab.live.intake import Intake, Ordered
from workoutlab.live.keeping import pack, unpack
from workoutlab.live.resampling import Hole, Run, Stream
from workoutlab.live.saving import restore_parts, save_parts
from workoutlab.live.scale import Scale
from workoutlab.live.telling import Teller
from workoutlab.schema import check_number
from workoutlab.signals.lengths import parse_seconds

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["LiveSession"]


class LiveSession:
    """Finds sets while they are done.

    Once finished it has told the same sets as :meth:`Recogniser.find` of the same samples, bit for
    bit, however they were cut into packets, and in whatever order these came within the horizon,
    given the same `max_gap`. One session is for one thread at a time.

    Parameters
    ----------
    recogniser
        From :func:`workoutlab.open_recogniser` say. Any number of sessions share one.
    rate_hz
        Rate of the device; by default that of the recogniser. Samples at another rate are
        resampled as those of recordings are: interpolated linearly, and freed before from what is
        too fast, where the device is more than a fifth faster.
    time_unit
        Unit of the packets' times: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``.
    start
        Time of the session's first sample, where it is known before; what comes from before is
        late. By default the earliest sample is the first: nothing is told before the horizon has
        passed once.
    horizon
        How much older than the newest sample a packet may be; the wait for what is missing.
        With ``0`` packets must come in order.
    max_gap
        Missing samples for no longer than this are interpolated.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    See Also
    --------
    workoutlab.live.session : what becomes of late, lost and other packets.

    Notes
    -----
    Memory is that of the horizon, the largest packet, and the longest set
    (``recogniser.decoding.longest_s``), however long the session. The first session of a
    recogniser takes some tenths of a second to make, in which all that it needs is loaded and
    compiled (seconds where that was never done on a machine): no packet waits for it.
    """

    def __init__(
        self,
        recogniser: "Recogniser",
        rate_hz: float | None = None,
        *,
        time_unit: str = "s",
        start: int | float | None = None,
        horizon: str | float = "2s",
        max_gap: str | float = "1s",
    ) -> None:
        rate = recogniser.rate_hz if rate_hz is None else rate_hz
        check_number("rate_hz", rate, above=0)
        if start is not None:
            check_number("start", start)
        horizon_s = 0.0 if horizon == 0 else parse_seconds(horizon, "horizon")
        self._settings: dict[str, Any] = {
            "rate_hz": rate,
            "time_unit": time_unit,
            "start": start,
            "horizon": horizon_s,
            "max_gap": parse_seconds(max_gap, "max_gap"),
        }
        self.recogniser = recogniser
        self._intake = Intake(Clock(float(rate), time_unit), horizon_s, start)
        self._stream: Stream | None = None
        self._chain: Any = None
        self._offset = 0
        self._teller = Teller()
        self._scale = Scale(recogniser.rate_hz)
        self._finished = False
        recogniser.warm_up()

    @property
    def start_s(self) -> float:
        """Time of the first sample in s, on the packets' clock; NaN before it is known."""
        return float("nan") if self._intake.origin is None else self._intake.told(0)

    @property
    def finished(self) -> bool:
        """Whether :meth:`finish` was called."""
        return self._finished

    def push(self, samples: Any, time: Any) -> tuple[Event, ...]:
        """Take a packet, and tell what that shows.

        Parameters
        ----------
        samples
            Shape (sample, 3), in g, gravity included; they are copied.
        time
            Of the first sample, the others following at the device's rate; or of each, shape
            (sample,). In `time_unit`; whole numbers are exact, also as Unix time in ns.

        Returns
        -------
        tuple of Event
            In the order of what they are about, those of the packet itself first.

        Raises
        ------
        InputError
            If the packet is not of this form, its time is more than a minute before the newest, or
            the session is finished. The session is as it was, and goes on.
        """
        if self._finished:
            raise InputError("push: the session is finished; start another LiveSession")
        return tuple(self._take(self._intake.push(samples, time)))

    def finish(self) -> tuple[Event, ...]:
        """Take what is held back, end a set that goes on, and tell the last events.

        Raises
        ------
        InputError
            If the session is finished already.
        """
        if self._finished:
            raise InputError("finish: the session is finished already")
        self._finished = True
        events = self._take(self._intake.finish())
        if self._stream is not None:
            events += self._feed(self._stream.finish())
        return tuple(events + self._end_part())

    def state(self) -> bytes:
        """Return all that the session knows, to go on elsewhere: see :meth:`restore`.

        They are the bytes of a safetensors file (arrays and JSON; nothing in them is run).
        """
        return pack(
            {
                "format": _FORMAT,
                "recogniser": self.recogniser.digest,
                "settings": self._settings,
                "finished": self._finished,
                "offset": self._offset,
                **save_parts(self._intake, self._stream, self._scale, self._teller),
                "chain": None if self._chain is None else self._chain.state(),
            }
        )

    @classmethod
    def restore(cls, recogniser: "Recogniser", state: bytes) -> "LiveSession":
        """Return a session that goes on as if nothing had happened.

        Parameters
        ----------
        recogniser
            The one that the session was started with.
        state
            From :meth:`state`, of another process or machine say.

        Raises
        ------
        InputError
            If the state is damaged, or of another recogniser or version.
        """
        tree = unpack(state)
        _check(tree, recogniser)
        session = cls(recogniser, **tree["settings"])
        session._finished, session._offset = tree["finished"], tree["offset"]
        session._intake.clock.timed = tree["intake"]["timed"]
        session._stream = session._make_stream()
        restore_parts(tree, session._intake, session._stream, session._scale, session._teller)
        if tree["chain"] is not None:
            session._chain = type(recogniser.start()).restore(recogniser, tree["chain"])
        return session

    def _take(self, ordered: Ordered) -> list[Event]:
        if self._stream is None:
            self._stream = self._make_stream()
        if self._stream is None:
            return ordered.events
        return ordered.events + self._feed(self._stream.push(ordered.ticks, ordered.samples))

    def _make_stream(self) -> Stream | None:
        clock = self._intake.clock
        if clock.timed is None:  # there was no packet
            return None
        return Stream(
            clock.ticks_hz,
            self.recogniser.rate_hz,
            clock.rate_hz,
            float(self._settings["max_gap"]),
            grid=not clock.timed,
        )

    def _feed(self, found: list[Run | Hole]) -> list[Event]:
        events: list[Event] = []
        for each in found:
            if isinstance(each, Run):
                events += self._feed_run(each)
                continue
            if not each.bridged:
                events += self._end_part()
            missing_s = each.stop_s - each.start_s
            events.append(Gap(self._told(each.start_s), missing_s, each.bridged))
        return events

    def _feed_run(self, run: Run) -> list[Event]:
        events: list[Event] = []
        told_at = run.start + self._scale.left
        problem = self._scale.push(run.samples)
        if problem is not None:
            time_s = self._told_point(told_at)
            events.append(ScaleDoubtful(time_s, self._scale.mean_g, problem))
        if self._chain is None:
            self._chain, self._offset = self.recogniser.start(), run.start
        changes = self._chain.push(np.ascontiguousarray(run.samples))
        return events + self._teller.tell(changes, self._told_point, self._offset)

    def _end_part(self) -> list[Event]:
        if self._chain is None:
            return []
        changes, self._chain = self._chain.finish(), None
        return self._teller.tell(changes, self._told_point, self._offset)

    def _told(self, since_s: float) -> float:
        return self._intake.told(since_s * self._intake.clock.ticks_hz)

    def _told_point(self, point: float) -> float:
        return self._told(point / self.recogniser.rate_hz)


_FORMAT: Final = "workoutlab-live-1"


def _check(tree: Mapping[str, Any], recogniser: "Recogniser") -> None:
    if tree.get("format") != _FORMAT:
        raise InputError(
            f"state: expected the format {_FORMAT!r}, got {tree.get('format')!r}; take the version "
            "of workoutlab that made it"
        )
    if tree["recogniser"] != recogniser.digest:
        raise InputError(
            f"state: the session was started with the recogniser {tree['recogniser'][:12]!r}, and "
            f"this is {recogniser.digest[:12]!r}: open the one that it was started with"
        )
