"""Personal networks: splits, training, evaluation and what models know."""

from workoutlab.recognition.cohorts import TrainResult, train
from workoutlab.recognition.models import Models, PersonalNetwork
from workoutlab.recognition.networks import MLP
from workoutlab.recognition.people import EVERYONE
from workoutlab.recognition.recipe import Recipe

__all__ = [
    "EVERYONE",
    "MLP",
    "Models",
    "PersonalNetwork",
    "Recipe",
    "TrainResult",
    "train",
]
