import json
import pickle

import numpy as np
import pytest
from numba import njit

from workoutlab.errors import InputError
from workoutlab.kernels.catalogue import CATALOGUE, GROUPS, STANDARD
from workoutlab.kernels.statistics import describe_windows
from workoutlab.kernels.windows import split_channels
from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.signals import Statistics, compute, windows
from workoutlab.signals.catalogue import catalogue, choose_features
from workoutlab.signals.own import Own

RNG = np.random.default_rng(0)
PLANES = split_channels(RNG.normal(size=(500, 3)).astype(np.float32))  # x, y, z, magnitude
STARTS = np.array([0, 50, 300])
AXES = [each.name for each in CATALOGUE if each.of == "axes"]
CHANNEL = [each.name for each in CATALOGUE if each.of == "channel"]


def run(inputs):
    rows = ["xyzm".index(channel[0]) for channel in inputs.channels]
    return inputs.compute(np.ascontiguousarray(PLANES[rows]), STARTS, 200, 50.0)


def column(inputs, name):
    return run(inputs)[:, inputs.names(200).index(name)]


def test_statistics__are_the_standard_ones_by_default():
    inputs = Statistics()
    assert inputs.channels == ("x", "y", "z", "magnitude")
    assert inputs.settings() == {"inputs": "statistics", "names": list(inputs.names(0))}
    np.testing.assert_array_equal(run(inputs), describe_windows(PLANES, STARTS, 200, 50.0))
    each = [name for name in STANDARD if name in CHANNEL]
    expected = [f"{channel}_{name}" for channel in inputs.channels for name in each]
    assert list(inputs.names(200)) == expected + [name for name in STANDARD if name in AXES]


@pytest.mark.parametrize("group", ["all", *GROUPS])
def test_statistics__of_a_group_have_all_its_features(group):
    inputs = Statistics(group)
    wanted = [each.name for each in CATALOGUE] if group == "all" else GROUPS[group]
    for name in wanted:
        feature = next(each for each in CATALOGUE if each.name == name)
        named = (
            [name] if feature.of == "axes" else [f"{each}_{name}" for each in ("x", "magnitude")]
        )
        for each in named:
            assert inputs.units(200)[inputs.names(200).index(each)] == feature.unit
    out = run(inputs)
    assert out.shape == (3, len(inputs.names(200))) == (3, len(inputs.units(200)))


def test_statistics__do_not_change_with_what_else_is_chosen():
    every = Statistics("all")
    for chosen in (Statistics("spectrum"), Statistics(["max", "mean"]), Statistics("axes")):
        for name in chosen.names(200):
            np.testing.assert_array_equal(column(chosen, name), column(every, name))


def test_statistics__come_in_the_order_they_are_named_and_once():
    inputs = Statistics(["max", "mean", "max"], channels=("z", "x"))
    assert inputs.names(200) == ("z_max", "z_mean", "x_max", "x_mean")
    np.testing.assert_array_equal(column(inputs, "z_max"), column(Statistics(), "z_max"))
    assert Statistics("mean", channels="y").names(9) == ("y_mean",)


@pytest.mark.parametrize("channels", [("magnitude",), ("z", "magnitude"), ("magnitude", "y", "x")])
def test_statistics__between_the_axes_need_no_axis_to_be_described(channels):
    inputs = Statistics(["mean", *AXES], channels=channels)
    assert inputs.channels[: len(channels)] == channels
    assert set(inputs.channels) == {"x", "y", "z", "magnitude"}
    assert inputs.names(9) == (*(f"{each}_mean" for each in channels), *AXES)
    for name in inputs.names(200):
        np.testing.assert_array_equal(column(inputs, name), column(Statistics("all"), name))
    alone = Statistics(AXES, channels=channels)
    np.testing.assert_array_equal(run(alone), run(inputs)[:, len(channels) :])


def test_statistics__read_no_axis_that_they_do_not_need():
    assert Statistics("mean", channels=("magnitude",)).channels == ("magnitude",)


