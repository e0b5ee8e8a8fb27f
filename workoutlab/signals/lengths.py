"""Lengths of time as people write them, and as samples of a rate."""

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from workoutlab.errors import UnitError

__all__ = ["Length", "count_samples", "fit_overlap", "parse_length", "parse_rate", "parse_seconds"]

_UNITS: Final = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}
_SAMPLES: Final = ("samples", "sample")
_LENGTH: Final = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*([a-zA-Z]+)\s*")
_TOLERANCE: Final = 1e-6
_NUMBERS: Final = (int, float, np.integer, np.floating)
_MOST_SAMPLES: Final = 2.0**53  # whole numbers up to it are exact in float64

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Length(NamedTuple):
    """A length of time, in seconds or in samples."""

    number: float
    in_samples: bool = False

    def __str__(self) -> str:
        return f"{self.number:g} samples" if self.in_samples else f"{self.number:g} s"


def parse_length(value: object, what: str, *, signed: bool = False) -> Length:
    """Return a length of time.

    Parameters
    ----------
    value
        ``"8s"``, ``"500ms"``, ``"1.5 min"``, a number of seconds, or ``"400 samples"``.
    what
        What it is the length of, for the message.
    signed
        Whether it may be zero or less.

    Raises
    ------
    UnitError
        If it is not understood, or not above zero where it must be.

    Examples
    --------
    >>> parse_length("500ms", "step"), parse_length(8, "length")
    (Length(number=0.5, in_samples=False), Length(number=8.0, in_samples=False))
    >>> print(parse_length("400 samples", "length"))
    400 samples
    """
    number, in_samples = np.nan, False
    if isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        if match and match[2] in _UNITS:
            number = float(match[1]) * _UNITS[match[2]]
        elif match and match[2] in _SAMPLES and float(match[1]).is_integer():
            number, in_samples = float(match[1]), True
    elif isinstance(value, _NUMBERS) and not isinstance(value, bool):
        number = float(value)
    if np.isfinite(number) and (signed or number > 0):
        return Length(number, in_samples)
    kind = "a length" if signed else "a length above zero"
    raise UnitError(
        f"{what}: expected {kind} as '8s', '500ms', '1min', '400 samples' or a number of "
        f"seconds, got {value!r}"
    )


def parse_seconds(value: object, what: str) -> float:
    """Return a length of time in seconds, where samples would mean nothing.

    Raises
    ------
    UnitError
        If it is not understood, not above zero, or in samples.

    Examples
    --------
    >>> parse_seconds("500ms", "max_gap")
    0.5
    """
    length = parse_length(value, what)
    if length.in_samples:
        raise UnitError(f"{what}: expected seconds, '1s' say, got {value!r}")
    return length.number


def count_samples(length: Length, rates_hz: npt.ArrayLike, what: str) -> Integers:
    """Return how many samples the length has at each rate.

    Parameters
    ----------
    length
        The length; one below zero counts samples back.
    rates_hz
        Shape (rate,).
    what
        What it is the length of, for the message.

    Returns
    -------
    ndarray
        int64 of shape (rate,).

    Raises
    ------
    UnitError
        If that is no whole number at one of the rates, none where there must be one, or too large.

    Examples
    --------
    >>> count_samples(Length(0.1), [50, 100], "step").tolist()
    [5, 10]
    """
    rates = np.asarray(rates_hz, dtype=np.float64)
    with np.errstate(over="ignore"):
        samples = np.full(len(rates), length.number) if length.in_samples else length.number * rates
    if (np.abs(samples) >= _MOST_SAMPLES).any():
        raise UnitError(f"{what}: {length} is more samples than a recording can have")
    counts = np.rint(samples)
    apart = np.abs(samples - counts) > _TOLERANCE * np.maximum(1.0, np.abs(samples))
    bad = apart | ((counts == 0) & (length.number > 0))
    if bad.any():
        raise UnitError(_explain(length, rates, bad, what))
    return counts.astype(np.int64)


def _explain(length: Length, rates: Floats, bad: npt.NDArray[np.bool_], what: str) -> str:
    rate = rates[bad][0]
    samples = length.number * rate
    whole = {np.floor(samples), np.ceil(samples)}
    fitting = sorted({max(1.0, each) for each in whole} if samples > 0 else whole)
    near = " or ".join(f"{each / rate:g} s" for each in fitting)
    problem = f"{what}: {length} is {samples:g} samples at {rate:g} Hz"
    if len(rates) == 1:
        return f"{problem}; expected a whole number of them: {near}"
    shown = ", ".join(f"{each:g}" for each in rates[:8]) + (", …" if len(rates) > 8 else "")
    return (
        f"{problem}; the recordings' rates are {shown} Hz: give a {what} of whole samples at each "
        f"of them, or in samples, '{max(1, round(samples))} samples' say, or one rate_hz"
    )


def fit_overlap(lengths: Integers, overlap: float) -> Integers:
    """Return the steps, in samples, of windows that share `overlap` of their length.

    Raises
    ------
    UnitError
        If one is no whole number of samples.

    Examples
    --------
    >>> fit_overlap(np.array([400, 200]), 0.75).tolist()
    [100, 50]
    """
    steps = lengths * (1 - overlap)
    counts = np.rint(steps)
    bad = (np.abs(steps - counts) > _TOLERANCE * np.maximum(1.0, steps)) | (counts < 1)
    if bad.any():
        length, step = int(lengths[bad][0]), float(steps[bad][0])
        fitting = sorted({max(1, int(np.floor(step))), max(1, int(np.ceil(step)))}, reverse=True)
        shares = " or ".join(f"{1 - each / length:.6g} (step {each})" for each in fitting)
        raise UnitError(
            f"overlap: {overlap:g} of a window of {length} samples leaves a step of {step:g} "
            f"samples; expected a whole number: {shares}"
        )
    whole: Integers = counts.astype(np.int64)
    return whole


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
    if not isinstance(value, bool) and isinstance(value, _NUMBERS):
        rate = float(value)
        if 0 < rate < np.inf:
            return rate
    raise UnitError(f"rate_hz: expected a rate above zero in Hz, or 'own', got {value!r}")
