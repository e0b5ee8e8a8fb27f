import json
from itertools import combinations, permutations
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.transform import Rotation

from tests.simulated import perform
from workoutlab.readers.muvr import Muvr
from workoutlab.recognition.quality.assessing import assess
from workoutlab.recognition.quality.chance import (
    alternation_chance,
    parity_chance,
    trend_chance,
)
from workoutlab.recognition.quality.measures import (
    MEASURES,
    drift_percent,
    log_dimensionless_jerks,
    symmetry_index,
)
from workoutlab.recognition.quality.traces import trace_set
from workoutlab.recognition.repetitions import count_repetitions, find_phases

RATE = 50


def curls(lengths, sizes=None, *, seed=0, noise_g=0.01, degrees=100):
    """Curls of the given numbers of samples, each as far as its size says."""
    rng = np.random.default_rng(seed)
    sizes = np.ones(len(lengths)) if sizes is None else np.asarray(sizes)
    ways = [
        size * (1 - np.cos(2 * np.pi * np.arange(length) / length)) / 2
        for length, size in zip(lengths, sizes, strict=True)
    ]
    angle = np.radians(degrees) * np.concatenate(ways)
    signal = np.column_stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(angle)])
    stops = np.cumsum(lengths)
    edges = np.column_stack([stops - lengths, stops])
    return signal + rng.normal(0, noise_g, signal.shape), edges


def steady(count=10, seed=0, spread=0.03):
    lengths = 100 * np.random.default_rng(seed).lognormal(0, spread, count)
    return lengths.round().astype(int)


def test_assess__knows_a_steady_set():
    quality = assess(*curls(steady())[:1], RATE, curls(steady())[1])
    assert quality.sentences() == []
    assert quality["consistency"] > 0.97
    assert abs(quality["tempo_drift"]) < 8
    assert abs(quality["amplitude_loss"]) < 8
    assert quality.amplitude_unit == "deg"
    assert np.median(quality.amplitudes) == pytest.approx(100, abs=5)


@pytest.mark.parametrize("seed", range(5))
def test_assess__tells_a_slowdown_of_35_percent_as_that(seed):
    lengths = steady(seed=seed)
    lengths[-3:] = (lengths[-3:] * 1.35).round()
    signal, edges = curls(lengths, seed=seed)
    quality = assess(signal, RATE, edges)
    assert quality["slower_last"] == pytest.approx(35, abs=6)
    assert quality.sentences()[0].startswith("The last 3 of 10 repetitions were 3")
    assert quality.sentences()[0].endswith("% slower than the first 3.")


@pytest.mark.parametrize("seed", range(5))
def test_assess__tells_a_loss_of_amplitude(seed):
    sizes = np.linspace(1, 0.7, 12)
    signal, edges = curls(steady(12, seed), sizes, seed=seed)
    quality = assess(signal, RATE, edges)
    assert quality["amplitude_loss"] == pytest.approx(30, abs=4)
    assert quality.sentences() == [
        f"The last 3 of 12 repetitions went {quality['smaller_last']:.0f} % less far "
        "than the first 3."
    ]


@pytest.mark.parametrize("seed", range(5))
def test_assess__tells_alternation(seed):
    sizes = np.tile([1, 0.7], 6)
    signal, edges = curls(steady(12, seed), sizes, seed=seed)
    quality = assess(signal, RATE, edges)
    assert quality["asymmetry"] == pytest.approx(100 * 0.3 / 0.85, abs=4)
    even = 100 - 100 * np.median(quality.amplitudes[1::2]) / np.median(quality.amplitudes[::2])
    assert even == pytest.approx(30, abs=3)
    assert quality.sentences() == [
        f"Every second repetition was {even:.0f} % smaller than the one before it."
    ]


def test_assess__tells_no_asymmetry_where_nothing_alternates():
    signal, edges = curls(steady(12))
    quality = assess(signal, RATE, edges)
    assert np.isnan(quality["asymmetry"])
    assert quality.reasons["asymmetry"] == "the repetitions do not alternate"


