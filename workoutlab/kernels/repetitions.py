"""Runs of stretches that resemble the stretch before them: repetitions of a movement."""

# mypy: disable-error-code="no-untyped-def"
# Numba finds the types of compiled functions by itself.

from typing import Final

import numpy as np
import numpy.typing as npt

from workoutlab.errors import InputError
from workoutlab.kernels.compiled import compiled

__all__ = ["find_runs", "follow_shape", "smooth_to_grid"]

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_POINTS: Final = 12
"""Points by which the shape of a stretch is known, whatever its length."""
_NEVER: Final = -1e30
"""Less than anything is worth."""
_ROUNDS: Final = 2
"""How often a mean shape is followed."""
_RATIO: Final = 1.7
"""How much longer than its neighbour a stretch may be."""


@compiled()
def _smooth(samples, first, step, width, out):
    reach = int(6 * width) + 1
    for k in range(len(out)):
        centre = first + k * step
        low, high = max(0, int(centre) - reach), min(len(samples) - 1, int(centre) + 1 + reach)
        total, x, y, z = 0.0, 0.0, 0.0, 0.0
        for i in range(low, high + 1):
            weight = np.exp(-0.5 * ((i - centre) / width) ** 2)
            total += weight
            x += weight * samples[i, 0]
            y += weight * samples[i, 1]
            z += weight * samples[i, 2]
        out[k, 0], out[k, 1], out[k, 2] = x / total, y / total, z / total


def smooth_to_grid(samples: Doubles, step: float, width: float) -> tuple[float, Doubles]:
    """Smooth with a Gaussian, and keep a value every `step` samples, as many as there are.

    The grid lies symmetrically in the signal, so that a signal run backwards gives the same
    values backwards.

    Parameters
    ----------
    samples
        Shape (sample, 3), one or more.
    step
        Distance between two values, in samples.
    width
        Standard deviation of the Gaussian, in samples.

    Returns
    -------
    first, values
        Where the first value lies, in samples, and the values, of shape (value, 3).

    Examples
    --------
    >>> first, values = smooth_to_grid(np.ones((6, 3)), 2, 1)
    >>> first, values.shape
    (0.5, (3, 3))
    """
    count = int((len(samples) - 1) / step + 1e-9) + 1
    first = 0.5 * ((len(samples) - 1) - (count - 1) * step)
    out = np.empty((count, 3))
    _smooth(samples, first, step, max(width, 1e-3), out)
    return first, out


@compiled(fastmath=True)
def _shape(signal, start, length, shape):
    """Write a stretch's shape, its mean taken out, and return its mean square."""
    points = shape.shape[0] // 3
    x, y, z = 0.0, 0.0, 0.0
    for j in range(points):
        place = start + length * (j + 0.5) / points
        i = int(place)
        part = place - i
        shape[j] = signal[i, 0] * (1 - part) + signal[i + 1, 0] * part
        shape[points + j] = signal[i, 1] * (1 - part) + signal[i + 1, 1] * part
        shape[2 * points + j] = signal[i, 2] * (1 - part) + signal[i + 1, 2] * part
        x += shape[j]
        y += shape[points + j]
        z += shape[2 * points + j]
    square = np.float32(0)
    for j in range(points):
        shape[j] -= np.float32(x / points)
        shape[points + j] -= np.float32(y / points)
        shape[2 * points + j] -= np.float32(z / points)
    for j in range(3 * points):
        square += shape[j] ** 2
    return square / points


@compiled(fastmath=True)
def _openness(signal, start, stop, square):
    """How far a stretch ends from where it began, squared: 1 if it goes one way evenly."""
    way = 0.0
    for axis in range(3):
        way += (signal[stop, axis] - signal[start, axis]) ** 2
    return min(1.0, way / (12 * square + 1e-12))


