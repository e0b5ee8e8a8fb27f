"""Counts of what became of sets, true and found, and the figures that follow from them."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.schema import UNKNOWN

__all__ = [
    "FOUND_KINDS",
    "MISSED",
    "NOTHING",
    "OVERLAPS",
    "TRUE_KINDS",
    "EventCounts",
    "describe_counts",
]

OVERLAPS: Final = (0.1, 0.25, 0.5, 0.75)
"""Intersection over union that a match needs, as in evaluations of temporal action detection."""

MISSED: Final = "(missed)"
"""What a true set that nothing was matched with counts as having been called."""

NOTHING: Final = "(nothing)"
"""What was done where a found set is matched with no true one."""

TRUE_KINDS: Final = ("correct", "deleted", "fragmented", "merged", "fragmented_and_merged")
FOUND_KINDS: Final = ("correct", "inserted", "fragmenting", "merging", "fragmenting_and_merging")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EventCounts:
    """What came of comparing found sets with true ones; counts of several recordings add up.

    Parameters
    ----------
    truth, found
        Number of sets.
    matched
        Number of pairs at each of :data:`OVERLAPS`, whatever they were called.
    named
        Those of them that were called by the right name; what has no true name is in neither.
    nameable
        True sets that have a name.
    outcomes
        Number of true sets by what became of them: correct, deleted, fragmented, merged,
        fragmented_and_merged.
    found_outcomes
        Number of found sets: correct, inserted, fragmenting, merging, fragmenting_and_merging.
    start_errors_s, stop_errors_s
        Found less true, of the pairs at `overlap`.
    confusion
        Number of (true name, found name) at `overlap`, with ``"unknown"`` where the recogniser
        abstained, :data:`MISSED` and :data:`NOTHING`.
    counted
        True number of repetitions, likeliest number found, and whether the recogniser stood by
        it, of the pairs at `overlap` whose true number is known.
    active_s, missed_s, added_s, duration_s
        Time in true sets; time of it that lies in no found set; time in found sets and in no true
        one; all the time.
    overlap
        What pairs need for errors, names and repetitions.

    Examples
    --------
    >>> from workoutlab.recognition.evaluation.events import Event, match_events
    >>> true = [Event(10, 20, "curl", 8), Event(40, 50, "row", 10)]
    >>> came = [Event(11, 20, "curl", 8, 8), Event(70, 75, "row", 2, 2)]
    >>> counts = match_events(true, came, duration_s=100)
    >>> counts.precision(0.5), counts.recall(0.5), counts.start_errors_s
    (0.5, 0.5, (1,))
    >>> counts.outcomes["deleted"], counts.found_outcomes["inserted"], counts.time_error_percent
    (1, 1, 16.0)
    """

    truth: int = 0
    found: int = 0
    matched: tuple[int, ...] = (0,) * len(OVERLAPS)
    named: tuple[int, ...] = (0,) * len(OVERLAPS)
    nameable: int = 0
    outcomes: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TRUE_KINDS, 0))
    found_outcomes: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(FOUND_KINDS, 0))
    start_errors_s: tuple[float, ...] = ()
    stop_errors_s: tuple[float, ...] = ()
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    counted: tuple[tuple[int, int, bool], ...] = ()
    active_s: float = 0.0
    missed_s: float = 0.0
    added_s: float = 0.0
    duration_s: float = 0.0
    overlap: float = 0.5

    def __add__(self, other: "EventCounts") -> "EventCounts":
        if self.overlap != other.overlap:
            raise InputError(
                f"counts at an overlap of {self.overlap} and of {other.overlap} cannot be added"
            )
        sums: dict[str, Any] = {}
        for each in fields(self):
            one, two = getattr(self, each.name), getattr(other, each.name)
            if each.name in ("matched", "named"):
                sums[each.name] = tuple(a + b for a, b in zip(one, two, strict=True))
            elif isinstance(one, Mapping):
                sums[each.name] = _add_counts(one, two)
            elif each.name != "overlap":
                sums[each.name] = one + two
        return EventCounts(**sums, overlap=self.overlap)

    def precision(self, overlap: float = 0.5, *, named: bool = False) -> float:
        """Share of the found sets that match a true one; NaN where nothing was found."""
        return _share(self._hits(overlap, named), self.found)

    def recall(self, overlap: float = 0.5, *, named: bool = False) -> float:
        """Share of the true sets that a found one matches; NaN where there are none."""
        return _share(self._hits(overlap, named), self.nameable if named else self.truth)

    def f1(self, overlap: float = 0.5, *, named: bool = False) -> float:
        """Twice the matches over all sets, true and found; NaN where there are none.

        With `named`, only what was called by its right name is a match.
        """
        every = (self.nameable if named else self.truth) + self.found
        return _share(2 * self._hits(overlap, named), every)

    def _hits(self, overlap: float, named: bool) -> int:
        if overlap not in OVERLAPS:
            raise InputError(f"overlap: expected one of {OVERLAPS}, got {overlap!r}")
        return (self.named if named else self.matched)[OVERLAPS.index(overlap)]

    @property
    def time_error_percent(self) -> float:
        """Share of the time that is taken for active or not active wrongly; NaN without any."""
        return 100 * _share(self.missed_s + self.added_s, self.duration_s)

    @property
    def exercise_error_percent(self) -> float:
        """Share of the matched sets that were not called by their name, abstentions included."""
        pairs = Counter({names: n for names, n in self.confusion.items() if _is_pair(names)})
        right = sum(n for (true, came), n in pairs.items() if true == came)
        return 100 * _share(pairs.total() - right, pairs.total())

    @property
    def abstained_percent(self) -> float:
        """Share of the matched sets that were called unknown."""
        pairs = Counter({names: n for names, n in self.confusion.items() if _is_pair(names)})
        return 100 * _share(
            sum(n for (_, came), n in pairs.items() if came == UNKNOWN), pairs.total()
        )

    def describe_edges(self) -> dict[str, dict[str, float]]:
        """Return the errors of the boundaries in s, and the share of them within 1 s.

        ``median`` and ``mean`` are signed (late is positive), ``absolute`` is the mean of the
        sizes, ``within_1s`` the share (0..1) that is 1 s or less.
        """
        both = self.start_errors_s + self.stop_errors_s
        edges = {"start": self.start_errors_s, "stop": self.stop_errors_s, "both": both}
        return {name: _describe(np.array(errors)) for name, errors in edges.items()}

    def describe_repetitions(self) -> dict[str, float]:
        """Return the errors of the numbers of repetitions, of matched sets of a known number."""
        return describe_counts(self.counted)

    @property
    def table(self) -> pd.DataFrame:
        """Precision, recall and F1 at each overlap, of sets found and of sets found and named."""
        rows = [
            {
                "overlap": overlap,
                **{
                    f"{'named_' if named else ''}{figure}": getattr(self, figure)(
                        overlap, named=named
                    )
                    for named in (False, True)
                    for figure in ("precision", "recall", "f1")
                },
            }
            for overlap in OVERLAPS
        ]
        return pd.DataFrame(rows)

    def as_dict(self) -> dict[str, Any]:
        """Return counts and figures as plain values; confusion as a list of rows."""
        return {
            "truth": self.truth,
            "found": self.found,
            "overlaps": self.table.to_dict("records"),
            "outcomes": dict(self.outcomes),
            "found_outcomes": dict(self.found_outcomes),
            "edges_s": self.describe_edges(),
            "exercise_error_percent": self.exercise_error_percent,
            "abstained_percent": self.abstained_percent,
            "confusion": [[*names, n] for names, n in sorted(self.confusion.items())],
            "repetitions": self.describe_repetitions(),
            "time_error_percent": self.time_error_percent,
            **{
                name: getattr(self, name)
                for name in ("active_s", "missed_s", "added_s", "duration_s", "overlap")
            },
        }


def describe_counts(counted: Sequence[tuple[int, int, bool]]) -> dict[str, float]:
    """Return what (true number, guess, stood by it) come to.

    ``mean_absolute``, ``exact`` and ``within_1`` (shares, 0..1) are of all guesses, abstained or
    not, those with ``told_`` before them of the ones it stood by; ``abstained`` is a share.

    Examples
    --------
    >>> describe_counts([(10, 10, True), (10, 14, False)])["mean_absolute"]
    2.0
    """
    rows = np.array(counted, dtype=np.float64).reshape(-1, 3)
    errors, told = np.abs(rows[:, 1] - rows[:, 0]), rows[:, 2] > 0
    figures: dict[str, float] = {"sets": len(rows)}
    for prefix, some in (("", errors), ("told_", errors[told])):
        figures[f"{prefix}mean_absolute"] = _mean(some)
        figures[f"{prefix}exact"] = _mean(some == 0)
        figures[f"{prefix}within_1"] = _mean(some <= 1)
    return {**figures, "abstained": _mean(~told)}


def _is_pair(names: tuple[str, str]) -> bool:
    return names[0] not in (NOTHING, "") and names[1] != MISSED


def _add_counts(one: Mapping[Any, int], two: Mapping[Any, int]) -> dict[Any, int]:
    return {key: one.get(key, 0) + two.get(key, 0) for key in (*one, *(two.keys() - one.keys()))}


def _describe(errors: Floats) -> dict[str, float]:
    if not len(errors):
        return dict.fromkeys(("median", "mean", "absolute", "within_1s"), math.nan)
    return {
        "median": float(np.median(errors)),
        "mean": float(errors.mean()),
        "absolute": float(np.abs(errors).mean()),
        "within_1s": float((np.abs(errors) <= 1).mean()),
    }


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
