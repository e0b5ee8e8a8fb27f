"""Sixteen float32 numbers in one variable, for Numba kernels that work on sixteen signals at once.

The compiler cannot turn a butterfly of a Fourier transform into vector instructions by itself: it
cannot know that the arrays read and the arrays written do not overlap. A variable that holds
sixteen numbers leaves it no choice; on machines with narrower registers it splits them.

Kernels are cached on disk by the file that holds them: after a change here, change that file too.
"""

# mypy: disable-error-code="untyped-decorator"
# ruff: noqa: ARG001
# Numba has no types of its own, and reads the names of arguments whether they are used or not.

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has none
from numba import types
from numba.extending import intrinsic, models, overload, register_model

__all__ = [
    "WIDTH",
    "choose_greater",
    "clean_rows",
    "count_crossings",
    "larger",
    "load",
    "log2",
    "root",
    "smaller",
    "sort_rows",
    "spread",
    "store",
    "transpose",
]

WIDTH: Final = 16
"""How many numbers one variable holds."""

_FLOATS: Final = ir.VectorType(ir.FloatType(), WIDTH)
_INTS: Final = ir.VectorType(ir.IntType(32), WIDTH)
_FLAGS: Final = ("contract", "nsz")  # allow fused multiply-add; NaN and infinity keep their meaning
_CHEBYSHEV: Final = np.polynomial.Chebyshev.interpolate(np.log2, 7, domain=[1, 2])
_LOG2: Final[tuple[float, ...]] = tuple(np.polynomial.chebyshev.cheb2poly(_CHEBYSHEV.coef).tolist())
"""Log2 of (u + 3) / 2 for u in -1..1, by powers of u."""


class _LanesType(types.Type):  # type: ignore[misc]  # numba has no types
    def __init__(self) -> None:
        super().__init__(name=f"Lanes({WIDTH} x float32)")


_LANES: Final = _LanesType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]  # numba has no types
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _FLOATS)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    place = builder.gep(view.data, [index], source_etype=ir.FloatType())
    return builder.bitcast(place, _FLOATS.as_pointer())


def _constant(kind: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(kind, [value] * WIDTH)


@intrinsic
def load(_: Any, array: Any, index: Any) -> Any:
    """Sixteen neighbours of a contiguous float32 array, from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.load(place, align=4, typ=_FLOATS)

    return _LANES(array, types.intp), generate


@intrinsic
def store(_: Any, array: Any, index: Any, value: Any) -> Any:
    """Write `value` to a contiguous float32 array, from `index` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _address(context, builder, signature.args[0], args[0], args[1])
        builder.store(args[2], place, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _LANES), generate


@intrinsic
def spread(_: Any, number: Any) -> Any:
    """One float32 in all sixteen places."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        empty = ir.Constant(_FLOATS, ir.Undefined)
        first = builder.insert_element(empty, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, empty, _constant(_INTS, 0))

    return _LANES(types.float32), generate


@intrinsic
def choose_greater(_: Any, left: Any, right: Any, yes: Any, no: Any) -> Any:
    """`yes` where `left` > `right`, else `no`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[2], args[3])

    return _LANES(_LANES, _LANES, _LANES, _LANES), generate


@intrinsic
def smaller(_: Any, left: Any, right: Any) -> Any:
    """Return the smaller of each two."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[0], args[1])

    return _LANES(_LANES, _LANES), generate


@intrinsic
def larger(_: Any, left: Any, right: Any) -> Any:
    """Return the larger of each two."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return _LANES(_LANES, _LANES), generate


@intrinsic
def count_crossings(_: Any, before: Any, after: Any, level: Any, skip: Any) -> Any:
    """Return in how many places one is above the level and the other is not, less some at first."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        above = [builder.fcmp_ordered(">", value, args[2]) for value in args[:2]]
        bits = builder.bitcast(builder.xor(*above), ir.IntType(WIDTH))
        return builder.ctpop(builder.lshr(builder.zext(bits, ir.IntType(64)), args[3]))

    return types.int64(_LANES, _LANES, _LANES, types.int64), generate


@intrinsic
def root(_: Any, value: Any) -> Any:
    """Square root."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS])
        name = f"llvm.sqrt.v{WIDTH}f32"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        return builder.call(function, args)

    return _LANES(_LANES), generate


def _transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """Swap rows and columns: first halves with halves, then quarters with quarters, and so on."""
    apart = WIDTH // 2
    while apart:
        left = [c if not c & apart else WIDTH + c - apart for c in range(WIDTH)]
        right = [c + apart if not c & apart else WIDTH + c for c in range(WIDTH)]
        done = list(rows)
        for i in range(WIDTH):
            if not i & apart:
                pair = rows[i], rows[i + apart]
                done[i] = builder.shuffle_vector(*pair, ir.Constant(_INTS, left))
                done[i + apart] = builder.shuffle_vector(*pair, ir.Constant(_INTS, right))
        rows, apart = done, apart // 2
    return rows


