"""Windows over recordings, and what they become: inputs of networks, lazy features."""

from workoutlab.signals.compute import compute
from workoutlab.signals.features import features
from workoutlab.signals.inputs import Inputs, RawWindows
from workoutlab.signals.planning import windows
from workoutlab.signals.preparation import Preparation
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows

__all__ = [
    "Inputs",
    "Preparation",
    "RawWindows",
    "Statistics",
    "Windows",
    "compute",
    "features",
    "windows",
]
