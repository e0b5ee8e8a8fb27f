"""An epoch of gradient descent on a multi-layer perceptron, as one compiled function.

A step on 30 windows takes some 70 microseconds of arithmetic, in a dozen matrix products. Called
one by one from Python, each would wait about as long for its turn as it computes. Here SciPy's
BLAS is called from compiled code, a gradient's product adds to the decayed velocity right away,
and all between two products (biases, ReLU, dropped units, softmax, errors) is one pass.

The layer that meets the windows comes in two forms, see :class:`Layout`.
"""

# mypy: disable-error-code="untyped-decorator"

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite.binding import add_symbol  # type: ignore[import-untyped]  # it has none
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic

from workoutlab.kernels.compiled import compiled

__all__ = ["Batches", "Descent", "Layout", "State", "train_epoch"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

# A name instead of an address, because machine code kept on disk outlives the address.
add_symbol("workoutlab_sgemm", get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))
_sgemm: Final = types.ExternalFunction("workoutlab_sgemm", types.void(*[types.voidptr] * 13))

_PLAIN: Final = ord("N")
_TURNED: Final = ord("T")
_TILE: Final = 96
"""Rows of a weight matrix that are moved at a time: their velocities are still in the cache."""


class Layout(NamedTuple):
    """Where each layer's numbers lie in the flat arrays of :class:`State`.

    A network of n layers has n + 1 planes: the rows of a batch's windows, then the outputs of
    each layer; the last plane holds the scores. In the others a row has a 1 behind the last unit,
    which meets the next layer's biases.

    Parameters
    ----------
    dual
        Whether the first matrix holds the products of the first layer's weights with every
        window, instead of those weights. The inputs are then the inner products between windows:
        a step with errors D of the windows b adds the gradient ``inputs[:, b] @ D`` to the
        products, as one with errors D would add ``inputs[b].T @ D`` to the weights.
    units
        Of each plane, without the column of ones; the first is the number of columns of
        `State.inputs`. Shape (layer + 1,).
    weights
        Start of each layer's matrix, and the end of the last; shape (layer + 1,).
    planes, strides
        Start of each plane, and numbers from one of its rows to the next; shape (layer + 1,).
    """

    dual: bool
    units: Integers
    weights: Integers
    planes: Integers
    strides: Integers


class State(NamedTuple):
    """What training reads and changes, float32.

    Parameters
    ----------
    inputs
        A row for each window, shape (window, `Layout.units[0]`).
    weights, velocities
        Flat, layer after layer; in a layer's matrix (input, output) the last row holds biases.
    outputs, errors
        Flat, plane after plane.
    moves
        Shape (window, first layer's output): the sum of errors by which the first layer's weights
        have been moved, times `Batches.impulses`. Of the dual form only.
    """

    inputs: Floats
    weights: Floats
    velocities: Floats
    outputs: Floats
    errors: Floats
    moves: Floats


class Batches(NamedTuple):
    """The windows of an epoch, and which units each of them drops.

    Parameters
    ----------
    size
        Windows in a step; the last has what is left.
    order
        Shape (row,), the window of each row.
    targets
        Shape (window,).
    rates, impulses
        Of each step, float32; `impulses` is by how much a gradient of 1 moves a weight until the
        end of training.
    bits, units
        A random int32 for each row, and one for each pair of hidden units.
    """

    size: int
    order: Integers
    targets: Integers
    rates: Floats
    impulses: Floats
    bits: npt.NDArray[np.int32]
    units: npt.NDArray[np.int32]


class Descent(NamedTuple):
    """How weights move, besides the rate."""

    momentum: float
    weight_decay: float
    smoothing: float
    keep: float


class _Product(NamedTuple):
    """A matrix product as BLAS is told of it: ``out = scale * first @ second + kept * out``."""

    rows: int
    columns: int
    inner: int
    strides: tuple[int, int, int]
    turned: tuple[bool, bool]
    scale: float
    kept: float