@intrinsic
def transpose(_: Any, values: Any, starts: Any, shift: Any, rows: Any, place: Any) -> Any:
    """Sixteen numbers from each of sixteen `starts` plus `shift` on, as columns of sixteen rows.

    The rows are written to a contiguous float32 array, from `place` on.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = context.make_array(signature.args[1])(context, builder, args[1])
        read = []
        for lane in range(WIDTH):
            at = builder.gep(here.data, [ir.Constant(ir.IntType(64), lane)])
            index = builder.add(builder.load(at), args[2])
            source = _address(context, builder, signature.args[0], args[0], index)
            read.append(builder.load(source, align=4, typ=_FLOATS))
        for i, row in enumerate(_transpose(builder, read)):
            index = builder.add(args[4], ir.Constant(ir.IntType(64), i * WIDTH))
            target = _address(context, builder, signature.args[3], args[3], index)
            builder.store(row, target, align=4)
        return context.get_dummy_value()

    return types.void(values, starts, types.intp, rows, types.intp), generate


def _half_cleaners() -> list[tuple[int, int]]:
    """Return what sorts sixteen rows that rise, then fall (or fall, then rise)."""
    apart, pairs = WIDTH // 2, []
    while apart:
        pairs += [(i, i + apart) for i in range(WIDTH) if not i & apart]
        apart //= 2
    return pairs


def _exchanges() -> list[tuple[int, int]]:
    """Return what sorts sixteen rows: merge exchange (Knuth, volume 3, 5.2.2, algorithm M)."""
    pairs, part = [], WIDTH // 2
    while part:
        reach, rest, apart = WIDTH // 2, 0, part
        while apart > 0:
            pairs += [(i, i + apart) for i in range(WIDTH - apart) if i & part == rest]
            apart, reach, rest = reach - part, reach // 2, part
        part //= 2
    return pairs


def _compare_rows(pairs: list[tuple[int, int]]) -> Callable[..., Any]:
    def declare(_: Any, rows: Any, place: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at = [builder.add(args[1], args[1].type(i * WIDTH)) for i in range(WIDTH)]
            at = [_address(context, builder, signature.args[0], args[0], index) for index in at]
            held = [builder.load(address, align=4, typ=_FLOATS) for address in at]
            for i, j in pairs:
                one, other = held[i], held[j]
                held[i] = builder.select(builder.fcmp_ordered("<", one, other), one, other)
                held[j] = builder.select(builder.fcmp_ordered(">", one, other), one, other)
            for address, row in zip(at, held, strict=True):
                builder.store(row, address, align=4)
            return context.get_dummy_value()

        return types.void(rows, types.intp), generate

    return declare


@intrinsic
def log2(_: Any, value: Any) -> Any:
    """Logarithm to base 2 of numbers >= 0, to 1e-6 absolute; -127 for 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], _INTS)
        exponent = builder.lshr(bits, _constant(_INTS, 23))
        exponent = builder.sitofp(builder.sub(exponent, _constant(_INTS, 127)), _FLOATS)
        mantissa = builder.and_(bits, _constant(_INTS, 0x007FFFFF))
        mantissa = builder.bitcast(builder.or_(mantissa, _constant(_INTS, 0x3F800000)), _FLOATS)
        centred = builder.fsub(builder.fadd(mantissa, mantissa), _constant(_FLOATS, 3.0))
        total = _constant(_FLOATS, _LOG2[-1])
        for coefficient in _LOG2[-2::-1]:
            total = builder.fmul(total, centred, flags=_FLAGS)
            total = builder.fadd(total, _constant(_FLOATS, coefficient), flags=_FLAGS)
        return builder.fadd(exponent, total, flags=_FLAGS)

    return _LANES(_LANES), generate


sort_rows = intrinsic(_compare_rows(_exchanges()))
"""Sort sixteen rows of a contiguous float32 array, lane by lane, from an index on."""

clean_rows = intrinsic(_compare_rows(_half_cleaners()))
"""Sort sixteen rows that rise, then fall (or fall, then rise), lane by lane."""


def _arithmetic(operation: Callable[..., Any], instruction: str) -> None:
    @intrinsic
    def apply(_: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(args[0], args[1], flags=_FLAGS)

        return _LANES(_LANES, _LANES), generate

    @overload(operation)
    def implement(left: Any, right: Any) -> Any:
        def implementation(left: Any, right: Any) -> Any:
            return apply(left, right)

        return implementation if left is _LANES and right is _LANES else None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
