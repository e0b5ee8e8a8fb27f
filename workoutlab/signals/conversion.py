"""Units of acceleration: what comes in becomes g, what goes out may be m/s²."""

import re
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, UnitError
from workoutlab.readers.mapping import ACCELERATION
from workoutlab.schema import check_number

__all__ = ["G", "convert_unit", "to_g"]

G: Final = ACCELERATION["m/s2"]
"""Standard gravity in m/s²: 1 g."""

_IN_SI: Final = {"g": "m/s²", "g/s": "m/s³", "g/s²": "m/s⁴", "g²": "m²/s⁴"}
_SCALED: Final = re.compile(r"([-+.\de]+) (.+)")
_G: Final = re.compile(r"(?<![A-Za-z])g(?![A-Za-z])")


def to_g(
    values: npt.ArrayLike, unit: str, *, range_g: float | None = None, bits: int | None = None
) -> npt.NDArray[np.float32]:
    """Return acceleration in g, which recordings are made of.

    Parameters
    ----------
    values
        Of any shape.
    unit
        ``"g"``, ``"mg"``, ``"m/s2"``, or ``"counts"`` as a sensor's converter gives them.
    range_g, bits
        With ``"counts"``: the largest acceleration that the sensor can measure, and the bits of
        its converter, which spreads -range to +range over 2^bits signed steps.

    Returns
    -------
    ndarray
        float32, of the shape of the values; infinite where they are beyond 3.4e38 g.

    Raises
    ------
    InputError
        If the values are no numbers, or range or bits mean nothing.
    UnitError
        If the unit is not known, or range and bits are missing or given without counts.

    Examples
    --------
    >>> to_g([0, 0, 9.80665], "m/s2").tolist()
    [0.0, 0.0, 1.0]
    >>> to_g([0, -2048, 512], "counts", range_g=8, bits=12).tolist()
    [0.0, -8.0, 2.0]
    """
    if unit not in (*ACCELERATION, "counts"):
        raise UnitError(f"unit {unit!r}: expected one of {', '.join(ACCELERATION)}, counts")
    if unit != "counts" and range_g is None and bits is None:
        per_g = ACCELERATION[unit]
    elif unit == "counts" and range_g is not None and bits is not None:
        check_number("range_g", range_g, above=0)
        check_number("bits", bits, whole=True, low=1, below=65)
        per_g = 2.0 ** (bits - 1) / range_g
    else:
        raise UnitError(
            f"unit {unit!r}, range_g={range_g}, bits={bits}: counts need both range_g and bits, "
            "other units neither"
        )
    with np.errstate(over="ignore"):
        return np.asarray(_read_numbers(values) / per_g, dtype=np.float32)


def _read_numbers(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "USc":  # text would be parsed, and an imaginary part be lost
            return np.asarray(given, dtype=np.float64)
        problem = f"got {given.dtype}"
    except (OverflowError, TypeError, ValueError) as error:
        problem = str(error)
    raise InputError(f"values: expected numbers, alike in every row: {problem}")


def convert_unit(unit: str) -> str:
    """Return in m and s what the unit of a number in g becomes; others stay as they are.

    Examples
    --------
    >>> [convert_unit(each) for each in ("g", "g/s", "2 g", "Hz", "g²/Hz")]
    ['m/s²', 'm/s³', '2 m/s²', 'Hz', '(m/s²)²/Hz']
    """
    scaled = _SCALED.fullmatch(unit)
    if scaled:
        return f"{scaled[1]} {convert_unit(scaled[2])}"
    return _IN_SI.get(unit) or _G.sub("(m/s²)", unit)