def test_assess__tells_repetitions_that_get_jerkier():
    signal, edges = curls(steady(12))
    rng = np.random.default_rng(5)
    tremor = np.sin(2 * np.pi * 7 * np.arange(len(signal)) / RATE)[:, np.newaxis]
    late = np.arange(len(signal))[:, np.newaxis] >= edges[8, 0]
    quality = assess(signal + late * tremor * rng.normal(0.1, 0.01, 3), RATE, edges)
    assert quality.sentences() == ["The last 3 of 12 repetitions were jerkier than the first 3."]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_assess__does_not_depend_on_how_the_sensor_is_turned(seed):
    signal, edges = curls(steady(12), np.tile([1, 0.7], 6))
    turned = Rotation.random(random_state=seed).apply(signal)
    one, other = assess(signal, RATE, edges), assess(turned, RATE, edges)
    for name in MEASURES:
        assert other[name] == pytest.approx(one[name], rel=1e-6, abs=1e-6, nan_ok=True), name
    assert one.sentences() == other.sentences()


@settings(deadline=None, max_examples=20)
@given(st.floats(0.3, 3), st.integers(0, 1000))
def test_assess__finds_the_same_consistency_in_larger_movements(scale, seed):
    signal, edges = curls(steady(8, seed), seed=seed)
    still = signal.mean(axis=0)
    larger = still + scale * (signal - still)
    one, other = assess(signal, RATE, edges), assess(larger, RATE, edges)
    assert other["consistency"] == pytest.approx(one["consistency"], abs=1e-9)
    assert other["smoothness"] == pytest.approx(one["smoothness"], abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 4), st.integers(0, 1000))
def test_assess__finds_the_same_drift_in_slower_repetitions(factor, seed):
    lengths = steady(9, seed) + 3 * np.arange(9)
    quick = assess(*_set(lengths))
    slow = assess(*_set(factor * lengths))
    for name in ("tempo_drift", "slower_last"):
        assert slow[name] == pytest.approx(quick[name], abs=1e-9)
    assert slow["consistency"] == pytest.approx(quick["consistency"], abs=0.03)
    assert slow["amplitude_loss"] == pytest.approx(quick["amplitude_loss"], abs=3)


def _set(lengths):
    signal, edges = curls(lengths, noise_g=0)
    return signal, RATE, edges


def test_assess__hardly_ever_tells_what_chance_gives():
    told = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        lengths = (100 * rng.lognormal(0, 0.12, 11)).round().astype(int)
        signal, edges = curls(lengths, rng.lognormal(0, 0.12, 11), seed=seed, noise_g=0.03)
        told += bool(assess(signal, RATE, edges).sentences())
    # Four tests at 1/80 give 5 % at most; 3 of 60 are expected, 8 or more would be one in 100.
    assert told < 8


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_assess__says_what_too_few_repetitions_do_not_tell(count):
    signal, edges = curls([100] * 5)
    quality = assess(signal, RATE, edges[:count])
    assert len(quality) == count
    assert set(quality.measures) == set(MEASURES)
    for name, measure in quality.measures.items():
        assert np.isnan(measure.value) == bool(measure.reason), name
        if count < MEASURES[name].least:
            assert "repetition" in measure.reason or name == "similarity"
    assert quality.sentences() == []


def test_assess__defines_nothing_where_nothing_moves():
    quality = assess(np.tile([0.0, 0, 1], (500, 1)), RATE, [[0, 100], [100, 200], [200, 300]])
    assert quality.reasons["consistency"] == "nothing moves"
    assert np.isnan(quality["smoothness"])
    assert quality.sentences() == []


def test_assess__is_written_as_json():
    signal, edges = curls(steady())
    kept = assess(signal, RATE, edges).as_dict()
    assert list(kept) == list(MEASURES)
    assert kept["similarity"] is None
    assert json.loads(json.dumps(kept)) == kept


def test_assess__tells_simulated_tiring():
    session = perform("biceps-curl")
    edges = session.repetitions[["start", "stop"]].to_numpy()
    quality = assess(session.recording.acceleration, RATE, edges)
    lengths = np.diff(edges, axis=1)[:, 0]
    slower = 100 * (np.median(lengths[-3:]) / np.median(lengths[:3]) - 1)
    assert quality["slower_last"] == pytest.approx(slower)
    assert quality["consistency"] > 0.8


