"""How well a set was done, in figures and in sentences."""

from workoutlab.recognition.quality.assessing import assess
from workoutlab.recognition.quality.goodsets import find_good_sets
from workoutlab.recognition.quality.measures import MEASURES, Measure
from workoutlab.recognition.quality.reporting import assess_sets, follow_quality
from workoutlab.recognition.quality.results import Quality
from workoutlab.recognition.quality.traces import Trace, trace_set

__all__ = [
    "MEASURES",
    "Measure",
    "Quality",
    "Trace",
    "assess",
    "assess_sets",
    "find_good_sets",
    "follow_quality",
    "trace_set",
]
