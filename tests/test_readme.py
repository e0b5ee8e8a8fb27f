"""The README's lines run as they stand."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from workoutlab.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "recordings").symlink_to(ROOT / "data" / "muvr")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_readme__python(folder: Path) -> None:
    names: dict[str, Any] = {}
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), names)
    assert (folder / "report.html").exists()
    assert str(names["score"]).count("error %") == 1
    assert names["table"].columns[-1] == "magnitude_span"
    assert names["daily"].sizes["window"] == len(names["worn"]) > 0


def test_readme__command_lines(folder: Path) -> None:
    (lines,) = [block for block in blocks("sh") if block.startswith("workoutlab ingest   --lab")]
    for line in lines.splitlines():
        arguments = shlex.split(line, comments=True)
        assert arguments.pop(0) == "workoutlab"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert (folder / "report.html").exists()


def test_readme__own_files_by_a_mapping(folder: Path) -> None:
    session = ROOT / "data" / "continuous"
    mapping = ["--reader", "tabular", "--mapping", str(session / "session.toml")]
    result = CliRunner().invoke(
        app, ["ingest", "--lab", "lab", *mapping, str(session / "session.parquet")]
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 recording stored")


def test_readme__links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
