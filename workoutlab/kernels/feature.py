"""What the catalogue says about one number that a kernel writes."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Feature"]


@dataclass(frozen=True)
class Feature:
    """A number that describes one channel of a window, or how its three axes go together.

    Parameters
    ----------
    name
        What columns are called after.
    unit
        Of the number, where the channel is in g.
    definition
        Exact, with the value for windows where the plain formula does not apply.
    source
        Where the formula comes from: a paper, a standard or a library.
    group
        What users choose it by, with others of its kind.
    of
        ``"channel"``, or ``"axes"`` for a number between x, y and z.
    cost_ns
        Nanoseconds on one core for a window of 400 samples (and one channel, if `of` is
        ``"channel"``) of all that is computed together with it.

    Examples
    --------
    >>> Feature("mean", "g", "sum over count", "arithmetic mean", "distribution", "channel", 90)
    ... # doctest: +ELLIPSIS
    Feature(name='mean', unit='g', ...)
    """

    name: str
    unit: str
    definition: str
    source: str
    group: str
    of: Literal["channel", "axes"]
    cost_ns: float
