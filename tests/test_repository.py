"""The repository keeps its promises: layout, packages, public names and import time."""

import json
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import workoutlab

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "dask[distributed]": "dask", "moto[server]": "moto"}
HEAVY = ("dask", "distributed", "icechunk", "numba", "pandas", "sklearn", "torch", "xarray", "zarr")


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_top_level__is_as_agreed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} == {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "data",
        "environment.yml",
        "notebooks",
        "pyproject.toml",
        "tests",
        "workoutlab",
    }


def test_environment__has_the_packages_and_bounds_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    expected = {f"python{project['requires-python']}", "pip"}
    for requirement in [*project["dependencies"], *extras["plots"], *extras["test"]]:
        for name, conda_name in CONDA_NAMES.items():
            if requirement.startswith(name):
                requirement = conda_name + requirement.removeprefix(name)
        expected.add(requirement)
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert set(environment["dependencies"]) == expected


def test_ci__runs_the_command_of_the_readme() -> None:
    command = 'pip install -e ".[test]" && pytest'
    assert command in (ROOT / "README.md").read_text().splitlines()
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_pre_commit__runs_the_checks_of_ci() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = {hook["entry"].removesuffix(" --force-exclude") for hook in config["repos"][0]["hooks"]}
    ci = (ROOT / ".ci" / "run").read_text()
    assert hooks == {"ruff format", "ruff check", "mypy", "lint-imports"}
    assert all(hook in ci for hook in hooks)


def test_version__is_the_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert workoutlab.__version__ == project["version"]


def test_public_names__are_there() -> None:
    assert len(workoutlab.__all__) == len(set(workoutlab.__all__))
    assert set(workoutlab.__all__) == {*workoutlab._HOMES, "__version__"}
    for name, home in workoutlab._HOMES.items():
        assert getattr(workoutlab, name) is getattr(import_module(home), name)
        assert name in import_module(home).__all__
        assert getattr(workoutlab, name).__doc__
    assert set(dir(workoutlab)) == set(workoutlab.__all__)


def test_public_names__unknown() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = workoutlab.nonsense


def test_import__loads_nothing_heavy() -> None:
    code = "import json, sys, workoutlab; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(python(code)))
    assert not loaded & set(HEAVY)


def test_import__takes_less_than_half_a_second() -> None:
    code = (
        "import time; started = time.process_time(); import workoutlab; "
        "print(time.process_time() - started)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.5
