"""Models from arrays: networks and how they are trained, without a lab or a plan."""

from workoutlab.learning.callbacks import Callback
from workoutlab.learning.checkpoints import Checkpoints
from workoutlab.learning.networks import MLP, ConvNet
from workoutlab.learning.training import Training

__all__ = ["MLP", "Callback", "Checkpoints", "ConvNet", "Training"]
