"""Personal networks: both engines against torch one by one and scikit-learn.

Each person has 600 windows of 8 exercises; 20 epochs (small: 3) of momentum descent in batches of
30, no dropout, so that all do the same arithmetic. Everybody trains on one thread.
"""

import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab.learning import MLP, Training
from workoutlab.learning.engines import train_members
from workoutlab.learning.members import Member
from workoutlab.learning.threads import one_thread

__all__ = ["WORKLOADS"]

WINDOWS, CLASSES, BATCH = 600, 8, 30
HIDDEN = (250, 50)
RATE, MOMENTUM = 0.01, 0.9

People = list[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]


def epochs(full: bool) -> int:
    return 20 if full else 3


def people(inputs: int, full: bool) -> People:
    """Make each person's windows, shape (window, input), and their classes."""
    made = []
    for person in range(8 if full else 2):
        generator = np.random.default_rng([11, person])
        targets = np.arange(WINDOWS) % CLASSES
        centers = generator.normal(size=(CLASSES, inputs))
        noise = generator.normal(size=(WINDOWS, inputs))
        made.append(((centers[targets] + noise).astype(np.float32), targets))
    return made


def prepare_engine(engine: str, inputs: int, full: bool, folder: Path) -> Work:
    network = MLP(*HIDDEN, dropout_keep=1.0)
    training = Training(
        network,
        epochs=epochs(full),
        batch=BATCH,
        rate=RATE,
        momentum=MOMENTUM,
        scaling="none",
    )
    members = [
        Member(str(number), values, targets, CLASSES, seed=number, training=training)
        for number, (values, targets) in enumerate(people(inputs, full))
    ]

    def work() -> float:
        with one_thread():
            trained = train_members(members, engine)
        assert all(np.isfinite(each.network.layers[0]).all() for each in trained)
        return len(trained)

    return work


def prepare_torch(inputs: int, full: bool, folder: Path) -> Work:
    import torch

    torch.set_num_threads(1)
    cohort = [
        (torch.from_numpy(values), torch.from_numpy(targets))
        for values, targets in people(inputs, full)
    ]

    def train_one(values: torch.Tensor, targets: torch.Tensor) -> None:
        layers: list[torch.nn.Module] = []
        sizes = (inputs, *HIDDEN)
        for before, after in zip(sizes, HIDDEN, strict=False):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
        network = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN[-1], CLASSES))
        descent = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, fused=True)
        for _ in range(epochs(full)):
            for rows in torch.randperm(WINDOWS).split(BATCH):
                descent.zero_grad()
                scores = network(values[rows])
                torch.nn.functional.cross_entropy(scores, targets[rows]).backward()
                descent.step()

    def work() -> float:
        for values, targets in cohort:
            train_one(values, targets)
        return len(cohort)

    return work


def prepare_sklearn(inputs: int, full: bool, folder: Path) -> Work:
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    cohort = people(inputs, full)

    def work() -> float:
        with threadpool_limits(1):
            for values, targets in cohort:
                network = MLPClassifier(
                    HIDDEN,
                    solver="sgd",
                    learning_rate_init=RATE,
                    momentum=MOMENTUM,
                    nesterovs_momentum=False,
                    batch_size=BATCH,
                    max_iter=epochs(full),
                    n_iter_no_change=epochs(full),
                    tol=0,
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that it stops after its epochs is intended
                    network.fit(values, targets)
        return len(cohort)

    return work


def contest(inputs: int) -> Workload:
    ours = partial(version, "workoutlab")
    return Workload(
        f"networks-{inputs}-250-50-8",
        "model",
        (
            Contender("separate", ours, partial(prepare_engine, "separate", inputs), peer=False),
            Contender("stacked", ours, partial(prepare_engine, "stacked", inputs), peer=False),
            Contender("torch", partial(version, "torch"), partial(prepare_torch, inputs), False),
            Contender(
                "scikit-learn",
                partial(version, "scikit-learn"),
                partial(prepare_sklearn, inputs),
                False,
            ),
        ),
    )


WORKLOADS = (contest(60), contest(1200))
