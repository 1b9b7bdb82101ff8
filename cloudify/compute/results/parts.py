"""What one slice left, as blobs."""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from cloudify.chunks.encode import Block
from cloudify.compute.results.blobs import Blobs
from cloudify.model.outcome import Piece


class Encoder(Protocol):
    """How an array of a result is stored (`cloudify.compute.layout`)."""

    def encode(self, values: Block) -> bytes:
        """Encode one chunk."""
        ...


class Part(Protocol):
    """One chunk of a variable of a result, in memory (`cloudify.compute.part`)."""

    @property
    def variable(self) -> str:
        """Path of the variable."""
        ...

    @property
    def index(self) -> tuple[int, ...]:
        """Of the chunk."""
        ...

    @property
    def values(self) -> Block:
        """As a store holds them, clipped at the edge of the array."""
        ...

    @property
    def key(self) -> str:
        """Its key in zarr v3."""
        ...


@runtime_checkable
class FilePart(Protocol):
    """A plain file, in memory (`cloudify.compute.part`)."""

    @property
    def key(self) -> str:
        """Its name in the result, which no other file has."""
        ...

    @property
    def data(self) -> memoryview | bytes:
        """Its content."""
        ...


def store_parts(parts: Iterable[Part | FilePart], layouts: Mapping[str, Encoder], blobs: Blobs) -> tuple[Piece, ...]:
    """Keep what a slice left, its chunks encoded; all of it is on disk when this returns.

    Parameters
    ----------
    layouts
        Of the variables of the template, by name.

    Raises
    ------
    OSError, StoreUnavailableError
        If it cannot be kept. Nobody refers to what was.
    """
    return tuple(Piece(part.key, *blobs.put(_encoded(part, layouts))) for part in parts)


def parse_key(key: str) -> tuple[str, tuple[int, ...]]:
    """Return the array and the index that the key of a chunk means.

    >>> parse_key("c/c/0/1"), parse_key("height/c")
    (('c', (0, 1)), ('height', ()))
    """
    path, _, numbers = key.rpartition("/c")
    return path, tuple(map(int, numbers.split("/")[1:]))


def _encoded(part: Part | FilePart, layouts: Mapping[str, Encoder]) -> bytes | memoryview:
    return part.data if isinstance(part, FilePart) else layouts[part.variable].encode(part.values)
