"""How recognisers in a lab are put together: settings and calibrations; networks lie with models.

::

    recognisers/<name>/stages      one row a calibration of one stage for one person
    recognisers/<name>/settings    how they came about: few rows that many share
    recognisers/<name>/windows     windows that were trained on, by which others are found strange

The last row of a person and stage holds.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.errors import NotInLabError
from workoutlab.schema import Column, Table
from workoutlab.store import layout, ragged, tables
from workoutlab.store.arrays import find_group, list_groups
from workoutlab.store.settings import SETTINGS, find_settings

__all__ = [
    "STAGES",
    "append_stages",
    "check_known",
    "list_recognisers",
    "read_stages",
    "read_windows",
]

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
        "values_digest": Column("str", "", "SHA-256 of the piece of `windows`, in hex"),
        "offset": Column("int64", "", "first entry in `windows`; a multiple of the chunk"),
        "length": Column("int64", "", "entries in `windows`; 0 where none are remembered"),
    },
)

Row = dict[str, Any]

_WINDOWS: Final = "windows"
_WINDOWS_PER_CHUNK: Final = 65_536


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
    root: zarr.Group,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    pieces: Sequence[npt.NDArray[np.float32]],
    settings: Mapping[str, Any],
) -> None:
    """Append calibrations to a lab, inside its :meth:`~workoutlab.lab.Lab.transact`.

    Parameters
    ----------
    root
        The writable root group.
    name
        Of the recogniser; made where it is new.
    rows
        Columns of :data:`STAGES` but for ``settings`` and those about pieces.
    pieces
        Of each, the windows that it remembers, packed; empty for none.
    settings
        How they came about, as JSON takes it.
    """
    path = f"{layout.RECOGNISERS}/{name}"
    home = find_group(root, path)
    if home is None:
        home = root.require_group(path)
        for table in (STAGES, SETTINGS):
            tables.create(home, table)
        ragged.create(home, _WINDOWS, dtype="float32", chunk=_WINDOWS_PER_CHUNK)
    lengths = [len(piece) for piece in pieces]
    offsets = ragged.allocate(home, _WINDOWS, lengths)
    ragged.write_many(home, _WINDOWS, offsets, pieces)
    number = find_settings(home, json.dumps(settings, sort_keys=True))
    columns: dict[str, Any] = {column: [row[column] for row in rows] for column in rows[0]}
    columns |= {"settings": [number] * len(rows), "offset": offsets, "length": lengths}
    columns["values_digest"] = [ragged.digest(piece) for piece in pieces]
    tables.append(home, STAGES, columns)


def read_windows(root: zarr.Group, name: str, row: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Return the windows that a row of :func:`read_stages` remembers, packed."""
    home = find_group(root, f"{layout.RECOGNISERS}/{name}")
    if home is None or not row["length"]:
        return np.empty(0, np.float32)
    return ragged.read(home, _WINDOWS, int(row["offset"]), int(row["length"]))


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
