"""Where movement of one kind begins: a change of distribution, then the first movement after it.

The change is found by the generalised likelihood ratio of two Gaussians over short frames, one
before and one after [1]_; the one after is that of frames that surely lie after it.

References
----------
.. [1] M. Basseville, I. V. Nikiforov, "Detection of Abrupt Changes", Prentice Hall 1993, 2.4.3:
   off-line estimation of the change time by maximum likelihood.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["describe_frames", "find_change", "find_lost", "find_onset", "measure_energy"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_FLOOR_G: Final = 0.02
"""A sensor's own noise: weaker movement is none."""
_SPREAD: Final = (0.05, 0.05, 0.05, 0.5)
"""Least standard deviation of a frame's means, in g, and of the logarithm of its power."""
_STRAIGHT_G: Final = 2e-3
"""Second differences below it are those of a straight line: a sensor is noisier."""
_MOVED_G: Final = 0.1


def _window_moments(samples: Floats, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]):
    """Return the means (frame, 3) and the summed variance (frame,) of frames."""
    away = samples.astype(np.float64) - samples[0]
    sums = np.concatenate([np.zeros((1, 3)), np.cumsum(away, axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((away**2).sum(axis=1))])
    count = (stops - starts)[:, None]
    means = (sums[stops] - sums[starts]) / count
    power = (squares[stops] - squares[starts]) / count[:, 0] - (means**2).sum(axis=1)
    return means + samples[0], np.maximum(power, 0.0)


def describe_frames(samples: Floats, hop: int) -> Doubles:
    """Return what tells movements apart, of frames of two hops' length, one every hop.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g; two hops or more.
    hop
        Samples from one frame to the next.

    Returns
    -------
    numpy.ndarray
        float64 of shape (frame, 4): the means of the axes, that is the posture, and the logarithm
        of the power of the movement in it.
    """
    starts = np.arange((len(samples) - 2 * hop) // hop + 1) * hop
    means, power = _window_moments(samples, starts, starts + 2 * hop)
    return np.column_stack([means, np.log(power + _FLOOR_G**2)])


def measure_energy(samples: Floats, hop: int) -> Doubles:
    """Return the standard deviation, in g, within two hops of every hop-th sample.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g; one or more.
    hop
        Samples from one result to the next.

    Examples
    --------
    >>> measure_energy(np.tile([0.0, 0.0, 1.0], (10, 1)), 5).tolist()
    [0.0, 0.0]
    """
    middle = np.arange(0, len(samples), hop)
    starts, stops = np.maximum(middle - 2 * hop, 0), np.minimum(middle + 2 * hop, len(samples))
    deviation: Doubles = np.sqrt(_window_moments(samples, starts, stops)[1])
    return deviation


def find_change(frames: Doubles, first: int, last: int, inner: int) -> int:
    """Return the frame with which the distribution becomes that of the frames after `inner`.

    Parameters
    ----------
    frames
        Of :func:`describe_frames`.
    first, last
        The earliest and the latest answer, the latter in; one or more.
    inner
        Frames from here on surely come after the change; some frames.

    Raises
    ------
    InputError
        If there are too few frames.

    Examples
    --------
    >>> frames = np.zeros((60, 4))
    >>> frames[30:, 0] = 1
    >>> find_change(frames, 5, 45, 50)
    30
    """
    if not 1 <= first <= last < len(frames) or not last <= len(frames) - 2 or inner >= len(frames):
        raise InputError(
            f"frames: expected 1 <= first <= last within {len(frames)} frames, and some from inner "
            f"on, got {first}, {last} and {inner}"
        )
    ridge = np.diag(np.square(_SPREAD))
    after = frames[inner:]
    middle = after.mean(axis=0)
    away = after - middle
    spread = away.T @ away / len(after) + ridge
    away = frames - middle
    inverse = np.linalg.inv(spread)
    inside = -0.5 * ((away @ inverse * away).sum(axis=1) + np.linalg.slogdet(spread)[1])
    rest = np.cumsum(inside[::-1])[::-1]
    tried = np.arange(first, last + 1)
    sums = np.cumsum(frames, axis=0)[tried - 1] / tried[:, None]
    products = np.cumsum(frames[:, :, None] * frames[:, None, :], axis=0)[tried - 1]
    outside = products / tried[:, None, None] - sums[:, :, None] * sums[:, None, :] + ridge
    # With the ridge, the mean of the quadratic forms is not quite the number of dimensions.
    forms = frames.shape[1] - np.trace(np.linalg.solve(outside, ridge), axis1=1, axis2=2)
    before = -0.5 * tried * (np.linalg.slogdet(outside)[1] + forms)
    return int(tried[(before + rest[tried]).argmax()])


@compiled()
def _find_still(energy, start, move, still, threshold):
    """Return the first run of stillness that starts within `move` of `start`, or an empty one."""
    frame = start
    while frame < len(energy) - 1 and frame - start <= move:
        if energy[frame] > threshold:
            frame += 1
            continue
        stop = frame
        while stop < len(energy) - 1 and energy[stop] <= threshold:
            stop += 1
        if stop - frame >= still:
            return frame, stop
        frame = stop
    return start, start


@compiled()
def _find_onset(energy, change, threshold, move, still, longest):
    onset = change
    while onset - change <= longest:
        start, stop = _find_still(energy, onset, move, still, threshold)
        if stop == start:
            break
        onset = stop
    held = onset
    while held > 0 and onset - held < move and energy[held - 1] > threshold:
        held -= 1  # the change may lie a little into the movement
    if held == 0 or energy[held - 1] > threshold:
        return onset, 0
    onset = held
    while held > 0 and energy[held - 1] <= threshold:
        held -= 1
    return onset, onset - held


def find_onset(
    energy: Doubles, change: int, threshold: float, lengths: tuple[int, int, int]
) -> tuple[int, int]:
    """Return where movement sets in after a change, and how long it was still before.

    Short movement that stillness separates from what follows is not the movement that is looked
    for: taking up a posture, say.

    Parameters
    ----------
    energy
        Of :func:`measure_energy`.
    change
        Where to look from, of :func:`find_change`.
    threshold
        Energy up to it is stillness.
    lengths
        The longest movement that may be skipped, the shortest stillness that separates, and how
        far to look, in steps of `energy`.

    Returns
    -------
    onset, still
        Positions in `energy`; `still` is 0 where something else moves up to the onset.

    Examples
    --------
    >>> energy = np.array([9.0, 9, 9, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9])
    >>> find_onset(energy, 1, 1.0, (4, 2, 20))
    (6, 3)
    """
    onset, still = _find_onset(energy, change, threshold, *lengths)
    return int(onset), int(still)


@compiled()
def _find_lost(samples, near, reach, least):
    rows = len(samples) - 2
    stop = min(near + reach, rows)
    while stop > max(near - reach, 0) and not _straight(samples, stop - 1):
        stop -= 1
    start = stop
    while start > 0 and _straight(samples, start - 1):
        start -= 1
    if stop - start < least:
        return near
    moved = 0.0
    for axis in range(3):
        moved = max(moved, abs(samples[stop, axis] - samples[start, axis]))
    return start if moved >= _MOVED_G else near


@compiled()
def _straight(samples, row):
    for axis in range(3):
        bend = samples[row, axis] - 2 * samples[row + 1, axis] + samples[row + 2, axis]
        if abs(bend) >= _STRAIGHT_G:
            return False
    return True


def find_lost(samples: Floats, near: int, reach: int, least: int) -> int:
    """Return where a stretch of lost samples starts that ends near a sample, or that sample.

    Lost samples that were interpolated are a straight line between two different values.

    Parameters
    ----------
    samples
        Shape (sample, 3), in g.
    near
        The sample.
    reach
        How far from it the stretch may end.
    least
        Shorter stretches do not count.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.02, (200, 3))
    >>> noise[50:150] = np.linspace(0, 1, 100)[:, None]
    >>> find_lost(noise, 155, 10, 25)
    50
    """
    return int(_find_lost(samples, near, reach, least))
