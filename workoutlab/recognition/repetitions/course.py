"""The course of a set: where its movement is on its main way, sample by sample.

At rest an accelerometer shows which way is up. While a limb turns, this direction wanders in the
sensor's axes, so that the angle that it has gone on its main way tells where the limb is. Nothing
here depends on how the sensor is turned.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.repetitions.checks import check_edges

__all__ = ["Course", "find_upward", "follow", "smooth"]

Array = npt.NDArray[np.float64]

_CUT_HZ: Final = 3.0
"""Lifting and lowering is slower than this, even where a repetition takes less than a second."""
_MARGIN_S: Final = 1.0
_TILTS: Final = ((30.0, 0.35), (60.0, 0.55))
"""Least angle in degrees, and most deviation of the norm against that of the vector. Swinging a
wrist by 0.3 m every 2.5 s pulls as much to the side as a tilt of 11 degrees does."""
_LEAST_ACROSS_G: Final = 0.2
_LEAST_HEAVE_G: Final = 0.03
"""Of the standard deviation of the norm; an uncalibrated sensor shows less of it in a turn."""
_LEAST_LINK: Final = 0.5
_LEAST_AGREEING: Final = 0.8


@dataclass(frozen=True, eq=False)
class Course:
    """Where the movement of a set is, sample by sample.

    Parameters
    ----------
    position
        Shape (sample,), on the main way: repetitions start at its low end. In degrees where the
        movement is a tilt, else in g.
    unit
        ``"deg"`` or ``"g"``.
    smoothed
        Shape (sample, 3), the acceleration below 3 Hz, in g.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples of `position`.
    first
        Sample of the given signal at which `position` begins.
    rate_hz
        Samples a second.
    """

    position: Array
    unit: str
    smoothed: Array
    edges: Array
    first: int
    rate_hz: float

    @property
    def tilts(self) -> bool:
        """Whether the movement is a tilt, so that the position is a place and not a force."""
        return self.unit == "deg"

    def cut(self, repetition: int) -> slice:
        """Return the samples of a repetition, one at least."""
        start, stop = self.edges[repetition]
        low = min(int(start), len(self.position) - 1)
        return slice(low, max(int(np.ceil(stop)), low + 1))


def follow(acceleration: npt.ArrayLike, rate_hz: float, edges: npt.ArrayLike) -> Course:
    """Find the course of a set.

    The main way is the first principal axis of the acceleration below 3 Hz. Where the direction of
    this acceleration covers 30 degrees or more, and its norm stays near that of gravity (less so
    from 60 degrees on), the movement is taken for a tilt, and the position is the angle in the
    plane of that axis and the mean direction; elsewhere it is the acceleration along the axis.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g, gravity included.
    rate_hz
        Samples a second.
    edges
        Shape (repetition, 2), start and stop of each repetition in samples; one or more.

    Raises
    ------
    InputError
        If an argument is not as described.

    Examples
    --------
    >>> angle = np.pi / 3 * (1 - np.cos(np.pi * np.arange(400) / 50))
    >>> curl = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    >>> course = follow(curl, 50, [[0, 100], [100, 200], [200, 300], [300, 400]])
    >>> course.unit, (np.ptp(course.position) / 10).round()
    ('deg', np.float64(12.0))
    """
    signal, rate, rows = check_edges(acceleration, rate_hz, edges)
    if not len(rows):
        raise InputError("edges: expected one repetition or more, got none")
    margin = _MARGIN_S * rate
    first = int(max(rows[0, 0] - margin, 0))
    smoothed = smooth(signal[first : int(rows[:, 1].max() + margin) + 1], rate, _CUT_HZ)
    rows = rows - first
    inside = smoothed[int(rows[0, 0]) : max(int(rows[:, 1].max()), int(rows[0, 0]) + 2)]
    position, unit = _place(smoothed, inside)
    starts = np.interp(rows[:, 0], np.arange(len(position)), position)
    middle = position[int(rows[0, 0]) : int(rows[:, 1].max()) + 1].mean()
    if starts.mean() > middle:
        position = -position
    return Course(position, unit, smoothed, rows, first, rate)


def smooth(signal: Array, rate_hz: float, cut_hz: float) -> Array:
    """Take out what is faster than `cut_hz`, without delay.

    The kernel is a Gaussian whose response is half the power at `cut_hz`.

    Parameters
    ----------
    signal
        Shape (sample, axis).
    rate_hz, cut_hz
        Samples a second, and the frequency.
    """
    from scipy.ndimage import gaussian_filter1d

    sigma = np.sqrt(np.log(2)) / (2 * np.pi * cut_hz) * rate_hz
    smoothed = gaussian_filter1d(signal, sigma, axis=0, mode="nearest")
    return np.asarray(smoothed, dtype=np.float64)


def _place(smoothed: Array, inside: Array) -> tuple[Array, str]:
    """Return the position on the main way, and its unit."""
    centre = inside.mean(axis=0)
    spread = inside - centre
    axis = np.linalg.eigh(spread.T @ spread)[1][:, -1]
    norm = np.linalg.norm(inside, axis=1)
    stray = float(norm.std() / max(np.sqrt((spread**2).sum(axis=1).mean()), 1e-9))
    across = centre - (centre @ axis) * axis
    size = np.linalg.norm(across)
    if size > _LEAST_ACROSS_G and stray < _TILTS[-1][1]:
        way = across / size
        low, high = np.percentile(np.arctan2(inside @ axis, inside @ way), [5, 95])
        if any(np.degrees(high - low) >= least and stray < most for least, most in _TILTS):
            return np.degrees(np.unwrap(np.arctan2(smoothed @ axis, smoothed @ way))), "deg"
    return (smoothed - centre) @ axis, "g"


def find_upward(course: Course) -> int:
    """Tell whether the wrist rises with the position, by where it is heavy.

    At the bottom of a movement the wrist is pushed up, so that it feels more than 1 g; at the top
    it feels less.

    Returns
    -------
    int
        1 where the wrist rises with the position, -1 where it sinks, 0 where the signal does not
        tell: where the norm changes little, or not with the position in most repetitions.
    """
    heave = np.linalg.norm(course.smoothed, axis=1)
    links = []
    for number in range(len(course.edges)):
        cut = course.cut(number)
        pair = np.vstack([course.position[cut], heave[cut]])
        pair = pair - pair.mean(axis=1, keepdims=True)
        sizes = np.sqrt((pair**2).mean(axis=1))
        if sizes[1] >= _LEAST_HEAVE_G and sizes[0] > 0:
            links.append((pair[0] * pair[1]).mean() / (sizes[0] * sizes[1]))
    if len(links) < max(3, _LEAST_AGREEING * len(course.edges)):
        return 0
    mean = float(np.mean(links))
    agreeing = float(np.mean(np.sign(links) == np.sign(mean)))
    if abs(mean) < _LEAST_LINK or agreeing < _LEAST_AGREEING:
        return 0
    return -1 if mean > 0 else 1
