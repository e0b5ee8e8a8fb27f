"""What counting and measuring repetitions take: a signal, its rate, and edges within it."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError

__all__ = ["check_edges", "check_rate", "check_signal"]

Array = npt.NDArray[np.float64]

_MOST_G: Final = 1e6
"""More than any sensor shows; squares of it lose no precision yet."""


def check_signal(acceleration: npt.ArrayLike) -> Array:
    """Return a signal as a contiguous array of double precision.

    Raises
    ------
    InputError
        If it is not of numbers, not of shape (sample, 3), not finite, or too great for g.
    """
    given = np.asarray(acceleration)
    if given.dtype.kind not in "buif":
        raise InputError(f"acceleration: expected real numbers, got {given.dtype}")
    signal = np.ascontiguousarray(given, dtype=np.float64)
    if signal.ndim != 2 or signal.shape[1] != 3:
        raise InputError(f"acceleration: expected shape (sample, 3), got {signal.shape}")
    if not np.isfinite(signal).all():
        raise InputError(
            "acceleration: expected finite numbers, got NaN or infinity; cut the set at gaps, or "
            "fill them"
        )
    most = float(np.abs(signal).max(initial=0))
    if most > _MOST_G:
        raise InputError(f"acceleration: expected g, got {most:.3g}; convert it first")
    return signal


def check_rate(rate_hz: float, *, least: float = 0.0) -> float:
    """Return a sampling rate as a float.

    Raises
    ------
    InputError
        If it is not a finite number above 0, or below `least`.
    """
    rate: Any = rate_hz
    number = isinstance(rate, int | float | np.number) and not isinstance(rate, bool)
    if not number or not 0 < rate < np.inf or rate < least:
        expected = f"{least:g} Hz or more" if least else "a positive number"
        raise InputError(f"rate_hz: expected {expected}, got {rate_hz!r}")
    return float(rate)


def check_edges(
    acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike
) -> tuple[Array, float, Array]:
    """Return a signal, its rate and edges of repetitions as arrays of double precision.

    Raises
    ------
    InputError
        If the signal is not finite and of shape (sample, 3), two samples or more, the rate not
        positive, or the edges not of shape (repetition, 2), in order, within the signal.
    """
    signal, rate = check_signal(acceleration), check_rate(rate_hz)
    if len(signal) < 2:
        raise InputError(
            f"acceleration: expected shape (sample, 3), 2 samples or more, got {signal.shape}"
        )
    if hasattr(edges, "edges"):
        raise InputError("edges: expected shape (repetition, 2); give repetitions.edges")
    rows = np.asarray(edges, dtype=np.float64)
    if rows.size == 0:
        rows = rows.reshape(0, 2)
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise InputError(
            f"edges: expected start and stop of each repetition, shape (repetition, 2), "
            f"got {rows.shape}"
        )
    within = (rows[:, 0] >= 0) & (rows[:, 0] < rows[:, 1]) & (rows[:, 1] <= len(signal))
    if not within.all():
        worst = rows[np.flatnonzero(~within)[0]].tolist()
        raise InputError(
            f"edges: expected 0 <= start < stop <= {len(signal)} samples in each row, got {worst}"
        )
    if (np.diff(rows[:, 0]) <= 0).any():
        raise InputError("edges: expected repetitions in order of their starts")
    return signal, rate, rows
