"""Personal networks: splits, training, evaluation and what models know."""

from workoutlab.learning import MLP, ConvNet
from workoutlab.recognition.augmentation import Augmentation
from workoutlab.recognition.corrections.adapting import AdaptResult, adapt
from workoutlab.recognition.corrections.correcting import CorrectResult, correct
from workoutlab.recognition.corrections.correction import Correction
from workoutlab.recognition.corrections.curve import CorrectionCurve
from workoutlab.recognition.corrections.measuring import correction_curve
from workoutlab.recognition.corrections.reporting import LoopReport, loop_report
from workoutlab.recognition.corrections.undoing import undo
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.evaluation.composing import Stitching, compose, list_pauses
from workoutlab.recognition.evaluation.composition import Composition
from workoutlab.recognition.evaluation.evaluating import evaluate
from workoutlab.recognition.evaluation.events import match_events
from workoutlab.recognition.evaluation.repetitions import evaluate_repetitions
from workoutlab.recognition.evaluation.results import Evaluation
from workoutlab.recognition.evaluation.sets import evaluate_sets
from workoutlab.recognition.evaluation.splits import Protocol, check_split, split
from workoutlab.recognition.keeping.exports import load_safetensors
from workoutlab.recognition.keeping.models import Models, PersonalNetwork
from workoutlab.recognition.keeping.versions import ChangeResult, promote, roll_back
from workoutlab.recognition.kinds.choice import ChoiceResult, choose
from workoutlab.recognition.kinds.crossing import crossover
from workoutlab.recognition.kinds.curves import Crossover
from workoutlab.recognition.people import EVERYONE
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.segmentation.recognising import RecogniseResult, recognise
from workoutlab.recognition.training import TrainResult, train
from workoutlab.recognition.tuning.choices import Choices
from workoutlab.recognition.tuning.search import Between, Grid, Halving, Random

__all__ = [
    "EVERYONE",
    "MLP",
    "AdaptResult",
    "Augmentation",
    "Between",
    "ChangeResult",
    "ChoiceResult",
    "Choices",
    "Composition",
    "ConvNet",
    "CorrectResult",
    "Correction",
    "CorrectionCurve",
    "Crossover",
    "Estimator",
    "Evaluation",
    "Grid",
    "Halving",
    "LoopReport",
    "Models",
    "PersonalNetwork",
    "Protocol",
    "Random",
    "Recipe",
    "RecogniseResult",
    "Stitching",
    "TrainResult",
    "adapt",
    "check_split",
    "choose",
    "compose",
    "correct",
    "correction_curve",
    "crossover",
    "evaluate",
    "evaluate_repetitions",
    "evaluate_sets",
    "list_pauses",
    "load_safetensors",
    "loop_report",
    "match_events",
    "promote",
    "recognise",
    "roll_back",
    "split",
    "train",
    "undo",
]
