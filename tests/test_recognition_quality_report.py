import json

import numpy as np
import pandas as pd
import pytest

from workoutlab.errors import InputError, NotInLabError, TrainingError
from workoutlab.lab import Lab
from workoutlab.recognition.quality.assessing import assess
from workoutlab.recognition.quality.goodsets import find_good_sets
from workoutlab.recognition.quality.measures import MEASURES
from workoutlab.recognition.quality.reporting import assess_sets, follow_quality
from workoutlab.recognition.repetitions import count_repetitions
from workoutlab.recording import LabelledSet, Recording

LONG = LabelledSet(start=100, stop=1300, exercise="biceps-curl", repetitions=12)


def curls(user, seed, rate_hz=50, sets=(LONG,), slower=1.0):
    """Twelve curls of 2 s between two rests, each later set slower than the first."""
    rng = np.random.default_rng(seed)
    lengths = np.full(12, 100)
    lengths[-3:] = np.round(100 * slower)
    ways = [(1 - np.cos(2 * np.pi * np.arange(length) / length)) / 2 for length in lengths]
    way = np.concatenate([np.zeros(100), *ways, np.zeros(100)])
    times = np.arange(len(way)) / 50
    way = np.interp(np.arange(0, times[-1], 1 / rate_hz), times, way)
    angle = 1.8 * way
    signal = np.column_stack([np.cos(angle), np.sin(angle), 0.2 * np.sin(angle)])
    scaled = [
        LabelledSet(
            start=round(each.start * rate_hz / 50),
            stop=min(round((each.stop + 3 * (100 * slower - 100)) * rate_hz / 50), len(signal)),
            exercise=each.exercise,
            repetitions=each.repetitions,
        )
        for each in sets
    ]
    return Recording(
        user=user,
        session=f"s{seed}",
        acceleration=signal + rng.normal(0, 0.01, signal.shape),
        rate_hz=rate_hz,
        sets=scaled,
    )


@pytest.fixture(scope="module")
def table():
    lab = Lab("memory://quality-report")
    rest = LabelledSet(start=0, stop=90, exercise="-")
    slip = LabelledSet(start=0, stop=20, exercise="slip")
    lab.append(
        [
            curls("ann", 0, sets=(rest, LONG)),
            curls("ann", 1, rate_hz=100, slower=1.4),
            curls("bob", 2, rate_hz=25, sets=(slip, LONG)),
        ]
    )
    return assess_sets(lab, progress=False), lab


def test_assess_sets__has_a_row_a_set(table):
    rows, lab = table
    assert rows["user"].tolist() == ["ann", "ann", "bob"]
    assert rows["exercise"].unique().tolist() == ["biceps-curl"]
    assert rows["labelled"].tolist() == [12, 12, 12]
    assert (rows["counted"] - 12).abs().max() <= 1
    np.testing.assert_allclose(rows["tempo_s"], 2, atol=0.1)
    assert (rows["consistency"] > 0.95).all()
    assert rows.loc[rows["session"] == "s1", "slower_last"].item() == pytest.approx(40, abs=6)
    assert "slower than the first 3." in rows.loc[rows["session"] == "s1", "said"].item()
    assert rows.attrs["snapshot"] == lab.snapshot


def test_assess_sets__says_units_and_what_failed(table):
    rows, _ = table
    assert rows.attrs["units"]["tempo_drift"] == "%"
    assert set(rows.attrs["units"]) <= set(rows.columns)
    assert set(MEASURES) - set(rows.columns) == {"similarity"}
    (why,) = rows.attrs["failed"].values()
    assert "20 samples" in why


def test_assess_sets__takes_recordings_and_filters(table):
    rows, lab = table
    anns = assess_sets(lab, users="ann", progress=False)
    pd.testing.assert_frame_equal(anns, rows[rows["user"] == "ann"])
    held = assess_sets(curls("ann", 0), progress=False)
    numbers = held.select_dtypes("number").to_numpy(float)
    np.testing.assert_array_equal(numbers, rows.iloc[:1].select_dtypes("number").to_numpy(float))


def test_assess_sets__refuses(table):
    _, lab = table
    with pytest.raises(NotInLabError):
        assess_sets(lab, users="eve", progress=False)
    with pytest.raises(InputError, match="expected a Counter"):
        assess_sets(lab, counter=3, progress=False)
    with pytest.raises(TrainingError, match="none of 1 sets"):
        assess_sets(lab, exercises="slip", progress=False)


def test_follow_quality__tells_a_change_and_its_chance():
    falling = np.linspace(0.9, 0.6, 12) + 0.01 * np.random.default_rng(0).normal(size=12)
    table = pd.DataFrame(
        {
            "user": ["ann"] * 12 + ["bob"] * 3,
            "exercise": "row",
            "consistency": [*falling, 0.5, np.nan, 0.7],
            "tempo_s": 2.0,
        }
    )
    told = follow_quality(table, ["consistency", "tempo_s"]).set_index(["user", "measure"])
    assert told.loc[("ann", "consistency"), "change"] == pytest.approx(-0.3, abs=0.03)
    assert told.loc[("ann", "consistency"), "chance"] < 0.01
    assert told.loc[("ann", "tempo_s"), "chance"] == 1
    assert told.loc[("bob", "consistency"), "sets"] == 2
    assert told.loc[("bob", "consistency"), "median"] == 0.6
    assert np.isnan(told.loc[("bob", "consistency"), "change"])
    with pytest.raises(InputError, match="no column 'grace'"):
        follow_quality(table, ["grace"])


def test_follow_quality__reads_found_sets():
    kept = [json.dumps({"consistency": each, "smoothness": None}) for each in (0.5, 0.6, 0.8)]
    found = pd.DataFrame({"user": "ann", "exercise": "row", "quality": [*kept, ""]})
    told = follow_quality(found, ["consistency", "smoothness"]).set_index("measure")
    assert told["sets"].to_dict() == {"consistency": 3, "smoothness": 0}
    assert told.loc["consistency", "median"] == 0.6


def test_find_good_sets__takes_those_that_are_consistent_and_agree_with_their_label():
    wrong = LabelledSet(start=100, stop=1300, exercise="biceps-curl", repetitions=20)
    unknown = LabelledSet(start=100, stop=1300, exercise="biceps-curl")
    recordings = [
        curls("ann", 0),
        curls("ann", 1, sets=(unknown,)),
        curls("ann", 2, sets=(wrong,)),
        curls("bob", 3),
    ]
    good = find_good_sets(recordings, "ann", "biceps-curl")
    assert len(good) == 2
    assert len(find_good_sets(recordings, "ann", "biceps-curl", most=1)) == 1
    recording = curls("ann", 9)
    counted = count_repetitions(recording.acceleration, 50)
    quality = assess(recording.acceleration, 50, counted.edges, good=good)
    assert quality["similarity"] > 0.97
    with pytest.raises(NotInLabError):
        find_good_sets(recordings, "ann", "row")
    with pytest.raises(InputError, match="most"):
        find_good_sets(recordings, "ann", "biceps-curl", most=0)
