"""Commands on models that a lab keeps, in this process."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.test_recognition_versions import INPUTS, opens_as, scored, store
from workoutlab import Lab, Models
from workoutlab.cli import app
from workoutlab.recognition.keeping.exports import load_safetensors


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def invoke_json(*arguments: object, status: int = 0) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == status, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


def test_models__lists_who_holds_what(lab: Lab) -> None:
    assert "no models yet" in invoke("models", "--lab", lab.url).stdout
    store(lab, "exercise", "ann", 1, **scored(0.25))
    store(lab, "trial", "ann", 2)
    found = invoke_json("models", "--lab", lab.url)["models"]
    assert [(row["name"], row["user"], row["score"]) for row in found] == [
        ("exercise", "ann", 0.25),
        ("trial", "ann", None),
    ]
    assert found[0]["trained"].startswith("1970-01-01T00:00:00")
    assert (found[0]["classes"], found[0]["simulated"]) == (2, True)
    text = invoke("models", "--lab", lab.url, "--name", "trial").stdout
    assert "trial" in text
    assert "exercise" not in text


def test_models__cuts_a_long_list_short_on_a_terminal(lab: Lab) -> None:
    from workoutlab.cli import kept

    for user in ("ann", "bob", "cem"):
        store(lab, "exercise", user, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "_LISTED", 2)
        text = invoke("models", "--lab", lab.url).stdout
    assert "bob" in text
    assert "cem" not in text
    assert "and 1 more" in text


def test_promote_and_rollback__change_what_holds_and_list_versions(lab: Lab) -> None:
    first = store(lab, "exercise", "ann", 1, **scored(0.2))
    second = store(lab, "trial", "ann", 2, **scored(0.1))
    store(lab, "trial", "bob", 3, **scored(0.1))
    found = invoke_json(
        "promote", "--lab", lab.url, "--from", "trial", "--user", "ann", "--only-better"
    )
    assert (found["changed"], found["kept"]) == (["ann"], {})
    assert opens_as(Models(lab.refresh()), "ann", second)
    text = invoke("rollback", "--lab", lab.url, "--user", "ann").stdout
    assert text.startswith("models 'exercise': 1 people changed, 0 unchanged")
    assert opens_as(Models(lab.refresh()), "ann", first)
    versions = invoke_json("models", "--lab", lab.url, "--user", "ann")["models"]
    assert [(row["source"], row["source_row"]) for row in versions] == [
        ("", None),
        ("trial", 0),
        ("", 0),
    ]
    assert "trial" in invoke("models", "--lab", lab.url, "--user", "ann").stdout


def test_rollback__to_a_snapshot(lab: Lab) -> None:
    first = store(lab, "exercise", "ann", 1)
    before = lab.snapshot
    store(lab, "exercise", "ann", 2)
    assert invoke_json("rollback", "--lab", lab.url, "--to", before)["changed"] == ["ann"]
    assert opens_as(Models(lab.refresh()), "ann", first)


def test_export__writes_the_files(lab: Lab, tmp_path: Path) -> None:
    network = store(lab, "exercise", "ann", 1)
    target = tmp_path / "ann.safetensors"
    found = invoke_json("export", "--lab", lab.url, "--user", "ann", "--to", target)
    assert found["files"] == [str(target)]
    assert (load_safetensors(target).predict(INPUTS) == network.predict(INPUTS)).all()
    base = tmp_path / "arms_model"
    text = invoke("export", "--lab", lab.url, "--user", "ann", "--format", "muvr", "--to", base)
    assert "arms_model.weights.raw" in text.stdout
    assert len(list(tmp_path.glob("arms_model.*"))) == 3


def test_commands__tell_their_errors_in_one_line(lab: Lab, tmp_path: Path) -> None:
    store(lab, "exercise", "ann", 1)
    at = ("--lab", lab.url)
    for command, message in (
        (("models", *at, "--name", "trial"), "no models 'trial'"),
        (("promote", *at, "--from", "trial"), "no models 'trial'"),
        (("rollback", *at, "--user", "zoe"), "no network of 'zoe'"),
        (("export", *at, "--to", tmp_path / "ann.pickle"), "expected one of onnx"),
        (("models", "--lab", tmp_path / "nothing"), "there is no lab at"),
    ):
        result = invoke(*command)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith("Error: ")
        assert message in result.stderr
        assert message in invoke_json(*command, status=1)["error"]["message"]


def test_help__lists_the_commands() -> None:
    text = invoke("--help").stdout
    assert all(name in text for name in ("models", "promote", "rollback", "export"))
