"""Digests of code: what tells that the same call would now compute something else."""

import hashlib
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final

import numpy as np

from workoutlab.errors import InputError

__all__ = ["DECISIVE", "digest_function", "digest_modules"]

DECISIVE: Final = (
    "kernels",
    "signals/calibration.py",
    "signals/compute.py",
    "signals/filters.py",
    "signals/grid.py",
    "signals/inputs.py",
    "signals/own.py",
    "signals/preparation.py",
    "signals/statistics.py",
    "signals/tiles.py",
    "signals/windows.py",
)
"""The code that decides what windows become. Which segments there are shows in the plan."""

_PLAIN: Final = (type(None), bool, int, float, complex, str, bytes, type(...))


@cache
def digest_modules(names: tuple[str, ...] = DECISIVE) -> str:
    """Return the SHA-256, in hex, of modules of workoutlab.

    Parameters
    ----------
    names
        Files, or folders of them, by their path in the package.

    Examples
    --------
    >>> digest_modules(("errors.py",)) == digest_modules(("schema.py",))
    False
    """
    digest = hashlib.sha256()
    for name in names:
        place = files("workoutlab").joinpath(name)
        modules = sorted(place.iterdir(), key=lambda file: file.name) if place.is_dir() else [place]
        for module in modules:
            if module.name.endswith(".py"):
                digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()


def digest_function(function: Callable[..., Any]) -> str:
    """Return a SHA-256, in hex, of what a function does.

    It covers the byte code with its constants, defaults, the values that it closes over, and the
    globals that it names: functions of Python and Numba among these in the same way, modules and
    classes by their name alone. So it changes with a threshold that is edited or closed over, not
    with a comment or the line that the function is on; it does not see another version of a
    library, and differs between versions of Python.

    Raises
    ------
    InputError
        If it is no function, or holds something that cannot be told apart.

    Examples
    --------
    >>> def above(limit):
    ...     return lambda values, rate_hz: (values > limit).mean()
    >>> digest_function(above(1)) == digest_function(above(1))
    True
    >>> digest_function(above(1)) == digest_function(above(2))
    False
    """
    digest = hashlib.sha256()
    for part in _describe(function, set()):
        digest.update(part + b"\n")
    return digest.hexdigest()


def _describe(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield what tells a value from others; a function that is met again is named alone."""
    function = getattr(value, "py_func", value)  # what Numba compiled
    if isinstance(value, _PLAIN):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, np.ndarray | np.generic):
        yield f"array {value.dtype.str} {value.shape}".encode() + value.tobytes()
    elif isinstance(function, types.FunctionType):
        yield b"function"
        if id(function) not in seen:
            seen.add(id(function))
            yield from _describe_function(function, seen)
    elif isinstance(value, partial):
        yield b"partial"
        yield from _describe((value.func, value.args, value.keywords), seen)
    elif isinstance(value, types.MethodType):
        yield b"method"
        yield from _describe((value.__func__, value.__self__), seen)
    elif isinstance(value, Mapping | AbstractSet | Sequence):
        yield from _describe_collection(value, seen)
    elif (name := _find_name(value)) is not None:
        yield name.encode()
    else:
        yield from _describe_object(value, seen)


def _find_name(value: Any) -> str | None:
    """Return the name by which modules, classes and functions not written in Python are known."""
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, type | np.ufunc) or inspect.isroutine(value):
        home = getattr(value, "__module__", None) or type(value).__module__
        return f"{home}.{getattr(value, '__qualname__', value.__name__)}"
    return None


def _describe_function(function: types.FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield from _describe((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        yield from _describe(cell.cell_contents, seen)
    yield from _describe_code(function.__code__, function.__globals__, seen)


def _describe_code(
    code: types.CodeType, scope: Mapping[str, Any], seen: set[int]
) -> Iterator[bytes]:
    yield code.co_code
    yield from _describe((code.co_names, code.co_varnames, code.co_argcount), seen)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _describe_code(constant, scope, seen)
        else:
            yield from _describe(constant, seen)
    for name in code.co_names:
        if name in scope:
            yield from _describe(scope[name], seen)


def _describe_collection(value: Any, seen: set[int]) -> Iterator[bytes]:
    yield f"{type(value).__name__} {len(value)}".encode()
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from _describe(key, seen)
            yield from _describe(held, seen)
    elif isinstance(value, AbstractSet):  # whose order differs between processes
        yield from sorted(b" ".join(_describe(each, set(seen))) for each in value)
    else:
        for each in value:
            yield from _describe(each, seen)


def _describe_object(value: Any, seen: set[int]) -> Iterator[bytes]:
    state = getattr(value, "__dict__", None)
    if state is None or id(value) in seen:
        raise InputError(
            f"{value!r} cannot be told from others of its kind, so that a change would go "
            "unnoticed: keep numbers, text, arrays and functions where an own feature uses it"
        )
    seen.add(id(value))
    yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
    yield from _describe((vars(type(value)).get("__call__"), state), seen)
