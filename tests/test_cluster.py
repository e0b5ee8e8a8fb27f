"""Tasks run the same in this process, on threads and on a cluster."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import dask
import psutil
import pytest

from workoutlab.cluster import (
    active_client,
    connect,
    count_threads,
    find_memory,
    progress,
    run_tasks,
    tell_time_left,
)
from workoutlab.errors import InputError


def halve(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def kill_first_worker(path: str) -> int:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@pytest.fixture(params=["synchronous", "threads", "cluster"])
def runner(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "cluster":
        with connect(workers=2, dashboard=False):
            yield request.param
    else:
        with dask.config.set(scheduler=request.param):
            yield request.param


def test_run_tasks__yields_results_and_exceptions_by_position(runner: str) -> None:
    results = dict(run_tasks(halve, range(25)))
    assert sorted(results) == list(range(25))
    assert [results[i] for i in range(0, 25, 2)] == list(range(13))
    assert all(isinstance(results[i], ValueError) for i in range(1, 25, 2))
    assert str(results[7]) == "7 is odd"


def test_run_tasks__nothing_to_do(runner: str) -> None:
    assert list(run_tasks(halve, [])) == []


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_run_tasks__takes_items_as_it_goes(scheduler: str) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield 2 * number

    with dask.config.set(scheduler=scheduler):
        results = run_tasks(halve, items())
        next(results)
        assert len(taken) <= 2 * (os.cpu_count() or 1) + 2
        results.close()
    assert len(taken) < 1000


def test_run_tasks__uses_several_threads() -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("one CPU: tasks run one after the other")
    both = threading.Barrier(2, timeout=20)
    with dask.config.set(scheduler="threads"):
        results = [result for _, result in run_tasks(lambda _: both.wait(), range(2))]
    assert sorted(results) == [0, 1]


@pytest.mark.processes
def test_run_tasks__survives_a_killed_worker(tmp_path: object) -> None:
    with connect(workers=2, dashboard=False):
        flag = f"{tmp_path}/killed"
        results = dict(run_tasks(kill_first_worker, [flag] * 6))
    assert os.path.exists(flag)  # noqa: PTH110  the worker made it by os.open
    assert len(results) == 6
    assert all(isinstance(result, int) for result in results.values())


@pytest.mark.processes
def test_connect__listens_on_loopback_only() -> None:
    with connect(workers=1) as client:
        assert active_client() is client
        assert client.dashboard_link.startswith("http://127.0.0.1:")
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = {
            connection.laddr.ip
            for process in processes
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
    assert listening == {"127.0.0.1"}
    assert active_client() is None


@pytest.mark.processes
def test_connect__closing_ends_the_workers() -> None:
    with connect(workers=1, dashboard=False) as client:
        workers = list(client.run(os.getpid).values())
        assert workers
        assert all(psutil.pid_exists(pid) for pid in workers)
    assert not any(psutil.pid_exists(pid) for pid in workers)


def test_connect__nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(InputError, match=r"no Dask scheduler answered .* start one"):
        connect(f"tcp://127.0.0.1:{port}", timeout_s=0.5)


def test_connect__not_an_address() -> None:
    with pytest.raises(InputError, match=r"expected tcp://host:port .* got 'scheduler'"):
        connect("scheduler")


def test_connect__workers_are_for_local_clusters() -> None:
    with pytest.raises(InputError, match="has its own"):
        connect("tcp://127.0.0.1:1", workers=2)


def test_progress__writes_nothing_where_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("people", 3) as report:
        report(1)
        report(3, failed=1)
    assert capfd.readouterr() == ("", "")


def test_progress__counts_in_the_users_units() -> None:
    code = (
        "from workoutlab.cluster import progress\n"
        "with progress('people', 500, before=12) as report: report(312, failed=1)"
    )
    started = time.monotonic()
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search(r"312/500 people, 1 failed, \d+ s left", shown.stderr)
    assert shown.stdout == ""
    assert time.monotonic() > started


@pytest.mark.parametrize(
    ("done", "total", "passed_s", "text"),
    [
        (0, 10, 5.0, ""),
        (10, 10, 5.0, ""),
        (1, 2, 0.1, ", 1 s left"),
        (1, 2, 89.0, ", 89 s left"),
        (1, 3, 60.0, ", 2 min left"),
        (1, 2, 7200.0, ", 2 h left"),
    ],
)
def test_tell_time_left__follows_from_the_rate_so_far(done, total, passed_s, text) -> None:
    assert tell_time_left(done, total, passed_s) == text


def fail_at_first(path: str) -> str:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "done"
    raise OSError("the storage did not answer")


def test_run_tasks__tries_again_what_raised(runner: str, tmp_path: object) -> None:
    flags = [f"{tmp_path}/{number}" for number in range(3)]
    first = dict(run_tasks(fail_at_first, flags[:2]))
    assert all(isinstance(result, OSError) for result in first.values())
    again = dict(run_tasks(fail_at_first, [*flags, flags[2] + "/no/folder"], retries=1))
    assert [again[position] for position in range(3)] == ["done"] * 3
    assert isinstance(again[3], OSError)


def tell_process(_: int) -> int:
    return os.getpid()


@pytest.mark.processes
def test_run_tasks__goes_to_workers_that_have_the_resources_only() -> None:
    with connect(workers=2, dashboard=False) as client:
        with pytest.raises(InputError, match=r"no worker of the cluster has GPU=1.*--resources"):
            list(run_tasks(tell_process, range(3), resources={"GPU": 1}))
        assert len(client.nthreads()) == 2
    with connect(workers=1, dashboard=False, resources={"GPU": 1}) as client:
        [worker] = client.run(os.getpid).values()
        results = [result for _, result in run_tasks(tell_process, range(3), resources={"GPU": 1})]
    assert results == [worker] * 3


@pytest.mark.processes
def test_find_memory__is_a_threads_share_of_the_smallest_worker() -> None:
    alone = find_memory()
    assert 2**28 < alone < 2**45
    with connect(workers=2, dashboard=False, memory_limit="1GiB"):
        assert find_memory() == 2**30
        assert count_threads() == 2
