"""A recording's own samples in the order of their times, read piece by piece."""

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals.choice import OF_RECORDINGS, Filters, choose_recordings
from workoutlab.signals.held import Held, hold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workoutlab.signals.held import Home

__all__ = ["Track", "choose_tracks", "list_tracks", "split_pieces"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_PIECE: Final = 2**20
"""About how many samples are read at a time: 12 MB."""
_COLUMNS: Final = (
    *("digest", "user", "session", "device", "simulated"),
    *("rate_hz", "regular", "samples", "duration_s"),
)


class Track(NamedTuple):
    """A recording to look through: where it is, its row, and how it was sampled."""

    lab: "Home"
    recording: int
    digest: str
    rate_hz: float
    regular: bool
    samples: int
    duration_s: float

    def clock(self) -> tuple[Integers, Integers] | None:
        """Return the order of an irregular recording's samples, and their times in that order.

        Times are in ns from the recording's first sample on, as it came. None where the rate is
        regular.
        """
        if self.regular:
            return None
        clock = self.lab.read(self.recording, "time")
        order = np.argsort(clock, kind="stable")
        return order, clock[order] - clock[0]

    def read(self, start: int, stop: int, order: Integers | None) -> Floats:
        """Read samples `start` to `stop` (out) in the order of their times; shape (sample, 3)."""
        samples: Floats
        if order is None or start == stop:
            samples = self.lab.read(self.recording, "acceleration", start, stop)
            return samples
        chosen = order[start:stop]  # clocks step back a little at most, so that these lie together
        lowest = int(chosen.min())
        samples = self.lab.read(self.recording, "acceleration", lowest, int(chosen.max()) + 1)
        return samples[chosen - lowest]


def choose_tracks(
    source: "Lab | Recording | Iterable[Recording]", filters: Filters
) -> tuple["Home", pd.DataFrame]:
    """Return where recordings are, and the table of those that the filters leave.

    Raises
    ------
    NotInLabError
        If a name is not there, or nothing is left.
    InputError
        If the source is no lab and holds something else than recordings, or a filter is not one
        of recordings.
    """
    for name in filters:
        if name not in OF_RECORDINGS:
            raise InputError(f"there is no filter {name!r}; there are {', '.join(OF_RECORDINGS)}")
    home: Home = source.at(source.snapshot) if isinstance(source, Lab) else hold(source)
    return home, choose_recordings(home.table("recordings", _COLUMNS), filters)


def list_tracks(home: "Home", recordings: pd.DataFrame) -> list[Track]:
    """Return a track for each row; of recordings in memory, each holds its own alone."""
    columns = recordings[list(Track._fields[2:])]
    tracks = []
    for row, *facts in columns.itertuples(name=None):
        alone = home.only(np.array([row])) if isinstance(home, Held) else home
        tracks.append(Track(alone, row, *facts))
    return tracks


def split_pieces(edges: Integers) -> list[tuple[int, int]]:
    """Split runs between edges into pieces of about a million samples.

    Parameters
    ----------
    edges
        Increasing positions of samples.

    Returns
    -------
    list
        First and last place (which the next piece begins with) in `edges` of every piece.

    Examples
    --------
    >>> split_pieces(np.array([0, 400_000, 800_000, 1_200_000]))
    [(0, 2), (2, 3)]
    """
    pieces, first = [], 0
    while first < len(edges) - 1:
        reach = int(np.searchsorted(edges, edges[first] + _PIECE, side="right")) - 1
        last = max(first + 1, reach)
        pieces.append((first, last))
        first = last
    return pieces
