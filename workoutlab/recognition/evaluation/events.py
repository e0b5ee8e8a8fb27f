"""Found sets against true ones: matched, missed, made up, split, merged, misnamed, miscounted.

Events are compared as intervals in seconds. Three questions are kept apart:

- *Found?* Events are matched one to one at an overlap of so much, the intersection over the union
  of the two intervals; precision, recall and F1 follow. The boundary errors are of matched pairs.
- *In how many pieces?* The categories of Ward, Lukowicz and Gellersen, "Performance metrics for
  activity recognition", ACM TIST 2(1), 2011, sections 4 and 5: a true event is deleted,
  fragmented, merged, both, or correct; a found one inserted, fragmenting, merging, both, or
  correct. Here any overlap counts, however short.
- *How much time?* The time that is active in one and not in the other.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.eventcounts import (
    FOUND_KINDS,
    MISSED,
    NOTHING,
    OVERLAPS,
    TRUE_KINDS,
    EventCounts,
)
from workoutlab.recording import Recording
from workoutlab.schema import RESTING, UNNAMED, check_number

__all__ = ["Event", "list_events", "list_found", "match_events", "pair_events"]

_UNNAMED: Final = frozenset({"", *UNNAMED})
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """A set, true or found, in seconds from the start of its recording.

    Parameters
    ----------
    start_s, stop_s
        Where it lies.
    exercise
        Its name; empty where only activity is known, ``"unknown"`` where the recogniser abstains.
    repetitions
        The number; None where not known, or where the recogniser abstains.
    guess
        The likeliest number, even where it abstains.
    """

    start_s: float
    stop_s: float
    exercise: str = ""
    repetitions: int | None = None
    guess: int | None = None

    def __post_init__(self) -> None:
        if not -math.inf < self.start_s < self.stop_s < math.inf:
            raise InputError(
                f"event {self.exercise!r}: expected start < stop in s, finite, "
                f"got {self.start_s} and {self.stop_s}"
            )


def match_events(
    truth: Sequence[Event],
    found: Sequence[Event],
    *,
    duration_s: float | None = None,
    overlap: float = 0.5,
) -> EventCounts:
    """Compare the found sets of a recording with the true ones.

    Parameters
    ----------
    truth, found
        In any order; neither may overlap among themselves.
    duration_s
        Length of the recording; until the last set ends where None.
    overlap
        What a pair needs, for boundary errors, names and repetitions.

    Returns
    -------
    EventCounts
        They can be added over recordings.

    Raises
    ------
    InputError
        If sets overlap among themselves, or `overlap` is not above 0 and at most 1.
    """
    if overlap != 1:
        check_number("overlap", overlap, above=0, below=1)
    truth, found = _sort(truth, "truth"), _sort(found, "found")
    last_s = max((event.stop_s for event in (*truth, *found)), default=0.0)
    edges = _edges(truth), _edges(found)
    shares = _overlap(*edges)
    pairs = pair_events(shares, overlap)
    matches = [pair_events(shares, least) for least in OVERLAPS]
    both_s = float(_intersect(*edges).sum())
    true_s, found_s = (float((each[:, 1] - each[:, 0]).sum()) for each in edges)
    outcomes, found_outcomes = _judge(shares > 0)
    return EventCounts(
        truth=len(truth),
        found=len(found),
        matched=tuple(len(each) for each in matches),
        named=tuple(
            sum(_is_named(truth[row], found[column]) for row, column in each) for each in matches
        ),
        nameable=sum(event.exercise not in _UNNAMED for event in truth),
        outcomes=outcomes,
        found_outcomes=found_outcomes,
        start_errors_s=tuple(found[b].start_s - truth[a].start_s for a, b in pairs),
        stop_errors_s=tuple(found[b].stop_s - truth[a].stop_s for a, b in pairs),
        confusion=_confuse(truth, found, pairs),
        counted=tuple(_count(truth, found, pairs)),
        active_s=true_s,
        missed_s=max(0.0, true_s - both_s),
        added_s=max(0.0, found_s - both_s),
        duration_s=float(last_s if duration_s is None else duration_s),
        overlap=overlap,
    )


def pair_events(shares: Floats, least: float) -> list[tuple[int, int]]:
    """Pair rows with columns one to one: as many as can be, and of these with the most overlap.

    From an overlap of one half on there is no choice, since an interval can overlap only one of
    several disjoint ones by that much.

    Parameters
    ----------
    shares
        Overlap of each true with each found event, 0..1; shape (true, found).
    least
        Overlap that a pair needs.

    Returns
    -------
    list of tuple of int
        Row and column of each pair, by row.

    Examples
    --------
    >>> pair_events(np.array([[0.6, 0.3], [0.2, 0.0]]), 0.1)
    [(0, 1), (1, 0)]
    >>> pair_events(np.array([[0.6, 0.3], [0.2, 0.0]]), 0.5)
    [(0, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    fits = shares >= least
    most = min(shares.shape) + 1  # more than all overlaps together: a pair more always wins
    rows, columns = linear_sum_assignment(np.where(fits, most + shares, 0), maximize=True)
    return [(int(a), int(b)) for a, b in zip(rows, columns, strict=True) if fits[a, b]]


def list_events(recording: Recording) -> list[Event]:
    """Return the true sets of a recording; those that are labelled as resting are none.

    Examples
    --------
    >>> from workoutlab.recording import LabelledSet
    >>> sets = [LabelledSet(start=50, stop=100, exercise="curl", repetitions=3)]
    >>> still = Recording(
    ...     user="ann", session="mon", acceleration=np.ones((150, 3)), rate_hz=50, sets=sets
    ... )
    >>> list_events(still)
    [Event(start_s=1.0, stop_s=2.0, exercise='curl', repetitions=3, guess=None)]
    """
    seconds, step_s = recording.seconds, 1 / recording.median_rate_hz
    return [
        Event(
            float(seconds[one.start]),
            one.stop * step_s if recording.regular else float(seconds[one.stop - 1]) + step_s,
            "" if one.exercise in _UNNAMED else one.exercise,
            one.repetitions,
        )
        for one in recording.sets
        if one.exercise not in RESTING
    ]


def list_found(found: Any) -> list[Event]:
    """Return the sets that a recogniser found."""
    return [
        Event(
            one.start / one.rate_hz,
            one.stop / one.rate_hz,
            one.exercise,
            None if one.repetitions is None else one.repetitions.count,
            None if one.repetitions is None else one.repetitions.guess,
        )
        for one in found.sets
    ]


def _sort(events: Sequence[Event], what: str) -> list[Event]:
    ordered = sorted(events, key=lambda event: event.start_s)
    for one, two in itertools.pairwise(ordered):
        if two.start_s < one.stop_s:
            raise InputError(
                f"{what}: sets at {one.start_s:g}-{one.stop_s:g} s and at "
                f"{two.start_s:g}-{two.stop_s:g} s overlap; give sets that follow each other"
            )
    return ordered


def _edges(events: Iterable[Event]) -> Floats:
    rows = [(event.start_s, event.stop_s) for event in events]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _intersect(truth: Floats, found: Floats) -> Floats:
    starts = np.maximum(truth[:, None, 0], found[None, :, 0])
    stops = np.minimum(truth[:, None, 1], found[None, :, 1])
    common: Floats = np.maximum(stops - starts, 0.0)
    return common


def _overlap(truth: Floats, found: Floats) -> Floats:
    """Return the intersection over the union of each pair; shape (true, found)."""
    common = _intersect(truth, found)
    lengths = [each[:, 1] - each[:, 0] for each in (truth, found)]
    shares: Floats = common / (lengths[0][:, None] + lengths[1][None, :] - common)
    return shares


def _judge(touches: npt.NDArray[np.bool_]) -> tuple[dict[str, int], dict[str, int]]:
    """Count what became of true and of found events, by what overlaps what at all."""
    of_true, of_found = touches.sum(axis=1), touches.sum(axis=0)
    merged = (touches & (of_found > 1)[None, :]).any(axis=1)
    fragmenting = (touches & (of_true > 1)[:, None]).any(axis=0)
    return (
        _tell(of_true, of_true > 1, merged, TRUE_KINDS),
        _tell(of_found, fragmenting, of_found > 1, FOUND_KINDS),
    )


def _tell(
    overlaps: npt.NDArray[np.int64],
    split: npt.NDArray[np.bool_],
    merged: npt.NDArray[np.bool_],
    kinds: Sequence[str],
) -> dict[str, int]:
    alone = overlaps == 0
    masks = (~alone & ~split & ~merged, alone, split & ~merged, merged & ~split, split & merged)
    return {kind: int(mask.sum()) for kind, mask in zip(kinds, masks, strict=True)}


def _is_named(true: Event, came: Event) -> bool:
    return true.exercise not in _UNNAMED and true.exercise == came.exercise


def _confuse(
    truth: Sequence[Event], found: Sequence[Event], pairs: Sequence[tuple[int, int]]
) -> dict[tuple[str, str], int]:
    names = Counter((truth[a].exercise, found[b].exercise) for a, b in pairs)
    rows, columns = {a for a, _ in pairs}, {b for _, b in pairs}
    names.update((event.exercise, MISSED) for a, event in enumerate(truth) if a not in rows)
    names.update((NOTHING, event.exercise) for b, event in enumerate(found) if b not in columns)
    return dict(names)


def _count(
    truth: Sequence[Event], found: Sequence[Event], pairs: Sequence[tuple[int, int]]
) -> Iterable[tuple[int, int, bool]]:
    for a, b in pairs:
        known, guess = truth[a].repetitions, found[b].guess
        if known is not None and guess is not None:
            yield known, guess, found[b].repetitions is not None
