"""A session tells the sets that the recogniser finds in the same recording, bit for bit."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recognisers import networks, recogniser, signal
from workoutlab import Recording
from workoutlab.errors import InputError
from workoutlab.live import (
    Event,
    ExerciseSoFar,
    LiveSession,
    RepetitionDone,
    SetEnded,
    SetStarted,
)
from workoutlab.recognition.keeping.personal import Average
from workoutlab.recognition.segmentation import warming

PLAN = [(15, None, 0), (25, 0, 0.5), (20, None, 0), (20, 1, 0.7), (15, None, 0)]
SAMPLES = signal(PLAN)


def play(packets: Any, known: Any, **options: Any) -> list[Event]:
    session = LiveSession(known, **options)
    events = [event for samples, time in packets for event in session.push(samples, time)]
    return [*events, *session.finish()]


def told(events: list[Event]) -> list[Any]:
    return [facts(event.found) for event in events if isinstance(event, SetEnded)]


def facts(found: Any) -> Any:
    """Return all that is known of a set, to be compared bit for bit."""
    row = found.row()
    edges = None if found.repetitions is None else found.repetitions.edges.tolist()
    return [repr(value) for value in row.values()], repr(dict(found.scores)), edges


def cut(samples: Any, rate_hz: float, sizes: list[int]) -> list[Any]:
    packets, first = [], 0
    while first < len(samples):
        size = sizes[len(packets) % len(sizes)]
        packets.append((samples[first : first + size], 5.0 + first / rate_hz))
        first += size
    return packets


def make(kind: str, seed: int) -> Any:
    """Return a recogniser; an average is of a personal network and a common one, say."""
    if kind != "average":
        return recogniser() if kind == "known" else networks(kind, seed)
    one, other = networks("mlp", seed).exercises, networks("mlp", seed + 1).exercises
    both = Average.of(
        [(one.classes, one.predictor), (["bench", *other.classes[1:]], other.predictor)]
    )
    stage = replace(one, classes=both.classes, predictor=both)
    return replace(networks("mlp", seed), exercises=stage)


@settings(max_examples=8, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 80), min_size=1, max_size=8),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["known", "mlp", "cnn", "average"]),
    rate_hz=st.sampled_from([50.0, 40.0, 100.0]),
)
def test_push__shuffled_packets_tell_the_sets_of_the_recording(
    sizes: list[int], seed: int, kind: str, rate_hz: float
) -> None:
    random = np.random.default_rng(seed)
    sizes = [max(sizes), *sizes]
    packets = cut(SAMPLES, rate_hz, [4 * size for size in sizes])
    packets += [packets[place] for place in random.integers(0, len(packets), 5)]
    late = max(2.0 - 4 * max(sizes) / rate_hz, 0)
    delayed = [time + random.uniform(0, late) for _, time in packets]
    known = make(kind, seed % 3)
    horizon = max(2.0, 4 * max(sizes) / rate_hz)
    shuffled = [packets[place] for place in np.argsort(delayed, kind="stable")]
    events = play(shuffled, known, rate_hz=rate_hz, horizon=horizon)
    found = known.find(Recording(user="a", session="b", acceleration=SAMPLES, rate_hz=rate_hz))
    assert told(events) == [facts(each) for each in found.sets]


def test_push__a_gap_gives_the_sets_of_a_recording_with_times() -> None:
    time_ns = (np.arange(len(SAMPLES)) * 20_000_000).astype(np.int64)
    time_ns[1400:] += 7_000_000_000
    time_ns[3000:] += 400_000_000
    found = recogniser().find(
        Recording(user="a", session="b", acceleration=SAMPLES, time_ns=time_ns)
    )
    packets = [(SAMPLES[k : k + 10], int(time_ns[k])) for k in range(0, len(SAMPLES), 10)]
    events = play(packets, recogniser(), time_unit="ns")
    assert len(found.sets) >= 3
    assert told(events) == [facts(each) for each in found.sets]


@pytest.mark.parametrize(("max_gap", "sets"), [("0.5s", 3), ("2s", 2)])
def test_push__a_gap_is_as_long_as_it_is_for_recordings(max_gap: str, sets: int) -> None:
    time_ns = (np.arange(len(SAMPLES)) * 20_000_000).astype(np.int64)
    time_ns[1400:] += 980_000_000  # in the first set: a second passes between two samples
    found = recogniser().find(
        Recording(user="a", session="b", acceleration=SAMPLES, time_ns=time_ns), max_gap=max_gap
    )
    packets = [(SAMPLES[k : k + 10], int(time_ns[k])) for k in range(0, len(SAMPLES), 10)]
    events = play(packets, recogniser(), time_unit="ns", max_gap=max_gap)
    assert len(found.sets) == sets
    assert told(events) == [facts(each) for each in found.sets]


def test_find__refuses_a_gap_that_is_no_time() -> None:
    with pytest.raises(InputError, match="max_gap"):
        recogniser().find(SAMPLES, 50, max_gap="long")


def test_session__warms_a_recogniser_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known, measured = recogniser(), []
    monkeypatch.setattr(warming, "measure", lambda *given: measured.append(given))
    sessions = [LiveSession(known), LiveSession(known)]
    assert len(measured) == 1
    assert all(session.finish() == () for session in sessions)


WARM = """
import sys
from numba.core.dispatcher import Dispatcher
from tests.recognisers import recogniser
from tests.test_live_sets import SAMPLES, cut
from workoutlab.live import LiveSession, SetEnded

