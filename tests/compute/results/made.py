"""What the tests of results share: a folder of blobs, slices that left something."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cloudify.chunks.metadata import array_documents, dump, group_documents
from cloudify.chunks.stored_type import StoredType
from cloudify.compute.layout import Layout
from cloudify.compute.part import Part
from cloudify.compute.store.blobs import Blobs
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.outcome import Piece


class Folder(Blobs):
    """The blobs of a data directory."""

    def names(self) -> set[str]:
        """Return the names of all files but the lock."""
        return {path.name for path in self.folder.rglob("*") if path.is_file()} - {"lock"}


@dataclass(frozen=True)
class Left:
    """What slices left."""

    chunks: Iterable[Piece] = ()
    plain: Iterable[tuple[int, str]] = ()
    failed: Iterable[int] = ()

    def pieces(self) -> Iterable[Piece]:
        return self.chunks

    def values(self) -> Iterable[tuple[int, str]]:
        return self.plain

    def failed_numbers(self) -> Iterable[int]:
        return self.failed


def layout(values: np.ndarray[Any, Any], dims: tuple[str, ...], chunk: tuple[int, ...], **attrs: Any) -> Layout:
    stored = StoredType.of(values.dtype)
    fill = stored.default_fill if stored.dtype.kind in "fc" else None
    return Layout(dims, ChunkGrid(values.shape, chunk), stored, fill, attrs)


def documents(layouts: dict[str, Layout], **attrs: Any) -> dict[str, bytes]:
    """Write the metadata as a template does: those of the root hold the others."""
    below = {name: array_documents(each) for name, each in layouts.items()}
    root = dump(group_documents(attrs, below)["zarr.json"])
    return {"zarr.json": root} | {f"{name}/zarr.json": dump(docs["zarr.json"]) for name, docs in below.items()}


def chunks(name: str, values: np.ndarray[Any, Any], layout: Layout) -> Iterator[Part]:
    for index in np.ndindex(*layout.grid.counts):
        yield Part(name, index, values[layout.grid.region(index)], layout)


def temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".tmp-")]
