"""The command line, in this process: text for people, one JSON object, exit statuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from workoutlab import Lab, Models, __version__
from workoutlab.cli import app
from workoutlab.signals.saved import load_features

SAMPLE = Path(__file__).parents[1] / "data" / "muvr"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def invoke_json(*arguments: object, status: int = 0) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "lab"
    users = sorted({path.name.split("_")[2].split("-")[0] for path in SAMPLE.glob("*.csv")})[:2]
    files = sorted(path for user in users for path in SAMPLE.glob(f"*_{user}-*.csv"))
    result = invoke("ingest", "--lab", folder, "--reader", "muvr", "--simulated", *files)
    assert result.exit_code == 0, result.output
    return folder


def test_version__is_the_packages() -> None:
    assert invoke("--version").stdout.strip() == __version__


def test_help__lists_the_commands() -> None:
    text = invoke("--help").stdout
    for command in ("demo", "ingest", "info", "features", "train", "evaluate", "verify"):
        assert command in text


@pytest.mark.parametrize(
    "command", ["demo", "ingest", "info", "features", "train", "evaluate", "verify"]
)
def test_every_command__takes_lab_scheduler_and_json(command: str) -> None:
    text = invoke(command, "--help").stdout
    assert all(option in text for option in ("--lab", "--scheduler", "--json"))


def test_ingest__again_stores_nothing_and_says_so(lab: Path) -> None:
    stored = Lab(lab).info().recordings
    files = sorted(SAMPLE.glob("*.csv"))[:3]
    result = invoke("ingest", "--lab", lab, "--reader", "muvr", "--simulated", *files)
    assert result.exit_code == 0
    assert result.stdout.startswith("nothing new: 0 recordings stored, 3 duplicates")
    assert Lab(lab).info().recordings == stored


def test_ingest__a_bad_file_loses_no_other(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("0,0,1,curl,,20,10\n" * 100)
    bad.write_text("0,0,1,curl,,20,10\n0,zero,1,curl,,20,10\n")
    found = invoke_json(
        "ingest", "--lab", tmp_path / "lab", "--reader", "muvr", good, bad, status=1
    )
    assert found["lab"] == str(tmp_path / "lab")
    assert [Path(entry["file"]).name for entry in found["stored"]] == ["good.csv"]
    (rejected,) = found["rejected"]
    assert Path(rejected["file"]).name == "bad.csv"
    assert "line 2" in rejected["reason"]
    assert Lab(tmp_path / "lab").info().recordings == 1


def test_ingest__by_a_mapping(tmp_path: Path) -> None:
    table = tmp_path / "ann.csv"
    table.write_text("time,ax,ay,az\n0,0,0,9.80665\n20,0,0,9.80665\n")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'acceleration_unit = "m/s2"\n[columns]\nx = "ax"\ny = "ay"\nz = "az"\ntime = "time"\n'
    )
    found = invoke_json(
        *("ingest", "--lab", tmp_path / "lab", "--reader", "tabular", "--mapping", mapping),
        *("--map", "time_unit=ms", "--map", "path={user}.csv", table),
    )
    assert len(found["stored"]) == 1
    recording = Lab(tmp_path / "lab").recording(0)
    assert recording.user == "ann"
    assert recording.acceleration[:, 2].tolist() == pytest.approx([1, 1])


def test_info__tells_people_and_size(lab: Path) -> None:
    found = invoke_json("info", "--lab", lab)
    assert found["people"] == 2
    assert found["simulated"] == found["recordings"] == found["sets"]
    assert found["size_bytes"] > 0
    assert str(found["sets"]) in invoke("info", "--lab", lab).stdout


def test_features__then_nothing_is_left_to_compute(lab: Path) -> None:
    choice = ("--names", "distribution", "--names", "jerk", "--channel", "magnitude")
    told = invoke_json("features", "--lab", lab, "--name", "few", *choice, "--describe")
    first = invoke_json("features", "--lab", lab, "--name", "few", *choice)
    again = invoke_json("features", "--lab", lab, "--name", "few", *choice)
    assert told["windows"] == first["computed"] == again["unchanged"] > 0
    assert (first["unchanged"], again["computed"], again["failed"]) == (0, 0, {})
    loaded = load_features(Lab(lab), "few")
    assert loaded.sizes["window"] == first["computed"]
    assert "magnitude_jerk" in loaded["feature"].values
    assert told["features"] == loaded.sizes["feature"]


def test_features__say_what_they_take_and_what_was_done(lab: Path) -> None:
    result = invoke("features", "--lab", lab, "--name", "sets", "--within", "sets", "--names", "sd")
    assert result.exit_code == 0
    assert "4 features of each" in result.stdout
    assert "features 'sets': " in result.stdout
    other = invoke("features", "--lab", lab, "--name", "sets", "--names", "sd")
    assert other.exit_code == 1
    assert "replace=True" in other.stderr


def test_features__list_the_catalogue() -> None:
    found = invoke_json("features", "--list")["features"]
    assert {"name", "unit", "of", "group", "definition", "source", "cost_ns"} == set(found[0])
    names = [feature["name"] for feature in found]
    assert "dominant_frequency" in names
    some = invoke("features", "--list", "--names", "axes")
    assert some.exit_code == 0
    assert "correlation_xy" in some.stdout
    assert "kurtosis" not in some.stdout
    assert "near: mean" in invoke("features", "--list", "--names", "means").stderr


def test_features__need_a_lab_or_list() -> None:
    result = CliRunner().invoke(app, ["features"], env={"WORKOUTLAB_LAB": None})
    assert result.exit_code == 2
    assert "--list" in result.stderr


def test_train__then_nothing_is_left_to_train(lab: Path) -> None:
    first = invoke_json("train", "--lab", lab, "--epochs", 2, "--hidden", "16", "--name", "quick")
    again = invoke_json("train", "--lab", lab, "--epochs", 2, "--hidden", "16", "--name", "quick")
    assert len(first["trained"]) == 2
    assert (again["trained"], again["unchanged"]) == ([], first["trained"])
    assert list(Models(Lab(lab), "quick").users) == first["trained"]


def test_train__searches_and_tells_what_was_chosen(lab: Path) -> None:
    how = ("--epochs", 2, "--hidden", "16", "--folds", 2, "--criterion", "loss", "--name", "found")
    search = ("--search", "rate=0.000001,0.05", "--search", "hidden=16,12x8")
    found = invoke_json("train", "--lab", lab, *how, *search)
    assert found["choices"]["counts"]["rate"] == {"0.05": 2}
    assert found["choices"]["criterion"] == "loss"
    told = Models(Lab(lab), "found").settings(found["trained"][0])
    assert told["search"]["choices"]["hidden"] == [[16], [12, 8]]
    assert told["validation"]["folds"] == 2
    printed = invoke("train", "--lab", lab, *how, *search).stdout
    assert "  rate: 0.05 for 2" in printed


def test_train__takes_the_settings_of_training(lab: Path) -> None:
    options = ("--learning-rate", 0.02, "--batch", 0, "--schedule", "cosine", "--dropout-keep", 1)
    found = invoke_json(
        *("train", "--lab", lab, "--epochs", 1, "--hidden", "8", "--scaling", "clipped"),
        *("--name", "set", *options),
    )
    recipe = Models(Lab(lab), "set").settings(found["trained"][0])["recipe"]
    expected = {"rate": 0.02, "batch": None, "schedule": "cosine", "scaling": "clipped"}
    assert {name: recipe[name] for name in expected} == expected
    assert recipe["network"]["dropout_keep"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--search", "rate"), "--search: expected a setting and values, rate=0.1,1, got 'rate'"),
        (("--search", "rate=1", "--search", "rate=2"), "--search: rate came twice"),
        (("--search", "rates=1"), "search: there is no setting 'rates' to choose; there are"),
        (("--search", "hidden=a"), "--search hidden: expected layers like 250x50, got 'a'"),
        (("--search", "rate=fast"), "rate: expected a number, got 'fast'"),
        (("--folds", 3), "folds: of a search, and there is none"),
    ],
)
def test_train__names_what_is_wrong_with_a_search(
    lab: Path, options: tuple[object, ...], message: str
) -> None:
    assert message in invoke_json("train", "--lab", lab, *options, status=1)["error"]["message"]


def test_evaluate__searches_within_the_training_part(lab: Path) -> None:
    found = invoke_json(
        *("evaluate", "--lab", lab, "--per", "user", "--seeds", 1, "--epochs", 1, "--hidden", "8"),
        *("--search", "rate=0.000001,0.05", "--folds", 2),
    )
    assert "the best of 2 choices by 2 folds by set" in found["title"]


def test_evaluate__writes_figures_and_a_report(lab: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    found = invoke_json(
        *("evaluate", "--lab", lab, "--protocol", "set", "--seeds", 2, "--per", "user"),
        *("--epochs", 2, "--hidden", "16", "--report", report),
    )
    assert found["label"] == "SIMULATED DATA"
    assert found["protocol"]["text"].startswith("80/20 by set, 2 seeds")
    assert 0 <= found["windows"]["error_percent"]["mean"] <= 100
    assert "SIMULATED DATA" in report.read_text()


def test_evaluate__filters_what_is_scored(lab: Path) -> None:
    (user, *_) = Lab(lab).table("recordings", ["user"])["user"].unique()
    found = invoke_json(
        *("evaluate", "--lab", lab, "--user", user, "--seeds", 1, "--epochs", 1, "--hidden", "8")
    )
    assert found["source"]["people"] == 1


def test_verify__finds_no_problem(lab: Path) -> None:
    found = invoke_json("verify", "--lab", lab)
    assert found["problems"] == []


def test_verify__a_flipped_bit_is_an_exit_status(lab: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(lab, copy)
    chunk = max((copy / "chunks").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    assert invoke_json("verify", "--lab", copy, status=1)["problems"]


@pytest.mark.parametrize("command", ["info", "features", "train", "evaluate", "verify"])
def test_every_command__no_lab_there(command: str, tmp_path: Path) -> None:
    text = invoke(command, "--lab", tmp_path / "nothing")
    assert text.exit_code == 1
    assert text.stdout == ""
    assert text.stderr.startswith("Error: there is no lab at")
    error = invoke_json(command, "--lab", tmp_path / "nothing", status=1)["error"]
    assert error["type"] == "LabNotFoundError"
    assert not (tmp_path / "nothing").exists()


def test_train__wrong_layers(lab: Path) -> None:
    result = invoke("train", "--lab", lab, "--hidden", "wide")
    assert result.exit_code == 1
    assert result.stderr == "Error: --hidden: expected units like 250,50, got 'wide'\n"


def test_evaluate__a_random_split_is_refused_with_the_reason(lab: Path) -> None:
    error = invoke_json("evaluate", "--lab", lab, "--protocol", "random", status=1)["error"]
    assert error["type"] == "LeakageError"
    assert "overlap" in error["message"]
    assert "set" in error["message"]


def test_scheduler__nobody_there(lab: Path) -> None:
    result = invoke("train", "--lab", lab, "--scheduler", "scheduler")
    assert result.exit_code == 1
    assert "expected tcp://host:port" in result.stderr


def test_scheduler__excludes_workers(lab: Path) -> None:
    result = invoke("train", "--lab", lab, "--scheduler", "tcp://127.0.0.1:1", "--workers", 2)
    assert result.exit_code == 1
    assert "exclude each other" in result.stderr


@pytest.mark.parametrize("report", ["no/such/folder/r.html", "."])
def test_evaluate__refuses_a_report_that_cannot_be_written_before_it_begins(
    lab: Path, tmp_path: Path, report: str
) -> None:
    found = invoke_json("evaluate", "--lab", lab, "--report", tmp_path / report, status=1)
    assert found["error"]["type"] == "InputError"
    assert "--report: expected a file in a folder that is there" in found["error"]["message"]


def test_ingest__tells_an_error_of_the_operating_system(tmp_path: Path) -> None:
    lab = tmp_path / ("x" * 300)
    found = invoke_json("ingest", "--lab", lab, "--reader", "muvr", SAMPLE, status=1)
    assert "File name too long" in found["error"]["message"]
