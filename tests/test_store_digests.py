"""The search for samples that a lab holds already."""

import numpy as np
import zarr

from tests.lab_recordings import make
from workoutlab.lab import Lab
from workoutlab.schema import RECORDINGS
from workoutlab.store import tables
from workoutlab.store.digests import DigestIndex

ALIKE = ["ab" * 8 + "0" * 48, "ab" * 8 + "1" * 48]  # they begin with the same 16 digits


def _root(*digests: str) -> zarr.Group:
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, RECORDINGS)
    _append(group, *digests)
    return group


def _append(group: zarr.Group, *digests: str) -> None:
    rows = {
        name: np.zeros(len(digests)) if column.dtype != "str" else [""] * len(digests)
        for name, column in RECORDINGS.columns.items()
    }
    tables.append(group, RECORDINGS, {**rows, "digest": list(digests)})


def test_find__tells_apart_digests_that_begin_alike() -> None:
    index, root = DigestIndex(), _root(*ALIKE, "c" * 64)
    assert index.find(root, [ALIKE[1]]).tolist() == [1]
    assert index.find(root, [*ALIKE, "d" * 64, "c" * 64]).tolist() == [0, 1, 2]
    assert index.find(root, ["ab" * 8 + "2" * 48]).tolist() == []


def test_find__reads_new_rows_only() -> None:
    index, root = DigestIndex(), _root(*ALIKE)
    index.find(root, [])
    _append(root, "c" * 64)
    assert index.find(root, ["c" * 64]).tolist() == [2]
    assert len(index._rows) == 3


def test_find__passes_over_erased_rows() -> None:
    index, root = DigestIndex(), _root(*ALIKE, "c" * 64)
    index.find(root, [])
    tables.blank(tables.open_table(root, "recordings"), np.array([0, 2]))
    assert index.find(root, [*ALIKE, "c" * 64]).tolist() == [1]
    _append(root, "c" * 64)
    assert index.find(root, ["c" * 64]).tolist() == [3]


def test_find__does_not_believe_what_another_copy_held() -> None:
    index = DigestIndex()
    index.find(_root("c" * 64, "d" * 64), [])
    assert index.find(_root("e" * 64), ["c" * 64, "e" * 64]).tolist() == [0]
    assert index.find(_root("e" * 64, "f" * 64), ["f" * 64]).tolist() == [1]


def test_find__of_nothing() -> None:
    lab = Lab("memory://digests-of-nothing")
    assert DigestIndex().find(lab.root(), []).tolist() == []
    assert DigestIndex().find(lab.root(), [make(0).digest]).tolist() == []
