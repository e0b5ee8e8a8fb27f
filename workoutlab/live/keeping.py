"""A session's state as bytes: named arrays and JSON, which nothing can hide code in."""

import json
from typing import Any, Final

import numpy as np

from workoutlab.errors import InputError

__all__ = ["pack", "unpack"]

_ARRAY: Final = "__array__"
_TREE: Final = "workoutlab.live"


def pack(tree: dict[str, Any]) -> bytes:
    """Return a tree of dicts, lists, arrays, numbers and texts as a safetensors file's bytes.

    Arrays keep their dtype and shape; numbers their last bit. NumPy's numbers become Python's.

    Examples
    --------
    >>> unpack(pack({"of": [np.arange(3), {"rate": 0.1}]}))
    {'of': [array([0, 1, 2]), {'rate': 0.1}]}
    """
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray[Any, Any]] = {}
    text = json.dumps(_fold(tree, arrays))
    kept: bytes = save(arrays, metadata={_TREE: text})
    return kept


def unpack(data: bytes) -> dict[str, Any]:
    """Return the tree that :func:`pack` was given.

    Raises
    ------
    InputError
        If the bytes are not those of a session.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        size = int.from_bytes(bytes(data[:8]), "little")
        header = json.loads(bytes(data[8 : 8 + size]))
        tree: dict[str, Any] = _unfold(json.loads(header["__metadata__"][_TREE]), load(bytes(data)))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "state: expected the bytes that LiveSession.state() returned, got others, or only a "
            f"part of them: {type(error).__name__}: {error}"
        ) from error
    return tree


def _fold(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.ascontiguousarray(value)
        return {_ARRAY: name}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: _fold(each, arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_fold(each, arrays) for each in value]
    return value


def _unfold(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _unfold(each, arrays) for key, each in value.items()}
    if isinstance(value, list):
        return [_unfold(each, arrays) for each in value]
    return value
