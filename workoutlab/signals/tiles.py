"""Filtering in tiles of a recording, so that no value depends on which part is asked for."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.signals.filters import Filter, apply_filter

__all__ = ["ALONG", "Cascade", "filter_tiles"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

ALONG: Final = ("vertical", "horizontal")
"""The channels that need the direction of gravity."""

_TILE: Final = 8192
"""Points of the grid that are filtered together; more where a filter remembers long."""


class Cascade(NamedTuple):
    """The filters that a preparation needs.

    ``gravity`` is the low-pass that tells gravity from movement, ``band`` what both are narrowed
    to; None where not needed. ``kept`` is what the axes hold: ``"keep"``, ``"remove"`` or
    ``"only"`` gravity.
    """

    gravity: Filter | None
    band: Filter | None
    kept: str

    @property
    def margin(self) -> int:
        """After how many points nothing is left of what a stretch began with."""
        return sum(each.memory for each in (self.gravity, self.band) if each is not None)

    @property
    def tile(self) -> int:
        """How many points are filtered together, besides the margins on both sides."""
        return max(_TILE, 4 * self.margin)

    def split(self, samples: Floats, channels: tuple[str, ...]) -> Floats:
        """Filter samples, and split them into channels.

        Parameters
        ----------
        samples
            Shape (sample, 3).
        channels
            Axes, ``"magnitude"``, ``"vertical"`` and ``"horizontal"``.

        Returns
        -------
        ndarray
            float32 of shape (channel, sample).
        """
        from workoutlab.kernels.gravity import split_movement  # Numba loads when it is needed
        from workoutlab.kernels.windows import split_channels

        plain = [place for place, each in enumerate(channels) if each not in ALONG]
        along = [place for place, each in enumerate(channels) if each in ALONG]
        gravity = None if self.gravity is None else apply_filter(samples, self.gravity)
        movement = None
        if gravity is not None and (along or self.kept == "remove"):
            movement = self._narrow(samples - gravity)
        planes = np.empty((len(channels), len(samples)), np.float32)
        if plain:
            # The axes hold gravity alone, the movement alone, or both.
            parted = {"only": gravity, "remove": movement}.get(self.kept)
            axes = self._narrow(samples.astype(np.float64)) if parted is None else parted
            planes[plain] = split_channels(axes, [channels[place] for place in plain])
        if along and gravity is not None and movement is not None:
            parts = split_movement(movement, gravity)
            planes[along] = parts[[ALONG.index(channels[place]) for place in along]]
        return planes

    def _narrow(self, samples: Doubles) -> Doubles:
        return samples if self.band is None else apply_filter(samples, self.band)


def filter_tiles(
    read: Callable[[int, int], Floats],
    span: tuple[int, int],
    cascade: Cascade,
    channels: tuple[str, ...],
    stretch: tuple[int, int],
) -> Floats:
    """Filter a stretch of a recording in tiles, and return its channels.

    Tiles are counted from the recording's first point, whatever stretch is asked for, and each is
    filtered with a margin on either side in which the filters forget where it began.

    Parameters
    ----------
    read
        Returns samples of shape (stop - start, 3), from start to stop (out).
    span
        First and last point (out) of the part that has no gap: nothing beyond is read.
    cascade
        The filters.
    channels
        Which channels, in this order.
    stretch
        First and last point (out) wanted.

    Returns
    -------
    ndarray
        float32 of shape (channel, stop - start).

    Raises
    ------
    InputError
        If the stretch is not within the part.
    """
    (bottom, top), (start, stop) = span, stretch
    if not bottom <= start <= stop <= top:
        raise InputError(
            f"expected points of the grid within {bottom} to {top}, the part of the recording "
            f"without a gap, got {start} to {stop}"
        )
    margin, tile = cascade.margin, cascade.tile
    tiles = range(start // tile * tile, stop, tile)
    low = max(bottom, tiles[0] - margin)
    samples = read(low, min(top, tiles[-1] + tile + margin))
    planes = np.empty((len(channels), stop - start), np.float32)
    for edge in tiles:
        begin, end = max(bottom, edge - margin), min(top, edge + tile + margin)
        done = cascade.split(samples[begin - low : end - low], channels)
        first, last = max(start, edge), min(stop, edge + tile)
        planes[:, first - start : last - start] = done[:, first - begin : last - begin]
    return planes
