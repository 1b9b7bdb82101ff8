"""The index of one array of a result: which blob each of its chunks is.

A file of records of 40 bytes, one for each chunk in C order: the hash, and the size as a little-endian uint64; zeros
for a chunk that there is not. A chunk costs one read of its record, whatever their number; nothing is held. The file is
not mapped into memory: one that is cut off while it is mapped would end the process.
"""

import os
from collections.abc import Iterator
from errno import EIO
from itertools import product
from pathlib import Path
from struct import Struct

from cloudify.model.blob import Blob
from cloudify.model.chunkgrid import ChunkGrid

RECORD = Struct("<32sQ")
BATCH = 4096
"""Records that are read at once where all are wanted."""
_ABSENT = bytes(RECORD.size)


def write_record(blob: Blob) -> bytes:
    """Write the record of a chunk.

    >>> read_record(write_record(Blob("ab" * 32, 7))) == Blob("ab" * 32, 7), read_record(bytes(40))
    (True, None)
    """
    return RECORD.pack(bytes.fromhex(blob.sha256), blob.nbytes)


def read_record(data: bytes) -> Blob | None:
    """Read a record; None for a chunk that there is not."""
    if data == _ABSENT:
        return None
    digest, nbytes = RECORD.unpack(data)
    return Blob(digest.hex(), nbytes)


def number_of(index: tuple[int, ...], counts: tuple[int, ...]) -> int:
    """Return the place of a chunk in C order.

    >>> number_of((1, 2), (3, 4)), number_of((), ())
    (6, 0)
    """
    number = 0
    for position, count in zip(index, counts, strict=True):
        number = number * count + position
    return number


class ChunkIndex:
    """The index of one array, in a file. Safe to use from many threads."""

    def __init__(self, path: Path, grid: ChunkGrid) -> None:
        self._path, self._grid = path, grid

    def find(self, index: tuple[int, ...]) -> Blob | None:
        """Return the blob of a chunk, None where there is none.

        Raises
        ------
        OSError
            If the index is lost, or shorter than it was.
        """
        handle = _open(self._path)
        try:
            offset = number_of(index, self._grid.counts) * RECORD.size
            data = os.pread(handle, RECORD.size, offset)
        finally:
            os.close(handle)
        if len(data) != RECORD.size:
            raise cut_off()
        return read_record(data)

    def written(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of every chunk that there is; raises as `find`."""
        indices = product(*map(range, self._grid.counts))
        for index, blob in zip(indices, records(self._path), strict=False):
            if blob is not None:
                yield index


def records(path: Path) -> Iterator[Blob | None]:
    """Yield the records of an index in their order.

    Raises
    ------
    OSError
        If the index is lost, or ends within a record.
    """
    handle = _open(path)
    try:
        offset = 0
        while data := os.pread(handle, BATCH * RECORD.size, offset):
            if len(data) % RECORD.size:
                raise cut_off()
            offset += len(data)
            for start in range(0, len(data), RECORD.size):
                yield read_record(data[start : start + RECORD.size])
    finally:
        os.close(handle)


def cut_off() -> OSError:
    """Return the failure of an index that is shorter than it was."""
    return OSError(EIO, "the index of this result is cut off")


def lost(what: str) -> OSError:
    """Return the failure of a blob that is not there: no `FileNotFoundError`, which readers take for a fill value."""
    return OSError(EIO, f"{what} of this result is lost")


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise lost("the index") from error
