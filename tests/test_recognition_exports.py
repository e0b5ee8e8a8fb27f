"""Networks as files for others: what comes out of them is what comes out of ours."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import safetensors
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workoutlab.errors import InputError, MissingExtraError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.learning.architectures import MLP, ConvNet
from workoutlab.learning.networks import Network
from workoutlab.learning.scaling import fit_scaler
from workoutlab.learning.weights import draw_weights
from workoutlab.recognition.estimators.converted import OnnxModel, convert
from workoutlab.recognition.keeping.exports import load_safetensors
from workoutlab.recognition.keeping.models import Models, append_networks
from workoutlab.schema import EVERYONE

NAMES = ("arms/curl", "back/row", "chest/press", "legs/squat")
INPUTS = np.random.default_rng(3).gamma(2, size=(40, 48)).astype(np.float32)

Floats = npt.NDArray[np.float32]


def train(network: MLP | ConvNet, scaling: str = "standard", classes: int = 3) -> Network:
    """Return a network as training leaves it, with biases of its own."""
    scaler = fit_scaler(scaling, INPUTS)
    layers = draw_weights(network, network.shapes(scaler.outputs, classes), classes)
    numbers = np.random.default_rng(classes)
    for layer in layers:
        layer[-1] = numbers.normal(size=layer.shape[1])
    return Network(network, layers, scaler)


def store(lab: Lab, network: Network | OnnxModel, user: str = "ann", **columns: object) -> None:
    row = {
        "user": user,
        "digest": "d",
        "classes": json.dumps(NAMES[: getattr(network, "classes", 0)]),
        "layers": json.dumps(network.describe()),
        "windows": 40,
        "sets": 4,
        "recordings": 2,
        "simulated": False,
        "snapshot": lab.snapshot,
        "trained_ns": 7,
        **columns,
    }
    settings = {"recipe": {"epochs": 2}, "version": "0"}
    pieces = [network.pack()]
    lab.transact(lambda root: append_networks(root, "exercise", [row], pieces, settings), "x")


def windows(scaling: str = "standard") -> Floats:
    """Inputs beyond those of training, some of them unknown where the scaling takes that."""
    inputs = (INPUTS - 1) * 3
    if scaling != "none":
        inputs[::5, 2] = np.nan
        inputs[3] = np.nan
    return inputs


def run_onnx(path: Path, inputs: Floats) -> Floats:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"inputs": inputs})
    return probabilities


def run_device(base: Path, inputs: Floats) -> Floats:
    """Predict as Muvr's app does: layer after layer, rows of a bias and weights."""
    words = base.with_name(f"{base.name}.layers.txt").read_text().split()
    weights = np.fromfile(base.with_name(f"{base.name}.weights.raw"), "<f4")
    sizes, values = [int(word) for word in words[::2]], inputs.astype(np.float64)
    for before, size, activation in zip(sizes, sizes[1:], words[3::2], strict=False):
        rows, weights = np.split(weights, [size * (before + 1)])
        matrix = rows.reshape(size, before + 1)
        values = values @ matrix[:, 1:].T + matrix[:, 0]
        values = {
            "relu": lambda x: np.maximum(x, 0),
            "tanh": np.tanh,
            "logistic": lambda x: 1 / (1 + np.exp(-x)),
            "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True),
        }[activation](values)
    assert not len(weights)
    return values


@pytest.fixture
def lab(request) -> Lab:
    return Lab(f"memory://exports-{request.node.name}")


NETWORKS = [
    (MLP(8, 5), 3),
    (MLP(), 4),
    (MLP(6, activation="sigmoid"), 3),
    (MLP(6, activation="tanh", link="logistic"), 3),
    (MLP(6, link="logistic"), 2),
    (ConvNet(filters=(4, 3), dense=(7,)), 3),
    (ConvNet(filters=(4,), dense=(), pool=3, width=2, channels=2), 2),
]


@pytest.mark.parametrize(("network", "classes"), NETWORKS)
@pytest.mark.parametrize("scaling", ["none", "standard", "clipped", "ramps"])
def test_onnx__predicts_as_the_network_does(lab, tmp_path, network, classes, scaling):
    trained = train(network, scaling, classes)
    store(lab, trained)
    (path,) = Models(lab).export(tmp_path / "ann.onnx", "ann")
    inputs = windows(scaling)
    expected = trained.predict(inputs)
    np.testing.assert_allclose(run_onnx(path, inputs), expected, rtol=2e-5, atol=2e-6)
    assert run_onnx(path, inputs[:1]).shape == (1, classes)


def test_onnx__of_an_ensemble_averages_over_the_classes_of_both(lab, tmp_path):
    store(lab, train(MLP(5), classes=4), EVERYONE, simulated=True)
    classes = json.dumps([NAMES[1], "zumba"])
    store(lab, train(MLP(), "ramps", 2), kind="ensemble", base=0, classes=classes)
    opened = Models(lab).network("ann")
    (path,) = Models(lab).export(tmp_path / "ann.onnx", "ann")
    found = run_onnx(path, windows())
    np.testing.assert_allclose(found, opened.predict(windows()), rtol=2e-5, atol=2e-6)
    texts = {each.key: json.loads(each.value) for each in onnx.load(path).metadata_props}
    assert texts["classes"] == [*NAMES, "zumba"]
    assert texts["simulated"] is True


