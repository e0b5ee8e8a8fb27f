"""The networks of people as they are opened from a lab, and what is known of each."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import DamagedLabError, LabError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.learning.networks import Network
from workoutlab.recognition.estimators.converted import OnnxModel
from workoutlab.recognition.keeping.comparison import compare_models
from workoutlab.recognition.keeping.personal import Average, PersonalNetwork, Predictor
from workoutlab.schema import EVERYONE, check_id
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group, list_groups
from workoutlab.store.networks import LONG, NETWORKS, Rows, append_networks, read_digests
from workoutlab.store.summary import OF_MODELS, list_models, tidy_models

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Models", "PersonalNetwork", "append_networks", "read_digests"]

_SHORT: Final = [name for name in NETWORKS.columns if name not in LONG]
_TOLD: Final = [
    *("user", "kind", "reason", "classes", "chosen", "score", "criterion", "validation"),
    *("windows", "sets", "recordings", "simulated", "snapshot", "digest", "trained_ns", "source"),
]
_SHOWN: Final = 10
"""Networks that a notebook shows."""


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
        self.name, self.url, self.snapshot = (
            check_id(name, "name of the models"),
            lab.url,
            lab.snapshot,
        )
        root = lab.root()
        if find_group(root, f"{layout.MODELS}/{name}") is None:
            names = list_groups(root, layout.MODELS)
            there = f"there are {', '.join(names)}" if names else "there are none yet"
            raise NotInLabError(
                f"the lab at {lab.url} has no models {name!r} at {lab.snapshot}, {there}; "
                "workoutlab.train makes them, Lab.refresh shows what others made"
            )
        self._lab, self._rows = lab, Rows.of(root, name)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Tell a snapshot that is gone, since a person was erased, from a damaged one."""
        try:
            yield
        except DamagedLabError:
            self._lab.at(self.snapshot)
            raise

    def __repr__(self) -> str:
        return f"Models({self.name!r} of {len(self.users)} people, lab {self.url!r})"

    def _repr_html_(self) -> str:
        frame = list_models(self._rows.root, self.name).drop(columns="name")
        more = f"<p>and {len(frame) - _SHOWN} more</p>" if len(frame) > _SHOWN else ""
        title = f"Models {self.name!r} of {len(frame)} people, lab {self.url} at {self.snapshot}"
        table = frame.head(_SHOWN).to_html(index=False, na_rep="")
        return f"<p>{escape(title)}</p>{table}{more}"

    @cached_property
    def _all_users(self) -> npt.NDArray[Any]:
        with self._looking():
            return tables.values(self._rows.table, "user")

    @cached_property
    def users(self) -> tuple[str, ...]:
        """Who has a network, sorted; ``"*"`` for all people."""
        return tuple(sorted({str(user) for user in self._all_users} - {""}))

    @property
    def table(self) -> "pd.DataFrame":
        """The network of each person: one row each, indexed by its number.

        Columns are those of :data:`~workoutlab.store.networks.NETWORKS` but the long texts, which
        :meth:`scores` and :meth:`history` return.
        """
        with self._looking():
            frame = tables.read(self._rows.home, NETWORKS, _SHORT)
        return frame[~frame["user"].duplicated(keep="last")]

    def versions(self, user: str = EVERYONE) -> "pd.DataFrame":
        """Return all networks that a person ever had, oldest first; the last one holds.

        Columns are those of :meth:`workoutlab.Lab.models`, and ``source_row`` and ``digest``. A row
        that repeats another, since the models were promoted or rolled back, has its number in
        ``source_row``: of a row of the models ``source``, or of these where that is empty.

        Raises
        ------
        NotInLabError
            If there is none.
        """
        import pandas as pd

        columns = [*OF_MODELS, "source_row", "digest"]
        with self._looking():
            parts = [
                tables.read(self._rows.home, NETWORKS, columns, start=row, stop=row + 1)
                for row in self._find_all(user).tolist()
            ]
        return tidy_models(pd.concat(parts), self.name)

    def network(self, user: str = EVERYONE) -> PersonalNetwork:
        """Open a person's network, or the one of all people.

        Of a person for whom the common network was chosen, that is opened; of one for whom an
        ensemble was chosen, the mean of both, over the exercises of both.

        Raises
        ------
        NotInLabError
            If there is none.
        DamagedLabError
            If it cannot be read.
        SnapshotNotFoundError
            If somebody was erased since the models were opened, and their snapshot with them.
        """
        with self._looking():
            rows, row = _resolve(self._rows, self._find(user))
            return _open(rows, row, user)

    def settings(self, user: str = EVERYONE) -> dict[str, Any]:
        """Return how a person's network was trained: recipe, windows, engine and version.

        Raises
        ------
        NotInLabError
            If there is none.
        """
        with self._looking():
            facts = self._rows.facts(self._find(user))
        settings: dict[str, Any] = json.loads(self.settings_text(facts["settings"]))
        return settings

    def settings_text(self, number: int) -> str:
        """Return the settings of that number in the table's column, as their JSON text."""
        with self._looking():
            return self._rows.settings(number)

    def compare(self, other: "Models") -> "pd.DataFrame":
        """Put these models and others, of another name or snapshot, side by side.

        Scores are called better or worse only where they say the same thing: the same criterion
        and validation, on as many windows, sets and recordings, cut by the same plan.

        Parameters
        ----------
        other
            ``Models(lab, "trial")`` or ``Models(lab.at(snapshot), name)``, say.

        Returns
        -------
        pandas.DataFrame
            One row a person, indexed by ``user``. Each of ``kind``, ``score``, ``criterion``,
            ``classes``, ``windows``, ``sets`` and ``snapshot`` twice, the second time with
            ``_other`` behind its name; ``better`` (``"this"``, ``"other"``, ``"equal"``, or empty);
            ``not_comparable``, why that is empty; ``differences`` of their settings, by name.
        """
        return compare_models(self, other)

    def describe(self, user: str = EVERYONE) -> dict[str, Any]:
        """Return all that is known of a person's network, as JSON takes it.

        Raises
        ------
        NotInLabError
            If there is none.
        """
        row = self._find(user)
        with self._looking():
            frame = tables.read(self._rows.home, NETWORKS, _TOLD, start=row, stop=row + 1)
        told = {name: frame[name].tolist()[0] for name in _TOLD}
        score = told["score"] if math.isfinite(told["score"]) else None
        texts = {name: json.loads(told[name] or "null") for name in ("classes", "chosen")}
        with self._looking():
            told["simulated"] |= self._builds_on_simulated(row)
        return {"name": self.name, **told, **texts, "score": score, "settings": self.settings(user)}

    def _builds_on_simulated(self, row: int) -> bool:
        rows, origin = _resolve(self._rows, row)
        facts = rows.facts(origin)
        if facts["kind"] not in ("common", "ensemble", "fine-tuned") or (
            facts["kind"] == "common" and facts["length"]
        ):
            return False
        return bool(rows.read(_find_base(rows, facts), ["simulated"])["simulated"])

    def export(
        self, path: str | Path, user: str = EVERYONE, *, format: str | None = None
    ) -> tuple[Path, ...]:
        """Write a person's network to a file for others, which appears whole or not at all.

        It holds the network and, but for Muvr's, the person's id; :meth:`Lab.erase_user` does not
        reach it.

        Parameters
        ----------
        path
            The file.
        user
            Whose network.
        format
            ``"onnx"``: the whole path from a recipe's inputs to probabilities, for any ONNX
            runtime. ``"safetensors"``: the weights, and texts about them, which
            :func:`workoutlab.recognition.load_safetensors` reads back. ``"muvr"``: the three files
            of Muvr's devices, ``<path>.weights.raw``, ``<path>.layers.txt`` and
            ``<path>.labels.txt``. By default what the name ends with: ``.onnx``, ``.safetensors``
            or ``.raw``.

        Returns
        -------
        tuple of pathlib.Path
            The files written.

        Raises
        ------
        NotInLabError
            If there is no such network.
        InputError
            If the file cannot be written there, or the format cannot hold the network.
        MissingExtraError
            If a package is missing: ``pip install 'workoutlab[onnx]'`` brings it.
        """
        from workoutlab.recognition.keeping.exports import export_network

        return export_network(self, path, user, format)

    def scores(self, user: str = EVERYONE) -> list[dict[str, Any]]:
        """Return what a search tried for a person, and how each choice did; empty without one.

        Raises
        ------
        NotInLabError
            If there is no network.
        """
        return self._read_long(user, "scores")

    def history(self, user: str = EVERYONE) -> list[dict[str, Any]]:
        """Return how the training of a person's network went, one record an epoch.

        Raises
        ------
        NotInLabError
            If there is no network.
        """
        return self._read_long(user, "history")

    def _read_long(self, user: str, name: str) -> list[dict[str, Any]]:
        with self._looking():
            rows, row = _resolve(self._rows, self._find(user))
            text = rows.read(row, [name])[name]
        records: list[dict[str, Any]] = json.loads(text)
        return records

    def _find(self, user: str) -> int:
        return int(self._find_all(user)[-1])

    def _find_all(self, user: str) -> npt.NDArray[np.int64]:
        with self._looking():
            rows = self._rows.find(user) if user else np.empty(0, np.int64)
        if not len(rows):
            common = "; Models.network() opens the one of all people" * (EVERYONE in self.users)
            raise NotInLabError(
                f"no network of {user!r} among the models {self.name!r} of the lab at {self.url}; "
                f"{_list_some(self.users)}{common}"
            )
        return rows


