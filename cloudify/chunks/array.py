"""One variable as it is served."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import xarray as xr
from dask.local import get_sync

from cloudify.chunks.attributes import drops_nan_marker, json_attributes
from cloudify.chunks.block import Evaluate, block_edges, read_region
from cloudify.chunks.encode import Block, Codec, encode_chunk
from cloudify.chunks.grid import choose_grid
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.model.chunkgrid import ChunkGrid


@dataclass(frozen=True, slots=True)
class ServedArray:
    """One variable as it is served: its grid, type, fill value, attributes and codec."""

    path: str
    """Key of the array below the dataset's root, e.g. ``tas`` or ``ocean/tos``."""
    variable: xr.Variable
    dims: tuple[str, ...]
    type: StoredType
    grid: ChunkGrid
    fill: Any
    """The source's ``_FillValue``, None where it declares none."""
    attrs: dict[str, Json]
    codec: Codec
    tag: str
    """Hash of all that the bytes of its chunks depend on."""
    edges: tuple[Block, ...] | None

    @classmethod
    def of(
        cls, path: str, variable: xr.Variable, *,
        token: str, codec: Codec, stored: bool, chunk_nbytes: int, max_chunk_nbytes: int, wanted: Mapping[str, int],
    ) -> "ServedArray":  # fmt: skip
        """Decide how a variable is served.

        Raises
        ------
        UnstorableError
            If zarr has no type for its elements.
        ChunkTooLargeError
            If its chunks are above the limit.
        """
        kind = StoredType.of(variable.dtype)
        grid = choose_grid(
            path, variable, kind.dtype.itemsize,
            stored=stored, chunk_nbytes=chunk_nbytes, max_chunk_nbytes=max_chunk_nbytes, wanted=wanted,
        )  # fmt: skip
        fill = kind.cast_fill(variable.attrs["_FillValue"]) if "_FillValue" in variable.attrs else None
        skip = ("_FillValue", "missing_value") if drops_nan_marker(variable.attrs, kind) else ("_FillValue",)
        text = f"{token}\n{path}\n{grid}\n{kind.v2_name}\n{fill!r}\n{codec.name}"
        return cls(
            path=path,
            variable=variable,
            dims=tuple(map(str, variable.dims)),
            type=kind,
            grid=grid,
            fill=fill,
            attrs=json_attributes(variable.attrs, skip),
            codec=codec,
            tag=blake2b(text.encode(), digest_size=8).hexdigest(),
            edges=block_edges(variable),
        )

    @property
    def padding(self) -> Any:  # noqa: ANN401  # any element type
        """What fills the rest of an edge chunk; v3's fill value."""
        return self.type.default_fill if self.fill is None else self.fill

    def chunk_bytes(self, index: tuple[int, ...], evaluate: Evaluate = get_sync) -> bytes:
        """Read and encode one chunk. Blocks; raises whatever the source raises."""
        block = read_region(self.variable, self.grid.region(index), self.edges, evaluate)
        return encode_chunk(block, stored=self.type, grid=self.grid, padding=self.padding, codec=self.codec)
