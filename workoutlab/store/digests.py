"""Which rows hold given samples: a search over the digests that reads new rows only."""

from collections.abc import Iterable
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt
import zarr

from workoutlab.schema import RECORDINGS
from workoutlab.store import layout, tables

__all__ = ["DigestIndex"]

_KEY_DIGITS: Final = 16
"""Hex digits of a digest that fill 64 bits. They tell nearly all apart; the column tells the rest,
and which rows were erased since."""

_BLOCK_ROWS: Final = 16 * layout.ROWS_PER_CHUNK


class DigestIndex:
    """The keys of the recordings of one lab that this process has seen: 16 bytes each.

    Rows are appended and never change, except that they may be erased, so that what was read once
    need not be read again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._keys = np.empty(0, dtype=np.uint64)
        self._rows = np.empty(0, dtype=np.int64)
        self._last = np.uint64(0)

    def find(self, root: zarr.Group, digests: Iterable[str]) -> npt.NDArray[np.int64]:
        """Find the rows of `recordings` that hold one of `digests`, in order; shape (row,)."""
        wanted = list(digests)
        home = tables.open_table(root, RECORDINGS.name)
        with self._lock:
            self._extend(home, tables.length(root, RECORDINGS))
            candidates = np.unique(self._candidates(_keys(wanted)))
        (held,) = tables.take(home, ["digest"], candidates)
        return candidates[np.isin(held.astype(object), np.array(wanted, dtype=object))]

    def _extend(self, home: zarr.Group, length: int) -> None:
        if (known := len(self._rows)) and not self._continues(home, known, length):
            self._forget()
            known = 0
        if known == length:
            return
        new = [
            _keys(tables.values(home, "digest", start, min(start + _BLOCK_ROWS, length)))
            for start in range(known, length, _BLOCK_ROWS)
        ]
        self._last = new[-1][-1]
        keys = np.concatenate([self._keys, *new])
        order = np.argsort(keys, kind="stable")
        self._rows = np.concatenate([self._rows, np.arange(known, length)])[order]
        self._keys = keys[order]

    def _continues(self, home: zarr.Group, known: int, length: int) -> bool:
        """Whether the lab still holds what was read; not if an older copy was put in its place."""
        if known > length:
            return False
        return bool(_keys(tables.values(home, "digest", known - 1, known))[0] == self._last)

    def _candidates(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        starts = np.searchsorted(self._keys, keys, side="left")
        stops = np.searchsorted(self._keys, keys, side="right")
        found = [self._rows[a:b] for a, b in zip(starts, stops, strict=True) if a < b]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _keys(digests: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Take the leading digits as a number each; an erased row has none, and becomes 0."""
    text = "".join(digest[:_KEY_DIGITS].ljust(_KEY_DIGITS, "0") for digest in digests)
    return np.frombuffer(bytes.fromhex(text), dtype=">u8").astype(np.uint64)
