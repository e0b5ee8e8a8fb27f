"""What is done to samples before windows are described: the channels that kernels are given."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.schema import AXES, check_number
from workoutlab.signals.calibration import Calibration
from workoutlab.signals.conversion import G, convert_unit
from workoutlab.signals.filters import design_filter
from workoutlab.signals.grid import Source, find_span, read_grid
from workoutlab.signals.tiles import ALONG, Cascade, filter_tiles

if TYPE_CHECKING:
    from workoutlab.signals.held import Home

__all__ = ["CHANNELS", "Preparation", "read_channels"]

Floats = npt.NDArray[np.float32]

CHANNELS: Final = (*AXES, "magnitude", *ALONG)
"""What inputs may be computed from."""


@dataclass(frozen=True)
class Preparation:
    """What is done to the samples of a recording on their way out of the lab.

    In this order: resampling to the plan's grid, calibration, the separation of gravity, the band,
    the channels, the unit. By default nothing is done, and samples at the grid's rate pass
    untouched.

    Channels are ``"x"``, ``"y"``, ``"z"``, ``"magnitude"`` (the root of x² + y² + z²), and two that
    a device's turn on the wrist does not change, as it does not the magnitude: ``"vertical"`` and
    ``"horizontal"``, the parts of the movement along gravity and across it
    (:func:`workoutlab.kernels.gravity.split_movement`). The movement is the acceleration without
    gravity, in the band if there is one, whatever `gravity` says about the axes.

    Filters are Butterworth's, run forward and backward, so that nothing shifts in time. A
    recording is filtered in tiles of its grid, each with a margin after which the filter has
    forgotten where it began: a point's value depends neither on what else is read nor on how a
    plan is cut into tasks. It does not look beyond a gap, where ends are extended by an odd
    reflection, as :func:`scipy.signal.sosfiltfilt` does. Since they look ahead, these filters are
    for recordings, not for live scoring.

    Parameters
    ----------
    gravity
        What of gravity is in the axes: ``"keep"`` it, ``"remove"`` it, or ``"only"`` gravity.
    gravity_hz
        Below this frequency acceleration counts as gravity [1]_, above as movement. Slow
        repetitions turn the wrist at 0.25 to 0.5 Hz: what they turn counts as movement.
    band_hz
        Lowest and highest frequency to keep; None for an open end, or for no filter at all.
    order
        Of both filters in one direction; run both ways they fall off twice as steeply, and let a
        quarter of the power through at the frequencies given.
    unit
        ``"g"`` or ``"m/s2"``.
    antialias
        Whether recordings of a rate more than a fifth above the grid's are freed from what is
        faster than half the grid's rate before they are thinned out.
    calibration
        Offsets and gains of recordings, of :func:`workoutlab.calibrate`. Recordings that are not
        in it pass unchanged.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    References
    ----------
    .. [1] D. Anguita et al., "A public domain dataset for human activity recognition using
       smartphones", ESANN 2013: a Butterworth low-pass of 0.3 Hz.

    Examples
    --------
    >>> Preparation(gravity="remove", band_hz=(None, 15)).settings()["gravity"]
    'remove'
    >>> Preparation(unit="m/s2").unit_of("g/s")
    'm/s³'
    """

    gravity: Literal["keep", "remove", "only"] = "keep"
    gravity_hz: float = 0.3
    band_hz: tuple[float | None, float | None] | None = None
    order: int = 4
    unit: Literal["g", "m/s2"] = "g"
    antialias: bool = True
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        _check_choice("gravity", self.gravity, ("keep", "remove", "only"))
        _check_choice("unit", self.unit, ("g", "m/s2"))
        _check_choice("antialias", self.antialias, (True, False))
        check_number("gravity_hz", self.gravity_hz, above=0)
        check_number("order", self.order, whole=True, low=1, below=13)
        if self.band_hz is not None:
            object.__setattr__(self, "band_hz", _check_band(self.band_hz))
        if self.gravity == "only" and self.band_hz is not None:
            raise InputError(
                f"gravity='only' with band_hz={self.band_hz}: gravity is what lies below "
                "gravity_hz; leave the band out"
            )
        if self.calibration is not None and not isinstance(self.calibration, Calibration):
            raise InputError(
                f"calibration: expected what calibrate() returns, got {self.calibration!r}"
            )

    def settings(self) -> dict[str, Any]:
        """Return what tells this preparation from others, as JSON takes it."""
        return {
            "gravity": self.gravity,
            "gravity_hz": self.gravity_hz,
            "band_hz": None if self.band_hz is None else list(self.band_hz),
            "order": self.order,
            "unit": self.unit,
            "antialias": self.antialias,
            "calibration": None if self.calibration is None else self.calibration.digest,
        }

    def unit_of(self, unit: str) -> str:
        """Return the unit, as prepared, of a number that would be in `unit` with samples in g."""
        return unit if self.unit == "g" else convert_unit(unit)

    def check_rate(self, rate_hz: float) -> None:
        """Refuse a rate of the grid that a filter cannot work at.

        Raises
        ------
        UnitError
            If a frequency of the settings is not below half the rate.
        """
        if self.gravity != "keep":
            design_filter((None, self.gravity_hz), self.order, rate_hz)
        if self.band_hz is not None:
            design_filter(self.band_hz, self.order, rate_hz)

    def only(self, digests: npt.ArrayLike) -> "Preparation":
        """Return it for some recordings, so that a task carries their calibration alone."""
        if self.calibration is None:
            return self
        return replace(self, calibration=self.calibration.only(digests))


def _check_choice(name: str, value: object, known: tuple[object, ...]) -> None:
    if not any(value is each or (isinstance(value, str) and value == each) for each in known):
        raise InputError(f"{name}: expected one of {', '.join(map(repr, known))}, got {value!r}")


def _check_band(band_hz: object) -> tuple[float | None, float | None] | None:
    if not isinstance(band_hz, tuple | list) or len(band_hz) != 2:
        raise InputError(f"band_hz: expected (lowest, highest) in Hz, got {band_hz!r}")
    for edge in band_hz:
        if edge is not None:
            check_number("band_hz", edge, above=0)
    low, high = band_hz
    if low is not None and high is not None and low >= high:
        raise InputError(f"band_hz: expected the lower frequency first, got {band_hz!r}")
    return None if low is None and high is None else (low, high)


def _find_cascade(
    preparation: Preparation, channels: tuple[str, ...], rate_hz: float
) -> Cascade | None:
    """Design the filters that the channels need, or return None if they need none."""
    apart = preparation.gravity != "keep" or any(each in ALONG for each in channels)
    band_hz, order = preparation.band_hz, preparation.order
    if not apart and band_hz is None:
        return None
    return Cascade(
        design_filter((None, preparation.gravity_hz), order, rate_hz) if apart else None,
        design_filter(band_hz, order, rate_hz) if band_hz is not None else None,
        preparation.gravity,
    )


def read_channels(
    lab: "Home",
    source: Source,
    preparation: Preparation,
    channels: tuple[str, ...],
    start: int,
    stop: int,
) -> Floats:
    """Read channels of a recording at points `start` to `stop` of the grid, the last one out.

    Parameters
    ----------
    lab
        Where the recording is.
    source
        The recording, its part without a gap, and the grid.
    preparation
        What is done to the samples.
    channels
        Of :data:`CHANNELS`, in the order wanted.
    start, stop
        Points of the grid, within the source's part.

    Returns
    -------
    ndarray
        float32 of shape (channel, stop - start), contiguous. The same point has the same value,
        to the last bit, whatever stretch it is read in.

    Raises
    ------
    InputError
        If there is no such channel.
    UnitError
        If a filter cannot work at the grid's rate.
    """
    from workoutlab.kernels.windows import split_channels  # Numba loads when it is needed

    for channel in channels:
        _check_choice("channel", channel, CHANNELS)
    if stop <= start:
        return np.empty((len(channels), 0), np.float32)
    read = partial(_read, lab, source, preparation)
    cascade = _find_cascade(preparation, channels, source.grid_hz)
    if cascade is None:
        planes = split_channels(read(start, stop), channels)
    else:
        span = find_span(lab, source)
        planes = filter_tiles(read, span, cascade, channels, (start, stop))
    if preparation.unit != "g":
        with np.errstate(over="ignore"):  # infinite beyond 3.4e38
            planes *= np.float32(G)
    return planes


def _read(lab: "Home", source: Source, preparation: Preparation, start: int, stop: int) -> Floats:
    """Read samples on the grid, calibrated."""
    samples = read_grid(lab, source, start, stop, antialias=preparation.antialias)
    if preparation.calibration is None:
        return samples
    return preparation.calibration.correct(samples, source.digest)
