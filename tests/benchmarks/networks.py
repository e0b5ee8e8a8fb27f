"""Personal networks from a lab: against other ways to train, over a grid, and opened one by one.

A person has 600 windows of 8 exercises, in 24 sets; 20 epochs (small: 3) of momentum descent in
batches of 30, without dropout, so that all do the same arithmetic. Everything runs in two
processes of one thread each (small: in one). *train* is ``workoutlab.train`` on a Dask cluster: it
reads the lab, cuts windows, trains, and commits the networks. *members* are Dask futures that
train on arrays which lie ready in the workers, as do those of all others.

The grid has 12 settings, compared on 3 folds; what is best is trained once more. A network of a
fold sees two thirds of the windows, and is counted as two thirds of a network.
"""

import itertools
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Lab, LabelledSet, Recording, connect
from workoutlab.cluster import run_tasks
from workoutlab.learning import MLP, Training
from workoutlab.learning.engines import Trained, train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import Network, draw_weights
from workoutlab.learning.scaling import no_scaler
from workoutlab.recognition import Models, Recipe, train
from workoutlab.recognition.keeping.models import append_networks
from workoutlab.recognition.tuning.search import Grid
from workoutlab.signals import RawWindows, Windows, windows

__all__ = ["BATCH", "CLASSES", "HIDDEN", "WORKLOADS", "make_member"]

CLASSES, SETS, PER_SET = 8, 3, 25
BATCH, RATE, MOMENTUM = 30, 0.01, 0.9
HIDDEN = (250, 50)
RATE_HZ = 50.0
PROCESSES = 2
OPENED = 100

Values = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Case:
    """So many people with so many inputs a window, and how long their networks are trained."""

    inputs: int
    full: bool

    @property
    def people(self) -> int:
        if not self.full:
            return 2
        return 64 if self.inputs < 100 else 16

    @property
    def epochs(self) -> int:
        return 20 if self.full else 3

    @property
    def length(self) -> int:
        """Samples of a window."""
        return self.inputs // 3

    @property
    def step(self) -> int:
        return self.length // 5

    @property
    def of_set(self) -> int:
        """Samples of a set."""
        return self.length + (PER_SET - 1) * self.step

    @property
    def network(self) -> MLP:
        return MLP(*HIDDEN, dropout_keep=1.0)

    @property
    def settings(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "batch": BATCH, "rate": RATE, "momentum": MOMENTUM}


def make_signal(case: Case, person: int) -> npt.NDArray[np.float32]:
    """Make the sets of a person one after the other, each at its exercise's pace; in g."""
    numbers = np.random.default_rng([11, person])
    made = []
    for number in range(SETS * CLASSES):
        times = np.arange(case.of_set) / RATE_HZ
        turns = np.sin(2 * np.pi * (0.4 + 0.2 * (number % CLASSES)) * times[:, None] + [0, 1, 2])
        made.append(turns + numbers.normal(0, 0.3, turns.shape))
    return np.concatenate(made).astype(np.float32)


@cache
def cut_windows(case: Case, person: int) -> Values:
    """Return a person's windows as RawWindows lays them out, and their classes."""
    sets = make_signal(case, person).reshape(SETS * CLASSES, case.of_set, 3)
    views = np.lib.stride_tricks.sliding_window_view(sets, case.length, axis=1)[:, :: case.step]
    values = np.ascontiguousarray(views).reshape(-1, case.inputs) / np.float32(2)
    return values, np.repeat(np.arange(SETS * CLASSES) % CLASSES, PER_SET)


def make_recording(case: Case, person: int) -> Recording:
    sets = [
        LabelledSet(
            start=number * case.of_set,
            stop=(number + 1) * case.of_set,
            exercise=f"exercise-{number % CLASSES}",
        )
        for number in range(SETS * CLASSES)
    ]
    return Recording(
        user=f"person-{person:05}",
        session="1",
        acceleration=make_signal(case, person),
        rate_hz=RATE_HZ,
        sets=sets,
    )


def fill_lab(case: Case, people: int, folder: Path) -> Windows:
    lab = Lab(folder / "lab")
    lab.append(make_recording(case, person) for person in range(people))
    plan = windows(
        lab, length=f"{case.length} samples", step=f"{case.step} samples", trim=0, rate_hz=RATE_HZ
    )
    assert len(plan) == people * SETS * CLASSES * PER_SET
    return plan


def start_workers(full: bool) -> None:
    """Start a cluster; at small size tasks run in threads of this process."""
    if full:
        connect(workers=PROCESSES, dashboard=False)


