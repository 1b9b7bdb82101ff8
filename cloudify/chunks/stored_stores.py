"""Stored bytes of zarr stores and of kerchunk reference sets: their own documents and objects, by their own keys."""

import os
from collections.abc import Iterator, Mapping

from cloudify.chunks.attributes import json_attributes
from cloudify.chunks.hierarchy import Hierarchy
from cloudify.chunks.keyed_grid import KeyedGrid, keyed_grid
from cloudify.chunks.passthrough import JsonObject, Passthrough, Source
from cloudify.datasets.documents import Documents
from cloudify.datasets.kerchunk import ReferencedObjects
from cloudify.datasets.objects import LocalObjects, Objects, Part
from cloudify.datasets.references import JsonReferences
from cloudify.datasets.result import ResultObjects


def pass_store(hierarchy: Hierarchy, documents: Documents, objects: Objects) -> Passthrough:
    """Return the keys of the stored bytes of a store; what is not served under ``/zarr`` is not served here either."""
    grids = {path: keyed_grid(documents, path) for path in documents.arrays if path in hierarchy.arrays}
    return Passthrough(documents.zarr_format, _nodes(documents, grids), grids, _source(objects), hierarchy)


def _nodes(documents: Documents, grids: Mapping[str, KeyedGrid]) -> dict[str, JsonObject]:
    """Return the documents of groups and of the arrays that are served, by key."""
    kept: dict[str, JsonObject] = {}
    for key, node in documents.nodes.items():
        path = key.rpartition("/")[0] if documents.zarr_format == 2 else key  # noqa: PLR2004
        if path in grids or path not in documents.arrays:
            name = key if documents.zarr_format == 2 else f"{key}/zarr.json".lstrip("/")  # noqa: PLR2004
            kept[name] = json_attributes(node)
    return kept


def _source(objects: Objects) -> Source:
    if isinstance(objects, LocalObjects):
        return _Folder(objects)
    if isinstance(objects, ResultObjects):
        return _Result(objects)
    return _ReferenceSet(objects) if isinstance(objects, ReferencedObjects) else _Elsewhere(objects)


class _Elsewhere:
    """A store on another server, which cannot be listed: every chunk may have been written."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def read(self, key: str, part: Part | None = None, *, limit_nbytes: int) -> bytes | None:
        """Read an object."""
        return self._objects.read(key, part, limit_nbytes=limit_nbytes)

    def size(self, key: str) -> int | None:
        """Ask for its size."""
        return self._objects.size(key)

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield every chunk."""
        return grid.indices()


class _Folder(_Elsewhere):
    """A store on disk."""

    def __init__(self, objects: LocalObjects) -> None:
        super().__init__(objects)
        self._root = objects.root

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield every chunk that has a file, by listing the folder once."""
        for folder, _, names in os.walk(os.path.join(self._root, grid.path)):  # noqa: PTH118  # many files
            prefix = os.path.relpath(folder, self._root)
            for name in names:
                index = grid.index(f"{prefix}/{name}")
                if index is not None:
                    yield index


class _ReferenceSet(_Elsewhere):
    """A table of references."""

    def __init__(self, objects: ReferencedObjects) -> None:
        super().__init__(objects)
        self._references = objects.references

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield every chunk that the table has."""
        if isinstance(self._references, JsonReferences):
            found = (grid.index(key) for key in self._references.keys_below(grid.path))
            return (index for index in found if index is not None)
        return (index for index in grid.indices() if self._references.find(grid.key(index)) is not None)


class _Result(_Elsewhere):
    """The result of a job."""

    def __init__(self, objects: ResultObjects) -> None:
        super().__init__(objects)
        self._chunks = objects

    def written(self, grid: KeyedGrid) -> Iterator[tuple[int, ...]]:
        """Yield every chunk that the index has."""
        return self._chunks.written(grid.path)
