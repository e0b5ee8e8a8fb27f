"""Models from arrays: networks and how they are trained, without a lab or a plan."""

from workoutlab.learning.networks import MLP
from workoutlab.learning.training import Training

__all__ = ["MLP", "Training"]
