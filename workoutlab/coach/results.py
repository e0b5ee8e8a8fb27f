"""What a run of the intensity pipeline did: a result that prints, and finds its suggestions."""

from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from workoutlab.lab import Lab
from workoutlab.schema import SUGGESTIONS

__all__ = ["SuggestionResult"]

_ERRORS: Final = ("validation_error", "last_error", "mean_error")
_NAMED: Final = 10
"""People whom a printed result names."""


@dataclass(frozen=True)
class SuggestionResult:
    """What a run did.

    Parameters
    ----------
    lab
        The lab, at the snapshot that holds the suggestions.
    now_ns, within_s, reading
        For when, and who was due.
    eligible
        People who were due and chosen.
    by_regression, by_fallback
        For how many of them suggestions were made, and how.
    unchanged
        For how many they were there already, made from the same history, settings and code.
    simulated
        How many of those who have suggestions have simulated sessions.
    left_out
        Who got none since too little is known, and why.
    failed
        Who got none since something went wrong, and what.
    """

    lab: Lab = field(repr=False)
    now_ns: int
    within_s: float
    reading: str
    eligible: int = 0
    by_regression: int = 0
    by_fallback: int = 0
    unchanged: int = 0
    simulated: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nobody failed."""
        return not self.failed

    @property
    def frame(self) -> pd.DataFrame:
        """The suggestions in the lab for this moment, columns as in `workoutlab.schema`."""
        if not self.by_regression + self.by_fallback + self.unchanged:
            return pd.DataFrame(columns=[*SUGGESTIONS.columns])
        frame = self.lab.table("suggestions")
        return frame[frame["made_ns"] == self.now_ns]

    @property
    def errors(self) -> pd.DataFrame:
        """How far the regressions and the baselines were off on held rows, by position.

        Columns people, validation_error, last_error and mean_error: the mean over people of each
        one's RMSE, 0..1. The choice was made by these rows, so that it flatters the regression;
        :func:`workoutlab.coach.backtest` does not.
        """
        rows = self.frame
        by_position = rows[rows["method"] == "regression"].groupby("position")
        return by_position[list(_ERRORS)].mean().assign(people=by_position.size())

    def as_dict(self) -> dict[str, Any]:
        """Return all but the suggestions themselves, as JSON takes it."""
        return {
            "now": _write_moment(self.now_ns),
            "within_s": self.within_s,
            "reading": self.reading,
            "eligible": self.eligible,
            "by_regression": self.by_regression,
            "by_fallback": self.by_fallback,
            "unchanged": self.unchanged,
            "simulated": self.simulated,
            "left_out": dict(self.left_out),
            "failed": dict(self.failed),
            "snapshot": self.lab.snapshot,
        }

    def __str__(self) -> str:
        lines = ["*** SIMULATED DATA ***"] if self.simulated else []
        lines.append(
            f"intensity for {_write_moment(self.now_ns)}, session {self.reading} within "
            f"{self.within_s / 60:g} min: {self.eligible} people eligible, {self.by_regression} by "
            f"regression, {self.by_fallback} by fallback, {self.unchanged} unchanged, "
            f"{len(self.left_out)} left out, {len(self.failed)} failed"
        )
        for what, reasons in (("failed", self.failed), ("left out", self.left_out)):
            named = list(reasons.items())[:_NAMED]
            lines += [f"  {what}: {user}: {why}" for user, why in named]
            if len(reasons) > _NAMED:
                lines.append(f"  and {len(reasons) - _NAMED} more")
        return "\n".join(lines)


def _write_moment(moment_ns: int) -> str:
    return pd.Timestamp(moment_ns, tz="UTC").isoformat().replace("+00:00", "Z")
