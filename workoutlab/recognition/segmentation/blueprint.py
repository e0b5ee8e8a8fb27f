"""What a recogniser is made of besides its networks, in words that a lab keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from workoutlab.errors import InputError, LabError
from workoutlab.recognition.repetitions.counting import Counter
from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.signals import Inputs, RawWindows, Statistics

__all__ = ["STREAMED", "Blueprint", "check_streamed", "read_inputs", "write_inputs"]

STREAMED: Final = ("x", "y", "z", "magnitude")
"""Channels that need no filter over the whole recording, which a live stream has not."""


@dataclass(frozen=True, eq=False)
class Blueprint:
    """What the stages of a recogniser take, and how their scores become sets.

    Parameters
    ----------
    inputs
        What a window becomes, by the name of the stage: ``"activity"`` and ``"exercise"``.
    sizes
        Length and step of windows in samples of the grid, in the same way.
    rate_hz
        Rate of the grid.
    decoding
        How window scores become sets.
    counter
        Settings of the counting of repetitions; None: the usual ones.

    Examples
    --------
    >>> one = {"activity": Statistics(), "exercise": RawWindows()}
    >>> sizes = {"activity": (200, 25), "exercise": (250, 25)}
    >>> told = Blueprint(one, sizes, 50.0, Decoding(), None).write()
    >>> Blueprint.read(told).inputs
    {'activity': Statistics(67 columns of x, y, z, magnitude), 'exercise': RawWindows(scale_g=2.0)}
    """

    inputs: Mapping[str, Inputs]
    sizes: Mapping[str, tuple[int, int]]
    rate_hz: float
    decoding: Decoding
    counter: Counter | None

    def write(self) -> dict[str, Any]:
        """Return it as JSON takes it.

        Raises
        ------
        InputError
            If inputs are code of the user's, which no lab keeps.
        """
        return {
            "inputs": {name: write_inputs(inputs) for name, inputs in self.inputs.items()},
            "sizes": {name: list(size) for name, size in self.sizes.items()},
            "rate_hz": self.rate_hz,
            "decoding": asdict(self.decoding),
            "counter": None if self.counter is None else asdict(self.counter),
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Blueprint":
        """Take up what :meth:`write` returned.

        Raises
        ------
        LabError
            If another version of workoutlab wrote it.
        """
        try:
            return cls(
                inputs={name: read_inputs(each) for name, each in told["inputs"].items()},
                sizes={name: (size[0], size[1]) for name, size in told["sizes"].items()},
                rate_hz=told["rate_hz"],
                decoding=Decoding(**told["decoding"]),
                counter=None if told["counter"] is None else Counter(**told["counter"]),
            )
        except (InputError, KeyError, TypeError) as error:
            raise LabError(
                f"the recogniser was written by another version of workoutlab ({error}); "
                "train it again"
            ) from error


def write_inputs(inputs: Inputs) -> dict[str, Any]:
    """Return what :func:`read_inputs` makes inputs of again, as JSON takes it.

    Raises
    ------
    InputError
        If they are, or hold, code of the user's.
    """
    if type(inputs) is RawWindows:
        return {"kind": "raw windows", "scale_g": inputs.scale_g}
    if type(inputs) is Statistics and not inputs.own:
        names = [*inputs.per_channel, *inputs.between]
        return {"kind": "statistics", "names": names, "channels": list(inputs.described)}
    raise InputError(
        f"inputs: a lab keeps Statistics of the catalogue and RawWindows, not code of your own: "
        f"{inputs!r}; fit_recogniser makes a recogniser of them that is not kept"
    )


def read_inputs(told: Mapping[str, Any]) -> Inputs:
    """Return the inputs that :func:`write_inputs` wrote."""
    if told["kind"] == "raw windows":
        return RawWindows(told["scale_g"])
    if told["kind"] == "statistics":
        return Statistics(told["names"], tuple(told["channels"]))
    raise InputError(f"inputs: expected 'raw windows' or 'statistics', got {told['kind']!r}")


def check_streamed(channels: Iterable[str]) -> None:
    """Refuse channels that need filters over whole recordings.

    Raises
    ------
    InputError
        Naming the first one.
    """
    wrong = [channel for channel in channels if channel not in STREAMED]
    if wrong:
        raise InputError(
            f"inputs: the channel {wrong[0]!r} is made by filters over whole recordings, which a "
            f"live stream has not; take {', '.join(STREAMED)}"
        )
