"""What array metadata may say, before zarr-python acts on it.

Rules: zarr v2 specification, zarr v3 core specification, and that no source makes the server allocate what nobody
stored or run code. What comes out are documents whose decompressors are bounded (`datasets.inflate`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from cloudify.datasets.inflate import INFLATING, V2_ID, V3_NAME
from cloudify.datasets.source import RefusedError

MAX_NDIM = 32
"""numpy 1 and most readers have no more."""
MAX_COUNT = 2**63 - 1
MAX_DEPTH = 64
"""Most levels of JSON; deeper documents exhaust Python's stack somewhere."""
MAX_ITEM_NBYTES = 2**16
TEXT_NBYTES = 2**25
"""Most bytes of a chunk of text, whose metadata declares no size."""
SLACK_NBYTES = 2**16

_V2_TYPE = re.compile(r"[<>|=]?(?:[biufcSUV?]|[mM])([0-9]{0,10})(?:\[[0-9]*[A-Za-z]{1,2}\])?|\|O")
_NUMERIC = re.compile(r"[<>|=]?[biufc](?:1|2|4|8|16)|[biufc](?:1|2|4|8|16)|(?:u?int|float|complex)[0-9]{1,3}|bool")
_FILTERS = {"delta", "fixedscaleoffset", "astype", "packbits", "quantize", "bitround"}
"""Filters of numbers that need nothing but their configuration."""
_CHECKED = {"shuffle", "fletcher32", "crc32", "crc32c", "adler32"}
"""Filters of bytes that do not inflate."""
_TEXT = {"vlen-utf8", "vlen-bytes"}
_V3_NBYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "int32": 4, "uint32": 4, "float32": 4,
    "int64": 8, "uint64": 8, "float64": 8, "complex64": 8, "complex128": 16,
    "string": 0, "bytes": 0, "variable_length_utf8": 0, "variable_length_bytes": 0,
}  # fmt: skip
_V3_SIZED = {"null_terminated_bytes": 1, "raw_bytes": 1, "fixed_length_utf32": 1}
_V3_TIMES = {"numpy.datetime64", "numpy.timedelta64"}


@dataclass(frozen=True, slots=True)
class Vetted:
    """The metadata of one array as zarr-python gets it."""

    document: dict[str, Any]
    stored_nbytes: int
    """Most bytes that a stored chunk (or shard) of it can reasonably have."""


