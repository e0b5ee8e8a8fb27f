"""Whether acceleration is in g: what is worn lies within gravity."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Scale"]

_LENGTH_S: Final = 5.0
_LOW, _HIGH = 0.6, 3.0  # of the mean magnitude in g: what is worn is about 1
_KNOWN: Final = {"m/s2": (6.0, 15.0), "mg": (600.0, 1500.0)}


class Scale:
    """Measures the mean magnitude of a session's first 5 seconds.

    Parameters
    ----------
    rate_hz
        Of the samples.

    Examples
    --------
    >>> scale = Scale(2.0)
    >>> scale.push(np.tile(np.float32([0, 0, 9.81]), (9, 1))), scale.mean_g
    (None, 0.0)
    >>> print(scale.push(np.float32([[0, 0, 9.81]])))
    a mean magnitude of 9.81 is no acceleration in g with gravity, which is about 1; it looks like
    m/s2: convert the samples by workoutlab.to_g(samples, 'm/s2')
    """

    def __init__(self, rate_hz: float) -> None:
        self.left = round(_LENGTH_S * rate_hz)
        self.count = 0
        self.total = 0.0

    @property
    def mean_g(self) -> float:
        """The mean magnitude once it is measured, else 0."""
        return self.total / self.count if self.count and not self.left else 0.0

    def push(self, samples: npt.NDArray[np.float32]) -> str | None:
        """Take samples (sample, 3), and tell what is wrong with the scale once it is known."""
        if not self.left:
            return None
        taken = samples[: self.left].astype(np.float64)
        self.total += float(np.sqrt((taken**2).sum(axis=1)).sum())
        self.count += len(taken)
        self.left -= len(taken)
        return None if self.left else self._judge()

    def _judge(self) -> str | None:
        mean = self.mean_g
        if _LOW <= mean <= _HIGH:
            return None
        said = (
            f"a mean magnitude of {mean:.3g} is no acceleration in g with gravity, which is about 1"
        )
        for unit, (low, high) in _KNOWN.items():
            if low <= mean <= high:
                return (
                    f"{said}; it looks like {unit}: convert the samples by "
                    f"workoutlab.to_g(samples, {unit!r})"
                )
        if mean < _LOW:
            return f"{said}; is gravity removed? Take the sensor's raw acceleration"
        return f"{said}; convert the samples by workoutlab.to_g"
