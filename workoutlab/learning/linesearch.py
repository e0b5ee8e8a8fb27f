"""The length of a step along a direction, by the strong Wolfe conditions.

Nocedal & Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6, turned inside out: it
is told what was found at one length and says which to try next, so that the searches of many
members share each look at their losses.
"""

import math
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Look", "WolfeSearch"]

_DECREASE: Final = 1e-4
_CURVATURE: Final = 0.9
_MOST_LOOKS: Final = 20


@dataclass(frozen=True)
class Look:
    """What was found at a length: the loss, and its slope along the direction."""

    length: float
    loss: float
    slope: float


@dataclass
class WolfeSearch:
    """A search for a length at which the loss fell enough and its slope is flat enough.

    Parameters
    ----------
    start
        At length 0; its slope is negative.
    length
        To try first.

    Examples
    --------
    The loss (length - 3)², from 0 on:

    >>> search = WolfeSearch(Look(0.0, 9.0, -6.0), length=1.0)
    >>> while not search.take((search.length - 3) ** 2, 2 * (search.length - 3)):
    ...     pass
    >>> search.length
    1.0
    """

    start: Look
    length: float
    _low: Look = field(init=False)
    _high: Look | None = field(init=False, default=None)
    _looks: int = field(init=False, default=0)
    _settled: bool = field(init=False, default=False)
    failed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._low = self.start

    def take(self, loss: float, slope: float) -> bool:
        """Take what was found at `length`, and return whether the search is over.

        If it is not, `length` is the next to try. If it is, `failed` says whether there is none.
        """
        self._looks += 1
        if self._settled:
            return True
        look = Look(self.length, loss, slope)
        if self._falls(look) and abs(slope) <= -_CURVATURE * self.start.slope:
            return True
        self._narrow(look)
        if self._looks < _MOST_LOOKS and not self._is_narrow():
            self.length = self._choose()
            return False
        # The best that fell enough has to do; it is looked at again for its gradient.
        self.length, self._settled = self._low.length, True
        self.failed = self._low is self.start
        return self.failed

    def _falls(self, look: Look) -> bool:
        """Return whether the loss is low enough for the length, and none was lower before."""
        line = self.start.loss + _DECREASE * look.length * self.start.slope
        lowest = self._low is self.start or look.loss < self._low.loss
        return look.loss <= line and lowest  # false for NaN

    def _narrow(self, look: Look) -> None:
        if not self._falls(look):
            self._high = look
        elif self._high is None:
            if look.slope >= 0:
                self._high = self._low
            self._low = look
        else:
            if look.slope * (self._high.length - self._low.length) >= 0:
                self._high = self._low
            self._low = look

    def _is_narrow(self) -> bool:
        if self._high is None:
            return not self.length < 1e10
        return abs(self._high.length - self._low.length) < 1e-9 * max(self._low.length, 1e-9)

    def _choose(self) -> float:
        """Return the next length: further out, or between the two that enclose one."""
        if self._high is None:
            return 4 * self.length
        least, most = sorted((self._low.length, self._high.length))
        margin = 0.1 * (most - least)
        guess = _interpolate(self._low, self._high)
        if not math.isfinite(guess):
            return (least + most) / 2
        return min(max(guess, least + margin), most - margin)


def _interpolate(one: Look, other: Look) -> float:
    """Return where the cubic through two looks is least; NaN if nowhere (Nocedal & Wright 3.59)."""
    if not (math.isfinite(other.loss) and math.isfinite(other.slope)):
        return math.nan
    apart = one.length - other.length
    mean = one.slope + other.slope - 3 * (one.loss - other.loss) / apart
    square = mean * mean - one.slope * other.slope
    if square < 0:
        return math.nan
    root = math.copysign(math.sqrt(square), other.length - one.length)
    below = other.slope - one.slope + 2 * root
    if below == 0:
        return math.nan
    return other.length - (other.length - one.length) * (other.slope + root - mean) / below
