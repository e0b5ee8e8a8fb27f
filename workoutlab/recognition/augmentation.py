"""Augmentation: turned, shifted, stretched and noisy copies of training windows.

Samples are changed before inputs are computed from them, so that raw windows and statistics are
augmented alike. The random numbers of a window depend on the recording, the window and the
copy, so that no copy depends on how the work was cut.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.learning.randomness import draw_uniform, make_key
from workoutlab.schema import AXES, check_number
from workoutlab.signals import Inputs, Windows, compute

__all__ = ["Augmentation", "compute_augmented", "turn"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_DIRECTIONS: Final = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


@dataclass(frozen=True)
class Augmentation:
    """Copies of training windows as the same movements might also have been recorded.

    They teach a network what does not matter: how exactly a watch sits on the arm, when exactly
    a window begins. Windows that are held out or scored are never changed.

    Parameters
    ----------
    copies
        How many of each training window, besides itself.
    rotation_deg
        The sensor is turned by an angle drawn evenly between this and its negative.
    axis
        What it is turned about: ``"x"``, ``"y"``, ``"z"``, three numbers, or ``"any"`` for a
        direction drawn for each.
    mirror
        An axis, ``"x"`` say, that is flipped in every second copy: the other wrist. Empty for none.
    noise_g
        Standard deviation of noise added to each sample of each axis.
    shift_s
        A window begins this much earlier or later at most, within its set.
    stretch
        A window lasts longer or shorter by this share at most, within its set, and is brought back
        to its length: the same movement at another tempo.
    per
        ``"window"`` or ``"set"``: for what a turn and a flip are drawn.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> Augmentation(copies=2, rotation_deg=30).settings()["axis"]
    'any'
    """

    copies: int = 1
    rotation_deg: float = 0.0
    axis: str | tuple[float, float, float] = "any"
    mirror: str = ""
    noise_g: float = 0.0
    shift_s: float = 0.0
    stretch: float = 0.0
    per: str = "window"

    def __post_init__(self) -> None:
        check_number("copies", self.copies, whole=True, low=1)
        check_number("rotation_deg", self.rotation_deg, low=0)
        check_number("noise_g", self.noise_g, low=0)
        check_number("shift_s", self.shift_s, low=0)
        check_number("stretch", self.stretch, low=0, below=1)
        if self.per not in ("window", "set"):
            raise InputError(f"per: expected 'window' or 'set', got {self.per!r}")
        if self.mirror not in ("", *AXES):
            raise InputError(f"mirror: expected one of {', '.join(AXES)}, got {self.mirror!r}")
        if isinstance(self.axis, str):
            if self.axis not in ("any", *AXES):
                raise InputError(
                    f"axis: expected 'any', one of {', '.join(AXES)}, or three numbers, "
                    f"got {self.axis!r}"
                )
        elif np.shape(self.axis) != (3,) or not np.isfinite(self.axis).all() or not any(self.axis):
            raise InputError(f"axis: expected three numbers, not all zero, got {self.axis!r}")
        if not any((self.rotation_deg, self.mirror, self.noise_g, self.shift_s, self.stretch)):
            raise InputError(
                "Augmentation: expected something that changes: rotation_deg, mirror, noise_g, "
                "shift_s or stretch"
            )

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        axis = self.axis if isinstance(self.axis, str) else list(self.axis)
        return {**asdict(self), "axis": axis}


@dataclass(frozen=True)
class _Samples:
    """The samples of windows, channel after channel, brought to `size` samples each."""

    channels: tuple[str, ...]
    size: int

    def names(self, length: int) -> tuple[str, ...]:
        """Name each number, whatever the length."""
        del length
        return tuple(f"{name}_{place}" for name in self.channels for place in range(self.size))

    def units(self, length: int) -> tuple[str, ...]:
        """Return the unit of each."""
        return ("g",) * len(self.names(length))

    def settings(self) -> dict[str, object]:
        """Return what tells these inputs from others."""
        return {"inputs": "samples", **asdict(self)}

    def compute(self, planes: Floats, starts: Integers, length: int, rate_hz: float) -> Floats:
        """Return shape (window, channel x size), between samples on a straight line."""
        del rate_hz
        place = np.arange(self.size) * ((length - 1) / max(self.size - 1, 1))
        low = np.minimum(place.astype(np.int64), length - 1)
        part = (place - low).astype(np.float32)
        rows = starts[:, None] + low
        found = planes[:, rows]
        if length != self.size:
            found = (
                found * (1 - part)
                + planes[:, starts[:, None] + np.minimum(low + 1, length - 1)] * part
            )
        return np.ascontiguousarray(found.swapaxes(0, 1)).reshape(len(starts), -1)


def compute_augmented(
    windows: Windows, inputs: Inputs, augmentation: Augmentation, seed: int, copy: int
) -> Floats:
    """Compute the inputs of one augmented copy of every window.

    Parameters
    ----------
    windows
        The plan.
    inputs
        What a window becomes.
    augmentation
        What is changed.
    seed
        Decides all random numbers, with the recording and the window.
    copy
        Number of the copy.

    Returns
    -------
    ndarray
        float32 of shape (window, input), in the plan's order.
    """
    segment, _ = windows.locate()
    grids = windows.segments[["rate_hz", "length"]].to_numpy(dtype=float)[segment]
    parts, rows = [], []
    for rate, length in np.unique(grids, axis=0):
        chosen = (windows.segments["rate_hz"] == rate) & (windows.segments["length"] == length)
        rows.append(np.flatnonzero((grids == (rate, length)).all(axis=1)))
        part = windows.select(chosen.to_numpy(bool))
        parts.append(_compute_alike(part, inputs, augmentation, (seed, copy)))
    out = np.empty((len(segment), parts[0].shape[1] if parts else 0), np.float32)
    for places, numbers in zip(rows, parts, strict=True):
        out[places] = numbers
    return out


def _compute_alike(
    windows: Windows, inputs: Inputs, augmentation: Augmentation, purpose: tuple[int, int]
) -> Floats:
    """Compute a copy of windows that are all of one length and rate."""
    draws = _Draws(windows, augmentation.per, purpose)
    length, rate = windows.length, windows.rate_hz
    turned = "magnitude" in inputs.channels or not set(AXES).isdisjoint(inputs.channels)
    further = tuple(name for name in inputs.channels if name not in (*AXES, "magnitude"))
    channels = (*(AXES if turned else ()), *further)
    moved = _move(windows, augmentation, draws)
    samples = compute(moved, _Samples(channels, length)).reshape(-1, len(channels), length)
    if turned:
        samples[:, :3] = _change(samples[:, :3], augmentation, draws)
    planes = np.ascontiguousarray(samples.swapaxes(0, 1)).reshape(len(channels), -1)
    named = dict(zip(channels, planes, strict=True))
    if "magnitude" in inputs.channels:
        squares = np.square(planes[:3], dtype=np.float64).sum(axis=0)
        named["magnitude"] = np.sqrt(squares).astype(np.float32)
    given = np.ascontiguousarray(np.stack([named[name] for name in inputs.channels]))
    return inputs.compute(given, np.arange(len(samples)) * length, length, rate)


class _Draws:
    """Random numbers of each window, and of each window's segment."""

    def __init__(self, windows: Windows, per: str, purpose: tuple[int, int]) -> None:
        self.segment, self.starts = windows.locate()
        digests = windows.segments["digest"].tolist()
        firsts = windows.segments["start"].tolist()
        whose = [(*purpose, digest, first) for digest, first in zip(digests, firsts, strict=True)]
        places = zip(self.segment.tolist(), self.starts.tolist(), strict=True)
        self._windows = [(*purpose, digests[segment], start) for segment, start in places]
        self._turns = self._windows if per == "window" else [whose[each] for each in self.segment]

    def turns(self, what: str, count: int) -> Doubles:
        """Return numbers in [-1, 1) for each window, or for each set; shape (window, count)."""
        return _draw(self._turns, what, count)

    def windows(self, what: str, count: int) -> Doubles:
        """Return numbers in [-1, 1) for each window; shape (window, count)."""
        return _draw(self._windows, what, count)


