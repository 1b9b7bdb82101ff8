"""One array of a result: what its chunks are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cloudify.chunks.encode import Block, Codec, encode_chunk
from cloudify.chunks.metadata import array_documents
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.model.chunkgrid import ChunkGrid

CODEC = Codec("zstd")


@dataclass(frozen=True, slots=True)
class ResultArray:
    """One array of a result.

    Floats and complex numbers read NaN where a slice failed; no value of integers, booleans and text means missing.
    """

    dims: tuple[str, ...]
    grid: ChunkGrid
    type: StoredType
    attrs: dict[str, Json] = field(default_factory=dict)
    codec: Codec = CODEC

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "ResultArray":
        """Return the array of a ``zarr.json`` that was made here.

        Raises
        ------
        ValueError
            If it is another's: of a type or with a codec that we do not write.
        """
        chunk = document["chunk_grid"]["configuration"]["chunk_shape"]
        grid = ChunkGrid(tuple(document["shape"]), tuple(chunk))
        dims, stored = tuple(document["dimension_names"]), StoredType.of(_dtype(document["data_type"]))
        array = cls(dims, grid, stored, document["attributes"])
        if array.document()["codecs"] != document["codecs"]:
            raise ValueError(f"an array with other codecs than those of results: {document['codecs']}")
        return array

    @property
    def padding(self) -> Any:  # noqa: ANN401  # any element type
        """What fills the rest of an edge chunk; v3's fill value."""
        return self.type.default_fill

    @property
    def fill(self) -> Any:  # noqa: ANN401
        """What means missing, None where nothing does."""
        return self.type.default_fill if self.type.dtype.kind in "fc" else None

    def document(self) -> dict[str, Json]:
        """Return its ``zarr.json``."""
        return array_documents(self)["zarr.json"]

    def encode(self, block: Block) -> bytes:
        """Encode a chunk, of which an edge may be missing (`encode_chunk`)."""
        return encode_chunk(block, stored=self.type, grid=self.grid, padding=self.padding, codec=self.codec)


def arrays_of(documents: Mapping[str, bytes]) -> dict[str, ResultArray]:
    """Return the arrays of the documents of a result, by path; other keys are left alone."""
    found: dict[str, ResultArray] = {}
    for key, data in documents.items():
        path, _, name = key.rpartition("/")
        if name == "zarr.json" and path and (document := json.loads(data)).get("node_type") == "array":
            found[path] = ResultArray.of_document(document)
    return found


def _dtype(data_type: str | Mapping[str, Any]) -> np.dtype[Any]:
    if data_type == "string":
        return np.dtype(object)
    if isinstance(data_type, str):
        return np.dtype(data_type)
    return np.dtype(f"S{data_type['configuration']['length_bytes']}")
