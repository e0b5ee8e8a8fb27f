"""How a network is trained: everything that decides it besides its data."""

import hashlib
import json
from dataclasses import dataclass, field

from workoutlab.errors import InputError
from workoutlab.learning.networks import MLP
from workoutlab.schema import check_number

__all__ = ["Settings", "Training"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of training, besides the network; see :class:`Training`."""

    epochs: int = 10
    batch: int = 30
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    balance: int = 10
    standardize: bool | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that cannot mean anything.

        Raises
        ------
        InputError
            Naming the setting, what was expected and what came.
        """
        for name in ("epochs", "batch", "balance"):
            check_number(name, getattr(self, name), whole=True, low=1)
        check_number("seed", self.seed, whole=True, low=0)
        check_number("rate", self.rate, above=0)
        check_number("momentum", self.momentum, low=0, below=1)
        check_number("weight_decay", self.weight_decay, low=0)

    def list_settings(self) -> dict[str, object]:
        """Return the settings by name, as JSON takes them."""
        return {name: getattr(self, name) for name in Settings.__dataclass_fields__}


@dataclass(frozen=True)
class Training(Settings):
    """How a network is trained; the defaults are Muvr's.

    Parameters
    ----------
    network
        The network, ``MLP(250, 50)`` say.
    epochs
        How often training goes through all windows.
    batch
        Windows in a step.
    rate, momentum
        Of stochastic gradient descent: a step adds the gradient to `momentum` times the last
        velocity, and subtracts `rate` times the velocity from the weights.
    weight_decay
        This times the weights is added to each gradient.
    balance
        Windows of rare classes are repeated until they are as many as those of the most
        frequent class, this often at most; 1 repeats none.
    standardize
        Whether each input is shifted and scaled to mean 0 and standard deviation 1 on the
        training windows. An input that is not known (NaN) then counts as the mean; without it,
        such an input is an error.
    seed
        Decides initial weights, order of windows and dropped units, for each person differently.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> Training(MLP(250, 50), epochs=20).settings()["network"]
    {'kind': 'mlp', 'hidden': [250, 50], 'dropout_keep': 0.9, 'init': 'he'}
    """

    network: MLP = field(default_factory=lambda: MLP(250, 50), kw_only=False)

    def __post_init__(self) -> None:
        check_network(self.network)
        self.check()
        if self.standardize is None:
            object.__setattr__(self, "standardize", True)  # the dataclass is frozen

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {"network": self.network.settings(), **self.list_settings()}

    def digest(self) -> str:
        """Return the SHA-256 of the settings, in hex."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()


def check_network(network: object) -> None:
    """Refuse what is no network.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(network, MLP):
        raise InputError(f"network: expected MLP(250, 50) say, got {network!r}")
