"""Inputs of a plan's windows, computed once where they fit in memory, and what goes with them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.cluster import active_client, run_tasks
from workoutlab.learning.networks import Floats
from workoutlab.recognition.evaluation.units import number_sets
from workoutlab.recognition.kinds.kinds import Labelled
from workoutlab.recognition.recipe import Inputs
from workoutlab.signals import Windows, compute
from workoutlab.signals.inputs import name_inputs

__all__ = ["Supply", "count_bytes", "make_supply"]

_MOST_BYTES: Final = 2**30
_WINDOWS_PER_TASK: Final = 20_000

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Supply:
    """A plan and, where they were computed before, the inputs of its windows.

    Parameters
    ----------
    windows
        The plan, of labelled segments that have windows.
    inputs
        What a window becomes.
    values
        Shape (window, input), of all windows of the plan; None: they are computed when asked for.
    """

    windows: Windows
    inputs: Inputs
    values: Floats | None = field(default=None, repr=False)

    @cached_property
    def starts(self) -> Integers:
        """Position of each segment's first window; shape (segment + 1,)."""
        return np.concatenate([[0], self.windows.ends])

    def rows(self, segments: npt.ArrayLike) -> Integers:
        """Return the positions of the windows of some segments, given in increasing order."""
        chosen = np.asarray(segments, np.int64)
        parts = [np.arange(self.starts[one], self.starts[one + 1]) for one in chosen]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def read(self, segments: npt.ArrayLike) -> Floats:
        """Return the inputs of the windows of some segments; shape (window, input)."""
        if self.values is not None:
            return self.values[self.rows(segments)]
        return compute(self.windows.select(segments), self.inputs)

    def part(self, segments: npt.ArrayLike) -> "Supply":
        """Return the supply of some segments, given in increasing order."""
        values = None if self.values is None else self.values[self.rows(segments)]
        return Supply(self.windows.select(segments), self.inputs, values)

    def label(
        self,
        user: str,
        segments: npt.ArrayLike,
        folds: Integers | None = None,
        testable: npt.NDArray[np.bool_] | None = None,
    ) -> Labelled:
        """Return the windows of some segments with their labels.

        Parameters
        ----------
        user
            Whose.
        segments
            Positions, increasing.
        folds, testable
            Shape (segment,) of those segments: as in
            :class:`~workoutlab.recognition.kinds.kinds.Labelled`; by default nothing is held out.
        """
        chosen = np.asarray(segments, np.int64)
        frame = self.windows.segments.iloc[chosen]
        counts = frame["count"].to_numpy(np.int64)
        names, labels = np.unique(frame["exercise"].to_numpy(dtype=str), return_inverse=True)
        folds = np.full(len(chosen), -1) if folds is None else folds
        testable = np.zeros(len(chosen), bool) if testable is None else testable
        return Labelled(
            user=user,
            classes=tuple(names.tolist()),
            inputs=self.read(chosen),
            targets=np.repeat(labels, counts),
            sets=np.repeat(number_sets(frame), counts),
            folds=np.repeat(folds, counts),
            testable=np.repeat(testable, counts),
        )


def count_bytes(windows: Windows, inputs: Inputs) -> int:
    """Return how many bytes the inputs of all windows of a plan take."""
    lengths = windows.distinct["length"].astype(np.int64)
    return 4 * len(windows) * len(name_inputs(inputs, lengths)[0])


def make_supply(windows: Windows, inputs: Inputs) -> tuple[Supply, dict[str, str]]:
    """Compute the inputs of all windows, where tasks run in this process and they fit in memory.

    On a cluster each task computes those that it needs: sending them would take longer.

    Parameters
    ----------
    windows
        The plan, of labelled segments that have windows.
    inputs
        What a window becomes.

    Returns
    -------
    Supply, dict
        The supply, of those people whose inputs could be computed; and who the others are, and
        why.
    """
    supply = Supply(windows, inputs)
    if active_client() is not None or count_bytes(windows, inputs) > _MOST_BYTES:
        return supply, {}
    users = windows.segments["user"].to_numpy(dtype=str)
    groups = list(_group(users, windows.segments["count"].to_numpy(np.int64)))
    parts: dict[int, Floats] = {}
    failed: dict[str, str] = {}
    for position, outcome in run_tasks(_compute, (supply.part(group) for group in groups)):
        if isinstance(outcome, Exception):
            for user in np.unique(users[groups[position]]):
                own = np.flatnonzero(users == user)
                _attempt(supply, own, str(user), parts, failed)
        else:
            parts[int(groups[position][0])] = outcome
    kept = windows
    if failed:
        kept = windows.select(~np.isin(users, list(failed)))
    values = [parts[first] for first in sorted(parts)]
    joined = np.concatenate(values) if values else np.empty((0, 0), np.float32)
    return Supply(kept, inputs, joined), failed


def _group(users: npt.NDArray[np.str_], counts: Integers) -> Iterator[Integers]:
    """Yield positions of the segments of some people each; a person's lie together in a plan."""
    if not len(users):
        return
    firsts = np.flatnonzero(np.append(True, users[1:] != users[:-1]))
    group: list[Integers] = []
    size = 0
    for own in np.split(np.arange(len(users)), firsts[1:]):
        group.append(own)
        size += int(counts[own].sum())
        if size >= _WINDOWS_PER_TASK:
            yield np.concatenate(group)
            group, size = [], 0
    if group:
        yield np.concatenate(group)


def _attempt(
    supply: Supply,
    own: Integers,
    user: str,
    parts: dict[int, Floats],
    failed: dict[str, str],
) -> None:
    try:
        parts[int(own[0])] = _compute(supply.part(own))
    except Exception as error:  # inputs may be the user's own code: one person's, not all's
        failed[user] = f"{type(error).__name__}: {error}"


def _compute(supply: Supply) -> Floats:
    return compute(supply.windows, supply.inputs)
