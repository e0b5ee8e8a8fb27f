import numpy as np
import pytest

from workoutlab.errors import UnitError
from workoutlab.signals.lengths import count_samples, parse_length, parse_rate


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("8s", 8),
        (" 1.5 s ", 1.5),
        ("500ms", 0.5),
        (".5s", 0.5),
        ("1min", 60),
        (2, 2),
        (0.1, 0.1),
        (np.float32(4), 4),
        (np.int64(3), 3),
    ],
)
def test_parse_length__reads_seconds(value, seconds):
    assert parse_length(value, "length") == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["8", "s", "8 h", "-8s", "8s ago", "", 0, -1, np.nan, np.inf, True, None, [8], "0s"]
)
def test_parse_length__refuses_what_is_no_length(value):
    with pytest.raises(UnitError, match=r"step: expected a length above zero.*'8s'"):
        parse_length(value, "step")


@pytest.mark.parametrize(
    ("seconds", "rate_hz", "samples"), [(0.1, 50, 5), (8, 50, 400), (0.3, 10, 3), (1 / 3, 48, 16)]
)
def test_count_samples__counts_whole_samples(seconds, rate_hz, samples):
    assert count_samples(seconds, rate_hz, "step") == samples


def test_count_samples__names_the_nearest_lengths():
    with pytest.raises(UnitError, match=r"0\.05 s is 2\.5 samples at 50 Hz.*0\.04 s or 0\.06 s"):
        count_samples(0.05, 50, "step")


def test_count_samples__refuses_less_than_a_sample():
    with pytest.raises(UnitError, match=r"0\.001 s is 0\.05 samples.*: 0\.02 s"):
        count_samples(0.001, 50, "step")


@pytest.mark.parametrize("value", [0, -50, np.nan, np.inf, "50", None, True])
def test_parse_rate__refuses_what_is_no_rate(value):
    with pytest.raises(UnitError, match="rate_hz: expected a rate above zero"):
        parse_rate(value)
