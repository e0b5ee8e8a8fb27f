"""Tasks go to the active Dask client, or run in this process."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import dask

from workoutlab.cluster.connecting import active_client, count_threads
from workoutlab.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["run_tasks"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_QUEUED_PER_THREAD = 3
"""Tasks in flight for each thread: enough to hide a round trip, few enough to bound memory."""


def run_tasks(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    retries: int = 0,
    resources: Mapping[str, float] | None = None,
) -> Iterator[tuple[int, Result | Exception]]:
    """Apply `function` to every item and yield ``(position, result)`` in order of completion.

    A task that raises yields its exception in place of a result, so that one bad item never ends
    a run. With an active client the tasks are futures on the cluster, and a task whose worker died
    runs again elsewhere; otherwise they run on this process's threads, as many as there are CPUs,
    or one after the other where Dask is set to ``scheduler="synchronous"``. Items are taken as
    threads become free and few results wait at a time, so that memory does not grow with their
    number. Closing the iterator, or interrupting it, cancels what has not begun.

    Parameters
    ----------
    function
        A top-level function of one argument, so that it can be pickled.
    items
        Its arguments; pickled where they go to a cluster.
    retries
        How often a task that raised is tried again: for what may pass, a storage that did not
        answer say.
    resources
        What a worker must have, ``{"GPU": 1}`` say, and how much of it a task takes; without a
        cluster it is not looked at.

    Yields
    ------
    tuple of int and result
        Position of the item and what came of it: a result, or the exception.

    Raises
    ------
    InputError
        If no worker of the cluster has the resources.

    Examples
    --------
    >>> sorted(run_tasks(abs, [-1, 2]))
    [(0, 1), (1, 2)]
    """
    client = active_client()
    numbered = enumerate(items)
    attempt = _Attempt(function, retries)
    if client is not None:
        if resources:
            _check_resources(client, resources)
        how = {"retries": retries or None, "resources": dict(resources or {}) or None}
        yield from _run_on_cluster(client, function, numbered, how)
    elif dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded"):
        yield from ((position, attempt(item)) for position, item in numbered)
    else:
        yield from _run_on_threads(attempt, numbered)


def _check_resources(client: "Client", resources: Mapping[str, float]) -> None:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if workers and not any(
        all(each["resources"].get(name, 0) >= count for name, count in resources.items())
        for each in workers
    ):
        asked = " ".join(f"{name}={count:g}" for name, count in resources.items())
        raise InputError(
            f"no worker of the cluster has {asked}, so that tasks would wait forever; start "
            f"workers with `dask worker ADDRESS --resources {asked.replace(' ', ',')!r}`, or on "
            f"this machine with connect(resources={dict(resources)})"
        )


class _Attempt(Generic[Item, Result]):
    """Calls a function, again if it raised; the last exception comes back as a result."""

    def __init__(self, function: Callable[[Item], Result], retries: int) -> None:
        self._function, self._retries = function, retries

    def __call__(self, item: Item) -> Result | Exception:
        for left in reversed(range(self._retries + 1)):
            try:
                return self._function(item)
            except Exception as error:
                if not left:
                    return error
        raise AssertionError("retries are not negative")


def _run_on_threads(
    attempt: Callable[[Item], Result | Exception], numbered: Iterator[tuple[int, Item]]
) -> Iterator[tuple[int, Result | Exception]]:
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads, thread_name_prefix="workoutlab") as pool:
        running: dict[Future[Result | Exception], int] = {}
        try:
            while True:
                for position, item in islice(numbered, threads + 1 - len(running)):
                    running[pool.submit(attempt, item)] = position
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _run_on_cluster(
    client: "Client",
    function: Callable[[Item], Result],
    numbered: Iterator[tuple[int, Item]],
    how: Mapping[str, Any],
) -> Iterator[tuple[int, Result | Exception]]:
    from distributed import as_completed

    def submit(count: int) -> list[object]:
        futures = []
        for position, item in islice(numbered, count):
            future = client.submit(function, item, pure=False, **how)
            positions[future.key] = position
            futures.append(future)
        return futures

    positions: dict[object, int] = {}
    running = as_completed(submit(_room()))
    try:
        for future in running:
            error = future.exception()
            yield positions.pop(future.key), future.result() if error is None else error
            del future  # a future that is kept holds its result on the worker
            for further in submit(max(_room() - len(positions), 0)):
                running.add(further)
    finally:
        client.cancel(list(running.futures))


def _room() -> int:
    return count_threads() * _QUEUED_PER_THREAD