def prepare_train(
    inputs: int, full: bool, folder: Path, *, people: int | None = None, search: Grid | None = None
) -> Work:
    case = Case(inputs, full)
    start_workers(full)
    plan = fill_lab(case, people or case.people, folder)
    recipe = Recipe(RawWindows(), case.network, **case.settings)
    runs = itertools.count()
    how = {} if search is None else {"folds": 3}
    each = 1 if search is None else 1 + len(search.choices) * 3 * 2 / 3

    def work() -> float:
        name = f"run-{next(runs)}"
        done = train(plan, recipe, name=name, search=search, progress=False, **how)
        assert done.ok, done
        return len(done.trained) * each

    return work


def make_member(case: Case, person: int) -> Member:
    values, targets = cut_windows(case, person)
    training = Training(case.network, scaling="none", **case.settings)
    return Member(str(person), values, targets, CLASSES, seed=person, training=training)


def train_given(case: Case, person: int) -> int:
    """Train on arrays that lie ready in a worker after the first round."""
    [trained] = train_members([make_member(case, person)])
    assert isinstance(trained, Trained)
    return trained.steps


def prepare_members(inputs: int, full: bool, folder: Path) -> Work:
    case = Case(inputs, full)
    start_workers(full)

    def work() -> float:
        outcomes = list(run_tasks(partial(train_given, case), range(case.people)))
        assert all(isinstance(outcome, int) for _, outcome in outcomes), outcomes
        return len(outcomes)

    return work


def train_by_torch(case: Case, people: Sequence[int]) -> None:
    import torch

    torch.set_num_threads(1)
    for person in people:
        values, targets = map(torch.from_numpy, cut_windows(case, person))
        layers: list[torch.nn.Module] = []
        for before, after in itertools.pairwise((case.inputs, *HIDDEN)):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN[-1], CLASSES))
        descent = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
        for _ in range(case.epochs):
            for rows in torch.randperm(len(values)).split(BATCH):
                descent.zero_grad()
                scores = network(values[rows])
                torch.nn.functional.cross_entropy(scores, targets[rows]).backward()
                descent.step()


def train_by_stacks(case: Case, people: Sequence[int]) -> None:
    """Train all of these people in batched products, by torch's autograd and optimizer."""
    import torch

    torch.set_num_threads(1)
    given = [cut_windows(case, person) for person in people]
    values = torch.from_numpy(np.stack([each[0] for each in given]))
    targets = torch.from_numpy(np.stack([each[1] for each in given]))
    places = torch.arange(len(people))[:, None]
    weights = []
    for before, after in itertools.pairwise((case.inputs, *HIDDEN, CLASSES)):
        weights.append(torch.randn(len(people), before, after).mul_((2 / before) ** 0.5))
        weights.append(torch.zeros(len(people), 1, after))
    for layer in weights:
        layer.requires_grad_()
    descent = torch.optim.SGD(weights, lr=RATE, momentum=MOMENTUM, fused=True)
    for _ in range(case.epochs):
        orders = torch.rand(values.shape[:2]).argsort(dim=1)
        for rows in orders.split(BATCH, dim=1):
            descent.zero_grad()
            active = values[places, rows]
            for layer in range(0, len(weights), 2):
                active = torch.baddbmm(weights[layer + 1], active, weights[layer])
                active = active.relu() if layer + 2 < len(weights) else active
            wanted = targets[places, rows].flatten()
            loss = torch.nn.functional.cross_entropy(active.flatten(0, 1), wanted, reduction="sum")
            (loss / rows.shape[1]).backward()
            descent.step()


def train_by_sklearn(case: Case, people: Sequence[int]) -> None:
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it stops after its epochs is intended
        for person in people:
            network = MLPClassifier(
                HIDDEN,
                solver="sgd",
                learning_rate_init=RATE,
                momentum=MOMENTUM,
                nesterovs_momentum=False,
                batch_size=BATCH,
                max_iter=case.epochs,
                n_iter_no_change=case.epochs,
                tol=0,
            )
            network.fit(*cut_windows(case, person))


def prepare_pool(
    trainer: Callable[[Case, Sequence[int]], None],
    part: int | None,
    inputs: int,
    full: bool,
    folder: Path,
) -> Work:
    """Prepare to train in two processes, `part` people at a time (None: half of them)."""
    case = Case(inputs, full)
    together: Callable[..., Iterable[None]] = map
    if full:
        together = ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")).map
    people, size = range(case.people), part or case.people // PROCESSES
    parts = [people[start : start + size] for start in range(0, len(people), size)]

    def work() -> float:
        list(together(partial(trainer, case), parts))
        return len(people)

    return work


