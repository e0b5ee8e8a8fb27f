"""Personal networks: splits, training, evaluation and what models know."""

from workoutlab.learning import MLP, ConvNet
from workoutlab.recognition.augmentation import Augmentation
from workoutlab.recognition.choice import ChoiceResult, choose
from workoutlab.recognition.choices import Choices
from workoutlab.recognition.crossing import crossover
from workoutlab.recognition.curves import Crossover
from workoutlab.recognition.estimators import Estimator
from workoutlab.recognition.evaluation import evaluate
from workoutlab.recognition.exports import load_safetensors
from workoutlab.recognition.models import Models, PersonalNetwork
from workoutlab.recognition.people import EVERYONE
from workoutlab.recognition.recipe import Recipe
from workoutlab.recognition.results import Evaluation
from workoutlab.recognition.search import Between, Grid, Halving, Random
from workoutlab.recognition.splits import Protocol, check_split, split
from workoutlab.recognition.training import TrainResult, train
from workoutlab.recognition.versions import ChangeResult, promote, roll_back

__all__ = [
    "EVERYONE",
    "MLP",
    "Augmentation",
    "Between",
    "ChangeResult",
    "ChoiceResult",
    "Choices",
    "ConvNet",
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
    "TrainResult",
    "check_split",
    "choose",
    "crossover",
    "evaluate",
    "load_safetensors",
    "promote",
    "roll_back",
    "split",
    "train",
]
