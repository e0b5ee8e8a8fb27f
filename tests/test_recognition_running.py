"""Where networks are trained, and what becomes of tasks that break."""

import pytest
import torch

from tests.test_recognition_cohorts import make_lab, plan
from workoutlab.cluster import connect
from workoutlab.errors import InputError
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.separate import SeparateEngine
from workoutlab.learning.stacked import StackedEngine
from workoutlab.recognition import MLP, Grid, Recipe, running, train
from workoutlab.recognition.running import Place, choose_place
from workoutlab.signals import Statistics

RECIPE = Recipe(Statistics(), MLP(12), epochs=2)


def test_choose_place__keeps_to_the_cpu_where_it_is_told():
    assert choose_place("stacked", "cpu") == Place(StackedEngine("cpu"))
    assert choose_place(SeparateEngine(), "cpu") == Place(SeparateEngine())
    assert choose_place("stacked") == Place("stacked")


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        ("auto", "gpu", "device: expected one of cpu, cuda, got 'gpu'"),
        ("fast", None, "engine: expected one of auto, separate, stacked, got 'fast'"),
        ("separate", "cuda", "'separate' trains on CPU cores; give engine='stacked'"),
    ],
)
def test_choose_place__says_what_cannot_be(engine, device, message):
    with pytest.raises(InputError, match=message):
        choose_place(engine, device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_choose_place__wants_a_gpu_for_cuda():
    with pytest.raises(InputError, match="this process finds no GPU"):
        choose_place(device="cuda")


@pytest.mark.processes
def test_train__on_cuda_wants_workers_that_have_a_gpu(tmp_path):
    lab = make_lab(str(tmp_path / "lab"), "ann")
    with (
        connect(workers=1, dashboard=False),
        pytest.raises(InputError, match=r"no worker .* GPU=1"),
    ):
        train(plan(lab), RECIPE, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_train__on_cuda_gives_networks_to_everyone():
    lab = make_lab("memory://on-cuda", "ann", "bob")
    assert train(plan(lab), RECIPE, device="cuda").trained == ("ann", "bob")


def test_train__tries_the_people_of_a_broken_task_one_by_one(monkeypatch):
    lab = make_lab("memory://one-by-one", "ann", "bob", "cem")
    work, calls = running.train_cohort, []

    def exhaust_memory(cohort):
        users = [person.user for person in cohort.people]
        calls.append(users)
        if "bob" in users:
            raise MemoryError("no memory left")
        return work(cohort)

    monkeypatch.setattr(running, "train_cohort", exhaust_memory)
    result = train(plan(lab), RECIPE, cohort=3, retries=2)
    assert result.trained == ("ann", "cem")
    assert result.failed == {"bob": "MemoryError: no memory left"}
    assert calls[:3] == [["ann", "bob", "cem"]] * 3
    assert sorted(calls[3:]) == [["ann"], ["bob"], ["cem"]]


class Ends(Callback):
    def __init__(self):
        self.keys = []

    def fit_ends(self, record):
        self.keys.append((record["key"], len(record["history"])))


def test_train__tells_callbacks_of_the_networks_that_are_kept():
    lab, ends = make_lab("memory://callbacks", "ann", "bob"), Ends()
    plain = train(plan(lab), RECIPE, name="plain")
    told = train(plan(lab), RECIPE, name="told", search=Grid(rate=[0.01, 0.1]), callbacks=[ends])
    assert sorted(ends.keys) == [("ann", 2), ("bob", 2)]
    assert told.trained == plain.trained
    with pytest.raises(InputError, match="callbacks: expected objects of a kind of Callback"):
        train(plan(lab), RECIPE, callbacks=[print])


@pytest.mark.parametrize("settings", [{"retries": -1}, {"retries": 0.5}, {"cohort": 0}])
def test_train__checks_numbers_of_the_run(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        train(plan(make_lab("memory://checks", "ann")), RECIPE, **settings)
