"""Windows over recordings, and what they become: inputs of networks, lazy features."""

from workoutlab.signals.features import features
from workoutlab.signals.inputs import Inputs, RawWindows, Statistics, compute
from workoutlab.signals.windows import Windows, windows

__all__ = ["Inputs", "RawWindows", "Statistics", "Windows", "compute", "features", "windows"]
