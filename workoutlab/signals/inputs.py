"""What a window becomes: the numbers that a network or an estimator is given."""

from dataclasses import asdict, dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.schema import AXES

__all__ = ["Inputs", "RawWindows", "check_inputs", "name_inputs"]

Floats = npt.NDArray[np.float32]


class Inputs(Protocol):
    """What a window becomes; a frozen object that pickles."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that it is computed from: axes, ``"magnitude"`` and so on."""

    def names(self, length: int) -> tuple[str, ...]:
        """Name each number that a window of `length` samples becomes."""

    def units(self, length: int) -> tuple[str, ...]:
        """Return the unit of each."""

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others, as JSON takes it."""

    def compute(
        self, planes: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the numbers, float32 (window, input), from planes of shape (channel, sample)."""


def check_inputs(inputs: object) -> Inputs:
    """Return what windows are to become, if it can tell.

    Raises
    ------
    InputError
        If it is a name, a function, or anything else that is not Inputs.

    Examples
    --------
    >>> check_inputs(RawWindows())
    RawWindows(scale_g=2.0)
    """
    needed = ("channels", "names", "units", "settings", "compute")
    if not isinstance(inputs, type) and all(hasattr(inputs, name) for name in needed):
        return cast(Inputs, inputs)
    hint = f"; write Statistics({inputs!r})" if isinstance(inputs, str | list | tuple) else ""
    raise InputError(f"inputs: expected Statistics(...) or RawWindows(), got {inputs!r}{hint}")


def name_inputs(
    inputs: Inputs, lengths: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and units of what windows of these lengths become.

    Raises
    ------
    InputError
        If `inputs` are none, or windows of different length become different numbers.

    Examples
    --------
    >>> name_inputs(RawWindows(), np.array([2, 2]))[0]
    ('x_0', 'x_1', 'y_0', 'y_1', 'z_0', 'z_1')
    """
    check_inputs(inputs)
    distinct = [int(length) for length in np.unique(lengths)] or [0]
    names, units = inputs.names(distinct[0]), inputs.units(distinct[0])
    for length in distinct[1:]:
        if inputs.names(length) != names:
            raise InputError(
                f"windows of {', '.join(map(str, distinct))} samples become different numbers with "
                f"{type(inputs).__name__}: plan windows of one length, or take Statistics()"
            )
    return names, units


@dataclass(frozen=True)
class RawWindows:
    """The samples themselves, as Muvr lays them out: all x, then all y, then all z.

    Parameters
    ----------
    scale_g
        What the acceleration is divided by, in g.

    Raises
    ------
    InputError
        If the scale is not above zero.

    Examples
    --------
    >>> RawWindows().names(400)[399:401]
    ('x_399', 'y_0')
    >>> planes = np.array([[2, 0], [0, 2], [1, 1]], dtype=np.float32)
    >>> RawWindows().compute(planes, np.array([0]), 2, 50).tolist()
    [[1.0, 0.0, 0.0, 1.0, 0.5, 0.5]]
    """

    scale_g: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.scale_g < np.inf:
            raise InputError(f"scale_g: expected a number above zero in g, got {self.scale_g!r}")

    @property
    def channels(self) -> tuple[str, ...]:
        """The three axes."""
        return AXES

    def names(self, length: int) -> tuple[str, ...]:
        """Name each number: axis and sample in the window."""
        return tuple(f"{axis}_{sample}" for axis in AXES for sample in range(length))

    def units(self, length: int) -> tuple[str, ...]:
        """Return the unit of each: g over the scale."""
        return (f"{self.scale_g:g} g",) * (len(AXES) * length)

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others."""
        return {"inputs": "raw windows", **asdict(self)}

    def compute(
        self, planes: Floats, starts: npt.NDArray[np.int64], length: int, rate_hz: float
    ) -> Floats:
        """Return the samples of each window.

        Parameters
        ----------
        planes
            Shape (3, sample), in g.
        starts
            Shape (window,), first sample of each.
        length
            Window length in samples.
        rate_hz
            Not needed here.

        Returns
        -------
        ndarray
            float32 of shape (window, 3 x length).

        Raises
        ------
        InputError
            If a window reaches beyond the samples.
        """
        del rate_hz  # other inputs need it
        from workoutlab.kernels.windows import gather_windows  # Numba loads when it is needed

        return gather_windows(planes, starts, length, 1 / self.scale_g)
