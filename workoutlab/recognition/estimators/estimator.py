"""scikit-learn classifiers and pipelines in place of networks, under the same protocols."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError, TrainingError
from workoutlab.learning.members import balance_rows
from workoutlab.learning.threads import one_thread
from workoutlab.learning.training import Training
from workoutlab.recognition.recipe import Inputs
from workoutlab.signals.inputs import check_inputs

__all__ = ["Estimator", "fit_estimator", "one_at_a_time"]

_LOCK: Final = Lock()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let scikit-learn work for one thread of the process, with one thread of BLAS.

    It swaps the process's warning filters while it works, and threads that do so at the same time
    leave them wrong. An estimator that can use several cores does so by its ``n_jobs``.

    Examples
    --------
    >>> with one_at_a_time():
    ...     pass
    """
    with _LOCK, one_thread():
        yield


@dataclass(frozen=True, eq=False)
class Estimator:
    """A scikit-learn classifier or pipeline in place of a network, under the same protocol.

    Parameters
    ----------
    estimator
        A classifier with ``predict_proba``; it is cloned, and seeded where it or a step of it
        takes a ``random_state``. One is fitted at a time in a process: give it ``n_jobs`` to use
        the cores.
    inputs
        What a window becomes, ``Statistics()`` say. Those that are not known stay NaN; an estimator
        that takes none goes into a pipeline behind an imputer.
    balance
        Windows of rare exercises are repeated this often at most; 1 repeats none.
    seed
        Decides the estimator's random numbers, for each person and split differently.

    Raises
    ------
    InputError
        If the estimator has no ``predict_proba``, or a setting cannot mean anything.

    Examples
    --------
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from workoutlab.signals import Statistics
    >>> Estimator(ExtraTreesClassifier(100), Statistics()).settings()["estimator"]
    'ExtraTreesClassifier()'
    """

    estimator: Any
    inputs: Inputs
    balance: int = 1
    seed: int = 0

    augment: ClassVar[None] = None
    epochs: ClassVar[int] = 1
    """It is fitted once, to windows as they are."""

    def __post_init__(self) -> None:
        whole = not isinstance(self.estimator, type) and hasattr(self.estimator, "fit")
        if not whole or not hasattr(self.estimator, "predict_proba"):
            raise InputError(
                f"expected a Recipe, or a scikit-learn classifier with predict_proba, whose "
                f"probabilities are averaged over a set; got {self.estimator!r}"
            )
        check_inputs(self.inputs)
        Training(balance=self.balance, seed=self.seed)  # refuses what it does not take

    @property
    def training(self) -> Training:
        """What an estimator shares with networks: how classes are balanced."""
        return Training(balance=self.balance, seed=self.seed)

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {
            "inputs": dict(self.inputs.settings()),
            "estimator": repr(self.estimator),
            "balance": self.balance,
            "seed": self.seed,
        }

    def digest(self) -> str:
        """Return the SHA-256, in hex, of the settings and all of the estimator's parameters.

        A parameter that is an object is told from others by its ``repr``.
        """
        parameters = {name: repr(value) for name, value in self._parameters().items()}
        text = json.dumps([self.settings(), parameters], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def choose(self, choice: Any) -> "Estimator":
        """Return the same with other parameters of the estimator.

        Parameters
        ----------
        choice
            Values by name, as ``set_params`` takes them: ``logisticregression__C`` in a pipeline.

        Raises
        ------
        InputError
            If there is no such parameter.
        """
        from sklearn.base import clone

        known = self._parameters()
        if unknown := sorted(set(choice) - set(known)):
            raise InputError(
                f"search: {type(self.estimator).__name__} has no parameter {unknown[0]!r}; there "
                f"are {', '.join(sorted(known))}"
            )
        return replace(self, estimator=clone(self.estimator).set_params(**choice))

    def make(self, seed: int) -> Any:
        """Return a copy of the estimator that is not fitted, seeded where it was not."""
        from sklearn.base import clone

        made = clone(self.estimator)
        random = {
            name: seed % 2**32
            for name, value in made.get_params().items()
            if name.split("__")[-1] == "random_state" and value is None
        }
        return made.set_params(**random)

    def _parameters(self) -> dict[str, Any]:
        get_params = getattr(self.estimator, "get_params", None)
        return {} if get_params is None else dict(get_params())


def fit_estimator(
    recipe: Estimator, inputs: npt.NDArray[np.float32], targets: npt.NDArray[np.int64], seed: int
) -> Any:
    """Return an estimator fitted to windows.

    Parameters
    ----------
    recipe
        The estimator, and how classes are balanced.
    inputs, targets
        Shapes (window, input) and (window,); classes are numbered without gaps.
    seed
        Of its random numbers.

    Raises
    ------
    TrainingError
        If there is one class only, or the estimator refuses the data.
    """
    if targets.max(initial=0) < 1:
        raise TrainingError(
            f"{len(inputs)} windows of one exercise; expected two exercises or more to tell apart"
        )
    rows = balance_rows(targets, recipe.balance)
    try:
        with one_at_a_time():
            return recipe.make(seed).fit(inputs[rows], targets[rows])
    except ValueError as error:  # scikit-learn's way to refuse data
        raise TrainingError(str(error)) from error
