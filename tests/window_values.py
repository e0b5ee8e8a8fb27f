"""Windows of values for tests of kernels."""

import numpy as np
from hypothesis import strategies as st

from workoutlab.kernels.catalogue import CATALOGUE
from workoutlab.kernels.statistics import describe_windows

EACH = [item.name for item in CATALOGUE if item.of == "channel"]
ACROSS = [item.name for item in CATALOGUE if item.of == "axes"]


def describe(values, rate_hz=50.0, names=EACH):
    """Features of one window of one channel: name to number."""
    planes = np.asarray(values, np.float32)[None]
    row = describe_windows(planes, np.array([0]), planes.shape[1], rate_hz, names)[0]
    return dict(zip(names, row.tolist(), strict=True))


def _make(length, seed, grain, tempo):
    """Noise and a wave, in steps as a sensor gives them: with ties."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=length) + tempo * np.sin(np.arange(length) / rng.uniform(1, 9))
    values = (np.round(values / grain) * grain).astype(np.float32)
    values[0] += np.float32(1)  # never constant
    values[1] -= np.float32(1)
    return values


windows_of_values = st.builds(
    _make,
    st.integers(3, 130),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-6, 0.016, 0.5]),
    st.floats(0, 20),
)
