"""How kernels are compiled."""

from collections.abc import Callable
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function that releases the GIL.

    Machine code is kept on disk, beside the source or in the user's cache folder; where neither
    can be written, it is compiled anew in every process. It is found again by the file that holds
    the function: a kernel must not call compiled functions of other files, or it would not be
    compiled anew when these change.

    Parameters
    ----------
    **options
        Numba's: ``fastmath``, ``error_model``.

    Examples
    --------
    >>> @compiled()
    ... def double(number):
    ...     return 2 * number
    >>> double(4)
    8
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # there is no place for a cache
            return njit(nogil=True, **options)(function)

    return decorate
