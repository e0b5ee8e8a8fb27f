"""Each benchmark runs once, small, so that it cannot rot; and the harness measures what it says."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.benchmarks import gpu, live, sets
from tests.benchmarks.__main__ import NAMES, main, workloads
from tests.benchmarks.features import measure_costs
from tests.benchmarks.harness import Contender, Work, Workload, measure
from workoutlab import MLP, Recipe, Statistics
from workoutlab.kernels.catalogue import CATALOGUE
from workoutlab.recognition.segmentation.settings import SetRecipe


def make_quick(full: bool, folder: Path) -> Work:
    return lambda: 10 if full else 1


def make_slow(full: bool, folder: Path) -> Work:
    def work() -> float:
        time.sleep(0.05)
        return 1

    return work


def make_broken(full: bool, folder: Path) -> Work:
    raise RuntimeError("no such library")


def make_large(full: bool, folder: Path) -> Work:
    return lambda: float(len(bytearray(200_000_000)))


def contest(*contenders: Contender) -> Workload:
    return Workload("contest", "run", contenders)


def contender(name: str, prepare: object, *, peer: bool = False) -> Contender:
    return Contender(name, str, prepare, peer=peer)  # type: ignore[arg-type]


def test_measure__tells_fast_from_slow_and_small_from_large(tmp_path: Path) -> None:
    workload = contest(
        contender("slow", make_slow), contender("quick", make_quick), contender("large", make_large)
    )
    figures, failed = measure(workload, tmp_path, full=False, peers=False, rounds=3)
    slow, quick, large = figures
    assert not failed
    assert slow.ratio == 1
    assert quick.ratio < 1
    assert slow.throughput == pytest.approx(1 / slow.seconds)
    assert large.peak_rss_mb > quick.peak_rss_mb + 100


def test_measure__peers_only_when_asked_for(tmp_path: Path) -> None:
    workload = contest(contender("ours", make_quick), contender("peer", make_quick, peer=True))
    figures, _ = measure(workload, tmp_path, full=False, peers=False, rounds=1)
    assert [figure.contender for figure in figures] == ["ours"]


def test_measure__a_contender_that_fails_is_named(tmp_path: Path) -> None:
    workload = contest(contender("broken", make_broken), contender("quick", make_quick))
    figures, failed = measure(workload, tmp_path, full=False, peers=False, rounds=1)
    assert failed == {"broken": "RuntimeError: no such library"}
    assert json.loads(figures[0].to_json())["ratio"] is None


@pytest.mark.processes
@pytest.mark.parametrize("name", NAMES)
def test_benchmark__runs_small(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", name, "--rounds", "1"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    expected = {
        (workload.name, each.name)
        for workload in workloads(name)
        for each in workload.contenders
        if not each.peer
    }
    assert {(figure["workload"], figure["contender"]) for figure in figures} == expected
    for figure in figures:
        assert figure["seconds"] > 0
        assert figure["throughput"] > 0
        assert figure["peak_rss_mb"] > 0


def test_measure_costs__tells_the_cost_of_every_feature_and_of_all() -> None:
    costs = measure_costs(minutes=1, rounds=1)
    assert [cost["name"] for cost in costs] == [*(each.name for each in CATALOGUE), "all"]
    assert all(float(cost["measured_ns"]) > 0 for cost in costs)


def test_main__unknown_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "invalid choice: 'nonsense'" in capsys.readouterr().err


def test_gpu__tells_time_and_share_of_the_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--members", "2", "--epochs", "1", "--device", "cpu"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["members"] == 2
    assert figures["seconds"] > 0
    assert 0 < figures["share_of_bound"] < 1


def test_live__tells_times_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert live.main(["--hours", "0.01"]) == 0
    *memory, times = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(0 < each["state_bytes"] < 200_000 for each in memory)
    assert times["pushes"] == 180
    assert 0 < times["cpu_p50_ms"] <= times["cpu_p99_ms"] <= times["cpu_max_ms"]
    assert times["label"] == "SIMULATED DATA"


@pytest.mark.skipif(torch.cuda.is_available(), reason="tells what happens without a GPU")
def test_gpu__says_that_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--members", "2"]) == 0
    assert "sees no CUDA device" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["simulated", pytest.param("composed", marks=pytest.mark.data)])
def test_sets__figures_are_labelled_and_told_in_json(
    what: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "composed":
        monkeypatch.setenv("WORKOUTLAB_DATA", str(request.getfixturevalue("real_data")))
    quick = Recipe(Statistics(), MLP(8), epochs=2)
    settings = SetRecipe(activity=quick, exercise=quick, folds=2, step="4s")
    ((name, found),) = sets.run(what, False, settings)
    told = json.loads(json.dumps(sets.summarise(name, found, 1.0), allow_nan=False))
    assert told["label"] == ("SIMULATED DATA" if what == "simulated" else "")
    assert told["truth"] == found.counts.truth > 20
    assert set(told["variants"]) == {"Muvr's rule"}
    assert not found.not_scored
