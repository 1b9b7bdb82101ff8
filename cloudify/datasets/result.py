"""Opener for the results of jobs: a zarr v3 store whose chunks are blobs, named by a manifest."""

import os
from collections.abc import Iterator, Mapping
from errno import EIO
from pathlib import Path

import xarray as xr

from cloudify.catalog.driver import is_url
from cloudify.datasets.chunk_index import ChunkIndex, lost
from cloudify.datasets.documents import Documents, hierarchy_v3
from cloudify.datasets.manifest import Manifest, read_manifest
from cloudify.datasets.objects import Part, reader_options, too_large
from cloudify.datasets.source import RefusedError
from cloudify.datasets.store import open_documents
from cloudify.model.blob import Blob, blob_path
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.entry import Entry
from cloudify.settings import Settings


def open_result(entry: Entry, *, timeout_s: float, settings: Settings) -> Mapping[str, xr.Dataset]:  # noqa: ARG001  # an opener's
    """Open a result with the values that it stores.

    Raises
    ------
    RefusedError
        If its manifest is not to be believed.
    OSError
        If it is not there.
    """
    return open_documents(*stored_result(entry, settings.max_chunk_nbytes), reader_options(entry.options))


def stored_result(entry: Entry, max_chunk_nbytes: int) -> "tuple[Documents, ResultObjects]":
    """Return the metadata of a result, and its chunks (`open_result`)."""
    if is_url(entry.href):
        raise RefusedError("results are read on disk only: its href is a URL")
    path = Path(entry.href)
    manifest = read_manifest(path)
    documents = hierarchy_v3(dict(manifest.root), manifest.nodes, max_chunk_nbytes)
    return documents, ResultObjects(manifest, documents, path.parent.parent)


class ResultObjects:
    """The chunks of a result. Safe to use from many threads.

    A chunk that the index does not have is absent: its slice failed, and was skipped. One that it has and whose blob is
    not there, or has another size, is a failure.

    Parameters
    ----------
    folder
        Of the blobs.
    """

    def __init__(self, manifest: Manifest, documents: Documents, folder: Path) -> None:
        self._folder = folder
        self._grids = {path: _grid(documents, path) for path in documents.arrays}
        for path in documents.arrays:
            if path not in manifest.indices:
                raise RefusedError("its manifest has an array without an index of its chunks")
        self._indices = {
            path: ChunkIndex(blob_path(folder, manifest.indices[path]), grid) for path, grid in self._grids.items()
        }

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of a chunk or of a part of it (`Objects.read`).

        Raises
        ------
        OSError
            If its blob, or the index, is lost or not what it was.
        """
        blob = self._find(key)
        if blob is None:
            return None
        try:
            handle = os.open(blob_path(self._folder, blob.sha256), os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise lost("a chunk") from error
        try:
            return _read(handle, blob, part, limit_nbytes)
        finally:
            os.close(handle)

    def size(self, key: str) -> int | None:
        """Return how many bytes a chunk has (`Objects.size`)."""
        blob = self._find(key)
        return None if blob is None else blob.nbytes

    def written(self, path: str) -> Iterator[tuple[int, ...]]:
        """Yield the index of every chunk of an array that there is."""
        return self._indices[path].written()

    def _find(self, key: str) -> Blob | None:
        path, separator, rest = key.rpartition("/c")
        grid = self._grids.get(path)
        if grid is None or not separator:
            return None
        parts = rest.split("/")[1:]
        if not all(part.isascii() and part.isdigit() for part in parts):
            return None
        index = tuple(map(int, parts))
        return self._indices[path].find(index) if index in grid else None


def _read(handle: int, blob: Blob, part: Part | None, limit_nbytes: int) -> bytes:
    if os.fstat(handle).st_size != blob.nbytes:
        raise OSError(EIO, "a chunk of this result is not what it was: its size differs")
    offset, length = part or Part(0)
    start = max(0, blob.nbytes + offset) if offset < 0 else min(offset, blob.nbytes)
    wanted = blob.nbytes - start if length is None else min(length, blob.nbytes - start)
    if wanted > limit_nbytes:
        raise too_large()
    data = os.pread(handle, wanted, start)
    if len(data) != wanted:
        raise OSError(EIO, "a chunk of this result is cut off")
    return data


def _grid(documents: Documents, path: str) -> ChunkGrid:
    node = documents.nodes[path]
    encoding = node.get("chunk_key_encoding")
    if encoding != {"name": "default", "configuration": {"separator": "/"}}:
        raise RefusedError("its manifest has an array whose chunks have other keys than ours")
    return ChunkGrid(tuple(node["shape"]), tuple(node["chunk_grid"]["configuration"]["chunk_shape"]))
