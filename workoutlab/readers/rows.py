"""Rows of a file in memory, column by column, that can say which line is to blame."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from workoutlab.errors import ReaderError

__all__ = ["Coded", "Rows"]


@dataclass(frozen=True)
class Coded:
    """A text column: ``names[codes[i]]`` stands in row ``i``; names are distinct."""

    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def constant(cls, name: str, rows: int) -> "Coded":
        """Return `name` in every one of `rows` rows."""
        return cls(np.zeros(rows, np.int64), (name,))

    def renamed(self, names: Mapping[str, str]) -> "Coded":
        """Return the column with the given names replaced; names that become equal are one."""
        positions: dict[str, int] = {}
        new = [positions.setdefault(names.get(name, name), len(positions)) for name in self.names]
        return Coded(np.asarray(new, np.int64)[self.codes], tuple(positions))

    def first(self, name: str) -> int:
        """Return the first row that holds `name`."""
        return int(np.argmax(self.codes == self.names.index(name)))


@dataclass(frozen=True)
class Rows:
    """Parsed columns by role, and where they stood in the file.

    Parameters
    ----------
    path
        The file.
    columns
        Parsed values by role.
    titles
        The columns' names in the file by role.
    first_line
        Line of the first row; row ``i`` stands in line ``first_line + i``. In a Parquet file
        lines are rows, counted from one.
    unterminated
        Whether the last line lacks its line end, so that it may have been cut short.
    """

    path: Path
    columns: Mapping[str, pa.ChunkedArray]
    titles: Mapping[str, str]
    first_line: int = 1
    unterminated: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __contains__(self, role: str) -> bool:
        return role in self.columns

    def numbers(self, role: str) -> npt.NDArray[np.float64]:
        """Return a column of numbers, NaN where a field was empty; shape (row,)."""
        values: npt.NDArray[np.float64] = self.columns[role].to_numpy().astype(np.float64)
        return values

    def labels(self, role: str) -> Coded:
        """Return a column of text, without blanks at either end."""
        column = self.columns[role]
        if column.null_count or not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).fill_null("").dictionary_encode()
        coded = column.combine_chunks()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.unify_dictionaries().combine_chunks()
        names = coded.dictionary.to_pylist()
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return Coded(codes, tuple(names)).renamed({name: name.strip() for name in names})

    def error(self, problem: str, *, row: int | None = None, role: str = "") -> ReaderError:
        """Return the error that blames `row` (from 0) and the column of `role`."""
        return ReaderError(
            problem,
            file=self.path.as_posix(),
            line=None if row is None else self.first_line + row,
            column=self.titles.get(role, role) or None,
        )

    def require(
        self, role: str, values: npt.NDArray[np.float64], good: npt.NDArray[np.bool_], expected: str
    ) -> None:
        """Check that values are good or unknown (NaN), or blame the first that is not.

        Raises
        ------
        ReaderError
            Naming line, column, what was expected and what came.
        """
        bad = ~(good | np.isnan(values))
        if bad.any():
            row = int(np.argmax(bad))
            raise self.error(
                f"expected {expected}, got {values[row]:g}; correct the value or leave it empty",
                row=row,
                role=role,
            )
