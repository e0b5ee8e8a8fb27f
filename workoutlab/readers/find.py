"""Files to read: what a path, a folder or a pattern turns up.

- A file named in full is read; if no reader takes it, it is rejected.
- In a folder (walked to its depth) and for a pattern (``*``, ``?``, ``[``, ``**``), the files that
  the reader, or any reader where none is chosen, takes for its own are read, and empty files of a
  suffix that it reads are rejected; other files are passed over, each with the reason.
- Hidden files and folders, whose names start with a dot, are not looked at.
- A path, folder or pattern that turns up no file to read is rejected.
- A file that turns up twice is read once.
"""

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workoutlab.errors import ReaderError
from workoutlab.readers.registry import Reader, detect, read_head, suffixes

__all__ = ["Candidate", "Findings", "choose_reader", "find_files"]


@dataclass(frozen=True)
class Candidate:
    """A file that may be read.

    Parameters
    ----------
    path
        The file, as given or below the folder as given.
    size
        In bytes.
    named
        Whether it was named in full, so that it must be read.
    """

    path: Path
    size: int
    named: bool


@dataclass(frozen=True)
class Findings:
    """What paths turned up.

    Parameters
    ----------
    found
        Files that may be read, by resolved path.
    passed_over, rejected
        Reasons by path.
    """

    found: dict[Path, Candidate] = field(default_factory=dict)
    passed_over: dict[Path, str] = field(default_factory=dict)
    rejected: dict[Path, str] = field(default_factory=dict)

    @property
    def files(self) -> list[Candidate]:
        """Files that may be read, sorted by path."""
        return sorted(self.found.values(), key=lambda file: file.path)

    def add(self, path: Path, named: bool, known: Collection[str]) -> bool:
        """Take a file in, and tell whether it may be read."""
        if not named and path.suffix.lower() not in known:
            self.passed_over[path] = f"not a file that is read ({', '.join(known)})"
            return False
        try:
            size = path.stat().st_size
        except OSError as error:
            self.rejected[path] = f"cannot be opened: {error.strerror or error}"
            return False
        place = path.resolve()
        named = named or (place in self.found and self.found[place].named)
        self.found[place] = Candidate(path, size, named)
        return True


def find_files(paths: str | Path | Iterable[str | Path], reader: Reader | None) -> Findings:
    """Find the files that paths, folders and patterns stand for.

    Parameters
    ----------
    paths
        One or more.
    reader
        The reader that was chosen, if any.

    Returns
    -------
    Findings
        By suffix only: whether a file is of the reader's format is seen when it is read.

    Examples
    --------
    >>> find_files("recordings/none.csv", None).rejected
    {PosixPath('recordings/none.csv'): 'no such file or folder; correct the path'}
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    known = suffixes() if reader is None else reader.suffixes
    findings = Findings()
    for each in given:
        turned_up = list(_expand(each))
        kept = [findings.add(path, named, known) for path, named in turned_up]
        if not turned_up:
            findings.rejected[Path(each)] = _explain_nothing(Path(each))
        elif not any(kept):
            findings.rejected.setdefault(
                Path(each), f"none of its {len(kept)} files is of a kind that is read"
            )
    return findings


def _expand(given: str | Path) -> Iterator[tuple[Path, bool]]:
    """Yield files, and whether they were named in full."""
    path = Path(given)
    if path.is_dir():
        yield from ((file, False) for file in _walk(path))
    elif path.is_file():
        yield path, True
    elif glob.has_magic(str(given)):
        # Path.glob would need the pattern split into its fixed and its magic part.
        matches = glob.glob(str(given), recursive=True)  # noqa: PTH207
        for match in sorted(map(Path, matches)):
            yield from ((file, False) for file in (_walk(match) if match.is_dir() else [match]))


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def _explain_nothing(path: Path) -> str:
    if path.is_dir():
        return "no files in this folder; correct the path"
    if glob.has_magic(str(path)):
        return "the pattern fits no file; correct it"
    return "no such file or folder; correct the path"


def choose_reader(file: Candidate, reader: Reader | None) -> Reader | str:
    """Return the reader for a file, or why it is passed over.

    Raises
    ------
    ReaderError
        If it was named in full and no reader takes it, or if it cannot be opened.
    """
    if not file.size:
        raise ReaderError("the file is empty; export or copy it again", file=file.path.as_posix())
    if reader is None:
        try:
            return detect(file.path)
        except ReaderError as error:
            if file.named:
                raise
            return error.problem
    if file.named or reader.detect(file.path, read_head(file.path)):
        return reader
    return f"not recognised as a file of reader {reader.name!r}; name it in full to have it read"
