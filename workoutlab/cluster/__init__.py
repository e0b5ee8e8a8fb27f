"""The cluster is ambient: tasks go to the active Dask client, or run in this process.

Everything that takes long in workoutlab goes through :func:`run_tasks`. It hands tasks to the
``dask.distributed`` client that is active, if any, and runs them on this process's threads
otherwise, so that the same call serves a notebook and a cluster.
"""

from workoutlab.cluster.connecting import (
    active_client,
    check_reachable,
    connect,
    count_threads,
    find_memory,
)
from workoutlab.cluster.display import progress, tell_time_left
from workoutlab.cluster.tasks import run_tasks

__all__ = [
    "active_client",
    "check_reachable",
    "connect",
    "count_threads",
    "find_memory",
    "progress",
    "run_tasks",
    "tell_time_left",
]
