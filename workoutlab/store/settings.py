"""Settings that many rows of a table share: a small table of texts beside it, each once."""

import hashlib
from typing import Final

import zarr

from workoutlab.schema import Column, Table
from workoutlab.store import tables

__all__ = ["SETTINGS", "find_settings"]

SETTINGS: Final = Table(
    "settings",
    {
        "digest": Column("str", "", "SHA-256 of the text, in hex"),
        "text": Column("str", "", "recipe, windows, engine and version, a JSON object"),
    },
)


def find_settings(home: zarr.Group, text: str) -> int:
    """Return the row that holds these settings, appended where they are new."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = tables.read(home, SETTINGS, ["digest"])["digest"]
    same = known.index[known == digest]
    if len(same):
        return int(same[0])
    return tables.append(home, SETTINGS, {"digest": [digest], "text": [text]})
