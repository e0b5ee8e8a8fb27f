"""Seals: checksums of the files in which Icechunk keeps a folder lab's snapshots.

Chunks carry checksums of their own, Icechunk's snapshots, manifests and transaction logs do not:
a flipped bit in them can make a chunk vanish or rename an array. So each commit in a folder
leaves a seal, ``seals/<snapshot>``, with the SHA-256 of each such file that it wrote. On S3 the
object store guards its objects itself.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import icechunk

__all__ = ["broken_seals", "drop_seals", "seal"]

FOLDER: Final = "seals"


def seal(folder: Path, repository: icechunk.Repository, snapshot: str) -> None:
    """Write the seal of a snapshot that was just written, or rewritten."""
    sums = {name: _sum(folder / name) for name in _files(repository, snapshot)}
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    draft = home / f".{snapshot}"
    draft.write_text(json.dumps(sums, indent=0))
    draft.replace(home / snapshot)


def _files(repository: icechunk.Repository, snapshot: str) -> list[str]:
    """Name the files that `snapshot` has and its parent has not.

    The first one also seals the empty snapshot that Icechunk starts with.
    """
    info = repository.lookup_snapshot(snapshot)
    parent = repository.lookup_snapshot(info.parent_id)
    manifests = {each.id for each in info.manifests} - {each.id for each in parent.manifests}
    return [
        *([f"snapshots/{parent.id}"] if parent.parent_id is None else []),
        f"snapshots/{snapshot}",
        f"transactions/{snapshot}",
        *(f"manifests/{each}" for each in sorted(manifests)),
    ]


def _sum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def broken_seals(folder: Path, snapshots: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each file, relative to `folder`, that is not as it was sealed, and what is wrong."""
    for snapshot in snapshots:
        name = f"{FOLDER}/{snapshot}"
        try:
            sums = dict(json.loads((folder / name).read_text()))
        except (OSError, ValueError, TypeError) as error:
            yield name, f"the seal cannot be read: {error}"
            continue
        for file, expected in sums.items():
            try:
                if _sum(folder / file) != expected:
                    yield file, "its bytes are not those that were written"
            except OSError as error:
                yield file, f"it cannot be read: {error.strerror}"


def drop_seals(folder: Path, *, keep: str) -> None:
    """Remove the seals of all snapshots but `keep`."""
    for file in (folder / FOLDER).iterdir():
        if file.name != keep:
            file.unlink()
