"""Tasks run the same in this process, on threads and on a cluster."""

import os
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

from workoutlab.cluster import active_client, connect, progress, run_tasks
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
        "with progress('people', 500) as report: report(312, failed=1)"
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
    assert "312/500 people, 1 failed" in shown.stderr
    assert shown.stdout == ""
    assert time.monotonic() > started
