"""Scores of steps decoded into states that last: Viterbi with minimum durations and a fixed lag.

State 0 is rest, the others are exercises. A state is left only after its minimum number of steps;
changing costs a penalty, and more from one exercise straight to another. Each (state, age) is a
state of its own, ages beyond the minimum being one: a semi-Markov model whose durations are flat
from the minimum on [1]_ [2]_. A decision about a step is taken a fixed number of steps later, from
the best path so far; paths that contradict it are dropped, so that the decisions together are one
path which keeps the minimum durations.

References
----------
.. [1] S.-Z. Yu, "Hidden semi-Markov models", Artificial Intelligence 174, 2010, sections 2 and 4.
.. [2] L. R. Rabiner, "A tutorial on hidden Markov models", Proceedings of the IEEE 77, 1989, IV.D.
"""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = [
    "average_windows",
    "decode_rest",
    "decode_steps",
    "join_steps",
    "start_decoding",
    "weigh_states",
]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def start_decoding(states: int, lag: int, longest: int) -> tuple[Doubles, Integers, Integers]:
    """Return what :func:`decode_steps` keeps between calls, before the first step.

    Parameters
    ----------
    states
        Number of states, rest included; two at least.
    lag
        Steps after which a step is decided upon.
    longest
        The longest minimum duration, in steps.

    Returns
    -------
    values
        float64 (state, age): the score of the best path that ends there, less that of the best of
        all; minus infinity where none does.
    began
        int64 (step, state), a ring: when the best path that is in its state for long entered it.
    entered
        int64 (step, state), a ring: from which state the state was entered.
    """
    if states < 2 or lag < 1 or longest < 1:
        raise InputError(
            f"decoding: expected 2 states, a lag and durations of 1 step at least, got {states} "
            f"states, a lag of {lag} and up to {longest} steps"
        )
    ring = lag + longest + 2
    values = np.full((states, longest), -np.inf)
    return values, np.zeros((ring, states), np.int64), np.zeros((ring, states), np.int64)


# Ages beyond a state's minimum stay at minus infinity.


@compiled()
def _enter(values, least, penalty, switch, step, entered, scores):  # noqa: PLR0913 - as _decode
    """Return the scores of entering each state, and note from where: rest, or the best exercise."""
    states, ring = len(values), len(entered)
    first, second = -1, -1
    for state in range(1, states):
        value = values[state, least[state] - 1]
        if first < 0 or value > values[first, least[first] - 1]:
            first, second = state, first
        elif second < 0 or value > values[second, least[second] - 1]:
            second = state
    for state in range(states):
        source = second if state == first else first
        score = -np.inf
        if source > 0:
            score = values[source, least[source] - 1] - (switch if state > 0 else 0.0)
        if state > 0 and values[0, least[0] - 1] >= score:
            source, score = 0, values[0, least[0] - 1]
        entered[step % ring, state] = source
        scores[state] = score - penalty


@compiled()
def _begin(row, values, began, least):
    """Take the first step: a recording may begin in the middle of a rest, but a set lasts."""
    values[:] = -np.inf
    for state in range(len(values)):
        values[state, least[state] - 1 if state == 0 else 0] = row[state]
    began[0] = 0


@compiled()
def _advance(row, kept, least, penalty, switch, step, scores):  # noqa: PLR0913 - as _decode
    """Take one step of all paths."""
    values, began, entered = kept
    ring = len(began)
    _enter(values, least, penalty, switch, step, entered, scores)
    best = -np.inf
    for state in range(len(values)):
        last = least[state] - 1
        stay, since = values[state, last], began[(step - 1) % ring, state]
        if last > 0 and values[state, last - 1] > stay:
            stay, since = values[state, last - 1], step - last
        for age in range(last - 1, 0, -1):
            values[state, age] = values[state, age - 1] + row[state]
        if last > 0:
            values[state, 0] = scores[state] + row[state]
        elif scores[state] > stay:
            stay, since = scores[state], step
        values[state, last] = stay + row[state]
        began[step % ring, state] = since
        best = max(best, values[state].max())
    values -= best


@compiled()
def _find_ancestor(state, age, step, target, kept, least):
    """Return the state at an earlier step of the path that ends in a state of an age."""
    _, began, entered = kept
    ring = len(began)
    since = began[step % ring, state] if age == least[state] - 1 else step - age
    while since > target:
        state = entered[since % ring, state]
        step = since - 1
        since = began[step % ring, state]
    return state


