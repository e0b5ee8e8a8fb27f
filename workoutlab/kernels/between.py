"""How the three axes go together: correlations, the principal direction, and tilt."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.kernels.compiled import compiled
from workoutlab.kernels.feature import Feature

__all__ = ["FEATURES", "fill_between"]

_COST_NS: Final = 540

FEATURES: Final = (
    *(
        Feature(
            name=f"correlation_{pair}",
            unit="1",
            definition=(
                f"Pearson correlation of {pair[0]} and {pair[1]}; NaN if one is constant or not "
                "finite"
            ),
            source="scipy.stats.pearsonr",
            group="axes",
            of="axes",
            cost_ns=_COST_NS,
        )
        for pair in ("xy", "xz", "yz")
    ),
    Feature(
        name="principal_share",
        unit="1",
        definition=(
            "largest eigenvalue of the covariance of the axes over the sum of the three: 1 if all "
            "movement is along one line, 1/3 if it is alike in all directions; NaN if constant"
        ),
        source="Smith 1961, doi:10.1145/355578.366316 (eigenvalues in closed form)",
        group="axes",
        of="axes",
        cost_ns=_COST_NS,
    ),
    Feature(
        name="signal_magnitude_area",
        unit="g",
        definition="mean of |x| + |y| + |z|, gravity included unless it was taken out before",
        source="Karantonis et al. 2006, doi:10.1109/TITB.2005.856864",
        group="axes",
        of="axes",
        cost_ns=_COST_NS,
    ),
    Feature(
        name="tilt",
        unit="deg",
        definition=(
            "angle between the mean of the window's vectors and the z axis, 0 to 180; NaN if the "
            "mean is 0"
        ),
        source="arctan2 of the mean's part across z and its part along z",
        group="axes",
        of="axes",
        cost_ns=_COST_NS,
    ),
    Feature(
        name="tilt_change",
        unit="deg",
        definition=(
            "angle between the means of the vectors of the first n // 2 samples and of the rest, "
            "0 to 180; 0 if constant, NaN if a mean is 0 or for one sample"
        ),
        source="arctan2 of length of the cross product and dot product of the means",
        group="axes",
        of="axes",
        cost_ns=_COST_NS,
    ),
)
"""The columns. A value that is not finite makes all NaN but the correlation of the other axes."""

_SUMS = {"reassoc", "contract"}  # what lets sums be split over vector registers


def fill_between(
    planes: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    length: int,
    rate_hz: float,  # noqa: ARG001 - every pass is called in the same way
    out: npt.NDArray[np.float32],
) -> None:
    """Write how the axes of each window go together into `out`.

    Parameters
    ----------
    planes
        Shape (3, sample): x, y and z, each contiguous, in g.
    starts
        Shape (window,), first sample of each window; the windows lie within the samples.
    length
        Window length in samples.
    rate_hz
        Sampling rate in Hz; nothing here depends on it.
    out
        Shape (window, 7), see :data:`FEATURES`.

    Examples
    --------
    >>> planes = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]], np.float32)
    >>> out = np.empty((1, 7), np.float32)
    >>> fill_between(planes, np.array([0]), 4, 50, out)
    >>> {each.name: value for each, value in zip(FEATURES, out[0].tolist()) if value == value}
    {'correlation_xz': -1.0, 'principal_share': 1.0, 'signal_magnitude_area': 1.0,
     'tilt': 45.0, 'tilt_change': 90.0}
    """
    _fill(planes, starts, length, out)


@compiled()
def _fill(planes, starts, length, out):
    halves = np.empty((2, 3), np.float64)
    means = np.empty(3, np.float64)
    moments = np.empty((3, 3), np.float64)
    for window in range(len(starts)):
        start, row = starts[window], out[window]
        x = planes[0, start : start + length]
        y = planes[1, start : start + length]
        z = planes[2, start : start + length]
        area = _sum_up(x[: length // 2], y[: length // 2], z[: length // 2], halves[0])
        area += _sum_up(x[length // 2 :], y[length // 2 :], z[length // 2 :], halves[1])
        for axis in range(3):
            means[axis] = (halves[0, axis] + halves[1, axis]) / length
        _find_moments(x, y, z, means, moments)
        _correlate(moments, row)
        row[3:] = np.nan
        if np.isfinite(area):
            row[3] = _principal_share(moments)
            row[4] = area / length
            row[5] = _tilt(means)
            row[6] = _angle(halves)


@compiled(fastmath=_SUMS)
def _sum_up(x, y, z, sums):
    """Write the sum of each axis; return the sum of the absolute values of all."""
    of_x, of_y, of_z, area = 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        here, there, up = np.float64(x[i]), np.float64(y[i]), np.float64(z[i])
        of_x += here
        of_y += there
        of_z += up
        area += abs(here) + abs(there) + abs(up)
    sums[0], sums[1], sums[2] = of_x, of_y, of_z
    return area


@compiled(fastmath=_SUMS)
def _find_moments(x, y, z, means, moments):
    """Write the covariances into the lower half."""
    mean_x, mean_y, mean_z = means[0], means[1], means[2]
    xx, yy, zz, xy, xz, yz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        here = np.float64(x[i]) - mean_x
        there = np.float64(y[i]) - mean_y
        up = np.float64(z[i]) - mean_z
        xx += here * here
        yy += there * there
        zz += up * up
        xy += here * there
        xz += here * up
        yz += there * up
    moments[0, 0], moments[1, 1], moments[2, 2] = xx / len(x), yy / len(x), zz / len(x)
    moments[1, 0], moments[2, 0], moments[2, 1] = xy / len(x), xz / len(x), yz / len(x)


@compiled()
def _correlate(moments, row):
    place = 0
    for other in range(2):
        for one in range(other + 1, 3):
            row[place] = np.nan
            if moments[one, one] > 0 and moments[other, other] > 0:
                # A root each: their product could be too small for a number, the roots are not.
                scale = np.sqrt(moments[one, one]) * np.sqrt(moments[other, other])
                row[place] = min(max(moments[one, other] / scale, -1.0), 1.0)
            place += 1


@compiled()
def _principal_share(moments):
    """Largest eigenvalue over the trace, by the angle of Smith; errs by less than 1e-7."""
    trace = moments[0, 0] + moments[1, 1] + moments[2, 2]
    if not trace > 0:
        return np.nan
    third = 1 / 3
    a, b = moments[0, 0] / trace - third, moments[1, 1] / trace - third
    c = -a - b
    d, e, f = moments[1, 0] / trace, moments[2, 0] / trace, moments[2, 1] / trace
    radius = np.sqrt((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / 6)
    if radius == 0:
        return third
    a, b, c, d, e, f = a / radius, b / radius, c / radius, d / radius, e / radius, f / radius
    half = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2
    angle = np.arccos(min(max(half, -1.0), 1.0)) / 3
    return min(third + 2 * radius * np.cos(angle), 1.0)


@compiled()
def _tilt(mean):
    across = np.hypot(mean[0], mean[1])
    if across == 0 and mean[2] == 0:
        return np.nan
    return np.degrees(np.arctan2(across, mean[2]))


@compiled()
def _angle(halves):
    """Angle between two vectors; unlike the arc cosine, exact for nearly parallel ones too."""
    left, right = halves[0], halves[1]
    x = left[1] * right[2] - left[2] * right[1]
    y = left[2] * right[0] - left[0] * right[2]
    z = left[0] * right[1] - left[1] * right[0]
    cross = np.sqrt(x * x + y * y + z * z)
    dot = left[0] * right[0] + left[1] * right[1] + left[2] * right[2]
    if cross == 0 and dot == 0:
        return np.nan
    return np.degrees(np.arctan2(cross, dot))
