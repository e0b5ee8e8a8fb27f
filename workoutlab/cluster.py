"""The cluster is ambient: tasks go to the active Dask client, or run in this process.

Everything that takes long in workoutlab goes through :func:`run_tasks`. It hands tasks to the
``dask.distributed`` client that is active, if any, and runs them on this process's threads
otherwise, so that the same call serves a notebook and a cluster.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

import dask

from workoutlab.errors import InputError, LabError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["active_client", "check_reachable", "connect", "progress", "run_tasks"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")
_ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": 128 * 2**20, "MALLOC_MMAP_THRESHOLD_": 32 * 2**20}
"""Dask has workers hand freed memory back at once, so that each array of some 100 kB and more costs
page faults anew: reading a lab then takes twice as long. This much stays with the process."""
_QUEUED_PER_THREAD = 3
"""Tasks in flight for each thread: enough to hide a round trip, few enough to bound memory."""


def connect(
    address: str | None = None,
    *,
    workers: int | None = None,
    memory_limit: str | int = "auto",
    dashboard: bool = True,
    timeout_s: float = 30,
) -> "Client":
    """Join a running Dask scheduler, or start a cluster on this machine; it becomes the active one.

    Parameters
    ----------
    address
        The scheduler's address, ``"tcp://host:8786"`` or ``"tls://host:8786"``. None starts worker
        processes on this machine that listen on the loopback interface only, dashboard included.
    workers
        Number of worker processes of a cluster on this machine; one a CPU by default. Each runs one
        thread, which is what the kernels and the networks want. Workers that you start yourself
        read a lab twice as fast with ``MALLOC_TRIM_THRESHOLD_=134217728`` and
        ``MALLOC_MMAP_THRESHOLD_=33554432`` in their environment, on Linux.
    memory_limit
        Memory of each of these workers, ``"2GiB"`` say.
    dashboard
        Whether a cluster on this machine serves Dask's dashboard; its link is
        ``client.dashboard_link``.
    timeout_s
        How long to wait for the scheduler to answer.

    Returns
    -------
    distributed.Client
        The active client until it is closed; also a context manager.

    Raises
    ------
    InputError
        If the address is not one, if nobody answers there, or if an address comes with `workers`.

    Examples
    --------
    >>> with connect(workers=1, dashboard=False) as client:
    ...     list(client.nthreads().values())
    [1]
    """
    from distributed import Client

    if address is None:
        return _start_local_cluster(workers, memory_limit, dashboard)
    if workers is not None:
        raise InputError(
            f"workers={workers} is for a cluster on this machine; {address} has its own"
        )
    if not address.startswith(_SCHEMES):
        raise InputError(
            f"scheduler address: expected tcp://host:port or tls://host:port, got {address!r}"
        )
    try:
        return Client(address, timeout=timeout_s)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answered at {address} within {timeout_s:g} s ({error}); start one "
            "with `dask scheduler`, workers with `dask worker ADDRESS`, or leave the address out"
        ) from error


def _start_local_cluster(workers: int | None, memory_limit: str | int, dashboard: bool) -> "Client":
    from distributed import Client

    logging.getLogger("distributed.nanny").addFilter(_is_no_slow_farewell)
    # A worker that dies again while it starts anew would be given up after some seconds, and a run
    # without workers waits forever. Read while the cluster runs, so it stays set.
    dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"})
    environment = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **_ALLOCATION}
    settings = {
        # A forked worker would inherit locked mutexes of Icechunk's and Arrow's threads.
        "distributed.worker.multiprocessing-method": "spawn",
        "distributed.nanny.pre-spawn-environ": environment,
    }
    with dask.config.set(settings):
        return Client(
            n_workers=workers or os.cpu_count() or 1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=f"127.0.0.1:{_free_port(8787) if dashboard else 0}",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": dashboard},
            memory_limit=memory_limit,
        )


def _is_no_slow_farewell(record: logging.LogRecord) -> bool:
    """Tell whether a log record is not of a worker killed at the end, which loses nothing."""
    return "still alive after" not in record.getMessage()


def _free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else 0: any port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return 0
    return preferred


def active_client() -> "Client | None":
    """Return the active ``distributed.Client``, or None where there is none."""
    from distributed import Client

    try:
        return Client.current(allow_global=True)
    except ValueError:
        return None


def check_reachable(url: str) -> None:
    """Refuse a lab in this process's memory where tasks run in others.

    Raises
    ------
    LabError
        If the active cluster's workers cannot see the lab at `url`.

    Examples
    --------
    >>> check_reachable("memory://seen-here")
    """
    client = active_client() if url.startswith("memory://") else None
    workers = client.scheduler_info(n_workers=-1)["workers"] if client else ()
    if any(not str(address).startswith("inproc://") for address in workers):
        raise LabError(
            f"the lab at {url} is in this process's memory, where the active cluster's workers "
            "cannot see it; close the client, or keep the lab in a folder or on S3"
        )


def run_tasks(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[int, Result | Exception]]:
    """Apply `function` to every item and yield ``(position, result)`` in order of completion.

    A task that raises yields its exception in place of a result, so that one bad item never ends
    a run. With an active client the tasks are futures on the cluster, and a task whose worker died
    runs again elsewhere; otherwise they run on this process's threads, as many as there are CPUs,
    or one after the other where Dask is set to ``scheduler="synchronous"``. Items are taken as
    threads become free and few results wait at a time, so that memory does not grow with their
    number. Closing the iterator cancels what has not begun.

    Parameters
    ----------
    function
        A top-level function of one argument, so that it can be pickled.
    items
        Its arguments; pickled where they go to a cluster.

    Yields
    ------
    tuple of int and result
        Position of the item and what came of it: a result, or the exception.

    Examples
    --------
    >>> sorted(run_tasks(abs, [-1, 2]))
    [(0, 1), (1, 2)]
    """
    client = active_client()
    numbered = enumerate(items)
    if client is not None:
        yield from _run_on_cluster(client, function, numbered)
    elif dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded"):
        yield from ((position, _attempt(function, item)) for position, item in numbered)
    else:
        yield from _run_on_threads(function, numbered)


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Exception:
    try:
        return function(item)
    except Exception as error:
        return error


def _run_on_threads(
    function: Callable[[Item], Result], numbered: Iterator[tuple[int, Item]]
) -> Iterator[tuple[int, Result | Exception]]:
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads, thread_name_prefix="workoutlab") as pool:
        running: dict[Future[Result | Exception], int] = {}
        try:
            while True:
                for position, item in islice(numbered, threads + 1 - len(running)):
                    running[pool.submit(_attempt, function, item)] = position
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _run_on_cluster(
    client: "Client", function: Callable[[Item], Result], numbered: Iterator[tuple[int, Item]]
) -> Iterator[tuple[int, Result | Exception]]:
    from distributed import as_completed

    def submit(count: int) -> list[object]:
        futures = []
        for position, item in islice(numbered, count):
            future = client.submit(function, item, pure=False)
            positions[future.key] = position
            futures.append(future)
        return futures

    positions: dict[object, int] = {}
    running = as_completed(submit(_room(client)))
    try:
        for future in running:
            error = future.exception()
            yield positions.pop(future.key), future.result() if error is None else error
            del future  # a future that is kept holds its result on the worker
            for further in submit(max(_room(client) - len(positions), 0)):
                running.add(further)
    finally:
        client.cancel(list(running.futures))


def _room(client: "Client") -> int:
    threads: int = sum(client.nthreads().values())
    return max(threads, 1) * _QUEUED_PER_THREAD


class Report(Protocol):
    """Tells a progress display how far a run has come."""

    def __call__(self, done: int, failed: int = 0) -> None:
        """Show that `done` of all are finished, `failed` of them without success."""


@contextmanager
def progress(what: str, total: int, *, show: bool = True) -> Iterator[Report]:
    """Show progress on standard error in the user's units: ``312/500 people, 1 failed``.

    Nothing is shown where `show` is false or standard error is neither a terminal nor a notebook.

    Examples
    --------
    >>> with progress("people", 2, show=False) as report:
    ...     report(1)
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    visible = show and (console.is_terminal or console.is_jupyter)
    columns: Sequence[TextColumn | BarColumn | TimeRemainingColumn] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not visible) as bar:
        task = bar.add_task(f"0/{total} {what}", total=total)

        def report(done: int, failed: int = 0) -> None:
            text = f"{done}/{total} {what}" + (f", {failed} failed" if failed else "")
            bar.update(task, completed=done, description=text)

        yield report
