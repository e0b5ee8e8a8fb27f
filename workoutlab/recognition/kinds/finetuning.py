"""Fine-tuning: the first layers of a common network stay, the last ones become a person's.

What the first layers make of a person's windows is computed once; the remaining layers are a
network of their own on it, which starts from the common weights. Of the outputs, those of
exercises that the common network knows start from its weights, those of further ones as new.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from workoutlab.learning.members import Member
from workoutlab.learning.networks import Floats, Network, draw_weights

__all__ = ["count_frozen", "merge_classes", "start_tuning"]


def count_frozen(layers: int) -> int:
    """Return how many first layers of a network of so many stay common, by default.

    All but the last two, one at least; of a network of one layer none.

    Examples
    --------
    >>> [count_frozen(layers) for layers in (1, 2, 3, 4)]
    [0, 1, 1, 2]
    """
    return min(layers - 1, max(1, layers - 2))


def merge_classes(known: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """Return the exercises of either, sorted: the outputs of a fine-tuned network.

    Examples
    --------
    >>> merge_classes(["curl", "row"], ["dip", "row"])
    ('curl', 'dip', 'row')
    """
    return tuple(sorted({*known, *own}))


def start_tuning(
    member: Member, common: Network, known: npt.ArrayLike, frozen: int | None = None
) -> tuple[Member, Callable[[Network], Network]]:
    """Turn the training of a network into that of the last layers of a common one.

    Parameters
    ----------
    member
        The person's windows, their classes those of the fine-tuned network.
    common
        The common network.
    known
        Position, among the member's classes, of each class of the common network.
    frozen
        How many first layers stay as they are; :func:`count_frozen` by default.

    Returns
    -------
    member, join
        What to train; and a function that makes of the trained network the fine-tuned one.

    Raises
    ------
    InputError
        If the common network takes other inputs, or has not that many layers.

    Examples
    --------
    >>> from workoutlab.learning.engines import train_members
    >>> from workoutlab.learning.networks import MLP
    >>> from workoutlab.learning.training import Training
    >>> inputs = np.array([[-1.0], [0.0], [1.0]], np.float32).repeat(40, axis=0)
    >>> both = Member("*", inputs[:80], np.arange(2).repeat(40), 2, 0, Training(MLP(8, 8)))
    >>> common = train_members([both])[0].network
    >>> ann = Member("ann", inputs, np.arange(3).repeat(40), 3, 1, Training(MLP(8, 8)))
    >>> tuning, join = start_tuning(ann, common, known=[0, 1])
    >>> tuned = join(train_members([tuning])[0].network)
    >>> tuned.predict(inputs[::40]).argmax(axis=1).tolist()
    [0, 1, 2]
    >>> bool((tuned.layers[0] == common.layers[0]).all())
    True
    """
    depth = count_frozen(len(common.layers)) if frozen is None else frozen
    if depth:
        front, rest = common.split(depth)
        activate, join = front.activate, front.join
    else:
        rest, activate = common, common.scaler.apply
        join = partial(_keep_scaling, common)
    inputs = activate(member.inputs)
    shapes = rest.description.shapes(inputs.shape[1], member.classes)
    drawn = draw_weights(rest.description, shapes, member.seed)
    tuning = replace(
        member,
        inputs=inputs,
        training=replace(member.training, network=rest.description, scaling="none"),
        initial=[*rest.layers[:-1], _widen(rest, drawn[-1], known)],
    )
    return tuning, join


def _keep_scaling(common: Network, tuned: Network) -> Network:
    return replace(common, layers=tuned.layers)


def _widen(common: Network, drawn: Floats, known: npt.ArrayLike) -> Floats:
    """Put the outputs of the common network at their places among drawn ones."""
    last = common.layers[-1]
    if last.shape[1] == drawn.shape[1] == 1:
        return last.copy()
    places = np.asarray(known, np.int64)
    if last.shape[1] < len(places):  # one output is the chance of the second of two classes
        last = np.concatenate([-last, last], axis=1)
    widened = drawn.copy()
    widened[:, places] = last
    return widened
