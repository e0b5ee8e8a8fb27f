"""What a lab holds, in numbers."""

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import zarr
from zarr.core.sync import sync  # the one way to wait for zarr's own event loop

from workoutlab.errors import NotInLabError
from workoutlab.schema import RECORDINGS
from workoutlab.store import layout, tables
from workoutlab.store.arrays import list_groups, open_array, open_group
from workoutlab.store.failures import reading
from workoutlab.store.found import count_found
from workoutlab.store.labels import read_sets
from workoutlab.store.networks import NETWORKS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OF_MODELS", "LabInfo", "count", "list_models", "measure_chunks", "tidy_models"]

_MEASURED = 64
"""Chunks whose stored size is looked up, at most."""

OF_MODELS: Final = (
    *("user", "kind", "reason", "classes", "score", "criterion", "windows", "sets", "recordings"),
    *("simulated", "snapshot", "trained_ns", "source"),
)
"""Columns that are listed of models."""


@dataclass(frozen=True)
class LabInfo:
    """What a lab holds at a snapshot, in numbers.

    Parameters
    ----------
    url
        Where the lab is.
    people, sessions, recordings, sets, samples
        How many; of sets, those that count.
    corrected
        How many of the sets corrections made.
    found
        Sets that were found in recordings.
    hours
        Hours recorded.
    simulated
        How many of the recordings the simulator made.
    features, models
        Names of the saved features, and of the models.
    size_bytes
        Bytes that the lab takes, its history included.
    snapshot, time
        The snapshot, and when it was made.
    """

    url: str
    people: int
    sessions: int
    recordings: int
    sets: int
    corrected: int
    found: int
    samples: int
    hours: float
    simulated: int
    features: tuple[str, ...]
    models: tuple[str, ...]
    size_bytes: int
    snapshot: str
    time: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {**asdict(self), "time": self.time.isoformat()}

    def _lines(self) -> dict[str, str]:
        simulated = f" ({self.simulated:,} simulated)" if self.simulated else ""
        corrected = f" ({self.corrected:,} by correction)" if self.corrected else ""
        return {
            "people": f"{self.people:,}",
            "sessions": f"{self.sessions:,}",
            "recordings": f"{self.recordings:,}{simulated}",
            "sets": f"{self.sets:,}{corrected}",
            **({"found sets": f"{self.found:,}"} if self.found else {}),
            "samples": f"{self.samples:,} ({self.hours:.2f} hours)",
            "features": ", ".join(self.features) or "none saved",
            "models": ", ".join(self.models) or "none trained",
            "size": f"{self.size_bytes / 1e6:.1f} MB",
            "snapshot": f"{self.snapshot}, {self.time:%Y-%m-%d %H:%M:%S} UTC",
        }

    def __str__(self) -> str:
        lines = (f"{name:<12}{text}" for name, text in self._lines().items())
        return "\n".join([f"Lab at {self.url}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{escape(text)}</td></tr>"
            for name, text in self._lines().items()
        )
        return f"<table><caption>Lab at {escape(self.url)}</caption>{rows}</table>"


def count(root: zarr.Group) -> dict[str, Any]:
    """Count people, sessions, recordings, sets, samples and hours; name features and models."""
    columns = ["user", "session", "samples", "duration_s", "simulated"]
    origins = read_sets(root, ["origin"])["origin"]
    frame = tables.read(root, RECORDINGS, columns)
    return {
        "people": int(frame["user"].nunique()),
        "sessions": len(frame[["user", "session"]].drop_duplicates()),
        "recordings": len(frame),
        "sets": len(origins),
        "corrected": int((origins == "correction").sum()),
        "found": count_found(root),
        "samples": int(frame["samples"].sum()),
        "hours": float(frame["duration_s"].sum()) / 3600,
        "simulated": int(frame["simulated"].sum()),
        "features": tuple(list_groups(root, layout.FEATURES)),
        "models": tuple(list_groups(root, layout.MODELS)),
    }


def list_models(root: zarr.Group, name: str | None = None) -> "pd.DataFrame":
    """List the model of each person that holds, one row each, by the name of the models.

    Parameters
    ----------
    root
        Of a lab.
    name
        Of the models; by default all but ``<name>.validation`` beside ``<name>``, where a choice
        of kinds keeps what its validation needs.

    Raises
    ------
    NotInLabError
        If there are none of that name.
    """
    import pandas as pd

    names = list_groups(root, layout.MODELS)
    if name is not None and name not in names:
        there = f"there are {', '.join(names)}" if names else "there are none yet"
        raise NotInLabError(f"the lab has no models {name!r}, {there}")
    beside = {f"{each}.validation" for each in names}
    listed = [each for each in names if each not in beside] if name is None else [name]
    frames = [_list_models(root, each) for each in listed]
    return pd.concat(frames, ignore_index=True) if frames else _list_none()


def _list_models(root: zarr.Group, name: str) -> "pd.DataFrame":
    home = open_group(open_group(root, layout.MODELS), name)
    frame = tables.read(home, NETWORKS, [*OF_MODELS, "base"])
    # Whom the common network serves has no classes of their own.
    served = (frame["classes"] == "[]") & frame["base"].isin(frame.index)
    known = frame["classes"].loc[frame["base"][served].astype("int64")]
    frame.loc[served, "classes"] = known.to_numpy()
    frame = frame.drop(columns="base")
    return tidy_models(frame[~frame["user"].duplicated(keep="last")].sort_values("user"), name)


def tidy_models(frame: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Return rows of networks as people read them: classes counted, times, the models' name."""
    import pandas as pd

    frame = frame.copy()
    counts = {text: len(json.loads(text or "[]")) for text in frame["classes"].unique()}
    frame["classes"] = frame["classes"].map(counts).astype("int64")
    frame["trained_ns"] = pd.to_datetime(frame["trained_ns"], utc=True)
    frame = frame.rename(columns={"trained_ns": "trained"})
    frame.insert(0, "name", name)
    return frame


def _list_none() -> "pd.DataFrame":
    import pandas as pd

    names = ["trained" if name == "trained_ns" else name for name in OF_MODELS]
    return pd.DataFrame(columns=["name", *names])


def measure_chunks(group: zarr.Group, name: str, chunks: npt.NDArray[np.int64]) -> int:
    """Return about how many bytes chunks of an array take as they are stored.

    Parameters
    ----------
    group, name
        The array, of a lab.
    chunks
        Numbers of the chunks along the first dim; of many, some are looked up, evenly spread.

    Raises
    ------
    DamagedLabError
        If one is missing.
    """
    if not len(chunks):
        return 0
    array = open_array(group, name)
    sample = chunks[np.linspace(0, len(chunks) - 1, min(_MEASURED, len(chunks))).astype(int)]
    trailing = (0,) * (array.ndim - 1)
    keys = [array.metadata.encode_chunk_key((int(chunk), *trailing)) for chunk in sample]

    async def measure() -> list[int]:
        path = array.store_path
        return await asyncio.gather(*(path.store.getsize((path / key).path) for key in keys))

    with reading(f"the sizes of chunks of {array.path}"):
        sizes = sync(measure())
    return round(sum(sizes) / len(sizes) * len(chunks))
