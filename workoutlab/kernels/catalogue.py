"""All that the kernels can say about a window, as data: name, unit, definition, source and cost.

Each kernel file defines what it writes. Costs are nanoseconds on one core of an AMD EPYC (Zen 4),
by ``time.process_time``, of :func:`~workoutlab.kernels.statistics.describe_windows` for this
feature alone: 8,192 windows of 400 samples of noise at 100 Hz, one every 100 samples, of three
channels; between median and least of eleven runs, over windows and channels (over windows, for
features between the axes). Features of one kernel are computed together: two cost little more
than one, and all on three axes 9 µs a window.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from workoutlab.kernels import between, changes, moments, orders, ordinal, periods, spectra
from workoutlab.kernels.feature import Feature

__all__ = ["CATALOGUE", "CHANNELS", "GROUPS", "STANDARD"]

CHANNELS: Final = ("x", "y", "z", "magnitude")
"""What is described if nothing else is said; the magnitude is the root of x² + y² + z²."""

STANDARD: Final = (
    "mean",
    "sd",
    "rms",
    "skewness",
    "kurtosis",
    "mean_crossing_rate",
    "jerk",
    "min",
    "max",
    "median",
    "iqr",
    "dominant_frequency",
    "dominant_share",
    "spectral_entropy",
    "period",
    "periodicity",
    "correlation_xy",
    "correlation_xz",
    "correlation_yz",
)
"""What models are given if nothing else is said."""

CATALOGUE: Final[tuple[Feature, ...]] = (
    *moments.FEATURES,
    *orders.FEATURES,
    *changes.FEATURES,
    *ordinal.FEATURES,
    *spectra.FEATURES,
    *periods.FEATURES,
    *between.FEATURES,
)
"""Every feature, by the kernel that writes it."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "standard": STANDARD,
        **{
            group: tuple(each.name for each in CATALOGUE if each.group == group)
            for group in dict.fromkeys(each.group for each in CATALOGUE)
        },
    }
)
"""Names by group: ``"standard"``, and those that the features say."""
