"""Personal networks: splits, training, evaluation and what models know."""

from workoutlab.learning import MLP, ConvNet
from workoutlab.recognition.augmentation import Augmentation
from workoutlab.recognition.corrections.correcting import CorrectResult, correct
from workoutlab.recognition.corrections.correction import Correction
from workoutlab.recognition.estimators.estimator import Estimator
from workoutlab.recognition.evaluation.evaluating import evaluate
from workoutlab.recognition.evaluation.results import Evaluation
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
    "Augmentation",
    "Between",
    "ChangeResult",
    "ChoiceResult",
    "Choices",
    "ConvNet",
    "CorrectResult",
    "Correction",
    "Crossover",
    "Estimator",
    "Evaluation",
    "Grid",
    "Halving",
    "Models",
    "PersonalNetwork",
    "Protocol",
    "Random",
    "Recipe",
    "RecogniseResult",
    "TrainResult",
    "check_split",
    "choose",
    "correct",
    "crossover",
    "evaluate",
    "load_safetensors",
    "promote",
    "recognise",
    "roll_back",
    "split",
    "train",
]