@compiled()
def _find_best(values, least, final):
    """Return the state and age of the best path; at the end, of those with whole sets if any."""
    best, at, old = -np.inf, 0, least[0] - 1
    whole = False
    for state in range(len(values)):
        for age in range(least[state]):
            value = values[state, age]
            fits = not final or state == 0 or age == least[state] - 1
            if value > -np.inf and ((fits and not whole) or (fits == whole and value > best)):
                best, at, old, whole = value, state, age, fits
    return at, old


@compiled()
def _prune(choice, step, target, kept, least):
    """Drop paths that contradict what was decided."""
    values = kept[0]
    for state in range(len(values)):
        for age in range(least[state]):
            if values[state, age] == -np.inf:
                continue
            if _find_ancestor(state, age, step, target, kept, least) != choice:
                values[state, age] = -np.inf


@compiled()
def _decode(rows, first, kept, least, penalty, switch, lag, out):  # noqa: PLR0913 - one array each
    scores = np.empty(rows.shape[1])
    decided = 0
    for i in range(len(rows)):
        step = first + i
        if step == 0:
            _begin(rows[0], kept[0], kept[1], least)
        else:
            _advance(rows[i], kept, least, penalty, switch, step, scores)
        if step < lag:
            continue
        at, age = _find_best(kept[0], least, False)
        choice = _find_ancestor(at, age, step, step - lag, kept, least)
        out[decided] = choice
        decided += 1
        _prune(choice, step, step - lag, kept, least)
    return decided


def decode_steps(
    rows: Doubles,
    first: int,
    kept: tuple[Doubles, Integers, Integers],
    least: Integers,
    penalty: float | tuple[float, float],
    lag: int,
) -> Integers:
    """Take further steps, and return the states that are decided by them.

    Parameters
    ----------
    rows
        Shape (step, state): the score of each state in each step, higher is better, finite.
    first
        Number of the first of these steps, counted from 0.
    kept
        Of :func:`start_decoding`; written to.
    least
        Shape (state,): minimum durations in steps, 1 or more.
    penalty
        What a change of state costs; and, where there are two, how much more one from an exercise
        straight to another.
    lag
        As in :func:`start_decoding`.

    Returns
    -------
    numpy.ndarray
        int64: the states of steps `first` - `lag` (or 0) to `first` + len(rows) - `lag`, the last
        one out.

    Examples
    --------
    >>> rows = np.array([[0, -9], [-9, 0], [0, -9], [-9, 0], [-9, 0.0], [-9, 0]])
    >>> least = np.array([1, 3])
    >>> kept = start_decoding(2, 2, 3)
    >>> decode_steps(rows, 0, kept, least, 1.0, 2).tolist()
    [0, 0, 0, 1]
    >>> decode_rest(6, kept, least, 2).tolist()
    [1, 1]
    """
    out = np.empty(len(rows), np.int64)
    change, switch = penalty if isinstance(penalty, tuple) else (penalty, 0.0)
    decided = _decode(rows, first, kept, least, float(change), float(switch), lag, out)
    return out[:decided]


@compiled()
def _finish(step, kept, least, out):
    at, age = _find_best(kept[0], least, True)
    for i in range(len(out)):
        target = step - len(out) + 1 + i
        out[i] = _find_ancestor(at, age, step, target, kept, least)


def decode_rest(
    steps: int, kept: tuple[Doubles, Integers, Integers], least: Integers, lag: int
) -> Integers:
    """Return the states of the steps that are left when there are no more.

    Parameters
    ----------
    steps
        Number of all steps.
    kept, least, lag
        As in :func:`decode_steps`.

    Returns
    -------
    numpy.ndarray
        int64: the states of the last `lag` steps, or of all where there were fewer. A set that the
        end cuts short of its minimum is none, unless its beginning was decided upon before.
    """
    out = np.empty(min(lag, steps), np.int64)
    if steps:
        _finish(steps - 1, kept, least, out)
    return out


@compiled()
def _join(labels, longest, kept, out):
    decided = 0
    current, pending, run = kept[0], kept[1], kept[2]
    for i in range(len(labels)):
        label = labels[i]
        if label == current:
            for _ in range(run + 1):
                out[decided] = current
                decided += 1
            run = 0
            continue
        if run > 0 and label != pending:  # a block too short belongs to the one before it
            for _ in range(run):
                out[decided] = current
                decided += 1
            run = 0
        pending = label
        run += 1
        if run > longest:
            current = pending
            for _ in range(run):
                out[decided] = current
                decided += 1
            run = 0
    kept[0], kept[1], kept[2] = current, pending, run
    return decided


