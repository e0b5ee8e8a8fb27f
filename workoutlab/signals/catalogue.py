"""The catalogue of features: what there is, chosen by name or group, and as a table."""

from collections.abc import Iterable
from difflib import get_close_matches
from html import escape
from typing import Any, Final, NoReturn

import pandas as pd

from workoutlab.errors import InputError
from workoutlab.kernels.feature import Feature
from workoutlab.signals.own import Own

__all__ = ["Catalogue", "Choice", "catalogue", "choose_features"]

Choice = str | Own | Iterable[str | Own]
"""A feature, a group of them or an own one, or several of these."""

_COLUMNS: Final = ("unit", "of", "group", "definition", "source", "cost_ns")
_HOW: Final = "workoutlab.catalogue() and `workoutlab features --list` list features and groups"


def choose_features(names: Choice) -> tuple[Feature | Own, ...]:
    """Return the features of names and groups, each once, in the order they are named.

    Parameters
    ----------
    names
        A name, a group, ``"all"``, an :class:`Own`, or several of these.

    Raises
    ------
    InputError
        If there is no such feature or group, or two of one name.

    Examples
    --------
    >>> [feature.name for feature in choose_features(["sd", "mean", "sd"])]
    ['sd', 'mean']
    """
    if not isinstance(names, str | Own | Iterable):
        _refuse(names)
    asked = [names] if isinstance(names, str | Own) else list(names)
    if not asked:
        raise InputError(f"names: expected a feature or more, got none; {_HOW}")
    chosen: dict[str, Feature | Own] = {}
    for each in asked:
        for feature in (each,) if isinstance(each, Own) else _find(each):
            if chosen.setdefault(feature.name, feature) is not feature:
                raise InputError(
                    f"names: two features are called {feature.name!r}; give your own another name"
                )
    return tuple(chosen.values())


def _refuse(name: object) -> NoReturn:
    raise InputError(f"names: expected names of features or Own(function), got {name!r}; {_HOW}")


def _find(name: object) -> tuple[Feature, ...]:
    from workoutlab.kernels.catalogue import CATALOGUE, GROUPS  # Numba loads when it is needed

    if not isinstance(name, str):
        _refuse(name)
    by_name = {feature.name: feature for feature in CATALOGUE}
    if name == "all":
        return CATALOGUE
    if name in GROUPS:
        return tuple(by_name[each] for each in GROUPS[name])
    if name in by_name:
        return (by_name[name],)
    channel, _, rest = name.partition("_")
    if rest in by_name:
        raise InputError(
            f"there is no feature {name!r}, but {rest!r}: name it so, and the channel with "
            f"channels=({channel!r},)"
        )
    known = ["all", *GROUPS, *by_name]
    near = get_close_matches(name, known, n=3)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise InputError(f"there is no feature or group {name!r}{hint}; {_HOW}")


class Catalogue(pd.DataFrame):
    """Features as a table: one row each, indexed by name; it prints whole, wrapped to the screen.

    Columns are ``unit``, ``of`` (``"channel"``, ``"axes"``, or ``"window"`` for own features),
    ``group``, ``definition``, ``source`` and ``cost_ns`` (nanoseconds on one core, of a window of
    400 samples, of a channel where it is of one).
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame  # what is selected from it is a plain frame

    def __repr__(self) -> str:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="")
        for name in ("name", "unit", "of", "group"):
            table.add_column(name, overflow="fold")
        table.add_column("definition [source]", ratio=1, overflow="fold")
        table.add_column("ns", justify="right")
        for row in self.reset_index().to_dict("records"):
            cost = "" if pd.isna(row["cost_ns"]) else f"{row['cost_ns']:,.0f}"
            source = f" [{row['source']}]" if row["source"] else ""
            told = Text(row["definition"] + source)  # brackets are no markup
            table.add_row(row["name"], row["unit"], row["of"], row["group"], told, cost)
        console = Console(width=max(Console().width, 80), color_system=None, highlight=False)
        with console.capture() as captured:
            console.print(table)
        return captured.get().rstrip()

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        left = "style='text-align:left; vertical-align:top'"
        heads = "".join(f"<th {left}>{name}</th>" for name in ("name", *self.columns))
        rows = "".join(
            "<tr>" + "".join(f"<td {left}>{escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in self.itertuples(name=None)
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def catalogue(names: Choice = "all") -> Catalogue:
    """Return the features that there are, as a table that prints itself.

    Parameters
    ----------
    names
        Which: a feature, a group, or several; all by default.

    Returns
    -------
    Catalogue
        A ``pandas.DataFrame`` indexed by name.

    Raises
    ------
    InputError
        If there is no such feature or group.

    Examples
    --------
    >>> table = catalogue("standard")
    >>> table.loc["mean", ["unit", "of"]].tolist()
    ['g', 'channel']
    """
    rows = [_row(feature) for feature in choose_features(names)]
    index = pd.Index([row.pop("name") for row in rows], name="name")
    return Catalogue(rows, index=index, columns=list(_COLUMNS))


def _row(feature: Feature | Own) -> dict[str, Any]:
    if isinstance(feature, Feature):
        return {name: getattr(feature, name) for name in ("name", *_COLUMNS)}
    own = {"definition": "a function of your own", "source": "", "cost_ns": float("nan")}
    named = {"name": feature.name, "unit": ", ".join(dict.fromkeys(feature.units))}
    return {**named, "of": feature.of, "group": "own", **own}
