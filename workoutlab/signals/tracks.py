"""A recording's own samples in the order of their times, read piece by piece."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals.choice import Filters, choose_recordings
from workoutlab.signals.held import Held, hold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workoutlab.signals.held import Home

__all__ = ["Track", "choose_tracks", "find_order", "list_tracks", "read_pieces"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_PIECE: Final = 2**20
"""About how many samples are read at a time: 12 MB."""
_COLUMNS: Final = ("digest", "user", "session", "device", "rate_hz", "regular", "samples")
_CLOCK: Final = ("duration_s", "longest_gap_s")


class Track(NamedTuple):
    """A recording to look through: where it is, its row, and how it was sampled."""

    lab: "Home"
    recording: int
    digest: str
    rate_hz: float
    regular: bool
    samples: int


def choose_tracks(
    source: "Lab | Recording | Iterable[Recording]", filters: Filters
) -> tuple["Home", pd.DataFrame]:
    """Return where recordings are, and the table of those that the filters leave.

    Raises
    ------
    NotInLabError
        If a name is not there, or nothing is left.
    InputError
        If the source is no lab and holds something else than recordings.
    """
    home: Home = source.at(source.snapshot) if isinstance(source, Lab) else hold(source)
    return home, choose_recordings(home.table("recordings", (*_COLUMNS, *_CLOCK)), filters)


def list_tracks(home: "Home", recordings: pd.DataFrame) -> list[Track]:
    """Return a track for each row; of recordings in memory, each holds its own alone."""
    columns = recordings[["digest", "rate_hz", "regular", "samples"]]
    tracks = []
    for row, *facts in columns.itertuples(name=None):
        alone = home.only(np.array([row])) if isinstance(home, Held) else home
        tracks.append(Track(alone, row, *facts))
    return tracks


def find_order(track: Track) -> tuple[Integers, Integers] | None:
    """Return the order of an irregular recording's samples, and their times in ns in that order.

    Times are from the recording's first sample on, as it came; None where the rate is regular.
    """
    if track.regular:
        return None
    clock = track.lab.read(track.recording, "time")
    order = np.argsort(clock, kind="stable")
    return order, clock[order] - clock[0]


def read_pieces(track: Track, edges: Integers, order: Integers | None) -> Iterator[tuple[Any, ...]]:
    """Read a recording in pieces of about a million samples, in the order of their times.

    Parameters
    ----------
    track
        The recording.
    edges
        Increasing positions in that order; pieces begin and end at some of them.
    order
        Of the samples, or None for that in which they came.

    Yields
    ------
    first, last, samples
        Positions in `edges`, and samples from the one edge to the other (out), shape (sample, 3).
    """
    first = 0
    while first < len(edges) - 1:
        reach = int(np.searchsorted(edges, edges[first] + _PIECE, side="right")) - 1
        last = max(first + 1, reach)
        yield first, last, _read(track, int(edges[first]), int(edges[last]), order)
        first = last


def _read(track: Track, start: int, stop: int, order: Integers | None) -> Floats:
    if order is None or start == stop:
        samples: Floats = track.lab.read(track.recording, "acceleration", start, stop)
        return samples
    chosen = order[start:stop]  # clocks step back a little at most, so that these lie together
    lowest = int(chosen.min())
    samples = track.lab.read(track.recording, "acceleration", lowest, int(chosen.max()) + 1)
    return samples[chosen - lowest]
