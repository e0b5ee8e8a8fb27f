"""A recipe: everything that decides how a network comes about, besides the data."""

import hashlib
import json
from dataclasses import dataclass, field

from workoutlab.errors import InputError
from workoutlab.learning.networks import MLP, Architecture, ConvNet
from workoutlab.learning.scaling import scaled_inputs
from workoutlab.learning.training import Settings, Training, check_network
from workoutlab.recognition.augmentation import Augmentation
from workoutlab.signals import Inputs, RawWindows
from workoutlab.signals.inputs import check_inputs

__all__ = ["Inputs", "Recipe"]


@dataclass(frozen=True)
class Recipe(Settings):
    """What a window becomes, which network takes it, and how that is trained.

    The defaults are Muvr's.

    Parameters
    ----------
    inputs
        What a window becomes, ``RawWindows()`` or ``Statistics()`` say.
    network
        The network, ``MLP(250, 50)`` or ``ConvNet()`` say.
    augment
        Changed copies of training windows, ``Augmentation(rotation_deg=30)`` say; none by default.
    **settings
        As of :class:`~workoutlab.learning.training.Training`, by name. By default all inputs but
        raw windows are standardised: these are of one unit already, and were recognised worse
        when each sample was scaled by itself.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> from workoutlab.signals import RawWindows
    >>> recipe = Recipe(RawWindows(), MLP(250, 50), epochs=20)
    >>> recipe.settings()["network"]["hidden"]
    [250, 50]
    >>> recipe.digest() == Recipe(RawWindows(), MLP(250, 50)).digest()
    False
    """

    inputs: Inputs = field(kw_only=False)
    network: Architecture = field(default_factory=lambda: MLP(250, 50), kw_only=False)
    augment: Augmentation | None = None

    def __post_init__(self) -> None:
        check_inputs(self.inputs)
        if not isinstance(self.augment, Augmentation | None):
            raise InputError(f"augment: expected an Augmentation, got {self.augment!r}")
        check_network(self.network)
        self.check()
        if self.scaling is None:
            scaling = "none" if isinstance(self.inputs, RawWindows) else "standard"
            object.__setattr__(self, "scaling", scaling)  # the dataclass is frozen
        self._check_channels()
        _ = self.training  # refuses a network and settings that do not go together

    def _check_channels(self) -> None:
        """Refuse a convolutional network that would take samples of several channels for one's."""
        if isinstance(self.network, ConvNet) and isinstance(self.inputs, RawWindows):
            channels = scaled_inputs(str(self.scaling), len(self.inputs.channels))
            if self.network.channels != channels:
                raise InputError(
                    f"network: expected ConvNet(channels={channels}) for raw windows with scaling "
                    f"{self.scaling!r}, got channels={self.network.channels}"
                )

    @property
    def training(self) -> Training:
        """How the network is trained, whatever its inputs are."""
        return Training(self.network, **self.list_settings())  # type: ignore[arg-type]

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        augment = None if self.augment is None else self.augment.settings()
        return {"inputs": self.inputs.settings(), "augment": augment, **self.training.settings()}

    def digest(self) -> str:
        """Return the SHA-256 of the settings, in hex."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
