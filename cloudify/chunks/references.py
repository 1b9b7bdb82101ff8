"""The kerchunk reference document of a dataset: version 1, metadata of zarr v2 inline, chunks as URLs of this server.

Source: kerchunk's specification, "References format", version 1. The engine ``kerchunk`` of xarray opens v2 only, so
what is stored as v3 is described as v2 where its bytes allow it, and where not, refers to the chunks under ``/zarr``.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from cloudify.chunks.array import ServedArray
from cloudify.chunks.as_v2 import AsV2, as_v2
from cloudify.chunks.keyed_grid import KeyedGrid
from cloudify.chunks.metadata import array_documents, dump, join, plain_group_documents
from cloudify.chunks.passthrough import JsonObject, Passthrough
from cloudify.datasets.references import MAX_REFERENCES
from cloudify.errors import TooManyChunksError
from cloudify.model.chunkgrid import ChunkGrid

Listed = tuple[str, str | list[str | int]]
"""A key, and what it refers to: text, ``[url]`` or ``[url, offset, length]``."""


def write_references(passthrough: Passthrough, base: str) -> bytes:
    """Write the document. Blocks: shards are asked for their indices.

    Parameters
    ----------
    base
        URL of the dataset, without a slash at its end.

    Raises
    ------
    TooManyChunksError
        If there are more chunks than one document can list.
    """
    listed = dict(islice(_list(passthrough, base), MAX_REFERENCES + 1))
    if len(listed) > MAX_REFERENCES:
        raise TooManyChunksError(MAX_REFERENCES)
    return json.dumps({"version": 1, "refs": listed}, ensure_ascii=False, separators=(",", ":")).encode()


def _list(passthrough: Passthrough, base: str) -> Iterator[Listed]:
    hierarchy = passthrough.hierarchy
    if passthrough.zarr_format == 2:  # noqa: PLR2004
        for key, node in passthrough.nodes.items():
            yield key, dump(node).decode()
    else:
        for group, attrs in hierarchy.groups.items():
            for name, node in plain_group_documents(attrs).items():
                if name != "zarr.json":
                    yield join((group, name)), dump(node).decode()
    for path, served in hierarchy.arrays.items():
        grid = passthrough.grids.get(path)
        if passthrough.zarr_format == 2:  # noqa: PLR2004
            yield from _as_stored(passthrough, grid, base) if grid else _as_served(served, f"{base}/kerchunk")
            continue
        document = passthrough.nodes.get(f"{path}/zarr.json")
        form = as_v2(document, served, grid) if document is not None and grid is not None else None
        if form is None or grid is None:
            yield from _documents(served, {})
            yield from _as_served(served, f"{base}/zarr")
        else:
            yield from _documents(served, _encoding(form))
            yield from _translated(passthrough, grid, form, _hides_fill(served, form), f"{base}/kerchunk")


def _as_stored(passthrough: Passthrough, grid: KeyedGrid, base: str) -> Iterator[Listed]:
    for index in passthrough.source.written(grid):
        key = grid.key(index)
        yield key, [f"{base}/kerchunk/{quote(key)}"]


def _as_served(served: ServedArray, url: str) -> Iterator[Listed]:
    grid = KeyedGrid(served.path, served.grid, 0)
    for index in grid.indices():
        key = grid.key(index)
        yield key, [f"{url}/{quote(key)}"]


def _documents(served: ServedArray, encoding: JsonObject) -> Iterator[Listed]:
    own = array_documents(served)
    yield f"{served.path}/.zarray", dump(own[".zarray"] | encoding).decode()
    yield f"{served.path}/.zattrs", dump(own[".zattrs"]).decode()


def _encoding(form: AsV2) -> JsonObject:
    return {"chunks": list(form.chunk), "dtype": form.dtype, "filters": form.filters, "compressor": form.compressor}


def _hides_fill(served: ServedArray, form: AsV2) -> bool:
    """Whether v2 would read something else than v3 where no chunk was written."""
    fill = served.fill
    return fill is None or not (fill == form.fill or (fill != fill and form.fill != form.fill))  # noqa: PLR0124  # NaN


def _translated(passthrough: Passthrough, grid: KeyedGrid, form: AsV2, constant: bool, url: str) -> Iterator[Listed]:  # noqa: FBT001
    """Yield the chunks of an array of v3 under their keys of v2; with `constant` those never written too, inline."""
    target = KeyedGrid(grid.path, ChunkGrid(grid.grid.shape, form.chunk), 0)
    seen: set[tuple[int, ...]] = set()
    for index in passthrough.source.written(grid):
        key = grid.key(index)
        if form.shard is None:
            seen.add(index)
            yield target.key(index), [f"{url}/{quote(key)}"]
            continue
        data = passthrough.source.read(key, form.shard.part, limit_nbytes=grid.limit_nbytes)
        for where, offset, nbytes in form.shard.inner(data):
            inner = tuple(i * n + k for i, n, k in zip(index, form.shard.counts, where, strict=True))
            if inner in target.grid:
                seen.add(inner)
                yield target.key(inner), [f"{url}/{quote(key)}", offset, nbytes]
    if constant and len(seen) < len(target.grid):
        text = "base64:" + b64encode(form.constant()).decode()
        for index in target.indices():
            if index not in seen:
                yield target.key(index), text
