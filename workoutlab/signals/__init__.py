"""Windows over recordings, and what they become: inputs of networks, lazy features."""

from workoutlab.signals.calibration import Calibration, calibrate
from workoutlab.signals.compute import compute
from workoutlab.signals.conversion import to_g
from workoutlab.signals.features import features
from workoutlab.signals.flags import flags, summarise_flags
from workoutlab.signals.inputs import Inputs, RawWindows
from workoutlab.signals.planning import windows
from workoutlab.signals.preparation import Preparation
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows

__all__ = [
    "Calibration",
    "Inputs",
    "Preparation",
    "RawWindows",
    "Statistics",
    "Windows",
    "calibrate",
    "compute",
    "features",
    "flags",
    "summarise_flags",
    "to_g",
    "windows",
]
