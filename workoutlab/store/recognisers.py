"""How recognisers in a lab are put together: settings and calibrations; networks lie with models.

::

    recognisers/<name>/stages      one row a calibration of one stage for one person
    recognisers/<name>/settings    how they came about: few rows that many share

The last row of a person and stage holds.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import zarr

from workoutlab.errors import NotInLabError
from workoutlab.schema import Column, Table
from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group, list_groups
from workoutlab.store.settings import SETTINGS, find_settings

__all__ = ["STAGES", "append_stages", "check_known", "list_recognisers", "read_stages"]

STAGES: Final = Table(
    "stages",
    {
        "user": Column("str", "", "whose stage; '*' for that of all people; empty once erased"),
        "stage": Column("str", "", "'activity' or 'exercise'"),
        "digest": Column("str", "", "SHA-256 of networks, calibration settings and code, in hex"),
        "calibration": Column("str", "", "temperatures, threshold and reliability, JSON"),
        "snapshot": Column("str", "", "the lab's snapshot that it was calibrated on"),
        "settings": Column("int64", "", "row of the settings"),
        "made_ns": Column("int64", "ns", "Unix time at which it was calibrated"),
    },
)

Row = dict[str, Any]


def list_recognisers(root: zarr.Group) -> list[str]:
    """Name the recognisers of a lab."""
    return list_groups(root, layout.RECOGNISERS)


def read_stages(root: zarr.Group, name: str) -> dict[tuple[str, str], Row]:
    """Return the last row of each person and stage; its settings decoded; none where it is new."""
    home = find_group(root, f"{layout.RECOGNISERS}/{name}")
    if home is None:
        return {}
    frame = tables.read(home, STAGES)
    texts = tables.read(home, SETTINGS, ["text"])["text"]
    last: dict[tuple[str, str], Row] = {}
    for record in frame.to_dict("records"):
        row = {str(column): value for column, value in record.items()}
        row["settings"] = json.loads(texts[row["settings"]])
        last[row["user"], row["stage"]] = row
    return last


def append_stages(
    root: zarr.Group, name: str, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> None:
    """Append calibrations to a lab, inside its :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root group.
    name
        Of the recogniser; made where it is new.
    rows
        Columns of :data:`STAGES` but for ``settings``.
    settings
        How they came about, as JSON takes it.
    """
    path = f"{layout.RECOGNISERS}/{name}"
    home = find_group(root, path)
    if home is None:
        home = root.require_group(path)
        for table in (STAGES, SETTINGS):
            tables.create(home, table)
    number = find_settings(home, json.dumps(settings, sort_keys=True))
    columns = {
        column: [row[column] for row in rows] for column in STAGES.columns if column in rows[0]
    }
    tables.append(home, STAGES, {**columns, "settings": [number] * len(rows)})


def check_known(root: zarr.Group, name: str, url: str) -> None:
    """Refuse the name of a recogniser that is not there.

    Raises
    ------
    NotInLabError
        Naming those that are.
    """
    names = list_recognisers(root)
    if name not in names:
        there = f"there are {', '.join(names)}" if names else "there are none yet"
        raise NotInLabError(
            f"the lab at {url} has no recogniser {name!r}, {there}; "
            "workoutlab.train_recogniser makes them, Lab.refresh shows what others made"
        )