@intrinsic
def _address(_: Any, array: Any) -> Any:
    """Return where an array's numbers begin."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, values[0])
        return builder.bitcast(view.data, cgutils.voidptr_t)

    return types.voidptr(array), generate


@compiled()
def _multiply(product: Any, first: Any, second: Any, out: Any) -> None:
    """Write a product to `out`; BLAS takes columns for rows, so the factors change places."""
    # Addresses of 64-bit numbers: those of the 32-bit ones that BLAS may want are the same.
    sizes = np.empty(8, np.int64)
    sizes[0], sizes[1], sizes[2] = product.columns, product.rows, product.inner
    sizes[3], sizes[4], sizes[5] = product.strides
    sizes[6] = _TURNED if product.turned[0] else _PLAIN
    sizes[7] = _TURNED if product.turned[1] else _PLAIN
    scales = np.empty(2, np.float32)
    scales[0], scales[1] = product.scale, product.kept
    _sgemm(
        _address(sizes[7:]),
        _address(sizes[6:]),
        _address(sizes),
        _address(sizes[1:]),
        _address(sizes[2:]),
        _address(scales),
        _address(second),
        _address(sizes[4:]),
        _address(first),
        _address(sizes[3:]),
        _address(scales[1:]),
        _address(out),
        _address(sizes[5:]),
    )


@compiled()
def _draw(words: Any, bits: Any, units: Any) -> None:
    """Write a random 32-bit integer for each pair of units of a row (see `drop_units`)."""
    for place in range(len(words)):
        word = np.uint32(bits + units[place])
        word = np.uint32((word ^ (word >> np.uint32(16))) * np.uint32(0x7FEB352D))
        word = np.uint32((word ^ (word >> np.uint32(15))) * np.uint32(0x846CA68B))
        words[place] = np.uint32(word ^ (word >> np.uint32(16)))


@compiled()
def _cut(row: Any, halves: Any, limit: int, grow: float) -> None:
    """Make a row's negative activations 0, and those of dropped units; scale up the others."""
    for unit in range(len(row)):
        value = row[unit]
        row[unit] = value * grow if (value > 0) and (halves[unit] < limit) else np.float32(0)


@compiled()
def _keep_all(words: Any) -> None:
    for row in range(len(words)):
        for place in range(words.shape[1]):
            words[row, place] = 2**31 + 2**15  # both halves are the lowest of 16 bits


@compiled()
def _drop(batches: Any, start: int, rows: int, words: Any) -> None:
    """Write the random numbers of a step's units."""
    for row in range(rows):
        _draw(words[row], batches.bits[start + row], batches.units)


@compiled()
def _copy(source: Any, out: Any) -> None:
    for place in range(len(source)):
        out[place] = source[place]


@compiled()
def _enter(layout: Any, state: Any, windows: Any) -> None:
    """Gather a step's windows, and write their products with the first layer's weights."""
    rows, stride = len(windows), layout.strides[0]
    for row in range(rows):
        _copy(state.inputs[windows[row]], state.outputs[row * stride :])
    if not layout.dual:
        _pass_on(layout, state, 0, rows)
        return
    stride, units, start = layout.strides[1], layout.units[1], layout.planes[1]
    for row in range(rows):
        place = windows[row] * units
        _copy(state.weights[place : place + units], state.outputs[start + row * stride :])


@compiled()
def _pass_on(layout: Any, state: Any, layer: int, rows: int) -> None:
    """Write the products of a plane with its layer's weights to the next plane."""
    units = layout.units[layer + 1]
    product = _Product(
        rows,
        units,
        layout.units[layer] + 1,
        (layout.strides[layer], units, layout.strides[layer + 1]),
        (False, False),
        1.0,
        0.0,
    )
    _multiply(
        product,
        state.outputs[layout.planes[layer] :],
        state.weights[layout.weights[layer] :],
        state.outputs[layout.planes[layer + 1] :],
    )


@compiled()
def _activate(layout: Any, state: Any, layer: int, halves: Any, keep: float) -> None:
    """Make products the inputs of the next layer: ReLU, and units dropped."""
    stride, units = layout.strides[layer], layout.units[layer]
    first = 0
    for before in range(1, layer):
        first += layout.units[before]
    limit, grow = np.int32(round(keep * 2**16) - 2**15), np.float32(1 / keep)
    for row in range(len(halves)):
        start = layout.planes[layer] + row * stride
        _cut(state.outputs[start : start + units], halves[row, first:], limit, grow)


@compiled()
def _compare(layout: Any, state: Any, windows: Any, targets: Any, smoothing: float) -> float:
    """Write the errors of the scores, and return the sum of cross-entropies.

    The gradient of the softmax's cross-entropy is the difference of probability and target.
    """
    classes, stride = layout.units[-1], layout.strides[-1]
    shared, hot = np.float32(smoothing / classes), np.float32(1 - smoothing)
    loss = 0.0
    for row in range(len(windows)):
        target = targets[windows[row]]
        start = layout.planes[-1] + row * stride
        scores = state.outputs[start : start + classes]
        errors = state.errors[start : start + classes]
        top, total, summed = scores[0], np.float32(0), np.float32(0)
        for place in range(classes):
            top = max(top, scores[place])
            summed += scores[place]
        for place in range(classes):
            errors[place] = np.exp(scores[place] - top)
            total += errors[place]
        for place in range(classes):
            errors[place] = errors[place] / total - shared
        errors[target] -= hot
        loss += np.log(total) + top - hot * scores[target] - shared * summed
    return loss


