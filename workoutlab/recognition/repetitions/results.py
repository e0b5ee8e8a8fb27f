"""What counting says about a set."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = ["Repetitions"]


@dataclass(frozen=True, eq=False)
class Repetitions:
    """How many repetitions a set has, how sure that is, and where each of them lies.

    Parameters
    ----------
    count
        The number of repetitions; None where the signal does not tell it surely enough.
    guess
        The most probable number, also where `count` is None.
    probabilities
        Shape (number,), float64: how probable 0, 1, 2, ... repetitions are; sums to 1.
    edges
        Shape (guess, 2), float64: where each repetition starts and stops, in samples of the
        signal that was counted, fractions included; in order.
    rate_hz
        The signal's sampling rate.

    Raises
    ------
    InputError
        If the shapes do not fit the guess, or the probabilities do not sum to 1.

    Examples
    --------
    >>> two = Repetitions(2, 2, np.array([0, 0, 1.0]), np.array([[0, 90], [90, 200.0]]), 50)
    >>> two.durations_s.tolist(), two.period_s, two.confidence
    ([1.8, 2.2], 2.0, 1.0)
    >>> two.choose(0.8)
    (2,)
    """

    count: int | None
    guess: int
    probabilities: npt.NDArray[np.float64]
    edges: npt.NDArray[np.float64]
    rate_hz: float

    def __post_init__(self) -> None:
        if self.edges.shape != (self.guess, 2):
            raise InputError(f"edges: expected shape ({self.guess}, 2), got {self.edges.shape}")
        if self.probabilities.ndim != 1 or not self.guess < len(self.probabilities):
            raise InputError(
                f"probabilities: expected one for each of 0 to {self.guess} or more, "
                f"got shape {self.probabilities.shape}"
            )
        if not np.isclose(self.probabilities.sum(), 1):
            raise InputError(f"probabilities: expected a sum of 1, got {self.probabilities.sum()}")

    def __repr__(self) -> str:
        low, *others = self.choose(0.9)
        among = f"{low} to {others[-1]}" if others else f"{low}"
        counted = "no count" if self.count is None else f"{self.count}"
        return (
            f"Repetitions({counted}; most probable {self.guess}, {100 * self.confidence:.0f} %; "
            f"{among} by 90 %; median duration {self.period_s:.1f} s)"
        )

    @property
    def durations_s(self) -> npt.NDArray[np.float64]:
        """How long each repetition took, in s; shape (guess,)."""
        return (self.edges[:, 1] - self.edges[:, 0]) / self.rate_hz

    @property
    def period_s(self) -> float:
        """The median duration of a repetition in s; NaN if there is none."""
        return float(np.median(self.durations_s)) if self.guess else float("nan")

    @property
    def confidence(self) -> float:
        """How probable the guess is, 0..1."""
        return float(self.probabilities[self.guess])

    def choose(self, share: float) -> tuple[int, ...]:
        """Return the fewest counts that together are at least this probable, in order."""
        order = np.argsort(-self.probabilities, kind="stable")
        reached = np.cumsum(self.probabilities[order])
        needed = int(np.searchsorted(reached, share - 1e-12)) + 1
        return tuple(sorted(int(count) for count in order[:needed]))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "count": self.count,
            "guess": self.guess,
            "confidence": self.confidence,
            "probabilities": self.probabilities.tolist(),
            "edges": self.edges.tolist(),
            "rate_hz": self.rate_hz,
        }
