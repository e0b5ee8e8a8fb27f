"""Smoothing before thinning out, sample by sample: what a whole part is thinned out to."""

from typing import Any

import numpy as np
import numpy.typing as npt

from workoutlab.signals.filters import design_taps, extend

__all__ = ["Thinner"]

Floats = npt.NDArray[np.float32]


class Thinner:
    """Keeps one of every `factor` samples of a part, freed from what is too fast for these.

    The filter of :func:`workoutlab.signals.filters.design_taps` reaches 20 kept samples to either
    side, so that a sample comes out once that many more are known; the ends of a part are
    reflected as :func:`workoutlab.signals.grid.read_grid` does.

    Parameters
    ----------
    factor
        1 keeps all, at once.

    Examples
    --------
    >>> thinner = Thinner(2)
    >>> line = np.repeat(np.arange(200, dtype=np.float32)[:, None], 3, axis=1)
    >>> kept = np.concatenate([thinner.push(line), thinner.finish(1)])
    >>> len(kept), kept[40].round(3).tolist()
    (100, [80.0, 80.0, 80.0])
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.taps = design_taps(factor) if factor > 1 else np.ones(1)
        self.reach = len(self.taps) // 2
        self.begun = False
        self.samples: Floats = np.empty((0, 3), np.float32)

    def push(self, samples: Floats) -> Floats:
        """Take samples (sample, 3), and return those that are kept and known by them."""
        if self.factor == 1:
            return samples
        self.samples = np.concatenate([self.samples, samples])
        if not self.begun and len(self.samples) > self.reach:
            self.begun = True
            self.samples = extend(self.samples, self.reach, 0, np.float32)
        return self._thin() if self.begun else samples[:0]

    def finish(self, beyond: int) -> Floats:
        """End the part, and return what is left; its last `beyond` samples are none of it."""
        if self.factor == 1 or not len(self.samples):
            return np.empty((0, 3), np.float32)
        samples = self.samples[: len(self.samples) - max(beyond, 0)]
        before = 0 if self.begun else self.reach
        self.samples = extend(samples, before, self.reach, np.float32)
        kept = self._thin()
        self.begun, self.samples = False, np.empty((0, 3), np.float32)
        return kept

    def _thin(self) -> Floats:
        from workoutlab.kernels.filters import thin_out

        count = 1 + (len(self.samples) - len(self.taps)) // self.factor
        if count < 1:
            return np.empty((0, 3), np.float32)
        needed = (count - 1) * self.factor + len(self.taps)
        kept = thin_out(self.samples[:needed], self.taps, self.factor)
        self.samples = self.samples[count * self.factor :].copy()
        return kept

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` takes."""
        return {"begun": self.begun, "samples": self.samples}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.begun, self.samples = state["begun"], state["samples"]
