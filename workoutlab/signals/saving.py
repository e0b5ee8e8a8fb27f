"""Computing features into a lab: what is missing, in blocks that are committed as they are done."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.cluster import check_reachable, run_tasks
from workoutlab.cluster import progress as show_progress
from workoutlab.errors import InputError, WorkoutlabError
from workoutlab.lab import Lab
from workoutlab.schema import RECORDINGS, check_id
from workoutlab.signals.code import digest_modules
from workoutlab.signals.compute import compute
from workoutlab.signals.features import (
    check_plan,
    choose_block_bytes,
    cost_windows,
    cut_blocks,
    describe,
    name_features,
    split_long,
)
from workoutlab.signals.inputs import Inputs, check_inputs
from workoutlab.signals.saved import KEY, append, prepare, read_keys
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows
from workoutlab.store import layout, tables
from workoutlab.store.arrays import list_groups

__all__ = ["SaveResult", "save_features"]

_STRETCH: Final = 4096
"""Most windows of a stretch. Stretches are what is told apart, so they do not follow the blocks."""
_SMALLEST: Final = 8 * 2**20  # of a block: many times the cost of a commit
_SPOTS: Final = ("recording", "set", "length", "rate_hz")


@dataclass(frozen=True)
class SaveResult:
    """What saving features did.

    Parameters
    ----------
    name
        Of the features.
    computed
        Windows that were computed and stored.
    unchanged
        Windows that were there already.
    failed
        Recordings whose windows could not be computed, and why.
    snapshot
        The lab's snapshot that holds the features.
    """

    name: str
    computed: int
    unchanged: int
    failed: dict[str, str]
    snapshot: str

    @property
    def ok(self) -> bool:
        """Whether no recording failed."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it."""
        return asdict(self)

    def __str__(self) -> str:
        failed = f", {len(self.failed):,} recordings failed" if self.failed else ""
        head = (
            f"features {self.name!r}: {self.computed:,} windows computed, "
            f"{self.unchanged:,} unchanged{failed}"
        )
        return "\n".join([head, *(f"  {which}: {why}" for which, why in self.failed.items())])


_Piece = tuple[pd.DataFrame, npt.NDArray[np.float32]]
"""Stretches of one recording, and their values."""


@dataclass(frozen=True, eq=False)
class _Block:
    """Windows that are computed by one task and stored in one commit."""

    windows: Windows
    inputs: Inputs
    name: str
    seen: int


def save_features(
    windows: Windows,
    name: str,
    inputs: Inputs | None = None,
    *,
    block_bytes: int | None = None,
    replace: bool = False,
    progress: bool = True,
) -> SaveResult:
    """Compute features into the lab of a plan, on the active Dask client if there is one.

    Each block is committed by the task that computed it, and windows that the lab holds under this
    name are not computed again. So it is safe to kill, and cheap to repeat after new recordings
    have come. :func:`workoutlab.load_features` returns what was saved.

    Parameters
    ----------
    windows
        The plan. The features go to the lab that it was made from, which moves to the snapshot
        that holds them.
    name
        What the features are kept under; a lab may hold several.
    inputs
        What a window becomes; ``Statistics()`` by default.
    block_bytes
        About how much memory a task may take for samples and results. By default 64 MiB, and less
        for a small plan, so that there are 16 tasks of 8 MiB or more.
    replace
        Whether all features of this name make room for these: those made with other settings or
        other code, windows cut differently, damaged ones. A run that was cut short goes on without
        it.
    progress
        Whether to show how many windows are done, on a terminal.

    Returns
    -------
    SaveResult
        How many windows were computed and how many were there, and which recordings failed.

    Raises
    ------
    InputError
        If the plan is of recordings in memory, features of this name came about in another way, or
        windows overlap those saved that are cut differently.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.

    Examples
    --------
    >>> import workoutlab as wl
    >>> from workoutlab.signals.saved import load_features
    >>> lab = wl.Lab("memory://save-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (1000, 1))
    >>> rest = wl.Recording(user="ann", session="monday", acceleration=still, rate_hz=50)
    >>> _ = lab.append([rest])
    >>> plan = wl.windows(lab, within="recordings")
    >>> print(save_features(plan, "daily"))
    features 'daily': 13 windows computed, 0 unchanged
    >>> print(save_features(plan, "daily"))
    features 'daily': 0 windows computed, 13 unchanged
    >>> load_features(lab, "daily")["features"].sel(feature="z_mean").values[:2]
    array([1., 1.], dtype=float32)
    """
    check_id(name, "name of the features")
    check_plan(windows)
    inputs = Statistics() if inputs is None else check_inputs(inputs)
    lab = windows.home.refresh()
    check_reachable(lab.url)
    names, units = name_features(windows, inputs)
    settings = {**describe(windows, inputs), "code": digest_modules()}
    columns = {"names": list(names), "units": list(units)}
    make = partial(prepare, name=name, settings=settings, columns=columns)
    missing, seen = _open(windows, lab, make, replace)
    blocks = _cut(_Block(windows.with_segments(missing), inputs, name, seen), block_bytes)
    unchanged = len(windows) - int(missing["count"].sum())
    computed, failed = _run(blocks, len(windows), unchanged, progress)
    return SaveResult(name, computed, unchanged, failed, lab.refresh().snapshot)


