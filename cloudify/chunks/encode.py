"""What a chunk's bytes are: elements in C order, padded to the whole chunk, then one codec.

The same bytes serve zarr v2 and v3, whose gzip, zstd and blosc codecs agree.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numcodecs import Blosc, GZip, VLenUTF8, Zstd

from cloudify.chunks.stored_type import Json, StoredType
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.entry import CodecName

ZSTD_LEVEL = 1
GZIP_LEVEL = 1
BLOSC_LEVEL = 5
Block = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Codec:
    """One compression, by its name in a catalog."""

    name: CodecName

    def v2_compressor(self) -> Json:
        """Return ``compressor`` of ``.zarray``."""
        if self.name == "none":
            return None
        if self.name == "blosc":
            return {"id": "blosc", "cname": "lz4", "clevel": BLOSC_LEVEL, "shuffle": 1, "blocksize": 0}
        return {"id": self.name, "level": ZSTD_LEVEL if self.name == "zstd" else GZIP_LEVEL}

    def v3_codecs(self, itemsize: int) -> list[Json]:
        """Return the compression's entry in ``codecs`` of ``zarr.json``."""
        if self.name == "none":
            return []
        if self.name == "blosc":
            settings: dict[str, Json] = {"cname": "lz4", "clevel": BLOSC_LEVEL, "shuffle": "shuffle"}
            return [{"name": "blosc", "configuration": settings | {"typesize": itemsize, "blocksize": 0}}]
        if self.name == "zstd":
            return [{"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": False}}]
        return [{"name": "gzip", "configuration": {"level": GZIP_LEVEL}}]

    def compress(self, data: Block | bytes) -> bytes:
        """Compress; releases the GIL."""
        compressor = _compressor(self.name)
        if compressor is None:
            return data if isinstance(data, bytes) else data.tobytes()
        return bytes(compressor.encode(data))


def encode_chunk(block: Block, *, stored: StoredType, grid: ChunkGrid, padding: object, codec: Codec) -> bytes:
    """Encode one chunk.

    Parameters
    ----------
    block
        The elements of the chunk's region, clipped at the edge of the array.
    padding
        What fills the rest of an edge chunk.
    """
    chunk = block.astype(stored.dtype, order="C", copy=False)
    if chunk.shape != grid.chunk:
        whole = np.full(grid.chunk, padding, dtype=stored.dtype)
        whole[tuple(slice(0, extent) for extent in chunk.shape)] = chunk
        chunk = whole
    return codec.compress(bytes(VLenUTF8().encode(_as_text(chunk))) if stored.is_text else np.ascontiguousarray(chunk))


def _as_text(chunk: Block) -> Block:
    """Replace what is missing in a column of text by the empty text, which zarr has for it."""
    flat = [item if isinstance(item, str) else _text_of(item) for item in chunk.ravel()]
    return np.array(flat, dtype=object)


def _text_of(item: object) -> str:
    if isinstance(item, bytes):
        return item.decode("utf-8", errors="replace")
    return "" if item is None or item != item else str(item)  # noqa: PLR0124  # NaN


@cache
def _compressor(name: CodecName) -> Any:  # noqa: ANN401  # numcodecs has no types
    return {
        "zstd": Zstd(ZSTD_LEVEL),
        "gzip": GZip(GZIP_LEVEL),
        "blosc": Blosc("lz4", BLOSC_LEVEL, Blosc.SHUFFLE),
    }.get(name)
