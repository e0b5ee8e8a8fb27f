"""Where a set starts and ends: looked for on the signal, near where steps change."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["SEARCH_S", "find_start", "find_stop"]

Floats = npt.NDArray[np.float32]

SEARCH_S: Final = 6.0
"""Half of how far around a change of steps the signal is looked at, in s."""

_HOP_S: Final = 0.1
_SEARCH_S: Final = 4.0
"""How far from a change of steps a change of the movement may lie."""
_OUTSIDE_S: Final = 6.0
_INSIDE_S: Final = 10.0
"""How much of the signal before and in a set it is compared with."""
_SURE_S: Final = 0.5
"""So long after a change of steps it is surely a set: steps rather change too late than early."""
_STILL: Final = 0.35
"""Energy up to this share of the set's median is stillness."""
_SETUP_S: Final = 1.2
"""The longest movement before a stillness that is no repetition, but the taking up of a posture."""
_PAUSE_S: Final = 0.3
"""The shortest stillness that separates a posture's taking up from the first repetition."""
_SETTLED_S: Final = 6.0
_HOLD_S: Final = 2.0
"""So much of the stillness after the last repetition may be part of the set; see find_stop."""
_POSTURE_G: Final = 0.15
"""How far from all postures of the set one may be that is still the set's."""
_LOST_S: Final = 0.5
_NEAR_S: Final = 0.6


def find_start(samples: Floats, coarse: int, rate_hz: float) -> int:
    """Return the first sample of a set.

    It is where movement sets in after the change to the posture and power of the set's movement.
    Where movement is in full swing right after lost samples, the set begins with these: nothing
    that was recorded before them is of it.

    Parameters
    ----------
    samples
        float32 of shape (sample, 3), in g: what is known around the start.
    coarse
        The sample where steps change.
    rate_hz
        Of the grid.
    """
    found = _find_onset(samples, coarse, rate_hz)
    return coarse if found is None else _include_lost(samples, found[0], rate_hz)


def find_stop(samples: Floats, coarse: int, rate_hz: float) -> int:
    """Return the sample past the last of a set; parameters as of :func:`find_start`.

    A set ends somewhere between the moment at which its last repetition comes to rest and the
    moment at which the posture is left; of a stillness of up to 2 s between them, half is counted
    to the set, which errs least either way.
    """
    turned = samples[::-1]
    found = _find_onset(turned, len(samples) - coarse, rate_hz)
    if found is None:
        return coarse
    onset, still = found
    lost = _include_lost(turned, onset, rate_hz)
    if lost < onset:
        return len(samples) - lost
    return len(samples) - onset + min(still, round(_HOLD_S * rate_hz)) // 2


def _find_onset(samples: Floats, coarse: int, rate_hz: float) -> tuple[int, int] | None:
    """Return where a set's movement sets in, and how many samples are still before it.

    None where there is too little of the signal to tell.
    """
    from workoutlab.kernels.changepoints import (
        describe_frames,
        find_change,
        find_onset,
        measure_energy,
    )

    hop = max(1, round(_HOP_S * rate_hz))

    def steps(seconds: float) -> int:
        return round(seconds * rate_hz / hop)

    low = max(coarse - hop * steps(_OUTSIDE_S), 0)
    high = min(coarse + hop * steps(_INSIDE_S), len(samples))
    middle, frames = (coarse - low) // hop, (high - low) // hop - 1
    first = max(middle - steps(_SEARCH_S), 5)
    last = min(middle + steps(_SEARCH_S), frames - 10)
    if last < first:
        return None
    described = describe_frames(np.ascontiguousarray(samples[low:high]), hop)
    inner = min(middle + steps(_SURE_S), frames - 10)
    change = find_change(described, first, last, inner) + low // hop
    energy = measure_energy(np.ascontiguousarray(samples), hop)
    inside = energy[change : change + steps(_INSIDE_S)]
    threshold = _STILL * float(np.median(inside[len(inside) // 4 :]))
    lengths = steps(_SETUP_S), steps(_PAUSE_S), steps(_SETTLED_S)
    onset, still = find_onset(energy, change, threshold, lengths)
    return onset * hop, _count_held(samples, onset, still, hop) * hop


def _count_held(samples: Floats, onset: int, still: int, hop: int) -> int:
    """Return how many of the still steps before an onset are in a posture of the set."""
    from workoutlab.kernels.changepoints import describe_frames

    first = max(onset - still, 0)
    stop = min((onset + round(_INSIDE_S / _HOP_S) + 2) * hop, len(samples))
    posture = describe_frames(np.ascontiguousarray(samples[first * hop : stop]), hop)[:, :3]
    inside = posture[onset - first :]
    if not len(inside):
        return 0
    low, high = np.quantile(inside, (0.05, 0.95), axis=0)
    left = ((posture < low - _POSTURE_G) | (posture > high + _POSTURE_G)).any(axis=1)
    away = np.flatnonzero(left[: onset - first])
    return onset - first - (int(away[-1]) + 1 if len(away) else 0)


def _include_lost(samples: Floats, onset: int, rate_hz: float) -> int:
    from workoutlab.kernels.changepoints import find_lost

    near, least = round(_NEAR_S * rate_hz), round(_LOST_S * rate_hz)
    return min(onset, find_lost(np.ascontiguousarray(samples), onset, near, least))
