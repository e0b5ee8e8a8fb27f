"""Distribution, change and correlation: our features, and the same of peers."""

from math import log, sqrt

import numpy as np

from tests.parity.window import LENGTH, RATE_HZ, SCIPY_STATS, SKDH, TSFEL, TSFRESH, Row

__all__ = ["ROWS"]


def from_adjusted_kurtosis(adjusted: float) -> float:
    """Undo the correction for small samples of pandas and of SciPy's ``bias=False``."""
    n = LENGTH
    return (adjusted * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1)


N, STEPS = LENGTH, LENGTH - 1
PER_S = RATE_HZ / STEPS  # a count of steps, over the time from the first sample to the last
UNBIASED = sqrt((N - 1) / N)  # turns what divides by n - 1 into what divides by n
UNSKEWED = (N - 2) / sqrt(N * (N - 1))

DISTRIBUTION = (
    Row("mean", SKDH, lambda m, w: m.Mean().compute(w.v)),
    Row("mean", TSFEL, lambda m, w: m.calc_mean(w.v)),
    Row("mean", TSFRESH, lambda m, w: m.mean(w.v)),
    Row("sd", SKDH, lambda m, w: m.StdDev().compute(w.v) * UNBIASED, note="divides by n - 1"),
    Row("sd", TSFEL, lambda m, w: m.calc_std(w.v)),
    Row("sd", TSFRESH, lambda m, w: m.standard_deviation(w.v)),
    Row(
        "sd",
        SKDH,
        lambda m, w: m.RMS().compute(w.v) * UNBIASED,
        note="its RMS is that of the window less its mean, divided by n - 1",
    ),
    Row("rms", TSFEL, lambda m, w: m.rms(w.v)),
    Row("rms", TSFRESH, lambda m, w: m.root_mean_square(w.v)),
    Row("energy", TSFEL, lambda m, w: m.abs_energy(w.v)),
    Row("energy", TSFRESH, lambda m, w: m.abs_energy(w.v)),
    Row("skewness", SCIPY_STATS, lambda m, w: m.skew(w.v)),
    Row("skewness", TSFEL, lambda m, w: m.skewness(w.v)),
    Row("skewness", SKDH, lambda m, w: m.Skewness().compute(w.v) * UNSKEWED, note="adjusted"),
    Row("skewness", TSFRESH, lambda m, w: m.skewness(w.v) * UNSKEWED, note="adjusted"),
    Row("kurtosis", SCIPY_STATS, lambda m, w: m.kurtosis(w.v)),
    Row("kurtosis", TSFEL, lambda m, w: m.kurtosis(w.v)),
    Row(
        "kurtosis",
        SKDH,
        lambda m, w: from_adjusted_kurtosis(m.Kurtosis().compute(w.v)),
        note="adjusted",
    ),
    Row(
        "kurtosis",
        TSFRESH,
        lambda m, w: from_adjusted_kurtosis(m.kurtosis(w.v)),
        note="adjusted",
    ),
    Row("min", TSFEL, lambda m, w: m.calc_min(w.v)),
    Row("min", TSFRESH, lambda m, w: m.minimum(w.v)),
    Row("max", TSFEL, lambda m, w: m.calc_max(w.v)),
    Row("max", TSFRESH, lambda m, w: m.maximum(w.v)),
    Row("range", SKDH, lambda m, w: m.Range().compute(w.v)),
    Row("range", TSFEL, lambda m, w: m.pk_pk_distance(w.v)),
    Row("median", TSFEL, lambda m, w: m.calc_median(w.v)),
    Row("median", TSFRESH, lambda m, w: m.median(w.v)),
    Row("lower_quartile", TSFRESH, lambda m, w: m.quantile(w.v, 0.25)),
    Row("upper_quartile", TSFRESH, lambda m, w: m.quantile(w.v, 0.75)),
    Row("mad", SCIPY_STATS, lambda m, w: m.median_abs_deviation(w.v)),
    Row("mad", TSFEL, lambda m, w: m.median_abs_deviation(w.v)),
    Row("mean_absolute", TSFRESH, lambda m, w: m.mean(np.abs(w.v)), note="of |values|"),
    Row("iqr", SCIPY_STATS, lambda m, w: m.iqr(w.v)),
    Row("iqr", SKDH, lambda m, w: m.IQR().compute(w.v)),
    Row("iqr", TSFEL, lambda m, w: m.interq_range(w.v)),
    Row("iqr", TSFRESH, lambda m, w: m.quantile(w.v, 0.75) - m.quantile(w.v, 0.25)),
)

CHANGE = (
    Row(
        "mean_crossing_rate",
        SKDH,
        lambda m, w: m.MeanCrossRate().compute(w.v) * N * PER_S,
        note="a count over the number of samples",
    ),
    Row(
        "mean_crossing_rate",
        TSFRESH,
        lambda m, w: m.number_crossing_m(w.v, w.v.mean()) * PER_S,
        note="a count",
    ),
    Row(
        "zero_crossing_rate",
        TSFRESH,
        lambda m, w: m.number_crossing_m(w.v, 0) * PER_S,
        note="a count",
    ),
    Row(
        "zero_crossing_rate",
        TSFEL,
        lambda m, w: m.zero_cross(np.where(w.v > 0, 1, -1)) * PER_S,
        note="a count, where an exact 0 between two signs counts twice: 0 is passed as negative",
    ),
    Row("jerk", TSFEL, lambda m, w: m.mean_abs_diff(w.v) * RATE_HZ, note="per sample"),
    Row("jerk", TSFRESH, lambda m, w: m.mean_abs_change(w.v) * RATE_HZ, note="per sample"),
    Row(
        "jerk_rms",
        SKDH,
        lambda m, w: sqrt(
            m.JerkMetric().compute(w.v, RATE_HZ) * (720 * np.abs(w.v).max() ** 2 * RATE_HZ) / STEPS
        ),
        note="the sum of squares over 720 max² x the rate",
    ),
    Row(
        "jerk_rms",
        TSFRESH,
        lambda m, w: m.cid_ce(w.v, normalize=False) * RATE_HZ / sqrt(STEPS),
        note="the root of the sum of squares, per sample",
    ),
    Row("slope", SKDH, lambda m, w: m.LinearSlope().compute(w.v, RATE_HZ)),
    Row("slope", TSFEL, lambda m, w: m.slope(w.v) * RATE_HZ, note="per sample"),
    Row(
        "slope",
        TSFRESH,
        lambda m, w: m.linear_trend(w.v, [{"attr": "slope"}])[0][1] * RATE_HZ,
        note="per sample",
    ),
    Row(
        "permutation_entropy",
        SKDH,
        lambda m, w: m.PermutationEntropy(order=3, delay=1, normalize=True).compute(w.v),
    ),
    Row(
        "permutation_entropy",
        TSFRESH,
        lambda m, w: m.permutation_entropy(w.v, tau=1, dimension=3) / log(6),
        note="in nats",
    ),
    Row(
        "log_dimensionless_jerk",
        SKDH,
        lambda m, w: m.DimensionlessJerk(log=True).compute(w.away),
        note="its peak is the largest |value|: it is given the window less its mean",
    ),
)

BETWEEN = tuple(
    Row(
        f"correlation_{'xyz'[one]}{'xyz'[other]}",
        SCIPY_STATS,
        lambda m, w, one=one, other=other: m.pearsonr(w.axes[one], w.axes[other])[0],
    )
    for one, other in ((0, 1), (0, 2), (1, 2))
)

ROWS = (*DISTRIBUTION, *CHANGE, *BETWEEN)
