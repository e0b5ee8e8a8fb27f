"""Statistics of windows: names, units and settings; the kernels behind them do the work."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.schema import AXES
from workoutlab.signals.catalogue import Choice, choose_features
from workoutlab.signals.own import Own
from workoutlab.signals.preparation import CHANNELS

__all__ = ["Statistics"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, init=False, repr=False)
class Statistics:
    """Features of the catalogue, of each channel and between the axes, and functions of your own.

    :func:`workoutlab.catalogue` lists them. A feature that is not defined for a window (the
    skewness of a constant one, the period of one that does not repeat) is NaN. Models need finite
    inputs: training standardises each input by its mean and standard deviation over the training
    windows, and an input that is not known then counts as the mean, which is 0.

    Columns are the features of each channel, channel after channel (``x_mean``), those between the
    axes (``correlation_xy``), then own features. Features between the axes are always of x, y and
    z, which are read for them even where only other channels are described.

    Parameters
    ----------
    names
        A feature, a group, ``"all"``, an :class:`~workoutlab.signals.Own`, or several of these.
        ``"standard"`` are sixteen of each channel and three between the axes.
    channels
        Which channels are described: ``"x"``, ``"y"``, ``"z"``, ``"magnitude"``, ``"vertical"``,
        ``"horizontal"``.

    Raises
    ------
    InputError
        If there is no such feature, group or channel, or two columns have one name.

    Examples
    --------
    >>> names = Statistics().names(400)
    >>> len(names), names[0], names[-1]
    (67, 'x_mean', 'correlation_yz')
    >>> Statistics(["mean", "sd"], channels=("magnitude",)).names(400)
    ('magnitude_mean', 'magnitude_sd')
    """

    described: tuple[str, ...]
    per_channel: tuple[str, ...]
    between: tuple[str, ...]
    own: tuple[Own, ...]
    units_of: tuple[str, ...]

    def __init__(self, names: Choice = "standard", channels: Sequence[str] = CHANNELS[:4]) -> None:
        described = _check_channels(channels)
        chosen = choose_features(names)
        own = [feature for feature in chosen if isinstance(feature, Own)]
        kernel = [feature for feature in chosen if not isinstance(feature, Own)]
        per_channel = [feature for feature in kernel if feature.of == "channel"]
        between = [feature for feature in kernel if feature.of == "axes"]
        units = [feature.unit for feature in per_channel] * len(described)
        units += [feature.unit for feature in between]
        for feature in own:
            units += feature.units * (len(described) if feature.of == "channel" else 1)
        held = {
            "described": described,
            "per_channel": tuple(feature.name for feature in per_channel),
            "between": tuple(feature.name for feature in between),
            "own": tuple(own),
            "units_of": tuple(units),
        }
        for attribute, value in held.items():
            object.__setattr__(self, attribute, value)  # the dataclass is frozen
        twice = [name for name, count in Counter(self._columns).items() if count > 1]
        if twice:
            raise InputError(f"names: two columns are called {twice[0]!r}; rename an own feature")

    def __repr__(self) -> str:
        return f"Statistics({len(self._columns)} columns of {', '.join(self.described)})"

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that are read: those described, and the axes where some go between them."""
        axes = [axis for axis in AXES if axis not in self.described] if self.between else []
        return (*self.described, *axes)

    @cached_property
    def _columns(self) -> tuple[str, ...]:
        columns = [f"{each}_{name}" for each in self.described for name in self.per_channel]
        columns += self.between
        for own in self.own:
            prefixes = [f"{each}_" for each in self.described] if own.of == "channel" else [""]
            columns += [f"{prefix}{name}" for prefix in prefixes for name in own.names]
        return tuple(columns)

    def names(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Name each feature; the length does not matter."""
        return self._columns

    def units(self, length: int) -> tuple[str, ...]:  # noqa: ARG002 - as for other inputs
        """Return the unit of each."""
        return self.units_of

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others: columns, and the code of own features."""
        own = {"own": [each.settings() for each in self.own]} if self.own else {}
        return {"inputs": "statistics", "names": list(self._columns), **own}

    def __dask_tokenize__(self) -> object:
        return self.settings()

    def compute(
        self, planes: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the features of each window.

        Parameters
        ----------
        planes
            Shape (channel, sample), in g: the channels that are read.
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Sampling rate.

        Returns
        -------
        ndarray
            float32 of shape (window, feature).

        Raises
        ------
        InputError
            If a window reaches beyond the samples, or an own function fails.
        """
        described = planes[: len(self.described)]
        parts = self._describe(planes, starts, length, rate_hz)
        parts += [
            own.compute(described, starts, length, rate_hz, self.described) for own in self.own
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _describe(
        self, planes: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> list[Floats]:
        from workoutlab.kernels.statistics import describe_windows  # Numba loads when needed

        how = starts, length, rate_hz
        if not self.between:
            return [describe_windows(planes, *how, self.per_channel)] if self.per_channel else []
        x, y, z = (self.channels.index(axis) for axis in AXES)
        if len(planes) == len(self.described):
            return [describe_windows(planes, *how, (*self.per_channel, *self.between), (x, y, z))]
        between = describe_windows(planes, *how, self.between, (x, y, z))
        if not self.per_channel:
            return [between]
        return [describe_windows(planes[: len(self.described)], *how, self.per_channel), between]


def _check_channels(channels: Sequence[str]) -> tuple[str, ...]:
    known = ", ".join(CHANNELS)
    if not isinstance(channels, Iterable):
        raise InputError(f"channels: expected one or more of {known}, got {channels!r}")
    listed = (channels,) if isinstance(channels, str) else tuple(channels)
    if not listed or len(set(listed)) < len(listed):
        raise InputError(f"channels: expected one or more of {known}, each once, got {listed}")
    for channel in listed:
        if channel not in CHANNELS:
            raise InputError(f"channels: expected one or more of {known}, got {channel!r}")
    return listed
