"""How often a movement was repeated in a set, where each repetition lies, and how it went."""

from workoutlab.recognition.repetitions.baseline import count_muvr
from workoutlab.recognition.repetitions.counting import Counter, count_repetitions
from workoutlab.recognition.repetitions.results import Repetitions

__all__ = ["Counter", "Repetitions", "count_muvr", "count_repetitions"]
