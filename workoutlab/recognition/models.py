"""Trained networks in a lab: one row and one piece of a ragged array for each.

::

    models/<name>/networks     one row a network: whose, on what, when, where its weights lie
    models/<name>/settings     how they were trained: few rows that many networks share
    models/<name>/weights      center and scale of the inputs, then the weights, float32

A network that is trained again gets a new row; the last one of a person holds.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import NotInLabError
from workoutlab.lab import Lab
from workoutlab.learning.networks import Floats, Network
from workoutlab.recognition.people import EVERYONE
from workoutlab.schema import NETWORKS, SETTINGS, check_id
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import find_group, list_groups, read_arrays

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NETWORKS", "SETTINGS", "Models", "PersonalNetwork", "append_networks", "read_digests"]

_OPENED: Final = (
    "classes",
    "layers",
    "snapshot",
    "settings",
    "offset",
    "length",
)
"""What opening a network reads: no digests, which do not compress; kept by the chunk."""

_PLAIN: Final[Mapping[str, Any]] = {
    "reason": "",
    "base": -1,
    "format": "network",
    "network": "{}",
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

_SHORT: Final = [name for name, column in NETWORKS.columns.items() if not column.long]

_WEIGHTS: Final = "weights"
_WEIGHTS_PER_CHUNK: Final = 65_536


@dataclass(frozen=True, eq=False)
class PersonalNetwork:
    """One person's trained network.

    Parameters
    ----------
    user
        Whose; ``"*"`` for one of all people.
    classes
        Names of the exercises, in the order of the probabilities.
    network
        Its layers.
    snapshot
        The lab's snapshot that it was trained on.
    """

    user: str
    classes: tuple[str, ...]
    network: Network
    snapshot: str

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return the probability of each exercise.

        Parameters
        ----------
        inputs
            Shape (window, input): what the recipe's inputs make of windows.

        Returns
        -------
        numpy.ndarray
            Shape (window, class), float32; rows sum to 1.

        Raises
        ------
        InputError
            If the inputs are not of that shape.
        """
        return self.network.predict(inputs)


class Models:
    """The networks of one name in a lab, at the lab's snapshot.

    Parameters
    ----------
    lab
        The lab.
    name
        The name they were trained under.

    Raises
    ------
    NotInLabError
        If there are none of that name.
    SchemaError
        If it cannot be a name.

    Examples
    --------
    >>> Models(Lab("memory://without-models"), "exercise")
    Traceback (most recent call last):
    ...
    workoutlab.errors.NotInLabError: the lab at memory://without-models has no models 'exercise'...
    """

    def __init__(self, lab: Lab, name: str = "exercise") -> None:
        self.name, self._url = check_id(name, "name of the models"), lab.url
        home = find_group(lab.root(), f"{layout.MODELS}/{name}")
        if home is None:
            names = list_groups(lab.root(), layout.MODELS)
            there = f"there are {', '.join(names)}" if names else "there are none yet"
            raise NotInLabError(
                f"the lab at {lab.url} has no models {name!r} at {lab.snapshot}, {there}; "
                "workoutlab.train makes them, Lab.refresh shows what others made"
            )
        self._home = home
        self._blocks: dict[int, dict[str, npt.NDArray[Any]]] = {}

    def __repr__(self) -> str:
        return f"Models({self.name!r} of {len(self.users)} people, lab {self._url!r})"

    @cached_property
    def _all_users(self) -> npt.NDArray[Any]:
        return tables.values(tables.open_table(self._home, NETWORKS.name), "user")

    @cached_property
    def users(self) -> tuple[str, ...]:
        """Who has a network, sorted; ``"*"`` for all people."""
        return tuple(sorted({str(user) for user in self._all_users} - {""}))

    @property
    def table(self) -> "pd.DataFrame":
        """The network of each person: one row each, the columns of NETWORKS but the long ones."""
        frame = tables.read(self._home, NETWORKS, _SHORT)
        return frame[~frame["user"].duplicated(keep="last")]

    def network(self, user: str = EVERYONE) -> PersonalNetwork:
        """Open a person's network, or the one of all people.

        Raises
        ------
        NotInLabError
            If there is none.
        DamagedLabError
            If it cannot be read.
        """
        facts = self._find(user)
        vector = ragged.read(self._home, _WEIGHTS, facts["offset"], facts["length"])
        return PersonalNetwork(
            user=user,
            classes=tuple(json.loads(facts["classes"])),
            network=Network.unpack(vector, json.loads(facts["layers"])),
            snapshot=facts["snapshot"],
        )

    def settings(self, user: str = EVERYONE) -> dict[str, Any]:
        """Return how a person's network was trained: recipe, windows, engine and version.

        Raises
        ------
        NotInLabError
            If there is none.
        """
        row = self._find(user)["settings"]
        text = tables.read(self._home, SETTINGS, start=row, stop=row + 1)["text"].iloc[0]
        settings: dict[str, Any] = json.loads(text)
        return settings

    def _find(self, user: str) -> dict[str, Any]:
        rows = np.flatnonzero(self._all_users == user)
        if not user or not len(rows):
            raise NotInLabError(
                f"no network of {user!r} among the models {self.name!r} of the lab at {self._url}; "
                f"{_list_some(self.users)}"
            )
        block, place = divmod(int(rows[-1]), layout.ROWS_PER_CHUNK)
        if block not in self._blocks:
            self._blocks[block] = self._read_block(block)
        columns = self._blocks[block]
        return {name: column[place : place + 1].tolist()[0] for name, column in columns.items()}

    def _read_block(self, block: int) -> dict[str, npt.NDArray[Any]]:
        start = block * layout.ROWS_PER_CHUNK
        home = tables.open_table(self._home, NETWORKS.name)
        columns = read_arrays(home, _OPENED, start, start + layout.ROWS_PER_CHUNK)
        return dict(zip(_OPENED, columns, strict=True))


