"""Arrays of zarr v3 as v2 has them, for readers of kerchunk documents: kerchunk's engine opens v2 only.

An unsharded chunk of v3 has the bytes of a v2 chunk if its codecs are ``bytes`` and one compression that both know. Of
a shard, each inner chunk is such a chunk, at an offset that the shard's index tells. Sources: zarr v3 core
specification and its sharding codec, version 1.0: the index holds, for each inner chunk in C order, offset and length
as little-endian uint64, all ones where it was never written.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numcodecs
import numpy as np

from cloudify.chunks.array import ServedArray
from cloudify.chunks.keyed_grid import KeyedGrid
from cloudify.chunks.stored_codec import EncodedAnewError, compression_of_v3, named
from cloudify.chunks.stored_type import Json
from cloudify.datasets.objects import Part

_NEVER_WRITTEN = 2**64 - 1
_CRC_NBYTES = 4


@dataclass(frozen=True, slots=True)
class AsV2:
    """How an array of v3 reads in v2."""

    chunk: tuple[int, ...]
    """Of v2: of a sharded array the inner one."""
    dtype: str
    filters: list[Json] | None
    compressor: dict[str, Json] | None
    fill: Any
    """Element in chunks never written."""
    shard: "Shard | None"

    def constant(self) -> bytes:
        """Return a chunk of the fill value as it would be stored."""
        data = np.full(self.chunk, self.fill, self.dtype).tobytes()
        return data if self.compressor is None else bytes(numcodecs.get_codec(dict(self.compressor)).encode(data))


@dataclass(frozen=True, slots=True)
class Shard:
    """The inner chunks of a shard."""

    counts: tuple[int, ...]
    at_end: bool
    """Whether the index stands at the end."""
    checked: bool
    """Whether a checksum follows the index."""

    @property
    def part(self) -> Part:
        """Where the index is."""
        nbytes = 16 * prod(self.counts) + _CRC_NBYTES * self.checked
        return Part(-nbytes) if self.at_end else Part(0, nbytes)

    def inner(self, index: bytes | None) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Yield number along each axis, offset and length of every inner chunk that was written."""
        if index is None:
            return
        if len(index) < 16 * prod(self.counts):
            raise EOFError("a shard is shorter than its index")
        table = np.frombuffer(index, "<u8", 2 * prod(self.counts)).reshape(-1, 2)
        for where, (offset, nbytes) in zip(product(*map(range, self.counts)), table.tolist(), strict=True):
            if offset != _NEVER_WRITTEN:
                yield where, offset, nbytes


def as_v2(document: Mapping[str, Any], served: ServedArray, grid: KeyedGrid) -> AsV2 | None:
    """Return how an array reads in v2, None where it cannot.

    Parameters
    ----------
    document
        Its ``zarr.json``, vetted.
    served
        The same array as under ``/zarr``.
    """
    codecs = [named(codec) for codec in document["codecs"]]
    shard, chunk = None, grid.grid.chunk
    if len(codecs) == 1 and codecs[0][0] == "sharding_indexed":
        own = codecs[0][1]
        chunk = tuple(own["chunk_shape"])
        index_codecs = [named(codec)[0] for codec in own["index_codecs"]]
        if index_codecs not in (["bytes", "crc32c"], ["bytes"]) or any(
            n % m for n, m in zip(grid.grid.chunk, chunk, strict=True)
        ):
            return None
        counts = tuple(n // m for n, m in zip(grid.grid.chunk, chunk, strict=True))
        shard = Shard(counts, own.get("index_location", "end") == "end", "crc32c" in index_codecs)
        codecs = [named(codec) for codec in own["codecs"]]
    if len(codecs) > 2 or codecs[0][0] != "bytes" or served.type.dtype.kind not in "biufc":  # noqa: PLR2004  # bytes, one compression
        return None
    compressor = _compressor(*codecs[1], served) if len(codecs) > 1 else None
    if compressor is None and len(codecs) > 1:
        return None
    dtype = served.type.dtype.newbyteorder(">" if codecs[0][1].get("endian") == "big" else "<").str
    fill = _fill(document["fill_value"], np.dtype(dtype))
    return None if fill is None else AsV2(chunk, dtype, None, compressor, fill, shard)


def _compressor(name: str, config: Mapping[str, Any], served: ServedArray) -> dict[str, Json] | None:
    try:
        return compression_of_v3(name, config, served.type).v2_compressor()
    except EncodedAnewError:
        return None


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:  # noqa: ANN401  # JSON -> any element
    """Return the fill value of v3 as an element; None for spellings that are not read here."""
    numbers: Callable[[Any], Any] = lambda one: float(one) if isinstance(one, str) else one  # noqa: E731
    try:
        if dtype.kind == "c":
            return dtype.type(complex(*map(numbers, value)))
        return dtype.type(numbers(value))
    except (TypeError, ValueError, OverflowError):
        return None
