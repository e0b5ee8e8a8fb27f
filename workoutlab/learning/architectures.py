"""What a network looks like before it has weights: its layers, and how they start.

A layer is described by its matrix: (inputs of one output, outputs). Under it lies one more row,
the biases, so that one matrix product serves both. A convolution is such a matrix too: the
inputs of one output are the samples under the filter, channel after channel.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from workoutlab.errors import InputError

__all__ = ["MLP", "Architecture", "ConvNet", "Shapes", "check_network", "read_architecture"]

Shapes = tuple[tuple[int, int], ...]
"""Inputs of one output and outputs of each layer; the biases are one row more."""

_NUMBERS: Final = (int, float, np.integer, np.floating)
_INITS: Final = ("he", "glorot", "muvr")
_ACTIVATIONS: Final = ("relu", "sigmoid", "tanh")
_LINKS: Final = ("softmax", "logistic")


@dataclass(frozen=True, init=False)
class MLP:
    """A multi-layer perceptron: inputs, hidden layers with dropout, one output a class.

    Parameters
    ----------
    *hidden
        Units of each hidden layer; none is softmax regression.
    dropout_keep
        Chance in (0, 1] that a hidden unit is kept in a training step; what is kept is scaled
        up by its inverse, so that nothing changes in prediction.
    init
        Initial weights: ``"he"`` is uniform in ±√(6 / inputs) with biases 0, made for ReLU;
        ``"glorot"`` in ±√(6 / (inputs + outputs)) with biases 0; ``"muvr"`` in ±0.1 with biases
        1, as in Muvr.
    activation
        Of hidden units: ``"relu"``, ``"sigmoid"`` or ``"tanh"``.
    link
        How outputs become probabilities. ``"softmax"``: of classes that exclude each other, under
        their cross-entropy. ``"logistic"``: each class by itself, under its binary
        cross-entropy, brought to the sum 1 in prediction; two classes share one output, the
        chance of the second.

    Raises
    ------
    InputError
        If a parameter is none of these.

    Examples
    --------
    >>> network = MLP(250, 50)
    >>> network.sizes(inputs=1200, classes=8)
    (1200, 250, 50, 8)
    >>> MLP().shapes(inputs=60, classes=8)
    ((60, 8),)
    """

    hidden: tuple[int, ...]
    dropout_keep: float
    init: str
    activation: str
    link: str

    def __init__(
        self,
        *hidden: int,
        dropout_keep: float = 0.9,
        init: str = "he",
        activation: str = "relu",
        link: str = "softmax",
    ) -> None:
        if not _are_counts(hidden):
            raise InputError(
                f"MLP layers: expected numbers of units, as in MLP(250, 50), got {hidden}"
            )
        _check_keep(dropout_keep)
        _check_choice("init", init, _INITS)
        _check_choice("activation", activation, _ACTIVATIONS)
        _check_choice("link", link, _LINKS)
        object.__setattr__(self, "hidden", tuple(map(int, hidden)))  # the dataclass is frozen
        object.__setattr__(self, "dropout_keep", float(dropout_keep))
        object.__setattr__(self, "init", init)
        object.__setattr__(self, "activation", activation)
        object.__setattr__(self, "link", link)

    @property
    def name(self) -> str:
        """What people call it: ``"MLP 250-50"`` say."""
        return f"MLP {'-'.join(map(str, self.hidden))}".rstrip()

    def sizes(self, inputs: int, classes: int) -> tuple[int, ...]:
        """Return the number of units of each layer, inputs and classes included."""
        return (inputs, *self.hidden, classes)

    def shapes(self, inputs: int, classes: int) -> Shapes:
        """Return the shape of each layer's matrix, biases left out.

        Examples
        --------
        >>> MLP(5, activation="sigmoid", link="logistic").shapes(inputs=2, classes=2)
        ((2, 5), (5, 1))
        """
        outputs = 1 if self.link == "logistic" and classes == 2 else classes
        return tuple(pairwise((inputs, *self.hidden, outputs)))

    def columns(self) -> list[slice]:
        """Return the place of each hidden layer's units in a row of all of them.

        Examples
        --------
        >>> MLP(250, 50).columns()
        [slice(0, 250, None), slice(250, 300, None)]
        """
        stops = np.cumsum(self.hidden, dtype=int).tolist()
        return [slice(stop - units, stop) for stop, units in zip(stops, self.hidden, strict=True)]

    def settings(self) -> dict[str, object]:
        """Return what describes the network, as JSON takes it."""
        return {
            "kind": "mlp",
            "hidden": list(self.hidden),
            "dropout_keep": self.dropout_keep,
            "init": self.init,
            "activation": self.activation,
            "link": self.link,
        }


@dataclass(frozen=True, kw_only=True)
class ConvNet:
    """A convolutional network over time: convolutions that halve it, dense layers, classes.

    Each convolution goes over all positions where its filter fits, and is followed by ReLU and
    max-pooling. The defaults are Muvr's.

    Parameters
    ----------
    filters
        Filters of each convolution, one convolution or more.
    width
        Samples under a filter.
    pool
        Neighbours of which pooling keeps the greatest; positions left over at the end are
        dropped.
    dense
        Units of each dense ReLU layer behind them.
    dropout_keep
        Of dense units, as of :class:`MLP`.
    init
        As of :class:`MLP`.
    channels
        Signals in a window; its inputs are laid out one channel after the other.

    Raises
    ------
    InputError
        If a parameter is none of these.

    Examples
    --------
    >>> ConvNet().shapes(inputs=1200, classes=8)
    ((9, 16), (48, 32), (3136, 100), (100, 8))
    """

    filters: tuple[int, ...] = (16, 32)
    width: int = 3
    pool: int = 2
    dense: tuple[int, ...] = (100,)
    dropout_keep: float = 0.9
    init: str = "he"
    channels: int = 3

    def __post_init__(self) -> None:
        for name, values in (("filters", self.filters), ("dense", self.dense)):
            if not _are_counts(values):
                raise InputError(
                    f"{name}: expected numbers of units, as in (16, 32), got {values!r}"
                )
            object.__setattr__(self, name, tuple(map(int, values)))  # the dataclass is frozen
        if not self.filters:
            raise InputError("filters: expected one convolution or more, as in (16, 32), got ()")
        for name in ("width", "pool", "channels"):
            value = getattr(self, name)
            if not _are_counts((value,)):
                raise InputError(f"{name}: expected a whole number >= 1, got {value!r}")
            object.__setattr__(self, name, int(value))
        _check_keep(self.dropout_keep)
        object.__setattr__(self, "dropout_keep", float(self.dropout_keep))
        _check_choice("init", self.init, _INITS)

    @property
    def name(self) -> str:
        """What people call it: ``"ConvNet 16-32-100"`` say."""
        return f"ConvNet {'-'.join(map(str, (*self.filters, *self.dense)))}"

    def lengths(self, inputs: int) -> tuple[int, ...]:
        """Return the samples of each channel that meet each convolution, and what is left.

        Raises
        ------
        InputError
            If the inputs are no whole number of channels, or too few for the filters.

        Examples
        --------
        >>> ConvNet().lengths(1200)
        (400, 199, 98)
        """
        length, rest = divmod(inputs, self.channels)
        lengths = [length]
        for _ in self.filters:
            length = (length - self.width + 1) // self.pool
            lengths.append(length)
        if rest or length < 1:
            raise InputError(
                f"inputs: expected {self.channels} channels long enough for "
                f"{len(self.filters)} convolutions of {self.width} with pooling {self.pool}, "
                f"got {inputs} inputs"
            )
        return tuple(lengths)

    def shapes(self, inputs: int, classes: int) -> Shapes:
        """Return the shape of each layer's matrix, biases left out.

        Raises
        ------
        InputError
            If the network cannot take that many inputs.
        """
        flat = self.filters[-1] * self.lengths(inputs)[-1]
        convolutions = pairwise((self.channels, *self.filters))
        return (
            *((channels * self.width, filters) for channels, filters in convolutions),
            *pairwise((flat, *self.dense, classes)),
        )

    def settings(self) -> dict[str, object]:
        """Return what describes the network, as JSON takes it."""
        return {
            "kind": "convnet",
            "filters": list(self.filters),
            "width": self.width,
            "pool": self.pool,
            "dense": list(self.dense),
            "dropout_keep": self.dropout_keep,
            "init": self.init,
            "channels": self.channels,
        }


Architecture = MLP | ConvNet


def read_architecture(settings: Mapping[str, Any]) -> Architecture:
    """Return the architecture that has these settings.

    Raises
    ------
    InputError
        If there is none of that kind.

    Examples
    --------
    >>> read_architecture(MLP(5, init="glorot").settings()) == MLP(5, init="glorot")
    True
    """
    kept = {name: value for name, value in settings.items() if name not in ("kind", "hidden")}
    if settings.get("kind") == "mlp":
        return MLP(*settings["hidden"], **kept)
    if settings.get("kind") == "convnet":
        return ConvNet(**kept)
    raise InputError(f"network: expected kind mlp or convnet, got {settings.get('kind')!r}")


def check_network(network: object) -> None:
    """Refuse what is no network.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(network, Architecture):
        raise InputError(f"network: expected MLP(250, 50) or ConvNet() say, got {network!r}")


def _are_counts(values: Any) -> bool:
    """Tell whether these are several whole numbers above 0, NumPy's too."""
    return isinstance(values, Iterable) and all(
        isinstance(value, _NUMBERS) and value >= 1 and value == value // 1 for value in values
    )


def _check_keep(keep: Any) -> None:
    if not isinstance(keep, _NUMBERS) or not 0 < keep <= 1:
        raise InputError(f"dropout_keep: expected a chance in (0, 1], got {keep!r}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