def _list_some(users: Sequence[str], most: int = 10) -> str:
    further = f" and {len(users) - most} more" if len(users) > most else ""
    return f"there are those of {', '.join(users[:most])}{further}" if users else "it has none"


def read_digests(root: zarr.Group, name: str, first: int = 0) -> tuple[dict[str, str], int]:
    """Return the digest of each person's last network from row `first` on, and the rows in all."""
    home = find_group(root, f"{layout.MODELS}/{name}")
    rows = tables.length(home, NETWORKS) if home else 0
    if home is None or rows == first:
        return {}, rows
    frame = tables.read(home, NETWORKS, ["user", "digest"], start=first)
    return dict(zip(frame["user"], frame["digest"], strict=True)), rows


def append_networks(
    root: zarr.Group,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    pieces: Sequence[Floats],
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
        Of each network, its columns, all but ``weights_digest``, ``settings``, ``offset`` and
        ``length``. Those about kind, choice, search and history may be left out: they then tell of
        a network that was trained once, with the settings given.
    pieces
        Of each network, its packed numbers; none of one that has none of its own.
    settings
        How they were trained, as JSON takes it.
    """
    home = find_group(root, f"{layout.MODELS}/{name}")
    if home is None:
        home = root.require_group(f"{layout.MODELS}/{name}")
        tables.create(home, NETWORKS)
        tables.create(home, SETTINGS)
        ragged.create(home, _WEIGHTS, dtype="float32", chunk=_WEIGHTS_PER_CHUNK)
    lengths = [len(piece) for piece in pieces]
    offsets = ragged.allocate(home, _WEIGHTS, lengths)
    ragged.write_many(home, _WEIGHTS, offsets, pieces)
    full = [{**_PLAIN, "kind": _tell_kind(row["user"]), **row} for row in rows]
    columns = {column: [row[column] for row in full] for column in full[0]}
    columns["weights_digest"] = [ragged.digest(piece) for piece in pieces]
    columns["settings"] = [_find_settings(home, settings)] * len(rows)
    tables.append(home, NETWORKS, {**columns, "offset": offsets, "length": lengths})


def _tell_kind(user: str) -> str:
    return "common" if user == EVERYONE else "own"


def _find_settings(home: zarr.Group, settings: Mapping[str, Any]) -> int:
    """Return the row that holds these settings, appended where they are new."""
    text = json.dumps(settings, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = tables.read(home, SETTINGS, ["digest"])["digest"]
    same = known.index[known == digest]
    if len(same):
        return int(same[0])
    return tables.append(home, SETTINGS, {"digest": [digest], "text": [text]})
