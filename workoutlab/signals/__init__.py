"""Windows over recordings, and what they become: inputs of networks, lazy features."""

from workoutlab.signals.calibration import Calibration, calibrate
from workoutlab.signals.catalogue import catalogue
from workoutlab.signals.compute import compute
from workoutlab.signals.conversion import to_g
from workoutlab.signals.features import features
from workoutlab.signals.flags import flags, summarise_flags
from workoutlab.signals.inputs import Inputs, RawWindows
from workoutlab.signals.own import Own
from workoutlab.signals.planning import windows
from workoutlab.signals.preparation import Preparation
from workoutlab.signals.saved import load_features
from workoutlab.signals.saving import SaveResult, save_features
from workoutlab.signals.statistics import Statistics
from workoutlab.signals.windows import Windows

__all__ = [
    "Calibration",
    "Inputs",
    "Own",
    "Preparation",
    "RawWindows",
    "SaveResult",
    "Statistics",
    "Windows",
    "calibrate",
    "catalogue",
    "compute",
    "features",
    "flags",
    "load_features",
    "save_features",
    "summarise_flags",
    "to_g",
    "windows",
]
