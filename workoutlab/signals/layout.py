"""How windows are laid out: everything that was asked of a plan, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.signals.labels import LABELS
from workoutlab.signals.lengths import (
    Length,
    count_samples,
    fit_overlap,
    parse_length,
    parse_rate,
    parse_seconds,
)

__all__ = ["Layout", "Lengths", "Size"]

Integers = npt.NDArray[np.int64]
Lengths = str | float | Sequence[str | float]
"""One length of time, or several."""

_EVENTS: Final = ("start", "stop", "middle")
_TRIM: Final = 0.1
_STEP: Final = Length(1.0)

Size = tuple[Integers, Integers]
"""Length and step in samples, one of each a recording."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What was asked of a plan; the parameters are those of :func:`workoutlab.windows`.

    Raises
    ------
    UnitError
        If a length is not understood.
    InputError
        If a setting, or two of them together, cannot mean anything.

    Examples
    --------
    >>> Layout(length="4s", overlap=0.5).settings()
    {'within': 'sets', 'trim': 0.1, 'max_gap_s': 1.0}
    """

    length: Lengths = "8s"
    step: Lengths | None = None
    overlap: float | None = None
    within: str = "sets"
    trim: float | None = None
    around: str | None = None
    offset: str | float | None = None
    label_share: float | None = None
    mixed: str | None = None
    rate_hz: float | str | None = None
    max_gap: str | float | None = "1s"
    label: str = "exercise"

    def __post_init__(self) -> None:
        if self.within not in ("sets", "recordings"):
            raise InputError(f"within: expected 'sets' or 'recordings', got {self.within!r}")
        if self.around is not None and self.around not in _EVENTS:
            raise InputError(f"around: expected 'start', 'stop' or 'middle', got {self.around!r}")
        if self.label not in LABELS:
            known = ", ".join(map(repr, LABELS))
            raise InputError(f"label: expected one of {known}, got {self.label!r}")
        if self.mixed not in (None, "blank", "drop"):
            raise InputError(f"mixed: expected 'blank' or 'drop', got {self.mixed!r}")
        self._check_shares()
        self._check_together()
        _ = self.lengths, self.steps, self.shift, self.max_gap_s  # are they understood?
        if self.rate_hz not in (None, "own"):
            parse_rate(self.rate_hz)

    def _check_shares(self) -> None:
        if self.trim is not None and not _is_share(self.trim, 0, 0.5):
            raise InputError(f"trim: expected a share from 0 up to 0.5, got {self.trim!r}")
        if self.overlap is not None and not _is_share(self.overlap, 0, 1):
            raise InputError(f"overlap: expected a share from 0 up to 1, got {self.overlap!r}")
        if self.label_share is not None and not _is_share(self.label_share, 0.5, 1):
            raise InputError(
                f"label_share: expected a share from 0.5 up to 1, got {self.label_share!r}"
            )

    def _check_together(self) -> None:
        stepped = "step" if self.step is not None else "overlap"
        steps = self.step is not None or self.overlap is not None
        refused = {
            "step and overlap: give one of them": None not in (self.step, self.overlap),
            "label='activity': windows around an event are partly of the set, partly not; leave "
            "around out": (self.by_activity and self.around is not None),
            "mixed='blank': windows of no set are rest with label='activity', and those that a set "
            "covers in part are not; leave mixed out": (
                self.by_activity and self.mixed == "blank" and not self.by_set
            ),
            "offset: it is counted from an event; give around='start' too": (
                self.offset is not None and self.around is None
            ),
            "around: events are those of sets; leave within='recordings' out": (
                self.around is not None and not self.by_set
            ),
            "label_share and mixed: they decide on labels within='recordings'; within sets each "
            "window has its set's": (
                self.by_set and (self.label_share, self.mixed) != (None, None)
            ),
            f"{stepped}: there is one window around each event; leave it out": (
                self.around is not None and steps
            ),
            "trim: windows around events count from the whole set's; leave it out": (
                self.around is not None and self.trim is not None
            ),
            "trim: it is a share of sets; leave it out within='recordings'": (
                not self.by_set and self.trim is not None
            ),
            "length='set': whole sets are windows of their own lengths, within sets, without "
            f"{stepped} or around": (
                self.whole_sets and (steps or self.around is not None or not self.by_set)
            ),
        }
        for problem, found in refused.items():
            if found:
                raise InputError(problem)

    @property
    def by_set(self) -> bool:
        """Whether windows lie in sets or around their events."""
        return self.within == "sets"

    @property
    def by_activity(self) -> bool:
        """Whether windows are labelled as active or at rest."""
        return self.label == "activity"

    @property
    def mixed_dropped(self) -> bool:
        """Whether windows that sets cover in part are left out."""
        return self.mixed == "drop" or self.by_activity

    @property
    def whole_sets(self) -> bool:
        """Whether each set is a window of its own length."""
        return isinstance(self.length, str) and self.length.strip() == "set"

    @property
    def share_trimmed(self) -> float:
        """The share of a set that is left out at either end."""
        if self.around is not None or not self.by_set:
            return 0.0
        return _TRIM if self.trim is None else float(self.trim)

    @property
    def share_labelled(self) -> float:
        """The share of a window that a set must cover more of to label it."""
        return 0.5 if self.label_share is None else float(self.label_share)

    @property
    def max_gap_s(self) -> float:
        """The longest time between two samples that windows span, in s."""
        return np.inf if self.max_gap is None else parse_seconds(self.max_gap, "max_gap")

    @property
    def shift(self) -> Length | None:
        """Where a window around an event starts, from the event; None: centred on it."""
        return None if self.offset is None else parse_length(self.offset, "offset", signed=True)

    @cached_property
    def lengths(self) -> tuple[Length, ...]:
        """The lengths asked for; none where sets are windows of their own length."""
        return () if self.whole_sets else _parse_several(self.length, "length")

    @cached_property
    def steps(self) -> tuple[Length, ...]:
        """One step a length, where steps rather than an overlap were asked for."""
        steps = (_STEP,) if self.step is None else _parse_several(self.step, "step")
        if len(steps) not in (1, len(self.lengths)) and not self.whole_sets:
            raise InputError(
                f"step: expected one, or one for each of the {len(self.lengths)} lengths, "
                f"got {len(steps)}"
            )
        return steps if len(steps) == len(self.lengths) else steps * len(self.lengths)

    def sizes(self, rates_hz: npt.NDArray[np.float64]) -> list[Size]:
        """Return length and step in samples at each rate, once for each length asked for.

        Raises
        ------
        UnitError
            If one is no whole number of samples.
        """
        distinct, place = np.unique(rates_hz, return_inverse=True)
        sizes = []
        for length, step in zip(self.lengths, self.steps, strict=True):
            lengths = count_samples(length, distinct, "length")
            if self.around is not None:
                steps = lengths
            elif self.overlap is not None:
                steps = fit_overlap(lengths, float(self.overlap))
            else:
                steps = count_samples(step, distinct, "step")
            sizes.append((lengths[place], steps[place]))
        return sizes

    def settings(self) -> dict[str, object]:
        """Return what says where windows lie, their sizes apart, as JSON takes it."""
        told: dict[str, object] = {"within": self.within, "trim": self.share_trimmed}
        if self.around is not None:
            told |= {"around": self.around, "offset": str(self.shift or "centred")}
        if not self.by_set:
            mixed = "drop" if self.mixed_dropped else "blank"
            told |= {"label_share": self.share_labelled, "mixed": mixed}
        if self.label != "exercise":
            told |= {"label": self.label}
        return told | ({} if self.max_gap is None else {"max_gap_s": self.max_gap_s})


def _is_share(value: object, low: float, below: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(low <= value < below)


def _parse_several(value: object, what: str) -> tuple[Length, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence | np.ndarray):
        return (parse_length(value, what),)
    lengths = tuple(parse_length(each, what) for each in value)
    if not lengths:
        raise InputError(f"{what}: expected one or more, got {value!r}")
    if what == "length" and len(set(lengths)) < len(lengths):
        raise InputError(f"{what}: expected different ones, got {value!r}")
    return lengths
