"""Writing the index of an array: which blob each of its chunks is."""

from typing import Self

import numpy as np

from cloudify.compute.layout import Layout
from cloudify.compute.results.large import BLOCK_NBYTES, LargeBlob, Noted
from cloudify.datasets.chunk_index import RECORD, number_of, write_record
from cloudify.errors import IncompleteResultError
from cloudify.model.blob import Blob
from cloudify.model.chunkgrid import ChunkGrid

BUFFER_NBYTES = RECORD.size * 1600
_BLOCK = BLOCK_NBYTES - BLOCK_NBYTES % RECORD.size


class IndexWriter:
    """The index of one array (`datasets.chunk_index`), in a file from the beginning: memory does not grow with it.

    Chunks come in any order; those that follow each other are written together.
    """

    def __init__(self, noted: Noted, grid: ChunkGrid) -> None:
        self._grid = grid
        self._file = LargeBlob(noted, len(grid) * RECORD.size)
        self._buffer = bytearray()
        self._start = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.__exit__(*raised)

    def put(self, index: tuple[int, ...], blob: Blob) -> None:
        """Say which blob a chunk is; said twice, the last stands.

        Raises
        ------
        ValueError
            If the array has no such chunk.
        StoreUnavailableError
            If it cannot be written.
        """
        if index not in self._grid:
            raise ValueError(f"no chunk {index} in a grid of {self._grid.counts}")
        offset = number_of(index, self._grid.counts) * RECORD.size
        if offset != self._start + len(self._buffer) or len(self._buffer) >= BUFFER_NBYTES:
            self._flush()
            self._start = offset
        self._buffer += write_record(blob)

    def seal(self) -> tuple[Blob, int]:
        """Have it on disk; return it, and how many chunks it has."""
        self._flush()
        return self._file.seal(), self._count()

    def _flush(self) -> None:
        self._file.write(self._buffer, self._start)
        self._buffer.clear()

    def _count(self) -> int:
        count, offset = 0, 0
        while data := self._file.read(_BLOCK, offset):
            offset += len(data)
            count += int(np.frombuffer(data, np.uint8).reshape(-1, RECORD.size).any(axis=1).sum())
        return count


def seal_index(name: str, index: IndexWriter, layout: Layout, lacking: int) -> str:
    """Have the index of an array on disk, and return its hash.

    Parameters
    ----------
    lacking
        Most chunks that may be missing.

    Raises
    ------
    IncompleteResultError
        If more are.
    """
    blob, present = index.seal()
    if present + lacking < len(layout.grid):
        raise IncompleteResultError(name, len(layout.grid) - present - lacking)
    return blob.sha256
