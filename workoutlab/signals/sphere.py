"""The sphere of 1 g that a still accelerometer's readings lie on, and fitting readings to it."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["covers_sphere", "find_still", "fit_sphere", "sphere_error"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

_HEAVIEST: Final = 100.0  # as if a reading were never closer to the sphere than 0.01 g
_PLAUSIBLE_G: Final = (0.5, 2.0)


def find_still(samples: Floats, length: int, max_sd_g: float) -> Doubles:
    """Return the mean of every stretch in which no axis moves.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g.
    length
        Samples of a stretch; stretches lie one behind the other, and what is left is not used.
    max_sd_g
        Standard deviation that no axis reaches in a still stretch.

    Returns
    -------
    ndarray
        float64 of shape (stretch, 3): only still ones whose mean is between 0.5 and 2 g long, so
        that zeros in place of samples do not count.

    Examples
    --------
    >>> find_still(np.tile(np.float32([0, 0, 1]), (25, 1)), 10, 0.013).tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    count = len(samples) // length
    stretches = samples[: count * length].reshape(count, length, 3).astype(np.float64)
    means = stretches.mean(axis=1)
    stretches -= means[:, None]
    still = (np.einsum("ijk,ijk->ik", stretches, stretches) < length * max_sd_g**2).all(axis=1)
    size = np.linalg.norm(means, axis=1)
    kept: Doubles = means[still & (size > _PLAUSIBLE_G[0]) & (size < _PLAUSIBLE_G[1])]
    return kept


def covers_sphere(points: Doubles, spread: float) -> bool:
    """Tell whether the points reach `spread` on both sides of zero on every axis.

    Examples
    --------
    >>> covers_sphere(np.array([[1.0, 0, 0], [-1, 0, 0]]), 0.3)
    False
    """
    return bool(
        len(points) and (points.min(axis=0) < -spread).all() and (points.max(axis=0) > spread).all()
    )


def sphere_error(points: Doubles, offset: Doubles, gain: Doubles) -> float:
    """Return the mean distance from the sphere of 1 g of (points + offset) · gain.

    Examples
    --------
    >>> round(sphere_error(np.array([[0.0, 0, 1.1]]), np.zeros(3), np.ones(3)), 9)
    0.1
    """
    return float(np.abs(np.linalg.norm((points + offset) * gain, axis=1) - 1).mean())


def fit_sphere(
    points: Doubles, *, iterations: int = 1000, tolerance: float = 1e-10
) -> tuple[Doubles, Doubles]:
    """Find offset and gain of each axis that bring points closest to the sphere of 1 g.

    Each round takes the closest point of the sphere for every reading, and fits the readings of
    each axis to these by a weighted regression; readings far from the sphere weigh less, as van
    Hees et al. do it [1]_.

    Parameters
    ----------
    points
        Shape (stretch, 3), means of still stretches in g.
    iterations
        Rounds at most.
    tolerance
        Change of the weighted mean squared distance below which the search ends.

    Returns
    -------
    offset, gain
        float64 of shape (3,): (points + offset) · gain lies on the sphere.

    References
    ----------
    .. [1] V. T. van Hees et al., "Autocalibration of accelerometer data for free-living physical
       activity assessment using local gravity and temperature", J Appl Physiol 117, 2014; GGIR
       (g.calibrate) and scikit-digital-health (Calibrate) do the same.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true = rng.normal(size=(200, 3))
    >>> true /= np.linalg.norm(true, axis=1, keepdims=True)
    >>> offset, gain = fit_sphere(true / 1.02 - [0.03, 0.02, 0.01])
    >>> offset.round(3).tolist(), gain.round(3).tolist()
    ([0.03, 0.02, 0.01], [1.02, 1.02, 1.02])
    """
    offset, gain = np.zeros(3), np.ones(3)
    weights, before = np.ones(len(points)), np.inf
    for _ in range(iterations):
        current = (points + offset) * gain
        closest = current / np.linalg.norm(current, axis=1, keepdims=True)
        intercept, slope = _regress(current, closest, weights / weights.sum())
        gain = gain * slope
        offset = offset + intercept / gain
        squared = ((intercept + slope * current - closest) ** 2).sum(axis=1)
        error = float((weights * squared).sum() / weights.sum())
        if abs(before - error) < tolerance:
            break
        before = error
        weights = np.minimum(1 / np.sqrt(np.maximum(squared, 1e-12)), _HEAVIEST)
    return offset, gain


def _regress(x: Doubles, y: Doubles, weights: Doubles) -> tuple[Doubles, Doubles]:
    """Return intercept and slope of each column of y on that of x; weights add up to 1."""
    x_mean, y_mean = weights @ x, weights @ y
    x_spread, y_spread = x - x_mean, y - y_mean
    slope = (weights @ (x_spread * y_spread)) / (weights @ x_spread**2)
    return y_mean - slope * x_mean, slope
