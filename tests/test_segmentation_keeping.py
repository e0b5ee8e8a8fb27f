import numpy as np
import pytest

import workoutlab as wl
from tests.test_segmentation_fitting import FAST, RATE, SMALL, session, sessions
from workoutlab.errors import InputError, NotInLabError, TrainingError
from workoutlab.recognition.segmentation.blueprint import Blueprint

GROUPS = {"curl": "arms", "press": "chest", "row": "chest"}
QUIET = {"progress": False}


@pytest.fixture
def lab(request):
    made = wl.Lab(f"memory://{request.node.name[:60].replace('[', '-')}")
    made.append(sessions())
    return made


def top(values, rate_hz):
    """The highest value, whatever the rate."""
    return values.max() + 0 * rate_hz


def whose(recogniser):
    """Whose networks the stages of a recogniser are."""
    stages = (recogniser.activity, recogniser.exercises)
    return [stage.model.rpartition(" ")[2] for stage in stages]


def test_train_recogniser__keeps_what_finds_sets(lab):
    result = wl.train_recogniser(lab, FAST, **QUIET)
    assert result.ok
    assert result.calibrated == {"activity": ("*",), "exercise": ("*",)}
    assert lab.snapshot == result.snapshot
    recogniser = wl.open_recogniser(wl.Lab(lab.url))
    found = recogniser.find(session("row", "curl", seed=9))
    assert [each.guess for each in found.sets] == ["row", "curl"]
    assert recogniser.name == "sets"
    assert lab.verify().ok
    assert lab.verify().models == 2


def test_train_recogniser__is_that_of_recordings_in_memory(lab):
    wl.train_recogniser(lab, FAST, **QUIET)
    kept, fitted = wl.open_recogniser(lab), wl.fit_recogniser(sessions(), FAST)
    assert kept.calibration == fitted.calibration
    assert kept.threshold == fitted.threshold
    samples = session("press", seed=7).acceleration
    starts = np.arange(0, 2000, 100)
    for one, other in ((kept.activity, fitted.activity), (kept.exercises, fitted.exercises)):
        scores = [stage.score(samples, starts, RATE).chances for stage in (one, other)]
        np.testing.assert_array_equal(*scores)


def test_train_recogniser__trains_again_what_has_changed(lab):
    first = wl.train_recogniser(lab, FAST, **QUIET)
    digest = wl.open_recogniser(lab).digest
    again = wl.train_recogniser(lab, FAST, **QUIET)
    assert again.snapshot == first.snapshot
    assert again.unchanged == 2
    lab.append(session("row", "curl", seed=5))
    changed = wl.train_recogniser(lab, FAST, **QUIET)
    assert changed.calibrated["exercise"] == ("*",)
    assert wl.open_recogniser(lab).digest != digest


def test_train_recogniser__calibrates_again_where_settings_changed(lab):
    wl.train_recogniser(lab, FAST, **QUIET)
    other = wl.SetRecipe(activity=SMALL, exercise=SMALL, folds=2, every="1s")
    result = wl.train_recogniser(lab, other, **QUIET)
    assert result.models["sets-exercise"].unchanged == ("*",)
    assert result.calibrated["exercise"] == ("*",)
    assert wl.open_recogniser(lab).exercises.step == 50


def test_open_recogniser__takes_personal_stages_before_common_ones(lab):
    bare = wl.Recording(
        user="bob",
        session="m",
        acceleration=session("curl", "row").acceleration[1000:4000],
        rate_hz=RATE,
        sets=[
            wl.LabelledSet(start=0, stop=1000, exercise="curl"),
            wl.LabelledSet(start=1000, stop=2000, exercise="hold"),
            wl.LabelledSet(start=2000, stop=3000, exercise="row"),
        ],
    )
    lab.append(bare)
    wl.train_recogniser(lab, FAST, **QUIET)
    assert whose(wl.open_recogniser(lab, user="ann")) == ["*", "*"]
    result = wl.train_recogniser(lab, FAST, per="user", **QUIET)
    assert result.calibrated == {"activity": ("ann",), "exercise": ("ann", "bob")}
    assert whose(wl.open_recogniser(lab, user="ann")) == ["ann", "ann"]
    assert whose(wl.open_recogniser(lab, user="bob")) == ["*", "bob"]
    assert whose(wl.open_recogniser(lab, user="cid")) == ["*", "*"]
    assert wl.open_recogniser(lab, user="bob").exercises.classes == ("curl", "hold", "row")