def test_assess__holds_a_set_against_good_ones():
    good = []
    for seed in range(4):
        signal, edges = curls(steady(seed=seed), seed=seed)
        good.append(trace_set(signal, RATE, edges))
    signal, edges = curls(steady(seed=9), seed=9)
    turned = Rotation.random(random_state=3).apply(signal)
    alike = assess(turned, RATE, edges, good=good)
    assert alike["similarity"] > 0.97
    assert alike.sentences() == []
    # Cut at another point of the movement, it is the same movement.
    shifted = assess(turned, RATE, edges[:-1] + 30, good=good)
    assert shifted["similarity"] == pytest.approx(alike["similarity"], abs=0.03)
    half, edges = curls(steady(seed=9), seed=9, degrees=45)
    strange = assess(half, RATE, edges, good=good)
    assert strange["similarity"] < 0.9
    assert "less like your good sets" in strange.sentences()[-1]


def smoothness(signal):
    seconds = np.arange(len(signal)) / RATE
    jerk = np.diff(signal, axis=0) * RATE
    power = np.mean(np.linalg.norm(signal - signal.mean(axis=0), axis=1) ** 2)
    whole = np.sum(np.linalg.norm(jerk, axis=1) ** 2) / RATE
    return -np.log((seconds[-1] - seconds[0]) * whole / power)


def test_log_dimensionless_jerks__are_the_formula():
    signal = 0.1 * np.random.default_rng(0).normal(size=(80, 3)).cumsum(axis=0)
    cuts = np.array([[0, 80], [3, 30], [20, 23], [79, 80], [50, 52]])
    expected = [smoothness(signal[low:high]) for low, high in cuts[:3]]
    found = log_dimensionless_jerks(signal, RATE, cuts)
    np.testing.assert_allclose(found, [*expected, np.nan, np.nan], rtol=1e-9)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=20))
def test_drift_percent__is_the_slope_of_theil_and_sen(values):
    slope = stats.theilslopes(np.log(values)).slope
    expected = 100 * np.expm1(slope * (len(values) - 1))
    assert drift_percent(np.array(values)) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_trend_chance__is_the_share_of_all_orders():
    values = np.array([1.0, 1.2, 0.9, 1.3, 1.5, 1.4])
    weights = (np.arange(1, 7) / 6) ** 2
    weights -= weights.mean()
    came = abs(weights @ values)
    drawn = [abs(weights @ np.array(order)) for order in permutations(values)]
    share = np.mean(np.array(drawn) >= came - 1e-9)
    assert trend_chance(values) == pytest.approx(share, abs=0.01)


def test_alternation_chance__is_the_share_of_all_labels():
    rng = np.random.default_rng(3)
    places = np.tile([0.0, 1.0], 5) + rng.normal(0, 0.6, 10)
    distances = np.abs(places[:, np.newaxis] - places)
    known = ~np.eye(10, dtype=bool)

    def apart(odd):
        signs = np.ones(10)
        signs[list(odd)] = -1
        return -(signs @ np.where(known, distances - distances[known].mean(), 0) @ signs)

    drawn = [apart(odd) for odd in combinations(range(10), 5)]
    share = np.mean(np.array(drawn) >= apart(range(1, 10, 2)) - 1e-9)
    assert alternation_chance(distances, known) == pytest.approx(share, abs=0.015)


def test_parity_chance__knows_what_alternates():
    assert parity_chance(np.tile([1.0, 2.0], 6)) < 0.01
    assert parity_chance(np.repeat([1.0, 2.0], 6)) == 1


def test_trend_chance__of_long_sets_takes_bounded_memory():
    values = np.linspace(0, 1, 2000)
    assert trend_chance(values) == pytest.approx(0.01, abs=0.001)  # one of 101 orders


def test_symmetry_index__has_a_sign_and_a_bound():
    assert symmetry_index(np.array([1.0, 3, 1, 3, 1])) == -100
    assert symmetry_index(np.array([1.0, 0, 1, 0])) == 200
    assert symmetry_index(np.array([2.0, 2])) == 0


def test_quality__is_a_picture_with_its_sentences():
    lengths = steady()
    lengths[-3:] = (lengths[-3:] * 1.35).round()
    quality = assess(*_set(lengths))
    page = quality._repr_html_()
    tree = ElementTree.fromstring(page)  # it is well-formed
    (svg,) = tree.findall("svg")
    bars = [bar for bar in svg.findall("rect") if bar.get("fill-opacity")]
    assert len(bars) == 2 * 10
    numbers = [text.text for text in svg.findall("text")]
    assert [str(number) for number in range(1, 11)] == numbers[:10]
    assert "% slower than the first 3." in page
    assert len(tree.findall("table/tbody/tr")) == len(MEASURES)
    assert "http" not in page
    assert "script" not in page


