"""What the first packets of a process would wait for: kernels that are loaded and compiled."""

from typing import Final
from weakref import WeakSet

import numpy as np

from workoutlab.recognition.segmentation.boundaries import find_start, find_stop
from workoutlab.recognition.segmentation.chain import Chain
from workoutlab.recognition.segmentation.measuring import measure
from workoutlab.recognition.segmentation.recogniser import Recogniser

__all__ = ["warm_up"]

_WARM: Final[WeakSet[Recogniser]] = WeakSet()
_PERIOD_S: Final = 2.0
_REPETITIONS: Final = 6
"""So many that everything is measured that may be measured of a set."""


def warm_up(recogniser: Recogniser) -> None:
    """Let a recogniser work once on samples that nobody keeps; a second time does nothing.

    Parameters
    ----------
    recogniser
        What live sessions are to use. It finds the same sets afterwards.
    """
    if recogniser in _WARM:
        return
    rate_hz = recogniser.rate_hz
    longest = max(recogniser.activity.length, recogniser.exercises.length)
    count = longest + 4 * recogniser.decoding.step + round(_REPETITIONS * _PERIOD_S * rate_hz)
    phase = 2 * np.pi * np.arange(count) / (_PERIOD_S * rate_hz)
    angle = np.pi / 3 * (1 - np.cos(phase))
    curls = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]).astype(np.float32)
    curls[:longest] = curls[0]
    chain = Chain(recogniser)
    chain.push(curls)
    chain.finish()
    find_start(curls, longest, rate_hz)
    find_stop(curls[::-1].copy(), count - longest, rate_hz)
    measure(recogniser, curls[longest:], recogniser.exercises.classes[0])
    _WARM.add(recogniser)
