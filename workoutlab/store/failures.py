"""What goes wrong while stored bytes are read, told as a damaged lab."""

from collections.abc import Iterator
from contextlib import contextmanager

import icechunk

from workoutlab.errors import DamagedLabError, LabError, WorkoutlabError

__all__ = ["reading", "reason"]

_READ_FAILURES = (
    icechunk.IcechunkError,
    OSError,  # a file that cannot be read, and zarr's "not found"
    ValueError,  # a wrong CRC-32C, bad metadata or bad UTF-8
    RuntimeError,  # a block that zstd or Blosc cannot decode
    LookupError,
    TypeError,
    AttributeError,
)

_PANIC = "PanicException"
"""What a panic in Icechunk's Rust code becomes; a BaseException that no module exports."""


_UNREACHABLE = ("dispatch failure", "timeout", "timed out")
"""How Icechunk tells that a store did not answer, which is no damage."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise :class:`DamagedLabError` naming `what` for anything that fails while it is read.

    Only reads of what the lab itself wrote may stand inside: whatever fails there is damage, unless
    the store did not answer, which is a :class:`LabError`.

    Examples
    --------
    >>> with reading("samples of recording 3"):
    ...     raise ValueError("checksum")
    Traceback (most recent call last):
    ...
    workoutlab.errors.DamagedLabError: samples of recording 3 cannot be read: ...
    """
    try:
        yield
    except WorkoutlabError:
        raise
    except BaseException as error:
        if not isinstance(error, _READ_FAILURES) and type(error).__name__ != _PANIC:
            raise
        if any(sign in str(error) for sign in _UNREACHABLE):
            raise LabError(f"{what} cannot be reached: {reason(error)}; try again") from error
        raise DamagedLabError(
            f"{what} cannot be read: {reason(error)}; run `verify` to list all that is damaged, "
            "and restore the lab from a copy"
        ) from error


def reason(error: BaseException) -> str:
    r"""Return the first line of an error's message, which Icechunk follows by a page of context.

    Examples
    --------
    >>> reason(ValueError("  x snapshot not found\n  | context"))
    'snapshot not found'
    """
    lines = str(error).strip().splitlines()
    return lines[0].removeprefix("x ") if lines else type(error).__name__
