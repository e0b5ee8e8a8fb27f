"""The statistics that the kernel writes: name, unit and definition of each, as data."""

from dataclasses import dataclass
from typing import Final

__all__ = ["BETWEEN", "CHANNELS", "PER_CHANNEL", "Statistic"]

CHANNELS: Final = ("x", "y", "z", "magnitude")
"""What the statistics describe; the magnitude is the root of x² + y² + z²."""


@dataclass(frozen=True)
class Statistic:
    """A number that describes a window of one channel, or how two channels go together."""

    name: str
    unit: str
    definition: str


_PADDED = "of the standardised window, padded with zeros to at least twice its length"

PER_CHANNEL: Final = (
    Statistic("mean", "g", "sum over count"),
    Statistic("sd", "g", "root of the mean squared deviation from the mean; divided by n"),
    Statistic("rms", "g", "root of the mean square"),
    Statistic("skewness", "1", "third central moment over sd³; NaN if constant"),
    Statistic("kurtosis", "1", "fourth central moment over sd⁴, less 3; NaN if constant"),
    Statistic(
        "crossing_rate",
        "1/s",
        "changes between above the mean and not above it, over the time from the first sample "
        "to the last; NaN for one sample",
    ),
    Statistic(
        "jerk", "g/s", "mean absolute difference of neighbours, times the rate; NaN for one sample"
    ),
    Statistic("min", "g", "smallest value"),
    Statistic("max", "g", "largest value"),
    Statistic("median", "g", "0.5 quantile, interpolated linearly between order statistics"),
    Statistic("iqr", "g", "0.75 quantile less 0.25 quantile, interpolated linearly"),
    Statistic(
        "dominant_frequency",
        "Hz",
        "frequency of the largest |DFT|² from one cycle a window to half the rate, "
        f"{_PADDED}; NaN if constant",
    ),
    Statistic(
        "dominant_share",
        "1",
        "power at the dominant frequency and the bin on either side, over the power from one "
        "cycle a window to half the rate; NaN if constant",
    ),
    Statistic(
        "spectral_entropy",
        "1",
        "entropy of the power from one cycle a window to half the rate, over the logarithm of "
        "the number of bins; NaN if constant or if there is one bin",
    ),
    Statistic(
        "period",
        "s",
        "lag of the highest peak of the autocorrelation (biased) after it first falls below 0, "
        "up to three quarters of the window; NaN if there is none, or if constant",
    ),
    Statistic(
        "periodicity",
        "1",
        "height of that peak over the value at lag 0; 0 if there is none, NaN if constant",
    ),
)
"""For each of :data:`CHANNELS`, in the kernel's order."""

BETWEEN: Final = tuple(
    Statistic(
        f"correlation_{pair}",
        "1",
        f"Pearson correlation of {pair[0]} and {pair[1]}; NaN if one is constant",
    )
    for pair in ("xy", "xz", "yz")
)
"""Between the axes, after those of the channels."""
