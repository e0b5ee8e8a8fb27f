"""Who trains and who is tested: splits that keep the test data out of the training data.

Neighbouring windows share most of their samples, so windows are never dealt out one by one.
What is dealt out are whole sets, sessions or people, before windowing; and what cannot be
parted without a leak stays together (see :mod:`workoutlab.recognition.evaluation.units`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import InputError, LeakageError
from workoutlab.recognition.evaluation.units import find_units
from workoutlab.schema import UNKNOWN, check_number

__all__ = [
    "Mask",
    "Protocol",
    "Split",
    "check_split",
    "list_singles",
    "split",
    "splittable",
]

Mask = npt.NDArray[np.bool_]

_OVERLAPPING: Final = frozenset({"random", "window", "windows", "shuffle", "sample", "samples"})


@dataclass(frozen=True)
class Protocol:
    """How recordings are split into a training and a test part.

    Parameters
    ----------
    by
        ``"set"``: a share of the sets of each exercise is tested, several times with other
        seeds. ``"session"``: each session is tested once, by what the others taught.
        ``"person"``: the same with people.
    seeds
        Number of splits by set, seeded 0, 1, …. By session and by person each part is tested
        once, whatever this says.
    test_share
        Share of the sets that are tested, by set; between 0 and 1.
    folds
        Test the sessions or people in this many groups instead of one by one. The groups are
        drawn with seed 0.

    Raises
    ------
    LeakageError
        If `by` asks for single windows or samples to be dealt out.
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> print(Protocol("set"))
    80/20 by set, 5 seeds, before windowing
    >>> print(Protocol("person", folds=10))
    people in 10 groups, each group left out once
    """

    by: str = "set"
    seeds: int = 5
    test_share: float = 0.2
    folds: int | None = None

    def __post_init__(self) -> None:
        if self.by in _OVERLAPPING:
            raise LeakageError(
                f"a split by {self.by!r} is refused: windows overlap, so a window of the test "
                "part shares most of its samples with windows of the training part, and the "
                "error comes out far too low; split by 'set', by 'session' or by 'person'"
            )
        if self.by not in {"set", "session", "person"}:
            raise InputError(f"protocol: expected 'set', 'session' or 'person', got {self.by!r}")
        check_number("seeds", self.seeds, whole=True, low=1)
        check_number("test_share", self.test_share, above=0, below=1)
        if self.folds is not None and self.by == "set":
            raise InputError("folds: they group sessions or people; by set, give seeds instead")
        if self.folds is not None:
            check_number("folds", self.folds, whole=True, low=2)

    def __str__(self) -> str:
        if self.by == "set":
            shares = f"{100 * (1 - self.test_share):.4g}/{100 * self.test_share:.4g}"
            seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
            return f"{shares} by set, {seeds}, before windowing"
        if self.folds is not None:
            parts = "people" if self.by == "person" else "sessions"
            return f"{parts} in {self.folds} groups, each group left out once"
        return f"one {self.by} left out, each once"


@dataclass(frozen=True, eq=False)
class Split:
    """One division of segments into a training and a test part.

    Parameters
    ----------
    name
        What is tested: ``"seed 3"``, ``"jan/monday"``, ``"ann"`` or ``"group 2 of 5"``.
    seed
        What a model of this split is seeded with, on top of its own seed.
    train, test
        Shape (segment,); a segment may be in neither.
    """

    name: str
    seed: int
    train: Mask
    test: Mask


def split(segments: pd.DataFrame, protocol: Protocol, *, only: str = "") -> list[Split]:
    """Split segments, the sets of a plan of windows, as the protocol says.

    By set, each exercise with two sets or more has at least one on either side, and an exercise
    with a single set stays in training (see :func:`list_singles`). By session and by person, sets
    of an unknown session or person are on neither side (see :func:`splittable`).

    Parameters
    ----------
    segments
        One row a set, as in the plan of :func:`workoutlab.windows`: columns recording, digest,
        user, session, exercise, start and stop (samples). With the columns ``start_ns`` and
        ``stop_ns`` (Unix time in ns, NA where not known) the clock is heeded too.
    protocol
        What is left out, and how often.
    only
        Name of the one split to make; all of them where empty.

    Returns
    -------
    list of Split
        Each checked by :func:`check_split`; empty where there is nothing to test, or nothing
        to train on.

    Raises
    ------
    InputError
        If there are fewer sessions or people than groups.
    LeakageError
        If sessions or people share samples, or one person's sessions overlap in time.

    Examples
    --------
    >>> sets = pd.DataFrame({
    ...     "recording": [0, 0, 1, 1], "digest": ["d0", "d0", "d1", "d1"],
    ...     "user": "ann", "session": ["mon", "mon", "tue", "tue"],
    ...     "exercise": ["curl", "row", "curl", "row"],
    ...     "start": [0, 500, 0, 500], "stop": [450, 950, 450, 950],
    ... })
    >>> [part.name for part in split(sets, Protocol("session"))]
    ['ann/mon', 'ann/tue']
    >>> int(split(sets, Protocol("set", seeds=1))[0].test.sum())
    2
    """
    segments = segments.reset_index(drop=True)
    units = find_units(segments)
    if protocol.by == "set":
        parts = _split_sets(segments, units, protocol)
    else:
        parts = _split_keys(segments, protocol)
    wanted = [part for part in parts if only in ("", part.name)]
    for part in wanted:
        _check_sides(segments, units, part, protocol.by)
    return wanted


def splittable(segments: pd.DataFrame, by: str) -> Mask:
    """Tell which segments can be on a side at all; shape (segment,).

    A set of an unknown session may be of the very session that is tested, and a set of an
    unknown person of the very person. So by session both must be known, by person the person.
    """
    known = np.ones(len(segments), dtype=bool)
    if by != "set":
        known &= (segments["user"] != UNKNOWN).to_numpy(dtype=bool)
    if by == "session":
        known &= (segments["session"] != UNKNOWN).to_numpy(dtype=bool)
    return known


def list_singles(segments: pd.DataFrame) -> tuple[str, ...]:
    """Name the exercises that a split by set cannot test: those with a single unit of sets."""
    units = pd.Series(find_units(segments), index=segments.index)
    counts = units.groupby(segments["exercise"]).nunique()
    return tuple(str(exercise) for exercise in counts.index[counts == 1])


def check_split(segments: pd.DataFrame, train: Mask, test: Mask, *, by: str = "set") -> None:
    """Make sure that nothing of the test part is in the training part.

    Parameters
    ----------
    segments
        As in :func:`split`.
    train, test
        Shape (segment,), bool.
    by
        What must be whole: ``"set"``, ``"session"`` or ``"person"``.

    Raises
    ------
    LeakageError
        If a set, or a session or person where `by` says so, is on both sides; if the sides
        share samples, or were recorded of one person at the same time; if the session or person
        is unknown; or if the masks are of windows.
    InputError
        If the masks do not fit the segments.

    Examples
    --------
    >>> sets = pd.DataFrame({
    ...     "recording": [0, 1], "digest": ["same", "same"], "user": "ann", "session": "mon",
    ...     "exercise": "curl", "start": [0, 0], "stop": [450, 450],
    ... })
    >>> check_split(sets, np.array([True, False]), np.array([False, True]))
    Traceback (most recent call last):
    workoutlab.errors.LeakageError: recordings 0 and 1 are on both sides with the same samples...
    """
    Protocol(by)
    segments = segments.reset_index(drop=True)
    _check_masks(segments, train, test)
    _check_sides(segments, find_units(segments), Split("", 0, train, test), by)


def _check_sides(
    segments: pd.DataFrame, units: npt.NDArray[np.int64], part: Split, by: str
) -> None:
    both = segments[part.train & part.test]
    if len(both):
        raise LeakageError(f"{len(both)} sets are on both sides, {_place(both)} first; part them")
    _check_known(segments[part.train | part.test], by)
    if by != "set":
        keys = _keys(segments, by)
        shared = sorted(set(keys[part.train]) & set(keys[part.test]))
        if shared:
            raise LeakageError(f"{by} {shared[0]!r} is on both sides; leave it out as a whole")
    _check_units(segments, units, part)


def _check_masks(segments: pd.DataFrame, train: Mask, test: Mask) -> None:
    for mask in (train, test):
        if mask.dtype == bool and mask.shape == (len(segments),):
            continue
        if "count" in segments and mask.shape == (int(segments["count"].sum()),):
            raise LeakageError(
                f"the split is of {mask.size} windows, which overlap: windows of one set would be "
                f"on both sides; split the {len(segments)} sets instead, see split()"
            )
        raise InputError(
            f"expected bool masks of shape ({len(segments)},), one value a set, "
            f"got {mask.dtype} {mask.shape}"
        )


def _check_known(segments: pd.DataFrame, by: str) -> None:
    unknown = segments[~splittable(segments, by)]
    if len(unknown):
        raise LeakageError(
            f"{len(unknown)} sets are of an unknown {by}, {_place(unknown)} first; it may be one "
            "of the other side: leave them out"
        )


def _check_units(segments: pd.DataFrame, units: npt.NDArray[np.int64], part: Split) -> None:
    shared = np.intersect1d(units[part.train], units[part.test])
    if not len(shared):
        return
    inside = units == shared[0]
    one, other = (segments[inside & side].iloc[0] for side in (part.train, part.test))
    same = one["digest"] == other["digest"]
    how = "with the same samples" if same else "and were recorded of one person at the same time"
    raise LeakageError(
        f"recordings {one['recording']} and {other['recording']} are on both sides {how}; "
        "keep them on one side, as units.find_units() tells"
    )


def _split_sets(
    segments: pd.DataFrame, units: npt.NDArray[np.int64], protocol: Protocol
) -> Iterator[Split]:
    firsts = np.unique(units)
    exercises = segments["exercise"].to_numpy()[firsts]
    by_exercise = [firsts[exercises == exercise] for exercise in sorted(set(exercises))]
    for seed in range(protocol.seeds):
        random = np.random.default_rng(seed)
        tested = [
            random.permutation(group)[: _count_tested(len(group), protocol.test_share)]
            for group in by_exercise
        ]
        test = np.isin(units, np.concatenate([[], *tested]))
        if test.any():
            yield Split(f"seed {seed}", seed, ~test, test)


def _count_tested(sets: int, share: float) -> int:
    return min(max(1, int(share * sets + 0.5)), sets - 1)


def _split_keys(segments: pd.DataFrame, protocol: Protocol) -> Iterator[Split]:
    known = splittable(segments, protocol.by)
    keys = _keys(segments, protocol.by)
    names = sorted(set(keys[known]))
    if len(names) < 2:
        return
    for name, members in _group(names, protocol):
        test = known & np.isin(keys, members)
        yield Split(name, 0, known & ~test, test)


def _group(names: list[str], protocol: Protocol) -> list[tuple[str, list[str]]]:
    if protocol.folds is None:
        return [(name, [name]) for name in names]
    if protocol.folds > len(names):
        raise InputError(
            f"{protocol.folds} groups were asked of {len(names)}: {', '.join(names)}; "
            "ask for fewer folds"
        )
    shuffled = np.random.default_rng(0).permutation(np.array(names))
    groups = np.array_split(shuffled, protocol.folds)
    return [
        (f"group {number} of {protocol.folds}", group.tolist())
        for number, group in enumerate(groups, start=1)
    ]


def _keys(segments: pd.DataFrame, by: str) -> npt.NDArray[np.object_]:
    users = segments["user"].astype(str)
    keys = users if by == "person" else users + "/" + segments["session"].astype(str)
    return keys.to_numpy(dtype=object)


def _place(segments: pd.DataFrame) -> str:
    first = segments.iloc[0]
    return (
        f"{first['exercise']!r} at samples {first['start']}-{first['stop']} of recording "
        f"{first['recording']}"
    )
