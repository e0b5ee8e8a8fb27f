"""How a recogniser comes about: everything that decides it, besides the data."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.learning.networks import MLP
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.repetitions.counting import Counter
from workoutlab.recognition.segmentation.blueprint import STREAMED, Blueprint, check_streamed
from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.recording import Recording
from workoutlab.schema import check_number
from workoutlab.signals import Statistics, Windows, windows
from workoutlab.signals.lengths import count_samples, parse_length, parse_rate

__all__ = ["SetRecipe"]

Source = Lab | Recording | Iterable[Recording]


_MOVEMENT: Final = (
    *("sd", "range", "jerk", "jerk_rms", "jerk_max", "log_dimensionless_jerk"),
    *("permutation_entropy", "dominant_frequency", "dominant_share", "spectral_entropy"),
    *("period", "periodicity", "period_prominence"),
)
"""How much is moved, how smoothly and how regularly, but not in which posture."""


def _moving() -> Recipe:
    """Return what told sets from rests in sessions of which it had seen nothing.

    Without postures, which differ from session to session more than from set to rest, and small:
    there are few kinds of rests to learn from.
    """
    return Recipe(
        Statistics(_MOVEMENT, channels=STREAMED),
        MLP(16),
        scaling="ramps",
        smoothing=0.1,
        rate=0.05,
        schedule="cosine",
        batch=100,
        weight_decay=0.01,
    )


def _usual() -> Recipe:
    """Return what recognised Muvr's sets best, on splits other than those that are reported."""
    return Recipe(
        Statistics("all", channels=STREAMED),
        MLP(250, 50, dropout_keep=0.5),
        scaling="ramps",
        smoothing=0.1,
        rate=0.05,
        schedule="cosine",
        batch=100,
    )


@dataclass(frozen=True, kw_only=True)
class SetRecipe:
    """How a recogniser comes about; the defaults did well on Muvr's recordings.

    Parameters
    ----------
    activity, exercise
        How the networks of the two stages are trained. Inputs are of the axes and the magnitude,
        which can be made sample by sample.
    activity_length, exercise_length
        Of their windows. Long ones show what is regular; the ends of sets are found on the signal.
    step
        Time from one window to the next in training.
    every
        Time from one window to the next where sets are looked for; a step of the decoding.
    grouped
        Whether the muscle group is named first, and the exercise by a network of that group, as in
        Muvr; the chances of both are multiplied.
    folds
        Number of parts that sets are dealt into for calibration: each is predicted by networks
        that the others taught.
    lost
        Share of the sets named rightly that may be called unknown for want of confidence, or for
        being strange: that decides the thresholds.
    rate_hz
        Rate of the grid.
    decoding
        How window scores become sets.
    counter
        Settings of the counting of repetitions; None: the usual ones.

    Raises
    ------
    InputError
        If a setting cannot mean anything.

    Examples
    --------
    >>> SetRecipe(exercise_length="6s").sizes()
    {'activity': (300, 25), 'exercise': (300, 25)}
    """

    activity: Recipe | Estimator = field(default_factory=_moving)
    exercise: Recipe | Estimator = field(default_factory=_usual)
    activity_length: str | float = "6s"
    exercise_length: str | float = "5s"
    step: str | float = "1s"
    every: str | float = "500ms"
    grouped: bool = False
    folds: int = 3
    lost: float = 0.05
    rate_hz: float = 50.0
    decoding: Decoding | None = None
    counter: Counter | None = None

    def __post_init__(self) -> None:
        for name in ("activity", "exercise"):
            recipe = getattr(self, name)
            if not isinstance(recipe, Recipe | Estimator):
                raise InputError(f"{name}: expected a Recipe or an Estimator, got {recipe!r}")
            check_streamed(recipe.inputs.channels)
        if not isinstance(self.grouped, bool):
            raise InputError(f"grouped: expected True or False, got {self.grouped!r}")
        check_number("folds", self.folds, whole=True, low=2)
        check_number("lost", self.lost, low=0, below=1)
        parse_rate(self.rate_hz)
        if not isinstance(self.counter, Counter | None):
            raise InputError(f"counter: expected a Counter, got {self.counter!r}")
        if not isinstance(self.decoding, Decoding | None):
            raise InputError(f"decoding: expected a Decoding, got {self.decoding!r}")
        _ = self.sizes(), self._count(self.step, "step")

    def _count(self, length: str | float, what: str) -> int:
        return int(count_samples(parse_length(length, what), [self.rate_hz], what)[0])

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return length and step of the windows of each stage, in samples of the grid."""
        every = self._count(self.every, "every")
        return {
            name: (self._count(getattr(self, f"{name}_length"), f"{name}_length"), every)
            for name in ("activity", "exercise")
        }

    @property
    def decoded(self) -> Decoding:
        """How window scores become sets; by steps of `every`, unless a decoding is given."""
        if self.decoding is not None:
            return self.decoding
        return Decoding(step=self._count(self.every, "every"))

    def blueprint(self) -> Blueprint:
        """Return what a recogniser of it takes, and how scores become sets."""
        return Blueprint(
            inputs={"activity": self.activity.inputs, "exercise": self.exercise.inputs},
            sizes=self.sizes(),
            rate_hz=float(self.rate_hz),
            decoding=self.decoded,
            counter=self.counter,
        )

    def plan(self, source: Source, label: str, **filters: Any) -> Windows:
        """Plan the windows that a stage learns from.

        Parameters
        ----------
        source
            A lab, or recordings in memory.
        label
            As in :func:`workoutlab.windows`; by ``"activity"`` the first stage's.
        **filters
            As in :func:`workoutlab.windows`.
        """
        length = self.activity_length if label == "activity" else self.exercise_length
        how: Any = {"length": length, "step": self.step, "rate_hz": self.rate_hz, "label": label}
        planned: Windows = windows(source, **how, **filters)
        return planned

    def settings(self) -> dict[str, object]:
        """Return all settings, as JSON takes them."""
        return {
            **{name: getattr(self, name).settings() for name in ("activity", "exercise")},
            "sizes": {name: list(size) for name, size in self.sizes().items()},
            "step": self._count(self.step, "step"),
            **{name: getattr(self, name) for name in ("grouped", "folds", "lost", "rate_hz")},
            "decoding": asdict(self.decoded),
            "counter": None if self.counter is None else asdict(self.counter),
        }

    def digest(self) -> str:
        """Return the SHA-256 of the settings, in hex."""
        return hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
