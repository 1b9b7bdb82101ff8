"""What a chunk's bytes are: elements in C order, padded to the whole chunk, then one codec."""

from typing import Any

import numpy as np
from numcodecs import VLenUTF8

from cloudify.chunks.codec import Codec
from cloudify.chunks.stored_type import StoredType
from cloudify.model.chunkgrid import ChunkGrid

Block = np.ndarray[Any, np.dtype[Any]]


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
