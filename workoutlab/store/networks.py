"""Trained networks in a lab: one row and one piece of a ragged array for each.

::

    models/<name>/networks     one row a network: whose, on what, when, where its weights lie
    models/<name>/settings     how they were trained: few rows that many networks share
    models/<name>/weights      what the inputs are scaled by, then the weights, float32

A network that is trained again gets a new row; the last one of a person holds. A row may repeat
another: an earlier one of the same name, whose piece it shares, or one of other models, where the
piece then stays. So neither going back nor promoting copies a weight, and erasing a person, whose
rows all these are, finds every piece where it lies.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import DamagedLabError, LabError
from workoutlab.schema import EVERYONE, Column, Table
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import find_group, read_arrays, remember
from workoutlab.store.settings import SETTINGS, find_settings

__all__ = [
    "LONG",
    "NETWORKS",
    "Rows",
    "append_networks",
    "append_repeats",
    "read_digests",
]

_OPENED: Final = (
    "kind",
    "base",
    "format",
    "classes",
    "layers",
    "snapshot",
    "settings",
    "source",
    "source_row",
    "offset",
    "length",
)
"""What opening a network reads: no digests, which do not compress; kept by the chunk."""

LONG: Final = ("scores", "history")
"""Columns of long texts."""

_OPENED_PER_CHUNK: Final = 512
_LONG_PER_CHUNK: Final = 64
_BLOCKS_KEPT: Final = 16

NETWORKS: Final = Table(
    "networks",
    {
        "user": Column("str", "", "whose network; '*' for one of all people; empty once erased"),
        "key": Column("int64", "", "start of the user's SHA-256: what rows are found by"),
        "digest": Column("str", "", "SHA-256 of recordings, segments, recipe and code, in hex"),
        "weights_digest": Column("str", "", "SHA-256 of the piece of `weights`, in hex"),
        "kind": Column("str", "", "'own', 'fine-tuned', 'ensemble' or 'common'"),
        "reason": Column("str", "", "why it is of that kind; empty where nobody chose"),
        "base": Column("int64", "", "row of the common network that it builds on", -1),
        "format": Column("str", "", "what the piece of `weights` is: 'network' or 'onnx'"),
        "classes": Column("str", "", "names of the exercises, a JSON list"),
        "layers": Column("str", "", "what the network looks like: kind and layers, JSON"),
        "windows": Column("int64", "", "windows it was trained on"),
        "sets": Column("int64", "", "sets that these lie in"),
        "recordings": Column("int64", "", "recordings that these lie in"),
        "simulated": Column("bool", "", "a recording among them was made by the simulator"),
        "score": Column("float64", "", "of the criterion, on validation windows", np.nan),
        "criterion": Column("str", "", "what the score is: 'error', 'loss' or 'muvr'"),
        "validation": Column("str", "", "how the validation windows were chosen"),
        "chosen": Column("str", "", "the settings that a search chose, a JSON object"),
        "scores": Column("str", "", "of all that a search tried, a JSON list of objects"),
        "history": Column("str", "", "how training went, a JSON list of objects"),
        "snapshot": Column("str", "", "the lab's snapshot that it was trained on"),
        "settings": Column("int64", "", "row of the settings"),
        "trained_ns": Column("int64", "ns", "Unix time at which it was trained"),
        "source": Column("str", "", "name of the models whose row this repeats; empty: these"),
        "source_row": Column("int64", "", "row that this one repeats", -1),
        "offset": Column("int64", "", "first entry in `weights`; a multiple of the chunk"),
        "length": Column("int64", "", "entries in `weights`; 0 where they lie in the source"),
    },
    chunks={
        **dict.fromkeys(_OPENED, _OPENED_PER_CHUNK),
        **dict.fromkeys(LONG, _LONG_PER_CHUNK),
    },
)

_PLAIN: Final[Mapping[str, Any]] = {
    "reason": "",
    "base": -1,
    "format": "network",
    "score": np.nan,
    "criterion": "",
    "validation": "",
    "chosen": "{}",
    "scores": "[]",
    "history": "[]",
    "source": "",
    "source_row": -1,
}
"""What a row tells of a network that was trained once, as its settings say."""

_WEIGHTS: Final = "weights"
_WEIGHTS_PER_CHUNK: Final = 65_536


def _find_home(root: zarr.Group, name: str) -> zarr.Group | None:
    return find_group(root, f"{layout.MODELS}/{name}")


def _make_key(user: str) -> int:
    """Return the number that a user's rows are found by.

    Sixty-four bits: that any two of a million people share one has a chance of 3e-8.
    """
    return int.from_bytes(hashlib.sha256(user.encode()).digest()[:8], "little", signed=True)


class Rows:
    """The rows of networks of one name, to be read one by one.

    Parameters
    ----------
    root
        Of a lab, at a snapshot.
    name
        Of the models, which are there.
    """

    def __init__(self, root: zarr.Group, name: str) -> None:
        home = _find_home(root, name)
        if home is None:
            raise DamagedLabError(f"the models {name!r} are missing; restore the lab from a copy")
        _check_columns(home, name)
        self.root, self.name, self.home = root, name, home
        self._blocks: OrderedDict[int, list[npt.NDArray[Any]]] = OrderedDict()
        self._keeping = Lock()

    @classmethod
    def of(cls, root: zarr.Group, name: str) -> "Rows":
        """Return the rows of one name; those of a snapshot keep what was read of them before."""
        return remember(root, f"rows of {name}", partial(cls, root, name))

    @cached_property
    def table(self) -> zarr.Group:
        """The group of the table."""
        return tables.open_table(self.home, NETWORKS.name)

    @cached_property
    def _keys(self) -> npt.NDArray[np.int64]:
        return tables.values(self.table, "key")

    def find(self, user: str) -> npt.NDArray[np.int64]:
        """Return the rows of a user, in order."""
        return np.flatnonzero(self._keys == _make_key(user))

    def facts(self, row: int) -> dict[str, Any]:
        """Return what opening the network of a row takes.

        Raises
        ------
        LabError
            If the row was erased.
        """
        number, place = divmod(row, _OPENED_PER_CHUNK)
        block = self._blocks.get(number)  # which another thread may drop meanwhile
        if block is None:
            start = number * _OPENED_PER_CHUNK
            block = read_arrays(self.table, _OPENED, start, start + _OPENED_PER_CHUNK)
            with self._keeping:
                self._blocks[number] = block
                while len(self._blocks) > _BLOCKS_KEPT:
                    self._blocks.popitem(last=False)
        columns = zip(_OPENED, block, strict=True)
        facts = {name: column[place : place + 1].tolist()[0] for name, column in columns}
        if not facts["snapshot"]:
            raise LabError(f"row {row} of the models {self.name!r} was erased; train again")
        return facts

    def read(self, row: int, names: Sequence[str]) -> dict[str, Any]:
        """Return other columns of a row."""
        columns = zip(names, read_arrays(self.table, names, row, row + 1), strict=True)
        return {name: column.tolist()[0] for name, column in columns}

    def piece(self, facts: Mapping[str, Any]) -> npt.NDArray[np.float32]:
        """Return the piece of weights that a row owns."""
        return ragged.read(self.home, _WEIGHTS, facts["offset"], facts["length"])

    def settings(self, number: int) -> str:
        """Return the text of the settings in a row of theirs."""
        frame = tables.read(self.home, SETTINGS, ["text"], start=number, stop=number + 1)
        return str(frame["text"].iloc[0])


def read_digests(root: zarr.Group, name: str, first: int = 0) -> tuple[dict[str, str], int]:
    """Return the digest of each person's last network from row `first` on, and the rows in all."""
    home = _find_home(root, name)
    rows = tables.length(home, NETWORKS) if home else 0
    if home is None or rows == first:
        return {}, rows
    frame = tables.read(home, NETWORKS, ["user", "digest"], start=first)
    return dict(zip(frame["user"], frame["digest"], strict=True)), rows


