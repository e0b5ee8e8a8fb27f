"""Workout analytics on Dask: from wrist accelerometer recordings to personal models.

The names below are the public interface. Each is imported when it is first used, so that
``import workoutlab`` stays fast although torch, dask and numba lie behind it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workoutlab.cluster import connect
    from workoutlab.coach import suggest_intensity
    from workoutlab.ingestion import ingest
    from workoutlab.lab import Lab
    from workoutlab.live import LiveSession
    from workoutlab.recognition import (
        MLP,
        Augmentation,
        Between,
        Composition,
        ConvNet,
        Estimator,
        Grid,
        Halving,
        Models,
        Random,
        Recipe,
        adapt,
        choose,
        correct,
        correction_curve,
        crossover,
        evaluate,
        evaluate_repetitions,
        evaluate_sets,
        load_safetensors,
        loop_report,
        promote,
        recognise,
        roll_back,
        train,
    )
    from workoutlab.recognition.quality import (
        Quality,
        assess,
        assess_sets,
        find_good_sets,
        follow_quality,
        trace_set,
    )
    from workoutlab.recognition.repetitions import (
        Counter,
        Repetitions,
        Tempo,
        count_repetitions,
        find_phases,
    )
    from workoutlab.recognition.segmentation import (
        Decoding,
        Recogniser,
        SetRecipe,
        fit_recogniser,
        measure_unknown,
        open_recogniser,
        train_recogniser,
    )
    from workoutlab.recording import LabelledSet, Recording
    from workoutlab.signals import (
        Calibration,
        Own,
        Preparation,
        RawWindows,
        Statistics,
        calibrate,
        catalogue,
        features,
        flags,
        load_features,
        save_features,
        summarise_flags,
        to_g,
        windows,
    )
    from workoutlab.simulation import simulate

__version__ = "0.1.0"

_HOMES = {
    "Augmentation": "workoutlab.recognition",
    "Between": "workoutlab.recognition",
    "Calibration": "workoutlab.signals",
    "Composition": "workoutlab.recognition",
    "ConvNet": "workoutlab.recognition",
    "Counter": "workoutlab.recognition.repetitions",
    "Decoding": "workoutlab.recognition.segmentation",
    "Estimator": "workoutlab.recognition",
    "Grid": "workoutlab.recognition",
    "Halving": "workoutlab.recognition",
    "Lab": "workoutlab.lab",
    "LabelledSet": "workoutlab.recording",
    "LiveSession": "workoutlab.live",
    "MLP": "workoutlab.recognition",
    "Models": "workoutlab.recognition",
    "Own": "workoutlab.signals",
    "Preparation": "workoutlab.signals",
    "Quality": "workoutlab.recognition.quality",
    "Random": "workoutlab.recognition",
    "RawWindows": "workoutlab.signals",
    "Recipe": "workoutlab.recognition",
    "Recogniser": "workoutlab.recognition.segmentation",
    "Recording": "workoutlab.recording",
    "Repetitions": "workoutlab.recognition.repetitions",
    "SetRecipe": "workoutlab.recognition.segmentation",
    "Statistics": "workoutlab.signals",
    "Tempo": "workoutlab.recognition.repetitions",
    "adapt": "workoutlab.recognition",
    "assess": "workoutlab.recognition.quality",
    "assess_sets": "workoutlab.recognition.quality",
    "calibrate": "workoutlab.signals",
    "catalogue": "workoutlab.signals",
    "choose": "workoutlab.recognition",
    "connect": "workoutlab.cluster",
    "correct": "workoutlab.recognition",
    "correction_curve": "workoutlab.recognition",
    "count_repetitions": "workoutlab.recognition.repetitions",
    "crossover": "workoutlab.recognition",
    "evaluate": "workoutlab.recognition",
    "evaluate_repetitions": "workoutlab.recognition",
    "evaluate_sets": "workoutlab.recognition",
    "features": "workoutlab.signals",
    "find_good_sets": "workoutlab.recognition.quality",
    "find_phases": "workoutlab.recognition.repetitions",
    "fit_recogniser": "workoutlab.recognition.segmentation",
    "flags": "workoutlab.signals",
    "follow_quality": "workoutlab.recognition.quality",
    "ingest": "workoutlab.ingestion",
    "load_features": "workoutlab.signals",
    "load_safetensors": "workoutlab.recognition",
    "loop_report": "workoutlab.recognition",
    "measure_unknown": "workoutlab.recognition.segmentation",
    "open_recogniser": "workoutlab.recognition.segmentation",
    "promote": "workoutlab.recognition",
    "recognise": "workoutlab.recognition",
    "roll_back": "workoutlab.recognition",
    "save_features": "workoutlab.signals",
    "simulate": "workoutlab.simulation",
    "suggest_intensity": "workoutlab.coach",
    "summarise_flags": "workoutlab.signals",
    "to_g": "workoutlab.signals",
    "trace_set": "workoutlab.recognition.quality",
    "train": "workoutlab.recognition",
    "train_recogniser": "workoutlab.recognition.segmentation",
    "windows": "workoutlab.signals",
}

__all__ = [
    "MLP",
    "Augmentation",
    "Between",
    "Calibration",
    "Composition",
    "ConvNet",
    "Counter",
    "Decoding",
    "Estimator",
    "Grid",
    "Halving",
    "Lab",
    "LabelledSet",
    "LiveSession",
    "Models",
    "Own",
    "Preparation",
    "Quality",
    "Random",
    "RawWindows",
    "Recipe",
    "Recogniser",
    "Recording",
    "Repetitions",
    "SetRecipe",
    "Statistics",
    "Tempo",
    "__version__",
    "adapt",
    "assess",
    "assess_sets",
    "calibrate",
    "catalogue",
    "choose",
    "connect",
    "correct",
    "correction_curve",
    "count_repetitions",
    "crossover",
    "evaluate",
    "evaluate_repetitions",
    "evaluate_sets",
    "features",
    "find_good_sets",
    "find_phases",
    "fit_recogniser",
    "flags",
    "follow_quality",
    "ingest",
    "load_features",
    "load_safetensors",
    "loop_report",
    "measure_unknown",
    "open_recogniser",
    "promote",
    "recognise",
    "roll_back",
    "save_features",
    "simulate",
    "suggest_intensity",
    "summarise_flags",
    "to_g",
    "trace_set",
    "train",
    "train_recogniser",
    "windows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workoutlab' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
