"""Scores of steps become states, rest or an exercise, each decided once and for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.schema import check_number

__all__ = ["Decoder", "Decoding"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_RULES: Final = ("durations", "muvr")
_HALF: Final = 0.5


@dataclass(frozen=True)
class Decoding:
    """How window scores become sets.

    Parameters
    ----------
    shortest_set_s
        Sets are no shorter than this, in s, before their ends are looked for on the signal.
    shortest_rest_s
        Pauses between sets are no shorter than this, in s; a set may follow another of a different
        exercise without a pause.
    lag_s
        How much of the signal after a sample is known when it is decided upon, in s: the same for
        a recording and for a live stream, so that both end in the same sets.
    longest_s
        A set that lasts longer is cut, in s: memory is bounded by it.
    step
        Samples from one decision to the next.
    reach
        A step's score is the mean of the windows whose middle lies within this share of their
        length from the step's, the nearer ones weighing more; 0.5: of all that cover it.
    penalty
        What a change between rest and an exercise, or two exercises, costs: a logarithm of odds.
    switch
        What a change from one exercise straight to another costs besides: people seldom do that,
        and a set of an exercise that is not known looks now like this one, now like that one.
    least
        A chance below this one counts as this one, so that no single window decides.
    rule
        ``"durations"``: the most likely path with minimum durations
        (:func:`workoutlab.kernels.decoding.decode_steps`). ``"muvr"``: Muvr's joining of equal
        neighbours.
    refine
        Whether starts and stops are looked for on the signal; else they are those of steps.

    Raises
    ------
    InputError
        If a setting cannot mean anything.
    """

    shortest_set_s: float = 6.0
    shortest_rest_s: float = 4.0
    lag_s: float = 12.0
    longest_s: float = 600.0
    step: int = 25
    reach: float = 0.25
    penalty: float = 1.0
    switch: float = 5.0
    least: float = 0.02
    rule: Literal["durations", "muvr"] = "durations"
    refine: bool = True

    def __post_init__(self) -> None:
        for name in ("shortest_set_s", "shortest_rest_s", "lag_s", "longest_s"):
            check_number(name, getattr(self, name), above=0)
        check_number("step", self.step, whole=True, low=1)
        check_number("reach", self.reach, low=0, below=_HALF + 1e-9)
        check_number("penalty", self.penalty, low=0)
        check_number("switch", self.switch, low=0)
        check_number("least", self.least, above=0, below=_HALF)
        if self.rule not in _RULES:
            raise InputError(f"rule: expected one of {', '.join(_RULES)}, got {self.rule!r}")
        if self.longest_s < self.shortest_set_s:
            raise InputError(
                f"longest_s: expected no less than shortest_set_s={self.shortest_set_s:g}, got "
                f"{self.longest_s:g}"
            )

    @classmethod
    def muvr(cls, *, step: int = 25, longest_s: float = 600.0) -> "Decoding":
        """Return Muvr's rule, the baseline.

        Scores are averaged over every window that covers a step, equal neighbours are joined, and
        blocks no longer than one window are absorbed by the block before them.

        Examples
        --------
        >>> Decoding.muvr().rule
        'muvr'
        """
        return cls(rule="muvr", reach=_HALF, step=step, longest_s=longest_s, refine=False)

    def count_steps(self, seconds: float, rate_hz: float) -> int:
        """Return a time as a number of steps, one at least."""
        return max(1, round(seconds * rate_hz / self.step))


class Decoder:
    """Decodes steps as they come; what it decides does not depend on how they arrive.

    Parameters
    ----------
    decoding
        Settings.
    exercises
        Number of exercises; state 0 is rest, state k the exercise k - 1.
    rate_hz
        Of the grid.
    length
        Of the windows of the first stage, in samples.
    known_after
        Samples after the start of a step when its score is known.
    """

    def __init__(
        self, decoding: Decoding, exercises: int, *, rate_hz: float, length: int, known_after: int
    ) -> None:
        from workoutlab.kernels.decoding import start_decoding  # Numba loads when it is needed

        self._decoding, self._share = decoding, decoding.step / length
        seconds = [decoding.shortest_rest_s] + [decoding.shortest_set_s] * exercises
        self._least = np.array([decoding.count_steps(each, rate_hz) for each in seconds], np.int64)
        self._absorbed = -(-length // decoding.step)
        left = round(decoding.lag_s * rate_hz) - known_after
        self.lag = self._absorbed if decoding.rule == "muvr" else max(1, left // decoding.step)
        self._kept = start_decoding(1 + exercises, self.lag, int(self._least.max()))
        self._joined, self._queue = np.zeros(3, np.int64), np.empty(0, np.int64)
        self._steps = 0

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return self._steps

    def push(self, active: Doubles, exercises: Doubles) -> Integers:
        """Take steps, and return the states of those that are :attr:`lag` steps back.

        Parameters
        ----------
        active
            Shape (step, 2): chances of activity and rest.
        exercises
            Shape (step, exercise): chances of each exercise.

        Returns
        -------
        numpy.ndarray
            int64: one for each step taken, less those that the first ones wait for.
        """
        first, self._steps = self._steps, self._steps + len(active)
        if self._decoding.rule == "muvr":
            return self._join(active, exercises)
        from workoutlab.kernels.decoding import decode_steps, weigh_states

        rows = weigh_states(active, exercises, self._decoding.least, self._share)
        penalty = self._decoding.penalty, self._decoding.switch
        return decode_steps(rows, first, self._kept, self._least, penalty, self.lag)

    def _join(self, active: Doubles, exercises: Doubles) -> Integers:
        from workoutlab.kernels.decoding import join_steps

        moving = active[:, 0] > active[:, 1]
        labels = np.where(moving, 1 + exercises.argmax(axis=1), 0).astype(np.int64)
        decided = join_steps(labels, self._absorbed, self._joined)
        self._queue = np.concatenate([self._queue, decided])
        # One state a step, whatever was decided together.
        waiting = int(self._joined[2])
        ready = max(0, len(self._queue) + waiting - self.lag)
        out, self._queue = self._queue[:ready], self._queue[ready:]
        return out

    def finish(self) -> Integers:
        """Return the states of the steps that are left."""
        if self._decoding.rule == "muvr":
            rest = np.full(int(self._joined[2]), self._joined[0])
            return np.concatenate([self._queue, rest])
        from workoutlab.kernels.decoding import decode_rest

        return decode_rest(self._steps, self._kept, self._least, self.lag)

    def state(self) -> dict[str, Any]:
        """Return what it remembers: arrays and numbers."""
        values, began, entered = self._kept
        held = {"values": values, "began": began, "entered": entered, "joined": self._joined}
        copies: dict[str, Any] = {name: array.copy() for name, array in held.items()}
        return copies | {"queue": self._queue.copy(), "steps": self._steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        names = ("values", "began", "entered", "joined")
        for held, name in zip((*self._kept, self._joined), names, strict=True):
            held[...] = state[name]
        self._queue, self._steps = np.array(state["queue"], np.int64), int(state["steps"])
