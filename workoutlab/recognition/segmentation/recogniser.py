"""A recogniser: everything that turns samples into sets, opened and ready.

Two window classifiers stand at its heart, as in Muvr: the first tells activity from rest, the
second names the exercise. What they say of windows is decoded into sets by
:mod:`workoutlab.recognition.segmentation.chain`, one code path for recordings and live streams.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from importlib import import_module
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recognition.keeping.personal import Predictor
from workoutlab.recognition.segmentation.blueprint import check_streamed
from workoutlab.recognition.segmentation.calibration import Calibration, tempered
from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.schema import EVERYONE, UNKNOWN, check_number
from workoutlab.signals import Inputs

__all__ = ["ACTIVITY", "Decoding", "Novelty", "Recogniser", "Stage", "Verdict", "WindowScores"]

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

ACTIVITY: Final = ("active", "rest")
"""Classes of the first stage, in this order."""


class Novelty(Protocol):
    """Tells how far windows are from all that a stage was trained on."""

    def measure(self, inputs: Floats) -> Doubles:
        """Return the strangeness of each window, shape (window,), of inputs (window, input)."""


class WindowScores(NamedTuple):
    """What a stage says of windows.

    ``chances`` (window, class), float64, calibrated, rows sum to 1; ``strangeness`` (window,),
    float64: how far each is from the windows that were trained on; zeros where that is not
    measured.
    """

    chances: Doubles
    strangeness: Doubles


@dataclass(frozen=True, eq=False)
class Among:
    """A predictor of which only some classes can be: their chances, made to sum to 1.

    Parameters
    ----------
    predictor
        Of all classes.
    places
        Which of them can be.
    """

    predictor: Predictor
    places: tuple[int, ...]

    def predict(self, inputs: npt.ArrayLike) -> Floats:
        """Return the chances of the classes that can be, shape (window, class).

        Where the predictor gives none of them a chance, they are all alike.
        """
        kept = self.predictor.predict(inputs)[:, self.places] + np.finfo(np.float32).tiny
        chances: Floats = kept / kept.sum(axis=1, keepdims=True, dtype=np.float32)
        return chances


class Verdict(NamedTuple):
    """What a set is taken for.

    ``exercise`` is the ``guess``, or ``"unknown"`` where that is not certain enough;
    ``confidence`` is the calibrated probability of the guess; ``scores`` that of every exercise.
    """

    exercise: str
    guess: str
    confidence: float
    scores: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Stage:
    """One classifier of windows.

    Parameters
    ----------
    classes
        Names of the classes, in the order of the chances.
    predictor
        Turns inputs of windows into chances.
    inputs
        What a window becomes.
    length, step
        Of windows, in samples of the recogniser's grid.
    temperature
        What the logarithms of chances are divided by, so that they are calibrated; 1 leaves them.
    odds
        What is taken from the logarithm of the first class's odds after that; 0 leaves them.
    novelty
        Tells how far a window is from those that were trained on; None: not measured.
    model
        Name of the models in the lab, and whose it is, ``"sets-activity of ann"`` say; empty where
        it is in none.

    Raises
    ------
    InputError
        If a setting cannot mean anything, or an input needs channels that need filters: those
        cannot be made packet by packet.

    Examples
    --------
    >>> from workoutlab.signals import Statistics
    >>> class Even:
    ...     def predict(self, inputs):
    ...         return np.full((len(inputs), 2), 0.5, np.float32)
    >>> stage = Stage(ACTIVITY, Even(), Statistics(), length=200, step=50)
    >>> still = np.tile(np.float32([0, 0, 1]), (400, 1))
    >>> stage.score(still, np.array([0, 200]), rate_hz=50).chances.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """

    classes: tuple[str, ...]
    predictor: Predictor = field(repr=False)
    inputs: Inputs = field(repr=False)
    length: int
    step: int
    temperature: float = 1.0
    novelty: Novelty | None = field(default=None, repr=False)
    model: str = ""
    odds: float = 0.0

    def __post_init__(self) -> None:
        for name in ("length", "step"):
            check_number(name, getattr(self, name), whole=True, low=1)
        check_number("temperature", self.temperature, above=0)
        check_streamed(self.inputs.channels)

    def describe(self, samples: Floats, starts: Integers, rate_hz: float) -> Floats:
        """Return what windows become.

        Parameters
        ----------
        samples
            float32 of shape (sample, 3), in g, on the recogniser's grid.
        starts
            Shape (window,): the first sample of each window.
        rate_hz
            Rate of the grid.

        Returns
        -------
        numpy.ndarray
            float32 of shape (window, input).
        """
        from workoutlab.kernels.windows import split_channels  # Numba loads when it is needed

        planes = split_channels(samples, self.inputs.channels)
        return self.inputs.compute(planes, starts, self.length, rate_hz)

    def predict(self, inputs: Floats) -> WindowScores:
        """Return calibrated chances, and strangeness, of inputs of shape (window, input)."""
        chances = tempered(self.predictor.predict(inputs), self.temperature)
        if self.odds:
            chances[:, 0] *= np.exp(-self.odds)
            chances /= chances.sum(axis=1, keepdims=True)
        if self.novelty is None:
            return WindowScores(chances, np.zeros(len(chances)))
        return WindowScores(chances, self.novelty.measure(inputs))

    def among(self, classes: Sequence[str]) -> "Stage":
        """Return a stage that knows some of the classes alone, in this stage's order."""
        places = tuple(at for at, name in enumerate(self.classes) if name in classes)
        names = tuple(self.classes[at] for at in places)
        return replace(self, classes=names, predictor=Among(self.predictor, places))

    def score(self, samples: Floats, starts: Integers, rate_hz: float) -> WindowScores:
        """Return what :meth:`predict` says of windows that :meth:`describe` describes."""
        return self.predict(self.describe(samples, starts, rate_hz))


