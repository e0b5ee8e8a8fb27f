"""The end of a growing array: what is appended is kept until it is forgotten."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Tail"]


class Tail:
    """Rows numbered from 0, of which the first are forgotten as others come.

    Parameters
    ----------
    width
        Numbers in a row.
    dtype
        Of the numbers.

    Examples
    --------
    >>> tail = Tail(1, np.float64)
    >>> tail.append(np.array([[1.0], [2.0], [3.0]]))
    >>> tail.forget(2)
    >>> tail.first, tail.stop, tail.rows(2, 3).tolist()
    (2, 3, [[3.0]])
    """

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._held = np.empty((64, width), dtype)
        self._at = 0
        self.first, self.stop = 0, 0

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end."""
        count = self.stop - self.first
        if self._at + count + len(rows) > len(self._held):
            # Twice what is needed, so that rows are moved once for each that comes.
            room = self._held
            if 2 * (count + len(rows)) > len(room):
                room = np.empty((2 * (count + len(rows)), self._held.shape[1]), self._held.dtype)
            room[:count] = self._held[self._at : self._at + count].copy()
            self._held, self._at = room, 0
        end = self._at + count
        self._held[end : end + len(rows)] = rows
        self.stop += len(rows)

    def rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return rows `start` to `stop` (out): a view, until rows are added."""
        if not self.first <= start <= stop <= self.stop:
            raise IndexError(
                f"rows {start} to {stop}: {self.first} to {self.stop} are kept"
            )  # a fault of the caller in this package
        return self._held[self._at + start - self.first : self._at + stop - self.first]

    def forget(self, before: int) -> None:
        """Let go of rows before a number; those to come are none of them."""
        gone = min(max(before - self.first, 0), self.stop - self.first)
        self.first += gone
        self._at += gone

    def state(self) -> dict[str, Any]:
        """Return what is kept."""
        return {"first": self.first, "rows": self.rows(self.first, self.stop).copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self.first = self.stop = int(state["first"])
        self._at = 0
        self.append(np.asarray(state["rows"], self._held.dtype))
