"""What the tests of results share: a folder of blobs, slices that left something."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from cloudify.chunks.metadata import array_documents, dump, group_documents
from cloudify.chunks.stored_type import StoredType
from cloudify.compute.layout import Layout
from cloudify.model.blob import blob_path
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.outcome import Piece


class Folder:
    """A folder of blobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes | memoryview) -> tuple[str, int]:
        name = sha256(data).hexdigest()
        path = self.path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return name, len(data)

    def path(self, sha256: str) -> Path:
        return blob_path(self.folder, sha256)

    def names(self) -> set[str]:
        return {path.name for path in self.folder.rglob("*") if path.is_file()}


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


@dataclass(frozen=True)
class Chunk:
    """A chunk in memory."""

    variable: str
    index: tuple[int, ...]
    values: Any

    @property
    def key(self) -> str:
        return "/".join((self.variable, "c", *map(str, self.index)))


def layout(values: np.ndarray[Any, Any], dims: tuple[str, ...], chunk: tuple[int, ...], **attrs: Any) -> Layout:
    stored = StoredType.of(values.dtype)
    fill = stored.default_fill if stored.dtype.kind in "fc" else None
    return Layout(dims, ChunkGrid(values.shape, chunk), stored, fill, attrs)


def documents(layouts: dict[str, Layout], **attrs: Any) -> dict[str, bytes]:
    """Write the metadata as a template does: those of the root hold the others."""
    below = {name: array_documents(each) for name, each in layouts.items()}
    root = dump(group_documents(attrs, below)["zarr.json"])
    return {"zarr.json": root} | {f"{name}/zarr.json": dump(docs["zarr.json"]) for name, docs in below.items()}


def chunks(name: str, values: np.ndarray[Any, Any], grid: ChunkGrid) -> Iterator[Chunk]:
    for index in np.ndindex(*grid.counts):
        yield Chunk(name, index, values[grid.region(index)])


def temporaries(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".tmp-")]
