"""Where the recordings of training and test come from: a lab, a list, or composed sessions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from workoutlab.errors import InputError
from workoutlab.lab import Lab
from workoutlab.recognition.evaluation.composition import Composition
from workoutlab.recording import Recording

if TYPE_CHECKING:
    from workoutlab.recognition.evaluation.splits import Protocol as Rules

__all__ = ["Material", "hold", "take_whole"]

_COLUMNS = ("digest", "user", "session", "simulated", "start_ns", "stop_ns")


class Material(Protocol):
    """Recordings that can be dealt to two sides."""

    def table(self) -> pd.DataFrame:
        """Return one row a recording, as :func:`workoutlab.recognition.split` takes them."""

    def take(
        self, train: Sequence[int], test: Sequence[int], number: int
    ) -> tuple[list[Recording], list[Recording]]:
        """Return the recordings of both sides of a fold, from rows of the table."""

    def describe(self) -> str:
        """Say in a sentence what they are, where that is not plain."""


@dataclass(frozen=True, eq=False)
class _Listed:
    recordings: Sequence[Recording]

    def table(self) -> pd.DataFrame:
        rows = [
            {
                "digest": one.digest,
                "user": one.user,
                "session": one.session,
                "simulated": one.simulated,
                "start_ns": one.start_ns,
                "stop_ns": _stop_ns(one.start_ns, one.duration_s),
                "start": 0,
                "stop": len(one),
                "sets": len(one.sets),
            }
            for one in self.recordings
        ]
        table = pd.DataFrame(rows, columns=[*_COLUMNS, "start", "stop", "sets"])
        return _finish(table.assign(recording=range(len(rows))))

    def take(
        self,
        train: Sequence[int],
        test: Sequence[int],
        number: int,  # noqa: ARG002  the same in every fold
    ) -> tuple[list[Recording], list[Recording]]:
        return [self.recordings[row] for row in train], [self.recordings[row] for row in test]

    def describe(self) -> str:
        return ""


@dataclass(frozen=True, eq=False)
class _Kept:
    lab: Lab

    def table(self) -> pd.DataFrame:
        held = self.lab.table("recordings")
        sets = self.lab.table("sets", ["recording"])["recording"].value_counts()
        held = held[held["samples"] > 0]
        stops = [
            _stop_ns(start, length)
            for start, length in zip(held["start_ns"], held["duration_s"], strict=True)
        ]
        counts = sets.reindex(held.index, fill_value=0)
        table = held.assign(
            recording=held.index,
            stop_ns=pd.Series(stops, held.index),
            start=0,
            stop=held["samples"],
        )
        return _finish(table.assign(sets=counts))

    def take(
        self,
        train: Sequence[int],
        test: Sequence[int],
        number: int,  # noqa: ARG002  the same in every fold
    ) -> tuple[list[Recording], list[Recording]]:
        rows = self.table()["recording"].to_numpy()
        return tuple(  # type: ignore[return-value]
            [self.lab.recording(int(row)) for row in rows[list(side)]] for side in (train, test)
        )

    def describe(self) -> str:
        return ""


def hold(source: Lab | Composition | Iterable[Recording]) -> Material:
    """Return what `source` holds as something that can be dealt to two sides.

    Raises
    ------
    InputError
        If it is neither a lab, nor recordings, nor a composition.
    """
    if isinstance(source, Composition):
        return source
    if isinstance(source, Lab):
        return _Kept(source)
    if isinstance(source, Iterable):
        recordings = tuple(source)
        if all(isinstance(one, Recording) for one in recordings):
            return _Listed(recordings)
    raise InputError(f"expected a Lab, a Composition or recordings, got {source!r}")


def take_whole(material: Material, rules: "Rules") -> None:
    """Refuse a protocol that would part recordings.

    Raises
    ------
    InputError
        If whole recordings are to be dealt out by set.
    """
    if rules.by == "set" and not isinstance(material, Composition):
        raise InputError(
            "sets are looked for in whole recordings, which cannot be parted by set; leave out "
            "sessions or people, or compose sessions of single sets: Composition.of(recordings)"
        )


def _finish(table: pd.DataFrame) -> pd.DataFrame:
    times = {name: table[name].astype("Int64") for name in ("start_ns", "stop_ns")}
    return table.assign(exercise="", **times).reset_index(drop=True)


def _stop_ns(start_ns: int | None, duration_s: float) -> int | None:
    return None if start_ns is None or pd.isna(start_ns) else int(start_ns + duration_s * 1e9)