def prepare_spark(inputs: int, full: bool, folder: Path) -> Work:
    """Spark's perceptron by its default, L-BFGS, with as many iterations as others have epochs."""
    from pyspark.ml.classification import MultilayerPerceptronClassifier
    from pyspark.ml.linalg import Vectors
    from pyspark.sql import SparkSession

    case = Case(inputs, full)
    session = (
        SparkSession.builder.master(f"local[{PROCESSES}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "3g")
        .config("spark.local.dir", str(folder))
        .config("spark.sql.shuffle.partitions", str(PROCESSES))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    values, targets = cut_windows(case, 0)
    rows = [
        (float(target), Vectors.dense(row)) for target, row in zip(targets, values, strict=True)
    ]
    frame = session.createDataFrame(rows, ["label", "features"]).coalesce(PROCESSES).cache()
    frame.count()
    trainer = MultilayerPerceptronClassifier(
        layers=[inputs, *HIDDEN, CLASSES], maxIter=case.epochs, blockSize=128, seed=1234
    )

    def work() -> float:
        trainer.fit(frame)
        return 1

    return work


def prepare_open(anew: bool, full: bool, folder: Path) -> Work:
    """Store networks of 60-250-50-8 and open some; `anew`: each with its own look at the table."""
    people = 10_000 if full else 50
    lab = Lab(folder / "lab")
    network = MLP(*HIDDEN)
    shapes = network.shapes(60, CLASSES)
    made = [
        Network(network, draw_weights(network, shapes, seed), no_scaler(60)) for seed in range(20)
    ]
    facts = {
        "digest": "0" * 64,
        "classes": json.dumps([f"exercise-{number}" for number in range(CLASSES)]),
        "layers": json.dumps(made[0].describe()),
        "windows": 600,
        "sets": 24,
        "recordings": 1,
        "simulated": True,
        "snapshot": lab.snapshot,
        "trained_ns": 1,
    }
    for start in range(0, people, 500):
        users = [f"person-{number:05}" for number in range(start, min(start + 500, people))]
        rows = [{"user": user, **facts} for user in users]
        pieces = [made[number % len(made)].pack() for number in range(len(users))]
        settings: dict[str, object] = {"recipe": {}}
        store = partial(
            append_networks, name="exercise", rows=rows, pieces=pieces, settings=settings
        )
        lab.transact(store, "store networks")
    chosen = np.random.default_rng(3).integers(0, people, OPENED)

    kept = Models(lab)

    def work() -> float:
        for number in chosen:
            opened = (Models(lab) if anew else kept).network(f"person-{number:05}")
            assert len(opened.classes) == CLASSES
        return len(chosen)

    return work


def contest(inputs: int) -> Workload:
    ours = partial(version, "workoutlab")
    learn = partial(version, "scikit-learn")

    def pool(trainer: Callable[[Case, Sequence[int]], None], part: int | None) -> Any:
        return partial(prepare_pool, trainer, part, inputs)

    return Workload(
        f"networks-{inputs}-250-50-8",
        "model",
        (
            Contender("train", ours, partial(prepare_train, inputs), peer=False),
            Contender("members", ours, partial(prepare_members, inputs), peer=False),
            Contender("torch", partial(version, "torch"), pool(train_by_torch, 1), peer=False),
            Contender(
                "torch stacked", partial(version, "torch"), pool(train_by_stacks, None), peer=False
            ),
            Contender("scikit-learn", learn, pool(train_by_sklearn, 1), peer=False),
            Contender("Spark", partial(version, "pyspark"), partial(prepare_spark, inputs)),
        ),
    )


GRID = Grid(rate=[0.003, 0.01, 0.03], momentum=[0.8, 0.9], weight_decay=[0.0, 1e-4])


def prepare_grid(search: Grid | None, full: bool, folder: Path) -> Work:
    return prepare_train(60, full, folder, people=64 if full else 2, search=search)


WORKLOADS = (
    contest(60),
    contest(1200),
    Workload(
        "networks-grid-12-settings-3-folds",
        "model",
        (
            Contender("plain", partial(version, "workoutlab"), partial(prepare_grid, None), False),
            Contender("grid", partial(version, "workoutlab"), partial(prepare_grid, GRID), False),
        ),
    ),
    Workload(
        "networks-open-one",
        "model",
        (
            Contender(
                "kept", partial(version, "workoutlab"), partial(prepare_open, False), peer=False
            ),
            Contender(
                "anew", partial(version, "workoutlab"), partial(prepare_open, True), peer=False
            ),
        ),
    ),
)