def check_json(value: object, what: str) -> None:
    """Refuse a document that is too deep, or has text that is not Unicode (half a surrogate pair)."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        texts = [item for item in level if isinstance(item, str)]
        level = [part for item in level for part in _parts(item)]
        try:
            "".join(texts).encode()
        except UnicodeEncodeError as error:
            raise RefusedError(f"{what} holds text that is not Unicode") from error
        if not level:
            return
    raise RefusedError(f"{what} is nested deeper than {MAX_DEPTH} levels")


def _parts(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else ()


def vet_v2(name: str, document: object, max_chunk_nbytes: int) -> Vetted:
    """Check the ``.zarray`` of the array `name`.

    Raises
    ------
    RefusedError
        Naming the array and what is wrong with it.
    """
    doc = _mapping(document, name)
    chunk = _grid(name, doc.get("shape"), doc.get("chunks"))
    if doc.get("zarr_format") != 2 or "object_codec" in doc:  # noqa: PLR2004
        raise _refuse(name, "is no zarr v2 array")
    itemsize = _v2_itemsize(name, doc.get("dtype"))
    _check_counts(name, _sizes(doc["shape"]), chunk, itemsize)
    filters = doc.get("filters") or []
    if not isinstance(filters, list):
        raise _refuse(name, "has filters that are no list")
    ids = [_codec_id(name, codec) for codec in filters]
    is_text = itemsize == 0
    if is_text != bool(ids and ids[0] in _TEXT):
        raise _refuse(name, "has objects without vlen-utf8 or vlen-bytes as the only codec of objects")
    nbytes = TEXT_NBYTES if is_text else min(itemsize * prod(chunk), max_chunk_nbytes)
    limit = nbytes * (8 if any(one in _FILTERS for one in ids) else 1) + SLACK_NBYTES
    kept: list[dict[str, Any]] = []
    for position, (one, codec) in enumerate(zip(ids, filters, strict=True)):
        if one in _TEXT and position == 0:
            kept += [{"id": one}, {"id": V2_ID, "limit_nbytes": prod(chunk), "codec": {"id": one}}]
        else:
            kept.append(_bounded(name, codec, limit))
    compressor = doc.get("compressor")
    bounded = None if compressor is None else _bounded(name, compressor, limit)
    document = doc | {"filters": kept or None, "compressor": bounded}
    return Vetted(document, _most_stored(limit))


def vet_v3(name: str, document: object, max_chunk_nbytes: int) -> Vetted:
    """Check the ``zarr.json`` of the array `name`.

    Raises
    ------
    RefusedError
        Naming the array and what is wrong with it.
    """
    doc = _mapping(document, name)
    grid = _mapping(doc.get("chunk_grid"), name)
    if grid.get("name") != "regular":
        raise _refuse(name, "has a chunk grid that is not regular")
    chunk = _grid(name, doc.get("shape"), _mapping(grid.get("configuration"), name).get("chunk_shape"))
    if doc.get("storage_transformers"):
        raise _refuse(name, "has storage transformers, which are unknown here")
    itemsize = _v3_itemsize(name, doc.get("data_type"))
    _check_counts(name, _sizes(doc["shape"]), chunk, itemsize)
    codecs, limit = _v3_codecs(name, doc.get("codecs"), chunk, itemsize, max_chunk_nbytes, depth=0)
    return Vetted(doc | {"codecs": codecs}, _most_stored(limit))


def _v3_codecs(
    name: str, codecs: object, chunk: list[int], itemsize: int, max_nbytes: int, *, depth: int
) -> tuple[list[Any], int]:
    if not isinstance(codecs, list) or not codecs or depth > 1:
        raise _refuse(name, "has no list of codecs, or shards within shards")
    nbytes = min(itemsize * prod(chunk), max_nbytes) if itemsize else TEXT_NBYTES
    limit = nbytes + SLACK_NBYTES
    kept: list[Any] = []
    for codec in codecs:
        entry = {"name": codec} if isinstance(codec, str) else _mapping(codec, name)
        one, configuration = entry.get("name"), _mapping(entry.get("configuration", {}), name)
        if one in {"bytes", "transpose", "crc32c"}:
            kept.append(entry)
        elif one in _TEXT:
            kept += [entry, _v3_bounded({"id": one}, prod(chunk))]
        elif one == "sharding_indexed":
            inner = _sizes(configuration.get("chunk_shape"))
            if inner is None or len(inner) != len(chunk) or 0 in inner:
                raise _refuse(name, "has shards of no shape")
            limit += 16 * prod(-(-n // m) for n, m in zip(chunk, inner, strict=True))  # the index: two uint64 a chunk
            within, _ = _v3_codecs(name, configuration.get("codecs"), inner, itemsize, max_nbytes, depth=depth + 1)
            index, _ = _v3_codecs(name, configuration.get("index_codecs"), inner, 8, max_nbytes, depth=depth + 1)
            shard = configuration | {"codecs": within, "index_codecs": index}
            kept.append(entry | {"configuration": shard})
        else:
            own = {"id": str(one).removeprefix("numcodecs.")}
            known = _bounded(name, own | configuration, limit)
            kept.append(_v3_bounded(known["codec"], limit) if known["id"] == V2_ID else entry)
    return kept, limit


def _v3_bounded(codec: Mapping[str, Any], limit: int) -> dict[str, Any]:
    return {"name": V3_NAME, "configuration": {"limit_nbytes": limit, "codec": dict(codec)}}


def _bounded(name: str, codec: object, limit: int) -> dict[str, Any]:
    """Return a codec as zarr-python may use it; one that is not known to be harmless is refused."""
    one, config = _codec_id(name, codec), _mapping(codec, name)
    if one in INFLATING:
        return {"id": V2_ID, "limit_nbytes": limit, "codec": {"id": one}}
    if one in _CHECKED:
        size = config.get("elementsize", 1)
        if not isinstance(size, int) or not 0 < size <= MAX_ITEM_NBYTES:
            raise _refuse(name, "has elements of no size")
        return {"id": V2_ID, "limit_nbytes": limit, "codec": config}
    if one in _FILTERS:
        types = [value for key, value in config.items() if key.endswith("type")]
        if not all(isinstance(value, str) and _NUMERIC.fullmatch(value) for value in types):
            raise _refuse(name, f"has a filter {one!r} of no numbers")
        return config
    raise _refuse(name, f"needs the codec {one[:40]!r}, which is not among those that are safe to run here")


def _codec_id(name: str, codec: object) -> str:
    one = _mapping(codec, name).get("id")
    if not isinstance(one, str):
        raise _refuse(name, "has a codec without a name")
    return one


def _grid(name: str, shape: object, chunk: object) -> list[int]:
    """Return the chunk shape."""
    sizes, pieces = _sizes(shape), _sizes(chunk)
    if sizes is None or pieces is None or len(sizes) != len(pieces):
        raise _refuse(name, "has no shape, or chunks of no shape")
    if len(sizes) > MAX_NDIM:
        raise _refuse(name, f"has more than {MAX_NDIM} dimensions")
    if 0 in pieces:
        raise _refuse(name, "has chunks without elements")
    return pieces


def _check_counts(name: str, sizes: list[int] | None, chunk: list[int], itemsize: int) -> None:
    if (
        prod(max(n, 1) for n in sizes or ()) * max(itemsize, 8) > MAX_COUNT
        or prod(chunk) * max(itemsize, 8) > MAX_COUNT
    ):
        raise _refuse(name, "is larger than any computer's memory")


def _sizes(value: object) -> list[int] | None:
    if not isinstance(value, list) or not all(type(n) is int and 0 <= n <= MAX_COUNT for n in value):
        return None
    return value


def _v2_itemsize(name: str, dtype: object) -> int:
    """Return the bytes of an element, 0 for text of any length."""
    match = _V2_TYPE.fullmatch(dtype) if isinstance(dtype, str) else None
    if match is None:
        raise _refuse(name, "has elements of a type that is not simple")
    if dtype == "|O":
        return 0
    count = int(match[1] or 1)
    if not 0 < count * (4 if "U" in match[0] else 1) <= MAX_ITEM_NBYTES:
        raise _refuse(name, "has elements of no size")
    return count * (4 if "U" in match[0] else 1)


def _v3_itemsize(name: str, data_type: object) -> int:
    if isinstance(data_type, str) and data_type in _V3_NBYTES:
        return _V3_NBYTES[data_type]
    if isinstance(data_type, dict):
        kind, configuration = data_type.get("name"), data_type.get("configuration", {})
        if isinstance(kind, str) and kind in _V3_NBYTES and not configuration:
            return _V3_NBYTES[kind]
        if kind in _V3_TIMES:
            return 8
        length = configuration.get("length_bytes") if isinstance(configuration, dict) else None
        if kind in _V3_SIZED and type(length) is int and 0 < length <= MAX_ITEM_NBYTES:
            return length
    raise _refuse(name, "has elements of a type that is unknown here")


def _most_stored(limit: int) -> int:
    """Return the most bytes of a stored chunk: data that resist compression grow a little."""
    return limit + limit // 8 + SLACK_NBYTES


def _mapping(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(name, "has metadata that are no mapping")
    return value


def _refuse(name: str, why: str) -> RefusedError:
    return RefusedError(f"its variable {name[:100]!r} {why}")
