"""Ragged arrays: pieces of any length, around the edges of chunks."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.buffer import Buffer

from workoutlab.errors import DamagedLabError
from workoutlab.store import ragged

CHUNK = 8


def _new(dtype: str = "float32", trailing: tuple[int, ...] = ()) -> zarr.Group:
    group = zarr.group(zarr.storage.MemoryStore())
    ragged.create(group, "a", trailing=trailing, dtype=dtype, chunk=CHUNK)
    return group


def _pieces(lengths: list[int], trailing: tuple[int, ...] = ()) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.normal(size=(length, *trailing)).astype("float32") for length in lengths]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(1, 3 * CHUNK + 1), min_size=1, max_size=6), max_size=3))
def test_write_many__reads_back_every_piece(batches: list[list[int]]) -> None:
    group = _new(trailing=(3,))
    written = []
    for lengths in batches:
        offsets = ragged.allocate(group, "a", lengths)
        pieces = _pieces(lengths, (3,))
        ragged.write_many(group, "a", offsets, pieces)
        written += list(zip(offsets, pieces, strict=True))
    for offset, piece in written:
        assert offset % CHUNK == 0
        read = ragged.read(group, "a", int(offset), len(piece))
        np.testing.assert_array_equal(read, piece)
    assert group["a"].shape[0] == sum(-(-len(piece) // CHUNK) * CHUNK for _, piece in written)


def test_write_many__together_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [3, CHUNK, CHUNK + 1, 1]
    pieces = _pieces(lengths)
    together, apart = _new(), _new()
    for group, batch_bytes in ((together, 2**20), (apart, 1)):
        monkeypatch.setattr(ragged, "_BATCH_BYTES", batch_bytes)
        ragged.write_many(group, "a", ragged.allocate(group, "a", lengths), pieces)
    np.testing.assert_array_equal(together["a"][:], apart["a"][:])


def test_allocate__neighbours_never_share_a_chunk() -> None:
    offsets = ragged.allocate(_new(), "a", [1, CHUNK, CHUNK + 1, 5])
    assert offsets.tolist() == [0, CHUNK, 2 * CHUNK, 4 * CHUNK]


def test_erase__drops_the_chunks_of_one_piece_only() -> None:
    group = _new()
    pieces = _pieces([CHUNK + 3, 5])
    offsets = ragged.allocate(group, "a", [CHUNK + 3, 5])
    ragged.write_many(group, "a", offsets, pieces)
    assert group["a"].nchunks_initialized == 3
    ragged.erase(group, "a", 0, CHUNK + 3)
    assert group["a"].nchunks_initialized == 1
    np.testing.assert_array_equal(ragged.read(group, "a", int(offsets[1]), 5), pieces[1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_read__refuses_a_chunk_that_is_gone(dtype: str) -> None:
    group = _new(dtype)
    ragged.allocate(group, "a", [2 * CHUNK])
    ragged.write(group, "a", 0, np.arange(2 * CHUNK))
    ragged.erase(group, "a", CHUNK, CHUNK)
    assert len(ragged.read(group, "a", 0, CHUNK)) == CHUNK
    with pytest.raises(DamagedLabError, match="chunk 1 is missing"):
        ragged.read(group, "a", 4, CHUNK)


@pytest.mark.parametrize("value", [0, np.nan])
def test_read__a_written_blank_is_no_gap(value: float) -> None:
    group = _new()
    ragged.write(group, "a", int(ragged.allocate(group, "a", [CHUNK])[0]), np.full(CHUNK, value))
    np.testing.assert_array_equal(ragged.read(group, "a", 0, CHUNK), np.full(CHUNK, value))


def test_read__refuses_what_lies_past_the_end() -> None:
    group = _new()
    ragged.allocate(group, "a", [3])
    with pytest.raises(DamagedLabError, match="it has 8"):
        ragged.read(group, "a", 4, 5)


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_create__a_flipped_bit_is_found(dtype: str) -> None:
    group = _new(dtype)
    ragged.allocate(group, "a", [CHUNK])
    ragged.write(group, "a", 0, np.arange(CHUNK))
    chunks: dict[str, Buffer] = group.store._store_dict  # type: ignore[attr-defined]
    (key,) = (key for key in chunks if "/c/" in key)
    good = chunks[key]
    for at in range(8 * len(good)):
        bad = bytearray(good.to_bytes())
        bad[at // 8] ^= 1 << at % 8
        chunks[key] = type(good).from_bytes(bytes(bad))
        with pytest.raises(DamagedLabError):
            ragged.read(group, "a", 0, CHUNK)
