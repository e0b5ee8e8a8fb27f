"""What is done to the inputs before the first layer, so that each comes in a like range.

The kinds, with the training windows' mean m and standard deviation s of each input:

========== ===================================================== ============
kind       an input x becomes                                    unknown (NaN)
========== ===================================================== ============
none       x                                                     an error
standard   (x - m) / s                                           0
clipped    (x - m) / s, not beyond ±3                            0
ramps      eight numbers in ±1: how far it lies between one      the eight's
           octile and the next, -1 below both and 1 above both   means
========== ===================================================== ============

Ramps are a piecewise linear encoding (Gorishniy et al., "On embeddings for numerical features in
tabular deep learning", 2022): features are often skewed, and steps of equal weight between
quantiles let a small network see the middle of a distribution as clearly as its tail.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = [
    "CLIP",
    "SCALINGS",
    "Scaler",
    "check_scaling",
    "fit_scaler",
    "no_scaler",
    "packed_scaler",
    "scaled_inputs",
    "unpack_scaler",
]

Floats = npt.NDArray[np.float32]

SCALINGS: Final = ("none", "standard", "clipped", "ramps")

_RAMPS: Final = 8
CLIP: Final = 3.0
"""Standard deviations beyond which clipped inputs do not go."""
_STEEPEST: Final = 1e30  # of a ramp between equal octiles: a step, with 0 on it
_ROWS: Final = {"none": 0, "standard": 2, "clipped": 2, "ramps": 2 * _RAMPS + 1}
"""Numbers that each kind keeps for an input."""


@dataclass(frozen=True, eq=False)
class Scaler:
    """A scaling as it was fitted to training windows.

    Parameters
    ----------
    kind
        ``"none"``, ``"standard"``, ``"clipped"`` or ``"ramps"``.
    table
        Shape (row, input), float32. For standard and clipped, center and scale; for ramps, the
        nine octiles (minimum and maximum included), then the mean of each ramp; for none, no row.

    Examples
    --------
    >>> inputs = np.arange(9, dtype=np.float32)[:, None]
    >>> fit_scaler("standard", inputs).apply(np.array([[4.0], [np.nan]])).tolist()
    [[0.0], [0.0]]
    >>> fit_scaler("ramps", inputs).apply(np.array([[2.5]])).tolist()
    [[1.0, 1.0, 0.0, -1.0, -1.0, -1.0, -1.0, -1.0]]
    """

    kind: str
    table: Floats

    @property
    def inputs(self) -> int:
        """Number of inputs that it takes."""
        return int(self.table.shape[1])

    @property
    def outputs(self) -> int:
        """Number of inputs that it makes of them."""
        return scaled_inputs(self.kind, self.inputs)

    def apply(self, inputs: npt.ArrayLike) -> Floats:
        """Return the scaled inputs.

        Parameters
        ----------
        inputs
            Shape (window, input), NaN where one is not known.

        Returns
        -------
        numpy.ndarray
            Shape (window, output), float32. Ramps lie ramp after ramp, each with all inputs, so
            that inputs which lie channel after channel become more channels.
        """
        values = np.asarray(inputs, np.float32)
        if self.kind == "none":
            return values
        with np.errstate(over="ignore"):  # inputs far beyond those of training
            if self.kind == "ramps":
                return self._apply_ramps(values)
            center, scale = self.table
            scaled: Floats = (values - center) / scale
            np.copyto(scaled, 0, where=np.isnan(scaled))
            if self.kind == "clipped":
                np.clip(scaled, -CLIP, CLIP, out=scaled)
            return scaled

    def ramps(self) -> tuple[Floats, Floats, Floats]:
        """Return middle, slope and mean of each ramp, shape (ramp, input) each."""
        middles, slopes = _draw_ramps(self.table[: _RAMPS + 1])
        return middles, slopes, self.table[_RAMPS + 1 :]

    def _apply_ramps(self, values: Floats) -> Floats:
        edges, means = self.table[: _RAMPS + 1], self.table[_RAMPS + 1 :]
        scaled = _climb(values, edges)
        unknown = np.isnan(values)
        if unknown.any():
            for ramp, mean in enumerate(means):
                np.copyto(scaled[:, ramp], mean, where=unknown)
        flat: Floats = scaled.reshape(len(values), self.outputs)
        return flat

    def pack(self) -> Floats:
        """Return the table as one float32 vector, as it is stored."""
        packed: Floats = self.table.ravel()
        return packed


def no_scaler(inputs: int) -> Scaler:
    """Return what leaves so many inputs alone.

    Examples
    --------
    >>> no_scaler(3).outputs
    3
    """
    return Scaler("none", np.empty((0, inputs), np.float32))


def unpack_scaler(kind: str, vector: Floats, inputs: int) -> Scaler:
    """Return the scaler of a packed vector: the inverse of :meth:`Scaler.pack`.

    Parameters
    ----------
    kind
        Its kind.
    vector
        What :meth:`Scaler.pack` returned.
    inputs
        Number of inputs that it takes.

    Raises
    ------
    InputError
        If the vector is not as long as that kind's for so many inputs.

    Examples
    --------
    >>> unpack_scaler("standard", np.array([5, 2], np.float32), inputs=1).apply([[7.0]]).tolist()
    [[1.0]]
    """
    rows = _ROWS[check_scaling(kind)]
    if vector.shape != (rows * inputs,):
        raise InputError(
            f"scaling {kind!r} keeps {rows} numbers for each of {inputs} inputs, "
            f"got shape {vector.shape}"
        )
    return Scaler(kind, np.ascontiguousarray(vector, np.float32).reshape(rows, inputs))


def packed_scaler(kind: str, inputs: int) -> int:
    """Return the length of a packed scaler.

    Examples
    --------
    >>> packed_scaler("standard", 60)
    120
    """
    return _ROWS[check_scaling(kind)] * inputs


def scaled_inputs(kind: str, inputs: int) -> int:
    """Return how many numbers a scaling makes of so many inputs.

    Examples
    --------
    >>> scaled_inputs("ramps", 60)
    480
    """
    return inputs * (_RAMPS if check_scaling(kind) == "ramps" else 1)


def check_scaling(kind: str) -> str:
    """Return the kind of a scaling.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if kind not in SCALINGS:
        raise InputError(f"scaling: expected one of {', '.join(SCALINGS)}, got {kind!r}")
    return kind


