"""Joining a Dask cluster or starting one, and what is known of the active one."""

import logging
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dask

from workoutlab.errors import InputError, LabError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["active_client", "check_reachable", "connect", "count_threads", "find_memory"]

_SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "ucx://", "inproc://")
_ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": 128 * 2**20, "MALLOC_MMAP_THRESHOLD_": 32 * 2**20}
"""Dask has workers hand freed memory back at once, so that each array of some 100 kB and more costs
page faults anew: reading a lab then takes twice as long. This much stays with the process."""


def connect(
    address: str | None = None,
    *,
    workers: int | None = None,
    memory_limit: str | int = "auto",
    resources: Mapping[str, float] | None = None,
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
    resources
        What each of these workers has to give besides, ``{"GPU": 1}`` say; ``device="cuda"`` sends
        tasks to workers with a GPU only. Workers that you start yourself tell theirs by
        ``dask worker ADDRESS --resources GPU=1``.
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
        If the address is not one, if nobody answers there, or if an address comes with `workers`
        or `resources`.

    Examples
    --------
    >>> with connect(workers=1, dashboard=False) as client:
    ...     list(client.nthreads().values())
    [1]
    """
    from distributed import Client

    if address is None:
        return _start_local_cluster(workers, memory_limit, dashboard, resources)
    if workers is not None or resources is not None:
        given = f"workers={workers}" if workers is not None else f"resources={resources}"
        raise InputError(f"{given} is for a cluster on this machine; {address} has its own")
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


def _start_local_cluster(
    workers: int | None,
    memory_limit: str | int,
    dashboard: bool,
    resources: Mapping[str, float] | None,
) -> "Client":
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
            resources=dict(resources or {}),
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


def count_threads() -> int:
    """Return how many tasks run at a time: threads of the active cluster, else CPUs.

    Examples
    --------
    >>> count_threads() >= 1
    True
    """
    client = active_client()
    return max(sum(client.nthreads().values()), 1) if client else os.cpu_count() or 1


def find_memory() -> int:
    """Return the bytes that one task may count on: those of the smallest worker, by its threads.

    Examples
    --------
    >>> find_memory() > 2**20
    True
    """
    from distributed.system import MEMORY_LIMIT  # of this machine, or of its container

    client = active_client()
    workers = client.scheduler_info(n_workers=-1)["workers"].values() if client else ()
    shares = [(each["memory_limit"] or MEMORY_LIMIT) // each["nthreads"] for each in workers]
    return int(min(shares, default=MEMORY_LIMIT // count_threads()))
