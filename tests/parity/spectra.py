"""Spectrum, smoothness of it, and periodicity: our features, and the same of peers."""

from math import log
from typing import Any

import numpy as np

from tests.parity.window import (
    CYCLE,
    CYCLE_HZ,
    PADDED,
    RATE_HZ,
    SCIPY_SIGNAL,
    SCIPY_STATS,
    SKDH,
    TSFEL,
    TSFRESH,
    Floats,
    Row,
    Window,
)
from tests.parity.window import LENGTH as N

__all__ = ["ROWS"]

WHOLE = {"padlevel": 1, "low_cutoff": CYCLE_HZ, "high_cutoff": RATE_HZ / 2}
NO_LAST = "leaves the bin at half the rate out"
BANDS = {
    "power_below_0_5": (0, 0.5),
    "power_0_5_to_1": (0.5, 1),
    "power_1_to_2": (1, 2),
    "power_2_to_4": (2, 4),
    "power_4_to_8": (4, 8),
    "power_8_to_16": (8, 16),
    "power_above_16": (16, RATE_HZ),
}


def periodogram(signal: Any, window: Window) -> tuple[Floats, Floats]:
    """SciPy's frequencies and powers, over the power from one cycle a window on."""
    frequency, density = signal.periodogram(window.v, RATE_HZ, nfft=PADDED, detrend="constant")
    density[-1] *= 2  # all others stand for two sides
    return frequency, density / density[CYCLE:].sum()


def dominant(signal: Any, window: Window) -> int:
    return CYCLE + int(periodogram(signal, window)[1][CYCLE:].argmax())


def share_near(signal: Any, window: Window, place: int) -> float:
    """The power of a bin and of those on either side."""
    return periodogram(signal, window)[1][max(CYCLE, place - 1) : place + 2].sum()


def second_peak(signal: Any, window: Window) -> int | None:
    """The highest peak two cycles a window or more from the highest bin."""
    share = periodogram(signal, window)[1]
    peaks = signal.find_peaks(np.append(share, 0))[0]  # the last bin may be one
    peaks = peaks[peaks >= CYCLE]
    peaks = peaks[np.abs(peaks - dominant(signal, window)) >= 2 * CYCLE]
    return peaks[share[peaks].argmax()] if len(peaks) else None


def share_between(signal: Any, window: Window, low_hz: float, high_hz: float) -> float:
    frequency, share = periodogram(signal, window)
    return share[CYCLE:][(frequency[CYCLE:] >= low_hz) & (frequency[CYCLE:] < high_hz)].sum()


def has_last(window: Window) -> bool:
    """Whether the bin at half the rate, which skdh leaves out, matters."""
    return bool(window.power[-1] > 0.001 * window.power.sum())


def second_frequency(signal: Any, window: Window) -> float:
    place = second_peak(signal, window)
    return np.nan if place is None else periodogram(signal, window)[0][place]


def second_share(signal: Any, window: Window) -> float:
    place = second_peak(signal, window)
    return 0.0 if place is None else share_near(signal, window, place)


