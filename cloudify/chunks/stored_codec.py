"""How the chunks of a zarr store are compressed, where zarr v2 and v3 can both say so; else why they cannot.

Both have chunks of elements in C order, little-endian, without filters (text as vlen-utf8), with at most one
compression of those in `chunks.codec`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cloudify.chunks.codec import SHUFFLES, Codec, Shuffle
from cloudify.chunks.stored_type import StoredType
from cloudify.model.chunkgrid import ChunkGrid

_ZSTD_LEVELS = range(-(2**17), 23)
_LEVELS = range(10)
_CNAMES = ("blosclz", "lz4", "lz4hc", "zlib", "zstd")
"""The compressors within blosc that every build of it has; snappy is in few."""
_MAX_BLOCKSIZE = 2**31
_TEXTS = ("string", "variable_length_utf8")
_BYTES = "null_terminated_bytes"


class EncodedAnewError(ValueError):
    """Stored chunks that cannot be passed on as they are, and why: they are decoded and encoded anew."""


def codec_of_v2(document: Mapping[str, Any], served: StoredType) -> Codec:
    """Return the compression of an array.

    Parameters
    ----------
    document
        Its ``.zarray``, vetted.
    served
        What its elements are served as.

    Raises
    ------
    EncodedAnewError
        If v3 has no words for its chunks, or they are served as something else.
    """
    _check_type(np.dtype(document["dtype"]), served)
    if document.get("order", "C") != "C" and sum(extent > 1 for extent in document["chunks"]) > 1:
        raise EncodedAnewError("its elements are in Fortran order")
    filters = [one["id"] for one in document.get("filters") or []]
    other = [one for one in filters if not (served.is_text and one == "vlen-utf8")]
    if other:
        raise EncodedAnewError(f"it has the filter {other[0]!r}")
    compressor = document.get("compressor")
    return Codec("none") if compressor is None else _codec(compressor["id"], compressor, served, by_number=True)


def codec_of_v3(document: Mapping[str, Any], served: StoredType) -> Codec:
    """Return the compression of an array by its ``zarr.json``, as `codec_of_v2`."""
    codecs = [named(codec) for codec in document["codecs"]]
    name, configuration = codecs[0]
    if name == "sharding_indexed":
        raise EncodedAnewError("it is stored in shards")
    dtype = _dtype_of_v3(document["data_type"])
    if dtype is None:
        raise EncodedAnewError("its type is none that zarr v2 and v3 share")
    if configuration.get("endian") == "big":
        dtype = dtype.newbyteorder(">")
    _check_type(dtype, served)
    if name != ("vlen-utf8" if served.is_text else "bytes"):
        raise _not_shared(name)
    if name == "bytes" and dtype.itemsize > 1 and dtype.kind != "S" and configuration.get("endian") != "little":
        raise EncodedAnewError("it does not say which byte order it has")
    if len(codecs) > 2:  # noqa: PLR2004  # elements, one compression
        raise _not_shared(codecs[2][0])
    return compression_of_v3(*codecs[1], served) if len(codecs) > 1 else Codec("none")


def compression_of_v3(name: str, configuration: Mapping[str, Any], served: StoredType) -> Codec:
    """Return the compression that one codec is.

    Raises
    ------
    EncodedAnewError
        If v2 has none that is the same.
    """
    return _codec(name, configuration, served, by_number=False)


def named(codec: Any) -> tuple[str, Mapping[str, Any]]:  # noqa: ANN401  # JSON
    """Return name and configuration of a codec of v3, which may be its name alone."""
    return (codec, {}) if isinstance(codec, str) else (codec["name"], codec.get("configuration") or {})


def check_grid(stored: ChunkGrid, served: ChunkGrid) -> None:
    """Return if stored chunks are those that are served.

    Raises
    ------
    EncodedAnewError
        If they are not.
    """
    if stored != served:
        raise EncodedAnewError(f"its chunks of {stored.chunk} are served as {served.chunk}")


def _check_type(stored: np.dtype[Any], served: StoredType) -> None:
    if stored == served.dtype:
        return
    if stored.newbyteorder("<") == served.dtype:
        raise EncodedAnewError("its numbers are big-endian")
    raise EncodedAnewError(f"it is stored as {stored} and served as {'text' if served.is_text else served.dtype}")


def _dtype_of_v3(data_type: Any) -> np.dtype[Any] | None:  # noqa: ANN401  # JSON
    """Return a type as numpy has it, None for those that v2 has no word for; vetted names only."""
    name, configuration = named(data_type)
    if name in _TEXTS:
        return np.dtype(object)
    if name == _BYTES:
        return np.dtype(f"S{configuration['length_bytes']}")
    if name == "bool" or name.startswith(("int", "uint", "float", "complex")):
        return np.dtype(name)
    return None


def _codec(name: str, settings: Mapping[str, Any], served: StoredType, *, by_number: bool) -> Codec:
    """Return a compression whose settings both formats can say."""
    if name == "zstd":
        return Codec(
            "zstd",
            _number(name, settings.get("level", 0), _ZSTD_LEVELS),
            checksum=settings.get("checksum", False) is True,
        )
    if name == "gzip":
        return Codec("gzip", _number(name, settings.get("level", 1), _LEVELS))
    if name == "blosc":
        cname = settings.get("cname", "lz4")
        if cname not in _CNAMES:
            raise EncodedAnewError(f"its codec 'blosc' has the compressor {str(cname)[:20]!r}")
        return Codec(
            "blosc",
            _number(name, settings.get("clevel", 5), _LEVELS),
            cname=cname,
            shuffle=_shuffle(settings.get("shuffle", 1 if by_number else "shuffle"), served, by_number=by_number),
            blocksize=_number(name, settings.get("blocksize", 0), range(_MAX_BLOCKSIZE)),
        )
    raise _not_shared(name)


def _shuffle(value: object, served: StoredType, *, by_number: bool) -> Shuffle:
    if by_number and value == -1:  # numcodecs: by bits where elements have one byte
        return "bitshuffle" if served.dtype.itemsize == 1 else "shuffle"
    for number, name in enumerate(SHUFFLES):
        if value == (number if by_number else name):
            return name
    raise EncodedAnewError(f"its codec 'blosc' has the shuffle {str(value)[:20]!r}")


def _number(name: str, value: object, allowed: range) -> int:
    if type(value) is not int or value not in allowed:
        raise EncodedAnewError(f"its codec {name!r} has the number {str(value)[:20]!r}")
    return value


def _not_shared(name: str) -> EncodedAnewError:
    return EncodedAnewError(f"its codec {name[:40]!r} is none that zarr v2 and v3 share")
