"""Models side by side: whose kind, score and settings differ, and which score is the better."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

    from workoutlab.recognition.keeping.models import Models

__all__ = ["Verdict", "compare_models", "compare_scores"]

_SAME: Final = ("criterion", "validation", "windows", "sets", "recordings")
"""What two scores must have in common, besides the plan."""
_SHOWN: Final = ("kind", "score", "criterion", "classes", "windows", "sets", "snapshot")
_HIGHER_IS_BETTER: Final = ("muvr",)


@dataclass(frozen=True)
class Verdict:
    """How two scores compare.

    Parameters
    ----------
    better
        ``"this"``, ``"other"`` or ``"equal"``; empty where they cannot be compared.
    reason
        Why they cannot; empty where they can.
    other
        The other score.
    """

    better: str
    reason: str
    other: float


def compare_scores(this: Mapping[str, Any], other: Mapping[str, Any]) -> Verdict:
    """Compare the scores of two networks, if they say the same thing.

    Parameters
    ----------
    this, other
        Columns of their rows, with the text of their settings.

    Examples
    --------
    >>> row = {"score": 0.1, "criterion": "error", "validation": "3 folds by set", "settings": "{}"}
    >>> row.update(windows=60, sets=9, recordings=1)
    >>> compare_scores(row, {**row, "score": 0.2}).better
    'this'
    >>> compare_scores(row, {**row, "criterion": "loss"}).reason
    "criterion is 'error' here, 'loss' there"
    """
    scores = float(this["score"]), float(other["score"])
    reason = "; ".join(_list_obstacles(this, other, scores))
    if reason:
        return Verdict("", reason, scores[1])
    if scores[0] == scores[1]:
        return Verdict("equal", "", scores[1])
    higher = scores[0] > scores[1]
    better = "this" if higher == (this["criterion"] in _HIGHER_IS_BETTER) else "other"
    return Verdict(better, "", scores[1])


def _list_obstacles(
    this: Mapping[str, Any], other: Mapping[str, Any], scores: tuple[float, float]
) -> Iterator[str]:
    if math.isnan(scores[0]) or math.isnan(scores[1]):
        which = "this one" if math.isnan(scores[0]) else "the other"
        yield f"{which} has no score: train with a search, or choose"
        return
    for name in _SAME:
        if this[name] != other[name]:
            yield f"{name} is {this[name]!r} here, {other[name]!r} there"
    plans = [json.loads(row["settings"]).get("windows") for row in (this, other)]
    yield from list_differences({"plan": plans[0]}, {"plan": plans[1]})


def list_differences(this: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return what differs between two settings, by dotted name.

    Examples
    --------
    >>> list_differences({"recipe": {"epochs": 10}}, {"recipe": {"epochs": 20}})
    ['recipe.epochs is 10 here, 20 there']
    """
    first, second = dict(_flatten(this)), dict(_flatten(other))
    return [
        f"{name} is {first.get(name)!r} here, {second.get(name)!r} there"
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _flatten(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def compare_models(this: "Models", other: "Models") -> "pd.DataFrame":
    """Put models side by side; see :meth:`~workoutlab.Models.compare`."""
    import pandas as pd

    mine, others = _by_user(this), _by_user(other)
    users = sorted({*mine, *others})
    rows = [_compare(mine.get(user), others.get(user)) for user in users]
    return pd.DataFrame(rows, index=pd.Index(users, name="user"), columns=_columns())


def _columns() -> list[str]:
    both = [column for name in _SHOWN for column in (name, f"{name}_other")]
    return [*both, "better", "not_comparable", "differences"]


def _by_user(models: "Models") -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    settings: dict[int, str] = {}
    for row in models.table.to_dict("records"):
        number = int(row["settings"])
        if number not in settings:
            settings[number] = models.settings_text(number)
        facts = {str(name): value for name, value in row.items()}
        rows[facts["user"]] = {**facts, "settings": settings[number]}
    return rows


def _compare(this: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _SHOWN:
        found[name], found[f"{name}_other"] = _show(this, name), _show(other, name)
    if this is None or other is None:
        return {**found, "better": "", "not_comparable": "only one of them has a network"}
    verdict = compare_scores(this, other)
    settings = [{**json.loads(row["settings"]), "chosen": _chosen(row)} for row in (this, other)]
    differences = "; ".join(list_differences(*settings))
    return {
        **found,
        "better": verdict.better,
        "not_comparable": verdict.reason,
        "differences": differences,
    }


def _show(row: Mapping[str, Any] | None, name: str) -> Any:
    if row is None:
        return None
    return len(json.loads(row["classes"] or "[]")) if name == "classes" else row[name]


def _chosen(row: Mapping[str, Any]) -> dict[str, Any]:
    chosen: dict[str, Any] = json.loads(row["chosen"] or "{}")
    return chosen
