"""Statistics of windows: names, units and settings; the kernel behind them does the work."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from workoutlab.kernels.feature import Feature

__all__ = ["Statistics"]

Floats = npt.NDArray[np.float32]


def _standard(of: str) -> "list[Feature]":
    from workoutlab.kernels.catalogue import CATALOGUE, STANDARD

    known = {item.name: item for item in CATALOGUE}
    return [known[name] for name in STANDARD if known[name].of == of]


@dataclass(frozen=True)
class Statistics:
    """Sixteen statistics of each axis and of the magnitude, and three between the axes.

    :mod:`workoutlab.kernels.catalogue` defines each. A statistic that is not defined for a window
    (the skewness of a constant one, the period of one that does not repeat) is NaN. Models need
    finite inputs: training standardises each input by its mean and standard deviation over the
    training windows, and an input that is not known then counts as the mean, which is 0.

    Examples
    --------
    >>> names = Statistics().names(400)
    >>> len(names), names[0], names[-1]
    (67, 'x_mean', 'correlation_yz')
    """

    @property
    def channels(self) -> tuple[str, ...]:
        """The three axes and the magnitude."""
        from workoutlab.kernels.catalogue import CHANNELS

        return CHANNELS

    def names(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Name each number: channel and statistic."""
        from workoutlab.kernels.catalogue import CHANNELS

        each, across = _standard("channel"), _standard("axes")
        own = (f"{channel}_{item.name}" for channel in CHANNELS for item in each)
        return (*own, *(item.name for item in across))

    def units(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Return the unit of each."""
        from workoutlab.kernels.catalogue import CHANNELS

        own = tuple(item.unit for item in _standard("channel")) * len(CHANNELS)
        return (*own, *(item.unit for item in _standard("axes")))

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others."""
        return {"inputs": "statistics", "names": list(self.names(0))}

    def compute(
        self, planes: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the statistics of each window.

        Parameters
        ----------
        planes
            Shape (4, sample): x, y, z and the magnitude, in g.
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Sampling rate.

        Returns
        -------
        ndarray
            float32 of shape (window, 67).

        Raises
        ------
        InputError
            If a window reaches beyond the samples.
        """
        from workoutlab.kernels.statistics import describe_windows  # Numba loads when needed

        return describe_windows(planes, starts, length, rate_hz)
