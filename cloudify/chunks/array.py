"""One variable as it is served."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from cloudify.chunks.attributes import drops_nan_marker, json_attributes
from cloudify.chunks.block import touched
from cloudify.chunks.codec import Codec
from cloudify.chunks.elsewhere import Elsewhere, encoded_elsewhere
from cloudify.chunks.encode import encode_chunk
from cloudify.chunks.evaluate import evaluate
from cloudify.chunks.grid import choose_grid
from cloudify.chunks.lazy import Blocks
from cloudify.chunks.pace import Pace
from cloudify.chunks.passed import PassedChunks
from cloudify.chunks.reductions import Reductions
from cloudify.chunks.stored_codec import EncodedAnewError
from cloudify.chunks.stored_type import Json, StoredType
from cloudify.datasets.store import StoredZarr
from cloudify.model.chunkgrid import ChunkGrid
from cloudify.model.entry import Place

OURS = Codec("zstd")
"""The codec of what we encode, where no catalog says another one."""


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
    blocks: Blocks | None
    """What it is computed of, None where it comes out of a file or memory."""
    compute: Place
    pace: Pace
    passed: PassedChunks | None
    """Its stored chunks, None where they are encoded by us."""
    encoded_anew: str
    """Why it has a store's chunks and they are not passed on; ``""`` where they are, or it has none."""

    @classmethod
    def of(
        cls, path: str, variable: xr.Variable, *,
        token: str, codec: Codec | None, stored: bool, chunk_nbytes: int, max_chunk_nbytes: int,
        wanted: Mapping[str, int], reductions: Reductions, compute: Place, zarr: StoredZarr | None,
    ) -> "ServedArray":  # fmt: skip
        """Decide how a variable is served; `reductions` keeps what many of its chunks need, `compute` says where.

        Parameters
        ----------
        codec, zarr
            As for `Hierarchy.build`.

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
        passed, encoded_anew = _passed(path, zarr, kind, grid, codec)
        used = passed.codec if passed is not None else codec or OURS
        text = f"{token}\n{path}\n{grid}\n{kind.v2_name}\n{fill!r}\n{used!r}\n{passed is not None}"
        return cls(
            path=path,
            variable=variable,
            dims=tuple(map(str, variable.dims)),
            type=kind,
            grid=grid,
            fill=fill,
            attrs=json_attributes(variable.attrs, skip),
            codec=used,
            tag=blake2b(text.encode(), digest_size=8).hexdigest(),
            blocks=Blocks.of(path, variable, reductions),
            compute=compute,
            pace=Pace(),
            passed=passed,
            encoded_anew=encoded_anew,
        )

    @property
    def padding(self) -> Any:  # noqa: ANN401  # any element type
        """What fills the rest of an edge chunk; v3's fill value."""
        return self.type.default_fill if self.fill is None else self.fill

    @property
    def suits_cluster(self) -> bool:
        """Whether a cluster is to compute its chunks, if there is one."""
        return self.blocks is not None and (self.compute == "cluster" or (self.compute == "auto" and self.pace.is_slow))

    def chunk_bytes(self, index: tuple[int, ...], elsewhere: Elsewhere | None = None) -> bytes:
        """Read one chunk, encoded as it is stored or by us, or have a lazy one computed and encoded by `elsewhere`.

        Blocks; raises whatever the source raises.
        """
        data = self.passed.read(index, self.tag) if self.passed is not None else None
        if data is not None:
            return data
        region = self.grid.region(index)
        encode = partial(encode_chunk, stored=self.type, grid=self.grid, padding=self.padding, codec=self.codec)
        if self.blocks is None:
            return encode(np.asarray(self.variable[region].values))
        keys, mosaic = touched(self.blocks, region)
        if elsewhere is not None:
            return encoded_elsewhere(self.blocks, keys, mosaic, encode, elsewhere)
        tasks = self.blocks.tasks(keys)
        start = perf_counter()
        data = encode(mosaic.joined(evaluate(tasks, keys)))
        self.pace.note(perf_counter() - start)
        return data


def _passed(
    path: str, zarr: StoredZarr | None, kind: StoredType, grid: ChunkGrid, wanted: Codec | None
) -> tuple[PassedChunks | None, str]:
    """Return the stored chunks of a variable, else why they are not passed on."""
    if zarr is None:
        return None, ""
    try:
        return PassedChunks.of(path, zarr, kind, grid, wanted), ""
    except EncodedAnewError as error:
        return None, str(error)
