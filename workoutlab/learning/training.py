"""How a network is trained: everything that decides it besides its data."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.learning.architectures import MLP, Architecture, Shapes, check_network
from workoutlab.learning.scaling import check_scaling, scaled_inputs
from workoutlab.schema import check_number

__all__ = ["OPTIMIZERS", "SCHEDULES", "Settings", "Training", "check_network"]

OPTIMIZERS: Final = ("sgd", "adam", "lbfgs")
SCHEDULES: Final = ("constant", "cosine")

_RATES: Final = {"sgd": 0.01, "adam": 0.001, "lbfgs": 1.0}
_IDLE: Final = {
    "sgd": (),
    "adam": ("momentum",),
    "lbfgs": ("momentum", "batch", "schedule"),
}
"""Settings that decide nothing under an optimizer."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of training, besides the network; see :class:`Training`."""

    optimizer: str = "sgd"
    epochs: int = 10
    batch: int | None = 30
    rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    smoothing: float = 0.0
    balance: int = 10
    scaling: str | None = None
    patience: int | None = None
    held_share: float = 0.2
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that cannot mean anything.

        Raises
        ------
        InputError
            Naming the setting, what was expected and what came.
        """
        for name in ("epochs", "balance"):
            check_number(name, getattr(self, name), whole=True, low=1)
        for name in ("batch", "patience"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), whole=True, low=1)
        check_number("seed", self.seed, whole=True, low=0)
        if self.rate is not None:
            check_number("rate", self.rate, above=0)
        check_number("momentum", self.momentum, low=0, below=1)
        check_number("weight_decay", self.weight_decay, low=0)
        check_number("smoothing", self.smoothing, low=0, below=1)
        check_number("held_share", self.held_share, above=0, below=1)
        if self.scaling is not None:
            check_scaling(self.scaling)
        for name, choices in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}"
                )

    @property
    def first_rate(self) -> float:
        """The rate that training begins with: `rate`, or the optimizer's own."""
        return _RATES[self.optimizer] if self.rate is None else self.rate

    def list_rates(self, steps: int) -> npt.NDArray[np.float64]:
        """Return the rate of each step of a training.

        Parameters
        ----------
        steps
            Of all its epochs.

        Examples
        --------
        >>> Settings(rate=0.5, schedule="cosine").list_rates(4).round(3).tolist()
        [0.5, 0.427, 0.25, 0.073]
        """
        rates = np.full(steps, self.first_rate, float)
        if self.schedule == "cosine":
            rates *= (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2
        return rates

    def list_settings(self) -> dict[str, object]:
        """Return the settings by name, as JSON takes them."""
        return {name: getattr(self, name) for name in Settings.__dataclass_fields__}

    def list_deciding(self) -> dict[str, object]:
        """Return those settings that decide what comes of a training, the rate settled.

        Examples
        --------
        >>> "momentum" in Settings(optimizer="adam").list_deciding()
        False
        >>> Settings(optimizer="adam").list_deciding()["rate"]
        0.001
        """
        idle = {*_IDLE[self.optimizer], *(["held_share"] if self.patience is None else [])}
        settings = {**self.list_settings(), "rate": self.first_rate}
        return {name: value for name, value in settings.items() if name not in idle}


@dataclass(frozen=True)
class Training(Settings):
    """How a network is trained; the defaults are Muvr's.

    Parameters
    ----------
    network
        The network, ``MLP(250, 50)`` or ``ConvNet()`` say.
    optimizer
        ``"sgd"``: stochastic gradient descent. ``"adam"``: the same with steps scaled by
        estimates of the gradient's moments, as published (Kingma & Ba, 2015). ``"lbfgs"``:
        limited-memory BFGS over all windows at once (Liu & Nocedal, 1989), 10 steps remembered,
        step lengths by the strong Wolfe conditions; it wants a network with ``dropout_keep=1``,
        since it needs the same loss at every look.
    epochs
        How often training goes through all windows at most; L-BFGS: the most iterations.
    batch
        Windows in a step; None for all of them, which is batch gradient descent; 1 is online.
    rate
        Of descent; by default 0.01, of Adam 0.001. L-BFGS: the first length that each line
        search tries, by default 1.
    momentum
        Of stochastic gradient descent: a step adds the gradient to `momentum` times the last
        velocity, and subtracts `rate` times the velocity from the weights.
    weight_decay
        This times the weights is added to each gradient, Adam's and L-BFGS's too.
    schedule
        ``"constant"``, or ``"cosine"``: the rate falls to 0 over all steps along half a cosine.
    smoothing
        This share of each target is spread evenly over all classes.
    balance
        Windows of rare classes are repeated until they are as many as those of the most
        frequent class, this often at most; 1 repeats none.
    scaling
        What is done to each input by what the training windows have of it: ``"standard"``, the
        default, shifts and scales it to mean 0 and standard deviation 1; ``"clipped"`` leaves it
        within ±3 then; ``"ramps"`` makes eight inputs of it, how far it has come from each octile
        to the next (see :mod:`workoutlab.learning.scaling`). An input that is not known (NaN)
        then counts as the mean; with ``"none"`` such an input is an error.
    patience
        Training stops after this many epochs without a lower loss on the held-out windows
        (:attr:`Member.held <workoutlab.learning.members.Member>`), and the best epoch's weights
        are kept. None: it never stops early.
    held_share
        Share of each exercise's sets that is held out for it.
    seed
        Decides initial weights, order of windows and dropped units, for each person differently.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> Training(MLP(250, 50), epochs=20).settings()["network"]["hidden"]
    [250, 50]

    Spark trains its perceptron like this, with blocks of 128 rows, which are a matter of speed
    alone; its seed 1234 decides the initial weights (Spark's own are other numbers):

    >>> spark = MLP(250, 50, dropout_keep=1, activation="sigmoid")
    >>> training = Training(spark, optimizer="lbfgs", epochs=100, balance=1, seed=1234)
    """

    network: Architecture = field(default_factory=lambda: MLP(250, 50), kw_only=False)

    def __post_init__(self) -> None:
        check_network(self.network)
        self.check()
        if self.scaling is None:
            object.__setattr__(self, "scaling", "standard")  # the dataclass is frozen
        if self.optimizer == "lbfgs" and self.network.dropout_keep < 1:
            raise InputError(
                "optimizer 'lbfgs': expected a network with dropout_keep=1, since it needs the "
                f"same loss at every look, got {self.network.dropout_keep}"
            )

    def shapes(self, inputs: int, classes: int) -> Shapes:
        """Return the shape of each layer, biases left out, for inputs as they come before scaling.

        Raises
        ------
        InputError
            If the network cannot take that many inputs.

        Examples
        --------
        >>> Training(MLP(5), scaling="ramps").shapes(inputs=10, classes=2)
        ((80, 5), (5, 2))
        """
        return self.network.shapes(scaled_inputs(str(self.scaling), inputs), classes)

    def settings(self) -> dict[str, object]:
        """Return all settings that decide the network, as JSON takes them."""
        return {"network": self.network.settings(), **self.list_deciding()}

    def digest(self) -> str:
        """Return the SHA-256 of the settings, in hex."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
