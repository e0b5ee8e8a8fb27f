import json
import subprocess
import sys
from pathlib import Path

import dask
import numpy as np
import pytest

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recording import LabelledSet, Recording
from workoutlab.signals import RawWindows, Statistics, features, windows
from workoutlab.signals.description import Description
from workoutlab.signals.flight import Flight


def record(number, **clock):
    rng = np.random.default_rng(number)
    samples = rng.normal(size=(20_000 + 1000 * number, 3)).astype(np.float32)
    sets = [LabelledSet(start=500, stop=1500, exercise="curl")]
    clock = clock or {"rate_hz": 50}
    return Recording(user=f"user-{number}", session="s", acceleration=samples, sets=sets, **clock)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("flight") / "lab")
    lab.append([record(number) for number in range(6)])
    return lab


@pytest.mark.parametrize("block_bytes", [None, 50_000, 10**6, 10**9])
@pytest.mark.parametrize("inputs", [Statistics(), RawWindows(), Statistics("mean", channels="x")])
def test_describe__tells_tasks_and_results_as_they_will_be(lab, block_bytes, inputs):
    plan = windows(lab, within="recordings")
    flight = plan.describe(inputs, block_bytes=block_bytes)
    dataset = features(plan, inputs, block_bytes=block_bytes)["features"]
    assert isinstance(flight, Flight)
    assert flight.tasks == dataset.data.npartitions
    assert flight.result_bytes == dataset.nbytes
    assert (flight.windows, flight.features) == dataset.shape
    assert flight.read_bytes == plan.describe().read_bytes


def test_describe__claims_no_less_memory_for_more_windows(lab):
    plan = windows(lab, within="recordings")
    claims = [plan.describe(RawWindows(), block_bytes=10**power).task_bytes for power in (4, 6, 9)]
    assert claims == sorted(claims)
    whole = sum(recording.nbytes for recording in (lab.read(row) for row in range(6)))
    assert claims[-1] > len(plan) * 4800 + whole / 6


def test_describe__tells_what_is_stored_of_the_chunks_that_are_read(lab):
    plan = windows(lab, within="recordings")
    chunks = [path.stat().st_size for path in (Path(lab.url) / "chunks").iterdir()]
    samples = sum(size for size in chunks if size > 100_000)
    assert plan.describe(Statistics()).stored_bytes == pytest.approx(samples, rel=0.01)
    one = plan.select(plan.segments["user"] == "user-0").describe(Statistics())
    assert one.stored_bytes == pytest.approx(
        min(size for size in chunks if size > 100_000), rel=0.1
    )


def test_describe__counts_the_times_of_irregular_recordings():
    lab = Lab("memory://flight-irregular")
    times = np.cumsum(np.random.default_rng(0).integers(15_000_000, 25_000_000, 20_000))
    lab.append(record(0, time_ns=times))
    plan = windows(lab, within="recordings", rate_hz=50)
    regular = Lab("memory://flight-regular")
    regular.append(record(0))
    fewer = windows(regular, within="recordings").describe(Statistics())
    assert plan.describe(Statistics()).stored_bytes > fewer.stored_bytes + 20_000


def test_describe__of_recordings_in_memory_stores_nothing():
    flight = windows(record(0)).describe(Statistics())
    assert flight.stored_bytes is None
    assert "as stored" not in str(flight)


def test_describe__of_no_windows(lab):
    flight = windows(lab).select([]).describe(Statistics())
    assert (flight.windows, flight.tasks, flight.stored_bytes) == (0, 1, 0)


def test_describe__reads_no_signal(lab, monkeypatch):
    plan = windows(lab)

    def refuse(*args, **settings):
        raise AssertionError("samples were read")

    monkeypatch.setattr(Lab, "read", refuse)
    with dask.config.set(scheduler=refuse):
        assert plan.describe(Statistics()).windows == len(plan)


def test_describe__prints_itself_in_a_terminal_and_a_notebook(lab):
    flight = windows(lab).describe(Statistics())
    text = str(flight)
    assert text.splitlines()[0].startswith("54 windows of 6 people in 6 sessions")
    assert "67 features of each" in text
    assert "tasks of up to" in text or "1 task of up to" in text
    assert "67 features of each" in flight._repr_html_()
    assert json.loads(json.dumps(flight.as_dict()))["tasks"] == flight.tasks


def test_describe__without_inputs_is_what_it_was(lab):
    assert type(windows(lab).describe()) is Description


def test_describe__refuses_blocks_of_nothing(lab):
    with pytest.raises(InputError, match="block_bytes"):
        windows(lab).describe(Statistics(), block_bytes=0)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flight") / "large"
    run(folder, 12, 0)
    return folder


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory_of_features", *map(str, arguments)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [float(number) for number in done.stdout.split()]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("block_mib", "kind"), [(64, "raw"), (16, "statistics"), (16, "resampled")]
)
def test_describe__claims_the_memory_that_a_task_takes(large, block_mib, kind):
    claimed, measured = run(large, 12, block_mib, kind)
    assert claimed / 2 - 6 < measured < 1.1 * claimed + 4
