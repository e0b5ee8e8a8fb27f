"""A person's own good sets of an exercise, to hold further sets against."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from workoutlab.lab import Lab
from workoutlab.recognition.quality.assessing import assess
from workoutlab.recognition.quality.reading import RATE_HZ, list_sets, read_set
from workoutlab.recognition.quality.traces import Trace, trace_set
from workoutlab.recognition.repetitions.counting import Counter, count_repetitions
from workoutlab.recording import Recording
from workoutlab.schema import check_number
from workoutlab.signals.held import Home, hold

__all__ = ["find_good_sets"]

_LEAST_REPETITIONS: Final = 5
_SHORTEST: Final = 50


def find_good_sets(
    source: Lab | Recording | Iterable[Recording],
    user: str,
    exercise: str,
    *,
    most: int = 6,
    counter: Counter | None = None,
) -> tuple[Trace, ...]:
    """Find a person's good sets of an exercise: those whose repetitions are most alike.

    Sets of fewer than five repetitions, and those whose count is uncertain or contradicts the
    label by more than one, are left out.

    Parameters
    ----------
    source
        A lab, or recordings.
    user, exercise
        Whose, and which.
    most
        How many sets at most.
    counter
        How repetitions are counted.

    Returns
    -------
    tuple of Trace
        The most consistent first, for ``assess(..., good=...)``; none where there are none.

    Raises
    ------
    NotInLabError
        If there is no such person, or none of that exercise.
    InputError
        If an argument is not as described.

    Examples
    --------
    >>> from workoutlab import simulate
    >>> recordings = list(simulate(1, sessions=1, minutes=5).recordings())
    >>> exercise = recordings[0].sets[0].exercise
    >>> good = find_good_sets(recordings, recordings[0].user, exercise)
    >>> all(each.curves.shape[1:] == (48, 3) for each in good)
    True
    """
    check_number("most", most, whole=True, low=1)
    home: Home = source if isinstance(source, Lab) else hold(source)
    sets = list_sets(home, {"users": user, "exercises": exercise})
    found = [pair for each in sets for pair in _trace_one(home, each, counter or Counter())]
    found.sort(key=lambda pair: -pair[0])
    return tuple(trace for _, trace in found[:most])


def _trace_one(
    home: Home, each: Mapping[Any, Any], counter: Counter
) -> Iterator[tuple[float, Trace]]:
    """Yield a set's consistency and its trace, if it can be taken for a good one."""
    samples = read_set(home, each)
    if len(samples) < _SHORTEST:
        return
    counted = count_repetitions(samples, RATE_HZ, counter=counter, exercise=str(each["exercise"]))
    if counted.count is None or counted.count < _LEAST_REPETITIONS:
        return
    labelled = each["repetitions"]
    if isinstance(labelled, int) and abs(labelled - counted.count) > 1:
        return
    quality = assess(samples, RATE_HZ, counted.edges)
    if not quality.reasons.get("consistency"):
        yield quality["consistency"], trace_set(samples, RATE_HZ, counted.edges)
