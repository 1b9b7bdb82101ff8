"""The keys of chunks, in one spelling only.

v2: ``{array}/0.1.2``, a scalar ``{array}/0``; v3: ``{array}/c/0/1/2``, a scalar ``{array}/c``. Numbers are decimal
ASCII digits without sign and leading zeros. Everything else is no key: to a reader, 404 means fill value, so a key that
is nearly right must not find a chunk either.
"""

import re
from collections.abc import Iterator, Mapping

from cloudify.model.chunkgrid import ChunkGrid

_NUMBER = r"(?:0|[1-9][0-9]{0,17})"
_V2 = re.compile(rf"(?P<array>.*[^/])/(?P<index>{_NUMBER}(?:\.{_NUMBER})*)", re.DOTALL)
_V3 = re.compile(rf"(?P<array>.*[^/])/c(?P<index>(?:/{_NUMBER})*)", re.DOTALL)

MAX_KEY_LENGTH = 4096
"""No key of ours is longer; a longer one is not looked at."""


def parse_chunk_key(key: str) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Yield what a key may mean: path of the array, index of the chunk, zarr format.

    At most one of them is an array of a given dataset: ``a/c/0`` is either chunk 0 of ``a`` in v3 or of ``a/c`` in v2.

    >>> list(parse_chunk_key("tas/c/0/1"))
    [('tas/c/0', (1,), 2), ('tas', (0, 1), 3)]
    >>> list(parse_chunk_key("tas/c/0/01"))
    []
    """
    if len(key) > MAX_KEY_LENGTH:
        return
    if match := _V2.fullmatch(key):
        yield match["array"], tuple(map(int, match["index"].split("."))), 2
    if match := _V3.fullmatch(key):
        yield match["array"], tuple(map(int, match["index"].split("/")[1:])), 3


class ChunkKeys:
    """The keys of all chunks of a hierarchy, told from its grids."""

    def __init__(self, grids: Mapping[str, ChunkGrid]) -> None:
        self._grids = grids

    def __contains__(self, key: object) -> bool:
        """Whether a chunk has this key.

        >>> keys = ChunkKeys({"tas": ChunkGrid((4, 2), (2, 2)), "height": ChunkGrid((), ())})
        >>> "tas/c/1/0" in keys, "tas/1.0" in keys, "tas/c/2/0" in keys, "height/c" in keys, "height/0" in keys
        (True, True, False, True, True)
        """
        if not isinstance(key, str):
            return False
        for path, index, zarr_format in parse_chunk_key(key):
            grid = self._grids.get(path)
            if grid is not None and (index in grid or (zarr_format == 2 and not grid.shape and index == (0,))):  # noqa: PLR2004
                return True
        return False


def chunk_name(index: tuple[int, ...]) -> str:
    """Name a chunk in a tag, the same in both formats.

    >>> chunk_name((0, 1)), chunk_name(())
    ('0.1', '0')
    """
    return ".".join(map(str, index)) or "0"
