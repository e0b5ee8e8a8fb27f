"""Damage is found, told apart from absence, and never read as data."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.lab_recordings import make, same
from workoutlab.errors import DamagedLabError, LabError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet
from workoutlab.schema import Column, Table
from workoutlab.store import layout, ragged, tables

FULL = os.environ.get("WORKOUTLAB_FULL") == "1"
CHUNK = layout.SAMPLES_PER_CHUNK
CURL = LabelledSet(start=0, stop=50, exercise="curl", weight_kg=12.5, repetitions=8)
NETWORKS = Table(
    "networks",
    {
        "user": Column("str"),
        "offset": Column("int64"),
        "length": Column("int64"),
        "weights_digest": Column("str"),
    },
)


def add_models(root: zarr.Group, *users: str) -> None:
    home = root["models"].require_group("exercise")
    assert isinstance(home, zarr.Group)
    ragged.create(home, "weights", dtype="float32", chunk=1000)
    tables.create(home, NETWORKS)
    pieces = [np.random.default_rng(at).normal(size=1500).astype("f4") for at in range(len(users))]
    offsets = ragged.allocate(home, "weights", [1500] * len(users))
    ragged.write_many(home, "weights", offsets, pieces)
    rows = {
        "user": list(users),
        "offset": offsets,
        "length": [1500] * len(users),
        "weights_digest": [ragged.digest(piece) for piece in pieces],
    }
    tables.append(home, NETWORKS, rows)


RECORDINGS = [
    make(0, 3000, sets=(CURL,)),
    make(1, CHUNK + 5_000, user="bob", irregular=True, sets=(CURL,)),
    make(2, 500, user="eve", angular_velocity=True, source="eve.csv"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "lab"
    lab = Lab(folder)
    lab.append(RECORDINGS[:2])
    lab.append(RECORDINGS[2:])
    lab.transact(lambda root: add_models(root, "ann", "bob"), "train")
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_verify__finds_nothing_wrong_with_a_whole_lab(whole: Path) -> None:
    result = Lab(whole).verify()
    assert result.ok
    assert (result.recordings, result.sets, result.models, result.snapshots) == (3, 2, 2, 4)
    assert str(result).endswith("4 snapshots checked: no problem")
    assert result.as_dict()["problems"] == []


def _problems(folder: Path) -> list[str]:
    """What opening or verifying tells; never an empty lab."""
    try:
        lab = Lab(folder)
    except DamagedLabError as error:
        return [str(error)]
    return [str(problem) for problem in lab.verify().problems]


def _flip(file: Path, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    file.write_bytes(data)


@pytest.mark.parametrize("kind", ["chunks", "manifests", "snapshots", "transactions", "seals"])
def test_verify__finds_a_flipped_bit_in_any_file(whole: Path, copy: Path, kind: str) -> None:
    files = sorted((copy / kind).iterdir())
    rng = random.Random(0)
    for turn in range(100 if FULL else 4):
        file = rng.choice(files)
        _flip(file, rng.randrange(8 * file.stat().st_size))
        # A fresh folder for each: a process keeps an open lab's snapshots in memory.
        broken = Path(shutil.copytree(copy, copy.parent / f"{kind}-{turn}"))
        assert _problems(broken), file
        shutil.rmtree(broken)
        shutil.copy(whole / kind / file.name, file)


def test_verify__finds_every_flipped_bit_of_the_head(whole: Path, tmp_path: Path) -> None:
    ref = "refs/branch.main/ref.json"
    good = (whole / ref).read_bytes()
    rng = random.Random(0)
    for bit in rng.sample(range(8 * len(good)), 24):
        broken = tmp_path / str(bit)
        shutil.copytree(whole, broken)
        _flip(broken / ref, bit)
        try:
            lab = Lab(broken)
        except DamagedLabError:
            continue
        assert lab.snapshot.upper() == Lab(whole).snapshot  # base 32 knows no case
        assert lab.verify().ok


@pytest.mark.parametrize("kind", ["chunks", "manifests", "snapshots", "transactions", "refs"])
def test_verify__finds_a_lost_folder(copy: Path, kind: str) -> None:
    shutil.rmtree(copy / kind)
    (copy / kind).mkdir()
    assert _problems(copy)
    shutil.rmtree(copy / kind)
    assert _problems(copy)


def test_verify__goes_on_after_a_problem(copy: Path) -> None:
    lab = Lab(copy)
    damaged = {chunk.name for chunk in (copy / "chunks").iterdir()}
    for name in damaged:
        _flip(copy / "chunks" / name, 100)
    problems = lab.verify().problems
    assert {(problem.place, problem.user) for problem in problems} >= {
        ("recording 0", "ann"),
        ("recording 1", "bob"),
        ("recording 2", "eve"),
        ("models/exercise/networks row 0", "ann"),
        ("models/exercise/networks row 1", "bob"),
    }
    with pytest.raises(DamagedLabError, match="run `verify` to list all"):
        lab.read(0)


def _overwrite(path: str, at: int, value: object) -> Callable[[zarr.Group], None]:
    def write(root: zarr.Group) -> None:
        array = root[path]
        assert isinstance(array, zarr.Array)
        array[at] = value

    return write


@pytest.mark.parametrize(
    ("path", "at", "value", "place", "problem"),
    [
        ("samples/acceleration", 5, 0.0, "recording 0 of ann", "digest differs"),
        ("samples/time", CHUNK + 3, 7, "recording 1 of bob", "digest differs"),
        ("samples/acceleration", 5, np.inf, "recording 0 of ann", "expected finite numbers"),
        ("recordings/user", 0, "zoe", "recording 0 of zoe", "columns facts do not fit"),
        ("recordings/user", 0, "", "recording 0", "its user is blank"),
        ("recordings/samples", 0, 2999, "recording 0 of ann", "digest differs"),
        ("recordings/offset", 2, CHUNK, "recording 2 of eve", "within others"),
        ("recordings/duration_s", 2, 1.5, "recording 2 of eve", "columns duration_s"),
        ("sets/stop", 1, CHUNK + 6_000, "recording 1 of bob", f"within the {CHUNK + 5000} samples"),
        ("sets/weight_kg", 0, 13.5, "recording 0 of ann", "columns facts"),
        ("sets/start_s", 1, 3.5, "recording 1 of bob", "column start_s of its sets"),
        ("sets/recording", 0, 1, "recording 0 of ann", "columns facts"),
        ("sets/recording", 0, 9, "set 0", "it names recording 9, out of order"),
        ("models/exercise/weights", 10, 0.5, "networks row 0 of ann", "digest differs"),
        ("models/exercise/networks/length", 1, 10**6, "networks row 1 of bob", "it has 4000"),
    ],
)
def test_verify__finds_what_does_not_fit(
    copy: Path, path: str, at: int, value: object, place: str, problem: str
) -> None:
    lab = Lab(copy)
    lab.transact(_overwrite(path, at, value), "tamper")
    found = [str(each) for each in lab.verify().problems]
    assert any(place in each and problem in each for each in found), found


def test_verify__finds_a_lost_table(copy: Path) -> None:
    lab = Lab(copy)
    lab.transact(lambda root: root.__delitem__("sets"), "lose")
    assert any("sets: it is missing" in str(problem) for problem in lab.verify().problems)
    with pytest.raises(DamagedLabError, match="the group sets cannot be read"):
        lab.table("sets")


def test_verify__finds_columns_of_another_form(copy: Path) -> None:
    lab = Lab(copy)
    lab.transact(lambda root: root["recordings/source"].resize((2,)), "cut")
    assert any("different length" in str(problem) for problem in lab.verify().problems)


def test_lab__without_its_sentinel_is_damaged_not_new(copy: Path) -> None:
    lab = Lab(copy)
    with pytest.raises(DamagedLabError, match="lost the attributes"):
        lab.transact(lambda root: root.attrs.clear(), "lose") or lab.table("sets")
    with pytest.raises(DamagedLabError, match="lost the attributes"):
        Lab(copy)


def test_lab__of_a_newer_version_is_refused(copy: Path) -> None:
    lab = Lab(copy)
    newer = {**dict(lab.root().attrs)["workoutlab"], "version": 99}  # type: ignore[dict-item]
    lab.transact(lambda root: root.attrs.update({"workoutlab": newer}), "future")
    with pytest.raises(LabError, match="version 99, this workoutlab reads up to 1; upgrade"):
        Lab(copy)


def test_verify__leaves_the_lab_as_it_is(copy: Path) -> None:
    lab = Lab(copy)
    before = sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*"))
    lab.verify()
    assert before == sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*"))
    assert same(lab.recording(1), RECORDINGS[1])
