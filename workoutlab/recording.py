"""A recording: one sensor's stream in one session, with the sets that are known in it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import SchemaError
from workoutlab.schema import UNKNOWN, check_id

__all__ = ["LabelledSet", "Recording"]

_MOST: Final = 2**31
"""Repetitions are stored in 32 bits."""


@dataclass(frozen=True, kw_only=True)
class LabelledSet:
    """A run of repetitions of one exercise, or any stretch with one label.

    Parameters
    ----------
    start, stop
        First sample, and one past the last sample, in the recording.
    exercise
        The label, ``"biceps-curl"`` say.
    muscle_group
        ``"arms"`` say; empty where not known.
    repetitions
        Number of repetitions, where known.
    weight_kg
        External weight in kg, where known; 0 with body weight alone.
    body_weight
        Whether the exercise was done with body weight.
    intensity
        In 0..1, where known.
    """

    start: int
    stop: int
    exercise: str
    muscle_group: str = ""
    repetitions: int | None = None
    weight_kg: float | None = None
    body_weight: bool = False
    intensity: float | None = None

    def __post_init__(self) -> None:
        # Equal sets must have equal facts, whether they were made of 20, 20.0 or a NumPy number.
        for name in ("exercise", "muscle_group"):
            self._fix(name, _text(getattr(self, name), f"set at sample {self.start}: {name}"))
        for name in ("start", "stop", "repetitions"):
            self._fix(name, self._number(name, whole=True))
        for name in ("weight_kg", "intensity"):
            self._fix(name, self._number(name))
        self._fix("body_weight", bool(self.body_weight))
        if not 0 <= self.start < self.stop:
            raise SchemaError(
                f"set {self.exercise!r}: expected 0 <= start < stop, "
                f"got {self.start} and {self.stop}"
            )
        if not self.exercise:
            raise SchemaError(
                f"set at samples {self.start}-{self.stop}: the exercise is empty; leave the set out"
            )
        if self.repetitions is not None and not 0 <= self.repetitions < _MOST:
            raise SchemaError(
                f"set {self.exercise!r}: {self.repetitions} repetitions; expected 0 to {_MOST - 1}"
            )
        if self.weight_kg is not None and not 0 <= self.weight_kg < np.inf:
            raise SchemaError(
                f"set {self.exercise!r}: weight {self.weight_kg} kg; expected >= 0, finite"
            )
        if self.intensity is not None and not 0 <= self.intensity <= 1:
            raise SchemaError(f"set {self.exercise!r}: intensity {self.intensity}; expected 0..1")

    def _number(self, name: str, *, whole: bool = False) -> float | None:
        value = getattr(self, name)
        if value is None and name not in ("start", "stop"):
            return None
        return _number(value, f"set {self.exercise!r}: {name}", whole=whole)

    def _fix(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """One sensor's stream in one session.

    Parameters
    ----------
    user, session
        Ids of the person and of the workout: 1 to 64 letters, digits, ``_``, ``.``, ``-``.
    acceleration
        Shape (sample, 3), in g, gravity included; stored as float32, finite.
    rate_hz
        Sampling rate in Hz, where it is regular. Exactly one of `rate_hz` and `time_ns` is given.
    time_ns
        Shape (sample,), Unix time of each sample in ns, where the rate is not regular; kept as
        it came, duplicates and steps back included.
    start_ns
        Unix time of the first sample in ns, where known; with `time_ns` it is its first value.
    angular_velocity
        Shape (sample, 3), in deg/s, optional.
    device
        What was worn, ``"watch"`` say.
    source
        The file that it came from.
    simulated
        Whether the simulator made it.
    sets
        The sets known in it, in order, not overlapping.

    Raises
    ------
    SchemaError
        If an id, a shape, a value or a set is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> still = Recording(
    ...     user="ann", session="monday", acceleration=np.tile([0, 0, 1], (100, 1)), rate_hz=50
    ... )
    >>> still.duration_s
    2.0
    """

    user: str
    session: str
    acceleration: npt.NDArray[np.float32]
    rate_hz: float | None = None
    time_ns: npt.NDArray[np.int64] | None = None
    start_ns: int | None = None
    angular_velocity: npt.NDArray[np.float32] | None = None
    device: str = UNKNOWN
    source: str = ""
    simulated: bool = False
    sets: Sequence[LabelledSet] = field(default=())
    # Kept by hand: until Python 3.12 a cached property lets one thread at a time compute it.
    _digest: str | None = field(default=None, init=False, repr=False)
    _facts: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_id(self.user, "user")
        check_id(self.session, "session")
        check_id(self.device, "device")
        self._fix("source", _text(self.source, "source"))
        self._fix("acceleration", _vectors(self.acceleration, "acceleration"))
        if self.angular_velocity is not None:
            self._fix("angular_velocity", _vectors(self.angular_velocity, "angular_velocity"))
            if self.angular_velocity.shape != self.acceleration.shape:
                raise SchemaError(
                    f"angular_velocity: expected {len(self)} samples as in acceleration, "
                    f"got {len(self.angular_velocity)}"
                )
        if (self.rate_hz is None) == (self.time_ns is None):
            raise SchemaError("expected either rate_hz or time_ns: give exactly one of them")
        if self.rate_hz is not None:
            self._fix("rate_hz", _number(self.rate_hz, "rate_hz"))
            if not 0 < self.rate_hz < np.inf:
                raise SchemaError(f"rate_hz: expected a positive number, got {self.rate_hz}")
        if self.start_ns is not None:
            self._fix("start_ns", int(_times([self.start_ns], "start_ns")[0]))
        self._fix("simulated", bool(self.simulated))
        if self.time_ns is not None:
            time_ns = _times(self.time_ns, "time_ns")
            if time_ns.shape != (len(self),):
                raise SchemaError(f"time_ns: expected shape ({len(self)},), got {time_ns.shape}")
            self._fix("time_ns", time_ns)
            self._fix("start_ns", int(time_ns[0]))
        if not isinstance(self.sets, Iterable):
            raise SchemaError(f"sets: expected several LabelledSet, got {self.sets!r}")
        self._fix("sets", tuple(self.sets))
        self._check_sets()

    def _check_sets(self) -> None:
        previous = 0
        for labelled in self.sets:
            if not isinstance(labelled, LabelledSet):
                raise SchemaError(f"sets: expected LabelledSet, got {labelled!r}")
            if labelled.start < previous or labelled.stop > len(self):
                raise SchemaError(
                    f"set {labelled.exercise!r} at samples {labelled.start}-{labelled.stop}: "
                    f"expected sets in order, not overlapping, within the {len(self)} samples"
                )
            previous = labelled.stop

    def _fix(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the dataclass is frozen

    def __len__(self) -> int:
        return len(self.acceleration)

    @property
    def regular(self) -> bool:
        """Whether the samples are at `rate_hz` throughout."""
        return self.time_ns is None

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Time of each sample in s, from the first; shape (sample,)."""
        if self.time_ns is not None:
            return np.asarray((self.time_ns - self.time_ns[0]) / 1e9, dtype=np.float64)
        assert self.rate_hz is not None
        return np.arange(len(self)) / self.rate_hz

    @property
    def median_rate_hz(self) -> float:
        """The sampling rate, or the median one where it is not regular (NaN for one sample)."""
        if self.rate_hz is not None:
            return float(self.rate_hz)
        steps = np.diff(np.sort(self.seconds))
        steps = steps[steps > 0]
        return float(1 / np.median(steps)) if len(steps) else float("nan")

    @property
    def duration_s(self) -> float:
        """Samples over rate, or time from the earliest to the latest sample."""
        if self.rate_hz is not None:
            return len(self) / self.rate_hz
        return float(np.ptp(self.seconds))

    @property
    def longest_gap_s(self) -> float:
        """Longest time between two neighbouring samples in s."""
        if self.rate_hz is not None:
            return 1 / self.rate_hz
        return float(np.max(np.diff(np.sort(self.seconds)), initial=0.0))

    @property
    def digest(self) -> str:
        """SHA-256 of the acceleration, in hex: by it a lab knows what it already holds."""
        if self._digest is None:
            self._fix("_digest", _hash(self.acceleration))
        return str(self._digest)

    @property
    def facts(self) -> str:
        """SHA-256 of all else, in hex: tells a correction from a second delivery."""
        if self._facts is None:
            self._fix("_facts", self._hash_facts())
        return str(self._facts)

    def _hash_facts(self) -> str:
        clock = self.rate_hz if self.time_ns is None else _hash(self.time_ns)
        turned = None if self.angular_velocity is None else _hash(self.angular_velocity)
        known = [self.user, self.session, self.device, self.simulated, self.start_ns, clock, turned]
        sets = [asdict(labelled) for labelled in self.sets]
        return hashlib.sha256(json.dumps([known, sets]).encode()).hexdigest()


