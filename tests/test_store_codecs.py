"""The table of codecs and chunk sizes can be made again, and chunks of a table are completed."""

import math
from pathlib import Path

import numpy as np
import pytest
import zarr

from tests.benchmarks.codecs import WAYS, measure, noise, real
from tests.benchmarks.store import SAMPLES, steps
from workoutlab.errors import DamagedLabError
from workoutlab.schema import Column, Table
from workoutlab.store import chunks, tables

AGES = Table("ages", {"age": Column("int32"), "height": Column("float64")})


def test_measure__has_figures_of_every_way(tmp_path: Path) -> None:
    ways = (WAYS[0], WAYS[2], WAYS[-1])
    found = list(measure(steps(2), ways, tmp_path, rounds=1))
    assert [name for name, _, _ in found] == ["flat file", *(way.name for way in ways)]
    assert [chunk for _, chunk, _ in found] == [0, *(way.chunk for way in ways)]
    for _, _, row in found[1:]:
        assert {"write MB/s", "read CPU ms", "set ms"} < set(row)
        assert all(math.isfinite(figure) and figure >= 0 for figure in row.values())
        assert row["ratio"] > 2


def test_measure__noise_does_not_shrink(tmp_path: Path) -> None:
    (_, (_, _, row)) = measure(noise(1), WAYS[:1], tmp_path, rounds=1)
    assert row["ratio"] == pytest.approx(1.05, abs=0.02)


@pytest.mark.data
def test_real__is_recordings_end_to_end(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKOUTLAB_DATA", str(real_data))
    first, second = real(2)
    assert first.shape == second.shape == (SAMPLES, 3)
    assert 0.9 < np.median(np.linalg.norm(first, axis=1)) < 1.1
    assert (first != second).any()


def test_real__is_empty_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKOUTLAB_DATA", str(tmp_path))
    assert real(2) == []


def _append(group: zarr.Group, ages: list[int]) -> None:
    tables.append(group, AGES, {"age": ages, "height": [age / 100 for age in ages]})


def test_append__completes_the_chunk_that_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.layout, "ROWS_PER_CHUNK", 4)
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, AGES)
    for ages in ([1, 2, 3], [4], [5, 6], list(range(7, 20)), [20]):
        _append(group, ages)
    assert chunks.coding_of(group["ages/age"]) is not None
    assert group["ages/age"][:].tolist() == list(range(1, 21))
    assert group["ages/height"][:].tolist() == [age / 100 for age in range(1, 21)]


def test_append__refuses_to_complete_a_chunk_that_is_gone() -> None:
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, AGES)
    _append(group, [1, 2])
    del group.store._store_dict["ages/age/c/0"]  # type: ignore[attr-defined]
    with pytest.raises(DamagedLabError, match="the last chunk of ages/age cannot be read: chunk 0"):
        _append(group, [3])


def test_append__writes_and_reads_text_as_zarr_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables.layout, "ROWS_PER_CHUNK", 4)
    notes = Table("notes", {"note": Column("str")})
    ours, plain = (zarr.group(zarr.storage.MemoryStore()) for _ in range(2))
    texts = ["", "Klimmzüge", "挺举", "a" * 300, "", "curl"]
    for group in (ours, plain):
        tables.create(group, notes)
    tables.append(ours, notes, {"note": texts[:3]})
    tables.append(ours, notes, {"note": texts[3:]})
    assert chunks.coding_of(ours["notes/note"]) is not None
    plain["notes/note"].resize(len(texts))
    whole = plain["notes/note"].with_config({"write_empty_chunks": True})
    whole[:] = np.array(texts, np.dtypes.StringDType())
    for key in ("notes/note/c/0", "notes/note/c/1"):
        written = [group.store._store_dict[key].to_bytes() for group in (ours, plain)]
        assert written[0] == written[1]
    assert tables.values(plain["notes"], "note").tolist() == texts
    assert ours["notes/note"][:].tolist() == texts


def test_read__refuses_text_that_is_damaged_or_gone() -> None:
    notes = Table("notes", {"note": Column("str")})
    group = zarr.group(zarr.storage.MemoryStore())
    tables.create(group, notes)
    tables.append(group, notes, {"note": ["curl", "press"]})
    store = group.store._store_dict  # type: ignore[attr-defined]
    stored = store["notes/note/c/0"]
    flipped = bytearray(stored.to_bytes())
    flipped[9] ^= 1
    store["notes/note/c/0"] = type(stored).from_bytes(bytes(flipped))
    with pytest.raises(DamagedLabError, match="its checksum"):
        tables.values(group["notes"], "note")
    del store["notes/note/c/0"]
    with pytest.raises(DamagedLabError, match="chunk 0 is missing"):
        tables.values(group["notes"], "note")
