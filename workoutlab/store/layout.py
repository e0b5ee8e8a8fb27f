"""Every name, size and codec of a lab on disk, and the sentinel that says that it is one.

::

    /                       attributes: the sentinel
    ├── recordings/         a table: one array a column, one entry a recording
    ├── sets/               a table: one entry a set
    ├── samples/            ragged arrays that share one offset axis
    │   ├── acceleration
    │   ├── angular_velocity
    │   └── time
    ├── models/<name>/      tables, and the ragged arrays of weights that they point into
    ├── features/<name>/     tables, and the ragged array of numbers that they point into
    ├── coach/              tables of suggestions, of the models behind them, and of settings
    ├── found/              tables of found sets, and of the times that recordings were gone through
    └── corrections/        tables of corrected sets, and of those that they replace

Chunk size and codec of the samples were chosen by ``python -m tests.benchmarks.codecs --full``, on
steps of 1/256 g, on noise and on real recordings of 60,000 samples. Time of two cores for a
session, in ms, and the ratio of what came to what is stored, on steps | noise | real recordings:

=====================  ===========  ==================  ==================  ==================
codec                  chunk        to write            to read             ratio
=====================  ===========  ==================  ==================  ==================
lz4 1, byte-shuffled   65,536       2.6 | 2.7 | 2.9     0.9 | 0.9 | 1.1     3.17 | 1.05 | 1.20
the same               32,768       3.2 | 3.3 | 3.8     1.3 | 1.1 | 1.4     3.17 | 1.05 | 1.20
the same               131,072      2.5 | 2.7 | 3.7     0.8 | 0.8 | 1.2     3.13 | 1.04 | 1.19
lz4 5, bit-shuffled    65,536       2.8 | 3.0 | 3.5     0.9 | 1.2 | 0.9     3.51 | 1.11 | 1.22
zstd 3, byte-shuffled  65,536       4.1 | 4.9 | 4.7     1.1 | 1.1 | 1.1     3.81 | 1.12 | 1.25
zstd 0, through zarr   65,536       9.6 | 5.9 | 9.2     2.6 | 2.6 | 2.3     2.65 | 1.08 | 1.33
=====================  ===========  ==================  ==================  ==================

A file costs as much as 0.5 MB of it, so that a session should be one, and a set of 1,300 samples
still opens in under 1 ms. Scaled 16-bit integers would store steps a tenth smaller, but are exact
for none but sensors whose step is known, and other readers of the array would not see g.
"""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import icechunk
import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import BloscCodec, Crc32cCodec, ZstdCodec

from workoutlab.errors import DamagedLabError, LabError

__all__ = [
    "COACH",
    "CORRECTIONS",
    "FEATURES",
    "FOUND",
    "MODELS",
    "RECOGNISERS",
    "ROWS_PER_CHUNK",
    "SAMPLES",
    "SAMPLES_PER_CHUNK",
    "check_sentinel",
    "codecs",
    "configuration",
    "fill",
    "sentinel",
]

SAMPLES: Final = "samples"
MODELS: Final = "models"
FEATURES: Final = "features"
COACH: Final = "coach"
CORRECTIONS: Final = "corrections"
FOUND: Final = "found"
RECOGNISERS: Final = "recognisers"

SAMPLES_PER_CHUNK: Final = 65_536
ROWS_PER_CHUNK: Final = 4_096
"""An append rewrites the last chunk of every column, so this bounds what a commit costs."""

CHUNKS_PER_MANIFEST: Final = 4_096
"""A commit rewrites the last manifest of an array only, however long the array has grown."""

_FROM_DISK: Final = icechunk.StorageConcurrencySettings(
    max_concurrent_requests_for_object=2, ideal_concurrent_request_size=4_096
)
"""Icechunk reads a file in parts, five by default, each on a thread of its own; in one part it
would stream it, 8 KiB at a time. Two took 0.21 ms for 230 kB, five 0.33, one 0.54."""

