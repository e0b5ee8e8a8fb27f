"""Continuous sessions made of recorded sets with recorded pauses between them.

Many recordings hold one set each, so that nothing can be told of where a set begins. Composed
sessions put real sets and real pauses one behind the other, in an order and with lengths that a
seed decides. They are no substitute for sessions recorded whole: how a person walks to the weight
and takes it up belongs to neither part, and few pauses come again and again. What is measured on
them says so.

At each joint the wrist would be in one pose here and in another there, a step that no movement
makes. So a pause's samples are turned: at its edge by the whole rotation that takes its own
direction of gravity to the one of its neighbour, from there less and less over `joint_s`. Sets are
left as they were recorded, to the last bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.recording import LabelledSet, Recording
from workoutlab.schema import RESTING, check_number

__all__ = ["Pause", "Stitching", "compose", "list_pauses"]

_SHORTEST_S: Final = 3.0
"""Stretches between sets that are shorter are no pause: hands go from one exercise to the next."""

_POSE_S: Final = 0.5
_LEAST_G: Final = 1e-3

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stitching:
    """How sessions are composed.

    Parameters
    ----------
    pause_s
        Shortest and longest pause before, between and after sets, in s; evenly distributed.
    joint_s
        Over how long a pause turns from its neighbour's pose into its own.
    sets
        Most sets of a recording: a session of more becomes several recordings.
    seed
        Decides order, pauses and their lengths.

    Raises
    ------
    InputError
        If a setting cannot mean anything.
    """

    pause_s: tuple[float, float] = (15.0, 60.0)
    joint_s: float = 1.0
    sets: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("joint_s", self.joint_s, low=0)
        check_number("sets", self.sets, whole=True, low=1)
        check_number("seed", self.seed, whole=True, low=0)
        shortest, longest = self.pause_s
        check_number("pause_s[0]", shortest, above=2 * self.joint_s)
        check_number("pause_s[1]", longest, low=shortest)


@dataclass(frozen=True, eq=False)
class Pause:
    """A stretch in which a person did no set.

    Parameters
    ----------
    acceleration
        Shape (sample, 3), in g.
    rate_hz
        In Hz.
    source
        Where it is from: file, first sample and one past the last.
    simulated
        Whether the simulator made it.
    """

    acceleration: Floats
    rate_hz: float
    source: str
    simulated: bool = False


def list_pauses(recordings: Iterable[Recording]) -> list[Pause]:
    """Return the stretches of 3 s or more that lie in no set, of recordings that have sets.

    What is labelled as resting is a pause too, one for each label. Recordings without labels tell
    of no pause, since nobody said that there is no set.

    Raises
    ------
    InputError
        If a recording has no regular rate.

    Examples
    --------
    >>> sets = [LabelledSet(start=200, stop=600, exercise="curl")]
    >>> session = Recording(user="ann", session="mon", acceleration=np.ones((1000, 3)), rate_hz=50,
    ...                     source="mon.csv", sets=sets)
    >>> [pause.source for pause in list_pauses([session])]
    ['mon.csv 0-200', 'mon.csv 600-1000']
    """
    return [pause for recording in recordings for pause in _list_pauses(recording)]


def _list_pauses(recording: Recording) -> Iterator[Pause]:
    if not recording.sets:
        return
    rate_hz = _rate(recording)
    cuts = [0]
    for one in recording.sets:
        cuts += [one.start, one.stop]
    cuts.append(len(recording))
    resting = [one.exercise in RESTING for one in recording.sets]
    still = [True] * (len(cuts) - 1)
    still[1::2] = resting
    for start, stop, quiet in zip(cuts, cuts[1:], still, strict=False):
        if quiet and stop - start >= _SHORTEST_S * rate_hz:
            yield Pause(
                recording.acceleration[start:stop],
                rate_hz,
                f"{recording.source or recording.session} {start}-{stop}",
                recording.simulated,
            )


def compose(
    recordings: Iterable[Recording], pauses: Sequence[Pause], stitching: Stitching | None = None
) -> list[Recording]:
    """Put recorded sets and recorded pauses one behind the other.

    Parameters
    ----------
    recordings
        Their sets are cut out as they are labelled; those labelled as resting are left out. Sets
        of one person and session come into one session.
    pauses
        From :func:`list_pauses`; each pause between sets is a piece of one of them, or of several
        where they are short.
    stitching
        How; :class:`Stitching()` by default.

    Returns
    -------
    list of Recording
        With their sets marked. A person and session gives the same whatever other people and
        sessions there are.

    Raises
    ------
    InputError
        If there are no pauses, or not all parts are of one regular rate.

    Examples
    --------
    >>> curl = Recording(user="ann", session="mon", acceleration=np.tile([0, 0, 1], (500, 1)),
    ...                  rate_hz=50, sets=[LabelledSet(start=0, stop=500, exercise="curl")])
    >>> standing = Pause(np.tile(np.float32([1, 0, 0]), (2000, 1)), 50, "hall")
    >>> (session,) = compose([curl, curl], [standing], Stitching(pause_s=(10, 10)))
    >>> [(one.start, one.stop) for one in session.sets], len(session)
    ([(500, 1000), (1500, 2000)], 2500)
    """
    how = stitching or Stitching()
    if not pauses:
        raise InputError(
            "no pauses to put between sets: give recordings with labelled sets and time between "
            "them, or with stretches labelled '-'"
        )
    parts: dict[tuple[str, str], list[tuple[Recording, LabelledSet]]] = {}
    for recording in recordings:
        active = [one for one in recording.sets if one.exercise not in RESTING]
        parts.setdefault((recording.user, recording.session), []).extend(
            (recording, one) for one in active
        )
    rates = {_rate(recording) for own in parts.values() for recording, _ in own}
    rates |= {pause.rate_hz for pause in pauses}
    if len(rates) > 1:
        raise InputError(
            f"sets and pauses are sampled at {', '.join(f'{rate:g}' for rate in sorted(rates))} "
            "Hz; resample them to one rate first"
        )
    return [
        made for key in sorted(parts) for made in _compose_session(key, parts[key], pauses, how)
    ]


def _compose_session(
    key: tuple[str, str],
    parts: Sequence[tuple[Recording, LabelledSet]],
    pauses: Sequence[Pause],
    how: Stitching,
) -> Iterator[Recording]:
    random = np.random.default_rng([how.seed, *"/".join(key).encode()])
    order = random.permutation(len(parts))
    for count in range(0, len(order), how.sets):
        some = [parts[place] for place in order[count : count + how.sets]]
        yield _join(key, some, pauses, how, random)


def _join(
    key: tuple[str, str],
    parts: Sequence[tuple[Recording, LabelledSet]],
    pauses: Sequence[Pause],
    how: Stitching,
    random: np.random.Generator,
) -> Recording:
    rate_hz = pauses[0].rate_hz
    joint, pose = round(how.joint_s * rate_hz), max(1, round(_POSE_S * rate_hz))
    sets = [recording.acceleration[one.start : one.stop] for recording, one in parts]
    pieces, marks, length = [], [], 0
    for place in range(len(sets) + 1):
        wanted = round(random.uniform(*how.pause_s) * rate_hz)
        rest = _cut_pause(pauses, wanted, joint, random)
        if place:
            rest = _turn_edge(rest, sets[place - 1][-pose:], joint)
        if place < len(sets):
            rest = _turn_edge(rest[::-1], sets[place][:pose], joint)[::-1]
        pieces.append(rest)
        length += len(rest)
        if place < len(sets):
            pieces.append(sets[place])
            marks.append((length, length + len(sets[place])))
            length += len(sets[place])
    made_up = [each.simulated for each in pauses] + [whose.simulated for whose, _ in parts]
    return Recording(
        user=key[0],
        session=key[1],
        acceleration=np.concatenate(pieces),
        rate_hz=rate_hz,
        source=f"composed of {len(sets)} sets, seed {how.seed}",
        simulated=any(made_up),
        sets=[_move(one, *mark) for (_, one), mark in zip(parts, marks, strict=True)],
    )


def _cut_pause(
    pauses: Sequence[Pause], wanted: int, joint: int, random: np.random.Generator
) -> Floats:
    """Return so many samples of a pause drawn by its length, of several where it is too short."""
    lengths = np.array([len(pause.acceleration) for pause in pauses])
    whole: Floats = np.empty((0, 3), np.float32)
    while len(whole) < wanted:
        source = pauses[random.choice(len(pauses), p=lengths / lengths.sum())].acceleration
        size = min(wanted - len(whole), len(source))
        start = int(random.integers(len(source) - size + 1))
        piece = source[start : start + size]
        if len(whole):
            piece = _turn_edge(piece, whole[-joint or None :], joint)
        whole = np.concatenate([whole, piece])
    return whole


def _turn_edge(samples: Floats, neighbour: Floats, joint: int) -> Floats:
    """Turn the first `joint` samples from the pose of a neighbour into their own.

    The turn shrinks as a raised cosine, without a jerk at either end; lengths of vectors stay.
    """
    size = min(joint, len(samples))
    if not size:
        return samples
    own, other = _direction(samples[:size]), _direction(neighbour)
    axis = np.cross(own, other)
    sine, cosine = float(np.linalg.norm(axis)), float(own @ other)
    if sine < _LEAST_G:
        if cosine > 0:
            return samples
        axis = np.cross(own, np.eye(3)[np.abs(own).argmin()])  # upside down: any way round will do
    axis = axis / np.linalg.norm(axis)
    left = 0.5 + 0.5 * np.cos(np.pi * np.arange(size) / size)
    turned = samples.copy()
    turned[:size] = _rotate(
        samples[:size].astype(np.float64), axis, left * np.arctan2(sine, cosine)
    )
    return turned


def _direction(samples: Floats) -> Doubles:
    """Return the direction of gravity, of length 1: that of the mean."""
    mean = samples.astype(np.float64).mean(axis=0)
    size = float(np.linalg.norm(mean))
    return mean / size if size > _LEAST_G else np.array([0.0, 0.0, 1.0])


def _rotate(vectors: Doubles, axis: Doubles, angles: Doubles) -> Doubles:
    """Rotate each vector about an axis by its own angle in rad (Rodrigues' formula)."""
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    along = (vectors @ axis)[:, None] * axis
    turned: Doubles = cosine * (vectors - along) + sine * np.cross(axis, vectors) + along
    return turned


def _move(one: LabelledSet, start: int, stop: int) -> LabelledSet:
    return LabelledSet(
        start=start,
        stop=stop,
        exercise=one.exercise,
        muscle_group=one.muscle_group,
        repetitions=one.repetitions,
        weight_kg=one.weight_kg,
        body_weight=one.body_weight,
        intensity=one.intensity,
    )


def _rate(recording: Recording) -> float:
    if recording.rate_hz is None:
        raise InputError(
            f"{recording.source or recording.session}: its samples are not at a regular rate; "
            "resample it first"
        )
    return float(recording.rate_hz)
