"""Options that say how networks are trained and their settings chosen, and how they are read."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

import typer

from workoutlab.errors import InputError

if TYPE_CHECKING:
    from workoutlab.recognition import Grid, Recipe

__all__ = [
    "DROPOUT_KEEP",
    "BatchOption",
    "CriterionOption",
    "DropoutOption",
    "EpochsOption",
    "FoldsOption",
    "HiddenOption",
    "InputsChoice",
    "InputsOption",
    "LearningRateOption",
    "OptimizerChoice",
    "OptimizerOption",
    "ScalingOption",
    "ScheduleChoice",
    "ScheduleOption",
    "SearchOption",
    "choose_by",
    "make_recipe",
    "read_search",
]

DROPOUT_KEEP: Final = 0.9


class InputsChoice(StrEnum):
    """What a window becomes."""

    statistics = "statistics"
    raw = "raw"


class OptimizerChoice(StrEnum):
    """How weights are improved."""

    sgd = "sgd"
    adam = "adam"
    lbfgs = "lbfgs"


class ScheduleChoice(StrEnum):
    """How the rate of learning changes."""

    constant = "constant"
    cosine = "cosine"


class ScalingChoice(StrEnum):
    """How inputs are scaled."""

    none = "none"
    standard = "standard"
    clipped = "clipped"
    ramps = "ramps"


class CriterionChoice(StrEnum):
    """By what choices are compared."""

    error = "error"
    loss = "loss"
    muvr = "muvr"


class Choosing(TypedDict, total=False):
    """How choices are compared."""

    folds: int
    criterion: str


InputsOption = Annotated[
    InputsChoice, typer.Option(help="Statistics of each window, or its raw samples.")
]
HiddenOption = Annotated[str, typer.Option(help="Units of the hidden layers, 250,50 say.")]
EpochsOption = Annotated[int, typer.Option(min=1, help="How often training sees each window.")]
OptimizerOption = Annotated[
    OptimizerChoice, typer.Option(help="Stochastic gradient descent, Adam or L-BFGS.")
]
LearningRateOption = Annotated[
    float | None,
    typer.Option(help="Rate of learning; by default the optimizer's: 0.01, 0.001 or 1."),
]
BatchOption = Annotated[
    int, typer.Option(min=0, help="Windows in a step of training; 0 takes all at once.")
]
ScheduleOption = Annotated[
    ScheduleChoice, typer.Option(help="The rate stays, or falls to 0 along a cosine.")
]
ScalingOption = Annotated[
    ScalingChoice | None,
    typer.Option(help="How inputs are scaled; by default standard, and none for raw samples."),
]
DropoutOption = Annotated[
    float, typer.Option(help="Chance that a hidden unit is kept in a step of training.")
]
SearchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--search",
        help="Values to choose from for each network, rate=0.01,0.1 say; repeatable. Layers are "
        "joined by x: hidden=250x50,100.",
    ),
]
FoldsOption = Annotated[
    int | None,
    typer.Option(min=2, help="Parts that sets are dealt into to compare choices; 3 by default."),
]
CriterionOption = Annotated[
    CriterionChoice | None,
    typer.Option(help="By what choices are compared; the share of wrong sets by default."),
]


def make_recipe(
    inputs: InputsChoice, hidden: str, dropout_keep: float, **settings: Any
) -> "Recipe":
    """Make the recipe that options say."""
    from workoutlab import MLP, RawWindows, Recipe, Statistics

    try:
        units = [int(part) for part in hidden.split(",")]
    except ValueError as error:
        raise InputError(f"--hidden: expected units like 250,50, got {hidden!r}") from error
    if settings["optimizer"] == "lbfgs" and dropout_keep == DROPOUT_KEEP:
        dropout_keep = 1.0  # L-BFGS takes no dropout, so that the default is none
    given: dict[str, Any] = {
        name: value.value if isinstance(value, StrEnum) else value
        for name, value in settings.items()
    }
    chosen = RawWindows() if inputs is InputsChoice.raw else Statistics()
    return Recipe(chosen, MLP(*units, dropout_keep=dropout_keep), **given)


def read_search(options: list[str] | None) -> "Grid | None":
    """Read settings and their values from options such as ``rate=0.01,0.1``.

    Raises
    ------
    InputError
        If one has no values, or names a setting that came before.

    Examples
    --------
    >>> read_search(["rate=0.01,0.1", "hidden=250x50,100", "schedule=cosine"])
    Grid(rate=[0.01, 0.1], hidden=[(250, 50), (100,)], schedule=['cosine'])
    """
    if not options:
        return None
    from workoutlab.recognition import Grid

    choices: dict[str, list[object]] = {}
    for option in options:
        name, _, values = option.partition("=")
        if not name or not values:
            raise InputError(f"--search: expected a setting and values, rate=0.1,1, got {option!r}")
        if name in choices:
            raise InputError(f"--search: {name} came twice; give all its values at once")
        read = _READERS.get(name, _read_value)
        choices[name] = [read(value) for value in values.split(",")]
    return Grid(**choices)


def _read_value(text: str) -> object:
    """Read a whole number, a number, none or a word."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "none" else text


def _read_layers(text: str) -> object:
    try:
        return tuple(int(part) for part in text.split("x"))
    except ValueError as error:
        raise InputError(f"--search hidden: expected layers like 250x50, got {text!r}") from error


_READERS: Final[dict[str, Callable[[str], object]]] = {"hidden": _read_layers, "scaling": str}
"""Of settings whose values are not read like others: scaling has a kind that is called none."""


def choose_by(*, folds: int | None, criterion: CriterionChoice | None) -> "Choosing":
    """Return how choices are compared, as far as options say."""
    how: Choosing = {}
    if folds is not None:
        how["folds"] = folds
    if criterion is not None:
        how["criterion"] = criterion.value
    return how