@compiled(fastmath=True)
def _fill_shapes(signal, starts, lengths, shapes, squares, opens):
    for start in range(starts[0], starts[1]):
        here = start % len(shapes)
        for k in range(len(lengths)):
            stop = start + lengths[k]
            if stop > len(signal) - 1:
                break
            squares[here, k] = _shape(signal, start, lengths[k], shapes[here, k])
            opens[here, k] = _openness(signal, start, stop, squares[here, k])


@compiled(fastmath=True)
def _alike(one, other, squares):
    product = np.float32(0)
    for j in range(len(one)):
        product += one[j] * other[j]
    return 2 * (product / (len(one) // 3)) / squares


@compiled(fastmath=True)
def _run_forward(signal, lengths, bands, settings, values, backs):
    costs, spans, bars = bands
    noise, open_cost = settings
    count, longest = len(signal), lengths[-1]
    # Shapes of the stretches that start within one longest length, by start modulo that number.
    shapes = np.zeros((longest + 1, len(lengths), 3 * _POINTS), np.float32)
    squares, opens = np.zeros(shapes.shape[:2], np.float32), np.zeros(shapes.shape[:2])
    filled = 0
    for s in range(count):
        starts = (filled, min(count, s + longest + 1))
        _fill_shapes(signal, starts, lengths, shapes, squares, opens)
        filled = starts[1]
        here = s % len(shapes)
        for k in range(len(lengths)):
            t = s + lengths[k]
            there = t % len(shapes)
            for m in range(len(lengths)):
                if t + lengths[m] > count - 1:
                    break
                first, last = spans[k, m]
                if first >= last:
                    continue
                both = squares[here, k] + squares[there, m] + noise
                gain = _alike(shapes[here, k], shapes[there, m], both) - costs[k, m]
                gain -= 0.5 * open_cost * (opens[here, k] + opens[there, m])
                gain *= 0.5 * (lengths[k] + lengths[m])
                for b in range(first, last):
                    value = values[s, k, b] + gain - bars[k, m, b]
                    if value > values[t, m, b]:
                        values[t, m, b] = value
                        backs[t, m, b] = k


def _pair_up(
    lengths: Integers, bands: Integers, floor: float, tempo_cost: float
) -> tuple[Doubles, Integers, Doubles]:
    """Return what pairs of lengths cost, between which bands they lie, and bars to others."""
    ratio = np.log(lengths[:, np.newaxis] / lengths)
    shorter, longer = (of.outer(lengths, lengths) for of in (np.minimum, np.maximum))
    allowed = (bands[:, 0] <= shorter[..., np.newaxis]) & (longer[..., np.newaxis] <= bands[:, 1])
    allowed &= (longer <= _RATIO * shorter)[..., np.newaxis]
    lasts = np.where(allowed.any(axis=2), len(bands) - allowed[..., ::-1].argmax(axis=2), 0)
    spans = np.stack([allowed.argmax(axis=2), lasts], axis=2)
    return floor + tempo_cost * ratio**2, spans, np.where(allowed, 0.0, -_NEVER)


@compiled()
def _find_ends(values):
    ends = np.zeros((values.shape[2], 3))
    ends[:, 1:] = -1
    for s in range(values.shape[0]):
        for k in range(values.shape[1]):
            for b in range(values.shape[2]):
                if values[s, k, b] > ends[b, 0]:
                    ends[b, 0], ends[b, 1], ends[b, 2] = values[s, k, b], s, k
    return ends


def find_runs(
    signal: Doubles,
    lengths: Integers,
    bands: Integers,
    settings: tuple[float, float, float, float],
) -> list[tuple[float, Doubles]]:
    """Find, for each band of lengths, the run of stretches that resemble their neighbours most.

    Two neighbouring stretches, each drawn to the same number of points and freed of its mean,
    are alike by 2 <u, v> / (|u|^2 + |v|^2 + noise): 1 if equal, less if shape or size differ. A
    run is worth the sum over neighbours of (likeness - floor - cost x log(ratio of lengths)^2 -
    cost x openness) times the time they take; the best is found by dynamic programming over start
    and length of the last stretch. Openness is the square of the way from a stretch's start to its
    stop, over 12 times its variance: 0 where a movement comes back, 1 where it goes one way evenly,
    so that slow repetitions are not cut into pieces that resemble each other.

    Parameters
    ----------
    signal
        Shape (sample, 3).
    lengths
        Shape (length,): how many samples a stretch may take, rising, 2 or more.
    bands
        Shape (band, 2): the shortest and the longest of them that may come in one run.
    settings
        The floor: neighbours less alike than this take from a run's worth; what a change of
        length costs; the variance, summed over axes, below which nothing counts as alike; what
        openness costs.

    Returns
    -------
    list of (worth, edges)
        For each band: the worth in samples, and starts and stops, of shape (stretch, 2); no
        stretch if no two neighbours are alike.

    Raises
    ------
    InputError
        If shapes or lengths are not as described.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(80) / 20
    >>> signal = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> ((worth, edges),) = find_runs(
    ...     signal, np.arange(16, 27), np.array([[16, 26]]), (0.3, 1.0, 1e-3, 0.3)
    ... )
    >>> len(edges)
    4
    """
    _check(signal, lengths)
    if bands.ndim != 2 or bands.shape[1] != 2:
        raise InputError(f"bands: expected shape (band, 2), got {bands.shape}")
    fitting = lengths[2 * lengths < len(signal)]
    if not len(fitting):
        return [(0.0, np.empty((0, 2)))] * len(bands)
    floor, tempo_cost, *others = settings
    shape = (len(signal) + 1, len(fitting), len(bands))
    values, backs = np.zeros(shape), np.full(shape, -1, np.int32)
    pairs = _pair_up(fitting, bands, floor, tempo_cost)
    _run_forward(signal, fitting, pairs, tuple(others), values, backs)
    return [
        (float(worth), _trace(backs[:, :, b], fitting, int(s), int(k)))
        for b, (worth, s, k) in enumerate(_find_ends(values))
    ]


def _trace(backs: npt.NDArray[np.int32], lengths: Integers, start: int, length: int) -> Doubles:
    edges = []
    while start >= 0 and length >= 0:
        edges.append((start, start + lengths[length]))
        before = int(backs[start, length])
        start, length = start - int(lengths[before]), before
    return np.array(edges[::-1], np.float64).reshape(-1, 2)


def _check(signal: Doubles, lengths: Integers) -> None:
    if signal.ndim != 2 or signal.shape[1] != 3:
        raise InputError(f"signal: expected shape (sample, 3), got {signal.shape}")
    if lengths.ndim != 1 or not len(lengths) or lengths[0] < 2 or (np.diff(lengths) <= 0).any():
        raise InputError(f"lengths: expected rising numbers, 2 or more, got {lengths}")


@compiled(fastmath=True)
def _average(signal, edges, count, weights, mean):
    """Write the weighted mean shape of stretches that lie within the signal."""
    shape = np.empty(len(mean), np.float32)
    mean[:] = 0
    total = 0.0
    for i in range(count):
        if edges[i, 0] < 0 or edges[i, 1] > len(signal) - 1:
            continue
        _shape(signal, edges[i, 0], edges[i, 1] - edges[i, 0], shape)
        for j in range(len(mean)):
            mean[j] += weights[i] * shape[j]
        total += weights[i]
    for j in range(len(mean)):
        mean[j] /= max(total, 1e-12)


@compiled(fastmath=True)
def _weigh(signal, edges, count, mean, noise, weights):
    """Write how alike each stretch is to the mean, squared, 0.05 or more, into `weights`."""
    shape = np.empty(len(mean), np.float32)
    own = np.float32(0)
    for j in range(len(mean)):
        own += mean[j] ** 2
    own /= len(mean) // 3
    for i in range(count):
        square = _shape(signal, edges[i, 0], edges[i, 1] - edges[i, 0], shape)
        weights[i] = max(0.05, _alike(shape, mean, square + own + noise)) ** 2


@compiled(fastmath=True)
def _gain(known, lengths, mean, settings, gains):
    """Write what a stretch adds, by its start and length."""
    shapes, squares = known
    floor, tempo_cost, noise, typical, _ = settings
    own = np.float32(0)
    for j in range(len(mean)):
        own += mean[j] ** 2
    own /= len(mean) // 3
    for k in range(len(lengths)):
        change = np.log(lengths[k] / typical)
        cost = floor + tempo_cost * change * change
        for start in range(len(shapes) - lengths[k]):
            both = squares[start, k] + own + noise
            gains[start, k] = _alike(shapes[start, k], mean, both) - cost


@compiled(fastmath=True)
def _follow(gains, lengths, pause, values, backs):
    """Write the best worth by where the last stretch or pause stops."""
    values[0] = 0
    backs[0] = 0
    for stop in range(1, len(values)):
        values[stop], backs[stop] = 0, 0
        if values[stop - 1] > pause:
            values[stop], backs[stop] = values[stop - 1] - pause, -1
        for k in range(len(lengths)):
            start = stop - lengths[k]
            if start < 0:
                break
            value = values[start] + gains[start, k]
            if value > values[stop]:
                values[stop], backs[stop] = value, lengths[k]


@compiled()
def _walk_back(values, backs, edges):
    stop, count = np.argmax(values), 0
    while backs[stop] != 0:
        step = backs[stop]
        if step > 0:
            edges[count, 0], edges[count, 1] = stop - step, stop
            count += 1
        stop -= abs(step)
    for i in range(count // 2):
        for side in range(2):
            other = edges[count - 1 - i, side]
            edges[count - 1 - i, side] = edges[i, side]
            edges[i, side] = other
    return count


@compiled(fastmath=True)
def _follow_counts(gains, lengths, pause, values, backs):
    """Write the best worth by where the last stretch or pause stops and how many stretches."""
    most = values.shape[1] - 1
    values[:] = _NEVER
    values[:, 0] = 0
    backs[:] = 0
    for stop in range(1, len(values)):
        for count in range(1, most + 1):
            values[stop, count] = values[stop - 1, count] - pause
            backs[stop, count] = -1
        for k in range(len(lengths)):
            start = stop - lengths[k]
            if start < 0:
                break
            for count in range(most):
                value = values[start, count] + gains[start, k]
                if value > values[stop, count + 1]:
                    values[stop, count + 1] = value
                    backs[stop, count + 1] = lengths[k]


@compiled()
def _keep_better(values, backs, worths, edges):
    """Put what is worth more than what is known for its count in its place."""
    for count in range(1, len(worths)):
        stop = np.argmax(values[:, count])
        if values[stop, count] <= worths[count] or values[stop, count] < 0.5 * _NEVER:
            continue
        worths[count] = values[stop, count]
        left = count
        while left > 0:
            step = backs[stop, left]
            if step > 0:
                left -= 1
                edges[count, left, 0], edges[count, left, 1] = stop - step, stop
            stop -= abs(step)


@compiled()
def _shift(edges, part, out):
    if part == 0:
        out[: len(edges)] = edges
        return len(edges)
    for i in range(len(edges) - 1):
        out[i, 0] = edges[i, 0] + part * (edges[i, 1] - edges[i, 0])
        out[i, 1] = edges[i, 1] + part * (edges[i + 1, 1] - edges[i + 1, 0])
    return len(edges) - 1


@compiled()
def _follow_phases(signal, run, known, lengths, settings, gains):
    """Write the gains of each phase's mean shape, and return what each is worth."""
    noise, pause, phases = settings[2], settings[4], len(gains)
    mean = np.zeros(3 * _POINTS, np.float32)
    mine = np.zeros((len(run) + len(signal) // lengths[0] + 1, 2))
    weights = np.ones(len(mine))
    values, backs = np.zeros(len(signal)), np.zeros(len(signal), np.int64)
    worths = np.zeros(phases)
    for phase in range(phases):
        count = _shift(run, phase / phases, mine)
        for _ in range(_ROUNDS):
            if count == 0:
                break
            weights[:] = 1
            _average(signal, mine, count, weights, mean)
            _weigh(signal, mine, count, mean, noise, weights)
            _average(signal, mine, count, weights, mean)
            _gain(known, lengths, mean, settings, gains[phase])
            _follow(gains[phase], lengths, pause, values, backs)
            worths[phase] = values.max()
            count = _walk_back(values, backs, mine)
    return worths


@compiled()
def _follow_all(signal, run, lengths, settings, sizes, found):
    phases, kept = sizes
    worths, edges = found
    shapes = np.zeros((len(signal), len(lengths), 3 * _POINTS), np.float32)
    squares, opens = np.zeros(shapes.shape[:2], np.float32), np.zeros(shapes.shape[:2])
    _fill_shapes(signal, (0, len(signal)), lengths, shapes, squares, opens)
    gains = np.zeros((phases, len(signal), len(lengths)))
    free = _follow_phases(signal, run, (shapes, squares), lengths, settings, gains)
    values = np.zeros((len(signal), len(worths)))
    backs = np.zeros((len(signal), len(worths)), np.int64)
    for _ in range(kept):
        phase = np.argmax(free)
        _follow_counts(gains[phase], lengths, settings[4], values, backs)
        _keep_better(values, backs, worths, edges)
        free[phase] = -1


def follow_shape(
    signal: Doubles,
    run: Doubles,
    lengths: Integers,
    settings: tuple[float, float, float, float, float],
    *,
    phases: int = 12,
    kept: int = 4,
) -> tuple[Doubles, Integers]:
    """Cut a signal into any number of stretches of the mean shape of a run.

    Where a stretch begins is chance in a run; a movement begins at rest. So a mean shape is taken
    from the run shifted by each of several parts of a stretch, and the signal is cut into
    stretches alike to it, and pauses, so that the sum of (likeness - floor - cost x log(length /
    typical length)^2), less pauses, is greatest. The mean of these stretches, each by the square
    of its likeness, takes its place in a second round. The shapes that are worth most are
    followed once more for each number of stretches.

    Parameters
    ----------
    signal
        Shape (sample, 3).
    run
        Shape (stretch, 2): starts and stops, two stretches or more, that follow each other.
    lengths
        Shape (length,): how many samples a stretch may take, rising.
    settings
        The floor, what a change of length costs, the variance below which nothing counts as
        alike, the typical length in samples, and what a sample of pause between stretches costs.
    phases, kept
        At how many phases to begin, and how many of them to follow for each number.

    Returns
    -------
    worths
        Shape (count,): the greatest sum with 0, 1, 2, ... stretches; minus infinity where so many
        do not fit.
    edges
        Shape (count, stretch, 2): where they start and stop.

    Raises
    ------
    InputError
        If shapes or lengths are not as described.

    Examples
    --------
    >>> angle = 2 * np.pi * np.arange(81) / 20
    >>> signal = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    >>> run = np.array([[0.0, 20], [20, 40], [40, 60]])
    >>> worths, edges = follow_shape(signal, run, np.arange(16, 27), (0.5, 1, 1e-3, 20, 0.01))
    >>> int(worths.argmax()), edges[4, :4].tolist()
    (4, [[0, 20], [20, 40], [40, 60], [60, 80]])
    """
    _check(signal, lengths)
    if run.ndim != 2 or run.shape[1] != 2 or len(run) < 2:
        raise InputError(f"run: expected shape (stretch, 2), two or more, got {run.shape}")
    most = int(1.5 * len(signal) / settings[3]) + 2
    worths = np.full(most + 1, -np.inf)
    worths[0] = 0
    edges = np.zeros((most + 1, most, 2), np.int64)
    sizes = (phases, min(kept, phases))
    _follow_all(signal, run, lengths, settings, sizes, (worths, edges))
    return worths, edges
