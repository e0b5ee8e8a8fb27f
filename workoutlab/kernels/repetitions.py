"""Runs of stretches that resemble the stretch before them: repetitions of a movement."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["find_runs", "smooth_to_grid"]

Doubles = npt.NDArray[np.float64]

_POINTS: Final = 12
"""Points by which the shape of a stretch is known, whatever its length."""
_RATIO: Final = 1.7
"""How much longer than its neighbour a stretch may be."""


@compiled()
def _smooth(samples, first, step, width, out):
    reach = int(6 * width) + 1
    for k in range(len(out)):
        centre = first + k * step
        low, high = max(0, int(centre) - reach), min(len(samples) - 1, int(centre) + 1 + reach)
        total, x, y, z = 0.0, 0.0, 0.0, 0.0
        for i in range(low, high + 1):
            weight = np.exp(-0.5 * ((i - centre) / width) ** 2)
            total += weight
            x += weight * samples[i, 0]
            y += weight * samples[i, 1]
            z += weight * samples[i, 2]
        out[k, 0], out[k, 1], out[k, 2] = x / total, y / total, z / total


def smooth_to_grid(samples: Doubles, step: float, width: float) -> tuple[float, Doubles]:
    """Smooth with a Gaussian, and keep a value every `step` samples, as many as there are.

    The grid lies symmetrically in the signal, so that a signal run backwards gives the same
    values backwards.

    Parameters
    ----------
    samples
        Shape (sample, 3), one or more.
    step
        Distance between two values, in samples.
    width
        Standard deviation of the Gaussian, in samples.

    Returns
    -------
    first, values
        Where the first value lies, in samples, and the values, of shape (value, 3).

    Examples
    --------
    >>> first, values = smooth_to_grid(np.ones((6, 3)), 2, 1)
    >>> first, values.shape
    (0.5, (3, 3))
    """
    count = int((len(samples) - 1) / step + 1e-9) + 1
    first = 0.5 * ((len(samples) - 1) - (count - 1) * step)
    out = np.empty((count, 3))
    _smooth(samples, first, step, max(width, 1e-3), out)
    return first, out


@compiled(fastmath=True)
def _shape(signal, start, length, shape):
    """Write a stretch's shape, its mean taken out, and return its mean square."""
    points = shape.shape[0] // 3
    square = np.float32(0)
    for axis in range(3):
        mean = 0.0
        for j in range(points):
            place = start + length * (j + 0.5) / points
            i = int(place)
            part = place - i
            value = signal[i, axis] * (1 - part) + signal[i + 1, axis] * part
            shape[axis * points + j] = value
            mean += value
        mean /= points
        for j in range(points):
            shape[axis * points + j] -= np.float32(mean)
            square += shape[axis * points + j] ** 2
    return square / points


@compiled(fastmath=True)
def _fill_shapes(signal, starts, shortest, shapes, squares):
    for start in range(starts[0], starts[1]):
        here = start % len(shapes)
        for k in range(shapes.shape[1]):
            if start + shortest + k > len(signal) - 1:
                break
            squares[here, k] = _shape(signal, start, shortest + k, shapes[here, k])


