"""Decompression that stops: no chunk costs more memory than its array's metadata declares.

zarr-python and numcodecs decompress first and look at the size afterwards; 600 kB of gzip then take 600 MB. Here every
compression is either read as a stream up to a limit (zlib, gzip, bz2, lzma, zstd), or has its size in a header that is
looked at before anything is allocated (blosc: bytes 4 to 8 of the chunk format; numcodecs' lz4: the first 4 bytes).
"""

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, ClassVar, Self

import numcodecs
import numcodecs.abc
import zstandard
from numcodecs.registry import register_codec as register_v2
from zarr.abc.codec import BytesBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer
from zarr.registry import register_codec as register_v3

from cloudify.datasets.source import RefusedError

V2_ID, V3_NAME = "cloudify_bounded", "cloudify.bounded"
"""What metadata calls the codec, in documents that we rewrite for zarr-python only."""

_U4 = Struct("<I")
_BLOSC_HEADER_NBYTES = 16
_LZMA_SPARE_NBYTES = 2**26
"""What the decoder itself may take, for its dictionary: 64 MiB is that of ``xz -9``."""
_MIN_WINDOW_NBYTES = 2**23
"""Every zstd decoder supports windows of 8 MiB (RFC 8878, section 3.1.1.1.2)."""


def inflate(codec: Mapping[str, Any], data: bytes, limit_nbytes: int) -> bytes:
    """Undo one codec.

    Parameters
    ----------
    codec
        Its numcodecs configuration; ``id`` is one of `INFLATING`, ``vlen-utf8`` or ``vlen-bytes`` (the number of items
        is compared with the limit, and the data are returned as they are), or of a codec that does not inflate.
    limit_nbytes
        Most bytes that may come out.

    Raises
    ------
    RefusedError
        If more would come out.
    ValueError, EOFError, zlib.error, lzma.LZMAError, ...
        If the data are damaged.
    """
    name = codec["id"]
    if name.startswith("vlen-"):
        _check(_U4.unpack_from(data)[0], limit_nbytes)
        return data
    if name in _DECODERS:
        out = _DECODERS[name](data, limit_nbytes)
    else:
        out = bytes(numcodecs.get_codec(dict(codec)).decode(data))
    _check(len(out), limit_nbytes)
    return out


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise RefusedError("a chunk holds far more than its metadata declares")


def _zlib(data: bytes, limit: int) -> bytes:
    """Undo zlib or gzip, the latter of any number of members."""
    out = bytearray()
    while data:
        decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: either header
        out += decoder.decompress(data, limit - len(out) + 1)
        _check(len(out), limit)
        if not decoder.eof:
            raise EOFError("a compressed chunk is cut off")
        data = decoder.unused_data.lstrip(b"\0")  # padding, which gzip files may have
    return bytes(out)


def _stream(make: Callable[[int], Any]) -> Callable[[bytes, int], bytes]:
    def decode(data: bytes, limit: int) -> bytes:
        decoder = make(limit)
        out: bytes = decoder.decompress(data, max_length=limit + 1)
        _check(len(out), limit)
        if not decoder.eof:
            raise EOFError("a compressed chunk is cut off")
        return out

    return decode


def _zstd(data: bytes, limit: int) -> bytes:
    window = max(_MIN_WINDOW_NBYTES, 1 << (limit - 1).bit_length()) if limit > 1 else _MIN_WINDOW_NBYTES
    try:
        declared = zstandard.frame_content_size(data)
        _check(declared, limit)  # -1 where the frame does not say
        decoder = zstandard.ZstdDecompressor(max_window_size=min(window, 2**31))
        if declared >= 0:
            return bytes(decoder.decompress(data))
        with decoder.stream_reader(data, read_across_frames=True) as reader:
            return bytes(reader.read(limit + 1))
    except zstandard.ZstdError as error:
        raise ValueError(f"zstd: {error}") from error


def _blosc(data: bytes, limit: int) -> bytes:
    if len(data) < _BLOSC_HEADER_NBYTES:
        raise EOFError("a compressed chunk is cut off")
    _check(_U4.unpack_from(data, 4)[0], limit)
    if _U4.unpack_from(data, 12)[0] != len(data):
        raise EOFError("a compressed chunk is cut off")
    return bytes(numcodecs.Blosc().decode(data))


def _lz4(data: bytes, limit: int) -> bytes:
    _check(_U4.unpack_from(data)[0], limit)
    return bytes(numcodecs.LZ4().decode(data))


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "zlib": _zlib,
    "gzip": _zlib,
    "bz2": _stream(lambda _limit: bz2.BZ2Decompressor()),
    "lzma": _stream(lambda limit: lzma.LZMADecompressor(memlimit=limit + _LZMA_SPARE_NBYTES)),
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
}
INFLATING = frozenset(_DECODERS)
"""Codecs out of which more can come than went in."""


class BoundedV2(numcodecs.abc.Codec):  # type: ignore[misc]  # numcodecs has no types
    """`inflate` as a compressor or filter of zarr v2."""

    codec_id = V2_ID

    def __init__(self, limit_nbytes: int, codec: dict[str, Any]) -> None:
        self.limit_nbytes, self.codec = limit_nbytes, codec

    def decode(self, buf: Any, out: Any = None) -> Any:  # noqa: ANN401, ARG002  # numcodecs' signature
        """Undo the codec."""
        return inflate(self.codec, bytes(memoryview(buf).cast("B")), self.limit_nbytes)

    def encode(self, buf: Any) -> Any:  # noqa: ANN401
        """Refuse: sources are read only."""
        raise NotImplementedError("sources are read only")


@dataclass(frozen=True)
class BoundedV3(BytesBytesCodec):
    """`inflate` as a codec of zarr v3."""

    is_fixed_size: ClassVar[bool] = False  # type: ignore[misc]  # as zarr-python's own codecs have it
    limit_nbytes: int
    codec: str
    """JSON: zarr-python compares codecs and looks for them in sets."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Read the codec's entry of the metadata."""
        configuration = data["configuration"]
        return cls(configuration["limit_nbytes"], json.dumps(configuration["codec"]))

    def to_dict(self) -> dict[str, Any]:
        """Write it."""
        return {"name": V3_NAME, "configuration": {"limit_nbytes": self.limit_nbytes, "codec": json.loads(self.codec)}}

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        data = inflate(json.loads(self.codec), chunk_data.to_bytes(), self.limit_nbytes)
        return chunk_spec.prototype.buffer.from_bytes(data)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Refuse: sources are read only."""
        raise NotImplementedError("sources are read only")


register_v2(BoundedV2, V2_ID)
register_v3(V3_NAME, BoundedV3)
