import numpy as np
import pytest

import workoutlab as wl
from tests.recognisers import recogniser
from workoutlab.errors import InputError

STILL = np.tile(np.float32([0, 0, 1]), (500, 1))


@pytest.mark.parametrize(
    "call",
    [
        wl.open_recogniser,
        wl.train_recogniser,
        wl.recognise,
        wl.adapt,
        wl.loop_report,
        lambda lab: wl.correct(lab, found=0, exercise="curl"),
    ],
)
def test_lab__is_asked_for_where_a_path_came(call):
    with pytest.raises(InputError, match=r"expected a Lab, got 'gym'; Lab\('gym'\) opens one"):
        call("gym")


@pytest.mark.parametrize("recordings", [3, "gym", [STILL]])
def test_fit_recogniser__asks_for_recordings(recordings):
    with pytest.raises(InputError, match="expected a Recording, or several"):
        wl.fit_recogniser(recordings)


def test_fit_recogniser__asks_for_settings():
    with pytest.raises(InputError, match="expected a SetRecipe, got 3"):
        wl.fit_recogniser([], 3)


def test_find__asks_for_an_array():
    with pytest.raises(InputError, match="expected a Recording, or an array"):
        recogniser().find(STILL.tolist(), 50)


def test_among__asks_for_names():
    with pytest.raises(InputError, match="expected names, got 3"):
        recogniser().among(3)


def test_assess__asks_for_edges_where_repetitions_came():
    with pytest.raises(InputError, match=r"give repetitions\.edges"):
        wl.assess(STILL, 50, wl.count_repetitions(STILL, 50))
