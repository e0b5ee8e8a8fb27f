"""The kinds of network that a person may get, trained on arrays and tried on held-out sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.engines import Engine, train_members
from workoutlab.learning.members import Member
from workoutlab.learning.networks import Floats, Network
from workoutlab.learning.randomness import make_key
from workoutlab.recognition.evaluation.metrics import Confusion, count_confusion, vote
from workoutlab.recognition.kinds.deciding import Evidence
from workoutlab.recognition.kinds.finetuning import merge_classes, start_tuning
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.tuning.validation import muvr_criterion

__all__ = [
    "CRITERIA",
    "Fit",
    "Judge",
    "Labelled",
    "average",
    "check_plain",
    "fit_judges",
    "list_judges",
    "list_trained",
    "measure_losses",
    "try_kinds",
]

CRITERIA: Final = ("error", "windows", "loss", "muvr")

_LEAST_CHANCE: Final = 1e-6  # keeps the logarithm finite
Integers = npt.NDArray[np.int64]
Chances = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled windows of one person, or of many.

    Parameters
    ----------
    user
        Whose.
    classes
        Names of the exercises, sorted.
    inputs
        Shape (window, input).
    targets
        Shape (window,): positions in `classes`.
    sets
        Shape (window,): which set each window is of.
    folds
        Shape (window,): which fold of validation holds it out.
    testable
        Shape (window,): whether the other folds know its exercise.
    """

    user: str
    classes: tuple[str, ...]
    inputs: Floats
    targets: Integers
    sets: Integers
    folds: Integers
    testable: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained network and the names of its outputs.

    Parameters
    ----------
    classes
        Names of the exercises, in the order of the outputs.
    network
        The network.
    windows
        Number of windows that it was trained on.
    """

    classes: tuple[str, ...]
    network: Network
    windows: int = 0

    def chances(self, inputs: Floats, among: Sequence[str]) -> Chances:
        """Return the probability of each of some exercises; 0 of those that it does not know.

        Parameters
        ----------
        inputs
            Shape (window, input).
        among
            Sorted names; all of its own among them.
        """
        found = np.zeros((len(inputs), len(among)))
        found[:, np.searchsorted(among, self.classes)] = self.network.predict(inputs)
        return found


def check_plain(recipe: Recipe) -> None:
    """Refuse a recipe whose windows are augmented: kinds are compared on recorded ones.

    Raises
    ------
    InputError
        If it augments them.
    """
    if recipe.augment is not None:
        raise InputError(
            "augment: networks that share the layers of a common one are trained on recorded "
            "windows; give a recipe without augment"
        )


def average(judges: Sequence[Judge], inputs: Floats, among: Sequence[str]) -> Chances:
    """Return the mean of what several networks say: what an ensemble says."""
    total: Chances = np.mean([judge.chances(inputs, among) for judge in judges], axis=0)
    return total


@dataclass(frozen=True, eq=False)
class Fit:
    """One network to train.

    Parameters
    ----------
    windows
        Of whom.
    rows
        Shape (window,): which of them it is trained on.
    purpose
        Decides its seed, beside the recipe's and the user: ``"own"`` and the fold, say.
    common
        The network to fine-tune; without it, it starts afresh.
    """

    windows: Labelled
    rows: npt.NDArray[np.bool_]
    purpose: tuple[str | int, ...]
    common: Judge | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Exercises that it will know."""
        seen = np.unique(self.windows.targets[self.rows])
        own = tuple(self.windows.classes[label] for label in seen)
        return merge_classes(self.common.classes, own) if self.common else own


def fit_judges(
    fits: Sequence[Fit], recipe: Recipe, engine: str | Engine = "auto"
) -> list[Judge | TrainingError]:
    """Train networks of one cohort, all in one call of the engine.

    Parameters
    ----------
    fits
        What to train; many may share windows.
    recipe
        How.
    engine
        By which engine.

    Returns
    -------
    list of Judge or TrainingError
        For each fit, in order, its network, or why there is none.
    """
    pairs = [_make_member(fit, recipe) for fit in fits]
    outcomes = train_members([member for member, _ in pairs], engine)
    return [
        outcome
        if isinstance(outcome, TrainingError)
        else Judge(fit.classes, join(outcome.network), outcome.windows)
        for fit, (_, join), outcome in zip(fits, pairs, outcomes, strict=True)
    ]


def _make_member(fit: Fit, recipe: Recipe) -> tuple[Member, Callable[[Network], Network]]:
    classes, windows = fit.classes, fit.windows
    # Windows that are not trained on may be of exercises without an output: any number does.
    place = np.searchsorted(classes, windows.classes) % max(len(classes), 1)
    rows = np.flatnonzero(fit.rows)
    known = len(np.unique(windows.targets[rows]))
    member = Member(
        key=windows.user,
        inputs=windows.inputs,
        targets=place[windows.targets],
        classes=len(classes) if known > 1 or not len(rows) else 1,
        seed=make_key(recipe.seed, windows.user, *fit.purpose)[0],
        training=recipe.training,
        train=rows,
    )
    if fit.common is None or member.classes == 1:
        return member, _as_it_is
    return start_tuning(member, fit.common.network, np.searchsorted(classes, fit.common.classes))


def _as_it_is(network: Network) -> Network:
    return network


