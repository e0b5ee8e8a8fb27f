"""What the stages say of windows, and of steps, as samples come."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from workoutlab.recognition.segmentation.recogniser import Stage, WindowScores
from workoutlab.recognition.segmentation.tails import Tail

__all__ = ["WindowScorer"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_BLOCK: Final = 8
"""Windows that are predicted together. A product of matrices rounds a row in a way that depends on
how many rows there are: window k is always row k modulo this of so many, the others being zeros
where they are not at hand, so that its chances do not depend on its company, bit for bit."""


class WindowScorer:
    """Scores the windows of one stage, each once, when its last sample is there.

    Window k starts at sample k x the stage's step. Scores are kept until they are forgotten.

    Parameters
    ----------
    stage
        The stage.
    rate_hz
        Of the grid.
    step, reach
        Of :class:`~workoutlab.recognition.segmentation.decoding.Decoding`: samples of a step, and
        the share of a window's length within which a window's middle counts for a step.
    """

    def __init__(self, stage: Stage, rate_hz: float, *, step: int, reach: float) -> None:
        self._stage, self._rate_hz = stage, rate_hz
        self._step, self._reach = step, reach * stage.length
        classes = len(stage.classes)
        # Strangeness stands behind the chances.
        self._scores = Tail(classes + 1, np.float64)

    @property
    def first_sample(self) -> int:
        """The first sample that is still needed, of the next window to score."""
        return self._scores.stop * self._stage.step

    def score(self, samples: Tail, stop: int) -> None:
        """Score every window that lies before sample `stop` and was not scored."""
        stage, first = self._stage, self._scores.stop
        last = max((stop - stage.length) // stage.step + 1, first)
        if last == first:
            return
        start = first * stage.step
        part = samples.rows(start, (last - 1) * stage.step + stage.length)
        starts = np.arange(last - first, dtype=np.int64) * stage.step
        inputs = stage.describe(np.ascontiguousarray(part), starts, self._rate_hz)
        self._scores.append(self._predict(inputs, first))

    def _predict(self, inputs: npt.NDArray[np.float32], first: int) -> Doubles:
        """Return chances and strangeness of the windows from number `first` on."""
        out = np.empty((len(inputs), len(self._stage.classes) + 1))
        low = 0
        while low < len(inputs):
            row = (first + low) % _BLOCK
            high = min(low + _BLOCK - row, len(inputs))
            block = np.zeros((_BLOCK, inputs.shape[1]), np.float32)
            block[row : row + high - low] = inputs[low:high]
            found = self._stage.predict(block)
            out[low:high, :-1] = found.chances[row : row + high - low]
            out[low:high, -1] = found.strangeness[row : row + high - low]
            low = high
        return out

    def known_after(self) -> int:
        """Return how many samples after its start a step's windows are all known, at most."""
        return int(np.ceil(self._step / 2 + self._reach + self._stage.length / 2)) + 1

    def needed(self, steps: Integers) -> Integers:
        """Return the number of samples that there must be for all windows of each step."""
        last = np.maximum(self._spans(steps)[:, 1] - 1, 0)
        needed: Integers = last * self._stage.step + self._stage.length
        return needed

    def average(self, steps: Integers) -> Doubles:
        """Return chances averaged over each step, shape (step, class).

        A step that no window's middle is near has the scores of the nearest window.
        """
        from workoutlab.kernels.decoding import average_windows

        spans = np.minimum(self._spans(steps), self._scores.stop)
        spans[:, 0] = np.minimum(spans[:, 0], spans[:, 1] - 1)
        windows = spans[:, :1] + np.arange(int((spans[:, 1] - spans[:, 0]).max(initial=1)))
        apart = np.abs(self._middle(windows) - (steps[:, None] + 0.5) * self._step)
        weights = np.maximum(1 - apart / (self._reach + self._step), 1e-3)
        first = int(spans[:, 0].min(initial=self._scores.stop))
        chances = np.ascontiguousarray(self._scores.rows(first, self._scores.stop)[:, :-1])
        return average_windows(chances, first, spans, weights)

    def _middle(self, windows: Integers) -> Doubles:
        return np.asarray(windows * self._stage.step + self._stage.length / 2, np.float64)

    def _spans(self, steps: Integers) -> Integers:
        """Return the first and last (out) window of each step, as if there were all."""
        middle = (steps + 0.5) * self._step - self._stage.length / 2
        first = np.ceil((middle - self._reach) / self._stage.step).astype(np.int64)
        last = np.floor((middle + self._reach) / self._stage.step).astype(np.int64) + 1
        first = np.maximum(first, 0)
        return np.stack([first, np.maximum(last, first + 1)], axis=1)

    def within(self, start: int, stop: int, now: int) -> WindowScores:
        """Return the scores of the windows between two samples; of the nearest if there is none.

        Parameters
        ----------
        start, stop
            First and last (out) sample.
        now
            Number of samples: what comes after them does not count, whether it is scored or not.
        """
        stage = self._stage
        first, last = -(-start // stage.step), (stop - stage.length) // stage.step + 1
        if last <= first:
            nearest = round(((start + stop) / 2 - stage.length / 2) / stage.step)
            first = min(max(nearest, 0), (now - stage.length) // stage.step)
            last = first + 1
        rows = self._scores.rows(first, last)
        return WindowScores(np.ascontiguousarray(rows[:, :-1]), rows[:, -1].copy())

    @property
    def scored(self) -> int:
        """Number of windows scored so far."""
        return self._scores.stop

    def forget(self, sample: int) -> None:
        """Let go of what stretches that start at a sample or later do not need."""
        self._scores.forget((sample - self._stage.length) // self._stage.step)

    def state(self) -> dict[str, Any]:
        """Return what it remembers."""
        return self._scores.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what :meth:`state` returned."""
        self._scores.restore(dict(state))
