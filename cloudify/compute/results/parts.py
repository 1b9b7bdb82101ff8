"""What one slice left, as blobs."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from cloudify.chunks.encode import Block
from cloudify.compute.results.array import ResultArray
from cloudify.compute.results.blobs import Blobs
from cloudify.compute.results.names import file_name
from cloudify.model.outcome import Piece


class Part(Protocol):
    """One chunk of a result, in memory (`cloudify.compute.fit`)."""

    @property
    def variable(self) -> str:
        """Path of the array."""
        ...

    @property
    def index(self) -> tuple[int, ...]:
        """Of the chunk in the array's grid."""
        ...

    @property
    def array(self) -> Block:
        """Its elements, clipped at the edge of the array."""
        ...


def store_parts(parts: Iterable[Part], arrays: Mapping[str, ResultArray], blobs: Blobs) -> tuple[Piece, ...]:
    """Encode the chunks that a slice made and keep them; they are on disk when this returns.

    Parameters
    ----------
    arrays
        Of the template, by path (`arrays_of`).

    Raises
    ------
    OSError
        If they cannot be kept. What was, nobody refers to.
    """
    return tuple(_store(part, arrays[part.variable], blobs) for part in parts)


def store_file(name: str, data: bytes | memoryview, blobs: Blobs, number: int | None = None) -> Piece:
    """Keep a plain file, on disk when this returns.

    Parameters
    ----------
    name
        By the function; anything.
    number
        Of the slice, where there are several: files of two slices have different names.
    """
    sha256, nbytes = blobs.put(data)
    return Piece(file_name(name, number), sha256, nbytes)


def chunk_key(path: str, index: tuple[int, ...]) -> str:
    """Return the key of a chunk.

    >>> chunk_key("tas", (0, 1)), chunk_key("height", ())
    ('tas/c/0/1', 'height/c')
    """
    return "/".join((path, "c", *map(str, index)))


def parse_key(key: str) -> tuple[str, tuple[int, ...]]:
    """Return the array and the index that a key of ours means.

    >>> parse_key("c/c/0/1"), parse_key("height/c")
    (('c', (0, 1)), ('height', ()))
    """
    path, _, numbers = key.rpartition("/c")
    return path, tuple(map(int, numbers.split("/")[1:]))


def _store(part: Part, array: ResultArray, blobs: Blobs) -> Piece:
    sha256, nbytes = blobs.put(array.encode(part.array))
    return Piece(chunk_key(part.variable, part.index), sha256, nbytes)