def join_steps(labels: Integers, longest: int, kept: Integers) -> Integers:
    """Join equal neighbours, and absorb blocks no longer than `longest` steps: Muvr's rule.

    Parameters
    ----------
    labels
        Shape (step,): the best state of each further step.
    longest
        Blocks of so many steps or fewer become part of the block before them, and of rest at the
        beginning.
    kept
        int64 (3,): the present block's state, that of the block that may follow, and its length;
        zeros at first; written to.

    Returns
    -------
    numpy.ndarray
        int64: the states that are decided. The last ``kept[2]`` steps are not, and are of the
        present block if nothing follows.

    Examples
    --------
    >>> join_steps(np.array([0, 1, 0, 2, 2, 2, 1, 2, 2]), 2, np.zeros(3, np.int64)).tolist()
    [0, 0, 0, 2, 2, 2, 2, 2, 2]
    """
    out = np.empty(len(labels) + int(kept[2]), np.int64)
    return out[: _join(labels, longest, kept, out)]


@compiled()
def _average(chances, first, spans, weights, out):
    for step in range(len(spans)):
        low, high = spans[step, 0], spans[step, 1]
        total = 0.0
        out[step] = 0.0
        for window in range(low, high):
            weight = weights[step, window - low]
            total += weight
            for name in range(chances.shape[1]):
                out[step, name] += weight * chances[window - first, name]
        for name in range(chances.shape[1]):
            out[step, name] /= total


def average_windows(chances: Doubles, first: int, spans: Integers, weights: Doubles) -> Doubles:
    """Average what windows say over each step.

    Parameters
    ----------
    chances
        Shape (window, class).
    first
        Number of the first of these windows.
    spans
        Shape (step, 2): numbers of the first and last (out) window of each step.
    weights
        Shape (step, window): of the windows of a step, positive.

    Returns
    -------
    numpy.ndarray
        float64 of shape (step, class). A step's numbers depend on its own windows alone.

    Raises
    ------
    InputError
        If a step has no window, or one that is not there.

    Examples
    --------
    >>> chances = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> average_windows(chances, 4, np.array([[4, 6]]), np.array([[1.0, 1.0]])).tolist()
    [[0.75, 0.25]]
    """
    if len(spans) and (
        spans[:, 0].min() < first
        or spans[:, 1].max() > first + len(chances)
        or (spans[:, 1] <= spans[:, 0]).any()
    ):
        raise InputError(
            f"spans: expected windows {first} to {first + len(chances)}, one a step at least"
        )
    out = np.empty((len(spans), chances.shape[1]))
    _average(chances, first, spans, weights, out)
    return out


@compiled()
def _weigh(active, exercises, least, share, out):
    for step in range(len(out)):
        highest = exercises[step].max()
        top = np.log(max(highest, least))
        out[step, 0] = share * np.log(max(active[step, 1], least))
        moving = np.log(max(active[step, 0], least))
        for name in range(exercises.shape[1]):
            doubt = top - np.log(max(exercises[step, name], least))
            out[step, 1 + name] = share * (moving - doubt)


def weigh_states(active: Doubles, exercises: Doubles, least: float, share: float) -> Doubles:
    """Return the score of rest and of each exercise in each step.

    Rest scores the logarithm of its chance. An exercise scores the logarithm of the chance of
    activity, less what its own chance is short of the likeliest exercise's, in logarithms: where
    the second stage is not certain, activity does not suffer.

    Parameters
    ----------
    active
        Shape (step, 2): chances of activity and of rest.
    exercises
        Shape (step, exercise): chances of each exercise, if it is one.
    least
        Lower chances count as this one, so that no single step decides.
    share
        What scores are multiplied by: steps under one window say much the same.

    Returns
    -------
    numpy.ndarray
        float64 of shape (step, 1 + exercise). A step's scores depend on that step alone.

    Examples
    --------
    >>> weigh_states(np.array([[0.5, 0.5]]), np.array([[0.8, 0.2]]), 1e-3, 1.0).round(2).tolist()
    [[-0.69, -0.69, -2.08]]
    """
    out = np.empty((len(active), 1 + exercises.shape[1]))
    _weigh(active, exercises, float(least), float(share), out)
    return out
