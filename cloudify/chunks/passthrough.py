"""Stored bytes as they are: the keys of a zarr store whose chunks are those of the source, untouched.

Metadata are of zarr v2, or of v3 where the source is. A key is looked up: among the documents, else as the one spelling
of a chunk of a known array. It is never made into a path.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Protocol

from cloudify.chunks.hierarchy import Chunk, Document, Hierarchy
from cloudify.chunks.keyed_grid import KeyedGrid
from cloudify.chunks.keys import MAX_KEY_LENGTH, ChunkKeys, chunk_name
from cloudify.chunks.metadata import dump
from cloudify.chunks.stored_type import Json
from cloudify.datasets.objects import Part
from cloudify.errors import UnknownKeyError

JsonObject = dict[str, Json]


class Source(Protocol):
    """What holds the objects of a store. Safe to use from many threads."""

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Return the bytes of an object or of a part of it (`datasets.objects.Objects.read`)."""
        ...

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has, None where there is none."""
        ...

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield the index of every chunk that was written, as far as that can be told without another server."""
        ...


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the source holds it; nothing of it has been read."""

    key: str
    etag: str
    limit_nbytes: int
    source: Source
    media_type: str = "application/octet-stream"
    in_pieces: bool = False
    """Whether it may be too large to be held whole."""

    def size(self) -> int:
        """Return its size in bytes. Blocks.

        Raises
        ------
        UnknownKeyError
            If it was never written.
        """
        nbytes = self.source.size(self.key)
        if nbytes is None:
            raise self._absent()
        return nbytes

    def read(self, part: Part | None = None) -> bytes:
        """Read it or a part of it. Blocks; raises whatever the source raises, and as `size`."""
        data = self.source.read(self.key, part, limit_nbytes=self.limit_nbytes)
        if data is None:
            raise self._absent()
        return data

    def _absent(self) -> UnknownKeyError:
        return UnknownKeyError(self.key, "this chunk was never written and holds the fill value")


class Passthrough:
    """The keys of one dataset's stored bytes. Immutable, so safe to use from many threads.

    Parameters
    ----------
    zarr_format
        Of the source: 2 or 3.
    nodes
        Documents of the source by key.
    grids
        Path of each array whose stored chunks are passed on -> its keys.
    encoded
        Path of each array whose stored chunks zarr cannot express -> why; they are encoded by us, as under ``/zarr``.
    hierarchy
        The dataset as under ``/zarr``.
    """

    def __init__(
        self,
        zarr_format: int,
        nodes: Mapping[str, JsonObject],
        grids: Mapping[str, KeyedGrid],
        source: Source,
        hierarchy: Hierarchy,
        *,
        encoded: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.zarr_format, self.nodes, self.grids, self.source = zarr_format, nodes, grids, source
        self.hierarchy, self.encoded = hierarchy, encoded
        self.token, self.immutable = hierarchy.token, hierarchy.immutable
        consolidate = consolidate_v2 if zarr_format == 2 else consolidate_v3  # noqa: PLR2004
        self.documents = {key: Document.of(dump(node)) for key, node in consolidate(nodes).items()}

    def chunk_keys(self) -> "StoredKeys":
        """Return the keys of all chunks; nothing of the dataset is held by them."""
        encoded = {path: self.hierarchy.arrays[path].grid for path in self.encoded}
        return StoredKeys(self.grids, ChunkKeys(encoded))

    def find(self, key: str) -> Document | StoredChunk | Chunk:
        """Return what a key names.

        Raises
        ------
        UnknownKeyError
            If it names nothing.
        """
        document = self.documents.get(key)
        if document is not None:
            return document
        path = key if len(key) <= MAX_KEY_LENGTH else ""
        while path:
            path = path.rpartition("/")[0]
            if path in self.encoded:
                return self.hierarchy.find(key)
            grid = self.grids.get(path)
            index = grid.index(key) if grid is not None else None
            if grid is not None and index is not None:
                return StoredChunk(key, self._etag(grid, index), grid.limit_nbytes, self.source)
        raise UnknownKeyError(key, "neither a metadata document nor a stored chunk of this dataset")

    def _etag(self, grid: KeyedGrid, index: tuple[int, ...]) -> str:
        tag = blake2b(f"{self.token}\n{grid.path}\nstored".encode(), digest_size=8).hexdigest()
        return f'"{tag}-{chunk_name(index)}"'


class StoredKeys:
    """The keys of all stored chunks, whether they were written or not, and of those that are encoded by us."""

    def __init__(self, grids: Mapping[str, KeyedGrid], encoded: ChunkKeys) -> None:
        self._grids, self._encoded = grids, encoded

    def __contains__(self, key: object) -> bool:
        """Whether a chunk has this key."""
        if not isinstance(key, str) or len(key) > MAX_KEY_LENGTH:
            return False
        path = key
        while path:
            path = path.rpartition("/")[0]
            grid = self._grids.get(path)
            if grid is not None and grid.index(key) is not None:
                return True
        return key in self._encoded


def consolidate_v2(nodes: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    """Return the documents of a v2 store with ``.zmetadata`` for every group."""
    found = dict(nodes)
    for key in nodes:
        group, _, name = key.rpartition("/")
        if name == ".zgroup":
            prefix = f"{group}/" if group else ""
            below: dict[str, Json] = {k.removeprefix(prefix): nodes[k] for k in nodes if k.startswith(prefix)}
            found[f"{prefix}.zmetadata"] = {"zarr_consolidated_format": 1, "metadata": below}
    return found


def consolidate_v3(nodes: Mapping[str, JsonObject]) -> dict[str, JsonObject]:
    """Return the documents of a v3 store, in that of every group those below it."""
    found = dict(nodes)
    for key, node in nodes.items():
        if node.get("node_type") == "group":
            prefix = key.removesuffix("zarr.json")
            below: dict[str, Json] = {
                k.removeprefix(prefix).removesuffix("/zarr.json"): nodes[k]
                for k in nodes
                if k.startswith(prefix) and k != key
            }
            inline: Json = {"kind": "inline", "must_understand": False, "metadata": below}
            found[key] = node | {"consolidated_metadata": inline}
    return found
