"""From samples to sets: which stretches are sets, of which exercise, and how sure that is."""

from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.recognition.segmentation.fitting import fit_recogniser
from workoutlab.recognition.segmentation.keeping import open_recogniser
from workoutlab.recognition.segmentation.recogniser import Recogniser
from workoutlab.recognition.segmentation.settings import SetRecipe
from workoutlab.recognition.segmentation.strangers import Strangers, measure_unknown
from workoutlab.recognition.segmentation.teaching import RecogniserResult, train_recogniser

__all__ = [
    "Decoding",
    "Recogniser",
    "RecogniserResult",
    "SetRecipe",
    "Strangers",
    "fit_recogniser",
    "measure_unknown",
    "open_recogniser",
    "train_recogniser",
]