def test_train_recogniser__names_the_muscle_group_first():
    lab = wl.Lab("memory://recogniser-of-groups")
    lab.append(sessions(groups=GROUPS))
    grouped = wl.SetRecipe(activity=SMALL, exercise=SMALL, folds=2, grouped=True)
    result = wl.train_recogniser(lab, grouped, **QUIET)
    assert sorted(result.models) == ["sets-activity", "sets-exercise-chest", "sets-group"]
    found = wl.open_recogniser(lab).find(session("press", "curl", seed=9))
    assert [each.guess for each in found.sets] == ["press", "curl"]


def test_train_recogniser__searches_settings(lab):
    search = wl.Grid(rate=[0.05, 0.001])
    result = wl.train_recogniser(lab, FAST, search=search, folds=2, **QUIET)
    assert result.ok
    assert result.models["sets-exercise"].choices is not None


def test_erase_user__takes_the_calibrations_along(lab):
    wl.train_recogniser(lab, FAST, **QUIET)
    wl.train_recogniser(lab, FAST, per="user", **QUIET)
    erased = lab.erase_user("ann")
    assert erased.rows["recognisers/sets/stages"] == 2
    assert whose(wl.open_recogniser(lab, user="ann")) == ["*", "*"]
    assert lab.verify().ok


def test_train_recogniser__keeps_what_repetitions_look_like():
    lab = wl.Lab("memory://recogniser-of-counted-sets")
    lab.append(sessions(repetitions={"curl": 8, "press": 18}))
    wl.train_recogniser(lab, FAST, **QUIET)
    templates = wl.open_recogniser(lab).templates
    assert sorted(templates) == ["curl", "press"]
    assert templates["curl"].period_s == pytest.approx(2.5, rel=0.1)
    fitted = wl.fit_recogniser(sessions(repetitions={"curl": 8, "press": 18}), FAST)
    assert {name: each.to_json() for name, each in fitted.templates.items()} == {
        name: each.to_json() for name, each in templates.items()
    }
    other = wl.Recording(
        user="bob",
        session="m",
        acceleration=session("curl").acceleration,
        rate_hz=RATE,
        sets=[wl.LabelledSet(start=1000, stop=2000, exercise="curl", repetitions=8)],
    )
    lab.append(other)
    wl.train_recogniser(lab, FAST, **QUIET)
    assert wl.open_recogniser(lab).templates == {}


def test_open_recogniser__says_what_is_missing(lab):
    with pytest.raises(NotInLabError, match="has no recogniser 'sets', there are none yet"):
        wl.open_recogniser(lab)
    wl.train_recogniser(lab, FAST, per="user", **QUIET)
    with pytest.raises(NotInLabError, match="there are those of ann; train_recogniser"):
        wl.open_recogniser(lab)
    with pytest.raises(NotInLabError, match="there are sets"):
        wl.open_recogniser(lab, "others")


def test_train_recogniser__says_what_is_missing():
    lab = wl.Lab("memory://recogniser-without-rest")
    whole = session("curl").acceleration[:1000]
    sets = [wl.LabelledSet(start=0, stop=1000, exercise="curl")]
    lab.append(wl.Recording(user="ann", session="m", acceleration=whole, rate_hz=RATE, sets=sets))
    with pytest.raises(TrainingError, match="rest"):
        wl.train_recogniser(lab, FAST, **QUIET)
    own = wl.Statistics(["mean", wl.Own(top, name="top")])
    recipe = wl.Recipe(own, wl.MLP(8))
    with pytest.raises(InputError, match="not code of your own"):
        wl.train_recogniser(lab, wl.SetRecipe(activity=recipe), **QUIET)


@pytest.mark.parametrize(
    "inputs",
    [wl.RawWindows(), wl.Statistics(), wl.Statistics("all", channels=("magnitude",))],
)
def test_blueprint__is_written_and_read_back(inputs):
    recipe = wl.Recipe(inputs, wl.MLP(8))
    blueprint = wl.SetRecipe(activity=recipe, counter=wl.Counter(longest_s=5)).blueprint()
    read = Blueprint.read(blueprint.write())
    assert read.inputs["activity"].settings() == inputs.settings()
    assert read.inputs["activity"].channels == inputs.channels
    assert (read.sizes, read.decoding, read.counter) == (
        blueprint.sizes,
        blueprint.decoding,
        blueprint.counter,
    )
