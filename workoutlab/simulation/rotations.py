"""Rotations as unit quaternions, many at once.

A quaternion's four parts (scalar first) and a vector's three stand along the first axis, so
that each is one contiguous run of samples. A quaternion q turns the sensor's axes into the
world's: ``rotate(q, v)`` is v, given in the sensor's axes, in the world's.
"""

import numpy as np
import numpy.typing as npt

__all__ = [
    "IDENTITY",
    "conjugate",
    "cross",
    "from_vector",
    "multiply",
    "rotate",
    "to_vector",
    "upright",
]

Array = npt.NDArray[np.float64]

IDENTITY: Array = np.array([1.0, 0, 0, 0])


def cross(a: Array, b: Array) -> Array:
    """Return the cross products of vectors of shape (3, ...)."""
    return _gather(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def multiply(p: Array, q: Array) -> Array:
    """Return the rotations that turn by q, then by p; shape (4, ...)."""
    return _gather(
        [
            p[0] * q[0] - p[1] * q[1] - p[2] * q[2] - p[3] * q[3],
            p[0] * q[1] + p[1] * q[0] + p[2] * q[3] - p[3] * q[2],
            p[0] * q[2] - p[1] * q[3] + p[2] * q[0] + p[3] * q[1],
            p[0] * q[3] + p[1] * q[2] - p[2] * q[1] + p[3] * q[0],
        ]
    )


def conjugate(q: Array) -> Array:
    """Return the rotations back."""
    return np.concatenate([q[:1], -q[1:]])


def rotate(q: Array, v: Array) -> Array:
    """Return vectors (3, ...), given in the sensor's axes, in the world's.

    Examples
    --------
    >>> quarter = from_vector(np.array([0, 0, np.pi / 2]))
    >>> rotate(quarter, np.array([1.0, 0, 0])).round(6) + 0
    array([0., 1., 0.])
    """
    twice = 2 * cross(q[1:], v)
    return np.asarray(v + q[0] * twice + cross(q[1:], twice), dtype=np.float64)


def from_vector(v: Array) -> Array:
    """Return the rotations about vectors (3, ...) by their lengths in radians."""
    # The least normal number keeps 0 / 0 away, and changes nothing else.
    half = np.sqrt(_square(v) + np.finfo(np.float64).tiny) / 2
    return _gather([np.cos(half), *(v * (np.sin(half) / (2 * half)))])


def to_vector(q: Array) -> Array:
    """Return axis times angle in radians, of the shorter way round; shape (3, ...).

    Examples
    --------
    >>> to_vector(from_vector(np.array([0.1, 0.2, -0.3]))).round(6)
    array([ 0.1,  0.2, -0.3])
    """
    sine = np.sqrt(_square(q[1:]))
    angle = 2 * np.arctan2(sine, np.abs(q[0]))
    factor = np.divide(angle, sine, out=np.full_like(sine, 2.0), where=sine > 1e-12)
    return np.asarray(q[1:] * (factor * np.where(q[0] < 0, -1, 1)), dtype=np.float64)


def upright(up: Array, heading: npt.ArrayLike) -> Array:
    """Return the rotations by which `up`, in the sensor's axes, points up in the world.

    Parameters
    ----------
    up
        Shape (3, ...), of any length but zero.
    heading
        Angles about the vertical in radians: gravity does not tell them.

    Examples
    --------
    >>> rotate(upright(np.array([0, 2.0, 0]), 1.0), np.array([0, 1.0, 0])).round(6) + 0
    array([0., 0., 1.])
    """
    x, y, z = up / np.sqrt(_square(up))
    level = x * x + y * y
    # 1 + z, without losing its digits where z is near -1.
    scalar = np.where(z < 0, level / (1 - np.minimum(z, 0)), 1 + z)
    # Upside down there is no shortest way: half a turn about x is as short as any.
    around = (z < 0) & (level < 1e-24)
    shortest = _gather([scalar, np.where(around, 1, y), np.where(around, 0, -x), 0 * z])
    zero = np.zeros(np.shape(heading))
    turned = from_vector(np.stack([zero, zero, np.asarray(heading, dtype=np.float64)]))
    return multiply(turned, shortest / np.sqrt(_square(shortest[:3])))


def _square(v: Array) -> Array:
    return np.asarray(v[0] * v[0] + v[1] * v[1] + v[2] * v[2], dtype=np.float64)


def _gather(rows: list[Array]) -> Array:
    return np.array(rows, dtype=np.float64)