def _draw(purposes: Sequence[tuple[int | str, ...]], what: str, count: int) -> Doubles:
    rows = [draw_uniform(make_key(*purpose, what), (count,)) for purpose in purposes]
    return np.array(rows, dtype=np.float64).reshape(len(purposes), count)


def _move(windows: Windows, augmentation: Augmentation, draws: _Draws) -> Windows:
    """Return the plan of shifted and stretched windows: each a segment of its own."""
    if not augmentation.shift_s and not augmentation.stretch:
        return windows
    rows = windows.segments.iloc[draws.segment].reset_index(drop=True)
    low, high = rows["start"].to_numpy(np.int64), rows["stop"].to_numpy(np.int64)
    length, rate = windows.length, windows.rate_hz
    stretched = length * np.exp(np.log1p(augmentation.stretch) * draws.windows("stretch", 1)[:, 0])
    lengths = np.clip(np.rint(stretched).astype(np.int64), 2, high - low)
    shift = augmentation.shift_s * rate * draws.windows("shift", 1)[:, 0]
    starts = draws.starts + np.rint(shift + (length - lengths) / 2).astype(np.int64)
    starts = np.clip(starts, low, high - lengths)
    return windows.with_segments(
        rows.assign(start=starts, stop=starts + lengths, length=lengths, count=1)
    )


