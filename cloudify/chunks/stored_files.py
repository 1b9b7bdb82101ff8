"""Stored bytes of netCDF and HDF5 files: metadata as under ``/zarr``, but for the grid and the encoding of the file."""

from collections.abc import Iterator, Mapping
from math import prod

import numcodecs
import numpy as np

from cloudify.chunks.array import ServedArray
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.chunks.keyed_grid import KeyedGrid
from cloudify.chunks.metadata import array_documents, join, plain_group_documents
from cloudify.chunks.passthrough import JsonObject, Passthrough
from cloudify.datasets.objects import Objects, Part, cut
from cloudify.datasets.references import Reference
from cloudify.datasets.stored_array import StoredArray

SLACK_NBYTES = 2**16
"""What compression may add to a chunk that resists it, besides an eighth."""


def pass_files(
    hierarchy: Hierarchy,
    arrays: Mapping[str, StoredArray],
    unfit: Mapping[str, str],
    files: Mapping[str, Objects],
    *,
    max_chunk_nbytes: int,
) -> Passthrough:
    """Return the keys of the stored bytes of one or more files.

    Parameters
    ----------
    arrays
        What the files hold, by path.
    unfit
        Path of each array that zarr cannot express -> why.
    files
        Where to read each file.
    """
    encoded: dict[str, str] = {}
    kept: dict[str, StoredArray] = {}
    nodes: dict[str, JsonObject] = {}
    for path, served in hierarchy.arrays.items():
        stored = arrays.get(path)
        own = array_documents(served)
        reason = misfit(served, stored, max_chunk_nbytes) or ""
        if stored is None or reason:
            encoded[path] = unfit.get(path, reason)
        else:
            kept[path] = stored
            own[".zarray"] |= _encoding(stored)
        nodes |= {f"{path}/{name}": document for name, document in own.items() if name != "zarr.json"}
    for group, attrs in hierarchy.groups.items():
        own = plain_group_documents(attrs)
        nodes |= {join((group, name)): document for name, document in own.items() if name != "zarr.json"}
    grids = {path: KeyedGrid(path, stored.grid, _limit(stored)) for path, stored in kept.items()}
    source = FileSource(
        {path: (grids[path], stored, _constant(hierarchy.arrays[path], stored)) for path, stored in kept.items()}, files
    )
    return Passthrough(2, nodes, grids, source, hierarchy, encoded=encoded)


def misfit(served: ServedArray, stored: StoredArray | None, max_chunk_nbytes: int) -> str | None:
    """Return why the stored chunks of an array are not those of the array that is served, None if they are."""
    if stored is None:
        return "it is not stored in chunks of this file"
    dtype = served.variable.dtype
    if (dtype.kind, dtype.itemsize) != (stored.dtype.kind, stored.dtype.itemsize):
        return f"it is stored as {stored.dtype} and read as {dtype}"
    if served.grid.shape != stored.grid.shape:
        return "the file holds fewer records of it than its dimension has"
    if prod(stored.grid.chunk) * dtype.itemsize > max_chunk_nbytes:
        return "one of its chunks is above the limit"
    return None


def _encoding(stored: StoredArray) -> JsonObject:
    """Return what the file decides of ``.zarray``; the last filter is the compressor, where it is one."""
    filters = [dict(one) for one in stored.filters]
    compressor = filters.pop() if filters and filters[-1]["id"] in {"zlib", "zstd", "blosc"} else None
    return {
        "chunks": list(stored.grid.chunk),
        "dtype": stored.dtype.str,
        "filters": [*filters] or None,
        "compressor": compressor,
    }


def _limit(stored: StoredArray) -> int:
    nbytes = prod(stored.grid.chunk) * stored.dtype.itemsize
    return nbytes + nbytes // 8 + SLACK_NBYTES


def _constant(served: ServedArray, stored: StoredArray) -> bytes | None:
    """Return one element that chunks never written hold, None where the fill value that we declare says the same."""
    if stored.fill is None:
        return None
    value = np.frombuffer(stored.fill, stored.dtype)[0]
    declared = served.fill
    same = declared is not None and (value == declared or (value != value and declared != declared))  # noqa: PLR0124  # NaN
    return None if same else stored.fill


class FileSource:
    """The chunks of arrays in files. Safe to use from many threads."""

    def __init__(
        self, arrays: Mapping[str, tuple[KeyedGrid, StoredArray, bytes | None]], files: Mapping[str, Objects]
    ) -> None:
        self._arrays, self._files = arrays, files

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of a chunk or of a part of it."""
        found = self._find(key)
        if found is None or isinstance(found, bytes):
            return found if found is None else cut(found, part)
        data = self._files[found.url].read("", Part(found.offset, found.length), limit_nbytes=limit_nbytes)
        if data is None or len(data) != found.length:
            raise EOFError("the file is shorter than its index says")
        return cut(data, part)

    def size(self, key: str) -> int | None:
        """Return how many bytes a chunk has."""
        found = self._find(key)
        return None if found is None else len(found) if isinstance(found, bytes) else found.length

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield the index of every chunk that has bytes here."""
        _, stored, constant = self._arrays[grid.path]
        for index in grid.indices():
            if constant is not None or stored.places.find(index) is not None:
                yield index

    def _find(self, key: str) -> Reference | None:
        grid, stored, constant = self._arrays[key.rpartition("/")[0]]
        found = stored.places.find(grid.index(key) or ())
        return _constant_chunk(stored, constant) if found is None and constant is not None else found


def _constant_chunk(stored: StoredArray, element: bytes) -> bytes:
    """Return a chunk that was never written as it would be stored."""
    data = element * prod(stored.grid.chunk)
    for config in stored.filters:
        data = bytes(numcodecs.get_codec(dict(config)).encode(data))
    return data
