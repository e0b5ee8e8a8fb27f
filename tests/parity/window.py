"""What a peer is given, and what a row of the table holds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LENGTH, PADDED, RATE_HZ = 512, 1024, 50.0
CYCLE = PADDED // LENGTH  # the bin of one cycle a window
CYCLE_HZ = RATE_HZ / LENGTH
LAST_LAG = 3 * LENGTH // 4
SKDH = "skdh.features"
TSFRESH = "tsfresh.feature_extraction.feature_calculators"
TSFEL = "tsfel.feature_extraction.features"
SCIPY_SIGNAL, SCIPY_STATS = "scipy.signal", "scipy.stats"


@dataclass(frozen=True, eq=False)
class Window:
    """What a peer is given: one channel in float64, or all three, and the rate."""

    axes: Floats
    channel: int = 0

    @cached_property
    def v(self) -> Floats:
        return self.axes[self.channel]

    @cached_property
    def away(self) -> Floats:
        return self.v - self.v.mean()

    @cached_property
    def power(self) -> Floats:
        """The power that our spectral features are of, 0 below one cycle a window; by bin."""
        power = np.abs(np.fft.rfft(self.away, PADDED)) ** 2
        power[:CYCLE] = 0
        return power

    @cached_property
    def limited(self) -> Floats:
        """A signal with this power."""
        return np.fft.irfft(np.sqrt(self.power), PADDED)

    @cached_property
    def squared(self) -> Floats:
        """A signal with this power as |DFT|: what weighs with |DFT| weighs with the power."""
        return np.fft.irfft(self.power, PADDED)

    @cached_property
    def correlation(self) -> Floats:
        """The autocorrelation over its value at lag 0, to the last lag that a period may have."""
        return np.correlate(self.away, self.away, "full")[LENGTH - 1 :][: LAST_LAG + 2] / (
            self.away @ self.away
        )


@dataclass(frozen=True)
class Row:
    """Our feature, and the same of a peer: its module and the window in, the number out.

    The call gives None for a window to which the peer's definition does not apply.
    """

    name: str
    library: str
    call: Callable[[Any, Window], float | None]
    relative: float = 1e-6
    note: str = ""
