"""Chunks, many at a time: coded here in one step, and under way while others are.

Zarr takes a chunk through three codecs, each behind a hand-over to another thread and a copy, which
costs more than the coding itself. An array with the codecs that :mod:`~workoutlab.store.layout`
gives to numbers or to text is coded here instead, to the same bytes; the store sees the same keys.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, ClassVar, Protocol

import google_crc32c
import numcodecs  # type: ignore[import-untyped]  # it ships no types
import numpy as np
import numpy.typing as npt
import zarr
from numcodecs.vlen import VLenUTF8  # type: ignore[import-untyped]
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, VLenUTF8Codec, ZstdCodec
from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.core.sync import sync  # the one way to wait for zarr's own event loop

__all__ = ["Coding", "NumberCoding", "TextCoding", "append", "coding_of", "fetch", "put", "read"]

Array = zarr.Array[Any]
_Come = tuple[int, Buffer | None] | BaseException

_UNDER_WAY = 4
"""Chunks on their way at once: more of them fall out of the processor's cache before their turn."""

_BATCH = 32
"""Chunks fetched before the caller has taken them: they bound the memory of a long read."""

_SUM_BYTES = 4
_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


class Coding(Protocol):
    """How the chunks of an array become bytes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a chunk."""

    @property
    def dtype(self) -> Any:
        """Of its entries."""

    def encode(self, entries: npt.NDArray[Any]) -> bytes:
        """Code one chunk; entries that it lacks are filled up as if never written."""

    def decode(self, stored: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
        """Decode one chunk into `out`, contiguous and of the chunk's shape.

        Raises
        ------
        ValueError
            If the checksum, or the size, is not that of such a chunk.
        RuntimeError
            If it cannot be decompressed.
        """


@dataclass(frozen=True)
class NumberCoding:
    """Little-endian numbers, Blosc, then a CRC-32C.

    Examples
    --------
    >>> group = zarr.group(zarr.storage.MemoryStore())
    >>> codecs = BloscCodec(cname="lz4"), Crc32cCodec()
    >>> array = group.create_array("a", shape=8, chunks=4, dtype="f4", compressors=codecs)
    >>> coding = coding_of(array)
    >>> out = np.empty(4, dtype="f4")
    >>> coding.decode(coding.encode(np.float32([1, 2])), out)
    >>> out.tolist()
    [1.0, 2.0, 0.0, 0.0]
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fill_value: Any
    blosc: numcodecs.Blosc

    def encode(self, entries: npt.NDArray[Any]) -> bytes:
        """Code one chunk."""
        values = np.ascontiguousarray(entries, dtype=self.dtype)
        if len(values) < self.shape[0]:
            padded = np.empty(self.shape, dtype=self.dtype)
            padded[: len(values)] = values
            padded[len(values) :] = self.fill_value
            values = padded
        return _add_sum(self.blosc.encode(values))

    def decode(self, stored: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
        """Decode one chunk into `out`."""
        coded = _check_sum(stored)
        size = int.from_bytes(coded[4:8].tobytes(), "little")  # in the header of Blosc
        if size != out.nbytes:
            raise ValueError(f"it holds {size} bytes, expected {out.nbytes}")
        self.blosc.decode(coded, out)


_TEXTS = VLenUTF8()


@dataclass(frozen=True)
class TextCoding:
    """UTF-8 behind its length, zstd, then a CRC-32C.

    Examples
    --------
    >>> coding = TextCoding((3,), numcodecs.Zstd(3))
    >>> out = np.empty(3, coding.dtype)
    >>> coding.decode(coding.encode(np.array(["curl", "press"], coding.dtype)), out)
    >>> out.tolist()
    ['curl', 'press', '']
    """

    shape: tuple[int, ...]
    zstd: numcodecs.Zstd
    dtype: ClassVar[Any] = np.dtypes.StringDType()

    def encode(self, entries: npt.NDArray[Any]) -> bytes:
        """Code one chunk."""
        values = np.zeros(self.shape, dtype=self.dtype)
        values[: len(entries)] = entries
        return _add_sum(self.zstd.encode(_TEXTS.encode(values)))

    def decode(self, stored: npt.NDArray[np.uint8], out: npt.NDArray[Any]) -> None:
        """Decode one chunk into `out`."""
        texts = _TEXTS.decode(self.zstd.decode(_check_sum(stored)))
        if len(texts) != len(out):
            raise ValueError(f"it holds {len(texts)} texts, expected {len(out)}")
        out[...] = texts


def _add_sum(coded: bytes) -> bytes:
    checksum: int = google_crc32c.value(coded)
    return coded + checksum.to_bytes(_SUM_BYTES, "little")


def _check_sum(stored: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return what stands before the checksum, if it is right."""
    data = np.frombuffer(stored, dtype=np.uint8)
    coded, checksum = data[:-_SUM_BYTES], data[-_SUM_BYTES:]
    if google_crc32c.value(coded) != int.from_bytes(checksum.tobytes(), "little"):
        raise ValueError("its checksum is not that of its bytes")
    return coded


def coding_of(array: Array) -> Coding | None:
    """Return the coding of an array, or None where its chunks must go through zarr.

    Examples
    --------
    >>> group = zarr.group(zarr.storage.MemoryStore())
    >>> coding_of(group.create_array("a", shape=8, chunks=4, dtype="f4")) is None
    True
    """
    codecs: tuple[Any, ...] = getattr(array.metadata, "codecs", ())
    along_first_alone = array.chunks[1:] == array.shape[1:]
    if sys.byteorder != "little" or not along_first_alone:
        return None
    if _are(codecs, VLenUTF8Codec, ZstdCodec, Crc32cCodec):
        zstd = numcodecs.Zstd(codecs[1].level, codecs[1].checksum)
        return TextCoding(array.chunks, zstd) if array.ndim == 1 else None
    if not _are(codecs, BytesCodec, BloscCodec, Crc32cCodec):
        return None
    if getattr(codecs[0].endian, "value", "little") != "little":
        return None
    return NumberCoding(array.chunks, array.dtype, array.fill_value, _blosc(codecs[1]))


def _are(codecs: Sequence[Any], *kinds: type) -> bool:
    pairs = zip(codecs, kinds, strict=False)
    return len(codecs) == len(kinds) and all(isinstance(codec, kind) for codec, kind in pairs)


def _blosc(codec: BloscCodec) -> numcodecs.Blosc:
    return numcodecs.Blosc(
        cname=codec.cname.value,
        clevel=codec.clevel,
        shuffle=_SHUFFLES[codec.shuffle.value],
        blocksize=codec.blocksize,
        typesize=codec.typesize,
    )


def fetch(array: Array, numbers: Sequence[int]) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yield chunks along the first dim with their stored bytes, as they come.

    The next ones are under way while the caller works on what came.

    Raises
    ------
    LookupError
        If one is missing.
    """
    if len(numbers) == 1:
        yield _present(numbers[0], sync(_get(array, numbers[0])))
        return
    for first in range(0, len(numbers), _BATCH):
        yield from _fetch_batch(array, numbers[first : first + _BATCH])


def _fetch_batch(
    array: Array, numbers: Sequence[int]
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    come: SimpleQueue[_Come] = SimpleQueue()
    fetching = sync(_begin(array, numbers, come))
    try:
        for _ in numbers:
            item = come.get()
            if isinstance(item, BaseException):
                raise item
            yield _present(*item)
    finally:
        fetching.get_loop().call_soon_threadsafe(fetching.cancel)


async def _begin(
    array: Array, numbers: Sequence[int], come: "SimpleQueue[_Come]"
) -> "asyncio.Task[None]":
    return asyncio.create_task(_fetch_all(array, numbers, come))


async def _fetch_all(array: Array, numbers: Sequence[int], come: "SimpleQueue[_Come]") -> None:
    waiting = iter(numbers)

    async def fetch_some() -> None:
        for number in waiting:
            come.put((number, await _get(array, number)))

    try:
        await asyncio.gather(*(fetch_some() for _ in range(min(_UNDER_WAY, len(numbers)))))
    except BaseException as error:
        come.put(error)
        if isinstance(error, asyncio.CancelledError):
            raise


def _present(number: int, stored: Buffer | None) -> tuple[int, npt.NDArray[np.uint8]]:
    """Refuse a chunk that is gone, which zarr would read as never written."""
    if stored is None:
        raise LookupError(f"chunk {number} is missing")
    return number, np.asarray(stored.as_numpy_array())


async def _get(array: Array, number: int) -> Buffer | None:
    return await (array.store_path / _key(array, number)).get()


def _key(array: Array, number: int) -> str:
    return array.metadata.encode_chunk_key((number, *(0,) * (array.ndim - 1)))


async def read(array: Array, coding: Coding, start: int, stop: int) -> npt.NDArray[Any]:
    """Return entries `start` to `stop`, read on zarr's event loop.

    Raises
    ------
    LookupError
        If a chunk is missing.
    ValueError, RuntimeError
        If one cannot be decoded.
    """
    chunk = coding.shape[0]
    values = np.empty((stop - start, *array.shape[1:]), dtype=coding.dtype)
    waiting = iter(range(start // chunk, -(-stop // chunk)))

    async def read_some() -> None:
        scratch = np.empty(coding.shape, dtype=coding.dtype)
        for number in waiting:
            coding.decode(_present(number, await _get(array, number))[1], scratch)
            first, last = max(start, number * chunk), min(stop, (number + 1) * chunk)
            values[first - start : last - start] = scratch[
                first - number * chunk : last - number * chunk
            ]

    await asyncio.gather(*(read_some() for _ in range(min(_UNDER_WAY, len(values)))))
    return values


def put(
    array: Array, coding: Coding, chunks: Iterable[tuple[int, npt.NDArray[np.generic]]]
) -> None:
    """Store chunks, given as number along the first dim and entries."""
    sync(_put_all(array, coding, iter(chunks)))


async def _put_all(
    array: Array, coding: Coding, waiting: Iterator[tuple[int, npt.NDArray[Any]]]
) -> None:
    make = default_buffer_prototype().buffer.from_bytes

    async def put_some() -> None:
        for number, entries in waiting:
            coded = make(coding.encode(entries))  # sooner done than handed to another thread
            await (array.store_path / _key(array, number)).set(coded)

    await asyncio.gather(*(put_some() for _ in range(_UNDER_WAY)))


async def append(array: Array, coding: Coding, first: int, entries: npt.NDArray[Any]) -> None:
    """Store entries from `first` on, on zarr's event loop; the chunk they begin in is completed.

    Raises
    ------
    LookupError
        If that chunk is missing.
    ValueError, RuntimeError
        If it cannot be decoded.
    """
    chunk = coding.shape[0]
    number, held = divmod(first, chunk)
    if held:
        _, stored = _present(number, await _get(array, number))
        begun = np.empty(coding.shape, dtype=coding.dtype)
        coding.decode(stored, begun)
        entries = np.concatenate([begun[:held], entries])
    parts = (entries[start : start + chunk] for start in range(0, len(entries), chunk))
    await _put_all(array, coding, enumerate(parts, number))
