"""Search over settings: policies, pure functions from the trials so far to those to run next.

A policy knows nothing of people, folds or futures. It numbers its choices, hands out trials, and
is asked again when their costs are known. The same policy serves everybody: each person's trials
are looked at by themselves.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product
from typing import Any, Final, Protocol, overload

from workoutlab.errors import InputError
from workoutlab.learning.architectures import Architecture
from workoutlab.learning.randomness import draw_bits, make_key
from workoutlab.learning.training import Settings, check_network
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.recipe import Recipe
from workoutlab.schema import check_number

__all__ = [
    "Between",
    "Choice",
    "Grid",
    "Halving",
    "Policy",
    "Random",
    "Trial",
    "apply_choice",
    "check_policy",
    "describe_choice",
    "find_best",
    "list_names",
    "shorten",
]

Choice = Mapping[str, object]
"""Values of settings, by name."""

_MOST_DRAWS: Final = 30
"""Times the trials asked for: so often a random search looks for one that is new."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Trial:
    """A choice that is tried, and what it came to.

    Parameters
    ----------
    number
        Place of the choice in its policy's list. Among trials that cost the same, the first wins.
    choice
        Values of settings, by name.
    share
        Share of the epochs that it is trained for, 0 to 1.
    costs
        What it came to, lower is better; later numbers break ties. Empty before it was run, NaN
        where it failed.

    Examples
    --------
    >>> Trial(0, {"rate": 0.1}, costs=(float("nan"),)).failed
    True
    """

    number: int
    choice: Choice
    share: float = 1.0
    costs: tuple[float, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it has no cost to compare."""
        return not self.costs or any(math.isnan(cost) for cost in self.costs)


class Policy(Protocol):
    """Decides what is tried; a frozen object that pickles."""

    @property
    def choices(self) -> Sequence[Choice]:
        """All choices that it may try, in order."""

    @property
    def work(self) -> float:
        """How many full trainings its trials come to, at most."""

    def next(self, done: Sequence[Trial]) -> list[Trial]:
        """Return the trials to run next, given those that were run; none at the end."""

    def settings(self) -> dict[str, object]:
        """Return all that decides it, as JSON takes it."""


@dataclass(frozen=True)
class Between:
    """A range that values are drawn from.

    Parameters
    ----------
    low, high
        The ends; of whole numbers, both may be drawn.
    log
        Whether all orders of magnitude are equally likely; for ends above zero.
    whole
        Whether whole numbers are drawn.

    Raises
    ------
    InputError
        If the ends are no range, or not above zero with `log`, or not whole with `whole`.

    Examples
    --------
    >>> Between(0.001, 0.1, log=True).take(0.5)
    0.01
    >>> Between(10, 12, whole=True).take(0.99)
    12
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        check_number("low", self.low, whole=self.whole, above=0 if self.log else -math.inf)
        check_number("high", self.high, whole=self.whole, above=self.low)

    def take(self, place: float) -> float:
        """Return the value at a place in the range, from 0 up to but without 1."""
        # Each whole number stands for a unit, half of it on either side.
        wider = 0.5 if self.whole else 0.0
        low, high = self.low - wider, self.high + wider
        if self.log:
            value = math.exp(math.log(low) + place * (math.log(high) - math.log(low)))
        else:
            value = low + place * (high - low)
        if self.whole:
            return min(max(math.floor(value + 0.5), int(self.low)), int(self.high))
        return float(f"{value:.6g}")  # six digits are more than training can tell apart

    def settings(self) -> dict[str, object]:
        """Return all that decides it, as JSON takes it."""
        return {"low": self.low, "high": self.high, "log": self.log, "whole": self.whole}


class Grid:
    """Every combination of some values, each once.

    Parameters
    ----------
    **choices
        For each setting, the values to try. They may name settings of the recipe (``rate``,
        ``weight_decay``, ``epochs``, ``seed``, ``network``, …) and of its network
        (``dropout_keep``, ``hidden``, …).

    Raises
    ------
    InputError
        If there is nothing to choose from, or a value twice.

    Examples
    --------
    >>> grid = Grid(rate=[0.01, 0.1], dropout_keep=[0.5, 0.9])
    >>> [dict(trial.choice) for trial in grid.next([])][:2]
    [{'rate': 0.01, 'dropout_keep': 0.5}, {'rate': 0.01, 'dropout_keep': 0.9}]
    >>> done = [Trial(trial.number, trial.choice, costs=(0.1,)) for trial in grid.next([])]
    >>> grid.next(done)
    []
    """

    def __init__(self, **choices: Sequence[object]) -> None:
        self.values = {name: _list_values(name, values) for name, values in choices.items()}
        if not self.values:
            raise InputError("Grid: expected settings and their values, as in Grid(rate=[0.1, 1])")

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All combinations; the last setting changes fastest."""
        names = tuple(self.values)
        return tuple(
            dict(zip(names, values, strict=True)) for values in product(*self.values.values())
        )

    @property
    def work(self) -> float:
        """How many full trainings its trials come to."""
        return len(self.choices)

    def next(self, done: Sequence[Trial]) -> list[Trial]:
        """Return the choices that were not tried yet: all, then none."""
        return _list_missing(self.choices, range(len(self.choices)), 1.0, done)

    def settings(self) -> dict[str, object]:
        """Return all that decides it, as JSON takes it."""
        values = {name: [_plain(value) for value in each] for name, each in self.values.items()}
        return {"policy": "grid", "choices": values}

    def __repr__(self) -> str:
        return f"Grid({_spell(self.values)})"


class Random:
    """Combinations drawn at random, the same for everybody under one seed.

    Parameters
    ----------
    trials
        How many; fewer where there are not so many different ones.
    seed
        Decides what is drawn. To try seeds of the training, take a :class:`Grid`.
    **choices
        For each setting, the values to draw from, or a range :class:`Between`.

    Raises
    ------
    InputError
        If there is nothing to choose from, or a number cannot mean anything.

    Examples
    --------
    >>> search = Random(3, rate=Between(0.001, 0.1, log=True), batch=[10, 30])
    >>> [trial.choice for trial in search.next([])] == [
    ...     trial.choice for trial in Random(5, **search.values).next([])[:3]
    ... ]
    True
    """

    def __init__(self, trials: int, *, seed: int = 0, **choices: Sequence[object] | Between):
        check_number("trials", trials, whole=True, low=1)
        check_number("seed", seed, whole=True, low=0)
        if not choices:
            raise InputError("Random: expected settings, as in Random(10, rate=Between(0.01, 1))")
        self.trials, self.seed = trials, seed
        self.values: dict[str, list[object] | Between] = {
            name: values if isinstance(values, Between) else _list_values(name, values)
            for name, values in choices.items()
        }

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """What was drawn, each once."""
        drawn: dict[str, Choice] = {}
        for number in range(self.trials * _MOST_DRAWS):
            choice = {name: self._draw(name, number) for name in self.values}
            drawn.setdefault(json.dumps(describe_choice(choice)), choice)
            if len(drawn) == self.trials:
                break
        return tuple(drawn.values())

    def _draw(self, name: str, number: int) -> object:
        (bits,) = draw_bits(make_key(self.seed, "random search", name, number), 1).tolist()
        place = (bits + 2**31) / 2**32
        values = self.values[name]
        if isinstance(values, Between):
            return values.take(place)
        return values[int(place * len(values))]

    @property
    def work(self) -> float:
        """How many full trainings its trials come to."""
        return len(self.choices)

    def next(self, done: Sequence[Trial]) -> list[Trial]:
        """Return what was not tried yet: all, then none."""
        return _list_missing(self.choices, range(len(self.choices)), 1.0, done)

    def settings(self) -> dict[str, object]:
        """Return all that decides it, as JSON takes it."""
        values = {
            name: each.settings() if isinstance(each, Between) else [_plain(v) for v in each]
            for name, each in self.values.items()
        }
        return {"policy": "random", "trials": self.trials, "seed": self.seed, "choices": values}

    def __repr__(self) -> str:
        return f"Random({self.trials}, seed={self.seed}, {_spell(self.values)})"


@dataclass(frozen=True)
class Halving:
    """Successive halving: all choices are trained a little, the best of them longer, and so on.

    Each rung trains `factor` times as long as the one before and keeps the best part of its
    choices, one in `factor`; the last one trains in full. A choice starts from the beginning in
    each rung.

    Parameters
    ----------
    of
        What to choose from: a :class:`Grid` or :class:`Random`.
    factor
        By how much the choices become fewer and their training longer; above 1.
    least
        Share of the epochs in the first rung, 0 to 1; by default so little that the last rung has
        fewer than `factor` choices.

    Raises
    ------
    InputError
        If `of` is no grid or random search, or a number cannot mean anything.

    References
    ----------
    Jamieson, Talwalkar (2016), Non-stochastic best arm identification and hyperparameter
    optimization, AISTATS.

    Examples
    --------
    >>> halving = Halving(Grid(rate=[1, 2, 3, 4, 5, 6, 7, 8, 9]))
    >>> halving.rungs
    ((9, 0.111111), (3, 0.333333), (1, 1.0))
    """

    of: Grid | Random
    factor: float = 3
    least: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.of, Grid | Random):
            raise InputError(f"Halving: expected a Grid or a Random search, got {self.of!r}")
        check_number("factor", self.factor, above=1)
        if self.least is not None:
            check_number("least", self.least, above=0, below=1)

    @property
    def choices(self) -> Sequence[Choice]:
        """All choices of the first rung."""
        return self.of.choices

    @property
    def rungs(self) -> tuple[tuple[int, float], ...]:
        """Number of choices in each rung, and the share of the epochs that they are trained for."""
        count = len(self.choices)
        steps = math.floor(math.log(count) / math.log(self.factor) + _ROUNDING)
        if self.least is not None:
            steps = math.ceil(math.log(1 / self.least) / math.log(self.factor) - _ROUNDING)
        rungs = []
        for step in range(steps + 1):
            least = self.least or self.factor**-steps
            share = 1.0 if step == steps else float(f"{least * self.factor**step:.6g}")
            rungs.append((count, share))
            count = max(1, math.floor(count / self.factor + _ROUNDING))
        return tuple(rungs)

    @property
    def work(self) -> float:
        """How many full trainings its trials come to, at most."""
        return sum(count * share for count, share in self.rungs)

    def next(self, done: Sequence[Trial]) -> list[Trial]:
        """Return what is missing of the first rung that is not complete; none at the end."""
        numbers: Sequence[int] = range(len(self.choices))
        rungs = self.rungs
        for place, (_, share) in enumerate(rungs):
            if missing := _list_missing(self.choices, numbers, share, done):
                return missing
            if place + 1 < len(rungs):
                wanted = set(numbers)
                here = [each for each in done if each.share == share and each.number in wanted]
                best = _rank(here)[: rungs[place + 1][0]]
                numbers = sorted(trial.number for trial in best)
        return []

    def settings(self) -> dict[str, object]:
        """Return all that decides it, as JSON takes it."""
        own = {"policy": "halving", "factor": self.factor, "least": self.least}
        return {**own, "of": self.of.settings()}


def find_best(done: Sequence[Trial]) -> Trial | None:
    """Return the best of the trials that were trained longest; None where all failed.

    Examples
    --------
    >>> find_best([Trial(0, {"rate": 1}, costs=(0.2,)), Trial(1, {"rate": 2}, costs=(0.1,))]).choice
    {'rate': 2}
    """
    ranked = _rank(done)
    longest = max((trial.share for trial in ranked), default=0.0)
    return next((trial for trial in ranked if trial.share == longest), None)


def _rank(done: Sequence[Trial]) -> list[Trial]:
    """Return the trials that did not fail, the best first."""
    return sorted(
        (trial for trial in done if not trial.failed), key=lambda each: (each.costs, each.number)
    )


def _list_missing(
    choices: Sequence[Choice], numbers: Sequence[int], share: float, done: Sequence[Trial]
) -> list[Trial]:
    tried = {trial.number for trial in done if trial.share == share}
    return [Trial(number, choices[number], share) for number in numbers if number not in tried]


def _list_values(name: str, values: object) -> list[object]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Sequence):
        raise InputError(f"{name}: expected a list of values to try, got {values!r}")
    texts = [json.dumps(_plain(value), sort_keys=True) for value in values]
    if not texts or len(set(texts)) < len(texts):
        raise InputError(f"{name}: expected one value or more, each once, got {values!r}")
    return list(values)


def _plain(value: object) -> object:
    """Return a value as JSON takes it."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    settings: Callable[[], object] | None = getattr(value, "settings", None)
    if settings is not None:
        return settings()
    if value is None or isinstance(value, str | int | float):
        return value
    raise InputError(f"expected a number, text, list or network to choose, got {value!r}")


def describe_choice(choice: Choice) -> dict[str, object]:
    """Return a choice as JSON takes it.

    Examples
    --------
    >>> describe_choice({"hidden": (20, 10), "rate": 0.1})
    {'hidden': [20, 10], 'rate': 0.1}
    """
    return {name: _plain(value) for name, value in choice.items()}


def _spell(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def check_policy(policy: object, recipe: Recipe | Estimator) -> None:
    """Refuse, before any work, what is no search or chooses what the recipe cannot be.

    Raises
    ------
    InputError
        Naming the setting, and those that there are.
    """
    needed = ("choices", "work", "next", "settings")
    if isinstance(policy, type) or not all(hasattr(policy, name) for name in needed):
        raise InputError(f"search: expected Grid, Random or Halving, got {policy!r}")
    if isinstance(recipe, Estimator) and isinstance(policy, Halving):
        raise InputError("search: an estimator has no epochs to halve; expected Grid or Random")
    for choice in policy.choices:  # type: ignore[attr-defined]
        apply_choice(recipe, choice)


def list_names(recipe: Recipe) -> tuple[str, ...]:
    """Name what can be chosen for a recipe: settings of its own and of its network."""
    return _list_names(recipe.network)


def _list_names(network: Architecture) -> tuple[str, ...]:
    own = [field.name for field in fields(network)]
    return tuple(sorted({*Settings.__dataclass_fields__, "network", *own}))


@overload
def apply_choice(recipe: Recipe, choice: Choice) -> Recipe: ...
@overload
def apply_choice(recipe: Estimator, choice: Choice) -> Estimator: ...
def apply_choice(recipe: Recipe | Estimator, choice: Choice) -> Recipe | Estimator:
    """Return the recipe with the chosen settings.

    Parameters
    ----------
    recipe
        What the choice does not name stays as it is here.
    choice
        Values of settings, by name; of a ``network`` that is chosen too, where they are its.

    Raises
    ------
    InputError
        If there is no such setting, or it cannot have that value.

    Examples
    --------
    >>> from workoutlab.signals import Statistics
    >>> recipe = apply_choice(Recipe(Statistics()), {"hidden": (20,), "rate": 0.1})
    >>> recipe.network.hidden, recipe.rate
    ((20,), 0.1)
    """
    if isinstance(recipe, Estimator):
        return recipe.choose(choice)
    chosen = dict(choice)
    network: Any = chosen.pop("network", recipe.network)
    check_network(network)
    if unknown := sorted(set(chosen) - set(known := _list_names(network))):
        raise InputError(
            f"search: there is no setting {unknown[0]!r} to choose; there are {', '.join(known)}"
        )
    own = {name: chosen.pop(name) for name in Settings.__dataclass_fields__ if name in chosen}
    if chosen:
        parts = {field.name: getattr(network, field.name) for field in fields(network)}
        hidden = {**parts, **chosen}.pop("hidden", None)
        others = {name: value for name, value in {**parts, **chosen}.items() if name != "hidden"}
        layers = hidden if isinstance(hidden, tuple | list) else () if hidden is None else (hidden,)
        network = type(network)(*layers, **others)
    # All at once: a network may go together with chosen settings alone.
    return replace(recipe, network=network, **own)  # type: ignore[arg-type]


def shorten(recipe: Recipe, share: float) -> Recipe:
    """Return the recipe with this share of its epochs, one at least.

    Examples
    --------
    >>> from workoutlab.signals import Statistics
    >>> shorten(Recipe(Statistics(), epochs=10), 0.25).epochs
    2
    """
    return recipe if share == 1 else replace(recipe, epochs=max(1, round(share * recipe.epochs)))
