"""The features of many windows: one pass after the other over a tile that stays in the cache."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels import (
    between,
    changes,
    fourier,
    moments,
    orders,
    ordinal,
    periods,
    spectra,
)
from workoutlab.kernels.catalogue import CATALOGUE, STANDARD
from workoutlab.kernels.feature import Feature
from workoutlab.kernels.lanes import WIDTH
from workoutlab.kernels.windows import check_windows

__all__ = ["describe_windows"]

Floats = npt.NDArray[np.float32]
Starts = npt.NDArray[np.int64]

_TILE: Final = 1024  # windows whose numbers are at hand at once
_SPECTRAL_BYTES: Final = 2**19  # of spectra, and of autocorrelations, that are


def describe_windows(
    planes: Floats,
    starts: Starts,
    length: int,
    rate_hz: float,
    names: Sequence[str] = STANDARD,
    axes: Sequence[int] = (0, 1, 2),
) -> Floats:
    """Return the features of each window.

    Parameters
    ----------
    planes
        Shape (channel, sample), in g.
    starts
        Shape (window,), first sample of each window.
    length
        Window length in samples.
    rate_hz
        Sampling rate in Hz.
    names
        Which features, of :data:`~workoutlab.kernels.catalogue.CATALOGUE`. Only what they need
        is computed, and what else is asked for does not change a number.
    axes
        Which channels are x, y and z, for the features between them.

    Returns
    -------
    ndarray
        float32 of shape (window, column): for each channel the features of a channel, in the
        order of `names`, then those between the axes. Each window's numbers depend on its
        samples alone. NaN where a feature is not defined; a channel with a value that is not
        finite gets NaN throughout.

    Raises
    ------
    InputError
        If a window reaches beyond the samples, a name is not known, or features between the axes
        are asked for without three of them.

    Examples
    --------
    >>> planes = np.array([[0, 2, 4], [1, 1, 1]], np.float32)
    >>> describe_windows(planes, np.array([0, 1]), 2, 50, ["mean", "max"])
    array([[1., 2., 1., 1.],
           [3., 4., 1., 1.]], dtype=float32)
    """
    planes = np.ascontiguousarray(planes, dtype=np.float32)
    starts = np.ascontiguousarray(starts, dtype=np.int64)
    check_windows(planes, starts, length)
    rate_hz = float(rate_hz)  # of a whole number, all would be compiled once more
    chosen = _choose(names)
    each = [item.name for item in chosen if item.of == "channel"]
    across = [item.name for item in chosen if item.of == "axes"]
    channels = len(planes)
    out = np.empty((len(starts), channels * len(each) + len(across)), np.float32)
    per_channel = out[:, : channels * len(each)].reshape(len(starts), channels, len(each))
    work = list(_find_work(_PASSES, planes, each, per_channel))
    if across:
        work += _find_work(_AXES, _axes(planes, axes), across, out[:, channels * len(each) :])
    for first in range(0, len(starts), _TILE):
        for each_pass in work:
            each_pass.run(starts, slice(first, first + _TILE), length, rate_hz)
    return out


def _choose(names: Sequence[str]) -> list[Feature]:
    known = {item.name: item for item in CATALOGUE}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"names: {', '.join(unknown)}: expected some of {', '.join(known)}")
    return [known[name] for name in names]


def _axes(planes: Floats, axes: Sequence[int]) -> Floats:
    if len(axes) != 3 or not all(0 <= axis < len(planes) for axis in axes):
        raise InputError(
            f"axes: expected three of the {len(planes)} channels as x, y and z, got {tuple(axes)}"
        )
    return planes[:3] if tuple(axes) == (0, 1, 2) else planes[list(axes)]


Fill = Callable[[Floats, Starts, int, float, Floats], None]


@dataclass(frozen=True)
class _Pass:
    """A kernel: what it writes, and how it is called where these names are wanted."""

    features: tuple[Feature, ...]
    choose: Callable[[frozenset[str]], Fill]


@dataclass(frozen=True)
class _Work:
    """A pass over the windows, whose columns go to places of the output."""

    fill: Fill
    planes: Floats
    columns: list[tuple[int, int]]  # of the pass, and of the output
    out: Floats
    scratch: Floats = field(repr=False)

    def run(self, starts: Starts, tile: slice, length: int, rate_hz: float) -> None:
        here, out = starts[tile], self.out[tile]
        scratch = self.scratch[: len(here)]
        self.fill(self.planes, here, length, rate_hz, scratch)
        for source, target in self.columns:
            out[..., target] = scratch[..., source]


def _find_work(
    passes: Sequence[_Pass], planes: Floats, names: Sequence[str], out: Floats
) -> Iterator[_Work]:
    for each in passes:
        places = {item.name: place for place, item in enumerate(each.features)}
        columns = [(places[name], i) for i, name in enumerate(names) if name in places]
        if columns and out.size:
            shape = (min(_TILE, len(out)), *out.shape[1:-1], len(places))
            wanted = frozenset(names).intersection(places)
            scratch = np.empty(shape, np.float32)
            yield _Work(each.choose(wanted), planes, columns, out, scratch)


def _choose_orders(wanted: frozenset[str]) -> Fill:
    return partial(orders.fill_orders, deviation="mad" in wanted)


def _choose_changes(wanted: frozenset[str]) -> Fill:
    columns = 1 + max(i for i, item in enumerate(changes.FEATURES) if item.name in wanted)
    return partial(changes.fill_changes, columns=columns)


def _choose_spectral(wanted: frozenset[str]) -> Fill:
    return partial(_fill_spectral, wanted=wanted)


def _fill_spectral(
    planes: Floats,
    starts: Starts,
    length: int,
    rate_hz: float,
    out: Floats,
    *,
    wanted: frozenset[str],
) -> None:
    """Spectra and autocorrelations, each only if wanted; a few windows at a time."""
    bins, channels = fourier.padded_length(length) // 2 + 1, len(planes)
    groups = max(1, _SPECTRAL_BYTES // (4 * bins * WIDTH))
    groups = min(-(-len(starts) * channels // WIDTH), groups)
    tile = max(1, groups * WIDTH // channels)
    groups = -(-tile * channels // WIDTH)
    all_powers = np.empty((groups, bins, WIDTH), np.float32)
    all_lags = np.empty((groups, bins + 1, WIDTH), np.float32)
    of_spectra = len(spectra.FEATURES)
    flat = out.reshape(len(starts) * channels, -1)
    in_spectra, in_lags = bool(wanted & _OF_SPECTRA), bool(wanted - _OF_SPECTRA)
    shape = bool(wanted & _OF_SPECTRA - set(spectra.DOMINANT))
    for first in range(0, len(starts), tile):
        here = starts[first : first + tile]
        rows = flat[first * channels : (first + tile) * channels]
        powers = all_powers[: -(-len(rows) // WIDTH)]
        fourier.fill_powers(planes, here, length, powers)
        if in_spectra:
            spectra.fill_spectra(powers, length, rate_hz, rows[:, :of_spectra], shape=shape)
        if in_lags:
            lags = all_lags[: len(powers)]
            fourier.fill_correlations(powers, lags)
            periods.fill_periods(lags, length, rate_hz, rows[:, of_spectra:])


_OF_SPECTRA: Final = frozenset(item.name for item in spectra.FEATURES)
_PASSES: Final = (
    _Pass(moments.FEATURES, lambda _: moments.fill_moments),
    _Pass(orders.FEATURES, _choose_orders),
    _Pass(changes.FEATURES, _choose_changes),
    _Pass(ordinal.FEATURES, lambda _: ordinal.fill_ordinal),
    _Pass((*spectra.FEATURES, *periods.FEATURES), _choose_spectral),
)
_AXES: Final = (_Pass(between.FEATURES, lambda _: between.fill_between),)
