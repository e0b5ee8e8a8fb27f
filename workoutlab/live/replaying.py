"""A recording as the packets of a live session."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from workoutlab.live.session import LiveSession
from workoutlab.recording import Recording
from workoutlab.schema import check_number

if TYPE_CHECKING:
    from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["Packet", "cut_packets", "open_session"]


class Packet(NamedTuple):
    """What a device would send: ``samples`` (sample, 3) in g, and the time as a session takes it.

    ``stop_s`` is when its last sample was taken, in s from the recording's first sample.
    """

    samples: Any
    time: Any
    stop_s: float


def open_session(recogniser: "Recogniser", recording: Recording) -> LiveSession:
    """Return a session for the packets of a recording.

    Its clock is the recording's: seconds from the first sample where the rate is regular, else
    Unix time.

    Parameters
    ----------
    recogniser
        What finds sets.
    recording
        The recording.
    """
    if recording.time_ns is None:
        return LiveSession(recogniser, recording.rate_hz, start=0)
    first = int(recording.time_ns[0])
    rate_hz = recording.median_rate_hz
    own = rate_hz if rate_hz > 0 else None  # a single sample has none
    return LiveSession(recogniser, own, time_unit="ns", start=first)


def cut_packets(recording: Recording, packet_s: float = 0.2) -> Iterator[Packet]:
    """Cut a recording into packets of about a length, in the order of its samples.

    Parameters
    ----------
    recording
        The recording.
    packet_s
        Length of a packet in s, by the median rate.

    Raises
    ------
    InputError
        If the length is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> still = np.tile(np.float32([0, 0, 1]), (25, 1))
    >>> recording = Recording(user="ann", session="mon", acceleration=still, rate_hz=50)
    >>> [(len(each.samples), each.time) for each in cut_packets(recording)]
    [(10, 0.0), (10, 0.2), (5, 0.4)]
    """
    check_number("packet_s", packet_s, above=0)
    rate_hz, times, seconds = recording.median_rate_hz, recording.time_ns, recording.seconds
    size = max(round(packet_s * rate_hz), 1) if rate_hz > 0 else 1
    for first in range(0, len(recording), size):
        part = slice(first, first + size)
        samples = recording.acceleration[part]
        time = first / rate_hz if times is None else times[part]
        yield Packet(samples, time, float(seconds[part].max()))