def _open(
    windows: Windows, lab: Lab, make: "partial[None]", replace: bool
) -> tuple[pd.DataFrame, int]:
    """Return the stretches that features lack, and how many rows these had; made if need be."""
    name = make.keywords["name"]

    def make_anew(root: zarr.Group) -> None:
        if name in list_groups(root, layout.FEATURES):
            del root[f"{layout.FEATURES}/{name}"]
        make(root)

    if replace:
        lab.transact(make_anew, f"replace features {name}")
    else:
        lab.transact(make, f"prepare features {name}")
    known, seen = read_keys(lab.root(), name)
    return _find_missing(windows, known), seen


def _find_missing(windows: Windows, known: pd.DataFrame) -> pd.DataFrame:
    """Return the stretches of a plan that are not among those known, which none may overlap.

    Raises
    ------
    InputError
        If a stretch that is not known holds windows that are, or lies among them.
    """
    segments = windows.segments.assign(origin=windows.segments["start"])
    most = np.full(len(segments), _STRETCH, np.int64)
    stretches, _ = split_long(segments, most)
    missing = stretches[~_are_in(stretches, known)].reset_index(drop=True)
    shared = missing["recording"].isin(known["recording"])
    if shared.any():
        _check_apart(missing[shared], known, windows)
    return missing


def _are_in(stretches: pd.DataFrame, known: pd.DataFrame) -> npt.NDArray[np.bool_]:
    if known.empty:
        return np.zeros(len(stretches), dtype=bool)
    keys = [pd.MultiIndex.from_frame(frame[list(KEY)]) for frame in (stretches, known)]
    return np.asarray(keys[0].isin(keys[1]))


def _check_apart(missing: pd.DataFrame, known: pd.DataFrame, windows: Windows) -> None:
    """Refuse stretches among the windows that are known: they would be there twice."""
    columns = [*_SPOTS, "start", "count", "step"]
    together = pd.concat([missing[columns], known[columns]], ignore_index=True)
    together["new"] = np.arange(len(together)) < len(missing)
    together["last"] = together["start"] + (together["count"] - 1) * together["step"]
    together = together.sort_values([*_SPOTS, "start"], ignore_index=True)
    before = together.groupby(list(_SPOTS))["last"].cummax().shift()
    same = (together[list(_SPOTS)] == together[list(_SPOTS)].shift()).all(axis=1)
    clash = same & (together["start"] <= before)
    if clash.any():
        recording = int(together["recording"].to_numpy()[int(clash.to_numpy().argmax())])
        user = windows.segments.loc[windows.segments["recording"] == recording, "user"].iloc[0]
        raise InputError(
            f"recording {recording} of {user} was saved with windows that were cut differently "
            "(others were excluded, or other sets chosen): save these under another name, or all "
            "of them anew with replace=True"
        )


def _cut(whole: _Block, block_bytes: int | None) -> list[_Block]:
    """Cut what is missing into blocks, of whole recordings if these are small."""
    segments = whole.windows.segments
    if segments.empty:
        return []
    names, _ = name_features(whole.windows, whole.inputs)
    each = cost_windows(whole.windows, whole.inputs, len(names))
    budget = choose_block_bytes(segments, each, block_bytes, smallest=_SMALLEST)
    edges = cut_blocks(segments["count"].to_numpy(np.int64) * each, budget)
    parts = (segments.iloc[first:last] for first, last in pairwise(edges))
    return [
        _Block(whole.windows.with_segments(part), whole.inputs, whole.name, whole.seen)
        for part in parts
    ]