def test_statistics__hold_own_functions():
    span = Own(njit(lambda values, _: values.max() - values.min()), name="span", unit="g")
    both = Own(
        lambda values, rate_hz: (values.mean(), values.shape[1] / rate_hz),
        name="both",
        names=("overall", "per_second"),
        of="window",
        unit=("g", "s"),
    )
    inputs = Statistics(["mean", span, "correlation_xy", both], channels=("magnitude",))
    assert inputs.names(9) == (
        *("magnitude_mean", "correlation_xy", "magnitude_span"),
        *("overall", "per_second"),
    )
    assert inputs.units(9) == ("g", "1", "g", "g", "s")
    out = run(inputs)
    windows_of = np.stack([PLANES[3, start : start + 200] for start in STARTS])
    np.testing.assert_allclose(out[:, 2], np.ptp(windows_of, axis=1), rtol=1e-6)
    np.testing.assert_allclose(out[:, 3], windows_of.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(out[:, 4], 1 / 50)
    assert inputs.settings()["own"] == [span.settings(), both.settings()]
    json.dumps(inputs.settings())


def test_statistics__of_own_functions_alone():
    inputs = Statistics(Own(lambda values, rate_hz: values[0] * rate_hz, name="first"))
    np.testing.assert_allclose(run(inputs), 50 * PLANES[:, STARTS].T, rtol=1e-6)


def test_statistics__are_the_same_after_a_pickle():
    inputs = Statistics(["standard", "smoothness"], channels=("vertical", "x"))
    again = pickle.loads(pickle.dumps(inputs))
    assert again == inputs
    assert again.settings() == inputs.settings()


def test_statistics__describe_the_parts_along_gravity_and_across():
    lab = Lab("memory://statistics-along")
    samples = RNG.normal([0, 0, 1], 0.1, size=(1000, 3))
    lab.append(Recording(user="ann", session="s", acceleration=samples, rate_hz=50))
    plan = windows(lab, within="recordings")
    out = compute(plan, Statistics("sd", channels=("vertical", "z")))
    assert abs(out[:, 0] / out[:, 1] - 1).max() < 0.2


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("means", r"no feature or group 'means'; near: mean.*features --list"),
        ("spectral", r"no feature or group 'spectral'.*workoutlab\.catalogue\(\)"),
        ("qqqq", r"no feature or group 'qqqq'; workoutlab\.catalogue"),
        ("x_mean", r"no feature 'x_mean', but 'mean'.*channels=\('x',\)"),
        ([], "expected a feature or more, got none"),
        ([3], "expected names of features or Own"),
    ],
)
def test_statistics__tell_how_to_find_a_feature(names, told):
    with pytest.raises(InputError, match=told):
        Statistics(names)


@pytest.mark.parametrize("channels", [(), ("x", "x"), ("w",), "w"])
def test_statistics__refuse_channels_that_there_are_not(channels):
    with pytest.raises(InputError, match="channels: expected one or more of x, y, z, magnitude"):
        Statistics(channels=channels)


@pytest.mark.parametrize("names", [None, 3, np.ptp])
def test_choose_features__refuses_what_names_none(names):
    with pytest.raises(InputError, match="names: expected names of features or Own"):
        choose_features(names)


def test_statistics__refuse_two_columns_of_one_name():
    mean = Own(lambda values, rate_hz: values[0] / rate_hz, name="mean")
    with pytest.raises(InputError, match="two features are called 'mean'"):
        Statistics(["mean", mean])
    other = Own(lambda values, rate_hz: values[0] / rate_hz, name="mine", names=("mean",))
    with pytest.raises(InputError, match="two columns are called 'x_mean'"):
        Statistics(["mean", other])


def test_catalogue__lists_every_feature_with_all_that_is_known_of_it():
    table = catalogue()
    assert table.index.tolist() == [each.name for each in CATALOGUE]
    assert table.loc["mean", "definition"] == CATALOGUE[0].definition
    assert (table["cost_ns"] >= 0).all()
    assert set(table["of"]) == {"channel", "axes"}


def test_catalogue__prints_whole_in_a_terminal_and_a_notebook(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    table = catalogue()
    text = str(table)
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    for name in table.index:
        assert name in text
    for definition in table["definition"]:
        assert definition.split()[0] in text
    html = table._repr_html_()
    assert all(f">{name}<" in html for name in table.index)
    assert "<script" not in html


def test_catalogue__shows_own_features_beside_others():
    span = Own(lambda values, rate_hz: values[0] / rate_hz, name="span", unit="g")
    table = catalogue(["change", span])
    assert table.loc["span", ["unit", "group"]].tolist() == ["g", "own"]
    assert "span" in str(table)
    assert type(table[["unit"]]).__name__ == "DataFrame"


def test_choose_features__takes_each_once():
    names = [each.name for each in choose_features(["standard", "mean", "all"])]
    assert names[: len(STANDARD)] == list(STANDARD)
    assert sorted(names) == sorted(each.name for each in CATALOGUE)
