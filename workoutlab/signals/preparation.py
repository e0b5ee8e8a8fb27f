"""What is done to samples before windows are described: the channels that kernels are given."""

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.lab import Lab
from workoutlab.signals.grid import Source, read_grid

__all__ = ["Preparation", "read_channels"]


@dataclass(frozen=True)
class Preparation:
    """What is done to the samples of a recording on their way out of the lab.

    Examples
    --------
    >>> Preparation().settings()
    {}
    """

    def settings(self) -> dict[str, object]:
        """Return what tells this preparation from others, as JSON takes it."""
        return asdict(self)


def read_channels(
    lab: Lab,
    source: Source,
    preparation: Preparation,
    channels: tuple[str, ...],
    start: int,
    stop: int,
) -> npt.NDArray[np.float32]:
    """Read channels of a recording at points `start` to `stop` of the grid, the last one out.

    Returns
    -------
    ndarray
        float32 of shape (channel, stop - start), contiguous.
    """
    from workoutlab.kernels.windows import split_channels  # Numba loads when it is needed

    del preparation
    return split_channels(read_grid(lab, source, start, stop))[: len(channels)]
