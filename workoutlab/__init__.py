"""Workout analytics on Dask: from wrist accelerometer recordings to personal models.

The names below are the public interface. Each is imported when it is first used, so that
``import workoutlab`` stays fast although torch, dask and numba lie behind it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workoutlab.cluster import connect
    from workoutlab.ingest import ingest
    from workoutlab.lab import Lab
    from workoutlab.recording import LabelledSet, Recording

__version__ = "0.1.0"

_HOMES = {
    "Lab": "workoutlab.lab",
    "LabelledSet": "workoutlab.recording",
    "Recording": "workoutlab.recording",
    "connect": "workoutlab.cluster",
    "ingest": "workoutlab.ingest",
}

__all__ = [
    "Lab",
    "LabelledSet",
    "Recording",
    "__version__",
    "connect",
    "ingest",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'workoutlab' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
