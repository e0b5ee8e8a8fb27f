"""The clock of a recording: from seconds to samples and back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workoutlab.lab import Lab
from workoutlab.recording import Recording
from workoutlab.schema import RECORDINGS
from workoutlab.store import tables

__all__ = ["Clock"]

Integers = npt.NDArray[np.int64]
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Clock:
    """When the samples of a recording were taken.

    Parameters
    ----------
    samples
        Number of samples.
    rate_hz
        Of the samples; NaN where it is not regular and there is but one.
    seconds
        Shape (sample,), from the first sample, where the rate is not regular; where times step
        back, a sample counts from the latest before it on.

    Examples
    --------
    >>> clock = Clock(100, 50.0)
    >>> clock.samples_at([0.5, 1.5]).tolist(), clock.second_of(75)
    ([25, 75], 1.5)
    """

    samples: int
    rate_hz: float
    seconds: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(cls, recording: Recording) -> "Clock":
        """Return the clock of a recording in memory."""
        seconds = None if recording.regular else recording.seconds
        return cls(len(recording), recording.median_rate_hz, seconds)

    @classmethod
    def read(cls, lab: Lab, row: int) -> "Clock":
        """Return the clock of a recording of a lab; its samples are not read.

        Raises
        ------
        NotInLabError
            If there is no such recording.
        """
        lab.read(row, stop=0)  # refuses rows that are none
        columns = ["samples", "rate_hz", "regular"]
        facts = tables.read(lab.root(), RECORDINGS, columns, start=row, stop=row + 1).iloc[0]
        samples, rate_hz = int(facts["samples"]), float(facts["rate_hz"])
        if facts["regular"]:
            return cls(samples, rate_hz)
        time_ns = lab.read(row, "time")
        return cls(samples, rate_hz, np.asarray((time_ns - time_ns[0]) / 1e9, np.float64))

    @property
    def stop_s(self) -> float:
        """Time one past the last sample, in s."""
        return self.second_of(self.samples)

    def samples_at(self, seconds: npt.ArrayLike) -> Integers:
        """Return the first sample at or after each time in s, where irregular; else the nearest."""
        asked = np.asarray(seconds, dtype=np.float64)
        if self.seconds is None:
            found = np.rint(asked * self.rate_hz).astype(np.int64)
        else:
            latest = np.maximum.accumulate(self.seconds)
            found = np.searchsorted(latest, asked - _ROUNDING).astype(np.int64)
        return np.clip(found, 0, self.samples)

    def second_of(self, sample: int) -> float:
        """Return the time of a sample in s, the one past the last included."""
        if self.seconds is None:
            return sample / self.rate_hz
        if sample < self.samples:
            return float(self.seconds[sample])
        step = 1 / self.rate_hz
        return float(self.seconds[-1]) + (step if np.isfinite(step) else 0.0)
