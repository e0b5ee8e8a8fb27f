"""What an evaluation of sets found: figures that print, serialize and make a report."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from workoutlab.recognition.evaluation import setreport
from workoutlab.recognition.evaluation.eventcounts import MISSED, NOTHING, EventCounts
from workoutlab.recognition.evaluation.metrics import Confusion, Spread
from workoutlab.recognition.evaluation.results import NotScored, Source, plain
from workoutlab.recognition.evaluation.splits import Protocol
from workoutlab.schema import UNKNOWN

__all__ = ["SetEvaluation", "SetScore"]

_LAST: Final = (UNKNOWN, "", MISSED, NOTHING)
"""Names that are no exercise; they come last in tables."""


@dataclass(frozen=True)
class SetScore:
    """What became of the sets of one recording.

    Parameters
    ----------
    fold
        Name of the split in which it was tested.
    user, session, source
        Whose it is, of which session, and from which file.
    simulated
        Whether the simulator made it.
    train_sets
        Number of sets that the recogniser was fitted to.
    counts
        Found sets against true ones.
    variants
        The same with other ways of decoding.
    unseen
        Its exercises that the training side did not hold.
    """

    fold: str
    user: str
    session: str
    source: str
    simulated: bool
    train_sets: int
    counts: EventCounts
    variants: Mapping[str, EventCounts] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetEvaluation:
    """Figures of sets in continuous sessions, as :func:`workoutlab.evaluate_sets` returns them.

    Parameters
    ----------
    protocol
        How training and test were kept apart.
    recipe
        Settings of the recogniser, as plain values.
    source
        What was evaluated.
    scores
        What became of the sets of each recording, fold by fold.
    note
        What the recordings are, where that is not plain.
    not_scored
        What no figure speaks for, and why.
    """

    protocol: Protocol
    recipe: Mapping[str, Any]
    source: Source
    scores: tuple[SetScore, ...]
    note: str = ""
    not_scored: tuple[NotScored, ...] = ()

    @cached_property
    def counts(self) -> EventCounts:
        """Of all recordings together."""
        return sum((score.counts for score in self.scores), EventCounts())

    @cached_property
    def variants(self) -> dict[str, EventCounts]:
        """Of all recordings together, with other ways of decoding."""
        names = self.scores[0].variants if self.scores else ()
        return {
            name: sum((score.variants[name] for score in self.scores), EventCounts())
            for name in names
        }

    @property
    def unseen(self) -> tuple[str, ...]:
        """Exercises that some fold tested without having seen them in training."""
        return tuple(sorted({name for score in self.scores for name in score.unseen}))

    @property
    def title(self) -> str:
        """What was evaluated, in a line."""
        return f"Sets in continuous sessions, by {self.recipe.get('name', 'a recogniser')}"

    def spread(self, figure: Callable[[EventCounts], float]) -> Spread:
        """Return mean and standard deviation of a figure over the folds.

        Examples
        --------
        >>> from workoutlab.recognition.evaluation.events import Event, match_events
        >>> score = SetScore("mon", "ann", "mon", "", False, 9, match_events([Event(0, 9)], []))
        >>> source = Source("", "", {}, 1, 1, 1, 1, 0, 0, "0")
        >>> found = SetEvaluation(Protocol("session"), {}, source, (score,))
        >>> print(found.spread(lambda counts: counts.recall(0.5)))
        0.0
        """
        return Spread.of(figure(counts) for counts in self._pool("fold").values())

    @cached_property
    def naming(self) -> pd.DataFrame:
        """How true sets were named: one row for exercises seen in training, one for unseen ones.

        Columns: sets, matched, right, wrong, unknown and missed are numbers of sets;
        ``error_percent`` is wrong and unknown over matched. For unseen exercises ``"unknown"`` is
        the right answer, so that the error is the share that was given a name.
        """
        kinds: dict[str, Counter[str]] = {"seen": Counter(), "unseen": Counter()}
        for score in self.scores:
            for (true, came), n in score.counts.confusion.items():
                if true not in (NOTHING, ""):
                    kind = "unseen" if true in score.unseen else "seen"
                    kinds[kind][_judge(true, came)] += n
        rows = [_sum_names(kind, counter) for kind, counter in kinds.items() if counter.total()]
        return pd.DataFrame(rows, columns=list(_sum_names("", Counter())))

    @property
    def confusion(self) -> Confusion:
        """True names by found names, of all recordings together."""
        pairs = self.counts.confusion
        names = {name for pair in pairs for name in pair}
        classes = (*sorted(names - {*_LAST}), *(name for name in _LAST if name in names))
        places = {name: place for place, name in enumerate(classes)}
        table = np.zeros((len(classes), len(classes)), np.int64)
        for (true, came), n in pairs.items():
            table[places[true], places[came]] = n
        shown = tuple(name or "(unnamed)" for name in classes)
        return Confusion(shown, table)

    @property
    def per_fold(self) -> pd.DataFrame:
        """Main figures of each fold."""
        return self._frame("fold")

    @property
    def per_session(self) -> pd.DataFrame:
        """Main figures of each session."""
        return self._frame("user", "session")

    @property
    def per_person(self) -> pd.DataFrame:
        """Main figures of each person."""
        return self._frame("user")

    @property
    def per_recording(self) -> pd.DataFrame:
        """Main figures of each recording, with its file."""
        return self._frame("fold", "user", "session", "source")

    def _pool(self, *names: str) -> dict[tuple[str, ...], EventCounts]:
        pooled: dict[tuple[str, ...], EventCounts] = {}
        for score in self.scores:
            key = tuple(str(getattr(score, name)) for name in names)
            pooled[key] = pooled.get(key, EventCounts()) + score.counts
        return pooled

    def _frame(self, *names: str) -> pd.DataFrame:
        rows = [
            {**dict(zip(names, key, strict=True)), **list_figures(counts)}
            for key, counts in self._pool(*names).items()
        ]
        return pd.DataFrame(rows)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON holds; figures without a value are None."""
        return {
            "title": self.title,
            "label": self.source.label,
            "task": "segment",
            "protocol": {"text": str(self.protocol), **plain(self.protocol)},
            "recipe": plain(self.recipe),
            "source": plain(self.source),
            "note": self.note,
            "all": plain(self.counts.as_dict()),
            "variants": {name: plain(each.as_dict()) for name, each in self.variants.items()},
            "spread": {name: plain(self.spread(of)) for name, of in FIGURES.items()},
            "naming": plain(self.naming.to_dict("records")),
            "folds": plain(self.per_fold.to_dict("records")),
            "sessions": plain(self.per_session.to_dict("records")),
            "people": plain(self.per_person.to_dict("records")),
            "recordings": plain(self.per_recording.to_dict("records")),
            "not_scored": plain(self.not_scored),
            "unseen": list(self.unseen),
        }

    def to_json(self) -> str:
        """Return :meth:`as_dict` as JSON text."""
        return json.dumps(self.as_dict(), allow_nan=False, indent=1)

    def save_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML file and return its path."""
        path = Path(path)
        path.write_text(setreport.render_page(self), encoding="utf-8")
        return path

    def __str__(self) -> str:
        return setreport.write_text(self)

    def _repr_html_(self) -> str:
        return setreport.render_summary(self)


FIGURES: Final[Mapping[str, Callable[[EventCounts], float]]] = {
    "f1": lambda counts: counts.f1(0.5),
    "named_f1": lambda counts: counts.f1(0.5, named=True),
    "precision": lambda counts: counts.precision(0.5),
    "recall": lambda counts: counts.recall(0.5),
    "edge_error_s": lambda counts: counts.describe_edges()["both"]["absolute"],
    "edges_within_1s": lambda counts: counts.describe_edges()["both"]["within_1s"],
    "exercise_error_percent": lambda counts: counts.exercise_error_percent,
    "abstained_percent": lambda counts: counts.abstained_percent,
    "repetition_error": lambda counts: counts.describe_repetitions()["mean_absolute"],
    "repetitions_within_1": lambda counts: counts.describe_repetitions()["within_1"],
    "time_error_percent": lambda counts: counts.time_error_percent,
}
"""The main figures of a fold, session, person or recording; matches at an overlap of 0.5."""


def list_figures(counts: EventCounts) -> dict[str, float]:
    """Return the main figures with the numbers of sets that they are of."""
    return {
        "truth": counts.truth,
        "found": counts.found,
        **{name: of(counts) for name, of in FIGURES.items()},
        **{name: counts.outcomes[name] for name in ("deleted", "fragmented", "merged")},
        "inserted": counts.found_outcomes["inserted"],
    }


def _judge(true: str, came: str) -> str:
    if came == MISSED:
        return "missed"
    if came == UNKNOWN:
        return "unknown"
    return "right" if true == came else "wrong"


def _sum_names(kind: str, counter: "Counter[str]") -> dict[str, Any]:
    matched = counter.total() - counter["missed"]
    wrong = counter["wrong"] + (counter["unknown"] if kind == "seen" else 0)
    return {
        "exercises": kind,
        "sets": counter.total(),
        "matched": matched,
        **{name: counter[name] for name in ("right", "wrong", "unknown", "missed")},
        "error_percent": 100 * wrong / matched if matched else float("nan"),
    }
