"""zarr metadata documents, v2 and v3, made from shapes, types and attributes alone: O(number of variables)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from cloudify.chunks.codec import Codec
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.model.chunkgrid import ChunkGrid

Documents = dict[str, dict[str, Json]]


class Described(Protocol):
    """An array, as far as its metadata say something of it."""

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of its dimensions."""
        ...

    @property
    def grid(self) -> ChunkGrid:
        """Its chunks."""
        ...

    @property
    def type(self) -> StoredType:
        """The type of its elements."""
        ...

    @property
    def fill(self) -> Any:  # noqa: ANN401  # any element type
        """The element that means missing, None for none."""
        ...

    @property
    def padding(self) -> Any:  # noqa: ANN401
        """What fills the rest of an edge chunk."""
        ...

    @property
    def attrs(self) -> Mapping[str, Json]:
        """Its attributes."""
        ...

    @property
    def codec(self) -> Codec:
        """How it is compressed."""
        ...


def array_documents(array: Described) -> Documents:
    """Return the documents of one array by the last part of their keys."""
    fill = None if array.fill is None else array.type.fill_json(array.fill)
    fill_attribute = None if array.fill is None else array.type.fill_attribute(array.fill)
    attrs = dict(array.attrs)
    common: dict[str, Json] = {"shape": list(array.grid.shape)}
    v2: dict[str, Json] = common | {
        "zarr_format": 2,
        "chunks": list(array.grid.chunk),
        "dtype": array.type.v2_name,
        "fill_value": fill,
        "order": "C",
        "filters": [{"id": "vlen-utf8"}] if array.type.is_text else None,
        "dimension_separator": ".",
        "compressor": array.codec.v2_compressor(),
    }
    v3: dict[str, Json] = common | {
        "zarr_format": 3,
        "node_type": "array",
        "data_type": array.type.v3_name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(array.grid.chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": array.type.fill_json(array.padding),
        "codecs": [array.type.v3_bytes_codec, *array.codec.v3_codecs(array.type.dtype.itemsize)],
        "attributes": attrs if fill_attribute is None else attrs | {"_FillValue": fill_attribute},
        "dimension_names": list(array.dims),
        "storage_transformers": [],
    }
    return {".zarray": v2, ".zattrs": attrs | {"_ARRAY_DIMENSIONS": list(array.dims)}, "zarr.json": v3}


def group_documents(attrs: dict[str, Json], below: Mapping[str, Documents]) -> Documents:
    """Return the documents of a group by the last part of their keys.

    Parameters
    ----------
    below
        Documents of every array and group below this one, by path relative to it. A group's own consolidated
        documents are not repeated inside those of its parents.
    """
    plain = plain_group_documents(attrs)
    v2_below: dict[str, Json] = {
        f"{path}/{name}": document
        for path, documents in below.items()
        for name, document in documents.items()
        if name != "zarr.json"
    }
    v3_below: dict[str, Json] = {path: documents["zarr.json"] for path, documents in below.items()}
    inline: Json = {"kind": "inline", "must_understand": False, "metadata": v3_below}
    own: dict[str, Json] = {name: document for name, document in plain.items() if name != "zarr.json"}
    return plain | {
        ".zmetadata": {"zarr_consolidated_format": 1, "metadata": own | v2_below},
        "zarr.json": plain["zarr.json"] | {"consolidated_metadata": inline},
    }


def plain_group_documents(attrs: dict[str, Json]) -> Documents:
    """Return the documents of a group without what is below it."""
    return {
        ".zgroup": {"zarr_format": 2},
        ".zattrs": attrs,
        "zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": attrs},
    }


def dump(document: Mapping[str, Json]) -> bytes:
    """Write a document, the same bytes in every process."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def join(parts: Iterable[str]) -> str:
    """Join parts of a key, leaving out empty ones."""
    return "/".join(part for part in parts if part)
