"""Sets and pauses that become training and test sessions, fold by fold, sharing nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from workoutlab.errors import InputError
from workoutlab.recognition.evaluation.composing import Pause, Stitching, compose, list_pauses
from workoutlab.recording import Recording
from workoutlab.schema import RESTING

__all__ = ["Composition"]

_SIDES: Final = 3
"""Of the stretches of pauses one in three is heard in test sessions, another third each fold."""


@dataclass(frozen=True, eq=False)
class Composition:
    """Sets and pauses from which training and test sessions are composed, fold by fold.

    Sets come to the sides by the protocol. Of the stretches of pauses one in three is heard in
    test sessions alone and the others in training sessions alone, another third with each fold.

    Parameters
    ----------
    recordings
        As in :func:`compose`.
    pauses
        Three or more.
    stitching
        As in :func:`compose`.

    Raises
    ------
    InputError
        If there are fewer than three pauses.
    """

    recordings: Sequence[Recording]
    pauses: Sequence[Pause]
    stitching: Stitching = field(default_factory=Stitching)

    def __post_init__(self) -> None:
        if len(self.pauses) < _SIDES:
            raise InputError(
                f"{len(self.pauses)} stretches of pauses: expected {_SIDES} or more, so that "
                "training and test sessions share none"
            )

    @classmethod
    def of(
        cls, recordings: Iterable[Recording], stitching: Stitching | None = None
    ) -> "Composition":
        """Take recordings of a single set for sets, and all others for their pauses.

        Examples
        --------
        >>> from workoutlab.recording import LabelledSet
        >>> def record(session, sets):
        ...     return Recording(user="ann", session=session, acceleration=np.ones((3000, 3)),
        ...                      rate_hz=50, sets=sets)
        >>> curl = record("mon", [LabelledSet(start=0, stop=3000, exercise="curl")])
        >>> walks = [LabelledSet(start=n * 1000, stop=n * 1000 + 200, exercise="E")
        ...          for n in range(3)]
        >>> whole = Composition.of([curl, record("tue", walks)])
        >>> len(whole.recordings), len(whole.pauses)
        (1, 3)
        """
        every = list(recordings)
        single = [_is_single(recording) for recording in every]
        return cls(
            [recording for recording, one in zip(every, single, strict=True) if one],
            list_pauses(r for r, one in zip(every, single, strict=True) if not one),
            stitching or Stitching(),
        )

    def table(self) -> pd.DataFrame:
        """Return one row a recording: what :func:`workoutlab.recognition.split` splits by."""
        rows = [
            {
                "digest": recording.digest,
                "user": recording.user,
                "session": recording.session,
                "exercise": recording.sets[0].exercise,
                "start": 0,
                "stop": len(recording),
                "simulated": recording.simulated,
                "sets": 1,
            }
            for recording in self.recordings
        ]
        table = pd.DataFrame(rows)
        table.insert(0, "recording", range(len(rows)))
        return table

    def take(
        self, train: Sequence[int], test: Sequence[int], number: int
    ) -> tuple[list[Recording], list[Recording]]:
        """Return the training and the test sessions of a fold, from rows of the table."""
        sides = np.arange(len(self.pauses)) % _SIDES == number % _SIDES
        return tuple(  # type: ignore[return-value]
            compose(
                [self.recordings[row] for row in rows],
                [pause for pause, heard in zip(self.pauses, sides, strict=True) if heard == tested],
                self.stitching,
            )
            for rows, tested in ((train, False), (test, True))
        )

    def describe(self) -> str:
        """Say in a sentence what the sessions are made of."""
        total_s = sum(len(pause.acceleration) / pause.rate_hz for pause in self.pauses)
        shortest, longest = self.stitching.pause_s
        return (
            f"Composed sessions: {len(self.recordings)} recorded sets with pauses of "
            f"{shortest:g} to {longest:g} s between, cut from {len(self.pauses)} recorded "
            f"stretches ({total_s:.0f} s in all) of which training and test share none; "
            f"seed {self.stitching.seed}."
        )


def _is_single(recording: Recording) -> bool:
    """Tell whether a recording holds one set and next to nothing else."""
    return (
        len(recording.sets) == 1
        and recording.sets[0].exercise not in RESTING
        and recording.sets[0].stop - recording.sets[0].start > 0.9 * len(recording)
    )
