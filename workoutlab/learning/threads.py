"""One thread for each training: torch's and BLAS's numbers of threads are the whole process's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  # its BLAS must be there when libraries are looked for
import torch
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it has none

__all__ = ["one_thread"]


class _Holders:
    lock = threading.Lock()
    count = 0
    before = 1
    limits: Any = None


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries with threads of their own; looking for them takes milliseconds."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch and BLAS to one thread until the last of those who ask for it is done.

    A training step is too short to be shared between threads, and with one thread sums keep
    their order, so that a network is the same to the last bit wherever it is trained.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    with _Holders.lock:
        if not _Holders.count:
            _Holders.before = torch.get_num_threads()
            _Holders.limits = _libraries().limit(limits=1, user_api="blas")
        _Holders.count += 1
        torch.set_num_threads(1)  # in every thread: OpenMP keeps the number for each
    try:
        yield
    finally:
        with _Holders.lock:
            _Holders.count -= 1
            if not _Holders.count:
                torch.set_num_threads(_Holders.before)
                _Holders.limits.restore_original_limits()
