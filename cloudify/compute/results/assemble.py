"""What all slices of a job left -> one result. Memory does not grow with their number."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

from cloudify.compute.coordinates import coordinate_parts
from cloudify.compute.layout import Layout
from cloudify.compute.part import Part
from cloudify.compute.plan import AnyPlan
from cloudify.compute.results.index import IndexWriter, seal_index
from cloudify.compute.results.large import Noted
from cloudify.compute.results.manifest import StoredArrays, Written, write_files, write_manifest
from cloudify.compute.results.parts import parse_key
from cloudify.compute.results.source import Source, count, ranges
from cloudify.compute.results.table import assemble_table
from cloudify.compute.store.blobs import Blobs
from cloudify.compute.template import Template
from cloudify.datasets.manifest import Json
from cloudify.datasets.opened import Opened
from cloudify.model.blob import Blob

DOCUMENT = "zarr.json"


def assemble(
    template: Template, plan: AnyPlan, name: str, source: Source, blobs: Blobs, *,
    opened: Opened | None = None, absent: int = 0,
) -> Written:  # fmt: skip
    """Put together the result of a job, all of whose slices are settled. Blocks.

    Parameters
    ----------
    name
        Of the function.
    opened
        The dataset of a plan that has one, for coordinates.
    absent
        Cells of the plan that no slice was to make.

    Raises
    ------
    IncompleteResultError, ValueTooLongError, StoreUnavailableError
        As `assemble_chunks` and `assemble_table` do.
    OSError, ValueError, ...
        Whatever the source of coordinates raises (`datasets.source.failures`).
    """
    if template.kind == "table":
        return assemble_table(name, source, blobs)
    if template.kind == "files":
        return assemble_files(source, blobs)
    parts = coordinate_parts(template, plan, opened)
    return assemble_chunks(template.documents(plan), template.layouts(plan), parts, source, blobs, absent=absent)


def assemble_chunks(
    documents: Mapping[str, bytes],
    layouts: Mapping[str, Layout],
    coordinates: Iterable[Part],
    source: Source,
    blobs: Blobs,
    *,
    absent: int = 0,
) -> Written:
    """Put together a result whose slices are chunks.

    Parameters
    ----------
    documents
        ``zarr.json`` of the root and of each array, by key.
    layouts
        Of each array, by name.
    coordinates
        All chunks of those arrays that slices do not write.
    absent
        Chunks of the others that no slice was to make.

    Raises
    ------
    IncompleteResultError
        If chunks are missing of slices that did not fail.
    StoreUnavailableError
        If it cannot be written; nobody refers to what was.
    """
    failed = ranges(source.failed_numbers())
    whole: set[str] = set()
    noted = Noted(blobs)
    with ExitStack() as opened:
        indices = {name: opened.enter_context(IndexWriter(noted, layout.grid)) for name, layout in layouts.items()}
        for piece in source.pieces():
            name, index = parse_key(piece.key)
            indices[name].put(index, Blob(piece.sha256, piece.nbytes))
        for part in coordinates:
            whole.add(part.variable)
            indices[part.variable].put(part.index, noted.put(part.encode()))
        lacking = count(failed) + absent
        sealed = {
            name: seal_index(name, one, layouts[name], 0 if name in whole else lacking) for name, one in indices.items()
        }
    nodes = dict(_nodes(documents))
    root = nodes.pop("", {})
    return write_manifest(StoredArrays(nodes, sealed, root.get("attributes", {})), noted, failed=failed)


def assemble_files(source: Source, blobs: Blobs) -> Written:
    """Put together a result of plain files. Raises as `assemble_chunks`."""
    failed, noted = ranges(source.failed_numbers()), Noted(blobs)
    return write_manifest(StoredArrays(), noted, files=write_files(source.pieces(), noted), failed=failed)


def _nodes(documents: Mapping[str, bytes]) -> Iterator[tuple[str, Json]]:
    for key, data in documents.items():
        node = json.loads(data)
        node.pop("consolidated_metadata", None)  # it is there again
        yield key.removesuffix(DOCUMENT).rstrip("/"), node