@compiled()
def _block(values: Any, inputs: Any) -> None:
    """Let no error through units that gave 0."""
    for unit in range(len(values)):
        values[unit] = values[unit] if inputs[unit] > 0 else np.float32(0)


@compiled()
def _move(weights: Any, velocities: Any, rate: float, decay: float) -> None:
    if decay:
        for place in range(len(weights)):
            velocity = velocities[place] + decay * weights[place]
            velocities[place] = velocity
            weights[place] -= rate * velocity
    else:
        for place in range(len(weights)):
            weights[place] -= rate * velocities[place]


@compiled()
def _go_back(layout: Any, state: Any, layer: int, rows: int, grow: float) -> None:
    """Write the errors of a hidden layer's outputs."""
    units, stride = layout.units[layer], layout.strides[layer]
    after = layout.units[layer + 1]
    product = _Product(
        rows,
        units,
        after,
        (layout.strides[layer + 1], after, stride),
        (False, True),
        grow,
        0.0,
    )
    _multiply(
        product,
        state.errors[layout.planes[layer + 1] :],
        state.weights[layout.weights[layer] :],
        state.errors[layout.planes[layer] :],
    )
    for row in range(rows):
        start = layout.planes[layer] + row * stride
        _block(state.errors[start : start + units], state.outputs[start : start + units])


@compiled()
def _learn(layout: Any, state: Any, layer: int, rows: int, descent: Any, rate: float) -> None:
    """Move a layer's matrix by the errors of its outputs."""
    units, start, end = layout.units[layer + 1], layout.weights[layer], layout.weights[layer + 1]
    pace, decay = np.float32(rate), np.float32(descent.weight_decay)
    inputs = state.outputs[layout.planes[layer] :]
    errors = state.errors[layout.planes[layer + 1] :]
    length = (end - start) // units
    strides = (layout.strides[layer], layout.strides[layer + 1], units)
    for tile in range(0, length, _TILE):
        size = min(_TILE, length - tile)
        place = slice(start + tile * units, start + (tile + size) * units)
        velocities = state.velocities[place]
        product = _Product(size, units, rows, strides, (True, False), 1 / rows, descent.momentum)
        _multiply(product, inputs[tile:], errors, velocities)
        _move(state.weights[place], velocities, pace, decay)


@compiled()
def _note(layout: Any, state: Any, windows: Any, impulse: float) -> None:
    """Add a step's errors to the moves of the first layer's weights."""
    units, stride, start = layout.units[1], layout.strides[1], layout.planes[1]
    weight = np.float32(impulse / len(windows))
    for row in range(len(windows)):
        moves = state.moves[windows[row]]
        errors = state.errors[start + row * stride : start + row * stride + units]
        for unit in range(units):
            moves[unit] += weight * errors[unit]


@compiled()
def train_epoch(layout: Any, state: Any, batches: Any, descent: Any) -> float:
    """Train for an epoch, and return the sum of its windows' cross-entropies.

    Parameters
    ----------
    layout
        A :class:`Layout`.
    state
        A :class:`State`.
    batches
        A :class:`Batches`.
    descent
        A :class:`Descent`.
    """
    layers = len(layout.units) - 1
    words = np.empty((batches.size, len(batches.units)), np.uint32)
    halves = words.view(np.int16)
    _keep_all(words)
    loss = 0.0
    for step, start in enumerate(range(0, len(batches.order), batches.size)):
        windows = batches.order[start : start + batches.size]
        rows = len(windows)
        if descent.keep < 1:
            _drop(batches, start, rows, words)
        _enter(layout, state, windows)
        for layer in range(1, layers):
            _activate(layout, state, layer, halves[:rows], descent.keep)
            _pass_on(layout, state, layer, rows)
        loss += _compare(layout, state, windows, batches.targets, descent.smoothing)
        for layer in range(layers - 1, -1, -1):
            if layer:
                _go_back(layout, state, layer, rows, 1 / descent.keep)
            _learn(layout, state, layer, rows, descent, batches.rates[step])
        if layout.dual:
            _note(layout, state, windows, batches.impulses[step])
    return loss
