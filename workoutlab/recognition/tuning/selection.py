"""Choosing settings for each of many networks: trials times folds, trained as members."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import torch

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import Engine, Trained, choose_engine, train_members
from workoutlab.learning.networks import count_weights
from workoutlab.learning.stacked import StackedEngine
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.evaluation.splits import Mask
from workoutlab.recognition.material import Material
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.search import (
    Policy,
    Trial,
    apply_choice,
    check_policy,
    describe_choice,
    find_best,
    shorten,
)
from workoutlab.recognition.tuning.validation import (
    Validation,
    average_costs,
    measure_costs,
    score_of,
)

__all__ = ["Choosing", "Selection", "choose_settings", "make_selection", "split_material"]

_MOST_BYTES: Final = 128 * 2**20
"""Of the weights of networks that wait to be scored."""
_MOST_BYTES_ON_GPU: Final = 4 * 2**30
"""The same where a GPU trains, which wants thousands of networks at a time."""


@dataclass(frozen=True)
class Selection:
    """How settings are chosen.

    Parameters
    ----------
    policy
        What is tried.
    validation
        On what it is compared, and by which criterion.
    """

    policy: Policy
    validation: Validation

    @property
    def work(self) -> float:
        """How many full trainings choosing takes for one person, at most."""
        return self.policy.work * (1 if self.validation.share else self.validation.folds)

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {"search": self.policy.settings(), "validation": self.validation.settings()}

    def list_deciding(self, recipe: Recipe | Estimator) -> dict[str, object]:
        """Return what decides a network besides the recipe's own settings, as JSON takes it.

        A choice may bring a setting into play that decides nothing in the recipe itself: momentum
        under another optimizer, say. So the choices count as the recipes that they make.
        """
        made = [apply_choice(recipe, choice).digest() for choice in self.policy.choices]
        return {**self.settings(), "recipes": made}


def make_selection(
    search: Policy | None, recipe: Recipe | Estimator, options: Mapping[str, object]
) -> Selection | None:
    """Return how settings are chosen, None without a search; refuse what cannot be chosen.

    Raises
    ------
    InputError
        If there is no such setting, a value cannot be, or an option of a search came without one.
    """
    named = {name: options[name] for name in ("folds", "share", "criterion") if name in options}
    if search is None:
        if named:
            raise InputError(
                f"{', '.join(named)}: of a search, and there is none; give search=Grid(...) too"
            )
        return None
    if "folds" in named and named.get("share") is not None:
        raise InputError(
            "folds, share: expected one of them; a share is held out once, in no folds"
        )
    check_policy(search, recipe)
    return Selection(search, Validation(**named))  # type: ignore[arg-type]


@dataclass(eq=False)
class Choosing:
    """How far choosing for one network has come.

    Parameters
    ----------
    material
        What it learns from.
    folds
        Which segments each fold scores.
    trials
        What was tried.
    """

    material: Material
    folds: list[Mask]
    trials: list[Trial] = field(default_factory=list)

    @property
    def best(self) -> Trial | None:
        """The best trial; None where none was possible."""
        return find_best(self.trials)

    @property
    def reason(self) -> str:
        """Why nothing was chosen; empty where something was."""
        if not self.folds:
            return "no exercise with two sets to choose by; the recipe's own settings were taken"
        if self.best is None:
            return "every choice failed; the recipe's own settings were taken"
        return ""

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the best choice."""
        return recipe if self.best is None else apply_choice(recipe, self.best.choice)

    def estimator(self, recipe: Estimator) -> Estimator:
        """Return the estimator with the best choice."""
        return recipe if self.best is None else recipe.choose(self.best.choice)

    def describe(self, recipe: Recipe | Estimator, validation: Validation) -> dict[str, object]:
        """Return what came of it, as the table of models keeps it."""
        units, scored = self.material.units, np.zeros(len(self.material.units), bool)
        for fold in self.folds:
            scored |= fold
        best = self.best
        return {
            "criterion": validation.criterion,
            "score": score_of(best.costs if best else (), validation.criterion),
            "chosen": describe_choice(best.choice) if best else {},
            "scores": [
                {
                    "settings": describe_choice(trial.choice),
                    "epochs": 1 if isinstance(recipe, Estimator) else _shape(recipe, trial).epochs,
                    "score": score_of(trial.costs, validation.criterion),
                }
                for trial in sorted(self.trials, key=lambda each: (each.share, each.number))
            ],
            "validation": f"{validation}, {len(np.unique(units[scored]))} of "
            f"{len(np.unique(units[self.material.among]))} sets scored",
        }


