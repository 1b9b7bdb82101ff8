"""What one slice left, as blobs."""

from collections.abc import Iterable

from cloudify.compute.part import FilePart, Part
from cloudify.compute.store.blobs import Blobs
from cloudify.model.outcome import Piece


def store_parts(parts: Iterable[Part | FilePart], blobs: Blobs) -> tuple[Piece, ...]:
    """Keep what a slice left, its chunks encoded; all of it is on disk when this returns.

    Raises
    ------
    StoreUnavailableError
        If it cannot be kept. Nobody refers to what was.
    """
    return tuple(Piece(part.key, *blobs.put(_encoded(part))) for part in parts)


def parse_key(key: str) -> tuple[str, tuple[int, ...]]:
    """Return the array and the index that the key of a chunk means.

    >>> parse_key("c/c/0/1"), parse_key("height/c")
    (('c', (0, 1)), ('height', ()))
    """
    path, _, numbers = key.rpartition("/c")
    return path, tuple(map(int, numbers.split("/")[1:]))


def _encoded(part: Part | FilePart) -> bytes | memoryview:
    return part.data if isinstance(part, FilePart) else part.encode()
