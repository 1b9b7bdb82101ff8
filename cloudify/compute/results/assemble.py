"""What all slices of a job left -> one result. Memory does not grow with their number."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from cloudify.compute.results.array import ResultArray, arrays_of
from cloudify.compute.results.blobs import Blobs, folder_of
from cloudify.compute.results.index import IndexWriter
from cloudify.compute.results.manifest import StoredArrays, write_files, write_manifest
from cloudify.compute.results.parts import parse_key
from cloudify.compute.results.source import Source, count, ranges
from cloudify.datasets.manifest import Json
from cloudify.errors import IncompleteResultError
from cloudify.model.blob import Blob

DOCUMENT = "zarr.json"


def assemble_chunks(documents: Mapping[str, bytes], source: Source, blobs: Blobs) -> str:
    """Put together a result whose slices are chunks; return the hash of its manifest.

    Parameters
    ----------
    documents
        Of the template, by key of a zarr v3 store: the ``zarr.json`` of the root and of each array, and all chunks of
        those arrays that slices do not write: the coordinates.

    Raises
    ------
    IncompleteResultError
        If chunks are missing of slices that did not fail.
    OSError, StoreUnavailableError
        If it cannot be written; nobody refers to what was.
    """
    failed = ranges(source.failed_numbers())
    arrays = arrays_of(documents)
    fixed = {key: data for key, data in documents.items() if not _is_document(key)}
    with ExitStack() as opened:
        folder = folder_of(blobs)
        indices = {path: opened.enter_context(IndexWriter(folder, array.grid)) for path, array in arrays.items()}
        for piece in source.pieces():
            _put(indices, piece.key, Blob(piece.sha256, piece.nbytes))
        for key, data in fixed.items():
            _put(indices, key, Blob(*blobs.put(data)))
        whole = {parse_key(key)[0] for key in fixed}
        lacking = count(failed)
        sealed = {
            path: seal_index(path, index, arrays[path], 0 if path in whole else lacking)
            for path, index in indices.items()
        }
    nodes = dict(_nodes(documents))
    root = nodes.pop("", {})
    return write_manifest(StoredArrays(nodes, sealed, root.get("attributes", {})), blobs, failed=failed)


def assemble_files(source: Source, blobs: Blobs) -> str:
    """Put together a result of plain files; return the hash of its manifest. Raises as `assemble_chunks`."""
    failed = ranges(source.failed_numbers())
    return write_manifest(StoredArrays(), blobs, files=write_files(source.pieces(), blobs), failed=failed)


def seal_index(path: str, index: IndexWriter, array: ResultArray, lacking: int) -> str:
    """Have an index on disk, and return its hash.

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
    if present + lacking < len(array.grid):
        raise IncompleteResultError(path, len(array.grid) - present - lacking)
    return blob.sha256


def _put(indices: Mapping[str, IndexWriter], key: str, blob: Blob) -> None:
    path, index = parse_key(key)
    indices[path].put(index, blob)


def _nodes(documents: Mapping[str, bytes]) -> Iterator[tuple[str, Json]]:
    for key, data in documents.items():
        if _is_document(key):
            node = json.loads(data)
            node.pop("consolidated_metadata", None)
            yield key.removesuffix(DOCUMENT).rstrip("/"), node


def _is_document(key: str) -> bool:
    return key.rpartition("/")[2] == DOCUMENT
