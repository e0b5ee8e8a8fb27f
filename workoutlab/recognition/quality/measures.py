"""What is measured of a set: each a number with a unit, a definition and a source."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "MEASURES",
    "Definition",
    "Measure",
    "change_percent",
    "drift_percent",
    "edge_count",
    "log_dimensionless_jerks",
    "symmetry_index",
]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Definition:
    """What a measure is.

    Parameters
    ----------
    unit
        Empty where it is a plain number.
    meaning
        In words.
    source
        Where it comes from.
    least
        Repetitions that it needs.
    """

    unit: str
    meaning: str
    source: str
    least: int = 3


_DTW: Final = "elastic distance after Sakoe and Chiba (1978)"
_STILL: Final = 1e-12
_THEIL: Final = "median slope after Theil (1950) and Sen (1968)"

MEASURES: Final[Mapping[str, Definition]] = {
    "consistency": Definition(
        "", "mean likeness of repetitions to each other; 1: the same, 0: unrelated", _DTW
    ),
    "similarity": Definition(
        "", "likeness to the person's own good sets; 1: the same, 0: unrelated", _DTW, 1
    ),
    "smoothness": Definition(
        "ln",
        "log dimensionless jerk of the acceleration, median over repetitions; higher is smoother",
        "LDLJ-A, Melendez-Calderon, Shirota and Balasubramanian (2021)",
    ),
    "smoothness_change": Definition(
        "ln", "smoothness of the last repetitions less that of the first ones", "as smoothness", 4
    ),
    "tempo_drift": Definition(
        "%", "change of a repetition's duration from the first to the last, as a trend", _THEIL
    ),
    "slower_last": Definition(
        "%", "how much longer the last repetitions took than the first ones", "medians", 4
    ),
    "amplitude_loss": Definition(
        "%", "loss of amplitude from the first repetition to the last, as a trend", _THEIL
    ),
    "smaller_last": Definition(
        "%", "how much smaller the last repetitions were than the first ones", "medians", 4
    ),
    "asymmetry": Definition(
        "%",
        "amplitude of odd less that of even repetitions, over their mean; where these alternate",
        "symmetry index, Robinson, Herzog and Nigg (1987)",
        9,
    ),
    "asymmetry_tempo": Definition(
        "%",
        "duration of odd less that of even repetitions, over their mean; where these alternate",
        "symmetry index, Robinson, Herzog and Nigg (1987)",
        9,
    ),
}
"""The measures of a set by name."""


@dataclass(frozen=True)
class Measure:
    """One figure of a set.

    Parameters
    ----------
    name
        Key in :data:`MEASURES`.
    value
        In the definition's unit; NaN where it is not defined.
    matters
        Whether it is more than chance gives, and large enough to be told.
    chance
        How likely chance alone gives as much; NaN where this is not tested.
    reason
        Why it is not defined; empty where it is.
    """

    name: str
    value: float
    matters: bool = False
    chance: float = float("nan")
    reason: str = ""

    @property
    def definition(self) -> Definition:
        """Unit, meaning and source."""
        return MEASURES[self.name]


def edge_count(count: int) -> int:
    """Return how many repetitions are the first ones, and the last ones: three at most.

    Examples
    --------
    >>> [edge_count(count) for count in (4, 5, 6, 20)]
    [2, 2, 3, 3]
    """
    return min(3, count // 2)


def drift_percent(values: Array) -> float:
    """Return the change from the first to the last value along the median slope, in %.

    With b the median of the slopes of ln(value) between all pairs of places [1]_, [2]_, it is
    100 (exp(b (n - 1)) - 1): a value in two, whichever, may be wrong by whatever without much
    effect where these are fewer than 29 %.

    Parameters
    ----------
    values
        Shape (repetition,), positive.

    References
    ----------
    .. [1] H. Theil, "A rank-invariant method of linear and polynomial regression analysis",
       Proceedings of the Royal Netherlands Academy of Sciences 53, 1950.
    .. [2] P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of
       the American Statistical Association 63, 1379-1389, 1968.

    Examples
    --------
    >>> round(drift_percent(2.0 * 1.1 ** np.arange(5)), 2)
    46.41
    """
    one, other = np.triu_indices(len(values), 1)
    logs = np.log(np.maximum(values, 1e-12))
    slope = np.median((logs[other] - logs[one]) / (other - one))
    return float(100 * np.expm1(slope * (len(values) - 1)))


def change_percent(values: Array) -> float:
    """Return how much larger the median of the last values is than that of the first ones, in %.

    Examples
    --------
    >>> round(change_percent(np.array([2, 2, 2.2, 2, 2.1, 2.7, 2.6, 3])), 1)
    35.0
    """
    count = edge_count(len(values))
    return float(100 * (np.median(values[-count:]) / max(np.median(values[:count]), 1e-12) - 1))


def symmetry_index(values: Array) -> float:
    """Return the symmetry index of odd and even repetitions, in %.

    SI = 100 (X1 - X2) / ((X1 + X2) / 2) after [1]_, with X1 the median of the first, third, fifth
    and so on, X2 that of the others: 0 where they are equal, 200 where the latter are nothing.

    References
    ----------
    .. [1] R. O. Robinson, W. Herzog, B. M. Nigg, "Use of force platform variables to quantify the
       effects of chiropractic manipulation on gait symmetry", Journal of Manipulative and
       Physiological Therapeutics 10, 172-176, 1987.

    Examples
    --------
    >>> symmetry_index(np.array([3.0, 1, 3, 1]))
    100.0
    """
    odd, even = np.median(values[::2]), np.median(values[1::2])
    return float(100 * (odd - even) / max((odd + even) / 2, 1e-12))


def log_dimensionless_jerks(
    acceleration: Array, rate_hz: float, cuts: npt.NDArray[np.int64]
) -> Array:
    """Return the log dimensionless jerk of each part of an acceleration, LDLJ-A.

    -ln(T / A ∫ |da/dt|² dt), with T the duration and A the mean square of the acceleration about
    its mean, which stands for gravity [1]_; higher is smoother. Neither the speed nor the size of a
    movement changes it, nor a turn of the sensor.

    Parameters
    ----------
    acceleration
        Shape (sample, 3).
    rate_hz
        Samples a second.
    cuts
        Shape (part, 2), first sample of each part and one past the last.

    Returns
    -------
    ndarray
        Shape (part,); NaN where a part has fewer than three samples, or nothing moves.

    References
    ----------
    .. [1] A. Melendez-Calderon, C. Shirota, S. Balasubramanian, "Estimating movement smoothness
       from inertial measurement units", Frontiers in Bioengineering and Biotechnology 8, 558771,
       2021.

    Examples
    --------
    A sine has ∫ |da/dt|² dt = ω² A T, so that one period of it gives -ln(4 π²):

    >>> swing = np.sin(np.linspace(0, 2 * np.pi, 2001))[:, np.newaxis] * [1, 0, 0]
    >>> log_dimensionless_jerks(swing, 1000, np.array([[0, 2001]])).round(3).tolist()
    [-3.676]
    >>> round(float(-np.log(4 * np.pi**2)), 3)
    -3.676
    """
    low, high = cuts.T
    centred = acceleration - acceleration.mean(axis=0)
    sums = np.zeros((len(centred) + 1, 5))  # of the axes, of their squares, and of steps squared
    np.cumsum(centred, axis=0, out=sums[1:, :3])
    np.cumsum((centred**2).sum(axis=1), out=sums[1:, 3])
    np.cumsum((np.diff(centred, axis=0) ** 2).sum(axis=1), out=sums[2:, 4])
    totals = sums[high] - sums[low]
    count = np.maximum(high - low, 1)
    power = totals[:, 3] / count - ((totals[:, :3] / count[:, np.newaxis]) ** 2).sum(axis=1)
    jerk = (sums[high, 4] - sums[np.minimum(low + 1, high), 4]) * rate_hz
    defined = (count >= 3) & (power > _STILL) & (jerk > 0)
    ratio = (count - 1) / rate_hz * jerk / np.where(defined, power, 1)
    return np.where(defined, -np.log(np.where(defined, ratio, 1)), np.nan)
