"""scikit-learn estimators in place of networks: fitted, chosen, kept as ONNX, opened again."""

import json
import sys

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import workoutlab as wl
from workoutlab.errors import DamagedLabError, InputError, MissingExtraError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition import Estimator, Models, evaluate, train
from workoutlab.recognition.estimators.converted import OnnxModel, convert
from workoutlab.recognition.material import read_material
from workoutlab.recognition.people import find_people
from workoutlab.recognition.tuning.search import Grid, Halving, Random
from workoutlab.recognition.tuning.validation import Validation, measure_costs
from workoutlab.signals import Statistics, Windows, windows

pytest.importorskip("skl2onnx", reason="needs the extra 'onnx'")

EXERCISES = ("curl", "press", "row")


def make_recording(user: str, seed: int, exercises: tuple[str, ...] = EXERCISES * 3):
    """A session with sets that differ a little in tempo and tilt by exercise."""
    numbers = np.random.default_rng(seed)
    pieces, sets, start = [], [], 0
    for exercise in exercises:
        number = EXERCISES.index(exercise)
        time = np.arange(400) / 50
        tilt = 0.3 * number + numbers.normal(0, 0.2)
        swing = 0.3 * np.sin(2 * np.pi * (0.5 + 0.1 * number) * time)
        piece = np.stack([np.sin(tilt + swing), np.cos(tilt + swing), swing], axis=1)
        pieces.append(piece + numbers.normal(0, 0.05, piece.shape))
        sets.append(wl.LabelledSet(start=start, stop=start + len(piece), exercise=exercise))
        start += len(piece)
    signal = np.concatenate(pieces)
    return wl.Recording(
        user=user, session=f"day-{seed}", acceleration=signal, rate_hz=50, sets=sets, simulated=True
    )


def plan(lab: Lab) -> Windows:
    return windows(lab, length="2s", step="1s")


@pytest.fixture
def lab(request) -> Lab:
    lab = Lab(f"memory://{request.node.name}")
    lab.append([make_recording(user, seed) for seed, user in enumerate(("ann", "bob"))])
    return lab


def make_pipe(**settings: float) -> object:
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(**settings))


def read(lab: Lab, recipe: Estimator, user: str = "ann"):
    (person,) = [each for each in find_people(plan(lab), recipe) if each.user == user]
    return read_material(plan(lab), person, recipe)


def test_train__an_estimator_for_each_person_predicts_from_the_lab_as_scikit_learn_does(lab):
    recipe = Estimator(make_pipe(), Statistics())
    result = train(plan(lab), recipe)
    assert (result.trained, result.failed) == (("ann", "bob"), {})
    material = read(lab, recipe)
    fitted = make_pipe().fit(material.inputs, material.targets)
    model = Models(Lab(lab.url)).network("ann")
    assert model.classes == EXERCISES
    chances = model.predict(material.inputs)
    np.testing.assert_allclose(chances, fitted.predict_proba(material.inputs), atol=1e-4)
    row = Models(lab).table.set_index("user").loc["ann"]
    assert (row["format"], row["kind"], row["sets"]) == ("onnx", "own", 9)
    assert Models(lab).settings("ann")["recipe"] == recipe.settings()


def test_export__of_an_estimator_predicts_as_what_the_lab_keeps(lab, tmp_path):
    recipe = Estimator(DecisionTreeClassifier(), Statistics())
    train(plan(lab), recipe)
    (path,) = Models(lab).export(tmp_path / "ann.onnx", "ann")
    inputs = read(lab, recipe).inputs
    exported = OnnxModel(path.read_bytes(), inputs.shape[1])
    expected = Models(lab).network("ann").predict(inputs)
    np.testing.assert_array_equal(exported.predict(inputs), expected)
    with pytest.raises(InputError):
        Models(lab).export(tmp_path / "ann.safetensors", "ann")


def test_train__resumes_by_data_and_parameters(lab):
    recipe = Estimator(make_pipe(), Statistics())
    train(plan(lab), recipe)
    lab.append([make_recording("cem", 7)])
    again = train(plan(lab), Estimator(make_pipe(), Statistics()))
    assert (again.trained, again.unchanged) == (("cem",), ("ann", "bob"))
    other = train(plan(lab), Estimator(make_pipe(C=0.1), Statistics()))
    assert other.trained == ("ann", "bob", "cem")


