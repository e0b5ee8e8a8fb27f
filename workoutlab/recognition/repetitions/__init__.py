"""How often a movement was repeated in a set, where each repetition lies, and how it went."""

from workoutlab.recognition.repetitions.baseline import count_muvr
from workoutlab.recognition.repetitions.counting import Counter, count_repetitions
from workoutlab.recognition.repetitions.results import Repetitions
from workoutlab.recognition.repetitions.templates import (
    KnownSet,
    Template,
    find_known_sets,
    learn_templates,
)
from workoutlab.recognition.repetitions.tempo import Tempo, find_phases

__all__ = [
    "Counter",
    "KnownSet",
    "Repetitions",
    "Template",
    "Tempo",
    "count_muvr",
    "count_repetitions",
    "find_known_sets",
    "find_phases",
    "learn_templates",
]