def _change(samples: Floats, augmentation: Augmentation, draws: _Draws) -> Floats:
    """Turn, flip and add noise to samples of shape (window, axis, sample)."""
    if augmentation.rotation_deg:
        angles = np.deg2rad(augmentation.rotation_deg) * draws.turns("angle", 1)[:, 0]
        turns = turn(_find_axes(augmentation, draws), angles).astype(np.float32)
        samples = np.matmul(turns, samples)
    if augmentation.mirror:
        flipped = draws.turns("mirror", 1)[:, 0] < 0
        samples = samples.copy()
        samples[flipped, AXES.index(augmentation.mirror)] *= -1
    if augmentation.noise_g:
        noise = _find_normal(draws, samples[0].size).reshape(samples.shape)
        samples = samples + (augmentation.noise_g * noise).astype(np.float32)
    return samples


def _find_axes(augmentation: Augmentation, draws: _Draws) -> Doubles:
    """Return the unit vector that each window is turned about; shape (window, 3)."""
    if augmentation.axis == "any":
        # Even in height and in heading is even over the sphere (Archimedes).
        height, heading = draws.turns("axis", 2).T
        level, heading = np.sqrt(1 - height**2), np.pi * heading
        return np.stack([level * np.cos(heading), level * np.sin(heading), height], axis=1)
    given = augmentation.axis
    axis = np.array(_DIRECTIONS[given] if isinstance(given, str) else given, dtype=np.float64)
    return np.broadcast_to(axis / np.sqrt((axis**2).sum()), (len(draws.segment), 3))


def _find_normal(draws: _Draws, count: int) -> Doubles:
    """Return standard normal numbers of each window, by Box and Muller; shape (window, count)."""
    half = -(-count // 2)
    uniform = draws.windows("noise", 2 * half)
    radius = np.sqrt(-2 * np.log((1 - uniform[:, :half]) / 2))  # of numbers in (0, 1]
    angle = np.pi * uniform[:, half:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return np.asarray(both[:, :count])


def turn(axes: Doubles, angles: Doubles) -> Doubles:
    """Return rotation matrices, by Rodrigues' formula.

    Parameters
    ----------
    axes
        Shape (rotation, 3), of length 1.
    angles
        Shape (rotation,), in radians.

    Returns
    -------
    ndarray
        Shape (rotation, 3, 3).

    Examples
    --------
    >>> quarter = turn(np.array([[0.0, 0.0, 1.0]]), np.array([np.pi / 2]))
    >>> (quarter[0] @ [1, 0, 0]).round(6).tolist()
    [0.0, 1.0, 0.0]
    """
    x, y, z = axes.T
    zero = np.zeros_like(x)
    cross = np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross))