def _list_some(users: Sequence[str], most: int = 10) -> str:
    further = f" and {len(users) - most} more" if len(users) > most else ""
    return f"there are those of {', '.join(users[:most])}{further}" if users else "it has none"


def _resolve(rows: Rows, row: int) -> tuple[Rows, int]:
    """Return the row that a row repeats, itself where it repeats none, and among which it is."""
    facts = rows.facts(row)
    if facts["source_row"] < 0:
        return rows, row
    if not facts["source"]:
        return rows, facts["source_row"]
    return Rows.of(rows.root, facts["source"]), facts["source_row"]


def _open(rows: Rows, row: int, user: str) -> PersonalNetwork:
    facts = rows.facts(row)
    if facts["kind"] == "common" and not facts["length"]:
        return replace(_open_base(rows, facts), user=user)
    classes: tuple[str, ...] = tuple(json.loads(facts["classes"]))
    network: Predictor = _unpack(rows, facts)
    if facts["kind"] == "ensemble":
        base = _open_base(rows, facts)
        average = Average.of([(classes, network), (base.classes, base.network)])
        classes, network = average.classes, average
    return PersonalNetwork(user, classes, network, facts["snapshot"], facts["kind"])


def _open_base(rows: Rows, facts: Mapping[str, Any]) -> PersonalNetwork:
    """Open the common network that a row builds on; the newest where the row does not say."""
    return _open(*_resolve(rows, _find_base(rows, facts)), EVERYONE)


def _find_base(rows: Rows, facts: Mapping[str, Any]) -> int:
    if (row := int(facts["base"])) >= 0:
        return row
    common = rows.find(EVERYONE)
    if not len(common):
        raise NotInLabError(
            f"the models {rows.name!r} have no network of all people, which others build on; "
            "train one with per='all'"
        )
    return int(common[-1])


def _unpack(rows: Rows, facts: Mapping[str, Any]) -> Predictor:
    if facts["format"] == OnnxModel.format:
        return OnnxModel.unpack(rows.piece(facts), json.loads(facts["layers"]))
    if facts["format"] != "network":
        raise LabError(
            f"the models {rows.name!r} hold a model of format {facts['format']!r}, which this "
            "workoutlab does not read; upgrade workoutlab"
        )
    return Network.unpack(rows.piece(facts), json.loads(facts["layers"]))
