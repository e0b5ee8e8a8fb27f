"""How a cohort is trained: two engines behind one interface, which give the same networks.

What an engine costs depends on the machine. Milliseconds of one core of an AMD EPYC for a network
(8 classes, 20 epochs in batches of 30; 600 windows, and 200 for the last):

============== ======== =======
layers         separate stacked
============== ======== =======
1200-250-50-8  90       460
60-250-50-8    28       63
10-8-8         3        4
============== ======== =======

A GPU wants the stack, whose single steps keep it busy. On a CPU ``"auto"`` is member by member.
There a network is the same to the last bit in any cohort; the last bits of a stack's sums depend
on how many members it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.members import Fitted, History, Member
from workoutlab.learning.networks import Network
from workoutlab.learning.separate import SeparateEngine
from workoutlab.learning.stacked import StackedEngine

__all__ = ["ENGINES", "Engine", "Trained", "choose_engine", "train_members"]

ENGINES = ("auto", "separate", "stacked")


class Engine(Protocol):
    """Trains the networks of a cohort."""

    def fit(
        self, members: Sequence[Member], callbacks: Sequence[Callback] = ()
    ) -> list[Fitted | TrainingError]:
        """Return what came of each member, in order."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a member.

    Parameters
    ----------
    key
        Of the member.
    network
        The trained network.
    windows
        Number of windows that it was trained on, repetitions of rare classes not counted.
    steps
        Number of training steps.
    history
        A record of each epoch: ``epoch``, ``loss``, ``rate``; with patience ``held_loss`` and
        ``held_error``. L-BFGS: of each iteration.
    """

    key: str
    network: Network
    windows: int
    steps: int
    history: History = ()


def choose_engine(engine: str | Engine = "auto") -> Engine:
    """Return the engine of that name; ``"auto"`` is the stack where there is a GPU.

    Raises
    ------
    InputError
        If there is none of that name.

    Examples
    --------
    >>> choose_engine("separate")
    SeparateEngine()
    """
    if not isinstance(engine, str):
        return engine
    if engine not in ENGINES:
        raise InputError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == "auto":
        engine = "stacked" if torch.cuda.is_available() else "separate"
    return SeparateEngine() if engine == "separate" else StackedEngine()


def train_members(
    members: Sequence[Member], engine: str | Engine = "auto", callbacks: Sequence[Callback] = ()
) -> list[Trained | TrainingError]:
    """Train the network of each member.

    Parameters
    ----------
    members
        What each network is trained on, and how; networks and trainings may differ. No network
        depends on its neighbours.
    engine
        ``"stacked"``, ``"separate"`` or ``"auto"``.
    callbacks
        What listens.

    Returns
    -------
    list of Trained or TrainingError
        For each member, in order, its network, or why there is none.

    Examples
    --------
    >>> from workoutlab.learning.networks import MLP
    >>> from workoutlab.learning.training import Training
    >>> inputs = np.array([[-1.0], [1.0]], np.float32).repeat(50, axis=0)
    >>> how = Training(MLP(8))
    >>> ann = Member("ann", inputs, np.arange(2).repeat(50), classes=2, seed=0, training=how)
    >>> bob = Member("bob", inputs, np.zeros(100, int), classes=1, seed=1, training=how)
    >>> trained, failed = train_members([ann, bob])
    >>> trained.network.predict(inputs[::50]).argmax(axis=1).tolist()
    [0, 1]
    >>> failed
    TrainingError('bob: 100 windows of one exercise; expected two exercises or more to tell apart')
    """
    fitted = choose_engine(engine).fit(members, callbacks) if members else []
    return [_conclude(member.key, outcome) for member, outcome in zip(members, fitted, strict=True)]


def _conclude(key: str, outcome: Fitted | TrainingError) -> Trained | TrainingError:
    if isinstance(outcome, TrainingError):
        return TrainingError(f"{key}: {outcome}")
    member = outcome.member
    if not all(np.isfinite(layer).all() for layer in outcome.layers):
        return TrainingError(
            f"{key}: training diverged at rate {member.training.first_rate:g}: weights are not "
            "finite; lower the rate"
        )
    return Trained(
        key=key,
        network=Network(member.training.network, outcome.layers, member.scaler),
        windows=len(member.inputs),
        steps=outcome.steps,
        history=outcome.history,
    )