def fit_scaler(
    kind: str, inputs: npt.ArrayLike, rows: npt.NDArray[np.integer] | None = None
) -> Scaler:
    """Fit a scaling to training windows.

    Parameters
    ----------
    kind
        ``"none"``, ``"standard"``, ``"clipped"`` or ``"ramps"``.
    inputs
        Shape (window, input), finite, or NaN where an input is not known.
    rows
        The windows to fit it to; by default all.

    Raises
    ------
    InputError
        If there is no such kind.

    Examples
    --------
    >>> scaler = fit_scaler("standard", np.array([[1.0], [3.0], [50.0]]), rows=np.array([0, 1]))
    >>> scaler.table.tolist()
    [[2.0], [1.0]]
    """
    check_scaling(kind)
    values = np.asarray(inputs, np.float32)
    if kind == "none":
        return no_scaler(values.shape[1])
    chosen = values if rows is None else values[rows]
    return Scaler(kind, _measure_octiles(chosen) if kind == "ramps" else _measure(chosen))


def _measure(values: Floats) -> Floats:
    """Return mean and standard deviation of each input; 0 and 1 where there is none."""
    unknown = np.isnan(values)
    if some := unknown.any():
        values = np.where(unknown, 0, values)
    count = np.maximum(len(values) - unknown.sum(axis=0), 1)
    center = values.sum(axis=0, dtype=np.float64) / count
    around = values - center
    if some:
        np.copyto(around, 0, where=unknown)
    scale = np.sqrt(np.einsum("ij,ij->j", around, around) / count)
    # Deviations as small as the rounding of float32 are those of a constant.
    scale[scale <= 1e-6 * np.abs(center)] = 1
    scale[scale == 0] = 1
    table: Floats = np.stack([center, scale]).astype(np.float32)
    return table


def _measure_octiles(values: Floats) -> Floats:
    """Return the octiles of each input, and the mean of each ramp between them."""
    ordered = np.sort(values, axis=0)  # unknown ones come last
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    # Linear between order statistics, as numpy.quantile is by default.
    places = np.linspace(0, 1, _RAMPS + 1)[:, None] * np.maximum(count - 1, 0)
    below = np.floor(places).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (np.take_along_axis(ordered, at, axis=0).astype(float) for at in (below, above))
    octiles = np.where(count > 0, low + (high - low) * (places - below), 0).astype(np.float32)
    with np.errstate(over="ignore"):
        ramps = _climb(values, octiles)
    np.copyto(ramps, 0, where=~known[:, None])
    means = ramps.sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    table: Floats = np.concatenate([octiles, means]).astype(np.float32)
    return table


def _climb(values: Floats, edges: Floats) -> Floats:
    """Return where each value lies on each ramp, shape (window, ramp, input)."""
    middles, slopes = _draw_ramps(edges)
    scaled = np.empty((len(values), _RAMPS, values.shape[1]), np.float32)
    for ramp, (middle, slope) in enumerate(zip(middles, slopes, strict=True)):
        out = scaled[:, ramp]
        np.subtract(values, middle, out=out)
        np.multiply(out, slope, out=out)
        np.clip(out, -1, 1, out=out)
    return scaled


def _draw_ramps(edges: Floats) -> tuple[Floats, Floats]:
    """Return middle and slope of each ramp between edges, shape (ramp, input) each."""
    with np.errstate(divide="ignore"):
        slopes = np.minimum(2 / np.diff(edges.astype(float), axis=0), _STEEPEST).astype(np.float32)
    middles = edges[:-1] / 2 + edges[1:] / 2
    return middles.astype(np.float32), slopes