@dataclass(frozen=True, eq=False)
class Recogniser:
    """Turns samples into sets; made by :func:`train_recogniser`, opened by `open_recogniser`.

    Parameters
    ----------
    activity
        The first stage; its classes are :data:`ACTIVITY`.
    exercises
        The second stage, which names the exercise of what the first one calls active.
    rate_hz
        Rate of the grid that samples are resampled to.
    decoding
        How window scores become sets.
    counter
        Settings of the counting of repetitions; None: the usual ones.
    templates
        A repetition of each exercise, where known.
    temperature
        What the logarithms of a set's mean chances are divided by, so that its confidence is
        calibrated: windows of a set err together, and not independently.
    threshold
        A set whose confidence is lower is called ``"unknown"``.
    strangest
        A set whose strangeness is higher is called ``"unknown"``.
    name, user, snapshot, digest
        As which it is kept in a lab, for whom, the lab's snapshot, and the SHA-256 of all that
        decides what it finds.
    calibration
        How its temperatures and threshold were chosen, and what it says of held-out sets.
    """

    activity: Stage
    exercises: Stage
    rate_hz: float = 50.0
    decoding: Decoding = field(default_factory=Decoding)
    counter: Any = None
    templates: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    threshold: float = 0.0
    strangest: float = np.inf
    name: str = ""
    user: str = EVERYONE
    snapshot: str = ""
    digest: str = ""
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        if tuple(self.activity.classes) != ACTIVITY:
            raise InputError(f"activity: expected the classes {ACTIVITY}, got {self.activity}")
        check_number("rate_hz", self.rate_hz, above=0)

    def __repr__(self) -> str:
        return f"Recogniser({'; '.join(f'{name} {value}' for name, value in self._facts())})"

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in self._facts()
        )
        return f"<table>{''.join(rows)}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        classes = self.exercises.classes
        windows = [each.length / self.rate_hz for each in (self.activity, self.exercises)]
        strangest = (
            f", or stranger than {self.strangest:.2f}" if np.isfinite(self.strangest) else ""
        )
        return [
            ("name", repr(self.name)),
            ("user", "everybody" if self.user == EVERYONE else repr(self.user)),
            (f"{len(classes)} exercises", ", ".join(classes)),
            ("rate", f"{self.rate_hz:g} Hz"),
            ("windows", f"{windows[0]:g} s for activity, {windows[1]:g} s for exercises"),
            ("unknown", f"below a confidence of {self.threshold:.2f}{strangest}"),
            ("templates", f"of {len(self.templates)} exercises"),
            ("digest", self.digest[:12] or "none"),
        ]

    def judge(self, scores: WindowScores) -> Verdict:
        """Return what a set is, from what the second stage says of windows in it.

        Parameters
        ----------
        scores
            Of the set's windows, one or more.

        Returns
        -------
        Verdict
            The exercise with the highest mean chance; ``"unknown"`` where its confidence is below
            the threshold, or the windows are on average stranger than `strangest`.
        """
        means = tempered(scores.chances.mean(axis=0)[None], self.temperature)[0]
        best = int(means.argmax())
        guess, confidence = self.exercises.classes[best], float(means[best])
        strange = float(scores.strangeness.mean()) > self.strangest
        certain = confidence >= self.threshold and not strange
        named = dict(zip(self.exercises.classes, means.tolist(), strict=True))
        return Verdict(guess if certain else UNKNOWN, guess, confidence, named)

    def among(self, exercises: Sequence[str]) -> "Recogniser":
        """Return a recogniser that knows that only some exercises can occur, as a plan tells.

        Exercises that feel alike on the wrist are then told apart where only one of them was
        planned. Confidences are among those that can occur, by the same calibration.

        Parameters
        ----------
        exercises
            Their names, as in the second stage's classes.

        Returns
        -------
        Recogniser
            It has a digest of its own.

        Raises
        ------
        InputError
            If one is not known, or there is none.
        """
        if not isinstance(exercises, Iterable):
            raise InputError(f"exercises: expected names, got {exercises!r}")
        wanted = [exercises] if isinstance(exercises, str) else list(exercises)
        strange = [name for name in wanted if name not in self.exercises.classes]
        if strange or not wanted:
            known = ", ".join(self.exercises.classes)
            what = ", ".join(map(repr, strange)) or "none"
            raise InputError(f"exercises: expected some of {known}; got {what}")
        told = json.dumps([self.digest, sorted(set(wanted))])
        digest = hashlib.sha256(told.encode()).hexdigest()
        return replace(self, exercises=self.exercises.among(wanted), digest=digest)

    def find(
        self, recording: Any, rate_hz: float | None = None, *, max_gap: str | float = "1s"
    ) -> Any:
        """Find the sets in a recording, or in samples (sample, 3) in g at `rate_hz`."""
        finding = import_module("workoutlab.recognition.segmentation.finding")
        return finding.find_sets(self, recording, rate_hz, max_gap=max_gap)

    def start(self) -> Any:
        """Return a chain that takes contiguous samples on the grid, packet by packet."""
        return import_module("workoutlab.recognition.segmentation.chain").Chain(self)

    def warm_up(self) -> None:
        """Load and compile what sets are found by, so that the first packets take no longer."""
        import_module("workoutlab.recognition.segmentation.warming").warm_up(self)
