"""Taking corrections back: they no longer count, and the sets that they replaced do again."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
import zarr

from workoutlab.errors import InputError, LabError, NotInLabError
from workoutlab.lab import Lab
from workoutlab.recognition.corrections.correcting import CorrectResult
from workoutlab.schema import CORRECTED, check_number
from workoutlab.store.labels import count_changes, read_corrections, read_sets, undo_corrections

__all__ = ["undo"]

_TRIES: Final = 5


def undo(lab: Lab, sets: int | Iterable[int]) -> CorrectResult:
    """Take corrections back: what they said no longer counts, and what they replaced does again.

    All are taken back in one commit, or none. Their rows stay, and ``lab.corrections()`` lists them
    as ones that do not count. The next training of their people learns from what counts then.

    Parameters
    ----------
    lab
        The lab; it moves to the snapshot without them.
    sets
        Numbers of the sets that corrections made, as ``correct`` returns and ``lab.corrections()``
        lists them.

    Returns
    -------
    CorrectResult
        The sets that count again, those that no longer do, and whose training it changes.

    Raises
    ------
    InputError
        If what one replaced overlaps sets that were made since.
    NotInLabError
        If the lab has no such correction that counts.

    Examples
    --------
    >>> import numpy as np
    >>> from workoutlab import LabelledSet, Recording
    >>> from workoutlab.recognition import correct
    >>> lab = Lab("memory://undo-example")
    >>> still = np.tile(np.float32([0, 0, 1]), (1000, 1))
    >>> sets = [LabelledSet(start=100, stop=500, exercise="curl")]
    >>> _ = lab.append(
    ...     Recording(user="ann", session="1", acceleration=still, rate_hz=50, sets=sets)
    ... )
    >>> wrong = correct(lab, set=0, exercise="row")
    >>> undo(lab, wrong.sets).sets
    (0,)
    >>> lab.table("sets", ["exercise", "origin"])
      exercise origin
    0     curl   file
    """
    wanted = [sets] if not isinstance(sets, Iterable) else list(dict.fromkeys(sets))
    if not wanted:
        raise InputError("undo: expected the number of a correction at least, got none")
    for number in wanted:
        check_number("undo: number of a corrected set", number, whole=True, low=0)
    for _ in range(_TRIES):
        root = lab.refresh().root()
        seen = count_changes(root)
        chosen = _choose(root, wanted)

        def write(root: zarr.Group, seen: object = seen, chosen: pd.DataFrame = chosen) -> bool:
            if count_changes(root) != seen or len(_choose(root, wanted)) < len(wanted):
                return False
            undo_corrections(root, wanted, chosen["recording"].tolist())
            _check_apart(root, chosen)
            return True

        if lab.transact(write, f"undo {len(wanted)} corrections"):
            again = {number for several in chosen["replaces"] for number in several}
            return CorrectResult(
                sets=tuple(sorted(again - {*wanted})),
                replaced=tuple(sorted(wanted)),
                users=tuple(sorted(set(chosen["user"]))),
                snapshot=lab.snapshot,
                undone=True,
            )
    raise LabError(f"others corrected sets of the lab at {lab.url} all the time; try again")


def _choose(root: zarr.Group, wanted: list[int]) -> pd.DataFrame:
    """Return the rows of corrections that count, or that others of those wanted replaced."""
    made = read_corrections(root)
    over = made[made.index.isin(wanted)]
    within = {number for several in over["replaces"] for number in several}
    for number in wanted:
        known = number in made.index and (made["counts"][number] or number in within)
        if not known:
            raise NotInLabError(
                f"undo {number}: the lab has no such correction that counts; lab.corrections() "
                f"lists them by number, from {CORRECTED} on"
            )
    return made.loc[wanted]


def _check_apart(root: zarr.Group, undone: pd.DataFrame) -> None:
    """Refuse sets that overlap, of the recordings of undone corrections."""
    touched = read_sets(root, ["recording", "start", "stop", "exercise"])
    touched = touched[touched["recording"].isin(undone["recording"])]
    following = touched.shift(-1)
    met = (following["recording"] == touched["recording"]) & (following["start"] < touched["stop"])
    names = touched.index.tolist()
    for place in np.flatnonzero(met).tolist():
        one, other = (
            f"set {names[at]} ({touched['exercise'].iloc[at]})" for at in (place, place + 1)
        )
        raise InputError(
            f"undo: {one} would count again and overlap {other}, or the other way round; undo "
            "what came since as well, or correct it first"
        )