def loaded():
    modules = {name: one for name, one in sys.modules.items() if name.startswith("workoutlab")}
    kernels = {id(one): one for module in modules.values() for one in vars(module).values()}
    compiled = [len(one.overloads) for one in kernels.values() if isinstance(one, Dispatcher)]
    return sorted(modules), sum(compiled)

session = LiveSession(recogniser())
before = loaded()
events = [event for packet in cut(SAMPLES, 50, [10]) for event in session.push(*packet)]
assert sum(isinstance(event, SetEnded) for event in events) == 2
after = loaded()
print(sorted(set(after[0]) - set(before[0])), after[1] - before[1])
"""


@pytest.mark.processes
def test_session__loads_nothing_once_it_is_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARM],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout.split() == ["[]", "0"]


def test_push__tells_a_set_before_it_ends() -> None:
    events = play(cut(SAMPLES, 50, [10]), recogniser())
    names = [event.name for event in events]
    assert names.count("SetStarted") == names.count("SetEnded") == 2
    first = names.index("SetEnded")
    assert names.index("SetStarted") < names.index("ExerciseSoFar") < first
    so_far = [event.exercise for event in events[:first] if isinstance(event, ExerciseSoFar)]
    assert so_far[-1] == "curl"
    started = next(event for event in events if isinstance(event, SetStarted))
    assert started.time_s == pytest.approx(5 + 15, abs=1.5)
    counted = [event.number for event in events[:first] if isinstance(event, RepetitionDone)]
    assert counted == list(range(1, len(counted) + 1))
    ended = events[first]
    assert isinstance(ended, SetEnded)
    assert abs(len(counted) - ended.found.repetitions.guess) <= 1


def test_push__does_not_count_on_in_the_rest_after_a_set() -> None:
    samples = signal([(15, None, 0), (20, 0, 0.5), (20, None, 0)])
    samples[35 * 50 :, 0] += np.float32(0.15) * np.sin(np.arange(20 * 50, dtype=np.float32) / 16)
    events = play(cut(samples, 50, [10]), recogniser())
    counted = [event for event in events if isinstance(event, RepetitionDone)]
    (ended,) = (event for event in events if isinstance(event, SetEnded))
    assert ended.time_s == pytest.approx(5 + 35, abs=1.5)
    assert counted[-1].time_s < ended.time_s + 4


CHILD = """
import sys
from pathlib import Path
from tests.recognisers import recogniser
from tests.test_live_sets import SAMPLES, cut
from workoutlab.live import LiveSession
session = LiveSession.restore(recogniser(), Path(sys.argv[1]).read_bytes())
for packet in cut(SAMPLES, 50, [10])[int(sys.argv[2]):]:
    for event in session.push(*packet): print(repr(event.as_dict()))
for event in session.finish(): print(repr(event.as_dict()))
"""


@pytest.mark.processes
def test_restore__in_another_process_tells_the_same(tmp_path: Path) -> None:
    packets, half = cut(SAMPLES, 50, [10]), 130  # within the first set
    session = LiveSession(recogniser())
    events = [event for packet in packets[:half] for event in session.push(*packet)]
    (tmp_path / "state").write_bytes(session.state())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "state"), str(half)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    lines = [repr(event.as_dict()) for event in events] + done.stdout.splitlines()
    assert lines == [repr(event.as_dict()) for event in play(packets, recogniser())]
