"""What searches chose for people, summed up."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Final

import numpy as np
import zarr

from workoutlab.store import layout, tables
from workoutlab.store.arrays import find_group
from workoutlab.store.networks import NETWORKS

__all__ = ["Choices", "read_choices"]

_READ: Final = ("user", "chosen", "score", "criterion", "reason")
_SHOWN: Final = 5
_FIGURES: Final = {
    "error": "share of wrong sets",
    "loss": "loss",
    "muvr": "Muvr's criterion, of 8",
}


@dataclass(frozen=True)
class Choices:
    """How often each value was chosen, and how good the best choices were in validation.

    Parameters
    ----------
    counts
        For each setting, how many people each value was chosen for, the most frequent first;
        values as JSON text.
    criterion
        What the score is: ``"error"``, ``"loss"`` or ``"muvr"``.
    median, low, high
        Of the scores of the best choices: the median and the quartiles over people; NaN for none.
    without
        Why nothing was chosen for people, and for how many.

    Examples
    --------
    >>> print(Choices({"rate": {"0.1": 3, "0.01": 1}}, "error", 0.1, 0.05, 0.2, {}))
    best choices in validation: share of wrong sets 0.1 (half of the people 0.05 to 0.2)
      rate: 0.1 for 3, 0.01 for 1
    """

    counts: Mapping[str, Mapping[str, int]]
    criterion: str
    median: float
    low: float
    high: float
    without: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, as JSON takes it; figures without a value are None."""
        figures = {name: getattr(self, name) for name in ("median", "low", "high")}
        known = {name: None if np.isnan(value) else value for name, value in figures.items()}
        return {**asdict(self), **known}

    def _score(self) -> str:
        if np.isnan(self.median):
            return "nobody had anything to choose by"
        return (
            f"{_FIGURES.get(self.criterion, self.criterion)} {self.median:.3g} "
            f"(half of the people {self.low:.3g} to {self.high:.3g})"
        )

    def __str__(self) -> str:
        lines = [f"best choices in validation: {self._score()}"]
        for name, counts in self.counts.items():
            values = [f"{value} for {count}" for value, count in counts.items()]
            more = f" and {len(values) - _SHOWN} more values" if len(values) > _SHOWN else ""
            lines.append(f"  {name}: {', '.join(values[:_SHOWN])}{more}")
        lines += [f"  {count} without a choice: {why}" for why, count in self.without.items()]
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return a table of the settings and how often each value was chosen."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(value)}</td><td>{count}</td></tr>"
            for name, counts in self.counts.items()
            for value, count in counts.items()
        )
        without = "".join(
            f"<p>{count} without a choice: {escape(why)}</p>" for why, count in self.without.items()
        )
        head = "<tr><th>setting</th><th>chosen</th><th>people</th></tr>"
        title = f"<p>Best choices in validation: {escape(self._score())}</p>"
        return f"{title}<table>{head}{rows}</table>{without}"


def read_choices(root: zarr.Group, name: str, users: Sequence[str]) -> Choices:
    """Read what was chosen for people, from the last row of each in a table of models.

    Parameters
    ----------
    root
        Of the lab.
    name
        Of the models.
    users
        Whose.
    """
    home = find_group(root, f"{layout.MODELS}/{name}")
    if home is None or not users:
        return Choices({}, "", np.nan, np.nan, np.nan, {})
    frame = tables.read(home, NETWORKS, list(_READ))
    frame = frame[~frame["user"].duplicated(keep="last")]
    frame = frame[frame["user"].isin(users)]
    counts: dict[str, Counter[str]] = {}
    for text, people in frame["chosen"].value_counts().items():
        for setting, value in json.loads(str(text)).items():
            counts.setdefault(setting, Counter())[json.dumps(value)] += int(people)
    scores = frame["score"].to_numpy(dtype=float)
    known = scores[~np.isnan(scores)]
    low, median, high = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else [np.nan] * 3
    reasons = Counter(str(why) for why in frame["reason"] if why)
    criterion = str(frame["criterion"].iloc[-1]) if len(frame) else ""
    ordered = {setting: dict(each.most_common()) for setting, each in sorted(counts.items())}
    return Choices(
        ordered, criterion, float(median), float(low), float(high), dict(reasons.most_common())
    )
