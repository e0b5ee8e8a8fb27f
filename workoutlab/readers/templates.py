"""What a file's path tells about the recording in it."""

import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from workoutlab.errors import InputError

__all__ = ["check_names", "compile_template", "match_template"]

_HOLE = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})+))?\}|\*")


@lru_cache(maxsize=64)
def compile_template(template: str) -> re.Pattern[str]:
    r"""Compile a template of paths such as ``{user}/{session}_{device}.csv``.

    ``{name}`` stands for one character or more, as many as possible, ``{name:regex}`` for what
    the regular expression matches, ``*`` for anything; none of them crosses a ``/``. A name that
    comes again must stand for the same text.

    Raises
    ------
    InputError
        If it is not a template, or a regular expression in it is not one.

    Examples
    --------
    >>> compile_template(r"{user:s\d+}/{user}_*.csv").fullmatch("s01/s01_02.csv")["user"]
    's01'
    """
    pattern, end, seen = "", 0, set[str]()
    for hole in _HOLE.finditer(template):
        pattern += re.escape(template[end : hole.start()])
        end = hole.end()
        name, inner = hole[1], hole[2] or "[^/]+"
        if name is None:
            pattern += "[^/]*"
        elif name in seen:
            pattern += f"(?P={name})"
        else:
            pattern += f"(?P<{name}>{inner})"
            seen.add(name)
    rest = template[end:]
    if "{" in rest or "}" in rest:
        raise InputError(f"path: expected {{name}}, {{name:regex}} and * only, got {template!r}")
    try:
        return re.compile(pattern + re.escape(rest), re.ASCII)
    except re.error as error:
        raise InputError(f"path: {template!r} holds a bad regular expression: {error}") from error


def check_names(template: str, valid: Collection[str]) -> list[str]:
    """Return the names in a template if all are among `valid`.

    Raises
    ------
    InputError
        Naming the others, and the valid ones.
    """
    names = list(compile_template(template).groupindex)
    unknown = [name for name in names if name not in valid]
    if unknown:
        raise InputError(
            f"path: {', '.join(unknown)} in {template!r}; a path can tell {', '.join(valid)}; "
            "write * for the rest"
        )
    return names


def match_template(template: str, path: Path) -> dict[str, str] | None:
    """Match the end of a path, as many folders as the template has; None if it does not fit.

    Examples
    --------
    >>> match_template("{user}/{session}_{device}.csv", Path("geotec/s01/s01_02_sw.csv"))
    {'user': 's01', 'session': 's01_02', 'device': 'sw'}
    """
    parts = path.parts[-(template.count("/") + 1) :]
    match = compile_template(template).fullmatch("/".join(parts))
    return match.groupdict() if match else None