_BLOCK_BYTES: Final = 2**18

_REFS_KEPT: Final = 100 * CHUNKS_PER_MANIFEST
"""Places of chunks that a process remembers: a worker that commits many times must not grow."""

_NODES_KEPT: Final = 4_096  # arrays of snapshots, likewise

_SENTINEL: Final = "workoutlab"
_VERSION: Final = 1


def configuration(*, folder: bool = False) -> icechunk.RepositoryConfig:
    """How Icechunk keeps a lab: manifests split along the first dim, and reads from a `folder`."""
    splitting = icechunk.ManifestSplittingConfig.from_dict(
        {
            icechunk.ManifestSplitCondition.AnyArray(): {
                icechunk.ManifestSplitDimCondition.Axis(0): CHUNKS_PER_MANIFEST
            }
        }
    )
    return icechunk.RepositoryConfig(
        manifest=icechunk.ManifestConfig(splitting=splitting),
        caching=icechunk.CachingConfig(num_chunk_refs=_REFS_KEPT, num_snapshot_nodes=_NODES_KEPT),
        storage=icechunk.StorageSettings(concurrency=_FROM_DISK) if folder else None,
    )


def codecs(dtype: npt.DTypeLike) -> tuple[BytesBytesCodec, ...]:
    """Return the compressors of an array; each pipeline ends in a CRC-32C of the stored bytes.

    Numbers are shuffled byte by byte, so that exponents lie together, and go through lz4, in blocks
    that fill the four streams of a float32 with 64 KiB each, the reach of lz4. Text goes through
    zstd, whose own checksum does not cover its header.

    Examples
    --------
    >>> [type(codec).__name__ for codec in codecs("float32")]
    ['BloscCodec', 'Crc32cCodec']
    """
    if dtype == "str":
        return (ZstdCodec(level=3), Crc32cCodec())
    lz4 = BloscCodec(cname="lz4", clevel=1, shuffle="shuffle", blocksize=_BLOCK_BYTES)
    return (lz4, Crc32cCodec())


def fill(dtype: npt.DTypeLike) -> Any:
    """Return what an entry that was never written reads as: NaN, 0, False or an empty text.

    A lost chunk of floats reads as NaN, never as the zeros of a sensor in free fall.

    Examples
    --------
    >>> fill("float32"), fill("int64"), fill("str")
    (nan, 0, '')
    """
    if dtype == "str":
        return ""
    return np.nan if _is_float(dtype) else np.dtype(dtype).type(0).item()


def _is_float(dtype: npt.DTypeLike) -> bool:
    return dtype != "str" and np.dtype(dtype).kind == "f"


def sentinel() -> dict[str, Any]:
    """Make the attributes that mark the root of a new lab."""
    return {
        _SENTINEL: {
            "format": "lab",
            "version": _VERSION,
            "id": uuid4().hex,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "samples_per_chunk": SAMPLES_PER_CHUNK,
        }
    }


def check_sentinel(root: zarr.Group, url: str) -> None:
    """Refuse a root that is not a whole lab of a version known here.

    Raises
    ------
    DamagedLabError
        If there is no sentinel, or it is not of the written form.
    LabError
        If a newer version of workoutlab wrote the lab.
    """
    mark = root.attrs.get(_SENTINEL)
    if not isinstance(mark, dict) or mark.get("format") != "lab":
        raise DamagedLabError(
            f"the lab at {url} has lost the attributes that mark it as a lab; "
            "restore it from a copy"
        )
    version = mark.get("version")
    if not isinstance(version, int) or version < 1:
        raise DamagedLabError(f"the lab at {url} has version {version!r}; restore it from a copy")
    if version > _VERSION:
        raise LabError(
            f"the lab at {url} has version {version}, this workoutlab reads up to {_VERSION}; "
            "upgrade workoutlab"
        )
