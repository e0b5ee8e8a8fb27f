"""Features that other libraries define too agree with them: the table in tests/parity."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.parity import (
    LENGTH,
    RATE_HZ,
    SKDH,
    TABLE,
    TSFEL,
    WITHOUT_PEER,
    Floats,
    Row,
    Window,
)
from workoutlab.kernels.catalogue import CATALOGUE
from workoutlab.kernels.statistics import describe_windows


@lru_cache(maxsize=1)
def synthetic() -> Floats:
    """Windows of shape (window, 3, sample): waves, noise, walks, and steps with exact zeros.

    In numbers that float32 holds, so that peers are given the numbers that we are given.
    """
    rng = np.random.default_rng(7)
    time_s = np.arange(LENGTH) / RATE_HZ
    made = []
    for _ in range(8):
        tempo_hz = rng.uniform(0.3, 4, (3, 1))
        wave = rng.uniform(0.2, 2, (3, 1)) * np.sin(2 * np.pi * tempo_hz * time_s)
        noise = rng.normal(0, rng.uniform(0.02, 0.5), (3, LENGTH))
        made.append(wave + noise + rng.normal(0, 1, (3, 1)))
        made.append(np.cumsum(noise, axis=1))
        made.append(np.round(noise * 16) / 16)
    return np.stack(made).astype(np.float32).astype(float)


@lru_cache(maxsize=1)
def recorded(folder: Path) -> Floats:
    """The middle of every tenth recording of Muvr that is long enough."""
    made = []
    for path in sorted((folder / "muvr").rglob("*.csv"))[::10]:
        samples = np.genfromtxt(path, delimiter=",", usecols=(0, 1, 2))
        start = (len(samples) - LENGTH) // 2
        if start >= 0:
            made.append(samples[start : start + LENGTH].T)
    return np.stack(made).astype(np.float32).astype(float)


@lru_cache(maxsize=4)
def describe(raw: bytes) -> npt.NDArray[np.float32]:
    """Our features of windows of three axes; shape (window, column)."""
    windows = np.frombuffer(raw).reshape(-1, 3, LENGTH)
    planes = np.ascontiguousarray(windows.transpose(1, 0, 2).reshape(3, -1), dtype=np.float32)
    names = tuple(each.name for each in CATALOGUE)
    return describe_windows(planes, np.arange(len(windows)) * LENGTH, LENGTH, RATE_HZ, names)


def columns(name: str) -> list[int]:
    """Where a feature stands: once a channel, or once."""
    of_channel = [each.name for each in CATALOGUE if each.of == "channel"]
    of_axes = [each.name for each in CATALOGUE if each.of == "axes"]
    if name in of_axes:
        return [3 * len(of_channel) + of_axes.index(name)]
    return [of_channel.index(name) + channel * len(of_channel) for channel in range(3)]


def need(library: str) -> Any:
    return pytest.importorskip(library, reason=f"needs {library}: extra 'peers'")


def ours(name: str, values: npt.ArrayLike) -> float:
    """Our number for one window of one channel."""
    plane = np.asarray(values, np.float32)[None]
    return describe_windows(plane, np.array([0]), plane.shape[1], RATE_HZ, (name,)).item()


def compare(row: Row, windows: Floats) -> None:
    peer = need(row.library)
    came = describe(windows.tobytes())[:, columns(row.name)]
    theirs = [
        [row.call(peer, Window(axes, channel)) for channel in range(came.shape[1])]
        for axes in windows
    ]
    apply = np.array([[number is not None for number in numbers] for numbers in theirs])
    assert apply.mean() > 0.5
    expected = np.array(theirs, float)[apply]
    np.testing.assert_allclose(came[apply], expected, rtol=row.relative, atol=1e-6)


def label(row: Row) -> str:
    return f"{row.name}-{row.library.split('.')[0]}"


peers_warn = pytest.mark.filterwarnings("ignore")  # what peers do within is not ours to mend


@peers_warn
@pytest.mark.parametrize("row", TABLE, ids=label)
def test_features__agree_with_the_peer(row: Row) -> None:
    compare(row, synthetic())


@peers_warn
@pytest.mark.data
@pytest.mark.parametrize("row", TABLE, ids=label)
def test_features__agree_with_the_peer_on_recordings(row: Row, real_data: Path) -> None:
    compare(row, recorded(real_data))


def test_table__covers_the_catalogue() -> None:
    assert {row.name for row in TABLE}.isdisjoint(WITHOUT_PEER)
    assert {row.name for row in TABLE} | set(WITHOUT_PEER) == {each.name for each in CATALOGUE}


@peers_warn
def test_zero_crossing_rate__an_exact_zero_counts_twice_for_tsfel() -> None:
    assert need(TSFEL).zero_cross(np.array([1.0, 0, -1, -1])) == 2
    assert ours("zero_crossing_rate", [1, 0, -1, -1]) == pytest.approx(RATE_HZ / 3)


@peers_warn
def test_dominant_frequency__is_the_highest_bin_and_for_tsfel_the_lowest_peak() -> None:
    cycles = 2 * np.pi * np.arange(LENGTH) / LENGTH
    values = np.sin(8 * cycles) + 1.5 * np.sin(32 * cycles)
    assert need(TSFEL).fundamental_frequency(values, RATE_HZ) == 8 * RATE_HZ / LENGTH
    assert ours("dominant_frequency", values) == 32 * RATE_HZ / LENGTH


@peers_warn
def test_periodicity__is_of_the_whole_window_and_for_skdh_of_its_two_parts() -> None:
    values = synthetic()[0, 0]
    parts = np.corrcoef(values[:-20], values[20:])[0, 1]
    assert need(SKDH).Autocorrelation(lag=20).compute(values) == pytest.approx(parts)


@peers_warn
def test_dominant_share__is_of_three_bins_and_for_skdh_of_a_hertz() -> None:
    peer = need(SKDH).PowerSpectralSum(padlevel=1, low_cutoff=0, high_cutoff=RATE_HZ / 2)
    window = Window(synthetic()[0])
    frequency = np.fft.rfftfreq(2 * LENGTH, 1 / RATE_HZ)
    near = np.abs(frequency - frequency[window.power.argmax()]) <= 0.5
    hertz = window.power[near].sum() / window.power.sum()
    assert peer.compute(window.away, RATE_HZ) == pytest.approx(hertz, rel=1e-3)
    assert ours("dominant_share", window.v) < hertz
