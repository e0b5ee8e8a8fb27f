"""Readers by name, and the reader for a file."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from workoutlab.errors import InputError, ReaderError
from workoutlab.readers.muvr import Muvr
from workoutlab.readers.tabular import Tabular
from workoutlab.recording import Recording

__all__ = ["Reader", "detect", "get", "names", "read_head", "suffixes"]

_HEAD = 16_384
"""Bytes of a file that detection looks at."""


@runtime_checkable
class Reader(Protocol):
    """Makes recordings of files; a frozen value that can be pickled."""

    @property
    def name(self) -> str:
        """The name in the registry."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes of files that it may read, in lower case with their dot."""

    def detect(self, path: Path, head: bytes) -> bool:
        """Tell by a file's path and first bytes whether it is of this reader's format."""

    def read(self, path: Path) -> Iterator[Recording]:
        """Yield the recordings in a file, or raise :class:`~workoutlab.errors.ReaderError`."""


_READERS: dict[str, Callable[..., Reader]] = {"muvr": Muvr, "tabular": Tabular}
_DETECTED: tuple[Reader, ...] = (Muvr(),)
"""Readers that know their files without being told anything."""


def names() -> tuple[str, ...]:
    """Return the names of all readers.

    Examples
    --------
    >>> names()
    ('muvr', 'tabular')
    """
    return tuple(sorted(_READERS))


def suffixes() -> tuple[str, ...]:
    """Return the suffixes of files that detection looks at.

    Examples
    --------
    >>> suffixes()
    ('.csv',)
    """
    return tuple(sorted({suffix for reader in _DETECTED for suffix in reader.suffixes}))


def get(name: str, **options: Any) -> Reader:
    """Return a reader.

    Parameters
    ----------
    name
        One of :func:`names`.
    **options
        Parameters of the reader, documented at its class.

    Raises
    ------
    InputError
        If there is no such reader, no such option, or an option's value cannot mean anything.

    Examples
    --------
    >>> get("muvr", user="ann").name
    'muvr'
    """
    if name not in _READERS:
        raise InputError(f"no reader {name!r}; there are {', '.join(names())}")
    valid = [field.name for field in fields(_READERS[name])]  # type: ignore[arg-type]
    unknown = [option for option in options if option not in valid]
    if unknown:
        raise InputError(
            f"reader {name!r} has no option {', '.join(unknown)}; valid are {', '.join(valid)}"
        )
    return _READERS[name](**options)


def detect(path: str | Path) -> Reader:
    """Return the reader, with its default options, that takes a file for its own.

    ``tabular`` needs a mapping and is never guessed.

    Raises
    ------
    ReaderError
        If no reader does, or the file cannot be opened.

    Examples
    --------
    >>> detect("labelled_arms_jan-2_1.csv")
    Traceback (most recent call last):
        ...
    workoutlab.errors.ReaderError: labelled_arms_jan-2_1.csv: cannot be opened: No such file...
    """
    path = Path(path)
    head = read_head(path)
    for reader in _DETECTED:
        if reader.detect(path, head):
            return reader
    raise ReaderError(
        f"not recognised by any reader; name one of {', '.join(names())} "
        "(tabular takes any CSV or Parquet file, given a mapping of its columns)",
        file=path.as_posix(),
    )


def read_head(path: Path) -> bytes:
    """Return a file's first bytes, as UTF-8 where a byte order mark says that it is UTF-16.

    Raises
    ------
    ReaderError
        If the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ReaderError(
            f"cannot be opened: {error.strerror or error}", file=path.as_posix()
        ) from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace").encode("utf-8", "replace")
    return head
