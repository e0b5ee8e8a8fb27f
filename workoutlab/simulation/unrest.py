"""What keeps a wrist from being still: fidgeting, trembling, steps and jolts."""

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.simulation.beats import Beats, minimum_jerk
from workoutlab.simulation.scripts import Script

__all__ = ["fidget", "jolt", "smooth_noise", "tremble", "walk"]

Array = npt.NDArray[np.float64]

_STEADY: Final = 0.35
"""Fidgeting in a set, as a share of that at rest."""

_RAMP_S: Final = 0.7
_FIDGET_S: Final = 0.45
_TREMOR_S: Final = 0.05
_JOLT_S: Final = 0.3
_JOLT_HZ: Final = 9.0


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], spacing: int) -> Array:
    """Return smooth noise of standard deviation 1: a cubic spline with random coefficients.

    Parameters
    ----------
    rng
        Where it comes from.
    shape
        Rows, and samples.
    spacing
        Samples between knots.

    Examples
    --------
    >>> noise = smooth_noise(np.random.default_rng(0), (2, 20_000), 10)
    >>> noise.std(axis=1).round(1)
    array([1., 1.])
    """
    rows, samples = shape
    pieces = samples // spacing + 1
    knots = rng.standard_normal((rows, pieces + 3, 1))
    x = np.arange(spacing) / spacing
    weights = [(1 - x) ** 3, 3 * x**3 - 6 * x**2 + 4, 1 + 3 * x * (1 + x - x * x), x**3]
    weights = [weight / np.sqrt(np.mean(np.square(weights).sum(axis=0))) for weight in weights]
    noise = sum(knots[:, first : first + pieces] * weights[first] for first in range(4))
    return np.asarray(noise, dtype=np.float64).reshape(rows, -1)[:, :samples]


def fidget(beats: Beats, rate_hz: float, size_rad: float, rng: np.random.Generator) -> Array:
    """Return small turns of the forearm in radians, smaller in a set; shape (3, sample)."""
    noise = smooth_noise(rng, (3, len(beats.seconds)), max(round(_FIDGET_S * rate_hz), 2))
    width = max(round(rate_hz), 2)
    # A slow change of size: a sudden one would be a jerk of the arm.
    size = np.where(beats.busy, _STEADY, 1.0)
    total = np.cumsum(np.pad(size, (width // 2, width - width // 2), mode="edge"))
    return np.asarray(noise * (total[width:] - total[:-width]) * (size_rad / width), np.float64)


def tremble(script: Script, beats: Beats, rate_hz: float, rng: np.random.Generator) -> Array:
    """Return the trembling of a loaded arm, about 5 to 12 Hz, in g; shape (3, sample)."""
    lag = max(round(_TREMOR_S * rate_hz), 1)
    noise = smooth_noise(rng, (3, len(beats.seconds) + lag), max(lag // 2, 1))
    size_g = np.array([move.tremor_g for move in script.movements])[beats.number]
    size_g = np.where(beats.busy, size_g, 0.004)
    return np.asarray((noise[:, lag:] - noise[:, :-lag]) / np.sqrt(2) * size_g, dtype=np.float64)


def jolt(script: Script, samples: int, rate_hz: float, rng: np.random.Generator) -> Array:
    """Return jolts in g, in the world's axes: of weights taken up, put down or meeting."""
    events = [np.array(script.jolts).reshape(-1, 2)]
    for move in script.movements:
        size_g = move.exercise.impact_g * rng.lognormal(0, 0.5, len(move.amplitude))
        events.append(np.column_stack([move.breaks_s[:, 3], size_g]))
    at_s, size_g = np.concatenate(events).T
    way = rng.normal(0, 0.5, (3, len(at_s))) + np.array([[0], [0], [1]])
    ringing = _ringing(rate_hz)
    at = np.rint(at_s * rate_hz).astype(np.int64)[:, np.newaxis] + np.arange(len(ringing))
    at = np.minimum(at, samples).ravel()  # what comes after the end is gathered there
    rows = [np.bincount(at, np.outer(row, ringing).ravel(), samples + 1) for row in way * size_g]
    return np.asarray(np.stack(rows)[:, :samples], dtype=np.float64)


def _ringing(rate_hz: float) -> Array:
    seconds = np.arange(max(round(_JOLT_S * rate_hz), 2)) / rate_hz
    frequency_hz = min(_JOLT_HZ, rate_hz / 4)
    return np.asarray(
        np.exp(-seconds / 0.07) * np.sin(2 * np.pi * frequency_hz * seconds), dtype=np.float64
    )


def walk(script: Script, seconds: Array) -> tuple[Array, Array]:
    """Return what walking does to the arm.

    Returns
    -------
    swing
        Turn about the forearm's y axis in radians; shape (sample,).
    bounce_g
        What the steps do, upward; shape (sample,).
    """
    swing, bounce_g = np.zeros(len(seconds)), np.zeros(len(seconds))
    for one in script.walks:
        start, stop = np.searchsorted(seconds, [one.start_s, one.stop_s]).tolist()
        gone_s = seconds[start:stop] - one.start_s
        left_s = one.stop_s - one.start_s - gone_s
        ramp = minimum_jerk(np.minimum(gone_s, left_s) / _RAMP_S)
        phase = np.pi * one.step_hz * gone_s  # two steps a swing
        swing[start:stop] = one.swing_rad * ramp * np.sin(phase)
        steps = np.sin(2 * phase) + 0.4 * np.sin(4 * phase + 1)
        bounce_g[start:stop] = one.bounce_g * ramp * steps
    return swing, bounce_g
