import numpy as np
import pytest

import workoutlab as wl
from tests.test_segmentation_fitting import RATE, SMALL
from workoutlab.errors import InputError

SETTINGS = wl.SetRecipe(activity=SMALL, exercise=SMALL, folds=2)


def one_set(name, axis, hz, seed):
    """A recording that is one set, of a swing along an axis."""
    random = np.random.default_rng(seed)
    moved = random.normal([0, 0, 1], 0.02, size=(1000, 3))
    moved[:, axis] += np.sin(2 * np.pi * hz * np.arange(1000) / RATE + seed)
    sets = [wl.LabelledSet(start=0, stop=1000, exercise=name)]
    return wl.Recording(
        user="ann", session=f"{name}-{seed}", acceleration=moved, rate_hz=RATE, sets=sets
    )


@pytest.fixture(scope="module")
def recordings():
    kinds = {"curl": (0, 0.4), "press": (1, 0.9), "row": (2, 1.6), "raise": (0, 2.5)}
    return [one_set(name, *how, seed) for name, how in kinds.items() for seed in range(5)]


def test_measure_unknown__counts_what_is_left_out(recordings):
    random = np.random.default_rng(0)
    shaken = wl.Recording(
        user="bob",
        session="bus",
        acceleration=random.normal(0, 2, size=(1000, 3)),
        rate_hz=RATE,
        sets=[wl.LabelledSet(start=0, stop=1000, exercise="bus")],
    )
    found = wl.measure_unknown(recordings, SETTINGS, groups=2, others=[shaken])
    assert (found.known, found.strange, found.others) == (4, 20, 2)
    assert found.others_named == 0
    assert found.named <= 5
    assert found.right >= 3
    assert found.as_dict()["strange"] == 20
    assert "20 sets of unknown exercises" in str(found)


def test_measure_unknown__wants_exercises_to_leave_out(recordings):
    with pytest.raises(InputError, match="expected 5 exercises or more for 3 groups, got 4"):
        wl.measure_unknown(recordings, SETTINGS, groups=3)
