"""Recognisers whose stages are known, and signals that they find sets in."""

from dataclasses import dataclass

import numpy as np

from workoutlab.learning.networks import MLP, ConvNet, Network, draw_weights, no_scaler
from workoutlab.recognition.segmentation.decoding import Decoding
from workoutlab.recognition.segmentation.recogniser import ACTIVITY, Recogniser, Stage
from workoutlab.signals import RawWindows, Statistics

RATE_HZ = 50.0


@dataclass(frozen=True)
class Known:
    """Tells activity by movement, and exercises by the axis that moves most.

    Its inputs are the spreads of x, y and z.
    """

    names: int = 2

    def predict(self, inputs):
        spread = np.asarray(inputs, np.float32)
        if self.names == 2:
            active = 1 / (1 + np.exp(-40 * (spread.max(axis=1) - 0.2)))
            return np.stack([active, 1 - active], axis=1).astype(np.float32)
        raised = np.exp(8 * (spread[:, : self.names]))
        return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


SPREADS = Statistics(["sd"], channels=("x", "y", "z"))


def recogniser(**changes):
    """A recogniser of curls (along x), presses (y) and rows (z), and of nothing else."""
    length, step = 200, 25
    settings = {
        "activity": Stage(ACTIVITY, Known(), SPREADS, length, step),
        "exercises": Stage(("curl", "press", "row"), Known(3), SPREADS, length, step),
        "decoding": Decoding(),
        "threshold": 0.6,
    }
    return Recogniser(**(settings | changes))


def networks(kind="mlp", seed=0):
    """A recogniser of networks that were never trained: what they say has no meaning."""
    length, inputs = 100, RawWindows(scale_g=0.2)
    stages = []
    for classes in (ACTIVITY, ("curl", "press", "row", "dip")):
        description = MLP(17, 9) if kind == "mlp" else ConvNet(channels=3, dense=(9,))
        shapes = description.shapes(3 * length, len(classes))
        layers = draw_weights(description, shapes, seed)
        network = Network(description, layers, no_scaler(3 * length))
        stages.append(Stage(classes, network, inputs, length, 15, temperature=0.5))
    decoding = Decoding(shortest_set_s=2, shortest_rest_s=1, lag_s=5, penalty=0.1, switch=0.1)
    return Recogniser(*stages, decoding=decoding, threshold=0.4)


def signal(plan, seed=0):
    """Samples in g of (seconds, axis or None, frequency) stretches, one after the other."""
    random = np.random.default_rng(seed)
    parts = []
    for seconds, axis, hz in plan:
        time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        part = random.normal(0, 0.01, (len(time), 3)) + np.array([0, 0, 1])
        if axis is not None:
            part[:, axis] += 0.8 * np.sin(2 * np.pi * hz * time)
        parts.append(part)
    return np.concatenate(parts).astype(np.float32)
