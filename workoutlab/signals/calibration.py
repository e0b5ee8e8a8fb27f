"""Calibration by gravity: offsets and gains found in what accelerometers recorded at rest."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.cluster import progress as show_progress
from workoutlab.cluster import run_tasks
from workoutlab.errors import InputError, SchemaError
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.schema import AXES, check_number
from workoutlab.signals.choice import Filters
from workoutlab.signals.sphere import covers_sphere, find_still, fit_sphere, sphere_error
from workoutlab.signals.tracks import Track, choose_tracks, list_tracks, split_pieces

__all__ = ["Calibration", "calibrate"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

_OFFSETS: Final = tuple(f"offset_{axis}" for axis in AXES)
_GAINS: Final = tuple(f"gain_{axis}" for axis in AXES)
_COLUMNS: Final = (
    *("recording", "digest", *_OFFSETS, *_GAINS),
    *("error_before_g", "error_after_g", "still", "pooled", "status"),
)
_POOLS: Final = {
    "recording": ("digest",),
    "device": ("device",),
    "user": ("user", "device"),
}


@dataclass(frozen=True, eq=False)
class Calibration:
    """Offsets and gains that bring what recordings show at rest onto the sphere of 1 g.

    A calibrated sample is (sample + offset) · gain, axis by axis. A recording is known by its
    digest, so that a calibration holds in any lab that has the recording.

    Parameters
    ----------
    frame
        One row a recording: ``recording`` (its row), ``digest``, ``offset_x`` to ``offset_z`` in
        g, ``gain_x`` to ``gain_z``, ``error_before_g`` and ``error_after_g`` (mean distance of
        the still stretches of its pool from 1 g), ``still`` (its own still stretches), ``pooled``
        (those of its pool), and ``status``: ``"calibrated"``, ``"too few still stretches"``,
        ``"sphere not covered"``, ``"no improvement"``, or ``"not read: "`` and why. Only
        recordings that are ``"calibrated"`` are changed.
    digest
        What tells it from other calibrations; found from the frame by default.

    Raises
    ------
    SchemaError
        If the frame has other columns, or a recording twice.

    Examples
    --------
    >>> up = Recording(user="ann", session="mon", acceleration=[[0, 0, 1]] * 500, rate_hz=50)
    >>> found = calibrate(up)
    >>> found.frame["status"].tolist()
    ['too few still stretches']
    >>> found.correct(up.acceleration, up.digest) is up.acceleration
    True
    """

    frame: pd.DataFrame
    digest: str = ""

    def __post_init__(self) -> None:
        missing = [name for name in _COLUMNS if name not in self.frame]
        if missing:
            raise SchemaError(f"calibration: expected the columns of calibrate(); no {missing}")
        if self.frame["digest"].duplicated().any():
            twice = self.frame.loc[self.frame["digest"].duplicated(), "recording"].iloc[0]
            raise SchemaError(f"calibration: recording {twice} is there twice; keep one row")
        if not self.digest:
            object.__setattr__(self, "digest", self._describe())

    def _describe(self) -> str:
        told = sorted(
            f"{digest} {offset.tolist()} {gain.tolist()}"
            for digest, (offset, gain) in self._corrections.items()
        )
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        return Calibration, (self.frame, self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Calibration({len(self._corrections)} of {len(self.frame)} recordings)"

    def __dask_tokenize__(self) -> tuple[str, str]:
        return type(self).__name__, self.digest

    @cached_property
    def _places(self) -> dict[str, int]:
        return {digest: place for place, digest in enumerate(self.frame["digest"])}

    @cached_property
    def _corrections(self) -> dict[str, tuple[Doubles, Doubles]]:
        kept = self.frame[self.frame["status"] == "calibrated"]
        offsets = kept[list(_OFFSETS)].to_numpy(np.float64)
        gains = kept[list(_GAINS)].to_numpy(np.float64)
        return dict(zip(kept["digest"], zip(offsets, gains, strict=True), strict=True))

    def correct(self, samples: Floats, digest: str) -> Floats:
        """Return samples of a recording, calibrated; as they are where it is not calibrated.

        Parameters
        ----------
        samples
            Shape (sample, 3), in g.
        digest
            Of the recording.

        Raises
        ------
        InputError
            If there is no digest.
        """
        if not digest:
            raise InputError("calibration: expected the digest of the recording, got none")
        found = self._corrections.get(digest)
        if found is None:
            return samples
        corrected = np.empty_like(samples)
        for axis, (offset, gain) in enumerate(np.stack(found, axis=1, dtype=np.float32)):
            np.add(samples[:, axis], offset, out=corrected[:, axis])
            corrected[:, axis] *= gain
        return corrected

    def only(self, digests: npt.ArrayLike) -> "Calibration":
        """Return the same calibration, of the same digest, with the rows of some recordings."""
        wanted = pd.unique(np.asarray(digests, dtype=object))
        place = [self._places[each] for each in wanted if each in self._places]
        return Calibration(self.frame.iloc[np.sort(np.array(place, np.int64))], self.digest)


class _Rules(NamedTuple):
    still_s: float
    max_sd_g: float
    min_still: int
    min_spread: float


class _Pool(NamedTuple):
    """Recordings that are calibrated together, and how."""

    tracks: list[Track]
    rules: _Rules


def calibrate(  # noqa: PLR0913 - each by its name
    source: Lab | Recording | Iterable[Recording],
    *,
    pooled_by: Literal["recording", "device", "user"] = "recording",
    still_s: float = 10,
    max_sd_g: float = 0.013,
    min_still: int = 10,
    min_spread: float = 0.3,
    progress: bool = True,
    **filters: Unpack[Filters],
) -> Calibration:
    """Find offset and gain of each axis from what was recorded at rest, as GGIR does.

    At rest an accelerometer shows gravity alone: readings lie on a sphere of 1 g. Where they do
    not, offset and gain of the axes are off, and are found by bringing the means of still
    stretches onto the sphere [1]_ (:func:`workoutlab.signals.sphere.fit_sphere`). That takes
    stretches in many orientations; workouts are short, so that several recordings may have to be
    taken together, or shorter stretches (2 s, say). Recordings that cannot be calibrated, or do
    not come closer to the sphere, keep offset 0 and gain 1. Memory is bounded by a million samples.

    Parameters
    ----------
    source
        A lab, or recordings in memory.
    pooled_by
        Which recordings share offset and gain: each its own (``"recording"``), those of one
        ``"device"`` name (where names tell single devices apart), or those of one ``"user"`` and
        device name.
    still_s
        Length of a stretch.
    max_sd_g
        Standard deviation below which every axis of a still stretch stays.
    min_still
        How many still stretches a pool needs.
    min_spread
        How far they must reach on both sides of zero on every axis, in g.
    progress
        Whether to show progress on standard error, where it is a terminal.
    **filters
        ``users``, ``sessions``, ``devices``: a name or several; all by default.

    Returns
    -------
    Calibration
        For ``Preparation(calibration=...)``; its ``frame`` tells what was found.

    Raises
    ------
    InputError
        If a setting cannot mean anything.
    NotInLabError
        If nothing is left by the filters.

    References
    ----------
    .. [1] V. T. van Hees et al., "Autocalibration of accelerometer data for free-living physical
       activity assessment using local gravity and temperature", J Appl Physiol 117, 2014.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> turns = rng.normal(size=(30, 3))
    >>> turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    >>> rest = np.repeat(turns, 100, axis=0) - [0.05, 0, 0]
    >>> recording = Recording(user="ann", session="mon", acceleration=rest, rate_hz=50)
    >>> frame = calibrate(recording, still_s=2).frame
    >>> frame["status"][0], frame["offset_x"].round(3).tolist()
    ('calibrated', [0.05])
    """
    check_number("still_s", still_s, above=0)
    check_number("max_sd_g", max_sd_g, above=0)
    check_number("min_still", min_still, whole=True, low=4)
    check_number("min_spread", min_spread, low=0, below=1)
    if pooled_by not in _POOLS:
        raise InputError(f"pooled_by: expected one of {', '.join(_POOLS)}, got {pooled_by!r}")
    home, recordings = choose_tracks(source, filters)
    rules = _Rules(still_s, max_sd_g, min_still, min_spread)
    groups = recordings.groupby(list(_POOLS[pooled_by]), sort=False)
    items = (_Pool(list_tracks(home, each), rules) for _, each in groups)
    rows: list[dict[str, Any]] = []
    with show_progress("calibrations", groups.ngroups, show=progress) as report:
        for done, row in enumerate(_run(items), start=1):
            rows += row
            report(done)
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return Calibration(frame.sort_values("recording", ignore_index=True))


def _run(items: Iterable[_Pool]) -> Iterator[list[dict[str, Any]]]:
    pools: dict[int, _Pool] = {}

    def note() -> Iterator[_Pool]:
        for position, pool in enumerate(items):
            pools[position] = pool
            yield pool

    for position, outcome in run_tasks(_calibrate_pool, note()):
        pool = pools.pop(position)
        if isinstance(outcome, Exception):
            status = f"not read: {type(outcome).__name__}: {outcome}"
            outcome = _list_rows(pool.tracks, [0] * len(pool.tracks), _Fit(status))
        yield outcome


class _Fit(NamedTuple):
    """What came of a pool."""

    status: str
    before: float = np.nan
    after: float = np.nan
    offset: Sequence[float] = (0.0, 0.0, 0.0)
    gain: Sequence[float] = (1.0, 1.0, 1.0)


def _calibrate_pool(pool: _Pool) -> list[dict[str, Any]]:
    found = [_read_still(track, pool.rules) for track in pool.tracks]
    fit = _fit(np.concatenate(found), pool.rules)
    return _list_rows(pool.tracks, [len(each) for each in found], fit)


def _read_still(track: Track, rules: _Rules) -> Doubles:
    """Read a recording in pieces of whole stretches, and return its still ones."""
    if not np.isfinite(track.rate_hz):  # a single sample
        return np.empty((0, 3))
    length = max(2, round(rules.still_s * track.rate_hz))
    clock = track.clock()
    order = None if clock is None else clock[0]
    edges = np.arange(0, track.samples + 1, length)
    found = [np.empty((0, 3))]
    for first, last in split_pieces(edges):
        samples = track.read(int(edges[first]), int(edges[last]), order)
        found.append(find_still(samples, length, rules.max_sd_g))
    return np.concatenate(found)


def _fit(points: Doubles, rules: _Rules) -> _Fit:
    if not len(points):
        return _Fit("too few still stretches")
    before = sphere_error(points, np.zeros(3), np.ones(3))
    if len(points) < rules.min_still:
        return _Fit("too few still stretches", before, before)
    if not covers_sphere(points, rules.min_spread):
        return _Fit("sphere not covered", before, before)
    offset, gain = fit_sphere(points)
    after = sphere_error(points, offset, gain)
    if not after < before:
        return _Fit("no improvement", before, before)
    return _Fit("calibrated", before, after, offset.tolist(), gain.tolist())


def _list_rows(tracks: list[Track], still: list[int], fit: _Fit) -> list[dict[str, Any]]:
    return [
        {
            "recording": track.recording,
            "digest": track.digest,
            **dict(zip(_OFFSETS, fit.offset, strict=True)),
            **dict(zip(_GAINS, fit.gain, strict=True)),
            "error_before_g": fit.before,
            "error_after_g": fit.after,
            "still": own,
            "pooled": sum(still),
            "status": fit.status,
        }
        for track, own in zip(tracks, still, strict=True)
    ]
