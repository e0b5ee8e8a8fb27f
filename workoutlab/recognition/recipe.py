"""A recipe: everything that decides how a network comes about, besides the data."""

import hashlib
import json
from dataclasses import dataclass, field

from workoutlab.errors import InputError
from workoutlab.recognition.networks import MLP
from workoutlab.schema import check_number
from workoutlab.signals import Inputs, RawWindows
from workoutlab.signals.inputs import check_inputs

__all__ = ["Inputs", "Recipe"]


@dataclass(frozen=True, kw_only=True)
class _Training:
    epochs: int = 10
    batch: int = 30
    rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0
    balance: int = 10
    standardize: bool | None = None
    seed: int = 0


@dataclass(frozen=True)
class Recipe(_Training):
    """How networks are trained; the defaults are Muvr's.

    Parameters
    ----------
    inputs
        What a window becomes, ``RawWindows()`` or ``Statistics()`` say.
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
        such an input is an error. By default all but raw windows are: these are of one unit
        already, and were recognised worse when each sample was scaled by itself.
    seed
        Decides initial weights, order of windows and dropped units, for each person differently.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> from workoutlab.signals import RawWindows
    >>> recipe = Recipe(RawWindows(), MLP(250, 50), epochs=20)
    >>> recipe.settings()["network"]
    {'kind': 'mlp', 'hidden': [250, 50], 'dropout_keep': 0.9, 'init': 'he'}
    >>> recipe.digest() == Recipe(RawWindows(), MLP(250, 50)).digest()
    False
    """

    inputs: Inputs = field(kw_only=False)
    network: MLP = field(default_factory=lambda: MLP(250, 50), kw_only=False)

    def __post_init__(self) -> None:
        check_inputs(self.inputs)
        if not isinstance(self.network, MLP):
            raise InputError(f"network: expected MLP(250, 50) say, got {self.network!r}")
        for name in ("epochs", "batch", "balance"):
            check_number(name, getattr(self, name), whole=True, low=1)
        check_number("seed", self.seed, whole=True, low=0)
        check_number("rate", self.rate, above=0)
        check_number("momentum", self.momentum, low=0, below=1)
        check_number("weight_decay", self.weight_decay, low=0)
        if self.standardize is None:
            standardize = not isinstance(self.inputs, RawWindows)
            object.__setattr__(self, "standardize", standardize)  # the dataclass is frozen

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {
            "inputs": self.inputs.settings(),
            "network": self.network.settings(),
            **{name: getattr(self, name) for name in _Training.__dataclass_fields__},
        }

    def digest(self) -> str:
        """Return the SHA-256 of the settings, in hex."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
