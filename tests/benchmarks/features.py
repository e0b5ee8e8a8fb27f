"""Statistics of windows: the lab's lazy features against NumPy and SciPy, tsfresh and TSFEL.

Windows of 8 s every 1 s, three axes at 50 Hz. NumPy and SciPy compute the same statistics of each
axis, vectorised over all windows. The toolkits compute their own nearest equivalents of twelve of
them (mean, sd, rms, skewness, kurtosis, mean crossings, mean absolute change, min, max, median,
quartiles, spectral entropy or its nearest) on fewer windows; figures are per window.
"""

import os
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from tests.benchmarks.harness import Contender, Work, Workload
from workoutlab import Lab, LabelledSet, Recording, features, windows

__all__ = ["WORKLOADS"]

RATE_HZ = 50
LENGTH, STEP = 400, 50
MINUTES = 20
BATCH = 100


def signals(count: int) -> list[npt.NDArray[np.float32]]:
    """Make sessions of 20 minutes: shape (sample, 3) each, in g."""
    generator = np.random.default_rng(3)
    samples = MINUTES * 60 * RATE_HZ
    time_s = np.arange(samples) / RATE_HZ
    made = []
    for _ in range(count):
        period_s = generator.uniform(1.5, 4)
        swing = np.sin(2 * np.pi * time_s / period_s)[:, None] * generator.uniform(0.2, 1, 3)
        made.append((swing + generator.normal(0, 0.05, (samples, 3))).astype(np.float32))
    return made


def cut(signal: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return all windows of a session, shape (window, axis, sample)."""
    view = np.lib.stride_tricks.sliding_window_view(signal, LENGTH, axis=0)
    return np.ascontiguousarray(view[::STEP])


def prepare_ours(full: bool, folder: Path) -> Work:
    lab = Lab(f"memory://benchmark-{uuid4().hex}")
    whole = MINUTES * 60 * RATE_HZ
    for number, signal in enumerate(signals(64 if full else 4)):
        labelled = [LabelledSet(start=0, stop=whole, exercise="turn")]
        lab.append(
            [
                Recording(
                    user=f"u{number}",
                    session="1",
                    acceleration=signal,
                    rate_hz=RATE_HZ,
                    sets=labelled,
                )
            ]
        )
    plan = windows(lab, length="8s", step="1s", trim=0)

    def work() -> float:
        values = features(plan)["features"].compute(scheduler="threads", num_workers=2)
        assert values.shape[0] == len(plan)
        return len(plan)

    return work


def describe(chunk: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Compute the statistics of many windows at once; chunk of shape (window, axis, sample)."""
    from scipy import fft

    mean = chunk.mean(-1)
    centred = chunk - mean[..., None]
    square = centred * centred
    variance = square.mean(-1)
    ordered = np.sort(chunk, axis=-1)
    quarter = chunk.shape[-1] // 4
    size = fft.next_fast_len(2 * chunk.shape[-1], real=True)
    transformed = fft.rfft(centred, size, axis=-1)
    spectrum = transformed.real**2 + transformed.imag**2
    autocorrelation = fft.irfft(spectrum, size, axis=-1)[..., : chunk.shape[-1]]
    power = spectrum[..., 2:]
    share = power / power.sum(-1, keepdims=True)
    return np.stack(
        [
            mean,
            np.sqrt(variance),
            np.sqrt(variance + mean**2),
            (square * centred).mean(-1) / variance**1.5,
            (square * square).mean(-1) / variance**2 - 3,
            (np.diff(np.signbit(centred), axis=-1) != 0).mean(-1),
            np.abs(np.diff(chunk, axis=-1)).mean(-1),
            ordered[..., 0],
            ordered[..., -1],
            ordered[..., 2 * quarter],
            ordered[..., 3 * quarter] - ordered[..., quarter],
            power.argmax(-1),
            power.max(-1),
            -(share * np.log(share)).sum(-1),
            autocorrelation[..., 25:300].argmax(-1),
            autocorrelation[..., 25:300].max(-1) / autocorrelation[..., 0],
        ],
        axis=-1,
    )


def prepare_numpy(full: bool, folder: Path) -> Work:
    sessions = signals(64 if full else 4)

    def work() -> float:
        total = 0
        for signal in sessions:
            magnitude = np.sqrt((signal**2).sum(-1, keepdims=True))
            chunk = cut(np.concatenate([signal, magnitude], axis=1))
            for first in range(0, len(chunk), BATCH):  # what stays in cache is faster
                total += len(describe(chunk[first : first + BATCH]))
        return total

    return work


def prepare_tsfresh(full: bool, folder: Path) -> Work:
    import pandas as pd
    from tsfresh import extract_features

    chunk = cut(signals(1)[0])[: 200 if full else 20]
    count = len(chunk)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(count), LENGTH),
            "time": np.tile(np.arange(LENGTH), count),
            **{axis: chunk[:, i].reshape(-1) for i, axis in enumerate("xyz")},
        }
    )
    frame["magnitude"] = np.sqrt((frame[["x", "y", "z"]] ** 2).sum(axis=1))
    plain = ("mean", "standard_deviation", "root_mean_square", "skewness", "kurtosis", "minimum")
    settings = {
        **dict.fromkeys((*plain, "maximum", "median", "mean_abs_change")),
        "number_crossing_m": [{"m": 0}],
        "quantile": [{"q": 0.25}, {"q": 0.75}],
        "fourier_entropy": [{"bins": 100}],
        "autocorrelation": [{"lag": 100}],
    }

    def work() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = extract_features(
                frame,
                column_id="id",
                column_sort="time",
                default_fc_parameters=settings,
                n_jobs=os.cpu_count() or 1,
                disable_progressbar=True,
            )
        assert len(result) == count
        return count

    return work


def prepare_tsfel(full: bool, folder: Path) -> Work:
    import tsfel

    chunk = cut(signals(1)[0])[: 50 if full else 5]
    four = np.concatenate([chunk, np.sqrt((chunk**2).sum(1, keepdims=True))], axis=1)
    stacked = [window.T for window in four]
    wanted = {
        *("Mean", "Standard deviation", "Root mean square", "Skewness", "Kurtosis", "Min", "Max"),
        *("Median", "Interquartile range", "Zero crossing rate", "Mean absolute diff"),
        *("Fundamental frequency", "Spectral entropy", "Autocorrelation"),
    }
    everything = tsfel.get_features_by_domain()
    settings = {
        domain: {name: entry for name, entry in entries.items() if name in wanted}
        for domain, entries in everything.items()
    }
    settings = {domain: entries for domain, entries in settings.items() if entries}

    def work() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for window in stacked:
                tsfel.time_series_features_extractor(settings, window, fs=RATE_HZ, verbose=0)
        return len(stacked)

    return work


WORKLOADS = (
    Workload(
        "features",
        "window",
        (
            Contender("workoutlab", partial(version, "workoutlab"), prepare_ours, peer=False),
            Contender("numpy+scipy", partial(version, "scipy"), prepare_numpy, peer=False),
            Contender("tsfresh", partial(version, "tsfresh"), prepare_tsfresh),
            Contender("TSFEL", partial(version, "tsfel"), prepare_tsfel),
        ),
    ),
)