def test_quality__numbers_every_fifth_of_many_repetitions():
    svg = ElementTree.fromstring(assess(*_set([60] * 60))._repr_html_()).find("svg")
    numbers = [text.text for text in svg.findall("text")][:12]
    assert numbers == [str(number) for number in range(5, 61, 5)]


def test_quality__of_nothing_is_a_page_without_picture():
    page = assess(np.ones((50, 3)), RATE, [])._repr_html_()
    assert "<svg" not in page
    assert "there is no repetition" in page


def test_quality__can_not_be_changed():
    quality = assess(*_set(steady()))
    with pytest.raises(ValueError, match="read-only"):
        quality.amplitudes[0] = 1
    with pytest.raises(AttributeError):
        quality.amplitude_unit = "g"
    assert len(quality.line) < 700


@pytest.fixture(scope="module")
def recorded(real_data):
    """Eight recorded sets of curls and extensions, and their repetitions as they are counted."""
    sets = []
    for number in range(1, 9):
        path = real_data / "muvr" / "arms" / f"labelled_arms_jan-2_{number}.csv"
        (recording,) = Muvr().read(path)
        signal = recording.acceleration
        sets.append((recording.sets[0].exercise, signal, count_repetitions(signal, RATE).edges))
    return sets


@pytest.mark.data
def test_assess__tells_hardly_anything_of_shuffled_repetitions(recorded):
    rng = np.random.default_rng(0)
    told = in_order = tried = 0
    for _, signal, edges in recorded:
        in_order += bool(assess(signal, RATE, edges).sentences())
        parts = [signal[low:high] for low, high in edges.round().astype(int)]
        for _ in range(4):
            shuffled = [parts[place] for place in rng.permutation(len(parts))]
            stops = np.cumsum([len(part) for part in shuffled])
            rows = np.column_stack([stops - [len(part) for part in shuffled], stops])
            told += bool(assess(np.concatenate(shuffled), RATE, rows).sentences())
            tried += 1
    assert told <= 0.1 * tried
    assert in_order >= 0.25 * len(recorded)


@pytest.mark.data
def test_assess__is_the_same_on_a_turned_watch(recorded):
    turn = Rotation.random(random_state=1)
    for _, signal, edges in recorded[:6]:
        one, other = assess(signal, RATE, edges), assess(turn.apply(signal), RATE, edges)
        assert one.sentences() == other.sentences()
        for name in MEASURES:
            assert other[name] == pytest.approx(one[name], rel=1e-3, abs=1e-3, nan_ok=True), name


@pytest.mark.data
def test_find_phases__tells_that_curls_go_down_slower_than_up(recorded):
    shares = []
    for exercise, signal, edges in recorded:
        tempo = find_phases(signal, RATE, edges).as_dict()
        if "curl" in exercise and not np.isnan(tempo["lifting_s"]):
            shares.append(tempo["lifting_s"] / (tempo["lifting_s"] + tempo["lowering_s"]))
    assert len(shares) >= 3
    assert 0.3 < np.median(shares) < 0.5


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(2, 300), st.integers(1, 12), st.floats(0, 4))
def test_assess__takes_whatever_is_a_signal(seed, samples, count, scale):
    rng = np.random.default_rng(seed)
    kind = rng.integers(3)
    signal = scale * rng.normal(size=(samples, 3))
    if kind == 1:
        signal = signal.cumsum(axis=0)
    elif kind == 2:
        signal[:] = signal[0]
    marks = np.unique(np.concatenate([[0, samples], rng.uniform(0, samples, count - 1)]))
    edges = np.column_stack([marks[:-1], marks[1:]])
    quality, tempo = assess(signal, RATE, edges), find_phases(signal, RATE, edges)
    assert len(quality) == len(edges) == len(tempo.durations_s)
    for name, measure in quality.measures.items():
        assert np.isnan(measure.value) == bool(measure.reason), name
    assert quality._repr_html_().count("<rect") >= 2 * len(edges)
    parts = np.array([tempo.first_s, tempo.turn_s, tempo.second_s, tempo.rest_s])
    assert (np.isnan(parts) | (parts >= -1e-9)).all()