def test_onnx__of_an_estimator_has_the_same_names_and_predicts_the_same(lab, tmp_path):
    targets = np.arange(len(INPUTS)) % 3
    steps = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    model = convert(steps.fit(INPUTS, targets), INPUTS)
    store(lab, model, format="onnx", classes=json.dumps(NAMES[:3]))
    (path,) = Models(lab).export(tmp_path / "ann.onnx", "ann")
    np.testing.assert_allclose(run_onnx(path, INPUTS), steps.predict_proba(INPUTS), atol=1e-5)
    texts = {each.key: json.loads(each.value) for each in onnx.load(path).metadata_props}
    assert texts["classes"] == list(NAMES[:3])
    for name, reason in (("ann.safetensors", "export an estimator as onnx"), ("a.raw", "an MLP")):
        with pytest.raises(InputError, match=reason):
            Models(lab).export(tmp_path / name, "ann")


def test_onnx__tells_what_it_is_and_is_written_the_same_each_time(lab, tmp_path):
    store(lab, train(MLP(5)), score=0.25, criterion="error")
    models = Models(lab)
    (path,) = models.export(tmp_path / "ann.onnx", "ann")
    first = path.read_bytes()
    model = onnx.load(path)
    texts = {each.key: json.loads(each.value) for each in model.metadata_props}
    assert texts["classes"] == list(NAMES[:3])
    assert texts["settings"] == {"recipe": {"epochs": 2}, "version": "0"}
    assert (texts["user"], texts["kind"], texts["score"]) == ("ann", "own", 0.25)
    assert (texts["simulated"], texts["snapshot"]) == (False, models.network("ann").snapshot)
    assert model.opset_import[0].version == 17
    models.export(path, "ann")
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["ann.onnx"]


@pytest.mark.parametrize(("network", "classes"), NETWORKS)
def test_safetensors__come_back_bit_for_bit(lab, tmp_path, network, classes):
    trained = train(network, "ramps", classes)
    store(lab, trained)
    (path,) = Models(lab).export(tmp_path / "ann.safetensors", "ann")
    opened = load_safetensors(path)
    np.testing.assert_array_equal(opened.predict(windows()), trained.predict(windows()))
    np.testing.assert_array_equal(opened.network.pack(), trained.pack())
    assert (opened.user, opened.kind, opened.classes) == ("ann", "own", NAMES[:classes])
    assert opened.snapshot == Models(lab).network("ann").snapshot


def test_safetensors__have_the_tensors_and_texts_that_are_documented(lab, tmp_path):
    trained = train(ConvNet(filters=(4,), dense=(7,)))
    store(lab, trained)
    (path,) = Models(lab).export(tmp_path / "ann.safetensors", "ann")
    tensors = load_file(path)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "scaler.table": (2, 48),
        "layers.0.weight": (4, 3, 3),
        "layers.0.bias": (4,),
        "layers.1.weight": (7, 28),
        "layers.1.bias": (7,),
        "layers.2.weight": (3, 7),
        "layers.2.bias": (3,),
    }
    with safetensors.safe_open(path, framework="numpy") as file:
        texts = file.metadata()
    assert json.loads(texts["settings"])["recipe"] == {"epochs": 2}
    assert json.loads(texts["simulated"]) is False
    assert json.loads(texts["networks"])[0]["scaling"] == "standard"


def test_safetensors__of_an_ensemble_come_back(lab, tmp_path):
    store(lab, train(MLP(5), classes=4), EVERYONE)
    store(lab, train(MLP(), classes=2), kind="ensemble", base=0)
    (path,) = Models(lab).export(tmp_path / "ann.safetensors", "ann")
    opened = load_safetensors(path)
    expected = Models(lab).network("ann").predict(windows())
    np.testing.assert_array_equal(opened.predict(windows()), expected)
    assert (opened.kind, opened.classes) == ("ensemble", NAMES)