def choose_settings(
    materials: Sequence[Material],
    recipe: Recipe,
    selection: Selection,
    engine: str | Engine = "auto",
) -> list[Choosing]:
    """Choose the settings of each of several networks.

    In each round the policy says for each network what to try next; all trials times folds of the
    round are members of one call, in parts that bound the memory that trained networks take.

    Parameters
    ----------
    materials
        What each learns from.
    recipe
        What is not chosen.
    selection
        What is tried, and how it is compared.
    engine
        By which networks are trained.

    Returns
    -------
    list of Choosing
        In the same order; what cannot be chosen for says why.
    """
    runs = [
        Choosing(each, split_material(each, recipe.seed, selection.validation))
        for each in materials
    ]
    room = _MOST_BYTES_ON_GPU if _trains_on_gpu(engine) else _MOST_BYTES
    while pending := _list_pending(runs, selection.policy):
        for part in _divide(pending, recipe, room):
            _run_round(part, recipe, selection.validation, engine)
    return runs


def split_material(material: Material, seed: int, validation: Validation) -> list[Mask]:
    """Return which segments each fold of a person scores."""
    return validation.split(
        material.exercises, material.units, material.among, seed, *material.purpose, "folds"
    )


def _list_pending(runs: Sequence[Choosing], policy: Policy) -> list[tuple[Choosing, Trial]]:
    return [(run, trial) for run in runs if run.folds for trial in policy.next(run.trials)]


def _divide(
    pending: Sequence[tuple[Choosing, Trial]], recipe: Recipe, most: int
) -> Iterator[Sequence[tuple[Choosing, Trial]]]:
    """Part trials so that the weights of a part's networks take so many bytes at most."""
    part: list[tuple[Choosing, Trial]] = []
    room = most
    for run, trial in pending:
        weights = _count_bytes(run.material, apply_choice(recipe, trial.choice)) * len(run.folds)
        if part and weights > room:
            yield part
            part, room = [], most
        part.append((run, trial))
        room -= weights
    if part:
        yield part


def _trains_on_gpu(engine: str | Engine) -> bool:
    """Tell whether an engine trains on a GPU, here."""
    chosen = choose_engine(engine)
    if not isinstance(chosen, StackedEngine) or chosen.device.startswith("cpu"):
        return False
    return torch.cuda.is_available()


def _count_bytes(material: Material, recipe: Recipe) -> int:
    return 4 * count_weights(recipe.training.shapes(material.inputs.shape[1], material.classes))


def _run_round(
    part: Sequence[tuple[Choosing, Trial]],
    recipe: Recipe,
    validation: Validation,
    engine: str | Engine,
) -> None:
    members, places = [], []
    for run, trial in part:
        tried = _shape(recipe, trial)
        for number, fold in enumerate(run.folds):
            side = run.material.among & ~fold
            members.append(run.material.make_member(tried, side, "fold", number))
            places.append(fold)
    outcomes = iter(zip(places, train_members(members, engine), strict=True))
    for run, trial in part:
        costs = [_score(run.material, *next(outcomes), validation) for _ in run.folds]
        run.trials.append(replace(trial, costs=average_costs(costs)))


def _shape(recipe: Recipe, trial: Trial) -> Recipe:
    """Return the recipe that a trial trains."""
    return shorten(apply_choice(recipe, trial.choice), trial.share)


def _score(
    material: Material, fold: Mask, outcome: Trained | TrainingError, validation: Validation
) -> tuple[float, ...]:
    if isinstance(outcome, TrainingError):
        return (np.nan,)
    rows = material.find_windows(fold)
    chances = outcome.network.predict(material.inputs[rows])
    return measure_costs(
        material.targets[rows],
        chances,
        material.sets[material.segment[rows]],
        validation.criterion,
    )
