"""Corrections become labelled sets, from which the next training learns."""

from dataclasses import dataclass
from html import escape
from typing import Final, Unpack

from workoutlab.errors import InputError, LabError
from workoutlab.lab import Lab, check_lab
from workoutlab.recognition.corrections.correction import Correction, Said, read_corrections
from workoutlab.recognition.corrections.drafts import Drafts

__all__ = ["CorrectResult", "correct"]

_TRIES: Final = 5


@dataclass(frozen=True)
class CorrectResult:
    """What corrections became.

    Parameters
    ----------
    sets
        Numbers of the labelled sets that they became, in the order that they came.
    replaced
        Numbers of the sets that no longer count.
    users
        Whose next training takes them.
    snapshot
        The lab's snapshot that holds them.
    undone
        Whether corrections were taken back: `sets` are those that count again, and `replaced` those
        that corrections had made.
    """

    sets: tuple[int, ...]
    replaced: tuple[int, ...]
    users: tuple[str, ...]
    snapshot: str
    undone: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return all of it, as JSON takes it."""
        return {
            "sets": list(self.sets),
            "replaced": list(self.replaced),
            "users": list(self.users),
            "snapshot": self.snapshot,
            "undone": self.undone,
        }

    def __str__(self) -> str:
        if self.undone:
            again = _count(len(self.sets), "set")
            return (
                f"{_count(len(self.replaced), 'correction')} undone, {again} counted again; the "
                f"next training of {', '.join(self.users)} learns without"
            )
        return (
            f"{_count(len(self.sets), 'correction')} kept, "
            f"{_count(len(self.replaced), 'set')} replaced; the next training of "
            f"{', '.join(self.users)} learns from them"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def correct(
    lab: Lab, corrections: object = None, *, replace: bool = False, **said: Unpack[Said]
) -> CorrectResult:
    """Keep corrections of found sets, or of labelled ones, as labelled sets.

    All are kept in one commit, or none. A corrected set counts as a label from then on, with
    ``origin`` ``"correction"``, and the next :func:`~workoutlab.train` or `train_recogniser` trains
    its person again and nobody else. The set that it corrects no longer counts; its row stays, and
    so does the recording as it was appended. A found set that is named without anything else is
    confirmed as it is.

    Parameters
    ----------
    lab
        The lab; it moves to the snapshot that holds them.
    corrections
        Several: :class:`~workoutlab.recognition.corrections.correction.Correction` objects, a
        table with its fields as columns, or the path of such a CSV file.
    replace
        Whether labelled sets that a correction overlaps no longer count. Otherwise overlapping any
        but the set that is corrected is an error.
    **said
        Instead, one correction: ``found``, ``set`` or ``recording``, and what is right:
        ``start_s``, ``stop_s``, ``exercise``, ``muscle_group``, ``repetitions``, ``weight_kg``,
        ``body_weight``, ``intensity``, or ``not_exercise``.

    Returns
    -------
    CorrectResult
        The sets that they became, and whose training they change.

    Raises
    ------
    InputError
        If a correction contradicts itself, does not lie in its recording, or overlaps sets that it
        does not replace.
    NotInLabError
        If the lab has no such found set, labelled set or recording.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab import LabelledSet, Recording
    >>> lab = Lab("memory://correct-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (1000, 1))
    >>> sets = [LabelledSet(start=100, stop=500, exercise="curl", repetitions=10)]
    >>> _ = lab.append(
    ...     Recording(user="ann", session="1", acceleration=still, rate_hz=50, sets=sets)
    ... )
    >>> print(correct(lab, set=0, repetitions=9))
    1 correction kept, 1 set replaced; the next training of ann learns from them
    >>> _ = correct(lab, recording=0, start_s=12, stop_s=15, not_exercise=True)
    >>> lab.table("sets", ["start_s", "exercise", "repetitions", "origin"])
                   start_s exercise  repetitions      origin
    1000000000000      2.0     curl            9  correction
    1000000000001     12.0     rest         <NA>  correction
    """
    check_lab(lab)
    if (corrections is None) == (not said):
        raise InputError(
            "correct: expected either corrections or what is said of one (found=12, "
            "exercise='curl')"
        )
    if unknown := set(said) - set(Said.__annotations__):
        known = ", ".join(Said.__annotations__)
        raise InputError(f"a correction has {known}; got {', '.join(sorted(unknown))}")
    wanted = [Correction(**said)] if said else read_corrections(corrections)
    if not wanted:
        raise InputError("corrections: expected one at least, got none")
    for _ in range(_TRIES):
        drafts = Drafts(lab.refresh(), replace)
        for each in wanted:
            drafts.add(each)
        if lab.transact(drafts.store, f"correct {len(wanted)} sets"):
            return CorrectResult(
                sets=tuple(range(drafts.first, drafts.first + len(drafts.rows))),
                replaced=tuple(sorted({gone for several in drafts.gone for gone in several})),
                users=tuple(sorted({str(row["user"]) for row in drafts.rows})),
                snapshot=lab.snapshot,
            )
    raise LabError(f"others corrected sets of the lab at {lab.url} all the time; try again")
