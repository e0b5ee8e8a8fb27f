"""What a plan covers and what reading it costs, in words."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Description", "spell"]


@dataclass(frozen=True)
class Description:
    """What a plan covers, and what reading it costs.

    Parameters
    ----------
    people, sessions, recordings
        How many have a window or more.
    segments
        Stretches that windows lie in: sets, or parts of recordings; once for each length.
    empty
        Stretches without a window: too short, or with none that fits around an event.
    gaps
        Gaps in these recordings that part the stretches on either side.
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
    gaps: int
    windows: int
    read_bytes: int

    def __str__(self) -> str:
        short = f"; {self.empty:,} without a window" if self.empty else ""
        gaps = f"; split at {_count(self.gaps, 'gap', 'gaps')}" if self.gaps else ""
        windows = _count(self.windows, "window", "windows")
        people = _count(self.people, "person", "people")
        sessions = _count(self.sessions, "session", "sessions")
        recordings = _count(self.recordings, "recording", "recordings")
        stretches = _count(self.segments, "stretch", "stretches")
        return (
            f"{windows} of {people} in {sessions}, {recordings} and {stretches}{short}{gaps}; "
            f"{self.read_bytes / 1e6:,.1f} MB to read"
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def spell(values: npt.NDArray[np.float64], unit: str) -> str:
    """Write a few values one by one, and many as a range.

    Examples
    --------
    >>> spell(np.array([4.0, 8.0]), "s"), spell(np.arange(2.0, 9.0), "s")
    ('4 and 8 s', '2 to 8 s')
    """
    if not len(values):
        return f"no {unit}"
    if len(values) > 3:
        return f"{values[0]:g} to {values[-1]:g} {unit}"
    return " and ".join(f"{value:g}" for value in values) + f" {unit}"
