"""Events of a session, and a session that goes on elsewhere."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live_fakes import FakeRecogniser
from workoutlab.errors import InputError
from workoutlab.live import (
    Event,
    ExerciseSoFar,
    Gap,
    LiveSession,
    RepetitionDone,
    SetEnded,
    SetStarted,
)
from workoutlab.live.keeping import pack, unpack
from workoutlab.live.telling import Teller
from workoutlab.recognition.segmentation.chain import Progress


def make_workout(sets: list[tuple[int, int]], count: int) -> Any:
    """Return samples whose x is 1 in the sets."""
    samples = np.random.default_rng(5).normal(0, 0.01, (count, 3)).astype(np.float32)
    samples[:, 2] += 1
    for start, stop in sets:
        samples[start:stop, 0] += 1
    return samples


WORKOUT = make_workout([(100, 330), (500, 610)], 800)


def run(packets: Any, **options: Any) -> list[Event]:
    session = LiveSession(FakeRecogniser(), **options)  # type: ignore[arg-type]
    events = [event for samples, time in packets for event in session.push(samples, time)]
    return [*events, *session.finish()]


def cut(size: int, start: float = 0.0) -> list[Any]:
    return [(WORKOUT[k : k + size], start + k / 50) for k in range(0, len(WORKOUT), size)]


def test_push__tells_sets_as_they_come_about() -> None:
    events = run(cut(10, 1000.0))
    told = [(event.name, round(event.time_s, 3)) for event in events]
    assert told[:6] == [
        ("SetStarted", 1002.0),
        ("ExerciseSoFar", 1003.0),
        ("RepetitionDone", 1003.0),
        ("ExerciseSoFar", 1004.0),
        ("RepetitionDone", 1004.0),
        ("RepetitionDone", 1005.0),
    ]
    so_far = [event.exercise for event in events if isinstance(event, ExerciseSoFar)]
    assert so_far == ["curl", "press", "curl", "press"]
    numbers = [event.number for event in events if isinstance(event, RepetitionDone)]
    assert numbers == [1, 2, 3, 4, 1, 2]
    ended = [event for event in events if isinstance(event, SetEnded)]
    assert [(event.found.start, event.found.stop) for event in ended] == [(100, 330), (500, 610)]
    assert [event.time_s for event in ended] == pytest.approx([1006.6, 1012.2])


@settings(max_examples=10, deadline=None)
@given(size=st.integers(1, 900))
def test_push__events_do_not_depend_on_how_samples_were_cut(size: int) -> None:
    assert run(cut(size), start=0) == run(cut(10), start=0)


def test_push__a_repetition_that_is_taken_back_is_not_told_twice() -> None:
    counts = [1, 3, 2, 3, 4]
    changes = [Progress(k, "curl", 0.5, count) for k, count in enumerate(counts)]
    events = Teller().tell(changes, lambda sample: sample / 50, 0)
    numbers = [event.number for event in events if isinstance(event, RepetitionDone)]
    assert numbers == [1, 2, 3, 4]


def test_push__a_gap_ends_a_set_and_samples_count_on() -> None:
    events = run([(WORKOUT[:200], 0.0), (WORKOUT[500:], 10.0)])
    kinds = [event.name for event in events if event.name not in ("ExerciseSoFar",)]
    assert kinds == ["SetStarted", "RepetitionDone", "SetEnded", "Gap", *kinds[4:]]
    ended = [event.found for event in events if isinstance(event, SetEnded)]
    assert [(found.start, found.stop) for found in ended] == [(100, 200), (500, 610)]
    (gap,) = (event for event in events if isinstance(event, Gap))
    assert (gap.time_s, gap.duration_s, gap.bridged) == (pytest.approx(3.98), 6.02, False)


def test_events__become_json() -> None:
    events = run([(WORKOUT[:200], 0.0), (WORKOUT[500:], 10.0)])
    lines = [json.loads(json.dumps(event.as_dict(), allow_nan=False)) for event in events]
    assert [line["event"] for line in lines] == [event.name for event in events]
    ended = next(line for line in lines if line["event"] == "SetEnded")
    assert (ended["start"], ended["exercise"]) == (100, "press")
    started = next(event for event in events if isinstance(event, SetStarted))
    assert started.as_dict() == {"event": "SetStarted", "time_s": 2.0}


@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(1, 120),
    places=st.sets(st.integers(0, 60), max_size=4),
    delayed=st.integers(0, 5),
    timed=st.booleans(),
)
def test_restore__goes_on_as_if_nothing_had_happened(
    size: int, places: set[int], delayed: int, timed: bool
) -> None:
    packets = cut(size, 50.0)
    packets = packets[: len(packets) // 2] + packets[len(packets) // 2 + delayed % 2 :]
    packets.append((WORKOUT[-5:], 10_000.0))  # is held back to the end
    if timed:
        packets = [(each, time + np.arange(len(each)) / 50) for each, time in packets]
    session = LiveSession(FakeRecogniser())  # type: ignore[arg-type]
    events: list[Event] = []
    for number, (samples, time) in enumerate(packets):
        if number in places:
            session = LiveSession.restore(FakeRecogniser(), session.state())  # type: ignore[arg-type]
        events += session.push(samples, time)
    session = LiveSession.restore(FakeRecogniser(), session.state())  # type: ignore[arg-type]
    assert [*events, *session.finish()] == run(packets)


def test_restore__keeps_settings_and_the_end() -> None:
    session = LiveSession(FakeRecogniser(), 25, time_unit="ms", start=7, horizon=0)  # type: ignore[arg-type]
    again = LiveSession.restore(FakeRecogniser(), session.state())  # type: ignore[arg-type]
    assert again.state() == session.state()
    again.push(WORKOUT[:10], 7)
    assert again.start_s == 0.007
    again.finish()
    assert LiveSession.restore(FakeRecogniser(), again.state()).finished  # type: ignore[arg-type]


def test_restore__refuses_what_is_no_state_of_this_recogniser() -> None:
    state = LiveSession(FakeRecogniser()).state()  # type: ignore[arg-type]
    other = FakeRecogniser()
    other.digest = "other"
    with pytest.raises(InputError, match="with the recogniser 'fake', and this is 'other'"):
        LiveSession.restore(other, state)  # type: ignore[arg-type]
    for damaged in (b"", b"nothing of the kind", state[: len(state) // 2], state[:-1]):
        with pytest.raises(InputError, match="state: expected the bytes"):
            LiveSession.restore(other, damaged)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected the format"):
        LiveSession.restore(other, pack({"format": "workoutlab-live-0"}))  # type: ignore[arg-type]


CHILD = """
import sys
from pathlib import Path
from tests.live_fakes import FakeRecogniser
from tests.test_live_session import cut
from workoutlab.live import LiveSession
import json
session = LiveSession.restore(FakeRecogniser(), Path(sys.argv[1]).read_bytes())
events = [e for packet in cut(10)[30:] for e in session.push(*packet)] + list(session.finish())
print(json.dumps([event.as_dict() for event in events]))
"""


@pytest.mark.processes
def test_restore__in_another_process(tmp_path: Path) -> None:
    session = LiveSession(FakeRecogniser())  # type: ignore[arg-type]
    events = [event for packet in cut(10)[:30] for event in session.push(*packet)]
    (tmp_path / "state").write_bytes(session.state())
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    both = [event.as_dict() for event in events] + json.loads(done.stdout)
    assert both == [event.as_dict() for event in run(cut(10))]


def test_pack__keeps_every_bit() -> None:
    tree = {
        "numbers": [0.1, float("inf"), -3, None, True, "é", np.float64(1 / 3), np.int64(2)],
        "arrays": {"empty": np.empty((0, 3), np.float32), "bits": np.array([True, False])},
        "scalar": np.array([np.nan]),
    }
    again = unpack(pack(tree))
    assert again["numbers"] == tree["numbers"]
    assert again["arrays"]["empty"].shape == (0, 3)
    assert again["arrays"]["bits"].tolist() == [True, False]
    assert np.isnan(again["scalar"][0])
    assert all(
        again["arrays"][name].dtype == tree["arrays"][name].dtype for name in again["arrays"]
    )  # type: ignore[index, call-overload]
