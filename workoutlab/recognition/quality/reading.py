"""The labelled sets of a lab, read on one grid."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.schema import RESTING
from workoutlab.signals.choice import Filters, choose_recordings, choose_sets
from workoutlab.signals.grid import Source, find_span, read_grid
from workoutlab.signals.held import Home

__all__ = ["OF_SET", "RATE_HZ", "list_sets", "read_set"]

RATE_HZ: Final = 50.0
_OF_RECORDING: Final = (
    "user",
    "session",
    "device",
    "rate_hz",
    "regular",
    "samples",
    "digest",
)
OF_SET: Final = (
    "recording",
    "start_s",
    "stop_s",
    "exercise",
    "muscle_group",
    "repetitions",
)


def list_sets(home: Home, filters: Filters) -> Sequence[Mapping[Any, Any]]:
    """List the sets that the filters leave, with what is known of their recordings.

    Sets that are labelled as resting are left out.

    Raises
    ------
    NotInLabError
        If a name does not occur.
    """
    recordings = choose_recordings(home.table("recordings", _OF_RECORDING), filters)
    recordings = recordings[recordings["samples"] > 0]
    sets = home.table("sets", OF_SET)
    sets = choose_sets(sets[sets["recording"].isin(recordings.index)], filters)
    sets = sets[~sets["exercise"].isin(RESTING)].rename_axis("set").reset_index()
    return sets.join(recordings, on="recording").to_dict("records")


def read_set(home: Home, each: Mapping[Any, Any]) -> npt.NDArray[np.float32]:
    """Read a set that was listed, at 50 Hz; shape (sample, 3), in g."""
    facts = (float(each["rate_hz"]), bool(each["regular"]), int(each["samples"]))
    source = Source(RATE_HZ, int(each["recording"]), *facts, digest=str(each["digest"]))
    last = find_span(home, source)[1]
    start, stop = (round(float(each[name]) * RATE_HZ) for name in ("start_s", "stop_s"))
    return read_grid(home, source, min(start, last), min(stop, last))
