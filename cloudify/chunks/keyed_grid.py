"""The chunks of one array under the keys that a store has for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from cloudify.datasets.documents import Documents
from cloudify.datasets.references import MAX_REFERENCES
from cloudify.errors import TooManyChunksError
from cloudify.model.chunkgrid import ChunkGrid


@dataclass(frozen=True, slots=True)
class KeyedGrid:
    """The chunks of one array by key.

    >>> grid = KeyedGrid("tas", ChunkGrid((12, 96), (1, 96)), 10**6)
    >>> grid.key((3, 0)), grid.index("tas/3.0"), grid.index("tas/03.0"), grid.index("tas/12.0")
    ('tas/3.0', (3, 0), None, None)
    >>> KeyedGrid("tas", ChunkGrid((12, 96), (1, 96)), 10**6, prefix="c", separator="/").key((3, 0))
    'tas/c/3/0'
    """

    path: str
    grid: ChunkGrid
    limit_nbytes: int
    """Most bytes that one of its objects may have."""
    prefix: str = ""
    """``c`` in zarr v3's default encoding of keys."""
    separator: str = "."

    def key(self, index: tuple[int, ...]) -> str:
        """Write the key of a chunk."""
        numbers = self.separator.join(map(str, index))
        if self.prefix:
            return f"{self.path}/{self.prefix}{self.separator}{numbers}" if index else f"{self.path}/{self.prefix}"
        return f"{self.path}/{numbers or 0}"

    def index(self, key: str) -> tuple[int, ...] | None:
        """Return the index that a key means, None if it is not a chunk's, in this spelling."""
        rest = key[len(self.path) + 1 :].removeprefix(self.prefix)
        parts = [part for part in rest.split(self.separator) if part]
        if not all(part.isascii() and part.isdigit() for part in parts) or any(len(part) > 18 for part in parts):  # noqa: PLR2004  # digits of int64
            return None
        index = tuple(map(int, parts)) if self.grid.shape else ()
        return index if index in self.grid and self.key(index) == key else None

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Yield the index of every chunk, in C order.

        Raises
        ------
        TooManyChunksError
            If there are more than anybody can be shown.
        """
        if len(self.grid) > MAX_REFERENCES:
            raise TooManyChunksError(MAX_REFERENCES)
        return product(*map(range, self.grid.counts))


def keyed_grid(documents: Documents, path: str) -> KeyedGrid:
    """Return the grid of an array of a store, by its own documents."""
    make, name = (_grid_v2, "/.zarray") if documents.zarr_format == 2 else (_grid_v3, "")  # noqa: PLR2004
    return make(path, documents.nodes[path + name], documents.arrays[path].stored_nbytes)


def _grid_v2(path: str, document: Mapping[str, Any], limit_nbytes: int) -> KeyedGrid:
    grid = ChunkGrid(tuple(document["shape"]), tuple(document["chunks"]))
    return KeyedGrid(path, grid, limit_nbytes, separator=document.get("dimension_separator") or ".")


def _grid_v3(path: str, document: Mapping[str, Any], limit_nbytes: int) -> KeyedGrid:
    grid = ChunkGrid(tuple(document["shape"]), tuple(document["chunk_grid"]["configuration"]["chunk_shape"]))
    encoding = document.get("chunk_key_encoding") or {"name": "default"}
    name = encoding if isinstance(encoding, str) else encoding["name"]
    configuration = {} if isinstance(encoding, str) else encoding.get("configuration") or {}
    if name == "default":
        return KeyedGrid(path, grid, limit_nbytes, prefix="c", separator=configuration.get("separator", "/"))
    return KeyedGrid(path, grid, limit_nbytes, separator=configuration.get("separator", "."))