def try_kinds(
    windows: Labelled,
    commons: Mapping[int, Judge],
    fitted: Mapping[tuple[str, int], Judge | TrainingError],
    kinds: Sequence[str],
    criterion: str = "error",
) -> Evidence:
    """Try each kind on a person's held-out sets.

    Parameters
    ----------
    windows
        The person's.
    commons
        By fold, the common network that never saw the sets of it.
    fitted
        By ``("own" or "fine-tuned", fold)``, networks of the person's other folds.
    kinds
        Which kinds. One that could not be trained in a fold is left out.
    criterion
        One of :data:`CRITERIA`; see :func:`measure_losses`.
    """
    held = {
        fold: np.flatnonzero(windows.testable & (windows.folds == fold))
        for fold in np.unique(windows.folds[windows.testable]).tolist()
    }
    if not held:
        return Evidence(0)
    kinds = [kind for kind in kinds if _is_there(kind, list(held), fitted)]
    among = merge_classes(
        [name for fold in held for name in commons[fold].classes], windows.classes
    )
    order = np.concatenate(list(held.values()))
    truth = np.searchsorted(among, windows.classes)[windows.targets[order]]
    losses = {}
    for kind in kinds:
        judges = {fold: list_judges(kind, fold, commons, fitted) for fold in held}
        said = [average(judges[fold], windows.inputs[rows], among) for fold, rows in held.items()]
        losses[kind] = measure_losses(truth, np.concatenate(said), windows.sets[order], criterion)
    return Evidence.of(losses)


def _is_there(kind: str, folds: Sequence[int], fitted: Mapping[tuple[str, int], object]) -> bool:
    needed = {"common": None, "ensemble": "own"}.get(kind, kind)
    return needed is None or all(isinstance(fitted.get((needed, fold)), Judge) for fold in folds)


def list_trained(kinds: Sequence[str]) -> list[str]:
    """Return for which of the kinds networks of a person are trained.

    Examples
    --------
    >>> list_trained(["common", "fine-tuned", "ensemble"])
    ['fine-tuned', 'own']
    """
    needed = {"ensemble": "own"}
    return sorted({needed.get(kind, kind) for kind in kinds} - {"common"})


def list_judges(
    kind: str,
    fold: int,
    commons: Mapping[int, Judge],
    fitted: Mapping[tuple[str, int], Judge | TrainingError],
) -> list[Judge]:
    """Return the networks whose mean a kind is, in a fold."""
    judges = [] if kind in ("own", "fine-tuned") else [commons[fold]]
    personal = fitted.get(("own" if kind == "ensemble" else kind, fold))
    return [*judges, personal] if isinstance(personal, Judge) else judges


def measure_losses(
    truth: Integers, chances: Chances, sets: Integers, criterion: str
) -> npt.NDArray[np.float64]:
    """Return the loss of each set, the lower the better.

    Parameters
    ----------
    truth
        Shape (window,), the class of each.
    chances
        Shape (window, class).
    sets
        Shape (window,), which set each is of.
    criterion
        ``"error"``: 1 where the vote of the set's windows is wrong, else 0. ``"windows"``: share
        of the set's windows that are wrong. ``"loss"``: mean of -log(chance of what was done)
        over its windows. ``"muvr"``: what
        :func:`~workoutlab.recognition.tuning.validation.muvr_criterion` over windows lacks to its
        best, 8, as an eighth. That is a figure of all sets together; a set's part in it is its
        jackknife pseudo-value, n times the figure of all n sets minus n - 1 times that without
        it (J. Tukey 1958).

    Returns
    -------
    ndarray
        Shape (set,), by ascending number of set.

    Raises
    ------
    InputError
        If there is no such criterion.

    Examples
    --------
    >>> chances = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    >>> truth, sets = np.array([0, 0, 1]), np.array([0, 0, 1])
    >>> measure_losses(truth, chances, sets, "error").tolist()
    [0.0, 0.0]
    >>> measure_losses(truth, chances, sets, "windows").tolist()
    [0.5, 0.0]
    """
    numbers, place = np.unique(sets, return_inverse=True)
    if criterion == "error":
        labels = np.zeros(len(numbers), np.int64)
        labels[place] = truth
        wrong: npt.NDArray[np.bool_] = vote(chances, sets)[1].argmax(axis=1) != labels
        return wrong.astype(np.float64)
    if criterion == "muvr":
        return _jackknife(truth, chances.argmax(axis=1), place, chances.shape[1])
    if criterion == "windows":
        each = (chances.argmax(axis=1) != truth).astype(np.float64)
    elif criterion == "loss":
        each = -np.log(np.maximum(chances[np.arange(len(truth)), truth], _LEAST_CHANCE))
    else:
        raise InputError(f"criterion: expected one of {', '.join(CRITERIA)}, got {criterion!r}")
    means: npt.NDArray[np.float64] = np.bincount(place, each) / np.bincount(place)
    return means


def _jackknife(
    truth: Integers, predicted: Integers, place: Integers, classes: int
) -> npt.NDArray[np.float64]:
    names = [str(label) for label in range(classes)]
    whole = count_confusion(truth, predicted, names)
    sets = int(place.max()) + 1
    lacking = _lack(whole)
    values = np.full(sets, lacking)
    if sets > 1:
        for number in range(sets):
            inside = place == number
            part = count_confusion(truth[inside], predicted[inside], names)
            without = _lack(Confusion(whole.classes, whole.counts - part.counts))
            values[number] = sets * lacking - (sets - 1) * without
    return values


def _lack(confusion: Confusion) -> float:
    """Return what Muvr's sum lacks to 8, as an eighth."""
    return 1 - muvr_criterion(confusion) / 8
