"""Training people's networks: who is missing or has changed, in cohorts, with progress."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypedDict, Unpack

from workoutlab.cluster import check_reachable, progress
from workoutlab.errors import InputError
from workoutlab.learning.callbacks import Callback
from workoutlab.learning.engines import Engine
from workoutlab.recognition.cohorts import Cohort
from workoutlab.recognition.estimators.converted import check_converter
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.keeping.models import read_digests
from workoutlab.recognition.people import find_people
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.running import choose_place, run_cohorts
from workoutlab.recognition.tuning.choices import Choices, read_choices
from workoutlab.recognition.tuning.search import Policy
from workoutlab.recognition.tuning.selection import make_selection
from workoutlab.schema import check_id
from workoutlab.signals import Windows

__all__ = ["Running", "TrainResult", "train"]


@dataclass(frozen=True)
class TrainResult:
    """What a training run did.

    Parameters
    ----------
    name
        Of the models.
    trained
        People whose networks were trained.
    unchanged
        People whose networks were there already, made from the same data, recipe and code.
    failed
        People without a new network, and why.
    snapshot
        The lab's snapshot that holds the networks.
    choices
        What a search chose for those who have a network; None without one.
    """

    name: str
    trained: tuple[str, ...]
    unchanged: tuple[str, ...]
    failed: dict[str, str]
    snapshot: str
    choices: Choices | None = None

    @property
    def ok(self) -> bool:
        """Whether nobody failed."""
        return not self.failed

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "name": self.name,
            "trained": list(self.trained),
            "unchanged": list(self.unchanged),
            "failed": dict(self.failed),
            "snapshot": self.snapshot,
            "choices": None if self.choices is None else self.choices.as_dict(),
        }

    def __str__(self) -> str:
        people = len(self.trained) + len(self.unchanged) + len(self.failed)
        lines = [
            f"models {self.name!r}: {len(self.trained)} of {people} people trained, "
            f"{len(self.unchanged)} unchanged, {len(self.failed)} failed"
        ]
        if self.choices is not None:
            lines += str(self.choices).splitlines()
        return "\n".join([*lines, *(f"  {user}: {why}" for user, why in self.failed.items())])

    def _repr_html_(self) -> str:
        first, *further = str(self).splitlines()
        table = "" if self.choices is None else self.choices.to_html()
        told = further[len(str(self.choices).splitlines()) if self.choices else 0 :]
        return f"<p>{escape(first)}</p>{table}" + "".join(f"<p>{escape(line)}</p>" for line in told)


class Running(TypedDict, total=False):
    """How a training run is carried out; none of it changes what is trained."""

    engine: str | Engine
    device: str | None
    callbacks: Sequence[Callback]
    cohort: int | None
    retries: int
    progress: bool


class Options(Running, total=False):
    """How choices are compared, and how a training run is carried out."""

    folds: int
    share: float | None
    criterion: str


def train(
    windows: Windows,
    recipe: Recipe | Estimator,
    *,
    per: str = "user",
    name: str = "exercise",
    search: Policy | None = None,
    **options: Unpack[Options],
) -> TrainResult:
    """Train a network for each person, on the active Dask client if there is one.

    Each finished cohort is committed at once, and a run that is started again trains only those
    who have no network yet made from the same recordings, segments, recipe and code. So it is safe
    to kill, and cheap to repeat after new recordings have come.

    Parameters
    ----------
    windows
        The plan. Its labelled segments are trained on; networks go to the lab that it was made
        from, which moves to the snapshot that holds them.
    recipe
        How networks are trained; or an
        :class:`~workoutlab.recognition.estimators.estimator.Estimator`, a scikit-learn classifier
        or pipeline that is fitted in their place, kept as ONNX (extra ``onnx``), with parameters
        chosen by dask-ml's ``GridSearchCV``.
    per
        ``"user"``: one network a person. ``"all"``: one for all of them.
    name
        Name of the models; one lab may hold several.
    search
        Settings to choose from for each network by itself: a
        :class:`~workoutlab.recognition.tuning.search.Grid`, ``Random`` or ``Halving``. What is best
        on validation sets is trained again on all sets. Who has no exercise of two sets gets the
        recipe's own settings; the table of models tells why.
    **options
        ``folds``: in how many parts a person's sets are dealt for a search, 3 by default; or
        ``share``: this share of each exercise's sets is held out once instead. ``criterion``:
        ``"error"``, ``"loss"`` or ``"muvr"``, see
        :class:`~workoutlab.recognition.tuning.validation.Validation`.

        ``engine``: ``"stacked"``, ``"separate"`` or ``"auto"``, which is the former on a GPU.
        ``device``: ``"cuda"`` trains on GPUs, on a cluster on the workers that have the resource
        ``GPU``; ``"cpu"`` on none. ``callbacks``: what listens to the training of the networks that
        are kept, a :class:`~workoutlab.learning.callbacks.Callback` each;
        :class:`~workoutlab.learning.checkpoints.Checkpoints` let a long training go on where it
        was killed. ``cohort``: how many people a task trains; by default as many as
        are worthwhile and fit into the worker's memory, and few enough that every worker has many
        tasks. ``retries``: how often a task that broke is tried again, 1 by default, before its
        people are trained one by one. ``progress``: whether to show how many people are done, and
        the time left, on a terminal.

    Returns
    -------
    TrainResult
        Who was trained, who was not, and why.

    Raises
    ------
    InputError
        If a parameter cannot mean anything.
    LabError
        If the lab is in memory and the workers are other processes, or cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> import workoutlab as wl
    >>> from workoutlab.recognition import MLP, Models, Recipe, train
    >>> from workoutlab.signals import Statistics, windows
    >>> lab = wl.Lab("memory://train-example")
    >>> turn = np.sin(np.arange(3000) / 9)
    >>> sets = [
    ...     wl.LabelledSet(start=0, stop=1500, exercise="curl"),
    ...     wl.LabelledSet(start=1500, stop=3000, exercise="hold"),
    ... ]
    >>> moved = np.stack([turn * (np.arange(3000) < 1500), turn * 0, turn * 0 + 1], axis=1)
    >>> ann = wl.Recording(user="ann", session="1", acceleration=moved, rate_hz=50, sets=sets)
    >>> _ = lab.append([ann])
    >>> plan = windows(lab, length="2s")
    >>> print(train(plan, Recipe(Statistics(), MLP(16))))
    models 'exercise': 1 of 1 people trained, 0 unchanged, 0 failed
    >>> print(train(plan, Recipe(Statistics(), MLP(16))))
    models 'exercise': 0 of 1 people trained, 1 unchanged, 0 failed
    >>> Models(lab).network("ann").classes
    ('curl', 'hold')
    """
    check_id(name, "name of the models")
    _check_arguments(windows, recipe, options)
    selection = make_selection(search, recipe, options)
    place = choose_place(options.get("engine", "auto"), options.get("device"))
    lab = windows.home.refresh()
    check_reachable(lab.url)
    how = None if selection is None else selection.list_deciding(recipe)
    people = find_people(windows, recipe, per, how)
    known, seen = read_digests(lab.root(), name)
    changed = [person for person in people if known.get(person.user) != person.digest]
    unchanged = tuple(person.user for person in people if known.get(person.user) == person.digest)
    listeners = tuple(options.get("callbacks", ()))
    everyone = Cohort(windows, changed, recipe, name, place.engine, seen, selection, listeners)
    done, show = len(unchanged), options.get("progress", True)
    with progress("people", len(people), before=done, show=show) as report:
        failed: dict[str, str] = {}
        most, retries = options.get("cohort"), options.get("retries", 1)
        for users, failures in run_cohorts(everyone, place, most=most, retries=retries):
            done += len(users)
            failed.update(failures)
            report(done, len(failed))
    trained = tuple(person.user for person in changed if person.user not in failed)
    failed = dict(sorted(failed.items()))
    snapshot = lab.refresh().snapshot
    choices = None if selection is None else read_choices(lab.root(), name, [*trained, *unchanged])
    return TrainResult(name, trained, unchanged, failed, snapshot, choices)


def _check_arguments(windows: object, recipe: object, options: Options) -> None:
    if not isinstance(windows, Windows):
        raise InputError(f"windows: expected the plan of windows(lab), got {windows!r}")
    if not isinstance(recipe, Recipe | Estimator):
        raise InputError(f"recipe: expected a Recipe or an Estimator, got {recipe!r}")
    if isinstance(recipe, Estimator):
        check_converter()
    if unknown := set(options) - set(Options.__annotations__):
        known = ", ".join(sorted(Options.__annotations__))
        raise InputError(f"train takes {known}, got {', '.join(sorted(unknown))}")
    for each in options.get("callbacks", ()):
        if not isinstance(each, Callback):
            raise InputError(f"callbacks: expected objects of a kind of Callback, got {each!r}")
