import numpy as np
import pytest

from tests.recognisers import recogniser
from workoutlab.errors import InputError
from workoutlab.recognition.segmentation.chain import Chain


def judged(known, spread):
    return known.judge(known.exercises.predict(np.array([spread], np.float32)))


def test_among__knows_only_what_can_occur():
    whole = recogniser()
    part = whole.among(["row", "curl"])
    assert part.exercises.classes == ("curl", "row")
    spread = [0.3, 0.9, 0.1]  # most like a press
    assert judged(whole, spread).guess == "press"
    verdict = judged(part, spread)
    assert verdict.guess == "curl"
    assert sum(verdict.scores.values()) == pytest.approx(1)
    ratio = judged(whole, spread).scores["curl"] / judged(whole, spread).scores["row"]
    assert verdict.scores["curl"] / verdict.scores["row"] == pytest.approx(ratio, rel=1e-5)


def test_among__is_even_where_none_of_them_has_a_chance():
    class Sure:
        def predict(self, inputs):
            return np.tile(np.float32([0, 1, 0]), (len(inputs), 1))

    whole = recogniser()
    object.__setattr__(whole.exercises, "predictor", Sure())
    assert judged(whole.among(["row", "curl"]), [0, 0, 0]).confidence == pytest.approx(0.5)


def test_among__is_a_recogniser_of_its_own():
    whole = recogniser()
    parts = [whole.among(names) for names in (["curl", "row"], ["row", "curl"], ["curl"])]
    assert parts[0].digest == parts[1].digest
    assert len({whole.digest, *(part.digest for part in parts)}) == 3
    state = Chain(parts[0]).state()
    with pytest.raises(InputError, match="another recogniser"):
        Chain.restore(whole, state)


@pytest.mark.parametrize("names", [[], ["curl", "dip"]])
def test_among__refuses_what_is_not_known(names):
    with pytest.raises(InputError, match="expected some of curl, press, row; got"):
        recogniser().among(names)
