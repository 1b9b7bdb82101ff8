"""Whether a stored chunk is what its metadata say, in the form that every reader knows.

What is passed on is decoded once to see that it can be, as readers will: one frame of zstd that says its size, one
member of gzip, one buffer of blosc, of exactly the bytes that the chunk's elements take. Nothing is allocated before
a declared size was compared. What is odd but can be read, as a frame that does not say its size, is not sound here:
some readers refuse it, so it is encoded anew.
"""

import zlib
from collections import OrderedDict
from collections.abc import Hashable
from math import prod
from struct import Struct
from threading import Lock

import numpy as np
import zstandard
from numcodecs import Blosc, VLenUTF8, Zstd

from cloudify.chunks.codec import Codec
from cloudify.chunks.encode import Block
from cloudify.chunks.stored_type import StoredType
from cloudify.datasets.source import failures
from cloudify.datasets.vetting import TEXT_NBYTES
from cloudify.model.chunkgrid import ChunkGrid

REMEMBERED = 65_536
"""Most chunks that are known to be sound; of the others each is decoded when it is read again."""
_U4 = Struct("<I")
_BLOSC_HEADER_NBYTES = 16
_GZIP = zlib.MAX_WBITS | 16
_ZSTD_CHECKSUM_NBYTES = 4


def is_sound(data: bytes, codec: Codec, stored: StoredType, grid: ChunkGrid) -> bool:
    """Whether `data` is a whole chunk. Blocks; releases the GIL while it decompresses."""
    items = prod(grid.chunk)
    try:
        if stored.is_text:
            return _is_text(_decompress(data, codec, TEXT_NBYTES), items)
        nbytes = items * stored.dtype.itemsize
        return len(_decompress(data, codec, nbytes)) == nbytes
    except failures():
        return False


def elements(data: bytes, codec: Codec, stored: StoredType, grid: ChunkGrid) -> Block | None:
    """Return the elements of a whole chunk, read-only; None for one that is not sound (`is_sound`). Not of text."""
    nbytes = prod(grid.chunk) * stored.dtype.itemsize
    try:
        plain = _decompress(data, codec, nbytes)
    except failures():
        return None
    return np.frombuffer(plain, stored.dtype).reshape(grid.chunk) if len(plain) == nbytes else None


class Sound:
    """The checksums of chunks that were decoded and found sound. Safe to use from many threads.

    >>> sound = Sound(limit=1)
    >>> sound.add(("a", 1), 17); sound.add(("a", 2), 18)
    >>> sound.checksum(("a", 1)), sound.checksum(("a", 2))
    (None, 18)
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._checksums: OrderedDict[int, int] = OrderedDict()
        """By the hash of what tells a chunk from all others: of two that have the same, one is decoded again."""
        self._lock = Lock()

    def checksum(self, chunk: Hashable) -> int | None:
        """Return what was added for a chunk, None if nothing was, or too long ago."""
        key = hash(chunk)
        with self._lock:
            checksum = self._checksums.get(key)
            if checksum is not None:
                self._checksums.move_to_end(key)
            return checksum

    def add(self, chunk: Hashable, checksum: int) -> None:
        """Remember a chunk that is sound."""
        with self._lock:
            self._checksums[hash(chunk)] = checksum
            if len(self._checksums) > self._limit:
                self._checksums.popitem(last=False)


def _decompress(data: bytes, codec: Codec, most_nbytes: int) -> bytes:
    """Undo a compression as other readers do, if it declares no more than `most_nbytes`.

    Raises
    ------
    ValueError, RuntimeError, zlib.error
        If it does not declare its size, or another one, or is damaged.
    """
    if codec.name == "zstd":
        _check_size(_zstd_nbytes(data), most_nbytes)  # numcodecs makes room for what all frames declare
        return bytes(Zstd().decode(data))
    if codec.name == "blosc":
        if len(data) < _BLOSC_HEADER_NBYTES or _U4.unpack_from(data, 12)[0] != len(data):
            raise ValueError("not one buffer of blosc")
        _check_size(_U4.unpack_from(data, 4)[0], most_nbytes)
        return bytes(Blosc().decode(data))
    if codec.name == "gzip":
        decoder = zlib.decompressobj(wbits=_GZIP)
        out = decoder.decompress(data, most_nbytes + 1)
        if not decoder.eof or decoder.unused_data:
            raise ValueError("not one member of gzip")
        return out
    return data


def _zstd_nbytes(data: bytes) -> int:
    """Return the size that one frame declares, negative for none.

    Where it ends is told by the headers of its blocks: three bytes with, from the lowest bit, whether it is the last,
    two of its type and 21 of its size, which for type 1, a byte repeated, is not that of what follows (RFC 8878,
    section 3.1.1.2).
    """
    try:
        parameters = zstandard.get_frame_parameters(data)
        end = zstandard.frame_header_size(data)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    is_last = False
    while not is_last and end < len(data):
        header = int.from_bytes(data[end : end + 3], "little")
        is_last = bool(header & 1)
        end += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
    if not is_last or end + _ZSTD_CHECKSUM_NBYTES * parameters.has_checksum != len(data):
        raise ValueError("not one frame of zstd")
    return -1 if parameters.content_size == zstandard.CONTENTSIZE_UNKNOWN else parameters.content_size


def _check_size(declared: int, most_nbytes: int) -> None:
    if not 0 <= declared <= most_nbytes:
        raise ValueError("another size than the chunk has")


def _is_text(data: bytes, items: int) -> bool:
    """Whether vlen-utf8 has so many items."""
    return len(data) >= _U4.size and _U4.unpack_from(data)[0] == items and len(VLenUTF8().decode(data)) == items
