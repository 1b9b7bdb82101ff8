"""Arrays as files hold them: on which grid of chunks, in which encoding, and where each chunk is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from cloudify.datasets.references import Reference, Target
from cloudify.model.chunkgrid import ChunkGrid

Config = Mapping[str, Any]
"""A codec as zarr v2 writes it: ``{"id": "zlib", "level": 4}``."""


class Places(Protocol):
    """Where the chunks of an array are. Safe to use from many threads."""

    def find(self, index: tuple[int, ...]) -> Reference | None:
        """Return where the chunk at `index` of the grid is, None for one that was never written."""
        ...


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array of a file."""

    grid: ChunkGrid
    """Every chunk is stored whole, the last of an axis with what pads it."""
    dtype: np.dtype[Any]
    """With the byte order of the file."""
    filters: tuple[Config, ...]
    """In the order in which they were applied."""
    places: Places
    fill: bytes | None = None
    """One element, as the file holds it, that stands in chunks never written; None where every chunk is."""


@dataclass(frozen=True, slots=True)
class Table:
    """Places from a table, in C order; offset -1 is a chunk never written."""

    url: str
    counts: tuple[int, ...]
    offsets: np.ndarray[Any, np.dtype[np.int64]]
    sizes: np.ndarray[Any, np.dtype[np.int64]]

    def find(self, index: tuple[int, ...]) -> Reference | None:
        """Look a chunk up."""
        number = int(np.ravel_multi_index(index, self.counts)) if self.counts else 0
        offset = int(self.offsets[number])
        return None if offset < 0 else Target(self.url, offset, int(self.sizes[number]))


@dataclass(frozen=True, slots=True)
class Regular:
    """Chunks one after the other along the leading axis, whole along all others."""

    url: str
    begin: int
    stride: int
    nbytes: int

    def find(self, index: tuple[int, ...]) -> Reference | None:
        """Work out where a chunk is."""
        return Target(self.url, self.begin + (index[0] if index else 0) * self.stride, self.nbytes)


@dataclass(frozen=True, slots=True)
class Joined:
    """The chunks of several files, one file after the other along an axis."""

    axis: int
    starts: tuple[int, ...]
    """Index along `axis` of the first chunk of each file."""
    parts: Sequence[Places]

    def find(self, index: tuple[int, ...]) -> Reference | None:
        """Ask the file that has a chunk."""
        number = int(np.searchsorted(self.starts, index[self.axis], side="right")) - 1
        within = index[self.axis] - self.starts[number]
        return self.parts[number].find((*index[: self.axis], within, *index[self.axis + 1 :]))


def contiguous(url: str, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any], aim_nbytes: int) -> StoredArray:
    """Return an array that lies in a file as one piece, cut along its leading axis into chunks of one size.

    zarr pads the last chunk of an axis and the file does not, so the number of rows in a chunk divides their number.

    >>> contiguous("a", 100, (12, 5), np.dtype(">f4"), 100).grid.chunk
    (4, 5)
    """
    row = dtype.itemsize * prod(shape[1:])
    if not shape:
        return StoredArray(ChunkGrid((), ()), dtype, (), Regular(url, begin, row, row))
    most = min(shape[0], max(1, aim_nbytes // max(row, 1)))
    rows = next((n for n in range(most, 0, -1) if shape[0] % n == 0), 1)
    grid = ChunkGrid(shape, tuple(max(1, n) for n in (rows, *shape[1:])))
    return StoredArray(grid, dtype, (), Regular(url, begin, row * rows, row * rows))


def join(parts: Sequence[StoredArray], axis: int) -> StoredArray | None:
    """Return the arrays of several files as one along an axis; None where their chunks do not fit together.

    They do if all are encoded alike on chunks of one size, and no file but the last ends within a chunk.
    """
    first = parts[0]
    size = first.grid.chunk[axis]
    if any(_encoding(part) != _encoding(first) for part in parts):
        return None
    if any(part.grid.shape[axis] % size for part in parts[:-1]):
        return None
    lengths = [part.grid.shape[axis] for part in parts]
    shape = (*first.grid.shape[:axis], sum(lengths), *first.grid.shape[axis + 1 :])
    starts = np.cumsum([0, *(part.grid.counts[axis] for part in parts[:-1])])
    places = Joined(axis, tuple(map(int, starts)), [part.places for part in parts])
    return StoredArray(ChunkGrid(shape, first.grid.chunk), first.dtype, first.filters, places, first.fill)


def _encoding(array: StoredArray) -> tuple[object, ...]:
    return array.grid.chunk, array.dtype, array.filters, array.fill