def test_load_safetensors__refuses_what_is_none_of_ours(tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("not tensors")
    with pytest.raises(InputError, match="expected a safetensors file"):
        load_safetensors(text)
    with pytest.raises(InputError, match="expected a safetensors file"):
        load_safetensors(tmp_path / "missing.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2, np.float32)}, other)
    with pytest.raises(InputError, match=r"that workoutlab exported.*got format None"):
        load_safetensors(other)


@pytest.mark.parametrize(
    ("network", "classes", "layers"),
    [
        (MLP(8, 5), 3, "48 id 8 relu 5 relu 3 softmax"),
        (MLP(), 4, "48 id 4 softmax"),
        (MLP(6, activation="tanh"), 3, "48 id 6 tanh 3 softmax"),
        (MLP(6, activation="sigmoid", link="logistic"), 2, "48 id 6 logistic 2 logistic"),
    ],
)
@pytest.mark.parametrize("scaling", ["none", "standard"])
def test_muvr__device_predicts_as_the_network_does(
    lab, tmp_path, network, classes, layers, scaling
):
    trained = train(network, scaling, classes)
    store(lab, trained)
    files = Models(lab).export(tmp_path / "arms_model", "ann", format="muvr")
    assert [file.name for file in files] == [
        "arms_model.weights.raw",
        "arms_model.layers.txt",
        "arms_model.labels.txt",
    ]
    assert files[1].read_text() == layers
    assert files[2].read_text() == "\n".join(NAMES[:classes])
    found = run_device(tmp_path / "arms_model", INPUTS)
    np.testing.assert_allclose(found, trained.predict(INPUTS), rtol=1e-4, atol=1e-5)


def test_muvr__weights_are_those_of_each_output_behind_its_bias(lab, tmp_path):
    trained = train(MLP(2), "none", 2)
    store(lab, trained)
    (path, *_) = Models(lab).export(tmp_path / "arms.weights.raw", "ann")
    first = trained.layers[0]
    stored = np.fromfile(path, "<f4")
    assert path.name == "arms.weights.raw"
    assert path.stat().st_size == 4 * (2 * 49 + 2 * 3)
    np.testing.assert_array_equal(stored[:49], [first[-1, 0], *first[:-1, 0]])


def test_muvr__several_logistic_outputs_keep_their_order(lab, tmp_path):
    trained = train(MLP(6, link="logistic"))
    store(lab, trained)
    Models(lab).export(tmp_path / "arms.raw", "ann")
    found = run_device(tmp_path / "arms", INPUTS)
    expected = trained.predict(INPUTS)
    np.testing.assert_allclose(
        found / found.sum(axis=1, keepdims=True), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("network", "scaling", "message"),
    [
        (ConvNet(filters=(4,)), "none", "dense layers only.*got ConvNet 4-100"),
        (MLP(5), "ramps", "expected scaling 'standard' or 'none', got 'ramps'"),
        (MLP(5), "clipped", "got 'clipped'; train with one of them, or export as onnx"),
    ],
)
def test_muvr__refuses_what_the_format_cannot_hold(lab, tmp_path, network, scaling, message):
    store(lab, train(network, scaling))
    with pytest.raises(InputError, match=message):
        Models(lab).export(tmp_path / "arms.raw", "ann")
    assert list(tmp_path.iterdir()) == []


def test_muvr__refuses_an_ensemble_and_a_class_of_two_lines(lab, tmp_path):
    store(lab, train(MLP(5)), EVERYONE)
    store(lab, train(MLP(5)), kind="ensemble", base=0)
    store(lab, train(MLP(5)), "bob", classes='["a", "b", "c\\nd"]')
    with pytest.raises(InputError, match="expected an MLP, got Average"):
        Models(lab).export(tmp_path / "arms.raw", "ann")
    with pytest.raises(InputError, match=r"'c\\nd' has a line break"):
        Models(lab).export(tmp_path / "arms.raw", "bob")


def test_export__refuses_bad_targets_before_anything_is_written(lab, tmp_path):
    store(lab, train(MLP(5)))
    models = Models(lab)
    for path, message in (
        (tmp_path / "missing" / "ann.onnx", "there is no folder"),
        ("s3://bucket/ann.onnx", "expected a file on this machine"),
        (tmp_path / "ann.pickle", "expected one of onnx, safetensors, muvr"),
        (tmp_path, "expected one of onnx, safetensors, muvr"),
    ):
        with pytest.raises(InputError, match=message):
            models.export(path, "ann")
    with pytest.raises(InputError, match="got 'pmml'"):
        models.export(tmp_path / "ann.onnx", "ann", format="pmml")
    with pytest.raises(InputError, match="it is a folder"):
        models.export(tmp_path, "ann", format="onnx")
    with pytest.raises(NotInLabError, match="no network of 'zoe'"):
        models.export(tmp_path / "zoe.onnx", "zoe")
    assert list(tmp_path.iterdir()) == []


def test_export__leaves_what_was_there_if_it_fails(lab, tmp_path, monkeypatch):
    store(lab, train(MLP(5)))
    target = tmp_path / "ann.onnx"
    target.write_text("older")

    def fail(self: Path, target: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        Models(lab).export(target, "ann")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]


def test_export__names_the_extra_that_is_missing(lab, tmp_path, monkeypatch):
    store(lab, train(MLP(5)))
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'workoutlab\[onnx\]'"):
        Models(lab).export(tmp_path / "ann", "ann", format="onnx")


def test_describe__tells_what_a_network_is(lab):
    store(lab, train(MLP(5)), reason="enough sets")
    told = Models(lab).describe("ann")
    assert told["settings"]["recipe"] == {"epochs": 2}
    assert (told["reason"], told["score"], told["classes"]) == ("enough sets", None, [*NAMES[:3]])
    assert json.loads(json.dumps(told, allow_nan=False)) == told
