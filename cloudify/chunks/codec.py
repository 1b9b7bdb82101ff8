"""The compression of a chunk. The same bytes serve zarr v2 and v3, whose gzip, zstd and blosc codecs agree.

Sources: numcodecs' configurations, which are those of zarr v2; for v3 the specifications of its codecs gzip and blosc
(version 1.0) and zstd (zarr-extensions).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numcodecs import Blosc, GZip, Zstd

from cloudify.chunks.stored_type import Json
from cloudify.model.entry import CodecName

Shuffle = Literal["noshuffle", "shuffle", "bitshuffle"]
SHUFFLES: tuple[Shuffle, ...] = ("noshuffle", "shuffle", "bitshuffle")
"""As v3 calls them; v2 has their numbers."""
_LEVELS: dict[CodecName, int] = {"zstd": 1, "gzip": 1, "blosc": 5, "none": 0}


@dataclass(frozen=True, slots=True)
class Codec:
    """One compression that both formats have; by its name alone, the one that we write.

    >>> Codec("gzip").v2_compressor(), Codec("zstd", level=9).v3_codecs(4)
    ({'id': 'gzip', 'level': 1}, [{'name': 'zstd', 'configuration': {'level': 9, 'checksum': False}}])
    """

    name: CodecName
    level: int | None = None
    """None for ours."""
    checksum: bool = False
    """Of zstd."""
    cname: str = "lz4"
    shuffle: Shuffle = "shuffle"
    blocksize: int = 0
    """Of blosc, as the two above."""

    def v2_compressor(self) -> dict[str, Json] | None:
        """Return ``compressor`` of ``.zarray``. What only encoders use is left out where some readers know it not."""
        if self.name == "none":
            return None
        if self.name == "blosc":
            return {
                "id": "blosc", "cname": self.cname, "clevel": self.effective_level,
                "shuffle": SHUFFLES.index(self.shuffle), "blocksize": self.blocksize,
            }  # fmt: skip
        return {"id": self.name, "level": self.effective_level}

    def v3_codecs(self, itemsize: int) -> list[Json]:
        """Return the compression's entry in ``codecs`` of ``zarr.json``."""
        if self.name == "none":
            return []
        if self.name == "blosc":
            settings: dict[str, Json] = {"cname": self.cname, "clevel": self.effective_level, "shuffle": self.shuffle}
            return [{"name": "blosc", "configuration": settings | {"typesize": itemsize, "blocksize": self.blocksize}}]
        if self.name == "zstd":
            return [{"name": "zstd", "configuration": {"level": self.effective_level, "checksum": self.checksum}}]
        return [{"name": "gzip", "configuration": {"level": self.effective_level}}]

    def compress(self, data: np.ndarray[Any, np.dtype[Any]] | bytes) -> bytes:
        """Compress; releases the GIL."""
        compressor = _compressor(self)
        if compressor is None:
            return data if isinstance(data, bytes) else data.tobytes()
        return bytes(compressor.encode(data))

    @property
    def effective_level(self) -> int:
        """The level at which it compresses."""
        return _LEVELS[self.name] if self.level is None else self.level


@lru_cache(maxsize=64)
def _compressor(codec: Codec) -> Any:  # noqa: ANN401  # numcodecs has no types
    level = codec.effective_level
    if codec.name == "zstd":
        return Zstd(level, codec.checksum)
    if codec.name == "gzip":
        return GZip(level)
    if codec.name == "blosc":
        return Blosc(codec.cname, level, SHUFFLES.index(codec.shuffle), codec.blocksize)
    return None
