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

__all__ = ["WIDTH", "choose_greater", "load", "log2", "spread", "store"]

WIDTH: Final = 16
"""How many numbers one variable holds."""

_FLOATS: Final = ir.VectorType(ir.FloatType(), WIDTH)
_INTS: Final = ir.VectorType(ir.IntType(32), WIDTH)
_FLAGS: Final = ("contract", "nsz")  # allow fused multiply-add; NaN and infinity keep their meaning
_CHEBYSHEV: Final = np.polynomial.Chebyshev.interpolate(np.log2, 9, domain=[1, 2])
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
