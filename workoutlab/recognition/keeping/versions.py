"""Which of a person's networks holds: promoting those of other models, and going back.

Both append rows that repeat others, in one commit, and copy no weights: every version stays
listed, and going back can itself be undone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import zarr

from workoutlab.errors import InputError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.recognition.keeping.comparison import compare_scores
from workoutlab.recognition.keeping.models import Models
from workoutlab.schema import check_id
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import find_group, read_arrays
from workoutlab.store.networks import NETWORKS, Rows, append_repeats

__all__ = ["ChangeResult", "promote", "roll_back"]

_Row = dict[str, Any]
_Identity = tuple[str, int]

_REPEAT: Final[Mapping[str, Any]] = {
    "weights_digest": ragged.digest(np.empty(0, np.float32)),
    "base": None,
    "scores": "[]",
    "history": "[]",
    "offset": 0,
    "length": 0,
}
"""What a row that repeats another leaves to it."""


@dataclass(frozen=True)
class ChangeResult:
    """What promoting or going back did.

    Parameters
    ----------
    name
        Of the models that were changed.
    changed
        People for whom another network holds now.
    unchanged
        People for whom that network held already.
    kept
        People who kept their network, and why.
    snapshot
        The lab's snapshot after it.
    """

    name: str
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    kept: dict[str, str]
    snapshot: str

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "name": self.name,
            "changed": list(self.changed),
            "unchanged": list(self.unchanged),
            "kept": dict(self.kept),
            "snapshot": self.snapshot,
        }

    def __str__(self) -> str:
        lines = [
            f"models {self.name!r}: {len(self.changed)} people changed, "
            f"{len(self.unchanged)} unchanged, {len(self.kept)} kept what they had"
        ]
        return "\n".join([*lines, *(f"  {user}: {why}" for user, why in self.kept.items())])


def promote(
    lab: Lab,
    source: str,
    target: str = "exercise",
    *,
    users: Iterable[str] | None = None,
    only_better: bool = False,
) -> ChangeResult:
    """Let networks of other models hold, in one commit.

    Training under the target's name with another recipe makes other networks again, which then
    hold: promote into a name that nothing is trained under.

    Parameters
    ----------
    lab
        The lab, which moves to the snapshot after it.
    source
        Name of the models to take them from.
    target
        Name of the models in which they shall hold; made where it is new.
    users
        Of whom, ``"*"`` being the network of all people; by default everybody's.
    only_better
        Whether to promote only where the score is better. A person whose two scores cannot be
        compared, since criterion, validation or data differ, keeps what holds; a person without
        a network in the target gets one.

    Returns
    -------
    ChangeResult
        Whose changed, and who kept which and why.

    Raises
    ------
    InputError
        If both names are the same.
    NotInLabError
        If there are no such models, or one of the users has none among them.
    ReadOnlyLabError
        If the lab is a view of the past.
    """
    if source == target:
        raise InputError(f"promote: expected two names of models, got {source!r} twice")
    check_id(target, "name of the models")
    Models(lab.refresh(), source)  # says what there is if it is not there
    wanted = None if users is None else _list_users(users)
    write = partial(_promote, names=(source, target), users=wanted, only_better=only_better)
    return _change(lab, target, write, f"promote models {source} to {target}")


def roll_back(
    lab: Lab,
    name: str = "exercise",
    *,
    to: str | None = None,
    users: Iterable[str] | None = None,
) -> ChangeResult:
    """Let earlier networks hold again, in one commit.

    Versions are told apart by what they are, in the order in which each first held: one that was
    promoted anew has its old place, and `to` reaches any.

    Parameters
    ----------
    lab
        The lab, which moves to the snapshot after it.
    name
        Of the models.
    to
        The snapshot of the lab whose networks shall hold; by default the version before the one
        that holds, for each person.
    users
        Of whom; by default everybody's.

    Returns
    -------
    ChangeResult
        Whose changed, and who kept which and why.

    Raises
    ------
    NotInLabError
        If there are no such models, now or then, or one of the users has none among them.
    SnapshotNotFoundError
        If the lab does not hold that snapshot.
    ReadOnlyLabError
        If the lab is a view of the past.
    """
    Models(lab.refresh(), name)
    rows = None
    if to is not None:
        past = lab.at(to)
        Models(past, name)
        rows = tables.length(Rows(past.root(), name).home, NETWORKS)
    wanted = None if users is None else _list_users(users)
    write = partial(_roll_back, name=name, users=wanted, rows=rows)
    return _change(lab, name, write, f"roll back models {name}")


_Found = tuple[list[_Row], list[str], dict[str, str]]
"""Rows to append, who has them already, and who keeps what holds, and why."""


def _change(
    lab: Lab, name: str, find: Callable[[zarr.Group], _Found], message: str
) -> ChangeResult:
    def write(root: zarr.Group) -> _Found:
        found = find(root)
        if found[0]:
            append_repeats(root, name, found[0])
        return found

    rows, unchanged, kept = lab.transact(write, message)
    changed = tuple(row["user"] for row in rows)
    return ChangeResult(name, changed, tuple(unchanged), kept, lab.snapshot)


def _list_users(users: Iterable[str]) -> list[str]:
    if isinstance(users, str):
        raise InputError(f"users: expected a list of users, got {users!r}; write [{users!r}]")
    return list(users)


class _Shelf:
    """The rows of the networks of one name, by user; what they hold is read when it is needed."""

    def __init__(self, root: zarr.Group, name: str) -> None:
        self.name = name
        self.by_user: dict[str, list[int]] = {}
        self._facts: dict[int, _Row] = {}
        self._settings: dict[int, str] = {}
        if find_group(root, f"{layout.MODELS}/{name}") is None:
            return
        self._rows = Rows(root, name)
        columns = read_arrays(self._rows.table, ("user", "source", "source_row"))
        users, self._sources, self._source_rows = columns
        for row, user in enumerate(users.tolist()):
            if user:
                self.by_user.setdefault(user, []).append(row)

    def choose(self, users: list[str] | None) -> list[str]:
        """Return the users asked for, everybody by default.

        Raises
        ------
        NotInLabError
            If one of them has no network.
        """
        if users is None:
            return sorted(self.by_user)
        if missing := [user for user in users if user not in self.by_user]:
            raise NotInLabError(
                f"no network of {', '.join(map(repr, missing))} among the models {self.name!r}"
            )
        return list(dict.fromkeys(users))

    def identify(self, row: int) -> _Identity:
        """Return the name and number of the row that a row of these repeats, or is."""
        source, number = str(self._sources[row]), int(self._source_rows[row])
        return (source or self.name, number) if number >= 0 else (self.name, row)

    def list_versions(self, user: str) -> dict[_Identity, int]:
        """Return the different networks that a person ever had, each with its first row."""
        versions: dict[_Identity, int] = {}
        for row in self.by_user[user]:
            versions.setdefault(self.identify(row), row)
        return versions

    def load(self, rows: Iterable[int]) -> None:
        """Read rows, many at a time, before :meth:`facts` and :meth:`repeat` ask for them."""
        wanted = np.array(sorted(rows), np.int64)
        columns = tables.take(self._rows.table, _COPIED, wanted) if len(wanted) else []
        entries = zip(*(column.tolist() for column in columns), strict=True)
        for row, values in zip(wanted.tolist(), entries, strict=False):
            facts = dict(zip(_COPIED, values, strict=True))
            number = facts["settings"]
            if number not in self._settings:
                self._settings[number] = self._rows.settings(number)
            self._facts[row] = {**facts, "settings": self._settings[number]}

    def facts(self, row: int) -> _Row:
        """Return the columns of a row that was loaded, with the text of its settings."""
        return self._facts[row]

    def repeat(self, row: int, name: str) -> _Row:
        """Return a row of the models `name` that repeats one of these, which was loaded."""
        source, number = self.identify(row)
        here = "" if source == name else source
        return {**self.facts(row), **_REPEAT, "source": here, "source_row": number}


_COPIED: Final = [name for name in NETWORKS.columns if name not in _REPEAT]


def _promote(
    root: zarr.Group, *, names: tuple[str, str], users: list[str] | None, only_better: bool
) -> _Found:
    new, old = (_Shelf(root, name) for name in names)
    rows = {user: new.by_user[user][-1] for user in new.choose(users)}
    held = {user: old.by_user[user][-1] for user in rows if user in old.by_user}
    same = [user for user in held if old.identify(held[user]) == new.identify(rows[user])]
    for user in same:
        del rows[user]
    new.load(rows.values())
    kept = {}
    if only_better:
        old.load(held[user] for user in rows if user in held)
        reasons = {
            user: _defend(new.facts(row), old.facts(held[user]))
            for user, row in rows.items()
            if user in held
        }
        kept = {user: why for user, why in reasons.items() if why}
    return [new.repeat(row, old.name) for user, row in rows.items() if user not in kept], same, kept


def _defend(challenger: _Row, held: _Row) -> str:
    """Return why a network that holds keeps its place; empty where it does not."""
    verdict = compare_scores(challenger, held)
    if verdict.reason:
        return f"scores cannot be compared: {verdict.reason}"
    scores = f"{challenger['criterion']} {challenger['score']:.4g}, {verdict.other:.4g} holds"
    return "" if verdict.better == "this" else f"not better: {scores}"


def _roll_back(root: zarr.Group, *, name: str, users: list[str] | None, rows: int | None) -> _Found:
    shelf = _Shelf(root, name)
    wanted: dict[str, int] = {}
    unchanged, kept = [], {}
    for user in shelf.choose(users):
        held = shelf.identify(shelf.by_user[user][-1])
        earlier = _find_earlier(shelf, user) if rows is None else _find_then(shelf, user, rows)
        if earlier is None:
            kept[user] = "there is no earlier version" if rows is None else "had none then"
        elif shelf.identify(earlier) == held:
            unchanged.append(user)
        else:
            wanted[user] = earlier
    shelf.load(wanted.values())
    return [shelf.repeat(row, name) for row in wanted.values()], unchanged, kept


def _find_earlier(shelf: _Shelf, user: str) -> int | None:
    """Return the first row of the version before the one that holds."""
    versions = shelf.list_versions(user)
    held = versions[shelf.identify(shelf.by_user[user][-1])]
    return max((row for row in versions.values() if row < held), default=None)


def _find_then(shelf: _Shelf, user: str, rows: int) -> int | None:
    """Return the row that held when there were so many."""
    return max((row for row in shelf.by_user[user] if row < rows), default=None)
