"""What windows are labelled by: the exercise, its muscle group, or activity against rest."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from workoutlab.errors import NotInLabError
from workoutlab.schema import RESTING, UNNAMED
from workoutlab.signals.gaps import Ground, grid_lengths

__all__ = ["ACTIVE", "LABELS", "REST", "check_labelled", "find_rests", "label_sets", "name_rests"]

LABELS: Final = ("exercise", "muscle_group", "activity")
ACTIVE: Final = "active"
REST: Final = "rest"

Floats = npt.NDArray[np.float64]


def label_sets(sets: pd.DataFrame, label: str, named: object = None) -> pd.DataFrame:
    """Return the sets that have the label asked for, with it as their ``exercise``.

    Parameters
    ----------
    sets
        Table of a lab.
    label
        Of :data:`LABELS`.
    named
        The filter on exercises: whoever names one has its sets, whatever they mean.

    Examples
    --------
    >>> sets = pd.DataFrame({"exercise": ["curl", "-", "E"], "muscle_group": ["arms", "", ""]})
    >>> label_sets(sets, "exercise")["exercise"].tolist()
    ['curl']
    >>> label_sets(sets, "activity")["exercise"].tolist()
    ['active', 'rest', 'active']
    """
    resting = sets["exercise"].isin(RESTING)
    if label == "activity":
        return sets.assign(exercise=np.where(resting, REST, ACTIVE))
    if label == "muscle_group":
        kept = ~resting & (sets["muscle_group"] != "")
        return sets[kept].assign(exercise=lambda kept: kept["muscle_group"])
    if named is not None:
        return sets
    return sets[~resting & ~sets["exercise"].isin(UNNAMED)]


def check_labelled(labelled: pd.DataFrame, sets: pd.DataFrame, label: str) -> None:
    """Refuse sets none of which has the label asked for.

    Raises
    ------
    NotInLabError
        If there are sets, and none is labelled so.
    """
    if len(labelled) or sets.empty:
        return
    hint = (
        "none of a known muscle group: plan with label='exercise'"
        if label == "muscle_group"
        else f"all labelled {', '.join(map(repr, sorted(sets['exercise'].unique())))}, which name "
        "no exercise: label='activity' tells sets from rest, exercises='E' takes them as they are"
    )
    raise NotInLabError(f"there are {len(sets)} sets, {hint}")


def find_rests(sets: pd.DataFrame, ground: Ground) -> pd.DataFrame:
    """Return the stretches of recordings that lie in none of their sets, as rows of such a table.

    Recordings without a set have none: nobody looked at them. The index is -1 throughout, for no
    set.

    Parameters
    ----------
    sets
        All sets of these recordings, whatever they are labelled.
    ground
        Recordings and the rates of their grids.
    """
    ends = grid_lengths(ground.recordings, ground.rate_hz) / ground.rate_hz
    length_s = pd.Series(ends, index=ground.recordings.index)
    owners = np.unique(sets["recording"].to_numpy(np.int64))
    edges = pd.DataFrame({"recording": owners, "start_s": length_s.loc[owners].to_numpy()})
    edges = pd.concat([sets[["recording", "start_s", "stop_s"]], edges.assign(stop_s=np.inf)])
    edges = edges.sort_values(["recording", "start_s"], kind="stable", ignore_index=True)
    reached = edges.groupby("recording")["stop_s"].cummax().groupby(edges["recording"]).shift()
    rests = pd.DataFrame(
        {
            "recording": edges["recording"],
            "start_s": reached.fillna(0.0),
            "stop_s": edges["start_s"],
            "exercise": REST,
            "muscle_group": "",
        }
    )
    shortest = 0.5 / ground.rate_hz.max(initial=1.0)
    lasting: pd.DataFrame = rests[rests["stop_s"] - rests["start_s"] > shortest]
    return lasting.set_index(np.full(len(lasting), -1))


def name_rests(segments: pd.DataFrame, sets: pd.DataFrame) -> pd.DataFrame:
    """Label segments of no set as rest, where their recording has sets.

    Parameters
    ----------
    segments
        Runs of windows that cover whole recordings.
    sets
        All sets of these recordings.
    """
    rests = (segments["set"] < 0) & segments["recording"].isin(sets["recording"])
    return segments.assign(exercise=segments["exercise"].mask(rests, REST))