SPECTRUM = (
    Row(
        "dominant_frequency",
        SKDH,
        lambda m, w: None if has_last(w) else m.DominantFrequency(**WHOLE).compute(w.away, RATE_HZ),
        note=f"the mean is left in: it is given the window without; {NO_LAST}",
    ),
    Row(
        "dominant_frequency",
        SCIPY_SIGNAL,
        lambda m, w: periodogram(m, w)[0][dominant(m, w)],
    ),
    Row(
        "dominant_share",
        SCIPY_SIGNAL,
        lambda m, w: share_near(m, w, dominant(m, w)),
        2e-5,
    ),
    Row("second_frequency", SCIPY_SIGNAL, second_frequency),
    Row("second_share", SCIPY_SIGNAL, second_share, 1e-4),
    Row(
        "spectral_entropy",
        SKDH,
        lambda m, w: None if has_last(w) else m.SpectralEntropy(**WHOLE).compute(w.away, RATE_HZ),
        2e-3,
        NO_LAST,
    ),
    Row(
        "spectral_entropy",
        SCIPY_STATS,
        lambda m, w: m.entropy(w.power) / log(PADDED / 2 + 1 - CYCLE),
        1e-4,
        "in nats",
    ),
    Row(
        "spectral_entropy",
        TSFEL,
        lambda m, w: m.spectral_entropy(w.limited, RATE_HZ),
        2e-3,
        "over the logarithm of the number of all bins that are not 0",
    ),
    Row(
        "spectral_centroid",
        TSFEL,
        lambda m, w: m.spectral_centroid(w.squared, RATE_HZ),
        2e-5,
        "weighs with |DFT|, not with the power",
    ),
    Row(
        "spectral_spread",
        TSFEL,
        lambda m, w: m.spectral_spread(w.squared, RATE_HZ),
        2e-5,
        "weighs with |DFT|, not with the power",
    ),
    Row(
        "spectral_edge",
        TSFEL,
        lambda m, w: (
            None
            if np.abs(np.cumsum(w.power) / w.power.sum() - 0.95).min() < 1e-6
            else m.spectral_roll_off(w.squared, RATE_HZ)
        ),
        note="sums |DFT|, not the power; rounding may decide where a bin ends at 95 %",
    ),
    Row(
        "spectral_flatness",
        SCIPY_STATS,
        lambda m, w: m.gmean(w.power[CYCLE:]) / w.power[CYCLE:].mean(),
        1e-4,
    ),
    Row(
        "spectral_flatness",
        SKDH,
        lambda m, w: 10 ** (m.SpectralFlatness(**WHOLE).compute(w.away, RATE_HZ) / 10),
        5e-2,
        f"in decibel; {NO_LAST}",
    ),
    Row(
        "spectral_arc_length",
        SKDH,
        lambda m, w: m.SPARC(padlevel=1, fc=10.0, amplitude_threshold=0.05).compute(
            w.away, RATE_HZ
        ),
        1e-4,
        "pads by an argument, and the mean is left in: it is given the window without",
    ),
    *(
        Row(
            name,
            SCIPY_SIGNAL,
            lambda m, w, low=low, high=high: share_between(m, w, low, high),
            1e-4,
        )
        for name, (low, high) in BANDS.items()
    ),
    *(
        Row(
            name,
            SKDH,
            lambda m, w, low=low, high=high: (
                None
                if has_last(w)
                else m.RangePowerSum(
                    padlevel=0, low_cutoff=low, high_cutoff=high, normalize=True
                ).compute(w.limited, RATE_HZ)
            ),
            2e-3,
            f"its whole range holds 0 Hz; {NO_LAST}",
        )
        for name, (low, high) in BANDS.items()
        if name != "power_above_16"  # too much of it is the bin at half the rate
    ),
)


def best_lag(signal: Any, window: Window) -> int | None:
    """The highest peak after the autocorrelation first falls below 0."""
    r = window.correlation
    peaks = signal.find_peaks(r)[0]
    negative = np.flatnonzero(r < 0)
    peaks = peaks[peaks > negative[0]] if len(negative) else peaks[:0]
    peaks = peaks[r[peaks] > 0]
    return peaks[r[peaks].argmax()] if len(peaks) else None


def period(signal: Any, window: Window) -> float:
    lag = best_lag(signal, window)
    return np.nan if lag is None else lag / RATE_HZ


def periodicity(signal: Any, window: Window) -> float:
    lag = best_lag(signal, window)
    return 0.0 if lag is None else window.correlation[lag]


def periodicity_of_tsfresh(tsfresh: Any, window: Window) -> float:
    from scipy import signal

    lag = best_lag(signal, window)
    return 0.0 if lag is None else tsfresh.autocorrelation(window.v, lag) * (N - lag) / N


def prominence(signal: Any, window: Window) -> float:
    lag = best_lag(signal, window)
    return 0.0 if lag is None else signal.peak_prominences(window.correlation, [lag])[0][0]


PERIODICITY = (
    Row("period", SCIPY_SIGNAL, period),
    Row("periodicity", SCIPY_SIGNAL, periodicity, 1e-4),
    Row(
        "periodicity",
        TSFRESH,
        periodicity_of_tsfresh,
        1e-4,
        "divides by the number of products; at a lag, which SciPy finds",
    ),
    Row("period_prominence", SCIPY_SIGNAL, prominence, 1e-4),
)

ROWS = (*SPECTRUM, *PERIODICITY)
