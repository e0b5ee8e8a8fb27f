"""Other ways to compute the features of the yardstick: NumPy and SciPy, and toolkits.

The first computes exactly what workoutlab does; toolkits compute their own nearest of each.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "LENGTH",
    "NAMES",
    "RATE_HZ",
    "STEP",
    "cut",
    "describe_by_numpy",
    "in_two_threads",
    "quantile",
    "run_skdh",
    "run_tsfel",
    "run_tsflex",
    "run_tsfresh",
    "spread_and_top",
]

Floats = npt.NDArray[np.float32]
Describe = Callable[[Floats], Floats]

RATE_HZ = 100
LENGTH, STEP = 400, 100
PADDED = 2 * LENGTH
FIRST = PADDED // LENGTH  # the bin of one cycle a window
LAST_LAG = 3 * LENGTH // 4
NAMES = (
    *("mean", "sd", "min", "max", "median", "iqr", "rms", "skewness", "kurtosis", "energy"),
    *("zero_crossing_rate", "dominant_frequency", "spectral_entropy", "periodicity"),
)


def cut(signal: Floats) -> Floats:
    """Return all windows of a signal of shape (sample, axis): a view (window, axis, sample)."""
    return np.lib.stride_tricks.sliding_window_view(signal, LENGTH, axis=0)[::STEP]


def in_two_threads(describe: Describe, signals: Sequence[Floats], batch: int) -> list[Floats]:
    """Describe the windows of each signal in batches, so that what a thread needs is in its cache.

    Returns
    -------
    list
        For each signal float32 of shape (window, axis, feature).
    """

    def work(signal: Floats) -> Floats:
        windows = cut(signal)
        parts = range(0, len(windows), batch)
        return np.concatenate([describe(windows[first : first + batch]) for first in parts])

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, signals))


def quantile(ordered: Floats, share: float) -> Floats:
    """Interpolate linearly between values sorted along the last axis."""
    place = (LENGTH - 1) * share
    below, above = ordered[..., int(place)], ordered[..., int(place) + 1]
    return below + (above - below) * np.float32(place - int(place))


def spread_and_top(power: Floats) -> tuple[Floats, Floats]:
    """Spectral entropy, and frequency of the highest bin, from the powers of all bins."""
    bins = power[..., FIRST:]
    total = bins.sum(-1)
    entropy = np.log(total) - np.vecdot(bins, np.log(bins)) / total
    return entropy / np.log(bins.shape[-1]), (bins.argmax(-1) + FIRST) * (RATE_HZ / PADDED)


def describe_by_numpy(windows: Floats) -> Floats:
    """Describe windows of shape (window, axis, sample), vectorised; see :data:`NAMES`."""
    from scipy import fft

    values = np.ascontiguousarray(windows)
    mean = values.mean(-1)
    away = values - mean[..., None]
    square = away * away
    variance = np.vecdot(away, away) / LENGTH
    energy = np.vecdot(values, values)
    ordered = np.sort(values, axis=-1)
    positive = values > 0
    spectrum = fft.rfft(away, PADDED, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    entropy, frequency = spread_and_top(power)
    r = fft.irfft(power, PADDED, axis=-1)[..., : LAST_LAG + 2]
    middle = r[..., 1:-1]
    negative = (middle < 0).argmax(-1, keepdims=True)
    peak = (middle > r[..., :-2]) & (middle >= r[..., 2:])
    peak &= np.arange(LAST_LAG) > negative
    peak &= np.take_along_axis(middle, negative, -1) < 0  # none is negative: argmax found the first
    return np.stack(
        [
            mean,
            np.sqrt(variance),
            ordered[..., 0],
            ordered[..., -1],
            quantile(ordered, 0.5),
            quantile(ordered, 0.75) - quantile(ordered, 0.25),
            np.sqrt(energy / LENGTH),
            np.vecdot(square, away) / LENGTH / (variance * np.sqrt(variance)),
            np.vecdot(square, square) / LENGTH / (variance * variance) - 3,
            energy,
            np.count_nonzero(positive[..., 1:] != positive[..., :-1], axis=-1)
            * (RATE_HZ / (LENGTH - 1)),
            frequency,
            entropy,
            (middle * peak).max(-1) / r[..., 0],
        ],
        axis=-1,
        dtype=np.float32,
    )


def run_skdh(signals: Sequence[Floats]) -> list[Any]:
    """Its bank over all windows of a signal at once, and NumPy for what it has not."""
    from skdh import features as own

    bank = own.Bank()
    bank.add([own.Mean(), own.StdDev(), own.IQR(), own.RMS(), own.Skewness(), own.Kurtosis()])
    bank.add([own.MeanCrossRate(), own.Autocorrelation(lag=LENGTH // 4)])
    bank.add([own.DominantFrequency(padlevel=0, low_cutoff=0.25, high_cutoff=RATE_HZ / 2)])
    bank.add([own.SpectralEntropy(padlevel=0, low_cutoff=0.25, high_cutoff=RATE_HZ / 2)])

    def work(signal: Floats) -> Any:
        windows = np.ascontiguousarray(cut(signal))
        rest = [windows.min(-1), windows.max(-1), np.median(windows, axis=-1)]
        return bank.compute(windows, fs=RATE_HZ), rest, (windows**2).sum(-1)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, signals))


def _moments(values: Floats) -> tuple[Any, ...]:
    mean = values.mean()
    away = values - mean
    square = away * away
    variance, energy = square.mean(), np.dot(values, values)
    skewness = np.dot(square, away) / LENGTH / variance**1.5
    kurtosis = np.dot(square, square) / LENGTH / variance**2 - 3
    return mean, np.sqrt(variance), np.sqrt(energy / LENGTH), skewness, kurtosis, energy


def _orders(values: Floats) -> tuple[Any, ...]:
    ordered = np.sort(values)
    spread = quantile(ordered, 0.75) - quantile(ordered, 0.25)
    return ordered[0], ordered[-1], quantile(ordered, 0.5), spread


def _crossings(values: Floats) -> int:
    return np.count_nonzero(np.diff(values > 0))


def _spectrum(values: Floats) -> tuple[Any, ...]:
    from scipy import fft

    transformed = fft.rfft(values - values.mean(), PADDED)
    power = transformed.real**2 + transformed.imag**2
    r = fft.irfft(power, PADDED)[: LAST_LAG + 2]
    crossed = np.flatnonzero(r < 0)
    height = r[crossed[0] :].max() / r[0] if len(crossed) else 0.0
    return (*spread_and_top(power), height)


def run_tsflex(signals: Sequence[Floats], *, vectorised: bool) -> list[Any]:
    """One collection for every signal; tsflex cuts windows, and takes functions for the rest.

    By default lean functions of one window, in two processes. With `vectorised`, a function of
    all windows at once, which is :func:`describe_by_numpy`, in two threads.
    """
    import pandas as pd
    from tsflex.features import FeatureCollection, FuncWrapper, MultipleFeatureDescriptors

    def describe(windows: Floats) -> tuple[npt.NDArray[Any], ...]:
        parts = range(0, len(windows), 32)
        batches = [describe_by_numpy(windows[first : first + 32, None]) for first in parts]
        return tuple(np.concatenate(batches)[:, 0].T)

    if vectorised:
        wrapped = [FuncWrapper(describe, output_names=list(NAMES), vectorized=True)]
    else:
        wrapped = [
            FuncWrapper(_moments, ["mean", "sd", "rms", "skewness", "kurtosis", "energy"]),
            FuncWrapper(_orders, ["min", "max", "median", "iqr"]),
            FuncWrapper(_crossings, "crossings"),
            FuncWrapper(_spectrum, ["entropy", "frequency", "peak"]),
        ]
    collection = FeatureCollection(
        MultipleFeatureDescriptors(wrapped, list("xyz"), windows=LENGTH, strides=STEP)
    )
    frames = [pd.DataFrame(signal, columns=list("xyz")) for signal in signals]
    jobs = 1 if vectorised else 2
    with ThreadPoolExecutor(2 if vectorised else 1) as pool:
        return list(
            pool.map(lambda frame: collection.calculate(frame, return_df=True, n_jobs=jobs), frames)
        )


def run_tsfresh(signals: Sequence[Floats]) -> Any:
    """Its nearest calculators, in two processes; it wants every window copied into a table."""
    import pandas as pd
    from tsfresh import extract_features

    windows = np.concatenate([cut(signal) for signal in signals])
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(len(windows)), LENGTH),
            "time": np.tile(np.arange(LENGTH), len(windows)),
            **{axis: windows[:, place].reshape(-1) for place, axis in enumerate("xyz")},
        }
    )
    plain = ("mean", "standard_deviation", "minimum", "maximum", "median", "root_mean_square")
    settings = {
        **dict.fromkeys((*plain, "skewness", "kurtosis", "abs_energy")),
        "quantile": [{"q": 0.25}, {"q": 0.75}],
        "number_crossing_m": [{"m": 0}],
        "fft_aggregated": [{"aggtype": "centroid"}],
        "fourier_entropy": [{"bins": 100}],
        "autocorrelation": [{"lag": LENGTH // 4}],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extract_features(
            frame,
            column_id="id",
            column_sort="time",
            default_fc_parameters=settings,
            n_jobs=2,
            disable_progressbar=True,
        )


def run_tsfel(signals: Sequence[Floats]) -> Any:
    """Its nearest features, in two processes.

    It starts its processes anew at every call: it is given all signals at once, one behind the
    other.
    """
    import pandas as pd
    import tsfel

    wanted = {
        *("Mean", "Standard deviation", "Min", "Max", "Median", "Interquartile range"),
        *("Root mean square", "Skewness", "Kurtosis", "Absolute energy", "Zero crossing rate"),
        *("Fundamental frequency", "Spectral entropy", "Autocorrelation"),
    }
    settings = {
        domain: {name: entry for name, entry in entries.items() if name in wanted}
        for domain, entries in tsfel.get_features_by_domain().items()
    }
    assert sum(map(len, settings.values())) == len(wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tsfel.time_series_features_extractor(
            {domain: entries for domain, entries in settings.items() if entries},
            pd.DataFrame(np.concatenate(signals), columns=list("xyz")),
            fs=RATE_HZ,
            window_size=LENGTH,
            overlap=1 - STEP / LENGTH,
            n_jobs=2,
            verbose=0,
        )
