"""Lengths of time as people write them, and as samples of a rate."""

import re
from contextlib import suppress
from typing import Final

import numpy as np

from workoutlab.errors import UnitError

__all__ = ["count_samples", "parse_length", "parse_rate"]

_UNITS: Final = {"s": 1.0, "ms": 1e-3, "min": 60.0}
_LENGTH: Final = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]+)\s*")
_TOLERANCE: Final = 1e-6


def parse_length(value: str | float, what: str) -> float:
    """Return a length of time in seconds.

    Parameters
    ----------
    value
        ``"8s"``, ``"500ms"``, ``"1.5 min"``, or a number of seconds.
    what
        What it is the length of, for the message.

    Raises
    ------
    UnitError
        If it is not understood, or not above zero.

    Examples
    --------
    >>> parse_length("500ms", "step"), parse_length(8, "length")
    (0.5, 8.0)
    """
    seconds = np.nan
    if isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        if match and match[2] in _UNITS:
            seconds = float(match[1]) * _UNITS[match[2]]
    elif not isinstance(value, bool):
        with suppress(TypeError, ValueError):
            seconds = float(value)
    if 0 < seconds < np.inf:
        return seconds
    raise UnitError(
        f"{what}: expected a length above zero as '8s', '500ms', '1min' or a number of seconds, "
        f"got {value!r}"
    )


def count_samples(seconds: float, rate_hz: float, what: str) -> int:
    """Return how many samples at `rate_hz` the length has.

    Raises
    ------
    UnitError
        If that is no whole number.

    Examples
    --------
    >>> count_samples(0.1, 50, "step")
    5
    """
    samples = seconds * rate_hz
    count = round(samples)
    if count >= 1 and abs(samples - count) <= _TOLERANCE * max(1.0, samples):
        return count
    lower, upper = max(1, int(np.floor(samples))), max(1, int(np.ceil(samples)))
    near = " or ".join(f"{each / rate_hz:g} s" for each in sorted({lower, upper}))
    raise UnitError(
        f"{what}: {seconds:g} s is {samples:g} samples at {rate_hz:g} Hz; "
        f"expected a whole number of them: {near}"
    )


def parse_rate(value: object) -> float:
    """Return a sampling rate in Hz.

    Raises
    ------
    UnitError
        If it is no number above zero.

    Examples
    --------
    >>> parse_rate(50)
    50.0
    """
    if not isinstance(value, bool) and isinstance(value, int | float | np.number):
        rate = float(value)
        if 0 < rate < np.inf:
            return rate
    raise UnitError(f"rate_hz: expected a rate above zero in Hz, got {value!r}")