def _run(blocks: list[_Block], total: int, done: int, show: bool) -> tuple[int, dict[str, str]]:
    """Compute blocks, and return how many windows were stored, and what failed."""
    computed, lost = 0, 0
    failed: dict[str, str] = {}
    with show_progress("windows", total, show=show) as report:
        report(done)
        for position, outcome in run_tasks(save_block, blocks):
            block = blocks[position].windows
            if isinstance(outcome, Exception):
                why = f"{type(outcome).__name__}: {outcome}"
                outcome = 0, {_name(row): why for _, row in _by_recording(block.segments)}
            stored, failures = outcome
            failed.update(failures)
            computed, done = computed + stored, done + len(block)
            lost += len(block) - stored if failures else 0
            report(done, lost)
    return computed, dict(sorted(failed.items()))


def _by_recording(segments: pd.DataFrame) -> Iterator[tuple[npt.NDArray[np.int64], pd.Series]]:
    """Yield the positions of each recording's segments, and the first of them."""
    change = np.diff(segments["recording"].to_numpy(), prepend=-1) != 0
    heads = np.flatnonzero(change)
    for positions in np.split(np.arange(len(segments)), heads[1:]):
        if len(positions):
            yield positions, segments.iloc[positions[0]]


def _name(segment: pd.Series) -> str:
    return f"recording {segment['recording']} ({segment['user']}, {segment['session']})"


def save_block(block: _Block) -> tuple[int, dict[str, str]]:
    """Compute a block and commit it: the task that workers run.

    What has come since the run began, because the worker that computed it died before it could
    tell, is not computed again.

    Returns
    -------
    tuple of int and dict
        How many windows were stored, and which recordings failed, and why.
    """
    lab = copy.copy(block.windows.home).refresh()
    segments = block.windows.segments
    known, seen = read_keys(lab.root(), block.name, block.seen, segments["recording"])
    left = block.windows.with_segments(segments[~_are_in(segments, known)])
    pieces, failed = _compute(left, block.inputs)
    if not pieces:
        return len(block.windows) - len(left), failed
    gone = lab.transact(
        lambda root: _store(root, block, pieces, seen),
        f"store {sum(len(values) for _, values in pieces)} windows of features {block.name}",
    )
    failed |= {_name(first): "erased from the lab while it was computed" for first in gone}
    lost = {int(first["recording"]) for first in gone}
    kept = [values for part, values in pieces if int(part["recording"].iloc[0]) not in lost]
    return len(block.windows) - len(left) + sum(map(len, kept)), failed


def _compute(windows: Windows, inputs: Inputs) -> tuple[list[_Piece], dict[str, str]]:
    """Compute a piece for each recording; name those that fail, and why."""
    parts = list(_by_recording(windows.segments))
    with suppress(Exception):  # which recording's fault it is shows one by one
        values = compute(windows, inputs)
        edges = [0, *(windows.ends[positions[-1]] for positions, _ in parts)]
        cut = (values[first:last] for first, last in pairwise(edges))
        return [
            (windows.segments.iloc[positions], piece)
            for (positions, _), piece in zip(parts, cut, strict=True)
        ], {}
    pieces, failed = [], {}
    for positions, first in parts:
        part = windows.select(positions)
        try:
            pieces.append((part.segments, compute(part, inputs)))
        except WorkoutlabError as error:
            failed[_name(first)] = str(error)
        except Exception as error:  # inputs may be the user's own code
            failed[_name(first)] = f"{type(error).__name__}: {error}"
    return pieces, failed


def _store(root: zarr.Group, block: _Block, pieces: list[_Piece], seen: int) -> list[pd.Series]:
    """Append pieces to the newest root; return the first row of those no longer in it."""
    rows = np.array([part["recording"].iloc[0] for part, _ in pieces], np.int64)
    # Another run may have been faster.
    known, _ = read_keys(root, block.name, seen, pd.Series(rows))
    order = np.argsort(rows, kind="stable")
    (samples,) = tables.take(tables.open_table(root, RECORDINGS.name), ["samples"], rows[order])
    erased = set(rows[order][samples == 0].tolist())
    new, gone = [], []
    for row, (part, values) in zip(rows.tolist(), pieces, strict=True):
        if row in erased:
            gone.append(part.iloc[0])
            continue
        missing = ~_are_in(part, known)
        if missing.any():
            new.append((part[missing], values[np.repeat(missing, part["count"])]))
    if new:
        append(root, block.name, new, block.windows.lab.snapshot)
    return gone
