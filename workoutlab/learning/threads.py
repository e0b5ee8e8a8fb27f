"""One thread for each training: torch's number of threads is a setting of the whole process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["one_thread"]


class _Holders:
    lock = threading.Lock()
    count = 0
    before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread until the last of those who ask for it is done.

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
        _Holders.count += 1
        torch.set_num_threads(1)  # in every thread: OpenMP keeps the number for each
    try:
        yield
    finally:
        with _Holders.lock:
            _Holders.count -= 1
            if not _Holders.count:
                torch.set_num_threads(_Holders.before)
