"""What the loop has brought: how often people were right to correct, before they had and after.

Every correction, a confirmation too, tells what a recogniser should have said. It is held against
what was found in its recording before it was made, so that no recogniser is tested by a set that it
has learned from: a test in time order, with each set first a test and only then a lesson [1]_.

References
----------
.. [1] A. P. Dawid (1984), "Present position and potential developments: some personal views:
   statistical theory: the prequential approach", Journal of the Royal Statistical Society A 147
   (2), 278-292.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab, check_lab
from workoutlab.recognition.evaluation.report import render_document, render_list, render_table
from workoutlab.recognition.evaluation.results import plain
from workoutlab.schema import RESTING, UNKNOWN
from workoutlab.store.labels import read_corrections

__all__ = ["LoopReport", "loop_report"]

_OVERLAP: Final = 0.5
_NOTHING: Final = "nothing"
_RECORDS: Final = (
    *("user", "set", "recording", "run", "learned", "truth", "said", "right", "unknown"),
    *("boundary_s", "repetitions"),
)
_SUMS: Final = {"sets": "sets", "wrong_percent": "wrong %", "unknown_percent": "unknown %",
                "boundary_s": "boundaries, s", "repetitions": "repetitions"}  # fmt: skip


@dataclass(frozen=True)
class LoopReport:
    """What was said of sets before they were corrected or confirmed.

    Parameters
    ----------
    url, snapshot
        The lab.
    records
        One row a correction that counts and run that came before it: ``user``, ``set`` (its
        number), ``recording``, ``run``, ``learned`` (corrections of the person that had been made
        when it ran), ``truth`` and ``said`` (``"nothing"``: no set there), ``right``, ``unknown``
        (an exercise was called unknown), ``boundary_s`` (mean distance of both ends, in s) and
        ``repetitions`` (how many too many or too few); NaN where there is none.
    simulated
        Whether some of it is simulated.
    """

    url: str
    snapshot: str
    records: pd.DataFrame
    simulated: bool

    @property
    def table(self) -> pd.DataFrame:
        """Before and after, a row a person and one of all, on the same sets.

        Of sets that were gone through both before the person had corrected anything and after:
        ``sets``, how many; then ``wrong_percent``, ``unknown_percent``, ``boundary_s`` and
        ``repetitions`` (mean distances), each ``_before`` and ``_after``.
        """
        first = self.records[self.records["learned"] == 0].groupby("set").last()
        last = self.records[self.records["learned"] > 0].groupby("set").last()
        both = first.add_suffix("_before").join(last.add_suffix("_after"), how="inner")
        rows = {str(user): _sum_up(part) for user, part in both.groupby("user_before")}
        return pd.DataFrame({**rows, "all": _sum_up(both)}).T

    @property
    def curve(self) -> pd.DataFrame:
        """Error against what had been learned: each set by the last run before its correction.

        One row a number of corrections made before (``learned``): ``sets``, ``wrong_percent`` and
        ``unknown_percent``. Other sets stand behind each number.
        """
        last = self.records.groupby("set").last()
        grouped = last.groupby("learned")
        return pd.DataFrame(
            {
                "sets": grouped.size(),
                "wrong_percent": 100 * (1 - grouped["right"].mean()),
                "unknown_percent": 100 * grouped["unknown"].mean(),
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds."""
        return {
            "lab": self.url,
            "snapshot": self.snapshot,
            "simulated": self.simulated,
            "table": plain(self.table.rename_axis("user").reset_index().to_dict("records")),
            "curve": plain(self.curve.reset_index().to_dict("records")),
            "records": plain(self.records.to_dict("records")),
        }

    def to_json(self) -> str:
        """Return :meth:`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1)

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        path = Path(path)
        title = "What corrections have brought"
        sections = [f"<h1>{title}</h1>", self._repr_html_()]
        path.write_text(render_document(title, sections), encoding="utf-8")
        return path

    def __str__(self) -> str:
        lines = ["*** SIMULATED DATA ***"] if self.simulated else []
        table = self.table
        if not len(self.records):
            told = "nothing was corrected"
        elif not table["sets"]["all"]:
            told = (
                f"{self.records['set'].nunique()} sets were found and then corrected or confirmed; "
                "nothing to compare yet: adapt, recognise again, and correct or confirm more of "
                "the same person's sets"
            )
        else:
            told = table.round(1).to_string()
        return "\n".join([*lines, told, "", *self._remarks()])

    def _repr_html_(self) -> str:
        heads, rows = ["person", "sets"], []
        table = self.table
        for name, head in list(_SUMS.items())[1:]:
            heads += [f"{head} before", f"{head} after"]
            assert {f"{name}_before", f"{name}_after"} <= {*table.columns}
        for user, row in table.iterrows():
            figures = [f"{row[name]:.1f}" for name in table.columns if name != "sets"]
            rows.append([str(user), f"{row['sets']:.0f}", *figures])
        banner = "<p><strong>SIMULATED DATA</strong></p>" if self.simulated else ""
        curve = [[str(at), *(f"{v:.1f}" for v in row)] for at, row in self.curve.iterrows()]
        return (
            f"{banner}<h2>Before and after, on the same sets</h2>{render_table(heads, rows)}"
            "<h2>In the order of time</h2>"
            + render_table(["corrections before", "sets", "wrong %", "unknown %"], curve)
            + render_list(self._remarks())
            + f"<p>Lab {escape(self.url)} at snapshot {escape(self.snapshot)}</p>"
        )

    def _remarks(self) -> list[str]:
        return [
            "Each set is held against what was found before it was corrected or confirmed, so that "
            "no recogniser has learned from it.",
            "Of sets that somebody looked at: who corrects errors alone makes recognition look "
            "worse than it is, and who confirms sets too does not.",
            f"A found set is the one meant where they overlap by {_OVERLAP:.0%} of both together; "
            "one that is called unknown is wrong.",
        ]


def _sum_up(both: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {"sets": len(both)}
    for when in ("before", "after"):
        right = both[f"right_{when}"].astype(float)
        unknown = both[f"unknown_{when}"].astype(float)
        found[f"wrong_percent_{when}"] = 100 * (1 - right.mean())
        found[f"unknown_percent_{when}"] = 100 * unknown.mean()
        found[f"boundary_s_{when}"] = both[f"boundary_s_{when}"].mean()
        found[f"repetitions_{when}"] = both[f"repetitions_{when}"].abs().mean()
    order = [name for each in list(_SUMS)[1:] for name in (f"{each}_before", f"{each}_after")]
    return {name: found[name] for name in ("sets", *order)}


def loop_report(
    lab: Lab, name: str | None = None, users: str | Iterable[str] | None = None
) -> LoopReport:
    """Tell how right recognition was before people corrected anything, and after.

    Parameters
    ----------
    lab
        The lab, at its snapshot.
    name
        Of the recogniser; of one alone by default.
    users
        Whose corrections; everybody's by default.

    Returns
    -------
    LoopReport
        Tables and a page; empty where nothing was corrected.

    Raises
    ------
    InputError
        If several recognisers found sets and none is named.
    NotInLabError
        If there is none of that name.

    Examples
    --------
    >>> len(loop_report(Lab("memory://loop-report-example")).records)
    0
    """
    wanted = None if users is None else [users] if isinstance(users, str) else list(users)
    found = check_lab(lab).found(name, wanted, history=True)
    names = found["recogniser"].unique()
    if len(names) > 1:
        raise InputError(f"name: several recognisers found sets ({', '.join(names)}); name one")
    made = read_corrections(lab.root())
    if wanted is not None:
        made = made[made["user"].isin(wanted)]
    runs = lab.runs(name)
    rows = []
    counted = made[made["counts"].astype(bool)]
    for number, correction in counted.iterrows():
        theirs = made[made["user"] == correction["user"]]
        before = runs[
            (runs["recording"] == correction["recording"])
            & (runs["made_ns"] < _first_word(made, int(str(number))))
        ]
        for run, facts in before.iterrows():
            said = found[found["run"] == run]
            learned = int((theirs["made_ns"] < facts["made_ns"]).sum())
            rows.append(
                {
                    "user": correction["user"],
                    "set": number,
                    "recording": correction["recording"],
                    "run": run,
                    "learned": learned,
                    **_compare(correction, said),
                }
            )
    records = pd.DataFrame(rows, columns=list(_RECORDS)).sort_values(["set", "run"])
    simulated = bool(found["simulated"].any())
    return LoopReport(lab.url, lab.snapshot, records.reset_index(drop=True), simulated)


def _first_word(made: pd.DataFrame, number: int) -> int:
    """Return when a set was first corrected: what ran later may have learned from it."""
    when = int(made["made_ns"][number])
    for earlier in made["replaces"][number]:
        if earlier in made.index:
            when = min(when, _first_word(made, earlier))
        else:
            return 0  # a file's label: it was known from the beginning
    return when


def _compare(correction: "pd.Series[Any]", found: pd.DataFrame) -> dict[str, Any]:
    """Hold a corrected set against the found ones of a run."""
    start, stop = correction["start"], correction["stop"]
    shared = found["stop"].clip(upper=stop) - found["start"].clip(lower=start)
    union = found["stop"].clip(lower=stop) - found["start"].clip(upper=start)
    overlap = (shared / union).to_numpy(float)
    truth = str(correction["exercise"])
    resting = truth in RESTING
    best = int(overlap.argmax()) if len(overlap) else -1
    nothing = best < 0 or overlap[best] < _OVERLAP
    told = {"truth": truth, "boundary_s": np.nan, "repetitions": np.nan, "unknown": False}
    if nothing:
        return {**told, "said": _NOTHING, "right": resting}
    one = found.iloc[best]
    told["said"] = str(one["exercise"])
    told["unknown"] = told["said"] == UNKNOWN
    if not resting:
        ends = [abs(one[name] - correction[name]) for name in ("start_s", "stop_s")]
        told["boundary_s"] = float(np.mean(ends))
        if not pd.isna(correction["repetitions"]) and one["repetitions_guess"] is not pd.NA:
            told["repetitions"] = float(one["repetitions_guess"] - correction["repetitions"])
    return {**told, "right": told["said"] == truth}
