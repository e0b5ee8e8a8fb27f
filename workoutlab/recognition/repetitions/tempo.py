"""The tempo of a set: how long each repetition took, and its parts.

Tempo is written as four numbers, lowering - pause - lifting - pause, in seconds: [1]_, [2]_. What a
wrist tells of this: where it is on its way, so that the way out, the pause there, the way back and
the pause before the next repetition are known; and, where it is pushed upward strongly enough to be
felt, in which of the two ways it rises. The wrist rises when a weight is lifted that it holds; at
a cable that is pulled down, the wrist sinks while the weight goes up.

References
----------
.. [1] B. J. Schoenfeld, D. I. Ogborn, J. W. Krieger, "Effect of repetition duration during
   resistance training on muscle hypertrophy: a systematic review and meta-analysis", Sports
   Medicine 45, 577-585, 2015.
.. [2] M. Wilk, A. Zajac, J. J. Tufano, "The influence of movement tempo during resistance training
   on muscular strength and hypertrophy responses: a review", Sports Medicine 51, 1629-1650, 2021.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.repetitions.checks import check_edges
from workoutlab.recognition.repetitions.course import Course, find_upward, follow

__all__ = ["Tempo", "find_phases", "measure_tempo"]

Array = npt.NDArray[np.float64]

_LOW: Final = 0.2
_HIGH: Final = 0.8
_SHARE: Final = 0.346772
"""The smoothest way, 10 x³ - 15 x⁴ + 6 x⁵, gets from 20 % to 80 % in this share of its time."""


@dataclass(frozen=True, eq=False)
class Tempo:
    """How long repetitions took, and their parts; all in s.

    Parameters
    ----------
    durations_s
        Shape (repetition,), from start to stop.
    first_s, second_s
        Shape (repetition,), the two ways of each repetition, in the order in which they were done.
    turn_s
        Shape (repetition,), pause between the two; NaN where the position is not known.
    rest_s
        Shape (repetition,), pause between the second way and the next repetition's first; in the
        last repetition until its stop; NaN where the position is not known.
    lifting
        ``"first"`` or ``"second"``: the way in which the wrist rises; empty where the signal does
        not tell.
    reasons
        Why something is not told: for ``"phases"``, ``"pauses"`` and ``"lifting"``.
    """

    durations_s: Array
    first_s: Array
    second_s: Array
    turn_s: Array
    rest_s: Array
    lifting: str
    reasons: dict[str, str]

    def __repr__(self) -> str:
        medians = ", ".join(
            f"{name.removesuffix('_s')} {value:.1f} s"
            for name, value in self.as_dict().items()
            if not np.isnan(value)
        )
        return f"Tempo({len(self.durations_s)} repetitions, medians: {medians or 'none'})"

    @property
    def lifting_s(self) -> Array:
        """Time in which the wrist rises, of each repetition; NaN where that is not told."""
        return self._choose(self.lifting == "first")

    @property
    def lowering_s(self) -> Array:
        """Time in which the wrist sinks, of each repetition; NaN where that is not told."""
        return self._choose(self.lifting == "second")

    @property
    def pause_s(self) -> Array:
        """Both pauses of each repetition together; NaN where these are not told."""
        return self.turn_s + self.rest_s

    @property
    def tempo_s(self) -> float:
        """Median duration of a repetition; NaN without any."""
        return _middle(self.durations_s)

    @property
    def notation(self) -> str:
        """Lowering, pause at the bottom, lifting, pause at the top: seconds, empty if not told.

        Examples
        --------
        >>> two, none = np.full(3, 2.0), np.zeros(3)
        >>> Tempo(two + 1, two, two / 2, none, none, "second", {}).notation
        '2-0-1-0'
        """
        if not self.lifting:
            return ""
        bottom, top = self.rest_s, self.turn_s
        if self.lifting == "second":
            bottom, top = top, bottom
        parts = [_middle(each) for each in (self.lowering_s, bottom, self.lifting_s, top)]
        return "-".join("x" if np.isnan(part) else f"{part:.0f}" for part in parts)

    def as_dict(self) -> dict[str, float]:
        """Return the medians over repetitions, in s, as a row of found sets has them."""
        return {
            "tempo_s": self.tempo_s,
            "lowering_s": _middle(self.lowering_s),
            "lifting_s": _middle(self.lifting_s),
            "pause_s": _middle(self.pause_s),
        }

    def _choose(self, first: bool) -> Array:
        if not self.lifting:
            return np.full_like(self.durations_s, np.nan)
        return self.first_s if first else self.second_s


def find_phases(acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike) -> Tempo:
    """Find how long the repetitions of a set took, and their parts.

    A way lasts from one end of the movement to the other: the time from 20 % to 80 % of it is
    extended as the smoothest movement would be (minimum jerk, [1]_). What is left between two ways
    is a pause. Where the movement is no tilt, the signal shows forces and not places: ways then
    last from one turning point to the next, and pauses are not told.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Samples a second.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples.

    Returns
    -------
    Tempo
        Of as many repetitions.

    Raises
    ------
    InputError
        If an argument is not as described.

    References
    ----------
    .. [1] T. Flash, N. Hogan, "The coordination of arm movements: an experimentally confirmed
       mathematical model", Journal of Neuroscience 5, 1688-1703, 1985.

    Examples
    --------
    >>> angle = np.pi / 3 * (1 - np.cos(np.pi * np.arange(400) / 50))
    >>> curl = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    >>> tempo = find_phases(curl, 50, [[0, 100], [100, 200], [200, 300], [300, 400]])
    >>> tempo.tempo_s, float(np.median(tempo.first_s).round(1)), tempo.lifting
    (2.0, 1.0, '')
    """
    signal, rate, rows = check_edges(acceleration, rate_hz, edges)
    if not len(rows):
        nothing = np.empty(0)
        reasons = dict.fromkeys(("phases", "pauses", "lifting"), "there is no repetition")
        return Tempo(nothing, nothing, nothing, nothing, nothing, "", reasons)
    return measure_tempo(follow(signal, rate, rows))


def measure_tempo(course: Course) -> Tempo:
    """Measure the tempo of a course that is known already; see :func:`find_phases`."""
    moments = np.array([_find_ways(course, number) for number in range(len(course.edges))])
    # What lies before the set or after it, a setup movement say, is no part of a repetition.
    moments = np.clip(moments, course.edges[0, 0], course.edges[-1, 1])
    # Where a way out seems to begin before the way back before it has ended, they meet half way.
    meeting = np.maximum(moments[:-1, 3] - moments[1:, 0], 0) / 2
    moments[:-1, 3] -= meeting
    moments[1:, 0] += meeting
    in_order = np.maximum.accumulate(moments.ravel()).reshape(moments.shape)
    out, there, back, home = in_order.T / course.rate_hz
    rest = np.append(out[1:], course.edges[-1, 1] / course.rate_hz) - home
    turn = back - there
    upward = find_upward(course)
    reasons = {}
    if not course.tilts:
        reasons["pauses"] = "the movement is no tilt: the signal shows forces and not places"
        turn, rest = np.full_like(turn, np.nan), np.full_like(rest, np.nan)
    if not upward:
        reasons["lifting"] = "the wrist is not pushed up strongly or steadily enough to be felt"
    return Tempo(
        durations_s=np.diff(course.edges, axis=1)[:, 0] / course.rate_hz,
        first_s=there - out,
        second_s=home - back,
        turn_s=turn,
        rest_s=rest,
        lifting={1: "first", -1: "second", 0: ""}[upward],
        reasons=reasons,
    )


def _find_ways(course: Course, number: int) -> tuple[float, float, float, float]:
    """Return where the way out starts and ends, and the way back does, in samples."""
    cut = course.cut(number)
    position = course.position
    top = cut.start + int(np.argmax(position[cut]))
    reach = (cut.stop - cut.start) // 3
    before = max(cut.start - reach, 0)
    low = before + int(np.argmin(position[before : top + 1]))
    after = top + int(np.argmin(position[top : cut.stop + reach]))
    if not course.tilts:
        return float(low), float(top), float(top), float(after)
    out = _extend(position[low : top + 1][::-1])
    back = _extend(position[top : after + 1])
    out_stop, out_start = top - out[0], top - out[1]
    back_start, back_stop = top + back[0], top + back[1]
    return out_start, min(out_stop, top), max(back_start, top), back_stop


def _extend(fall: Array) -> tuple[float, float]:
    """Return where a fall from the first value to the last begins and ends, in samples."""
    share = (fall - fall[-1]) / max(fall[0] - fall[-1], 1e-12)
    high, low = _cross(share, _HIGH), _cross(share, _LOW)
    half = (low - high) / _SHARE / 2
    return (low + high) / 2 - half, (low + high) / 2 + half


def _cross(share: Array, level: float) -> float:
    """Return where a curve first falls below a level, between samples."""
    below = int(np.argmax(share < level))
    if not below:
        return 0.0
    return float(below - 1 + (share[below - 1] - level) / (share[below - 1] - share[below]))


def _middle(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
