"""Files that appear whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from workoutlab.errors import InputError

__all__ = ["check_target", "write_files"]


def check_target(path: str | Path) -> Path:
    """Return the absolute path of a file that can be written.

    Raises
    ------
    InputError
        If it is none of this machine, a folder, or in a folder that is not there.

    Examples
    --------
    >>> check_target("s3://bucket/ann.onnx")
    Traceback (most recent call last):
    ...
    workoutlab.errors.InputError: export to s3://bucket/ann.onnx: expected a file on this machine...
    """
    if "://" in str(path):
        raise InputError(f"export to {path}: expected a file on this machine; copy it from there")
    target = Path(path).expanduser().absolute()
    if target.is_dir():
        raise InputError(f"export to {target}: it is a folder; name a file in it")
    if not target.parent.is_dir():
        raise InputError(f"export to {target}: there is no folder {target.parent}; make it first")
    return target


def write_files(contents: Mapping[Path, bytes]) -> tuple[Path, ...]:
    """Write files, none of which is ever seen cut short, and return their paths.

    All are on disk before the first takes its name; what was there before is replaced.
    """
    drafts = {path: path.with_name(f".{path.name}.{uuid4().hex}") for path in contents}
    try:
        for path, content in contents.items():
            with drafts[path].open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, draft in drafts.items():
            draft.replace(path)
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    return tuple(contents)
