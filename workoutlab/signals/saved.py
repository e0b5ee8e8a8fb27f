"""Features kept in a lab: their windows' segments, and pieces of one ragged array.

::

    features/<name>            attributes: names, units and settings of the features
    features/<name>/segments   one row a stretch of windows of a segment: which they are, and where
    features/<name>/pieces     one row a piece: what was stored together, of one recording
    features/<name>/values     the numbers, float32 (window, feature)
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr

from workoutlab.errors import DamagedLabError, InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.schema import Column, Table, check_id
from workoutlab.signals.features import choose_block_bytes, cut_blocks
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import find_group, list_groups
from workoutlab.store.failures import reading

if TYPE_CHECKING:
    from workoutlab.signals.dataset import Features

__all__ = ["KEY", "PIECES", "SEGMENTS", "append", "load_features", "prepare", "read_keys"]

SEGMENTS: Final = Table(
    "segments",
    {
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        "set": Column("int64", "", "row of the set; -1 where there is none"),
        "user": Column("str", "", "id of the person; empty once erased"),
        "session": Column("str", "", "id of the workout"),
        "exercise": Column("str", "", "label; empty where there is none"),
        "muscle_group": Column("str", "", "of the exercise; empty where not known"),
        "simulated": Column("bool", "", "the recording was made by the simulator"),
        "origin": Column("int64", "sample", "start of the segment that this is a stretch of"),
        "start": Column("int64", "sample", "first sample of the first window, on the grid"),
        "count": Column("int64", "", "number of windows"),
        "length": Column("int64", "sample", "length of a window"),
        "step": Column("int64", "sample", "from one window to the next"),
        "rate_hz": Column("float64", "Hz", "rate of the grid"),
        "first": Column("int64", "", "entry of the first window in `values`"),
    },
)

PIECES: Final = Table(
    "pieces",
    {
        "recording": Column("int64", "", "row of the recording; -1 once erased"),
        "user": Column("str", "", "id of the person; empty once erased"),
        "digest": Column("str", "", "SHA-256 of the recording's acceleration, in hex"),
        "values_digest": Column("str", "", "SHA-256 of the piece of `values`, in hex"),
        "snapshot": Column("str", "", "the lab's snapshot that it was computed from"),
        "computed_ns": Column("int64", "ns", "Unix time at which it was stored"),
        "offset": Column("int64", "", "first entry in `values`; a multiple of the chunk"),
        "length": Column("int64", "", "entries in `values`"),
    },
)

KEY: Final = ("recording", "set", "start", "count", "length", "step", "rate_hz")
"""What tells a stretch of windows from others: a row number is of one recording for ever."""

_VALUES: Final = "values"
_CHUNK_BYTES: Final = 256 * 2**10
_SMALLEST_CHUNK: Final = 16
_ORDER: Final = ("user", "session", "recording", "origin", "length", "start")


def prepare(
    root: zarr.Group, name: str, settings: Mapping[str, object], columns: Mapping[str, object]
) -> None:
    """Make the group of features of a name, or see that it is of the same settings.

    Parameters
    ----------
    root
        The writable root of a lab.
    name
        Of the features.
    settings
        How they come about.
    columns
        ``names`` and ``units`` of the features.

    Raises
    ------
    InputError
        If features of that name came about in another way, telling in which.
    """
    held = find_group(root, f"{layout.FEATURES}/{name}")
    if held is not None:
        _check_settings(name, read_json(held, "settings"), dict(settings))
        return
    home = root.require_group(f"{layout.FEATURES}/{name}")
    home.update_attributes(
        {"settings": json.dumps(settings), **{key: json.dumps(of) for key, of in columns.items()}}
    )
    tables.create(home, SEGMENTS)
    tables.create(home, PIECES)
    width = len(json.loads(str(home.attrs["names"])))
    rows = _CHUNK_BYTES // (4 * width)
    chunk = max(_SMALLEST_CHUNK, 1 << (rows.bit_length() - 1 if rows else 0))
    ragged.create(home, _VALUES, trailing=(width,), dtype="float32", chunk=chunk)


def _check_settings(name: str, held: dict[str, Any], asked: dict[str, Any]) -> None:
    told = list(_compare("", held, json.loads(json.dumps(asked))))
    if told:
        raise InputError(
            f"features {name!r} were saved with other settings ({'; '.join(told)}): save these "
            "under another name, or all of them anew with replace=True (--replace)"
        )


def _compare(what: str, held: Any, asked: Any) -> Iterator[str]:
    """Tell where two settings differ, and of lists what was left out and what is new."""
    if held == asked:
        return
    if isinstance(held, dict) and isinstance(asked, dict):
        for key in {**held, **asked}:
            yield from _compare(f"{what} {key}".strip(), held.get(key), asked.get(key))
    elif (
        isinstance(held, list)
        and isinstance(asked, list)
        and set(map(str, held)) != set(map(str, asked))
    ):
        gone = [each for each in held if each not in asked]
        new = [each for each in asked if each not in held]
        told = [
            f"{word} {_list(some)}" for word, some in (("without", gone), ("with", new)) if some
        ]
        yield f"{what} are now {' and '.join(told)}"
    else:
        yield f"{what} was {json.dumps(held)}, now {json.dumps(asked)}"


def _list(values: list[Any], most: int = 3) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(map(str, values[:most])) + more


def read_json(home: zarr.Group, name: str) -> Any:
    """Read an attribute of saved features.

    Raises
    ------
    DamagedLabError
        If it is missing or no JSON.
    """
    with reading(f"the attribute {name} of {home.path}"):
        return json.loads(str(home.attrs[name]))


def read_keys(
    root: zarr.Group, name: str, first: int = 0, recordings: pd.Series | None = None
) -> tuple[pd.DataFrame, int]:
    """Return :data:`KEY` of each stretch from row `first` on, and the number of rows in all.

    Of some `recordings` alone, it costs little where none of theirs are there.
    """
    home = find_group(root, f"{layout.FEATURES}/{name}")
    rows = tables.length(home, SEGMENTS) if home else 0
    if home is not None and rows > first:
        owners = tables.read(home, SEGMENTS, ["recording"], start=first)["recording"]
        if recordings is None or owners.isin(recordings).any():
            keys = tables.read(home, SEGMENTS, list(KEY), start=first)
            return keys if recordings is None else keys[keys["recording"].isin(recordings)], rows
    return pd.DataFrame({name: np.empty(0) for name in KEY}), rows


def append(
    root: zarr.Group,
    name: str,
    pieces: Sequence[tuple[pd.DataFrame, npt.NDArray[np.float32]]],
    snapshot: str,
) -> None:
    """Append pieces to the features of a name, inside :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root.
    name
        Of features that are there.
    pieces
        Of one recording each: its stretches, and their values (window, feature), in order.
    snapshot
        The lab's snapshot that they were computed from.
    """
    home = find_group(root, f"{layout.FEATURES}/{name}")
    if home is None:
        raise NotInLabError(f"features {name!r} were removed from the lab while they were computed")
    values = [each for _, each in pieces]
    lengths = [len(each) for each in values]
    offsets = ragged.allocate(home, _VALUES, lengths)
    ragged.write_many(home, _VALUES, offsets, values)
    stretches = [
        frame.assign(first=offset + np.cumsum(frame["count"]) - frame["count"])
        for (frame, _), offset in zip(pieces, offsets, strict=True)
    ]
    together = pd.concat(stretches, ignore_index=True)
    tables.append(home, SEGMENTS, {each: together[each].to_numpy() for each in SEGMENTS.columns})
    heads = pd.concat([frame.iloc[:1] for frame in stretches], ignore_index=True)
    tables.append(
        home,
        PIECES,
        {
            **{each: heads[each].to_numpy() for each in ("recording", "user", "digest")},
            "values_digest": [ragged.digest(each) for each in values],
            "snapshot": [snapshot] * len(values),
            "computed_ns": [time.time_ns()] * len(values),
            "offset": offsets,
            "length": lengths,
        },
    )


def load_features(lab: Lab, name: str, *, block_bytes: int | None = None) -> "Features":
    """Return saved features as a lazy dataset, which reads them when it is computed.

    Parameters
    ----------
    lab
        The lab; the dataset keeps to its present snapshot.
    name
        That they were saved under.
    block_bytes
        About how many bytes of features a task reads; by default 64 MiB at most.

    Returns
    -------
    Features
        All windows that were saved, sorted like a plan; what
        :func:`workoutlab.features` returns for them.

    Raises
    ------
    NotInLabError
        If there are none of that name.
    InputError
        If `block_bytes` is not above zero.

    Examples
    --------
    >>> load_features(Lab("memory://without-features"), "daily")
    Traceback (most recent call last):
    ...
    workoutlab.errors.NotInLabError: the lab at memory://without-features has no features 'daily'...
    """
    from dask.base import tokenize

    from workoutlab.signals.dataset import Blocks, lay_features

    check_id(name, "name of the features")
    if not isinstance(lab, Lab):
        raise InputError(f"lab: expected a lab, got {lab!r}; open it with Lab(...)")
    pinned = lab.at(lab.snapshot)
    home = find_group(pinned.root(), f"{layout.FEATURES}/{name}")
    if home is None:
        names = list_groups(pinned.root(), layout.FEATURES)
        there = f"there are {', '.join(names)}" if names else "there are none yet"
        raise NotInLabError(
            f"the lab at {lab.url} has no features {name!r} at {lab.snapshot}, {there}; "
            "workoutlab.save_features makes them, Lab.refresh shows what others made"
        )
    names, units = read_json(home, "names"), read_json(home, "units")
    frame = tables.read(home, SEGMENTS).sort_values(list(_ORDER), ignore_index=True)
    each = np.full(len(frame), 4 * len(names), np.int64)
    budget = choose_block_bytes(frame, each, block_bytes)
    edges = cut_blocks(frame["count"].to_numpy(np.int64) * each, budget)
    first, count = (frame[column].to_numpy(np.int64) for column in ("first", "count"))
    tasks = [
        (_read_block, pinned, name, first[start:stop], count[start:stop])
        for start, stop in pairwise(edges)
    ]
    token = tokenize(lab.url, lab.snapshot, name, edges)
    told = {"lab": lab.url, "snapshot": lab.snapshot, **read_json(home, "settings")}
    del told["code"]
    return lay_features(Blocks(frame, edges, names, units), tasks, token, told)


def _read_block(
    lab: Lab, name: str, first: npt.NDArray[np.int64], count: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Read stretches one behind the other; those that lie so in the array are read together."""
    home = find_group(lab.root(), f"{layout.FEATURES}/{name}")
    if home is None:
        raise NotInLabError(f"the lab at {lab.url} has no features {name!r} at {lab.snapshot}")
    width = len(read_json(home, "names"))
    heads = np.flatnonzero(np.append(True, first[1:] != (first + count)[:-1])[: len(first)])
    lengths = np.add.reduceat(count, heads) if len(heads) else count
    runs = zip(first[heads].tolist(), lengths.tolist(), strict=True)
    try:
        parts = ragged.read_many(home, _VALUES, list(runs))
    except DamagedLabError as error:
        raise DamagedLabError(
            f"saved features {name!r}: {error}; or compute them again with "
            "save_features(..., replace=True)"
        ) from error
    return np.concatenate(parts) if parts else np.empty((0, width), np.float32)
