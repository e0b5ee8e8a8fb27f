"""Ragged arrays: pieces of any length, around the edges of chunks."""

from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.abc.buffer import Buffer
from zarr.codecs import Crc32cCodec, ZstdCodec

from workoutlab.errors import DamagedLabError
from workoutlab.store import chunks, layout, ragged
from workoutlab.store.arrays import whole

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


DTYPES = ["float32", "float64", "int64", "uint8"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("trailing", [(), (3,)])
def test_write_many__stores_the_bytes_that_zarr_would(
    dtype: str, trailing: tuple[int, ...]
) -> None:
    lengths = [3, CHUNK, CHUNK + 1, 1]
    pieces = [(100 * piece).astype(dtype) for piece in _pieces(lengths, trailing)]
    ours, theirs = _new(dtype, trailing), _new(dtype, trailing)
    for group in (ours, theirs):
        offsets = ragged.allocate(group, "a", lengths)
    ragged.write_many(ours, "a", offsets, pieces)
    for offset, piece in zip(offsets, pieces, strict=True):
        whole(theirs["a"])[offset : offset + len(piece)] = piece
    stored, expected = (
        {key: value.to_bytes() for key, value in group.store._store_dict.items()}
        for group in (ours, theirs)
    )
    assert stored == expected
    np.testing.assert_array_equal(ours["a"][:], theirs["a"][:])


@pytest.mark.parametrize("dtype", DTYPES)
def test_read__what_zarr_wrote(dtype: str) -> None:
    group = _new(dtype, (3,))
    values = np.arange(6 * CHUNK).reshape(-1, 3).astype(dtype)
    offset = int(ragged.allocate(group, "a", [len(values)])[0])
    group["a"][offset : offset + len(values)] = values
    np.testing.assert_array_equal(ragged.read(group, "a", offset, len(values)), values)


@pytest.mark.parametrize("codecs", ["auto", None, (ZstdCodec(), Crc32cCodec())])
def test_read_many__through_zarr_where_the_codecs_are_others(codecs: Any) -> None:
    group = zarr.group(zarr.storage.MemoryStore())
    group.create_array("a", shape=0, chunks=CHUNK, dtype="float32", compressors=codecs)
    pieces = _pieces([3, CHUNK + 2])
    offsets = ragged.allocate(group, "a", [3, CHUNK + 2])
    ragged.write_many(group, "a", offsets, pieces)
    assert chunks.coding_of(group["a"]) is None
    read = ragged.read_many(group, "a", list(zip(offsets, [3, CHUNK + 2], strict=True)))
    for one, piece in zip(read, pieces, strict=True):
        np.testing.assert_array_equal(one, piece)


def test_write__within_a_chunk_leaves_the_rest_of_it() -> None:
    group = _new()
    ragged.write(group, "a", int(ragged.allocate(group, "a", [CHUNK])[0]), np.arange(CHUNK))
    ragged.write(group, "a", 2, [-1, -2])
    assert ragged.read(group, "a", 0, 6).tolist() == [0, 1, -1, -2, 4, 5]


def test_coding_of__is_none_where_chunks_split_the_axes() -> None:
    group = zarr.group(zarr.storage.MemoryStore())
    codecs = layout.codecs("float32")
    one, other = (
        group.create_array(
            name, shape=(16, 4), chunks=(CHUNK, width), dtype="f4", compressors=codecs
        )
        for name, width in (("one", 4), ("other", 2))
    )
    assert chunks.coding_of(one) is not None
    assert chunks.coding_of(other) is None


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_read_many__is_a_slice_each(data: st.DataObject) -> None:
    (piece,) = _pieces([5 * CHUNK - 2], (3,))
    group = _new(trailing=(3,))
    ragged.write(group, "a", int(ragged.allocate(group, "a", [len(piece)])[0]), piece)
    edges = st.tuples(st.integers(0, len(piece)), st.integers(0, len(piece))).map(sorted)
    stretches = data.draw(st.lists(edges, max_size=60))
    read = ragged.read_many(group, "a", [(start, stop - start) for start, stop in stretches])
    assert len(read) == len(stretches)
    for one, (start, stop) in zip(read, stretches, strict=True):
        np.testing.assert_array_equal(one, piece[start:stop])
        assert one.flags["C_CONTIGUOUS"]
        assert one.flags["OWNDATA"]


def test_read_many__names_the_chunk_that_is_gone() -> None:
    group = _new()
    offsets = ragged.allocate(group, "a", [100 * CHUNK])
    ragged.write(group, "a", int(offsets[0]), np.arange(100 * CHUNK))
    ragged.erase(group, "a", 70 * CHUNK, CHUNK)
    with pytest.raises(DamagedLabError, match="chunk 70 is missing"):
        ragged.read_many(group, "a", [(0, 100 * CHUNK)])


def test_read__a_chunk_of_another_size() -> None:
    group = _new()
    ragged.write(group, "a", int(ragged.allocate(group, "a", [CHUNK])[0]), np.arange(CHUNK))
    other = zarr.group(zarr.storage.MemoryStore())
    ragged.create(other, "a", dtype="float32", chunk=2 * CHUNK)
    ragged.write(other, "a", int(ragged.allocate(other, "a", [1])[0]), [1.0])
    group.store._store_dict["a/c/0"] = other.store._store_dict["a/c/0"]  # type: ignore[attr-defined]
    with pytest.raises(DamagedLabError, match="it holds 64 bytes, expected 32"):
        ragged.read(group, "a", 0, CHUNK)


@pytest.mark.parametrize("stored", [b"", b"abc", b"\0\0\0\0"])
def test_read__a_chunk_of_no_bytes(stored: bytes) -> None:
    group = _new()
    ragged.write(group, "a", int(ragged.allocate(group, "a", [CHUNK])[0]), np.arange(CHUNK))
    chunk = type(group.store._store_dict["a/c/0"])  # type: ignore[attr-defined]
    group.store._store_dict["a/c/0"] = chunk.from_bytes(stored)  # type: ignore[attr-defined]
    with pytest.raises(DamagedLabError, match="cannot be read"):
        ragged.read(group, "a", 0, CHUNK)


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
    held: dict[str, Buffer] = group.store._store_dict  # type: ignore[attr-defined]
    (key,) = (key for key in held if "/c/" in key)
    good = held[key]
    for at in range(8 * len(good)):
        bad = bytearray(good.to_bytes())
        bad[at // 8] ^= 1 << at % 8
        held[key] = type(good).from_bytes(bytes(bad))
        with pytest.raises(DamagedLabError):
            ragged.read(group, "a", 0, CHUNK)
