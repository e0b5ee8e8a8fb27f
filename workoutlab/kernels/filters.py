"""Filters that shift nothing in time: recursive sections both ways, and thinning out."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["filter_both_ways", "thin_out"]

Doubles = npt.NDArray[np.float64]


@compiled()
def _run(samples, section, state, begin, step):
    # Each axis is a chain of operations that wait for each other; three run side by side.
    b0, b1, b2, a1, a2 = section[0], section[1], section[2], section[4], section[5]
    x1, y1, z1 = state[0] * begin[0], state[0] * begin[1], state[0] * begin[2]
    x2, y2, z2 = state[1] * begin[0], state[1] * begin[1], state[1] * begin[2]
    i = 0 if step > 0 else len(samples) - 1
    for _ in range(len(samples)):
        u, v, w = samples[i, 0], samples[i, 1], samples[i, 2]
        p, q, r = b0 * u + x1, b0 * v + y1, b0 * w + z1
        x1, y1, z1 = (b1 * u + x2) - a1 * p, (b1 * v + y2) - a1 * q, (b1 * w + z2) - a1 * r
        x2, y2, z2 = b2 * u - a2 * p, b2 * v - a2 * q, b2 * w - a2 * r
        samples[i, 0], samples[i, 1], samples[i, 2] = p, q, r
        i += step


@compiled()
def _run_both_ways(samples, sections, states):
    for step in (1, -1):
        begin = samples[0 if step > 0 else len(samples) - 1].copy()
        for k in range(len(sections)):
            _run(samples, sections[k], states[k], begin, step)


def filter_both_ways(samples: Doubles, sections: Doubles, states: Doubles) -> None:
    """Run second-order sections over samples, forward and then backward, in place.

    Parameters
    ----------
    samples
        Shape (sample, 3), contiguous; what it holds is replaced.
    sections
        Shape (section, 6), as :func:`scipy.signal.butter` returns with ``output="sos"``.
    states
        Shape (section, 2), of :func:`scipy.signal.sosfilt_zi`: the state that a constant input of
        1 leaves behind; each pass begins as if its first sample had been there forever.

    Raises
    ------
    InputError
        If the samples are not of three axes, or the states do not fit the sections.

    Examples
    --------
    >>> still = np.ones((4, 3))
    >>> filter_both_ways(still, np.array([[0.5, 0, 0, 1, -0.5, 0]]), np.array([[0.5, 0.0]]))
    >>> still[:, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if samples.ndim != 2 or samples.shape[1] != 3 or not len(samples):
        raise InputError(
            f"samples: expected shape (sample, 3), one sample or more, got {samples.shape}"
        )
    if sections.ndim != 2 or sections.shape[1] != 6 or states.shape != (len(sections), 2):
        raise InputError(
            "expected sections of shape (section, 6) and states of shape (section, 2), "
            f"got {sections.shape} and {states.shape}"
        )
    _run_both_ways(samples, sections, states)


_BLOCK: Final = 512
"""Results that are summed at a time, so that they stay in the nearest cache."""


@compiled()
def _thin_out(phases, taps, out):
    # Phase by phase, so that what one tap is multiplied by lies side by side.
    factor = len(phases)
    for axis in range(out.shape[0]):
        for first in range(0, out.shape[1], _BLOCK):
            block = out[axis, first : first + _BLOCK]
            for k in range(len(taps)):
                tap, here = taps[k], phases[k % factor, axis, first + k // factor :]
                for i in range(len(block)):
                    block[i] += tap * here[i]


def thin_out(
    samples: Doubles | npt.NDArray[np.float32], taps: Doubles, factor: int
) -> npt.NDArray[np.float32]:
    """Smooth with a filter of finite length, and keep one sample of every `factor`, in float32.

    Parameters
    ----------
    samples
        Shape (sample, axis).
    taps
        Shape (tap,), what each sample is weighted by.
    factor
        Sample i of the result is the sum over `taps` from sample i x `factor` on.

    Returns
    -------
    ndarray
        float32 of shape (1 + (sample - tap) // factor, axis).

    Raises
    ------
    InputError
        If there are fewer samples than taps.

    Examples
    --------
    >>> thin_out(np.arange(8.0)[:, None], np.array([0.25, 0.5, 0.25]), 2).ravel().tolist()
    [1.0, 3.0, 5.0]
    """
    if samples.ndim != 2 or factor < 1 or not 1 <= len(taps) <= len(samples):
        raise InputError(
            f"thin_out: expected samples (sample, axis), as many as the {len(taps)} taps at "
            f"least, and a factor of 1 or more, got {samples.shape} and {factor}"
        )
    count = 1 + (len(samples) - len(taps)) // factor
    rows = -(-len(samples) // factor)
    phases = np.zeros((factor, samples.shape[1], rows), np.float32)
    for phase in range(factor):
        part = samples[phase::factor]
        phases[phase, :, : len(part)] = part.T
    out = np.zeros((samples.shape[1], count), np.float32)
    _thin_out(phases, taps.astype(np.float32), out)
    return np.ascontiguousarray(out.T)