@compiled(fastmath=True)
def _alike(one, other, squares):
    product = np.float32(0)
    for j in range(len(one)):
        product += one[j] * other[j]
    return 2 * (product / (len(one) // 3)) / squares


@compiled(fastmath=True)
def _link(place, lengths, gain, bands, values, backs):
    s, t = place
    length, other, shortest = lengths
    low, high = min(length, other), max(length, other)
    for b in range(len(bands)):
        if bands[b, 0] <= low and high <= bands[b, 1]:
            value = values[b, s, length - shortest] + gain
            if value > values[b, t, other - shortest]:
                values[b, t, other - shortest] = value
                backs[b, t, other - shortest] = length - shortest


@compiled(fastmath=True)
def _run_forward(signal, shortest, bands, settings, values, backs):
    floor, tempo_cost, noise, ratio = settings
    count, longest = len(signal), shortest + values.shape[2] - 1
    # Shapes of the stretches that start within one longest length, by start modulo that number.
    shapes = np.zeros((longest + 1, values.shape[2], 3 * _POINTS), np.float32)
    squares = np.zeros(shapes.shape[:2], np.float32)
    filled = 0
    for s in range(count):
        starts = (filled, min(count, s + longest + 1))
        _fill_shapes(signal, starts, shortest, shapes, squares)
        filled = starts[1]
        here = s % len(shapes)
        for length in range(shortest, min(longest, count - 1 - s) + 1):
            t = s + length
            there = t % len(shapes)
            first = max(shortest, int(np.ceil(length / ratio)))
            last = min(longest, int(length * ratio), count - 1 - t)
            for other in range(first, last + 1):
                k, m = length - shortest, other - shortest
                both = squares[here, k] + squares[there, m] + noise
                change = np.log(other / length)
                gain = _alike(shapes[here, k], shapes[there, m], both)
                gain -= floor + tempo_cost * change * change
                gain *= 0.5 * (length + other)
                _link((s, t), (length, other, shortest), gain, bands, values, backs)


@compiled()
def _find_ends(bands, values):
    ends = np.zeros((len(bands), 3))
    ends[:, 1:] = -1
    for b in range(len(bands)):
        for s in range(values.shape[1]):
            for k in range(values.shape[2]):
                if values[b, s, k] > ends[b, 0]:
                    ends[b, 0], ends[b, 1], ends[b, 2] = values[b, s, k], s, k
    return ends


def find_runs(
    signal: Doubles,
    bands: npt.NDArray[np.int64],
    *,
    likeness: float,
    tempo_cost: float,
    noise: float,
) -> list[tuple[float, npt.NDArray[np.int64]]]:
    """Find, for each band of lengths, the run of stretches that resemble their neighbours most.

    Two neighbouring stretches, each drawn to the same number of points and freed of its mean,
    are alike by 2 <u, v> / (|u|^2 + |v|^2 + noise): 1 if equal, less if shape or size differ. A
    run is worth the sum over neighbours of (likeness - floor - cost x log(ratio of lengths)^2)
    times the time they take; the best is found by dynamic programming over start and length of the
    last stretch.

    Parameters
    ----------
    signal
        Shape (sample, 3).
    bands
        Shape (band, 2): the shortest and the longest length of a stretch, in samples.
    likeness
        Neighbours less alike than this take from a run's worth.
    tempo_cost
        What a change of length costs.
    noise
        Variance, summed over axes, below which neighbours do not count as alike.

    Returns
    -------
    list of (worth, edges)
        For each band: the worth in samples, and starts and stops, of shape (stretch, 2); no
        stretch if no two neighbours are alike.

    Raises
    ------
    InputError
        If shapes or lengths are not as described.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(80) / 20
    >>> signal = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> ((worth, edges),) = find_runs(
    ...     signal, np.array([[16, 26]]), likeness=0.3, tempo_cost=1.0, noise=1e-3
    ... )
    >>> len(edges)
    4
    """
    if signal.ndim != 2 or signal.shape[1] != 3:
        raise InputError(f"signal: expected shape (sample, 3), got {signal.shape}")
    if bands.ndim != 2 or bands.shape[1] != 2 or not len(bands) or bands.min() < 2:
        raise InputError(f"bands: expected shape (band, 2), lengths of 2 or more, got {bands}")
    shortest = int(bands.min())
    longest = max(shortest, min(int(bands.max()), len(signal) // 2))
    shape = (len(bands), len(signal) + 1, longest - shortest + 1)
    values, backs = np.zeros(shape), np.full(shape, -1, np.int32)
    settings = (likeness, tempo_cost, noise, _RATIO)
    _run_forward(signal, shortest, bands, settings, values, backs)
    ends = _find_ends(bands, values)
    return [
        (float(worth), _trace(backs[b], int(s), int(k), shortest))
        for b, (worth, s, k) in enumerate(ends)
    ]


def _trace(
    backs: npt.NDArray[np.int32], start: int, length: int, shortest: int
) -> npt.NDArray[np.int64]:
    edges = []
    while start >= 0 and length >= 0:
        edges.append((start, start + shortest + length))
        before = int(backs[start, length])
        start, length = start - shortest - before, before
    return np.array(edges[::-1], np.int64).reshape(-1, 2)
