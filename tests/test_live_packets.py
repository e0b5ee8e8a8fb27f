"""Packets in any order become the samples that a recording's are read as, bit for bit."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live_fakes import BlindChain, FakeRecogniser
from workoutlab import Recording
from workoutlab.errors import InputError, UnitError
from workoutlab.live import (
    Event,
    Gap,
    LiveSession,
    PacketAstray,
    PacketConflict,
    PacketDuplicate,
    PacketLate,
    ScaleDoubtful,
)
from workoutlab.signals.gaps import find_parts
from workoutlab.signals.grid import Source, read_grid
from workoutlab.signals.held import hold

NS = 10**9


def blind(rate_hz: float = 50.0) -> FakeRecogniser:
    return FakeRecogniser(rate_hz, BlindChain)


def make_samples(count: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).normal((0, 0, 1), 0.3, (count, 3))
    return values.astype(np.float32)


def read_parts(recording: Recording, rate_hz: float) -> list[Any]:
    """Read a recording as plans do: its parts between gaps, on the grid."""
    home = hold([recording])
    row = home.table("recordings")
    found = find_parts(home, row, np.array([rate_hz]), 1.0)
    facts = row.iloc[0]
    source = Source(rate_hz, 0, facts.rate_hz, facts.regular, facts.samples)
    spans = zip(found.start.tolist(), found.stop.tolist(), strict=True)
    return [
        read_grid(home, source._replace(first=low, last=high), low, high) for low, high in spans
    ]


def replay(
    packets: Any, *, recogniser: FakeRecogniser | None = None, **options: Any
) -> tuple[list[Any], list[Event]]:
    recogniser = recogniser or blind()
    session = LiveSession(recogniser, **options)  # type: ignore[arg-type]
    events = [event for samples, time in packets for event in session.push(samples, time)]
    events += session.finish()
    return recogniser.parts, events


def cut(samples: Any, sizes: list[int]) -> list[Any]:
    """Cut into slices of these sizes, the last one repeated."""
    edges = [0]
    for size in [*sizes, *[sizes[-1]] * len(samples)]:
        edges.append(min(edges[-1] + size, len(samples)))
        if edges[-1] == len(samples):
            break
    return [slice(low, high) for low, high in pairwise(edges)]


def shuffle(packets: list[Any], starts: Any, horizon: float, random: np.random.Generator) -> Any:
    """Shuffle packets so that none comes later than the horizon allows."""
    delayed = starts + random.uniform(0, horizon, len(packets))
    return [packets[place] for place in np.argsort(delayed, kind="stable")]


def of(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def assert_same(parts: list[Any], expected: list[Any]) -> None:
    assert [len(part) for part in parts] == [len(part) for part in expected]
    for part, each in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, each)


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    seed=st.integers(0, 10**6),
    rate_hz=st.sampled_from([50.0, 40.0, 52.0, 31.25, 30.0, 100.0, 80.0]),
    start=st.sampled_from([0.0, 1.7e9 + 0.123]),
)
def test_session__regular_recording_in_any_order(
    sizes: list[int], seed: int, rate_hz: float, start: float
) -> None:
    samples, random = make_samples(600, seed), np.random.default_rng(seed)
    slices = cut(samples, sizes)
    # A packet's last sample moves the horizon: it must be no later than what others may wait for.
    packets = [(samples[each], start + each.start / rate_hz) for each in slices]
    packets += [packets[place] for place in random.integers(0, len(packets), 3)]
    starts = np.array([time for _, time in packets])
    late = 2.0 - max(sizes) / rate_hz
    shuffled = shuffle(packets, starts, late, random)
    recogniser = blind()
    parts, events = replay(shuffled, recogniser=recogniser, rate_hz=rate_hz)
    recording = Recording(user="a", session="b", acceleration=samples, rate_hz=rate_hz)
    assert_same(parts, read_parts(recording, 50.0))
    assert {type(event) for event in events} <= {PacketDuplicate}
    assert len(events) == 3


@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    seed=st.integers(0, 10**6),
    gaps=st.lists(st.tuples(st.integers(1, 399), st.floats(0.2, 100)), max_size=4),
    rate_hz=st.sampled_from([50.0, 25.0]),
)
def test_session__recording_with_times_in_any_order(
    sizes: list[int], seed: int, gaps: list[tuple[int, float]], rate_hz: float
) -> None:
    random = np.random.default_rng(seed)
    steps = np.maximum(random.normal(0.02, 0.004, 400), 0.001)
    for place, gap in gaps:
        steps[place] += gap
    steps[0] = 0
    time_ns = 1_700_000_000 * NS + np.rint(np.cumsum(steps) * NS).astype(np.int64)
    samples = make_samples(400, seed)
    packets = [(samples[each], time_ns[each]) for each in cut(samples, sizes)]
    # Those that come after their neighbours by as long as the horizon takes.
    since = np.array([(times[0] - time_ns[0]) / NS for _, times in packets])
    spans = np.array([(times[-1] - times[0]) / NS for _, times in packets])
    late = np.where(spans < 1.9, np.maximum(1.9 - spans.max(where=spans < 1.9, initial=0), 0), 0)
    order = np.argsort(since + random.uniform(0, 1, len(packets)) * late, kind="stable")
    if (spans >= 1.9).any():
        order = np.arange(len(packets))  # a packet across a gap leaves what is before it late
    recording = Recording(user="a", session="b", acceleration=samples, time_ns=time_ns)
    parts, _ = replay(
        [packets[k] for k in order],
        recogniser=blind(rate_hz),
        rate_hz=recording.median_rate_hz,
        time_unit="ns",
    )
    assert_same(parts, read_parts(recording, rate_hz))


@settings(max_examples=20, deadline=None)
@given(
    lost=st.lists(st.tuples(st.integers(1, 58), st.integers(1, 9)), max_size=6),
    seed=st.integers(0, 10**6),
)
def test_session__lost_packets_are_interpolated_or_cut_as_a_recording_with_times(
    lost: list[tuple[int, int]], seed: int
) -> None:
    samples = make_samples(600, seed)
    there = np.ones(60, bool)
    for first, count in lost:
        there[first : min(first + count, 59)] = False
    packets = [(samples[10 * k : 10 * k + 10], k / 5) for k in np.flatnonzero(there)]
    parts, events = replay(packets)
    kept = np.repeat(there, 10)
    times = np.flatnonzero(kept) * 20_000_000
    recording = Recording(user="a", session="b", acceleration=samples[kept], time_ns=times)
    assert_same(parts, read_parts(recording, 50.0))
    holes = np.diff(times)[np.diff(times) > 20_000_000] / NS
    assert [gap.duration_s for gap in of(events, Gap)] == pytest.approx(holes.tolist())
    assert [gap.bridged for gap in of(events, Gap)] == (holes <= 1).tolist()


def packet(number: int, count: int = 10) -> tuple[Any, float]:
    """Return packet `number` of 0.2 s of one long signal."""
    return make_samples(10_000)[10 * number : 10 * number + count], number / 5


def test_push__late_packets_are_dropped_and_told() -> None:
    numbers = [0, 1, *range(3, 16), 2]
    parts, events = replay([packet(k) for k in numbers])
    (late,) = of(events, PacketLate)
    assert (late.samples, late.time_s) == (10, pytest.approx(0.4))
    (gap,) = of(events, Gap)
    assert gap.bridged
    line = parts[0][20:30, 0]
    np.testing.assert_allclose(np.diff(line), np.diff(line)[0], atol=1e-6)
    assert len(parts[0]) == 160


def test_push__conflicting_samples_leave_the_first() -> None:
    samples, time = packet(1)
    parts, events = replay([packet(0), (samples, time), (samples + 1, time), packet(2)])
    assert [(event.samples, event.time_s) for event in of(events, PacketConflict)] == [
        (10, pytest.approx(0.2))
    ]
    np.testing.assert_array_equal(parts[0], make_samples(10_000)[:30])


def test_push__overlapping_packets_add_what_is_new() -> None:
    parts, events = replay([packet(0, 15), packet(1, 15), packet(2)])
    assert [event.samples for event in of(events, PacketDuplicate)] == [5, 5]
    np.testing.assert_array_equal(parts[0], make_samples(10_000)[:30])


def test_push__a_packet_astray_is_dropped_where_the_others_go_on() -> None:
    samples, time = packet(5)
    packets = [packet(k) for k in range(5)] + [(samples, time + 3600)]
    parts, events = replay([*packets, *(packet(k) for k in range(5, 30))])
    (astray,) = of(events, PacketAstray)
    assert astray.time_s == pytest.approx(time + 3600)
    np.testing.assert_array_equal(parts[0], make_samples(10_000)[:300])
    assert len(parts) == 1


def test_push__a_long_pause_is_a_gap() -> None:
    late = [(packet(k)[0], packet(k)[1] + 3600) for k in range(10, 20)]
    parts, events = replay([packet(k) for k in range(10)] + late)
    assert [type(event) for event in events] == [Gap]
    assert [len(part) for part in parts] == [100, 100]


def test_push__a_clock_set_back_is_refused_and_the_session_goes_on() -> None:
    session = LiveSession(blind())  # type: ignore[arg-type]
    for number in range(10):
        session.push(make_samples(10), 7200 + number / 5)
    with pytest.raises(InputError, match="before the newest sample; was the clock set back"):
        session.push(make_samples(10), 0.0)
    assert session.push(make_samples(10), 7202.0) == ()


@pytest.mark.parametrize(
    ("samples", "time", "message"),
    [
        (np.zeros((10, 2)), 2.0, r"expected shape \(sample, 3\), in g, got \(10, 2\)"),
        (np.zeros(3), 2.0, r"expected shape \(sample, 3\)"),
        ([["a", "b", "c"]], 2.0, "expected numbers"),
        (np.full((4, 3), np.nan), 2.0, "4 of 4 are not finite"),
        (np.full((4, 3), 1e300), 2.0, "not finite"),
        (np.zeros((4, 3)), np.nan, "time: expected finite numbers, got nan"),
        (np.zeros((4, 3)), "now", "time: expected a number"),
        (np.zeros((4, 3)), None, "time: expected a number"),
        (np.zeros((4, 3)), [2.0, 2.1], r"or 4 of them, got shape \(2,\)"),
        (np.zeros((4, 3)), [2.0, 2.1, 2.2, 2.3], "in one way throughout"),
        (np.zeros((4, 3)), 1e30, "too far from the session's first"),
    ],
)
def test_push__refuses_what_it_cannot_take_and_loses_nothing(
    samples: Any, time: Any, message: str
) -> None:
    recogniser = blind()
    session = LiveSession(recogniser)  # type: ignore[arg-type]
    for number in range(20):
        before = session.state() if number == 10 else b""
        if number == 10:
            with pytest.raises(InputError, match=message):
                session.push(samples, time)
            assert session.state() == before
        session.push(*packet(number))
    session.finish()
    np.testing.assert_array_equal(recogniser.parts[0], make_samples(10_000)[:200])


def test_push__an_empty_packet_is_nothing() -> None:
    session = LiveSession(blind())  # type: ignore[arg-type]
    assert session.push(np.empty((0, 3)), 1.0) == ()
    assert np.isnan(session.start_s)
    assert session.finish() == ()


def test_push__copies_what_it_is_given() -> None:
    device, recogniser = make_samples(10), blind()
    session = LiveSession(recogniser)  # type: ignore[arg-type]
    session.push(device, 0.0)
    device[:] = 9
    session.finish()
    np.testing.assert_array_equal(recogniser.parts[0], make_samples(10))


def test_finish__is_the_end() -> None:
    session = LiveSession(blind())  # type: ignore[arg-type]
    session.push(*packet(0))
    session.finish()
    assert session.finished
    with pytest.raises(InputError, match="the session is finished; start another"):
        session.push(*packet(1))
    with pytest.raises(InputError, match="finished already"):
        session.finish()


@pytest.mark.parametrize(
    ("scale", "offset", "problem"),
    [
        (9.80665, 0, "it looks like m/s2"),
        (1000, 0, "it looks like mg"),
        (1, -1, "is gravity removed?"),
        (50, 0, "convert the samples by workoutlab.to_g"),
    ],
)
def test_push__tells_once_that_the_unit_is_doubtful(
    scale: float, offset: float, problem: str
) -> None:
    samples = (np.tile([0, 0, 1 + offset], (1000, 1)) + make_samples(1000) * 0.01) * scale
    packets = [(samples[k : k + 10], k / 50) for k in range(0, 1000, 10)]
    parts, events = replay(packets)
    (doubtful,) = events
    assert isinstance(doubtful, ScaleDoubtful)
    assert problem in doubtful.problem
    assert doubtful.time_s == pytest.approx(5, abs=0.021)
    assert len(parts[0]) == 1000
    assert replay([(make_samples(1000), 0)])[1] == []


def test_push__a_clock_that_jitters_and_drifts_loses_no_sample() -> None:
    random = np.random.default_rng(3)
    samples = make_samples(50_000)
    true_hz = 50 * 1.0005  # 500 parts in a million: half a second in 1000 s
    packets = [
        (samples[k : k + 10], 100 + k / true_hz + random.uniform(-0.006, 0.006))
        for k in range(0, 50_000, 10)
    ]
    parts, events = replay(packets)
    assert events == []
    np.testing.assert_array_equal(parts[0], samples)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_session__takes_times_in_units(unit: str) -> None:
    per_s = {"s": 1.0, "ms": 10**3, "us": 10**6, "ns": NS}[unit]
    packets = [(packet(k)[0], type(per_s)(1_700_000_000 * per_s + per_s * k / 5)) for k in range(9)]
    parts, events = replay(packets, time_unit=unit)
    assert events == []
    np.testing.assert_array_equal(parts[0], make_samples(10_000)[:90])


def test_session__a_known_start_needs_no_wait() -> None:
    recogniser = blind()
    session = LiveSession(recogniser, start=100.0)  # type: ignore[arg-type]
    assert np.isnan(session.start_s)
    assert [type(event) for event in session.push(make_samples(10), 99.9)] == [PacketLate]
    assert session.start_s == 100.0
    session.push(make_samples(10), 100.1)
    session.finish()
    assert len(recogniser.parts[0]) == 15


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rate_hz": 0}, InputError, "rate_hz: expected"),
        ({"rate_hz": "50"}, InputError, "rate_hz: expected a number"),
        ({"time_unit": "min"}, UnitError, "expected one of s, ms, us, ns, got 'min'"),
        ({"start": np.inf}, InputError, "start: expected"),
        ({"horizon": "-1s"}, UnitError, "horizon: expected a length"),
        ({"max_gap": "long"}, UnitError, "max_gap: expected a length"),
    ],
)
def test_session__refuses_settings_that_mean_nothing(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LiveSession(blind(), **options)  # type: ignore[arg-type]
