import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from workoutlab.readers import detect, get
from workoutlab.recording import Recording
from workoutlab.simulation.__main__ import main
from workoutlab.simulation.sample import (
    SAMPLE_EXERCISES,
    SAMPLE_PEOPLE,
    format_person,
    sample_table,
    write_sample,
)

DATA = Path(__file__).parents[1] / "data"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    reader = get("muvr")
    return [one for path in sorted((DATA / "muvr").glob("*.csv")) for one in reader.read(path)]


@pytest.fixture(scope="module")
def continuous() -> Recording:
    mapping = tomllib.loads((DATA / "continuous" / "session.toml").read_text("utf-8"))
    (recording,) = get("tabular", **mapping).read(DATA / "continuous" / "session.parquet")
    return recording


def parse(text: str) -> tuple[npt.NDArray[np.float64], list[list[str]]]:
    cells = [line.split(",") for line in text.splitlines()]
    return np.array([row[:3] for row in cells], np.float64), [row[3:] for row in cells]


def test_sample__is_made_again() -> None:
    # To one step of the sensor: the last bit of a sine depends on the processor.
    made = dict(one for person in range(SAMPLE_PEOPLE) for one in format_person(person))
    assert set(made) == {path.name for path in (DATA / "muvr").iterdir()}
    for name, text in made.items():
        values, labels = parse(text)
        stored_values, stored_labels = parse((DATA / "muvr" / name).read_text())
        assert labels == stored_labels, name
        np.testing.assert_allclose(values, stored_values, rtol=0, atol=0.0081, err_msg=name)
        assert (values == stored_values).mean() > 0.99


def test_sample__continuous_session_is_made_again() -> None:
    stored = pyarrow.parquet.read_table(DATA / "continuous" / "session.parquet").to_pandas()
    made = sample_table().to_pandas()
    assert list(made) == list(stored)
    for name in made:
        if made[name].dtype.kind == "f":
            np.testing.assert_allclose(made[name], stored[name], rtol=0, atol=8.1, err_msg=name)
            same = (made[name] == stored[name]) | made[name].isna()
            assert same.mean() > 0.99, name
        else:
            assert made[name].equals(stored[name]), name


def test_main__writes_the_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(tmp_path / "new")])
    written = {path.name for path in (tmp_path / "new").rglob("*.*")}
    shipped = {path.name for path in DATA.rglob("*.*")}
    assert written == shipped - {"README.md", "session.toml"}
    assert capsys.readouterr().out.startswith(f"{len(written)} files, ")


def test_write_sample__returns_its_files(tmp_path: Path) -> None:
    paths = write_sample(tmp_path)
    assert all(path.is_file() for path in paths)
    assert len(paths) == len(set(paths)) == len(list(tmp_path.rglob("*.*")))


def test_sample__is_small() -> None:
    sizes = [path.stat().st_size for path in DATA.rglob("*") if path.is_file()]
    assert max(sizes) < MEBIBYTE
    assert sum(sizes) < 4.5 * MEBIBYTE


def test_sample__is_detected_as_muvrs() -> None:
    reader = detect(next((DATA / "muvr").iterdir()))
    assert reader is not None
    assert reader.name == "muvr"


def test_sample__has_six_sets_of_each_exercise_over_two_sessions(
    recordings: list[Recording],
) -> None:
    sets = Counter(
        (one.user, one.session.rpartition("-")[2], one.sets[0].exercise) for one in recordings
    )
    people = [f"sim{number + 1}" for number in range(SAMPLE_PEOPLE)]
    assert sets == {
        (user, session, exercise): 3
        for user in people
        for session in "12"
        for exercise in SAMPLE_EXERCISES
    }
    for one in recordings:
        assert len(one.sets) == 1
        assert 16 < one.duration_s < 30
        assert one.sets[0].repetitions
        assert one.sets[0].weight_kg


def test_continuous__has_sets_and_rests_and_says_that_it_is_simulated(
    continuous: Recording,
) -> None:
    assert continuous.simulated
    assert continuous.user == "sim5"
    assert {*SAMPLE_EXERCISES} < {one.exercise for one in continuous.sets}
    assert [one.exercise for one in continuous.sets if one.body_weight] == ["triceps-dips"]
    assert np.unique(np.diff(continuous.seconds).round(6)).tolist() == [0.02]
    assert continuous.angular_velocity is not None
    in_sets = sum(one.stop - one.start for one in continuous.sets)
    assert 0.3 < in_sets / len(continuous) < 0.7


def describe(recording: Recording) -> npt.NDArray[np.float64]:
    """Simple statistics of windows of 8 s, one a second, in the middle 80 % of a set."""
    samples = recording.acceleration.astype(np.float64)
    first, last = round(0.1 * len(samples)), round(0.9 * len(samples))
    windows = [samples[start : start + 400] for start in range(first, last - 399, 50)]
    return np.array(
        [np.concatenate([one.mean(0), one.std(0), one.min(0), one.max(0)]) for one in windows]
    )


def test_sample__exercises_are_told_well_but_not_perfectly(recordings: list[Recording]) -> None:
    accuracies = []
    for user in sorted({one.user for one in recordings}):
        own = [one for one in recordings if one.user == user]
        parts = [describe(one) for one in own]
        inputs = np.concatenate(parts)
        targets = np.repeat([one.sets[0].exercise for one in own], [len(part) for part in parts])
        sets = np.repeat(np.arange(len(own)), [len(part) for part in parts])
        for held_out in range(3):
            test = sets % 3 == held_out
            forest = ExtraTreesClassifier(50, random_state=held_out, n_jobs=1)
            forest.fit(inputs[~test], targets[~test])
            accuracies.append(forest.score(inputs[test], targets[test]))
    assert min(len(describe(one)) for one in recordings) >= 4
    assert 0.75 < np.mean(accuracies) < 0.995