def _hash(quantity: npt.NDArray[Any]) -> str:
    little = np.ascontiguousarray(quantity, dtype=quantity.dtype.newbyteorder("<"))
    return hashlib.sha256(little.data).hexdigest()


def _vectors(values: npt.ArrayLike, what: str) -> npt.NDArray[np.float32]:
    try:
        if np.iscomplexobj(values):
            raise TypeError("some are complex")
        with np.errstate(over="ignore"):  # infinite then, which is told of below
            array = np.ascontiguousarray(values, dtype=np.float32)
    except (OverflowError, TypeError, ValueError) as error:
        raise SchemaError(f"{what}: expected numbers, shape (sample, 3): {error}") from error
    if array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise SchemaError(
            f"{what}: expected shape (sample, 3), one sample or more, got {array.shape}"
        )
    if not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise SchemaError(f"{what}: sample {row} is {array[row].tolist()}; expected finite numbers")
    return array


def _times(values: npt.ArrayLike, what: str) -> npt.NDArray[np.int64]:
    given = np.asarray(values)
    whole = given.dtype.kind in "iu" or (given.dtype.kind == "f" and (given % 1 == 0).all())
    if not whole or not ((given > -(2**63)) & (given < 2**63)).all():
        raise SchemaError(f"{what}: expected whole ns between 1678 and 2261; convert the times")
    return np.ascontiguousarray(given, dtype=np.int64)


def _number(value: Any, what: str, *, whole: bool = False) -> float:
    is_number = isinstance(value, Real)
    try:
        if is_number and (not whole or value == int(value)):
            return int(value) if whole else float(value)
    except (OverflowError, ValueError):  # of more than float64 holds, or infinite or NaN
        pass
    kind = "a whole number" if whole else "a number"
    raise SchemaError(f"{what}: expected {kind}, got {value!r}")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise SchemaError(f"{what}: expected text, got {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SchemaError(f"{what}: {value!r} is no Unicode text ({error.reason})") from error
    return value
