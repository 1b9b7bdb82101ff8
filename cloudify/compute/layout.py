"""One array of a result as a store holds it."""

from base64 import standard_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from cloudify.chunks.codec import Codec
from cloudify.chunks.encode import encode_chunk
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.model.chunkgrid import ChunkGrid

Array = np.ndarray[Any, np.dtype[Any]]

CODEC: Final = Codec("zstd")


@dataclass(frozen=True, slots=True)
class Layout:
    """Its dimensions, grid of chunks, type, fill value and attributes."""

    dims: tuple[str, ...]
    grid: ChunkGrid
    type: StoredType
    fill: Any = None
    """None where nothing is missing by its value."""
    attrs: Mapping[str, Json] = field(default_factory=dict)

    codec: Codec = CODEC

    @property
    def padding(self) -> Any:  # noqa: ANN401  # any element type
        """What fills the rest of an edge chunk, and stands for chunks that are not there."""
        return self.type.default_fill if self.fill is None else self.fill

    def encode(self, values: Array) -> bytes:
        """Encode one chunk, clipped at the edge of the array as it may be."""
        return encode_chunk(values, stored=self.type, grid=self.grid, padding=self.padding, codec=self.codec)


def read_fill(kind: StoredType, value: Any) -> Any:  # noqa: ANN401  # JSON -> any element
    """Return a fill value of `StoredType.fill_json` as an element.

    >>> read_fill(StoredType(np.dtype("<f4")), "NaN"), read_fill(StoredType(np.dtype("<i2")), -1)
    (np.float32(nan), np.int16(-1))
    """
    if value is None or kind.is_text:
        return value
    if kind.dtype.kind == "S":
        return np.bytes_(standard_b64decode(value))
    if kind.dtype.kind == "c":
        return kind.dtype.type(complex(*map(float, value)))
    return kind.dtype.type(float(value) if kind.dtype.kind == "f" else value)