@pytest.mark.parametrize("criterion", ["error", "loss", "muvr"])
def test_train__a_search_scores_each_choice_on_held_out_sets(lab, criterion):
    recipe = Estimator(make_pipe(), Statistics(), balance=3)
    grid = Grid(logisticregression__C=[1e-4, 1.0])
    result = train(plan(lab), recipe, search=grid, folds=3, criterion=criterion)
    assert result.ok
    material = read(lab, recipe)
    folds = Validation(3).split(
        material.exercises, material.units, material.among, 0, "ann", "folds"
    )
    expected = []
    for choice in grid.choices:
        costs = []
        for fold in folds:
            learnt, held = material.find_windows(~fold), material.find_windows(fold)
            fitted = make_pipe().set_params(**choice)
            fitted.fit(material.inputs[learnt], material.targets[learnt])
            chances = fitted.predict_proba(material.inputs[held])
            sets = material.sets[material.segment[held]]
            costs.append(measure_costs(material.targets[held], chances, sets, criterion))
        expected.append(tuple(np.mean(costs, axis=0)))
    scores = [each["score"] for each in Models(lab).scores("ann")]
    sign = -1 if criterion == "muvr" else 1
    np.testing.assert_allclose(scores, [sign * cost[0] for cost in expected], rtol=1e-4)
    row = Models(lab).table.set_index("user").loc["ann"]
    best = min(range(2), key=lambda number: np.round(expected[number], 12).tolist())
    assert json.loads(row["chosen"]) == dict(grid.choices[best])
    assert row["validation"] == "3 folds by set, 9 of 9 sets scored"
    chosen = make_pipe().set_params(**grid.choices[best]).fit(material.inputs, material.targets)
    np.testing.assert_allclose(
        Models(lab).network("ann").predict(material.inputs),
        chosen.predict_proba(material.inputs),
        atol=1e-4,
    )


def test_train__one_persons_failure_is_nobody_elses(lab):
    lab.append([make_recording("cem", 5, ("curl",) * 3)])
    lab.append([make_recording("dan", 6, EXERCISES)])
    result = train(
        plan(lab), Estimator(make_pipe(), Statistics()), search=Grid(logisticregression__C=[1, 2])
    )
    assert result.trained == ("ann", "bob", "dan")
    assert list(result.failed) == ["cem"]
    assert "one exercise" in result.failed["cem"]
    assert "no exercise with two sets" in Models(lab).table.set_index("user").loc["dan", "reason"]


def test_train__a_choice_that_fails_is_not_taken(lab):
    search = Grid(logisticregression__C=[-1.0, 1.0])
    assert train(plan(lab), Estimator(make_pipe(), Statistics()), search=search).ok
    scores = Models(lab).scores("ann")
    assert scores[0]["score"] is None
    assert json.loads(Models(lab).table["chosen"].iloc[0]) == {"logisticregression__C": 1.0}


def test_train__random_search_and_one_share(lab):
    search = Random(3, seed=1, max_depth=[1, 2, 3, 4])
    recipe = Estimator(DecisionTreeClassifier(), Statistics())
    assert train(plan(lab), recipe, search=search, share=0.3).ok
    assert len(Models(lab).scores("bob")) == 3


def test_train__refuses_what_an_estimator_cannot_choose(lab):
    recipe = Estimator(DecisionTreeClassifier(), Statistics())
    with pytest.raises(InputError, match="DecisionTreeClassifier has no parameter 'rate'"):
        train(plan(lab), recipe, search=Grid(rate=[0.1]))
    with pytest.raises(InputError, match="has no epochs to halve"):
        train(plan(lab), recipe, search=Halving(Grid(max_depth=[1, 2])))


def test_train__the_same_model_whoever_is_trained_beside(lab):
    recipe = Estimator(RandomForestClassifier(5), Statistics(), seed=3)
    train(plan(lab), recipe, cohort=2)
    together = Models(lab).table.set_index("user")["weights_digest"]
    train(plan(lab), recipe, name="apart", cohort=1)
    apart = Models(lab, "apart").table.set_index("user")["weights_digest"]
    assert together.to_dict() == apart.to_dict()
    train(plan(lab), Estimator(RandomForestClassifier(5), Statistics(), seed=4))
    assert Models(lab).table.set_index("user")["weights_digest"]["ann"] != together["ann"]


