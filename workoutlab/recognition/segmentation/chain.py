"""From samples to sets, packet by packet: the one path of recordings and live streams."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.learning.threads import one_thread
from workoutlab.recognition.segmentation.boundaries import SEARCH_S, find_start, find_stop
from workoutlab.recognition.segmentation.decoding import Decoder
from workoutlab.recognition.segmentation.found import FoundSet, StepScores
from workoutlab.recognition.segmentation.measuring import Running, measure
from workoutlab.recognition.segmentation.recogniser import Recogniser
from workoutlab.recognition.segmentation.scores import WindowScorer
from workoutlab.recognition.segmentation.tails import Tail

__all__ = ["Chain", "Change", "Ended", "Progress", "Started"]

_ACTIVE: Final = 0.5
"""A set whose latest window is less likely to be active is not told of."""
_PIECE: Final = 30_000
"""Samples that are worked on at once: memory is bounded by it, however much is pushed."""


@dataclass(frozen=True)
class Started:
    """A set has started at `sample`; known when there were `known` samples."""

    sample: int
    known: int


@dataclass(frozen=True)
class Progress:
    """What a set that goes on looks like after `sample` samples.

    `exercise` is ``"unknown"`` where that is not certain; `repetitions` is the likeliest number so
    far.
    """

    sample: int
    exercise: str
    confidence: float
    repetitions: int


@dataclass(frozen=True)
class Ended:
    """A set has ended; known when there were `known` samples."""

    found: FoundSet
    known: int


Change = Started | Progress | Ended


@dataclass(frozen=True)
class _Open:
    """A set that goes on: its state, the step it began with, its start, and what was told of it."""

    state: int
    step: int
    start: int
    told: int
    running: Running


class Chain:
    """Turns samples into sets as they come.

    What it tells does not depend on how samples are cut into packets, bit for bit, and memory is
    bounded: by the longest set of the recogniser's
    :class:`~workoutlab.recognition.segmentation.decoding.Decoding`.

    Parameters
    ----------
    recogniser
        The classifiers and settings.
    progress
        Whether to tell of sets that go on, once a second.
    trace
        Whether to keep what the stages say of every step, for plots; that grows with the signal.

    Notes
    -----
    Samples become windows, windows are scored by both stages, scores are averaged over steps, and
    steps are decoded into rest and exercises with minimum durations, a fixed lag behind. The start
    and the stop of a set are then looked for on the signal; its exercise is judged from the windows
    between them.
    """

    def __init__(
        self, recogniser: Recogniser, *, progress: bool = True, trace: bool = False
    ) -> None:
        self.recogniser, self._progress = recogniser, progress
        decoding, rate_hz = recogniser.decoding, recogniser.rate_hz
        self._activity, self._exercises = self._stages = tuple(
            WindowScorer(stage, rate_hz, step=decoding.step, reach=decoding.reach)
            for stage in (recogniser.activity, recogniser.exercises)
        )
        self._decoder = Decoder(
            decoding,
            len(recogniser.exercises.classes),
            rate_hz=rate_hz,
            length=recogniser.activity.length,
            known_after=max(each.known_after() for each in self._stages),
        )
        self._samples = Tail(3, np.float32)
        self._decided = 0
        self._open: _Open | None = None
        self._free = 0
        """The stop of the last set: the next one starts no earlier."""
        self._finished = False
        self._trace: list[tuple[npt.NDArray[np.float64], ...]] | None = [] if trace else None

    @property
    def samples(self) -> int:
        """Number of samples taken."""
        return self._samples.stop

    def push(self, samples: npt.ArrayLike) -> list[Change]:
        """Take the next samples, and return what is known by them.

        Parameters
        ----------
        samples
            Shape (sample, 3), in g, at the recogniser's rate, right after those before.

        Returns
        -------
        list
            Changes, in order.

        Raises
        ------
        InputError
            If the samples are not of that shape, one is not finite, or the chain is finished.
        """
        values = np.asarray(samples, np.float32)
        if values.ndim != 2 or values.shape[1] != 3 or not np.isfinite(values).all():
            raise InputError(
                f"samples: expected finite numbers of shape (sample, 3), got {values.shape}"
            )
        if self._finished:
            raise InputError("the chain is finished: recogniser.start() returns a new one")
        changes: list[Change] = []
        with one_thread():  # what is worked on is too short to be shared between threads
            for first in range(0, len(values), _PIECE):
                self._samples.append(values[first : first + _PIECE])
                self._advance(changes)
        return changes

    def finish(self) -> list[Change]:
        """Return what is known when there are no more samples; a set that goes on ends here.

        Raises
        ------
        InputError
            If the chain is finished already.
        """
        if self._finished:
            raise InputError("the chain is finished already")
        self._finished = True
        changes: list[Change] = []
        if not self._activity.scored or not self._exercises.scored:
            return changes
        with one_thread():
            self._close(changes)
        return changes

    def _close(self, changes: list[Change]) -> None:
        """Decide what is left."""
        stop, step = self.samples, self.recogniser.decoding.step
        rest = np.arange(self._decoder.steps, -(-stop // step))
        for state in self._score_steps(rest):
            self._decide(int(state), stop, changes)
        for state in self._decoder.finish():
            self._decide(int(state), stop, changes)
        if self._open is not None:
            self._end(stop, stop, changes, follows=False)

    def _advance(self, changes: list[Change]) -> None:
        for stage in self._stages:
            stage.score(self._samples, self.samples)
        first = self._decoder.steps
        steps = np.arange(first, self.samples // self.recogniser.decoding.step + 1)
        needed = np.maximum(*(stage.needed(steps) for stage in self._stages))
        ready = int(np.searchsorted(needed, self.samples, side="right"))
        states = self._score_steps(steps[:ready])
        for state, known in zip(states, needed[ready - len(states) : ready], strict=True):
            self._decide(int(state), int(known), changes)
        self._forget()

    def _score_steps(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Take steps that are known, and return the states of those that are decided by them."""
        if not len(steps):
            return steps
        active, exercises = (stage.average(steps) for stage in self._stages)
        if self._trace is not None:
            self._trace.append((active[:, 0], exercises))
        return self._decoder.push(active, exercises)

    def _decide(self, state: int, known: int, changes: list[Change]) -> None:
        """Take the state of the next step, decided when there were `known` samples."""
        decoding = self.recogniser.decoding
        step, self._decided = self._decided, self._decided + 1
        here, running = step * decoding.step, self._open
        if running is not None:
            longest = decoding.count_steps(decoding.longest_s, self.recogniser.rate_hz)
            if state != running.state or step - running.step >= longest:
                self._end(here, known, changes, follows=state > 0)
            else:
                self._tell(running, known, changes)
        if state and self._open is None:
            follows = running is not None  # one set after the other, without a rest
            start = here if follows else max(self._find(find_start, here, known), self._free)
            self._open = _Open(state, step, start, known, Running(start))
            changes.append(Started(self._open.start, known))

    def _find(self, find: Any, coarse: int, known: int) -> int:
        """Look for a start or stop on the signal, near where steps change."""
        if not self.recogniser.decoding.refine:
            return min(coarse, known)
        reach = 2 * round(SEARCH_S * self.recogniser.rate_hz)
        low, high = max(coarse - reach, self._samples.first, 0), min(coarse + reach, known)
        around = self._samples.rows(low, high)
        return low + int(find(around, min(coarse, known) - low, self.recogniser.rate_hz))

    def _tell(self, running: _Open, known: int, changes: list[Change]) -> None:
        """Tell of a set that goes on, once a second, while it does not look like rest.

        Whether it has ended is decided a lag later: what is done meanwhile is no part of it.
        """
        if not self._progress or known - running.told < self.recogniser.rate_hz:
            return
        latest = self._activity.within(known - self.recogniser.activity.length, known, known)
        if latest.chances[:, 0].mean() < _ACTIVE:
            self._open = replace(running, told=known)
            return
        verdict = self.recogniser.judge(self._exercises.within(running.start, known, known))
        samples = self._samples.rows(running.running.since, known)
        counted, further = running.running.go_on(self.recogniser, samples, verdict.guess)
        self._open = replace(running, told=known, running=further)
        changes.append(Progress(known, verdict.exercise, verdict.confidence, counted))

    def _end(self, coarse: int, known: int, changes: list[Change], *, follows: bool) -> None:
        """End the open set; `follows`: another one follows without a rest."""
        running, self._open = self._open, None
        assert running is not None
        decoding = self.recogniser.decoding
        start, stop = running.start, coarse
        if not follows:  # what follows is a rest of that length at least
            rest = decoding.count_steps(decoding.shortest_rest_s, self.recogniser.rate_hz)
            latest = coarse + rest * decoding.step
            stop = min(self._find(find_stop, coarse, known), latest)
        if stop - start < decoding.shortest_set_s / 2 * self.recogniser.rate_hz:
            # The signal and the windows disagree: what windows say stands.
            start, stop = max(running.step * decoding.step, self._free), coarse
        self._free = stop
        verdict = self.recogniser.judge(self._exercises.within(start, stop, known))
        active = self._activity.within(start, stop, known).chances[:, 0].mean()
        measures = measure(self.recogniser, self._samples.rows(start, stop), verdict.guess)
        found = FoundSet(
            start=start,
            stop=stop,
            rate_hz=self.recogniser.rate_hz,
            exercise=verdict.exercise,
            guess=verdict.guess,
            confidence=verdict.confidence,
            scores=verdict.scores,
            active=float(active),
            **measures._asdict(),
        )
        changes.append(Ended(found, known))

    def _forget(self) -> None:
        """Let go of what no set to come needs."""
        reach = 2 * round(SEARCH_S * self.recogniser.rate_hz)
        needed = self._decided * self.recogniser.decoding.step - reach
        if self._open is not None:
            needed = min(needed, self._open.start)
        for stage in self._stages:
            stage.forget(needed)
            needed = min(needed, stage.first_sample)
        self._samples.forget(needed)

    @property
    def scores(self) -> StepScores:
        """What the stages say of the steps so far, if that is kept."""
        decoding, names = self.recogniser.decoding, self.recogniser.exercises.classes
        kept = self._trace or [(np.empty(0), np.empty((0, len(names))))]
        active, exercises = (np.concatenate(column) for column in zip(*kept, strict=True))
        start_s = np.arange(len(active)) * decoding.step / self.recogniser.rate_hz
        return StepScores(start_s, active, exercises, names)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` needs to go on: arrays, numbers and texts, nested."""
        return {
            "format": 1,
            "digest": self.recogniser.digest,
            "samples": self._samples.state(),
            "activity": self._activity.state(),
            "exercises": self._exercises.state(),
            "decoder": self._decoder.state(),
            "decided": self._decided,
            "open": None if self._open is None else _tell_open(self._open),
            "free": self._free,
            "finished": self._finished,
            "progress": self._progress,
        }

    @classmethod
    def restore(cls, recogniser: Recogniser, state: Mapping[str, Any]) -> "Chain":
        """Return the chain that :meth:`state` told of; what it kept for plots is not in it.

        Raises
        ------
        InputError
            If the state is of another recogniser or another version.
        """
        if state.get("format") != 1:
            raise InputError("state: this workoutlab does not read it; start a new chain")
        if state["digest"] != recogniser.digest:
            raise InputError(
                "state: it is of another recogniser; open the one that it was made with"
            )
        chain = cls(recogniser, progress=bool(state["progress"]))
        chain._samples.restore(state["samples"])
        chain._activity.restore(state["activity"])
        chain._exercises.restore(state["exercises"])
        chain._decoder.restore(state["decoder"])
        chain._decided, chain._free = int(state["decided"]), int(state["free"])
        chain._open = _restore_open(state["open"])
        chain._finished = bool(state["finished"])
        return chain


def _tell_open(running: _Open) -> dict[str, Any]:
    return {**asdict(running), "running": list(running.running)}


def _restore_open(state: Mapping[str, Any] | None) -> _Open | None:
    if state is None:
        return None
    return _Open(**{**state, "running": Running(*state["running"])})