def append_networks(
    root: zarr.Group,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    pieces: Sequence[npt.NDArray[np.float32]],
    settings: Mapping[str, Any],
) -> None:
    """Append networks to a lab, inside its :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root group.
    name
        Of the models; created where it is new.
    rows
        Of each network, its columns, all but ``key``, ``weights_digest``, ``settings``, ``offset``
        and ``length``. Those about kind, choice, search and history may be left out: they then
        tell of a network that was trained once, with the settings given.
    pieces
        Of each network, its packed numbers; none of one that has none of its own.
    settings
        How they were trained, as JSON takes it.
    """
    home = _require_home(root, name)
    lengths = [len(piece) for piece in pieces]
    offsets = ragged.allocate(home, _WEIGHTS, lengths)
    ragged.write_many(home, _WEIGHTS, offsets, pieces)
    number = find_settings(home, json.dumps(settings, sort_keys=True))
    full = [{**_PLAIN, "kind": _tell_kind(row["user"]), **row} for row in rows]
    columns = {column: [row[column] for row in full] for column in full[0]}
    columns["key"] = [_make_key(row["user"]) for row in rows]
    columns["weights_digest"] = [ragged.digest(piece) for piece in pieces]
    columns["settings"] = [number] * len(rows)
    tables.append(home, NETWORKS, {**columns, "offset": offsets, "length": lengths})


def append_repeats(root: zarr.Group, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows that repeat others, inside a lab's :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root group.
    name
        Of the models; created where it is new.
    rows
        Every column of each, with the text of the settings in place of their row.
    """
    home = _require_home(root, name)
    texts = [row["settings"] for row in rows]
    numbers = {text: find_settings(home, text) for text in dict.fromkeys(texts)}
    columns = {column: [row[column] for row in rows] for column in NETWORKS.columns}
    columns["settings"] = [numbers[text] for text in texts]
    tables.append(home, NETWORKS, columns)


def _require_home(root: zarr.Group, name: str) -> zarr.Group:
    home = _find_home(root, name)
    if home is None:
        home = root.require_group(f"{layout.MODELS}/{name}")
        tables.create(home, NETWORKS)
        tables.create(home, SETTINGS)
        ragged.create(home, _WEIGHTS, dtype="float32", chunk=_WEIGHTS_PER_CHUNK)
    else:
        _check_columns(home, name)
    return home


def _check_columns(home: zarr.Group, name: str) -> None:
    columns = tables.column_names(tables.open_table(home, NETWORKS.name))
    if columns != list(NETWORKS.columns):
        raise LabError(
            f"the models {name!r} have the columns of another version of workoutlab; "
            "train under another name"
        )


def _tell_kind(user: str) -> str:
    return "common" if user == EVERYONE else "own"
