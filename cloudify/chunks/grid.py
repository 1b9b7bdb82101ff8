"""Which grid of chunks a variable is served on."""

from collections.abc import Mapping
from math import prod

import xarray as xr

from cloudify.errors import ChunkTooLargeError
from cloudify.model.chunkgrid import ChunkGrid

SMALL_NBYTES = 2**18
"""Chunks of a file below this are served several at once: a request costs more than they do."""


def choose_grid(
    name: str, variable: xr.Variable, itemsize: int, *,
    stored: bool, chunk_nbytes: int, max_chunk_nbytes: int, wanted: Mapping[str, int],
) -> ChunkGrid:  # fmt: skip
    """Choose the grid of chunks for a variable.

    Parameters
    ----------
    itemsize
        Bytes of an element.
    stored
        Whether ``variable.encoding`` describes the source. What an object handed over in Python has there is inherited
        from a file it was once read from, and means nothing.
    chunk_nbytes
        Size aimed at where neither dask nor the source has chunks.
    wanted
        Dimension -> size of a chunk along it, by the catalog; along the others it is as it would be without.

    Raises
    ------
    ChunkTooLargeError
        If the source's own chunk, or that of the catalog, is above `max_chunk_nbytes`.
    """
    shape = variable.shape
    if not wanted.keys().isdisjoint(map(str, variable.dims)):
        chunk = _wanted_chunk(variable, itemsize, wanted, stored=stored, chunk_nbytes=chunk_nbytes)
        if itemsize * prod(chunk) > max_chunk_nbytes:
            raise ChunkTooLargeError(name, itemsize * prod(chunk), max_chunk_nbytes)
        return ChunkGrid(shape, chunk)
    if variable.chunks is not None:
        chunk = tuple(_uniform(sizes) for sizes in variable.chunks)
        if itemsize * prod(chunk) > max_chunk_nbytes:
            chunk = _cut(chunk, itemsize, max_chunk_nbytes)
        return ChunkGrid(shape, chunk)
    own = _source_chunk(variable) if stored else None
    if own is None:
        return ChunkGrid(shape, _cut(shape, itemsize, chunk_nbytes))
    if itemsize * prod(own) > max_chunk_nbytes:
        raise ChunkTooLargeError(name, itemsize * prod(own), max_chunk_nbytes)
    if "chunksizes" in variable.encoding:
        own = _gather(own, shape, itemsize)
    return ChunkGrid(shape, own)


def _wanted_chunk(
    variable: xr.Variable, itemsize: int, wanted: Mapping[str, int], *, stored: bool, chunk_nbytes: int
) -> tuple[int, ...]:
    """Return the chunk of a catalog: where dask and the source have none, cut along the dimensions it does not name."""
    sizes = [
        max(1, min(wanted.get(str(dim), extent), extent))
        for dim, extent in zip(variable.dims, variable.shape, strict=True)
    ]
    free = [axis for axis, dim in enumerate(variable.dims) if str(dim) not in wanted]
    own = _source_chunk(variable) if stored else None
    if variable.chunks is not None:
        own = tuple(_uniform(blocks) for blocks in variable.chunks)
    if own is not None:
        for axis in free:
            sizes[axis] = min(own[axis], sizes[axis])
        return tuple(sizes)
    taken = prod(size for axis, size in enumerate(sizes) if axis not in free)
    cut = _cut(tuple(sizes[axis] for axis in free), itemsize * taken, chunk_nbytes)
    for axis, size in zip(free, cut, strict=True):
        sizes[axis] = size
    return tuple(sizes)


def _uniform(sizes: tuple[int, ...]) -> int:
    """Return the chunk size of a dask axis: its own where all but the last are equal, else the largest."""
    return max(1, max(sizes, default=1))


def _source_chunk(variable: xr.Variable) -> tuple[int, ...] | None:
    encoding = variable.encoding
    chunk = encoding.get("chunks") or (encoding.get("chunksizes") if not encoding.get("contiguous") else None)
    if not chunk or len(chunk) != variable.ndim or not all(isinstance(n, int) and n > 0 for n in chunk):
        return None
    return tuple(chunk)


def _cut(shape: tuple[int, ...], itemsize: int, limit_nbytes: int) -> tuple[int, ...]:
    """Cut an array from its leading axis until a chunk fits, so that every chunk is one piece of the file."""
    chunk = [max(1, extent) for extent in shape]
    for axis, extent in enumerate(chunk):
        rest = itemsize * prod(chunk[axis + 1 :])
        if rest * extent <= limit_nbytes:
            break
        chunk[axis] = max(1, limit_nbytes // rest)
    return tuple(chunk)


def _gather(chunk: tuple[int, ...], shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Multiply a small chunk along its axes, the last first, until it is worth a request."""
    sizes = [min(n, max(1, extent)) for n, extent in zip(chunk, shape, strict=True)]
    for axis in reversed(range(len(sizes))):
        factor = SMALL_NBYTES // (itemsize * prod(sizes))
        if factor <= 1:
            break
        sizes[axis] = min(max(1, shape[axis]), sizes[axis] * factor)
    return tuple(sizes)
