"""What all slices of a job left -> one result. Memory does not grow with their number."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

from cloudify.compute.layout import Layout
from cloudify.compute.results.blobs import Blobs, folder_of
from cloudify.compute.results.index import IndexWriter
from cloudify.compute.results.manifest import StoredArrays, write_files, write_manifest
from cloudify.compute.results.parts import Part, parse_key, store_parts
from cloudify.compute.results.source import Source, count, ranges
from cloudify.datasets.manifest import Json
from cloudify.errors import IncompleteResultError
from cloudify.model.blob import Blob
from cloudify.model.outcome import Piece

DOCUMENT = "zarr.json"


def assemble_chunks(
    documents: Mapping[str, bytes],
    layouts: Mapping[str, Layout],
    coordinates: Iterable[Part],
    source: Source,
    blobs: Blobs,
    *,
    absent: int = 0,
) -> str:
    """Put together a result whose slices are chunks; return the hash of its manifest.

    Parameters
    ----------
    documents
        ``zarr.json`` of the root and of each array, by key.
    layouts
        Of each array, by name.
    coordinates
        All chunks of those arrays that slices do not write.
    absent
        Cells that no slice was to make.

    Raises
    ------
    IncompleteResultError
        If chunks are missing of slices that did not fail.
    OSError, StoreUnavailableError
        If it cannot be written; nobody refers to what was.
    """
    failed = ranges(source.failed_numbers())
    whole: set[str] = set()
    with ExitStack() as opened:
        folder = folder_of(blobs)
        indices = {name: opened.enter_context(IndexWriter(folder, layout.grid)) for name, layout in layouts.items()}
        for piece in source.pieces():
            _put(indices, piece)
        for part in coordinates:
            whole.add(part.variable)
            _put(indices, *store_parts([part], layouts, blobs))
        lacking = count(failed) + absent
        sealed = {
            name: seal_index(name, index, layouts[name], 0 if name in whole else lacking)
            for name, index in indices.items()
        }
    nodes = dict(_nodes(documents))
    root = nodes.pop("", {})
    return write_manifest(StoredArrays(nodes, sealed, root.get("attributes", {})), blobs, failed=failed)


def assemble_files(source: Source, blobs: Blobs) -> str:
    """Put together a result of plain files; return the hash of its manifest. Raises as `assemble_chunks`."""
    failed = ranges(source.failed_numbers())
    return write_manifest(StoredArrays(), blobs, files=write_files(source.pieces(), blobs), failed=failed)


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


def _put(indices: Mapping[str, IndexWriter], piece: Piece) -> None:
    name, index = parse_key(piece.key)
    indices[name].put(index, Blob(piece.sha256, piece.nbytes))


def _nodes(documents: Mapping[str, bytes]) -> Iterator[tuple[str, Json]]:
    for key, data in documents.items():
        node = json.loads(data)
        node.pop("consolidated_metadata", None)  # it is there again
        yield key.removesuffix(DOCUMENT).rstrip("/"), node
