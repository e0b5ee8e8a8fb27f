"""Reliability: how often predictions of each confidence are right."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = ["Reliability", "measure_reliability"]

_BINS: Final = 10


@dataclass(frozen=True)
class Reliability:
    """How often predictions of each confidence are right.

    Parameters
    ----------
    count
        Predictions in each of equally wide bins of confidence from 0 to 1.
    confidence, accuracy
        Mean confidence, and share that is right, in each; 0 where there are none.
    """

    count: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def total(self) -> int:
        """Number of predictions."""
        return sum(self.count)

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |confidence - accuracy| over predictions.

        Notes
        -----
        Naeini, M. P., Cooper, G. F., Hauskrecht, M. (2015): Obtaining well calibrated
        probabilities using Bayesian binning, AAAI.
        """
        if not self.total:
            return float("nan")
        gaps = np.abs(np.subtract(self.confidence, self.accuracy))
        return float(np.dot(self.count, gaps) / self.total)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Reliability":
        """Take up what :meth:`as_dict` returned."""
        return cls(*(tuple(told[name]) for name in ("count", "confidence", "accuracy")))


def measure_reliability(
    confidence: npt.ArrayLike, right: npt.ArrayLike, bins: int = _BINS
) -> Reliability:
    """Compare confidences with how often they are right.

    Parameters
    ----------
    confidence
        Shape (prediction,), 0 to 1.
    right
        Shape (prediction,): whether each was right.
    bins
        Number of bins.

    Examples
    --------
    >>> found = measure_reliability([0.95, 0.95, 0.55, 0.55], [True, True, True, False])
    >>> round(found.error, 3), found.count[5], found.accuracy[5]
    (0.05, 2, 0.5)
    """
    sure, hit = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if sure.shape != hit.shape or sure.ndim != 1:
        raise InputError(f"right: expected shape {sure.shape}, one a confidence, got {hit.shape}")
    place = np.clip((sure * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    means = [np.bincount(place, each, bins) / np.maximum(count, 1) for each in (sure, hit)]
    return Reliability(tuple(count.tolist()), *(tuple(mean.tolist()) for mean in means))
