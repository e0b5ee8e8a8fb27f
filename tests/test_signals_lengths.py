import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workoutlab.errors import UnitError
from workoutlab.signals.lengths import (
    Length,
    count_samples,
    fit_overlap,
    parse_length,
    parse_rate,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("8s", 8),
        (" 1.5 s ", 1.5),
        ("500ms", 0.5),
        (".5s", 0.5),
        ("1min", 60),
        ("2h", 7200),
        (2, 2),
        (0.1, 0.1),
        (np.float32(4), 4),
        (np.int64(3), 3),
    ],
)
def test_parse_length__reads_seconds(value, seconds):
    assert parse_length(value, "length") == (pytest.approx(seconds), False)


@pytest.mark.parametrize("value", ["400 samples", "400samples", "+400. samples"])
def test_parse_length__reads_samples(value):
    assert parse_length(value, "length") == Length(400, in_samples=True)
    assert str(parse_length(value, "length")) == "400 samples"


@pytest.mark.parametrize(
    ("value", "length"),
    [("-2s", Length(-2)), ("0s", Length(0)), (-0.5, Length(-0.5)), ("-1 sample", Length(-1, True))],
)
def test_parse_length__reads_signs_where_they_mean_something(value, length):
    assert parse_length(value, "offset", signed=True) == length


@pytest.mark.parametrize(
    "value",
    [
        *("8", "s", "8 d", "-8s", "8s ago", "", 0, -1, np.nan, np.inf, True, None, [8], "0s"),
        *("1.5 samples", "0 samples", "-3 samples", 1j, np.complex64(1)),
    ],
)
def test_parse_length__refuses_what_is_no_length(value):
    with pytest.raises(UnitError, match=r"step: expected a length above zero.*'8s'"):
        parse_length(value, "step")


@pytest.mark.parametrize("length", [Length(1e300), Length(1e22, True), Length(-1e300)])
def test_count_samples__refuses_more_than_can_be_counted(length):
    with pytest.raises(UnitError, match=r"length: .*more samples than a recording can have"):
        count_samples(length, [50], "length")


def test_parse_length__refuses_what_is_no_shift():
    with pytest.raises(UnitError, match=r"offset: expected a length as '8s'"):
        parse_length("2 hours", "offset", signed=True)


def test_parse_seconds__refuses_samples():
    assert parse_seconds("1s", "max_gap") == 1
    with pytest.raises(UnitError, match="max_gap: expected seconds"):
        parse_seconds("50 samples", "max_gap")


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "samples"),
    [(0.1, 50, 5), (8, 50, 400), (0.3, 10, 3), (1 / 3, 48, 16), (-2, 50, -100), (0, 50, 0)],
)
def test_count_samples__counts_whole_samples(seconds, rate_hz, samples):
    assert count_samples(Length(seconds), [rate_hz], "step").tolist() == [samples]


def test_count_samples__counts_at_each_rate():
    assert count_samples(Length(0.5), [10, 50, 100], "step").tolist() == [5, 25, 50]
    assert count_samples(Length(7, in_samples=True), [10, 49.98], "step").tolist() == [7, 7]


def test_count_samples__names_the_nearest_lengths():
    with pytest.raises(UnitError, match=r"0\.05 s is 2\.5 samples at 50 Hz.*0\.04 s or 0\.06 s"):
        count_samples(Length(0.05), [50], "step")


def test_count_samples__refuses_less_than_a_sample():
    with pytest.raises(UnitError, match=r"0\.001 s is 0\.05 samples.*: 0\.02 s"):
        count_samples(Length(0.001), [50], "step")


def test_count_samples__names_all_rates():
    with pytest.raises(
        UnitError, match=r"0\.3 s is 7\.5 samples at 25 Hz.*25, 33\.3, 50 Hz.*one r"
    ):
        count_samples(Length(0.3), [25, 33.3, 50], "length")


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_fit_overlap__gives_back_the_step(length, step):
    step = min(length, step)
    assert fit_overlap(np.array([length]), 1 - step / length).tolist() == [step]


@pytest.mark.parametrize(
    ("length", "overlap", "message"),
    [
        (
            25,
            0.5,
            r"0\.5 of a window of 25 samples leaves a step of 12\.5 samples.*0\.48 \(step 13",
        ),
        (400, 0.999, r"step of 0\.4 samples; expected a whole number: 0\.9975 \(step 1\)"),
    ],
)
def test_fit_overlap__says_what_fits(length, overlap, message):
    with pytest.raises(UnitError, match=message):
        fit_overlap(np.array([400 if length == 25 else 1000, length]), overlap)


@pytest.mark.parametrize("value", [0, -50, np.nan, np.inf, "50", None, True])
def test_parse_rate__refuses_what_is_no_rate(value):
    with pytest.raises(UnitError, match="rate_hz: expected a rate above zero"):
        parse_rate(value)