def test_evaluate__chooses_parameters_within_each_training_part(lab):
    recipe = Estimator(make_pipe(), Statistics())
    search = Grid(logisticregression__C=[1e-6, 1.0])
    found = evaluate(plan(lab), recipe, per="user", seeds=2, search=search, progress=False)
    assert "best of 2 choices" in found.recipe["name"]
    alone = Estimator(make_pipe(C=1e-6), Statistics())
    poor = evaluate(plan(lab), alone, per="user", seeds=2, progress=False)
    assert found.windows.error_percent.mean <= poor.windows.error_percent.mean


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipe(),
        DecisionTreeClassifier(max_depth=4),
        RandomForestClassifier(7, random_state=0),
        make_pipeline(SimpleImputer(), RandomForestClassifier(7, random_state=0)),
        make_pipeline(SimpleImputer(), StandardScaler(), SVC(probability=True, random_state=0)),
    ],
    ids=["linear", "tree", "forest", "imputed forest", "svm"],
)
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_convert__predicts_what_scikit_learn_predicts(estimator):
    random = np.random.default_rng(0)
    targets = np.arange(90) % 3
    inputs = (random.normal(size=(90, 5)) + targets[:, None]).astype(np.float32)
    fitted = estimator.fit(inputs, targets)
    model = convert(fitted, inputs)
    fresh = (random.normal(size=(200, 5)) * 2).astype(np.float32)
    opened = OnnxModel.unpack(model.pack(), json.loads(json.dumps(model.describe())))
    chances = opened.predict(fresh)
    assert chances.dtype == np.float32
    np.testing.assert_allclose(chances, fitted.predict_proba(fresh), atol=1e-5)
    assert opened.content == model.content


class Own(ClassifierMixin, BaseEstimator):
    """A classifier that no converter knows."""

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> "Own":
        self.n_features_in_ = inputs.shape[1]
        self.classes_ = np.unique(targets)
        return self

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        return np.full((len(inputs), len(self.classes_)), 1 / len(self.classes_))


def test_train__an_estimator_that_onnx_does_not_know_is_told(lab):
    result = train(plan(lab), Estimator(Own(), Statistics()))
    assert list(result.failed) == ["ann", "bob"]
    assert "cannot be converted to ONNX" in result.failed["ann"]


def test_convert__another_prediction_is_refused(monkeypatch):
    inputs = np.eye(4, dtype=np.float32)
    fitted = DecisionTreeClassifier().fit(inputs, [0, 1, 0, 1])
    even = np.full((4, 2), 0.5, np.float32)
    monkeypatch.setattr(OnnxModel, "predict", lambda *_: even)
    with pytest.raises(TrainingError, match="predicts otherwise as ONNX"):
        convert(fitted, inputs)


def test_onnx_model__refuses_other_inputs_and_damaged_bytes():
    inputs = np.eye(4, dtype=np.float32)
    model = convert(DecisionTreeClassifier().fit(inputs, [0, 1, 0, 1]), inputs)
    with pytest.raises(InputError, match=r"expected shape \(window, 4\)"):
        model.predict(inputs[:, :3])
    with pytest.raises(DamagedLabError, match="cannot be opened"):
        OnnxModel(b"nonsense", 4)


@pytest.mark.parametrize("package", ["skl2onnx", "onnxruntime"])
def test_train__without_the_extra_says_what_to_install(lab, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'workoutlab\[onnx\]'"):
        train(plan(lab), Estimator(make_pipe(), Statistics()))


def test_digest__covers_every_parameter():
    one = Estimator(make_pipe(), Statistics())
    assert one.digest() == Estimator(make_pipe(), Statistics()).digest()
    assert one.digest() != Estimator(make_pipe(max_iter=101), Statistics()).digest()
    assert one.digest() != Estimator(make_pipe(), Statistics(), seed=1).digest()


def test_convert__that_loses_where_missing_inputs_go_names_the_imputer():
    inputs = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    inputs[::3, 1] = np.nan
    targets = np.isnan(inputs[:, 1]) * 1 + (inputs[:, 0] > 0)
    said = []
    for seed in range(30):
        fitted = ExtraTreesClassifier(5, random_state=seed).fit(inputs, targets)
        try:
            convert(fitted, inputs)
        except TrainingError as error:
            said.append(str(error))
    assert said
    assert all("make_pipeline(SimpleImputer(), ...)" in text for text in said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"balance": 0}, "balance: expected >= 1"),
        ({"seed": "one"}, "seed: expected a whole number"),
    ],
)
def test_estimator__refuses_settings_as_a_recipe_does(settings, said):
    with pytest.raises(InputError, match=said):
        Estimator(LogisticRegression(), Statistics(), **settings)


def test_estimator__refuses_a_class_in_place_of_an_estimator():
    with pytest.raises(InputError, match="got <class"):
        Estimator(LogisticRegression, Statistics())
